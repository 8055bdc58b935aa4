//! The state folder at the start: where the last process was, and what goes on.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::clock::Clocks;
use super::keep::record::{Moment, machine};
use super::keep::{Down, Keeper, Outbox, Recovered, Snapshot, recover};
use crate::engine::{Compiled, Edit, Evaluator, Watching};
use crate::plan::{Durability, Plan};
use crate::store::{self, StoreError};

/// Who keeps the state, and the thread that syncs it.
pub type Keeping = (Arc<Keeper>, JoinHandle<()>);

/// An evaluator that watches from now on.
pub fn fresh(plan: &Arc<Plan>, now: Clocks) -> Evaluator {
    Evaluator::new(&Compiled::new(Arc::clone(plan)), Watching::From(now.wall.micros()))
}

/// Opens the folder and goes on where the last process was. What there is to say goes to the log.
///
/// # Errors
/// One line: the folder cannot be used.
pub fn open(folder: &Path, plan: &Arc<Plan>) -> Result<(Evaluator, Keeping), String> {
    let opened = store::open(folder).map_err(|error| {
        let remedy = match error {
            StoreError::Version { .. } => "",
            _ => "; `--state DIR` takes another folder, `--no-state` none",
        };
        format!("{error}{remedy}")
    })?;
    let Recovered { past, started, notes } = recover(opened)
        .map_err(|error| format!("{}: {error}; `--state DIR` takes another folder", folder.display()))?;
    for note in notes.iter().chain(&started.notes) {
        tracing::warn!("{note}");
    }
    let now = Clocks::now();
    let no_thread = |error: io::Error| format!("cannot start: {error}");
    let Some(past) = past else {
        let evaluator = fresh(plan, now);
        let (keeper, thread) = Keeper::start(started, plan.state.clone(), Outbox::default()).map_err(no_thread)?;
        tracing::info!("state is kept in {}", folder.display());
        begin(&keeper, &evaluator, now);
        return Ok((evaluator, (keeper, thread)));
    };
    let events = past.events;
    let positions = past.positions.clone();
    let (keeper, thread) = Keeper::start(started, plan.state.clone(), Outbox::default()).map_err(no_thread)?;
    let moment = Moment::of(now, machine());
    let (evaluator, outbox, edits, down) = past.go_on(plan, moment, &mut |record| {
        keeper.append(&record);
    });
    let untold = outbox.waiting.len();
    keeper.go_on(outbox, positions);
    match down {
        Down::Unwatched(from, to) => {
            tracing::info!(events, untold, "state goes on from {}; unwatched from {from} to {to}", folder.display());
        }
        Down::SetBack(to) => tracing::warn!(
            events,
            untold,
            "state goes on from {}; the clock was set back to {to}: what was counted further ahead is dropped",
            folder.display()
        ),
    }
    let changed = edits.0.iter().filter(|(_, edit)| *edit != Edit::Kept).count();
    if changed > 0 {
        tracing::info!("{changed} thresholds are not what they were when it was last written");
    }
    if plan.state.durability == Durability::None || keeper.trouble().is_some() {
        begin(&keeper, &evaluator, now);
    }
    Ok((evaluator, (keeper, thread)))
}

/// Writes the first snapshot: everything in the journal follows on one.
fn begin(keeper: &Keeper, evaluator: &Evaluator, now: Clocks) {
    if let Some(begun) = keeper.begin(now, false) {
        keeper.write(&Snapshot::new(begun, evaluator.to_bytes()));
    }
}

/// Starts the thread that writes snapshots while events are counted on.
///
/// # Errors
/// The system gives no thread.
pub fn write_snapshots(keeper: Option<Arc<Keeper>>) -> io::Result<(SyncSender<Snapshot>, JoinHandle<()>)> {
    let (queue, waiting) = sync_channel::<Snapshot>(1);
    let thread = std::thread::Builder::new().name("snapshot".to_string()).spawn(move || {
        let Some(keeper) = keeper else { return };
        for snapshot in waiting {
            keeper.write(&snapshot);
        }
    })?;
    Ok((queue, thread))
}
