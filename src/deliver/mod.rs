//! The thread that tells people: it performs what notifiers render, and owns time limits, pauses and the outbox's journal.

mod attempts;
mod courier;
mod dead_letters;
mod heart;
mod journal;
mod keeping;
mod numbers;
mod resend;
mod transport;

pub use crate::outbox::{Directory, Outbox};
pub use courier::{Lines, Message, Now, Origin, Settings, key, start};
pub use journal::{Kept, open};
pub use numbers::{Deliveries, Numbers, OfNotifier};
pub use transport::Transports;
