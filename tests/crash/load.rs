//! The load: a sender does one thing after another, and writes down what it was told. It ends when it is not answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wharf_testkit::fixture::digest;
use wharf_testkit::http::{Client, Request, Response};

use super::journal::{Content, Journal, Session, There};

/// The connection broke off: nobody knows what became of the request.
pub(crate) struct Cut;

/// One sender's way to the server.
struct Sender<'a> {
    journal: &'a mut Journal,
    client: &'a Client,
    answered: &'a AtomicUsize,
    over: &'a AtomicBool,
}

pub(crate) fn run(journal: &mut Journal, client: &Client, answered: &AtomicUsize, over: &AtomicBool) {
    let mut sender = Sender { journal, client, answered, over };
    while !over.load(Ordering::Relaxed) && sender.step().is_ok() {}
}

impl Sender<'_> {
    fn step(&mut self) -> Result<(), Cut> {
        match self.journal.random.below(20) {
            0..=2 => self.push_small(),
            3..=5 => self.push_large(),
            6..=8 => self.push_in_chunks(),
            9..=13 => self.push_image(),
            14 | 15 => self.delete_blob(),
            16 => self.delete_image(),
            17 => self.delete_tag(),
            18 => self.mount(),
            _ => self.cancel(),
        }
    }

    /// Sends, and fails the test where the answer is anything but one of these. Of a server that is being killed no answer
    /// is the only other thing to expect.
    #[track_caller]
    fn send(&self, request: Request<'_>, fine: &[u16]) -> Result<Response, Cut> {
        let caller = std::panic::Location::caller();
        match request.try_send() {
            Ok(response) => {
                assert!(fine.contains(&response.status), "{caller}: {} {}", response.status, response.text());
                self.answered.fetch_add(1, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => {
                // The kill comes a moment after `over`; an answer that misses before that is a fault.
                assert!(self.over.load(Ordering::Relaxed), "{caller}: not answered: {error}");
                Err(Cut)
            }
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.journal.repository)
    }

    /// Content of which other senders have the same: one digest is pushed from all sides.
    fn content(&mut self, least: usize, most: u64) -> Content {
        let seed = self.journal.random.below(60);
        Content { seed, length: least + (seed * 7919 % most) as usize }
    }

    fn begin(&self) -> Result<String, Cut> {
        let begun = self.send(self.client.request("POST", &self.path("blobs/uploads/")).body(""), &[202])?;
        Ok(begun.required("location").to_owned())
    }

    /// Pushes in one go, in one of the three ways.
    fn push_whole(&mut self, bytes: Vec<u8>) -> Result<(), Cut> {
        let digest = digest(&bytes);
        let way = self.journal.random.below(3);
        let request = if way == 0 {
            self.client.request("POST", &self.path(&format!("blobs/uploads/?digest={digest}"))).body(bytes)
        } else {
            let location = self.begin()?;
            let put = self.client.request("PUT", &format!("{location}?digest={digest}")).body(bytes);
            if way == 1 { put } else { put.chunked() }
        };
        self.send(request, &[201]).map(drop)
    }

    fn push(&mut self, content: Content) -> Result<(), Cut> {
        let before = self.journal.blobs.get(&content).copied();
        if before != Some(There::Yes) {
            self.journal.blobs.insert(content, There::Perhaps);
        }
        self.push_whole(content.bytes())?;
        self.journal.blobs.insert(content, There::Yes);
        Ok(())
    }

    fn push_small(&mut self) -> Result<(), Cut> {
        let content = self.content(10, 16_000);
        self.push(content)
    }

    fn push_large(&mut self) -> Result<(), Cut> {
        let content = self.content(17_000, 1_500_000);
        self.push(content)
    }

    /// Goes on with an upload that stands open, or begins one; may leave it open.
    fn push_in_chunks(&mut self) -> Result<(), Cut> {
        let open = self.journal.sessions.len();
        if open < 3 || self.journal.random.below(3) == 0 {
            let content = self.content(2_000, 400_000);
            let location = self.begin()?;
            self.journal.sessions.push(Session { location, content, offset: 0, finishing: false, cancelling: false });
        }
        let at = self.journal.random.below(self.journal.sessions.len() as u64) as usize;
        let chunks = self.journal.random.below(4);
        for _ in 0..chunks {
            let Session { location, content, offset, .. } = self.journal.sessions[at].clone();
            let most = 2 + self.journal.random.below(90_000) as usize;
            let end = content.length.min(offset + most);
            if end - offset < 2 {
                break;
            }
            let patch = self.client.request("PATCH", &location);
            let patch = patch.header("Content-Range", format!("{offset}-{}", end - 1));
            let told = self.send(patch.body(&content.bytes()[offset..end]), &[202])?.offset();
            assert_eq!(told, end);
            self.journal.sessions[at].offset = end;
        }
        if self.journal.random.below(2) == 0 { self.finish(at) } else { Ok(()) }
    }

    fn finish(&mut self, at: usize) -> Result<(), Cut> {
        let session = &mut self.journal.sessions[at];
        session.finishing = true;
        let Session { location, content, offset, .. } = session.clone();
        if self.journal.blobs.get(&content) != Some(&There::Yes) {
            self.journal.blobs.insert(content, There::Perhaps);
        }
        let bytes = content.bytes();
        let put = self.client.request("PUT", &format!("{location}?digest={}", digest(&bytes)));
        self.send(put.body(&bytes[offset..]), &[201])?;
        self.journal.blobs.insert(content, There::Yes);
        self.journal.sessions.remove(at);
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), Cut> {
        let Some(session) = self.journal.sessions.last_mut() else { return Ok(()) };
        session.cancelling = true;
        let location = session.location.clone();
        self.send(self.client.request("DELETE", &location), &[204])?;
        self.journal.sessions.pop();
        Ok(())
    }

    fn push_image(&mut self) -> Result<(), Cut> {
        let number = self.journal.random.below(50);
        let image = Journal::image(number);
        for blob in &image.blobs {
            self.push_whole(blob.clone())?;
        }
        let tag = format!("t{}", self.journal.random.below(6));
        if self.journal.images.get(&number) != Some(&There::Yes) {
            self.journal.images.insert(number, There::Perhaps);
        }
        self.journal.tags.entry(tag.clone()).or_insert_with(|| vec![None]).push(Some(number));
        let put = self.client.request("PUT", &self.path(&format!("manifests/{tag}")));
        self.send(put.header("Content-Type", &image.media_type).body(image.manifest), &[201])?;
        self.journal.images.insert(number, There::Yes);
        self.journal.tags.insert(tag, vec![Some(number)]);
        Ok(())
    }

    fn delete_blob(&mut self) -> Result<(), Cut> {
        let there = self.journal.blobs.iter().filter(|(_, there)| **there == There::Yes);
        let known: Vec<Content> = there.map(|(content, _)| *content).collect();
        let Some(content) = self.choose(&known) else { return Ok(()) };
        self.journal.blobs.insert(content, There::Perhaps);
        let path = self.path(&format!("blobs/{}", digest(&content.bytes())));
        self.send(self.client.request("DELETE", &path), &[202])?;
        self.journal.blobs.insert(content, There::No);
        Ok(())
    }

    fn delete_image(&mut self) -> Result<(), Cut> {
        let there = self.journal.images.iter().filter(|(_, there)| **there == There::Yes);
        let known: Vec<u64> = there.map(|(number, _)| *number).collect();
        let Some(number) = self.choose(&known) else { return Ok(()) };
        self.journal.images.insert(number, There::Perhaps);
        for may in self.journal.tags.values_mut().filter(|may| may.contains(&Some(number))) {
            may.push(None);
        }
        let path = self.path(&format!("manifests/{}", Journal::image(number).digest()));
        self.send(self.client.request("DELETE", &path), &[202])?;
        self.journal.images.insert(number, There::No);
        for may in self.journal.tags.values_mut().filter(|may| may.contains(&Some(number))) {
            *may = vec![None];
        }
        Ok(())
    }

    fn delete_tag(&mut self) -> Result<(), Cut> {
        let there = self.journal.tags.iter().filter(|(_, may)| may.len() == 1 && may[0].is_some());
        let known: Vec<String> = there.map(|(tag, _)| tag.clone()).collect();
        let Some(tag) = self.choose(&known) else { return Ok(()) };
        self.journal.tags.entry(tag.clone()).or_default().push(None);
        self.send(self.client.request("DELETE", &self.path(&format!("manifests/{tag}"))), &[202])?;
        self.journal.tags.insert(tag, vec![None]);
        Ok(())
    }

    /// A layer that other senders have, made ours; where they have not, an upload is begun, which is left.
    fn mount(&mut self) -> Result<(), Cut> {
        let content = self.content(17_000, 1_500_000);
        let from = (self.journal.sender + 1) % super::SENDERS;
        let before = self.journal.blobs.get(&content).copied();
        if before != Some(There::Yes) {
            self.journal.blobs.insert(content, There::Perhaps);
        }
        let digest = digest(&content.bytes());
        let path = self.path(&format!("blobs/uploads/?mount={digest}&from=load/of-{from}"));
        let mounted = self.send(self.client.request("POST", &path).body(""), &[201, 202])?.status == 201;
        match before {
            _ if mounted => drop(self.journal.blobs.insert(content, There::Yes)),
            Some(before) => drop(self.journal.blobs.insert(content, before)),
            None => drop(self.journal.blobs.remove(&content)),
        }
        Ok(())
    }

    fn choose<T: Clone>(&mut self, among: &[T]) -> Option<T> {
        if among.is_empty() { None } else { among.get(self.journal.random.below(among.len() as u64) as usize).cloned() }
    }
}
