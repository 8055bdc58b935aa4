//! One listener of `:server`: an address, or a map of what is known of those who send there.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::address::{self, Fault};
use super::context::Context;
use super::values::{self, Appears, Text};
use super::{catalogue, time};
use crate::edn::{Form, Kind, Span};
use crate::plan::{EventTime, Listener, TlsListener};

/// What kind of listener a key of `:server` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    /// The key.
    pub name: &'static str,
    /// The port on loopback where nothing else is said.
    pub port: u16,
    /// Whether it has certificates, over TLS.
    pub tls: bool,
}

/// A listener that was read, and where its address stands, or else all of it.
pub(super) struct Found {
    pub listener: TlsListener,
    pub place: Span,
}

/// What stands at a key of `:server`; in a map each key may come from another file.
pub(super) enum Written<'f> {
    Map(Span, Vec<&'f (Form, Form)>),
    Other(&'f Form),
}

impl<'f> Written<'f> {
    /// What stands in one place only.
    pub fn once(form: &'f Form) -> Written<'f> {
        match &form.kind {
            Kind::Map(entries) => Written::Map(form.span, entries.iter().collect()),
            _ => Written::Other(form),
        }
    }
}

/// What the map of one listener says.
#[derive(Default)]
struct Options {
    /// None if it is turned off.
    address: Option<(Option<SocketAddr>, Span)>,
    time: EventTime,
    grace: Option<i64>,
    key: Option<PathBuf>,
    cert: Option<PathBuf>,
    ca_cert: Option<PathBuf>,
}

struct Entry {
    name: &'static str,
    tls: bool,
    read: fn(&mut Options, &Form, &mut Context),
}

/// Alphabetical.
const OPTIONS: [Entry; 6] = [
    Entry { name: "address", tls: false, read: address },
    Entry { name: "ca-cert", tls: true, read: ca_cert },
    Entry { name: "cert", tls: true, read: cert },
    Entry { name: "grace", tls: false, read: grace },
    Entry { name: "key", tls: true, read: key },
    Entry { name: "time", tls: false, read: event_time },
];

/// What other systems, and people in a hurry, call these keys.
const OTHER_WORDS: [(&str, &str); 27] = [
    ("addr", "address"),
    ("bind", "address"),
    ("host", "address"),
    ("listen", "address"),
    ("port", "address"),
    ("url", "address"),
    ("ca", "ca-cert"),
    ("ca-certificate", "ca-cert"),
    ("ca-file", "ca-cert"),
    ("cacert", "ca-cert"),
    ("cafile", "ca-cert"),
    ("client-ca", "ca-cert"),
    ("trust", "ca-cert"),
    ("cert-file", "cert"),
    ("certfile", "cert"),
    ("certificate", "cert"),
    ("certificates", "cert"),
    ("crt", "cert"),
    ("allowed-lateness", "grace"),
    ("lateness", "grace"),
    ("key-file", "key"),
    ("keyfile", "key"),
    ("private-key", "key"),
    ("clock", "time"),
    ("event-time", "time"),
    ("timestamp", "time"),
    ("timestamps", "time"),
];

/// How many listeners of one kind there may be.
const MAX_LISTENERS: usize = 64;

/// Reads all listeners of one kind; what could not be read was reported.
pub(super) fn read(written: &Written, sort: Sort, context: &mut Context) -> Vec<Found> {
    let subject = format!("`:{}`", sort.name);
    let items = match written {
        Written::Map(..) => return one(written, sort, context).into_iter().collect(),
        Written::Other(Form { kind: Kind::Vector(items), span }) => match items.len() {
            1..=MAX_LISTENERS => items,
            count => {
                context.report(catalogue::not_so_many_listeners(*span, &subject, MAX_LISTENERS, count));
                return Vec::new();
            }
        },
        Written::Other(form) if form.kind == Kind::Nil => return Vec::new(),
        Written::Other(_) => return one(written, sort, context).into_iter().collect(),
    };
    items.iter().filter_map(|form| one(&Written::once(form), sort, context)).collect()
}

/// Reads one listener; None if it is turned off, or reported, or lacks a variable that is not set.
fn one(written: &Written, sort: Sort, context: &mut Context) -> Option<Found> {
    let mark = context.mark();
    let found = match written {
        Written::Map(span, entries) => map(*span, entries, sort, context),
        Written::Other(form) => plain(form, sort, context),
    };
    let comes_of_it = match found {
        Some(_) => "; this option is left out",
        None => "; this listener is left out",
    };
    context.say_of_unset(mark, comes_of_it);
    found
}

/// An address without more.
fn plain(form: &Form, sort: Sort, context: &mut Context) -> Option<Found> {
    let subject = format!("`:{}`", sort.name);
    if sort.tls && form.kind != Kind::String("none".into()) {
        return match form.kind {
            Kind::Broken => None,
            Kind::String(_) => context.refuse(catalogue::no_certificates(form.span, &["key", "cert", "ca-cert"])),
            _ => context.refuse(catalogue::no_listener(form, &subject, "a map with `:key`, `:cert` and `:ca-cert`")),
        };
    }
    let expected = "an address such as `\"127.0.0.1:5555\"`, a map, or a vector of these";
    let address = socket(form, &subject, expected, context)??;
    let [key, cert, ca_cert] = Default::default();
    Some(Found { listener: TlsListener { listener: Listener::at(address), key, cert, ca_cert }, place: form.span })
}

fn map(span: Span, entries: &[&(Form, Form)], sort: Sort, context: &mut Context) -> Option<Found> {
    let mut options = Options::default();
    let mut seen: Vec<(&'static str, Span)> = Vec::new();
    for (key, value) in entries {
        entry(key, value, sort, &mut options, &mut seen, context);
    }
    let is_named = |name: &str| seen.iter().any(|(known, _)| *known == name);
    let missing: Vec<&str> = ["key", "cert", "ca-cert"].into_iter().filter(|name| !is_named(name)).collect();
    if sort.tls && !missing.is_empty() {
        return context.refuse(catalogue::no_certificates(span, &missing));
    }
    let default = SocketAddr::from(([127, 0, 0, 1], sort.port));
    let (address, place) = match options.address {
        Some((address, place)) => (address?, place),
        None if is_named("address") => return None,
        None => (default, span),
    };
    let listener = Listener { address, time: options.time, grace: options.grace };
    let [key, cert, ca_cert] = match sort.tls {
        true => [options.key?, options.cert?, options.ca_cert?],
        false => Default::default(),
    };
    Some(Found { listener: TlsListener { listener, key, cert, ca_cert }, place })
}

/// Reads one entry, and keeps in `seen` what it is, or was probably meant to be, and where it stands.
fn entry(
    key: &Form,
    value: &Form,
    sort: Sort,
    options: &mut Options,
    seen: &mut Vec<(&'static str, Span)>,
    context: &mut Context,
) {
    let place = format!("a listener of `:{}`", sort.name);
    let name = match &key.kind {
        Kind::Broken => return,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.report(catalogue::key_is_no_keyword(key, &place)),
    };
    let Some(option) = OPTIONS.iter().find(|option| option.name == name) else {
        let known = OPTIONS.iter().filter(|option| sort.tls || !option.tls).map(|option| option.name);
        let meant = context.nearest(name, known, &OTHER_WORDS);
        seen.extend(meant.map(|meant| (meant, key.span)));
        return context.report(catalogue::unknown_key(key, &place, meant));
    };
    if option.tls && !sort.tls {
        return context.report(catalogue::only_tls(key.span, name));
    }
    match seen.iter().find(|(known, _)| *known == option.name) {
        // Twice in one file was reported when it was read.
        Some((_, first)) if first.file == key.span.file => {}
        Some((_, first)) => context.report(catalogue::set_twice(key.span, *first, option.name)),
        None => {
            seen.push((option.name, key.span));
            (option.read)(options, value, context);
        }
    }
}

fn address(options: &mut Options, form: &Form, context: &mut Context) {
    let address = socket(form, "`:address`", "an address, such as `\"127.0.0.1:5555\"`", context);
    options.address = address.map(|address| (address, form.span));
}

fn ca_cert(options: &mut Options, form: &Form, context: &mut Context) {
    options.ca_cert = path(form, "ca-cert", context);
}

fn cert(options: &mut Options, form: &Form, context: &mut Context) {
    options.cert = path(form, "cert", context);
}

fn grace(options: &mut Options, form: &Form, context: &mut Context) {
    let grace = time::length(form, "`:grace`", time::SUSPICIOUS_GRACE, context);
    options.grace = grace.map(|length| length.micros);
}

fn key(options: &mut Options, form: &Form, context: &mut Context) {
    options.key = path(form, "key", context);
}

fn event_time(options: &mut Options, form: &Form, context: &mut Context) {
    let choices = [("event", EventTime::Event), ("arrival", EventTime::Arrival)];
    let other_words = [
        ("own", "event"),
        ("source", "event"),
        ("sender", "event"),
        ("arrived", "arrival"),
        ("received", "arrival"),
        ("ingestion", "arrival"),
        ("now", "arrival"),
        ("server", "arrival"),
    ];
    options.time = values::choice(form, "`:time`", &choices, &other_words, context).unwrap_or_default();
}

/// An address; None inside if it is `none`.
fn socket(form: &Form, subject: &str, expected: &str, context: &mut Context) -> Option<Option<SocketAddr>> {
    let text = match &form.kind {
        Kind::Nil => return Some(None),
        Kind::Integer(digits) => match digits.parse() {
            Ok(port) => {
                let text = Text { text: digits.to_string(), span: form.span, secret: false };
                return context.refuse(catalogue::no_address(&text, &Fault::PortAlone(port)));
            }
            Err(_) => return context.refuse(catalogue::no_listener(form, subject, expected)),
        },
        Kind::String(_) => values::text(form, subject, Appears::InOutput, context)?,
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "env" | "file") => {
            values::text(form, subject, Appears::InOutput, context)?
        }
        Kind::Broken => return None,
        _ => return context.refuse(catalogue::no_listener(form, subject, expected)),
    };
    match address::read(&text.text) {
        Ok(address) => Some(address),
        Err(fault) => context.refuse(catalogue::no_address(&text, &fault)),
    }
}

/// The path of a PEM file, which is read when the daemon starts.
pub(super) fn path(form: &Form, name: &str, context: &mut Context) -> Option<PathBuf> {
    match &form.kind {
        Kind::Tagged(tag, _) if tag.as_ref() == "file" => {
            return context.refuse(catalogue::no_path(form.span, name, "`#file`, the text that stands in one"));
        }
        Kind::String(text) if text.trim_start().starts_with("-----BEGIN") => {
            return context.refuse(catalogue::no_path(form.span, name, "the text that stands in one"));
        }
        _ => {}
    }
    let text = values::words(form, &format!("`:{name}`"), context)?;
    Some(PathBuf::from(text.text))
}
