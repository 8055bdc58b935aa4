//! The outbox on the disk: its inputs are a journal, what they came to is a snapshot.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::order;
use crate::outbox::{Directory, Input, Outbox};
use crate::plan::Timestamp;
use crate::store::{self, Base, Journal, Opened, Pause, SegmentNumber, Started, Store};

/// A snapshot is taken when the journal has grown to so many bytes, or to so many times the last snapshot.
const LONG: u64 = 4 << 20;
const WORTH: u64 = 4;

/// Where inputs are kept.
pub struct Kept {
    journal: Journal,
    store: Store,
    /// Why something is not on the disk that should be: nothing is appended until a snapshot holds it.
    gap: Option<String>,
    /// Whether appending goes on after a gap, and the snapshot before it is not there yet.
    is_mending: bool,
    /// Whether a snapshot is due in any case: whether all that an earlier process wrote has reached the disk, nobody knows.
    renew: bool,
    /// When the next attempt may be made after a failure, by the boot clock.
    again: Pause,
    /// Of the last snapshot, in bytes.
    size: u64,
}

/// A snapshot that is to be written; it may take long.
pub struct Snapshot {
    store: Store,
    first: SegmentNumber,
    bytes: Vec<u8>,
}

/// Reads the outbox that an earlier process left, and goes on with what is to be told now. Violations that are open, and
/// not known to whoever judges, are told as ok. What there is to say goes to the log.
///
/// # Errors
/// One line: the folder cannot be used.
pub fn open(
    folder: &Path,
    directory: Directory,
    is_known: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Result<(Outbox, Kept), String> {
    let Opened { base, mut records } = store::open(folder).map_err(|error| error.to_string())?;
    let newer = || format!("{}: the outbox was written by another version that this one cannot read", folder.display());
    let mut outbox = match base {
        Base::Snapshot(bytes) => Outbox::from_bytes(&bytes).ok_or_else(newer)?,
        Base::Nothing => Outbox::new(Directory::default()),
        Base::Lost => {
            records.set_aside("the outbox that it follows is damaged");
            tracing::error!("the outbox is damaged and was set aside: what was to be told is lost");
            Outbox::new(Directory::default())
        }
    };
    let mut skipped = 0;
    while let Some(bytes) = records.next_record() {
        match Input::from_bytes(bytes) {
            Some(input) => outbox.step(&input),
            None => skipped += 1,
        }
    }
    if skipped > 0 {
        tracing::warn!("{skipped} records of the outbox are of another version and were left out");
    }
    let Started { journal, store, notes } = records.finish();
    notes.iter().for_each(|note| tracing::warn!("{note}"));
    let gap = journal.given_up().map(str::to_string);
    let mut kept = Kept { journal, store, gap, is_mending: false, renew: true, again: Pause::default(), size: 0 };
    let unknown = outbox.open().map(|told| &told.notice.violation).filter(|id| !is_known(id)).cloned();
    let unknown: BTreeSet<Arc<str>> = order::set(unknown);
    if !unknown.is_empty() {
        tracing::warn!("{} violations were told and are not known any more: they are told as ok", unknown.len());
    }
    for violation in unknown {
        let forgotten = Input::Forgotten { now, violation };
        outbox.step(&forgotten);
        kept.append(&forgotten);
    }
    if *outbox.directory() != directory {
        let edited = Input::Edited { now, directory };
        outbox.step(&edited);
        kept.append(&edited);
    }
    Ok((outbox, kept))
}

impl Kept {
    /// Appends an input; if the disk refuses, it is said once, and a snapshot is due.
    pub fn append(&mut self, input: &Input) {
        if self.gap.is_some() {
            return;
        }
        if let Err(error) = self.journal.append(&[&input.to_bytes()]) {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if self.gap.is_none() && !self.is_mending {
            self.store.release_room();
            tracing::error!(%error, "the outbox cannot be kept: what is told goes on, and would be lost with this process");
        }
        self.gap = Some(error.to_string());
    }

    /// Why the outbox would not outlive the process at present.
    pub fn trouble(&self) -> Option<&str> {
        self.gap.as_deref().or(self.is_mending.then_some("it is being brought back"))
    }

    /// What brings to the disk what was appended.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// A sync failed.
    pub fn sync_failed(&mut self, error: &io::Error, now: i64) {
        self.fail(error);
        self.again = self.again.after_failure(now);
    }

    /// When a snapshot is worth its while; `now` is the boot clock.
    pub fn is_due(&self, now: i64) -> bool {
        self.again.is_over(now)
            && (self.gap.is_some() || self.renew || self.journal.bytes() > LONG.max(WORTH * self.size))
    }

    /// Begins a snapshot of the outbox as it is; the rest is `Snapshot::write`.
    pub fn begin(&mut self, outbox: &Outbox, now: i64) -> Option<Snapshot> {
        match self.journal.rotate() {
            Ok(first) => {
                // Appending goes on in the new segment; it counts once the snapshot is there.
                self.is_mending |= self.gap.take().is_some();
                self.renew = false;
                Some(Snapshot { store: self.store.clone(), first, bytes: outbox.to_bytes() })
            }
            Err(error) => {
                self.fail(&error);
                self.again = self.again.after_failure(now);
                None
            }
        }
    }

    /// What became of a snapshot: its size, or why there is none.
    pub fn written(&mut self, written: io::Result<u64>, now: i64) {
        match written {
            Ok(size) => {
                self.size = size;
                self.store.hold_room(2 * size);
                // Something may have failed again meanwhile.
                if std::mem::take(&mut self.is_mending) && self.gap.is_none() {
                    tracing::warn!("the outbox is kept again");
                }
                self.again = Pause::default();
            }
            Err(error) => {
                self.fail(&error);
                self.again = self.again.after_failure(now);
            }
        }
    }
}

impl Snapshot {
    /// Writes it; how large it is.
    pub fn write(self) -> io::Result<u64> {
        self.store.write_snapshot(self.first, &[&self.bytes])?;
        Ok(self.bytes.len() as u64)
    }
}
