//! `:pagerduty`: Events API v2. A violation triggers, its recovery resolves what has the same key.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    Batch, Request, about_json, closed_severity, cut, json_bytes, one_line, record, request_headers, summary, texts,
};
use crate::plan::{Headers, PagerDuty};
use crate::route::Notice;

/// What the API takes: a whole event in bytes, and texts in characters.
const EVENT: usize = 512_000;
const SUMMARY: usize = 1024;
const KEY: usize = 255;
/// So that no field alone fills the event; the API names no limit for these.
const FIELD: usize = 1024;

pub fn render(pagerduty: &PagerDuty, batch: &Batch<'_>) -> Request {
    let event = batch.notices.first().map_or(Json::Null, |notice| event(pagerduty, notice, batch.is_test));
    Request {
        url: pagerduty.url.clone(),
        headers: request_headers(&about_json(), &Headers::default()),
        body: within_limit(event),
        hidden: Some(pagerduty.routing_key.clone()),
        ca: pagerduty.ca.clone(),
    }
}

fn event(pagerduty: &PagerDuty, notice: &Notice, is_test: bool) -> Json {
    let mut event = Map::new();
    let mut put = |key: &str, value: Json| drop(event.insert(key.to_string(), value));
    put("routing_key", pagerduty.routing_key.0.as_str().into());
    put("event_action", if notice.is_recovery() { "resolve" } else { "trigger" }.into());
    put("dedup_key", dedup_key(notice).into());
    if notice.is_recovery() {
        return event.into();
    }
    put("payload", payload(pagerduty, notice, is_test));
    if let Some(client) = &pagerduty.client {
        put("client", field(client));
    }
    if let Some(url) = &pagerduty.client_url {
        put("client_url", url.as_str().into());
    }
    let runbook = notice.text("runbook");
    if is_link(runbook) {
        put("links", json!([{"href": runbook, "text": "Runbook"}]));
    }
    event.into()
}

fn payload(pagerduty: &PagerDuty, notice: &Notice, is_test: bool) -> Json {
    let service = notice.text("service");
    let group: Vec<_> = texts(notice, "group").filter(|(name, _)| *name != "service").collect();
    let host = group.iter().find(|(name, _)| *name == "host").map(|(_, value)| *value);
    let source = [host.unwrap_or_default(), service, notice.text("instance")];
    let source = source.into_iter().find(|text| !text.is_empty()).unwrap_or("highwater");
    let mut payload = Map::new();
    let mut put = |key: &str, value: Json| drop(payload.insert(key.to_string(), value));
    put("summary", cut(&summary(notice, is_test), SUMMARY).into());
    put("source", field(source));
    put("severity", closed_severity(&pagerduty.severities, notice.text("severity")).into());
    if let Some(time) = notice.time() {
        put("timestamp", time.to_string().into());
    }
    if !service.is_empty() {
        put("component", field(service));
    }
    if !group.is_empty() {
        let shown: Vec<_> = group.iter().map(|(name, value)| format!("{name} {value}")).collect();
        put("group", field(&shown.join(", ")));
    }
    if !notice.text("kind").is_empty() {
        put("class", field(notice.text("kind")));
    }
    put("custom_details", details(notice, is_test));
    payload.into()
}

/// The transition, without what the event says elsewhere and what is null.
fn details(notice: &Notice, is_test: bool) -> Json {
    const ELSEWHERE: [&str; 5] = ["v", "path", "summary", "dedup_key", "previous"];
    let record = record(notice, is_test).into_iter();
    Json::Object(record.filter(|(key, value)| !value.is_null() && !ELSEWHERE.contains(&key.as_str())).collect())
}

/// The event; with a word instead of the details where it would be refused for its length.
fn within_limit(mut event: Json) -> Vec<u8> {
    let whole = json_bytes(&event);
    if whole.len() <= EVENT {
        return whole;
    }
    let why = format!("left out: the whole event would have {} bytes of at most {EVENT}", whole.len());
    event["payload"]["custom_details"] = json!({ "error": why });
    let shorter = json_bytes(&event);
    if shorter.len() <= EVENT {
        return shorter;
    }
    if let Some(event) = event.as_object_mut() {
        event.shift_remove("links");
    }
    json_bytes(&event)
}

fn dedup_key(notice: &Notice) -> String {
    let key = notice.dedup_key();
    if key.chars().count() <= KEY {
        return key.to_string();
    }
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn field(text: &str) -> Json {
    cut(&one_line(text), FIELD).into()
}

pub fn is_link(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::plan::{Secret, Severities, Url};

    fn pagerduty() -> PagerDuty {
        PagerDuty {
            url: Url("https://events.pagerduty.com/v2/enqueue".to_string()),
            routing_key: Secret("0123456789abcdef0123456789abcdef".to_string()),
            severities: Severities(vec![("page".to_string(), "error".to_string())]),
            client: None,
            client_url: None,
            ca: None,
        }
    }

    fn sent(notice: Notice) -> Json {
        serde_json::from_slice(&render(&pagerduty(), &samples::batch(&[notice])).body).unwrap()
    }

    #[test]
    fn a_violation_triggers() {
        let expected = json!({
            "routing_key": "0123456789abcdef0123456789abcdef", "event_action": "trigger", "dedup_key": "3f2a",
            "payload": {
                "summary": "p99 of query-service response is 143, over 100 (10 min, 17 of 1234 events above)",
                "source": "web-1", "severity": "error", "timestamp": "2023-11-14T22:20:00Z",
                "component": "query-service response", "group": "host web-1", "class": "percentile",
                "custom_details": {
                    "status": "violation", "reason": "judged",
                    "threshold": "[:percentiles \"query-service response\" 0.99 600]",
                    "service": "query-service response", "group": {"host": "web-1"}, "kind": "percentile",
                    "quantile": 0.99, "field": "metric", "value": 143.0, "count": 1234, "matched": 1217,
                    "bounds": [{"comparator": "<=", "limit": 100}], "interval": 600, "watched": 1.0, "late": 0,
                    "window": {"start": "2023-11-14T22:10:00Z", "end": "2023-11-14T22:20:00Z"},
                    "time": "2023-11-14T22:20:00Z", "since": "2023-11-14T22:20:00Z", "instance": "default",
                    "severity": "page", "labels": {"team": "search"}, "description": "People wait.",
                    "runbook": "https://wiki.example.com/slow", "violation_id": "9c1d"
                }
            },
            "links": [{"href": "https://wiki.example.com/slow", "text": "Runbook"}]
        });
        assert_eq!(sent(samples::violation()), expected);
    }

    #[test]
    fn its_recovery_resolves_what_has_the_same_key() {
        let expected = json!({
            "routing_key": "0123456789abcdef0123456789abcdef", "event_action": "resolve", "dedup_key": "3f2a"
        });
        assert_eq!(sent(samples::recovery()), expected);
    }

    #[test]
    fn severities_are_the_four_that_are_known() {
        for (word, meaning) in [
            (json!("page"), "error"),
            (json!("warning"), "warning"),
            (json!("info"), "info"),
            (json!("ticket"), "critical"),
            (json!(null), "critical"),
        ] {
            let severity = &sent(samples::with(&json!({ "severity": word })))["payload"]["severity"];
            assert_eq!(severity, meaning, "{word}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_never_refused() {
        let long = "wörter ".repeat(100_000);
        let event = sent(samples::with(&json!({"summary": long, "service": long, "description": long,
            "dedup_key": long, "group": {"host": long}, "runbook": format!("https://{long}")})));
        assert!(json_bytes(&event).len() <= EVENT);
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert!(summary.ends_with("wörter…") && summary.chars().count() <= SUMMARY);
        assert!(event["payload"]["custom_details"]["error"].is_string());
        assert_eq!(event["dedup_key"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn a_source_is_always_said() {
        let event = sent(samples::with(&json!({"group": {"host": null}})));
        assert_eq!(event["payload"]["source"], "query-service response");
        let event = sent(samples::with(&json!({"group": {}, "service": "", "instance": "", "summary": ""})));
        assert_eq!(event["payload"]["source"], "highwater");
        assert_eq!(event["payload"]["summary"], ": violation");
    }

    #[test]
    fn a_test_is_marked() {
        let body = render(&pagerduty(), &samples::test_batch(&[samples::violation()])).body;
        let event: Json = serde_json::from_slice(&body).unwrap();
        assert!(event["payload"]["summary"].as_str().unwrap().starts_with("TEST: "));
        assert_eq!(event["payload"]["custom_details"]["test"], true);
    }
}
