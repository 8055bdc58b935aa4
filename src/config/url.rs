//! URLs to post to: `http://` or `https://`, a host, and a path that may hold a secret.

use std::net::Ipv4Addr;

use super::catalogue;
use super::context::Context;
use super::values::{self, Appears};
use crate::edn::{Form, Kind, Span};
use crate::plan::Url;

/// The longest URL, in bytes.
const MAX_LENGTH: usize = 8_192;

/// What is wrong with a text that is no URL to post to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Blank,
    Fragment,
    Host,
    Login,
    NoHost,
    NoScheme,
    Port,
    Scheme,
    TooLong,
}

/// A URL, cut into what is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    pub scheme: &'t str,
    /// Name or address, without brackets and port.
    pub host: &'t str,
    /// With the query; it may be empty.
    pub path: &'t str,
}

impl Parts<'_> {
    /// Whether what is sent there can be read on the way.
    pub fn is_in_clear(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("http") && !is_loopback(self.host)
    }
}

/// Reads a URL. Its path is never shown, nor what stands in front of an `@`.
pub(super) fn read(form: &Form, subject: &str, context: &mut Context) -> Option<Url> {
    match &form.kind {
        Kind::Broken => return None,
        Kind::String(_) => hide(form.span, context),
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "env" | "file") => {
            if let Some(default) = values::in_clear(form) {
                hide(default, context);
            }
        }
        _ => {
            context.hidden.push(form.span);
            return context.refuse(catalogue::url_is_no_text(form.span, subject));
        }
    }
    let text = values::text(form, subject, Appears::Nowhere, context)?;
    match parse(&text.text) {
        Ok(_) => Some(Url(text.text)),
        Err(fault) => context.refuse(catalogue::no_url(&text, subject, fault)),
    }
}

/// Of a URL that was read.
pub(super) fn parts(url: &Url) -> Parts<'_> {
    parse(&url.0).unwrap_or(Parts { scheme: "https", host: "", path: "" })
}

pub(super) fn parse(text: &str) -> Result<Parts<'_>, Fault> {
    if text.len() > MAX_LENGTH {
        return Err(Fault::TooLong);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::Blank);
    }
    let (scheme, rest) = text.split_once("://").ok_or(Fault::NoScheme)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(Fault::Scheme);
    }
    if text.contains('#') {
        return Err(Fault::Fragment);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Fault::Login);
    }
    let (host, port) = split_port(authority).ok_or(Fault::Host)?;
    if host.is_empty() {
        return Err(Fault::NoHost);
    }
    let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
    if !is_address && !is_name(host) {
        return Err(Fault::Host);
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(Parts { scheme, host, path }),
        _ => Err(Fault::Port),
    }
}

/// A name or an address, and what stands behind its colon; None if a bracket is not closed.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    Some(text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

/// Whether a text can be the name of a host, or an IPv4 address.
pub(super) fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.len() <= 253 && text.bytes().all(is_part)
}

/// Whether what is sent to a host never leaves this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_address = host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    is_address || host == "localhost" || host.ends_with(".localhost")
}

/// Hides of a URL that is written down what may be secret; its host stays readable.
fn hide(span: Span, context: &mut Context) {
    let text = context.sources.text(span);
    let begin = text.find("://").map_or(1, |at| at + 3);
    // What is escaped has other places; a number has no quotes.
    if text.contains('\\') || !text.starts_with('"') || text.len() < begin + 1 {
        return context.hidden.push(span);
    }
    let end = text.len() - 1;
    let authority = text[begin..end].find(['/', '?', '#']).map_or(end, |at| begin + at);
    let login = text[begin..authority].rfind('@').map_or(begin, |at| begin + at);
    let at = |offset: usize| span.start + u32::try_from(offset).unwrap_or(0);
    let parts = [(begin, login), (authority, end)].into_iter().filter(|(from, to)| from < to);
    let parts = parts.filter(|(from, to)| &text[*from..*to] != "/");
    let hidden: Vec<Span> = parts.map(|(from, to)| Span { file: span.file, start: at(from), end: at(to) }).collect();
    context.hidden.extend(hidden);
}

#[cfg(test)]
mod tests {
    use super::{Fault, parse};

    #[test]
    fn a_url_has_a_scheme_a_host_and_nothing_that_is_not_sent() {
        for (text, expected) in [
            ("http://127.0.0.1:9000/x", Ok(("127.0.0.1", "/x", false))),
            ("https://hooks.example.com/T0/B0?token=5", Ok(("hooks.example.com", "/T0/B0?token=5", false))),
            ("http://example.com?x", Ok(("example.com", "?x", true))),
            ("HTTP://example.com", Ok(("example.com", "", true))),
            ("http://[::1]:9093", Ok(("::1", "", false))),
            ("http://[2001:db8::1]/", Ok(("2001:db8::1", "/", true))),
            ("http://localhost:1", Ok(("localhost", "", false))),
            ("example.com/x", Err(Fault::NoScheme)),
            ("", Err(Fault::NoScheme)),
            ("ftp://example.com", Err(Fault::Scheme)),
            ("http:///x", Err(Fault::NoHost)),
            ("http://:80/x", Err(Fault::NoHost)),
            ("http://exa%mple.com", Err(Fault::Host)),
            ("http://[::1", Err(Fault::Host)),
            ("http://a:b:5", Err(Fault::Host)),
            ("http://example.com:0", Err(Fault::Port)),
            ("http://example.com:65536", Err(Fault::Port)),
            ("http://example.com:", Err(Fault::Port)),
            ("http://example.com/#x", Err(Fault::Fragment)),
            ("http://user:word@example.com/", Err(Fault::Login)),
            ("http://example.com/a b", Err(Fault::Blank)),
            ("http://example.com/\n", Err(Fault::Blank)),
            ("http://bücher.example", Err(Fault::Blank)),
        ] {
            let found = parse(text).map(|parts| (parts.host, parts.path, parts.is_in_clear()));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(parse(&format!("http://example.com/{}", "x".repeat(8_192))), Err(Fault::TooLong));
    }
}
