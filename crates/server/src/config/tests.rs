//! Tables for the configuration: precedence, refusals, what is shown.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn flag(key: &str, text: &str) -> Given {
    Given { key: key.into(), text: text.into(), origin: Origin::Flag(format!("--{key}")) }
}

fn loaded(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Resolved, ConfigError> {
    let mut given = file::parse(Path::new("wharf.toml"), file)?;
    given.extend(variables(environment.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect())?);
    given.extend(flags.iter().map(|(key, text)| flag(key, text)));
    resolve(given)
}

fn refused(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    loaded(file, environment, flags).expect_err("refused").to_string()
}

#[test]
fn every_default_fits_and_keys_are_unique() {
    let resolved = loaded("", &[], &[]).unwrap();
    assert_eq!(resolved.config.listen.to_string(), "127.0.0.1:5000");
    assert_eq!(resolved.config.ledger, "./wharf-data/ledger.db");
    assert_eq!(resolved.config.store, "./wharf-data/blobs");
    assert_eq!(resolved.config.gc.grace, Duration::from_secs(24 * 3600));
    assert!(resolved.config.log.access);
    assert!(resolved.config.warnings().is_empty());
    let keys: std::collections::BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), SETTINGS.len());
}

#[test]
fn flag_before_environment_before_file_before_default() {
    let file = "listen = \"127.0.0.1:1\"\n[log]\nformat = \"json\"\naccess = false";
    let environment = [("WHARF_LISTEN", "127.0.0.1:2"), ("WHARF_CACHE__MANIFEST_MIB", "1"), ("PATH", "/bin")];
    let port = |resolved: Resolved| resolved.config.listen.port();
    assert_eq!(port(loaded(file, &[], &[]).unwrap()), 1);
    assert_eq!(port(loaded(file, &environment, &[]).unwrap()), 2);
    let resolved = loaded(file, &environment, &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(resolved.config.listen.port(), 3);
    assert_eq!(resolved.config.cache.manifest_bytes, 1 << 20);
    let origin = |key| resolved.settings.iter().find(|place| place.setting.key == key).unwrap().origin.to_string();
    assert_eq!(origin("listen"), "--listen");
    assert_eq!(origin("cache.manifest_mib"), "WHARF_CACHE__MANIFEST_MIB");
    assert_eq!(origin("log.format"), "wharf.toml:3");
    assert_eq!(origin("data"), "default");
}

#[test]
fn what_a_file_cannot_say() {
    let check = |file: &str, expect: &str| assert_eq!(refused(file, &[], &[]), expect, "{file}");
    check("\nlisten = ", "wharf.toml:2: string values must be quoted, expected literal string");
    check("lisen = \"x\"", "wharf.toml:1: no setting is called \"lisen\"; did you mean listen?");
    check(
        "[limits]\nidle_timeout = 3",
        "wharf.toml:2: no setting is called \"limits.idle_timeout\"; did you mean limits.idle_timeout_s?",
    );
    check("[limit]\nx = 3", "wharf.toml:1: no section is called \"limit\"; did you mean limits?");
    check("[log]\ncert = \"x\"", "wharf.toml:2: no setting is called \"log.cert\"; did you mean tls.cert?");
    check("[listen]\nx = 1", "wharf.toml:1: no section is called \"listen\"; did you mean listen?");
    check("data = 1.5", "wharf.toml:1: data cannot be a float");
    check("trusted_proxies = [1]", "wharf.toml:1: trusted_proxies cannot be a list of anything but strings");
    check(
        "[gc]\ngrace_hours = 0",
        "wharf.toml:2: gc.grace_hours cannot be \"0\": it is a whole number from 1 to 87600",
    );
    check("log.format = \"xml\"", "wharf.toml:1: log.format cannot be \"xml\": it is one of text, json");
    check("zzzzzz = 1", "wharf.toml:1: no setting is called \"zzzzzz\"; `wharf config` lists all settings");
}

#[test]
fn what_the_environment_cannot_say() {
    let check = |name: &str, expect: &str| assert_eq!(refused("", &[(name, "x")], &[]), expect, "{name}");
    check("WHARF_LISEN", "WHARF_LISEN: no setting has this variable; did you mean WHARF_LISTEN?");
    check("WHARF_LOG_FORMAT", "WHARF_LOG_FORMAT: no setting has this variable; did you mean WHARF_LOG__FORMAT?");
    check(
        "WHARF_LISTEN",
        "WHARF_LISTEN: listen cannot be \"x\": it is an IP address and a port, as in 127.0.0.1:5000 or [::1]:5000",
    );
    check("WHARF_LISTEN_PORT", "WHARF_LISTEN_PORT: no setting has this variable; `wharf config` lists all settings");
    for slip in ["WHARF_PORT", "WHARF_SERVICE_PORT", "WHARF_SERVICE_PORTS", "WHARF_PORT_X_TCP", "WHARF_PORT_1_TCP_X"] {
        assert!(refused("", &[(slip, "x")], &[]).starts_with(slip), "{slip}");
    }
    for (fine, text) in [
        ("WHARF_ADMIN_PASSWORD", "x"),
        ("WHARF_CONFIG", "x"),
        ("WHARFX", "1"),
        // What Kubernetes says of a service.
        ("WHARF_SERVICE_HOST", "10.0.0.11"),
        ("WHARF_SERVICE_PORT", "5000"),
        ("WHARF_MAIN_SERVICE_PORT_HTTP", "5000"),
        ("WHARF_PORT", "tcp://10.0.0.11:5000"),
        ("WHARF_PORT_5000_TCP", "tcp://10.0.0.11:5000"),
        ("WHARF_PORT_5000_TCP_PROTO", "tcp"),
        ("WHARF_PORT_5000_TCP_PORT", "5000"),
        ("WHARF_PORT_5000_TCP_ADDR", "10.0.0.11"),
    ] {
        assert!(loaded("", &[(fine, text)], &[]).is_ok(), "{fine}");
    }
}

#[test]
fn addresses() {
    let good = |text: &str, expect: &str| {
        assert_eq!(loaded("", &[], &[("listen", text)]).unwrap().config.listen.to_string(), expect);
    };
    good("localhost:0", "127.0.0.1:0");
    good("[::1]:5000", "[::1]:5000");
    good("0.0.0.0:80", "0.0.0.0:80");
    let bad = |text: &str, hint: &str| {
        let error = refused("", &[], &[("listen", text)]);
        assert!(error.ends_with(hint), "{error}");
    };
    bad(":5000", "; for every address, 0.0.0.0:5000");
    bad("::1", "; [::1]:5000");
    bad("10.0.0.1", "; 10.0.0.1:5000");
    bad("registry.example:5000", "[::1]:5000");
}

#[test]
fn settings_that_belong_together() {
    let error = refused("open = \"loopback\"", &[], &[("listen", "0.0.0.0:1")]);
    assert!(
        error.starts_with("wharf.toml:1: open lets everybody in") && error.contains("--open=any-address"),
        "{error}"
    );
    let open = loaded("", &[], &[("open", "any-address"), ("listen", "0.0.0.0:1")]).unwrap();
    assert_eq!(open.config.warnings().len(), 1);
    assert!(loaded("", &[], &[("open", "loopback")]).is_ok());
    assert!(refused("[tls]\ncert = \"c\"", &[], &[]).starts_with("wharf.toml:2: tls.cert needs tls.key"));
    assert!(refused("", &[("WHARF_TLS__KEY", "k")], &[]).starts_with("WHARF_TLS__KEY: tls.key needs tls.cert"));
    assert_eq!(loaded("", &[], &[("listen", "0.0.0.0:1")]).unwrap().config.warnings().len(), 1);
}

#[test]
fn urls() {
    let url = |text: &str| loaded("", &[], &[("url", text)]).map(|resolved| resolved.config.url);
    assert_eq!(url("https://r.example:8443/").unwrap().as_deref(), Some("https://r.example:8443"));
    for bad in ["r.example", "https://", "https://r.example/path", "ftp://r", "https://u:p@r.example", "http://a\"b"] {
        assert!(url(bad).is_err(), "{bad}");
    }
    let error = refused("", &[], &[("ledger", "mysql://u:secret@h/d")]);
    assert!(error.contains("postgres://") && !error.contains("secret"), "{error}");
}

#[test]
fn passwords_are_not_shown() {
    let check = |text: &str, expect: &str| assert_eq!(show::redacted(text), expect);
    check("postgres://u:secret@h:1/d?sslmode=require", "postgres://u:***@h:1/d?sslmode=require");
    check("postgres://u:se/cr@et@h/d", "postgres://u:***@h/d");
    check("postgres://u@h/d?password=secret&x=1", "postgres://u@h/d?password=***&x=1");
    check("./data/ledger.db", "./data/ledger.db");
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let resolved = loaded("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nlog.access = false", &[], &[]).unwrap();
    let shown = show::toml(&resolved);
    let again = loaded(&shown, &[], &[]).unwrap();
    for (ours, theirs) in resolved.settings.iter().zip(&again.settings) {
        assert_eq!(ours.text, theirs.text, "{}", ours.setting.key);
    }
    assert!(shown.contains("# default") && shown.contains("# wharf.toml:1"), "{shown}");
    let json = show::json(&resolved);
    assert_eq!(json["log.access"], serde_json::json!({ "value": false, "origin": "wharf.toml:2" }));
    assert_eq!(json["url"]["value"], serde_json::Value::Null);
    assert_eq!(json["trusted_proxies"]["value"], serde_json::json!(["10.0.0.0/8", "::1"]));
}

#[test]
fn the_page_has_every_setting() {
    let page = show::page();
    for setting in SETTINGS {
        assert!(page.contains(&setting.variable()), "{}", setting.key);
    }
}
