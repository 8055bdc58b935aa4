//! Expressions.

use super::{code, error, kind};
use crate::edn::{Diagnostic, Form, Kind, Span};

pub fn no_expression(form: &Form) -> Diagnostic {
    let help = match &form.kind {
        Kind::Char(c) => Some(format!("write `\"{c}\"`")),
        Kind::Vector(_) => Some("write a list: `(and … …)`".to_string()),
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "re" | "regex" | "regexp" | "pattern") => {
            Some("write `(re-find #re \"…\" :field)`".to_string())
        }
        _ => None,
    };
    error("T070", form.span, format!("an expression is a list, a field or a value, not {}", kind(form)))
        .here("expected an expression")
        .maybe_help(help)
}

/// A condition without a field that is neither true nor false.
pub fn condition_is_no_list(form: &Form) -> Diagnostic {
    let help = match &form.kind {
        Kind::String(text) => comparison(text),
        _ => None,
    };
    error("T083", form.span, format!("a condition is true or false of an event, and this is {}", kind(form)))
        .here("reads no field, and compares nothing")
        .help(help.unwrap_or_else(|| "write a list, such as `(= :status-code 200)`; or leave `:where` out".to_string()))
}

/// `status-code == 200` as a list.
fn comparison(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [field, sign, value] = words[..] else { return None };
    let sign = match sign {
        "==" | "=" => "=",
        "!=" | "<>" => "not=",
        "<" | "<=" | ">" | ">=" => sign,
        _ => return None,
    };
    let value = value.trim_matches(['"', '\'']);
    let field = field.trim_start_matches(':');
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
    };
    let quote = if value.parse::<f64>().is_ok() { "" } else { "\"" };
    (plain(field) && plain(value)).then(|| format!("write `({sign} :{field} {quote}{value}{quote})`"))
}

pub fn unknown_symbol(span: Span, name: &str, meant: Option<&str>, is_function: bool) -> Diagnostic {
    let draft = error("T071", span, format!("there is no field {} without a colon", code(name)));
    let plain = name.len() <= 40;
    let help = match meant {
        _ if name == "event" => Some("write `(:status-code event)` for one of its fields".to_string()),
        _ if is_function => Some(format!("a function stands first in a list: `({name} …)`")),
        Some(meant) => Some(format!("did you mean `{meant}`?")),
        None => plain.then(|| format!("write `:{name}` for an attribute, or `\"{name}\"` for a text")),
    };
    draft.here("only Riemann's own fields are bare symbols").maybe_help(help)
}

pub fn number_too_large(span: Span) -> Diagnostic {
    error("T072", span, "this number is beyond 64-bit floating point").here("too large")
}

pub fn empty_call(span: Span) -> Diagnostic {
    error("T073", span, "an empty list is no expression")
        .here("expected a function and its arguments")
        .help("write something like `(= :status-code \"200\")`")
}

pub fn field_of_no_event(span: Span, name: &str) -> Diagnostic {
    error("T074", span, format!("{} in front of a list takes `event` and nothing else", code(&format!(":{name}"))))
        .here("expected `event`")
        .help(match name.len() <= 40 {
            true => format!("write `(:{name} event)`, or only `:{name}`"),
            false => "write `(:field event)`, or only `:field`".to_string(),
        })
}

pub fn no_function(head: &Form) -> Diagnostic {
    error("T075", head.span, format!("a list starts with a function, not with {}", kind(head)))
        .here("expected a function")
        .help("write something like `(= :status-code \"200\")`")
}

pub fn field_is_no_function(span: Span, name: &str) -> Diagnostic {
    error("T076", span, format!("{} is a field, not a function", code(name)))
        .here("expected a function")
        .help(format!("write `(= {name} \"…\")`, or `(re-find #re \"…\" {name})`"))
}

pub fn unknown_function(span: Span, name: &str, meant: Option<&str>) -> Diagnostic {
    error("T077", span, format!("there is no function {}", code(name))).here("unknown function").help(match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if ["in", "contains", "member", "member?", "one-of", "any-of"].contains(&name) => {
            "write `(or (= :status-code 200) (= :status-code 201))`, or `(re-find \"^(200|201)$\" :status-code)`"
                .to_string()
        }
        None => "the functions are `= not= < <= > >= and or not if when cond case nil? some? re-find re-groups tagged \
                 + - * / str subs starts-with? ends-with? contains? lower-case parse-number bucket url-path query-param`"
            .to_string(),
    })
}

pub fn arity(span: Span, name: &str, count: usize, least: usize, most: Option<usize>) -> Diagnostic {
    let takes = match most {
        Some(most) if most == least => format!("{least}"),
        Some(most) => format!("{least} to {most}"),
        None => format!("at least {least}"),
    };
    let noun = if takes.ends_with(" 1") || takes == "1" { "argument" } else { "arguments" };
    error("T078", span, format!("`{name}` takes {takes} {noun}, and has {count}"))
        .here(format!("expected {takes} {noun}"))
}

pub fn argument_is_no_number(span: Span, name: &str, found: &str) -> Diagnostic {
    error("T079", span, format!("`{name}` takes numbers, and this is {found}")).here("expected a number").maybe_help(
        match (name, found) {
            ("<" | "<=" | ">" | ">=", "a text that is no number") => {
                Some("texts are compared with `=`, `not=` and `re-find`".to_string())
            }
            _ => None,
        },
    )
}

pub fn odd_cond(span: Span) -> Diagnostic {
    error("T080", span, "`cond` takes pairs of a test and a value")
        .here("one is without the other")
        .help("write `(cond TEST VALUE … :else VALUE)`")
}

pub fn too_deep(span: Span) -> Diagnostic {
    error("T081", span, "this expression is nested too deep")
        .here("more than 200 levels; each clause of a `cond` is one")
        .help("write it flatter: `and` and `or` take any number of arguments")
}

pub fn pattern_comes_first(span: Span, name: &str, swapped: bool) -> Diagnostic {
    error("T082", span, format!("`{name}` takes the pattern first, a string or `#re`")).here("expected a pattern").help(
        match swapped {
            true => "turn the two arguments round".to_string(),
            false => format!("write `({name} #re \"^/api/\" :path)`"),
        },
    )
}

pub fn argument_is_no(form: &Form, name: &str, expected: &str, example: &str) -> Diagnostic {
    error("T169", form.span, format!("an argument of `{name}` is {expected}, not {}", kind(form)))
        .here(format!("expected {expected}"))
        .help(format!("write {example}"))
}

pub fn no_group(span: Span, groups: &[Option<String>]) -> Diagnostic {
    let names: Vec<String> = groups.iter().flatten().map(|name| code(&format!("\"{name}\""))).collect();
    let here = match (groups.len() - 1, names.is_empty()) {
        (0, _) => "the pattern has no group: put a part of it in parentheses".to_string(),
        (count, true) => format!("the pattern has groups 1 to {count}"),
        (count, false) => format!("the pattern has groups 1 to {count}, and {}", names.join(", ")),
    };
    error("T170", span, "the pattern has no such group")
        .here(here)
        .help("write `(re-groups #re \"^/api/([a-z]+)\" :path 1)`")
}

pub fn no_record(form: &Form, subject: &str) -> Diagnostic {
    error("T171", form.span, format!("{subject} comes to nil or a map, and this is {}", kind(form)))
        .here("expected `nil`, a map, or `cond`, `if`, `when`, `case` of such")
        .help("write `{:class (str (subs :status-code 0 1) \"xx\")}`")
}
