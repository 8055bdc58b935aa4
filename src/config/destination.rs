//! `:to`: where the points of a pipeline go.

use super::context::Context;
use super::notifier::{Entries, Entry, PLACEHOLDER, Seen, report_clear};
use super::{catalogue, listener, time, url, values};
use crate::edn::{Form, Kind};
use crate::plan::{Destination, Events, Influx, InfluxApi, Secret, Url};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Events,
    File,
    Influx,
    Stdout,
}

/// Alphabetical.
const TYPES: [(&str, Type); 4] =
    [("events", Type::Events), ("file", Type::File), ("influxdb", Type::Influx), ("stdout", Type::Stdout)];

/// What other systems, and people in a hurry, call these types.
const OTHER_TYPES: [(&str, &str); 9] = [
    ("influx", "influxdb"),
    ("influxdb2", "influxdb"),
    ("influxdb3", "influxdb"),
    ("victoriametrics", "influxdb"),
    ("line-protocol", "file"),
    ("console", "stdout"),
    ("print", "stdout"),
    ("highwater", "events"),
    ("http", "influxdb"),
];

/// What is written of a destination.
struct Written {
    url: Url,
    path: Option<std::path::PathBuf>,
    db: Option<String>,
    rp: Option<String>,
    org: Option<String>,
    bucket: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    version: Option<u64>,
    ca: Option<std::path::PathBuf>,
    timeout: Option<i64>,
    skip_refused: bool,
}

const CA: Entry<Written> = Entry { name: "ca", read: |to, form, context| to.ca = listener::path(form, "ca", context) };
const TOKEN: Entry<Written> =
    Entry { name: "token", read: |to, form, context| to.token = secret(form, "token", "INFLUX_TOKEN", context) };
const URL: Entry<Written> = Entry { name: "url", read: server };

/// Alphabetical.
const INFLUX: [Entry<Written>; 12] = [
    Entry { name: "bucket", read: |to, form, context| to.bucket = text(form, "`:bucket`", context) },
    CA,
    Entry { name: "db", read: |to, form, context| to.db = text(form, "`:db`", context) },
    Entry { name: "org", read: |to, form, context| to.org = text(form, "`:org`", context) },
    Entry { name: "partial", read: partial },
    Entry {
        name: "password",
        read: |to, form, context| to.password = secret(form, "password", "INFLUX_PASSWORD", context),
    },
    Entry { name: "rp", read: |to, form, context| to.rp = text(form, "`:rp`", context) },
    Entry { name: "timeout", read: timeout },
    TOKEN,
    URL,
    Entry { name: "user", read: |to, form, context| to.user = text(form, "`:user`", context) },
    Entry { name: "version", read: |to, form, context| to.version = values::whole(form, "`:version`", 1, 3, context) },
];

const FILE: [Entry<Written>; 1] =
    [Entry { name: "path", read: |to, form, context| to.path = listener::path(form, "path", context) }];

const EVENTS: [Entry<Written>; 3] = [CA, TOKEN, URL];

const OTHER_WORDS: [(&str, &str); 16] = [
    ("address", "url"),
    ("endpoint", "url"),
    ("host", "url"),
    ("server", "url"),
    ("urls", "url"),
    ("database", "db"),
    ("organization", "org"),
    ("organisation", "org"),
    ("retention-policy", "rp"),
    ("retention", "rp"),
    ("username", "user"),
    ("login", "user"),
    ("pass", "password"),
    ("file", "path"),
    ("api", "version"),
    ("on-partial", "partial"),
];

/// How long all attempts at one batch may take where nothing is said, and the most that can be: 30 s, 10 min.
const TIMEOUT: i64 = 30_000_000;
const MAX_TIMEOUT: i64 = 600_000_000;

const EXAMPLE: &str = "`{:type :influxdb :url \"http://127.0.0.1:8086\" :db \"logs\"}`";

/// Reads `:to`.
pub(super) fn read(form: &Form, context: &mut Context) -> Option<Destination> {
    let entries = match &form.kind {
        Kind::Keyword(name) if name.as_ref() == "stdout" => return Some(Destination::Stdout),
        Kind::Keyword(name) if name.as_ref() == "events" => return Some(Destination::Events(None)),
        _ => values::entries(form, "`:to`", EXAMPLE, context)?,
    };
    let is_type = |(key, _): &&(Form, Form)| matches!(&key.kind, Kind::Keyword(name) if name.as_ref() == "type");
    let Some((_, kind)) = entries.iter().find(is_type) else {
        return context.refuse(catalogue::missing_options(form.span, "`:to`", &["type"], EXAMPLE));
    };
    let kind = values::choice(kind, "`:type`", &TYPES, &OTHER_TYPES, context)?;
    let name = TYPES.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
    let entries: Vec<_> = entries.iter().filter(|entry| !is_type(entry)).collect();
    let entries = Entries { subject: format!("`:to` of `:type :{name}`"), place: form.span, entries, others: &[] };
    let mut written = Written {
        url: Url(PLACEHOLDER.to_string()),
        path: None,
        db: None,
        rp: None,
        org: None,
        bucket: None,
        user: None,
        password: None,
        token: None,
        version: None,
        ca: None,
        timeout: None,
        skip_refused: false,
    };
    match kind {
        Type::Stdout => {
            entries.read(&[], &OTHER_WORDS, &[], &mut written, context);
            Some(Destination::Stdout)
        }
        Type::File => {
            let seen = entries.read(&FILE, &OTHER_WORDS, &[], &mut written, context);
            entries.require(&seen, &["path"], "`{:type :file :path \"/var/lib/points.lp\"}`", context);
            written.path.map(Destination::File)
        }
        Type::Events => {
            let seen = entries.read(&EVENTS, &OTHER_WORDS, &["token"], &mut written, context);
            if !seen.has("url") {
                return Some(Destination::Events(None));
            }
            if written.token.is_some() {
                report_clear(seen.place("url"), &written.url, "the token goes", context);
            }
            Some(Destination::Events(Some(Events { url: written.url, token: written.token, ca: written.ca })))
        }
        Type::Influx => {
            let seen = entries.read(&INFLUX, &OTHER_WORDS, &["password", "token", "url"], &mut written, context);
            influx(&entries, &seen, written, context)
        }
    }
}

fn influx(entries: &Entries, seen: &Seen, written: Written, context: &mut Context) -> Option<Destination> {
    let version = written.version.unwrap_or(if seen.has("bucket") || seen.has("org") {
        2
    } else if seen.has("token") {
        3
    } else {
        1
    });
    let (needed, example, others): (&[&str], _, &[&str]) = match version {
        1 => (&["url", "db"], EXAMPLE, &["bucket", "org", "token"]),
        2 => (
            &["url", "bucket"],
            "`{:type :influxdb :version 2 :url \"http://127.0.0.1:8086\" :org \"me\" :bucket \"logs\" :token #env \"INFLUX_TOKEN\"}`",
            &["db", "password", "rp", "user"],
        ),
        _ => (
            &["url", "db"],
            "`{:type :influxdb :version 3 :url \"http://127.0.0.1:8181\" :db \"logs\" :token #env \"INFLUX_TOKEN\"}`",
            &["bucket", "org", "password", "rp", "user"],
        ),
    };
    entries.require(seen, needed, example, context);
    if let Some((name, place)) = others.iter().find_map(|name| Some((*name, seen.place(name)?))) {
        context.report(catalogue::option_of_other_version(place, name, version));
    }
    if seen.has("user") != seen.has("password") {
        let missing = if seen.has("user") { "password" } else { "user" };
        entries.require(seen, &[missing], "`:user \"loader\" :password #env \"INFLUX_PASSWORD\"`", context);
    }
    if written.token.is_some() || written.password.is_some() {
        let what = if written.token.is_some() { "the token goes" } else { "the password goes" };
        report_clear(seen.place("url"), &written.url, what, context);
    }
    let api = match version {
        1 => InfluxApi::V1 { db: written.db?, rp: written.rp, login: written.user.zip(written.password) },
        2 => InfluxApi::V2 { org: written.org, bucket: written.bucket?, token: written.token },
        _ => InfluxApi::V3 { db: written.db?, token: written.token },
    };
    Some(Destination::Influx(Influx {
        url: written.url,
        api,
        ca: written.ca,
        timeout: written.timeout.unwrap_or(TIMEOUT),
        skip_refused: written.skip_refused,
    }))
}

fn text(form: &Form, subject: &str, context: &mut Context) -> Option<String> {
    values::words(form, subject, context).map(|text| text.text)
}

fn secret(form: &Form, name: &str, variable: &str, context: &mut Context) -> Option<Secret> {
    let text = values::secret(form, &format!("`:{name}`"), context)?;
    if matches!(form.kind, Kind::String(_)) {
        context.report(catalogue::secret_in_file(form.span, name, variable));
    }
    Some(Secret(text.text))
}

/// The server's URL: the path of the endpoint is added.
fn server(to: &mut Written, form: &Form, context: &mut Context) {
    let Some(url) = url::read(form, "`:url`", context) else { return };
    let path = url::parts(&url).path;
    if path.contains('?') || ["/write", "/api/v2", "/api/v3", "/events"].iter().any(|end| path.contains(end)) {
        return context.report(catalogue::url_of_an_endpoint(form.span));
    }
    to.url = Url(url.0.trim_end_matches('/').to_string());
}

fn partial(to: &mut Written, form: &Form, context: &mut Context) {
    let choices = [("fail", false), ("skip", true)];
    to.skip_refused = values::choice(form, "`:partial`", &choices, &[], context).unwrap_or_default();
}

fn timeout(to: &mut Written, form: &Form, context: &mut Context) {
    let Some((timeout, length)) = time::positive(form, "`:timeout`", MAX_TIMEOUT / 1_000_000, context) else { return };
    match timeout.micros() {
        ..=MAX_TIMEOUT => to.timeout = Some(timeout.micros()),
        _ => context.report(catalogue::time_between(length.span, "`:timeout`", "0", "10 min")),
    }
}
