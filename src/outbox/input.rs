//! What the outbox is told: the records of its journal.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Directory;
use crate::plan::Timestamp;

/// One step. Variants are never removed or put into another order: their places are in journals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// Transitions that the judge made, from this number on, as JSON.
    Took { now: Timestamp, first: u64, lines: Vec<Arc<str>> },
    /// So late it is now.
    Time { now: Timestamp },
    /// Other routes or notifiers.
    Edited { now: Timestamp, directory: Directory },
    /// A dispatch was delivered.
    Accepted { notifier: Arc<str>, number: u64 },
    /// A dispatch will never be.
    Rejected { now: Timestamp, notifier: Arc<str>, number: u64, why: Arc<str> },
    /// Dead letters before this number were written down.
    Buried { before: u64 },
    /// Whoever makes the transitions knows nothing of a violation that somebody was told of.
    Forgotten { now: Timestamp, violation: Arc<str> },
    /// A dispatch that nobody has accepted goes to where its notifier is now.
    Moved { now: Timestamp, notifier: Arc<str>, number: u64 },
    /// A dispatch is on its way, or was (`in_doubt`), so that somebody may have received it; or nobody has, after all.
    Sent { notifier: Arc<str>, number: u64, in_doubt: bool },
}

impl Input {
    /// A record of the journal.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain values in memory")
    }

    /// None for the bytes of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Input> {
        postcard::from_bytes(bytes).ok()
    }
}
