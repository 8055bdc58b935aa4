//! `:alertmanager`: API v2.

use super::{Entries, Entry, PLACEHOLDER, catalogue, headers, report_clear, severities};
use crate::config::context::Context;
use crate::config::{listener, time, url};
use crate::edn::Form;
use crate::plan::{Alertmanager, Headers, Notifier, Severities, Url, Via};

/// Alphabetical.
const OPTIONS: [Entry<Alertmanager>; 5] = [
    Entry { name: "ca", read: |to, form, context| to.ca = listener::path(form, "ca", context) },
    Entry { name: "headers", read: |to, form, context| to.headers = headers::read(form, context) },
    Entry { name: "resend", read: resend },
    Entry { name: "severities", read: |to, form, context| to.severities = severities::read(form, false, context) },
    Entry { name: "url", read: server },
];

const OTHER_WORDS: [(&str, &str); 13] = [
    ("ca-cert", "ca"),
    ("header", "headers"),
    ("every", "resend"),
    ("interval", "resend"),
    ("repeat", "resend"),
    ("resend-delay", "resend"),
    ("resend-every", "resend"),
    ("severity", "severities"),
    ("severity-map", "severities"),
    ("address", "url"),
    ("endpoint", "url"),
    ("server", "url"),
    ("targets", "url"),
];

/// A second and a day, in microseconds.
const LEAST: i64 = 1_000_000;
const MOST: i64 = 86_400_000_000;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 10_000;

pub(super) fn has(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name)
}

pub(super) fn read(entries: &Entries, context: &mut Context) -> Via {
    let mut to = Alertmanager {
        url: Url(PLACEHOLDER.to_string()),
        resend: Notifier::RESEND,
        severities: Severities::default(),
        headers: Headers::default(),
        ca: None,
    };
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &["url"], &mut to, context);
    entries.require(&seen, &["url"], "`{:type :alertmanager :url \"http://127.0.0.1:9093\"}`", context);
    if !to.headers.0.is_empty() {
        report_clear(seen.place("url"), &to.url, "the headers go", context);
    }
    Via::Alertmanager(to)
}

fn resend(to: &mut Alertmanager, form: &Form, context: &mut Context) {
    let Some((every, length)) = time::positive(form, "`:resend`", SUSPICIOUS_SECONDS, context) else { return };
    match every.micros() {
        LEAST..=MOST => to.resend = every.micros(),
        _ => context.report(catalogue::time_between(length.span, "`:resend`", "1 s", "1 day")),
    }
}

/// The server's URL. One that names the API is refused, not mended: what is shown and kept as the address is what the
/// user wrote, and a server that serves v1 only would not be noticed.
fn server(to: &mut Alertmanager, form: &Form, context: &mut Context) {
    let Some(url) = url::read(form, "`:url`", context) else { return };
    let path = url::parts(&url).path;
    let names_the_api = ["/api/v1", "/api/v2"].iter().any(|api| path.contains(api));
    if names_the_api || path.contains('?') {
        return context.report(catalogue::url_of_the_api(form.span, names_the_api));
    }
    to.url = Url(url.0.trim_end_matches('/').to_string());
}
