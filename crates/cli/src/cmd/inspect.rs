//! `wharf inspect`: what something is, for people.

use anyhow::Result;
use wharf_artifact::detail::{self, Known};
use wharf_artifact::kind::Kinds;
use wharf_content::platform::Platforms;
use wharf_model::api::artifact::{ArtifactDetail, FactsState};
use wharf_model::api::facts::image::Image;
use wharf_model::api::facts::{Detail, Facts, Line, Listed};
use wharf_model::units::size;

use super::kinds;
use crate::Outcome;
use crate::args::end::End;
use crate::args::reference::InspectArgs;
use crate::end::Reach;
use crate::facts;
use crate::found::{self, By, Found};
use crate::moment::moment;
use crate::printer::Printer;
use crate::session;
use crate::table::{Table, printable, sheet};

/// How much of the line is shown that made a layer, in characters.
const STEP_CHARS: usize = 60;
/// The annotation by which files are named.
const TITLE: &str = "org.opencontainers.image.title";
/// Which commands are shown to people: how to get it, and what to do with it.
const SHOWN: [&str; 4] = ["pull", "use", "inspect", "verify"];

/// Runs the command.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn run(args: &InspectArgs, printer: &Printer) -> Result<Outcome> {
    let end = &args.look.end;
    let found = session::block_on_all(async {
        let reach = Reach::new(&args.look.reach)?;
        let found = Found::get(&reach, end, args.platform.as_ref()).await?;
        let summary = if args.raw { None } else { Some(summary(end, &found, !args.no_facts).await?) };
        Ok((found.fetched.bytes, summary))
    });
    match session::about(end, &end.place(), found)? {
        (bytes, None) => printer.bytes(&bytes)?,
        (_, Some(summary)) => printer.show(args.look.json, &summary, text)?,
    }
    Ok(Outcome::Done)
}

async fn summary(end: &End, found: &Found, with_facts: bool) -> Result<ArtifactDetail> {
    let (fetched, manifest) = (&found.fetched, found.manifest()?);
    let referrers = found::referrers(found.source(), &fetched.digest).await?.len();
    let tag = end.tag();
    let by = By { tag: tag.as_ref(), named_by: None };
    let told = found::decide(Kinds::built_in(), found.source(), &manifest, by).await?;
    let kind = told.decided.kind;
    let (facts, size) = if with_facts {
        let (facts, size) = facts::facts(found, &manifest, kind).await?;
        (Some(facts), size)
    } else {
        (None, detail::size(&manifest))
    };
    let commands = kinds::commands(kind, end, &manifest, &fetched.digest);
    let platforms = Platforms::of(&fetched.bytes);
    let known = Known {
        reference: end.to_string(),
        tag: tag.as_ref(),
        digest: fetched.digest,
        manifest,
        size,
        decided: told.decided,
        config: told.config.as_deref(),
        commands,
    };
    let mut detail = known.told(|child, nth| platforms.get(child).get(nth).map(ToString::to_string));
    detail.artifact.referrers = referrers as u64;
    detail.artifact.state = if facts.is_some() { FactsState::Ready } else { FactsState::None };
    let title = facts.as_ref().and_then(|facts| facts.title.clone());
    detail.artifact.title = title.or(detail.artifact.title);
    detail.facts = facts;
    Ok(detail)
}

fn image(detail: &ArtifactDetail) -> Option<&Image> {
    match &detail.facts.as_ref()?.detail {
        Some(Detail::Image(image)) => Some(image),
        _ => None,
    }
}

fn text(detail: &ArtifactDetail) -> String {
    let (artifact, image) = (&detail.artifact, image(detail));
    let bytes = size(artifact.size.unwrap_or(0));
    let layers = match detail.layers.len() {
        0 => bytes,
        1 => format!("{bytes} in 1 layer"),
        several => format!("{bytes} in {several} layers"),
    };
    let facts = detail.facts.as_ref();
    let words = |of: fn(&Image) -> &Listed<Line>| image.map(|image| words(of(image)));
    let sheet = sheet([
        ("reference", Some(detail.reference.clone())),
        ("digest", Some(artifact.digest.to_string())),
        ("kind", artifact.kind.as_ref().map(|kind| kind.title.clone())),
        ("media type", Some(artifact.media_type.to_string())),
        ("artifact type", artifact.artifact_type.clone().filter(|_| image.is_none())),
        ("size", Some(layers).filter(|_| detail.manifests.is_empty())),
        ("platform", image.map(platform)),
        ("created", facts.filter(|_| image.is_some()).and_then(|facts| facts.created).map(moment)),
        ("author", facts.filter(|_| image.is_some()).and_then(author)),
        ("user", image.and_then(|image| image.user.as_ref()).map(|user| user.as_str().to_owned())),
        ("entrypoint", words(|image| &image.entrypoint)),
        ("command", words(|image| &image.cmd)),
        ("folder", image.and_then(|image| image.working_dir.as_ref()).map(|folder| folder.as_str().to_owned())),
        ("ports", words(|image| &image.ports)),
        ("volumes", words(|image| &image.volumes)),
        ("subject", artifact.subject.as_ref().map(ToString::to_string)),
        ("referrers", Some(artifact.referrers.to_string())),
    ]);
    let told = match facts {
        // What there is to say of an image stands above, and beside its layers.
        Some(facts) if image.is_none() => facts::text(facts),
        _ => String::new(),
    };
    let commands = kinds::shown(&detail.commands, &SHOWN);
    let parts = [sheet, told, commands, annotations(detail), manifests(detail), self::layers(detail)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn platform(image: &Image) -> String {
    let variant = image.variant.iter().map(|variant| format!("/{}", variant.as_str()));
    format!("{}/{}{}", image.os.as_str(), image.architecture.as_str(), variant.collect::<String>())
}

fn author(facts: &Facts) -> Option<String> {
    facts.authors.first().map(|author| author.name.as_str().to_owned())
}

/// As a shell would want them, near enough to be read.
fn words(texts: &Listed<Line>) -> String {
    let quoted = |text: &Line| match text.as_str() {
        text if text.contains(' ') => format!("{text:?}"),
        text => text.to_owned(),
    };
    texts.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn annotations(detail: &ArtifactDetail) -> String {
    let lines = detail.annotations.iter();
    let lines: Vec<String> = lines.map(|(key, text)| printable(&format!("  {key}: {text}"))).collect();
    if lines.is_empty() { String::new() } else { format!("annotations:\n{}", lines.join("\n")) }
}

fn manifests(detail: &ArtifactDetail) -> String {
    let mut table = Table::new(&["PLATFORM", "DIGEST", "MEDIA TYPE"]);
    for listed in &detail.manifests {
        let (platform, descriptor) = (listed.platform.clone().unwrap_or_default(), &listed.descriptor);
        table.row([platform, descriptor.digest.to_string(), descriptor.media_type.to_string()]);
    }
    if detail.manifests.is_empty() { String::new() } else { table.text() }
}

fn layers(detail: &ArtifactDetail) -> String {
    let titles = detail.layers.iter().map(|layer| layer.annotations.as_ref()?.get(TITLE).cloned());
    let (titles, steps) = (titles.collect::<Vec<_>>(), steps(detail));
    let (heading, texts) = match (titles.iter().any(Option::is_some), steps) {
        (false, Some(steps)) => ("MADE BY", steps.into_iter().map(Some).collect()),
        _ => ("TITLE", titles),
    };
    let mut table = Table::new(&["LAYER", "SIZE", "MEDIA TYPE", heading]);
    for (layer, text) in detail.layers.iter().zip(texts) {
        let text = text.unwrap_or_default();
        table.row([layer.digest.to_string(), size(layer.size), layer.media_type.to_string(), text]);
    }
    if detail.layers.is_empty() { String::new() } else { table.text() }
}

/// What each layer was made by, where the image says that of all.
fn steps(detail: &ArtifactDetail) -> Option<Vec<String>> {
    let steps = image(detail)?.history.iter().filter(|step| !step.empty);
    let steps: Vec<String> = steps.map(|step| made_by(step.created_by.as_str())).collect();
    (steps.len() == detail.layers.len()).then_some(steps)
}

/// The line of a build file, without what builders put around it.
fn made_by(text: &str) -> String {
    let text = text.trim_end_matches("# buildkit").trim();
    let text = match text.strip_prefix("/bin/sh -c ") {
        Some(rest) => rest.strip_prefix("#(nop) ").map_or_else(|| format!("RUN {rest}"), |rest| rest.trim().to_owned()),
        None => text.to_owned(),
    };
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = short.char_indices().nth(STEP_CHARS) {
        short.truncate(at);
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_build_files() {
        let check = |text: &str, expect: &str| assert_eq!(made_by(text), expect);
        check("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]");
        check("/bin/sh -c apt-get  update &&\tapt-get install -y x", "RUN apt-get update && apt-get install -y x");
        check("COPY a b # buildkit", "COPY a b");
        check("", "");
        assert_eq!(made_by(&"é".repeat(100)).chars().count(), STEP_CHARS + 1);
    }
}
