//! Folders to push: of the shape of a Maven repository, and of very many small files. The same on every machine.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// Files in a folder of [`many`].
const FILES_IN_FOLDER: usize = 1_000;

/// xorshift: numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// What does not shrink, as in a jar.
    fn noise(&mut self, size: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(usize::try_from(size).unwrap_or_default());
        bytes
    }

    /// What shrinks to a quarter, as XML does.
    fn text(&mut self, size: u64) -> Vec<u8> {
        let mut text = String::new();
        while (text.len() as u64) < size {
            let (word, number) = (WORDS[self.below(WORDS.len() as u64) as usize], self.below(1_000));
            text.push_str(&format!("  <{word}>org.example.{word}.{number}</{word}>\n"));
        }
        text.truncate(usize::try_from(size).unwrap_or_default());
        text.into_bytes()
    }
}

const WORDS: [&str; 8] = ["groupId", "artifactId", "version", "scope", "dependency", "exclusion", "plugin", "property"];

/// A Maven repository: 3,000 files, 300 of them jars of 2 KB to 8 MB, 300 MB in all. `share` of a whole one, 20 for a twentieth.
pub(super) fn maven(root: &Path, share: usize) -> Result<()> {
    let mut random = Random(0x5EED_0F1A_77E4);
    for number in 0..800 / share {
        let folder = root.join(format!("org/example/group{}/artifact-{number}/1.{}", number % 40, number % 7));
        fs::create_dir_all(&folder)?;
        let write = |ending: &str, bytes: &[u8]| {
            fs::write(folder.join(format!("artifact-{number}-1.{}.{ending}", number % 7)), bytes)
        };
        let size = 500 + random.below(12_000);
        write("pom", &random.text(size))?;
        write("pom.sha1", hex::encode(random.noise(20)).as_bytes())?;
        fs::write(folder.join("_remote.repositories"), "#NOTE: This is a Maven Resolver internal file\n")?;
        if number % 8 < 3 {
            let size = (2048.0 * 2_f64.powf(random.below(12_000) as f64 / 1_000.0)) as u64;
            write("jar", &random.noise(size))?;
            write("jar.sha1", hex::encode(random.noise(20)).as_bytes())?;
        }
    }
    Ok(())
}

/// So many files of 1 KB.
pub(super) fn many(root: &Path, count: usize) -> Result<()> {
    let mut random = Random(0x000F_11E5);
    for number in 0..count {
        let folder = root.join(format!("{:03}", number / FILES_IN_FOLDER));
        if number % FILES_IN_FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        fs::write(folder.join(format!("{number}.txt")), [random.noise(500), random.text(524)].concat())?;
    }
    Ok(())
}

/// One file that does not shrink, however much of it is looked at together.
pub(super) fn large(path: &Path, size: u64) -> Result<()> {
    let (mut file, mut random) = (fs::File::create(path)?, Random(0x1A26_EF11));
    let mut left = size;
    while left > 0 {
        let length = left.min(1 << 20);
        file.write_all(&random.noise(length))?;
        left -= length;
    }
    Ok(())
}

/// The files below, sorted.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let found = if entry.file_type()?.is_dir() { &mut left } else { &mut files };
            found.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Reads all of it, so that it is in the page cache.
pub(super) fn read(root: &Path) -> Result<()> {
    files(root)?.iter().try_for_each(|path| Ok(io::copy(&mut fs::File::open(path)?, &mut io::sink()).map(drop)?))
}

/// The jars below, sorted.
pub(super) fn jars(root: &Path) -> Result<Vec<PathBuf>> {
    let mut jars = files(root)?;
    jars.retain(|path| path.extension().is_some_and(|ending| ending == "jar"));
    ensure!(!jars.is_empty(), "{} holds no jar", root.display());
    Ok(jars)
}

/// Changes a byte in the middle of one jar in a hundred: always others, from a place that `round` tells.
pub(super) fn change(jars: &[PathBuf], round: usize) -> Result<()> {
    for path in jars.iter().skip(round * 37 % jars.len().min(100)).step_by(100) {
        let file = fs::File::options().read(true).write(true).open(path)?;
        let (middle, mut byte) = (file.metadata()?.len() / 2, [0]);
        file.read_exact_at(&mut byte, middle)?;
        file.write_all_at(&[byte[0] ^ 1], middle)?;
    }
    Ok(())
}
