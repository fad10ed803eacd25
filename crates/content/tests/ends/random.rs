//! Random graphs: shared blobs, nested indexes, referrers of anything and of each other.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;

use futures_util::FutureExt as _;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use wharf_content::archive::{Archive, Writer};
use wharf_content::copy::{Options, Report, copy};
use wharf_content::error::Error;
use wharf_content::layout::Layout;
use wharf_content::memory::Memory;
use wharf_content::source::Source;
use wharf_content::target::Target;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::name::Reference;

use crate::graphs::{Registry, blob, image, index, tag};

/// One manifest of a graph; what it names stands before it in the list.
#[derive(Clone, Debug)]
struct Spec {
    is_index: bool,
    parts: Vec<Index>,
    subject: Option<Index>,
}

fn spec() -> impl Strategy<Value = Spec> {
    (any::<bool>(), prop::collection::vec(any::<Index>(), 0..4), prop::option::weighted(0.4, any::<Index>()))
        .prop_map(|(is_index, parts, subject)| Spec { is_index, parts, subject })
}

#[derive(Debug)]
struct Built {
    memory: Memory,
    root: Digest,
    manifests: BTreeSet<Digest>,
    blobs: BTreeSet<Digest>,
}

/// A node as built: its digest, children, blobs, subject.
type Node = (Descriptor, Vec<usize>, Vec<Digest>, Option<usize>);

fn build(specs: &[Spec], root: Index) -> Built {
    let memory = Memory::new();
    let mut nodes: Vec<Node> = Vec::new();
    for (number, spec) in specs.iter().enumerate() {
        let subject = spec.subject.filter(|_| number > 0).map(|which| which.index(number));
        let mut more = json!({ "annotations": { "n": number.to_string() } });
        if let Some(subject) = subject {
            more["subject"] = json!(nodes[subject].0);
        }
        nodes.push(if spec.is_index && number > 0 {
            let children: Vec<usize> = spec.parts.iter().map(|which| which.index(number)).collect();
            let named: Vec<_> = children.iter().map(|child| json!(nodes[*child].0)).collect();
            (index(&memory, &named, more, &[]), children, vec![], subject)
        } else {
            let layers: Vec<_> = spec.parts.iter().map(|which| blob(&memory, &which.index(6).to_string())).collect();
            let blobs = layers.iter().map(|layer| layer.digest).chain([blob(&memory, "{}").digest]).collect();
            (image(&memory, &layers, more, &[]), vec![], blobs, subject)
        });
    }
    let root = root.index(nodes.len());
    let taken = closure(&nodes, root);
    let manifests = taken.iter().map(|node| nodes[*node].0.digest).collect();
    let blobs = taken.iter().flat_map(|node| nodes[*node].2.clone()).collect();
    Built { root: nodes[root].0.digest, memory, manifests, blobs }
}

/// What belongs to `root`: what is below it, what refers to any of that, and what is below and refers to those.
fn closure(nodes: &[Node], root: usize) -> BTreeSet<usize> {
    let mut taken = BTreeSet::new();
    let mut next = vec![root];
    while let Some(node) = next.pop() {
        if taken.insert(node) {
            next.extend(&nodes[node].1);
            next.extend((0..nodes.len()).filter(|other| nodes[*other].3 == Some(node)));
        }
    }
    taken
}

impl Built {
    async fn copy(&self, target: &dyn Target) -> Result<Report, Error> {
        copy_of(&self.memory, self.root, target).await
    }

    fn assert_all_in(&self, memory: &Memory) {
        assert_eq!(memory.manifests().into_iter().collect::<BTreeSet<_>>(), self.manifests);
        assert_eq!(memory.blobs().into_iter().collect::<BTreeSet<_>>(), self.blobs);
    }
}

async fn copy_of(source: &dyn Source, root: Digest, target: &dyn Target) -> Result<Report, Error> {
    let options = Options { concurrency: 3.try_into().unwrap(), ..Options::default() };
    copy(source, &Reference::Digest(root), target, &[tag("there")], &options, std::sync::Arc::new(())).await
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn graphs() -> impl Strategy<Value = (Vec<Spec>, Index)> {
    (prop::collection::vec(spec(), 1..10), any::<Index>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_that_belongs_to_it_and_nothing_else((specs, root) in graphs()) {
        let built = build(&specs, root);
        block_on(async {
            let registry = Registry::new();
            let first = built.copy(&registry).await.unwrap();
            built.assert_all_in(&registry.memory);
            prop_assert_eq!(first.manifests_sent, built.manifests.len() as u64);
            prop_assert_eq!(first.blobs_sent, built.blobs.len() as u64, "each once");
            let again = built.copy(&registry).await.unwrap();
            prop_assert_eq!((again.manifests_sent, again.blobs_sent), (0, 0));
            prop_assert_eq!(again.manifests_skipped, built.manifests.len() as u64);
            Ok(())
        })?;
    }

    #[test]
    fn wherever_it_fails_only_the_rest_travels_then((specs, root) in graphs()) {
        let built = build(&specs, root);
        block_on(async {
            for call in 0.. {
                let mut registry = Registry { fails: Some(call), ..Registry::new() };
                let first = built.copy(&registry).await;
                registry.assert_whole().await;
                let before = registry.memory.blobs().len();
                registry.fails = None;
                let sent = registry.sent.swap(0, SeqCst);
                built.copy(&registry).await.unwrap();
                built.assert_all_in(&registry.memory);
                assert_eq!(registry.sent.load(SeqCst), built.blobs.len() - before, "{before} of {sent} were there");
                if first.is_ok() {
                    break;
                }
            }
        });
    }

    #[test]
    fn dropped_anywhere_it_leaves_nothing_dangling((specs, root) in graphs()) {
        let built = build(&specs, root);
        block_on(async {
            for polls in 0.. {
                let registry = Registry::new();
                let done = {
                    let mut copying = pin!(built.copy(&registry));
                    let mut done = false;
                    for _ in 0..polls {
                        done = (&mut copying).now_or_never().is_some();
                        if done {
                            break;
                        }
                        // Whoever gave way is woken only when this does, too.
                        tokio::task::yield_now().await;
                    }
                    done
                };
                registry.assert_whole().await;
                if done {
                    break;
                }
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn through_a_folder_and_an_archive((specs, root) in graphs()) {
        let built = build(&specs, root);
        let folder = tempfile::tempdir().unwrap();
        block_on(async {
            let layout = Layout::create(folder.path().join("layout")).await.unwrap().unsynced();
            built.copy(&layout).await.unwrap();
            built.copy(&layout).await.unwrap();
            let writer = Writer::create(folder.path().join("a.tar"), None).await.unwrap().unsynced();
            copy_of(&layout, built.root, &writer).await.unwrap();
            writer.close().await.unwrap();
            let archive = Archive::open(folder.path().join("a.tar")).await.unwrap();
            let registry = Registry::new();
            let report = copy(&archive, &"there".parse().unwrap(), &registry, &[], &Options::default(), std::sync::Arc::new(())).await.unwrap();
            prop_assert_eq!(report.root.digest, built.root);
            built.assert_all_in(&registry.memory);
            Ok(())
        })?;
    }
}
