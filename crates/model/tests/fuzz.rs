//! Every parser of the room, fed with what nobody meant it to read. Not only that it stands: what it lets through prints and
//! parses to the same, is within its bounds, and is what a second, simpler reading of the grammar lets through.
//!
//! The kept corpus is `__fuzz__/<target>/corpus`: whatever broke a parser once belongs there. It runs briefly with the other
//! tests; `BOLERO_RANDOM_TEST_TIME_MS=60000 cargo test -p wharf-model --test fuzz` digs deeper.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::id::Id;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::{
    MANIFEST_DESCRIPTORS_MAX, MEDIA_TYPE_BYTES_MAX, NAME_BYTES_MAX, PAGE_ENTRIES_MAX, SCOPES_MAX, TAG_BYTES_MAX,
};
use wharf_model::manifest::Manifest;
use wharf_model::media::MediaType;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};
use wharf_model::page::Page;
use wharf_model::range::{self, ByteRange, Requested};
use wharf_model::route::Route;
use wharf_model::scope::Scope;
use wharf_model::search::{Query, Term, version};
use wharf_model::tag_order;
use wharf_testkit::fuzz::{BRIEFLY, Feed};

const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn feed(target: &str, words: &[&str]) -> Feed {
    Feed::new(format!("{}/tests/__fuzz__/{target}", env!("CARGO_MANIFEST_DIR")), words)
}

/// A target that hands each text to `$check`.
macro_rules! fuzz_text {
    ($target:ident, $words:expr, $check:expr) => {
        #[test]
        fn $target() {
            let feed = feed(stringify!($target), $words);
            bolero::check!(name = stringify!($target))
                .with_test_time(BRIEFLY)
                .for_each(|input: &[u8]| feed.each_text(input, $check));
        }
    };
}

/// What parses is printed as it came.
fn prints_as_it_came<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let parsed: T = text.parse().ok()?;
    assert_eq!(parsed.to_string(), text);
    Some(parsed)
}

// --- names

/// The component's grammar, `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, as an automaton.
fn is_component(text: &str) -> bool {
    let mut state = "start";
    for character in text.chars() {
        state = match (state, character) {
            (_, 'a'..='z' | '0'..='9') => "word",
            ("word", '.') => "closed",
            ("word", '_') => "underscore",
            ("underscore", '_') => "closed",
            ("word" | "dash", '-') => "dash",
            _ => return false,
        };
    }
    state == "word"
}

fn is_tag(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '_');
    first && text.len() <= TAG_BYTES_MAX && characters.all(|one| one.is_ascii_alphanumeric() || "_.-".contains(one))
}

fn is_digest(text: &str) -> bool {
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    text.strip_prefix("sha256:").is_some_and(|text| hex(text, 64))
        || text.strip_prefix("sha512:").is_some_and(|text| hex(text, 128))
}

fuzz_text!(name, &["/", "a", "acme", "0", ".", "_", "__", "-", "---", "A", "é", "..", "blobs"], |text| {
    let name = prints_as_it_came::<RepositoryName>(text);
    let expect = text.len() <= NAME_BYTES_MAX && text.split('/').all(is_component);
    assert_eq!(name.is_some(), expect, "{text:?}");
    let project = prints_as_it_came::<ProjectName>(text);
    assert_eq!(project.is_some(), expect && !text.contains('/'), "{text:?}");
    if let Some(name) = name {
        assert!(is_component(name.project().as_str()));
        assert!(text.starts_with(name.project_str()));
    }
});

fuzz_text!(
    reference,
    &["latest", "v1", ".", "-", "_", ":", "sha256:", "sha512:", SHA256, "0", "A", "/", "@"],
    |text| {
        assert_eq!(prints_as_it_came::<Tag>(text).is_some(), is_tag(text), "{text:?}");
        assert_eq!(prints_as_it_came::<Digest>(text).is_some(), is_digest(text), "{text:?}");
        let reference = prints_as_it_came::<Reference>(text);
        assert_eq!(reference.is_some(), is_tag(text) || is_digest(text), "{text:?}");
    }
);

fuzz_text!(
    digest,
    &["sha256:", "sha512:", "md5:", ":", "0", "e3b0c442", "98fc1c149afbf4c8", "E", "g", SHA256],
    |text| {
        let Some(digest) = prints_as_it_came::<Digest>(text) else {
            return assert!(!is_digest(text), "{text:?}");
        };
        assert_eq!(Digest::new(digest.algorithm(), digest.as_bytes()), Some(digest));
        assert_eq!(format!("{}:{}", digest.algorithm(), digest.hex()), text);
        assert!(is_tag(&digest.referrers_tag()));
        assert_eq!(Digest::of_referrers_tag(&digest.referrers_tag()), (digest.hex().len() == 64).then_some(digest));
        let json = serde_json::to_string(&digest).expect("a string");
        assert_eq!(serde_json::from_str::<Digest>(&json).expect("what was just written"), digest);
    }
);

fuzz_text!(
    image_ref,
    &[
        "docker.io",
        "index.docker.io",
        "library",
        "localhost",
        "Host",
        "r.io",
        "[::1]",
        ":5000",
        ":65536",
        "/",
        ":",
        "@",
        "latest",
        "://",
        "-",
        ".",
        SHA256
    ],
    |text| {
        let Ok(image) = text.parse::<ImageRef>() else { return };
        let printed = image.to_string();
        assert_eq!(printed.parse(), Ok(image.clone()), "{text:?} {printed:?}");
        assert!(image.tag.is_some() || image.digest.is_some(), "it names something: {text:?}");
        assert!(image.repository.as_str().split('/').all(is_component), "{text:?}");
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"[]:.-".contains(&byte);
        assert!(!image.host.is_empty() && image.host.bytes().all(is_host), "{text:?}");
        assert_eq!(image.reference().to_string().contains(':'), image.digest.is_some(), "the digest counts: {text:?}");
        let place = ImageRef::parse_repository(&format!("{}/{}", image.host, image.repository));
        assert_eq!(place, Ok((image.host, image.repository)));
    }
);

fuzz_text!(id, &["0", "a", "F", "0123456789abcdef", "-"], |text| {
    if let Ok(id) = text.parse::<Id>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
        assert_eq!(id.to_string().parse(), Ok(id));
    }
});

fuzz_text!(
    media_type,
    &["application", "/", "vnd.oci.image", "+json", ";", "charset=utf-8", " ", "\"", ",", "\r\n"],
    |text| {
        let Ok(media_type) = text.parse::<MediaType>() else { return };
        prints_as_it_came::<MediaType>(media_type.as_str()).expect("without parameters, as it came");
        assert!(media_type.as_str().len() <= MEDIA_TYPE_BYTES_MAX);
        assert!(media_type.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "fit for a header: {media_type}");
        let trimmed = text.split(';').next().unwrap_or_default().trim();
        assert_eq!(media_type.as_str(), trimmed);
    }
);

// --- paths

fuzz_text!(
    route,
    &[
        "/v2/",
        "/v2",
        "/",
        "_catalog",
        "acme",
        "app",
        "/manifests/",
        "/blobs/",
        "/blobs/uploads/",
        "/uploads/",
        "/tags/list",
        "/referrers/",
        SHA256,
        "latest",
        "%2F",
        "%2f",
        "%00",
        "%",
        "%41",
        "%C3%A9",
        "..",
        "?",
        "é",
        "session",
    ],
    |path| {
        let Ok(route) = Route::parse(path) else { return };
        let printed = route.to_string();
        assert!(printed.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte)), "a path: {printed}");
        assert_eq!(Route::parse(&printed), Ok(route.clone()), "{path:?} {printed:?}");
        if let Some(name) = route.repository() {
            assert!(name.as_str().split('/').all(is_component), "{path:?}");
            assert!(printed.starts_with(&format!("/v2/{name}/")));
        }
    }
);

// --- headers and parameters

fuzz_text!(
    range_requested,
    &[
        "bytes=",
        "bytes",
        "=",
        "-",
        "0",
        "1",
        "9",
        "10",
        "18446744073709551615",
        "18446744073709551616",
        ",",
        " ",
        "+",
        "lines="
    ],
    |header| {
        for size in [0, 1, 2, 10, 1000, u64::MAX] {
            let requested = range::requested(Some(header), size);
            if let Requested::Part(ByteRange { start, end }) = requested {
                assert!(start < end && end <= size, "{header:?} of {size}: {start}..{end}");
                let asked = if end == size { format!("bytes={start}-") } else { format!("bytes={start}-{}", end - 1) };
                assert_eq!(range::requested(Some(&asked), size), requested, "{asked}");
            }
            if header.contains(',') || !header.contains("bytes=") {
                assert_eq!(requested, Requested::Whole, "{header:?}");
            }
        }
    }
);

fuzz_text!(
    range_chunk,
    &["bytes ", "bytes=", "-", "0", "1", "9", "10", "18446744073709551615", "18446744073709551614", "/", "*", " ", "+"],
    |header| {
        let Some(range) = range::chunk(header) else { return };
        assert!(range.start < range.end && !range.is_empty(), "{header:?}");
        assert_eq!(range.len(), range.end - range.start);
        for spelling in ["", "bytes ", "bytes="] {
            assert_eq!(
                range::chunk(&format!("{spelling}{}-{}", range.start, range.end - 1)),
                Some(range),
                "{header:?}"
            );
        }
    }
);

fuzz_text!(
    page,
    &["0", "7", "10000", "10001", "99999999999999999999999", "-", "+", "\n", " ", "٣", "latest", "\0"],
    |text| {
        let (n, last) = text.split_once('\n').map_or((text, None), |(n, last)| (n, Some(last)));
        let page = Page::parse(Some(n), last);
        let is_number = !n.is_empty() && n.chars().all(|digit| digit.is_ascii_digit());
        let is_text = last.is_none_or(|last| !last.chars().any(char::is_control));
        assert_eq!(page.is_ok(), is_number && is_text, "{text:?}");
        if let Ok(page) = page {
            let digits = n.trim_start_matches('0');
            let expect =
                if digits.len() > 9 { PAGE_ENTRIES_MAX } else { digits.parse().unwrap_or(0).min(PAGE_ENTRIES_MAX) };
            assert_eq!(page.limit, expect, "{n:?}");
            assert_eq!(page.after.as_deref(), last.filter(|last| !last.is_empty()));
        }
    }
);

fuzz_text!(
    scope,
    &[
        "repository",
        "registry",
        ":",
        "acme/app",
        "catalog",
        "pull",
        "push",
        ",",
        "*",
        "(plugin)",
        "(",
        " ",
        "host:5000/a"
    ],
    |text| {
        if let Ok(scope) = text.parse::<Scope>() {
            let printed = scope.to_string();
            assert_eq!(printed.parse::<Scope>().ok(), Some(scope.clone()), "{text:?} {printed:?}");
            assert!(!scope.actions.is_empty() && scope.actions.len() <= 16);
            assert!(
                scope.name.len() <= 512 && scope.kind.len() <= 64 && scope.actions.iter().all(|one| one.len() <= 64)
            );
        }
        let all = Scope::parse_all(text);
        assert!(all.len() <= SCOPES_MAX);
        let printed: Vec<_> = all.iter().map(Scope::to_string).collect();
        assert_eq!(Scope::parse_all(&printed.join(" ")), all, "{text:?}");
    }
);

// --- manifests

#[test]
fn manifest() {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"schemaVersion\":2",
        "\"schemaVersion\":1",
        "\"mediaType\":",
        "\"config\":",
        "\"layers\":[]",
        "\"Layers\":[]",
        "\"layer\u{17f}\":[]",
        "\"manifests\":[]",
        "\"blobs\":[]",
        "\"subject\":",
        "null",
        "\"annotations\":{}",
        "\"artifactType\":\"a/b\"",
        "\"application/vnd.oci.image.manifest.v1+json\"",
        "\\u0000",
        "-1",
        "\"application/vnd.oci.image.index.v1+json\"",
        "1e999",
        "{\"mediaType\":\"a/b\",\"size\":2,\"digest\":\"",
        "\"Digest\":\"",
        SHA256,
        "\"}",
    ];
    let feed = feed("manifest", &words);
    bolero::check!(name = "manifest")
        .with_test_time(BRIEFLY)
        .with_max_len(8192)
        .for_each(|input: &[u8]| feed.each(input, check_manifest));
}

fn check_manifest(bytes: &[u8]) {
    let octets: MediaType = "application/octet-stream".parse().expect("a media type");
    let Ok(manifest) = Manifest::parse(bytes, None) else {
        return assert!(
            Manifest::parse(bytes, Some(&octets)).is_err(),
            "a Content-Type that says nothing changes nothing"
        );
    };
    assert!(manifest.descriptors().count() <= MANIFEST_DESCRIPTORS_MAX);
    assert!(
        manifest.manifests.is_empty() || manifest.config.is_none() && manifest.layers.is_empty(),
        "one thing at a time"
    );
    let again = Manifest::parse(bytes, Some(&manifest.media_type)).expect("under its own media type it is the same");
    assert_eq!(again.media_type, manifest.media_type);
    assert_eq!(digests(&again), digests(&manifest));
    check_reading(bytes, &manifest);
    check_descriptors(&manifest);
    let end = bytes.trim_ascii_end().len();
    for cut in [1, 2, end / 2, end - 1] {
        assert!(Manifest::parse(&bytes[..cut.min(end - 1)], None).is_err(), "what was cut off is no manifest");
    }
}

fn digests(manifest: &Manifest) -> Vec<Digest> {
    manifest.descriptors().map(|(_, one)| one.digest).collect()
}

/// A reader that matches keys without regard to case, as Go's does, finds the same.
fn check_reading(bytes: &[u8], manifest: &Manifest) {
    // Half a surrogate pair, or a number beyond all numbers, is passed over where nobody asks for it, and has no value.
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let value = value.as_object().expect("a manifest is an object");
    let fold = |key: &str| key.replace('\u{17f}', "s").replace('\u{212a}', "k").to_lowercase();
    let keys: HashSet<String> = value.keys().map(|key| fold(key)).collect();
    let count = |key: &str| value.get(key).and_then(|list| list.as_array()).map_or(0, Vec::len);
    assert_eq!(manifest.layers.len(), count("layers") + count("blobs"));
    assert_eq!(manifest.manifests.len(), count("manifests"));
    for key in ["config", "layers", "blobs", "manifests", "subject"] {
        assert_eq!(keys.contains(key), value.contains_key(key), "{key} is there in another spelling");
        let inside =
            value.get(key).into_iter().flat_map(|one| one.as_array().map_or(std::slice::from_ref(one), |all| all));
        for descriptor in inside.filter_map(|one| one.as_object()) {
            let known = |known: &str| descriptor.keys().filter(|key| fold(key) == known).count() <= 1;
            assert!(["digest", "size", "mediatype", "urls"].into_iter().all(known), "{descriptor:?}");
        }
    }
}

/// What is served of it can be read again.
fn check_descriptors(manifest: &Manifest) {
    let referrer = manifest.as_referrer(Digest::of(Algorithm::Sha256, b""), 7);
    for descriptor in manifest.descriptors().map(|(_, one)| one).chain([&referrer]) {
        let json = serde_json::to_string(descriptor).expect("a descriptor is plain");
        let again: Descriptor = serde_json::from_str(&json).expect("what was just written");
        assert_eq!(again, *descriptor);
    }
}

// --- what is searched for

fuzz_text!(
    query,
    &[
        " ",
        "-",
        "\"",
        "\\",
        ":",
        "*",
        "=",
        "<",
        ">=",
        "kind:",
        "repo:",
        "tag:",
        "license:",
        "label:a=",
        "digest:",
        "pkg:npm/%40",
        "log4j<2.17",
        "file:/usr/*",
        "pushed:>",
        "2026-01-01",
        "signed:",
        "acme/app",
        "@sha256:",
        "é",
        "İ",
        "\u{a0}",
        "\u{0}",
    ],
    |text| {
        let query = match Query::parse(text) {
            Ok(query) => query,
            Err(error) => {
                let characters = text.chars().count();
                assert!(error.at.start <= error.at.end && error.at.end <= characters, "{error} of {characters}");
                return;
            }
        };
        let terms = |query: &Query| -> Vec<(bool, Term)> {
            query.clauses.iter().map(|clause| (clause.is_not, clause.term.clone())).collect()
        };
        // As it is understood it may be longer than as it was typed, and then be none.
        if let Ok(again) = Query::parse(&query.to_string()) {
            assert_eq!(terms(&again), terms(&query), "{query}");
        } else {
            assert!(text.len() > 200, "{query}");
        }
        for clause in &query.clauses {
            assert!(clause.at.start < clause.at.end && clause.at.end <= text.chars().count());
        }
    }
);

/// How two versions compare.
type Order = fn(&str, &str) -> Ordering;

/// Versions have one order, whatever they are.
#[test]
fn versions() {
    bolero::check!(name = "versions").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        let letters: String = input.iter().map(|byte| char::from(b"0019.-+av_rc/~"[usize::from(*byte) % 14])).collect();
        let all: Vec<&str> = letters.split('/').take(6).collect();
        for order in [version::generic as Order, |one, other| tag_order::naming(one).cmp(&tag_order::naming(other))] {
            for one in &all {
                assert!(order(one, one).is_eq());
                for other in &all {
                    assert_eq!(order(one, other), order(other, one).reverse(), "{one} {other}");
                    for third in &all {
                        if order(one, other).is_le() && order(other, third).is_le() {
                            assert!(order(one, third).is_le(), "{one} {other} {third}");
                        }
                    }
                }
            }
        }
    });
}

// --- the saved hash

#[test]
fn hasher_restore() {
    let feed = feed("hasher_restore", &["\x01", "\x02", "\x00", "\u{7f}", "\x01\x01", "\x01\x02", "abcdefgh"]);
    bolero::check!(name = "hasher_restore").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |saved| {
            let Some(mut hasher) = Hasher::restore(saved) else { return };
            assert_eq!(hasher.save(), saved, "there is one spelling of a state");
            let length = hasher.length();
            hasher.update(saved);
            assert_eq!(hasher.length(), length + saved.len() as u64);
            match Hasher::restore(&hasher.save()) {
                Some(again) => assert_eq!(again.finish(), hasher.finish()),
                None => assert!(hasher.length() > 1 << 60, "a state that was just saved"),
            }
        });
    });
}

/// Hashing in any pieces, saved and restored between any two of them, is hashing at once.
#[test]
fn hasher_pieces() {
    bolero::check!(name = "hasher_pieces").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        let Some((first, content)) = input.split_first() else { return };
        for algorithm in Algorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            for piece in content.chunks(usize::from(*first).max(1)) {
                hasher.update(piece);
                hasher = Hasher::restore(&hasher.save()).expect("a state that was just saved");
            }
            assert_eq!(hasher.finish(), Digest::of(algorithm, content));
        }
    });
}
