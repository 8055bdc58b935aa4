//! The judge thread: sleeps until a window ends, lets the sockets be read, and closes what is due.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::apply::Counting;
use super::clock::{Clocks, FAR_APART, Passed};
use super::counters::Counters;
use super::desk;
use super::http::metrics::Published;
use super::keep::record::Record;
use super::keep::{Keeper, Snapshot};
use super::notices::Notices;
use super::record::Recorder;
use super::reload::Reloads;
use super::{accept, clock, lock, logs, written};
use crate::deliver::{Deliveries, Lines, Message};
use crate::engine::{self, Edits, Evaluator, Lane, Transition, Verdict};
use crate::plan::{Plan, Timestamp};
use crate::source::recording;

/// The judge looks at the clocks at least so often.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long an ordinary tick waits for the sockets to be empty.
const PATIENCE: Duration = Duration::from_secs(1);
/// And one after nobody has watched for a while: what waits is more.
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// What lanes count is taken in at least so often, in microseconds, that long windows show in the metrics.
const CATCH_UP: i64 = 10_000_000;

/// Transitions to a piece.
const PIECE: usize = 256;
/// With more pieces that nobody has read, no more windows are closed.
const STUCK: usize = 64;
/// When the courier is asked again whether it takes more.
const SOON: Duration = Duration::from_millis(20);

/// What the judge is asked.
pub enum Request {
    /// `/state`: of one threshold or of all, so many groups each, and at most so many over all.
    State {
        threshold: Option<String>,
        groups: usize,
        most: usize,
        /// The JSON; None if there is no such threshold.
        reply: oneshot::Sender<Option<String>>,
        /// Among those that wait: given back once it was answered.
        place: OwnedSemaphorePermit,
    },
    /// `/thresholds`: what they say, and how many of their groups are violated.
    Thresholds {
        /// The JSON.
        reply: oneshot::Sender<String>,
        /// As that of `State`.
        place: OwnedSemaphorePermit,
    },
    /// Go on with another plan; the reply says what became of each threshold.
    Reload {
        plan: Arc<Plan>,
        reply: oneshot::Sender<Edited>,
    },
    /// The journal has grown long: look whether it is time for a snapshot.
    Snapshot,
    Stop,
}

/// What a reload has changed.
pub struct Edited {
    pub thresholds: Edits,
    /// Whether routes, notifiers or the heartbeat are others.
    pub routing: bool,
}

/// Owns the evaluator. See the crate's documentation, "The daemon".
pub struct Judge {
    pub plan: Arc<Plan>,
    pub evaluator: Evaluator,
    pub countings: Vec<Arc<Mutex<Counting>>>,
    pub desks: Vec<mpsc::UnboundedSender<desk::Request>>,
    /// Who follows log files.
    pub logs: Option<std::sync::mpsc::Sender<logs::Drain>>,
    pub acceptor: mpsc::UnboundedSender<accept::Request>,
    /// Who tells people.
    pub out: mpsc::Sender<Message>,
    pub keeper: Option<Arc<Keeper>>,
    /// Where snapshots are written.
    pub snapshots: SyncSender<Snapshot>,
    pub recorder: Option<Arc<Recorder>>,
    pub counters: Arc<Counters>,
    pub published: Arc<Mutex<Arc<Published>>>,
    pub notices: Notices,
    pub reloads: Arc<Reloads>,
    pub deliveries: Arc<Deliveries>,
    /// What the courier has not taken yet: transitions in pieces.
    pub backlog: VecDeque<Message>,
    /// The number of the next transition, where nobody keeps them.
    pub numbered: u64,
    /// The clocks when the last tick began.
    pub last: Clocks,
    /// When the judge was last done with something, by the boot clock.
    pub done: i64,
    /// When what the lanes count was last taken in, by the boot clock.
    pub caught_up: i64,
}

impl Judge {
    /// Judges until it is asked to stop; the last tick is at the end.
    pub fn run(mut self, requests: &Receiver<Request>) {
        self.publish();
        if let Some(keeper) = &self.keeper {
            let untold = keeper.untold();
            self.hand_on(untold);
        }
        loop {
            match requests.recv_timeout(self.pause()) {
                // Who has gone is not answered.
                Ok(Request::State { reply, .. }) if reply.is_closed() => {}
                Ok(Request::State { threshold, groups, most, reply, place }) => {
                    self.tick(false);
                    let _ = reply.send(self.state(threshold.as_deref(), groups, most));
                    drop(place);
                    self.done();
                    continue;
                }
                Ok(Request::Thresholds { reply, .. }) if reply.is_closed() => {}
                Ok(Request::Thresholds { reply, place }) => {
                    self.tick(false);
                    let _ = reply.send(written::write(&self.plan, &self.evaluator, clock::wall()));
                    drop(place);
                    self.done();
                    continue;
                }
                Ok(Request::Reload { plan, reply }) => {
                    self.tick(false);
                    let _ = reply.send(self.reload(plan));
                }
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Request::Snapshot) | Err(RecvTimeoutError::Timeout) => {}
            }
            self.tick(false);
        }
        self.tick(true);
        let end = self.last.wall;
        self.record(|out| recording::write_end(end, out));
        self.flush();
    }

    /// How long nothing has to be done.
    fn pause(&self) -> Duration {
        if !self.backlog.is_empty() {
            return SOON;
        }
        let ahead = self.evaluator.next_deadline().micros().saturating_sub(clock::wall().micros());
        Duration::from_micros(u64::try_from(ahead).unwrap_or(0)).min(HEARTBEAT)
    }

    /// Does what the clocks say is due; at the `last` tick whatever they say.
    fn tick(&mut self, last: bool) {
        self.send(last);
        let now = Clocks::now();
        let far_apart = now.boot - self.done > FAR_APART;
        let due = self.evaluator.next_deadline() <= now.wall;
        let stepped = now.since(self.last, now.boot, self.plan.max_skew) != Passed::Steadily;
        let closes = ((due || far_apart || stepped) && !self.is_stuck()) || last;
        if closes {
            if self.drain(if far_apart { LONG_PATIENCE } else { PATIENCE }) {
                self.counters.cut_drains.fetch_add(1, Relaxed);
            }
            self.pass(now);
            self.close(now.wall);
        }
        self.counters.ticks.fetch_add(1, Relaxed);
        if now.boot >= self.caught_up + CATCH_UP {
            self.catch_up();
            self.caught_up = now.boot;
            self.publish();
        } else if closes {
            self.publish();
        }
        self.notices.look(&self.counters, now.boot);
        self.notices.look_at_limits(&self.plan, &self.evaluator, now.boot);
        if let Some(keeper) = &self.keeper {
            keeper.alive(now);
        }
        self.snapshot(now, last);
        self.flush();
        if last {
            self.send(true);
        }
        if !self.is_stuck() {
            self.last = now;
        }
        self.done();
    }

    /// What was done until now was done by a process that ran: the sockets kept what came.
    fn done(&mut self) {
        self.done = clock::boot();
        if !self.is_stuck() {
            self.counters.alive.store(u64::try_from(self.done).unwrap_or(0), Relaxed);
        }
    }

    /// Lets the acceptor and every lane thread read what their sockets hold; true if time was up before all had.
    fn drain(&self, patience: Duration) -> bool {
        // First what waits to be accepted: the lanes then find its bytes.
        let (reply, accepted) = channel();
        if self.acceptor.send(accept::Request::Drain(reply)).is_ok() {
            let _ = accepted.recv_timeout(patience);
        }
        let (reply, drained) = channel();
        for desk in &self.desks {
            let _ = desk.send(desk::Request::Drain(patience, reply.clone()));
        }
        let follower = self.logs.as_ref().filter(|logs| logs.send(logs::Drain(reply.clone())).is_ok());
        drop(reply);
        let mut cut = false;
        for _ in 0..self.desks.len() + usize::from(follower.is_some()) {
            match drained.recv_timeout(patience.saturating_mul(2)) {
                Ok(of_lane) => cut |= of_lane,
                // A lane that does not even answer is busy with one thing.
                Err(_) => return true,
            }
        }
        cut
    }

    /// Tells the evaluator what time did since the last tick.
    fn pass(&mut self, now: Clocks) {
        // A lane may have read what waited before it was asked to.
        let heard = self.counters.heard.load(Relaxed);
        match now.since(self.last, self.done.max(heard), self.plan.max_skew) {
            Passed::Steadily => return,
            Passed::Unwatched { from, to, why } => {
                self.counters.unwatched.fetch_add((to.micros() - from.micros()).max(0).unsigned_abs(), Relaxed);
                tracing::warn!(%from, %to, "{}: the time between is unwatched", why.text());
                self.evaluator.unwatched(from, to);
                self.keep(&Record::Unwatched(from, to));
                self.record(|out| recording::write_unwatched(from, to, out));
            }
            Passed::SetBack { from, to } => {
                tracing::warn!(
                    %from, %to,
                    "the clock was set back: time from there on is watched again, but no window is judged twice"
                );
                let mut guards = lock_all(&self.countings);
                self.evaluator.set_back(to, self.plan.max_skew, &mut unlocked(&mut guards));
                self.keep(&Record::SetBack(to));
                self.record(|out| recording::write_set_back(to, out));
            }
        }
        self.counters.jumps.fetch_add(1, Relaxed);
    }

    /// Closes all windows that are due at `now`, and hands on what changed.
    fn close(&mut self, now: Timestamp) {
        {
            let mut guards = lock_all(&self.countings);
            self.evaluator.take(now, &mut unlocked(&mut guards));
            // Under the locks: no event is written before it that was counted after it.
            self.keep(&Record::Clock(now));
            self.record(|out| recording::write_clock(now, out));
        }
        let mut transitions = Vec::new();
        self.evaluator.close(&mut transitions);
        self.tell(transitions);
    }

    fn tell(&mut self, transitions: Vec<Transition>) {
        if transitions.is_empty() {
            return;
        }
        let violations = transitions.iter().filter(|transition| transition.to == Verdict::Violation).count();
        self.counters.violations.fetch_add(violations as u64, Relaxed);
        self.counters.recoveries.fetch_add((transitions.len() - violations) as u64, Relaxed);
        let lines = transitions.iter().map(|transition| transition.to_json(&self.plan).to_string()).collect();
        let lines = match &self.keeper {
            Some(keeper) => keeper.tell(lines),
            None => (self.numbered..).zip(lines.into_iter().map(Arc::from)).collect(),
        };
        self.numbered += lines.len() as u64;
        self.hand_on(lines);
        self.send(false);
    }

    /// Transitions go to the courier in pieces, after those that wait already.
    fn hand_on(&mut self, lines: Lines) {
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            self.backlog.push_back(Message::Lines(lines.by_ref().take(PIECE).collect()));
        }
    }

    /// Gives the courier what it takes, or waits until it has taken all.
    fn send(&mut self, all: bool) {
        while let Some(piece) = self.backlog.pop_front() {
            let sent = if all { self.out.blocking_send(piece).map_err(|_| None) } else { try_send(&self.out, piece) };
            match sent {
                Ok(()) => {}
                Err(Some(piece)) => return self.backlog.push_front(piece),
                // Standard output takes no more; the courier has said so, and the process is about to stop.
                Err(None) => return self.backlog.clear(),
            }
        }
    }

    /// Whether so much waits to be read that no more windows are closed.
    fn is_stuck(&self) -> bool {
        self.backlog.len() > STUCK
    }

    /// Goes on with another plan. Lanes count by it from here on, under the locks.
    fn reload(&mut self, plan: Arc<Plan>) -> Edited {
        let now = clock::wall();
        let mut transitions = Vec::new();
        let countings = self.countings.clone();
        let mut guards = lock_all(&countings);
        self.evaluator.take_all(&mut unlocked(&mut guards));
        self.evaluator.absorb();
        let old = std::mem::replace(&mut self.evaluator, Evaluator::nothing());
        let (evaluator, edits) = old.edited(Arc::clone(&plan), now, &mut transitions);
        for (guard, lane) in guards.iter_mut().zip(evaluator.lanes(countings.len())) {
            **guard = Counting::new(lane, &plan, self.recorder.is_some());
        }
        self.evaluator = evaluator;
        self.keep(&Record::Edited { at: now, plan: &engine::plan_to_bytes(&plan) });
        self.record(|out| recording::write_reloaded(now, out));
        drop(guards);
        // What was removed belongs to the plan that had it.
        self.tell(transitions);
        let routing = plan.routing != self.plan.routing || plan.limits.queue != self.plan.limits.queue;
        if routing {
            self.backlog.push_back(Message::Edited(Box::new(plan.routing.clone()), plan.limits.queue));
            self.send(false);
        }
        self.plan = plan;
        self.publish();
        Edited { thresholds: edits, routing }
    }

    /// Takes in what the lanes have counted, and closes nothing.
    fn catch_up(&mut self) {
        self.evaluator.take_all(&mut unlocked(&mut lock_all(&self.countings)));
        self.evaluator.absorb();
    }

    fn keep(&self, record: &Record<'_>) {
        if let Some(keeper) = &self.keeper {
            keeper.append(record);
        }
    }

    /// Takes a snapshot if it is time for one, and at the `last` tick.
    fn snapshot(&mut self, now: Clocks, last: bool) {
        let Some(keeper) = self.keeper.clone() else { return };
        if !last && !keeper.is_due(now.boot) {
            return;
        }
        let began = Instant::now();
        let begun = {
            let mut guards = lock_all(&self.countings);
            self.evaluator.take_all(&mut unlocked(&mut guards));
            keeper.begin(now, last)
        };
        let locked = began.elapsed();
        self.evaluator.absorb();
        let Some(begun) = begun else { return };
        let bytes = self.evaluator.to_bytes();
        let took_us = began.elapsed().as_micros();
        tracing::debug!(locked_us = locked.as_micros(), took_us, bytes = bytes.len(), "a snapshot was taken");
        let snapshot = Snapshot::new(begun, bytes);
        if last {
            keeper.write(&snapshot);
        } else {
            // One at a time: there is room.
            let _ = self.snapshots.try_send(snapshot);
        }
    }

    fn record(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(recorder) = &self.recorder {
            let mut line = Vec::new();
            write(&mut line);
            recorder.append(&line, &self.counters);
        }
    }

    fn flush(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.flush(&self.counters);
        }
    }

    fn publish(&mut self) {
        let published = Arc::new(Published::of(&self.plan, &self.evaluator));
        *lock(&self.published) = published;
    }

    /// None if there is no such threshold. Of each threshold at most so many groups, and at most so many over all.
    fn state(&mut self, threshold: Option<&str>, groups: usize, most: usize) -> Option<String> {
        let wanted = match threshold {
            None => 0..self.plan.thresholds.len(),
            Some(id) => {
                let at = self.plan.thresholds.iter().position(|threshold| threshold.id == id)?;
                at..at + 1
            }
        };
        self.catch_up();
        let head = serde_json::json!({
            "v": 1,
            "instance": self.plan.instance,
            "time": clock::wall().to_string(),
            "reload": self.reloads.last(),
            "notifiers": self.deliveries.lock().to_json(),
        });
        // Text, a threshold after the other: as one tree it would be many times as much.
        let mut text = head.to_string();
        text.pop();
        text.push_str(",\"thresholds\":[");
        let mut left = most;
        for at in wanted.clone() {
            let view = self.evaluator.view(at, groups.min(left));
            left -= view.shown().min(left);
            if at > wanted.start {
                text.push(',');
            }
            // Writing to a text does not fail.
            let _ = write!(text, "{}", view.to_json(&self.plan));
        }
        text.push_str("]}\n");
        Some(text)
    }
}

/// What was not taken, if it may be later.
fn try_send(out: &mpsc::Sender<Message>, piece: Message) -> Result<(), Option<Message>> {
    out.try_send(piece).map_err(|error| match error {
        TrySendError::Full(piece) => Some(piece),
        TrySendError::Closed(_) => None,
    })
}

fn lock_all(countings: &[Arc<Mutex<Counting>>]) -> Vec<MutexGuard<'_, Counting>> {
    countings.iter().map(|counting| lock(counting)).collect()
}

fn unlocked<'g>(guards: &'g mut [MutexGuard<'_, Counting>]) -> Vec<&'g mut Lane> {
    guards.iter_mut().map(|guard| &mut guard.lane).collect()
}
