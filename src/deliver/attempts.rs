//! When which dispatch of one notifier is tried: pure. Times are of the boot clock, in microseconds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::outbox::{Dispatch, Queue};

/// After the first failure it is tried again after so long; then after twice as long, and so on.
const FIRST_PAUSE: i64 = 1_000_000;
/// But not after longer than that.
const LONGEST_PAUSE: i64 = 60_000_000;
/// What a receiver asks for counts, up to this.
const LONGEST_ASKED: i64 = 3_600_000_000;
/// So many of the oldest dispatches are looked at.
const WINDOW: usize = 256;
/// After so many failures in a row one attempt at a time is made, to see whether somebody is there again.
const PROBED: u32 = 2;

/// The attempts to deliver to one notifier.
#[derive(Debug, Default)]
pub struct Attempts {
    /// What is on its way, with the keys for which nothing else may leave meanwhile.
    on_their_way: HashMap<u64, Vec<Arc<str>>>,
    /// What has failed so far.
    failed: HashMap<u64, Failed>,
    /// Failures since something was accepted.
    in_a_row: u32,
    paused_until: i64,
}

#[derive(Clone, Debug)]
struct Failed {
    times: u32,
    why: String,
    not_before: i64,
}

impl Attempts {
    /// What may be tried now: of the dispatches before `durable` at most so many `at_once`, none of whose keys is in one
    /// before it that has not arrived.
    pub fn ready(&self, queue: &Queue, durable: u64, at_once: usize, now: i64) -> Vec<u64> {
        let slots = if self.in_a_row >= PROBED { 1 } else { at_once };
        let mut free = slots.saturating_sub(self.on_their_way.len());
        let mut ready = Vec::new();
        if free == 0 || now < self.paused_until {
            return ready;
        }
        let mut held: HashSet<&str> = self.on_their_way.values().flatten().map(AsRef::as_ref).collect();
        for dispatch in queue.iter().take(WINDOW).take_while(|dispatch| dispatch.number < durable) {
            let keys = || dispatch.notices.iter().map(|kept| kept.dedup_key.as_ref());
            let is_free = !self.on_their_way.contains_key(&dispatch.number)
                && self.failed.get(&dispatch.number).is_none_or(|failed| failed.not_before <= now)
                && keys().all(|key| !held.contains(key));
            if is_free {
                ready.push(dispatch.number);
                free -= 1;
                if free == 0 {
                    break;
                }
            }
            held.extend(keys());
        }
        ready
    }

    /// When something that waits for a pause to end may be tried.
    pub fn next(&self, now: i64) -> Option<i64> {
        let paused = Some(self.paused_until).filter(|until| now < *until);
        let failed = self.failed.values().map(|failed| failed.not_before).filter(|until| now < *until).min();
        paused.or(failed)
    }

    pub fn begin(&mut self, dispatch: &Dispatch) {
        let keys = dispatch.notices.iter().map(|kept| Arc::clone(&kept.dedup_key)).collect();
        self.on_their_way.insert(dispatch.number, keys);
    }

    pub fn is_on_its_way(&self, number: u64) -> bool {
        self.on_their_way.contains_key(&number)
    }

    /// It was accepted, or rejected: somebody is there.
    pub fn settle(&mut self, number: u64) {
        self.on_their_way.remove(&number);
        self.in_a_row = 0;
        self.paused_until = 0;
        self.failed.remove(&number);
    }

    /// It failed and is tried again, after as long as the receiver asked for at least. `random` is any number. How often
    /// that was.
    pub fn fail(&mut self, number: u64, why: &str, asked: Option<i64>, now: i64, random: u64) -> u32 {
        self.on_their_way.remove(&number);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let asked = asked.unwrap_or(0).clamp(0, LONGEST_ASKED);
        let failed = self.failed.entry(number).or_insert(Failed { times: 0, why: String::new(), not_before: 0 });
        failed.times += 1;
        failed.why = why.to_string();
        failed.not_before = now + pause(failed.times, random).max(asked);
        self.paused_until = self.paused_until.max(now + pause(self.in_a_row, random).max(asked));
        failed.times
    }

    /// Why it failed last, and how often it was tried.
    pub fn last(&self, number: u64) -> Option<(u32, &str)> {
        self.failed.get(&number).map(|failed| (failed.times, failed.why.as_str()))
    }

    /// Forgets what is not waiting any more.
    pub fn forget(&mut self, queue: &Queue) {
        // What has given way to a later one is looked for only when there is more than waits.
        if self.failed.len() > WINDOW {
            self.failed.retain(|number, _| queue.get(*number).is_some());
        }
    }

    pub fn failures_in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

/// Between three quarters and five quarters of a pause, so that many do not come back at the same time.
fn pause(times: u32, random: u64) -> i64 {
    let pause = FIRST_PAUSE.saturating_mul(1 << (times.clamp(1, 20) - 1)).min(LONGEST_PAUSE);
    let spread = i64::try_from(random % 1024).unwrap_or(0);
    pause * 3 / 4 + pause / 2 * spread / 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Kept;
    use crate::plan::{Address, Timestamp};

    const S: i64 = 1_000_000;

    fn queue(keys: &[&str]) -> Queue {
        let mut queue = Queue::default();
        for (number, key) in (0..).zip(keys) {
            let kept = |key: &str| Kept {
                line: "{}".into(),
                dedup_key: key.into(),
                violation: key.into(),
                is_recovery: false,
            };
            let notices = key.split(' ').map(kept).collect();
            let address = Arc::new(Address::Log(None));
            queue.push(Dispatch { number, address, made: Timestamp::clamped(0), notices }, usize::MAX);
        }
        queue
    }

    fn begin(attempts: &mut Attempts, queue: &Queue, numbers: &[u64]) {
        numbers.iter().for_each(|number| attempts.begin(queue.get(*number).expect("it waits")));
    }

    #[test]
    fn what_has_a_key_of_one_before_waits_for_it() {
        for (keys, on_their_way, at_once, ready) in [
            (vec!["a", "b", "c"], vec![], 8, vec![0, 1, 2]),
            (vec!["a", "b", "c"], vec![], 2, vec![0, 1]),
            (vec!["a", "a", "b"], vec![], 8, vec![0, 2]),
            (vec!["a", "a", "b"], vec![0], 8, vec![2]),
            (vec!["a b", "b c", "c", "d"], vec![], 8, vec![0, 3]),
            (vec!["a b", "b c", "c", "d"], vec![0, 3], 8, vec![]),
            (vec!["a", "b"], vec![0], 1, vec![]),
        ] {
            let queue = queue(&keys);
            let mut attempts = Attempts::default();
            begin(&mut attempts, &queue, &on_their_way);
            assert_eq!(attempts.ready(&queue, u64::MAX, at_once, 0), ready, "{keys:?} {on_their_way:?}");
        }
    }

    #[test]
    fn what_is_not_on_the_disk_yet_stays() {
        assert_eq!(Attempts::default().ready(&queue(&["a", "b", "c"]), 2, 8, 0), [0, 1]);
    }

    #[test]
    fn a_failure_pauses_longer_each_time_and_as_long_as_the_receiver_asks() {
        let queue = queue(&["a", "b"]);
        let mut attempts = Attempts::default();
        let mut now = 0;
        for (asked, pause) in
            [(None, 1), (None, 2), (None, 4), (Some(30 * S), 30), (None, 16), (None, 32), (None, 60), (None, 60)]
        {
            begin(&mut attempts, &queue, &[0]);
            attempts.fail(0, "no", asked, now, 512);
            assert_eq!(attempts.next(now), Some(now + pause * S), "{pause}");
            assert!(attempts.ready(&queue, u64::MAX, 8, now + pause * S - 1).is_empty(), "{pause}");
            now += pause * S;
        }
        // One to see whether somebody is there, then all.
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, now), [0]);
        attempts.settle(0);
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, now).len(), 2);
    }

    #[test]
    fn one_that_fails_again_and_again_does_not_keep_others_back() {
        let queue = queue(&["a", "b", "a"]);
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            begin(&mut attempts, &queue, &[0]);
            attempts.fail(0, "no", None, 0, 0);
        }
        attempts.settle(17);
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, 1), [1]);
    }
}
