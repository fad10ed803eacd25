//! What is found in YAML, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn found(text: &str) -> Vec<String> {
    let all = mentions(text, "a.yaml", &Options::default()).expect("YAML");
    all.into_iter().map(|mention| mention.text).collect()
}

fn document(text: &str) -> Document {
    let mentions = mentions(text, "a.yaml", &Options::default()).expect("YAML");
    Document { path: "a.yaml".to_owned(), text: text.to_owned(), mentions }
}

/// With `new` in place of all references.
fn renamed(text: &str) -> String {
    document(text).renamed(|_| Ok::<_, ()>("new".to_owned())).expect("renamed")
}

#[test]
fn wherever_containers_are() {
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers: [{name: a, image: one}]\n  containers:\n  - name: b\n    \
               image: 'two:1'\n  ephemeralContainers:\n  - image: \"three@sha256:0\"\n  volumes:\n  - name: v\n    image:\n      \
               reference: four\n      pullPolicy: Always\n";
    assert_eq!(found(pod), ["one", "two:1", "three@sha256:0", "four"]);
    let cron = "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: a/b:1}]}}}}}\n";
    assert_eq!(found(&format!("{pod}---\n{cron}...\n---\nkind: List\nitems:\n- spec: {{image: c}}\n")).len(), 6);
    assert_eq!(found(r#"{"kind":"Pod","spec":{"containers":[{"image":"nginx:1"}]}}"#), ["nginx:1"]);
    assert_eq!(found("image: nginx"), ["nginx"], "at the very top");
}

#[test]
fn what_is_none() {
    for text in [
        "image:",
        "image: ''",
        "image: true",
        "image: ~",
        "image: 1.5",
        "image: [a, b]",
        "image: {repository: a, tag: b}",
        "images: a",
        "x: {reference: a}",
        "image: !custom a",
        "? [image]\n: a",
        "- image\n- a",
        "image",
        "",
        "# image: a",
        "x: 'image: a'",
        "apiVersion: kbld.k14s.io/v1alpha1\nkind: Config\noverrides:\n- image: a\n",
        "images:\n- image: a\napiVersion: imgpkg.carvel.dev/v1alpha1\n",
        "properties: {image: {type: string, description: a}}",
    ] {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(found("apiVersion: kbld.k14s.io/v1alpha1\nimage: a\n---\nimage: b"), ["b"], "each document by itself");
    assert_eq!(found("image: !!str 1.5"), ["1.5"]);
    assert_eq!(found("image: infinity"), ["infinity"]);
}

#[test]
fn more_keys_and_fewer_values() {
    let options =
        Options { keys: vec!["proxyImage".to_owned()], skip: vec!["logo.png".to_owned()], ..Options::default() };
    let all = mentions("proxyImage: a\nx: {image: logo.png, proxyImage: b}", "a.yaml", &options).expect("YAML");
    assert_eq!(all.iter().map(|mention| &*mention.text).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((all[0].line, all[1].line), (1, 2));
}

#[test]
fn anchors_and_aliases() {
    // Where the anchor is replaced, the alias means the new text, too.
    let text = "a: {image: &i nginx:1}\nb: {image: *i}\nc:\n  <<: &base {image: x:2}\nd: *base\n";
    assert_eq!(found(text), ["nginx:1", "x:2"]);
    assert_eq!(renamed(text), "a: {image: &i new}\nb: {image: *i}\nc:\n  <<: &base {image: new}\nd: *base\n");
    // Elsewhere the anchor stays as it is.
    let text = "name: &n nginx:1\nx: {image: *n }\n";
    assert_eq!(found(text), ["nginx:1"]);
    assert_eq!(renamed(text), "name: &n nginx:1\nx: {image: new }\n");
    let text = "&k image: a\nx: {*k : b}\n";
    assert_eq!(found(text), ["a", "b"]);
    assert_eq!(found("x: &a {image: one}\n---\nimage: two\n"), ["one", "two"]);
}

#[test]
fn only_references_are_replaced() {
    let text = "# the web\nspec: # here\n  image:   nginx:1   # why\n  two: [ {image: 'a', b: \"c\"}, {\"image\": \"d\"} ]\n\n";
    let expect = "# the web\nspec: # here\n  image:   new   # why\n  two: [ {image: 'new', b: \"c\"}, {\"image\": \"new\"} ]\n\n";
    assert_eq!(renamed(text), expect);
    assert_eq!(renamed("ä: ö\nimage: ü/x\nz: 1\n"), "ä: ö\nimage: new\nz: 1\n");
    assert_eq!(renamed("a:\n  image: >-\n    nginx:1\n  b: c\n"), "a:\n  image: >-\n    new\n  b: c\n");
    assert_eq!(renamed("a:\n  image: |\n    nginx:1\n  b: c\n"), "a:\n  image: |\n    new\n  b: c\n");
    assert_eq!(renamed("image:\n  nginx:1\nb: c\n"), "image:\n  new\nb: c\n");
    assert_eq!(renamed("image: !!str &a nginx:1\r\nb: c\r\n"), "image: !!str &a new\r\nb: c\r\n");
    assert_eq!(renamed("{\"image\":\"a\"}"), "{\"image\":\"new\"}");
}

#[test]
fn hostile() {
    let wrong = |text: &str| mentions(text, "a.yaml", &Options::default()).expect_err("refused").to_string();
    // Each level would be nine times as large as the one before.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..60 {
        let last = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![last; 9].join(", ")));
    }
    assert_eq!(found(&format!("{bomb}image: nginx\n")), ["nginx"]);
    assert!(wrong(&"[".repeat(100_000)).contains("a.yaml, line 1"));
    assert!(wrong(&"- ".repeat(100_000)).contains("a.yaml"));
    assert!(wrong("a: b\nimage: {{ .Values.image }}").contains("line 2: the image is a template; what is a template"));
    assert!(wrong("{{- if .Values.x }}\nimage: a\n{{- end }}").contains("rendered"));
    assert!(wrong("a: *nothing").contains("line 1"));
    assert_eq!(found(&format!("image: {}\nb: {{image: a}}", "x".repeat(5 << 20))), ["a"], "no reference is so long");
    assert_eq!(found(&format!("image: &a a\nb: [{}{{image: b}}]", "*a, ".repeat(200_000))), ["a", "b"]);
}

#[test]
fn folders() {
    let root = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    write("b/deploy.yml", "image: b\n");
    write("a.yaml", "image: a1\n---\nimage: a2\n");
    write("c.json", "{\"image\": \"c\"}");
    write("notes.txt", "image: no\n");
    write(".imgpkg/images.yml", "image: no\n");
    write("chart/templates/x.yaml", "{{ if }}");
    write(".wharfignore", "chart/\n");
    let names = |options: &Options| -> Vec<String> {
        let documents = folder(root.path(), options).expect("scanned");
        documents.iter().flat_map(|document| document.mentions.iter().map(|mention| mention.text.clone())).collect()
    };
    assert_eq!(names(&Options::default()), ["a1", "a2", "b", "c"]);
    assert_eq!(names(&Options { exclude: vec!["b".to_owned()], ..Options::default() }), ["a1", "a2", "c"]);
    let large = File::create(root.path().join("large.yaml")).expect("a file");
    large.set_len(BUNDLE_FILE_BYTES_MAX + 1).expect("long");
    let error = folder(root.path(), &Options::default()).expect_err("too large").to_string();
    assert!(error.contains("large.yaml is larger"), "{error}");
}
