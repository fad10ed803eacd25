//! A registry in memory that does what a test wants it to do wrong, and remembers what it was asked, logins and all.
//!
//! - [`Faults`] are the switches, [`Scar`] those that registries in the wild have; they can be turned while it runs
//! - [`Faulty::asked`], [`Faulty::credentials`], [`Faulty::moved`]: what it was asked, with what, and how many bytes that were
//! - [`Faulty::hold`]: everything stops at a byte or request, so that whoever is in the middle of it can be killed there
//!
//! It keeps all repositories in one, but for `by_repository`.

mod answers;
mod faults;
mod manifests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use wharf_model::digest::{Algorithm, Digest};

pub use faults::{Faults, Scar};
pub use wire::{Asked, Hold};

use wire::{Meter, Reply};

/// What it holds and was asked.
#[derive(Default)]
pub struct State {
    /// What it does wrong.
    pub faults: Faults,
    /// By digest.
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// That have been begun, by their number.
    pub uploads: BTreeMap<usize, Vec<u8>>,
    /// Media type and bytes, by tag and by digest.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// In the order of their coming.
    pub asked: Vec<Asked>,
    tokens: BTreeMap<String, usize>,
}

/// See the module. It runs to the end of the test.
#[derive(Clone)]
pub struct Faulty {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    meter: Arc<Meter>,
}

impl Faulty {
    /// Starts it on a port of its own.
    pub fn start(faults: Faults) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { faults, ..State::default() }));
        let faulty = Faulty { address, state, meter: Arc::default() };
        let server = faulty.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = server.clone();
                let generation = server.meter.accepted(stream.peer_addr().ok());
                std::thread::spawn(move || server.serve(&stream, generation));
            }
        });
        faulty
    }

    /// What it holds, to be looked at and changed; it waits while this is kept.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has a blob.
    pub fn have(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        self.state().blobs.insert(digest.to_string(), bytes.to_vec());
        digest
    }

    /// What it was asked that has `part` in its method and target.
    pub fn asked(&self, part: &str) -> Vec<Asked> {
        let state = self.state();
        state.asked.iter().filter(|asked| asked.line().contains(part)).cloned().collect()
    }

    /// Every `Authorization` that it has seen.
    pub fn credentials(&self) -> BTreeSet<String> {
        let state = self.state();
        state.asked.iter().filter_map(|asked| asked.header("authorization")).map(str::to_owned).collect()
    }

    /// The tags that it has.
    pub fn tags(&self) -> Vec<String> {
        self.state().manifests.keys().filter(|name| !name.contains(':')).cloned().collect()
    }

    /// How many bytes of blobs have come and gone since this was asked last.
    pub fn moved(&self) -> (u64, u64) {
        self.meter.take()
    }

    /// From there on nothing goes on, and nothing that is under way has any effect.
    pub fn hold(&self, hold: Hold) {
        self.meter.hold(hold);
    }

    /// Waits until that is reached; fails the test where it is not within a minute.
    pub fn until_held(&self) {
        self.meter.until_held();
    }

    /// Forgets all who are connected, as if they had never ended what they were at, and serves others again.
    pub fn forget_connections(&self) {
        // Who has connected before us has been let in before us.
        let last = TcpStream::connect(self.address).unwrap();
        self.meter.until_accepted(last.local_addr().unwrap());
        let _state = self.state();
        self.meter.forget();
    }

    fn serve(&self, stream: &TcpStream, generation: u64) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((asked, is_cut)) = self.read(&mut reader, generation) {
            let mut state = self.state();
            if self.meter.generation() != generation {
                break;
            }
            state.asked.push(asked.clone());
            let reply = match is_cut {
                true => Reply::none(),
                false => self.answer(&mut state, &asked),
            };
            drop(state);
            if self.write(stream, &asked.method, &reply, generation).is_none() {
                break;
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

fn upload_of(asked: &Asked) -> Option<usize> {
    asked.target.split_once("/blobs/uploads/")?.1.split('?').next()?.parse().ok()
}

/// A digest that is not that of these bytes.
fn other_digest(bytes: &[u8]) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, bytes).to_string();
    Digest::of(Algorithm::Sha256, digest.as_bytes())
}
