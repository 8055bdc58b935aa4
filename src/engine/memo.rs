//! Answers by the value of a field, bounded: each distinct value is asked once, while values repeat.

use hashbrown::HashMap;

use super::event::Value;
use crate::plan::Number;

/// So many values are remembered; then all are forgotten.
const MOST: usize = 4096;
/// A longer text is not remembered.
const TEXT: usize = 128;
/// Slots for short keys, each in the one that its bits say.
const SLOTS: usize = 256;
/// After so many values that were not known, it is looked whether remembering is worth it.
const TRIAL: u32 = 1024;
/// If it is not, so many values are not remembered.
const REST: u32 = 16 * TRIAL;

/// What is known of values of one field.
#[derive(Debug)]
pub struct Memo<T> {
    /// Some of what is in `short`; empty until there is something.
    slots: Box<[(u64, T)]>,
    short: HashMap<u64, T>,
    long: HashMap<Box<[u8]>, T>,
    asked: u32,
    missed: u32,
    /// So many values more are looked for in the slots only, and not remembered.
    rest: u32,
}

/// A value that can be remembered.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Nil, a text of up to 7 bytes, or a whole number of up to 55 bits.
    Short(u64),
    Text(&'a [u8]),
}

impl<'a> Key<'a> {
    /// That of no value.
    const NONE: u64 = u64::MAX;
    const NIL: u64 = 1 << 62;
    const INT: u64 = 1 << 63;

    /// None for a value that is not remembered. Values of one key are the same.
    #[inline]
    pub fn of(value: &'a Value<'_>) -> Option<Key<'a>> {
        match value {
            Value::Text(text) => Key::of_text(text),
            Value::Nil => Some(Key::Short(Key::NIL)),
            Value::Number(Number::Int(n)) if n.unsigned_abs() < 1 << 54 => {
                Some(Key::Short(Key::INT | (*n as u64) << 8 >> 8))
            }
            Value::Bool(_) | Value::Number(_) | Value::List(_) => None,
        }
    }

    #[inline]
    pub fn of_text(text: &'a [u8]) -> Option<Key<'a>> {
        match text.len() {
            // The length before the bytes: no two texts are one number, and none is above 2^59.
            length @ 0..=7 => {
                Some(Key::Short(text.iter().fold(length as u64, |packed, byte| packed << 8 | u64::from(*byte))))
            }
            8..=TEXT => Some(Key::Text(text)),
            _ => None,
        }
    }
}

impl<T: Copy + Default> Memo<T> {
    pub fn new() -> Memo<T> {
        Memo { slots: Box::default(), short: HashMap::new(), long: HashMap::new(), asked: 0, missed: 0, rest: 0 }
    }

    /// What is known of a value.
    #[inline]
    pub fn get(&mut self, key: Key<'_>) -> Option<T> {
        self.asked = self.asked.saturating_add(1);
        if let Key::Short(packed) = key
            && let Some((known, answer)) = self.slots.get(slot(packed))
            && *known == packed
        {
            return Some(*answer);
        }
        self.look(key)
    }

    fn look(&mut self, key: Key<'_>) -> Option<T> {
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        let found = match key {
            Key::Short(packed) => self.short.get(&packed).copied().inspect(|answer| {
                self.slots[slot(packed)] = (packed, *answer);
            }),
            Key::Text(text) => self.long.get(text).copied(),
        };
        if found.is_none() {
            self.missed += 1;
        }
        found
    }

    /// Whether all must be forgotten before another value is remembered.
    pub fn is_full(&self) -> bool {
        self.short.len() + self.long.len() >= MOST
    }

    /// Whether nothing is remembered for a while, since hardly any value came again.
    pub fn rests(&mut self) -> bool {
        if self.missed >= TRIAL {
            if self.missed > self.asked / 2 {
                self.rest = REST;
            }
            (self.asked, self.missed) = (0, 0);
        }
        self.rest > 0
    }

    /// Remembers what is known of a value.
    pub fn put(&mut self, key: Key<'_>, answer: T) {
        match key {
            Key::Short(packed) => {
                if self.slots.is_empty() {
                    self.slots = vec![(Key::NONE, T::default()); SLOTS].into();
                }
                self.slots[slot(packed)] = (packed, answer);
                self.short.insert(packed, answer);
            }
            Key::Text(text) => {
                self.long.insert(text.into(), answer);
            }
        }
    }

    /// About how many bytes more it takes to remember this value.
    pub fn cost(&self, key: Key<'_>) -> usize {
        let table = 2 * (size_of::<Box<[u8]>>() + size_of::<T>() + 1);
        match key {
            Key::Short(_) if self.slots.is_empty() => table + SLOTS * size_of::<(u64, T)>(),
            Key::Short(_) => table,
            Key::Text(text) => table + text.len(),
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.slots = Box::default();
        self.short = HashMap::new();
        self.long = HashMap::new();
    }
}

#[inline]
fn slot(packed: u64) -> usize {
    (packed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(memo: &mut Memo<u64>, value: &Value<'_>, answer: u64) -> bool {
        let Some(key) = Key::of(value) else { return false };
        if let Some(known) = memo.get(key) {
            assert_eq!(known, answer, "{value:?}");
            return true;
        }
        if !memo.rests() {
            if memo.is_full() {
                memo.clear();
            }
            memo.put(key, answer);
        }
        false
    }

    #[test]
    fn values_that_look_alike_are_told_apart() {
        let mut values = vec![Value::Nil, Value::text("nil"), Value::text("\0"), Value::text("\0\0")];
        values.extend(["", "2", "20", "200", "0200", "2000000", "02000000", "200000000000"].map(Value::text));
        for n in [0, 2, 200, -200, (1 << 54) - 1, -((1 << 54) - 1)] {
            values.push(Value::Number(Number::Int(n)));
        }
        let mut memo = Memo::new();
        for known in [false, true] {
            for (i, value) in values.iter().enumerate() {
                assert_eq!(ask(&mut memo, value, i as u64), known, "{value:?}");
            }
        }
    }

    #[test]
    fn values_that_cannot_be_told_apart_or_are_long_are_not_remembered() {
        let long = "x".repeat(129);
        let far = [i64::MIN, -(1 << 54), 1 << 54, i64::MAX].map(|n| Value::Number(Number::Int(n)));
        let others = [Value::Bool(true), Value::Number(Number::Float(1.5)), Value::List(vec![]), Value::text(&long)];
        for value in others.iter().chain(&far) {
            assert!(Key::of(value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn values_that_never_come_again_are_not_remembered_for_long() {
        let mut memo = Memo::new();
        for i in 0..u64::from(TRIAL + REST / 2) {
            ask(&mut memo, &Value::text(&format!("/orders/{i}")), i);
        }
        assert_eq!(memo.long.len(), TRIAL as usize - 1);
        // What does come again is remembered after the rest.
        let known = (0..REST).filter(|_| ask(&mut memo, &Value::text("/orders"), 7)).count();
        assert_eq!(known, REST as usize / 2);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memo = Memo::new();
        for i in 0..50_000u64 {
            // Each three times, so that it does not rest.
            for _ in 0..3 {
                ask(&mut memo, &Value::text(&format!("{i}")), i);
            }
            assert!(memo.short.len() + memo.long.len() <= MOST);
        }
    }
}
