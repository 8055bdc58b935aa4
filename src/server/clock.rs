//! The machine's clocks, and what a tick may conclude from them.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::plan::Timestamp;

/// With empty sockets, ticks so far apart (in microseconds) mean that nobody watched: a suspend, or a stopped process.
///
/// The judge ticks every second, so this is no ordinary delay.
pub const FAR_APART: i64 = 5_000_000;

/// What both clocks show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The wall clock: may be set.
    pub wall: Timestamp,
    /// Microseconds since the machine was started, suspends included: is never set.
    pub boot: i64,
}

/// What time did between two ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It went by, watched.
    Steadily,
    /// From one time to the other nobody watched.
    Unwatched { from: Timestamp, to: Timestamp, why: Why },
    /// The wall clock was set back from one time to the other.
    SetBack { from: Timestamp, to: Timestamp },
}

/// Why nobody watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The wall clock was set forward.
    SetForward,
    /// The machine was suspended, or the process stopped.
    Suspended,
}

impl Why {
    pub fn text(self) -> &'static str {
        match self {
            Why::SetForward => "the clock was set forward",
            Why::Suspended => "the machine was suspended or the process stopped",
        }
    }
}

/// The wall clock.
pub fn wall() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::clamped(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

/// The boot clock, in microseconds.
pub fn boot() -> i64 {
    #[cfg(target_os = "linux")]
    let id = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::Monotonic;
    let boot = clock_gettime(id);
    boot.tv_sec.saturating_mul(1_000_000).saturating_add(boot.tv_nsec / 1_000)
}

impl Clocks {
    pub fn now() -> Clocks {
        Clocks { wall: wall(), boot: boot() }
    }

    /// What time did since `before`, when a tick began; `watched` is until when something is known to have run, by the
    /// boot clock: the end of that tick, or the last time that a socket gave something.
    ///
    /// `max_skew`, in microseconds, is how far the wall clock may be set and it is taken for the ordinary keeping of time.
    pub fn since(self, before: Clocks, watched: i64, max_skew: i64) -> Passed {
        let watched = watched.clamp(before.boot, self.boot.max(before.boot));
        let absent = self.boot - watched > FAR_APART;
        let expected = before.wall.plus((self.boot - before.boot).max(0));
        let watched_to = if absent { before.wall.plus(watched - before.boot) } else { expected };
        let step = self.wall.micros() - expected.micros();
        if step > max_skew {
            Passed::Unwatched { from: watched_to, to: self.wall, why: Why::SetForward }
        } else if step < -max_skew {
            Passed::SetBack { from: expected, to: self.wall }
        } else if absent {
            Passed::Unwatched { from: watched_to, to: self.wall, why: Why::Suspended }
        } else {
            Passed::Steadily
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;
    const NOON: i64 = 1_700_000_000 * S;

    fn at(wall: i64, boot: i64) -> Clocks {
        Clocks { wall: Timestamp::clamped(NOON + wall * S), boot: boot * S }
    }

    #[test]
    fn a_jump_is_told_from_the_keeping_of_time() {
        let time = |seconds: i64| Timestamp::clamped(NOON + seconds * S);
        let unwatched = |from, to, why| Passed::Unwatched { from: time(from), to: time(to), why };
        let back = |from, to| Passed::SetBack { from: time(from), to: time(to) };
        for (what, now, watched, expected) in [
            ("a second went by", at(1, 1), 0, Passed::Steadily),
            ("slewed by less than the skew", at(31, 1), 0, Passed::Steadily),
            ("set back by less than the skew", at(-29, 1), 0, Passed::Steadily),
            ("an hour forward", at(3601, 1), 0, unwatched(1, 3601, Why::SetForward)),
            ("an hour forward during a long tick", at(3608, 8), 7, unwatched(8, 3608, Why::SetForward)),
            ("an hour back", at(-3599, 1), 0, back(1, -3599)),
            ("suspended for an hour", at(3600, 3600), 1, unwatched(1, 3600, Why::Suspended)),
            ("stopped, and events waited", at(3600, 3600), 3599, Passed::Steadily),
            ("a slow tick", at(4, 4), 0, Passed::Steadily),
            ("a tick that took long", at(30, 30), 29, Passed::Steadily),
            ("suspended and set forward", at(7200, 3600), 1, unwatched(1, 7200, Why::SetForward)),
            ("suspended and set back", at(-3600, 3600), 1, back(3600, -3600)),
        ] {
            assert_eq!(now.since(at(0, 0), watched * S, 60 * S), expected, "{what}");
        }
    }
}
