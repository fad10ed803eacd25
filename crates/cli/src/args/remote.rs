//! Which registry a command speaks to, and how it answers.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use wharf_model::api::access::{Bound, BoundError};
use wharf_model::handle::Handle;
use wharf_model::permission::Permission;

/// Which registry, and how it is spoken to.
#[derive(Debug, Default, Args)]
pub struct ServerArgs {
    /// The registry: HOST or HOST:PORT [default: 127.0.0.1:5000]
    #[arg(
        long,
        value_name = "HOST",
        env = "WHARF_REGISTRY",
        hide_env_values = true,
        global = true,
        help_heading = "Registry"
    )]
    pub registry: Option<String>,
    /// Speak to it in the clear, also where it is not this machine
    #[arg(long, global = true, help_heading = "Registry")]
    pub plain_http: bool,
    /// Whom to trust, and who we are.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// Whom to trust with TLS, and who we are there.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsArgs {
    /// A PEM file with authorities to trust beside the system's
    #[arg(long, value_name = "FILE", global = true, help_heading = "Registry")]
    pub ca_file: Option<PathBuf>,
    /// A PEM file with our certificate, for a registry that asks for one
    #[arg(long, value_name = "FILE", global = true, requires = "key_file", help_heading = "Registry")]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key of that certificate
    #[arg(long, value_name = "FILE", global = true, requires = "cert_file", help_heading = "Registry")]
    pub key_file: Option<PathBuf>,
}

/// The same, and in which form the answer is wanted.
#[derive(Debug, Default, Args)]
pub struct RemoteArgs {
    /// Which registry.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Print JSON, as the API has it
    #[arg(long, global = true, help_heading = "Registry")]
    pub json: bool,
}

/// A limit that can be taken away by a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Or<T> {
    /// This much.
    Of(T),
    /// As the word says.
    Word,
}

impl<T> Or<T> {
    /// What the API calls it: a value, or `null`.
    pub fn option<U>(self, value: impl FnOnce(T) -> U) -> Option<U> {
        match self {
            Or::Of(found) => Some(value(found)),
            Or::Word => None,
        }
    }
}

/// Reads `none`, or a value.
///
/// # Errors
/// It is neither.
pub fn or_none<T: FromStr>(text: &str) -> Result<Or<T>, T::Err> {
    if text == "none" { Ok(Or::Word) } else { text.parse().map(Or::Of) }
}

/// Reads `default`, or a value.
///
/// # Errors
/// It is neither.
pub fn or_default<T: FromStr>(text: &str) -> Result<Or<T>, T::Err> {
    if text == "default" { Ok(Or::Word) } else { text.parse().map(Or::Of) }
}

/// Reads whom something is about: `user:NAME`, `group:NAME`, `robot:NAME`; a name alone is a user's, with `+` a robot's.
///
/// # Errors
/// It is no name.
pub fn subject(text: &str) -> Result<Bound, BoundError> {
    if text.contains(':') {
        return text.parse();
    }
    let name: Handle = text.parse()?;
    Ok(if name.project().is_some() { Bound::Robot(name) } else { Bound::User(name) })
}

/// All permissions with what they allow, for the end of a help page.
pub fn permissions() -> String {
    let width = Permission::ALL.iter().map(|permission| permission.as_str().len()).max().unwrap_or(0);
    let lines =
        Permission::ALL.iter().map(|permission| format!("  {:<width$}  {}", permission.as_str(), permission.about()));
    format!("Permissions:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn subjects() {
        let check = |text: &str, expect: &str| assert_eq!(subject(text).expect("a subject").to_string(), expect);
        check("kim", "user:kim");
        check("acme+ci", "robot:acme+ci");
        check("group:devs", "group:devs");
        check("robot:mirror", "robot:mirror");
        assert!(subject("Kim").is_err() && subject("host:kim").is_err());
    }

    #[test]
    fn words() {
        assert_eq!(or_none::<u64>("none"), Ok(Or::Word));
        assert_eq!(or_none::<u64>("5"), Ok(Or::Of(5)));
        assert!(or_none::<u64>("default").is_err());
        assert_eq!(or_default::<u64>("default"), Ok(Or::Word));
        assert!(permissions().contains("  quota:write "));
    }
}
