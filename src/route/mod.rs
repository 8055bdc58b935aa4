//! Where records go: the operators of `:routes`, and a transition on its way to people.

mod notice;

pub use notice::Notice;
