//! Charts as `helm push` makes them (helm/helm pkg/registry/client.go: config of
//! `application/vnd.cncf.helm.config.v1+json`, then the archive, then its provenance file), and such as nobody made with
//! helm.

use serde_json::{Value, json};
use wharf_model::api::facts::{Icon, Line, Link};
use wharf_model::digest::{Algorithm, Digest};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, member, tar};

const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

const CHART_YAML: &str = "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\ndescription: An app\n";

fn config() -> Value {
    json!({
        "apiVersion": "v2", "name": "app", "version": "1.2.3", "appVersion": "4.5", "description": "An app",
        "type": "application", "kubeVersion": ">=1.25", "home": "https://example.com", "icon": "https://example.com/i.svg",
        "keywords": ["web", "demo"], "sources": ["https://github.com/acme/app"],
        "maintainers": [{ "name": "Kim", "email": "kim@example.com", "url": "https://example.com/kim" }],
        "dependencies": [{ "name": "db", "version": "~1", "repository": "oci://example.com/charts", "condition": "db.enabled" }],
        "annotations": { "artifacthub.io/license": "Apache-2.0" }
    })
}

fn archive() -> Vec<u8> {
    gzip(&tar(&[
        ("app/Chart.yaml", CHART_YAML.as_bytes()),
        ("app/README.md", b"# App\n\nIt is an app.\n"),
        ("app/values.yaml", b"# How many\nreplicas: 1\n"),
        ("app/values.schema.json", b"{}"),
        ("app/templates/deployment.yaml", b"kind: Deployment\n"),
        ("app/charts/db/Chart.yaml", b"name: db\n"),
        ("app/charts/db/README.md", b"# Db\n"),
    ]))
}

#[test]
fn of_helm() {
    let store = Store::default();
    let archive = archive();
    let sum = Digest::of(Algorithm::Sha256, &archive);
    // helm/helm pkg/provenance/sign.go
    let provenance = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{CHART_YAML}\n...\nfiles:\n  app-1.2.3.tgz: {sum}\n\
         -----BEGIN PGP SIGNATURE-----\n\nwsBc\n-----END PGP SIGNATURE-----"
    );
    let manifest = json!({
        "config": store.blob(CONFIG, config().to_string().as_bytes()),
        "layers": [store.blob(PROVENANCE, provenance.as_bytes()), store.blob(CHART, &archive)],
        "annotations": { "org.opencontainers.image.title": "app", "org.opencontainers.image.created": "2024-05-06T07:08:09Z" }
    });
    let facts = inspect("helm", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("app"));
    assert_eq!(facts.licenses.first(), Some(&Line::new("Apache-2.0")));
    assert_eq!(facts.icon, Link::new("https://example.com/i.svg").map(Icon::Link));
    assert_eq!(facts.source, Link::new("https://github.com/acme/app"));
    assert_eq!(facts.readme.as_ref().map(|text| text.as_str()), Some("# App\n\nIt is an app."));
    assert_eq!(facts.authors.len(), 1);
    let chart = detail!(facts, Helm);
    assert_eq!(chart.values.as_ref().map(|text| text.as_str()), Some("# How many\nreplicas: 1"));
    assert!(chart.has_schema && !chart.deprecated);
    assert_eq!(chart.files.len(), 7);
    let provenance = chart.provenance.as_ref().expect("a provenance file");
    assert!(provenance.fits && provenance.signed);
    assert_eq!(provenance.hash, Line::some("SHA512"));
    let json = detail_json(&facts);
    assert_eq!(json["dependencies"]["items"][0]["repository"], "oci://example.com/charts");
    assert_eq!(json["kube_version"], ">=1.25");
}

/// As helm before 3.7 pushed them: another media type of the archive, and no provenance; the config is all that is missing.
#[test]
fn of_older_helm() {
    let store = Store::default();
    let layer = store.blob("application/tar+gzip", &archive());
    let config = store.blob(CONFIG, b"{}");
    let facts = inspect("helm", &store, store.manifest(json!({ "config": config, "layers": [layer] })));
    check_faults(&facts, &["name is \"\", but \"app\" in the chart", "version is \"\""]);
    let layer = store.blob("application/tar+gzip", &archive());
    let config = store.blob(CONFIG, b"null");
    let facts = inspect("helm", &store, store.manifest(json!({ "config": config, "layers": [layer] })));
    check_faults(&facts, &[]);
    assert_eq!(detail!(facts, Helm).app_version, Line::some("4.5"));
}

/// What registries show is not what is installed; the provenance file is another chart's.
#[test]
fn that_lies() {
    let store = Store::default();
    let mut config = config();
    config["name"] = json!("bank");
    let provenance =
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: bank\n...\nfiles:\n  bank-1.tgz: sha256:00\n";
    let manifest = json!({
        "config": store.blob(CONFIG, config.to_string().as_bytes()),
        "layers": [store.blob(CHART, &archive()), store.blob(PROVENANCE, provenance.as_bytes())]
    });
    let facts = inspect("helm", &store, store.manifest(manifest));
    check_faults(&facts, &["name is \"bank\", but \"app\" in the chart", "none of its sums is that of the chart"]);
    assert!(detail!(facts, Helm).provenance.as_ref().is_some_and(|one| !one.fits && !one.signed));
}

#[test]
fn that_is_hostile() {
    let store = Store::default();
    let evil = json!({
        "name": EVIL, "version": EVIL, "description": EVIL, "icon": "javascript:alert(1)", "home": EVIL, "sources": [EVIL, 7],
        "keywords": EVIL, "maintainers": [EVIL, { "name": [EVIL], "url": "data:text/html,x" }], "dependencies": EVIL,
        "annotations": { EVIL: { "a": EVIL } }
    });
    let mut bomb = tar(&[("app/values.yaml", &vec![b'a'; 8 << 20]), ("app/README.md", EVIL.as_bytes())]);
    bomb.truncate(bomb.len() - 1024);
    for at in 0..1_000 {
        member(&mut bomb, &format!("app/{at}.md"), b"x", 1);
    }
    member(&mut bomb, "../../etc/passwd", b"x", 1);
    member(&mut bomb, "app/Chart.yaml", b"a: [", 4);
    // It ends in the middle of a file that says it is large.
    member(&mut bomb, "app/large", b"x", 1 << 40);
    let manifest = json!({
        "config": store.blob(CONFIG, evil.to_string().as_bytes()), "layers": [store.blob(CHART, &gzip(&bomb))]
    });
    let facts = inspect("helm", &store, store.manifest(manifest));
    check_faults(
        &facts,
        &["it ends in the middle of a file", "more of its files were not read", "there is no Chart.yaml"],
    );
    assert_eq!((&facts.icon, &facts.home, &facts.source), (&None, &None, &None));
    assert_eq!(detail!(facts, Helm).files.total(), 1_004);
    let lying = store.blob(CHART, &tar(&[("app/Chart.yaml", CHART_YAML.as_bytes())]));
    let facts =
        inspect("helm", &store, store.manifest(json!({ "config": store.blob(CONFIG, b"null"), "layers": [lying] })));
    check_faults(&facts, &["says gzip, but it is a plain tar"]);
    assert_eq!(facts.title, Line::some("app"));
}

#[test]
fn without_a_chart() {
    let store = Store::default();
    let manifest = json!({ "config": store.blob(CONFIG, config().to_string().as_bytes()) });
    let facts = inspect("helm", &store, store.manifest(manifest));
    check_faults(&facts, &["there is no layer with a chart in it", "there is no Chart.yaml"]);
    assert_eq!(detail!(facts, Helm).name, Line::new("app"));
}
