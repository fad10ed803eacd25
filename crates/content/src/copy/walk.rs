//! The walk over the graph: what is ready goes, nearest to the target first (manifests whose parts are there, then blobs, then
//! manifests still to be looked at, then lists of referrers), so that little is open at any time.

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use super::graph::{Found, Graph, Id, TooLarge};
use super::task::{Ends, Putting, Visited};
use super::{Report, Selection, describe, slim};
use crate::error::Error;
use crate::observer::{Event, Outcome};
use crate::platform::Platforms;
use crate::source::Fetched;
use crate::target::Rank;

/// How cosign names what it attaches by tags.
const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// The root is the first manifest of the graph.
const ROOT: Id = 0;

/// A list of what is attached to a manifest, still to be asked for.
enum List {
    Referrers(Digest, usize),
    Tag(Tag, usize),
}

enum Done {
    Put(Id, Outcome),
    Blob(Descriptor, Outcome),
    Visited(Id, Visited),
    Referrers(Digest, usize, Vec<Descriptor>),
    Attached(Tag, usize, Option<Visited>),
}

/// What can be done now; the last of each first.
#[derive(Default)]
struct Ready {
    puts: Vec<Id>,
    blobs: Vec<Descriptor>,
    visits: Vec<(Id, Descriptor)>,
    lists: Vec<List>,
}

pub(super) struct Walk<'a> {
    ends: Ends<'a>,
    graph: Graph,
    ready: Ready,
    /// Manifests at the target before the root is, with their depth: what refers to them comes after it.
    subjects: Vec<(Digest, usize)>,
    root_done: bool,
    report: Report,
}

impl<'a> Walk<'a> {
    pub(super) fn new(ends: Ends<'a>, root: &Fetched, tags: &[Tag]) -> Result<Walk<'a>, Error> {
        let report = nothing_done(describe(root));
        let (graph, ready, subjects) = (Graph::default(), Ready::default(), Vec::new());
        let mut walk = Walk { ends, graph, ready, subjects, root_done: false, report };
        let id = walk.bounded(|graph| graph.add(describe(root), Rank::Head, Found::Below, 0))?;
        walk.graph.node(id).tags = tags.to_vec();
        Ok(walk)
    }

    pub(super) async fn run(mut self, root: Fetched, manifest: Manifest) -> Result<Report, Error> {
        let visited = self.ends.opened(root, manifest, None).await?;
        self.visited(ROOT, visited)?;
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.ends.options.concurrency.get()
                && let Some(task) = self.start()
            {
                under_way.push(task);
            }
            match under_way.next().await {
                Some(done) => self.done(done?)?,
                None if self.graph.is_done() => return Ok(self.report),
                None => return Err(Error::form(self.ends.source.name(), "its manifests name each other in a circle")),
            }
        }
    }

    /// The next thing to do, begun.
    fn start(&mut self) -> Option<BoxFuture<'a, Result<Done, Error>>> {
        let ends = self.ends.clone();
        if let Some(id) = self.ready.puts.pop() {
            let putting = self.putting(id);
            return Some(Box::pin(async move { Ok(Done::Put(id, ends.put(putting).await?)) }));
        }
        if let Some(blob) = self.ready.blobs.pop() {
            return Some(Box::pin(async move {
                let outcome = ends.blob(&blob).await?;
                Ok(Done::Blob(blob, outcome))
            }));
        }
        if let Some((id, named)) = self.ready.visits.pop() {
            let needed = self.graph.node(id).rank == Rank::Head;
            return Some(Box::pin(async move { Ok(Done::Visited(id, ends.visit(&named, needed).await?)) }));
        }
        self.ready.lists.pop().map(|list| ask(ends, list))
    }

    fn putting(&mut self, id: Id) -> Putting {
        let kept = self.graph.take(id);
        let node = self.graph.node(id);
        Putting {
            digest: node.named.digest,
            kept,
            tags: std::mem::take(&mut node.tags),
            rank: node.rank,
            lacking: node.lacking,
        }
    }

    fn done(&mut self, done: Done) -> Result<(), Error> {
        match done {
            Done::Put(id, outcome) => self.manifest_done(id, outcome),
            Done::Blob(blob, outcome) => self.blob_done(&blob, outcome),
            Done::Visited(id, visited) => return self.visited(id, visited),
            Done::Referrers(subject, depth, all) => return self.listed(subject, depth, all),
            Done::Attached(tag, depth, Some(visited)) => return self.attached(tag, depth, visited),
            Done::Attached(_, _, None) => {}
        }
        Ok(())
    }

    fn visited(&mut self, id: Id, visited: Visited) -> Result<(), Error> {
        let (fetched, manifest, whole, lacking) = match visited {
            Visited::Had => {
                self.manifest_done(id, Outcome::Skipped);
                return Ok(());
            }
            Visited::Blob => return self.is_blob(id),
            Visited::Opened { fetched, manifest, whole, lacking } => (fetched, manifest, whole, lacking),
        };
        if let Found::Listed(subject) = self.graph.node(id).found
            && manifest.subject.as_ref().is_none_or(|named| named.digest != subject)
        {
            // A list may say anything; only the manifest itself says what it refers to.
            if self.graph.forget(id) {
                return Ok(());
            }
            self.graph.node(id).rank = Rank::Part;
        }
        self.graph.node(id).lacking = lacking;
        if !whole {
            self.need_blobs(id, manifest.config.iter().chain(&manifest.layers))?;
        }
        self.need_children(id, &fetched, &manifest)?;
        self.graph.keep(id, fetched);
        if self.graph.is_ready(id) {
            self.ready.puts.push(id);
        }
        Ok(())
    }

    /// A child that is no manifest is a blob of its index.
    fn is_blob(&mut self, id: Id) -> Result<(), Error> {
        self.graph.node(id).found = Found::Blob;
        let blob = self.graph.node(id).named.clone();
        self.need_blobs(id, [&blob])?;
        if self.graph.is_ready(id) {
            self.release(vec![id]);
        }
        Ok(())
    }

    fn need_blobs<'b>(&mut self, id: Id, blobs: impl IntoIterator<Item = &'b Descriptor>) -> Result<(), Error> {
        for blob in blobs {
            if blob.is_foreign() && !self.ends.options.foreign {
                self.report.blobs_foreign += 1;
            } else if self.bounded(|graph| graph.need_blob(id, blob))? {
                self.ends.observer.on(Event::Found { digest: blob.digest, size: blob.size });
                self.ready.blobs.push(slim(blob));
            }
        }
        Ok(())
    }

    fn need_children(&mut self, id: Id, fetched: &Fetched, manifest: &Manifest) -> Result<(), Error> {
        let children = match &self.ends.options.platforms {
            Selection::Sparse(wanted) if !self.root_done => Platforms::of(&fetched.bytes).choose(manifest, wanted),
            _ => manifest.manifests.iter().collect(),
        };
        if id == ROOT && children.is_empty() && !manifest.manifests.is_empty() {
            return Err(self.ends.missing(format!("{} for any of the platforms asked for", fetched.digest)));
        }
        for child in children.into_iter().rev() {
            if let Some(new) = self.bounded(|graph| graph.need_child(id, child))? {
                self.ready.visits.push((new, slim(child)));
            }
        }
        Ok(())
    }

    fn listed(&mut self, subject: Digest, depth: usize, all: Vec<Descriptor>) -> Result<(), Error> {
        for referrer in all {
            if self.graph.find(&referrer.digest).is_some() {
                continue;
            }
            let named = slim(&referrer);
            let id = self.bounded(|graph| graph.add(named.clone(), Rank::Head, Found::Listed(subject), depth + 1))?;
            self.ready.visits.push((id, named));
        }
        Ok(())
    }

    fn attached(&mut self, tag: Tag, depth: usize, visited: Visited) -> Result<(), Error> {
        let Visited::Opened { fetched, .. } = &visited else { return Ok(()) };
        let named = describe(fetched);
        let known = self.graph.find(&named.digest).is_some();
        let found = if known { Found::Again } else { Found::Tagged };
        let id = self.bounded(|graph| graph.add(named.clone(), Rank::Head, found, depth + 1))?;
        self.graph.node(id).tags = vec![tag];
        if !known {
            return self.visited(id, visited);
        }
        // It is in the graph already: the tag comes after it.
        self.bounded(|graph| graph.need_child(id, &named))?;
        if self.graph.is_ready(id) {
            self.ready.puts.push(id);
        }
        Ok(())
    }

    fn manifest_done(&mut self, id: Id, outcome: Outcome) {
        let node = self.graph.node(id);
        let (digest, depth, found) = (node.named.digest, node.depth, node.found);
        let released = self.graph.manifest_done(id);
        self.release(released);
        if found == Found::Again {
            return;
        }
        self.ends.observer.on(Event::Manifest { digest, outcome });
        match outcome {
            Outcome::Skipped => self.report.manifests_skipped += 1,
            Outcome::Sent | Outcome::Mounted => self.report.manifests_sent += 1,
        }
        self.report.referrers += u64::from(matches!(found, Found::Listed(_) | Found::Tagged));
        self.root_done |= id == ROOT;
        self.subjects.push((digest, depth));
        if self.root_done {
            for (subject, depth) in std::mem::take(&mut self.subjects) {
                self.list(subject, depth);
            }
        }
    }

    /// What refers to `subject` is to be asked for.
    fn list(&mut self, subject: Digest, depth: usize) {
        if !self.ends.options.referrers {
            return;
        }
        self.ready.lists.push(List::Referrers(subject, depth));
        let tags = SUFFIXES.iter().filter_map(|suffix| format!("{}.{suffix}", subject.referrers_tag()).parse().ok());
        self.ready.lists.extend(tags.map(|tag| List::Tag(tag, depth)));
    }

    fn blob_done(&mut self, blob: &Descriptor, outcome: Outcome) {
        let Descriptor { digest, size, .. } = *blob;
        let (blobs, bytes) = match outcome {
            Outcome::Sent => (&mut self.report.blobs_sent, &mut self.report.bytes_sent),
            Outcome::Skipped => (&mut self.report.blobs_skipped, &mut self.report.bytes_skipped),
            Outcome::Mounted => (&mut self.report.blobs_mounted, &mut self.report.bytes_mounted),
        };
        *blobs += 1;
        *bytes += size;
        self.ends.observer.on(Event::Done { digest, size, outcome });
        let released = self.graph.blob_done(&digest);
        self.release(released);
    }

    /// All parts of these are at the target.
    fn release(&mut self, mut ids: Vec<Id>) {
        while let Some(id) = ids.pop() {
            match self.graph.node(id).found {
                Found::Blob => ids.extend(self.graph.manifest_done(id)),
                _ => self.ready.puts.push(id),
            }
        }
    }

    fn bounded<T>(&mut self, change: impl FnOnce(&mut Graph) -> Result<T, TooLarge>) -> Result<T, Error> {
        change(&mut self.graph).map_err(|error| Error::form(self.ends.source.name(), error))
    }
}

fn ask(ends: Ends<'_>, list: List) -> BoxFuture<'_, Result<Done, Error>> {
    match list {
        List::Referrers(subject, depth) => Box::pin(async move {
            let all = ends.source.referrers(&subject).await?;
            Ok(Done::Referrers(subject, depth, all))
        }),
        List::Tag(tag, depth) => Box::pin(async move {
            let attached = ends.attached(&tag).await?;
            Ok(Done::Attached(tag, depth, attached))
        }),
    }
}

fn nothing_done(root: Descriptor) -> Report {
    Report {
        root,
        manifests_sent: 0,
        manifests_skipped: 0,
        referrers: 0,
        blobs_sent: 0,
        blobs_skipped: 0,
        blobs_mounted: 0,
        blobs_foreign: 0,
        bytes_sent: 0,
        bytes_skipped: 0,
        bytes_mounted: 0,
    }
}
