//! The files that pages are drawn with: in the program, named by what is in them, so that browsers keep them for good.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wharf_model::digest::{Algorithm, Digest};

use super::reply;
use crate::respond::{self, Answer};

/// The style sheet, the script and the mark.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: Asset::new("css", "text/css; charset=utf-8", include_bytes!("../../static/wharf.css")),
    js: Asset::new("js", "text/javascript; charset=utf-8", include_bytes!("../../static/wharf.js")),
    mark: Asset::new("svg", "image/svg+xml", include_bytes!("../../static/mark.svg")),
});

/// See [`ASSETS`].
pub struct Assets {
    /// The style sheet.
    pub css: Asset,
    /// The script.
    pub js: Asset,
    /// What stands for Wharf in a browser's tabs.
    pub mark: Asset,
}

/// One file.
pub struct Asset {
    name: String,
    /// Where it is: `/-/static/wharf.<digest>.css`.
    pub path: String,
    media_type: &'static str,
    bytes: &'static [u8],
    packed: Bytes,
}

impl Asset {
    fn new(extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
        let digest = Digest::of(Algorithm::Sha256, bytes).hex();
        let name = format!("wharf.{}.{extension}", &digest[..16]);
        Asset { path: format!("/-/static/{name}"), name, media_type, bytes, packed: reply::pack(bytes, 9).into() }
    }
}

/// The file of that name.
pub fn answer(name: &str, headers: &HeaderMap) -> Option<Answer> {
    let assets = &*ASSETS;
    let asset = [&assets.css, &assets.js, &assets.mark].into_iter().find(|asset| asset.name == name)?;
    let is_packed = reply::takes_gzip(headers);
    let bytes = if is_packed { asset.packed.clone() } else { Bytes::from_static(asset.bytes) };
    let mut answer = respond::bytes(asset.media_type, bytes);
    *answer.status_mut() = StatusCode::OK;
    let told = answer.headers_mut();
    if is_packed {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    told.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a first visit costs on a slow line.
    #[test]
    fn they_are_small() {
        assert!(ASSETS.css.packed.len() <= 20 << 10, "{}", ASSETS.css.packed.len());
        assert!(ASSETS.js.packed.len() <= 15 << 10, "{}", ASSETS.js.packed.len());
        assert!(ASSETS.mark.packed.len() <= 1 << 10, "{}", ASSETS.mark.packed.len());
    }

    /// Nothing comes from elsewhere, whatever a page asks for.
    #[test]
    fn they_name_no_other_place() {
        for asset in [&ASSETS.css, &ASSETS.js, &ASSETS.mark] {
            let text = String::from_utf8_lossy(asset.bytes).replace("http://www.w3.org/2000/svg", "");
            for word in ["http://", "https://", "url(", "@import", "eval(", "innerHTML"] {
                assert!(!text.contains(word), "{}: {word}", asset.name);
            }
        }
    }
}
