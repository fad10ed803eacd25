//! nginx, as people put it before a registry to have TLS.

use std::net::TcpListener;

use serde_json::Value;
use wharf_testkit::server::PASSWORD;

use super::curl::{curl, login, push_and_pull};
use super::sandbox::{Daemon, Sandbox};
use super::{setup, tls};

/// Starts nginx, which hands over to `server` what comes by TLS; its port.
fn proxy(sandbox: &Sandbox, server: std::net::SocketAddr) -> (Daemon, u16) {
    let (cert, key) = tls::vouch(sandbox);
    // nginx cannot pick one.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds.iter().map(|kind| format!("{kind}_temp_path tmp/{kind};")).collect();
    let config = format!(
        "daemon off; pid nginx.pid; user root; worker_processes 1; error_log stderr notice; events {{}}
        http {{
            access_log off; client_max_body_size 0; {temporary}
            server {{
                listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; ssl_certificate_key {key};
                location / {{
                    proxy_pass http://{server}; proxy_http_version 1.1; proxy_request_buffering off;
                    proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
                }}
            }}
        }}"
    );
    let (config, prefix) = (sandbox.write("nginx.conf", config), sandbox.at(""));
    (sandbox.start(format!("nginx -e stderr -p {prefix} -c {config}"), "start worker process "), port)
}

/// One registry by its address, by a name and through TLS, all at once: each gets the realm that it can reach.
#[test]
fn by_address_by_name_and_through_a_tls_proxy() {
    let server = setup().env("WHARF_TRUSTED_PROXIES", "127.0.0.1").start();
    let sandbox = Sandbox::new(&["curl", "nginx", "skopeo"]);
    let (_nginx, port) = proxy(&sandbox, server.address);
    let (plain, name) = (server.address.port(), tls::NAME);
    for (base, with) in [
        (format!("http://127.0.0.1:{plain}"), String::new()),
        (format!("http://{name}:{plain}"), format!("--resolve {name}:{plain}:127.0.0.1")),
        (format!("https://127.0.0.1:{port}"), "--cacert ca/ca.crt".to_owned()),
        (format!("https://{name}:{port}"), format!("--cacert ca/ca.crt --resolve {name}:{port}:127.0.0.1")),
    ] {
        let (status, headers) = curl(&sandbox, &format!("{with} -o /dev/null -D - {base}/v2/"));
        let realm = format!("realm=\"{base}/token\"");
        assert!(status == 401 && headers.contains(&realm), "{realm}: {headers}");
        let scopes = "repository:acme/app:pull,push,delete&scope=repository:acme/other:pull,push";
        let (status, body) = curl(&sandbox, &format!("{with} {} {base}/token?service=any&scope={scopes}", login()));
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let token = format!("-H 'Authorization: Bearer {}'", answer["token"].as_str().unwrap());
        push_and_pull(&sandbox, &base, &format!("{with} {token}"));
    }
    let (plain, secured) = (server.address, format!("127.0.0.1:{port}"));
    let image = wharf_testkit::fixture::Artifact::small(1);
    image.push(&server.admin(), "acme/image", "v1");
    sandbox.ok_with(format!("skopeo login --tls-verify=false -u admin --password-stdin {plain}"), PASSWORD);
    sandbox.ok_with(format!("skopeo login --cert-dir ca -u admin --password-stdin {secured}"), PASSWORD);
    sandbox.ok(format!(
        "skopeo copy -q --preserve-digests --src-tls-verify=false --dest-cert-dir ca docker://{plain}/acme/image:v1 \
         docker://{secured}/acme/copy:v1"
    ));
    assert_eq!(server.admin().get("/v2/acme/copy/manifests/v1").expect(200).body, image.manifest);
}
