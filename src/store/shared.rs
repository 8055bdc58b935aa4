//! What the journal shares with the threads that sync it and write snapshots.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, File, append_all};
use super::format::{segment_name, snapshot_header, snapshot_name};
use super::journal::{Position, SegmentNumber};

/// So much of a snapshot is written at a time.
const PIECE: usize = 256 << 10;
/// Besides a snapshot there is to be room for so many bytes: headers, names, and what blocks round up.
const ROOM: u64 = 64 << 10;

/// The store for every thread but the one that appends: cheap to clone.
#[derive(Clone)]
pub struct Store(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub disk: Arc<dyn Disk>,
    /// Bytes of records since it was opened.
    pub appended: AtomicU64,
    /// Held while a sync runs, so that those who come meanwhile share the next one.
    syncing: Mutex<()>,
    snapshotting: Mutex<()>,
    state: Mutex<State>,
}

/// Never held while the disk is waited for, since `rotate` and `bytes` take it.
#[derive(Default)]
pub(super) struct State {
    /// The segments since the snapshot, in order; the last one is appended to.
    pub live: VecDeque<Live>,
    /// The number of the next file.
    pub next: u64,
    pub spare: Option<(u64, Arc<dyn File>)>,
    /// All files that may be there as snapshots.
    pub snapshots: BTreeSet<u64>,
    /// Segments with a damaged end that could not be set aside: they are, instead of being removed.
    pub kept: BTreeSet<u64>,
    /// What was to be removed and could not be.
    pub leftover: BTreeSet<String>,
    /// How many names were made, and how many of these are known to be on the disk.
    pub names: u64,
    pub names_synced: u64,
    pub synced: Position,
    /// Files up to this number may have lost what a sync once failed to write, though a later one goes well.
    pub suspect: u64,
    /// The last snapshot that this process wrote.
    pub written: u64,
}

#[derive(Clone)]
pub(super) struct Live {
    pub number: u64,
    /// Of the last one, its length when it was begun.
    pub length: u64,
    /// Not there for what an earlier process wrote.
    pub file: Option<Arc<dyn File>>,
    pub is_closed: bool,
    pub is_synced: bool,
}

impl Store {
    /// Waits until everything that was appended before the call is on the disk. Returns how far that is.
    ///
    /// Appending goes on meanwhile. A call that comes while another waits shares the next sync with all such calls. After
    /// an error, what was appended since the last good sync may be lost even if the disk says nothing more about it: every
    /// further call fails, until a snapshot in a segment that began after the error has been written. The next process
    /// does not know of it, and does well to begin with a snapshot.
    pub fn sync(&self) -> io::Result<Position> {
        let wanted = Position(self.0.appended.load(Ordering::Acquire));
        let _one = self.0.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (position, files, names, has_new_names) = {
            let state = self.0.state();
            state.check_suspect()?;
            let position = Position(self.0.appended.load(Ordering::Acquire));
            let files: Vec<Live> = state.live.iter().filter(|live| !live.is_synced).cloned().collect();
            let has_new_names = state.names != state.names_synced;
            let is_idle = !has_new_names && files.iter().all(|live| !live.is_closed);
            if is_idle && state.synced >= wanted {
                return Ok(state.synced);
            }
            (position, files, state.names, has_new_names)
        };
        let result = self.0.sync_files(&files).and_then(|()| if has_new_names { self.0.disk.sync() } else { Ok(()) });
        let mut state = self.0.state();
        if let Err(error) = result {
            state.suspect_all();
            return Err(error);
        }
        // One that another thread found at fault meanwhile counts.
        state.check_suspect()?;
        for live in &mut state.live {
            live.is_synced |= files.iter().any(|file| file.number == live.number && file.is_closed);
        }
        state.names_synced = state.names_synced.max(names);
        state.synced = position;
        Ok(position)
    }

    /// How far has been appended.
    pub fn appended(&self) -> Position {
        Position(self.0.appended.load(Ordering::Acquire))
    }

    /// Writes the state before the first record of a segment, which [`Journal::rotate`](super::Journal::rotate) began.
    ///
    /// When this returns it is on the disk, and the segments and snapshots before it are removed. After an error nothing
    /// is lost: what was there still counts. A crash leaves either the one or the other. It may take long; the journal
    /// goes on meanwhile.
    pub fn write_snapshot(&self, first: SegmentNumber, parts: &[&[u8]]) -> io::Result<()> {
        let _one = self.0.snapshotting.lock().unwrap_or_else(PoisonError::into_inner);
        let SegmentNumber(number) = first;
        if !self.0.state().live.iter().any(|live| live.number == number) {
            let why = format!("a newer snapshot than that before {} is there already", segment_name(number));
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let name = snapshot_name(number);
        let unfinished = format!("{name}.new");
        if let Err(error) = self.0.write_whole(&unfinished, &snapshot_header(number, parts), parts) {
            self.0.discard(&unfinished);
            return Err(error);
        }
        self.0.state().snapshots.insert(number);
        self.0.disk.rename(&unfinished, &name)?;
        // Before anything older goes, the new name must be on the disk.
        if let Err(error) = self.0.disk.sync() {
            let mut state = self.0.state();
            if state.names != state.names_synced {
                state.suspect_all();
            }
            return Err(error);
        }
        self.0.remove_before(number);
        // The next rotation finds it; without it, that makes its own.
        let _ = self.prepare();
        Ok(())
    }

    /// Keeps room for a snapshot of so many bytes on a disk that the journal may fill.
    pub fn hold_room(&self, snapshot: u64) {
        self.0.disk.hold(snapshot + ROOM);
    }

    /// Makes that room free, when something cannot be written any more.
    pub fn release_room(&self) {
        self.0.disk.release();
    }

    /// Makes the file of the next segment ready, so that a rotation waits for nothing. A snapshot does that at its end.
    pub fn prepare(&self) -> io::Result<()> {
        let number = {
            let mut state = self.0.state();
            if state.spare.is_some() {
                return Ok(());
            }
            state.take_number()
        };
        let name = segment_name(number);
        let file = self.0.disk.create(&name)?;
        let mut state = self.0.state();
        state.names += 1;
        state.spare = Some((number, file));
        Ok(())
    }
}

impl Shared {
    pub fn new(disk: Arc<dyn Disk>, state: State) -> Shared {
        Shared {
            disk,
            appended: AtomicU64::new(0),
            syncing: Mutex::default(),
            snapshotting: Mutex::default(),
            state: Mutex::new(state),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that was made ready, or one that is made now.
    pub fn take_spare(&self) -> io::Result<(u64, Arc<dyn File>)> {
        let number = {
            let mut state = self.state();
            match state.spare.take() {
                Some(spare) if state.suspect < spare.0 => return Ok(spare),
                // Its name may never come to the disk.
                Some((number, _)) => _ = state.leftover.insert(segment_name(number)),
                None => {}
            }
            state.take_number()
        };
        let file = self.disk.create(&segment_name(number))?;
        self.state().names += 1;
        Ok((number, file))
    }

    /// Removes a file that nothing needs; if it cannot be removed now, the next snapshot tries again.
    pub fn discard(&self, name: &str) {
        match self.disk.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.state().leftover.insert(name.to_owned());
            }
            _ => {}
        }
    }

    fn sync_files(&self, files: &[Live]) -> io::Result<()> {
        for Live { number, file, .. } in files {
            match file {
                Some(file) => file.sync()?,
                None => match self.disk.open(&segment_name(*number)) {
                    Ok(file) => file.sync()?,
                    // A snapshot has made it superfluous meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn write_whole(&self, name: &str, header: &[u8], parts: &[&[u8]]) -> io::Result<()> {
        match self.disk.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.create(name)?;
        append_all(&*file, &mut [IoSlice::new(header)])?;
        for piece in parts.iter().flat_map(|part| part.chunks(PIECE)) {
            append_all(&*file, &mut [IoSlice::new(piece)])?;
            // A write keeps its core until it is done, and others wait for one.
            std::thread::yield_now();
        }
        file.sync()
    }

    /// Removes what a snapshot made superfluous: snapshots first, then segments from the oldest on, so that what a crash
    /// leaves still follows on itself.
    fn remove_before(&self, number: u64) {
        let (snapshots, segments, kept, leftover) = {
            let mut state = self.state();
            state.written = number;
            let newer = state.snapshots.split_off(&number);
            let snapshots = std::mem::replace(&mut state.snapshots, newer);
            let mut segments = Vec::new();
            while state.live.front().is_some_and(|live| live.number < number) {
                segments.extend(state.live.pop_front().map(|live| live.number));
            }
            (snapshots, segments, state.kept.clone(), std::mem::take(&mut state.leftover))
        };
        for name in leftover.into_iter().chain(snapshots.into_iter().map(snapshot_name)) {
            self.discard(&name);
        }
        for segment in segments {
            let name = segment_name(segment);
            if !kept.contains(&segment) {
                self.discard(&name);
            } else if let Ok(names) = self.disk.list() {
                let _ = self.disk.rename(&name, &aside(&name, &names));
            }
        }
    }
}

impl State {
    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Trusts no file that was made so far.
    fn suspect_all(&mut self) {
        self.suspect = self.next - 1;
    }

    fn check_suspect(&self) -> io::Result<()> {
        if self.suspect == 0 || self.suspect < self.written {
            return Ok(());
        }
        Err(io::Error::other("an earlier sync failed: what was appended may be lost until a snapshot follows it"))
    }
}

/// The name for what is set aside: none that is there.
pub(super) fn aside(name: &str, names: &[String]) -> String {
    let mut count = 1;
    loop {
        let aside = format!("{name}.damaged-{count}");
        if !names.contains(&aside) {
            return aside;
        }
        count += 1;
    }
}
