//! `wharf push` and `wharf pull`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use wharf_content::platform::Platform;
use wharf_model::image_ref::ImageRef;
use wharf_model::name::Tag;
use wharf_model::units::Seconds;

use super::end::{End, ReachArgs};

/// The longest time that something is said to be of use for, in seconds: a hundred years.
const LIFETIME_SECONDS_MAX: u64 = 100 * 365 * 86_400;

/// Arguments of `push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// A folder; or files, each as PATH or PATH:MEDIA-TYPE
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Where to: HOST/REPOSITORY[:TAG], oci:FOLDER[:TAG]
    #[arg(value_name = "REF")]
    pub target: End,
    /// Further tags for the same artifact
    #[arg(short, long = "tag", value_name = "TAG")]
    pub tags: Vec<Tag>,
    /// Leave out what matches, in the syntax of .gitignore; also read from .wharfignore files
    #[arg(short = 'x', long, value_name = "PATTERN", help_heading = "Content")]
    pub exclude: Vec<String>,
    /// Keep the times of files; else all are 1980-01-02, and the same content is the same artifact
    #[arg(long, help_heading = "Content")]
    pub keep_times: bool,
    /// Keep owner and group, as numbers; else all is root's
    #[arg(long, help_heading = "Content")]
    pub keep_owners: bool,
    /// Keep the exact permissions; else 0755 or 0644
    #[arg(long, help_heading = "Content")]
    pub keep_modes: bool,
    /// Keep extended attributes
    #[arg(long, help_heading = "Content")]
    pub xattrs: bool,
    /// At most 100 layers, so that a container runtime can mount it; else at most 1,000, so that less travels after a change
    #[arg(long, help_heading = "Content")]
    pub mountable: bool,
    /// Everything in gzip, for readers that know nothing else
    #[arg(long, help_heading = "Content")]
    pub compat: bool,
    /// Send it although some of it looks like a credential
    #[arg(long, help_heading = "Content")]
    pub allow_secrets: bool,
    /// Read all of it, also where size and time say that it is as it was when it was pushed before
    #[arg(long, help_heading = "Content")]
    pub verify: bool,
    /// Free text by key
    #[arg(short, long = "annotation", value_name = "KEY=TEXT", value_parser = annotation, help_heading = "Description")]
    pub annotations: Vec<(String, String)>,
    /// The type of the artifact, as a media type
    #[arg(long, value_name = "TYPE", help_heading = "Description")]
    pub artifact_type: Option<String>,
    /// What it is attached to, in the same repository: :TAG or @DIGEST or the whole reference. It has no tag then but those of
    /// --tag
    #[arg(long, value_name = "REF", help_heading = "Description")]
    pub subject: Option<String>,
    /// It is of use for this long: 90m, 24h, 7d; retention may remove it then
    #[arg(long, value_name = "TIME", value_parser = lifetime, help_heading = "Description")]
    pub expires: Option<Duration>,
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

/// Arguments of `pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// What: HOST/REPOSITORY[:TAG|@DIGEST], oci:FOLDER[:TAG]
    #[arg(value_name = "REF")]
    pub source: End,
    /// Where to; made where there is none
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Also remove what an earlier pull brought and is not in the artifact any more, unless it was changed since
    #[arg(long)]
    pub sync: bool,
    /// Fetch everything again, also where size and time say that it is there
    #[arg(long)]
    pub force: bool,
    /// Read what is there and fetch what is not as it was pulled, rather than trust size and time
    #[arg(long, conflicts_with = "force")]
    pub verify: bool,
    /// Of an index, the one for this platform [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
    /// Set owner and group, which only root may
    #[arg(long)]
    pub owners: bool,
    /// Set extended attributes
    #[arg(long)]
    pub xattrs: bool,
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

pub(super) fn annotation(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=TEXT")?;
    if key.is_empty() { Err("the key is missing".to_owned()) } else { Ok((key.to_owned(), value.to_owned())) }
}

/// A number of minutes, hours, days or weeks: at most a hundred years.
fn lifetime(text: &str) -> Result<Duration, String> {
    let found = text.parse().ok().filter(|_| !text.ends_with('s')).map(|Seconds(seconds)| u64::from(seconds));
    let found = found.filter(|seconds| (1..=LIFETIME_SECONDS_MAX).contains(seconds));
    found.map(Duration::from_secs).ok_or_else(|| "write a number and m, h, d or w: 90m, 24h, 7d".to_owned())
}

/// The subject of an artifact that goes to `target`: written whole, or by `:TAG` or `@DIGEST` alone.
///
/// # Errors
/// It is neither, or in another repository.
pub fn subject(text: &str, target: &ImageRef) -> Result<ImageRef, String> {
    let whole = match text.chars().next() {
        Some(':' | '@') => format!("{}/{}{text}", target.host, target.repository),
        _ => text.to_owned(),
    };
    let found: ImageRef = whole.parse().map_err(|error| format!("{text}: {error}"))?;
    let is_here = found.host == target.host && found.repository == target.repository;
    if is_here {
        Ok(found)
    } else {
        Err(format!("{text} is in another repository; what is attached lies beside its subject"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn lifetimes() {
        let check =
            |text: &str, expect: Option<u64>| assert_eq!(lifetime(text).ok().map(|found| found.as_secs()), expect);
        check("90m", Some(5_400));
        check("24h", Some(86_400));
        check("7d", Some(604_800));
        check("2w", Some(1_209_600));
        check("1m", Some(60));
        check("36500d", Some(LIFETIME_SECONDS_MAX));
        for wrong in ["", "h", "0h", "-1h", "24", "60s", "1y", "1.5h", "36501d", "99999999w", "1é"] {
            check(wrong, None);
        }
    }

    #[test]
    fn annotations() {
        assert_eq!(annotation("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(annotation("a="), Ok(("a".to_owned(), String::new())));
        assert!(annotation("a").is_err() && annotation("=b").is_err());
    }

    #[test]
    fn subjects() {
        let target: ImageRef = "host:5000/acme/app:1".parse().expect("a reference");
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(
                subject(text, &target).ok().map(|found| found.reference().to_string()).as_deref(),
                expect,
                "{text}"
            );
        };
        let digest = format!("sha256:{}", "a".repeat(64));
        check(":2", Some("2"));
        check(&format!("@{digest}"), Some(&digest));
        check("host:5000/acme/app:3", Some("3"));
        check("host:5000/acme/other:3", None);
        check(":", None);
    }
}
