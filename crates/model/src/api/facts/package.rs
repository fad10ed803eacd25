//! Facts about packages: charts, bottles, bundles, operators, plain files.

use super::{FileFact, KubeObject, Line, Listed, Named, Text};

facts! {
    /// A Helm chart.
    pub struct HelmChart {
        /// Its name.
        pub name: Line,
        /// The version of the format: `v2`.
        pub api_version: Line,
        /// `application` or `library`.
        pub chart_type: Option<Line>,
        /// The version of what it installs.
        pub app_version: Option<Line>,
        /// The versions of Kubernetes that it runs on.
        pub kube_version: Option<Line>,
        /// Whether its authors advise against it.
        pub deprecated: bool,
        /// The charts that it needs.
        pub dependencies: Listed<ChartDependency>,
        /// Its `values.yaml`, comments and all.
        pub values: Option<Text>,
        /// Whether a schema says what values may be.
        pub has_schema: bool,
        /// Its files.
        pub files: Listed<FileFact>,
        /// Its provenance file, where one was pushed with it.
        pub provenance: Option<ChartProvenance>,
        /// What its authors added.
        pub annotations: Listed<Named>,
    }

    /// A chart that another one needs.
    pub struct ChartDependency {
        /// Its name.
        pub name: Line,
        /// The versions that will do.
        pub version: Line,
        /// Where it is.
        pub repository: Option<Line>,
        /// The name it goes by.
        pub alias: Option<Line>,
        /// The value that switches it on.
        pub condition: Option<Line>,
    }

    /// What a chart's provenance file says. That it is signed says nothing of by whom.
    pub struct ChartProvenance {
        /// The sums of the files that it is about: the chart's archive.
        pub files: Listed<Named>,
        /// Whether the sum is that of the chart beside it.
        pub fits: bool,
        /// The hash that the signature uses.
        pub hash: Option<Line>,
        /// Whether there is a signature in it.
        pub signed: bool,
    }

    /// A bottle of Homebrew.
    pub struct HomebrewBottle {
        /// The formula.
        pub formula: Line,
        /// The builds, one for each system.
        pub bottles: Listed<Bottle>,
        /// What has to be there when it runs.
        pub dependencies: Listed<Line>,
    }

    /// A build of a formula.
    pub struct Bottle {
        /// The system: `arm64_sequoia`, `x86_64_linux`.
        pub tag: Line,
        /// The digest of its archive.
        pub digest: Option<Line>,
        /// Size of its archive, in bytes.
        pub size: Option<u64>,
        /// Size when it is installed, in bytes.
        pub installed_size: Option<u64>,
        /// Commands that it brings.
        pub commands: Listed<Line>,
    }

    /// A cloud native application bundle.
    pub struct CnabBundle {
        /// Its name.
        pub name: Line,
        /// The version of the format.
        pub schema_version: Line,
        /// What the one who installs may say.
        pub parameters: Listed<CnabParameter>,
        /// What it has to be given.
        pub credentials: Listed<CnabCredential>,
        /// What can be done beside installing, upgrading and uninstalling.
        pub actions: Listed<CnabAction>,
        /// The images that do it.
        pub invocation_images: Listed<CnabImage>,
        /// The images that it brings.
        pub images: Listed<CnabImage>,
        /// What it gives back.
        pub outputs: Listed<Line>,
        /// Extensions that a runtime has to know.
        pub required_extensions: Listed<Line>,
    }

    /// A parameter of a bundle.
    pub struct CnabParameter {
        /// Its name.
        pub name: Line,
        /// Its type: `string`, `integer`.
        pub value_type: Option<Line>,
        /// What it is where nothing is said, as JSON. Never that of a secret.
        pub default: Option<Line>,
        /// Whether something has to be said.
        pub required: bool,
        /// Whether it is a secret.
        pub secret: bool,
        /// What it is for.
        pub description: Option<Line>,
    }

    /// A credential of a bundle.
    pub struct CnabCredential {
        /// Its name.
        pub name: Line,
        /// Whether it has to be given.
        pub required: bool,
        /// What it is for.
        pub description: Option<Line>,
        /// The variable or file that it is put into.
        pub place: Option<Line>,
    }

    /// Something a bundle can do.
    pub struct CnabAction {
        /// Its name.
        pub name: Line,
        /// What it does.
        pub description: Option<Line>,
        /// Whether it changes what is installed.
        pub modifies: bool,
    }

    /// An image of a bundle.
    pub struct CnabImage {
        /// The name by which the bundle knows it.
        pub name: Option<Line>,
        /// Its reference.
        pub image: Line,
        /// Its digest.
        pub digest: Option<Line>,
        /// Its size, in bytes.
        pub size: Option<u64>,
    }

    /// An operator.
    pub struct OlmBundle {
        /// Its package.
        pub package: Line,
        /// Its channels.
        pub channels: Listed<Line>,
        /// The channel of those who choose none.
        pub default_channel: Option<Line>,
        /// The name of its version: `etcd.v0.9.4`.
        pub csv: Option<Line>,
        /// What it replaces.
        pub replaces: Option<Line>,
        /// How mature it is.
        pub maturity: Option<Line>,
        /// How much it does by itself: `Full Lifecycle`.
        pub capabilities: Option<Line>,
        /// The least version of Kubernetes.
        pub min_kube_version: Option<Line>,
        /// The ways in which it may be installed.
        pub install_modes: Listed<Line>,
        /// The kinds that it brings.
        pub owned: Listed<OlmKind>,
        /// The kinds that it needs.
        pub required: Listed<OlmKind>,
        /// The images that it runs.
        pub related_images: Listed<Named>,
        /// Its manifests.
        pub files: Listed<FileFact>,
    }

    /// A kind that an operator brings or needs.
    pub struct OlmKind {
        /// Its kind.
        pub kind: Line,
        /// Its version.
        pub version: Line,
        /// Its full name: `etcdclusters.etcd.database.coreos.com`.
        pub name: Line,
        /// What it is for.
        pub description: Option<Line>,
    }

    /// A catalogue of operators.
    pub struct OlmCatalog {
        /// The operators in it.
        pub packages: Listed<OlmPackage>,
        /// How many versions of operators are in it.
        pub bundles: u64,
        /// Whether it is a database (before file-based catalogues), which is not read.
        pub is_database: bool,
    }

    /// An operator in a catalogue.
    pub struct OlmPackage {
        /// Its name.
        pub name: Line,
        /// The channel of those who choose none.
        pub default_channel: Option<Line>,
        /// What it is for.
        pub description: Option<Line>,
        /// Its channels, each with the number of its entries.
        pub channels: Listed<super::Counted>,
    }

    /// A package of Crossplane.
    pub struct CrossplanePackage {
        /// `Provider`, `Configuration` or `Function`.
        pub package_kind: Line,
        /// Its name.
        pub name: Line,
        /// The versions of Crossplane that it runs with.
        pub crossplane: Option<Line>,
        /// The packages that it needs, with their versions.
        pub depends_on: Listed<Named>,
        /// The image of a provider's or function's controller, where it is another one.
        pub controller: Option<Line>,
        /// The kinds that it defines, its compositions, and what else it brings.
        pub objects: Listed<KubeObject>,
    }

    /// Plain files.
    pub struct Files {
        /// Their size as they are stored, in bytes.
        pub size: u64,
        /// They.
        pub files: Listed<PlainFile>,
    }

    /// A layer that is a file, or a folder as an archive.
    pub struct PlainFile {
        /// Its name, or what its digest is where it has none.
        pub name: Line,
        /// What it is named by.
        pub digest: Line,
        /// Its media type.
        pub media_type: Line,
        /// Its size as it is stored, in bytes.
        pub size: u64,
        /// Whether it is a folder, as an archive.
        pub folder: bool,
        /// What is in the folder.
        pub entries: Listed<FileFact>,
    }
}
