//! Files inside of artifacts: what folders hold, and the content of files, of the layers together or of one.
//!
//! What a layer holds is derived from it in a job ([`crate::jobs`]), once for whatever repository has it, and kept beside it: its
//! [tree](wharf_artifact::layer::stored). Here trees are only read, a few blocks at a time; a layer that is so small that it takes
//! no time is looked at anew where its tree is not there yet. A tree is found through a repository that shows its layer, so that
//! files are read only by who may read the layer.

mod archive;
pub(crate) mod both;
mod content;
mod derive;
mod places;
mod source;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use moka::sync::Cache;
use wharf_artifact::archive::Sums;
use wharf_artifact::layer::index::{Index, Node};
use wharf_artifact::layer::stack::{Child, Lookup, Page, Stack, StackError};
use wharf_artifact::layer::stored::read::{Foot, Stored};
use wharf_artifact::layer::tree::Change as LayerChange;
use wharf_artifact::layer::view::Lost;
use wharf_artifact::layer::walk::Kind;
use wharf_artifact::layer::{file_name, of_files};
use wharf_model::api::files::{File, FileChange, FileKind, FolderPage, IncompleteLayer};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::{
    STACK_BLOCKS_MAX, STACK_FEET_BYTES_MAX, STACK_LAYERS_MAX, TREE_DEPTH_MAX, TREE_PATH_BYTES_MAX,
};
use wharf_model::manifest::Manifest;
use wharf_model::name::Reference;

pub use archive::FoundArchive;
pub use content::FoundFile;
pub(crate) use derive::{is_usable, jobs, layers};
use places::{Permit, Places};
use source::Tree;
pub(crate) use source::paths;

use crate::access::Action;
use crate::error::Error;
use crate::people::Part;
use crate::registry::{Access, Registry};

/// Of what kind trees are, among what is derived; the jobs that make them are called so, too.
pub const TREE: &str = "tree";

/// How many folders are looked at side by side. Each takes a thread for less than a millisecond, mostly.
const LOOKS_MAX: usize = 8;
/// How many files are read out of compressed layers side by side. Each takes a thread, and most of a core.
const READS_MAX: usize = 4;
/// How many small layers are looked at anew side by side.
const MAKES_MAX: usize = 2;
/// How many archives are made side by side. Each takes a thread, and up to 40 MiB for what is in it.
const ARCHIVES_MAX: usize = 6;
/// How many of these one sender has.
const ARCHIVES_EACH_MAX: usize = 2;
/// Threads that block, for all of this, and for the jobs that derive.
pub const THREADS: usize = LOOKS_MAX + READS_MAX + MAKES_MAX + ARCHIVES_MAX + 1;
/// How much memory the ends of trees may take, in bytes, and as much trees that are not kept.
const CACHE_BYTES: u64 = 8 << 20;
/// How much memory may be taken by the checksums of what archives hold that were asked for of late, in bytes: whoever goes on with one
/// asks again. The largest takes a tenth of it.
const SUMS_BYTES: u64 = 16 << 20;
/// How long they are kept.
const SUMS_IDLE: Duration = Duration::from_secs(600);

/// What all that look at files share.
pub(crate) struct Shared {
    looks: Arc<Places>,
    reads: Arc<Places>,
    makes: Arc<Places>,
    archives: Arc<Places>,
    /// The ends of trees on the heap, by where they are; a place is never used again.
    feet: Cache<String, Arc<Foot>>,
    /// Trees of small layers that were made to answer, by layer.
    made: Cache<Digest, Bytes>,
    /// The checksums of what was read for archives, by what names the bytes of these.
    sums: Cache<Digest, Arc<Sums>>,
}

impl Shared {
    /// The checksums of the archive that `tag` names, which has so many entries.
    fn sums(&self, tag: Digest, entries: usize) -> Arc<Sums> {
        self.sums.get_with(tag, || Arc::new(Sums::new(entries)))
    }
}

impl Default for Shared {
    fn default() -> Shared {
        let places = |count| Arc::new(Places::new(count));
        let weight = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Shared {
            looks: places(LOOKS_MAX),
            reads: places(READS_MAX),
            makes: places(MAKES_MAX),
            archives: places(ARCHIVES_MAX),
            feet: Cache::builder()
                .max_capacity(CACHE_BYTES)
                .weigher(move |place: &String, foot: &Arc<Foot>| weight(place.len() + foot.memory()))
                .build(),
            made: Cache::builder()
                .max_capacity(CACHE_BYTES)
                .weigher(move |_, tree: &Bytes| weight(tree.len() + size_of::<Digest>()))
                .build(),
            sums: Cache::builder()
                .max_capacity(SUMS_BYTES)
                .weigher(move |_, sums: &Arc<Sums>| weight(sums.memory() + size_of::<Digest>()))
                .time_to_idle(SUMS_IDLE)
                .build(),
        }
    }
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Where {
    /// From the root; with or without a slash at either end.
    pub path: String,
    /// In this layer only, if one is given.
    pub layer: Option<Digest>,
}

/// Layers on one another, ready to be looked into. The topmost first.
struct Opened {
    artifact: Digest,
    slabs: Vec<Slab>,
    incomplete: Vec<IncompleteLayer>,
    /// While this is held no more requests do the same than have room in memory.
    permit: Permit,
}

/// One of them, or several that are one file each.
enum Slab {
    Tar {
        layer: Digest,
        tree: Tree,
    },
    /// Its nodes have the digests of their layers.
    Files(Index),
    /// Nothing is known of it.
    Nothing(Digest),
}

impl Slab {
    /// The layer that it is; none where it is several.
    fn name(&self) -> Option<Digest> {
        match self {
            Slab::Tar { layer, .. } | Slab::Nothing(layer) => Some(*layer),
            Slab::Files(_) => None,
        }
    }

    /// The layer that `node` is from; `None` of a folder that only names of files lead through.
    fn layer(&self, node: &Node) -> Option<Digest> {
        match self {
            Slab::Tar { layer, .. } | Slab::Nothing(layer) => Some(*layer),
            Slab::Files(_) => node.digest.as_deref().copied(),
        }
    }

    /// The layer, where it is a tar.
    fn tar(&self) -> Option<Digest> {
        if let Slab::Tar { layer, .. } = self { Some(*layer) } else { None }
    }

    /// The first layer whose name leads through the folder `path`.
    fn layer_through(&self, path: &str) -> Option<Digest> {
        let Slab::Files(index) = self else { return None };
        let is_below = |name: &str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        index.nodes().find_map(|(name, file)| file.digest.as_deref().copied().filter(|_| is_below(name)))
    }

    /// To be looked into, with so many blocks kept of a tree.
    fn lookup(&self, blocks: usize) -> Box<dyn Lookup + '_> {
        match self {
            Slab::Tar { tree: Tree { source, foot }, .. } => {
                Box::new(Stored::with(&**source, foot.clone()).keeping(blocks))
            }
            Slab::Files(index) => Box::new(index.clone()),
            Slab::Nothing(_) => Box::new(Index::default()),
        }
    }
}

impl Registry {
    /// What a folder of an artifact holds, by name, or what one layer has there and did to it. A file is told alone.
    ///
    /// # Errors
    /// [`Error::NotThere`]; [`Error::NotReady`] where a layer has not been looked at yet; [`Error::Unsupported`] where the artifact
    /// holds no files, or the page is to come after what was said elsewhere.
    pub async fn files(
        &self,
        access: &Access,
        reference: &Reference,
        asked: &Where,
        part: &Part,
    ) -> Result<FolderPage, Error> {
        let manifest = self.manifest_with_files(access, reference).await?;
        let Where { path, layer } = asked;
        let layer_name = layer.map(|layer| layer.to_string()).unwrap_or_default();
        let about = format!("files {} {layer_name} {path}", manifest.0);
        let wanted = self.wanted(&access.subject, about, part)?;
        let opened = self.open_layers(access, manifest, *layer, false).await?;
        let (asked, after, limit) = (asked.clone(), wanted.after().map(str::to_owned), wanted.limit);
        let work = move |opened: &Opened, stack: &mut Stack<'_>| listed(opened, stack, &asked, after.as_deref(), limit);
        let (opened, (path, page)) = self.look(opened, work).await?;
        let next = wanted.next_told(page.next)?;
        let file = |child| told(&opened, &path, child);
        let items = page.children.into_iter().filter_map(file).collect();
        Ok(FolderPage { artifact: opened.artifact, path, items, next, incomplete: opened.incomplete })
    }

    /// The manifest, by tag or digest, with its digest.
    async fn manifest_with_files(&self, access: &Access, reference: &Reference) -> Result<(Digest, Manifest), Error> {
        access.expect(&[Action::Pull])?;
        let row = self.manifest(access, reference).await?;
        let manifest = Manifest::parse(&row.bytes, Some(&row.media_type));
        let manifest = manifest.map_err(|error| Error::Unsupported(format!("it holds no files: {error}")))?;
        Ok((row.digest, manifest))
    }

    /// Opens what the artifact is made of; where a layer is asked for that alone if it is one file, or is to be `alone`.
    async fn open_layers(
        &self,
        access: &Access,
        (artifact, manifest): (Digest, Manifest),
        only: Option<Digest>,
        alone: bool,
    ) -> Result<Opened, Error> {
        let layers = layers_of(&manifest, only, alone)?;
        let permit = self.0.files.looks.take().await?;
        self.open_all(access, artifact, layers, only, &permit, &mut Trees::default()).await
    }

    /// Opens these layers, the topmost first; the one that is asked for alone must be there.
    async fn open_all(
        &self,
        access: &Access,
        artifact: Digest,
        layers: Vec<&Descriptor>,
        only: Option<Digest>,
        permit: &Permit,
        trees: &mut Trees,
    ) -> Result<Opened, Error> {
        let permit = permit.clone();
        let mut opened = Opened { artifact, slabs: Vec::new(), incomplete: Vec::new(), permit };
        let mut files = Vec::new();
        for layer in layers {
            if let Some(name) = file_name(layer) {
                files.push((name, layer));
                continue;
            }
            opened.close_files(&mut files);
            let tree = self.open_layer(access, layer.digest, &opened.permit, trees).await?;
            if tree.is_none() && only == Some(layer.digest) {
                return Err(no_layer(&layer.digest));
            }
            opened.push(layer.digest, tree);
        }
        opened.close_files(&mut files);
        Ok(opened)
    }

    /// Opens the tree of a layer, once, however often the artifact names that.
    async fn open_layer(
        &self,
        access: &Access,
        layer: Digest,
        permit: &Permit,
        trees: &mut Trees,
    ) -> Result<Option<Tree>, Error> {
        if let Some(tree) = trees.opened.get(&layer) {
            return Ok(tree.clone());
        }
        let tree = self.tree(access, &layer, permit).await?;
        trees.bytes += tree.as_ref().map_or(0, Tree::memory);
        if trees.bytes > STACK_FEET_BYTES_MAX {
            return Err(Error::Unsupported("its layers hold too much to be looked at together".to_owned()));
        }
        trees.opened.insert(layer, tree.clone());
        Ok(tree)
    }

    /// Runs `work` where it may wait for the heap.
    async fn look<T: Send + 'static>(
        &self,
        opened: Opened,
        work: impl FnOnce(&Opened, &mut Stack<'_>) -> Result<T, StackError> + Send + 'static,
    ) -> Result<(Opened, T), Error> {
        let looked = tokio::task::spawn_blocking(move || {
            let blocks = STACK_BLOCKS_MAX / opened.slabs.len().max(1);
            let mut stack = Stack::new(opened.slabs.iter().map(|slab| slab.lookup(blocks)).collect());
            let done = work(&opened, &mut stack);
            drop(stack);
            done.map(|done| (opened, done))
        });
        let looked = looked.await.map_err(|error| Error::Internal(format!("looking at files broke off: {error}")))?;
        looked.map_err(lost)
    }
}

/// The layers that hold files, the topmost first; where one is asked for that alone if it is one file, or is to be `alone`.
fn layers_of(manifest: &Manifest, only: Option<Digest>, alone: bool) -> Result<Vec<&Descriptor>, Error> {
    let mut layers = of_files(manifest).map_err(Error::Unsupported)?;
    if let Some(only) = only {
        let found = layers.iter().find(|layer| layer.digest == only);
        let found = *found.ok_or_else(|| no_layer(&only))?;
        if alone || file_name(found).is_some() {
            layers = vec![found];
        }
    }
    if layers.iter().filter(|layer| file_name(layer).is_none()).count() > STACK_LAYERS_MAX {
        return Err(Error::Unsupported(format!("it has more than {STACK_LAYERS_MAX} layers")));
    }
    Ok(layers)
}

/// The trees that were opened for one request; of what is not here none.
#[derive(Default)]
struct Trees {
    opened: HashMap<Digest, Option<Tree>>,
    bytes: usize,
}

fn no_layer(layer: &Digest) -> Error {
    Error::NotThere { what: "layer", name: layer.to_string() }
}

impl Opened {
    /// Adds a layer below those that are there, and says what is not known of it; with a digest that came before that was said.
    fn push(&mut self, layer: Digest, tree: Option<Tree>) {
        let reason = match &tree {
            None => Some("it is not in this repository".to_owned()),
            Some(tree) => tree.gap(),
        };
        if let Some(reason) = reason
            && self.incomplete.iter().all(|told| told.layer != layer)
        {
            self.incomplete.push(IncompleteLayer { layer, reason });
        }
        self.slabs.push(match tree {
            Some(tree) => Slab::Tar { layer, tree },
            None => Slab::Nothing(layer),
        });
    }

    /// Puts files that are layers of their own together: however many there are, they are looked at at once.
    fn close_files(&mut self, files: &mut Vec<(&str, &Descriptor)>) {
        if files.is_empty() {
            return;
        }
        let mut index = Index::default();
        // The topmost last: of two with one name it counts.
        for (name, layer) in files.drain(..).rev() {
            if !index.add_file(name, layer.size, layer.digest) {
                let reason = format!(
                    "its name is no path, or has more than {TREE_PATH_BYTES_MAX} bytes or {TREE_DEPTH_MAX} folders"
                );
                self.incomplete.push(IncompleteLayer { layer: layer.digest, reason });
            }
        }
        self.slabs.push(Slab::Files(index));
    }

    /// Where a layer of tar is in the stack.
    fn number(&self, layer: &Digest) -> Option<usize> {
        self.slabs.iter().position(|slab| matches!(slab, Slab::Tar { layer: one, .. } if one == layer))
    }
}

fn listed(
    opened: &Opened,
    stack: &mut Stack<'_>,
    asked: &Where,
    after: Option<&str>,
    limit: usize,
) -> Result<(String, Page), StackError> {
    if let Some(number) = asked.layer.and_then(|layer| opened.number(&layer)) {
        let path = plain(&asked.path);
        if !stack.knows(number, &path)? {
            return Err(Lost::Missing(path).into());
        }
        let page = stack.changes(number, &path, after, limit)?;
        return Ok((path, page));
    }
    let resolved = stack.resolve(&asked.path, true)?;
    let path = resolved.path.clone();
    if let Some(file) = resolved.place.filter(|place| !place.node.is_folder()) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let (node, layer) = (file.node.clone(), file.layer);
        let child = Child { name, node, layer, change: None, hidden_by: None };
        return Ok((path, Page { children: vec![child], next: None }));
    }
    let page = stack.children(&path, after, limit)?;
    Ok((path, page))
}

/// The path as trees have it.
fn plain(path: &str) -> String {
    path.split('/').filter(|name| !matches!(*name, "" | ".")).collect::<Vec<_>>().join("/")
}

fn lost(error: StackError) -> Error {
    match error {
        StackError::Lost(Lost::Loop(path)) => Error::Unsupported(Lost::Loop(path).to_string()),
        StackError::Lost(Lost::NotAFolder(path)) => Error::NotThere { what: "folder", name: format!("/{path}") },
        StackError::Lost(Lost::Missing(path) | Lost::Deeper(path)) => {
            Error::NotThere { what: "file", name: format!("/{path}") }
        }
        StackError::Lost(Lost::TooLong(path)) => Error::Unsupported(Lost::TooLong(path).to_string()),
        StackError::TooMuch => Error::Unsupported(StackError::TooMuch.to_string()),
        StackError::Stored(error) => Error::Unavailable(error.to_string()),
    }
}

fn told(opened: &Opened, folder: &str, child: Child) -> Option<File> {
    let Child { name, node, layer, change, hidden_by } = child;
    let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
    let layer_of = |number: usize| {
        let slab = opened.slabs.get(number)?;
        slab.layer(&node).or_else(|| slab.layer_through(&path))
    };
    let kind = FileKind::from(&node.kind);
    let target = match &node.kind {
        Kind::Symlink(target) | Kind::HardLink(target) => Some(target.to_string()),
        _ => None,
    };
    let modified = Timestamp::from_nanosecond(i128::from(node.mtime)).unwrap_or_default();
    Some(File {
        path: name,
        kind,
        size: Some(node.size).filter(|_| kind == FileKind::File),
        mode: format!("{:04o}", node.mode),
        uid: node.uid,
        gid: node.gid,
        modified: modified.to_string(),
        target,
        layer: layer_of(layer)?,
        change: change.map(|change| match change {
            LayerChange::Added => FileChange::Added,
            LayerChange::Changed => FileChange::Changed,
            LayerChange::Removed => FileChange::Removed,
        }),
        hidden_by: hidden_by.and_then(layer_of),
    })
}
