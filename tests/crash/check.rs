//! Looking after a restart: each thing is what the journal says that it may be, and what is seen now is so from now on.

use wharf_testkit::fixture::digest;
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::Server;

use super::journal::{Journal, There};

/// Looks at everything; what was found, for people.
pub(crate) fn all(server: &Server, journals: &mut [Journal]) -> String {
    let client = server.admin();
    client.get("/readyz").expect(200);
    std::thread::scope(|scope| {
        for journal in journals.iter_mut() {
            let client = &client;
            scope.spawn(move || {
                blobs(client, journal);
                images(client, journal);
                tags(client, journal);
                sessions(client, journal);
            });
        }
    });
    let count = |of: &dyn Fn(&Journal) -> usize| journals.iter().map(of).sum::<usize>();
    format!(
        "{} blobs, {} images, {} tags, {} uploads are known",
        count(&|journal| journal.blobs.len()),
        count(&|journal| journal.images.len()),
        count(&|journal| journal.tags.len()),
        count(&|journal| journal.sessions.len()),
    )
}

/// Looks only at what manifests name, and that the rest has gone.
pub(crate) fn named_things(server: &Server, journals: &mut [Journal]) {
    let client = server.admin();
    for journal in journals {
        images(&client, journal);
        tags(&client, journal);
        for content in journal.blobs.keys() {
            let path = format!("/v2/{}/blobs/{}", journal.repository, digest(&content.bytes()));
            client.head(&path).expect(404);
        }
    }
}

/// Whether it is there, with its very bytes.
fn look(path: &str, got: &Response, expected: &[u8], may: There) -> There {
    match got.status {
        200 => {
            assert!(got.body == expected, "{path} has other bytes");
            assert_eq!(got.required("docker-content-digest"), digest(&got.body).to_string());
            assert_ne!(may, There::No, "{path} was deleted, and is there");
            There::Yes
        }
        404 => {
            assert_ne!(may, There::Yes, "{path} was acknowledged, and is not there");
            There::No
        }
        other => panic!("{path}: {other} {}", got.text()),
    }
}

fn blobs(client: &Client, journal: &mut Journal) {
    for (content, there) in &mut journal.blobs {
        let bytes = content.bytes();
        let path = format!("/v2/{}/blobs/{}", journal.repository, digest(&bytes));
        *there = look(&path, &client.get(&path), &bytes, *there);
    }
}

fn images(client: &Client, journal: &mut Journal) {
    for (number, there) in &mut journal.images {
        let image = Journal::image(*number);
        let path = format!("/v2/{}/manifests/{}", journal.repository, image.digest());
        *there = look(&path, &client.get(&path), &image.manifest, *there);
        if *there == There::Yes {
            for blob in &image.blobs {
                let path = format!("/v2/{}/blobs/{}", journal.repository, digest(blob));
                look(&path, &client.get(&path), blob, There::Yes);
            }
        }
    }
}

/// Each tag points to one of what it may, and the list has those that point somewhere.
fn tags(client: &Client, journal: &mut Journal) {
    let mut listed = Vec::new();
    for (tag, may) in &mut journal.tags {
        let path = format!("/v2/{}/manifests/{tag}", journal.repository);
        let got = client.get(&path);
        let now = match got.status {
            404 => None,
            _ => Some(digest(&got.expect(200).body)),
        };
        let is_now = |number: &Option<u64>| number.map(|number| Journal::image(number).digest()) == now;
        let seen = may.iter().copied().find(is_now).unwrap_or_else(|| panic!("{path} is {now:?}, not one of {may:?}"));
        if let Some(number) = seen {
            assert_eq!(journal.images.get(&number), Some(&There::Yes), "{path} points to what is not there");
            listed.push(tag.clone());
        }
        *may = vec![seen];
    }
    let list = client.get(&format!("/v2/{}/tags/list", journal.repository));
    if !listed.is_empty() || list.status == 200 {
        assert_eq!(list.expect(200).json()["tags"], serde_json::json!(listed));
    }
}

/// Each upload stands at or beyond what was acknowledged. One whose end was cut may be over.
fn sessions(client: &Client, journal: &mut Journal) {
    journal.sessions.retain_mut(|session| {
        let status = client.get(&session.location);
        if session.cancelling || session.finishing && journal.blobs.get(&session.content) == Some(&There::Yes) {
            assert!([204, 404].contains(&status.status), "{}", status.text());
            return false;
        }
        let offset = status.expect(204).offset();
        assert!(
            offset >= session.offset,
            "{} stands at {offset}, acknowledged was {}",
            session.location,
            session.offset
        );
        assert!(offset <= session.content.length);
        session.offset = offset;
        session.finishing = false;
        true
    });
}

/// Finishes every second one; the rest is left for the sweep.
pub(crate) fn open_sessions_can_be_finished(server: &Server, journals: &mut [Journal]) {
    let client = server.admin();
    for journal in journals {
        for session in journal.sessions.drain(..).step_by(2) {
            let bytes = session.content.bytes();
            let target = format!("{}?digest={}", session.location, digest(&bytes));
            client.put(&target, "application/octet-stream", &bytes[session.offset..]).expect(201);
            journal.blobs.insert(session.content, There::Yes);
        }
    }
}
