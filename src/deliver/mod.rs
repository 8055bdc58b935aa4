//! The thread that tells people: it performs what notifiers render, and owns time limits, pauses and the outbox's journal.

mod attempt;
mod attempts;
mod connect;
mod courier;
mod dead_letters;
mod heart;
mod http;
mod journal;
mod keeping;
mod line;
mod numbers;
mod preflight;
mod program;
mod resend;
mod smtp;
mod transports;
mod trying;

pub use crate::outbox::{Directory, Outbox};
pub use courier::{Lines, Message, Now, Origin, Settings, key, start};
pub use journal::{Kept, open};
pub use numbers::{Deliveries, Numbers, OfNotifier};
pub use preflight::preflight;
pub use transports::Transports;
