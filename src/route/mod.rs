//! Where records go: the operators of `:routes`, and a transition on its way to people.

mod notice;
pub mod reach;

pub use notice::CHANGEABLE;
pub use notice::Notice;
