//! Arbitrary forms and texts for property tests.

use std::collections::HashSet;

use highwater::edn::{Form, Kind, Span, write};
use proptest::prelude::*;

pub fn form(kind: Kind) -> Form {
    Form { kind, span: Span { file: 0, start: 0, end: 0 } }
}

/// Forms that EDN can write: names are names, keys and members differ.
pub fn forms() -> impl Strategy<Value = Form> {
    nested(prop_oneof![scalars(), any::<char>().prop_map(|c| form(Kind::Char(c))), texts(".*"), long_numbers()])
}

/// Forms that the oracles read as well; see `edn_oracles` for what is left out, and why.
pub fn common_forms() -> impl Strategy<Value = Form> {
    nested(prop_oneof![scalars(), "[a-z0-9<>&]".prop_map(|text| form(Kind::Char(text.chars().next().unwrap())))])
}

fn scalars() -> impl Strategy<Value = Form> {
    let name = "[a-zA-Z*!_?$%&=<>][a-zA-Z0-9*!_?$%&=<>.+-]{0,8}";
    prop_oneof![
        Just(form(Kind::Nil)),
        any::<bool>().prop_map(|bool| form(Kind::Bool(bool))),
        any::<i64>().prop_map(|n| form(Kind::Integer(n.to_string().into()))),
        (0..1000u32, 0..1000u32).prop_map(|(a, b)| form(Kind::Decimal(format!("{a}.{b}").into()))),
        (1..1000u32, -20..12i32).prop_map(|(a, b)| form(Kind::Decimal(format!("{a}.5e{b}").into()))),
        texts("[ -~\t\n\réß“–]{0,12}"),
        name.prop_map(|name| form(Kind::Keyword(name.into()))),
        (name, name).prop_map(|(space, name)| form(Kind::Keyword(format!("{space}/{name}").into()))),
        name.prop_filter("a word, or an arrow", |name| !is_taken(name))
            .prop_map(|name| form(Kind::Symbol(name.into()))),
    ]
}

/// `=` and `=>` before a value are reported as a habit of other languages.
fn is_taken(name: &str) -> bool {
    ["nil", "true", "false", "=", "=>"].contains(&name)
}

fn texts(pattern: &'static str) -> impl Strategy<Value = Form> {
    pattern.prop_map(|text| form(Kind::String(text.into())))
}

fn long_numbers() -> impl Strategy<Value = Form> {
    ("-?[1-9][0-9]{0,60}", "[0-9]{1,60}", -200..200i32).prop_map(|(whole, fraction, exponent)| {
        form(match exponent % 2 {
            0 => Kind::Integer(whole.into()),
            _ => Kind::Decimal(format!("{whole}.{fraction}E{exponent}").into()),
        })
    })
}

fn nested(leaf: impl Strategy<Value = Form> + 'static) -> impl Strategy<Value = Form> {
    leaf.prop_recursive(5, 64, 8, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            items().prop_map(|items| form(Kind::List(items))),
            items().prop_map(|items| form(Kind::Vector(items))),
            items().prop_map(|items| form(Kind::Set(distinct(items, |item| item)))),
            prop::collection::vec((inner.clone(), inner.clone()), 0..12)
                .prop_map(|pairs| form(Kind::Map(distinct(pairs, |pair| &pair.0)))),
            ("[a-z][a-z/]{0,3}[a-z]", inner.clone()).prop_map(|(tag, inner)| {
                let tag = if tag.matches('/').count() > 1 { "re".to_owned() } else { tag };
                form(Kind::Tagged(tag.into(), Box::new(inner)))
            }),
        ]
    })
}

fn distinct<T>(items: Vec<T>, key: impl Fn(&T) -> &Form) -> Vec<T> {
    let mut seen = HashSet::new();
    items
        .into_iter()
        // Lists equal vectors, and collections without order equal one another in any order.
        .filter(|item| seen.insert(write(key(item)).replace('(', "[").replace(')', "]")))
        .filter(|item| !has_unordered(key(item)))
        .collect()
}

fn has_unordered(form: &Form) -> bool {
    match &form.kind {
        Kind::Map(_) | Kind::Set(_) => true,
        Kind::List(items) | Kind::Vector(items) => items.iter().any(has_unordered),
        Kind::Tagged(_, inner) => has_unordered(inner),
        _ => false,
    }
}

/// Texts that are EDN in part: pieces of every kind, well and badly put together.
pub fn broken_texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => prop::sample::select(vec![
            "{", "}", "[", "]", "(", ")", "#{", "\"", "\"", "\\", "#_", "#re ", "#", ";", "\n", "\n ", " ", ",", ":", "“", "”",
            "«", "‘", "'", "`", "–", "//", "/*", "*/", "=>", "=", "\u{A0}", "\u{200B}", "｛", "｝", "＂", "\u{FEFF}", "\r\n",
        ])
        .prop_map(str::to_owned),
        3 => prop::sample::select(vec![
            ":a", "1", "0.99", "010", "99/100", "nil", "x", "\\d", "\\u00e9", "\\ud800", "\\newline", "a/b", "a/", "::b",
            "k:", "1e5", "1e999", "##Inf", "#\"", "10m", "0x1F", "\"s\"", "\"s\":", "größe", "１２", "{:a 1}", "[1 2]",
        ])
        .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}
