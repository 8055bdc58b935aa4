//! Expressions.

use super::{code, error, kind};
use crate::edn::{self, Diagnostic, Form, Kind, Span};
use crate::plan::Number;

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
    let quote = if value.parse::<f64>().is_ok() { "" } else { "\"" };
    (is_plain(field) && is_plain(value)).then(|| format!("write `({sign} :{field} {quote}{value}{quote})`"))
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
        None if ["in", "member", "member?", "one-of", "any-of"].contains(&name) => {
            "write `(or (= :status-code 200) (= :status-code 201))`, or `(case :status-code (200 201) true)`"
                .to_string()
        }
        None => "the functions are `= not= < <= > >= and or not if when cond case nil? some? re-find re-groups \
                 starts-with? ends-with? contains? tagged str subs lower-case url-path query-param bucket parse-number \
                 + - * /`"
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
    let help = match swapped {
        true => "turn the two arguments round".to_string(),
        false if name == "re-find" => "write `(re-find #re \"^/api/\" :path)`".to_string(),
        false => format!("write `({name} #re \"^/api/([^/]+)\" :path 1)`"),
    };
    error("T082", span, format!("`{name}` takes the pattern first, a string or `#re`"))
        .here("expected a pattern")
        .help(help)
}

pub fn argument_is_no_text(span: Span, name: &str, found: &str) -> Diagnostic {
    let help = match found {
        "a list of tags" => Some("ask for one of them: `(tagged \"…\")`, `(contains? tags \"…\")`".to_string()),
        _ => None,
    };
    error("T169", span, format!("`{name}` takes a text, and this is {found}")).here("expected a text").maybe_help(help)
}

pub fn no_constant(form: &Form) -> Diagnostic {
    let help = match &form.kind {
        Kind::Keyword(name) if name.as_ref() == "else" => Some("write what else it is last, alone".to_string()),
        Kind::Keyword(name) | Kind::Symbol(name) if name.len() <= 40 => {
            Some(format!("write `\"{name}\"` for the text"))
        }
        Kind::Vector(_) | Kind::Set(_) => Some("write several constants as a list: `(\"a\" \"b\")`".to_string()),
        Kind::List(items) if !items.is_empty() => Some("use `cond` to ask for more than constants".to_string()),
        Kind::Tagged(tag, _) if tag.as_ref() == "re" => Some("use `cond` and `re-find` for patterns".to_string()),
        _ => None,
    };
    error("T170", form.span, format!("`case` compares with constants, and this is {}", kind(form)))
        .here("expected a constant, or a list of such")
        .maybe_help(help)
}

pub fn constant_stands_twice(span: Span) -> Diagnostic {
    error("T171", span, "this constant stands in a `case` twice")
        .here("never reached")
        .help("leave it out here; a number and a text that reads as that number are the same")
}

/// `names`: of the groups from 1 on.
pub fn no_such_group(form: &Form, names: &[Option<String>]) -> Diagnostic {
    const SHOWN: usize = 8;
    let wanted = match &form.kind {
        Kind::Integer(digits) => code(digits),
        Kind::String(name) => code(&edn::quote(name)),
        _ => kind(form),
    };
    let shown = |(at, name): (usize, &Option<String>)| match name {
        Some(name) => format!("{} {}", at + 1, code(&edn::quote(name))),
        None => format!("{}", at + 1),
    };
    let mut all: Vec<String> = names.iter().enumerate().take(SHOWN).map(shown).collect();
    if names.len() > SHOWN {
        all.push(format!("{} more", names.len() - SHOWN));
    }
    let help = match names {
        [] => "it has none: put what is wanted in brackets, `(…)`".to_string(),
        _ => format!("it has the groups {}; 0 is the whole match", all.join(", ")),
    };
    error("T172", form.span, format!("the pattern has no group {wanted}")).here("no such group").help(help)
}

pub fn group_is_no_number(form: &Form) -> Diagnostic {
    let help = match &form.kind {
        Kind::Keyword(name) | Kind::Symbol(name) if name.len() <= 40 => format!("write `\"{name}\"`"),
        _ => {
            "write `(re-groups \"^/([^/]+)\" :path 1)`, or `(re-groups \"^/(?<app>[^/]+)\" :path \"app\")`".to_string()
        }
    };
    error("T173", form.span, format!("`re-groups` takes the number of a group or its name last, not {}", kind(form)))
        .here("expected a whole number or a string")
        .help(help)
}

pub fn no_position(form: &Form) -> Diagnostic {
    error("T174", form.span, format!("`subs` counts characters from 0, and this is {}", kind(form)))
        .here("expected a whole number from 0 to 4294967295")
        .help("write `(subs :status-code 0 1)` for the first character")
}

pub fn end_before_start(span: Span, start: u32, end: u32) -> Diagnostic {
    error("T175", span, format!("`subs` ends at {end}, before it starts at {start}"))
        .here("expected the end behind the start")
        .help(format!("the second number is where it ends, not a length: write `{}`", start.saturating_add(end)))
}

pub fn bound_is_no_number(form: &Form) -> Diagnostic {
    error("T176", form.span, format!("`bucket` takes numbers as bounds, and this is {}", kind(form)))
        .here("expected a number")
        .help("write `(bucket :request-time 0.1 0.3 1)`")
}

pub fn bounds_do_not_ascend(span: Span, before: Number, bound: Number) -> Diagnostic {
    error("T177", span, "the bounds of `bucket` ascend, and this one does not")
        .here(format!("{bound} is not above {before}"))
        .help("write the bounds from the least to the greatest, each once")
}

pub fn field_comes_first(span: Span, name: &str) -> Diagnostic {
    error("T178", span, format!("`{name}` takes the text that it asks first, and a constant behind it"))
        .here("expected a field")
        .help("turn the two arguments round")
}

pub fn contains_of_a_set(form: &Form) -> Diagnostic {
    error("T179", form.span, format!("`contains?` looks for a text in a text or a list, not in {}", kind(form)))
        .here("expected a field")
        .help("write `(case :status-code (200 201) true)` to ask for one of several")
}

/// `subject` is what the record is called: "`:record`".
pub fn record_is_no_map(form: &Form, subject: &str) -> Diagnostic {
    error("T180", form.span, format!("{subject} is nil or a map, not {}", kind(form)))
        .here("expected nil, a map, or `cond`, `when`, `if` or `case` with such results")
        .help("write `{:kind \"customer\"}`; or nil for what is not counted")
}

pub fn key_of_record(key: &Form) -> Diagnostic {
    let help = match &key.kind {
        Kind::String(name) | Kind::Symbol(name) if is_plain(name) => Some(format!("write `:{name}`")),
        _ => None,
    };
    error("T181", key.span, format!("the keys of a record are keywords, and this is {}", kind(key)))
        .here("expected a keyword")
        .maybe_help(help)
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
}
