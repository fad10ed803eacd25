//! What a fuzz target reads: its kept corpus as it is, entries of it that were changed, and texts put together from words of
//! its language. Random bytes alone hardly ever get past the first character of a parser.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long a target runs where nothing else is said; `BOLERO_RANDOM_TEST_TIME_MS` says something else.
pub const BRIEFLY: Duration = Duration::from_millis(300);
/// Most changes of one entry of the corpus.
const CHANGES_MAX: usize = 6;

/// The material of one target.
pub struct Feed {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Feed {
    /// The material of the target whose folder is `folder` (with the corpus in `corpus/`), and the words of its language.
    ///
    /// # Panics
    /// There is no corpus.
    pub fn new(folder: impl AsRef<Path>, words: &[&str]) -> Feed {
        let folder = folder.as_ref().join("corpus");
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let seeds: Vec<_> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
        assert!(!seeds.is_empty(), "{} is empty", folder.display());
        Feed { seeds, words: words.iter().map(|word| word.as_bytes().to_vec()).collect() }
    }

    /// Hands `check` what can be made of `input`.
    pub fn each(&self, input: &[u8], check: impl Fn(&[u8])) {
        check(input);
        check(&self.phrase(input));
        check(&self.changed(input));
    }

    /// The same for a parser of text.
    pub fn each_text(&self, input: &[u8], check: impl Fn(&str)) {
        self.each(input, |bytes| check(&String::from_utf8_lossy(bytes)));
    }

    /// A word for each byte; the first 26 values stand for a letter.
    fn phrase(&self, input: &[u8]) -> Vec<u8> {
        let mut phrase = Vec::new();
        for byte in input.iter().take(64) {
            match byte {
                letter @ 0..26 => phrase.push(b'a' + letter),
                other => phrase.extend_from_slice(self.word(*other)),
            }
        }
        phrase
    }

    fn word(&self, number: u8) -> &[u8] {
        match self.words.len() {
            0 => &[],
            count => &self.words[usize::from(number) % count],
        }
    }

    /// An entry of the corpus after a few changes.
    fn changed(&self, input: &[u8]) -> Vec<u8> {
        let Some((first, rest)) = input.split_first() else { return Vec::new() };
        let mut text = self.seeds[usize::from(*first) % self.seeds.len()].clone();
        for change in rest.chunks_exact(4).take(CHANGES_MAX) {
            let [kind, high, low, value] = [change[0], change[1], change[2], change[3]];
            let at = usize::from(u16::from_be_bytes([high, low])) % (text.len() + 1);
            let end = text.len().min(at + usize::from(value % 32));
            match kind % 5 {
                0 => text.get_mut(at).into_iter().for_each(|byte| *byte = value),
                1 => drop(text.splice(at..at, self.word(value).iter().copied())),
                2 => drop(text.drain(at..end)),
                3 => text.extend_from_within(at..end),
                _ => text.truncate(at.max(1)),
            }
        }
        text
    }
}
