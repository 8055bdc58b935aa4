//! What an earlier process left, read again: which files count, where the records end, and what is set aside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::disk::{Disk, File, read_full};
use super::format::{
    Link, Name, SEGMENT_HEADER, SNAPSHOT_HEADER, SegmentHeader, Unreadable, check_snapshot_version, is_snapshot,
    segment_name, snapshot_name,
};
use super::journal::Journal;
use super::reader::{Reader, Remainder, remainder};
use super::shared::{Live, Shared, State, Store, aside};
use super::{Base, StoreError};

/// What is copied at a time.
const CHUNK: usize = 256 << 10;

/// A store that is being opened: first what the records follow, then the records, then the journal to go on with.
pub struct Opened {
    pub base: Base,
    pub records: Records,
}

/// The records since the base, in the order in which they were appended.
pub struct Records {
    folder: Folder,
    /// What is still to be read, in order.
    chain: VecDeque<SegmentHeader>,
    reader: Option<(SegmentHeader, Reader)>,
    root: Link,
    live: Vec<Closed>,
}

/// A store that goes on.
pub struct Started {
    pub journal: Journal,
    pub store: Store,
    /// What was cut, set aside or could not be done: the file, how many bytes, and why.
    pub notes: Vec<String>,
}

/// A segment that was read: its header, and where its records end.
struct Closed {
    header: SegmentHeader,
    length: u64,
}

/// The folder, what is in it by now, and what there is to say about it.
struct Folder {
    disk: Arc<dyn Disk>,
    names: Vec<String>,
    notes: Vec<String>,
    state: State,
}

/// Reads what is in a folder that nobody else uses.
///
/// A file of a newer version is an error, and then nothing has been touched. Damage is none: it is cut or set aside.
pub fn open_on(disk: Arc<dyn Disk>) -> Result<Opened, StoreError> {
    let names = disk.list().map_err(|error| failed(&*disk, "list what is in it", error))?;
    let survey = Survey::of(&*disk, &names)?;
    let state = State { next: survey.greatest + 1, ..State::default() };
    let mut folder = Folder { disk, names, notes: Vec::new(), state };
    for name in &survey.unfinished {
        folder.remove(name);
    }
    let (snapshot, lost) = folder.read_snapshots(&survey);
    let base = match snapshot {
        Some((number, payload)) => (Root::Snapshot(number), Base::Snapshot(payload)),
        None => match lost.into_iter().chain(survey.lost.iter().copied()).max() {
            // What is left may reach back to the beginning, if the removal before the snapshot was cut short.
            Some(number) if !survey.chain(Root::Nothing).iter().any(|header| header.number >= number) => {
                (Root::Snapshot(number), Base::Lost)
            }
            _ => (Root::Nothing, Base::Nothing),
        },
    };
    let (root, base) = base;
    let chain = survey.chain(root);
    folder.clear(&survey, root, &chain);
    let root = Link { number: root.number(), length: 0 };
    Ok(Opened { base, records: Records { folder, chain: chain.into(), reader: None, root, live: Vec::new() } })
}

impl Records {
    /// The next record. None is left when it returns nothing.
    ///
    /// At a damaged place the records end, and what is behind it is set aside.
    pub fn next_record(&mut self) -> Option<&[u8]> {
        let record = self.advance()?;
        let (_, reader) = self.reader.as_ref()?;
        Some(reader.bytes(record))
    }

    /// Sets aside all that was not read: nothing can be made of it.
    pub fn set_aside(&mut self, why: &str) {
        for header in std::mem::take(&mut self.chain) {
            self.folder.set_aside(&segment_name(header.number), why);
        }
    }

    /// Reads what is left, and begins a new segment behind it.
    ///
    /// If the disk refuses, the journal begins without an open segment and a note says so: see
    /// [`Journal::rotate`](Journal::rotate).
    pub fn finish(mut self) -> Started {
        while self.advance().is_some() {}
        let Records { mut folder, root, mut live, .. } = self;
        // Restarts without a record between them leave no files behind.
        while let Some(last) = live.pop_if(|last| last.length == SEGMENT_HEADER as u64) {
            folder.remove(&segment_name(last.header.number));
        }
        let end = live.last().map_or(root, |last| Link { number: last.header.number, length: last.length });
        let closed = |Closed { header, length }| Live {
            number: header.number,
            length,
            file: None,
            is_closed: true,
            is_synced: false,
        };
        folder.state.live = live.into_iter().map(closed).collect();
        // Names were changed, and those of an earlier process may not be on the disk.
        folder.state.names = 1;
        let shared = Arc::new(Shared::new(folder.disk, folder.state));
        let journal = Journal::begin(Arc::clone(&shared), end);
        let store = Store(shared);
        // A rotation makes its own if this fails.
        let _ = store.prepare();
        let mut notes = folder.notes;
        notes.extend(journal.given_up().map(|why| format!("{}: no journal: {why}", store.0.disk.place().display())));
        Started { journal, store, notes }
    }

    /// The place of the next record in the buffer of the reader.
    fn advance(&mut self) -> Option<Range<usize>> {
        loop {
            if self.reader.is_none() {
                let header = self.chain.pop_front()?;
                match self.folder.disk.open(&segment_name(header.number)) {
                    Ok(file) => {
                        let limit = self.chain.front().map_or(u64::MAX, |next| self.limit(header.number, next));
                        self.reader = Some((header, Reader::new(file, header.seed, limit)));
                    }
                    Err(error) => {
                        let path = self.folder.path(&segment_name(header.number));
                        self.folder.notes.push(format!("{path}: cannot be read again: {error}"));
                        self.set_rest_aside();
                        return None;
                    }
                }
            }
            let (_, reader) = self.reader.as_mut()?;
            if let Some(record) = reader.next() {
                return Some(record);
            }
            self.close();
        }
    }

    /// Where the segment after it says that this one ends.
    fn limit(&self, number: u64, next: &SegmentHeader) -> u64 {
        if next.follows.number == number { next.follows.length } else { u64::MAX }
    }

    /// Ends a segment: cuts or sets aside what is behind its last record, and the segments after it if some are missing.
    fn close(&mut self) {
        let Some((header, reader)) = self.reader.take() else { return };
        let end = reader.end();
        let name = segment_name(header.number);
        let path = self.folder.path(&name);
        match remainder(reader.file(), header.seed, end) {
            Ok(Remainder::None) => {}
            Ok(Remainder::Torn(bytes)) => match reader.file().set_length(end) {
                Ok(()) => self.folder.notes.push(format!(
                    "{path}: cut {bytes} bytes behind the last whole record, at {end}: the last one was not written whole"
                )),
                Err(error) => self.folder.notes.push(format!("{path}: {bytes} bytes at {end} could not be cut: {error}")),
            },
            Ok(Remainder::Damaged(bytes)) => self.folder.set_tail_aside(header.number, reader.file(), end, bytes),
            Err(error) => {
                self.folder.state.kept.insert(header.number);
                self.folder.notes.push(format!("{path}: cannot be read from {end} on, left as it is: {error}"));
            }
        }
        self.live.push(Closed { header, length: end });
        if self.chain.front().is_some_and(|next| next.follows.length != end) {
            let missing = format!("{path}: records are missing after {end}: what follows cannot be counted");
            self.folder.notes.push(missing);
            self.set_rest_aside();
        }
    }

    fn set_rest_aside(&mut self) {
        for header in mem::take(&mut self.chain) {
            self.folder.set_aside(&segment_name(header.number), "what was before it is missing");
        }
    }
}

/// What the records follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    Nothing,
    /// The snapshot of this number, whether it can be read or not.
    Snapshot(u64),
}

impl Root {
    fn number(self) -> u64 {
        match self {
            Root::Nothing => 0,
            Root::Snapshot(number) => number,
        }
    }
}

/// What is in the folder, by name and first bytes.
#[derive(Default)]
struct Survey {
    /// Segments by number, with the length of the file.
    segments: BTreeMap<u64, (Option<SegmentHeader>, u64)>,
    snapshots: BTreeSet<u64>,
    /// Snapshots that were set aside earlier.
    lost: BTreeSet<u64>,
    unfinished: Vec<String>,
    greatest: u64,
}

impl Survey {
    fn of(disk: &dyn Disk, names: &[String]) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        for name in names {
            let number = match Name::of(name) {
                Name::Segment(number) => {
                    let (first, length) = first_bytes::<SEGMENT_HEADER>(disk, name)?;
                    let header =
                        readable(disk, name, first.map_or(Err(Unreadable::Damaged), |b| SegmentHeader::read(&b)))?;
                    survey.segments.insert(number, (header.filter(|header| header.number == number), length));
                    number
                }
                Name::Snapshot(number) => {
                    let (first, _) = first_bytes::<SNAPSHOT_HEADER>(disk, name)?;
                    readable(disk, name, first.map_or(Err(Unreadable::Damaged), |b| check_snapshot_version(&b)))?;
                    survey.snapshots.insert(number);
                    number
                }
                Name::SnapshotAside(number) => {
                    survey.lost.insert(number);
                    number
                }
                Name::SegmentAside(number) => number,
                Name::Unfinished => {
                    survey.unfinished.push(name.clone());
                    0
                }
                Name::Other => 0,
            };
            survey.greatest = survey.greatest.max(number);
        }
        Ok(survey)
    }

    /// The segments that follow on a root without a gap in their headers; of several ends, the one that was begun last.
    ///
    /// A segment without a record at the end is left out: it was begun, but nothing followed the one before in it.
    fn chain(&self, root: Root) -> Vec<SegmentHeader> {
        let mut reached: BTreeMap<u64, SegmentHeader> = BTreeMap::new();
        let mut last = None;
        for (number, (header, length)) in &self.segments {
            let Some(header) = header else { continue };
            let follows = header.follows;
            let is_first = follows == Link { number: root.number(), length: 0 } || root == Root::Snapshot(*number);
            if is_first || follows.number < *number && follows.length > 0 && reached.contains_key(&follows.number) {
                reached.insert(*number, *header);
                if *length > SEGMENT_HEADER as u64 {
                    last = Some(*header);
                }
            }
        }
        let mut chain = Vec::new();
        while let Some(header) = last {
            chain.push(header);
            let is_root = root == Root::Snapshot(header.number) || header.follows.length == 0;
            last = if is_root { None } else { reached.get(&header.follows.number).copied() };
        }
        chain.reverse();
        chain
    }
}

impl Folder {
    /// The newest whole snapshot, and the numbers of those that are damaged, which are set aside.
    fn read_snapshots(&mut self, survey: &Survey) -> (Option<(u64, Vec<u8>)>, Vec<u64>) {
        let mut lost = Vec::new();
        for number in survey.snapshots.iter().rev().copied() {
            let name = snapshot_name(number);
            match read_snapshot(&*self.disk, number) {
                Ok(Some(payload)) => {
                    self.state.snapshots.insert(number);
                    return (Some((number, payload)), lost);
                }
                Ok(None) => self.set_aside(&name, "its checksum is of other bytes"),
                Err(error) => self.set_aside(&name, &format!("it cannot be read: {error}")),
            }
            lost.push(number);
        }
        (None, lost)
    }

    /// Sets aside what does not follow on the root.
    ///
    /// What its snapshot made superfluous stays until the next snapshot: that this one is on the disk for certain, only
    /// the process knew that wrote it.
    fn clear(&mut self, survey: &Survey, root: Root, chain: &[SegmentHeader]) {
        let is_snapshot = !self.state.snapshots.is_empty();
        if is_snapshot {
            self.state.leftover.extend(survey.snapshots.range(..root.number()).copied().map(snapshot_name));
        }
        for (number, (header, length)) in &survey.segments {
            let name = segment_name(*number);
            if chain.iter().any(|header| header.number == *number) {
                continue;
            }
            if is_snapshot && *number < root.number() {
                self.state.leftover.insert(name);
            } else if *length < SEGMENT_HEADER as u64 || header.is_some() && *length == SEGMENT_HEADER as u64 {
                self.remove(&name);
            } else if header.is_none() {
                self.set_aside(&name, "it does not begin as a journal does");
            } else {
                self.set_aside(&name, "what was before it is missing");
            }
        }
    }

    fn path(&self, name: &str) -> String {
        self.disk.place().join(name).display().to_string()
    }

    /// Removes a file that holds nothing.
    fn remove(&mut self, name: &str) {
        match self.disk.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.state.leftover.insert(name.to_owned());
            }
            _ => {}
        }
    }

    /// Gives a damaged file another name.
    fn set_aside(&mut self, name: &str, why: &str) {
        let to = aside(name, &self.names);
        let path = self.path(name);
        match self.disk.rename(name, &to) {
            Ok(()) => {
                self.notes.push(format!("{path}: set aside as {to}: {why}"));
                self.names.push(to);
            }
            Err(error) => self.notes.push(format!("{path}: not read: {why}; it could not be set aside: {error}")),
        }
    }

    /// Copies the damaged end of a segment into a file of its own and cuts it off.
    fn set_tail_aside(&mut self, number: u64, file: &dyn File, end: u64, bytes: u64) {
        let name = segment_name(number);
        let path = self.path(&name);
        let to = aside(&name, &self.names);
        match self.copy(file, end, &to).and_then(|()| file.set_length(end)) {
            Ok(()) => {
                self.notes.push(format!("{path}: damaged at {end}: set {bytes} bytes from there on aside as {to}"));
                self.names.push(to);
            }
            Err(error) => {
                self.remove(&to);
                // The next segment says where this one ends, so it is not read again.
                self.state.kept.insert(number);
                let why = "they could not be set aside";
                self.notes.push(format!(
                    "{path}: damaged at {end}: did not read {bytes} bytes from there on; {why}: {error}"
                ));
            }
        }
    }

    fn copy(&self, from: &dyn File, start: u64, to: &str) -> io::Result<()> {
        let to = self.disk.create(to)?;
        let mut buffer = vec![0; CHUNK];
        let mut at = start;
        loop {
            let read = read_full(from, at, &mut buffer)?;
            if read == 0 {
                return to.sync();
            }
            super::disk::append_all(&*to, &mut [io::IoSlice::new(&buffer[..read])])?;
            at += read as u64;
        }
    }
}

fn failed(disk: &dyn Disk, does: &'static str, error: io::Error) -> StoreError {
    StoreError::Io { path: disk.place().to_owned(), does, error }
}

/// The first bytes of a file, nothing if it is shorter or they cannot be read; and its length.
fn first_bytes<const N: usize>(disk: &dyn Disk, name: &str) -> Result<(Option<[u8; N]>, u64), StoreError> {
    // A file that cannot be opened is not damaged: a process with other rights would read it.
    let file = disk.open(name).and_then(|file| Ok((file.length()?, file)));
    let (length, file) =
        file.map_err(|error| StoreError::Io { path: disk.place().join(name), does: "open it", error })?;
    let mut first = [0; N];
    let is_read = read_full(&*file, 0, &mut first).is_ok_and(|read| read == N);
    Ok((is_read.then_some(first), length))
}

fn readable<T>(disk: &dyn Disk, name: &str, read: Result<T, Unreadable>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Unreadable::Damaged) => Ok(None),
        Err(Unreadable::Newer(found)) => Err(StoreError::Version { path: disk.place().join(name), found }),
    }
}

/// What a snapshot holds; nothing if it is damaged.
fn read_snapshot(disk: &dyn Disk, number: u64) -> io::Result<Option<Vec<u8>>> {
    let file = disk.open(&snapshot_name(number))?;
    let mut header = [0; SNAPSHOT_HEADER];
    let read = read_full(&*file, 0, &mut header)?;
    let Some(length) = file.length()?.checked_sub(SNAPSHOT_HEADER as u64).filter(|_| read == SNAPSHOT_HEADER) else {
        return Ok(None);
    };
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut payload = Vec::new();
    payload.try_reserve_exact(length).map_err(io::Error::other)?;
    payload.resize(length, 0);
    let read = read_full(&*file, SNAPSHOT_HEADER as u64, &mut payload)?;
    Ok((read == length && is_snapshot(number, &header, &payload)).then_some(payload))
}
