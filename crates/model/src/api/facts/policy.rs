//! Facts about policies, and about what keeps workloads within bounds.

use super::{FileFact, Line, Listed, Named};

facts! {
    /// A bundle for the Open Policy Agent, or policies of conftest.
    pub struct PolicyBundle {
        /// Its revision.
        pub revision: Option<Line>,
        /// The parts of the data and policies that it is for.
        pub roots: Listed<Line>,
        /// The version of the language that it is written in.
        pub rego_version: Option<u64>,
        /// Whether there is a signature in it.
        pub signed: bool,
        /// Its modules.
        pub modules: Listed<RegoModule>,
        /// Its data.
        pub data: Listed<FileFact>,
        /// Policies that were compiled to WebAssembly.
        pub wasm: Listed<FileFact>,
    }

    /// A file of Rego.
    pub struct RegoModule {
        /// Its path.
        pub path: Line,
        /// Its package: `kubernetes.admission`.
        pub package: Line,
        /// What its metadata calls it.
        pub title: Option<Line>,
        /// What its metadata says that it is for.
        pub description: Option<Line>,
        /// The names of its rules, each once.
        pub rules: Listed<Line>,
        /// Whether it is a test.
        pub test: bool,
    }

    /// Rules, a plugin or an asset of Falco.
    pub struct Falco {
        /// `rulesfile`, `plugin` or `asset`.
        pub form: Line,
        /// Its name.
        pub name: Line,
        /// What it needs.
        pub dependencies: Listed<FalcoDependency>,
        /// What Falco has to have: `engine_version_semver`, `plugin_api_version`.
        pub requirements: Listed<Named>,
        /// Its rules.
        pub rules: Listed<FalcoRule>,
        /// How many macros it defines.
        pub macros: u64,
        /// How many lists it defines.
        pub lists: u64,
        /// The files in it.
        pub files: Listed<FileFact>,
    }

    /// What an artifact of Falco needs.
    pub struct FalcoDependency {
        /// Its name.
        pub name: Line,
        /// The version.
        pub version: Line,
        /// What does as well.
        pub alternatives: Listed<Named>,
    }

    /// A rule of Falco.
    pub struct FalcoRule {
        /// Its name.
        pub name: Line,
        /// What it is for.
        pub description: Option<Line>,
        /// How bad it is when it holds.
        pub priority: Option<Line>,
        /// Where its events come from, where not from system calls.
        pub source: Option<Line>,
        /// Words that go with it.
        pub tags: Listed<Line>,
        /// Whether it is switched off.
        pub disabled: bool,
    }

    /// Policies of Kyverno.
    pub struct KyvernoPolicies {
        /// They.
        pub policies: Listed<KyvernoPolicy>,
    }

    /// A policy of Kyverno.
    pub struct KyvernoPolicy {
        /// Its kind: `ClusterPolicy`, `ValidatingPolicy`.
        pub kind: Line,
        /// Its name.
        pub name: Line,
        /// What its annotations call it.
        pub title: Option<Line>,
        /// Its category.
        pub category: Option<Line>,
        /// How bad it is when it is broken.
        pub severity: Option<Line>,
        /// What it is for.
        pub description: Option<Line>,
        /// `Audit` or `Enforce`.
        pub action: Option<Line>,
        /// The names of its rules.
        pub rules: Listed<Line>,
    }

    /// A profile of what a workload may do.
    pub struct SecurityProfile {
        /// The profiles, one for each platform.
        pub profiles: Listed<WorkloadProfile>,
    }

    /// A profile.
    pub struct WorkloadProfile {
        /// Its kind: `SeccompProfile`, `SelinuxProfile`, `AppArmorProfile`.
        pub kind: Line,
        /// Its name.
        pub name: Line,
        /// The file that it is in.
        pub file: Option<Line>,
        /// The platform that it is for.
        pub platform: Option<Line>,
        /// What happens with what it does not name.
        pub default_action: Option<Line>,
        /// How many system calls each action is for.
        pub syscalls: Listed<super::Counted>,
        /// The architectures that it names.
        pub architectures: Listed<Line>,
    }
}
