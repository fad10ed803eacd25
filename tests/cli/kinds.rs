//! `wharf kinds`, and what `inspect` says of kinds: from a registry and from a folder, with kinds of one's own.

use std::fs;

use serde_json::json;
use wharf_testkit::fixture::Artifact;

use super::Desk;

/// A Helm chart, in the layout that helm writes.
fn chart() -> Artifact {
    let mut chart = Artifact::image(br#"{"name":"app","version":"1.0.0"}"#, &[b"a chart".to_vec()]);
    let text = String::from_utf8(chart.manifest).unwrap();
    let text = text.replace("application/vnd.oci.image.config.v1+json", "application/vnd.cncf.helm.config.v1+json");
    chart.manifest = text.replace("vnd.oci.image.layer.v1.tar", "vnd.cncf.helm.chart.content.v1.tar").into_bytes();
    chart
}

#[test]
fn which_there_are() {
    let desk = Desk::new();
    let text = desk.ok("kinds list");
    assert!(text.starts_with("KIND ") && text.contains("\nhelm-chart ") && text.contains("Helm chart"), "{text}");
    let policies = desk.json("kinds list --category policy");
    let all = policies["items"].as_array().unwrap();
    assert!(all.len() > 3 && all.iter().all(|kind| kind["category"] == "policy"), "{policies}");
    let text = desk.ok("kinds show helm-chart");
    for part in
        ["Helm chart", "config is application/vnd.cncf.helm.config.v1+json", "helm pull oci://", "config /appVersion"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!(desk.json("kinds show olm-bundle")["verified"]["how"], json!("source"));
    desk.fails("kinds show charts", &["charts", "wharf kinds list"]);
    let page = desk.ok("kinds page");
    assert!(page.starts_with("# Kinds\n") && page.contains("| `helm-chart` |") && page.contains("### Helm chart"));
}

#[test]
fn which_one_something_is_and_why() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    chart().push(&client, "acme/app", "1.0.0");
    let text = desk.ok(&format!("kinds test {at}/acme/app:1.0.0"));
    let rule = "config is application/vnd.cncf.helm.config.v1+json (helm-chart.toml:";
    let pull = format!("helm pull oci://{at}/acme/app --version 1.0.0");
    for part in ["Helm chart (helm-chart)", rule, &pull, "helm install app oci://"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let told = desk.json(&format!("inspect {at}/acme/app:1.0.0"));
    assert_eq!((&told["kind"]["id"], &told["kind"]["title"]), (&json!("helm-chart"), &json!("Helm chart")));
    assert_eq!(told["commands"][0]["text"], json!(pull));
    assert!(desk.ok(&format!("inspect {at}/acme/app:1.0.0")).contains(&pull));

    let folder = format!("oci:{}/folder:1.0.0", desk.home.path().display());
    desk.ok(&format!("copy {at}/acme/app:1.0.0 {folder}"));
    let told = desk.json(&format!("kinds test {folder}"));
    assert_eq!((&told["kind"]["id"], &told["commands"]), (&json!("helm-chart"), &json!([])));

    Artifact::small(1).push(&client, "acme/small", "1");
    let kinds = desk.home.path().join("kinds");
    fs::create_dir(&kinds).unwrap();
    let own = "id = \"acme-chart\"\ntitle = \"Acme chart\"\ncategory = \"package\"\n[[any]]\n\
               all = [{ field = \"config\", prefix = \"application/vnd.cncf.helm.\" }]\n";
    fs::write(kinds.join("acme.toml"), own).unwrap();
    let told = desk.json(&format!("kinds test {at}/acme/app:1.0.0 --kinds {}", kinds.display()));
    assert_eq!(told["kind"]["id"], json!("acme-chart"));
    assert!(told["kind"]["rule"].as_str().unwrap().contains("acme.toml:5"), "{told}");
    fs::write(kinds.join("acme.toml"), "id = \"acme\"\ntitle = 1\n").unwrap();
    desk.fails(&format!("kinds list --kinds {}", kinds.display()), &["acme.toml:2: "]);
    desk.fails(&format!("kinds test {at}/acme/none:1"), &["acme/none"]);
}
