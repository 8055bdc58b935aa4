//! Which files of scenarios there are, and whether one has changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{self, DEFAULTS};
use crate::order;

/// Folders may lie so deep in each other.
const MAX_DEPTH: usize = 64;
/// So many files are looked at.
const MOST: usize = 100_000;

/// The configuration for scenarios without thresholds of their own: what is named; else the folders that are tested and
/// hold thresholds, what is usual, or what lies beside the files. None: there is none.
pub fn configuration(config: &[PathBuf], paths: &[PathBuf]) -> Option<Vec<PathBuf>> {
    if !config.is_empty() {
        return Some(config.to_vec());
    }
    let has_thresholds =
        |path: &PathBuf| path.is_dir() && holds(path, 0, &|name| name.ends_with(".edn") && !is_test(name));
    let tested: Vec<PathBuf> = paths.iter().filter(|path| has_thresholds(path)).cloned().collect();
    if !tested.is_empty() {
        return Some(tested);
    }
    let usual = DEFAULTS.iter().map(PathBuf::from).find(|path| path.is_file() || has_thresholds(path));
    if usual.is_some() {
        return usual.map(|path| vec![path]);
    }
    let mut around: Vec<PathBuf> = paths.iter().map(|path| beside(path)).filter(has_thresholds).collect();
    if paths.is_empty() && has_thresholds(&PathBuf::from(".")) {
        around.push(PathBuf::from("."));
    }
    order::by(&mut around, Ord::cmp);
    around.dedup();
    (!around.is_empty()).then_some(around)
}

fn is_test(name: &str) -> bool {
    name.ends_with(".test.edn")
}

fn holds(folder: &Path, depth: usize, is_it: &dyn Fn(&str) -> bool) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        // A link to a folder may lead back.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            depth < MAX_DEPTH && holds(&entry.path(), depth + 1, is_it)
        } else {
            is_it(&entry.file_name().to_string_lossy())
        }
    })
}

/// The files of scenarios, in order of name.
///
/// # Errors
/// One line: a path that cannot be read, or none that is a scenario.
pub fn find(paths: &[PathBuf], config: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    if paths.is_empty() {
        let folders: Vec<PathBuf> = match config {
            [] => vec![DEFAULTS.iter().map(PathBuf::from).find(|path| path.exists()).unwrap_or_else(|| ".".into())],
            given => given.to_vec(),
        };
        for path in folders.iter().map(|path| beside(path)) {
            walk(&path, 0, &mut found)?;
        }
    }
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, 0, &mut found)?,
            Ok(metadata) if metadata.is_file() => found.push(path.clone()),
            Ok(_) => return Err(format!("{}: not a regular file", path.display())),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        }
    }
    order::by(&mut found, Ord::cmp);
    found.dedup();
    if found.is_empty() {
        return Err(
            "there are no scenarios: no file `*.test.edn`; name one, or put one beside the thresholds".to_string()
        );
    }
    Ok(found)
}

/// The folder of a file of thresholds, or the folder itself.
fn beside(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_path_buf();
    }
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_path_buf(),
        None => PathBuf::from("."),
    }
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if name.as_encoded_bytes().starts_with(b".") || found.len() >= MOST {
            continue;
        }
        // A link to a folder may lead back.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < MAX_DEPTH && name != "target" && name != "node_modules" {
            walk(&path, depth + 1, found)?;
        } else if is_test(&name.to_string_lossy()) && path.is_file() {
            found.push(match path.strip_prefix("./") {
                Ok(short) => short.to_path_buf(),
                Err(_) => path,
            });
        }
    }
    Ok(())
}

/// What the files are like that are tested: another number as soon as one is written, replaced, added or removed.
pub fn stamps(paths: &[PathBuf], config: &[PathBuf]) -> (u64, Option<u64>) {
    let found = config::stamp_files(&find(paths, config).unwrap_or_default());
    (found, configuration(config, paths).map(|paths| config::stamp(&paths)))
}
