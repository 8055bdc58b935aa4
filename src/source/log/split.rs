//! What people want to know of a format: where in a line each value is, and what it is for.

use super::compile::{Role, Step};
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

    /// Names of the fields that an event has of the variable of this label, if it has a value there.
    pub fn uses(&self, label: &str) -> Vec<&str> {
        let steps = &self.compiled.steps;
        let at = steps.iter().position(|step| step.variable.label == label);
        at.map_or_else(Vec::new, |at| uses(steps, at))
    }
}

/// What the role of a step says, unless another says it better, and the attribute of its name.
fn uses(steps: &[Step], at: usize) -> Vec<&str> {
    let is_there = |role: Role| steps.iter().any(|step| step.variable.role == role);
    let Step { variable, .. } = &steps[at];
    let mut uses = Vec::new();
    let mut add = |name: &'static str, is_best: bool| {
        if is_best {
            uses.push(name);
        }
    };
    match variable.role {
        Role::Time(_) | Role::StartTime(_) => add("time", true),
        Role::Status => add("status-code", true),
        Role::Request => {
            add("method", !is_there(Role::Method));
            add("path", true);
            add("query", !is_there(Role::Args));
            add("protocol", !is_there(Role::Protocol));
        }
        Role::Method => add("method", true),
        Role::Uri => {
            add("path", !is_there(Role::Request));
            add("query", !is_there(Role::Request) && !is_there(Role::Args));
        }
        Role::Args => add("query", true),
        Role::Protocol => add("protocol", true),
        Role::Duration { .. } => add("metric", true),
        Role::Host { .. } => add("host", true),
        Role::State => add("state", true),
        Role::Description => add("description", true),
        Role::Plain | Role::Bytes => {}
    }
    if !uses.contains(&variable.name.as_str()) {
        uses.push(&variable.name);
    }
    uses
}
