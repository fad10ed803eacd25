//! How fast blobs are written and read, without any HTTP: `blob_speed DIR`. Prints gigabytes (10⁹ bytes) per second.
//! Compare the best of many rounds: a virtual machine's memory is at times slower than its disk.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{future::join_all, stream};
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Hasher};
use wharf_model::limits::UPLOAD_CHECKPOINT_BYTES;
use wharf_model::range::ByteRange;
use wharf_store::blobs::{Blobs, Location, Served, fs::Files};
use wharf_store::contract::blobs::{content, fresh};

const WRITTEN: usize = 1 << 30;
const READ: usize = 512 << 20;
const ROUNDS: usize = 6;
const CHUNK: usize = 64 << 10;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let dir = std::env::args().nth(1).expect("a folder");
    let dir = Path::new(&dir);
    let files: Arc<dyn Blobs> = Arc::new(Files::open(dir.join("blobs")).await.expect("the folder opens"));
    let source = content(1, 32 << 20);
    for _ in 0..ROUNDS {
        println!("plain write    {:5.2}", plain(&dir.join("plain"), &source));
        let begun = Instant::now();
        let location = push(&*files, &source, WRITTEN).await;
        println!("push           {:5.2}", speed(WRITTEN, begun));
        files.delete(&location).await.expect("deleted");
        let begun = Instant::now();
        let all = join_all((0..16).map(|_| push(&*files, &source, WRITTEN / 16))).await;
        println!("push 16 at once{:5.2}", speed(WRITTEN, begun));
        for location in all {
            files.delete(&location).await.expect("deleted");
        }
    }
    let location = push(&*files, &source, READ).await;
    for _ in 0..3 {
        for streams in [1, 8] {
            let begun = Instant::now();
            let all = (0..streams).map(|_| tokio::spawn(pull(files.clone(), location.clone())));
            join_all(all).await;
            println!("read, {streams} streams{:5.2}", speed(READ * streams, begun));
        }
    }
    for _ in 0..3 {
        let file = File::open(dir.join("blobs").join(&location.0)).expect("opens");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("advice");
        let begun = Instant::now();
        pull(files.clone(), location.clone()).await;
        println!("read cold      {:5.2}", speed(READ, begun));
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("advice");
        let begun = Instant::now();
        plain_read(&file);
        println!("plain read cold{:5.2}", speed(READ, begun));
    }
    files.delete(&location).await.expect("deleted");
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    println!("{}", status.lines().filter(|line| line.starts_with("VmHWM")).collect::<String>());
}

fn speed(bytes: usize, begun: Instant) -> f64 {
    bytes as f64 / begun.elapsed().as_secs_f64() / 1e9
}

/// Hashes, writes and syncs one after the other.
fn plain(path: &Path, source: &Bytes) -> f64 {
    let begun = Instant::now();
    let mut file = File::create(path).expect("created");
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for at in (0..WRITTEN).step_by(256 << 10) {
        let at = at % source.len();
        let piece = &source[at..at + (256 << 10)];
        hasher.update(piece);
        file.write_all(piece).expect("written");
    }
    file.sync_all().expect("synced");
    std::hint::black_box(hasher.finish());
    let speed = speed(WRITTEN, begun);
    // Now, as the blobs are: memory that was freed a moment ago is a virtual machine's own, the rest its host has to find.
    std::fs::remove_file(path).expect("removed");
    speed
}

fn plain_read(file: &File) {
    use std::os::unix::fs::FileExt as _;
    let mut buffer = vec![0; 256 << 10];
    for at in (0..READ).step_by(buffer.len()) {
        file.read_exact_at(&mut buffer, at as u64).expect("read");
        std::hint::black_box(&buffer);
    }
}

/// As the registry does it: made durable now and then.
async fn push(files: &dyn Blobs, source: &Bytes, size: usize) -> Location {
    let source = source.clone();
    let chunks = (0..size).step_by(CHUNK).map(move |at| {
        let at = at % source.len();
        // A copy, as a connection makes one.
        Ok(Bytes::copy_from_slice(&source[at..at + CHUNK]))
    });
    let mut body = Body::new(Some(size as u64), stream::iter(chunks));
    let mut state = fresh();
    while !files.append(&mut state, &mut body, UPLOAD_CHECKPOINT_BYTES).await.expect("appended") {
        files.sync(&state).await.expect("synced");
    }
    state.digest = Some(state.hasher.clone().finish());
    files.finish(&state).await.expect("finished").location
}

async fn pull(files: Arc<dyn Blobs>, location: Location) {
    let range = ByteRange { start: 0, end: READ as u64 };
    let Served::Body(mut body) = files.open(&location, range).await.expect("opens") else { return };
    while let Some(chunk) = body.next().await {
        std::hint::black_box(chunk.expect("read")[0]);
    }
}
