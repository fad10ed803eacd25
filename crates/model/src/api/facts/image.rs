//! Facts about container images, and about indexes of whatever they list.

use super::{Line, Listed, Named};

facts! {
    /// A container image.
    pub struct Image {
        /// The operating system, by Go's name.
        pub os: Line,
        /// The processor, by Go's name.
        pub architecture: Line,
        /// The processor's variant.
        pub variant: Option<Line>,
        /// The version of the operating system, which Windows needs.
        pub os_version: Option<Line>,
        /// Size of all layers as they are stored, in bytes.
        pub size: u64,
        /// The layers, the lowest first.
        pub layers: Listed<ImageLayer>,
        /// How it was built, the first step first.
        pub history: Listed<HistoryStep>,
        /// What always runs.
        pub entrypoint: Listed<Line>,
        /// What runs unless something else is said, or the arguments of the entrypoint.
        pub cmd: Listed<Line>,
        /// The environment.
        pub env: Listed<Named>,
        /// As whom it runs.
        pub user: Option<Line>,
        /// In which folder it runs.
        pub working_dir: Option<Line>,
        /// The ports that it listens on: `8080/tcp`.
        pub ports: Listed<Line>,
        /// The folders that outlive it.
        pub volumes: Listed<Line>,
        /// The signal that ends it.
        pub stop_signal: Option<Line>,
        /// What tells whether it is well.
        pub health_check: Listed<Line>,
        /// Labels.
        pub labels: Listed<Named>,
        /// What it was built upon, as its annotations or labels tell.
        pub base: Option<BaseImage>,
    }

    /// One layer of an image.
    pub struct ImageLayer {
        /// What it is named by.
        pub digest: Line,
        /// Its media type.
        pub media_type: Line,
        /// Its size as it is stored, in bytes.
        pub size: u64,
        /// The step that made it: its place in `history`, from 0. Absent where the history does not tell.
        pub step: Option<u32>,
        /// Whether its bytes may be elsewhere.
        pub foreign: bool,
    }

    /// One step of how an image was built.
    pub struct HistoryStep {
        /// When, in milliseconds since 1970.
        pub created: Option<i64>,
        /// The instruction.
        pub created_by: Line,
        /// What its author said.
        pub comment: Option<Line>,
        /// Its author.
        pub author: Option<Line>,
        /// Whether it made no layer.
        pub empty: bool,
        /// The layer that it made: its place in `layers`, from 0.
        pub layer: Option<u32>,
    }

    /// What an image was built upon.
    pub struct BaseImage {
        /// Its reference.
        pub name: Option<Line>,
        /// Its digest.
        pub digest: Option<Line>,
    }

    /// An index.
    pub struct Index {
        /// What it lists, in its order.
        pub children: Listed<Child>,
    }

    /// An entry of an index.
    pub struct Child {
        /// What it is named by.
        pub digest: Line,
        /// Its media type.
        pub media_type: Line,
        /// The type of artifact that it is said to be.
        pub artifact_type: Option<Line>,
        /// What it runs on: `linux/arm64/v8`. Absent where it says nothing, or `unknown/unknown`.
        pub platform: Option<Line>,
        /// The version of the operating system.
        pub os_version: Option<Line>,
        /// What the operating system has to have.
        pub os_features: Listed<Line>,
        /// Size of what it names, config and layers, in bytes; absent where it was not read.
        pub size: Option<u64>,
        /// Of an attestation that BuildKit put beside its image: the digest of that image.
        pub about: Option<Line>,
        /// Of such an attestation: the types of its statements.
        pub predicates: Listed<Line>,
        /// What the index says of it.
        pub annotations: Listed<Named>,
    }
}
