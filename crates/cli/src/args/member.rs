//! `wharf member`.

use clap::{Args, Subcommand};
use wharf_client::admin::Within;
use wharf_model::api::access::Bound;
use wharf_model::handle::Handle;
use wharf_model::name::ProjectName;
use wharf_model::pattern::Pattern;
use wharf_model::permission::Permissions;

use super::remote::{RemoteArgs, subject};

/// Arguments of `member`.
#[derive(Debug, Args)]
pub struct MemberArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: MemberCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Where somebody is given something.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct WithinArgs {
    /// In this project
    #[arg(short, long)]
    pub project: Option<ProjectName>,
    /// In the whole system
    #[arg(long)]
    pub system: bool,
}

impl WithinArgs {
    /// The place.
    pub fn within(&self) -> Within {
        self.project.clone().map_or(Within::System, Within::Project)
    }
}

/// The commands under `member`.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// List who is given what in a project, or in the system
    #[command(after_help = "Examples:\n  wharf member list -p acme\n  wharf member list --system --json")]
    List {
        /// Where.
        #[command(flatten)]
        within: WithinArgs,
    },
    /// Give somebody a role, or permissions; that counts at once
    #[command(after_help = "Examples:\n  \
        wharf member add -p acme kim --role contributor\n  \
        wharf member add -p acme group:web --permissions pull,push,tag --repositories 'acme/web/**'\n  \
        wharf member add -p acme acme+ci --role reader  a robot\n  \
        wharf member add --system kim --role administrator")]
    Add {
        /// Where.
        #[command(flatten)]
        within: WithinArgs,
        /// Whom: user:NAME, group:NAME or robot:NAME; a name alone is a user's
        #[arg(value_parser = subject)]
        subject: Bound,
        /// A role
        #[arg(long, required_unless_present = "permissions", conflicts_with = "permissions")]
        role: Option<Handle>,
        /// Permissions, separated by commas
        #[arg(long, value_name = "LIST")]
        permissions: Option<Permissions>,
        /// In which repositories of the project only: a pattern over whole names
        #[arg(long, value_name = "PATTERN", conflicts_with = "system")]
        repositories: Option<Pattern>,
    },
    /// Take away what somebody is given; that counts at once
    #[command(after_help = "Examples:\n  \
        wharf member remove -p acme kim                 all that kim is given there\n  \
        wharf member remove -p acme kim --role contributor\n  \
        wharf member remove -p acme 0f8e4bb1c9d24f4d8a5b6a7c8d9e0f10")]
    Remove {
        /// Where.
        #[command(flatten)]
        within: WithinArgs,
        /// Whom, or the identifier of one line of `wharf member list`
        #[arg(value_name = "SUBJECT|ID")]
        what: String,
        /// Only this role
        #[arg(long)]
        role: Option<Handle>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
