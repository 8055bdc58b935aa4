//! A folder in memory that fails, dies and loses its power as a real one may, all from a seed.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use highwater::store::{Disk, File};

use super::random::Random;

/// The part of a file that reaches a disk at once.
const SECTOR: usize = 64;

/// The process's hold on the folder; all clones are of one.
#[derive(Clone)]
pub struct Simulated(Arc<Mutex<World>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process ends; what it wrote is there.
    Kill,
    /// The machine ends; what was not synced may be there, in part.
    PowerLoss,
}

struct World {
    random: Random,
    /// How many steps in a thousand fail.
    faults: u32,
    /// So many steps are left to this process.
    steps: Option<u64>,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    changes: Vec<Change>,
}

#[derive(Clone, Default)]
struct Content {
    /// What a read gives.
    now: Vec<u8>,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// Where a failed sync gave up on what was written: no later sync writes it.
    dropped: Vec<(usize, usize)>,
}

enum Change {
    Made(String, usize),
    Removed(String),
    Renamed(String, String, usize),
}

struct Opened {
    world: Arc<Mutex<World>>,
    id: usize,
}

enum Step {
    Done,
    Fails(ErrorKind),
    /// The process ends in the middle of it.
    Dies,
}

impl Simulated {
    pub fn new(seed: u64) -> Simulated {
        Simulated(Arc::new(Mutex::new(World {
            random: Random(seed),
            faults: 0,
            steps: None,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
        })))
    }

    /// From now on so many steps in a thousand fail, and the process ends after so many steps.
    pub fn trouble(&self, faults: u32, steps: Option<u64>) {
        let mut world = self.world();
        world.faults = faults;
        world.steps = steps;
    }

    pub fn is_dead(&self) -> bool {
        self.world().steps == Some(0)
    }

    /// The folder as the next process finds it.
    pub fn crash(&self, crash: Crash) {
        let mut world = self.world();
        world.steps = None;
        world.faults = 0;
        if crash == Crash::PowerLoss {
            world.lose_power();
        }
    }

    /// All files with their bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.world();
        world.names.iter().map(|(name, id)| (name.clone(), world.files[*id].now.clone())).collect()
    }

    /// A folder with these files, all on the disk.
    pub fn with_files(seed: u64, files: &BTreeMap<String, Vec<u8>>) -> Simulated {
        let disk = Simulated::new(seed);
        let mut world = disk.world();
        for (id, (name, bytes)) in files.iter().enumerate() {
            world.files.push(Content { now: bytes.clone(), durable: bytes.clone(), dropped: Vec::new() });
            world.names.insert(name.clone(), id);
        }
        world.durable_names = world.names.clone();
        drop(world);
        disk
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn step(&mut self) -> Step {
        match &mut self.steps {
            Some(0) => return Step::Fails(ErrorKind::Other),
            Some(steps) => {
                *steps -= 1;
                if *steps == 0 {
                    return Step::Dies;
                }
            }
            None => {}
        }
        if self.random.permille(self.faults) {
            let full = self.random.permille(500);
            return Step::Fails(if full { ErrorKind::StorageFull } else { ErrorKind::Other });
        }
        Step::Done
    }

    /// Makes a change that happens as a whole or not at all, whatever is said of it.
    fn change(&mut self, change: impl FnOnce(&mut World)) -> io::Result<()> {
        match self.step() {
            Step::Done => {
                change(self);
                Ok(())
            }
            step => {
                let was_dead = matches!(step, Step::Fails(_)) && self.steps == Some(0);
                if !was_dead && self.random.permille(500) {
                    change(self);
                }
                Err(error(&step))
            }
        }
    }

    fn lose_power(&mut self) {
        let in_order = self.random.permille(500);
        let kept = self.random.up_to(self.changes.len());
        let mut names = std::mem::take(&mut self.durable_names);
        for (index, change) in std::mem::take(&mut self.changes).into_iter().enumerate() {
            if if in_order { index < kept } else { self.random.permille(500) } {
                apply(change, &mut names);
            }
        }
        for file in &mut self.files {
            file.lose_power(&mut self.random);
        }
        self.names = names.clone();
        self.durable_names = names;
    }
}

impl Content {
    fn flushed(&self) -> Vec<u8> {
        let mut flushed = self.now.clone();
        for (start, end) in &self.dropped {
            let end = (*end).min(flushed.len());
            flushed[(*start).min(end)..end].fill(0);
        }
        flushed
    }

    fn lose_power(&mut self, random: &mut Random) {
        let flushed = self.flushed();
        let kept = match random.up_to(2) {
            0 => self.durable.clone(),
            1 => flushed,
            _ => {
                let (short, long) = (flushed.len().min(self.durable.len()), flushed.len().max(self.durable.len()));
                let cut = short + random.up_to(long - short);
                let mut kept = if flushed.len() < cut { self.durable.clone() } else { flushed };
                kept.truncate(cut);
                for sector in (self.durable.len().next_multiple_of(SECTOR)..kept.len()).step_by(SECTOR) {
                    if random.permille(250) {
                        let end = kept.len().min(sector + SECTOR);
                        kept[sector..end].fill(0);
                    }
                }
                kept
            }
        };
        *self = Content { now: kept.clone(), durable: kept, dropped: Vec::new() };
    }
}

fn apply(change: Change, names: &mut BTreeMap<String, usize>) {
    match change {
        Change::Made(name, id) => {
            names.insert(name, id);
        }
        Change::Removed(name) => {
            names.remove(&name);
        }
        Change::Renamed(from, to, id) => {
            names.remove(&from);
            names.insert(to, id);
        }
    }
}

fn error(step: &Step) -> io::Error {
    match step {
        Step::Fails(kind) => io::Error::new(*kind, "simulated"),
        _ => io::Error::other("the process is dead"),
    }
}

impl Disk for Simulated {
    fn place(&self) -> &Path {
        Path::new("/state")
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut world = self.world();
        if world.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let id = world.files.len();
        world.change(|world| {
            world.files.push(Content::default());
            world.names.insert(name.to_owned(), id);
            world.changes.push(Change::Made(name.to_owned(), id));
        })?;
        Ok(Arc::new(Opened { world: Arc::clone(&self.0), id }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let id = *self.world().names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(Opened { world: Arc::clone(&self.0), id }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        let id = *world.names.get(from).ok_or(ErrorKind::NotFound)?;
        world.change(|world| {
            let names = (from.to_owned(), to.to_owned());
            apply(Change::Renamed(names.0.clone(), names.1.clone(), id), &mut world.names);
            world.changes.push(Change::Renamed(names.0, names.1, id));
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.names.get(name).ok_or(ErrorKind::NotFound)?;
        world.change(|world| {
            world.names.remove(name);
            world.changes.push(Change::Removed(name.to_owned()));
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world();
        match world.step() {
            Step::Done => {
                let World { changes, durable_names, .. } = &mut *world;
                changes.drain(..).for_each(|change| apply(change, durable_names));
                Ok(())
            }
            step => {
                if world.steps != Some(0) && world.random.permille(500) {
                    // The system forgets that these were to be written.
                    world.changes.clear();
                }
                Err(error(&step))
            }
        }
    }
}

impl File for Opened {
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let step = world.step();
        let was_dead = matches!(step, Step::Fails(_)) && world.steps == Some(0);
        let is_short = world.faults > 0 && world.random.permille(100);
        let written = match step {
            Step::Done if !is_short => bytes.len(),
            Step::Done => bytes.len().min(1 + world.random.up_to(bytes.len())),
            _ if was_dead => 0,
            // An error may be told of what was written after all.
            _ if world.random.permille(300) => bytes.len(),
            _ => world.random.up_to(bytes.len()),
        };
        world.files[self.id].now.extend_from_slice(&bytes[..written]);
        if let Step::Done = step { Ok(written) } else { Err(error(&step)) }
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = &world.files[self.id].now;
        let from = usize::try_from(at).expect("small files").min(bytes.len());
        let read = out.len().min(bytes.len() - from);
        out[..read].copy_from_slice(&bytes[from..from + read]);
        Ok(read)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.world.lock().unwrap_or_else(PoisonError::into_inner).files[self.id].now.len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let id = self.id;
        let length = usize::try_from(length).expect("small files");
        self.world.lock().unwrap_or_else(PoisonError::into_inner).change(|world| {
            let file = &mut world.files[id];
            file.now.resize(length, 0);
            for range in &mut file.dropped {
                range.1 = range.1.min(length);
            }
            file.dropped.retain(|(start, end)| start < end);
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let step = world.step();
        let World { files, random, steps, .. } = &mut *world;
        let file = &mut files[self.id];
        match step {
            Step::Done => {
                file.durable = file.flushed();
                Ok(())
            }
            step => {
                if *steps != Some(0) {
                    // The system forgets that these were to be written.
                    let start = file.durable.len().min(file.now.len());
                    let start = start + random.up_to(file.now.len() - start);
                    file.dropped.push((start, file.now.len()));
                }
                Err(error(&step))
            }
        }
    }
}
