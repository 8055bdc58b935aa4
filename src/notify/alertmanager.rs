//! `:alertmanager`: API v2. An alert is what its labels are; it ends when it is posted with an end, or not posted again.

use serde_json::{Map, Value as Json, json};

use super::{Batch, Effect, Request, about_json, json_bytes, record, request_headers, summary, texts};
use crate::plan::{Alertmanager, Notifier, Timestamp, Url, Via};
use crate::route::Notice;

/// Alerts of one request.
const ALERTS: usize = 100;
/// What fires ends by itself after so long in microseconds at least: the `resolve_timeout` that Alertmanager has itself.
const LASTS: i64 = 300_000_000;
/// How many times a re-send may fail before what fires ends by itself.
const MISSED: i64 = 4;
/// Labels of our own, whatever the group and the user say.
const OWN: [&str; 4] = ["alertname", "instance", "service", "severity"];
/// Our own where `--send` tests.
const TEST: &str = "test";

pub fn render(alertmanager: &Alertmanager, batch: &Batch<'_>) -> Request {
    let alerts: Vec<_> =
        batch.notices.iter().map(|notice| alert(alertmanager, notice, batch.now, batch.is_test)).collect();
    request(alertmanager, &alerts)
}

/// What fires, and what was resolved a short time ago, told again. Nothing for another type of notifier.
pub fn resend(notifier: &Notifier, firing: &[Notice], resolved: &[Notice], now: Timestamp) -> Vec<Effect> {
    let Via::Alertmanager(alertmanager) = &notifier.via else { return Vec::new() };
    let all: Vec<_> = firing.iter().chain(resolved).collect();
    let chunks = all.chunks(ALERTS).map(|chunk| {
        let alerts: Vec<_> = chunk.iter().map(|notice| alert(alertmanager, notice, now, false)).collect();
        Effect::Request(request(alertmanager, &alerts))
    });
    chunks.collect()
}

/// Two names that would be one label: of a threshold's `:labels`, the fields of its `:by`, and the labels of our own.
///
/// Where it is asked nothing is sent yet. What collides later (a label of `(with …)`) is told under another name.
pub fn label_collision<'a>(
    labels: impl IntoIterator<Item = &'a str>,
    fields: impl IntoIterator<Item = &'a str>,
) -> Option<(String, String)> {
    let mut taken: Vec<(String, &str)> = OWN.iter().map(|own| (own.to_string(), *own)).collect();
    // The service that matched a pattern is the alert's service.
    let fields = fields.into_iter().filter(|field| *field != "service");
    for name in fields.chain(labels) {
        let label = label_name(name);
        if let Some((_, other)) = taken.iter().find(|(known, _)| *known == label) {
            return Some((other.to_string(), name.to_string()));
        }
        taken.push((label, name));
    }
    None
}

fn request(alertmanager: &Alertmanager, alerts: &[Json]) -> Request {
    Request {
        url: Url(format!("{}/api/v2/alerts", alertmanager.url.0.trim_end_matches('/'))),
        headers: request_headers(&about_json(), &alertmanager.headers),
        body: json_bytes(&alerts),
        hidden: None,
        ca: alertmanager.ca.clone(),
    }
}

fn alert(alertmanager: &Alertmanager, notice: &Notice, now: Timestamp, is_test: bool) -> Json {
    let time = |key: &str| Timestamp::from_rfc3339(notice.text(key).as_bytes());
    let starts = time("since").or_else(|| notice.time()).unwrap_or(now);
    let ends = match notice.is_recovery() {
        true => notice.time().unwrap_or(now),
        false => now.plus(LASTS.max(alertmanager.resend.saturating_mul(MISSED))),
    };
    json!({
        "labels": labels(alertmanager, notice, is_test),
        "annotations": annotations(notice, is_test),
        "startsAt": starts.to_string(),
        "endsAt": ends.max(starts).to_string(),
    })
}

/// What makes the alert: the same for a violation and its recovery.
fn labels(alertmanager: &Alertmanager, notice: &Notice, is_test: bool) -> Map<String, Json> {
    let word = notice.text("severity");
    // No closed set here: a word without a meaning is told as it is.
    let severity = match alertmanager.severities.of(word) {
        Some(meaning) => meaning,
        None if word.is_empty() => "critical",
        None => word,
    };
    let own = [notice.text("threshold"), notice.text("instance"), notice.text("service"), severity];
    let mut labels = Map::new();
    for (name, value) in OWN.into_iter().zip(own).filter(|(_, value)| !value.is_empty()) {
        labels.insert(name.to_string(), value.into());
    }
    if labels.is_empty() {
        labels.insert("alertname".to_string(), "highwater".into());
    }
    if is_test {
        labels.insert(TEST.to_string(), "true".into());
    }
    let others = texts(notice, "group").filter(|(name, _)| *name != "service").chain(texts(notice, "labels"));
    for (name, value) in others {
        let label = label_name(name);
        let is_free = |label: &String| !labels.contains_key(label) && !OWN.contains(&label.as_str());
        // The configuration does not let two names be one label; where that cannot be known before, none is wrong.
        let numbered = (2..).map(|number| format!("{label}_{number}"));
        let free = std::iter::once(label.clone()).chain(numbered).find(is_free).expect("numbers do not end");
        labels.insert(free, value.into());
    }
    labels
}

fn annotations(notice: &Notice, is_test: bool) -> Map<String, Json> {
    const TOLD: [(&str, &str); 7] = [
        ("description", "description"),
        ("runbook", "runbook_url"),
        ("value", "value"),
        ("count", "count"),
        ("matched", "matched"),
        ("reason", "reason"),
        ("violation_id", "violation_id"),
    ];
    let record = record(notice, is_test);
    let mut annotations = Map::new();
    annotations.insert("summary".to_string(), summary(notice, is_test).into());
    for (key, annotation) in TOLD {
        let text = match record.get(key) {
            None | Some(Json::Null) => continue,
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        annotations.insert(annotation.to_string(), text.into());
    }
    annotations
}

/// The name with `_` for what Alertmanager takes in no name, and before a digit. Never empty.
fn label_name(name: &str) -> String {
    let mut label: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if label.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        label.insert(0, '_');
    }
    label
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::plan::{Headers, Severities};

    fn alertmanager(resend: i64) -> Alertmanager {
        Alertmanager {
            url: Url("http://127.0.0.1:9093/".to_string()),
            resend,
            severities: Severities::default(),
            headers: Headers::default(),
            ca: None,
        }
    }

    fn sent(notices: &[Notice]) -> Json {
        let request = render(&alertmanager(60_000_000), &samples::batch(notices));
        assert_eq!(request.url.0, "http://127.0.0.1:9093/api/v2/alerts");
        serde_json::from_slice(&request.body).unwrap()
    }

    #[test]
    fn a_violation_fires_until_it_is_not_sent_again() {
        let expected = json!([{
            "labels": {
                "alertname": "[:percentiles \"query-service response\" 0.99 600]", "instance": "default",
                "service": "query-service response", "severity": "page", "host": "web-1", "team": "search"
            },
            "annotations": {
                "summary": "p99 of query-service response is 143, over 100 (10 min, 17 of 1234 events above)",
                "description": "People wait.", "runbook_url": "https://wiki.example.com/slow", "value": "143.0",
                "count": "1234", "matched": "1217", "reason": "judged", "violation_id": "9c1d"
            },
            "startsAt": "2023-11-14T22:20:00Z",
            "endsAt": "2023-11-14T22:25:00.25Z"
        }]);
        assert_eq!(sent(&[samples::violation()]), expected);
        let seldom = render(&alertmanager(600_000_000), &samples::batch(&[samples::violation()]));
        let seldom: Json = serde_json::from_slice(&seldom.body).unwrap();
        assert_eq!(seldom[0]["endsAt"], "2023-11-14T23:00:00.25Z");
    }

    #[test]
    fn its_recovery_has_the_same_labels_an_end_and_annotations() {
        let both = sent(&[samples::violation(), samples::recovery()]);
        assert_eq!(both[0]["labels"], both[1]["labels"]);
        assert_eq!(both[1]["startsAt"], "2023-11-14T22:20:00Z");
        assert_eq!(both[1]["endsAt"], "2023-11-14T22:30:00Z");
        let summary = "p99 of query-service response is 80, back within 100 (10 min)";
        assert_eq!(both[1]["annotations"]["summary"], summary);
    }

    #[test]
    fn nothing_ends_before_it_started() {
        let odd =
            samples::with(&json!({"status": "ok", "since": "2023-11-14T22:20:00Z", "time": "2023-11-14T22:00:00Z"}));
        assert_eq!(sent(&[odd])[0]["endsAt"], "2023-11-14T22:20:00Z");
    }

    #[test]
    fn names_become_labels_and_none_is_lost_or_wrong() {
        let notice = samples::with(&json!({
            "severity": null, "group": {"service": "query-service response", "status-code": "200", "absent": null},
            "labels": {"status.code": "x", "1st": "y", "": "z", "straße": "a", "severity": "mine", "empty": ""}
        }));
        let expected = json!({
            "alertname": "[:percentiles \"query-service response\" 0.99 600]", "instance": "default",
            "service": "query-service response", "severity": "critical",
            "status_code": "200", "status_code_2": "x", "_1st": "y", "_": "z", "stra_e": "a", "severity_2": "mine"
        });
        assert_eq!(sent(&[notice])[0]["labels"], expected);
    }

    #[test]
    fn two_names_that_are_one_label_are_found() {
        let found = |labels: &[&'static str], fields: &[&'static str]| {
            label_collision(labels.iter().copied(), fields.iter().copied())
        };
        let pair = |one: &str, other: &str| Some((one.to_string(), other.to_string()));
        assert_eq!(found(&["team", "tier"], &["host", "service"]), None);
        assert_eq!(found(&["status.code"], &["status-code"]), pair("status-code", "status.code"));
        assert_eq!(found(&["a-b", "a_b"], &[]), pair("a-b", "a_b"));
        assert_eq!(found(&["severity"], &[]), pair("severity", "severity"));
        assert_eq!(found(&[], &["instance"]), pair("instance", "instance"));
        assert_eq!(found(&["service"], &[]), pair("service", "service"));
    }

    #[test]
    fn what_fires_is_sent_again_in_requests_of_at_most_a_hundred_alerts() {
        let via = Via::Alertmanager(alertmanager(60_000_000));
        let notifier = Notifier { via, ..Notifier::standard_output() };
        let firing = vec![samples::violation(); 150];
        let resolved = vec![samples::recovery(); 60];
        let effects = resend(&notifier, &firing, &resolved, Timestamp::clamped(1_700_001_000_000_000));
        let alerts = effects.iter().map(|effect| match effect {
            Effect::Request(request) => serde_json::from_slice::<Vec<Json>>(&request.body).unwrap(),
            other => panic!("{other:?}"),
        });
        let alerts: Vec<_> = alerts.collect();
        assert_eq!(alerts.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 10]);
        assert_eq!(alerts[0][0]["endsAt"], "2023-11-14T22:35:00Z");
        assert_eq!(alerts[2][9]["endsAt"], "2023-11-14T22:30:00Z");
        assert_eq!(resend(&Notifier::standard_output(), &firing, &[], Timestamp::clamped(0)), []);
    }

    #[test]
    fn a_test_is_another_alert_and_marked() {
        let request = render(&alertmanager(60_000_000), &samples::test_batch(&[samples::violation()]));
        let sent: Json = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent[0]["labels"]["test"], "true");
        assert!(sent[0]["annotations"]["summary"].as_str().unwrap().starts_with("TEST: "));
    }
}
