//! A transition on its way to people.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::engine::{Fields, Value};
use crate::plan::{Field, Number, Timestamp};

/// A transition as JSON, section 4 of the contract: as it was produced, or with what `(with …)` made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    json: Map<String, Json>,
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
        let Json::Object(json) = serde_json::from_str(text).ok()? else { return None };
        let notice = Notice { json };
        let is_whole = matches!(notice.text("status"), "ok" | "violation")
            && !notice.text("dedup_key").is_empty()
            && !notice.text("violation_id").is_empty();
        is_whole.then_some(notice)
    }

    /// One line of JSON.
    pub fn line(&self) -> Arc<str> {
        serde_json::to_string(&self.json).expect("JSON of JSON").into()
    }

    pub fn json(&self) -> &Map<String, Json> {
        &self.json
    }

    /// The text at a key; empty where there is none.
    pub fn text(&self, key: &str) -> &str {
        self.json.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    /// Whether it ends a violation.
    pub fn is_recovery(&self) -> bool {
        self.text("status") == "ok"
    }

    /// What a recovery and its violation have in common.
    pub fn violation_id(&self) -> &str {
        self.text("violation_id")
    }

    /// The same for all violations of one subject.
    pub fn dedup_key(&self) -> &str {
        self.text("dedup_key")
    }

    /// When it changed, by the end of its window.
    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::from_rfc3339(self.text("time").as_bytes())
    }

    /// Sets what `(with …)` says; `value` nil takes it away.
    pub fn set(&mut self, field: &Field, value: &Value<'_>) {
        let value = to_json(value);
        let name = field.name();
        if CHANGEABLE.contains(&name) {
            self.json.insert(name.to_string(), value);
            return;
        }
        let labels = self.json.entry("labels").or_insert_with(|| Json::Object(Map::new()));
        let Json::Object(labels) = labels else { return };
        match value {
            Json::Null => drop(labels.shift_remove(name)),
            Json::String(text) => drop(labels.insert(name.to_string(), Json::String(text))),
            other => drop(labels.insert(name.to_string(), Json::String(other.to_string()))),
        }
    }

    /// The recovery under the identity that its violation was told with.
    pub fn identified_as(mut self, violation: &Notice) -> Notice {
        for key in IDENTITY {
            if let Some(value) = violation.json.get(key) {
                self.json.insert(key.to_string(), value.clone());
            }
        }
        self
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
        let at = |key: &str| self.json.get(key).filter(|value| !value.is_null());
        let within = |key: &str| self.json.get(key).and_then(|map| map.get(field.name()));
        let own = at(own).or_else(|| own.contains('-').then(|| at(&own.replace('-', "_"))).flatten());
        let value = own.or_else(|| within("group")).or_else(|| within("labels"));
        Cow::Owned(value.map_or(Value::Nil, from_json))
    }
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
