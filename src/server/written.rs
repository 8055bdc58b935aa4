//! The thresholds of a running daemon as JSON, `GET /thresholds`: enough to say what an edit of them would do.
//!
//! ```text
//! {"v":1,"program":"0.1.0","instance":"default","time":"…","max_skew":60000000,"routing":"DIGEST",
//!  "thresholds":[{"groups":1,"violated":0,"where":null,"plan":{…}},…]}
//! ```
//!
//! In order of id; lengths of time are microseconds. `plan` is a threshold as programs of this `v` keep it. A `:where` may
//! hold what `#env` and `#file` gave, and is nowhere else shown: of it, as of routes and notifiers, there is a digest.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::engine::{Evaluator, digest};
use crate::plan::{Expression, Pattern, Plan, Service, Threshold, Timestamp};

const VERSION: u64 = 1;

/// What a daemon has said of its thresholds.
#[derive(Clone, Debug)]
pub struct Written {
    pub program: String,
    pub instance: String,
    /// How far ahead of its clock an event may be, in microseconds.
    pub max_skew: i64,
    routing: String,
    pub thresholds: Vec<OfThreshold>,
}

/// One threshold.
#[derive(Clone, Debug)]
pub struct OfThreshold {
    /// Without its `:where`.
    pub threshold: Threshold,
    /// A digest of its `:where`, if it has one.
    filter: Option<String>,
    pub groups: usize,
    /// How many of them are in violation.
    pub violated: usize,
}

/// Writes the thresholds of a plan, and how many of their groups are violated.
pub fn write(plan: &Plan, evaluator: &Evaluator, now: Timestamp) -> String {
    let head = json!({
        "v": VERSION,
        "program": env!("CARGO_PKG_VERSION"),
        "instance": plan.instance,
        "time": now.to_string(),
        "max_skew": plan.max_skew,
        "routing": routing(plan),
    });
    // Text, a threshold after the other: as one tree it would be many times as much.
    let mut text = head.to_string();
    text.pop();
    text.push_str(",\"thresholds\":[");
    for (at, threshold) in plan.thresholds.iter().enumerate() {
        let (groups, violated) = evaluator.groups(at);
        let shown = Threshold { filter: None, ..threshold.clone() };
        let filter = threshold.filter.as_ref().map(of_filter);
        let written = json!({"groups": groups, "violated": violated, "where": filter, "plan": shown});
        // Writing to a text does not fail.
        let _ = write!(text, "{}{written}", if at > 0 { "," } else { "" });
    }
    text.push_str("]}\n");
    text
}

/// The same for the same `:where` only.
fn of_filter(filter: &Expression) -> String {
    let bytes = postcard::to_stdvec(filter).expect("plain values in memory");
    digest([bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().as_str()])
}

/// The same for the same routes and notifiers, secrets apart: those are not in what is digested.
fn routing(plan: &Plan) -> String {
    digest([format!("{:?}", plan.routing).as_str()])
}

impl Written {
    /// Reads what [`write`] has written; others may have written anything.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn read(bytes: &[u8]) -> Result<Written, String> {
        #[derive(Deserialize)]
        struct Head {
            program: String,
            instance: String,
            max_skew: i64,
            routing: String,
            thresholds: Vec<Of>,
        }
        #[derive(Deserialize)]
        struct Of {
            groups: usize,
            violated: usize,
            #[serde(rename = "where")]
            filter: Option<String>,
            plan: Threshold,
        }
        let json: Json = serde_json::from_slice(bytes).map_err(|error| format!("no JSON ({error})"))?;
        match json.get("v").and_then(Json::as_u64) {
            Some(VERSION) => {}
            Some(other) => return Err(format!("thresholds of version {other}; this version reads {VERSION}")),
            None => return Err("JSON that does not say its version, `v`".to_string()),
        }
        let head: Head =
            serde_json::from_value(json).map_err(|error| format!("thresholds that cannot be read ({error})"))?;
        let of = |Of { groups, violated, filter, plan }: Of| OfThreshold { threshold: plan, filter, groups, violated };
        let mut thresholds: Vec<OfThreshold> = head.thresholds.into_iter().map(of).collect();
        thresholds.sort_by(|a, b| a.threshold.id.cmp(&b.threshold.id));
        thresholds.dedup_by(|a, b| a.threshold.id == b.threshold.id);
        if let Some(of) = thresholds.iter().find(|of| !is_sound(&of.threshold)) {
            return Err(format!("a threshold that no file could say, {}", of.threshold.id));
        }
        let Head { program, instance, max_skew, routing, .. } = head;
        if !(0..=MOST).contains(&max_skew) {
            return Err("a `max_skew` that no file could say".to_string());
        }
        Ok(Written { program, instance, max_skew, routing, thresholds })
    }

    /// The thresholds, with the `:where` of those of `new` of which the digest is the same; and the ids of those whose
    /// `:where` is not known, which stands as another one than that of `new`.
    pub fn thresholds(&self, new: &Plan) -> (Vec<Threshold>, Vec<String>) {
        let mut hidden = Vec::new();
        let known = |of: &OfThreshold| {
            let id = &of.threshold.id;
            let found = new.thresholds.binary_search_by(|known| known.id.cmp(id)).ok();
            let wanted = found.and_then(|found| new.thresholds[found].filter.as_ref());
            let filter = of.filter.as_ref().map(|filter| match wanted {
                Some(wanted) if of_filter(wanted) == *filter => wanted.clone(),
                wanted => {
                    hidden.push(id.clone());
                    if wanted == Some(&Expression::Nil) { Expression::Bool(true) } else { Expression::Nil }
                }
            });
            Threshold { filter, ..of.threshold.clone() }
        };
        let thresholds = self.thresholds.iter().map(known).collect();
        (thresholds, hidden)
    }

    /// Whether routes or notifiers of `new` are others; None if that cannot be told from the digest of another version.
    pub fn routing_differs(&self, new: &Plan) -> Option<bool> {
        (self.program == env!("CARGO_PKG_VERSION")).then(|| self.routing != routing(new))
    }
}

/// A hundred years, in microseconds.
const MOST: i64 = 100 * 366 * 86_400 * 1_000_000;

/// Whether a threshold is one that the engine can work with. That its patterns are some is not asked: see
/// [`bad_pattern`].
fn is_sound(threshold: &Threshold) -> bool {
    let Threshold { bounds, interval, every, grace, policy, .. } = threshold;
    !bounds.is_empty()
        && interval.micros() % every.micros() == 0
        && (0..=MOST).contains(grace)
        && (0..=MOST).contains(&policy.max_gap)
        && policy.violate_after >= 1
        && policy.recover_after >= 1
        && policy.forget.micros() / 2 >= interval.micros()
}

/// The first pattern of a threshold that is none, or that is too large.
pub fn bad_pattern(threshold: &Threshold) -> Option<&str> {
    let service = match &threshold.service {
        Service::Exactly(_) => None,
        Service::Matching(pattern) => Some(pattern),
    };
    let patterns = service.into_iter().chain(threshold.measure.pattern());
    let mut texts = patterns.map(Pattern::as_str);
    texts.find(|pattern| Pattern::new(pattern).is_err())
}
