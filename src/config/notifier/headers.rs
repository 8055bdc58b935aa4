//! `:headers` of what is sent over HTTP.

use super::catalogue;
use crate::config::context::Context;
use crate::config::values;
use crate::edn::{Form, Kind, Span};
use crate::plan::{Headers, Secret};

/// How many headers there may be, and how long their names and values, in bytes.
const MAX_HEADERS: usize = 64;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 4_096;

/// Headers that are ours, or the connection's.
const OURS: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Reads headers; values may be secrets, and are never shown.
pub(super) fn read(form: &Form, context: &mut Context) -> Headers {
    let expected = "a map of names to texts, such as `{\"Authorization\" #env \"HOOK_AUTH\"}`";
    let entries = values::entries(form, "`:headers`", expected, context).unwrap_or_default();
    if entries.len() > MAX_HEADERS {
        context.report(catalogue::too_many_names(form.span, "`:headers`", MAX_HEADERS));
        return Headers::default();
    }
    let mut headers = Vec::new();
    let mut places: Vec<(String, Span)> = Vec::new();
    for (key, value) in entries {
        let name = name(key, &mut places, context);
        let subject = name.as_ref().map_or("a header".to_string(), |name| format!("the header `{name}`"));
        let mark = context.mark();
        let text = values::secret(value, &subject, context);
        context.say_of_unset(mark, "; this header is left out");
        let (Some(name), Some(text)) = (name, text) else { continue };
        let is_printable = text.text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if text.text.is_empty() || text.text.len() > MAX_VALUE || !is_printable || text.text.trim() != text.text {
            context.report(catalogue::value_of_a_header(value.span, &subject, MAX_VALUE));
            continue;
        }
        headers.push((name, Secret(text.text)));
    }
    Headers(headers)
}

fn name(key: &Form, places: &mut Vec<(String, Span)>, context: &mut Context) -> Option<String> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::String(name) | Kind::Keyword(name) => name.to_string(),
        _ => return context.refuse(catalogue::wrong_kind(key, "the name of a header", "a string")),
    };
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_sign) {
        return context.refuse(catalogue::name_of_a_header(key.span));
    }
    let lower = name.to_ascii_lowercase();
    if OURS.contains(&lower.as_str()) || lower.starts_with("webhook-") {
        return context.refuse(catalogue::header_of_ours(key.span, &name));
    }
    match places.iter().find(|(known, _)| *known == lower) {
        // The same key twice was reported when it was read.
        Some((_, first)) if context.sources.text(*first) == context.sources.text(key.span) => None,
        Some((_, first)) => context.refuse(catalogue::named_twice(key.span, *first, "`:headers`", &name)),
        None => {
            places.push((lower, key.span));
            Some(name)
        }
    }
}
