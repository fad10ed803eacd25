//! Certificates beside signatures: whose they are, by whom, for how long, and what Fulcio says of the build that asked for
//! one (sigstore/fulcio docs/oid-info.md). Nothing is checked.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use wharf_model::api::facts::supply::Certificate;
use wharf_model::api::facts::{Line, Listed, Named};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Largest certificate that is read, in bytes; people's have a few thousand. What names its parts may be one number of any
/// length, and to write that takes time by the square of it.
const CERTIFICATE_BYTES_MAX: usize = 16 << 10;
/// What stands before the number of Fulcio's extensions.
const FULCIO: &str = "1.3.6.1.4.1.57264.1.";
/// Fulcio's extensions, by number.
const CLAIMS: [(&str, &str); 19] = [
    ("2", "workflow trigger"),
    ("3", "workflow commit"),
    ("4", "workflow name"),
    ("5", "workflow repository"),
    ("6", "workflow ref"),
    ("8", "issuer"),
    ("9", "build signer"),
    ("10", "build signer digest"),
    ("11", "runner"),
    ("12", "source repository"),
    ("13", "source digest"),
    ("14", "source ref"),
    ("16", "source owner"),
    ("18", "build config"),
    ("19", "build config digest"),
    ("20", "build trigger"),
    ("21", "run"),
    ("22", "source visibility"),
    ("1", "issuer (old)"),
];

/// Base64 as signers write it: padded or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// The bytes that `text` means, in either alphabet, with line feeds or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|one| !one.is_ascii_whitespace()).collect();
    let engine: &GeneralPurpose = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).ok()
}

/// The first certificate in `text`, which is PEM (RFC 7468).
pub(super) fn pem(text: &str) -> Result<Certificate, String> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").ok_or("there is no certificate in it")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or("the certificate has no end")?;
    der(&base64(body).ok_or("the certificate is no base64")?)
}

/// The certificate that `bytes` are.
///
/// # Errors
/// It is none; in words for people.
pub(super) fn der(bytes: &[u8]) -> Result<Certificate, String> {
    if bytes.len() > CERTIFICATE_BYTES_MAX {
        return Err(format!("the certificate has more than {CERTIFICATE_BYTES_MAX} bytes"));
    }
    let (_, parsed) =
        X509Certificate::from_der(bytes).map_err(|error| format!("it is no X.509 certificate: {error}"))?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let claims = parsed.extensions().iter().filter_map(|extension| {
        let oid = extension.oid.to_id_string();
        let number = oid.strip_prefix(FULCIO)?;
        let (_, name) = CLAIMS.iter().find(|(known, _)| *known == number)?;
        Some(Named::new(name, &utf8_string(extension.value)))
    });
    Ok(Certificate {
        subject: Line::new(&parsed.subject().to_string()),
        issuer: Line::new(&parsed.issuer().to_string()),
        serial: Line::new(&parsed.raw_serial_as_string()),
        not_before: parsed.validity().not_before.timestamp().saturating_mul(1_000),
        not_after: parsed.validity().not_after.timestamp().saturating_mul(1_000),
        names: names.filter_map(general_name).collect::<Listed<Line>>(),
        claims: claims.collect(),
    })
}

fn general_name(name: &GeneralName<'_>) -> Option<Line> {
    match name {
        GeneralName::RFC822Name(text) | GeneralName::DNSName(text) | GeneralName::URI(text) => Line::some(text),
        // Fulcio's name of somebody who is known by user name.
        GeneralName::OtherName(_, bytes) => Line::some(&utf8_string(bytes)),
        _ => None,
    }
}

/// The text in a value: the newer extensions hold it as DER's UTF8String, the older as it is.
fn utf8_string(bytes: &[u8]) -> String {
    let text = match bytes {
        [0x0c, length, rest @ ..] if usize::from(*length) == rest.len() && *length < 0x80 => rest,
        [0x0c, 0x81, _, rest @ ..] | [0x0c, 0x82, _, _, rest @ ..] => rest,
        // In a context tag, as an other name has it.
        [0xa0, _, 0x0c, _, rest @ ..] => rest,
        other => other,
    };
    String::from_utf8_lossy(text).into_owned()
}
