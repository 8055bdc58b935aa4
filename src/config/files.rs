//! Which files a configuration is, and their texts.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::catalogue;
use crate::edn::{Diagnostic, Sources, Span};
use crate::order;

/// What could be read, and an error for each file or folder that could not: it is an empty file of the sources.
#[derive(Default)]
pub(super) struct Files {
    pub sources: Sources,
    /// Where each file of the sources is.
    pub paths: Vec<PathBuf>,
    pub unreadable: Vec<Diagnostic>,
}

/// What is wrong with a file or folder, and what to do.
type Fault = (String, &'static str);

/// The longest file, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// All files together, in bytes.
const MAX_ALL: u64 = 64 << 20;

/// How many files and folders are looked at.
const MAX_ENTRIES: usize = 100_000;

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 64;

/// Where thresholds are if no path is given, the first that exists.
pub const DEFAULTS: [&str; 2] = ["thresholds.edn", "thresholds"];

/// Reads files, and folders of `*.edn` in name order, without scenarios. A file reached twice is read once.
pub(super) fn read(paths: &[PathBuf]) -> Files {
    walk(paths, Walk::default()).files
}

/// The same, and scenarios (`*.test.edn`) too.
pub(super) fn read_all(paths: &[PathBuf]) -> Files {
    walk(paths, Walk { with_scenarios: true, ..Walk::default() }).files
}

fn walk(paths: &[PathBuf], mut walk: Walk) -> Walk {
    let default = DEFAULTS.iter().map(Path::new).find(|path| path.symlink_metadata().is_ok());
    match (paths.first(), default) {
        (Some(_), _) => paths.iter().for_each(|path| walk.path(path)),
        (None, Some(default)) => walk.path(default),
        (None, None) => {
            let cause = "no thresholds: there is neither `./thresholds.edn` nor `./thresholds`".to_string();
            walk.fault(Path::new(DEFAULTS[0]), (cause, "name a file or a folder, as in `-c PATH`"));
        }
    }
    if walk.files.sources.files.is_empty() {
        let first = paths.first().map_or(Path::new(DEFAULTS[0]), PathBuf::as_path);
        walk.fault(first, ("only scenarios (`*.test.edn`)".to_string(), "name a file of thresholds too"));
    }
    walk
}

/// What the files of a configuration are like: another number as soon as one is written, replaced, added or removed,
/// also behind a link. Nothing is read.
pub fn stamp(paths: &[PathBuf]) -> u64 {
    let mut walk = walk(paths, Walk { stamp: Some(DefaultHasher::new()), ..Walk::default() });
    let mut stamp = walk.stamp.take().unwrap_or_default();
    walk.files.unreadable.iter().for_each(|fault| fault.message.hash(&mut stamp));
    stamp.finish()
}

/// The same of these files, and no others.
pub fn stamp_files(paths: &[PathBuf]) -> u64 {
    let mut stamp = DefaultHasher::new();
    paths.iter().for_each(|path| hash_file(path, &mut stamp));
    stamp.finish()
}

fn hash_file(path: &Path, stamp: &mut DefaultHasher) {
    path.hash(stamp);
    match fs::metadata(path) {
        Ok(metadata) => {
            let changed = (metadata.ctime(), metadata.ctime_nsec(), metadata.mtime(), metadata.mtime_nsec());
            (metadata.len(), changed, metadata.ino(), metadata.dev()).hash(stamp);
        }
        Err(error) => error.kind().hash(stamp),
    }
}

/// Reads one file, whatever it is called.
pub(super) fn one(path: &Path) -> Files {
    let mut walk = Walk::default();
    match walk.text(path) {
        Ok(text) => drop(walk.files.sources.add(name(path), text)),
        Err(fault) => walk.fault(path, fault),
    }
    walk.files
}

#[derive(Default)]
struct Walk {
    files: Files,
    with_scenarios: bool,
    /// Instead of reading files: what they are like.
    stamp: Option<DefaultHasher>,
    seen: HashSet<PathBuf>,
    /// How many files were come across, seen before or not.
    found: usize,
    /// Folders that are being read, as real paths.
    inside: Vec<PathBuf>,
    entries: usize,
    bytes: u64,
    /// A limit on all files together was passed, and that was reported.
    stopped: bool,
}

impl Walk {
    /// Reads what the user named.
    fn path(&mut self, path: &Path) {
        let before = self.found + self.files.unreadable.len();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(_) => return self.file(path),
            Err(error) => return self.fault(path, failed(&error)),
        }
        if self.found + self.files.unreadable.len() == before && !self.stopped {
            let cause = "a folder without any `*.edn` file of thresholds".to_string();
            self.fault(path, (cause, "put one into it, or name another"));
        }
    }

    fn folder(&mut self, path: &Path) {
        if self.stopped {
            return;
        }
        let listed = fs::canonicalize(path).map_err(|error| failed(&error)).and_then(|real| {
            let names = self.names(path, &real)?;
            Ok((real, names))
        });
        let (real, names) = match listed {
            Ok(listed) => listed,
            Err(fault) => return self.fault(path, fault),
        };
        self.inside.push(real);
        for name in names {
            let inner = path.join(&name);
            let is_edn = name.as_encoded_bytes().ends_with(b".edn");
            match fs::metadata(&inner) {
                Ok(metadata) if metadata.is_dir() => self.folder(&inner),
                // A pipe in a folder would be waited for.
                Ok(metadata) if is_edn && metadata.is_file() => self.file(&inner),
                Ok(_) if is_edn => self.fault(&inner, ("not a regular file".to_string(), "remove or rename it")),
                Err(error) if is_edn => self.fault(&inner, failed(&error)),
                Ok(_) | Err(_) => {}
            }
        }
        self.inside.pop();
    }

    /// What lies in a folder, in order, without what is hidden.
    fn names(&mut self, path: &Path, real: &Path) -> Result<Vec<OsString>, Fault> {
        if self.inside.iter().any(|inside| inside == real) {
            return Err(("leads back to a folder that it lies in".to_string(), "remove the link"));
        }
        if self.inside.len() >= MAX_DEPTH {
            return Err(("lies more than 64 folders deep".to_string(), "name a folder further down"));
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| failed(&error))? {
            let name = entry.map_err(|error| failed(&error))?.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                names.push(name);
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                self.stopped = true;
                return Err(("more than 100000 files".to_string(), "name a folder that holds only thresholds"));
            }
        }
        order::by(&mut names, Ord::cmp);
        Ok(names)
    }

    fn file(&mut self, path: &Path) {
        let is_scenario = path.as_os_str().as_encoded_bytes().ends_with(b".test.edn");
        if self.stopped || (is_scenario && !self.with_scenarios) {
            return;
        }
        self.found += 1;
        // A pipe of the shell has no real path; it is told apart by its own.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if !self.seen.insert(real) {
            return;
        }
        match self.text(path) {
            Ok(text) => {
                self.files.sources.add(name(path), text);
                self.files.paths.push(path.to_path_buf());
            }
            Err(fault) => self.fault(path, fault),
        }
    }

    fn text(&mut self, path: &Path) -> Result<String, Fault> {
        if let Some(stamp) = &mut self.stamp {
            hash_file(path, stamp);
            return Ok(String::new());
        }
        let file = File::open(path).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        let length = bytes.len() as u64;
        self.bytes += length;
        if length > MAX_FILE {
            return Err(("larger than 16 MiB".to_string(), "split it into several files"));
        }
        if self.bytes > MAX_ALL {
            self.stopped = true;
            return Err(("with this file all are larger than 64 MiB".to_string(), "name fewer files"));
        }
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes()))?;
        // Some editors put a mark in front.
        Ok(text.strip_prefix('\u{FEFF}').map(str::to_string).unwrap_or(text))
    }

    fn fault(&mut self, path: &Path, (cause, remedy): Fault) {
        let file = self.files.sources.add(name(path), String::new());
        self.files.paths.push(path.to_path_buf());
        self.files.unreadable.push(catalogue::unreadable(Span { file, start: 0, end: 0 }, cause, remedy));
    }
}

fn not_utf8(bytes: &[u8]) -> Fault {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return ("UTF-16".to_string(), "save it as UTF-8");
    }
    let valid = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    let byte = bytes.get(valid).copied().unwrap_or_default();
    (format!("not UTF-8 in line {line} (byte 0x{byte:02x})"), "save it as UTF-8")
}

fn failed(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file or folder".to_string(), "look for a slip in the path"),
        io::ErrorKind::PermissionDenied => ("permission denied".to_string(), "let this user read it"),
        _ => (error.to_string(), "see whether it can be read at all"),
    }
}

/// A path as the user named it, on one line.
fn name(path: &Path) -> String {
    path.to_string_lossy().chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
