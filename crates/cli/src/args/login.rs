//! `wharf login` and `wharf logout`.

use clap::Args;

use super::remote::{ServerArgs, TlsArgs};

/// Arguments of `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The registry: HOST or HOST:PORT [default: 127.0.0.1:5000]
    #[arg(value_name = "HOST", env = "WHARF_REGISTRY", hide_env_values = true)]
    pub host: Option<String>,
    /// The name of a user or a robot; asked for unless given
    #[arg(short, long, value_name = "NAME")]
    pub user: Option<String>,
    /// Read the password, or a token, from standard input, up to the end of the line
    #[arg(long)]
    pub password_stdin: bool,
    /// Speak to it in the clear, also where it is not this machine
    #[arg(long)]
    pub plain_http: bool,
    /// Whom to trust, and who we are.
    #[command(flatten)]
    pub tls: TlsArgs,
}

impl LoginArgs {
    /// Which registry.
    pub fn server(&self) -> ServerArgs {
        ServerArgs { registry: self.host.clone(), plain_http: self.plain_http, tls: self.tls.clone() }
    }
}

/// Arguments of `logout`.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The registry: HOST or HOST:PORT [default: 127.0.0.1:5000]
    #[arg(value_name = "HOST", env = "WHARF_REGISTRY", hide_env_values = true)]
    pub host: Option<String>,
}
