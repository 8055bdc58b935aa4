//! A transition on its way to people.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Record;
use crate::engine::{Fields, Value};
use crate::plan::{Field, Number, Timestamp};

/// A transition as JSON, section 4 of the contract: as it was produced, or with what `(with …)` made of it.
///
/// Little more than its text while nobody asks for its fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Notice {
    line: Arc<str>,
    violation_id: Arc<str>,
    /// What `line` says, once it has been asked for.
    parsed: OnceLock<Arc<Map<String, Json>>>,
}

/// What says which violation a notice belongs to: a recovery has it from its violation, as that was told.
pub const IDENTITY: [&str; 12] = [
    "dedup_key",
    "description",
    "group",
    "instance",
    "labels",
    "path",
    "runbook",
    "service",
    "severity",
    "since",
    "threshold",
    "violation_id",
];

/// What `(with …)` changes; any other name is a label's.
pub const CHANGEABLE: [&str; 4] = ["description", "runbook", "severity", "summary"];

impl Notice {
    /// None if it is no JSON object with what a transition must have to be told: `status`, `dedup_key`, `violation_id`.
    pub fn parse(text: &str) -> Option<Notice> {
        whole(text).map(|json| Notice::of(written(&json), json))
    }

    /// The same of a line that was written by us, which is shared.
    pub fn read(line: &Arc<str>) -> Option<Notice> {
        Some(Notice::of(Arc::clone(line), whole(line)?))
    }

    fn of(line: Arc<str>, json: Map<String, Json>) -> Notice {
        let violation_id = json.get("violation_id").and_then(Json::as_str).unwrap_or_default().into();
        Notice { line, violation_id, parsed: Arc::new(json).into() }
    }

    /// The same with another map.
    fn changed(&self, change: impl FnOnce(&mut Map<String, Json>)) -> Notice {
        let mut json = self.json().clone();
        change(&mut json);
        Notice::of(written(&json), json)
    }

    /// One line of JSON.
    pub fn line(&self) -> Arc<str> {
        Arc::clone(&self.line)
    }

    pub fn json(&self) -> &Map<String, Json> {
        self.parsed.get_or_init(|| Arc::new(serde_json::from_str(&self.line).expect("the line was written from a map")))
    }

    /// The same map, to be changed; the caller writes the line anew.
    fn json_mut(&mut self) -> &mut Map<String, Json> {
        self.json();
        Arc::make_mut(self.parsed.get_mut().expect("it has just been asked for"))
    }

    /// The text at a key; empty where there is none.
    /// For people: what has become of what.
    pub fn headline(&self) -> String {
        format!("{}: {}", self.text("status"), self.text("summary"))
    }

    pub fn text(&self, key: &str) -> &str {
        self.json().get(key).and_then(Json::as_str).unwrap_or_default()
    }

    /// Whether it ends a violation.
    pub fn is_recovery(&self) -> bool {
        self.text("status") == "ok"
    }

    /// What a recovery and its violation have in common.
    pub fn violation_id(&self) -> &str {
        &self.violation_id
    }

    /// The same for all violations of one subject.
    pub fn dedup_key(&self) -> &str {
        self.text("dedup_key")
    }

    /// When it changed, by the end of its window.
    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::from_rfc3339(self.text("time").as_bytes())
    }

    /// The same as a test: under a key of its own, lest its recovery ends what is really violated.
    pub fn as_test(&self) -> Notice {
        self.changed(|json| {
            for key in ["dedup_key", "violation_id"] {
                json.insert(key.to_string(), format!("test-{}", self.text(key)).into());
            }
        })
    }

    /// The recovery of a violation that nobody knows any more: the state that it was in is lost.
    pub fn forgotten(&self, now: Timestamp) -> Notice {
        let summary = format!("not known to be violated any more, since state was lost: {}", self.text("summary"));
        self.changed(|json| {
            for (key, value) in [
                ("status", "ok".into()),
                ("previous", "violation".into()),
                ("reason", "forgotten".into()),
                ("summary", summary.into()),
                ("value", Json::Null),
                ("time", now.to_string().into()),
            ] {
                json.insert(key.to_string(), value);
            }
        })
    }

    /// The recovery under the identity that its violation was told with.
    pub fn identified_as(&self, violation: &Notice) -> Notice {
        self.changed(|json| {
            for key in IDENTITY {
                if let Some(value) = violation.json().get(key) {
                    json.insert(key.to_string(), value.clone());
                }
            }
        })
    }
}

impl Record for Notice {
    fn id(&self) -> &str {
        self.violation_id()
    }

    /// Sets what `(with …)` says; `value` nil takes it away.
    fn set(&mut self, field: &Field, value: &Value<'_>) {
        let value = to_json(value);
        let name = field.name();
        let json = self.json_mut();
        if CHANGEABLE.contains(&name) {
            json.insert(name.to_string(), value);
        } else if let Json::Object(labels) = json.entry("labels").or_insert_with(|| Json::Object(Map::new())) {
            match value {
                Json::Null => drop(labels.shift_remove(name)),
                Json::String(text) => drop(labels.insert(name.to_string(), Json::String(text))),
                other => drop(labels.insert(name.to_string(), Json::String(other.to_string()))),
            }
        }
        self.line = written(json);
    }

    fn rest(&mut self) {
        self.parsed = OnceLock::new();
    }
}

impl PartialEq for Notice {
    fn eq(&self, other: &Notice) -> bool {
        self.line == other.line || self.json() == other.json()
    }
}

impl TryFrom<String> for Notice {
    type Error = &'static str;

    fn try_from(line: String) -> Result<Notice, &'static str> {
        let mut notice = Notice::parse(&line).ok_or("no transition")?;
        notice.rest();
        Ok(notice)
    }
}

impl From<Notice> for String {
    fn from(notice: Notice) -> String {
        notice.line.to_string()
    }
}

impl Fields for Notice {
    /// A transition's own keys first (`-` or `_`), then the fields of its group, then its labels.
    fn field<'s>(&'s self, field: &Field) -> Cow<'s, Value<'s>> {
        let own = match field {
            Field::State => "status",
            Field::Metric => "value",
            Field::Time => {
                let seconds =
                    self.time().map_or(Value::Nil, |time| Value::Number(Number::Int(time.micros() / 1_000_000)));
                return Cow::Owned(seconds);
            }
            other => other.name(),
        };
        let at = |key: &str| self.json().get(key).filter(|value| !value.is_null());
        let within = |key: &str| self.json().get(key).and_then(|map| map.get(field.name()));
        let own = at(own).or_else(|| own.contains('-').then(|| at(&own.replace('-', "_"))).flatten());
        let value = own.or_else(|| within("group")).or_else(|| within("labels"));
        Cow::Owned(value.map_or(Value::Nil, from_json))
    }
}

/// What a transition says, if it has what it must have to be told.
fn whole(text: &str) -> Option<Map<String, Json>> {
    let json: Map<String, Json> = serde_json::from_str(text).ok()?;
    let text_at = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
    let is_whole = matches!(text_at("status"), "ok" | "violation")
        && !text_at("dedup_key").is_empty()
        && !text_at("violation_id").is_empty();
    is_whole.then_some(json)
}

fn written(json: &Map<String, Json>) -> Arc<str> {
    serde_json::to_string(json).expect("JSON of JSON").into()
}

fn from_json(json: &Json) -> Value<'_> {
    match json {
        Json::Null | Json::Object(_) => Value::Nil,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => Number::parse_json(number.to_string().as_bytes()).map_or(Value::Nil, Value::Number),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
    }
}

fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        other => {
            let mut text = Vec::new();
            other.write_text(&mut text);
            Json::String(String::from_utf8_lossy(&text).into_owned())
        }
    }
}
