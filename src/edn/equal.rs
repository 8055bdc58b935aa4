//! Equality by value, to find duplicate keys and members.

use std::borrow::Cow;
use std::collections::HashMap;

use super::number::normal;
use super::{Form, Kind, write};

/// Up to so many members are compared pair by pair.
const FEW: usize = 8;

#[derive(PartialEq, Eq, Hash)]
enum Key<'f> {
    Nil,
    Bool(bool),
    Char(char),
    Number(Cow<'f, str>),
    String(&'f str),
    Keyword(&'f str),
    Symbol(&'f str),
    /// Collections and tagged forms, written in one way only.
    Nested(String),
}

/// Calls `found` with the indexes of the first and of each further one of equal members.
///
/// `0.99`, `0.990` and `99e-2` are equal, and so are `1` and `1.0`. Near-linear. At most `budget` bytes are
/// spent on members that are collections; beyond it they count as different.
pub(super) fn duplicates<'f>(
    members: impl ExactSizeIterator<Item = &'f Form>,
    budget: &mut usize,
    mut found: impl FnMut(usize, usize),
) {
    let count = members.len();
    if count < 2 {
        return;
    }
    if count <= FEW {
        let mut seen: [Option<Key<'f>>; FEW] = [const { None }; FEW];
        for (at, member) in members.enumerate() {
            let key = key(member, budget);
            if let Some(key) = &key
                && let Some(first) = seen[..at].iter().position(|other| other.as_ref() == Some(key))
            {
                found(first, at);
            }
            seen[at] = key;
        }
        return;
    }
    let mut seen = HashMap::with_capacity(count);
    for (at, member) in members.enumerate() {
        if let Some(key) = key(member, budget) {
            let first = *seen.entry(key).or_insert(at);
            if first != at {
                found(first, at);
            }
        }
    }
}

/// None for what is broken, and for collections beyond the budget.
fn key<'f>(form: &'f Form, budget: &mut usize) -> Option<Key<'f>> {
    Some(match &form.kind {
        Kind::Nil => Key::Nil,
        Kind::Bool(bool) => Key::Bool(*bool),
        Kind::Char(c) => Key::Char(*c),
        Kind::Integer(text) | Kind::Decimal(text) => Key::Number(normal(text)),
        Kind::String(text) => Key::String(text),
        Kind::Keyword(name) => Key::Keyword(name),
        Kind::Symbol(name) => Key::Symbol(name),
        Kind::Broken => return None,
        Kind::List(_) | Kind::Vector(_) | Kind::Set(_) | Kind::Map(_) | Kind::Tagged(..) => {
            let length = (form.span.end - form.span.start) as usize;
            *budget = budget.checked_sub(length)?;
            let mut text = String::with_capacity(length);
            sorted(form, &mut text)?;
            Key::Nested(text)
        }
    })
}

/// Writes a form with members of maps and sets in one order. None if something in it is broken.
fn sorted(form: &Form, out: &mut String) -> Option<()> {
    let text_of = |form: &Form| {
        let mut text = String::new();
        sorted(form, &mut text).map(|()| text)
    };
    match &form.kind {
        Kind::Broken => return None,
        // A list and a vector of equal items are equal.
        Kind::List(items) | Kind::Vector(items) => {
            out.push('[');
            for item in items {
                sorted(item, out)?;
                out.push(' ');
            }
            out.push(']');
        }
        Kind::Set(items) => {
            let mut items = items.iter().map(text_of).collect::<Option<Vec<_>>>()?;
            items.sort_unstable();
            out.push_str("#{");
            out.push_str(&items.join(" "));
            out.push('}');
        }
        Kind::Map(pairs) => {
            let pair = |(key, value): &(Form, Form)| Some(text_of(key)? + " " + &text_of(value)?);
            let mut pairs = pairs.iter().map(pair).collect::<Option<Vec<_>>>()?;
            pairs.sort_unstable();
            out.push('{');
            out.push_str(&pairs.join(" "));
            out.push('}');
        }
        Kind::Tagged(tag, inner) => {
            out.push('#');
            out.push_str(tag);
            out.push(' ');
            sorted(inner, out)?;
        }
        _ => write::append(form, out),
    }
    Some(())
}
