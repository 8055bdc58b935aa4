//! Which logs are read, and how: `:files`, `:format` and `:zone` of a pipeline or a source.

use std::path::Path;

use super::context::Context;
use super::{catalogue, values};
use crate::edn::{Form, Kind};
use crate::plan::Format;
use crate::source::LogFormat;

/// How many patterns there may be.
const MAX_ITEMS: usize = 100;

/// Reads `:files`.
pub(super) fn files(form: &Form, context: &mut Context) -> Vec<String> {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() <= MAX_ITEMS => &items[..],
        Kind::Vector(_) => {
            context.report(catalogue::too_many_names(form.span, "`:files`", MAX_ITEMS));
            return Vec::new();
        }
        _ => std::slice::from_ref(form),
    };
    if items.is_empty() {
        context.report(catalogue::no_files(form.span));
    }
    let mut files = Vec::new();
    for item in items {
        let Some(text) = values::words(item, "a path in `:files`", context) else { continue };
        match crate::follow::pattern_fault(&text.text) {
            None => files.push(text.text),
            Some(fault) => context.report(catalogue::no_pattern_of_files(text.span, &fault)),
        }
    }
    files
}

/// Reads `:format`; None for `:auto`.
pub(super) fn format(form: &Form, context: &mut Context) -> Option<Format> {
    let (read, format, place) = match &form.kind {
        Kind::Keyword(name) if name.as_ref() == "auto" => return None,
        Kind::Keyword(name) => (LogFormat::parse(name), Format::Written(name.to_string()), form.span),
        Kind::Tagged(tag, inner) if tag.as_ref() == "re" => {
            let text = values::words(inner, "`:format`", context)?;
            (LogFormat::regex(&text.text), Format::Regex(text.text), text.span)
        }
        _ => {
            let text = values::words(form, "`:format`", context)?;
            let written = match text.text.strip_prefix('@') {
                Some(path) => of_a_file(path, context),
                None => Ok(text.text),
            };
            match written {
                Ok(written) => (LogFormat::parse(&written), Format::Written(written), text.span),
                Err(fault) => return context.refuse(catalogue::no_format(text.span, &fault)),
            }
        }
    };
    match read {
        Ok(known) => {
            for warning in known.warnings() {
                context.report(catalogue::ambiguous_format(place, warning));
            }
            Some(format)
        }
        Err(fault) => context.refuse(catalogue::no_format(place, &fault)),
    }
}

/// What a server's configuration says: `FILE`, or `FILE:NAME` for the `log_format` of this name.
fn of_a_file(path: &str, context: &Context) -> Result<String, String> {
    let read = |path: &str| context.environment.file(Path::new(path)).map_err(|error| format!("{path}: {error}"));
    match path.rsplit_once(':') {
        Some((file, name)) => LogFormat::text_named(&read(file)?, name).map(str::to_string),
        None => read(path),
    }
}

/// Reads `:zone`.
pub(super) fn zone(form: &Form, context: &mut Context) -> Option<String> {
    let text = values::words(form, "`:zone`", context)?;
    match crate::source::zone::Zone::named(&text.text) {
        Ok(_) => Some(text.text),
        Err(fault) => context.refuse(catalogue::no_zone(text.span, &fault)),
    }
}
