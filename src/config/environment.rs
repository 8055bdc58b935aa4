//! Where the values of `#env` and `#file` come from.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a configuration may ask of the machine.
pub trait Environment {
    /// The variable's value; None if it is not set or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a small file.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct Process;

/// The largest file that `#file` reads, in bytes.
const MAX_SECRET: u64 = 64 << 10;

impl Environment for Process {
    fn variable(&self, name: &str) -> Option<String> {
        // The standard library does not promise to take such names.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        // Opening a pipe without a writer would wait for one, and a device may never end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let file = std::fs::File::open(path)?;
        let mut text = String::new();
        file.take(MAX_SECRET + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_SECRET {
            return Err(io::Error::other("it is larger than 64 KiB"));
        }
        Ok(text)
    }
}

/// Another environment, and which files it was asked for.
pub struct Noting<'e> {
    inner: &'e dyn Environment,
    files: RefCell<Vec<PathBuf>>,
}

impl<'e> Noting<'e> {
    pub fn new(inner: &'e dyn Environment) -> Noting<'e> {
        Noting { inner, files: RefCell::default() }
    }

    /// The files, in the order in which they were first asked for.
    pub fn files(self) -> Vec<PathBuf> {
        self.files.into_inner()
    }
}

impl Environment for Noting<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.inner.variable(name)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let mut files = self.files.borrow_mut();
        if !files.iter().any(|known| known == path) {
            files.push(path.to_path_buf());
        }
        self.inner.file(path)
    }
}

/// An environment in which nothing is set.
pub(super) struct Nothing;

impl Environment for Nothing {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, _path: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}
