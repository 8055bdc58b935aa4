//! `:to` of a pipeline: where points go.

use std::path::PathBuf;

use super::context::Context;
use super::notifier::{Entries, Entry, PLACEHOLDER, Seen, keep_url, report_clear};
use super::{catalogue, listener, time, url, values};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Destination, Events, Influx, InfluxApi, Secret, Url};

#[derive(Clone, Copy)]
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
const OTHER_TYPES: [(&str, &str); 18] = [
    ("daemon", "events"),
    ("event", "events"),
    ("highwater", "events"),
    ("log", "file"),
    ("path", "file"),
    ("flux", "influxdb"),
    ("influx", "influxdb"),
    ("influx-db", "influxdb"),
    ("influxdb1", "influxdb"),
    ("influxdb2", "influxdb"),
    ("influxdb3", "influxdb"),
    ("influxdb_v2", "influxdb"),
    ("victoria-metrics", "influxdb"),
    ("victoriametrics", "influxdb"),
    ("-", "stdout"),
    ("console", "stdout"),
    ("print", "stdout"),
    ("output", "stdout"),
];

/// The longest `:timeout`, in microseconds: 10 minutes.
const MAX_TIMEOUT: i64 = 600_000_000;
/// The `:timeout` that nobody said, in microseconds.
const TIMEOUT: i64 = 30_000_000;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 4_096;
/// Stands for a name that is not known.
const UNSET: &str = "unset";

const EXAMPLE: &str = "`{:type :influxdb :url \"http://127.0.0.1:8086\" :db \"logs\"}`";
const EXAMPLE_OF_V2: &str =
    "`{:type :influxdb :url \"https://…\" :org \"…\" :bucket \"logs\" :token #env \"INFLUX_TOKEN\"}`";

/// Reads a destination: a keyword, or a map with a `:type`. What could not be read of it was reported, and has a
/// placeholder; None, and reported, if it is not said what it is.
pub(super) fn read(form: &Form, context: &mut Context) -> Option<Destination> {
    let (kind, place, entries) = match &form.kind {
        Kind::Broken => return None,
        Kind::Map(entries) => {
            let found = entries.iter().find(|(key, _)| is_named(key, "type"));
            let is_broken = entries.iter().any(|(key, _)| !matches!(key.kind, Kind::Keyword(_)));
            let Some((_, written)) = found else {
                let place = Span { end: form.span.start + 1, ..form.span };
                let missing = catalogue::missing_options(place, "a destination", &["type"], EXAMPLE);
                return if is_broken { None } else { context.refuse(missing) };
            };
            (values::choice(written, "`:type`", &TYPES, &OTHER_TYPES, context)?, written.span, entries.as_slice())
        }
        _ => (values::choice(form, "`:to`", &TYPES, &OTHER_TYPES, context)?, form.span, &[][..]),
    };
    let name = TYPES[kind as usize].0;
    let subject = format!("a destination of `:type :{name}`");
    let entries = Entries { subject, place, entries: entries.iter().collect(), others: &[] };
    Some(match kind {
        Type::Events => Destination::Events(events(&entries, context)),
        Type::File => Destination::File(file(&entries, context)),
        Type::Influx => Destination::Influx(influx(&entries, context)),
        Type::Stdout => {
            entries.read(&[Entry { name: "type", read: |(), _, _| {} }], &[], &[], &mut (), context);
            Destination::Stdout
        }
    })
}

fn is_named(key: &Form, name: &str) -> bool {
    matches!(&key.kind, Kind::Keyword(written) if written.as_ref() == name)
}

/// Alphabetical.
const FILE: [Entry<PathBuf>; 2] = [Entry { name: "path", read: path }, Entry { name: "type", read: |_, _, _| {} }];

fn file(entries: &Entries, context: &mut Context) -> PathBuf {
    let words = [("file", "path"), ("filename", "path"), ("name", "path"), ("to", "path")];
    let mut path = PathBuf::from(UNSET);
    let seen = entries.read(&FILE, &words, &["path"], &mut path, context);
    entries.require(&seen, &["path"], "`{:type :file :path \"/var/lib/highwater/points.line\"}`", context);
    path
}

fn path(path: &mut PathBuf, form: &Form, context: &mut Context) {
    const HELP: &str = "write `:path \"/var/lib/highwater/points.line\"`; `:to :stdout` is standard output";
    if matches!(&form.kind, Kind::Tagged(tag, _) if tag.as_ref() == "file") {
        return context.report(catalogue::no_log_path(form.span, "is `#file`, the text that stands in a file", HELP));
    }
    let Some(text) = values::words(form, "`:path`", context) else { return };
    let fault = match text.text.as_str() {
        "-" | "stdout" | "/dev/stdout" => "is standard output, which is a destination of its own",
        written if written.starts_with('~') => "begins with `~`, which only a shell replaces",
        written if written.ends_with('/') => "ends with `/`, as the path of a folder",
        written if written.contains('\0') => "has a character that no path has",
        written => return *path = PathBuf::from(written),
    };
    context.report(catalogue::no_log_path(form.span, fault, HELP));
}

/// What is said of a daemon.
struct ToDaemon {
    url: Url,
    token: Option<Secret>,
    ca: Option<PathBuf>,
}

/// Alphabetical.
const EVENTS: [Entry<ToDaemon>; 4] = [
    Entry { name: "ca", read: |to, form, context| to.ca = listener::path(form, "ca", context) },
    Entry { name: "token", read: |to, form, context| to.token = token(form, "HIGHWATER_TOKEN", context) },
    Entry { name: "type", read: |_, _, _| {} },
    Entry { name: "url", read: |to, form, context| server(&mut to.url, form, &OF_A_DAEMON, context) },
];

fn events(entries: &Entries, context: &mut Context) -> Option<Events> {
    let mut to = ToDaemon { url: Url(PLACEHOLDER.to_string()), token: None, ca: None };
    let seen = entries.read(&EVENTS, &OTHER_WORDS, &["url"], &mut to, context);
    if ["ca", "token"].iter().any(|option| seen.has(option)) {
        let example = "`{:type :events :url \"http://127.0.0.1:5559\" :token #env \"HIGHWATER_TOKEN\"}`";
        entries.require(&seen, &["url"], example, context);
    }
    if to.token.is_some() {
        report_clear(seen.place("url"), &to.url, "the token goes", context);
    }
    seen.has("url").then_some(Events { url: to.url, token: to.token, ca: to.ca })
}

/// What is said of an InfluxDB, of any version.
struct ToInflux {
    url: Url,
    version: Option<u64>,
    db: Option<String>,
    rp: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    org: Option<String>,
    bucket: Option<String>,
    token: Option<Secret>,
    ca: Option<PathBuf>,
    timeout: i64,
    skip_refused: bool,
}

/// Alphabetical.
const INFLUX: [Entry<ToInflux>; 13] = [
    Entry { name: "bucket", read: |to, form, context| to.bucket = named(form, "`:bucket`", context) },
    Entry { name: "ca", read: |to, form, context| to.ca = listener::path(form, "ca", context) },
    Entry { name: "db", read: |to, form, context| to.db = named(form, "`:db`", context) },
    Entry { name: "org", read: |to, form, context| to.org = named(form, "`:org`", context) },
    Entry { name: "partial", read: partial },
    Entry { name: "password", read: password },
    Entry { name: "rp", read: |to, form, context| to.rp = named(form, "`:rp`", context) },
    Entry { name: "timeout", read: timeout },
    Entry { name: "token", read: |to, form, context| to.token = token(form, "INFLUX_TOKEN", context) },
    Entry { name: "type", read: |_, _, _| {} },
    Entry { name: "url", read: |to, form, context| server(&mut to.url, form, &OF_INFLUX, context) },
    Entry { name: "user", read: |to, form, context| to.user = named(form, "`:user`", context) },
    Entry { name: "version", read: |to, form, context| to.version = values::whole(form, "`:version`", 1, 3, context) },
];

/// Options that not every version has, and the versions that have them.
const OF_VERSIONS: [(&str, &[u64]); 7] = [
    ("bucket", &[2]),
    ("db", &[1, 3]),
    ("org", &[2]),
    ("password", &[1]),
    ("rp", &[1]),
    ("token", &[2, 3]),
    ("user", &[1]),
];

const OTHER_WORDS: [(&str, &str); 34] = [
    ("ca-cert", "ca"),
    ("ca-file", "ca"),
    ("cacert", "ca"),
    ("database", "db"),
    ("dbname", "db"),
    ("name", "db"),
    ("organisation", "org"),
    ("organization", "org"),
    ("on-partial", "partial"),
    ("refused", "partial"),
    ("rejected", "partial"),
    ("pass", "password"),
    ("passwd", "password"),
    ("pw", "password"),
    ("policy", "rp"),
    ("retention", "rp"),
    ("retention-policy", "rp"),
    ("deadline", "timeout"),
    ("time-limit", "timeout"),
    ("time-out", "timeout"),
    ("api-key", "token"),
    ("api-token", "token"),
    ("auth-token", "token"),
    ("key", "token"),
    ("address", "url"),
    ("endpoint", "url"),
    ("host", "url"),
    ("server", "url"),
    ("uri", "url"),
    ("urls", "url"),
    ("login", "user"),
    ("username", "user"),
    ("api", "version"),
    ("api-version", "version"),
];

fn influx(entries: &Entries, context: &mut Context) -> Influx {
    let mut to = ToInflux {
        url: Url(PLACEHOLDER.to_string()),
        version: None,
        db: None,
        rp: None,
        user: None,
        password: None,
        org: None,
        bucket: None,
        token: None,
        ca: None,
        timeout: TIMEOUT,
        skip_refused: false,
    };
    let seen = entries.read(&INFLUX, &OTHER_WORDS, &["url", "db", "bucket"], &mut to, context);
    let version = to.version.unwrap_or_else(|| deduced(&seen));
    let (required, example) = match version {
        2 => (["url", "bucket"], EXAMPLE_OF_V2),
        _ => (["url", "db"], EXAMPLE),
    };
    // A version that could not be read may be the one that has what is there.
    if to.version.is_some() || !seen.has("version") {
        entries.require(&seen, &required, example, context);
        report_others(entries, version, seen.place("version"), context);
    }
    let halves = [("user", "password"), ("password", "user")];
    if let Some((there, missing)) = halves.into_iter().find(|(there, missing)| seen.has(there) && !seen.has(missing)) {
        context.report(catalogue::half_a_login(key(entries, there), there, missing));
    }
    match (&to.password, &to.token) {
        (Some(_), _) => report_clear(seen.place("url"), &to.url, "the password goes", context),
        (_, Some(_)) => report_clear(seen.place("url"), &to.url, "the token goes", context),
        (None, None) => {}
    }
    let unset = || UNSET.to_string();
    let api = match version {
        1 => InfluxApi::V1 { db: to.db.unwrap_or_else(unset), rp: to.rp, login: to.user.zip(to.password) },
        2 => InfluxApi::V2 { org: to.org, bucket: to.bucket.unwrap_or_else(unset), token: to.token },
        _ => InfluxApi::V3 { db: to.db.unwrap_or_else(unset), token: to.token },
    };
    Influx { url: to.url, api, ca: to.ca, timeout: to.timeout, skip_refused: to.skip_refused }
}

/// The version that has what is said; the first where several have it.
fn deduced(seen: &Seen) -> u64 {
    let has = |names: &[&str]| names.iter().any(|name| seen.has(name));
    match () {
        () if has(&["bucket", "org"]) => 2,
        () if has(&["token"]) && !has(&["rp", "user", "password"]) => 3,
        () => 1,
    }
}

/// Reports options that another version has.
fn report_others(entries: &Entries, version: u64, said: Option<Span>, context: &mut Context) {
    for (name, versions) in OF_VERSIONS {
        let place = key(entries, name);
        if place != entries.place && !versions.contains(&version) {
            context.report(catalogue::option_of_other_version(place, name, version, versions, said));
        }
    }
}

/// Where the key of an option stands; the place of the type if it is not there.
fn key(entries: &Entries, name: &str) -> Span {
    entries.entries.iter().find(|(key, _)| is_named(key, name)).map_or(entries.place, |(key, _)| key.span)
}

/// What belongs to a URL of a server.
struct Server {
    name: &'static str,
    /// What begins the path of an endpoint.
    endpoints: &'static [&'static str],
    example: &'static str,
}

const OF_INFLUX: Server =
    Server { name: "InfluxDB", endpoints: &["/write", "/api/v", "/query"], example: "http://127.0.0.1:8086" };
const OF_A_DAEMON: Server = Server { name: "a daemon", endpoints: &["/events"], example: "http://127.0.0.1:5559" };

/// A URL of a server. One of an endpoint is refused, not mended: what is shown is what the user wrote.
fn server(kept: &mut Url, form: &Form, server: &Server, context: &mut Context) {
    let mut read = Url(PLACEHOLDER.to_string());
    keep_url(&mut read, form, context);
    let path = url::parts(&read).path;
    let names_one = server.endpoints.iter().any(|endpoint| path.contains(endpoint));
    if names_one || path.contains('?') {
        return context.report(catalogue::url_of_an_endpoint(form.span, server.name, names_one, server.example));
    }
    *kept = Url(read.0.trim_end_matches('/').to_string());
}

fn named(form: &Form, subject: &str, context: &mut Context) -> Option<String> {
    Some(values::words(form, subject, context)?.text)
}

fn password(to: &mut ToInflux, form: &Form, context: &mut Context) {
    let Some(text) = values::secret(form, "`:password`", context) else { return };
    if text.text.is_empty() {
        return context.report(catalogue::empty(form.span, "`:password`"));
    }
    if values::in_clear(form).is_some() {
        context.report(catalogue::secret_in_file(form.span, "password", "INFLUX_PASSWORD"));
    }
    to.password = Some(Secret(text.text));
}

/// A token; `variable` is one that could hold it.
fn token(form: &Form, variable: &str, context: &mut Context) -> Option<Secret> {
    let text = values::secret(form, "`:token`", context)?;
    let is_sent = !text.text.is_empty() && text.text.len() <= MAX_TOKEN;
    if !is_sent || !text.text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return context.refuse(catalogue::value_of_a_header(form.span, "`:token`", MAX_TOKEN));
    }
    if values::in_clear(form).is_some() {
        context.report(catalogue::secret_in_file(form.span, "token", variable));
    }
    Some(Secret(text.text))
}

fn timeout(to: &mut ToInflux, form: &Form, context: &mut Context) {
    let Some((timeout, length)) = time::positive(form, "`:timeout`", MAX_TIMEOUT / 1_000_000, context) else { return };
    match timeout.micros() {
        ..=MAX_TIMEOUT => to.timeout = timeout.micros(),
        _ => context.report(catalogue::time_between(length.span, "`:timeout`", "0", "10 min")),
    }
}

fn partial(to: &mut ToInflux, form: &Form, context: &mut Context) {
    let words = [("abort", "fail"), ("error", "fail"), ("stop", "fail"), ("drop", "skip"), ("ignore", "skip")];
    let choices = [("fail", false), ("skip", true)];
    to.skip_refused = values::choice(form, "`:partial`", &choices, &words, context).unwrap_or_default();
}
