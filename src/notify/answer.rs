//! What an answer means: whether it was taken, is to be tried again, or never will be.

use serde_json::Value as Json;

use super::{Answer, Outcome, cut, exec, one_line};
use crate::plan::{Headers, Url, Via};

/// Of what a receiver said, so much is shown, in characters.
const CAUSE: usize = 200;

/// What became of an attempt that was answered.
pub fn answer(via: &Via, answer: &Answer) -> Outcome {
    match via {
        Via::Log(_) => Outcome::Accepted,
        Via::Exec(_) => exec::outcome(answer),
        Via::Email(_) => reply(via, answer),
        Via::Webhook(_) if answer.status == 410 => {
            let why = with_cause(
                "answered 410, it is gone for good; set another `:url` or take the notifier away",
                via,
                answer,
            );
            Outcome::Rejected { why }
        }
        Via::Webhook(_) | Via::PagerDuty(_) | Via::Alertmanager(_) => response(via, answer),
    }
}

/// HTTP: what may differ next time is tried again.
fn response(via: &Via, answer: &Answer) -> Outcome {
    let why = with_cause(&format!("answered {}", answer.status), via, answer);
    match answer.status {
        200..=299 => Outcome::Accepted,
        300..=399 => {
            let elsewhere = match &answer.redirects_to {
                Some(host) => format!(" to {}", cut(&one_line(host), CAUSE)),
                None => String::new(),
            };
            let why = format!(
                "answered {}, it redirects{elsewhere}, which is not followed; set `:url` to where it is now",
                answer.status
            );
            Outcome::Retry { why, after: answer.retry_after, in_doubt: false }
        }
        408 | 425 | 429 => Outcome::Retry { why, after: answer.retry_after, in_doubt: false },
        400..=499 => Outcome::Rejected { why },
        _ => Outcome::Retry { why, after: answer.retry_after, in_doubt: false },
    }
}

/// SMTP: the reply that decided.
fn reply(via: &Via, answer: &Answer) -> Outcome {
    let why = with_cause(&format!("answered {}", answer.status), via, answer);
    match answer.status {
        200..=299 => Outcome::Accepted,
        500..=599 => Outcome::Rejected { why },
        _ => Outcome::Retry { why, after: None, in_doubt: false },
    }
}

/// What is wrong in the receiver's own words, on one line.
fn with_cause(what: &str, via: &Via, answer: &Answer) -> String {
    match words(&answer.body, secrets(via)) {
        cause if cause.is_empty() => what.to_string(),
        cause => format!("{what}: {cause}"),
    }
}

/// What a receiver said, on one short line without these secrets. Empty if it said nothing.
pub fn words(body: &[u8], secrets: Vec<&str>) -> String {
    shown(&without(secrets, cause(body)))
}

fn cause(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        // Alertmanager says some in a bare string.
        Ok(Json::String(text)) => text,
        Ok(Json::Object(said)) => {
            let errors = said.get("errors").and_then(Json::as_array);
            let errors: Vec<_> = errors.into_iter().flatten().filter_map(Json::as_str).collect();
            let texts = ["message", "error", "detail", "title"].map(|key| said.get(key).and_then(Json::as_str));
            match texts.into_iter().flatten().next() {
                _ if !errors.is_empty() => errors.join("; "),
                Some(text) => text.to_string(),
                None => String::from_utf8_lossy(body).into_owned(),
            }
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

fn secrets(via: &Via) -> Vec<&str> {
    match via {
        Via::Webhook(webhook) => [parts(&webhook.url), values(&webhook.headers)].concat(),
        Via::PagerDuty(pagerduty) => [parts(&pagerduty.url), vec![&pagerduty.routing_key.0]].concat(),
        Via::Alertmanager(alertmanager) => [parts(&alertmanager.url), values(&alertmanager.headers)].concat(),
        Via::Email(email) => email.login.iter().map(|(_, password)| password.0.as_str()).collect(),
        Via::Log(_) | Via::Exec(_) => vec![],
    }
}

/// Servers repeat what they do not like: `Cannot POST /services/…`.
fn without(mut secrets: Vec<&str>, mut text: String) -> String {
    // Shorter ones are words of any text.
    const SHORTEST: usize = 4;
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets.into_iter().filter(|secret| secret.len() >= SHORTEST) {
        text = text.replace(secret, "REDACTED");
    }
    text
}

fn values(headers: &Headers) -> Vec<&str> {
    // `Bearer …`: the word alone too.
    headers.0.iter().flat_map(|(_, value)| [Some(value.0.as_str()), value.0.split(' ').next_back()]).flatten().collect()
}

/// What of a URL is not shown: whole, and each part that a message may take out of it.
pub fn parts(url: &Url) -> Vec<&str> {
    let rest = url.0.split_once("://").map_or(url.0.as_str(), |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let mut parts: Vec<_> = path.split(['/', '?', '&', '=', '#']).collect();
    parts.push(path);
    parts.extend(path.split(['?', '#']).next());
    if let Some((user, _)) = authority.rsplit_once('@') {
        parts.extend(user.split(':').chain([user]));
    }
    parts
}

/// The last line of what a program said.
pub fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    shown(last)
}

fn shown(text: &str) -> String {
    cut(one_line(text).trim(), CAUSE).into_owned()
}

#[cfg(test)]
mod tests {
    use std::ops::Add;
    use std::path::PathBuf;

    use super::*;
    use crate::plan::{Alertmanager, Email, Exec, Log, MailSecurity, PagerDuty, Secret, Severities, Webhook};

    fn webhook() -> Via {
        let url = Url("https://hooks.example.com/x".to_string());
        Via::Webhook(Webhook { url, secrets: vec![], headers: Headers::default(), ca: None })
    }

    fn pagerduty() -> Via {
        Via::PagerDuty(PagerDuty {
            url: Url("https://events.pagerduty.com/v2/enqueue".to_string()),
            routing_key: Secret("0123456789abcdef0123456789abcdef".to_string()),
            severities: Severities::default(),
            client: None,
            client_url: None,
            ca: None,
        })
    }

    fn alertmanager() -> Via {
        Via::Alertmanager(Alertmanager {
            url: Url("http://127.0.0.1:9093".to_string()),
            resend: 60_000_000,
            severities: Severities::default(),
            headers: Headers::default(),
            ca: None,
        })
    }

    fn email() -> Via {
        Via::Email(Box::new(Email {
            host: "mail.example.com".to_string(),
            port: 587,
            security: MailSecurity::StartTls,
            login: None,
            from: "highwater@example.com".to_string(),
            to: vec!["oncall@example.com".to_string()],
            ca: None,
        }))
    }

    fn retry(why: &str) -> Outcome {
        Outcome::Retry { why: why.to_string(), after: None, in_doubt: false }
    }

    fn rejected(why: &str) -> Outcome {
        Outcome::Rejected { why: why.to_string() }
    }

    #[test]
    fn answers_mean_what_the_receivers_mean() {
        let gone = "answered 410, it is gone for good; set another `:url` or take the notifier away";
        let invalid = r#"{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect (should be 32 characters)"]}"#;
        let key = "answered 400: Length of 'routing_key' is incorrect (should be 32 characters)";
        let lost = "answered 307, it redirects, which is not followed; set `:url` to where it is now";
        for (via, status, body, expected) in [
            (webhook(), 200, "ok", Outcome::Accepted),
            (webhook(), 204, "", Outcome::Accepted),
            (webhook(), 307, "moved", retry(lost)),
            (webhook(), 400, "", rejected("answered 400")),
            (webhook(), 404, "<h1>no\r\nsuch</h1>", rejected("answered 404: <h1>no  such</h1>")),
            (webhook(), 408, "", retry("answered 408")),
            (webhook(), 410, "", rejected(gone)),
            (webhook(), 425, "", retry("answered 425")),
            (webhook(), 429, "slow down", retry("answered 429: slow down")),
            (webhook(), 500, r#"{"error":"rollup_error"}"#, retry("answered 500: rollup_error")),
            (webhook(), 503, "", retry("answered 503")),
            (webhook(), 999, "", retry("answered 999")),
            (pagerduty(), 202, r#"{"status":"success","dedup_key":"3f2a"}"#, Outcome::Accepted),
            (pagerduty(), 400, invalid, rejected(key)),
            (alertmanager(), 200, "", Outcome::Accepted),
            (
                alertmanager(),
                400,
                r#""at least one label pair required""#,
                rejected("answered 400: at least one label pair required"),
            ),
            (
                alertmanager(),
                422,
                r#"{"code":602,"message":"0.labels in body is required"}"#,
                rejected("answered 422: 0.labels in body is required"),
            ),
            (email(), 250, "2.0.0 queued", Outcome::Accepted),
            (email(), 451, "4.3.0 later", retry("answered 451: 4.3.0 later")),
            (email(), 550, "5.1.1 no such user", rejected("answered 550: 5.1.1 no such user")),
            (Via::Log(Log { path: Some(PathBuf::from("x")) }), 0, "", Outcome::Accepted),
            (Via::Exec(Exec { command: vec![] }), 0, "", Outcome::Accepted),
            (Via::Exec(Exec { command: vec![] }), 1, "", retry("exit status 1")),
        ] {
            let said = Answer { status, body: body.into(), ..Answer::default() };
            assert_eq!(answer(&via, &said), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_receiver_says_how_long_to_wait_and_where_it_went() {
        let busy = Answer { status: 429, retry_after: Some(7_000_000), ..Answer::default() };
        let expected = Outcome::Retry { why: "answered 429".to_string(), after: Some(7_000_000), in_doubt: false };
        assert_eq!(answer(&pagerduty(), &busy), expected);
        let redirects_to = Some("elsewhere.example.com".to_string());
        let Outcome::Retry { why, .. } = answer(&webhook(), &Answer { status: 301, redirects_to, ..Answer::default() })
        else {
            panic!("a redirect may end");
        };
        assert!(why.contains("redirects to elsewhere.example.com"), "{why}");
    }

    #[test]
    fn a_cause_repeats_no_secret() {
        let url = Url("https://user:passw0rd@hooks.example.com/services/T0SECRET/B0?token=abcd1234".to_string());
        let headers = Headers(vec![("authorization".to_string(), Secret("Bearer s3cretword".to_string()))]);
        let via = Via::Webhook(Webhook { url, secrets: vec![], headers, ca: None });
        for body in [
            "Cannot POST /services/T0SECRET/B0?token=abcd1234",
            "no route /services/T0SECRET/B0",
            r#"{"error":"the token abcd1234 of T0SECRET is old"}"#,
            "bad header Bearer s3cretword, or s3cretword",
            "user:passw0rd may not",
            &"x".repeat(CAUSE - 8).add(" T0SECRET"),
        ] {
            let Outcome::Rejected { why } =
                answer(&via, &Answer { status: 404, body: body.into(), ..Answer::default() })
            else {
                panic!("a 404 is for good");
            };
            assert!(["T0S", "abcd", "s3cret", "passw0rd"].iter().all(|secret| !why.contains(secret)), "{why}");
        }
        let key = "0123456789abcdef0123456789abcdef";
        let said = Answer { status: 400, body: format!("{key} is no key").into(), ..Answer::default() };
        assert_eq!(answer(&pagerduty(), &said), rejected("answered 400: REDACTED is no key"));
    }

    #[test]
    fn causes_are_one_short_line_whatever_was_said() {
        for body in [
            b"\xff\xfe\x00\x1b[31m".repeat(1000),
            b"{".to_vec(),
            b"{}".to_vec(),
            b"[1,2]".to_vec(),
            "é\n".repeat(9000).into(),
        ] {
            let Outcome::Rejected { why } = answer(&webhook(), &Answer { status: 400, body, ..Answer::default() })
            else {
                panic!("a 400 is for good");
            };
            assert!(why.chars().count() <= CAUSE + 20 && !why.contains(char::is_control), "{why}");
        }
    }
}
