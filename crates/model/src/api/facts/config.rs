//! Facts about configuration that travels as artifacts: what is brought into clusters, and development containers.

use super::{FileFact, KubeObject, Line, Listed};

facts! {
    /// What Flux, Timoni or Argo CD bring into a cluster.
    pub struct GitOps {
        /// Whose it is: `flux`, `timoni`, `argo-cd`.
        pub tool: Line,
        /// The objects in it, as far as they stand there whole.
        pub objects: Listed<KubeObject>,
        /// Its files.
        pub files: Listed<FileFact>,
        /// The sorts of content that Timoni keeps apart: `module`, `module/vendor`.
        pub contents: Listed<Line>,
    }

    /// A bundle of Tekton.
    pub struct TektonBundle {
        /// Tasks, pipelines, steps.
        pub objects: Listed<KubeObject>,
    }

    /// A feature, template or collection of development containers.
    pub struct DevContainer {
        /// `feature`, `template` or `collection`.
        pub form: Line,
        /// What it is named by.
        pub id: Line,
        /// What can be chosen.
        pub options: Listed<DevContainerOption>,
        /// The features that it needs.
        pub depends_on: Listed<Line>,
        /// The features that come before it where they are there.
        pub installs_after: Listed<Line>,
        /// Of a collection: what is in it, with versions.
        pub members: Listed<super::Named>,
        /// Its files.
        pub files: Listed<FileFact>,
    }

    /// A choice in a feature or template.
    pub struct DevContainerOption {
        /// Its name.
        pub name: Line,
        /// `string` or `boolean`.
        pub value_type: Option<Line>,
        /// What it is where nothing is said.
        pub default: Option<Line>,
        /// What it is for.
        pub description: Option<Line>,
        /// What it may be, or is proposed to be.
        pub choices: Listed<Line>,
    }
}
