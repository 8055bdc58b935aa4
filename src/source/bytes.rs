//! Bytes found fast where they are near.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the first of a byte stands.
///
/// Fields of events are short: sixteen bytes are looked at here, before it is worth to set up a vector search.
#[inline]
pub fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let Some(near) = text.first_chunk::<16>() else {
        return text.iter().position(|found| *found == byte);
    };
    let (pattern, near) = (ONES * u64::from(byte), u128::from_le_bytes(*near));
    let found = zeros(near as u64 ^ pattern);
    if found != 0 {
        return Some(found.trailing_zeros() as usize / 8);
    }
    let found = zeros((near >> 64) as u64 ^ pattern);
    if found != 0 {
        return Some(8 + found.trailing_zeros() as usize / 8);
    }
    memchr::memchr(byte, &text[16..]).map(|found| found + 16)
}

/// Where the first quote or backslash stands.
#[inline]
pub fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    found.map(|found| words.len() * 8 + found)
}

/// The highest bit of each byte that is zero; those above the lowest such byte may be wrong, and do not matter.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// The first eight bytes as a word, or all of a shorter text. Words of two texts of one length are equal exactly if what
/// they are made of is.
#[inline]
pub fn word(text: &[u8]) -> u64 {
    if let Some(first) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*first);
    }
    match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
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

    /// Whether the text behind `at` begins with this.
    #[inline]
    pub fn is_at(&self, text: &[u8], at: usize) -> bool {
        match text.get(at..at + 8) {
            Some(word) if self.text.len() <= 8 => {
                let word = word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
                (word ^ self.word) & self.mask == 0
            }
            _ => text.get(at..).is_some_and(|text| text.starts_with(&self.text)),
        }
    }

    /// The first byte; 0 for the empty text.
    #[inline]
    pub fn first(&self) -> u8 {
        self.word as u8
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_of_one_length_tell_texts_apart_by_each_of_their_first_eight_bytes() {
        let text = b"abcdefghijk";
        for length in 0..=text.len() {
            for changed in 0..length {
                let mut other = text[..length].to_vec();
                other[changed] ^= 0x11;
                assert_eq!(word(&text[..length]) == word(&other), changed >= 8, "{length} {changed}");
            }
        }
    }
}
