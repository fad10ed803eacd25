//! `wharf share`.

use clap::{Args, ValueEnum};
use wharf_model::api::link::LinkForm;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::units::Seconds;

use super::remote::RemoteArgs;

/// Arguments of `share`.
#[derive(Debug, Args)]
pub struct ShareArgs {
    /// The artifact: HOST/REPOSITORY:TAG or @DIGEST
    #[arg(value_name = "REF")]
    pub image: ImageRef,
    /// A file or folder in it; all of it where nothing is said
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// For how long the link opens: 30m, 24h, 7d; at most 30d
    #[arg(long = "for", value_name = "DURATION", default_value = "24h")]
    pub lives: Seconds,
    /// In what form it is saved [default: file where there is a PATH, else tar]
    #[arg(long = "as", value_name = "FORM")]
    pub form: Option<FormArg>,
    /// Only what the layer with this digest has
    #[arg(long, value_name = "DIGEST")]
    pub layer: Option<Digest>,
    /// Which registry.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// In what form something is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormArg {
    /// A file as it is
    File,
    /// A folder as a tar
    Tar,
    /// A folder as a zip
    Zip,
}

impl ShareArgs {
    /// What the API calls it.
    pub fn link_form(&self) -> LinkForm {
        match self.form {
            Some(FormArg::File) => LinkForm::File,
            Some(FormArg::Tar) => LinkForm::Tar,
            Some(FormArg::Zip) => LinkForm::Zip,
            None if self.path.is_some() => LinkForm::File,
            None => LinkForm::Tar,
        }
    }
}
