//! The pure core: events in, transitions out. No clock, no I/O, no error.
//!
//! ```text
//! let mut lane = Lane::new(&compiled);                        // one for each thread that decodes
//! let mut evaluator = Evaluator::new(&compiled, Watching::Whole);
//! lane.observe(&event);                                       // counts; closes nothing
//! evaluator.advance(reached, &mut [lane], &mut transitions);  // closes what ended by then: take, then close
//! ```

mod account;
mod agree;
mod budget;
mod classifier;
mod compiled;
mod edit;
mod evaluator;
mod event;
mod expression;
mod gate;
mod group;
mod intake;
mod jump;
mod lane;
mod memo;
mod pane;
mod reading;
mod record;
mod rolling;
mod sample;
mod scenario;
mod shape;
mod sketch;
mod snapshot;
mod splits;
mod standing;
mod state;
mod tally;
mod text;
mod tiers;
mod trace;
mod transition;
mod verdict;
mod view;
mod watch;
pub mod wording;

pub use account::{Account, Cell, Worst};
pub use budget::Budget;
pub use compiled::Compiled;
pub use edit::{Edit, Edits, edits};
pub use evaluator::{Evaluator, Watching};
pub use event::{Attributes, Event, Fields, Value, emptied};
pub use intake::Intake;
pub use lane::Lane;
pub use reading::Unread;
pub use record::digest;
pub use scenario::play;
pub use sketch::Sketch;
pub use snapshot::SnapshotError;
pub use state::{plan_from_bytes, plan_to_bytes};
pub use text::percent_decoded;
pub use trace::Step;
pub use transition::{Measured, Transition};
pub use verdict::{Reason, Verdict};
pub use view::View;
