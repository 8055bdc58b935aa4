//! When which dispatch of one notifier is tried: pure. Times are of the boot clock, in microseconds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::outbox::{Dispatch, Queue};
use crate::plan::Address;

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

/// So many addresses at which something failed are remembered of one notifier.
const MOST_PACES: usize = 64;

/// Why an attempt failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'w> {
    pub why: &'w str,
    /// How long the receiver wants to be left alone, in microseconds.
    pub asked: Option<i64>,
}

/// The attempts to deliver to one notifier.
#[derive(Debug, Default)]
pub struct Attempts {
    /// What is on its way: where to, with the keys for which nothing else may leave meanwhile.
    on_their_way: HashMap<u64, (Arc<Address>, Vec<Arc<str>>)>,
    /// What has failed so far.
    failed: HashMap<u64, Failed>,
    /// Where something has failed since something was accepted there.
    paces: HashMap<Arc<Address>, Pace>,
}

#[derive(Clone, Debug)]
struct Failed {
    times: u32,
    why: String,
    not_before: i64,
}

/// How one address is doing.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// Failures since something was accepted.
    in_a_row: u32,
    paused_until: i64,
}

/// What may be sent to one address.
struct Road<'q> {
    address: &'q Arc<Address>,
    free: usize,
    held: HashSet<&'q str>,
}

impl Attempts {
    /// What may be tried now: of the dispatches before `durable` at most so many `at_once`, none of whose keys is in one
    /// before it to the same address that has not arrived.
    pub fn ready(&self, queue: &Queue, durable: u64, at_once: usize, now: i64) -> Vec<u64> {
        let mut free = at_once.saturating_sub(self.on_their_way.len());
        let mut ready = Vec::new();
        let mut roads: Vec<Road> = Vec::new();
        for dispatch in queue.iter().take(WINDOW).take_while(|dispatch| dispatch.number < durable) {
            if free == 0 {
                break;
            }
            let is_its =
                |road: &Road| Arc::ptr_eq(road.address, &dispatch.address) || *road.address == dispatch.address;
            let at = roads.iter().position(is_its).unwrap_or_else(|| {
                roads.push(self.road(&dispatch.address, at_once, now));
                roads.len() - 1
            });
            let road = &mut roads[at];
            if road.free == 0 {
                continue;
            }
            let keys = || dispatch.notices.iter().map(|kept| kept.dedup_key.as_ref());
            let is_free = !self.on_their_way.contains_key(&dispatch.number)
                && self.failed.get(&dispatch.number).is_none_or(|failed| failed.not_before <= now)
                && keys().all(|key| !road.held.contains(key));
            if is_free {
                ready.push(dispatch.number);
                road.free -= 1;
                free -= 1;
            }
            road.held.extend(keys());
        }
        ready
    }

    fn road<'q>(&'q self, address: &'q Arc<Address>, at_once: usize, now: i64) -> Road<'q> {
        let pace = self.paces.get(address).copied().unwrap_or_default();
        let slots = match pace.in_a_row {
            _ if now < pace.paused_until => 0,
            PROBED.. => 1,
            _ => at_once,
        };
        let under_way = || self.on_their_way.values().filter(|(to, _)| to == address);
        let held = under_way().flat_map(|(_, keys)| keys).map(AsRef::as_ref).collect();
        Road { address, free: slots.saturating_sub(under_way().count()), held }
    }

    /// When something that waits for a pause to end may be tried.
    pub fn next(&self, now: i64) -> Option<i64> {
        let paused = self.paces.values().map(|pace| pace.paused_until);
        paused.chain(self.failed.values().map(|failed| failed.not_before)).filter(|until| now < *until).min()
    }

    pub fn begin(&mut self, dispatch: &Dispatch) {
        let keys = dispatch.notices.iter().map(|kept| Arc::clone(&kept.dedup_key)).collect();
        self.on_their_way.insert(dispatch.number, (Arc::clone(&dispatch.address), keys));
    }

    pub fn is_on_its_way(&self, number: u64) -> bool {
        self.on_their_way.contains_key(&number)
    }

    /// It was accepted, or rejected: somebody is there.
    pub fn settle(&mut self, dispatch: &Dispatch) {
        self.on_their_way.remove(&dispatch.number);
        self.paces.remove(&dispatch.address);
        self.failed.remove(&dispatch.number);
    }

    /// It failed and is tried again, after as long as the receiver asked for at least. `random` is any number. How often
    /// that was.
    pub fn fail(&mut self, dispatch: &Dispatch, failure: Failure<'_>, now: i64, random: u64) -> u32 {
        self.on_their_way.remove(&dispatch.number);
        let asked = failure.asked.unwrap_or(0).clamp(0, LONGEST_ASKED);
        if self.paces.len() >= MOST_PACES {
            self.paces.retain(|_, pace| now < pace.paused_until);
        }
        let pace = self.paces.entry(Arc::clone(&dispatch.address)).or_default();
        pace.in_a_row = pace.in_a_row.saturating_add(1);
        pace.paused_until = pace.paused_until.max(now + pause(pace.in_a_row, random).max(asked));
        let none = Failed { times: 0, why: String::new(), not_before: 0 };
        let failed = self.failed.entry(dispatch.number).or_insert(none);
        failed.times += 1;
        failed.why = failure.why.to_string();
        failed.not_before = now + pause(failed.times, random).max(asked);
        failed.times
    }

    /// It goes elsewhere: nothing has failed there.
    pub fn relocate(&mut self, number: u64) {
        self.failed.remove(&number);
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

    pub fn failures_in_a_row(&self, address: &Arc<Address>) -> u32 {
        self.paces.get(address).map_or(0, |pace| pace.in_a_row)
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

    fn dispatch(queue: &Queue, number: u64) -> &Dispatch {
        queue.get(number).expect("it waits")
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
            attempts.fail(dispatch(&queue, 0), Failure { why: "no", asked }, now, 512);
            assert_eq!(attempts.next(now), Some(now + pause * S), "{pause}");
            assert!(attempts.ready(&queue, u64::MAX, 8, now + pause * S - 1).is_empty(), "{pause}");
            now += pause * S;
        }
        // One to see whether somebody is there, then all.
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, now), [0]);
        attempts.settle(dispatch(&queue, 0));
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, now).len(), 2);
    }

    #[test]
    fn each_address_has_its_own_pause_and_order() {
        let mut queue = queue(&["a", "b"]);
        let address = Arc::new(Address::Log(Some("other".into())));
        let notices = dispatch(&queue, 0).notices.clone();
        queue.push(Dispatch { number: 2, address, made: Timestamp::clamped(0), notices }, usize::MAX);
        let mut attempts = Attempts::default();
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, 0), [0, 1, 2]);
        begin(&mut attempts, &queue, &[0]);
        attempts.fail(dispatch(&queue, 0), Failure { why: "no", asked: None }, 0, 0);
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, 1), [2]);
        assert_eq!(attempts.next(1), Some(750_000));
        // It goes elsewhere, and is tried there at once.
        attempts.relocate(0);
        assert_eq!(attempts.last(0), None);
    }

    #[test]
    fn one_that_fails_again_and_again_does_not_keep_others_back() {
        let queue = queue(&["a", "b", "a"]);
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            begin(&mut attempts, &queue, &[0]);
            attempts.fail(dispatch(&queue, 0), Failure { why: "no", asked: None }, 0, 0);
        }
        attempts.settle(dispatch(&queue, 1));
        assert_eq!(attempts.ready(&queue, u64::MAX, 8, 1), [1]);
    }
}
