//! A full disk: clear errors, no lies, and no restart needed once there is room again.
//!
//! Each test runs itself once more in mount and user namespaces of its own, where a small file system holds the data folder: so
//! nothing is left mounted, however the test ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_testkit::fixture::{Artifact, begin, digest, noise, push_blob};
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::{Server, Setup, wait_for};

/// Set where the namespaces are the test's own.
const INSIDE: &str = "WHARF_TEST_INSIDE";
/// What is removed to make room, in bytes.
const BALLAST_BYTES: usize = 6 << 20;

/// A small file system, with ballast.
struct Disk {
    root: tempfile::TempDir,
}

impl Disk {
    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.root.path().join("ballast")
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast is there");
    }

    /// Fills what is left to the last byte.
    fn fill(&self) {
        let _ = std::fs::write(self.root.path().join("filling"), noise(99, 64 << 20));
    }
}

/// Runs `test` with a disk of `mebibytes`.
fn on_a_small_disk(name: &str, mebibytes: usize, test: impl FnOnce(&Disk)) {
    if std::env::var_os(INSIDE).is_none() {
        let mut again = unshare();
        again.arg(std::env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]);
        let ran = again.env(INSIDE, "1").output().unwrap();
        let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let disk = Disk { root: tempfile::tempdir().unwrap() };
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o"]).arg(format!("size={mebibytes}m")).arg("small").arg(disk.root.path());
    assert!(mount.status().expect("mount is there").success(), "a tmpfs can be mounted");
    std::fs::write(disk.ballast(), noise(98, BALLAST_BYTES)).unwrap();
    test(&disk);
    let unmounted = Command::new("umount").arg("--lazy").arg(disk.root.path()).status().unwrap();
    assert!(unmounted.success());
}

/// The command that runs another in namespaces of its own: root may do without one for users, which some systems forbid.
fn unshare() -> Command {
    let ways = [&["--mount"][..], &["--user", "--map-root-user", "--mount"]];
    let works = |arguments: &[&str]| Command::new("unshare").args(arguments).arg("true").output();
    let way = ways.into_iter().find(|way| works(way).is_ok_and(|ran| ran.status.success()));
    let mut command = Command::new("unshare");
    command.args(way.expect("this test needs unshare (of util-linux), and leave to use it"));
    command
}

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_wharf")).env("WHARF_LOG__LEVEL", "warn")
}

/// A refusal for want of space: the status that says so, and the registry's form of an error.
#[track_caller]
fn expect_full(refused: &Response) {
    assert_eq!(refused.status, 507, "{}", refused.text());
    let message = refused.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("no space"), "{message}");
}

fn put_blob(client: &Client, bytes: &[u8]) -> Response {
    let target = format!("/v2/acme/app/blobs/uploads/?digest={}", digest(bytes));
    client.request("POST", &target).body(bytes).send()
}

fn expect_blob(client: &Client, bytes: &[u8]) {
    let got = client.get(&format!("/v2/acme/app/blobs/{}", digest(bytes))).expect(200);
    assert!(got.body == bytes, "a blob of {} bytes has others", bytes.len());
}

fn upload_bytes(data: &Path) -> u64 {
    let uploads = std::fs::read_dir(data.join("blobs/uploads")).unwrap();
    uploads.flatten().map(|entry| entry.metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[test]
fn blobs_fill_the_disk() {
    on_a_small_disk("blobs_fill_the_disk", 32, |disk| {
        let mut server = setup().start_on(&disk.data());
        let client = server.admin();
        let image = Artifact::small(1);
        image.push(&client, "acme/app", "before");
        let open = noise(2, 900_000);
        let location = begin(&client, "acme/app");
        client.request("PATCH", &location).body(&open[..500_000]).send().expect(202);

        // More than there is room for, in one: it is refused, and its room is there for others at once.
        let too_much = noise(3, 40 << 20);
        expect_full(&put_blob(&client, &too_much));
        expect_full(&client.request("PATCH", &location).body(&too_much[..]).send());
        wait_for("the room to be given back", || (upload_bytes(&server.data) == 500_000).then_some(()));

        let mut kept = Vec::new();
        let refused = (10..100).find_map(|seed| {
            let bytes = noise(seed, 1 << 20);
            let answer = put_blob(&client, &bytes);
            if answer.status == 201 {
                kept.push(bytes);
                return None;
            }
            Some(answer)
        });
        expect_full(&refused.expect("the disk is full at some time"));
        assert!(kept.len() >= 15, "only {} were taken", kept.len());

        let still_well = |server: &Server| {
            server.expect_alive();
            let client = server.admin();
            kept.iter().for_each(|bytes| expect_blob(&client, bytes));
            assert!(client.get("/v2/acme/app/manifests/before").expect(200).body == image.manifest);
            assert_eq!(client.get(&location).expect(204).offset(), 500_000);
        };
        still_well(&server);
        // Nothing is half there, whatever was refused.
        client.head(&format!("/v2/acme/app/blobs/{}", digest(&too_much))).expect(404);

        disk.make_room();
        push_blob(&client, "acme/app", &noise(100, 1 << 20));
        Artifact::small(4).push(&client, "acme/app", "after");
        let last = format!("{location}?digest={}", digest(&open));
        still_well(&server);
        client.request("PUT", &last).body(&open[500_000..]).send().expect(201);
        expect_blob(&client, &open);
        server.stop_calmly();
    });
}

#[test]
fn small_artifacts_fill_the_disk() {
    on_a_small_disk("small_artifacts_fill_the_disk", 16, |disk| {
        let mut server = setup().start_on(&disk.data());
        let client = server.admin();
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for number in 0..5_000 {
            let image = Artifact::image(&noise(number, 8_000), &[noise(10_000 + number, 12_000)]);
            let answers = image.blobs.iter().map(|blob| put_blob(&client, blob));
            let target = format!("/v2/acme/app/manifests/t{number}");
            let mut answers: Vec<Response> = answers.collect();
            if answers.iter().all(|answer| answer.status == 201) {
                answers.push(client.put(&target, &image.media_type, image.manifest.clone()));
            }
            match answers.iter().find(|answer| answer.status != 201) {
                None => kept.push((number, image)),
                Some(answer) => refused.push(answer.clone()),
            }
            if refused.len() == 20 {
                break;
            }
        }
        assert!(refused.len() == 20 && kept.len() > 50, "{} kept, {} refused", kept.len(), refused.len());
        refused.iter().for_each(expect_full);
        let still_well = |server: &Server| {
            server.expect_alive();
            let client = server.admin();
            for (number, image) in &kept {
                let got = client.get(&format!("/v2/acme/app/manifests/t{number}")).expect(200);
                assert!(got.body == image.manifest);
                image.blobs.iter().for_each(|blob| expect_blob(&client, blob));
            }
            let tags = client.get("/v2/acme/app/tags/list").expect(200).json();
            assert_eq!(tags["tags"].as_array().unwrap().len(), kept.len(), "a tag for each that was acknowledged");
        };
        still_well(&server);
        // An upload of a few bytes needs the ledger too, which may have room in a file of its own for some.
        disk.fill();
        let mut uploads = (0..1_000).map(|number| {
            let location = begin(&client, "acme/app");
            client.request("PATCH", &location).body(noise(number, 9_000)).send()
        });
        expect_full(&uploads.find(|answer| answer.status != 202).unwrap());
        assert_eq!(client.get("/readyz").status, 503, "no load for one that cannot take it");

        disk.make_room();
        Artifact::small(6).push(&client, "acme/other", "after");
        still_well(&server);
        client.get("/readyz").expect(200);
        server.kill();
        server.restart();
        still_well(&server);
        server.stop_calmly();
    });
}

/// Whoever has to make room must be able to look at what there is.
#[test]
fn a_start_on_a_full_disk() {
    on_a_small_disk("a_start_on_a_full_disk", 16, |disk| {
        let mut server = setup().start_on(&disk.data());
        let image = Artifact::image(b"{}", &[noise(1, 100_000)]);
        image.push(&server.admin(), "acme/app", "1");
        server.kill();
        disk.fill();
        server.restart();
        assert!(server.admin().get("/v2/acme/app/manifests/1").expect(200).body == image.manifest);
        image.blobs.iter().for_each(|blob| expect_blob(&server.admin(), blob));
        expect_full(&put_blob(&server.admin(), &noise(2, 100_000)));
        disk.make_room();
        push_blob(&server.admin(), "acme/app", &noise(2, 100_000));
        server.stop_calmly();
    });
}
