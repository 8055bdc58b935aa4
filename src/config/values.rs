//! One form as a text, a number, a choice: written down, or from `#env` and `#file`.

use std::path::Path;

use super::catalogue;
use super::context::Context;
use crate::edn::{self, Form, Kind, Span};
use crate::plan::{Decimal, Field};

/// A text and whether it may be repeated in a message.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub text: String,
    pub span: Span,
    pub secret: bool,
}

/// A number and whether it may be repeated in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub decimal: Decimal,
    pub span: Span,
    pub secret: bool,
}

/// Whether a text appears in output: then it cannot be a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Appears {
    InOutput,
    Nowhere,
}

/// The entries of a map. `expected` says what the map holds: `{SERVICE {QUANTILE CHECK}}`.
pub(super) fn entries<'f>(
    form: &'f Form,
    subject: &str,
    expected: &str,
    context: &mut Context,
) -> Option<&'f [(Form, Form)]> {
    match &form.kind {
        Kind::Map(entries) => Some(entries),
        Kind::Broken => None,
        _ => context.refuse(catalogue::wrong_kind(form, subject, expected)),
    }
}

/// A string.
pub(super) fn text(form: &Form, subject: &str, appears: Appears, context: &mut Context) -> Option<Text> {
    match &form.kind {
        Kind::String(text) => Some(Text { text: text.to_string(), span: form.span, secret: false }),
        Kind::Tagged(tag, _) if tag.as_ref() == "file" && appears == Appears::InOutput => {
            context.refuse(catalogue::secret_in_output(form.span, subject))
        }
        Kind::Tagged(tag, inner) if matches!(tag.as_ref(), "env" | "file") => resolve(tag, inner, form.span, context),
        Kind::Broken => None,
        _ => context.refuse(catalogue::wrong_kind(form, subject, "a string")),
    }
}

/// A string that is not empty.
pub(super) fn words(form: &Form, subject: &str, context: &mut Context) -> Option<Text> {
    let text = text(form, subject, Appears::InOutput, context)?;
    if text.text.trim().is_empty() {
        return context.refuse(catalogue::empty(text.span, subject));
    }
    Some(text)
}

/// A text that no message shows. `example` is what stands in front of it, for messages: `:secret`.
pub(super) fn secret(form: &Form, example: &str, context: &mut Context) -> Option<Text> {
    match &form.kind {
        Kind::Broken => return None,
        Kind::String(_) => context.hidden.push(form.span),
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "env" | "file") => context.hidden.extend(in_clear(form)),
        _ => {
            context.hidden.push(form.span);
            return context.refuse(catalogue::secret_is_no_text(form.span, example));
        }
    }
    text(form, example, Appears::Nowhere, context)
}

/// Where a text is written down as it is, if it is: itself, or the default of `#env`.
pub(super) fn in_clear(form: &Form) -> Option<Span> {
    match &form.kind {
        Kind::String(_) => Some(form.span),
        Kind::Tagged(tag, inner) => match &inner.kind {
            Kind::Vector(items) if tag.as_ref() == "env" => items.last().map(|default| default.span),
            _ => None,
        },
        _ => None,
    }
}

/// A decimal number. `expected` says which, for messages: `seconds, such as 600`.
pub(super) fn amount(form: &Form, subject: &str, expected: &str, context: &mut Context) -> Option<Amount> {
    let (digits, secret) = match &form.kind {
        Kind::Integer(digits) | Kind::Decimal(digits) => (digits.to_string(), false),
        Kind::Tagged(tag, inner) if matches!(tag.as_ref(), "env" | "file") => {
            let text = resolve(tag, inner, form.span, context)?;
            match number_in(&text.text) {
                Some(digits) => (digits, true),
                None => return context.refuse(catalogue::text_is_no_number(form.span, subject, expected)),
            }
        }
        Kind::Broken => return None,
        _ => return context.refuse(catalogue::wrong_kind(form, subject, expected)),
    };
    match Decimal::parse(&digits) {
        Some(decimal) => Some(Amount { decimal, span: form.span, secret }),
        None => context.refuse(catalogue::too_many_digits(form.span, subject)),
    }
}

/// A whole number between two others.
pub(super) fn whole(form: &Form, subject: &str, low: u64, high: u64, context: &mut Context) -> Option<u64> {
    let amount = amount(form, subject, "a whole number", context)?;
    let whole = amount.decimal.is_integer().then(|| amount.decimal.floor_scaled(0)).flatten();
    match whole.and_then(|n| u64::try_from(n).ok()).filter(|n| (low..=high).contains(n)) {
        Some(n) => Some(n),
        None => context.refuse(catalogue::out_of_range(&amount, subject, low, high)),
    }
}

/// `true` or `false`.
pub(super) fn truth(form: &Form, subject: &str, context: &mut Context) -> Option<bool> {
    match &form.kind {
        Kind::Bool(truth) => Some(*truth),
        Kind::Broken => None,
        _ => context.refuse(catalogue::wrong_kind(form, subject, "true or false")),
    }
}

/// One keyword of a closed list.
pub(super) fn choice<T: Copy>(
    form: &Form,
    subject: &str,
    choices: &[(&'static str, T)],
    other_words: &[(&str, &'static str)],
    context: &mut Context,
) -> Option<T> {
    let written = match &form.kind {
        Kind::Keyword(word) => match choices.iter().find(|(name, _)| *name == word.as_ref()) {
            Some((_, choice)) => return Some(*choice),
            None => word,
        },
        Kind::String(word) | Kind::Symbol(word) => word,
        Kind::Broken => return None,
        _ => "",
    };
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let meant = context.nearest(written, names.iter().copied(), other_words);
    context.refuse(catalogue::unknown_choice(form, subject, &names, meant))
}

/// The name of a field, a keyword.
pub(super) fn field(form: &Form, subject: &str, context: &mut Context) -> Option<Field> {
    match &form.kind {
        Kind::Keyword(name) => Some(Field::named(name)),
        Kind::Broken => None,
        _ => context.refuse(catalogue::wrong_kind(form, subject, "a field, a keyword such as `:status-code`")),
    }
}

/// The text of `#env` or `#file`; None, and reported, if it is not there.
fn resolve(tag: &str, inner: &Form, span: Span, context: &mut Context) -> Option<Text> {
    let secret = |text: String| Some(Text { text, span, secret: true });
    let unset = match (tag, &inner.kind) {
        (_, Kind::Broken) => return None,
        ("env", Kind::String(name)) if !name.is_empty() => match context.environment.variable(name) {
            Some(text) => return secret(text),
            None => catalogue::unset_variable(span, name, context.unset),
        },
        ("env", Kind::Vector(items)) => match items.iter().map(|item| &item.kind).collect::<Vec<_>>()[..] {
            [Kind::String(name), Kind::String(default) | Kind::Integer(default) | Kind::Decimal(default)]
                if !name.is_empty() =>
            {
                return secret(context.environment.variable(name).unwrap_or_else(|| default.to_string()));
            }
            _ => return context.refuse(catalogue::malformed_tag(inner, tag)),
        },
        ("file", Kind::String(path)) if !path.is_empty() => match context.environment.file(Path::new(path.as_ref())) {
            // The line break that editors and `echo` leave at the end belongs to no secret.
            Ok(text) => return secret(text.trim_end_matches(['\n', '\r']).to_string()),
            Err(cause) => catalogue::unset_file(span, path, &cause, context.unset),
        },
        _ => return context.refuse(catalogue::malformed_tag(inner, tag)),
    };
    context.refuse(unset)
}

/// The digits of a text that reads as one EDN number.
fn number_in(text: &str) -> Option<String> {
    // A number has far fewer digits; what is longer is not worth reading.
    if text.len() > 100 {
        return None;
    }
    // What reading says is not kept: it would repeat the text.
    match edn::read(text, 0, &mut Vec::new()).as_slice() {
        [Form { kind: Kind::Integer(digits) | Kind::Decimal(digits), .. }] => Some(digits.to_string()),
        _ => None,
    }
}
