//! What `wharf probe` has found out of registries: in the user's cache, a file for each. It is believed for a month, as
//! registries change.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use wharf_client::origin::Origin;
use wharf_content::abilities::Abilities;
use wharf_model::digest::{Algorithm, Digest};

use crate::cache::Place;

/// The form of the files; others are passed over.
const VERSION: u32 = 1;
/// How long something is believed.
const LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    version: u32,
    /// Scheme, host and port.
    registry: String,
    /// Seconds since 1970.
    found_at: u64,
    abilities: Abilities,
}

fn place(registry: &str) -> Place {
    Place::new("registries", &format!("{}.json", Digest::of(Algorithm::Sha256, registry.as_bytes()).hex()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What was found out of the registry at `origin`; nothing where that was not asked, or too long ago.
pub fn abilities(origin: &Origin) -> Abilities {
    let registry = origin.to_string();
    read(&place(&registry).read(), &registry, now()).unwrap_or_default()
}

/// Remembers what was found out just now.
pub fn keep(origin: &Origin, abilities: &Abilities) {
    let registry = origin.to_string();
    place(&registry).write(|file| file.write_all(&written(&registry, now(), abilities)));
}

fn written(registry: &str, found_at: u64, abilities: &Abilities) -> Vec<u8> {
    let kept = Kept { version: VERSION, registry: registry.to_owned(), found_at, abilities: abilities.clone() };
    serde_json::to_vec_pretty(&kept).unwrap_or_default()
}

fn read(bytes: &[u8], registry: &str, now: u64) -> Option<Abilities> {
    let kept: Kept = serde_json::from_slice(bytes).ok()?;
    let is_fresh = now.checked_sub(kept.found_at).is_some_and(|age| age <= LIFE.as_secs());
    (kept.version == VERSION && kept.registry == registry && is_fresh).then_some(kept.abilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_or_old_is_passed_over() {
        let found = Abilities { index: Some(false), mount: Some(true), ..Abilities::default() };
        let here = "http://127.0.0.1:5000";
        let bytes = written(here, 1_000, &found);
        assert_eq!(read(&bytes, here, 1_000), Some(found.clone()));
        assert_eq!(read(&bytes, here, 1_000 + LIFE.as_secs()), Some(found));
        assert_eq!(read(&bytes, here, 1_001 + LIFE.as_secs()), None, "too old");
        assert_eq!(read(&bytes, here, 999), None, "of tomorrow");
        assert_eq!(read(&bytes, "http://127.0.0.1:5001", 1_000), None, "of another");
        assert_eq!(read(&bytes[..bytes.len() - 1], here, 1_000), None, "cut off");
        assert_eq!(read(b"", here, 1_000), None);
        let other = String::from_utf8_lossy(&bytes).replace("\"version\": 1", "\"version\": 2");
        assert_eq!(read(other.as_bytes(), here, 1_000), None, "of another form");
    }
}
