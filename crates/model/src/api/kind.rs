//! Kinds, and what artifacts are: as the API and the CLI tell them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kind {
    /// What programs call it: `helm-chart`. Never changes.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is like: `signature`, `attestation`, `sbom`, `package`, `policy`, `data`, `plugin`, `wasm`, `ebpf`, `gitops`,
    /// `model`, `lazy`, `os`, `image` or `generic`.
    pub category: String,
    /// Whether it is about something else, and is shown there rather than by itself.
    pub attached: bool,
    /// What people should know of it; empty where there is nothing.
    pub note: String,
    /// The rules by which it is told, of which one is enough.
    pub rules: Vec<String>,
    /// The commands, with gaps: `{ref}`.
    pub commands: Vec<Command>,
    /// The facts that are told of it, by name, with where each is read.
    pub facts: Vec<FactSource>,
    /// What more there is in it.
    pub more: Vec<String>,
    /// How it is known that artifacts of this kind look so.
    pub verified: Verified,
    /// The file that declares it.
    pub file: String,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Command {
    /// What it does: `pull`, `use`, `inspect`, `verify`, `copy` or `push`.
    pub does: String,
    /// The program that people need for it.
    pub client: String,
    /// What it is written in: `shell`, or `file` for part of a configuration.
    pub form: String,
    /// The command.
    pub text: String,
    /// Whether it was read in the tool's source or documentation.
    pub verified: bool,
}

/// A fact that is told of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactSource {
    /// What it is called.
    pub name: String,
    /// Where it is read: `config /version`, `annotation …`.
    pub from: String,
}

/// How a kind was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// `source`, `documentation`, `unverified`, or `operator` for an operator's own.
    pub how: String,
    /// Where: repositories with paths, or addresses.
    pub at: Vec<String>,
    /// What was read there.
    pub read: String,
    /// What stays doubtful; empty where nothing does.
    pub doubtful: String,
}

/// Which kind an artifact is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// What programs call the kind.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is like.
    pub category: String,
    /// The rule that decided, and where it stands.
    pub rule: String,
}
