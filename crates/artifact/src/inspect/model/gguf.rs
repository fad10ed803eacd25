//! The header of a GGUF file (ggml-org/ggml docs/gguf.md): names with values, before the tensors. Little endian, version 2
//! or 3.

use wharf_model::api::facts::{Listed, Named};

/// How many entries are read, at most.
const ENTRIES_MAX: u64 = 4_096;
/// Longest name, in bytes, that the format allows.
const NAME_BYTES_MAX: usize = 1 << 16;

/// What is left to read.
struct Rest<'a>(&'a [u8]);

/// What the header says, as far as it is in `bytes`; of lists only how long they are.
///
/// # Errors
/// It is no GGUF that can be read; in words for people.
pub(super) fn read(bytes: &[u8]) -> Result<Listed<Named>, String> {
    let mut rest = Rest(bytes);
    if rest.take(4) != Some(b"GGUF") {
        return Err("it is no GGUF: it does not begin so".to_owned());
    }
    let version = rest.number(4).unwrap_or_default();
    if !(2..=3).contains(&version) {
        return Err(format!("it is GGUF of version {version}, of which nothing is known"));
    }
    let _tensors = rest.number(8);
    let Some(count) = rest.number(8) else { return Err("it ends in its header".to_owned()) };
    let mut header = Listed::default();
    for _ in 0..count.min(ENTRIES_MAX) {
        // What was read may end anywhere: before the tensors come lists of all words that the model knows.
        let Some(entry) = rest.entry()? else { break };
        header.push(entry);
    }
    Ok(header)
}

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        let bytes = self.take(width)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(8)?).ok()?;
        self.take(length)
    }

    fn entry(&mut self) -> Result<Option<Named>, String> {
        let Some(name) = self.text() else { return Ok(None) };
        if name.len() > NAME_BYTES_MAX {
            return Err("a name in its header is too long".to_owned());
        }
        let Some(kind) = self.number(4) else { return Ok(None) };
        let name = String::from_utf8_lossy(name);
        Ok(self.value(kind)?.map(|value| Named::new(&name, &value)))
    }

    /// A value of this kind, or `None` where it is not all there.
    fn value(&mut self, kind: u64) -> Result<Option<String>, String> {
        let signed = |number: u64, width: usize| {
            let shift = 64 - 8 * width;
            (((number << shift) as i64) >> shift).to_string()
        };
        Ok(match kind {
            8 => self.text().map(|text| String::from_utf8_lossy(text).into_owned()),
            9 => return self.list(),
            7 => self.number(1).map(|flag| (flag != 0).to_string()),
            6 => self.number(4).map(|bits| f32::from_bits(bits as u32).to_string()),
            12 => self.number(8).map(|bits| f64::from_bits(bits).to_string()),
            _ => {
                let width =
                    width(kind).ok_or_else(|| format!("there is a value of the unknown kind {kind} in its header"))?;
                let is_signed = matches!(kind, 1 | 3 | 5 | 11);
                self.number(width).map(|number| if is_signed { signed(number, width) } else { number.to_string() })
            }
        })
    }

    /// Passes over a list; how long it is.
    fn list(&mut self) -> Result<Option<String>, String> {
        let (Some(kind), Some(length)) = (self.number(4), self.number(8)) else { return Ok(None) };
        match width(kind) {
            Some(width) => {
                let bytes = length.checked_mul(width as u64).and_then(|bytes| usize::try_from(bytes).ok());
                if bytes.and_then(|bytes| self.take(bytes)).is_none() {
                    self.0 = &[];
                }
            }
            None if kind == 8 => {
                for _ in 0..length {
                    if self.text().is_none() {
                        self.0 = &[];
                        break;
                    }
                }
            }
            None => return Err(format!("there is a list of the unknown kind {kind} in its header")),
        }
        Ok(Some(format!("{length} entries")))
    }
}

/// How many bytes a plain value has.
fn width(kind: u64) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// How a model was made smaller, by the number of its file type.
pub(super) fn file_type(number: &str) -> Option<wharf_model::api::facts::Line> {
    let name = match number {
        "0" => "F32",
        "1" => "F16",
        "2" => "Q4_0",
        "3" => "Q4_1",
        "7" => "Q8_0",
        "8" => "Q5_0",
        "9" => "Q5_1",
        "10" => "Q2_K",
        "11" => "Q3_K_S",
        "12" => "Q3_K_M",
        "13" => "Q3_K_L",
        "14" => "Q4_K_S",
        "15" => "Q4_K_M",
        "16" => "Q5_K_S",
        "17" => "Q5_K_M",
        "18" => "Q6_K",
        "32" => "BF16",
        _ => return None,
    };
    wharf_model::api::facts::Line::some(name)
}
