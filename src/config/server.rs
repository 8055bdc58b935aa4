//! `:server`: what the daemon listens on, over all files.

use std::net::SocketAddr;

use super::context::Context;
use super::listener::{self, Found, Sort, Written};
use super::values::{self, Appears};
use super::{catalogue, time};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Secret, Server};

/// What each kind of listener is called.
const SORTS: [Sort; 4] = [
    Sort { name: "http", port: 5556, tls: false },
    Sort { name: "tcp", port: 5555, tls: false },
    Sort { name: "tls", port: 5554, tls: true },
    Sort { name: "udp", port: 5555, tls: false },
];

/// Keys that hold one value.
const SETTINGS: [(&str, ReadSetting); 5] =
    [("connections", connections), ("hosts", hosts), ("idle", idle), ("open", open), ("token", token)];

const OTHER_WORDS: [(&str, &str); 32] = [
    ("address", "tcp"),
    ("bind", "tcp"),
    ("listen", "tcp"),
    ("port", "tcp"),
    ("riemann", "tcp"),
    ("tcp-server", "tcp"),
    ("ssl", "tls"),
    ("tls-server", "tls"),
    ("udp-server", "udp"),
    ("metrics", "http"),
    ("rest", "http"),
    ("web", "http"),
    ("ws", "http"),
    ("ws-server", "http"),
    ("api-key", "token"),
    ("auth", "token"),
    ("bearer", "token"),
    ("password", "token"),
    ("secret", "token"),
    ("anonymous", "open"),
    ("insecure", "open"),
    ("public", "open"),
    ("allowed-hosts", "hosts"),
    ("names", "hosts"),
    ("server-name", "hosts"),
    ("server-names", "hosts"),
    ("idle-timeout", "idle"),
    ("keepalive", "idle"),
    ("timeout", "idle"),
    ("clients", "connections"),
    ("max-clients", "connections"),
    ("max-connections", "connections"),
];

const CERTIFICATES: &str = "write `:tls {:key \"…\" :cert \"…\" :ca-cert \"…\"}`";
const BESIDE: &str = "limits stand beside `:server`: write `:limits {:frame-bytes 16777216}`";

/// Keys that belong elsewhere, and where.
const OTHER_HELP: [(&str, &str); 11] = [
    ("ca-cert", CERTIFICATES),
    ("cert", CERTIFICATES),
    ("event-bytes", BESIDE),
    ("frame-bytes", BESIDE),
    ("grace", "write `:tcp {:grace 30}` for one listener; or move it out of `:server`, where it is for all"),
    ("host", "write `:tcp \"127.0.0.1:5555\"`; `:hosts` are the names that HTTP may be asked for under"),
    ("https", "HTTP has no certificates here: write `:http` on loopback, behind a proxy that has them"),
    ("key", CERTIFICATES),
    ("limits", BESIDE),
    ("receive-bytes", BESIDE),
    ("time", "write `:tcp {:time :arrival}`: it is said of one listener"),
];

/// How long a token is, in characters.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=512;

/// How many names HTTP may be asked for under.
const MAX_HOSTS: usize = 64;

/// The longest name of a host, in bytes.
const MAX_HOST: usize = 253;

/// How many connections may be allowed at a time.
const MAX_CONNECTIONS: u64 = 1_000_000;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 172_800;

type ReadSetting = fn(&mut Server, &Form, &mut Context);

/// What stands at one key: once in each file that has it.
struct Parts<'f> {
    name: &'static str,
    parts: Vec<(Span, &'f Form)>,
}

/// An address that is listened on; without a place it is a default.
struct Taken {
    kind: &'static str,
    address: SocketAddr,
    place: Option<Span>,
}

/// Reads what stands under `:server` in all files. What is not said has its default.
pub(super) fn read(forms: &[&Form], context: &mut Context) -> Server {
    let mut keys: Vec<Parts> = Vec::new();
    for form in forms {
        let expected = "a map, such as `{:tcp \"127.0.0.1:5555\"}`";
        for (key, value) in values::entries(form, "`:server`", expected, context).unwrap_or_default() {
            if let Some(name) = known(key, context) {
                add(name, key.span, value, &mut keys, context);
            }
        }
    }
    let mut server = Server::default();
    for (name, read) in SETTINGS {
        if let Some(Parts { parts, .. }) = keys.iter().find(|key| key.name == name) {
            let mark = context.mark();
            read(&mut server, parts[0].1, context);
            context.say_of_unset(mark, "; this option is left out");
        }
    }
    let mut taken = Vec::new();
    for sort in SORTS {
        let default = Server::default();
        match keys.iter().find(|key| key.name == sort.name) {
            Some(Parts { parts, .. }) => {
                let found = listener::read(&merged(parts), sort, context);
                let places = found.iter().map(|one| (one.listener.listener.address, Some(one.place)));
                taken.extend(places.map(|(address, place)| Taken { kind: sort.name, address, place }));
                listen(&mut server, sort, found);
            }
            None => {
                let listeners = match sort.name {
                    "http" => default.http,
                    "tcp" => default.tcp,
                    "udp" => default.udp,
                    _ => Vec::new(),
                };
                let addresses = listeners.iter().map(|one| one.address);
                taken.extend(addresses.map(|address| Taken { kind: sort.name, address, place: None }));
            }
        }
    }
    report_collisions(&taken, context);
    report_exposed(&server, &keys, &taken, context);
    server
}

/// The key, if it is one of `:server`.
fn known(key: &Form, context: &mut Context) -> Option<&'static str> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.refuse(catalogue::key_is_no_keyword(key, "`:server`")),
    };
    let names = || SETTINGS.iter().map(|(name, _)| *name).chain(SORTS.iter().map(|sort| sort.name));
    if let Some(known) = names().find(|known| *known == name) {
        return Some(known);
    }
    if let Some((_, help)) = OTHER_HELP.iter().find(|(word, _)| *word == name) {
        return context.refuse(catalogue::unknown_key(key, "`:server`", None).help(*help));
    }
    let meant = context.nearest(name, names(), &OTHER_WORDS);
    context.refuse(catalogue::unknown_key(key, "`:server`", meant))
}

/// Keeps what stands at a key. Maps of several files are put together; anything else stands in one file only.
fn add<'f>(name: &'static str, span: Span, form: &'f Form, keys: &mut Vec<Parts<'f>>, context: &mut Context) {
    let Some(key) = keys.iter_mut().find(|key| key.name == name) else {
        return keys.push(Parts { name, parts: vec![(span, form)] });
    };
    let (first, written) = key.parts[0];
    let is_map = |form: &Form| matches!(form.kind, Kind::Map(_));
    if key.parts.iter().any(|(place, _)| place.file == span.file) {
        // Reported when it was read.
    } else if is_map(form) && is_map(written) {
        key.parts.push((span, form));
    } else {
        context.report(catalogue::set_twice(span, first, name));
    }
}

fn merged<'f>(parts: &[(Span, &'f Form)]) -> Written<'f> {
    let mut written = Written::once(parts[0].1);
    for (_, form) in &parts[1..] {
        if let (Written::Map(_, entries), Kind::Map(more)) = (&mut written, &form.kind) {
            entries.extend(more);
        }
    }
    written
}

fn listen(server: &mut Server, sort: Sort, found: Vec<Found>) {
    let listeners = match sort.name {
        "http" => &mut server.http,
        "tcp" => &mut server.tcp,
        "udp" => &mut server.udp,
        _ => return server.tls = found.into_iter().map(|one| one.listener).collect(),
    };
    *listeners = found.into_iter().map(|one| one.listener.listener).collect();
}

/// Reports each listener whose address is taken by one before it, or by a default.
fn report_collisions(taken: &[Taken], context: &mut Context) {
    for (i, one) in taken.iter().enumerate() {
        let Some(place) = one.place.filter(|_| one.address.port() != 0) else { continue };
        // UDP has ports of its own.
        let is_same = |other: &Taken| other.address == one.address && (other.kind == "udp") == (one.kind == "udp");
        let before = taken[..i].iter().find(|other| other.place.is_some() && is_same(other));
        let default = || taken.iter().find(|other| other.place.is_none() && is_same(other));
        if let Some(other) = before.or_else(default) {
            let fault = catalogue::one_address_twice(place, one.kind, (other.kind, other.place), one.address);
            context.report(fault);
        }
    }
}

/// Reports each listener beyond loopback that nothing protects; none where a protection could not be read.
fn report_exposed(server: &Server, keys: &[Parts], taken: &[Taken], context: &mut Context) {
    let is_written = |name: &str| keys.iter().any(|key| key.name == name);
    let is_false = |form: &Form| form.kind == Kind::Bool(false);
    let is_closed = keys.iter().filter(|key| key.name == "open").all(|key| is_false(key.parts[0].1));
    for exposed in server.exposed() {
        if !is_closed || (exposed.kind == "http" && is_written("token")) {
            continue;
        }
        let is_it = |one: &&Taken| one.kind == exposed.kind && one.address == exposed.address;
        if let Some(place) = taken.iter().find(is_it).and_then(|one| one.place) {
            context.report(catalogue::exposed(place, &exposed));
        }
    }
}

fn connections(server: &mut Server, form: &Form, context: &mut Context) {
    let most = values::whole(form, "`:connections`", 1, MAX_CONNECTIONS, context);
    server.connections = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(Server::CONNECTIONS);
}

fn hosts(server: &mut Server, form: &Form, context: &mut Context) {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() <= MAX_HOSTS => items,
        Kind::Vector(_) => return context.report(catalogue::too_many_names(form.span, "`:hosts`", MAX_HOSTS)),
        Kind::Broken => return,
        _ => return context.report(catalogue::hosts_is_no_vector(form)),
    };
    for item in items {
        let Some(text) = values::words(item, "a name in `:hosts`", context) else { continue };
        if is_host(&text.text) {
            server.hosts.push(text.text);
            continue;
        }
        let bare = text.text.split_once("://").map_or(text.text.as_str(), |(_, rest)| rest);
        let bare = bare.split(['/', ':']).next().unwrap_or_default();
        context.report(catalogue::no_host_name(&text, is_host(bare).then_some(bare)));
    }
}

fn is_host(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.len() <= MAX_HOST && text.bytes().all(is_part)
}

fn idle(server: &mut Server, form: &Form, context: &mut Context) {
    let idle = time::positive(form, "`:idle`", SUSPICIOUS_SECONDS, context);
    server.idle = idle.map_or(Server::IDLE, |(idle, _)| idle.micros());
}

fn open(server: &mut Server, form: &Form, context: &mut Context) {
    server.open = values::truth(form, "`:open`", context).unwrap_or(false);
}

fn token(server: &mut Server, form: &Form, context: &mut Context) {
    let written = values::in_clear(form);
    context.hidden.extend(written);
    let Some(text) = values::text(form, "`:token`", Appears::Nowhere, context) else { return };
    let is_sign = |c: char| c.is_ascii_graphic();
    let (least, most, length) = (*TOKEN.start(), *TOKEN.end(), text.text.chars().count());
    if length < least || most < length {
        return context.report(catalogue::token_of_other_length(text.span, length < least, least, most));
    }
    if !text.text.chars().all(is_sign) {
        return context.report(catalogue::token_for_no_header(text.span));
    }
    if written.is_some() {
        context.report(catalogue::secret_in_file(form.span, "token", "HIGHWATER_TOKEN"));
    }
    server.token = Some(Secret(text.text));
}
