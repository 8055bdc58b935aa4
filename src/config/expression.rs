//! Expressions: a closed set of functions, each checked when it is read.

mod choice;
mod number;
mod text;

use super::catalogue;
use super::context::Context;
use super::values::{self, Appears};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Comparator, Expression, Field, Number};

/// A function: its name, how many arguments it takes, and how it is read.
struct Function {
    name: &'static str,
    least: usize,
    most: Option<usize>,
    read: fn(&Call, &mut Context) -> Option<Expression>,
}

/// A list that calls a function, without its head.
struct Call<'f> {
    name: &'static str,
    arguments: &'f [Form],
    span: Span,
    /// How deep the expression stands in the whole.
    depth: usize,
    /// What a record is called in messages, where the call comes to one.
    record: Option<&'f str>,
}

const FUNCTIONS: [Function; 32] = [
    Function { name: "=", least: 2, most: None, read: equality },
    Function { name: "not=", least: 2, most: None, read: equality },
    Function { name: "<", least: 2, most: None, read: number::order },
    Function { name: "<=", least: 2, most: None, read: number::order },
    Function { name: ">", least: 2, most: None, read: number::order },
    Function { name: ">=", least: 2, most: None, read: number::order },
    Function { name: "and", least: 1, most: None, read: and },
    Function { name: "or", least: 1, most: None, read: or },
    Function { name: "not", least: 1, most: Some(1), read: not },
    Function { name: "if", least: 2, most: Some(3), read: choice::if_else },
    Function { name: "when", least: 2, most: Some(2), read: choice::if_else },
    Function { name: "cond", least: 2, most: None, read: choice::cond },
    Function { name: "case", least: 3, most: None, read: choice::case },
    Function { name: "nil?", least: 1, most: Some(1), read: is_nil },
    Function { name: "some?", least: 1, most: Some(1), read: is_some },
    Function { name: "re-find", least: 2, most: Some(2), read: text::re_find },
    Function { name: "re-groups", least: 2, most: Some(3), read: text::re_groups },
    Function { name: "starts-with?", least: 2, most: Some(2), read: text::looks_for },
    Function { name: "ends-with?", least: 2, most: Some(2), read: text::looks_for },
    Function { name: "contains?", least: 2, most: Some(2), read: text::looks_for },
    Function { name: "tagged", least: 1, most: Some(1), read: tagged },
    Function { name: "+", least: 1, most: None, read: number::arithmetic },
    Function { name: "-", least: 1, most: None, read: number::arithmetic },
    Function { name: "*", least: 1, most: None, read: number::arithmetic },
    Function { name: "/", least: 1, most: None, read: number::arithmetic },
    Function { name: "str", least: 0, most: None, read: str },
    Function { name: "subs", least: 2, most: Some(3), read: text::subs },
    Function { name: "lower-case", least: 1, most: Some(1), read: text::of_one },
    Function { name: "url-path", least: 1, most: Some(1), read: text::of_one },
    Function { name: "query-param", least: 2, most: Some(2), read: text::query_param },
    Function { name: "bucket", least: 2, most: None, read: number::bucket },
    Function { name: "parse-number", least: 1, most: Some(1), read: text::of_one },
];

/// In small letters, with dashes.
const OTHER_WORDS: [(&str, &str); 70] = [
    ("==", "="),
    ("eq", "="),
    ("!=", "not="),
    ("<>", "not="),
    ("=<", "<="),
    ("≤", "<="),
    ("=>", ">="),
    ("≥", ">="),
    ("&&", "and"),
    ("||", "or"),
    ("!", "not"),
    ("switch", "case"),
    ("condp", "case"),
    ("match-case", "case"),
    ("null?", "nil?"),
    ("exists?", "some?"),
    ("some", "some?"),
    ("re-matches", "re-find"),
    ("re-match", "re-find"),
    ("match", "re-find"),
    ("re-group", "re-groups"),
    ("re-seq", "re-groups"),
    ("capture", "re-groups"),
    ("extract", "re-groups"),
    ("regexp-extract", "re-groups"),
    ("tagged-all", "tagged"),
    ("tagged-any", "tagged"),
    ("concat", "str"),
    ("format", "str"),
    ("substring", "subs"),
    ("substr", "subs"),
    ("slice", "subs"),
    ("left", "subs"),
    ("startswith", "starts-with?"),
    ("str/starts-with?", "starts-with?"),
    ("has-prefix", "starts-with?"),
    ("hasprefix", "starts-with?"),
    ("prefix?", "starts-with?"),
    ("endswith", "ends-with?"),
    ("str/ends-with?", "ends-with?"),
    ("has-suffix", "ends-with?"),
    ("hassuffix", "ends-with?"),
    ("suffix?", "ends-with?"),
    ("includes", "contains?"),
    ("includes?", "contains?"),
    ("str/includes?", "contains?"),
    ("lower", "lower-case"),
    ("tolower", "lower-case"),
    ("tolowercase", "lower-case"),
    ("to-lower", "lower-case"),
    ("to-lower-case", "lower-case"),
    ("str/lower-case", "lower-case"),
    ("downcase", "lower-case"),
    ("path", "url-path"),
    ("uri-path", "url-path"),
    ("query", "query-param"),
    ("param", "query-param"),
    ("get-param", "query-param"),
    ("width-bucket", "bucket"),
    ("range", "bucket"),
    ("number", "parse-number"),
    ("to-number", "parse-number"),
    ("tonumber", "parse-number"),
    ("parse-int", "parse-number"),
    ("parseint", "parse-number"),
    ("parse-long", "parse-number"),
    ("parse-double", "parse-number"),
    ("parsefloat", "parse-number"),
    ("int", "parse-number"),
    ("float", "parse-number"),
];

/// The fields that a bare symbol names.
const SYMBOLS: [&str; 8] = ["description", "host", "metric", "service", "state", "tags", "time", "ttl"];

/// How deep an expression may be; each clause of a `cond` stands in the one before.
const MAX_DEPTH: usize = 200;

/// Reads a condition over an event or a transition.
pub(super) fn read(form: &Form, context: &mut Context) -> Option<Expression> {
    let expression = expression(form, 0, context)?;
    let mut fields = Vec::new();
    expression.fields(&mut fields);
    let is_constant = matches!(expression, Expression::Text(_) | Expression::Number(_) | Expression::Nil);
    if fields.is_empty() && (is_constant || is_made(&expression)) {
        return context.refuse(catalogue::condition_is_no_list(form));
    } else if fields.is_empty() {
        context.report(catalogue::constant_condition(form.span));
    } else if is_made(&expression) {
        context.report(catalogue::condition_is_a_value(form.span));
    }
    Some(expression)
}

/// Whether an expression makes a value of what it reads, true for almost every event.
fn is_made(expression: &Expression) -> bool {
    matches!(
        expression,
        Expression::Arithmetic(..)
            | Expression::Str(_)
            | Expression::Subs(..)
            | Expression::UrlPath(_)
            | Expression::LowerCase(_)
            | Expression::Bucket(..)
    )
}

/// What an expression is, where it can be neither a text nor a number.
fn no_scalar(expression: &Expression) -> Option<&'static str> {
    match expression {
        Expression::Nil => Some("nil"),
        Expression::Bool(_)
        | Expression::Compare(..)
        | Expression::Not(_)
        | Expression::IsNil(_)
        | Expression::IsSome(_)
        | Expression::Tagged(_)
        | Expression::StartsWith(..)
        | Expression::EndsWith(..)
        | Expression::Contains(..) => Some("true or false"),
        Expression::Field(Field::Tags) => Some("a list of tags"),
        _ => None,
    }
}

/// Reads a value: a text, a number, a field, or what a function makes of them.
pub(super) fn value(form: &Form, context: &mut Context) -> Option<Expression> {
    expression(form, 0, context)
}

/// Reads what `:record` and `:event` may be: nil, a map of keywords and values, or `cond when if case` that come to such.
///
/// `subject` is what it is called in messages: "`:record`".
pub(super) fn record(form: &Form, subject: &str, context: &mut Context) -> Option<Expression> {
    // Not in a test either: it is told how a record came to be.
    if let Some(secret) = of_a_file(form, 0) {
        return context.refuse(catalogue::secret_in_output(secret, subject));
    }
    choice::record(form, subject, 0, context)
}

/// Where `#file` stands in an expression: its text would be told.
pub(super) fn of_a_file(form: &Form, depth: usize) -> Option<Span> {
    match &form.kind {
        Kind::Tagged(tag, _) if tag.as_ref() == "file" => Some(form.span),
        // What is deeper is refused.
        _ if depth > 256 => None,
        Kind::List(items) => items.iter().find_map(|item| of_a_file(item, depth + 1)),
        Kind::Map(entries) => entries.iter().find_map(|(_, value)| of_a_file(value, depth + 1)),
        _ => None,
    }
}

fn expression(form: &Form, depth: usize, context: &mut Context) -> Option<Expression> {
    if depth > MAX_DEPTH {
        return context.refuse(catalogue::too_deep(form.span));
    }
    match &form.kind {
        Kind::Nil => Some(Expression::Nil),
        Kind::Bool(truth) => Some(Expression::Bool(*truth)),
        Kind::Integer(digits) | Kind::Decimal(digits) => match number(digits) {
            Some(number) => Some(Expression::Number(number)),
            None => context.refuse(catalogue::number_too_large(form.span)),
        },
        Kind::String(text) => Some(Expression::Text(text.clone())),
        Kind::Keyword(name) => Some(Expression::Field(Field::named(name))),
        Kind::Symbol(name) if SYMBOLS.contains(&name.as_ref()) => Some(Expression::Field(Field::named(name))),
        Kind::Symbol(name) => context.refuse(catalogue::unknown_symbol(
            form.span,
            name,
            context.nearest(name, SYMBOLS, &[]),
            FUNCTIONS.iter().any(|function| function.name == name.as_ref()),
        )),
        Kind::List(items) => call(items, form.span, depth, None, context),
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "env" | "file") => {
            let text = values::text(form, "an expression", Appears::Nowhere, context)?;
            Some(Expression::Text(text.text.into()))
        }
        Kind::Broken => None,
        _ => context.refuse(catalogue::no_expression(form)),
    }
}

fn number(digits: &str) -> Option<Number> {
    match digits.parse::<i64>() {
        Ok(n) => Some(Number::Int(n)),
        Err(_) => digits.parse::<f64>().ok().and_then(Number::from_f64),
    }
}

fn call(items: &[Form], span: Span, depth: usize, record: Option<&str>, context: &mut Context) -> Option<Expression> {
    let Some((head, arguments)) = items.split_first() else {
        return context.refuse(catalogue::empty_call(span));
    };
    let name = match &head.kind {
        Kind::Symbol(name) => name,
        Kind::Keyword(name) => match arguments {
            [Form { kind: Kind::Symbol(event), .. }] if event.as_ref() == "event" => {
                return Some(Expression::Field(Field::named(name)));
            }
            [Form { kind: Kind::Broken, .. }] => return None,
            _ => return context.refuse(catalogue::field_of_no_event(span, name)),
        },
        Kind::Broken => return None,
        _ => return context.refuse(catalogue::no_function(head)),
    };
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name.as_ref()) else {
        if SYMBOLS.contains(&name.as_ref()) {
            return context.refuse(catalogue::field_is_no_function(head.span, name));
        }
        let is_meant = |known: &&str| name.as_ref() != "in" && (record.is_none() || choice::chooses(known));
        let functions = FUNCTIONS.iter().map(|function| function.name).filter(is_meant);
        let meant = context.nearest(name, functions, &OTHER_WORDS);
        return context.refuse(catalogue::unknown_function(head.span, name, meant));
    };
    let count = arguments.len();
    if count < function.least || function.most.is_some_and(|most| count > most) {
        return context.refuse(catalogue::arity(span, function.name, count, function.least, function.most));
    }
    (function.read)(&Call { name: function.name, arguments, span, depth: depth + 1, record }, context)
}

/// All arguments, so that each error is found; None if one of them has one.
fn all(call: &Call, context: &mut Context) -> Option<Vec<Expression>> {
    let read: Vec<_> = call.arguments.iter().map(|form| expression(form, call.depth, context)).collect();
    read.into_iter().collect()
}

fn only(call: &Call, context: &mut Context) -> Option<Box<Expression>> {
    expression(&call.arguments[0], call.depth, context).map(Box::new)
}

fn comparator(name: &str) -> Comparator {
    let found = Comparator::ALL.into_iter().find(|comparator| comparator.symbol() == name);
    found.expect("the table of functions names comparators only by their symbols")
}

fn equality(call: &Call, context: &mut Context) -> Option<Expression> {
    let items = all(call, context)?;
    let fields = items.iter().filter(|item| matches!(item, Expression::Field(_))).count();
    let keyword = call.arguments.iter().rev().find(|form| matches!(form.kind, Kind::Keyword(_)));
    // `(= state :ok)` compares two fields; who means that writes `(:ok event)`.
    if fields >= 2
        && let Some(Form { kind: Kind::Keyword(name), span }) = keyword
    {
        context.report(catalogue::keyword_is_a_field(*span, name));
    }
    Some(Expression::Compare(comparator(call.name), items))
}

fn and(call: &Call, context: &mut Context) -> Option<Expression> {
    all(call, context).map(Expression::And)
}

fn or(call: &Call, context: &mut Context) -> Option<Expression> {
    all(call, context).map(Expression::Or)
}

fn not(call: &Call, context: &mut Context) -> Option<Expression> {
    only(call, context).map(Expression::Not)
}

fn is_nil(call: &Call, context: &mut Context) -> Option<Expression> {
    only(call, context).map(Expression::IsNil)
}

fn is_some(call: &Call, context: &mut Context) -> Option<Expression> {
    only(call, context).map(Expression::IsSome)
}

fn tagged(call: &Call, context: &mut Context) -> Option<Expression> {
    let [tag] = call.arguments else { return None };
    let text = values::text(tag, "`tagged`", Appears::Nowhere, context)?;
    Some(Expression::Tagged(text.text.into()))
}

fn str(call: &Call, context: &mut Context) -> Option<Expression> {
    all(call, context).map(Expression::Str)
}
