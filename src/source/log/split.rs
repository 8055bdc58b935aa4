//! What people want to know of a format: where in a line each value is, and what its time is.

use super::decode::no_end;
use super::end::end;
use super::{LogDecoder, LogFormat};
use crate::source::Refused;

/// A line in its fields: what the format calls each, and its value as the log has it.
pub type Split = Vec<(String, Vec<u8>)>;

/// What the time of an event is that a format reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeIs {
    /// When the request was done: the log says so.
    Completion,
    /// The same: the log says when it began, and how long it took.
    StartAndDuration,
    /// When the request began: the log does not say how long it took.
    Start,
}

impl LogDecoder {
    /// Splits a line, without its end, into its fields; None if it says nothing of its own.
    ///
    /// # Errors
    /// The variable whose end was not found. A value that is none (a status of two digits) is no error here.
    pub fn split(&self, line: &[u8]) -> Result<Option<Split>, Refused> {
        let format = self.format();
        let mut rest = line
            .strip_prefix(format.prefix.as_slice())
            .ok_or_else(|| Refused::expected("the text that the log format begins with", 0))?;
        let mut fields = Split::new();
        for step in &format.steps {
            let end = end(step, rest, format).ok_or_else(|| no_end(step, line.len() - rest.len()))?;
            fields.push((step.variable.label.clone(), rest[..end].to_vec()));
            if !step.last {
                rest = &rest[if step.peeks { end } else { end + step.literal.len() }..];
            }
        }
        Ok(Some(fields))
    }
}

impl LogFormat {
    /// What the time of an event is.
    pub fn time_is(&self) -> TimeIs {
        match (self.compiled.starts_at_request, self.compiled.is_start) {
            (true, _) => TimeIs::Start,
            (false, true) => TimeIs::StartAndDuration,
            (false, false) => TimeIs::Completion,
        }
    }

    /// Whether lines say in which zone their time is; all do that are read today, or count from 1970.
    pub fn has_zone(&self) -> bool {
        true
    }
}
