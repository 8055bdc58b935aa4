//! Two other readers of EDN agree with ours on every form that all of them can read.
//!
//! Left out, because one of them reads it differently:
//! - nesting: `edn-rs` recurses without a limit and aborts;
//! - `\uXXXX`, in strings and for characters: neither reads it in strings;
//! - integers beyond 64 bits, `N` and `M`: neither keeps them exactly;
//! - characters that look like `\newline`, and named ones before a bracket: `edn-rs` reads a prefix;
//! - the keys of maps in `edn-rs`, which turns them into text and so loses their kind, and their order;
//! - decimals: both read the nearest double, ours is compared by it;
//! - duplicates: `edn-rs` keeps one of them in silence.

use clojure_reader::edn::Edn as Clojure;
use edn_rs::Edn as EdnRs;
use highwater::edn::{Form, Kind, read_one, write};
use proptest::prelude::*;

use crate::edn_forms::common_forms;

proptest! {
    #[test]
    fn clojure_reader_agrees(form in common_forms()) {
        let text = write(&form);
        let ours = read_one(&text).expect("what is written can be read");
        let theirs = clojure_reader::edn::read_string(&text);
        match theirs {
            Ok(theirs) => prop_assert!(is_clojure(&ours, &theirs), "{}\n{:?}", text, theirs),
            Err(error) => prop_assert!(false, "{}\n{:?}", text, error),
        }
    }

    #[test]
    fn edn_rs_agrees(form in common_forms()) {
        // A symbol at the end of the text is an error in `edn-rs`.
        let text = format!("[ {} ]", write(&form));
        let ours = read_one(&text).expect("what is written can be read");
        let theirs: Result<EdnRs, _> = text.parse();
        match theirs {
            Ok(theirs) => prop_assert!(is_edn_rs(&ours, &theirs), "{}\n{:?}", text, theirs),
            Err(error) => prop_assert!(false, "{}\n{:?}", text, error),
        }
    }
}

fn is_clojure(ours: &Form, theirs: &Clojure<'_>) -> bool {
    let all = |ours: &[Form], theirs: &[Clojure<'_>]| {
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is_clojure(ours, theirs))
    };
    match (&ours.kind, theirs) {
        (Kind::Nil, Clojure::Nil) => true,
        (Kind::Bool(ours), Clojure::Bool(theirs)) => ours == theirs,
        (Kind::Integer(ours) | Kind::Decimal(ours), Clojure::Int(theirs)) => **ours == theirs.to_string(),
        (Kind::Integer(ours) | Kind::Decimal(ours), Clojure::Double(theirs)) => ours.parse() == Ok(theirs.0),
        (Kind::String(ours), Clojure::Str(theirs)) => **ours == **theirs,
        (Kind::Char(ours), Clojure::Char(theirs)) => ours == theirs,
        (Kind::Keyword(ours), Clojure::Key(theirs)) => **ours == **theirs,
        (Kind::Symbol(ours), Clojure::Symbol(theirs)) => **ours == **theirs,
        (Kind::List(ours), Clojure::List(theirs)) => all(ours, theirs),
        (Kind::Vector(ours), Clojure::Vector(theirs)) => all(ours, theirs),
        (Kind::Set(ours), Clojure::Set(theirs)) => {
            ours.len() == theirs.len() && ours.iter().all(|ours| theirs.iter().any(|theirs| is_clojure(ours, theirs)))
        }
        (Kind::Map(ours), Clojure::Map(theirs)) => {
            let is_in = |(key, value): &(Form, Form)| {
                theirs
                    .iter()
                    .any(|(their_key, their_value)| is_clojure(key, their_key) && is_clojure(value, their_value))
            };
            ours.len() == theirs.len() && ours.iter().all(is_in)
        }
        (Kind::Tagged(tag, ours), Clojure::Tagged(their_tag, theirs)) => {
            **tag == **their_tag && is_clojure(ours, theirs)
        }
        _ => false,
    }
}

fn is_edn_rs(ours: &Form, theirs: &EdnRs) -> bool {
    let all = |ours: &[Form], theirs: Vec<EdnRs>| {
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(ours, theirs)| is_edn_rs(ours, theirs))
    };
    match (&ours.kind, theirs) {
        (Kind::Nil, EdnRs::Nil) => true,
        (Kind::Bool(ours), EdnRs::Bool(theirs)) => ours == theirs,
        (Kind::Integer(ours) | Kind::Decimal(ours), EdnRs::Int(theirs)) => **ours == theirs.to_string(),
        (Kind::Integer(ours) | Kind::Decimal(ours), EdnRs::UInt(theirs)) => **ours == theirs.to_string(),
        (Kind::Integer(ours) | Kind::Decimal(ours), EdnRs::Double(_)) => ours.parse::<f64>().ok() == theirs.to_float(),
        (Kind::String(ours), EdnRs::Str(theirs)) => **ours == **theirs,
        (Kind::Char(ours), EdnRs::Char(theirs)) => ours == theirs,
        (Kind::Keyword(ours), EdnRs::Key(theirs)) => theirs.strip_prefix(':') == Some(ours),
        (Kind::Symbol(ours), EdnRs::Symbol(theirs)) => **ours == **theirs,
        (Kind::List(ours), EdnRs::List(theirs)) => all(ours, theirs.clone().to_vec()),
        (Kind::Vector(ours), EdnRs::Vector(theirs)) => all(ours, theirs.clone().to_vec()),
        (Kind::Set(ours), EdnRs::Set(theirs)) => {
            let theirs = theirs.clone().to_set();
            ours.len() == theirs.len() && ours.iter().all(|ours| theirs.iter().any(|theirs| is_edn_rs(ours, theirs)))
        }
        (Kind::Map(ours), EdnRs::Map(theirs)) => {
            let theirs = theirs.clone().to_map();
            let is_in = |(_, value): &(Form, Form)| theirs.values().any(|theirs| is_edn_rs(value, theirs));
            ours.len() == theirs.len() && ours.iter().all(is_in)
        }
        (Kind::Tagged(tag, ours), EdnRs::Tagged(their_tag, theirs)) => **tag == **their_tag && is_edn_rs(ours, theirs),
        _ => false,
    }
}
