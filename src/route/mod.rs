//! Where records go: the operators of `:routes`, and a transition on its way to people.
//!
//! ```text
//! let mut router = Router::new(routes);
//! router.pass(record, now, &mut out);   // what leaves at once, and what windows that ended by now held back
//! router.advance(now, &mut out);        // at `next_deadline`, or at any other time
//! router.release(id, now, &mut out);    // what waits under this id need not wait any more
//! ```

mod flow;
mod key;
mod notice;
mod operator;
pub mod reach;
mod record;
mod router;
mod state;
mod trace;
mod written;

pub use notice::CHANGEABLE;
pub use notice::Notice;
pub use record::{Record, Sending};
pub use router::Router;
pub use trace::{Trace, TraceStep, trace};
