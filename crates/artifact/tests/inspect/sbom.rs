//! Bills of materials in the formats of SPDX (spdx/spdx-spec examples), CycloneDX (CycloneDX/specification schema/bom-1.6)
//! and Syft (anchore/syft syft/format/syftjson), and hostile ones.

use serde_json::{Value, json};
use wharf_model::api::facts::{Facts, Line};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

fn read(document: &[u8]) -> Facts {
    let store = Store::default();
    let layer = store.blob("application/octet-stream", document);
    inspect("sbom", &store, store.manifest(json!({ "layers": [layer] })))
}

fn packages(facts: &Facts) -> Vec<String> {
    let text = |line: &Option<Line>| line.as_ref().map_or("-", Line::as_str).to_owned();
    let packages = detail!(facts, Sbom).packages.iter();
    let told = packages.map(|one| {
        format!("{} {} {} {}", one.name.as_str(), one.version.as_str(), text(&one.purl), text(&one.license))
    });
    told.collect()
}

const CURL: &str = "curl 8.5.0 pkg:deb/debian/curl@8.5.0?arch=amd64 curl";

#[test]
fn spdx_json() {
    let facts = read(
        json!({
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "app",
            "creationInfo": { "created": "2024-05-06T07:08:09Z", "creators": ["Organization: Acme", "Tool: syft-1.4.1"] },
            "documentDescribes": ["SPDXRef-root"],
            "packages": [
                { "SPDXID": "SPDXRef-root", "name": "acme/app", "versionInfo": "1.0", "licenseConcluded": "NOASSERTION" },
                { "SPDXID": "SPDXRef-curl", "name": "curl", "versionInfo": "8.5.0", "licenseConcluded": "NOASSERTION",
                  "licenseDeclared": "curl", "supplier": "Organization: Debian",
                  "externalRefs": [
                      { "referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:curl" },
                      { "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                        "referenceLocator": "pkg:deb/debian/curl@8.5.0?arch=amd64" }] }
            ],
            "files": [{ "fileName": "/a" }, { "fileName": "/b" }]
        })
        .to_string()
        .as_bytes(),
    );
    check_faults(&facts, &[]);
    assert_eq!(packages(&facts), ["acme/app 1.0 - -", CURL]);
    let json = detail_json(&facts);
    assert_eq!((&json["format"], &json["about"], &json["files"]), (&json!("SPDX 2.3"), &json!("acme/app"), &json!(2)));
    assert_eq!(json["tools"]["items"], json!(["syft-1.4.1"]));
    assert_eq!(json["ecosystems"]["items"], json!([{ "name": "deb", "count": 1 }]));
    assert_eq!(json["packages"]["items"][1]["supplier"], "Debian");
    assert_eq!(facts.title, Line::some("acme/app"));
}

#[test]
fn spdx_tag_value() {
    let facts = read(
        b"SPDXVersion: SPDX-2.2\nDataLicense: CC0-1.0\nDocumentName: app\nCreator: Tool: trivy-0.50\n\
          LicenseComment: <text>PackageName: no\nPackageName: neither</text>\n\n\
          PackageName: curl\nSPDXID: SPDXRef-1\nPackageVersion: 8.5.0\nPackageLicenseConcluded: NOASSERTION\n\
          PackageLicenseDeclared: curl\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/curl@8.5.0?arch=amd64\n\n\
          FileName: /a\nPackageVersion: 9\nPackageName: zlib\n",
    );
    check_faults(&facts, &[]);
    assert_eq!(packages(&facts), [CURL, "zlib  - -"]);
    let sbom = detail!(facts, Sbom);
    assert_eq!((sbom.format.as_str(), sbom.files, sbom.tools.len()), ("SPDX 2.2", 1, 1));
}

/// spdx/spdx-3-model, serialised as JSON-LD.
#[test]
fn spdx_three() {
    let facts = read(
        json!({
            "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
            "@graph": [
                { "type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1" },
                { "type": "SpdxDocument", "name": "app" }, { "type": "Tool", "name": "tern" }, { "type": "software_File" },
                { "type": "software_Package", "name": "curl", "software_packageVersion": "8.5.0",
                  "software_packageUrl": "pkg:deb/debian/curl@8.5.0?arch=amd64" }
            ]
        })
        .to_string()
        .as_bytes(),
    );
    check_faults(&facts, &[]);
    assert_eq!(packages(&facts), ["curl 8.5.0 pkg:deb/debian/curl@8.5.0?arch=amd64 -"]);
    assert_eq!(detail!(facts, Sbom).format.as_str(), "SPDX 3.0.1");
}

#[test]
fn cyclonedx_json() {
    let facts = read(
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {
                "component": { "type": "application", "name": "app" },
                "tools": { "components": [{ "type": "application", "name": "trivy", "version": "0.50" }] } },
            "components": [
                { "type": "library", "group": "org.slf4j", "name": "slf4j-api", "version": "2.0", "purl": "pkg:maven/org.slf4j/slf4j-api@2.0",
                  "licenses": [{ "license": { "id": "MIT" } }, { "license": { "name": "Other" } }],
                  "components": [{ "type": "library", "name": "inner", "licenses": [{ "expression": "MIT OR Apache-2.0" }] }] },
                { "type": "file", "name": "/a" }
            ],
            "vulnerabilities": [{ "id": "CVE-1" }, {}]
        })
        .to_string()
        .as_bytes(),
    );
    check_faults(&facts, &[]);
    assert_eq!(
        packages(&facts),
        ["org.slf4j/slf4j-api 2.0 pkg:maven/org.slf4j/slf4j-api@2.0 MIT AND Other", "inner  - MIT OR Apache-2.0"]
    );
    let sbom = detail!(facts, Sbom);
    assert_eq!((sbom.format.as_str(), sbom.files, sbom.vulnerabilities), ("CycloneDX 1.6", 1, 2));
    assert_eq!(sbom.tools.first(), Some(&Line::new("trivy 0.50")));
    assert_eq!(sbom.about, Line::some("app"));
}

#[test]
fn cyclonedx_xml() {
    let facts = read(
        br#"<?xml version="1.0" encoding="UTF-8"?>
        <bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1">
          <metadata><tools><tool><vendor>aqua</vendor><name>trivy</name></tool></tools>
            <component type="application"><name>app</name></component></metadata>
          <components>
            <component type="library"><group>org.x</group><name>a &amp; b</name><version>1</version>
              <licenses><license><id>MIT</id></license></licenses><purl>pkg:maven/org.x/a@1</purl>
              <components><component type="library"><name><![CDATA[inner]]></name></component></components></component>
            <component type="file"><name>/a</name></component>
          </components>
          <vulnerabilities><vulnerability><id>CVE-1</id></vulnerability></vulnerabilities>
        </bom>"#,
    );
    check_faults(&facts, &[]);
    assert_eq!(packages(&facts), ["inner  - -", "org.x/a & b 1 pkg:maven/org.x/a@1 MIT"]);
    let sbom = detail!(facts, Sbom);
    assert_eq!((sbom.format.as_str(), sbom.files, sbom.vulnerabilities), ("CycloneDX 1.5", 1, 1));
    assert_eq!((sbom.about.clone(), sbom.tools.first()), (Line::some("app"), Some(&Line::new("trivy"))));
}

#[test]
fn syft() {
    let facts = read(
        json!({
            "artifacts": [
                { "name": "curl", "version": "8.5.0", "type": "deb", "purl": "pkg:deb/debian/curl@8.5.0?arch=amd64",
                  "licenses": [{ "value": "curl", "spdxExpression": "curl", "type": "declared" }] },
                { "name": "old", "version": "1", "licenses": ["MIT", "ISC"] }
            ],
            "files": [{}], "source": { "type": "image", "name": "acme/app", "version": "sha256:1" },
            "descriptor": { "name": "syft", "version": "1.4.1" }, "schema": { "version": "16.0.18" }
        })
        .to_string()
        .as_bytes(),
    );
    check_faults(&facts, &[]);
    assert_eq!(packages(&facts), [CURL, "old 1 - MIT AND ISC"]);
    let sbom = detail!(facts, Sbom);
    assert_eq!((sbom.format.as_str(), sbom.about.clone()), ("Syft 16.0.18", Line::some("acme/app")));
}

#[test]
fn hostile() {
    let evil: Vec<Value> = (0..20_000)
        .map(|at| {
            json!({ "name": EVIL, "versionInfo": [EVIL], "licenseDeclared": format!("{EVIL}{at}"), "supplier": EVIL,
                          "externalRefs": { "referenceType": "purl" } })
        })
        .collect();
    let document =
        json!({ "spdxVersion": EVIL, "name": { "a": EVIL }, "packages": evil, "creationInfo": [], "files": 7 });
    let facts = read(document.to_string().as_bytes());
    check_faults(&facts, &[]);
    let sbom = detail!(facts, Sbom);
    assert_eq!((sbom.packages.total(), sbom.licenses.len()), (20_000, 500));
    let large = json!({ "spdxVersion": "SPDX-2.3", "packages": [{ "name": "x".repeat(2 << 20) }, { "name": "y" }] });
    check_faults(&read(large.to_string().as_bytes()), &["1 of its entries are too large to be read"]);
    let mut deep = json!({ "type": "library", "name": "x" });
    for _ in 0..50 {
        deep = json!({ "type": "library", "name": "x", "components": [deep] });
    }
    let facts = read(json!({ "bomFormat": "CycloneDX", "components": [deep] }).to_string().as_bytes());
    assert_eq!(detail!(facts, Sbom).packages.len(), 17);
}

/// What is described is looked up, not searched for: 50 000 × 50 000 steps are more than a test may take.
#[test]
fn large_lists_are_read_in_their_length() {
    let described: Vec<String> = (0..50_000).map(|number| format!("SPDXRef-described-{number}")).collect();
    let packages: Vec<Value> =
        (0..50_000).map(|number| json!({ "SPDXID": format!("SPDXRef-package-00{number}") })).collect();
    let document = json!({ "spdxVersion": "SPDX-2.3", "documentDescribes": described, "packages": packages });
    let facts = read(document.to_string().as_bytes());
    let sbom = detail!(facts, Sbom);
    assert_eq!((sbom.packages.total(), &sbom.about), (50_000, &None));
}

#[test]
fn malformed() {
    let check = |document: &[u8], fault: &str| check_faults(&read(document), &[fault]);
    check(b"{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[", "it is no JSON that can be read: EOF");
    check(b"{}", "it is no bill of materials that is known");
    check(b"\xff\xfe", "it is not UTF-8");
    check(b"", "it is no bill of materials that is known");
    check(b"hello", "it is no bill of materials that is known");
    check(b"<html xmlns=\"http://www.w3.org/1999/xhtml\"></html>", "it is no bill of materials that is known");
    check(b"<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"><components>", "it is no whole CycloneDX document");
    check(b"<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"></bam>", "it is no XML that can be read");
    let nested = format!("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">{}", "<a>".repeat(100_000));
    check(nested.as_bytes(), "it is nested too deep");
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">\
                <components><component><name>&b;</name></component></components></bom>";
    assert_eq!(packages(&read(bomb.as_bytes())), ["\u{fffd}  - -"]);
    let store = Store::default();
    let gone = json!({ "layers": [store.absent("application/spdx+json", 7)] });
    check_faults(&inspect("sbom", &store, store.manifest(gone)), &["it is not in this repository"]);
    let mut large = store.blob("application/spdx+json", b"{}");
    large["size"] = json!(1_u64 << 40);
    check_faults(&inspect("sbom", &store, store.manifest(json!({ "layers": [large] }))), &["are not read"]);
}
