//! What PagerDuty's Events API v2 refuses, by its published schema.

use serde_json::{Map, Value as Json, json};

use super::{Say, Seen};

/// The answer of the real one, which says all that is wrong.
pub fn answer(seen: &Seen) -> Say {
    let errors = errors(seen);
    if errors.is_empty() {
        let key = &seen.json()["dedup_key"];
        let body = json!({"status": "success", "message": "Event processed", "dedup_key": key});
        return Say::Answer(202, &[("content-type", "application/json")], body.to_string());
    }
    let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors});
    Say::Answer(400, &[("content-type", "application/json")], body.to_string())
}

pub fn errors(seen: &Seen) -> Vec<String> {
    let mut errors = Vec::new();
    let mut check = |fine: bool, wrong: &str| {
        if !fine {
            errors.push(wrong.to_string());
        }
    };
    check(seen.path == "/v2/enqueue", "there is nothing at this path");
    check(seen.header("content-type") == Some("application/json"), "the content is no JSON");
    check(seen.body.len() <= 512_000, "the event is too large");
    let Ok(Json::Object(event)) = serde_json::from_slice::<Json>(&seen.body) else {
        return vec!["the event is no object".to_string()];
    };
    let known = ["routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"];
    check(event.keys().all(|key| known.contains(&key.as_str())), "an unknown key");
    let text = |map: &Map<String, Json>, key: &str| map.get(key).and_then(Json::as_str).map(str::to_string);
    let routing_key = text(&event, "routing_key").unwrap_or_default();
    check(routing_key.len() == 32, "Length of 'routing_key' is incorrect (should be 32 characters)");
    let action = text(&event, "event_action").unwrap_or_default();
    check(["trigger", "acknowledge", "resolve"].contains(&action.as_str()), "'event_action' is invalid");
    let key = text(&event, "dedup_key").unwrap_or_default();
    check(key.chars().count() <= 255, "'dedup_key' is too long");
    check(action == "trigger" || !key.is_empty(), "'dedup_key' is missing or blank");
    let Some(Json::Object(payload)) = event.get("payload") else {
        check(action != "trigger", "'payload' is missing or blank");
        return errors;
    };
    let known = ["summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"];
    check(payload.keys().all(|key| known.contains(&key.as_str())), "an unknown key of 'payload'");
    let summary = text(payload, "summary").unwrap_or_default();
    check(!summary.is_empty() && summary.chars().count() <= 1024, "'payload.summary' is missing, blank or too long");
    check(text(payload, "source").is_some_and(|source| !source.is_empty()), "'payload.source' is missing or blank");
    let severity = text(payload, "severity").unwrap_or_default();
    let severities = ["critical", "error", "warning", "info"];
    check(
        severities.contains(&severity.as_str()),
        "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
    );
    let timestamp = payload.get("timestamp").map(|time| time.as_str().unwrap_or_default().as_bytes());
    let is_time = |time| highwater::plan::Timestamp::from_rfc3339(time).is_some();
    check(timestamp.is_none_or(is_time), "'payload.timestamp' is no time");
    for key in ["component", "group", "class"] {
        check(payload.get(key).is_none_or(Json::is_string), "a text is none");
    }
    for link in event.get("links").and_then(Json::as_array).into_iter().flatten() {
        check(link["href"].as_str().is_some_and(|href| href.starts_with("http")), "'links.href' is no URL");
    }
    errors
}
