//! Inspectors: what an artifact tells of itself, as [`Facts`]. Pure: an inspector never reads, it says what it wants to
//! see, and is shown it by whoever can fetch; so the server's jobs, the command line and the tests share it.
//!
//! [`INSPECTORS`] is all there are, by the name that a kind gives. [`begin`] starts one; it ends in [`Step::Done`] after at
//! most [`INSPECT_ROUNDS_MAX`] times [`Step::Need`], whatever it is shown. [`run`] drives one over anything that can
//! [`Fetch`], on a thread that may block.
//!
//! What an inspector reads was written by people whom nobody trusts. Something malformed, cut off or missing becomes a
//! [fault](wharf_model::api::facts::Fault) among the facts, in words for people: never an error, never a panic. What it is
//! shown is bounded ([`Want`]), and so is what it tells ([`Facts::bounded`]). It verifies nothing.
//!
//! A new one is a file here that is a function from an [`Artifact`] to a [`Turn`], a line in [`INSPECTORS`], and a variant
//! of [`wharf_model::api::facts::Detail`].

mod about;
mod answers;
mod attestation;
mod certificate;
mod cnab;
mod crossplane;
mod devcontainer;
pub(crate) mod document;
mod envelope;
mod falco;
mod files;
mod gitops;
mod helm;
mod homebrew;
mod image;
mod index;
mod kube;
mod kyverno;
pub mod layer;
mod model;
mod olm;
pub mod packages;
mod pieces;
mod policy;
mod profile;
mod sbom;
mod signature;
mod tekton;
mod vex;
mod wasm;

use std::io::{self, Read};

use wharf_model::api::facts::Facts;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::{INSPECT_BLOB_BYTES_MAX, INSPECT_ROUND_BYTES_MAX, INSPECT_ROUNDS_MAX, INSPECT_WANTS_MAX};
use wharf_model::manifest::Manifest;

use answers::Answers;
use layer::{LayerSeen, LayerWant};

/// What an inspector does first: it sees the manifest, and asks or tells.
pub type Inspector = fn(Artifact) -> Turn;

/// Inspectors by their names.
pub type Inspectors = &'static [(&'static str, Inspector)];

/// All that there are.
pub const INSPECTORS: Inspectors = &[
    ("attestation", attestation::inspect),
    ("cnab", cnab::inspect),
    ("crossplane", crossplane::inspect),
    ("dev-container", devcontainer::inspect),
    ("falco", falco::inspect),
    ("files", files::inspect),
    ("gitops", gitops::inspect),
    ("helm", helm::inspect),
    ("homebrew", homebrew::inspect),
    ("image", image::inspect),
    ("index", index::inspect),
    ("kyverno", kyverno::inspect),
    ("model", model::inspect),
    ("olm-bundle", olm::bundle),
    ("olm-catalog", olm::catalog),
    ("policy-bundle", policy::inspect),
    ("sbom", sbom::inspect),
    ("security-profile", profile::inspect),
    ("signature", signature::inspect),
    ("tekton", tekton::inspect),
    ("wasm", wasm::inspect),
];

/// The inspector of indexes, whatever they list.
pub const INDEX: &str = "index";
/// The inspectors that know what to make of an index.
const READ_INDEXES: &[&str] = &["cnab", "falco", "homebrew", INDEX];

/// Whether the inspector called `name` knows what to make of an index.
pub(crate) fn reads_indexes(name: &str) -> bool {
    READ_INDEXES.contains(&name)
}

/// What is inspected.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What it is named by.
    pub digest: Digest,
    /// What it names.
    pub manifest: Manifest,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

impl Artifact {
    /// What its manifest says under `key`.
    fn annotation(&self, key: &str) -> Option<&str> {
        self.manifest.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// What `descriptor` says under `key`.
fn annotation<'a>(descriptor: &'a Descriptor, key: &str) -> Option<&'a str> {
    descriptor.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Bytes of all that `descriptors` name.
fn total(descriptors: &[Descriptor]) -> u64 {
    descriptors.iter().fold(0, |sum, one| sum.saturating_add(one.size))
}

/// Something to be read for an inspector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// A manifest, whole: a child of an index.
    Manifest(Digest),
    /// The bytes of a blob, from its beginning.
    Blob {
        /// The blob.
        blob: Descriptor,
        /// How many, at most.
        bytes_max: usize,
    },
    /// What is in a layer.
    Layer(LayerWant),
}

impl Want {
    /// A blob, whole, unless it is larger than [`INSPECT_BLOB_BYTES_MAX`].
    fn blob(blob: &Descriptor) -> Want {
        Want::Blob { blob: blob.clone(), bytes_max: INSPECT_BLOB_BYTES_MAX }
    }

    /// The first bytes of a blob.
    fn head(blob: &Descriptor, bytes_max: usize) -> Want {
        Want::Blob { blob: blob.clone(), bytes_max }
    }
}

/// What became of a [`Want`].
#[derive(Clone, Debug)]
pub enum Seen {
    /// There is nothing to see, for this reason: it is elsewhere, or gone.
    Nothing(String),
    /// The bytes, from the beginning, as many as were asked for and are there.
    Bytes(Vec<u8>),
    /// What is in the layer.
    Layer(LayerSeen),
}

/// What comes after an inspector was shown what it asked for.
type Next = Box<dyn FnOnce(Answers) -> Turn + Send>;

/// What an inspector does when it is its turn: it asks for more, or it tells.
pub struct Turn(Play);

enum Play {
    Ask(Vec<Want>, Next),
    Tell(Box<Facts>),
}

impl Turn {
    /// It asks for these, in this order, and goes on when it is shown them.
    fn ask(wants: Vec<Want>, next: impl FnOnce(Answers) -> Turn + Send + 'static) -> Turn {
        Turn(Play::Ask(wants, Box::new(next)))
    }

    /// It tells.
    fn tell(facts: Facts) -> Turn {
        Turn(Play::Tell(Box::new(facts)))
    }
}

/// Where an inspection is.
pub enum Step {
    /// It needs to see more.
    Need(Need),
    /// The facts, bounded.
    Done(Box<Facts>),
}

/// What an inspection needs to see.
pub struct Need {
    wants: Vec<Want>,
    next: Next,
    rounds: usize,
}

impl Need {
    /// What it wants; at most [`INSPECT_WANTS_MAX`].
    pub fn wants(&self) -> &[Want] {
        &self.wants
    }

    /// Goes on, shown what became of each want, in their order. What is not there counts as [`Seen::Nothing`].
    pub fn answer(self, seen: Vec<Seen>) -> Step {
        step((self.next)(Answers::new(seen)), self.rounds)
    }
}

fn step(turn: Turn, rounds: usize) -> Step {
    match turn.0 {
        Play::Tell(facts) => Step::Done(Box::new(facts.bounded())),
        Play::Ask(mut wants, next) => {
            wants.truncate(INSPECT_WANTS_MAX);
            let need = Need { wants, next, rounds: rounds + 1 };
            // One that asks without end is told that there is nothing, until it tells.
            if rounds < INSPECT_ROUNDS_MAX { Step::Need(need) } else { need.answer(Vec::new()) }
        }
    }
}

/// Starts the one of `inspectors` that is called `name`, or `None` where there is none.
pub fn begin(inspectors: Inspectors, name: &str, artifact: Artifact) -> Option<Step> {
    let (_, inspector) = inspectors.iter().find(|(known, _)| *known == name)?;
    Some(step(inspector(artifact), 0))
}

/// Where an inspection's wants are fetched from.
pub trait Fetch {
    /// The manifest, or `None` where it is not there.
    ///
    /// # Errors
    /// It cannot be read now.
    fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>>;

    /// The blob, or `None` where it is not there.
    ///
    /// # Errors
    /// It cannot be read now.
    fn blob(&self, digest: &Digest) -> io::Result<Option<Box<dyn Read + '_>>>;
}

/// Inspects `artifact` with the one of `inspectors` that is called `name`, to the end; `None` where there is none. Blocks.
///
/// # Errors
/// An error of `from`, which says nothing of the artifact: try again.
pub fn run(inspectors: Inspectors, name: &str, artifact: Artifact, from: &dyn Fetch) -> io::Result<Option<Facts>> {
    let Some(mut step) = begin(inspectors, name, artifact) else { return Ok(None) };
    loop {
        match step {
            Step::Done(facts) => return Ok(Some(*facts)),
            Step::Need(need) => {
                let mut left = INSPECT_ROUND_BYTES_MAX;
                let seen = need.wants().iter().map(|want| see(want, &mut left, from)).collect::<io::Result<_>>()?;
                step = need.answer(seen);
            }
        }
    }
}

/// Reads what `want` says, within the bytes that are `left` for this round.
fn see(want: &Want, left: &mut usize, from: &dyn Fetch) -> io::Result<Seen> {
    let gone = || Ok(Seen::Nothing("it is not in this repository".to_owned()));
    let too_much = || Ok(Seen::Nothing("it was not read, as there is too much of what comes before".to_owned()));
    if *left == 0 {
        return too_much();
    }
    match want {
        Want::Manifest(digest) => match from.manifest(digest)? {
            None => gone(),
            Some(bytes) if bytes.len() > *left => too_much(),
            Some(bytes) => {
                *left -= bytes.len();
                Ok(Seen::Bytes(bytes))
            }
        },
        Want::Blob { blob, bytes_max } => {
            let Some(stream) = from.blob(&blob.digest)? else { return gone() };
            let mut bytes = Vec::new();
            stream.take((*bytes_max).min(*left) as u64).read_to_end(&mut bytes)?;
            *left -= bytes.len();
            Ok(Seen::Bytes(bytes))
        }
        Want::Layer(want) => match from.blob(&want.layer.digest)? {
            None => gone(),
            Some(stream) => Ok(Seen::Layer(layer::look(stream, want, left)?)),
        },
    }
}
