//! What the daemon listens on.

use std::net::SocketAddr;

use super::{code, error, lint};
use crate::config::address::Fault;
use crate::config::values::Text;
use crate::edn::{Diagnostic, Form, Kind, Span};
use crate::plan::Exposed;

/// Why a text is no address, and what to write: between `quote` and `quote`.
pub fn why_no_address(text: &str, fault: &Fault, quote: &str) -> (String, String) {
    let shown = code(text);
    let written = |address: &str| format!("`{quote}{address}{quote}`");
    let (why, instead) = match fault {
        Fault::PortAlone(port) => {
            ("is a port without an address", format!("write {}", written(&format!("127.0.0.1:{port}"))))
        }
        Fault::NoPort(ip) => {
            let address = SocketAddr::new(*ip, 5555).to_string();
            ("is an address without a port", format!("write {}", written(&address)))
        }
        Fault::Everywhere(port) => {
            let all = written(&format!("0.0.0.0:{port}"));
            ("is no address", format!("write {all} for every address of this machine"))
        }
        Fault::Scheme => {
            let example = written("127.0.0.1:5555");
            ("is a URL, and an address is expected", format!("write it without the scheme, such as {example}"))
        }
        Fault::NoSuchPort => {
            let example = written("127.0.0.1:5555");
            ("does not end with a port", format!("write a port, a number from 0 to 65535, as in {example}"))
        }
        Fault::Name(port) => {
            let (here, all) = (written(&format!("127.0.0.1:{port}")), written(&format!("0.0.0.0:{port}")));
            let instead = format!("write {here}, or {all} for every address of this machine");
            ("has a name for an address, and names are not looked up", instead)
        }
        Fault::Other => {
            let (four, six, none) = (written("127.0.0.1:5555"), written("[::1]:5555"), written("none"));
            ("is no address", format!("write one such as {four} or {six}; {none} turns it off"))
        }
    };
    (format!("{shown} {why}"), instead)
}

pub fn no_address(text: &Text, fault: &Fault) -> Diagnostic {
    let (why, instead) = match text.secret {
        true => ("this value is no address".to_string(), "let it be one such as `127.0.0.1:5555`".to_string()),
        false => why_no_address(&text.text, fault, "\""),
    };
    error("T090", text.span, why).here("expected an address with a port").help(instead)
}

/// What is no listener at all.
pub fn no_listener(form: &Form, subject: &str, expected: &str) -> Diagnostic {
    let written = match &form.kind {
        Kind::Bool(false) => Some("none"),
        Kind::Keyword(word) | Kind::Symbol(word) if matches!(word.as_ref(), "none" | "off" | "no") => Some("none"),
        Kind::Symbol(word) if word.len() <= 40 => Some(word.as_ref()),
        _ => None,
    };
    let draft = super::wrong_kind(form, subject, expected);
    match written {
        Some(written) => draft.help(format!("write `\"{written}\"`")),
        None => draft,
    }
}

pub fn not_so_many_listeners(span: Span, subject: &str, most: usize, count: usize) -> Diagnostic {
    let (found, help) = match count {
        0 => ("none", "write `\"none\"` to listen nowhere"),
        _ => ("more", "`0.0.0.0` listens on every address of this machine"),
    };
    error("T098", span, format!("a vector of {subject} holds 1 to {most} listeners, and this one has {found}"))
        .here(format!("expected 1 to {most}"))
        .help(help)
}

pub fn only_tls(span: Span, name: &str) -> Diagnostic {
    error("T099", span, format!("`:{name}` is for `:tls` only"))
        .here("not for a listener without certificates")
        .help("write `:tls {:key \"…\" :cert \"…\" :ca-cert \"…\"}`")
}

pub fn no_certificates(span: Span, missing: &[&str]) -> Diagnostic {
    let names: Vec<String> = missing.iter().map(|name| format!("no `:{name}`")).collect();
    error("T091", span, format!("`:tls` has {}", names.join(", ")))
        .here("expected `:key`, `:cert` and `:ca-cert`")
        .help(
            "give the paths of three PEM files: the server's key, its certificate, and who signs those of the clients",
        )
}

pub fn no_path(span: Span, name: &str, found: &str) -> Diagnostic {
    error("T094", span, format!("`:{name}` takes the path of a PEM file, and this is {found}"))
        .here("expected a path")
        .help(format!("write `:{name} \"/etc/highwater/{name}.pem\"`"))
}

pub fn token_of_other_length(span: Span, is_short: bool, least: usize, most: usize) -> Diagnostic {
    let what = if is_short { format!("shorter than {least}") } else { format!("longer than {most}") };
    error("T092", span, format!("`:token` is {what} characters"))
        .here(format!("expected {least} to {most} characters"))
        .help("make one with `openssl rand -hex 32`")
}

pub fn token_for_no_header(span: Span) -> Diagnostic {
    error("T093", span, "`:token` is sent in a header, which takes no blanks and nothing beyond ASCII")
        .here("expected letters, digits and signs of ASCII")
        .help("make one with `openssl rand -hex 32`")
}

/// A secret in clear; `variable` is one that could hold it.
pub fn secret_in_file(span: Span, name: &str, variable: &str) -> Diagnostic {
    lint("W024", span, format!("the secret of `:{name}` stands in this file"))
        .here("everybody who reads the file has it")
        .help(format!("write `:{name} #env \"{variable}\"`, or `:{name} #file \"/run/secrets/{name}\"`"))
}

pub fn no_host_name(text: &Text, instead: Option<&str>) -> Diagnostic {
    let what = if text.secret { "this value".to_string() } else { code(&text.text) };
    error("T095", text.span, format!("{what} is no name of a host"))
        .here("expected a name such as `hw.example.com`")
        .help(match instead {
            Some(name) if !text.secret => format!("write `\"{name}\"`"),
            _ => "letters, digits, `-`, `.` and `_`, without scheme, port and path".to_string(),
        })
}

pub fn exposed(span: Span, listener: &Exposed) -> Diagnostic {
    error("T096", span, listener.to_string()).here("others can reach this").help(listener.remedy())
}

/// Two listeners with one address; `other` is a default where it has no place.
pub fn one_address_twice(span: Span, kind: &str, other: (&str, Option<Span>), address: SocketAddr) -> Diagnostic {
    let (other, place) = other;
    let message = match kind == other {
        true => format!("`:{kind}` listens on {address} twice"),
        false => format!("`:{kind}` and `:{other}` both listen on {address}"),
    };
    let draft = error("T097", span, message).here("taken");
    match place {
        Some(place) => draft.also(place, "taken by this one").help("give one of them another port"),
        None => {
            draft.help(format!("that is where `:{other}` is by default: give another port, or say `:{other} \"none\"`"))
        }
    }
}

pub fn hosts_is_no_vector(form: &Form) -> Diagnostic {
    let draft = super::wrong_kind(form, "`:hosts`", "a vector of names, such as `[\"hw.example.com\"]`");
    match &form.kind {
        Kind::String(name) if name.len() <= 40 => draft.help(format!("write `[\"{name}\"]`")),
        _ => draft,
    }
}
