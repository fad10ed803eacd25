//! Something to be saved: a file of an artifact, an archive of its files, the program. Whole or in part, under a name that is safe, and as bytes
//! that no browser runs or draws as a page of ours.

use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_artifact::archive::Format;
use wharf_content::body::Body;
use wharf_model::code::ErrorCode;
use wharf_model::digest::Digest;
use wharf_model::media;
use wharf_model::range::{self, ByteRange, Requested};
use wharf_registry::error::Error;
use wharf_registry::files::{FoundArchive, FoundFile, Where};
use wharf_registry::pull::Served;
use wharf_registry::registry::{Access, Registry};

use crate::body::ResponseBody;
use crate::error::Failure;
use crate::origin::Sender;
use crate::program::Program;
use crate::respond::{self, Answer};

/// Longest name that is proposed where only plain characters are understood, in bytes.
const PLAIN_NAME_BYTES_MAX: usize = 120;

/// Something that can be saved.
enum Offer {
    File(FoundFile),
    Archive(FoundArchive),
    Program(Program),
}

impl Offer {
    fn size(&self) -> u64 {
        match self {
            Offer::File(file) => file.size,
            Offer::Archive(archive) => archive.size(),
            Offer::Program(program) => program.size,
        }
    }

    fn tag(&self) -> Digest {
        match self {
            Offer::File(file) => file.tag,
            Offer::Archive(archive) => archive.tag,
            Offer::Program(program) => program.digest,
        }
    }

    fn name(&self) -> String {
        match self {
            Offer::File(file) => file.name.clone(),
            Offer::Archive(archive) => format!("{}.{}", archive.name, archive.format()),
            Offer::Program(_) => "wharf".to_owned(),
        }
    }

    fn media_type(&self) -> &'static str {
        match self {
            Offer::File(_) | Offer::Program(_) => media::OCTET_STREAM,
            Offer::Archive(archive) => archive.format().media_type(),
        }
    }

    async fn open(self, registry: &Registry, part: Option<ByteRange>) -> Result<Body, Error> {
        match self {
            Offer::Archive(archive) => Ok(registry.open_archive(archive, part)),
            Offer::Program(program) => Ok(program.open(part)),
            Offer::File(file) => match registry.open_file(&file, part).await? {
                Served::Body(body) => Ok(body),
                Served::Redirect(_) => Err(Error::Internal("the heap names an address for its bytes".to_owned())),
            },
        }
    }
}

/// A file of an artifact, or the part that is asked for, to be saved under its name.
///
/// # Errors
/// As [`Registry::file`] and [`Registry::open_file`].
pub(crate) async fn file(registry: &Registry, found: FoundFile, request: &Parts) -> Result<Answer, Failure> {
    answer(registry, Offer::File(found), request).await
}

/// The files of a folder in an artifact as an archive, or the part that is asked for.
///
/// # Errors
/// As [`Registry::archive`].
pub(crate) async fn archive(
    registry: &Registry,
    access: &Access,
    reference: &wharf_model::name::Reference,
    asked: &Where,
    format: Format,
    request: &Parts,
) -> Result<Answer, Failure> {
    let from = request.extensions.get::<Sender>().map(|sender| sender.0);
    let found = registry.archive(access, reference, asked, format, from).await?;
    answer(registry, Offer::Archive(found), request).await
}

/// The program itself, or the part that is asked for.
///
/// # Errors
/// None of its own.
pub(crate) async fn program(registry: &Registry, program: Program, request: &Parts) -> Result<Answer, Failure> {
    answer(registry, Offer::Program(program), request).await
}

async fn answer(registry: &Registry, offer: Offer, request: &Parts) -> Result<Answer, Failure> {
    let headers = &request.headers;
    let (size, tag) = (offer.size(), offer.tag());
    if let Some(mut answer) = respond::conditional(headers, &tag) {
        // It is not the digest of what is answered.
        answer.headers_mut().remove(respond::DOCKER_CONTENT_DIGEST);
        return Ok(guarded(answer));
    }
    let range = headers.get(header::RANGE).filter(|_| respond::may_be_part(headers, &tag));
    let is_head = request.method == http::Method::HEAD;
    let part = match range::requested(range.and_then(|range| range.to_str().ok()), size) {
        Requested::Part(part) if !is_head => Some(part),
        Requested::Whole | Requested::Part(_) => None,
        Requested::Unsatisfiable => return Ok(guarded(unsatisfiable(size))),
    };
    let (name, media_type) = (offer.name(), offer.media_type());
    let mut answer = if is_head {
        respond::empty(StatusCode::OK)
    } else {
        Answer::new(ResponseBody::stream(offer.open(registry, part).await?))
    };
    if let Some(part) = part {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format_args!("bytes {}-{}/{size}", part.start, part.end - 1);
        respond::set(&mut answer, header::CONTENT_RANGE, range);
    }
    respond::set(&mut answer, header::CONTENT_LENGTH, part.map_or(size, |part| part.len()));
    respond::set(&mut answer, header::ETAG, format_args!("\"{tag}\""));
    respond::set(&mut answer, header::CONTENT_DISPOSITION, disposition(&name));
    respond::set(&mut answer, header::CONTENT_TYPE, media_type);
    answer.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(guarded(answer))
}

fn unsatisfiable(size: u64) -> Answer {
    let message = format!("it has {size} bytes");
    let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::SizeInvalid, message);
    let mut answer = failure.detail(serde_json::json!({ "size": size })).response();
    respond::set(&mut answer, header::CONTENT_RANGE, format_args!("bytes */{size}"));
    answer
}

/// What people pushed never runs as a page of ours.
fn guarded(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    answer
}

/// To be saved under a name: once as everybody understands it (curl among them), once with all of its characters (RFC 6266).
fn disposition(name: &str) -> String {
    let all = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("attachment; filename={}; filename*=UTF-8''{all}", plain_name(name))
}

/// A name of plain characters, which leads nowhere and hides nothing.
pub(crate) fn plain_name(name: &str) -> String {
    let plain = |character: char| {
        let is_plain = character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | '+');
        if is_plain { character } else { '_' }
    };
    // What stands at its end says what it is.
    let skipped = name.chars().count().saturating_sub(PLAIN_NAME_BYTES_MAX);
    let name: String = name.chars().skip(skipped).map(plain).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, expect: &str| assert_eq!(disposition(name), expect, "{name}");
        check("a-1.0.tar", "attachment; filename=a-1.0.tar; filename*=UTF-8''a%2D1%2E0%2Etar");
        check("..", "attachment; filename=file; filename*=UTF-8''%2E%2E");
        check("-rf", "attachment; filename=rf; filename*=UTF-8''%2Drf");
        check("a\"; x=\u{e9}/", "attachment; filename=a___x___; filename*=UTF-8''a%22%3B%20x%3D%C3%A9%2F");
        assert_eq!(plain_name(&"n".repeat(500)).len(), PLAIN_NAME_BYTES_MAX);
    }
}
