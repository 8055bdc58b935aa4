//! What outlives the process: everything that is counted is in the journal before it is acknowledged.
//!
//! Lane threads append what they applied, as it came, while their lane is locked; the judge appends what it did while all
//! are. So the journal, read from its snapshot on, does the same steps again. If the disk refuses, events are counted on
//! and there is a gap; a snapshot of all that was counted mends it.

pub mod followed;
pub mod record;
mod recover;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{judge, lock};
use crate::deliver::Origin;
use crate::plan::{Durability, Keeping, Timestamp};
use crate::store::{Journal, Pause, Position, SegmentNumber, Started, Store};
use followed::{Positions, Step};
use record::{Moment, Record};

pub use recover::{Down, Recovered, recover};

/// The format of what a snapshot holds before the evaluator's bytes. Version 1 knew nothing of log files.
const VERSION: u16 = 2;
/// A snapshot is not taken again before the journal has grown to so many times its size.
const WORTH: u64 = 4;
/// Where there are only snapshots, there is one so often, in microseconds.
const ONLY_SNAPSHOTS: i64 = 60_000_000;

/// All that is counted is in the journal.
const KEEPING: u8 = 0;
/// Something is not: nothing is appended until a snapshot is under way.
const GAP: u8 = 1;
/// Appending goes on in a new segment; once the snapshot before it is on the disk, all is kept again.
const MENDING: u8 = 2;

/// Keeps what must outlive the process. Shared by all threads.
pub struct Keeper {
    store: Store,
    /// The last to be locked.
    journal: Mutex<Journal>,
    settings: Keeping,
    machine: u128,
    mode: AtomicU8,
    why: Mutex<Option<String>>,
    outbox: Mutex<Outbox>,
    /// Changed while a lane is locked, as what is counted.
    positions: Mutex<Positions>,
    synced: watch::Sender<Synced>,
    /// Asks the thread that syncs.
    wake: SyncSender<()>,
    /// A snapshot that is being written.
    writing: AtomicBool,
    /// Whether a snapshot is due in any case.
    renew: AtomicBool,
    /// Where the journal is long enough for a snapshot; nowhere once the judge was told.
    long_at: AtomicU64,
    /// Whom to tell.
    judge: OnceLock<Sender<judge::Request>>,
    /// Of the last snapshot, in bytes.
    size: AtomicU64,
    /// When the last snapshot was begun, by the boot clock.
    begun: AtomicI64,
    /// Whether the last snapshot was that of an orderly end.
    is_ending: AtomicBool,
    pub snapshots: AtomicU64,
    pub failures: AtomicU64,
    /// When the next attempt may be made after a failure, by the boot clock.
    again: Mutex<Pause>,
}

/// Transitions that are not known to have been told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// The number of the next transition.
    pub next: u64,
    /// In order.
    pub waiting: VecDeque<(u64, Arc<str>)>,
}

/// How far the journal is known to be on the disk.
#[derive(Clone, Copy, Debug, Default)]
struct Synced {
    to: Position,
    /// How often it failed: those who wait go on then.
    failures: u64,
}

/// What a snapshot holds before the evaluator's bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u16,
    moment: Moment,
    outbox: Outbox,
    positions: Positions,
}

/// A snapshot to be written.
pub struct Snapshot {
    first: SegmentNumber,
    head: Vec<u8>,
    evaluator: Vec<u8>,
}

impl Outbox {
    /// Numbers lines that are to be told.
    fn push(&mut self, lines: Vec<String>) -> Vec<(u64, Arc<str>)> {
        let numbered: Vec<(u64, Arc<str>)> = (self.next..).zip(lines.into_iter().map(Arc::from)).collect();
        self.next += numbered.len() as u64;
        self.waiting.extend(numbered.iter().cloned());
        numbered
    }

    /// Forgets what is before this number.
    fn told(&mut self, before: u64) {
        let told = self.waiting.partition_point(|(number, _)| *number < before);
        self.waiting.drain(..told);
    }
}

impl Keeper {
    /// Goes on with a store that was read. The thread that syncs ends when the keeper is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(started: Started, settings: Keeping, outbox: Outbox) -> io::Result<(Arc<Keeper>, JoinHandle<()>)> {
        let Started { journal, store, .. } = started;
        let given_up = journal.given_up().map(str::to_string);
        let (wake, woken) = sync_channel(1);
        let keeper = Arc::new(Keeper {
            store,
            journal: Mutex::new(journal),
            machine: record::machine(),
            mode: AtomicU8::new(KEEPING),
            why: Mutex::new(None),
            outbox: Mutex::new(outbox),
            positions: Mutex::default(),
            synced: watch::Sender::new(Synced::default()),
            wake,
            writing: AtomicBool::new(false),
            renew: AtomicBool::new(false),
            long_at: AtomicU64::new(u64::MAX),
            judge: OnceLock::new(),
            size: AtomicU64::new(0),
            begun: AtomicI64::new(0),
            is_ending: AtomicBool::new(false),
            snapshots: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            again: Mutex::default(),
            settings,
        });
        if let Some(why) = given_up {
            keeper.fail(&why);
        }
        let weak = Arc::downgrade(&keeper);
        let every = Duration::from_micros(u64::try_from(keeper.settings.sync_every).unwrap_or(1_000_000));
        let thread = std::thread::Builder::new().name("sync".to_string()).spawn(move || sync(&weak, &woken, every))?;
        Ok((keeper, thread))
    }

    /// Appends a record. The position after it; None if it is not kept, which has been said then.
    pub fn append(&self, record: &Record<'_>) -> Option<Position> {
        // Where only snapshots are kept, what was told is never told again all the same; and what is still acknowledged
        // behind the last one is counted.
        let is_wanted = self.settings.durability != Durability::None
            || matches!(record, Record::Told(_))
            || self.is_ending.load(Ordering::Acquire);
        if !is_wanted || self.mode.load(Ordering::Acquire) == GAP {
            return None;
        }
        let (head, body) = record.encode();
        let appended = lock(&self.journal).append(&[&head, body]);
        match appended {
            Ok(position) => {
                if position.0 >= self.long_at.load(Ordering::Relaxed) {
                    self.tell_judge();
                }
                Some(position)
            }
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// Keeps lines of log files together with how far these were taken.
    pub fn followed(&self, step: &Step, arrival: Timestamp, lines: &[u8]) {
        lock(&self.positions).apply(step);
        self.append(&Record::Followed { arrival, bytes: &step.with_lines(lines) });
    }

    /// How far log files were taken.
    pub fn positions(&self) -> Positions {
        lock(&self.positions).clone()
    }

    /// Forgets files that are not followed any more.
    pub fn follow_only(&self, is_followed: impl Fn(&str) -> bool) {
        lock(&self.positions).retain(is_followed);
    }

    /// Names whom to tell when the journal has grown long.
    pub fn serve(&self, judge: Sender<judge::Request>) {
        let _ = self.judge.set(judge);
    }

    #[cold]
    fn tell_judge(&self) {
        if self.long_at.swap(u64::MAX, Ordering::AcqRel) != u64::MAX
            && let Some(judge) = self.judge.get()
        {
            let _ = judge.send(judge::Request::Snapshot);
        }
    }

    /// Whether an acknowledgement waits for the disk.
    pub fn waits(&self) -> bool {
        self.settings.durability == Durability::Sync
    }

    /// Waits until what was appended up to there is on the disk, or cannot be brought there.
    pub async fn synced(&self, position: Position) {
        let mut synced = self.synced.subscribe();
        let failures = synced.borrow_and_update().failures;
        // One that is on its way wakes for all that wait.
        let _ = self.wake.try_send(());
        let _ = synced.wait_for(|synced| synced.to >= position || synced.failures > failures).await;
    }

    /// Numbers transitions; they are kept until [`Keeper::told`].
    pub fn tell(&self, lines: Vec<String>) -> Vec<(u64, Arc<str>)> {
        lock(&self.outbox).push(lines)
    }

    /// Takes over what an earlier process has not told. A snapshot is due: whether all that process wrote has reached
    /// the disk, nobody knows.
    pub fn go_on(&self, outbox: Outbox, positions: Positions) {
        *lock(&self.outbox) = outbox;
        *lock(&self.positions) = positions;
        self.renew.store(true, Ordering::Release);
    }

    /// No transition has a number before this one any more: an outbox has taken so many.
    pub fn number_from(&self, taken: u64) {
        let mut outbox = lock(&self.outbox);
        outbox.next = outbox.next.max(taken);
    }

    /// What is not known to have been told.
    pub fn untold(&self) -> Vec<(u64, Arc<str>)> {
        lock(&self.outbox).waiting.iter().cloned().collect()
    }

    /// Transitions before this number have been told.
    pub fn told(&self, before: u64) {
        let mut outbox = lock(&self.outbox);
        outbox.told(before);
        self.append(&Record::Told(before));
    }

    pub fn alive(&self, clocks: super::clock::Clocks) {
        self.append(&Record::Alive(Moment::of(clocks, self.machine)));
    }

    /// Whether it is time for a snapshot: the journal is long, or there is a gap, or nothing else is kept. `now` is the
    /// boot clock.
    pub fn is_due(&self, now: i64) -> bool {
        if self.writing.load(Ordering::Acquire) || !lock(&self.again).is_over(now) {
            return false;
        }
        if self.settings.durability == Durability::None
            && now >= self.begun.load(Ordering::Relaxed).saturating_add(ONLY_SNAPSHOTS)
        {
            return true;
        }
        if self.renew.load(Ordering::Acquire) {
            return true;
        }
        self.mode.load(Ordering::Acquire) == GAP || lock(&self.journal).bytes() > self.most()
    }

    /// How long the journal grows before a snapshot is due, in bytes.
    fn most(&self) -> u64 {
        self.settings.journal_bytes.max(self.size.load(Ordering::Relaxed).saturating_mul(WORTH))
    }

    /// Begins a snapshot: with all lanes locked and everything taken from them. The rest is [`Keeper::write`].
    ///
    /// The `last` one is that of an orderly end.
    pub fn begin(&self, clocks: super::clock::Clocks, last: bool) -> Option<(SegmentNumber, Vec<u8>)> {
        let outbox = lock(&self.outbox);
        let rotated = lock(&self.journal).rotate();
        match rotated {
            Ok(first) => {
                let _ = self.mode.compare_exchange(GAP, MENDING, Ordering::AcqRel, Ordering::Acquire);
                let head = Head {
                    version: VERSION,
                    moment: Moment::of(clocks, self.machine),
                    outbox: outbox.clone(),
                    positions: lock(&self.positions).clone(),
                };
                let head = postcard::to_stdvec(&head).expect("plain values in memory");
                self.writing.store(true, Ordering::Release);
                self.renew.store(false, Ordering::Release);
                self.begun.store(clocks.boot, Ordering::Relaxed);
                self.is_ending.store(last, Ordering::Release);
                Some((first, head))
            }
            Err(error) => {
                self.pause(clocks.boot);
                self.fail(&error);
                None
            }
        }
    }

    /// Writes a snapshot; whether that went well. It may take long.
    pub fn write(&self, snapshot: &Snapshot) -> bool {
        let Snapshot { first, head, evaluator } = snapshot;
        let length = u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes();
        let written = self.store.write_snapshot(*first, &[&length, head, evaluator]);
        let went_well = written.is_ok();
        match written {
            Ok(()) => {
                let size = (head.len() + evaluator.len()) as u64;
                self.size.store(size, Ordering::Relaxed);
                // The next one may be larger.
                self.store.hold_room(2 * size);
                self.snapshots.fetch_add(1, Ordering::Relaxed);
                *lock(&self.again) = Pause::default();
                if self.mode.compare_exchange(MENDING, KEEPING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    *lock(&self.why) = None;
                    tracing::warn!("state is kept again: what was counted meanwhile is on the disk");
                }
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.pause(super::clock::boot());
                if self.mode.compare_exchange(MENDING, GAP, Ordering::AcqRel, Ordering::Acquire).is_err() {
                    tracing::warn!(%error, "no snapshot: the journal grows on until there is one");
                } else {
                    *lock(&self.why) = Some(error.to_string());
                }
            }
        }
        self.writing.store(false, Ordering::Release);
        if went_well {
            let journal = lock(&self.journal);
            let left = self.most().saturating_sub(journal.bytes());
            self.long_at.store(journal.end().0 + left + 1, Ordering::Release);
        }
        went_well
    }

    /// Why what is counted would not outlive the process at present.
    pub fn trouble(&self) -> Option<String> {
        if self.mode.load(Ordering::Acquire) == KEEPING {
            return None;
        }
        Some(lock(&self.why).clone().unwrap_or_else(|| "it is being brought back".to_string()))
    }

    pub fn journal_bytes(&self) -> u64 {
        lock(&self.journal).bytes()
    }

    fn fail(&self, error: &dyn fmt::Display) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *lock(&self.why) = Some(error.to_string());
        if self.mode.swap(GAP, Ordering::AcqRel) == KEEPING {
            self.store.release_room();
            tracing::error!(
                %error,
                "state cannot be kept: events are counted on and acknowledged, and would be lost with this process"
            );
        }
        self.synced.send_modify(|synced| synced.failures += 1);
    }

    fn pause(&self, now: i64) {
        let mut again = lock(&self.again);
        *again = again.after_failure(now);
    }
}

impl Origin for Keeper {
    fn synced(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(self.synced(self.store.appended()))
    }

    fn told(&self, before: u64) {
        self.told(before);
    }
}

impl Snapshot {
    pub fn new((first, head): (SegmentNumber, Vec<u8>), evaluator: Vec<u8>) -> Snapshot {
        Snapshot { first, head, evaluator }
    }
}

/// Syncs whenever somebody waits for it, and else every so often, until the keeper is gone.
fn sync(keeper: &std::sync::Weak<Keeper>, woken: &Receiver<()>, every: Duration) {
    let mut done = Position::default();
    loop {
        match woken.recv_timeout(every) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(keeper) = keeper.upgrade() else { return };
        if keeper.settings.durability == Durability::None || keeper.mode.load(Ordering::Acquire) == GAP {
            keeper.synced.send_modify(|synced| synced.failures += 1);
            continue;
        }
        match keeper.store.sync() {
            Ok(to) => {
                if to != done {
                    done = to;
                    keeper.synced.send_modify(|synced| synced.to = to);
                }
            }
            Err(error) => keeper.fail(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::EventTime;
    use crate::server::clock::Clocks;
    use std::sync::mpsc::channel;

    #[test]
    fn the_judge_is_told_once_that_the_journal_has_grown_long() {
        let folder = std::env::temp_dir().join(format!("highwater-keep-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let started = crate::store::open(&folder).unwrap().records.finish();
        let settings = Keeping { journal_bytes: 1000, ..Keeping::default() };
        let (keeper, thread) = Keeper::start(started, settings, Outbox::default()).unwrap();
        let (judge, requests) = channel();
        keeper.serve(judge);
        let arrival = Timestamp::clamped(1_700_000_000_000_000);
        let line = Record::Lines { arrival, time: EventTime::Event, bytes: &[b' '; 400] };
        let told = |keeper: &Keeper| {
            keeper.append(&line).unwrap();
            requests.try_iter().count()
        };
        for round in 0..2 {
            let begun = keeper.begin(Clocks::now(), false).unwrap();
            assert!(keeper.write(&Snapshot::new(begun, vec![7; 10])));
            assert_eq!([0; 4].map(|_| told(&keeper)), [0, 0, 1, 0], "round {round}");
            assert!(keeper.is_due(0), "round {round}");
        }
        // More than it may be came while it was written: the next record tells.
        let begun = keeper.begin(Clocks::now(), false).unwrap();
        (0..3).for_each(|_| assert_eq!(told(&keeper), 0));
        assert!(keeper.write(&Snapshot::new(begun, vec![7; 10])));
        assert_eq!([0; 2].map(|_| told(&keeper)), [1, 0]);
        drop(keeper);
        thread.join().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
