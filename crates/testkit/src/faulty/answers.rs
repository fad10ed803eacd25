//! How requests are answered: who is let in, uploads, blobs.

use wharf_model::digest::{Algorithm, Digest};

use super::wire::{Asked, Reply};
use super::{Faulty, State, manifests, other_digest, upload_of};

impl Faulty {
    pub(super) fn answer(&self, state: &mut State, asked: &Asked) -> Reply {
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
        if state.faults.read_only && !matches!(&*asked.method, "GET" | "HEAD") {
            return Reply::error(403, "DENIED", "nobody may push here");
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
            return manifests::manifest(state, asked, &reference);
        }
        if let Some(subject) = part("/referrers/") {
            return manifests::referrers(state, asked, &subject);
        }
        match path.ends_with("/tags/list") {
            true => manifests::tags(state, asked),
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
        let actions = if matches!(&*asked.method, "GET" | "HEAD") { "pull" } else { "pull,push" };
        let scope = format!("repository:{}:{actions}", asked.repository());
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
        let Some(id) = upload_of(asked) else { return self.begin(state, asked) };
        let location = self.location(state, asked, id);
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
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        if asked.parameter("digest") != [digest.to_string()] {
            return Reply::error(400, "DIGEST_INVALID", "other bytes");
        }
        let said = if state.faults.wrong_digests { other_digest(&bytes) } else { digest };
        state.blobs.insert(digest.to_string(), bytes);
        if std::mem::take(&mut state.faults.lose_last_answer) {
            return Reply::none();
        }
        Reply::new(201).with("Docker-Content-Digest", said)
    }

    /// An upload is begun, or needs not be.
    fn begin(&self, state: &mut State, asked: &Asked) -> Reply {
        let mounted = asked.parameter("mount");
        if let Some(digest) = mounted.first().filter(|digest| state.blobs.contains_key(*digest))
            && !state.faults.no_mounts
        {
            return Reply::new(201).with("Location", format!("/v2/{}/blobs/{digest}", asked.repository()));
        }
        let id = state.asked.len();
        state.uploads.insert(id, Vec::new());
        let least = state.faults.chunk_min.map(|min| ("OCI-Chunk-Min-Length".to_owned(), min.to_string()));
        let mut reply = Reply::new(202).with("Location", self.location(state, asked, id));
        reply.headers.extend(least);
        reply
    }

    fn location(&self, state: &State, asked: &Asked, id: usize) -> String {
        let host = match &state.faults.location_at {
            Some(host) => host.clone(),
            None if state.faults.absolute => format!("http://{}", self.address),
            None => String::new(),
        };
        let repository = asked.repository();
        format!("{host}/v2/{repository}/blobs/uploads/{id}?_state={}", repository.replace('/', "%2F"))
    }
}

fn blob(state: &mut State, asked: &Asked, digest: &str) -> Reply {
    if state.faults.by_repository && asked.repository() != "a/b" {
        return Reply::new(404);
    }
    if asked.method == "DELETE" {
        let is_refused = state.faults.no_delete;
        return Reply::new(if is_refused { 405 } else { state.blobs.remove(digest).map_or(404, |_| 202) });
    }
    if let Some(at) = state.faults.blobs_at.clone().filter(|_| asked.method == "GET") {
        return Reply::new(307).with("Location", format!("{at}{digest}"));
    }
    let Some(mut bytes) = state.blobs.get(digest).cloned() else { return Reply::new(404) };
    let size = bytes.len();
    let said = if state.faults.wrong_digests { Some(other_digest(&bytes)) } else { None };
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
    reply.headers.extend(said.map(|said| ("Docker-Content-Digest".to_owned(), said.to_string())));
    bytes.extend(vec![0; state.faults.more_bytes]);
    reply.is_chunked = state.faults.more_bytes > 0;
    reply.length = state.faults.wrong_length;
    reply.is_blob = true;
    reply.cut = if asked.method == "GET" { state.faults.cut_answers.pop_front() } else { None };
    reply.body(bytes)
}
