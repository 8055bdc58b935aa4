//! Paths and patterns → the files that are there, rotated siblings too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::generation::Generation;
use super::name::{ancestors, number};
use crate::order;
use crate::source::input::cause;

/// What the system says of a file, without looking into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// When it was written to last, in nanoseconds since 1970.
    pub modified: i128,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// The path of the log that it is a part of, which need not be there.
    pub family: PathBuf,
    pub stamp: Stamp,
}

/// So many files of one pipeline are looked at.
const MOST: usize = 100_000;

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        }
    }

    pub fn is_same_file(&self, other: &Stamp) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// That no file is there, and where it was looked for.
pub fn none_found(patterns: &[String]) -> String {
    let is_relative = |pattern: &&String| !Path::new(pattern.as_str()).is_absolute();
    let why = match patterns.iter().find(is_relative) {
        Some(home) if home.starts_with("~/") => "; `~` is known to shells only: write the whole path".to_string(),
        Some(_) => match std::env::current_dir() {
            Ok(folder) => format!(", from {} on", folder.display()),
            Err(_) => String::new(),
        },
        None => String::new(),
    };
    format!("no file matches {}{why}", patterns.join(", "))
}

/// What is wrong with a pattern, if something is.
pub fn pattern_fault(pattern: &str) -> Option<String> {
    if !is_glob(pattern) {
        return None;
    }
    glob::Pattern::new(pattern).err().map(|error| format!("{} at character {}", error.msg, error.pos + 1))
}

/// Whether a path is a pattern.
fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The regular files that patterns name, and their rotated siblings; within a log the oldest first.
///
/// Siblings of logs that are `known` are found though the log itself is not there now. One file that is reached by
/// several paths is there once. What cannot be looked at is appended to `faults`, one line each; a file that is gone
/// meanwhile is none.
///
/// # Errors
/// There are too many.
pub fn find(patterns: &[String], known: &[Generation], faults: &mut Vec<String>) -> Result<Vec<Found>, String> {
    let mut named: BTreeSet<PathBuf> = BTreeSet::new();
    for pattern in patterns {
        if !is_glob(pattern) {
            named.insert(PathBuf::from(pattern));
            continue;
        }
        for path in matches(pattern, faults) {
            named.insert(path);
            if named.len() > MOST {
                return Err(format!("`{pattern}` matches more than {MOST} files: name fewer"));
            }
        }
    }
    let mut folders: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let globs: Vec<glob::Pattern> = patterns.iter().filter_map(|pattern| glob::Pattern::new(pattern).ok()).collect();
    let known = known.iter().map(|generation| family(&generation.path));
    let known = known.filter(|log| globs.iter().any(|glob| glob.matches_path_with(log, MATCHING)));
    for log in named.iter().cloned().chain(known) {
        if let (Some(folder), Some(name)) = (log.parent(), log.file_name().and_then(|name| name.to_str())) {
            folders.entry(folder.to_path_buf()).or_default().insert(name.to_string());
        }
    }
    let mut paths = named;
    for (folder, names) in &folders {
        siblings(folder, names, &mut paths, faults);
    }
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in paths {
        if path.to_str().is_none() {
            faults.push(format!("{}: its name is not UTF-8", path.display()));
            continue;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let stamp = Stamp::of(&metadata);
                if seen.insert((stamp.device, stamp.inode)) {
                    let family = family(&path);
                    found.push(Found { path, family, stamp });
                }
            }
            Ok(metadata) if metadata.is_dir() && patterns.iter().any(|pattern| Path::new(pattern) == path) => {
                faults.push(format!("{}: is a folder: name the files in it, as `{0}/*.log`", path.display()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => faults.push(format!("{}: {}", path.display(), cause(&error))),
        }
    }
    order::by(&mut found, |a, b| (&a.family, age(a)).cmp(&(&b.family, age(b))));
    Ok(found)
}

/// As shells match.
const MATCHING: glob::MatchOptions =
    glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// How deep `**` goes.
const DEEPEST: usize = 32;

/// The paths that match a pattern. `**` does not go through links: they may lead back.
fn matches(pattern: &str, faults: &mut Vec<String>) -> Vec<PathBuf> {
    if let (Some(at), Ok(glob)) = (pattern.find("**"), glob::Pattern::new(pattern)) {
        let root = pattern[..at].rfind('/').map_or(".", |end| if end == 0 { "/" } else { &pattern[..end] });
        let mut found = Vec::new();
        if !is_glob(root) {
            let root = if root == "." { Path::new("") } else { Path::new(root) };
            walk(root, 0, &glob, faults, &mut found);
            return found;
        }
    }
    let paths = match glob::glob(pattern) {
        Ok(paths) => paths,
        Err(error) => {
            faults.push(format!("`{pattern}` is no pattern of paths: {}", error.msg));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for path in paths.take(MOST + 1) {
        match path {
            Ok(path) => found.push(path),
            Err(error) => faults.push(format!("{}: {}", error.path().display(), cause(error.error()))),
        }
    }
    found
}

/// What is in a folder; the empty path is the working folder. Nothing is in one that is gone, or cannot be looked into.
fn entries(folder: &Path, faults: &mut Vec<String>) -> Vec<fs::DirEntry> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match fs::read_dir(here) {
        Ok(entries) => entries.flatten().collect(),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                faults.push(format!("{}: {}", here.display(), cause(&error)));
            }
            Vec::new()
        }
    }
}

fn walk(folder: &Path, depth: usize, glob: &glob::Pattern, faults: &mut Vec<String>, found: &mut Vec<PathBuf>) {
    for entry in entries(folder, faults) {
        let path = folder.join(entry.file_name());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < DEEPEST {
            walk(&path, depth + 1, glob, faults, found);
        } else if !is_folder && glob.matches_path_with(&path, MATCHING) && found.len() <= MOST {
            found.push(path);
        }
    }
}

/// Adds what rotation made of files in a folder.
fn siblings(folder: &Path, names: &BTreeSet<String>, paths: &mut BTreeSet<PathBuf>, faults: &mut Vec<String>) {
    for entry in entries(folder, faults) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if ancestors(&name).iter().any(|ancestor| names.contains(ancestor)) {
            paths.insert(folder.join(name));
        }
    }
}

/// The path of the log that a file is a part of.
pub fn family(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match ancestors(name).pop() {
        Some(family) => path.with_file_name(family),
        None => path.to_path_buf(),
    }
}

/// Orders the files of a log: what is written to comes last.
fn age(found: &Found) -> (bool, i128, std::cmp::Reverse<u64>, &Path) {
    let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_current = found.path == found.family;
    (is_current, found.stamp.modified, std::cmp::Reverse(number(name).unwrap_or(0)), &found.path)
}
