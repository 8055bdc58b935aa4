//! `:notifiers`: who can be told, and how. One file a type.

mod alertmanager;
mod email;
mod entries;
mod exec;
mod headers;
mod log;
mod pagerduty;
mod severities;
mod webhook;

pub(super) use entries::{Entries, Entry, Seen};
pub(super) use webhook::Fault as SecretFault;

use super::context::Context;
use super::{catalogue, time, url, values};
use crate::edn::{Form, Kind, Span};
use crate::order;
use crate::plan::{Notifier, Url, Via};

/// A notifier, and where it stands.
pub(super) struct Found {
    pub notifier: Notifier,
    /// Of its name.
    pub place: Span,
}

/// A type: how its entries are read.
struct Type {
    name: &'static str,
    /// Whether it has an option of that name.
    has: fn(&str) -> bool,
    /// Reads its own entries. What could not be read has a placeholder.
    read: fn(&Entries, &mut Context) -> Via,
}

/// Alphabetical.
const TYPES: [Type; 6] = [
    Type { name: "alertmanager", has: alertmanager::has, read: alertmanager::read },
    Type { name: "email", has: email::has, read: email::read },
    Type { name: "exec", has: exec::has, read: exec::read },
    Type { name: "log", has: log::has, read: log::read },
    Type { name: "pagerduty", has: pagerduty::has, read: pagerduty::read },
    Type { name: "webhook", has: webhook::has, read: webhook::read },
];

/// What other systems, and people in a hurry, call these types.
const OTHER_TYPES: [(&str, &str); 26] = [
    ("alert-manager", "alertmanager"),
    ("am", "alertmanager"),
    ("prometheus", "alertmanager"),
    ("e-mail", "email"),
    ("mail", "email"),
    ("mailer", "email"),
    ("sendmail", "email"),
    ("smtp", "email"),
    ("command", "exec"),
    ("process", "exec"),
    ("program", "exec"),
    ("run", "exec"),
    ("script", "exec"),
    ("shell", "exec"),
    ("console", "log"),
    ("file", "log"),
    ("journal", "log"),
    ("print", "log"),
    ("prn", "log"),
    ("stderr", "log"),
    ("stdout", "log"),
    ("pager", "pagerduty"),
    ("pager-duty", "pagerduty"),
    ("hook", "webhook"),
    ("http", "webhook"),
    ("https", "webhook"),
];

/// Services that have no type of their own.
const ELSEWHERE: [&str; 18] = [
    "slack",
    "teams",
    "msteams",
    "discord",
    "telegram",
    "opsgenie",
    "victorops",
    "splunk-on-call",
    "pushover",
    "ntfy",
    "gotify",
    "mattermost",
    "rocketchat",
    "sns",
    "twilio",
    "sms",
    "matrix",
    "zulip",
];

/// Options that tell which type was meant. `:url` alone is most often a webhook's.
const TELLING: [(&str, &str); 6] = [
    ("command", "exec"),
    ("host", "email"),
    ("routing-key", "pagerduty"),
    ("resend", "alertmanager"),
    ("path", "log"),
    ("url", "webhook"),
];

/// Words for the options that each type has.
const COMMON_WORDS: [(&str, &str); 12] = [
    ("kind", "type"),
    ("via", "type"),
    ("deadline", "timeout"),
    ("time-limit", "timeout"),
    ("time-out", "timeout"),
    ("expire", "give-up"),
    ("giveup", "give-up"),
    ("max-age", "give-up"),
    ("retry", "give-up"),
    ("retry-for", "give-up"),
    ("retries", "give-up"),
    ("ttl", "give-up"),
];

/// Stands for a URL that is not known. It is no address anywhere.
pub(super) const PLACEHOLDER: &str = "http://unset.invalid";

/// How many notifiers there may be, and how long a name, in bytes.
const MAX_NOTIFIERS: usize = 1_000;
const MAX_NAME: usize = 64;

/// The longest `:timeout` and the shortest `:give-up`, in microseconds: 5 minutes, a minute.
const MAX_TIMEOUT: i64 = 300_000_000;
const MIN_GIVE_UP: i64 = 60_000_000;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 172_800;

/// What every type has.
#[derive(Default)]
struct Common {
    timeout: Option<i64>,
    give_up: Option<i64>,
}

/// Alphabetical, without `:type`, which is read before.
const COMMON: [Entry<Common>; 2] = [Entry { name: "give-up", read: give_up }, Entry { name: "timeout", read: timeout }];

/// Reads what stands under `:notifiers` in all files, in order of name.
pub(super) fn read(forms: &[(Span, &Form)], context: &mut Context) -> Vec<Found> {
    let expected = "a map of names to notifiers, such as `{:hook {:type :webhook :url \"…\"}}`";
    let mut named: Vec<(&str, Entries)> = Vec::new();
    for (_, form) in forms {
        for (key, value) in values::entries(form, "`:notifiers`", expected, context).unwrap_or_default() {
            let Some(name) = name(key, context) else { continue };
            let example = "a map with a `:type`, such as `{:type :webhook :url \"https://…\"}`";
            let entries = values::entries(value, &format!("`:{name}`"), example, context).unwrap_or_default();
            match named.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) if known.place.file != key.span.file => known.entries.extend(entries),
                // Twice in one file was reported when it was read.
                Some(_) => {}
                None => {
                    let is_map = matches!(value.kind, Kind::Map(_));
                    let entries = if is_map { entries.iter().collect() } else { vec![] };
                    let subject = if is_map { "a notifier".to_string() } else { String::new() };
                    named.push((name, Entries { subject, place: key.span, entries, others: &[] }));
                }
            }
        }
    }
    if named.len() > MAX_NOTIFIERS {
        let place = forms.first().map_or(named[0].1.place, |(place, _)| *place);
        context.report(catalogue::too_many_names(place, "`:notifiers`", MAX_NOTIFIERS));
        named.truncate(MAX_NOTIFIERS);
    }
    let mut found: Vec<Found> = named.iter().map(|(name, entries)| notifier(name, entries, context)).collect();
    order::by(&mut found, |a, b| a.notifier.name.cmp(&b.notifier.name));
    found
}

/// The name of a notifier: it becomes part of metrics and of records.
fn name<'f>(key: &'f Form, context: &mut Context) -> Option<&'f str> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.refuse(catalogue::key_is_no_keyword(key, "`:notifiers`")),
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.len() <= MAX_NAME && name.bytes().all(is_part) {
        true => Some(name),
        false => context.refuse(catalogue::name_of_a_notifier(key.span, name, MAX_NAME)),
    }
}

/// Reads one notifier; what could not be read was reported, and has a placeholder.
fn notifier(name: &str, written: &Entries, context: &mut Context) -> Found {
    let mut common = Common::default();
    let mut notifier = Notifier { name: name.to_string(), ..Notifier::standard_output() };
    if let Some(kind) = kind(written, context) {
        let subject = format!("a notifier of `:type :{}`", kind.name);
        let is_common = |(key, _): &(Form, Form)| COMMON.iter().any(|entry| is_named(key, entry.name));
        let (shared, own): (Vec<_>, Vec<_>) = written.entries.iter().copied().partition(|entry| is_common(entry));
        let own = own.into_iter().filter(|(key, _)| !is_named(key, "type")).collect();
        let shared = Entries { entries: shared, subject: subject.clone(), ..*written };
        shared.read(&COMMON, &[], &[], &mut common, context);
        let own = Entries { entries: own, subject, place: written.place, others: &["give-up", "timeout", "type"] };
        notifier.via = (kind.read)(&own, context);
    }
    notifier.timeout = common.timeout.unwrap_or(Notifier::TIMEOUT);
    notifier.give_up = common.give_up.unwrap_or(Notifier::GIVE_UP);
    Found { notifier, place: written.place }
}

/// The type; None, and reported, if it is not said, or not known.
fn kind(written: &Entries, context: &mut Context) -> Option<&'static Type> {
    let mut types = written.entries.iter().filter(|(key, _)| is_named(key, "type"));
    let Some((first, form)) = types.next() else {
        // What stands there is no map, or cannot be read, or is a key written in another way.
        if written.is_broken() {
            return None;
        }
        let has = |option: &str| written.entries.iter().any(|(key, _)| is_named(key, option));
        let guess = TELLING.iter().find(|(option, _)| has(option)).map(|(_, kind)| *kind);
        return context.refuse(catalogue::notifier_without_type(written.place, guess));
    };
    for (again, _) in types.filter(|(key, _)| key.span.file != first.span.file) {
        context.report(catalogue::set_twice(again.span, first.span, "type"));
    }
    let word = match &form.kind {
        Kind::Broken => return None,
        Kind::Keyword(word) => match TYPES.iter().find(|kind| kind.name == word.as_ref()) {
            Some(kind) => return Some(kind),
            None => word.as_ref(),
        },
        Kind::String(word) | Kind::Symbol(word) => word.as_ref(),
        _ => "",
    };
    let is_elsewhere = ELSEWHERE.contains(&word.to_lowercase().as_str());
    let names = TYPES.iter().map(|kind| kind.name);
    let meant = if is_elsewhere { None } else { context.nearest(word, names, &OTHER_TYPES) };
    context.refuse(catalogue::unknown_type(form, meant, is_elsewhere))
}

/// The type that an option belongs to.
fn owner(option: &str) -> Option<&'static str> {
    TYPES.iter().find(|kind| (kind.has)(option)).map(|kind| kind.name)
}

fn is_named(key: &Form, name: &str) -> bool {
    matches!(&key.kind, Kind::Keyword(written) if written.as_ref() == name)
}

fn timeout(common: &mut Common, form: &Form, context: &mut Context) {
    let Some((timeout, length)) = time::positive(form, "`:timeout`", MAX_TIMEOUT / 1_000_000, context) else { return };
    match timeout.micros() {
        ..=MAX_TIMEOUT => common.timeout = Some(timeout.micros()),
        _ => context.report(catalogue::time_between(length.span, "`:timeout`", "0", "5 min")),
    }
}

fn give_up(common: &mut Common, form: &Form, context: &mut Context) {
    let Some((age, length)) = time::positive(form, "`:give-up`", SUSPICIOUS_SECONDS, context) else { return };
    match age.micros() {
        MIN_GIVE_UP.. => common.give_up = Some(age.micros()),
        _ => context.report(catalogue::time_between(length.span, "`:give-up`", "1 min", "")),
    }
}

/// Keeps a URL where there is one; else what is there stays, a placeholder.
pub(super) fn keep_url(kept: &mut Url, form: &Form, context: &mut Context) {
    if let Some(url) = url::read(form, "`:url`", context) {
        *kept = url;
    }
}

/// Reports a URL by which what is secret goes over the net in clear.
pub(super) fn report_clear(place: Option<Span>, url: &Url, what: &str, context: &mut Context) {
    let parts = url::parts(url);
    if let Some(place) = place.filter(|_| parts.is_in_clear() && url.0 != PLACEHOLDER) {
        context.report(catalogue::secret_in_clear(place, what));
    }
}
