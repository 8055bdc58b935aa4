//! The thresholds of a running daemon as JSON, `GET /thresholds`: enough to say what an edit of them would do.
//!
//! ```text
//! {"v":1,"program":"0.1.0","instance":"default","time":"…","max_skew":60000000,"routing":"DIGEST",
//!  "thresholds":[{"id":"…","groups":1,"violated":0,"where":null,"plan":"HEX"},…]}
//! ```
//!
//! In order of id; lengths of time are microseconds. `plan` is a threshold as state folders keep it, without its `:where`.
//! That may hold what `#env` and `#file` gave, and is nowhere else shown: of it, as of routes and notifiers, there is a
//! digest.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::engine::{Evaluator, digest};
use crate::order;
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
        let plan = hex(&postcard::to_stdvec(&shown).expect("plain values in memory"));
        let written = json!({
            "id": threshold.id, "groups": groups, "violated": violated, "where": filter, "plan": plan,
        });
        // Writing to a text does not fail.
        let _ = write!(text, "{}{written}", if at > 0 { "," } else { "" });
    }
    text.push_str("]}\n");
    text
}

/// The same for the same `:where` only.
fn of_filter(filter: &Expression) -> String {
    let bytes = postcard::to_stdvec(filter).expect("plain values in memory");
    digest([hex(&bytes).as_str()])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// None if it is no whole number of bytes in hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(*pair.get(1)?)?).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

/// The same for the same routes and notifiers, secrets apart: those are not in what is digested.
fn routing(plan: &Plan) -> String {
    digest([format!("{:?}", plan.routing).as_str()])
}

impl Written {
    /// Reads what `write` has written; others may have written anything.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn read(bytes: &[u8]) -> Result<Written, String> {
        let json: Json = serde_json::from_slice(bytes).map_err(|error| format!("no JSON ({error})"))?;
        match json.get("v").and_then(Json::as_u64) {
            Some(VERSION) => {}
            Some(other) => return Err(format!("thresholds of version {other}; this version reads {VERSION}")),
            None => return Err("JSON that does not say its version, `v`".to_string()),
        }
        let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_string);
        let all = json.get("thresholds").and_then(Json::as_array);
        let read = || {
            let thresholds: Option<Vec<OfThreshold>> = all?.iter().map(OfThreshold::read).collect();
            Some((text("program")?, text("instance")?, json.get("max_skew")?.as_i64()?, text("routing")?, thresholds?))
        };
        let Some((program, instance, max_skew, routing, mut thresholds)) = read() else {
            return Err("thresholds that cannot be read".to_string());
        };
        order::by(&mut thresholds, |a, b| a.threshold.id.cmp(&b.threshold.id));
        thresholds.dedup_by(|a, b| a.threshold.id == b.threshold.id);
        if let Some(of) = thresholds.iter().find(|of| !is_sound(&of.threshold)) {
            return Err(format!("a threshold that no file could say, {}", of.threshold.id));
        }
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

impl OfThreshold {
    fn read(json: &Json) -> Option<OfThreshold> {
        let count = |name: &str| json.get(name)?.as_u64().and_then(|n| usize::try_from(n).ok());
        let threshold = postcard::from_bytes(&unhex(json.get("plan")?.as_str()?)?).ok()?;
        let filter = json.get("where").and_then(Json::as_str).map(str::to_string);
        Some(OfThreshold { threshold, filter, groups: count("groups")?, violated: count("violated")? })
    }
}

/// A hundred years, in microseconds.
const MOST: i64 = 100 * 366 * 86_400 * 1_000_000;

/// As many as a file can say.
const MOST_HOPS: i64 = 1_000_000;

/// Whether a threshold is one that the engine can work with. That its patterns are some is not asked: see
/// [`bad_pattern`].
fn is_sound(threshold: &Threshold) -> bool {
    let Threshold { bounds, interval, every, grace, policy, .. } = threshold;
    !bounds.is_empty()
        && interval.micros() % every.micros() == 0
        && interval.micros() / every.micros() <= MOST_HOPS
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config;
    use crate::engine::{Compiled, Edit, Watching, edits};

    const MANY: &str = r#"{:percentiles {"q" {0.5 {:<= 100.25 :interval 600 :labels {:team "s"}}
                                              0.99 {:<= 100 :interval 600 :by [:host] :where (= :a 0.30000000000000004)}}}
        :histograms {#re "^w" {:status-code {"^2" {:>= 0.95 :interval 300 :type :percentage :for 2}
                                             ".*" {:> 0 :interval 300 :type :count :where (= :host "h1dden")}}}}}"#;

    fn plan(text: &str) -> Plan {
        config::from_text(text).plan.unwrap_or_else(|| panic!("{text} has an error"))
    }

    fn written(plan: Plan) -> String {
        let evaluator = Evaluator::new(&Compiled::new(Arc::new(plan.clone())), Watching::Whole);
        write(&plan, &evaluator, Timestamp::clamped(1_700_000_000_000_000))
    }

    #[test]
    fn what_was_written_is_read_as_it_was_and_no_where_is_told() {
        let text = written(plan(MANY));
        assert!(!text.contains("h1dden") && !text.contains(&hex(b"h1dden")), "{text}");
        let read = Written::read(text.as_bytes()).expect("it was written just now");
        let (old, hidden) = read.thresholds(&plan(MANY));
        assert_eq!(hidden, Vec::<String>::new());
        assert_eq!(edits(&old, &plan(MANY).thresholds).count(Edit::Kept), 4);
        assert_eq!(read.routing_differs(&plan(MANY)), Some(false));
        // The next double is another number.
        let other = plan(&MANY.replace("0.30000000000000004", "0.3"));
        let (old, hidden) = read.thresholds(&other);
        assert_eq!((hidden.len(), edits(&old, &other.thresholds).count(Edit::Windows)), (1, 1));
    }

    #[test]
    fn what_no_daemon_says_is_an_error() {
        let text = written(plan(MANY));
        for (what, bytes) in [
            ("nothing", String::new()),
            ("half", text[..text.len() / 2].to_string()),
            ("a page", "<html>".to_string()),
            ("other JSON", "{\"v\":1}".to_string()),
            ("another version", text.replacen("\"v\":1", "\"v\":2", 1)),
            ("deep", "[".repeat(100_000)),
            ("no hexadecimal digits", text.replacen("\"plan\":\"", "\"plan\":\"x", 1)),
            ("half a byte", text.replacen("\"plan\":\"", "\"plan\":\"0", 1)),
            ("a skew of ever", text.replace("\"max_skew\":60000000", "\"max_skew\":9000000000000000000")),
        ] {
            assert!(Written::read(bytes.as_bytes()).is_err(), "{what}");
        }
        let mut odd = plan(MANY);
        odd.thresholds[0].policy.violate_after = 0;
        let evaluator = Evaluator::new(&Compiled::new(Arc::new(plan(MANY))), Watching::Whole);
        let text = write(&odd, &evaluator, Timestamp::clamped(0));
        assert!(
            Written::read(text.as_bytes()).is_err_and(|error| error.contains("no file could say")),
            "a row of none"
        );
    }
}
