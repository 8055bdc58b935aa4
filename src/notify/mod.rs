//! What a notifier sends, and what an answer means. Pure: one file a notifier.

mod alertmanager;
mod answer;
mod dry_run;
mod effect;
mod email;
mod exec;
mod log;
mod mime;
mod pagerduty;
mod text;
mod webhook;

#[cfg(test)]
mod samples;

pub use alertmanager::{label_collision, resend};
pub use answer::{answer, parts, words};
pub use dry_run::dry_run;
pub use effect::{Answer, Batch, Effect, Line, Mail, Outcome, Program, Request, Trouble};
pub use text::{base64, cut, one_line};

use serde_json::{Map, Value as Json};

use crate::plan::{Headers, Notifier, Secret, Severities, Via};
use crate::route::Notice;

/// Whom receivers see.
pub const USER_AGENT: &str = concat!("highwater/", env!("CARGO_PKG_VERSION"));

/// What is sent for a batch. A batch of none sends an empty list.
///
/// A notifier that takes no batches is given one notice; of more it tells the first, except `:alertmanager`.
pub fn render(notifier: &Notifier, batch: &Batch<'_>) -> Effect {
    match &notifier.via {
        Via::Log(log) => Effect::Line(log::render(log, batch)),
        Via::Webhook(webhook) => Effect::Request(webhook::render(webhook, batch)),
        Via::PagerDuty(pagerduty) => Effect::Request(pagerduty::render(pagerduty, batch)),
        Via::Alertmanager(alertmanager) => Effect::Request(alertmanager::render(alertmanager, batch)),
        Via::Email(email) => Effect::Mail(Box::new(email::render(email, batch))),
        Via::Exec(exec) => Effect::Program(exec::render(exec, &notifier.name, batch)),
    }
}

/// The notice as JSON, marked if it is a test.
fn record(notice: &Notice, is_test: bool) -> Map<String, Json> {
    let mut json = notice.json().clone();
    if is_test {
        json.insert("summary".to_string(), summary(notice, true).into());
        json.insert("test".to_string(), true.into());
    }
    json
}

/// One line of text, marked if it is a test. Never empty.
fn summary(notice: &Notice, is_test: bool) -> String {
    let said = match notice.text("summary") {
        "" => format!("{}: {}", notice.text("service"), notice.text("status")),
        said => one_line(said).into_owned(),
    };
    if is_test { format!("TEST: {said}") } else { said }
}

/// A line of JSON for each notice.
fn json_lines(batch: &Batch<'_>) -> Vec<u8> {
    let mut lines = Vec::new();
    for notice in batch.notices {
        lines.extend(json_bytes(&record(notice, batch.is_test)));
        lines.push(b'\n');
    }
    lines
}

fn json_bytes(json: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(json).expect("JSON of JSON")
}

/// The texts of a map of the notice (`group`, `labels`), in order; what is absent or empty is left out.
fn texts<'n>(notice: &'n Notice, key: &str) -> impl Iterator<Item = (&'n str, &'n str)> {
    let map = notice.json().get(key).and_then(Json::as_object);
    let texts = map.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
    texts.filter(|(_, value)| !value.is_empty())
}

/// What the user's word means among the four of PagerDuty; critical where nobody said.
fn closed_severity<'a>(severities: &'a Severities, word: &'a str) -> &'a str {
    let known = ["critical", "error", "warning", "info"].contains(&word).then_some(word);
    severities.of(word).or(known).unwrap_or("critical")
}

/// What every request says, then what the user wants said; theirs counts where both say one thing.
fn request_headers(own: &[(&str, String)], users: &Headers) -> Vec<(String, Secret)> {
    let is_users = |name: &str| users.0.iter().any(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
    let own = own.iter().filter(|(name, _)| is_reserved(name) || !is_users(name));
    let own = own.map(|(name, value)| (name.to_string(), Secret(value.clone())));
    own.chain(users.0.iter().filter(|(name, _)| !is_reserved(name)).cloned()).collect()
}

/// Whether a header is not the user's to say, in any case: what frames a message, or identifies and signs it.
pub fn is_reserved(header: &str) -> bool {
    const RESERVED: [&str; 10] = [
        "connection",
        "content-length",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    RESERVED.iter().any(|reserved| header.eq_ignore_ascii_case(reserved))
}

/// What each request with a body of JSON says of itself.
fn about_json() -> [(&'static str, String); 2] {
    [("content-type", "application/json".to_string()), ("user-agent", USER_AGENT.to_string())]
}
