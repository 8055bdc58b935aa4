//! Takes transitions, keeps the outbox on the disk, and tries what is to be told until it has arrived or is given up.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::attempts::Attempts;
use super::dead_letters::DeadLetters;
use super::journal::Kept;
use super::numbers::Deliveries;
use super::transports::Transports;
use crate::engine::digest;
use crate::notify::{self, Outcome};
use crate::outbox::{Directory, Dispatch, Input, Outbox, Queue};
use crate::plan::{Address, Heartbeat, Notifier, Routing, Timestamp};
use crate::route::Notice;

/// So many pieces may wait to be taken; then the judge keeps them.
const WAITING: usize = 64;
/// So many pieces are taken before they are brought to the disk together.
const TOGETHER: usize = 16;
/// Without routes, so many messages to standard output may wait before no more transitions are taken.
const MOST_TO_OUTPUT: usize = 16;
/// At an orderly end, deliveries go on so long.
const LAST: Duration = Duration::from_secs(5);
/// It looks around at least so often, in microseconds.
const LONGEST_PAUSE: i64 = 1_000_000;
/// So many notifiers are remembered that are configured otherwise by now.
const MOST_FORMER: usize = 100;
/// What is too old is looked for so often, in microseconds.
pub(super) const LOOK: i64 = 60_000_000;
/// A cause is cut to so many characters.
const LONGEST_CAUSE: usize = 500;

/// Transitions, each with its number.
pub type Lines = Vec<(u64, Arc<str>)>;

/// What the courier is told by the judge.
pub enum Message {
    Lines(Lines),
    /// Other routes or notifiers from here on, and how many notices may wait for one.
    Edited(Box<Routing>, usize),
}

/// The clocks: the time of day, and the boot clock in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall: Timestamp,
    pub boot: i64,
}

/// Who made the transitions, and keeps them until they were taken.
pub trait Origin: Send + Sync {
    /// Waits until what they come from is on the disk, or cannot be brought there.
    fn synced(&self) -> Pin<Box<dyn Future<Output = ()> + '_>>;
    /// All before this number were taken.
    fn told(&self, before: u64);
}

/// Where it begins.
pub struct Settings {
    pub routing: Routing,
    pub outbox: Outbox,
    pub kept: Option<Kept>,
    pub dead_letters: Option<PathBuf>,
    pub origin: Option<Arc<dyn Origin>>,
    pub now: fn() -> Now,
    pub deliveries: Arc<Deliveries>,
    /// Why the daemon does not do its work; asked before each heartbeat.
    pub trouble: Box<dyn Fn() -> Option<String> + Send>,
}

/// Starts the thread; `failed` is called once if there are no routes and standard output takes no more.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    settings: Settings,
    failed: impl FnOnce(io::Error) + Send + 'static,
) -> io::Result<(mpsc::Sender<Message>, std::thread::JoinHandle<()>)> {
    let (queue, waiting) = mpsc::channel(WAITING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("courier".to_string()).spawn(move || {
        let tasks = tokio::task::LocalSet::new();
        if let Err(error) = tasks.block_on(&runtime, Courier::new(settings).run(waiting)) {
            failed(error);
        }
        // A program or a resolver that does not end is not waited for.
        runtime.shutdown_background();
    })?;
    Ok((queue, thread))
}

/// The outbox and all that goes on with it.
pub(super) struct Courier {
    pub(super) outbox: Outbox,
    pub(super) kept: Option<Kept>,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) origin: Option<Arc<dyn Origin>>,
    pub(super) now: fn() -> Now,
    pub(super) deliveries: Arc<Deliveries>,
    /// By name, as they are now; and those that were, while something may still go to them.
    pub(super) notifiers: BTreeMap<Arc<str>, Rc<Notifier>>,
    pub(super) former: Vec<Rc<Notifier>>,
    pub(super) attempts: BTreeMap<Arc<str>, Attempts>,
    pub(super) transports: Rc<Transports>,
    pub(super) done: JoinSet<Done>,
    pub(super) on: On,
    /// Dispatches before this number may leave.
    pub(super) durable: u64,
    /// When what is too old was last looked for, by the boot clock.
    pub(super) looked: i64,
    /// When dead letters may be written again after a failure.
    pub(super) bury_at: i64,
    /// When Alertmanagers are told again.
    pub(super) resend_at: BTreeMap<Arc<str>, i64>,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) beat_at: i64,
    pub(super) trouble: Box<dyn Fn() -> Option<String> + Send>,
}

/// What goes on, each at most once at a time.
#[derive(Debug, Default)]
pub(super) struct On {
    /// Whether something is to be brought to the disk before it may leave.
    pub(super) is_dirty: bool,
    pub(super) is_syncing: bool,
    pub(super) is_writing: bool,
    pub(super) is_burying: bool,
    pub(super) is_resending: bool,
    pub(super) is_beating: bool,
    /// Transitions before this number are known to have been taken.
    pub(super) told: u64,
}

/// What goes on beside the loop.
pub(super) enum Done {
    /// `was_in_doubt`: somebody may have received it before.
    Attempt {
        notifier: Arc<str>,
        dispatch: Dispatch,
        was_in_doubt: bool,
        outcome: Outcome,
    },
    Synced {
        next: u64,
        taken: u64,
        result: io::Result<()>,
    },
    Written(io::Result<u64>),
    Buried {
        before: u64,
        result: io::Result<()>,
    },
    Resent,
    Beaten(Outcome),
}

impl Courier {
    fn new(settings: Settings) -> Courier {
        let Settings { routing, outbox, kept, dead_letters, origin, now, deliveries, trouble } = settings;
        let mut courier = Courier {
            outbox,
            kept,
            dead_letters: dead_letters.map(DeadLetters::at),
            origin,
            now,
            deliveries,
            notifiers: BTreeMap::new(),
            former: Vec::new(),
            attempts: BTreeMap::new(),
            transports: Rc::new(Transports::default()),
            done: JoinSet::new(),
            on: On { is_dirty: true, ..On::default() },
            durable: 0,
            looked: 0,
            bury_at: 0,
            resend_at: BTreeMap::new(),
            heartbeat: None,
            beat_at: 0,
            trouble,
        };
        courier.know(&routing);
        courier.relocate_all(now());
        courier
    }

    /// Goes on until nobody sends messages any more, and then until all has arrived or the last time is over.
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
        let mut end = None;
        loop {
            let now = (self.now)();
            self.pass(now);
            self.keep(now);
            self.begin_attempts(now);
            self.resend(now);
            self.beat(now);
            self.publish();
            if end.is_some_and(|end| self.is_over(end)) {
                break;
            }
            let pause = self.pause(now);
            tokio::select! {
                message = messages.recv(), if end.is_none() && self.may_take() => match message {
                    Some(message) => self.take(message, &mut messages),
                    None => end = Some(self.close()),
                },
                Some(done) = self.done.join_next() => {
                    // What panicked or was aborted does not come here: there is nothing of both.
                    if let Ok(done) = done {
                        self.settle(done)?;
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.finish();
        Ok(())
    }

    /// Whether more transitions are taken: without routes, not while nobody reads standard output.
    fn may_take(&self) -> bool {
        self.outbox.directory().routes.is_some()
            || self.outbox.queue(Notifier::STANDARD_OUTPUT).is_none_or(|queue| queue.len() < MOST_TO_OUTPUT)
    }

    fn take(&mut self, message: Message, messages: &mut mpsc::Receiver<Message>) {
        let mut next = Some(message);
        let mut pieces = 0;
        while let Some(message) = next {
            match message {
                Message::Lines(lines) => self.take_lines(&lines),
                Message::Edited(routing, queue) => self.edit(&routing, queue),
            }
            pieces += 1;
            next = if pieces < TOGETHER && self.may_take() { messages.try_recv().ok() } else { None };
        }
    }

    fn take_lines(&mut self, lines: &Lines) {
        let now = (self.now)().wall;
        for run in lines.chunk_by(|(a, _), (b, _)| a + 1 == *b) {
            let first = run[0].0;
            let lines = run.iter().map(|(_, line)| Arc::clone(line)).collect();
            self.step(&Input::Took { now, first, lines });
        }
        self.on.is_dirty = true;
    }

    fn edit(&mut self, routing: &Routing, queue: usize) {
        let now = (self.now)();
        self.step(&Input::Edited { now: now.wall, directory: Directory::of(routing, queue) });
        self.on.is_dirty = true;
        self.know(routing);
        self.relocate_all(now);
    }

    /// Knows the notifiers as they are now. Those that were are remembered, for what still goes to them.
    fn know(&mut self, routing: &Routing) {
        let mut notifiers: BTreeMap<Arc<str>, Rc<Notifier>> = BTreeMap::new();
        let output = routing.routes.is_none().then(Notifier::standard_output);
        for notifier in routing.notifiers.iter().cloned().chain(output) {
            notifiers.insert(notifier.name.as_str().into(), Rc::new(notifier));
        }
        self.heartbeat.clone_from(&routing.heartbeat);
        let before = std::mem::replace(&mut self.notifiers, notifiers);
        let is_other = |notifier: &Rc<Notifier>| self.notifiers.get(notifier.name.as_str()) != Some(notifier);
        self.former.extend(before.into_values().filter(is_other));
        let excess = self.former.len().saturating_sub(MOST_FORMER);
        self.former.drain(..excess);
    }

    /// Whom a dispatch is for: as the notifier is now, at the address of the dispatch.
    pub(super) fn notifier(&self, name: &Arc<str>, address: &Address) -> Rc<Notifier> {
        let is_at =
            |notifier: &&Rc<Notifier>| notifier.name.as_str() == name.as_ref() && notifier.via.address() == *address;
        let now = self.notifiers.get(name);
        if let Some(notifier) = now.filter(is_at).or_else(|| self.former.iter().rev().find(is_at)) {
            return Rc::clone(notifier);
        }
        Rc::new(now.and_then(|now| now.at(address)).unwrap_or_else(|| Notifier::bare(name, address)))
    }

    pub(super) fn step(&mut self, input: &Input) {
        self.outbox.step(input);
        if let Some(kept) = &mut self.kept {
            kept.append(input);
        }
    }

    /// Does what time alone brings about.
    fn pass(&mut self, now: Now) {
        let is_due = self.outbox.next_deadline().is_some_and(|deadline| deadline <= now.wall);
        let looks = now.boot >= self.looked + LOOK;
        if is_due || (looks && (self.outbox.pending() > 0 || self.outbox.resolved().next().is_some())) {
            self.step(&Input::Time { now: now.wall });
            self.on.is_dirty = true;
        }
        if looks {
            self.looked = now.boot;
            self.give_up(now);
        }
    }

    fn settle(&mut self, done: Done) -> io::Result<()> {
        let now = (self.now)();
        match done {
            Done::Attempt { notifier, dispatch, was_in_doubt, outcome } => {
                return self.answered(&notifier, &dispatch, was_in_doubt, outcome, now);
            }
            Done::Synced { next, taken, result } => {
                self.on.is_syncing = false;
                if let (Err(error), Some(kept)) = (&result, &mut self.kept) {
                    kept.sync_failed(error, now.boot);
                }
                self.durable = self.durable.max(next);
                self.told(taken);
            }
            Done::Written(result) => {
                self.on.is_writing = false;
                if let Some(kept) = &mut self.kept {
                    kept.written(result, now.boot);
                }
            }
            Done::Buried { before, result } => {
                self.on.is_burying = false;
                match result {
                    Ok(()) => self.buried(before),
                    Err(error) => {
                        tracing::error!(%error, "dead letters cannot be written down: they are kept until they can");
                        self.bury_at = now.boot + LOOK / 2;
                    }
                }
            }
            Done::Resent => self.on.is_resending = false,
            Done::Beaten(outcome) => {
                self.on.is_beating = false;
                self.beaten(outcome);
            }
        }
        Ok(())
    }

    fn publish(&self) {
        let mut numbers = self.deliveries.lock();
        for (name, queue) in self.outbox.queues() {
            let of = numbers.notifiers.entry(Arc::clone(name)).or_default();
            (of.waiting, of.since) = (queue.len(), queue.since());
        }
        numbers.collapsed = self.outbox.collapsed();
        numbers.pending = self.outbox.pending();
        numbers.open = self.outbox.told();
        let trouble = self.kept.as_ref().and_then(Kept::trouble);
        if numbers.trouble.as_deref() != trouble {
            numbers.trouble = trouble.map(str::to_string);
        }
    }

    /// How long nothing is to be done, at most a second.
    fn pause(&self, now: Now) -> Duration {
        let retry = self.attempts.values().filter_map(|attempts| attempts.next(now.boot)).map(|at| at - now.boot).min();
        let ends = self.outbox.next_deadline().map(|at| at.micros() - now.wall.micros());
        let pause = retry.into_iter().chain(ends).min().unwrap_or(LONGEST_PAUSE).clamp(0, LONGEST_PAUSE);
        Duration::from_micros(u64::try_from(pause).unwrap_or(0))
    }

    /// Nobody sends messages any more: when it is over at the latest, but for standard output.
    fn close(&mut self) -> tokio::time::Instant {
        if self.kept.is_none() && self.outbox.pending() > 0 {
            // What routes hold back would be lost with this process.
            let mut directory = self.outbox.directory().clone();
            directory.routes = Some(Vec::new());
            self.step(&Input::Edited { now: (self.now)().wall, directory });
        }
        tokio::time::Instant::now() + LAST
    }

    fn is_over(&self, end: tokio::time::Instant) -> bool {
        let has_output = self.outbox.queues().any(|(_, queue)| is_output(queue));
        if has_output || self.on.is_syncing || self.on.is_writing || self.on.is_burying {
            return false;
        }
        let rests = self.done.is_empty() && (self.kept.is_some() || self.outbox.is_idle());
        rests || tokio::time::Instant::now() >= end
    }

    /// The last snapshot; or what is lost.
    fn finish(mut self) {
        self.done.abort_all();
        let now = (self.now)();
        if let Some(kept) = &mut self.kept {
            if let Some(snapshot) = kept.begin(&self.outbox, now.boot) {
                let written = snapshot.write();
                kept.written(written, now.boot);
            }
            return;
        }
        let lost: usize = self.outbox.queues().map(|(_, queue)| queue.len()).sum();
        if lost > 0 {
            tracing::error!("{lost} messages were not delivered, and without a state folder they are lost");
        }
    }
}

/// Whether what waits first is for standard output.
pub(super) fn is_output(queue: &Queue) -> bool {
    queue.iter().next().is_some_and(|first| *first.address == Address::Log(None))
}

/// By what it says: the same at each attempt and in each process.
pub fn key(notifier: &str, notices: &[Notice]) -> String {
    let said = notices.iter().flat_map(|notice| [notice.dedup_key(), notice.text("status"), notice.text("time")]);
    format!("msg_{}", digest([notifier].into_iter().chain(said)))
}

pub(super) fn cut(why: &str) -> String {
    notify::cut(why, LONGEST_CAUSE).into_owned()
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
