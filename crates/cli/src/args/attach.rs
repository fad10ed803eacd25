//! `wharf attach`.

use std::path::PathBuf;

use clap::Args;
use wharf_model::image_ref::ImageRef;

use super::end::{End, ReachArgs};
use super::push::{PushArgs, annotation};

/// Arguments of `attach`.
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// What it is attached to: HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST
    #[arg(value_name = "REF")]
    pub image: ImageRef,
    /// Files, each as PATH or PATH:MEDIA-TYPE; or a folder
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// What it is, as a media type: by this it is found again
    #[arg(long, value_name = "TYPE")]
    pub artifact_type: String,
    /// Free text by key
    #[arg(short, long = "annotation", value_name = "KEY=TEXT", value_parser = annotation)]
    pub annotations: Vec<(String, String)>,
    /// Print a report as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

impl AttachArgs {
    /// The same as a push: into the repository of what it is attached to, and without a tag.
    pub fn as_push(&self) -> PushArgs {
        let target = End::Registry(ImageRef { tag: None, digest: None, ..self.image.clone() });
        PushArgs {
            paths: self.paths.clone(),
            target,
            tags: Vec::new(),
            exclude: Vec::new(),
            keep_times: false,
            keep_owners: false,
            keep_modes: false,
            xattrs: false,
            mountable: false,
            compat: false,
            verify: false,
            allow_secrets: false,
            annotations: self.annotations.clone(),
            artifact_type: Some(self.artifact_type.clone()),
            subject: Some(self.image.to_string()),
            expires: None,
            json: self.json,
            quiet: self.quiet,
            reach: self.reach.clone(),
        }
    }
}
