//! Fields that the lines of a log never have: most often misspelt.

use super::catalogue;
use super::context::Context;
use super::notifier::Entries;
use crate::edn::{Form, Kind, Span};
use crate::plan::{Field, Format, Logs};
use crate::source::LogFormat;

/// Reports each attribute that is asked for and that the format, where it names all that lines have, does not.
pub(super) fn report_unknown(logs: &Logs, asked: &[&Field], entries: &Entries, context: &mut Context) {
    let Some(Format::Written(text)) = &logs.format else { return };
    let Some(known) = LogFormat::parse(text).ok().and_then(|format| format.attributes()) else { return };
    let mut said: Vec<&str> = Vec::new();
    for field in asked {
        let Field::Attribute(name) = field else { continue };
        if known.contains(&name.replace('_', "-")) || said.contains(&name.as_ref()) {
            continue;
        }
        said.push(name);
        if let Some(place) = entries.entries.iter().find_map(|(_, form)| place_of(form, name)) {
            let meant = context.nearest_given(name, known.iter().map(String::as_str)).map(str::to_string);
            context.report(catalogue::no_such_field(place, name, meant.as_deref()));
        }
    }
}

/// Where a keyword stands in a form, but for the keys of maps.
fn place_of(form: &Form, name: &str) -> Option<Span> {
    match &form.kind {
        Kind::Keyword(found) if found.as_ref() == name => Some(form.span),
        Kind::List(items) | Kind::Vector(items) => items.iter().find_map(|item| place_of(item, name)),
        Kind::Map(entries) => entries.iter().find_map(|(_, value)| place_of(value, name)),
        _ => None,
    }
}
