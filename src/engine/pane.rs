//! A pane: what was counted between two edges of windows.

use serde::{Deserialize, Serialize};

use super::sketch::Sketch;
use super::tally::Tally;

/// The counts of `[index*every, (index + 1)*every)`. A window is the sum of its panes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pane {
    pub index: i64,
    /// The greatest time of its events, in microseconds.
    pub last: i64,
    pub tally: Tally,
    pub sketch: Sketch,
}

/// Where the pane `index` is, or where it would be inserted. New ones are nearly always the last.
pub fn find(panes: &[Pane], index: i64) -> Result<usize, usize> {
    match panes.iter().rposition(|pane| pane.index <= index) {
        Some(at) if panes[at].index == index => Ok(at),
        Some(at) => Err(at + 1),
        None => Err(0),
    }
}
