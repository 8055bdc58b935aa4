//! `:severities`: what the user's words mean to a receiver.

use super::catalogue;
use crate::config::context::Context;
use crate::config::values;
use crate::edn::{Form, Kind, Span};
use crate::plan::Severities;

/// The words of PagerDuty.
pub(super) const PAGERDUTY: [(&str, &str); 4] =
    [("critical", "critical"), ("error", "error"), ("warning", "warning"), ("info", "info")];

const OTHER_WORDS: [(&str, &str); 21] = [
    ("alert", "critical"),
    ("crit", "critical"),
    ("disaster", "critical"),
    ("emergency", "critical"),
    ("fatal", "critical"),
    ("high", "critical"),
    ("p1", "critical"),
    ("page", "critical"),
    ("err", "error"),
    ("major", "error"),
    ("p2", "error"),
    ("average", "warning"),
    ("medium", "warning"),
    ("minor", "warning"),
    ("p3", "warning"),
    ("ticket", "warning"),
    ("warn", "warning"),
    ("debug", "info"),
    ("information", "info"),
    ("low", "info"),
    ("notice", "info"),
];

/// How many words may be mapped.
const MAX_WORDS: usize = 1_000;

/// Reads a map of words to words; to PagerDuty's own, if `is_closed`.
pub(super) fn read(form: &Form, is_closed: bool, context: &mut Context) -> Severities {
    let expected = "a map of your words to the receiver's, such as `{\"page\" \"critical\"}`";
    let entries = values::entries(form, "`:severities`", expected, context).unwrap_or_default();
    if entries.len() > MAX_WORDS {
        context.report(catalogue::too_many_names(form.span, "`:severities`", MAX_WORDS));
        return Severities::default();
    }
    let mut found: Vec<(String, String, Span)> = Vec::new();
    for (key, value) in entries {
        let word = word(key, "a severity", context);
        let meaning = if is_closed { closed(value, context) } else { self::word(value, "a severity", context) };
        let (Some(word), Some(meaning)) = (word, meaning) else { continue };
        match found.iter().find(|(known, ..)| *known == word) {
            Some((.., first)) if context.sources.text(*first) == context.sources.text(key.span) => {}
            Some((.., first)) => context.report(catalogue::named_twice(key.span, *first, "`:severities`", &word)),
            None => found.push((word, meaning, key.span)),
        }
    }
    let mut severities: Vec<_> = found.into_iter().map(|(word, meaning, _)| (word, meaning)).collect();
    severities.sort();
    Severities(severities)
}

fn word(form: &Form, subject: &str, context: &mut Context) -> Option<String> {
    match &form.kind {
        Kind::Keyword(word) => Some(word.to_string()),
        _ => values::words(form, subject, context).map(|text| text.text),
    }
}

fn closed(form: &Form, context: &mut Context) -> Option<String> {
    let text = word(form, "a severity of PagerDuty", context)?;
    if PAGERDUTY.iter().any(|(known, _)| *known == text) {
        return Some(text);
    }
    let meant = context.nearest(&text, PAGERDUTY.iter().map(|(word, _)| *word), &OTHER_WORDS);
    context.refuse(catalogue::no_severity_of_pagerduty(form.span, meant))
}
