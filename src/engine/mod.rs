//! The pure core: events in, transitions out. No clock, no I/O, no error.

mod event;
mod expression;

pub use event::{Event, Value};
