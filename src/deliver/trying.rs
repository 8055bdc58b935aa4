//! What is tried now, and what comes of it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::attempts::Failure;
use super::courier::{Courier, Done, Now, cut, is_output, key};
use crate::notify::{Batch, Outcome};
use crate::outbox::{Dispatch, Input};
use crate::plan::Address;
use crate::route::Notice;

/// Failures in a row are said again after so many, and then whenever their number has doubled.
const MANY: u32 = 16;

impl Courier {
    /// Gives up what has become too old and is not on its way.
    pub(super) fn give_up(&mut self, now: Now) {
        let mut old = Vec::new();
        for (name, queue) in self.outbox.queues() {
            let attempts = self.attempts.get(name);
            for dispatch in queue.iter() {
                let notifier = self.notifier(name, &dispatch.address);
                if dispatch.made.plus(notifier.give_up) > now.wall {
                    break;
                }
                if attempts.is_none_or(|attempts| !attempts.is_on_its_way(dispatch.number)) {
                    let last = attempts.and_then(|attempts| attempts.last(dispatch.number));
                    let why = last.map_or("it could not be tried".to_string(), |(times, why)| {
                        format!("given up after {times} attempts: {why}")
                    });
                    old.push((Arc::clone(name), dispatch.number, why));
                }
            }
        }
        for (notifier, number, why) in old {
            self.reject(&notifier, number, &why, now);
        }
    }

    pub(super) fn begin_attempts(&mut self, now: Now) {
        let mut ready = Vec::new();
        for (name, queue) in self.outbox.queues().filter(|(_, queue)| !queue.is_empty()) {
            let attempts = self.attempts.entry(Arc::clone(name)).or_default();
            let at_once = self.notifiers.get(name).map_or(1, |notifier| notifier.via.at_once());
            // Standard output is not asked to wait for a disk.
            let durable = if is_output(queue) { u64::MAX } else { self.durable };
            for number in attempts.ready(queue, durable, at_once, now.boot) {
                if let Some(dispatch) = queue.get(number) {
                    attempts.begin(dispatch);
                    ready.push((Arc::clone(name), dispatch.clone(), queue.is_in_doubt(number)));
                }
            }
            attempts.forget(queue);
        }
        for (name, dispatch, was_in_doubt) in ready {
            // Should this process end now, nobody knows what has become of it.
            if !was_in_doubt {
                self.step(&Input::Sent { notifier: Arc::clone(&name), number: dispatch.number, in_doubt: true });
            }
            let (notifier, transports) = (self.notifier(&name, &dispatch.address), Rc::clone(&self.transports));
            let clock = self.now;
            self.done.spawn_local(async move {
                let notices: Vec<Notice> =
                    dispatch.notices.iter().filter_map(|kept| Notice::read(&kept.line)).collect();
                let key = key(&name, &notices);
                let batch = Batch { notices: &notices, key: &key, now: clock().wall, is_test: false };
                let outcome = transports.attempt(&notifier, &batch).await;
                Done::Attempt { notifier: name, dispatch, was_in_doubt, outcome }
            });
        }
    }

    pub(super) fn answered(
        &mut self,
        notifier: &Arc<str>,
        dispatch: &Dispatch,
        was_in_doubt: bool,
        outcome: Outcome,
        now: Now,
    ) -> io::Result<()> {
        let number = dispatch.number;
        let attempts = self.attempts.entry(Arc::clone(notifier)).or_default();
        match outcome {
            Outcome::Accepted => {
                if attempts.failures_in_a_row(&dispatch.address) > 0 {
                    tracing::info!("`:{notifier}` takes notices again");
                }
                attempts.settle(dispatch);
                self.deliveries.of(notifier, |numbers| {
                    numbers.delivered += 1;
                    numbers.trouble = None;
                });
                self.step(&Input::Accepted { notifier: Arc::clone(notifier), number });
            }
            Outcome::Rejected { why } => {
                attempts.settle(dispatch);
                self.reject(notifier, number, &why, now);
            }
            Outcome::Retry { why, after, in_doubt } => {
                if self.outbox.directory().routes.is_none() && *dispatch.address == Address::Log(None) {
                    return Err(io::Error::other(why));
                }
                if !in_doubt && !was_in_doubt {
                    self.step(&Input::Sent { notifier: Arc::clone(notifier), number, in_doubt: false });
                }
                let why = cut(&why);
                let attempts = self.attempts.entry(Arc::clone(notifier)).or_default();
                let random = random(number, now.boot);
                let failure = Failure { why: &why, asked: after };
                let times = attempts.fail(dispatch, failure, now.boot, random);
                // Many may be on their way when it fails; that is said once.
                let row = attempts.failures_in_a_row(&dispatch.address);
                if row == 1 || (row >= MANY && row.is_power_of_two()) {
                    tracing::warn!("`:{notifier}` did not take a notice, attempt {times}: {why}; it is tried again");
                }
                self.deliveries.of(notifier, |numbers| {
                    numbers.failed += 1;
                    numbers.trouble = Some(why.clone());
                });
                let give_up = self.notifier(notifier, &dispatch.address).give_up;
                if dispatch.made.plus(give_up) <= now.wall {
                    self.reject(notifier, number, &format!("given up after {times} attempts: {why}"), now);
                }
                // Its notifier may have changed while it was on its way.
                self.relocate(notifier, &[number], now);
            }
        }
        Ok(())
    }

    /// Sends what nobody has accepted to where notifiers are now.
    pub(super) fn relocate_all(&mut self, now: Now) {
        let queues = self.outbox.queues();
        let waiting = queues.map(|(name, queue)| (Arc::clone(name), queue.iter().map(|one| one.number).collect()));
        let waiting: Vec<(Arc<str>, Vec<u64>)> = waiting.collect();
        waiting.into_iter().for_each(|(name, numbers)| self.relocate(&name, &numbers, now));
    }

    fn relocate(&mut self, notifier: &Arc<str>, numbers: &[u64], now: Now) {
        let attempts = self.attempts.entry(Arc::clone(notifier)).or_default();
        let may_move = |number: &u64| {
            let dispatch = self.outbox.queue(notifier).and_then(|queue| queue.get(*number));
            !attempts.is_on_its_way(*number)
                && dispatch.is_some_and(|dispatch| self.outbox.may_move(notifier, dispatch))
        };
        let moved: Vec<u64> = numbers.iter().copied().filter(may_move).collect();
        moved.iter().for_each(|number| attempts.relocate(*number));
        if moved.is_empty() {
            return;
        }
        tracing::info!("`:{notifier}` has another address: {} that nobody has accepted go there", moved.len());
        for number in moved {
            self.step(&Input::Moved { now: now.wall, notifier: Arc::clone(notifier), number });
        }
        self.on.is_dirty = true;
    }

    fn reject(&mut self, notifier: &Arc<str>, number: u64, why: &str, now: Now) {
        let why = cut(why);
        self.deliveries.of(notifier, |numbers| numbers.trouble = Some(why.clone()));
        let notifier = Arc::clone(notifier);
        self.step(&Input::Rejected { now: now.wall, notifier, number, why: why.into() });
        self.on.is_dirty = true;
    }
}

/// Any number: it only spreads pauses.
fn random(number: u64, now: i64) -> u64 {
    (number ^ now.unsigned_abs()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}
