//! Which patterns the text of a field matches, each distinct text asked once.

use std::sync::Arc;

use hashbrown::HashMap;
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::event::Value;
use crate::plan::Pattern;

/// Patterns over one field, at most [`Patterns::MOST`].
#[derive(Debug)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    /// All in one search; none for so few that searching each is as fast.
    set: Option<RegexSet>,
}

/// The answers given so far, bounded.
#[derive(Debug)]
pub struct Classifier {
    patterns: Arc<Patterns>,
    /// Texts of up to 7 bytes, such as status codes, each in the one slot that its bytes say.
    short: [Option<(u64, u64)>; SLOTS],
    memo: HashMap<Box<[u8]>, u64>,
}

/// So many texts are remembered.
const MEMO: usize = 4096;
/// Slots for short texts.
const SLOTS: usize = 32;
/// A longer text is not remembered.
const MEMO_TEXT: usize = 128;

impl Patterns {
    /// One bit each.
    pub const MOST: usize = 64;

    pub fn new(patterns: Vec<Pattern>) -> Patterns {
        let built = || RegexSetBuilder::new(patterns.iter().map(Pattern::as_str)).size_limit(16 << 20).build().ok();
        let set = if patterns.len() > 2 { built() } else { None };
        Patterns { patterns, set }
    }

    fn bits(&self, text: &[u8]) -> u64 {
        match &self.set {
            Some(set) => set.matches(text).iter().fold(0, |bits, i| bits | 1 << i),
            None => {
                let bit = |(i, pattern): (usize, &Pattern)| u64::from(pattern.matches(text)) << i;
                self.patterns.iter().enumerate().map(bit).sum()
            }
        }
    }
}

impl Classifier {
    pub fn new(patterns: Arc<Patterns>) -> Classifier {
        Classifier { patterns, short: [None; SLOTS], memo: HashMap::new() }
    }

    /// A bit for each pattern that the text of `value` matches; a list matches if an item does. None for nil.
    pub fn classify(&mut self, value: &Value<'_>) -> Option<u64> {
        match value {
            Value::Nil => None,
            Value::Text(text) => Some(self.bits(text)),
            other => {
                let mut bits = 0;
                other.each_text(&mut |text| bits |= self.bits(text));
                Some(bits)
            }
        }
    }

    fn bits(&mut self, text: &[u8]) -> u64 {
        if let Some(packed) = pack(text) {
            let slot = (packed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.ilog2())) as usize;
            return match self.short[slot] {
                Some((known, bits)) if known == packed => bits,
                _ => {
                    let bits = self.patterns.bits(text);
                    self.short[slot] = Some((packed, bits));
                    bits
                }
            };
        }
        if text.len() > MEMO_TEXT {
            return self.patterns.bits(text);
        }
        if let Some(bits) = self.memo.get(text) {
            return *bits;
        }
        if self.memo.len() >= MEMO {
            self.memo.clear();
        }
        let bits = self.patterns.bits(text);
        self.memo.insert(text.into(), bits);
        bits
    }
}

/// Up to 7 bytes and their number in one word.
fn pack(text: &[u8]) -> Option<u64> {
    if text.len() > 7 {
        return None;
    }
    Some(text.iter().fold(text.len() as u64, |packed, byte| packed << 8 | u64::from(*byte)))
}
