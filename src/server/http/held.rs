//! Bytes that are kept for a peer: counted while they are, over all connections, and refused above a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::server::counters::Counters;

/// What answers that have not been sent yet may take, over all connections, in bytes.
pub const ALL: u64 = 64 << 20;
/// Why an answer is refused that would take more, as it is counted.
pub const UNREAD: &str = "too many answers not read";
/// So much of an answer is not counted: who sends little is answered whatever others leave unread.
const LITTLE: usize = 4 << 10;

/// What bytes are kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A line that has come in part.
    Part,
    /// An answer that has not been sent yet.
    Answer,
}

/// Bytes that are kept: what they take is given back when they are dropped.
pub struct Held {
    bytes: Vec<u8>,
    /// What is counted of their capacity.
    counted: u64,
    kept: Kept,
    /// Of all bytes that are kept as these are.
    limit: u64,
    counters: Arc<Counters>,
}

impl Held {
    pub fn new(kept: Kept, limit: u64, counters: &Arc<Counters>) -> Held {
        Held { bytes: Vec::new(), counted: 0, kept, limit, counters: Arc::clone(counters) }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends bytes, unless all together would then take more than the limit; whether it did.
    #[must_use]
    pub fn extend(&mut self, bytes: &[u8]) -> bool {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            let capacity = needed.max(self.bytes.capacity() * 2);
            if !self.count(capacity) {
                return false;
            }
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        true
    }

    /// Takes the place of what was kept, under the same limit; whether it did.
    #[must_use]
    pub fn replace(&mut self, bytes: Vec<u8>) -> bool {
        self.clear();
        let fits = self.count(bytes.capacity());
        if fits {
            self.bytes = bytes;
        }
        fits
    }

    /// Keeps nothing any more.
    pub fn clear(&mut self) {
        self.bytes = Vec::new();
        self.counter().fetch_sub(self.counted, Relaxed);
        self.counted = 0;
    }

    /// Gives back what was reserved and is not needed.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        let counted = self.to_count(self.bytes.capacity()).min(self.counted);
        self.counter().fetch_sub(self.counted - counted, Relaxed);
        self.counted = counted;
    }

    fn count(&mut self, capacity: usize) -> bool {
        let more = self.to_count(capacity).saturating_sub(self.counted);
        let before = self.counter().fetch_add(more, Relaxed);
        if more > 0 && before + more > self.limit {
            self.counter().fetch_sub(more, Relaxed);
            return false;
        }
        self.counted += more;
        true
    }

    fn to_count(&self, capacity: usize) -> u64 {
        match self.kept {
            Kept::Answer if capacity <= LITTLE => 0,
            _ => capacity as u64,
        }
    }

    fn counter(&self) -> &AtomicU64 {
        match self.kept {
            Kept::Part => &self.counters.receiving,
            Kept::Answer => &self.counters.answering,
        }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_together_stays_below_the_limit_and_is_given_back() {
        let counters = Arc::new(Counters::default());
        let counted = || counters.answering.load(Relaxed);
        let answer = || Held::new(Kept::Answer, 100_000, &counters);
        let (mut first, mut second, mut little) = (answer(), answer(), answer());
        assert!(first.extend(&[b'x'; 60_000]));
        assert!(!second.extend(&[b'x'; 60_000]) && second.is_empty());
        assert_eq!(counted(), 60_000);
        assert!(!second.replace(vec![b'x'; 60_000]));
        assert!(second.replace(vec![b'x'; 40_000]));
        assert_eq!(counted(), 100_000);
        assert!(little.extend(&[b'x'; LITTLE]), "little is not counted");
        assert!(!little.extend(b"x"));
        second.clear();
        assert!(second.extend(b"x") && second.extend(&[b'x'; LITTLE]));
        assert!(counted() > 60_000);
        second.shrink();
        assert_eq!(counted(), 60_000 + LITTLE as u64 + 1);
        drop((first, second, little));
        assert_eq!(counted(), 0);
    }
}
