//! What notifiers say and what performs it, against servers that are strict, and servers that fail.

mod http;
mod laws;
mod line;
mod program;
pub mod smtp;

use std::time::Duration;

use highwater::deliver::Transports;
use highwater::notify::{Answer, Batch, Effect, Outcome, Trouble, answer, render};
use highwater::plan::{Notifier, Timestamp, Via};
use highwater::route::Notice;
use serde_json::{Value as Json, json};

use crate::daemon::PATIENCE;

/// Transports on a runtime, as the delivery thread has them.
pub struct Sender {
    runtime: Option<tokio::runtime::Runtime>,
    pub transports: Transports,
}

impl Sender {
    pub fn new() -> Sender {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Sender { runtime: Some(runtime), transports: Transports::default() }
    }

    pub fn perform(&self, effect: &Effect, timeout: Duration) -> Result<Answer, Trouble> {
        self.runtime().block_on(self.transports.perform(effect, timeout))
    }

    /// Renders, performs and judges, as a whole attempt does.
    pub fn tell(&self, via: Via, notices: &[Notice]) -> Outcome {
        self.tell_within(via, notices, PATIENCE)
    }

    pub fn tell_within(&self, via: Via, notices: &[Notice], timeout: Duration) -> Outcome {
        let notifier = Notifier { via, ..Notifier::standard_output() };
        let effect = render(&notifier, &Batch { notices, key: "key-1", now: now(), is_test: false });
        match self.perform(&effect, timeout) {
            Ok(said) => answer(&notifier.via, &said),
            Err(trouble) => trouble.into(),
        }
    }

    pub fn runtime(&self) -> &tokio::runtime::Runtime {
        self.runtime.as_ref().expect("until it is dropped")
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.runtime.take().expect("until it is dropped").shutdown_background();
    }
}

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::clamped(since.as_micros() as i64)
}

/// A violation, but for these keys.
pub fn notice(changes: Json) -> Notice {
    let mut json = json!({"v": 1, "status": "violation", "previous": "ok", "reason": "judged",
        "threshold": "[:percentiles \"checkout\" 0.99 600]", "path": ["percentiles", "checkout", 0.99, 600],
        "service": "checkout", "group": {"host": "web-1"}, "kind": "percentile", "quantile": 0.99, "field": "metric",
        "pattern": null, "value": 143.0, "count": 1234, "matched": 1217,
        "bounds": [{"comparator": "<=", "limit": 100}], "interval": 600, "watched": 1.0, "late": 0,
        "window": {"start": "2023-11-14T22:10:00Z", "end": "2023-11-14T22:20:00Z"}, "time": "2023-11-14T22:20:00Z",
        "since": "2023-11-14T22:20:00Z", "instance": "default", "severity": "page", "labels": {"team": "shop"},
        "description": "People wait.", "runbook": "https://wiki.example.com/slow",
        "summary": "p99 of checkout is 143, over 100 (10 min, 17 of 1234 events above)", "dedup_key": "3f2a",
        "violation_id": "9c1d"});
    for (key, value) in changes.as_object().expect("an object") {
        json[key] = value.clone();
    }
    Notice::parse(&json.to_string()).expect("a transition")
}

pub fn violation() -> Notice {
    notice(json!({}))
}

pub fn recovery() -> Notice {
    notice(json!({"status": "ok", "previous": "violation", "value": 80.0, "time": "2023-11-14T22:30:00Z",
        "summary": "p99 of checkout is 80, back within 100 (10 min)"}))
}

/// Why it is tried again; fails if it is not.
pub fn why(outcome: Outcome) -> String {
    match outcome {
        Outcome::Retry { why, .. } => why,
        other => panic!("{other:?}"),
    }
}
