//! Where records go: the operators of `:routes`, and a transition on its way to people.

mod notice;
mod router;

pub use notice::Notice;
pub use router::{Record, Router, Sending};
