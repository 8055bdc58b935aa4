//! A state folder that is only looked into: the thresholds that its process ran with, and what is violated.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::keep::recover;
use crate::engine::Evaluator;
use crate::store::{self, Copy};

/// While a process works on the folder, it may look damaged: files come and go between two looks. So often it is looked
/// again, after a pause.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Reads where the process of a folder is, or was. No lock is taken, and nothing in the folder changes.
///
/// # Errors
/// One line: it is no state folder, may not be read, is of another version, or is damaged.
pub fn look(folder: &Path) -> Result<Evaluator, String> {
    let mut found = attempt(folder)?;
    for _ in 1..LOOKS {
        if matches!(found, Found::Whole(_)) {
            break;
        }
        thread::sleep(PAUSE);
        found = attempt(folder)?;
    }
    match found {
        Found::Whole(evaluator) => Ok(*evaluator),
        Found::Damaged(file) => Err(format!(
            "{}: `{file}` is damaged, so it cannot be said what a reload would do; a daemon that starts on the folder \
             sets it aside",
            folder.display()
        )),
        Found::Moving => Err(format!("{}: its files are changing all the time; try again", folder.display())),
    }
}

enum Found {
    Whole(Box<Evaluator>),
    Damaged(String),
    /// A file was removed while the others were opened.
    Moving,
}

fn attempt(folder: &Path) -> Result<Found, String> {
    let Some(copy) = Copy::of(folder).map_err(|error| error.to_string())? else { return Ok(Found::Moving) };
    if copy.is_empty() {
        return Err(format!(
            "{}: no state folder: there is no `journal-…` and no `snapshot-…` in it; name the folder that the daemon was \
             given with `--state`, or where it keeps state by itself",
            folder.display()
        ));
    }
    let copy = Arc::new(copy);
    let opened = store::open_on(Arc::clone(&copy) as Arc<dyn store::Disk>).map_err(|error| error.to_string())?;
    let recovered = recover(opened).map_err(|error| format!("{}: {error}", folder.display()))?;
    if let Some(file) = copy.damaged().into_iter().next() {
        return Ok(Found::Damaged(file));
    }
    match recovered.past {
        Some(past) => Ok(Found::Whole(Box::new(past.evaluator))),
        None => Err(format!("{}: nothing was kept in it yet: there is no whole snapshot", folder.display())),
    }
}
