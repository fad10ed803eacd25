//! What a server was asked, as its access log tells.

use serde_json::Value;
use wharf_testkit::server::Server;

/// A request that was answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u64,
    /// Who asked; `-` is nobody.
    pub(crate) actor: String,
}

/// All that the server was asked; stops it, so that nothing is missing.
#[track_caller]
pub(crate) fn of(mut server: Server) -> Vec<Request> {
    let said = server.stop_calmly();
    let lines = said.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["target"] == "wharf::access")
        .map(|line| Request {
            method: text(&line, "method"),
            path: text(&line, "path"),
            status: line["status"].as_u64().unwrap_or_default(),
            actor: text(&line, "actor"),
        })
        .inspect(|request| assert!(request.status < 500, "{request:?}"))
        .collect()
}

/// How many of these requests there were: the method, what the path begins and ends with, the status.
pub(crate) fn count(requests: &[Request], method: &str, path: (&str, &str), status: u64) -> usize {
    let fits = |request: &&Request| {
        (request.method.as_str(), request.status) == (method, status)
            && request.path.starts_with(path.0)
            && request.path.ends_with(path.1)
    };
    requests.iter().filter(fits).count()
}

/// How many blobs of `repository` were mounted from another: an upload that was over when it began.
pub(crate) fn mounts(requests: &[Request], repository: &str) -> usize {
    count(requests, "POST", (&format!("/v2/{repository}/"), "/blobs/uploads/"), 201)
}

/// How many chunks `repository` was sent.
pub(crate) fn chunks(requests: &[Request], repository: &str) -> usize {
    count(requests, "PATCH", (&format!("/v2/{repository}/blobs/uploads/"), ""), 202)
}

/// How many tokens were given out.
pub(crate) fn tokens(requests: &[Request]) -> usize {
    count(requests, "GET", ("/token", ""), 200) + count(requests, "POST", ("/token", ""), 200)
}
