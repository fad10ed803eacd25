//! `wharf project` and `wharf quota`.

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use wharf_model::api::project::{Immutable, Missing, ProjectChange};
use wharf_model::name::ProjectName;
use wharf_model::pattern::PatternError;
use wharf_model::units::{Days, Size};

use super::remote::{Or, RemoteArgs, or_default, or_none};

/// Arguments of `project`.
#[derive(Debug, Args)]
pub struct ProjectArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ProjectCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `project`.
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// List the projects that one may see
    #[command(
        after_help = "A dash stands for what one may not read, which takes project:read.\n\nExamples:\n  wharf project list\n  wharf project list --json"
    )]
    List,
    /// Show a project: what it is set to, what it uses
    #[command(after_help = "Examples:\n  wharf project show acme")]
    Show {
        /// The project
        name: ProjectName,
    },
    /// Make a project; a first push makes one too, where one may
    #[command(after_help = "Examples:\n  \
        wharf project create acme --description 'Everything of Acme'\n  \
        wharf project create tools --public --quota 100GiB --immutable 'tools/**=v*'")]
    Create {
        /// The project
        name: ProjectName,
        /// What it is set to.
        #[command(flatten)]
        settings: ProjectSettingArgs,
    },
    /// Change what a project is set to; all else stays
    #[command(after_help = "Examples:\n  \
        wharf project set acme --public\n  \
        wharf project set acme --trash 30d --missing refuse\n  \
        wharf project set acme --immutable 'acme/**=v*' --immutable 'acme/base=*'\n  \
        wharf project set acme --artifact-types \\\n    'application/vnd.oci.image.config.v1+json,application/vnd.cncf.helm.*'\n  \
        wharf project set acme --share yes              whoever may pull may make links (wharf share)\n  \
        wharf project set acme --vouched yes            by who administers the registry\n  \
        wharf project set acme --quota none")]
    Set {
        /// The project
        name: ProjectName,
        /// What it is set to.
        #[command(flatten)]
        settings: ProjectSettingArgs,
    },
    /// Delete a project with everything in it; it goes to the trash
    #[command(after_help = "Examples:\n  \
        wharf project delete acme\n  \
        wharf project delete acme --yes\n  \
        wharf restore --project acme                    takes it out of the trash")]
    Delete {
        /// The project
        name: ProjectName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// What pushes do about what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MissingArg {
    /// All that a manifest names must be there
    Refuse,
    /// The children of an index need not be
    Index,
    /// Nothing needs to be
    Accept,
    /// As the server is set
    Default,
}

/// A rule of immutability: `REPOSITORIES=TAGS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImmutableArg(pub Immutable);

/// The text is no such rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImmutableError {
    /// The form.
    #[error("write two patterns, REPOSITORIES=TAGS, as in 'acme/**=v*'; or none")]
    Form,
    /// One of the patterns.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl FromStr for ImmutableArg {
    type Err = ImmutableError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (repositories, tags) = text.split_once('=').ok_or(ImmutableError::Form)?;
        Ok(ImmutableArg(Immutable { repositories: repositories.parse()?, tags: tags.parse()? }))
    }
}

/// What can be set of a project.
#[derive(Clone, Debug, Default, Args)]
pub struct ProjectSettingArgs {
    /// Anybody may pull from it, without login
    #[arg(long, conflicts_with = "private")]
    pub public: bool,
    /// Only who is given the right may pull from it
    #[arg(long)]
    pub private: bool,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// What a push does where something is not there that the manifest names
    #[arg(long, value_name = "WHAT")]
    pub missing: Option<MissingArg>,
    /// Which artifact types may be pushed: patterns separated by commas, or none for no such limit
    #[arg(long, value_name = "LIST")]
    pub artifact_types: Option<String>,
    /// How long what is deleted stays in the trash: 30d, or default for as long as the server is set to
    #[arg(long, value_name = "DURATION", value_parser = or_default::<Days>)]
    pub trash: Option<Or<Days>>,
    /// Tags that neither move nor vanish: REPOSITORIES=TAGS, two patterns; can be repeated; none for no rule
    #[arg(long, value_name = "RULE", value_parser = or_none::<ImmutableArg>)]
    pub immutable: Vec<Or<ImmutableArg>>,
    /// Whoever may pull from it may make links that open something of it without a login (wharf share): yes or no
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    pub share: Option<bool>,
    /// Those who administer the registry vouch for it: yes or no
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    pub vouched: Option<bool>,
    /// The limits of what it may use.
    #[command(flatten)]
    pub quota: QuotaLimitArgs,
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no"),
    }
}

impl ProjectSettingArgs {
    /// What the API is told.
    pub fn change(&self) -> ProjectChange {
        let missing = self.missing.map(|missing| match missing {
            MissingArg::Refuse => Some(Missing::Refuse),
            MissingArg::Index => Some(Missing::Index),
            MissingArg::Accept => Some(Missing::Accept),
            MissingArg::Default => None,
        });
        let types = |list: &String| {
            let types = list.split(',').map(str::trim).filter(|part| !part.is_empty());
            (list != "none").then(|| types.map(str::to_owned).collect())
        };
        let rules = self.immutable.iter().filter_map(|rule| rule.clone().option(|rule| rule.0));
        ProjectChange {
            public: (self.public || self.private).then_some(self.public),
            description: self.description.clone(),
            missing,
            artifact_types: self.artifact_types.as_ref().map(types),
            trash_days: self.trash.map(|days| days.option(|days| days.0)),
            immutable: (!self.immutable.is_empty()).then(|| rules.collect()),
            share: self.share,
            vouched: self.vouched,
            ..self.quota.change()
        }
    }
}

/// What a project may use.
#[derive(Clone, Debug, Default, Args)]
pub struct QuotaLimitArgs {
    /// How much it may use: 100GiB, or none
    #[arg(long, value_name = "SIZE", value_parser = or_none::<Size>)]
    pub quota: Option<Or<Size>>,
    /// From how much on pushes are warned: 80GiB, or none
    #[arg(long, value_name = "SIZE", value_parser = or_none::<Size>)]
    pub quota_warn: Option<Or<Size>>,
    /// How many repositories it may have: a number, or none
    #[arg(long, value_name = "NUMBER", value_parser = or_none::<u64>)]
    pub quota_repositories: Option<Or<u64>>,
}

impl QuotaLimitArgs {
    /// What the API is told.
    pub fn change(&self) -> ProjectChange {
        ProjectChange {
            quota_bytes: self.quota.map(|size| size.option(|size| size.0)),
            quota_warn_bytes: self.quota_warn.map(|size| size.option(|size| size.0)),
            quota_repositories: self.quota_repositories.map(|number| number.option(|number| number)),
            ..ProjectChange::default()
        }
    }
}

/// Arguments of `quota`.
#[derive(Debug, Args)]
pub struct QuotaArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: QuotaCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `quota`.
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// Show what a project uses and what it may use
    #[command(after_help = "Examples:\n  wharf quota show acme\n  wharf quota show acme --json")]
    Show {
        /// The project
        project: ProjectName,
    },
    /// Limit what a project may use; all else stays
    #[command(after_help = "Examples:\n  \
        wharf quota set acme --bytes 100GiB --warn 80GiB\n  \
        wharf quota set acme --repositories 50\n  \
        wharf quota set acme --bytes none")]
    Set(QuotaSetArgs),
}

/// Arguments of `quota set`.
#[derive(Debug, Args)]
#[group(id = "limits", required = true, multiple = true)]
pub struct QuotaSetLimits {
    /// How much it may use: 100GiB, or none
    #[arg(long, value_name = "SIZE", value_parser = or_none::<Size>)]
    pub bytes: Option<Or<Size>>,
    /// From how much on pushes are warned: 80GiB, or none
    #[arg(long, value_name = "SIZE", value_parser = or_none::<Size>)]
    pub warn: Option<Or<Size>>,
    /// How many repositories it may have: a number, or none
    #[arg(long, value_name = "NUMBER", value_parser = or_none::<u64>)]
    pub repositories: Option<Or<u64>>,
}

/// Arguments of `quota set`.
#[derive(Debug, Args)]
pub struct QuotaSetArgs {
    /// The project
    pub project: ProjectName,
    /// The limits.
    #[command(flatten)]
    pub limits: QuotaSetLimits,
}

impl QuotaSetLimits {
    /// What the API is told.
    pub fn change(&self) -> ProjectChange {
        let (quota, quota_warn, quota_repositories) = (self.bytes, self.warn, self.repositories);
        QuotaLimitArgs { quota, quota_warn, quota_repositories }.change()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: ProjectSettingArgs,
    }

    #[test]
    fn what_the_api_is_told() {
        let check = |flags: &[&str], expect: &str| {
            let line = Line::try_parse_from([&["set"], flags].concat()).expect("flags");
            let change = serde_json::to_string(&line.settings.change()).expect("JSON");
            assert_eq!(change, expect, "{flags:?}");
        };
        check(&[], "{}");
        check(&["--public", "--description", "x"], r#"{"public":true,"description":"x"}"#);
        check(&["--private"], r#"{"public":false}"#);
        check(&["--missing", "refuse"], r#"{"missing":"refuse"}"#);
        check(&["--missing", "default"], r#"{"missing":null}"#);
        check(&["--artifact-types", "a/b, c/*"], r#"{"artifact_types":["a/b","c/*"]}"#);
        check(&["--artifact-types", "none"], r#"{"artifact_types":null}"#);
        check(&["--trash", "30d"], r#"{"trash_days":30}"#);
        check(&["--trash", "default"], r#"{"trash_days":null}"#);
        check(&["--immutable", "a/**=v*"], r#"{"immutable":[{"repositories":"a/**","tags":"v*"}]}"#);
        check(&["--immutable", "none"], r#"{"immutable":[]}"#);
        check(&["--share", "yes", "--vouched", "no"], r#"{"share":true,"vouched":false}"#);
        check(
            &["--quota", "10GiB", "--quota-repositories", "5"],
            r#"{"quota_bytes":10737418240,"quota_repositories":5}"#,
        );
        check(&["--quota", "none", "--quota-warn", "none"], r#"{"quota_bytes":null,"quota_warn_bytes":null}"#);
        for wrong in [["--immutable", "a/**"], ["--trash", "12h"], ["--quota", "much"], ["--missing", "x"]] {
            assert!(Line::try_parse_from([&["set"], &wrong[..]].concat()).is_err(), "{wrong:?}");
        }
        assert!(Line::try_parse_from(["set", "--public", "--private"]).is_err());
    }
}
