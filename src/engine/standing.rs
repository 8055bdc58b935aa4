//! The status of a subject, and the row of windows that may change it.

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::plan::Policy;

/// The last settled status, and how many windows in a row have said otherwise since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub status: Verdict,
    row: u32,
    /// When the present violation began, in microseconds, if there is one.
    pub since: Option<i64>,
}

impl Default for Standing {
    fn default() -> Standing {
        Standing { status: Verdict::Ok, row: 0, since: None }
    }
}

impl Standing {
    /// Forgets what windows since the last change have said.
    pub fn begin_row(&mut self) {
        self.row = 0;
    }

    /// Takes a run of `length` windows with one verdict; returns which of them (from 0) changed the status.
    pub fn settle(&mut self, verdict: Verdict, length: i64, policy: &Policy) -> Option<i64> {
        if verdict == self.status {
            self.row = 0;
            return None;
        }
        let needed = match verdict {
            Verdict::Violation => policy.violate_after,
            Verdict::Ok => policy.recover_after,
        };
        let missing = i64::from(needed.saturating_sub(self.row)).max(1);
        if length < missing {
            self.row += u32::try_from(length).expect("shorter than what was missing of a u32");
            return None;
        }
        self.row = 0;
        self.status = verdict;
        Some(missing - 1)
    }
}
