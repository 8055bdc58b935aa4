//! What a notifier sends, and what an answer means. Pure: one file a notifier.

mod effect;

pub use effect::{Batch, Effect, Line, Mail, Outcome, Program, Request};
