//! What the store asks of a folder: few enough steps that a simulation can fail at each.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;

/// Holds room on the disk.
const ROOM: &str = "room";

/// One folder. Names are those of files in it.
pub trait Disk: Send + Sync {
    /// The path of the folder, for messages.
    fn place(&self) -> &Path;

    /// The names of what is in the folder, in any order. Those that are no UTF-8 may be left out.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file. One of that name is an error.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, at once; one that had it is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Waits until the names in the folder are on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Keeps at least so many bytes of the disk for [`Disk::release`], if the disk can do that.
    fn hold(&self, _bytes: u64) {}

    /// Makes free what was held.
    fn release(&self) {}
}

/// A file that grows at its end.
pub trait File: Send + Sync {
    /// Writes at the end, perhaps fewer bytes than asked for.
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Reads at a place, perhaps fewer bytes than asked for; none at the end.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize>;

    fn length(&self) -> io::Result<u64>;

    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Waits until the bytes and the length are on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of this machine, locked for as long as this lives.
pub struct Folder {
    path: PathBuf,
    /// Open for its lock, which ends with the process however that ends.
    _lock: fs::File,
}

impl Folder {
    /// Locks a folder, and makes it, for its owner only, if it is not there.
    ///
    /// The file `lock` in it then holds the number of this process.
    pub fn lock(path: &Path) -> Result<Folder, StoreError> {
        let failed = |does| move |error| StoreError::Io { path: path.to_owned(), does, error };
        if !path.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make the folder"))?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                // A folder that a power loss takes away again held nothing that was said to be on the disk.
                let _ = fs::File::open(parent).and_then(|parent| parent.sync_all());
            }
        }
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(failed("open `lock` in it"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = (&lock).take(20).read_to_string(&mut text);
                return Err(StoreError::Locked { path: path.to_owned(), pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock it")(error)),
        }
        // For the message of another process only: a full disk is no reason to stay away.
        let _ = lock.set_len(0).and_then(|()| writeln!(&lock, "{}", std::process::id()));
        Ok(Folder { path: path.to_owned(), _lock: lock })
    }
}

impl Disk for Folder {
    fn place(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create_new(true).mode(0o600).open(self.path.join(name))?;
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OpenOptions::new().read(true).append(true).open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }

    fn hold(&self, bytes: u64) {
        // A disk that has not even so much, or cannot keep it, does without.
        let options =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path.join(ROOM));
        if let Ok(file) = options
            && file.metadata().is_ok_and(|metadata| metadata.len() < bytes)
            && rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).is_err()
        {
            self.release();
        }
    }

    fn release(&self) {
        let _ = fs::remove_file(self.path.join(ROOM));
    }
}

impl File for fs::File {
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(parts)
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, out, at)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Writes all of it at the end, in one write where the disk takes it.
pub(super) fn append_all(file: &dyn File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Parts without a byte would look like a disk that takes nothing.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.append(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `out` is full or the file ends, and says how many bytes that were.
pub(super) fn read_full(file: &dyn File, at: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match file.read_at(at + filled as u64, &mut out[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
