//! Between attempts at a disk that refuses: pure. Times and lengths in microseconds, of a clock that only goes on.

/// The first pause, and the longest; each is twice the one before.
const FIRST: i64 = 1_000_000;
const LONGEST: i64 = 30_000_000;

/// When the next attempt may be made. At first at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pause {
    until: i64,
    length: i64,
}

impl Pause {
    pub fn is_over(self, now: i64) -> bool {
        now >= self.until
    }

    /// An attempt failed: the pause after it.
    pub fn after_failure(self, now: i64) -> Pause {
        let length = (self.length * 2).clamp(FIRST, LONGEST);
        Pause { until: now + length, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let (mut pause, mut now) = (Pause::default(), 7);
        assert!(pause.is_over(now));
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            pause = pause.after_failure(now);
            now += seconds * 1_000_000;
            assert!(!pause.is_over(now - 1) && pause.is_over(now), "{seconds}");
        }
    }
}
