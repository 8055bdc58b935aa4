//! Whatever a transition says, what is sent is what the receivers take.

use std::collections::BTreeSet;

use highwater::notify::{Batch, Effect, Mail, dry_run, render};
use highwater::plan::{
    Alertmanager, Email, Exec, Headers, Key, Log, MailSecurity, Notifier, PagerDuty, Secret, Severities, Timestamp,
    Url, Via, Webhook,
};
use highwater::route::Notice;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::notice;
use crate::strict::{Seen, pagerduty};

fn value() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        "[ -~]{900,1100}",
        Just("a\r\nBcc: b@example.com\r\n\r\n.\r\n".to_string()),
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 16, 4, |inner| {
        let name = prop_oneof!["[a-z._-]{0,3}", "\\PC{0,5}", Just("severity".to_string())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::hash_map(name, inner, 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn any_notice() -> impl Strategy<Value = Notice> {
    let keys = [
        "threshold",
        "service",
        "group",
        "kind",
        "value",
        "count",
        "window",
        "time",
        "since",
        "instance",
        "severity",
        "labels",
        "description",
        "runbook",
        "summary",
        "reason",
    ];
    let changes = prop::collection::vec((prop::sample::select(keys.to_vec()), value()), 0..8);
    let identity = ("\\PC{1,300}", "\\PC{1,300}", any::<bool>());
    (changes, identity).prop_map(|(changes, (dedup_key, violation_id, is_recovery))| {
        let mut json = json!({"dedup_key": dedup_key, "violation_id": violation_id});
        for (key, value) in changes {
            json[key] = value;
        }
        json["status"] = if is_recovery { "ok" } else { "violation" }.into();
        notice(json)
    })
}

fn url() -> Url {
    Url("http://127.0.0.1:9000/v2/enqueue".to_string())
}

fn effect(via: Via, batch: &Batch<'_>) -> Effect {
    let effect = render(&Notifier { via, ..Notifier::standard_output() }, batch);
    assert!(!dry_run(&effect).is_empty());
    effect
}

fn body(effect: Effect) -> Vec<u8> {
    match effect {
        Effect::Request(request) => request.body,
        other => panic!("{other:?}"),
    }
}

fn check_pagerduty(batch: &Batch<'_>) {
    let routing_key = Secret("0123456789abcdef0123456789abcdef".to_string());
    let severities = Severities::default();
    let via = PagerDuty { url: url(), routing_key, severities, client: None, client_url: None, ca: None };
    let headers = vec![("content-type".to_string(), "application/json".to_string())];
    let body = body(effect(Via::PagerDuty(via), batch));
    let seen = Seen { connection: 0, path: "/v2/enqueue".to_string(), headers, body };
    assert_eq!(pagerduty::errors(&seen), Vec::<String>::new(), "{}", seen.json());
}

fn check_alertmanager(batch: &Batch<'_>) {
    let (severities, headers) = (Severities::default(), Headers::default());
    let via = Via::Alertmanager(Alertmanager { url: url(), resend: 60_000_000, severities, headers, ca: None });
    let alerts: Json = serde_json::from_slice(&body(effect(via, batch))).expect("JSON");
    for alert in alerts.as_array().expect("an array") {
        let labels = alert["labels"].as_object().expect("an object");
        assert!(!labels.is_empty());
        for (name, value) in labels {
            let first = name.chars().next().expect("a name");
            assert!(first == '_' || first.is_ascii_alphabetic(), "{name}");
            assert!(name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()), "{name}");
            assert!(value.as_str().is_some_and(|value| !value.is_empty()), "{name}");
        }
        assert!(alert["annotations"].as_object().expect("an object").values().all(Json::is_string));
        let time =
            |key: &str| Timestamp::from_rfc3339(alert[key].as_str().expect("a text").as_bytes()).expect("a time");
        assert!(time("startsAt") <= time("endsAt"));
    }
}

fn check_mail(batch: &Batch<'_>) {
    let email = Email {
        host: "127.0.0.1".to_string(),
        port: 25,
        security: MailSecurity::None,
        login: None,
        from: "alerts@example.com".to_string(),
        to: vec!["oncall@example.com".to_string()],
        ca: None,
    };
    let Effect::Mail(mail) = effect(Via::Email(Box::new(email)), batch) else { panic!("no mail") };
    let Mail { message, .. } = *mail;
    let message = String::from_utf8(message).expect("ASCII");
    assert!(message.is_ascii());
    assert!(message.ends_with("\r\n") && message.split("\r\n").all(|line| line.len() <= 998));
    assert!(!message.replace("\r\n", "").contains(['\r', '\n', '\0']));
    let (head, _) = message.split_once("\r\n\r\n").expect("a body");
    let known = [
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "X-Mailer",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    let mut seen = BTreeSet::new();
    for line in head.split("\r\n").filter(|line| !line.starts_with(' ')) {
        let (name, _) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}"));
        assert!(known.contains(&name) && seen.insert(name), "{line}");
    }
}

fn check_lines(batch: &Batch<'_>) {
    let exec = effect(Via::Exec(Exec { command: vec!["page".to_string()] }), batch);
    let log = effect(Via::Log(Log::default()), batch);
    let (Effect::Program(program), Effect::Line(line)) = (exec, log) else { panic!("other effects") };
    assert_eq!(program.input, line.lines);
    let lines: Vec<Json> = String::from_utf8(line.lines)
        .expect("UTF-8")
        .split_terminator('\n')
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), batch.notices.len());
    let secrets = vec![Key(b"0123456789abcdef01234567".to_vec())];
    let webhook = Webhook { url: url(), secrets, headers: Headers::default(), ca: None };
    let posted: Json = serde_json::from_slice(&body(effect(Via::Webhook(webhook), batch))).expect("JSON");
    assert_eq!(posted, if let [one] = lines.as_slice() { one.clone() } else { Json::from(lines) });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_transition_says_receivers_take_what_is_sent(
        notices in prop::collection::vec(any_notice(), 1..4),
        is_test in any::<bool>(),
        now in any::<i64>(),
    ) {
        let batch = Batch { notices: &notices, key: "key-1", now: Timestamp::clamped(now), is_test };
        check_pagerduty(&batch);
        check_alertmanager(&batch);
        check_mail(&batch);
        check_lines(&batch);
    }
}
