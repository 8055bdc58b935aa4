//! `:lint {:allow [W012]}`: lints that are not said.

use crate::config::catalogue;
use crate::config::context::Context;
use crate::config::values;
use crate::edn::{Diagnostic, Form, Kind, Severity, Span};

/// Lints that are not said, and where: everywhere, or in one check.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<(&'static str, Option<Span>)>);

impl Allowed {
    pub fn add(&mut self, codes: Vec<&'static str>, within: Option<Span>) {
        self.0.extend(codes.into_iter().map(|code| (code, within)));
    }

    /// Takes out what is allowed. How much that was.
    pub fn take_out(&self, diagnostics: &mut Vec<Diagnostic>) -> usize {
        let before = diagnostics.len();
        diagnostics.retain(|found| found.severity == Severity::Error || !self.has(found));
        before - diagnostics.len()
    }

    fn has(&self, found: &Diagnostic) -> bool {
        self.allows(found.code, found.labels[0].span)
    }

    /// Whether a lint is not said at this place.
    pub fn allows(&self, code: &str, at: Span) -> bool {
        let at = Span { end: at.end.max(at.start + 1), ..at };
        let holds = |within: Span| within.file == at.file && within.start <= at.start && at.end <= within.end;
        self.0.iter().any(|(known, within)| *known == code && within.is_none_or(holds))
    }
}

/// The codes that `:lint` allows.
pub fn read(form: &Form, context: &mut Context) -> Vec<&'static str> {
    let mut codes = Vec::new();
    let expected = "a map, such as `{:allow [W012]}`";
    for (key, value) in values::entries(form, "`:lint`", expected, context).unwrap_or_default() {
        match &key.kind {
            Kind::Broken => {}
            Kind::Keyword(name) if name.as_ref() == "allow" => codes.extend(read_codes(value, context)),
            Kind::Keyword(name) => {
                let words = [("ignore", "allow"), ("disable", "allow"), ("allowed", "allow"), ("except", "allow")];
                let meant = context.nearest(name, ["allow"], &words);
                context.report(catalogue::unknown_key(key, "`:lint`", meant));
            }
            _ => context.report(catalogue::key_is_no_keyword(key, "`:lint`")),
        }
    }
    codes
}

fn read_codes(form: &Form, context: &mut Context) -> Vec<&'static str> {
    let Kind::Vector(items) = &form.kind else {
        if form.kind != Kind::Broken {
            context.report(catalogue::wrong_kind(form, "`:allow`", "a vector of codes, such as `[W012]`"));
        }
        return Vec::new();
    };
    items.iter().filter_map(|item| read_code(item, context)).collect()
}

fn read_code(form: &Form, context: &mut Context) -> Option<&'static str> {
    let name = match &form.kind {
        Kind::Broken => return None,
        Kind::Symbol(name) => name.as_ref(),
        _ => return context.refuse(catalogue::wrong_kind(form, "a lint", "its code, such as `W012`")),
    };
    if let Some(code) = catalogue::LINTS.iter().find(|code| **code == name) {
        return Some(code);
    }
    let is_error =
        name.len() == 4 && name.starts_with(['E', 'F', 'T']) && name.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    if is_error {
        return context.refuse(catalogue::error_is_not_allowed(form.span, name));
    }
    let upper = name.to_uppercase();
    let meant = context.nearest_given(&upper, catalogue::LINTS).filter(|meant| meant[1..] == upper[1..]);
    context.refuse(catalogue::no_such_lint(form.span, name, meant))
}
