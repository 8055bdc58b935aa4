//! Bytes found fast where they are near.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the first of a byte stands.
///
/// Fields of events are short: sixteen bytes are looked at here, before it is worth to set up a vector search.
#[inline]
pub fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let pattern = ONES * u64::from(byte);
    let mut at = 0;
    while at < 16 {
        let Some(word) = text[at..].first_chunk::<8>() else {
            return text[at..].iter().position(|found| *found == byte).map(|found| at + found);
        };
        let zeros = zeros(u64::from_le_bytes(*word) ^ pattern);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr::memchr(byte, &text[at..]).map(|found| at + found)
}

/// Where the first quote or backslash stands.
#[inline]
pub fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let zeros = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64));
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    text[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|found| at + found)
}

/// The highest bit of each byte that is zero; those above the lowest such byte may be wrong, and do not matter.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// A text that is compared as one word as far as it fits.
#[derive(Clone, Debug)]
pub struct Literal {
    text: Box<[u8]>,
    word: u64,
    mask: u64,
}

impl Literal {
    pub fn new(text: &[u8]) -> Literal {
        let mut bytes = [0; 8];
        let mut mask = [0; 8];
        for (at, byte) in text.iter().take(8).enumerate() {
            bytes[at] = *byte;
            mask[at] = 0xff;
        }
        Literal { text: text.into(), word: u64::from_le_bytes(bytes), mask: u64::from_le_bytes(mask) }
    }

    pub fn text(&self) -> &[u8] {
        &self.text
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The first byte; 0 for the empty text.
    #[inline]
    pub fn first(&self) -> u8 {
        self.word as u8
    }

    #[inline]
    pub fn starts(&self, text: &[u8]) -> bool {
        match text.first_chunk::<8>() {
            Some(word) => {
                (u64::from_le_bytes(*word) ^ self.word) & self.mask == 0
                    && (self.text.len() <= 8 || text[8..].starts_with(&self.text[8..]))
            }
            None => text.starts_with(&self.text),
        }
    }
}
