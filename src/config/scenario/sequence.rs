//! The values of a field over the steps of a series: `85x590 _x5 143x10`.

use crate::config::catalogue;
use crate::config::context::Context;
use crate::edn::{Form, Kind};
use crate::plan::{Number, Plain, Sequence};

/// So many parts a sequence has at most.
const MOST_PARTS: usize = 100_000;
/// So often a value is repeated at most.
const MOST_TIMES: u64 = 10_000_000;
/// Texts that are never taken apart: they may hold blanks.
const WHOLE: [&str; 2] = ["description", "service"];

/// A number, a truth, a vector or a keyword holds for all events, and so does a text of one word; a text of several, or
/// with `xN`, or `_`, is one value (or a gap) after the other.
pub fn read(name: &str, form: &Form, context: &mut Context) -> Option<Sequence> {
    let text = match &form.kind {
        Kind::String(text) if WHOLE.contains(&name) => return Some(Sequence::Always(Plain::Text(text.clone()))),
        Kind::String(text) => text,
        Kind::Broken => return None,
        _ => {
            if let Kind::Vector(items) = &form.kind
                && (name == "metric" || items.iter().any(is_sequence))
            {
                context.report(catalogue::vector_is_no_sequence(form.span, name));
            }
            let plain = plain(form);
            return match plain {
                Some(plain) => Some(Sequence::Always(plain)),
                None => {
                    context.refuse(catalogue::wrong_kind(form, &format!("`:{name}`"), "a value, or a text of values"))
                }
            };
        }
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_number = |word: &&str| part(word).is_none_or(|(text, _)| text.is_none_or(is_numeric));
    if let Some(word) = words.iter().find(|word| name == "metric" && !is_number(word)) {
        context.report(catalogue::metric_is_no_number(form.span, word));
    }
    if words.len() > MOST_PARTS {
        return context.refuse(catalogue::sequence_too_long(form.span, MOST_PARTS));
    }
    if let [word] = words[..]
        && part(word).is_some_and(|(value, times)| value == Some(word) && times == 1)
    {
        return Some(Sequence::Always(value(word, name)));
    }
    let mut steps = Vec::with_capacity(words.len());
    for word in words {
        match part(word) {
            Some((_, times)) if times == 0 || times > MOST_TIMES => {
                return context.refuse(catalogue::repeated_so_often(form.span, word, MOST_TIMES));
            }
            Some((text, times)) => steps.push((text.map(|text| value(text, name)), times)),
            None => return context.refuse(catalogue::repeated_so_often(form.span, word, MOST_TIMES)),
        }
    }
    if steps.is_empty() {
        return context.refuse(catalogue::empty_sequence(form.span, name));
    }
    Some(Sequence::Steps(steps))
}

/// `VxN`, `V`, `_xN` or `_`: the value, none for a gap, and how often. None: N is too large to be a number.
fn part(word: &str) -> Option<(Option<&str>, u64)> {
    let (text, times) = match word.rsplit_once('x') {
        Some((text, times)) if !text.is_empty() && !times.is_empty() && times.bytes().all(|b| b.is_ascii_digit()) => {
            (text, times.parse().ok()?)
        }
        _ => (word, 1),
    };
    Some(((text != "_").then_some(text), times))
}

fn is_numeric(text: &str) -> bool {
    Number::parse_json(text.as_bytes()).is_some()
}

/// `85x590` within a vector.
fn is_sequence(item: &Form) -> bool {
    matches!(&item.kind, Kind::String(text) if part(text).is_some_and(|(value, times)| value.is_none() || times > 1))
}

fn value(text: &str, name: &str) -> Plain {
    match Number::parse_json(text.as_bytes()).filter(|_| name == "metric" || name == "ttl") {
        Some(number) => Plain::Number(number),
        None => Plain::Text(text.into()),
    }
}

fn plain(form: &Form) -> Option<Plain> {
    Some(match &form.kind {
        Kind::Bool(truth) => Plain::Bool(*truth),
        Kind::Integer(digits) | Kind::Decimal(digits) => match Number::parse_json(digits.as_bytes()) {
            Some(number) => Plain::Number(number),
            None => Plain::Text(digits.clone()),
        },
        Kind::Keyword(text) | Kind::String(text) => Plain::Text(text.clone()),
        Kind::Vector(items) => Plain::List(items.iter().map(plain).collect::<Option<_>>()?),
        _ => return None,
    })
}
