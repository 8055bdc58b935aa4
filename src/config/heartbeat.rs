//! `:heartbeat`: a URL that is asked for while all is well, over all files.

use super::context::Context;
use super::notifier::{Entries, Entry, PLACEHOLDER};
use super::{catalogue, listener, time, url, values};
use crate::edn::{Form, Span};
use crate::plan::{Heartbeat, Url};

/// Alphabetical.
const OPTIONS: [Entry<Heartbeat>; 3] = [
    Entry { name: "ca", read: |heartbeat, form, context| heartbeat.ca = listener::path(form, "ca", context) },
    Entry { name: "every", read: every },
    Entry {
        name: "url",
        read: |heartbeat, form, context| super::notifier::keep_url(&mut heartbeat.url, form, context),
    },
];

const OTHER_WORDS: [(&str, &str); 10] = [
    ("ca-cert", "ca"),
    ("cafile", "ca"),
    ("interval", "every"),
    ("period", "every"),
    ("seconds", "every"),
    ("address", "url"),
    ("endpoint", "url"),
    ("ping", "url"),
    ("target", "url"),
    ("uri", "url"),
];

/// A minute, in microseconds.
const EVERY: i64 = 60_000_000;

/// A second and a day, in microseconds.
const LEAST: i64 = 1_000_000;
const MOST: i64 = 86_400_000_000;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 10_000;

/// Reads what stands under `:heartbeat` in all files; None if there is none, or it could not be read.
pub(super) fn read(forms: &[(Span, &Form)], context: &mut Context) -> Option<Heartbeat> {
    let (place, _) = *forms.first()?;
    let expected = "a map, such as `{:url \"https://hc.example.com/ping/…\" :every 60}`";
    let mut entries = Entries { subject: "`:heartbeat`".to_string(), place, entries: Vec::new(), others: &[] };
    let mut is_map = false;
    for (_, form) in forms {
        let found = values::entries(form, "`:heartbeat`", expected, context);
        is_map |= found.is_some();
        entries.entries.extend(found.unwrap_or_default());
    }
    if !is_map {
        return None;
    }
    let mut heartbeat = Heartbeat { url: Url(PLACEHOLDER.to_string()), every: EVERY, ca: None };
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &["url"], &mut heartbeat, context);
    if !seen.has("url") {
        let example = "`:heartbeat {:url \"https://hc.example.com/ping/…\" :every 60}`";
        return context.refuse(catalogue::missing_options(place, "`:heartbeat`", &["url"], example));
    }
    let is_unset = url::parts(&heartbeat.url).host == url::parts(&Url(PLACEHOLDER.to_string())).host;
    (!is_unset).then_some(heartbeat)
}

fn every(heartbeat: &mut Heartbeat, form: &Form, context: &mut Context) {
    let every = time::positive(form, "`:every`", SUSPICIOUS_SECONDS, context);
    let Some((every, length)) = every else { return };
    match every.micros() {
        LEAST..=MOST => heartbeat.every = every.micros(),
        _ => context.report(catalogue::time_between(length.span, "`:every`", "1 s", "1 day")),
    }
}
