//! Numbered records over crashes and faults, from a seed: what comes back, and what must.

use std::collections::BTreeSet;
use std::sync::Arc;

use highwater::store::{Base, Journal, SegmentNumber, Store, open_on};

use super::disk::{Crash, Simulated};
use super::random::Random;

/// What the folder may hold, and how much of it a power loss must leave.
#[derive(Clone, Debug)]
struct Candidate {
    records: Vec<u64>,
    synced: usize,
}

/// A rotation whose snapshot is not written yet.
struct Rotated {
    first: SegmentNumber,
    before: Vec<u64>,
    since: Vec<u64>,
    /// A sync failed since.
    has_failed: bool,
}

struct Run {
    seed: u64,
    random: Random,
    disk: Simulated,
    faults: u32,
    journal: Journal,
    store: Store,
    /// What the process counted.
    counted: Vec<u64>,
    /// The last snapshot that was said to be written, then those that may be there.
    candidates: Vec<Candidate>,
    rotated: Option<Rotated>,
    /// Records since the last that was appended, of which one may be in the journal.
    uncertain: Vec<u64>,
    /// All that were not appended.
    failed: BTreeSet<u64>,
    /// Something was counted that is in no segment: only a snapshot makes the journal whole.
    is_behind: bool,
    has_lost_power: bool,
    /// A sync failed and no snapshot followed: the system may have forgotten what the next process still reads.
    has_failed_sync: bool,
    /// A snapshot failed in this process; it may be that a sync did that it needs.
    has_failed_snapshot: bool,
    /// In this process.
    has_failed_here: bool,
    next: u64,
}

/// Runs a folder through several lives. Returns how many records came back over all crashes.
pub fn run(seed: u64) -> usize {
    let mut random = Random(seed);
    let disk = Simulated::new(random.draw());
    let faults = [0, 0, 20, 100, 300][random.up_to(4)];
    let (base, records, journal, store, notes) = open(&disk);
    assert_eq!((base, records, notes), (Base::Nothing, vec![], vec![]), "seed {seed}: a new folder");
    let candidates = vec![Candidate { records: vec![], synced: 0 }];
    let mut run = Run {
        seed,
        random,
        disk,
        faults,
        journal,
        store,
        counted: vec![],
        candidates,
        rotated: None,
        uncertain: vec![],
        failed: BTreeSet::new(),
        is_behind: false,
        has_lost_power: false,
        has_failed_sync: false,
        has_failed_here: false,
        has_failed_snapshot: false,
        next: 1,
    };
    let mut returned = 0;
    for _ in 0..1 + run.random.up_to(3) {
        run.live();
        returned += run.crash_and_return();
    }
    returned
}

impl Run {
    fn live(&mut self) {
        let steps = 1 + self.random.up_to(100) as u64;
        self.disk.trouble(self.faults, Some(steps));
        for _ in 0..200 {
            match self.random.up_to(19) {
                0..12 => self.append(),
                12..15 => self.sync(),
                15..17 => self.rotate(),
                17..19 => self.snapshot(),
                _ => drop(self.store.prepare()),
            }
            if self.disk.is_dead() {
                return;
            }
        }
    }

    fn append(&mut self) {
        let number = self.next;
        self.next += 1;
        if self.is_behind {
            // As a process without a journal goes on.
            self.counted.push(number);
            return;
        }
        let payload = payload(number);
        let cut = self.random.up_to(payload.len());
        match self.journal.append(&[&payload[..cut], &[], &payload[cut..]]) {
            Ok(_) => {
                self.uncertain.clear();
                self.counted.push(number);
                self.candidates.iter_mut().for_each(|candidate| candidate.records.push(number));
                self.rotated.iter_mut().for_each(|rotated| rotated.since.push(number));
            }
            Err(_) => {
                self.failed.insert(number);
                if self.disk.is_dead() || self.journal.given_up().is_some() {
                    self.uncertain.push(number);
                }
                // Either it is refused, or it is counted without the journal.
                if !self.disk.is_dead() && self.random.permille(300) {
                    self.counted.push(number);
                    self.is_behind = true;
                }
            }
        }
    }

    fn sync(&mut self) {
        if let Err(error) = self.store.sync() {
            if error.to_string().starts_with("an earlier sync failed") {
                return;
            }
            (self.has_failed_sync, self.has_failed_here) = (true, true);
            self.rotated.iter_mut().for_each(|rotated| rotated.has_failed = true);
            return;
        }
        assert!(!self.has_failed_here, "seed {}: a sync went well after one that failed", self.seed);
        if !self.has_failed_sync {
            self.candidates.iter_mut().for_each(|candidate| candidate.synced = candidate.records.len());
        }
    }

    fn rotate(&mut self) {
        if let Ok(first) = self.journal.rotate() {
            self.rotated = Some(Rotated { first, before: self.counted.clone(), since: vec![], has_failed: false });
        }
    }

    fn snapshot(&mut self) {
        if self.is_behind {
            self.rotate();
        }
        let Some(Rotated { first, before, since, has_failed }) = self.rotated.take() else { return };
        let bytes: Vec<u8> = before.iter().flat_map(|number| number.to_le_bytes()).collect();
        let result = self.store.write_snapshot(first, &[&bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..]]);
        let candidate = Candidate { synced: before.len(), records: [before, since].concat() };
        match result {
            Ok(()) => {
                let is_whole = candidate.records.len() == self.counted.len();
                self.candidates = vec![candidate];
                self.has_failed_sync &= has_failed;
                self.has_failed_here &= has_failed;
                self.has_failed_snapshot = false;
                self.is_behind &= !is_whole;
            }
            Err(_) => {
                self.candidates.push(candidate);
                self.has_failed_snapshot = true;
            }
        }
    }

    fn crash_and_return(&mut self) -> usize {
        let seed = self.seed;
        loop {
            let crash = if self.random.permille(500) { Crash::Kill } else { Crash::PowerLoss };
            self.disk.crash(crash);
            // The process that returns has trouble of its own, and may die of it.
            let steps = self.random.permille(300).then(|| 1 + self.random.up_to(10) as u64);
            self.disk.trouble(if self.random.permille(300) { self.faults } else { 0 }, steps);
            let (base, records, journal, store, notes) = open(&self.disk);
            self.has_failed_sync |= std::mem::take(&mut self.has_failed_snapshot);
            if crash == Crash::Kill {
                let is_expected = self.candidates.iter().any(|candidate| self.is_after_kill(candidate, &records));
                assert!(
                    is_expected,
                    "seed {seed}: {records:?} of {:?} {:?} {notes:?}",
                    self.candidates, self.uncertain
                );
                if self.faults == 0 && !self.has_lost_power && !self.disk.is_dead() {
                    assert!(notes.iter().all(|note| note.contains(": cut ")), "seed {seed}: {notes:?}");
                }
            } else {
                self.has_lost_power = true;
                self.has_failed_sync = false;
                let is_expected = self.candidates.iter().any(|candidate| self.is_after_power_loss(candidate, &records));
                assert!(
                    is_expected,
                    "seed {seed}: {records:?} of {:?} {:?} {notes:?}",
                    self.candidates, self.uncertain
                );
                self.candidates = vec![Candidate { synced: records.len(), records: records.clone() }];
            }
            assert!(base != Base::Lost, "seed {seed}: {notes:?}");
            if let Some(last) = records.last().filter(|last| self.uncertain.contains(last)) {
                for candidate in &mut self.candidates {
                    if candidate.records.last() != Some(last) {
                        candidate.records.push(*last);
                    }
                }
            }
            self.uncertain.clear();
            if self.disk.is_dead() {
                continue;
            }
            (self.journal, self.store, self.rotated) = (journal, store, None);
            (self.is_behind, self.has_failed_here) = (false, false);
            self.counted = records;
            return self.counted.len();
        }
    }

    fn is_after_kill(&self, candidate: &Candidate, records: &[u64]) -> bool {
        let more = records.strip_prefix(&*candidate.records);
        more.is_some_and(|more| more.is_empty() || more.len() == 1 && self.uncertain.contains(&more[0]))
    }

    fn is_after_power_loss(&self, candidate: &Candidate, records: &[u64]) -> bool {
        let is_beginning =
            |records: &[u64]| candidate.synced <= records.len() && candidate.records.starts_with(records);
        // One that failed and could not be cut off is last again, if the segment after it is lost.
        let (last, before) = records.split_last().map_or((None, records), |(last, before)| (Some(last), before));
        is_beginning(records)
            || last.is_some_and(|last| self.failed.contains(last)) && is_beginning(before)
            || self.is_after_kill(candidate, records)
    }
}

/// The base, all records, and what goes on.
pub fn open(disk: &Simulated) -> (Base, Vec<u64>, Journal, Store, Vec<String>) {
    let mut opened = open_on(Arc::new(disk.clone())).expect("damage and faults are no reason to stay away");
    let mut records = match &opened.base {
        Base::Snapshot(bytes) => bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect(),
        Base::Nothing | Base::Lost => Vec::new(),
    };
    while let Some(record) = opened.records.next_record() {
        let number = u64::from_le_bytes(*record.first_chunk().expect("a number"));
        assert!(record == payload(number), "a wrong record");
        records.push(number);
    }
    let started = opened.records.finish();
    (opened.base, records, started.journal, started.store, started.notes)
}

/// A record of this number: mostly short, sometimes long.
pub fn payload(number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let length = if random.permille(30) { random.up_to(3000) } else { random.up_to(100) };
    number.to_le_bytes().into_iter().chain((0..length).map(|_| random.draw() as u8)).collect()
}
