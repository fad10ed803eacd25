//! What an inspector was shown, taken one by one in the order in which it asked.

use wharf_model::api::facts::Facts;
use wharf_model::descriptor::Descriptor;

use super::layer::LayerSeen;
use super::{Seen, document};

/// The answers to a round of wants.
pub(super) struct Answers(std::vec::IntoIter<Seen>);

impl Answers {
    pub(super) fn new(seen: Vec<Seen>) -> Answers {
        Answers(seen.into_iter())
    }

    /// The next answer.
    fn next(&mut self) -> Seen {
        self.0.next().unwrap_or_else(|| Seen::Nothing("it was not read".to_owned()))
    }

    /// The bytes of a manifest, or `None` where it is not there, which is nobody's fault: an index need not have all
    /// children.
    pub(super) fn manifest(&mut self) -> Option<Vec<u8>> {
        match self.next() {
            Seen::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The first bytes of a blob. That there are none is noted at `at`.
    pub(super) fn head(&mut self, facts: &mut Facts, at: &str) -> Option<Vec<u8>> {
        match self.next() {
            Seen::Bytes(bytes) => Some(bytes),
            Seen::Nothing(why) => note(facts, at, &why),
            Seen::Layer(_) => note(facts, at, "it was not read"),
        }
    }

    /// All bytes of `blob`. That there are none, or that there are more, is noted at `at`.
    pub(super) fn blob(&mut self, facts: &mut Facts, at: &str, blob: &Descriptor) -> Option<Vec<u8>> {
        let bytes = self.head(facts, at)?;
        if (bytes.len() as u64) < blob.size {
            let what = format_args!("only {} of its {} bytes were read", bytes.len(), blob.size);
            facts.fault(at, what);
        }
        Some(bytes)
    }

    /// The same, as JSON. That it is none is noted at `at`.
    pub(super) fn json(&mut self, facts: &mut Facts, at: &str, blob: &Descriptor) -> Option<serde_json::Value> {
        let bytes = self.blob(facts, at, blob)?;
        document::json(&bytes).map_err(|what| facts.fault(at, what)).ok()
    }

    /// What is in a layer. What could not be read of it is noted at `at`.
    pub(super) fn layer(&mut self, facts: &mut Facts, at: &str) -> LayerSeen {
        let mut seen = match self.next() {
            Seen::Layer(seen) => seen,
            Seen::Nothing(why) => LayerSeen { fault: Some(why), ..LayerSeen::default() },
            Seen::Bytes(_) => LayerSeen { fault: Some("it was not read".to_owned()), ..LayerSeen::default() },
        };
        if let Some(fault) = seen.fault.take() {
            facts.fault(at, fault);
        }
        if seen.files_left_out > 0 {
            facts.fault(at, format_args!("{} more of its files were not read", seen.files_left_out));
        }
        seen
    }
}

fn note<T>(facts: &mut Facts, at: &str, what: &str) -> Option<T> {
    facts.fault(at, what);
    None
}
