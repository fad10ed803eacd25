//! `wharf login` and `wharf logout`.

use std::path::PathBuf;

use clap::Args;

use super::remote::ServerArgs;

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
    /// A PEM file with authorities to trust beside the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// A PEM file with our certificate, for a registry that asks for one
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key of that certificate
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,
}

impl LoginArgs {
    /// Which registry.
    pub fn server(&self) -> ServerArgs {
        let (registry, ca_file) = (self.host.clone(), self.ca_file.clone());
        let (cert_file, key_file) = (self.cert_file.clone(), self.key_file.clone());
        ServerArgs { registry, plain_http: self.plain_http, ca_file, cert_file, key_file }
    }
}

/// Arguments of `logout`.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The registry: HOST or HOST:PORT [default: 127.0.0.1:5000]
    #[arg(value_name = "HOST", env = "WHARF_REGISTRY", hide_env_values = true)]
    pub host: Option<String>,
}
