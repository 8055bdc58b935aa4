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
