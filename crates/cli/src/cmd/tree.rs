//! `wharf tree`: something with its children and all that refers to any of it.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use serde::Serialize;
use wharf_artifact::detail;
use wharf_artifact::kind::Kinds;
use wharf_content::platform::Platforms;
use wharf_content::source::Source;
use wharf_model::api::artifact::KindName;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::COPY_DEPTH_MAX;
use wharf_model::media::MediaType;
use wharf_model::name::{Reference, Tag};
use wharf_model::units::size;

use crate::Outcome;
use crate::args::reference::LookArgs;
use crate::end::Reach;
use crate::found::{self, By, Found};
use crate::printer::Printer;
use crate::session;
use crate::table::printable;

/// Most manifests in one tree: more than people read.
const NODES_MAX: usize = 10_000;

/// A manifest, told as the API tells of artifacts.
#[derive(Serialize)]
struct Node {
    digest: Digest,
    media_type: MediaType,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    /// What kind of thing it is.
    kind: KindName,
    /// What the index above it says it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// By which it is found, where that says what it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    /// With config and layers, in bytes.
    size: u64,
    /// Whether it is not there, as with an index of which only a part was copied.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    missing: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    referrers: Vec<Node>,
}

/// A manifest that is to be looked at.
struct Named {
    descriptor: Descriptor,
    platform: Option<String>,
    tag: Option<Tag>,
    /// Whether it is an index that names it.
    is_child: bool,
    depth: usize,
}

/// Runs the command.
///
/// # Errors
/// It is not there, cannot be read, or is larger than people read.
pub fn run(args: &LookArgs, printer: &Printer) -> Result<Outcome> {
    let grown = session::block_on_all(async {
        let found = Found::get(&Reach::new(&args.reach)?, &args.end, None).await?;
        let manifest = found.manifest()?;
        let descriptor = manifest.as_referrer(found.fetched.digest, found.fetched.bytes.len() as u64);
        let mut growing = Growing { source: found.source(), seen: HashSet::new() };
        growing.grow(Named { descriptor, platform: None, tag: args.end.tag(), is_child: false, depth: 0 }).await
    });
    let root = session::about(&args.end, &args.end.place(), grown)?;
    printer.show(args.json, &root, |root| {
        let mut lines = vec![format!("{}  {}", args.end, line(root, ""))];
        draw(root, "", &mut lines);
        lines.join("\n")
    })?;
    Ok(Outcome::Done)
}

struct Growing<'a> {
    source: &'a dyn Source,
    /// What was looked at: what hangs below it is shown once.
    seen: HashSet<Digest>,
}

impl Growing<'_> {
    async fn grow(&mut self, named: Named) -> Result<Node> {
        let place = self.source.name();
        ensure!(named.depth <= COPY_DEPTH_MAX, "{place}: manifests are nested more than {COPY_DEPTH_MAX} deep");
        let Descriptor { digest, media_type, size, artifact_type, .. } = named.descriptor.clone();
        let mut node = Node {
            digest,
            media_type,
            artifact_type,
            kind: found::unknown(),
            platform: named.platform,
            tag: named.tag.clone(),
            size,
            missing: false,
            children: Vec::new(),
            referrers: Vec::new(),
        };
        let is_new = self.seen.insert(digest);
        ensure!(self.seen.len() <= NODES_MAX, "{place}: more than {NODES_MAX} manifests belong to it");
        let Some(fetched) = self.source.manifest(&Reference::Digest(digest)).await? else {
            node.missing = true;
            return Ok(node);
        };
        // An index may name what is none.
        let Ok(manifest) = found::parse(&fetched) else { return Ok(node) };
        let by = By { tag: named.tag.as_ref(), named_by: named.is_child.then_some(&named.descriptor) };
        let kind = found::decide(Kinds::built_in(), self.source, &manifest, by).await?.decided.kind;
        node.kind = kind.name();
        node.artifact_type = manifest.artifact_type.clone();
        node.size = detail::size(&manifest);
        if !is_new {
            return Ok(node);
        }
        let (platforms, depth) = (Platforms::of(&fetched.bytes), named.depth + 1);
        for descriptor in manifest.manifests {
            let platform = platforms.get(&descriptor.digest).first().map(ToString::to_string);
            let child = Named { descriptor, platform, tag: None, is_child: true, depth };
            node.children.push(Box::pin(self.grow(child)).await?);
        }
        for referrer in found::referrers(self.source, &digest).await? {
            let found::Referrer { descriptor, tag, .. } = referrer;
            let referrer = Named { descriptor, platform: None, tag, is_child: false, depth };
            node.referrers.push(Box::pin(self.grow(referrer)).await?);
        }
        Ok(node)
    }
}

fn draw(node: &Node, margin: &str, lines: &mut Vec<String>) {
    let children = node.children.iter().map(|child| (child, ""));
    let referrers = node.referrers.iter().map(|referrer| (referrer, "← "));
    let below: Vec<_> = children.chain(referrers).collect();
    for (at, (node, mark)) in below.iter().enumerate() {
        let (branch, more) = if at + 1 == below.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        lines.push(format!("{margin}{branch}{}", line(node, mark)));
        draw(node, &format!("{margin}{more}"), lines);
    }
}

/// Whether its publisher's own type says more of it than its kind.
fn says_more(node: &Node, artifact_type: &str) -> bool {
    let says_nothing = ["application/vnd.unknown.", "application/vnd.oci."];
    let is_own = !says_nothing.iter().any(|start| artifact_type.starts_with(start));
    is_own && matches!(node.kind.id.as_str(), "unknown" | "files")
}

fn line(node: &Node, mark: &str) -> String {
    let about = match (&node.platform, &node.artifact_type) {
        (Some(platform), _) => format!(" for {platform}"),
        (None, Some(artifact_type)) if says_more(node, artifact_type) => format!(" of type {artifact_type}"),
        _ => String::new(),
    };
    let size = if node.missing { "not there".to_owned() } else { size(node.size) };
    printable(&format!("{mark}{}{about}  {}  {size}", node.kind.title, node.digest))
}
