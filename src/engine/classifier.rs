//! Which patterns the text of a field matches, each distinct text asked once.

use std::sync::Arc;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::event::Value;
use super::memo::{Key, Memo};
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
    memo: Memo<u64>,
}

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
        Classifier { patterns, memo: Memo::new() }
    }

    /// A bit for each pattern that the text of `value` matches; a list matches if an item does. None for nil.
    pub fn classify(&mut self, value: &Value<'_>) -> Option<u64> {
        if value.is_nil() {
            return None;
        }
        if let Some(key) = Key::of(value) {
            return Some(self.memo.get(key).unwrap_or_else(|| self.learn(key, value)));
        }
        let mut bits = 0;
        value.each_text(&mut |text| {
            bits |= match Key::of_text(text) {
                Some(key) => self.memo.get(key).unwrap_or_else(|| self.learn(key, &Value::bytes(text))),
                None => self.patterns.bits(text),
            }
        });
        Some(bits)
    }

    #[inline(never)]
    fn learn(&mut self, key: Key<'_>, value: &Value<'_>) -> u64 {
        let mut bits = 0;
        value.each_text(&mut |text| bits |= self.patterns.bits(text));
        if !self.memo.rests() {
            if self.memo.is_full() {
                self.memo.clear();
            }
            self.memo.put(key, bits);
        }
        bits
    }
}
