//! Maps whose keys users choose, in all files together: `:pipelines`, `:sources`.

use std::collections::BTreeMap;

use super::context::Context;
use super::notifier::Entries;
use super::{catalogue, values};
use crate::edn::{Form, Kind, Span};

/// How many there may be, and how long a name is.
const MOST: usize = 1_000;
pub(super) const MAX_NAME: usize = 64;

/// Such a map, for messages.
pub(super) struct Names {
    /// "`:pipelines`".
    pub map: &'static str,
    /// "pipeline".
    pub one: &'static str,
    /// A name.
    pub such_as: &'static str,
    /// What may stand behind it, in backticks.
    pub example: &'static str,
}

/// Calls `read` with each name and the entries behind it. What it gave, in order of name, with the place of the name.
pub(super) fn read<T>(
    forms: &[(Span, &Form)],
    names: &Names,
    context: &mut Context,
    read: &mut dyn FnMut(&str, &Entries, &mut Context) -> Option<T>,
) -> Vec<(Span, T)> {
    let Names { map, one, such_as, example } = names;
    let expected = format!("a map of names to {one}s, such as `{{:{such_as} {}}}`", example.trim_matches('`'));
    let mut found: BTreeMap<String, (Span, T)> = BTreeMap::new();
    for (_, form) in forms {
        for (key, value) in values::entries(form, map, &expected, context).unwrap_or_default() {
            let Some(name) = name(key, &format!("a {one}"), map, context) else { continue };
            if let Some((first, _)) = found.get(name) {
                if first.file != key.span.file {
                    context.report(catalogue::set_twice_named(key.span, *first, name));
                }
                continue;
            }
            if found.len() == MOST {
                context.report(catalogue::too_many_names(key.span, map, MOST));
                break;
            }
            let Some(entries) = values::entries(value, &format!("`:{name}`"), example, context) else { continue };
            let subject = format!("the {one} `:{name}`");
            let entries = Entries { subject, place: key.span, entries: entries.iter().collect(), others: &[] };
            if let Some(one) = read(name, &entries, context) {
                found.insert(name.to_string(), (key.span, one));
            }
        }
    }
    found.into_values().collect()
}

/// A name: that of a checkpoint, too.
pub(super) fn name<'f>(key: &'f Form, subject: &str, map: &str, context: &mut Context) -> Option<&'f str> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.refuse(catalogue::key_is_no_keyword(key, map)),
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.len() <= MAX_NAME && name.bytes().all(is_part) {
        true => Some(name),
        false => context.refuse(catalogue::no_name(key.span, name, subject, MAX_NAME)),
    }
}
