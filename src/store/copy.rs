//! The files of a folder as they are at one moment: read without a lock, and what is written stays in memory.
//!
//! So a folder can be looked into while a process uses it, by the same steps that read it at a start, and not a byte of it
//! changes. What those steps would set aside is damage, and is noted.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::disk::{Disk, File};
use super::format::Name;

/// A folder whose files were opened all at once: what is renamed, removed or made is so in memory only.
pub struct Copy {
    path: PathBuf,
    files: Mutex<BTreeMap<String, Arc<Kept>>>,
    /// Files that would have been set aside, by their names.
    damaged: Mutex<Vec<String>>,
}

/// A file up to the length that it had; or one of memory, of which only the length is known.
struct Kept {
    file: Option<fs::File>,
    length: AtomicU64,
}

impl Copy {
    /// Opens what is in a folder; nothing if a file was removed meanwhile: then it is to be done again.
    ///
    /// # Errors
    /// There is no such folder, or it may not be read.
    pub fn of(path: &Path) -> Result<Option<Copy>, StoreError> {
        let failed = |does| move |error| StoreError::Io { path: path.to_owned(), does, error };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(path).map_err(failed("list what is in it"))? {
            let name = entry.map_err(failed("list what is in it"))?.file_name();
            let Some(name) = name.to_str().filter(|name| !matches!(Name::of(name), Name::Other | Name::Unfinished))
            else {
                continue;
            };
            let opened = OpenOptions::new().read(true).open(path.join(name)).and_then(|file| {
                let metadata = file.metadata()?;
                Ok((metadata.len(), file))
            });
            let (length, file) = match opened {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(StoreError::Io { path: path.join(name), does: "open it", error }),
            };
            files.insert(name.to_string(), Arc::new(Kept { file: Some(file), length: AtomicU64::new(length) }));
        }
        Ok(Some(Copy { path: path.to_owned(), files: Mutex::new(files), damaged: Mutex::default() }))
    }

    /// Whether there is nothing in it that a store has written.
    pub fn is_empty(&self) -> bool {
        lock(&self.files).is_empty()
    }

    /// The names of files that are damaged, or in part, as far as it was read.
    pub fn damaged(&self) -> Vec<String> {
        lock(&self.damaged).clone()
    }

    fn note(&self, name: &str) {
        if let Some((of, _)) = name.split_once(".damaged-") {
            lock(&self.damaged).push(of.to_string());
        }
    }

    fn named(&self, name: &str) -> io::Result<Arc<Kept>> {
        lock(&self.files).get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Copy {
    fn place(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.files).keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.note(name);
        let made = Arc::new(Kept { file: None, length: AtomicU64::new(0) });
        lock(&self.files).insert(name.to_string(), Arc::clone(&made));
        Ok(made)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(self.named(name)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.note(to);
        let file = self.named(from)?;
        let mut files = lock(&self.files);
        files.remove(from);
        files.insert(to.to_string(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.files).remove(name);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for Kept {
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        self.length.fetch_add(bytes as u64, Relaxed);
        Ok(bytes)
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.load(Relaxed).saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        self.file.as_ref().map_or(Ok(0), |file| FileExt::read_at(file, &mut out[..wanted], at))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length.load(Relaxed))
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.length.store(length, Relaxed);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Names are as they are, whatever became of the thread that changed them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
