//! Which files a configuration is, and their texts.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::edn::Sources;

/// Why a file or folder could not be read: one line with path, cause and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    message: String,
}

/// The longest file, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// All files together, in bytes.
const MAX_ALL: u64 = 64 << 20;

/// How many files and folders are looked at.
const MAX_ENTRIES: usize = 100_000;

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 64;

/// Where thresholds are if no path is given, the first that exists.
const DEFAULTS: [&str; 2] = ["thresholds.edn", "thresholds"];

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LoadError {}

/// Reads files, and folders of `*.edn` in name order. A file reached twice is read once.
pub(super) fn read(paths: &[PathBuf]) -> Result<Sources, LoadError> {
    let mut walk = Walk::default();
    if paths.is_empty() {
        walk.path(&default_path()?)?;
    }
    for path in paths {
        walk.path(path)?;
    }
    if walk.sources.files.is_empty() {
        let first = paths.first().map_or(Path::new(DEFAULTS[0]), PathBuf::as_path);
        return Err(refuse(first, "only scenarios (`*.test.edn`)", "name a file of thresholds too"));
    }
    Ok(walk.sources)
}

fn default_path() -> Result<PathBuf, LoadError> {
    match DEFAULTS.iter().map(Path::new).find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Ok(path.to_path_buf()),
        None => Err(LoadError {
            message: "no thresholds: there is neither `./thresholds.edn` nor `./thresholds`; \
                      name a file or a folder, as in `-c PATH`"
                .to_string(),
        }),
    }
}

#[derive(Default)]
struct Walk {
    sources: Sources,
    seen: HashSet<PathBuf>,
    /// How many files were come across, seen before or not.
    found: usize,
    /// Folders that are being read, as real paths.
    inside: Vec<PathBuf>,
    entries: usize,
    bytes: u64,
}

impl Walk {
    /// Reads what the user named.
    fn path(&mut self, path: &Path) -> Result<(), LoadError> {
        let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
        if !metadata.is_dir() {
            return self.file(path);
        }
        let before = self.found;
        self.folder(path)?;
        if self.found == before {
            let cause = "a folder without any `*.edn` file of thresholds";
            return Err(refuse(path, cause, "put one into it, or name another"));
        }
        Ok(())
    }

    fn folder(&mut self, path: &Path) -> Result<(), LoadError> {
        let real = fs::canonicalize(path).map_err(|error| failed(path, &error))?;
        if self.inside.contains(&real) {
            return Err(refuse(path, "leads back to a folder that it lies in", "remove the link"));
        }
        if self.inside.len() >= MAX_DEPTH {
            return Err(refuse(path, "lies more than 64 folders deep", "name a folder further down"));
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| failed(path, &error))? {
            let name = entry.map_err(|error| failed(path, &error))?.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                names.push(name);
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(refuse(path, "more than 100000 files", "name a folder that holds only thresholds"));
            }
        }
        names.sort();
        self.inside.push(real);
        for name in names {
            let inner = path.join(&name);
            let is_edn = name.as_encoded_bytes().ends_with(b".edn");
            match fs::metadata(&inner) {
                Ok(metadata) if metadata.is_dir() => self.folder(&inner)?,
                // A pipe in a folder would be waited for.
                Ok(metadata) if is_edn && metadata.is_file() => self.file(&inner)?,
                Ok(_) if is_edn => return Err(refuse(&inner, "not a regular file", "remove or rename it")),
                Err(error) if is_edn => return Err(failed(&inner, &error)),
                Ok(_) | Err(_) => {}
            }
        }
        self.inside.pop();
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), LoadError> {
        if path.as_os_str().as_encoded_bytes().ends_with(b".test.edn") {
            return Ok(());
        }
        self.found += 1;
        // A pipe of the shell has no real path; it is told apart by its own.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if !self.seen.insert(real) {
            return Ok(());
        }
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
        let length = bytes.len() as u64;
        self.bytes += length;
        if length > MAX_FILE {
            return Err(refuse(path, "larger than 16 MiB", "split it into several files"));
        }
        if self.bytes > MAX_ALL {
            return Err(refuse(path, "with this file all are larger than 64 MiB", "name fewer files"));
        }
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(path, error.as_bytes()))?;
        // Some editors put a mark in front.
        let text = text.strip_prefix('\u{FEFF}').map(str::to_string).unwrap_or(text);
        self.sources.add(name(path), text);
        Ok(())
    }
}

fn not_utf8(path: &Path, bytes: &[u8]) -> LoadError {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return refuse(path, "UTF-16", "save it as UTF-8");
    }
    let valid = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    let byte = bytes.get(valid).copied().unwrap_or_default();
    refuse(path, &format!("not UTF-8 in line {line} (byte 0x{byte:02x})"), "save it as UTF-8")
}

fn failed(path: &Path, error: &io::Error) -> LoadError {
    let (cause, remedy) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file or folder".to_string(), "look for a slip in the path"),
        io::ErrorKind::PermissionDenied => ("permission denied".to_string(), "let this user read it"),
        _ => (error.to_string(), "see whether it can be read at all"),
    };
    refuse(path, &cause, remedy)
}

fn refuse(path: &Path, cause: &str, remedy: &str) -> LoadError {
    LoadError { message: format!("{}: {cause}; {remedy}", name(path)) }
}

/// A path as the user named it, on one line.
fn name(path: &Path) -> String {
    path.to_string_lossy().chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
