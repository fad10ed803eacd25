//! `wharf robot`.

use clap::{Args, Subcommand};
use wharf_model::handle::Handle;
use wharf_model::name::ProjectName;
use wharf_model::pattern::Pattern;
use wharf_model::permission::Permissions;
use wharf_model::units::{Days, Seconds};

use super::remote::RemoteArgs;

/// Arguments of `robot`.
#[derive(Debug, Args)]
pub struct RobotArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RobotCommand,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// The commands under `robot`.
#[derive(Debug, Subcommand)]
pub enum RobotCommand {
    /// List the robots of a project, or of the system
    #[command(
        after_help = "Examples:\n  wharf robot list -p acme\n  wharf robot list                                of the system"
    )]
    List {
        /// The project
        #[arg(short, long)]
        project: Option<ProjectName>,
    },
    /// Show a robot and what it may do
    #[command(after_help = "Examples:\n  wharf robot show acme+ci")]
    Show {
        /// The robot: PROJECT+NAME, or a name alone where it is the system's
        name: Handle,
    },
    /// Make a robot; its secret is shown once
    #[command(
        after_help = "It logs in by its name, with the secret for a password. Further rights are given by `wharf member add`.\n\n\
        Examples:\n  \
        wharf robot create acme+ci --role contributor --expires 90d\n  \
        wharf robot create acme+web --permissions pull,push,tag --repositories 'acme/web/**'\n  \
        wharf robot create mirror --role reader         in the system: in every project"
    )]
    Create(NewRobotArgs),
    /// Change what is said about a robot
    #[command(after_help = "Examples:\n  wharf robot set acme+ci --description 'Builds of main'")]
    Set {
        /// The robot
        name: Handle,
        /// For people to read
        #[arg(long, value_name = "TEXT")]
        description: String,
    },
    /// Make a new secret, shown once; the old one can count for a while beside it
    #[command(after_help = "Examples:\n  wharf robot rotate acme+ci --overlap 1d --expires 90d")]
    Rotate {
        /// The robot
        name: Handle,
        /// For how long the old secret still counts; at most 30d [default: not at all]
        #[arg(long, value_name = "DURATION")]
        overlap: Option<Seconds>,
        /// When the new secret ends [default: never]
        #[arg(long, value_name = "DURATION")]
        expires: Option<Days>,
    },
    /// Refuse the robot's logins from now on
    #[command(after_help = "Examples:\n  wharf robot disable acme+ci")]
    Disable {
        /// The robot
        name: Handle,
    },
    /// Let a disabled robot log in again
    #[command(after_help = "Examples:\n  wharf robot enable acme+ci")]
    Enable {
        /// The robot
        name: Handle,
    },
    /// Delete a robot
    #[command(after_help = "Examples:\n  wharf robot delete acme+ci --yes")]
    Delete {
        /// The robot
        name: Handle,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Arguments of `robot create`.
#[derive(Debug, Args)]
pub struct NewRobotArgs {
    /// The robot: PROJECT+NAME, or a name alone for the system's
    pub name: Handle,
    /// A role that it has there; can be repeated
    #[arg(long, value_name = "ROLE", required_unless_present = "permissions")]
    pub role: Vec<Handle>,
    /// Permissions that it has there, separated by commas
    #[arg(long, value_name = "LIST")]
    pub permissions: Option<Permissions>,
    /// In which repositories only: a pattern over whole names
    #[arg(long, value_name = "PATTERN")]
    pub repositories: Option<Pattern>,
    /// When it ends [default: never]
    #[arg(long, value_name = "DURATION")]
    pub expires: Option<Days>,
    /// For people to read
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub description: String,
}
