//! The transitions that `notify` and `routes` show: given, or such as a threshold could give.

use std::io::{self, Read as _};

use clap::Args;

use crate::engine::{Transition, Verdict};
use crate::plan::{Plan, Timestamp};
use crate::route::Notice;

/// So many bytes of transitions are read.
const MOST: u64 = 64 << 20;

#[derive(Args, Debug)]
pub struct Of {
    /// Transitions to show, one JSON object a line, as `run` and `replay --format json` print them; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
    transition: Option<String>,
    /// The threshold whose violation to show, by its id [default: the first]
    #[arg(long, value_name = "ID")]
    threshold: Option<String>,
}

impl Of {
    /// Whether one threshold or file is asked for.
    pub fn is_given(&self) -> bool {
        self.transition.is_some() || self.threshold.is_some()
    }

    /// The transitions: of a threshold, a violation and its recovery.
    pub fn notices(&self, plan: &Plan, now: Timestamp) -> Result<Vec<Notice>, String> {
        if let Some(path) = &self.transition {
            return read(path).map_err(|error| format!("--transition: {path}: {error}"));
        }
        let at = match &self.threshold {
            None if plan.thresholds.is_empty() => {
                return Err(
                    "there is no threshold to show a transition of; give one with --transition FILE".to_string()
                );
            }
            None => 0,
            Some(id) => plan.thresholds.iter().position(|threshold| threshold.id == *id).ok_or_else(|| {
                let ids: Vec<&str> = plan.thresholds.iter().take(5).map(|threshold| threshold.id.as_str()).collect();
                let more = if plan.thresholds.len() > ids.len() { ", …" } else { "" };
                format!("there is no threshold {id}; there are {}{more}", ids.join(", "))
            })?,
        };
        Ok([Verdict::Violation, Verdict::Ok].map(|to| sample(plan, at, to, now)).to_vec())
    }
}

/// A transition such as a threshold could give now.
pub fn sample(plan: &Plan, at: usize, to: Verdict, now: Timestamp) -> Notice {
    let line = Transition::sample(plan, at, to, now).to_json(plan).to_string();
    Notice::parse(&line).expect("a transition of ours is whole")
}

fn read(path: &str) -> io::Result<Vec<Notice>> {
    let mut text = String::new();
    match path {
        "-" => io::stdin().lock().take(MOST).read_to_string(&mut text)?,
        path => std::fs::File::open(path)?.take(MOST).read_to_string(&mut text)?,
    };
    let mut notices = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let notice = Notice::parse(line).ok_or_else(|| {
            let number = number + 1;
            io::Error::other(format!(
                "line {number} is no transition: it needs `status`, `dedup_key` and `violation_id`"
            ))
        })?;
        notices.push(notice);
    }
    if notices.is_empty() {
        return Err(io::Error::other("there is no transition in it"));
    }
    Ok(notices)
}
