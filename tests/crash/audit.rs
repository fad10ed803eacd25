//! Looking behind the server's back, at a data folder that nobody uses: each file on the heap against the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Every file is a blob's location, a job's to remove, or belongs to an upload; and every location has its file.
pub(crate) fn every_file_is_known(data: &Path) {
    let ledger = open(data);
    let blobs: BTreeMap<String, u64> =
        pairs(&ledger, "SELECT location, size FROM blob WHERE location IS NOT NULL").into_iter().collect();
    let jobs = texts(&ledger, "SELECT payload FROM job WHERE kind = 'reclaim'");
    let uploads: BTreeSet<String> =
        texts(&ledger, "SELECT CAST(state AS TEXT) FROM upload").iter().map(|note| id_of(note)).collect();
    let files = files(&data.join("blobs"));
    for (name, length) in &files {
        let id = name.rsplit(['.', '/']).next().unwrap_or_default();
        match blobs.get(name) {
            Some(size) => assert_eq!(size, length, "{name}"),
            None => assert!(jobs.contains(name) || uploads.contains(id), "nobody knows {name}, of {length} bytes"),
        }
    }
    for location in blobs.keys() {
        assert!(files.contains_key(location), "{location} is not there");
        assert!(!jobs.contains(location), "{location} is to be removed, and is a blob's");
    }
}

/// What each project is said to use, to have reserved and to have is what there is, counted anew.
pub(crate) fn usage_is_exact(data: &Path) {
    let off = "SELECT p.name || ': ' || (p.used_bytes
            - (SELECT coalesce(sum(b.size), 0) FROM blob b WHERE EXISTS (SELECT 1 FROM member m
                JOIN repository r ON r.id = m.repository WHERE m.blob = b.id AND r.project = p.id))
            - (SELECT coalesce(sum(length(d.bytes)), 0) FROM repository r JOIN manifest m ON m.repository = r.id
                JOIN document d ON d.id = m.document WHERE r.project = p.id)
            - (SELECT coalesce(sum(length(d.bytes)), 0) FROM repository r JOIN trash t ON t.repository = r.id
                JOIN document d ON d.id = t.document WHERE r.project = p.id))
        || ' ' || (p.reserved_bytes - (SELECT coalesce(sum(u.reserved), 0) FROM upload u WHERE u.project = p.id))
        || ' ' || (p.repositories - (SELECT count(*) FROM repository r WHERE r.project = p.id AND r.name > '/~'))
        FROM project p";
    for project in texts(&open(data), off) {
        assert!(project.ends_with(": 0 0 0"), "bytes used, reserved, and repositories that are not there: {project}");
    }
}

/// Makes everything two days older than it is, what a killed worker had taken among it.
pub(crate) fn grow_old(data: &Path) {
    let ledger = Connection::open(data.join("ledger.db")).unwrap();
    const DAYS: i64 = 2 * 24 * 3_600_000;
    ledger.execute("UPDATE upload SET updated_at = updated_at - ?1", [DAYS]).unwrap();
    ledger.execute("UPDATE job SET due_at = due_at - ?1", [DAYS]).unwrap();
    ledger.execute("UPDATE member SET unreferenced_since = unreferenced_since - ?1", [DAYS]).unwrap();
}

/// What is left besides what manifests name, for people; `None` where nothing is.
pub(crate) fn garbage(data: &Path) -> Option<String> {
    let ledger = open(data);
    let count = |text: &str| ledger.query_row(text, [], |row| row.get::<_, i64>(0)).unwrap();
    let left = [
        ("jobs", count("SELECT count(*) FROM job")),
        ("uploads", count("SELECT count(*) FROM upload")),
        (
            "members",
            count(
                "SELECT count(*) FROM member m JOIN blob b ON b.id = m.blob
            WHERE m.unreferenced_since IS NOT NULL OR NOT EXISTS (SELECT 1 FROM edge e
                WHERE e.algorithm = b.algorithm AND e.digest = b.digest AND e.repository = m.repository)",
            ),
        ),
        (
            "blobs",
            count(
                "SELECT count(*) FROM blob b WHERE NOT EXISTS (SELECT 1 FROM member m WHERE m.blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.algorithm = b.algorithm AND e.digest = b.digest)",
            ),
        ),
        ("files", files(&data.join("blobs")).len() as i64 - count("SELECT count(location) FROM blob")),
    ];
    left.iter().any(|(_, count)| *count != 0).then(|| format!("{left:?}"))
}

fn open(data: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(data.join("ledger.db"), flags).expect("the ledger opens")
}

fn texts(ledger: &Connection, text: &str) -> BTreeSet<String> {
    let mut statement = ledger.prepare(text).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn pairs(ledger: &Connection, text: &str) -> Vec<(String, u64)> {
    let mut statement = ledger.prepare(text).unwrap();
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64));
    statement.query_map([], pair).unwrap().map(Result::unwrap).collect()
}

/// The id under which an upload writes, out of its note.
fn id_of(note: &str) -> String {
    let note: serde_json::Value = serde_json::from_str(note).unwrap();
    let state: serde_json::Value = serde_json::from_str(note["state"].as_str().unwrap()).unwrap();
    state["id"].as_str().unwrap().to_owned()
}

/// Each file below the folder with its length, by its name from there.
fn files(root: &Path) -> BTreeMap<String, u64> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            // A file may go while it is looked at.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, metadata.len());
            }
        }
    }
    found
}
