//! How fast the tree of a layer is made, against unpacking it and nothing else, in one process: for `cargo xtask bench`.
//!
//! `tree LAYER ROUNDS` prints JSON: of each round the seconds of either, and the memory that it took, in KiB.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for measuring")]

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::time::Instant;

use flate2::bufread::MultiGzDecoder;
use wharf_artifact::layer::Limits;
use wharf_artifact::layer::stored::make;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let layer = arguments.next().expect("the path of a layer in gzip");
    let rounds: usize = arguments.next().map_or(1, |text| text.parse().expect("a number of rounds"));
    let (mut unpack, mut tree, mut told) = (Vec::new(), Vec::new(), serde_json::Value::Null);
    for _ in 0..rounds {
        let begun = Instant::now();
        let stream = BufReader::with_capacity(128 << 10, File::open(&layer).expect("a layer"));
        let mut gzip = MultiGzDecoder::new(stream);
        let (mut buffer, mut bytes) = (vec![0; 128 << 10], 0);
        loop {
            match gzip.read(&mut buffer).expect("gzip") {
                0 => break,
                count => bytes += count,
            }
        }
        unpack.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let mut out = Counted(0);
        let summary = make::tree(File::open(&layer).expect("a layer"), Limits::of_tree(), &mut out).expect("a tree");
        tree.push(begun.elapsed().as_secs_f64());
        assert_eq!((summary.tar_bytes, summary.fault), (bytes as u64, None));
        told = serde_json::json!({ "bytes": bytes, "entries": summary.entries, "tree_bytes": out.0 });
    }
    (told["unpack"], told["tree"]) = (unpack.into(), tree.into());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
    told["peak_kib"] = peak.into();
    println!("{told}");
}

struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
