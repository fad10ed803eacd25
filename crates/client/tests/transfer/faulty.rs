//! A registry in memory that does what a test wants it to do wrong, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use wharf_model::digest::{Algorithm, Digest};

/// What goes wrong. Nothing, if nothing is said.
#[derive(Default)]
pub struct Faults {
    /// Each next answer with bytes of a blob breaks off after so many.
    pub cut_answers: VecDeque<usize>,
    /// Each next request with bytes of a blob is read so far, and then the connection is closed.
    pub cut_uploads: VecDeque<usize>,
    /// Each next request for which `busy_at` is in the method and target is answered with this status and `Retry-After: 0`.
    pub busy: VecDeque<u16>,
    /// See `busy`.
    pub busy_at: &'static str,
    /// Blobs are sent with a byte changed.
    pub wrong_bytes: bool,
    /// Blobs are sent with so many bytes more, without saying how many.
    pub more_bytes: usize,
    /// Blobs are announced to have so many bytes.
    pub wrong_length: Option<usize>,
    /// Manifests are sent with a byte changed.
    pub wrong_manifests: bool,
    /// Ranges are passed over.
    pub no_ranges: bool,
    /// Another part than was asked for.
    pub wrong_ranges: bool,
    /// Nobody sees a blob but in the repository `a/b`.
    pub by_repository: bool,
    /// No mounts.
    pub no_mounts: bool,
    /// No referrers API, and no `OCI-Subject`.
    pub no_referrers: bool,
    /// `?tag=` is passed over.
    pub no_tag_parameters: bool,
    /// Locations are whole URLs.
    pub absolute: bool,
    /// Locations are on this host instead.
    pub location_at: Option<String>,
    /// No chunks.
    pub no_chunks: bool,
    /// Chunks are at least so long.
    pub chunk_min: Option<usize>,
    /// A proxy takes no more bytes than that at once.
    pub body_max: Option<usize>,
    /// Manifests with any of these in them are refused.
    pub refused: Vec<&'static str>,
    /// Manifests without a tag are refused.
    pub no_untagged: bool,
    /// Nothing is deleted.
    pub no_delete: bool,
    /// Uploads are forgotten when their connection is cut.
    pub forgetful: bool,
    /// The last answer to an upload is lost, though the blob is there.
    pub lose_last_answer: bool,
    /// Blobs are at this URL and the digest.
    pub blobs_at: Option<String>,
    /// Only who has a token of the service at this realm is let in; `SELF` is this server.
    pub realm: Option<String>,
    /// How often a token counts.
    pub token_uses: Option<usize>,
    /// The name and password that is asked for, as it stands in the header.
    pub basic: Option<&'static str>,
    /// How many entries a list has at once.
    pub page: Option<usize>,
    /// Lists go on for ever.
    pub endless: bool,
    /// Somebody else changes each tag once, right before it is written.
    pub rival: Option<(Digest, Vec<u8>)>,
}

#[derive(Default)]
pub struct State {
    pub faults: Faults,
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub uploads: BTreeMap<usize, Vec<u8>>,
    /// By tag and by digest.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub asked: Vec<Asked>,
    tokens: BTreeMap<String, usize>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub headers: BTreeMap<String, String>,
    /// As much as was read.
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Method and target.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    fn parameter(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let plain = |value: &str| value.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| plain(value)).collect()
    }
}

/// An answer; `None` as status closes the connection.
struct Reply {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: Option<usize>,
    cut: Option<usize>,
    is_chunked: bool,
}

impl Reply {
    fn new(status: u16) -> Reply {
        let (headers, body) = Default::default();
        Reply { status: Some(status), headers, body, length: None, cut: None, is_chunked: false }
    }

    fn with(mut self, name: &str, value: impl ToString) -> Reply {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }
}

/// See the module. It runs to the end of the test.
#[derive(Clone)]
pub struct Faulty {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Faulty {
    pub fn start(faults: Faults) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { faults, ..State::default() }));
        let faulty = Faulty { address, state };
        let server = faulty.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = server.clone();
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        faulty
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has a blob.
    pub fn hold(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        self.state().blobs.insert(digest.to_string(), bytes.to_vec());
        digest
    }

    /// What it was asked that has `part` in its method and target.
    pub fn asked(&self, part: &str) -> Vec<Asked> {
        let state = self.state();
        state.asked.iter().filter(|asked| asked.line().contains(part)).cloned().collect()
    }

    fn serve(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((asked, is_cut)) = self.read(&mut reader) {
            let mut state = self.state();
            state.asked.push(asked.clone());
            let reply = match is_cut {
                true => Reply { status: None, ..Reply::new(0) },
                false => self.answer(&mut state, &asked),
            };
            drop(state);
            if write(stream, &asked.method, &reply).is_none() {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }

    /// One request; whether it is cut off.
    fn read(&self, reader: &mut BufReader<TcpStream>) -> Option<(Asked, bool)> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        assert!(!headers.contains_key("transfer-encoding"), "all that is sent says how long it is");
        let is_bytes = matches!(&*method, "PUT" | "PATCH") && target.contains("/blobs/uploads/") && length > 0;
        let cut = if is_bytes { self.state().faults.cut_uploads.pop_front() } else { None };
        let mut body = vec![0; cut.unwrap_or(length).min(length)];
        reader.read_exact(&mut body).ok()?;
        let asked = Asked { method, target, headers, body };
        if cut.is_some() {
            let mut state = self.state();
            match (state.faults.forgetful, upload_of(&asked)) {
                (true, Some(id)) => drop(state.uploads.remove(&id)),
                (false, Some(id)) => state.uploads.get_mut(&id).unwrap().extend(&asked.body),
                _ => (),
            }
        }
        Some((asked, cut.is_some()))
    }

    fn answer(&self, state: &mut State, asked: &Asked) -> Reply {
        if asked.target.starts_with("/token") {
            return self.token(state, asked);
        }
        if asked.line().contains(state.faults.busy_at)
            && let Some(status) = state.faults.busy.pop_front()
        {
            return Reply::new(status).with("Retry-After", 0);
        }
        if let Some(refusal) = self.refusal(state, asked) {
            return refusal;
        }
        let path = asked.target.split('?').next().unwrap_or_default();
        let part = |name: &str| path.split_once(name).map(|(_, rest)| rest.to_owned());
        if path.contains("/blobs/uploads/") {
            return self.upload(state, asked);
        }
        if let Some(digest) = part("/blobs/") {
            return blob(state, asked, &digest);
        }
        if let Some(reference) = part("/manifests/") {
            return manifest(state, asked, &reference);
        }
        if let Some(subject) = part("/referrers/") {
            return referrers(state, asked, &subject);
        }
        match path.ends_with("/tags/list") {
            true => tags(state, asked),
            false => Reply::new(200),
        }
    }

    /// The refusal of who has no token, or has one for something else.
    fn refusal(&self, state: &mut State, asked: &Asked) -> Option<Reply> {
        let sent = asked.header("authorization");
        if let Some(basic) = state.faults.basic.filter(|_| state.faults.realm.is_none()) {
            return (sent != Some(basic)).then(|| Reply::new(401).with("WWW-Authenticate", "Basic realm=\"x\""));
        }
        let realm = state.faults.realm.clone()?.replace("SELF", &format!("http://{}", self.address));
        let name = asked.target.trim_start_matches("/v2/").split("/blobs").next().unwrap_or_default();
        let name = name.split("/manifests").next().unwrap_or_default().split("/tags").next().unwrap_or_default();
        let actions = if matches!(&*asked.method, "GET" | "HEAD") { "pull" } else { "pull,push" };
        let scope = format!("repository:{name}:{actions}");
        let token = sent.and_then(|sent| sent.strip_prefix("Bearer ")).unwrap_or_default();
        let left = state.tokens.get_mut(token).filter(|left| **left > 0 && token.contains(&*scope));
        if let Some(left) = left {
            *left -= 1;
            return None;
        }
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\",scope=\"{scope}\"");
        Some(Reply::new(401).with("WWW-Authenticate", challenge))
    }

    fn token(&self, state: &mut State, asked: &Asked) -> Reply {
        if state.faults.basic.is_some_and(|basic| asked.header("authorization") != Some(basic)) {
            return Reply::new(401);
        }
        let token = format!("{}-{}", state.tokens.len(), asked.parameter("scope").join("+"));
        let uses = state.faults.token_uses.unwrap_or(usize::MAX);
        state.tokens.insert(token.clone(), uses);
        Reply::new(200).body(format!("{{\"token\":\"{token}\",\"expires_in\":300}}"))
    }

    fn upload(&self, state: &mut State, asked: &Asked) -> Reply {
        if state.faults.body_max.is_some_and(|max| asked.body.len() > max) {
            return Reply::new(413);
        }
        let Some(id) = upload_of(asked) else {
            let mounted = asked.parameter("mount");
            if let Some(digest) = mounted.first().filter(|digest| state.blobs.contains_key(*digest))
                && !state.faults.no_mounts
            {
                return Reply::new(201).with("Location", format!("/v2/a/b/blobs/{digest}"));
            }
            let id = state.asked.len();
            state.uploads.insert(id, Vec::new());
            let least = state.faults.chunk_min.map(|min| ("OCI-Chunk-Min-Length".to_owned(), min.to_string()));
            let mut reply = Reply::new(202).with("Location", self.location(state, id));
            reply.headers.extend(least);
            return reply;
        };
        let location = self.location(state, id);
        let Some(has) = state.uploads.get_mut(&id) else { return Reply::new(404) };
        let start = asked.header("content-range").and_then(|range| range.split('-').next()?.parse::<usize>().ok());
        if start.is_some_and(|start| start != has.len()) {
            return Reply::new(416).with("Range", format!("0-{}", has.len().saturating_sub(1)));
        }
        if state.faults.no_chunks && asked.method == "PATCH" {
            return Reply::new(405);
        }
        has.extend(&asked.body);
        let range = format!("0-{}", has.len().saturating_sub(1));
        match &*asked.method {
            "GET" => return Reply::new(204).with("Location", location).with("Range", range),
            "DELETE" => {
                state.uploads.remove(&id);
                return Reply::new(204);
            }
            "PATCH" => return Reply::new(202).with("Location", location).with("Range", range),
            _ => (),
        }
        let bytes = state.uploads.remove(&id).unwrap_or_default();
        let digest = Digest::of(Algorithm::Sha256, &bytes).to_string();
        if asked.parameter("digest") != [digest.clone()] {
            return Reply::new(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}"#);
        }
        state.blobs.insert(digest.clone(), bytes);
        if std::mem::take(&mut state.faults.lose_last_answer) {
            return Reply { status: None, ..Reply::new(0) };
        }
        Reply::new(201).with("Docker-Content-Digest", digest)
    }

    fn location(&self, state: &State, id: usize) -> String {
        let host = match &state.faults.location_at {
            Some(host) => host.clone(),
            None if state.faults.absolute => format!("http://{}", self.address),
            None => String::new(),
        };
        format!("{host}/v2/a/b/blobs/uploads/{id}?_state=a%2Fb")
    }
}

fn upload_of(asked: &Asked) -> Option<usize> {
    asked.target.split_once("/blobs/uploads/")?.1.split('?').next()?.parse().ok()
}

fn blob(state: &mut State, asked: &Asked, digest: &str) -> Reply {
    if state.faults.by_repository && !asked.target.starts_with("/v2/a/b/") {
        return Reply::new(404);
    }
    if let Some(at) = state.faults.blobs_at.clone().filter(|_| asked.method == "GET") {
        return Reply::new(307).with("Location", format!("{at}{digest}"));
    }
    let Some(mut bytes) = state.blobs.get(digest).cloned() else { return Reply::new(404) };
    let size = bytes.len();
    if state.faults.wrong_bytes {
        bytes[size / 2] ^= 1;
    }
    let range = asked.header("range").filter(|_| !state.faults.no_ranges);
    let mut reply = match range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
        Some((first, last)) => {
            let (first, last) = (first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap().min(size - 1));
            let first = if state.faults.wrong_ranges { first.saturating_sub(1) } else { first };
            bytes = bytes[first..=last].to_vec();
            Reply::new(206).with("Content-Range", format!("bytes {first}-{last}/{size}"))
        }
        None => Reply::new(200),
    };
    bytes.extend(vec![0; state.faults.more_bytes]);
    reply.is_chunked = state.faults.more_bytes > 0;
    reply.length = state.faults.wrong_length;
    reply.cut = if asked.method == "GET" { state.faults.cut_answers.pop_front() } else { None };
    reply.body(bytes)
}

fn manifest(state: &mut State, asked: &Asked, reference: &str) -> Reply {
    match &*asked.method {
        "PUT" => put_manifest(state, asked, reference),
        "DELETE" if state.faults.no_delete => Reply::new(405),
        "DELETE" => Reply::new(state.manifests.remove(reference).map_or(404, |_| 202)),
        _ => {
            let Some((media_type, mut bytes)) = state.manifests.get(reference).cloned() else {
                return Reply::new(404);
            };
            let digest = Digest::of(Algorithm::Sha256, &bytes);
            if state.faults.wrong_manifests {
                bytes[0] ^= 1;
            }
            let reply = Reply::new(200).with("Content-Type", media_type).with("Docker-Content-Digest", digest);
            reply.with("ETag", format!("\"{digest}\"")).body(bytes)
        }
    }
}

fn put_manifest(state: &mut State, asked: &Asked, reference: &str) -> Reply {
    let digest = Digest::of(Algorithm::Sha256, &asked.body).to_string();
    let media_type = asked.header("content-type").unwrap().to_owned();
    let text = String::from_utf8_lossy(&asked.body);
    let is_untagged = reference.contains(':') && state.faults.no_untagged;
    if is_untagged || state.faults.refused.iter().any(|part| text.contains(part)) {
        return Reply::new(400);
    }
    if let Some((_, rival)) = state.faults.rival.take_if(|_| reference.starts_with("sha256-")) {
        state.manifests.insert(reference.to_owned(), (media_type.clone(), rival));
    }
    let there = state.manifests.get(reference).map(|(_, bytes)| Digest::of(Algorithm::Sha256, bytes));
    if asked.header("if-match").is_some_and(|only| there.is_none_or(|there| only != format!("\"{there}\""))) {
        return Reply::new(412);
    }
    let mut reply = Reply::new(201).with("Docker-Content-Digest", &digest);
    let mut names = vec![digest, reference.to_owned()];
    if !state.faults.no_tag_parameters {
        let tags = asked.parameter("tag");
        reply = if tags.is_empty() { reply } else { reply.with("OCI-Tag", tags.join(", ")) };
        names.extend(tags);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    if let Some(subject) = manifest["subject"]["digest"].as_str().filter(|_| !state.faults.no_referrers) {
        reply = reply.with("OCI-Subject", subject);
    }
    for name in names {
        state.manifests.insert(name, (media_type.clone(), asked.body.clone()));
    }
    reply
}

fn referrers(state: &State, asked: &Asked, subject: &str) -> Reply {
    if state.faults.no_referrers {
        return Reply::new(404);
    }
    let all = state.manifests.iter().filter(|(name, _)| name.contains(':')).filter_map(|(name, (kind, bytes))| {
        let manifest: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let entry = serde_json::json!({
            "mediaType": kind, "digest": name, "size": bytes.len(), "artifactType": manifest["artifactType"],
        });
        (manifest["subject"]["digest"] == subject).then_some(entry)
    });
    let all: Vec<_> = all.collect();
    let (page, next) = page(state, asked, all.len());
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": all[page] });
    let mut reply = Reply::new(200).with("Content-Type", "application/vnd.oci.image.index.v1+json");
    reply.headers.extend(next.map(|next| ("Link".to_owned(), next)));
    reply.body(index.to_string())
}

fn tags(state: &State, asked: &Asked) -> Reply {
    let all: Vec<_> = state.manifests.keys().filter(|name| !name.contains(':')).collect();
    let (page, next) = page(state, asked, all.len());
    let mut reply = Reply::new(200);
    reply.headers.extend(next.map(|next| ("Link".to_owned(), next)));
    reply.body(serde_json::json!({ "name": "a/b", "tags": all[page] }).to_string())
}

/// Which entries of so many, and the link to the next.
fn page(state: &State, asked: &Asked, all: usize) -> (std::ops::Range<usize>, Option<String>) {
    let path = asked.target.split('?').next().unwrap_or_default();
    let start: usize = asked.parameter("from").first().map_or(0, |from| from.parse().unwrap());
    let end = state.faults.page.map_or(all, |page| all.min(start + page));
    let is_more = end < all || state.faults.endless;
    (start.min(end)..end, is_more.then(|| format!("<{path}?from={end}>; rel=\"next\"")))
}

/// `None` where the connection is to be closed.
fn write(mut stream: &TcpStream, method: &str, reply: &Reply) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} x\r\n", reply.status?);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match reply.is_chunked {
        true => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
        false => head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.length.unwrap_or(reply.body.len()))),
    }
    stream.write_all(head.as_bytes()).ok()?;
    if method == "HEAD" || reply.status == Some(204) {
        return Some(());
    }
    let cut = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
    match reply.is_chunked {
        true => {
            stream.write_all(format!("{:x}\r\n", reply.body.len()).as_bytes()).ok()?;
            stream.write_all(&reply.body).ok()?;
            stream.write_all(b"\r\n0\r\n\r\n").ok()?;
        }
        false => stream.write_all(&reply.body[..cut]).ok()?,
    }
    (cut == reply.body.len() && reply.length.is_none()).then_some(())
}
