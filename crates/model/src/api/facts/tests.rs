//! Facts as they travel: what is cut, what is left out, and that they come back as they were.

use super::*;

fn sample() -> Facts {
    let mut facts = Facts {
        title: Line::some("thing"),
        source: Link::new("https://example.com/thing"),
        icon: Icon::inline("image/png", "aGVs bG8="),
        authors: [Person::parse("Kim Lee <kim@example.com>")].into_iter().collect(),
        detail: Some(Detail::Image(Image { os: "linux".into(), size: 7, ..Image::default() })),
        ..Facts::default()
    };
    facts.fault("config", "it is no JSON");
    facts
}

#[test]
fn facts_come_back_as_they_went() {
    let details = [
        Detail::Image(Image::default()),
        Detail::Index(Index::default()),
        Detail::Helm(HelmChart::default()),
        Detail::Sbom(Sbom::default()),
        Detail::Signature(Signatures::default()),
        Detail::Attestation(Attestations::default()),
        Detail::Wasm(Wasm::default()),
        Detail::PolicyBundle(PolicyBundle::default()),
        Detail::Falco(Falco::default()),
        Detail::OlmBundle(OlmBundle::default()),
        Detail::OlmCatalog(OlmCatalog::default()),
        Detail::Homebrew(HomebrewBottle::default()),
        Detail::Cnab(CnabBundle::default()),
        Detail::Gitops(GitOps::default()),
        Detail::Kyverno(KyvernoPolicies::default()),
        Detail::Tekton(TektonBundle::default()),
        Detail::Crossplane(CrossplanePackage::default()),
        Detail::SecurityProfile(SecurityProfile::default()),
        Detail::DevContainer(DevContainer::default()),
        Detail::Model(Model::default()),
        Detail::Files(Files::default()),
        Detail::Unknown,
    ];
    for detail in details {
        let facts = Facts { detail: Some(detail), ..sample() };
        let json = serde_json::to_string(&facts).expect("facts are plain");
        let again: Facts = serde_json::from_str(&json).expect("what was just written");
        assert_eq!(again, facts, "{json}");
    }
}

#[test]
fn what_is_empty_is_left_out() {
    assert_eq!(serde_json::to_string(&Facts::default()).expect("facts"), "{}");
    let image = Facts { detail: Some(Detail::Image(Image::default())), ..Facts::default() };
    assert_eq!(serde_json::to_string(&image).expect("facts"), r#"{"detail":{"type":"image"}}"#);
}

#[test]
fn what_a_newer_program_wrote_is_passed_over() {
    let json = r#"{"title":"x","new":1,"detail":{"type":"hologram","depth":3},"keywords":{"items":["a"],"newer":[]}}"#;
    let facts: Facts = serde_json::from_str(json).expect("facts");
    assert_eq!(facts.detail, Some(Detail::Unknown));
    assert_eq!(facts.keywords.first(), Some(&Line::new("a")));
    let json = r#"{"detail":{"type":"image","size":7,"smell":"of roses"}}"#;
    let facts: Facts = serde_json::from_str(json).expect("facts");
    assert_eq!(facts.detail, Some(Detail::Image(Image { size: 7, ..Image::default() })));
}

#[test]
fn lines_are_lines() {
    let check = |text: &str, expect: &str| {
        let line = Line::new(text);
        assert_eq!(line.as_str(), expect, "{text:?}");
        assert_eq!(Line::new(line.as_str()), line);
    };
    check("  a b ", "a b");
    check("a\r\nb\tc\u{0}", "a  b c");
    check("\u{202e}\u{7}abc\u{2066}", "abc");
    check("a\u{2028}b", "a b");
    check("", "");
    check(&"x".repeat(1024), &"x".repeat(1024));
    check(&"x".repeat(1025), &format!("{}…", "x".repeat(1021)));
    check(&"é".repeat(600), &format!("{}…", "é".repeat(510)));
    check("<script>alert(1)</script>", "<script>alert(1)</script>");
}

#[test]
fn texts_are_bounded() {
    let check = |text: &str, expect: &str| {
        let found = Text::new(text);
        assert_eq!(found.as_str(), expect);
        assert_eq!(Text::new(found.as_str()), found);
    };
    check("# a\r\n\tb\u{1b}[31m\n\n", "# a\n\tb[31m");
    let long = "x".repeat(FACT_README_BYTES_MAX + 1);
    check(&long, &format!("{}\n…", &long[..FACT_README_BYTES_MAX - 4]));
}

#[test]
fn links_lead_to_the_web() {
    let check = |text: &str, expect: bool| assert_eq!(Link::new(text).is_some(), expect, "{text:?}");
    check("https://example.com", true);
    check(" HTTP://example.com:80/a?b#c ", true);
    check("https://ex\u{e4}mple.com/\u{e4}", true);
    check("javascript:alert(1)", false);
    check("javascript://x/%0aalert(1)", false);
    check("data:text/html,x", false);
    check("//example.com", false);
    check("https://", false);
    check("https:///x", false);
    check("https://user:secret@example.com/", false);
    check("https://example.com/\"onclick", false);
    check("https://example.com/a b", false);
    check(&format!("https://example.com/{}", "x".repeat(2_000)), false);
}

#[test]
fn icons_are_pictures() {
    let check = |text: &str, expect: bool| assert_eq!(Icon::of_url(text).is_some(), expect, "{text:?}");
    check("https://example.com/a.svg", true);
    check("data:image/png;base64,aGVsbG8=", true);
    check("data:text/html;base64,aGVsbG8=", false);
    check("data:image/png;base64,<b>", false);
    check("data:image/svg+xml,<svg onload=alert(1)>", false);
    check("javascript:alert(1)", false);
    assert_eq!(Icon::inline("image/png", &"a".repeat(FACT_ICON_BYTES_MAX + 1)), None);
}

#[test]
fn lists_end_and_say_so() {
    let listed: Listed<u64> = (0..510).collect();
    assert_eq!((listed.len(), listed.left_out(), listed.total()), (500, 10, 510));
    let json = serde_json::json!({ "items": vec![1; 600], "left_out": 3 }).to_string();
    let listed: Listed<u64> = serde_json::from_str(&json).expect("a list");
    assert_eq!((listed.len(), listed.left_out()), (500, 103));
}

#[test]
fn facts_are_bounded_as_a_whole() {
    assert_eq!(sample().bounded(), sample());
    let label = Named::new(&"n".repeat(2_000), &"v".repeat(2_000));
    let labels: Listed<Named> = (0..500).map(|_| label.clone()).collect();
    let large = |labels: Listed<Named>| Facts {
        detail: Some(Detail::Image(Image { env: labels.clone(), labels, ..Image::default() })),
        ..sample()
    };
    let bounded = large(labels).bounded();
    assert_eq!((bounded.detail.clone(), bounded.title.clone()), (None, Line::some("thing")));
    assert!(bounded.faults.last().is_some_and(|fault| fault.what.as_str().contains("left out")), "{bounded:?}");
    let mut many = sample();
    let long = "k".repeat(2_000);
    many.keywords = (0..500).map(|_| Line::new(&long)).collect();
    many.platforms = many.keywords.clone();
    (0..500).for_each(|_| many.fault(&long, &long));
    let bounded = many.bounded();
    assert!(bounded.fits() && bounded.keywords.is_empty() && bounded.title.is_some());
    assert!(!bounded.faults.is_empty());
}

#[test]
fn people_are_read() {
    let check = |text: &str, name: &str, email: Option<&str>| {
        let person = Person::parse(text);
        assert_eq!(person.name.as_str(), name);
        assert_eq!(person.email.as_ref().map(Line::as_str), email);
    };
    check("Kim Lee <kim@example.com>", "Kim Lee", Some("kim@example.com"));
    check("kim@example.com", "kim@example.com", None);
    check("<kim@example.com>", "<kim@example.com>", None);
    check("Kim (https://example.com)", "Kim (https://example.com)", None);
}
