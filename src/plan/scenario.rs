//! Events in, the whole expected timeline out: checked.

use super::{Field, Number, Timestamp};
use crate::edn::Span;

/// One scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub start: Timestamp,
    /// Time passes up to here.
    pub end: Timestamp,
    pub series: Vec<Series>,
    /// In the order written.
    pub expected: Vec<Expected>,
    /// Of its map.
    pub place: Span,
    /// Of the value of `:expect`, if there is one.
    pub expect: Option<Span>,
}

/// Events so long apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Of the first.
    pub from: Timestamp,
    /// In microseconds, above zero.
    pub every: i64,
    /// How many steps there are, gaps included.
    pub steps: u64,
    pub fields: Vec<(Field, Sequence)>,
}

/// The values of a field, step by step: a value (none is a gap) and for how many steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Sequence {
    /// In each event.
    Always(Plain),
    Steps(Vec<(Option<Plain>, u64)>),
}

/// A value of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    List(Vec<Plain>),
}

/// One transition that must come.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub at: Timestamp,
    /// `ok` or `violation`.
    pub status: &'static str,
    pub threshold: String,
    /// As compact JSON; None: whichever.
    pub group: Option<String>,
    /// Other keys of the transition, as JSON.
    pub more: Vec<(String, serde_json::Value)>,
    pub place: Span,
}

impl Sequence {
    /// None: it holds for all.
    pub fn len(&self) -> Option<u64> {
        match self {
            Sequence::Always(_) => None,
            Sequence::Steps(steps) => Some(steps.iter().map(|(_, count)| count).sum()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}
