//! Registries that lie, break off, or want what is not theirs: nothing wrong ever arrives, and no login goes astray.

use std::fs;
use std::path::Path;

use wharf_testkit::faulty::{Faults, Faulty};
use wharf_testkit::fixture::{Artifact, noise};
use wharf_testkit::http::{Client, basic};

use super::Desk;

/// `kim:pass`
const KIM: &str = "Basic a2ltOnBhc3M=";
/// `eve:word`
const EVE: &str = "Basic ZXZlOndvcmQ=";

fn log_in(desk: &Desk, at: &Faulty, user: &str, password: &str) {
    desk.run(&format!("login {} -u {user} --password-stdin", at.address), password).done();
}

/// A registry that lets in whom `basic` names, with something in it, and one that hopes for their login.
fn honest_and_hostile(desk: &Desk) -> (Faulty, Faulty) {
    let (honest, hostile) = (Faulty::start(Faults::tokens(KIM)), Faulty::start(Faults::tokens(EVE)));
    log_in(desk, &honest, "kim", "pass");
    log_in(desk, &hostile, "eve", "word");
    for registry in [&honest, &hostile] {
        let (realm, login) = {
            let mut state = registry.state();
            (state.faults.realm.take(), state.faults.basic.take())
        };
        let client = Client { address: registry.address, authorization: None };
        Artifact::small(1).push(&client, "acme/app", "1");
        let mut state = registry.state();
        (state.faults.realm, state.faults.basic) = (realm, login);
        state.asked.clear();
    }
    (honest, hostile)
}

#[test]
fn tokens_are_asked_for_where_they_are_given() {
    assert_eq!((basic("kim", "pass"), basic("eve", "word")), (KIM.to_owned(), EVE.to_owned()));
    let desk = Desk::new();
    let (one, other) = honest_and_hostile(&desk);
    other.state().manifests.clear();
    desk.ok(&format!("copy {}/acme/app:1 {}/acme/app:1", one.address, other.address));
    desk.ok(&format!("copy {}/acme/app:1 oci:{}/to -q", other.address, desk.home.path().display()));
    for (registry, login) in [(&one, KIM), (&other, EVE)] {
        let seen = registry.credentials();
        assert!(
            seen.contains(login) && seen.iter().all(|sent| sent == login || sent.starts_with("Bearer ")),
            "{seen:?}"
        );
        let asked = registry.asked("/v2/");
        assert!(
            asked.iter().all(|asked| asked.header("authorization") != Some(login)),
            "the login is for the token service"
        );
    }
}

/// A registry may name any token service; it gets tokens for whoever is logged in to the registry, and nobody else.
#[test]
fn nobody_gets_anothers_login() {
    let desk = Desk::new();
    let (honest, hostile) = honest_and_hostile(&desk);
    let to = format!("oci:{}/to", desk.home.path().display());
    let copy = |at: &Faulty| desk.run(&format!("copy {}/acme/app:1 {to} -q", at.address), "");
    let there = |path: &str| Some(format!("http://{}{path}", honest.address));

    // Its realm is the other's: that hears of eve, and says no.
    hostile.state().faults.realm = there("/token");
    copy(&hostile).failed(&["401"]);
    assert_eq!(honest.credentials().into_iter().collect::<Vec<_>>(), [EVE]);
    // In the clear to somewhere else, or nowhere at all.
    for (realm, why) in [
        ("http://registry.example.com/token", "in the clear"),
        ("ftp://x/", "not http"),
        ("http://kim:pass@127.0.0.1/", "name in it"),
    ] {
        hostile.state().faults.realm = Some(realm.to_owned());
        copy(&hostile).failed(&["sends the login to", why]);
    }
    honest.state().asked.clear();

    // Its blobs and manifests are the other's, and what is sent goes there.
    hostile.state().faults.realm = Some("SELF/token".to_owned());
    hostile.state().faults.blobs_at = there("/v2/acme/app/blobs/");
    copy(&hostile).code(2);
    assert!(!honest.asked("/blobs/").is_empty());
    hostile.state().faults.blobs_at = None;
    hostile.state().faults.manifests_at = there("/v2/acme/app/manifests/");
    copy(&hostile).code(2);
    assert!(!honest.asked("/manifests/").is_empty());
    hostile.state().faults.manifests_at = None;
    fs::write(desk.home.path().join("a.txt"), "a").unwrap();
    hostile.state().faults.location_at = there("");
    desk.run(&format!("push {}/a.txt {}/acme/new:1 -q", desk.home.path().display(), hostile.address), "").code(2);
    assert!(!honest.asked("/uploads/").is_empty());
    assert!(honest.credentials().is_empty(), "{:?}", honest.credentials());
    assert!(hostile.credentials().iter().all(|sent| sent == EVE || sent.starts_with("Bearer ")));
}

/// All below a folder that is a file is as it was packed.
fn assert_right(from: &Path, to: &Path) {
    for entry in fs::read_dir(to).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        assert!(fs::read(&path).unwrap() == fs::read(from.join(name)).unwrap(), "{}", path.display());
    }
}

#[test]
fn never_a_wrong_file() {
    let desk = Desk::new();
    let home = desk.home.path();
    let (from, source) = (home.join("from"), Faulty::start(Faults::default()));
    fs::create_dir(&from).unwrap();
    (0..8).for_each(|seed| fs::write(from.join(format!("{seed}.bin")), noise(seed, 200_000)).unwrap());
    let name = format!("{}/acme/data:1", source.address);
    desk.ok(&format!("push {} {name} -q", from.display()));
    let all = [
        ("wrong bytes", Faults { wrong_bytes: true, ..Faults::default() }),
        ("more bytes", Faults { more_bytes: 1, no_ranges: true, ..Faults::default() }),
        ("too short", Faults { wrong_length: Some(100), no_ranges: true, ..Faults::default() }),
        ("wrong manifests", Faults { wrong_manifests: true, ..Faults::default() }),
        ("wrong digests", Faults { wrong_digests: true, ..Faults::default() }),
    ];
    for (at, (fault, faults)) in all.into_iter().enumerate() {
        let to = home.join(format!("to-{at}"));
        source.state().faults = faults;
        let ended = desk.run(&format!("pull {name} {} -q", to.display()), "").code(2);
        assert!(ended.err().contains(&source.address.to_string()), "{fault}: {}", ended.err());
        assert_right(&from, &to);
        let copied = home.join(format!("copied-{at}"));
        desk.run(&format!("copy {name} oci:{}:1 -q", copied.display()), "").code(2);
        source.state().faults = Faults::default();
        desk.ok(&format!("pull {name} {} -q", to.display()));
        assert_right(&from, &to);
        assert_eq!(fs::read_dir(&to).unwrap().count(), 8, "{fault}");
        desk.ok(&format!("copy {name} oci:{}:1 -q", copied.display()));
    }
}

/// Who is busy, and who breaks off, is asked again, for the rest.
#[test]
fn what_passes_is_waited_for() {
    let desk = Desk::new();
    let home = desk.home.path();
    let (from, to, source) = (home.join("from"), home.join("to"), Faulty::start(Faults::default()));
    fs::create_dir(&from).unwrap();
    fs::write(from.join("a.bin"), noise(1, 300_000)).unwrap();
    let name = format!("{}/acme/data:1", source.address);
    source.state().faults =
        Faults { busy: [429].into(), busy_at: "POST", cut_uploads: [100_000].into(), ..Faults::default() };
    desk.ok(&format!("push {} {name} -q", from.display()));
    assert!(source.moved().0 < 310_000, "what had arrived does not go again");
    source.state().faults =
        Faults { busy: [503].into(), busy_at: "manifests", cut_answers: [150_000].into(), ..Faults::default() };
    desk.ok(&format!("pull {name} {} -q", to.display()));
    assert_right(&from, &to);
    assert!(source.moved().1 < 310_000);
}
