//! Transitions that the tests of notifiers tell.

use serde_json::{Value as Json, json};

use super::Batch;
use crate::plan::Timestamp;
use crate::route::Notice;

const VIOLATION: &str = r#"{"v":1,"status":"violation","previous":"ok","reason":"judged",
 "threshold":"[:percentiles \"query-service response\" 0.99 600]",
 "path":["percentiles","query-service response",0.99,600],"service":"query-service response","group":{"host":"web-1"},
 "kind":"percentile","quantile":0.99,"field":"metric","pattern":null,"value":143.0,"count":1234,"matched":1217,
 "bounds":[{"comparator":"<=","limit":100}],"interval":600,"watched":1.0,"late":0,
 "window":{"start":"2023-11-14T22:10:00Z","end":"2023-11-14T22:20:00Z"},"time":"2023-11-14T22:20:00Z",
 "since":"2023-11-14T22:20:00Z","instance":"default","severity":"page","labels":{"team":"search"},
 "description":"People wait.","runbook":"https://wiki.example.com/slow",
 "summary":"p99 of query-service response is 143, over 100 (10 min, 17 of 1234 events above)",
 "dedup_key":"3f2a","violation_id":"9c1d"}"#;

pub fn violation() -> Notice {
    Notice::parse(VIOLATION).expect("a transition")
}

pub fn recovery() -> Notice {
    let changes = json!({"status": "ok", "previous": "violation", "value": 80.0, "matched": 1234,
        "window": {"start": "2023-11-14T22:20:00Z", "end": "2023-11-14T22:30:00Z"}, "time": "2023-11-14T22:30:00Z",
        "summary": "p99 of query-service response is 80, back within 100 (10 min)"});
    with(&changes)
}

/// The violation, but for these keys.
pub fn with(changes: &Json) -> Notice {
    let mut json: Json = serde_json::from_str(VIOLATION).expect("JSON");
    for (key, value) in changes.as_object().expect("an object") {
        json[key] = value.clone();
    }
    Notice::parse(&json.to_string()).expect("a transition")
}

/// Told as `key-1` at 2023-11-14T22:20:00Z and a bit.
pub fn batch(notices: &[Notice]) -> Batch<'_> {
    Batch { notices, key: "key-1", now: Timestamp::clamped(1_700_000_400_250_000), is_test: false }
}

pub fn test_batch(notices: &[Notice]) -> Batch<'_> {
    Batch { is_test: true, ..batch(notices) }
}
