//! How fast a folder is packed, on one core: `cargo run --release -p wharf-artifact --example pack_speed -- DIR`.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::time::Instant;

use wharf_artifact::compression::Compression;
use wharf_artifact::cut::{self, Form};
use wharf_artifact::pack::{Keep, Packer};
use wharf_artifact::tree::{self, ScanOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root: PathBuf = std::env::args_os().nth(1).ok_or("which folder?")?.into();
    let start = Instant::now();
    let entries = tree::scan(&root, &ScanOptions::default())?;
    println!("{} entries listed in {:?}", entries.len(), start.elapsed());
    let start = Instant::now();
    println!("{} findings in {:?}", wharf_artifact::secrets::find(&root, &entries).len(), start.elapsed());
    let packer = Packer::open(&root, Keep::default())?;
    for plain in [true, true, false] {
        let start = Instant::now();
        let (mut layers, mut tar_bytes, mut bytes) = (0, 0, 0);
        for range in cut::cut(&entries, Form::ARTIFACT) {
            let entries = &entries[range];
            let compression = if plain { Compression::Plain } else { packer.choose(entries)? };
            let packed = packer.layer(entries, compression, std::io::sink())?;
            (layers, tar_bytes, bytes) = (layers + 1, tar_bytes + packed.tar_bytes, bytes + packed.size);
        }
        let took = start.elapsed();
        let rate = tar_bytes as f64 / took.as_secs_f64() / 1e9;
        println!("plain {plain}: {layers} layers, {tar_bytes} bytes to {bytes} in {took:?}: {rate:.2} GB/s");
    }
    Ok(())
}
