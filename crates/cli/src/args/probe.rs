//! `wharf probe`.

use std::str::FromStr;

use clap::Args;
use wharf_model::image_ref::{ImageRef, ImageRefError};
use wharf_model::name::RepositoryName;

use super::end::ReachArgs;

/// Arguments of `probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The registry, HOST or HOST:PORT; or a repository in it that you may push to, and that is for nothing else
    /// [default: HOST/wharf/probe]
    #[arg(value_name = "HOST|HOST/REPOSITORY")]
    pub place: Probed,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The registry.
    pub host: String,
    /// Where it is tried there, if that was said.
    pub repository: Option<RepositoryName>,
}

impl FromStr for Probed {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_suffix('/').unwrap_or(text);
        if name.is_empty() {
            return Err(ImageRefError::Empty);
        }
        // A name alone is a repository anywhere else; but that is nothing that a registry could be asked for.
        if !name.contains('/') {
            return Ok(Probed { host: name.to_owned(), repository: None });
        }
        let (host, repository) = ImageRef::parse_repository(name)?;
        Ok(Probed { host, repository: Some(repository) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn what_is_probed() {
        let check = |text: &str, host: &str, repository: Option<&str>| {
            let found: Probed = text.parse().expect("a place");
            let named = found.repository.as_ref().map(RepositoryName::as_str);
            assert_eq!((&*found.host, named), (host, repository), "{text}");
        };
        check("localhost:5000", "localhost:5000", None);
        check("registry.example.com/", "registry.example.com", None);
        check("registry", "registry", None);
        check("registry.example.com/acme/try", "registry.example.com", Some("acme/try"));
        check("kim/try", "docker.io", Some("kim/try"));
        for wrong in ["", "/", "r.io/acme/app:1.0", "r.io/Acme"] {
            assert!(wrong.parse::<Probed>().is_err(), "{wrong}");
        }
    }
}
