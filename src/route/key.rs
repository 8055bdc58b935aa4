//! Values as keys: of what is equal, the same bytes.

use sha2::{Digest, Sha256};

use crate::engine::Value;

/// One value or several, one after the other. A long one is a digest.
pub(super) type Key = Box<[u8]>;

/// What is longer is not kept as it is: descriptions may be as long as events.
const LONGEST: usize = 64;

/// Equal for equal texts: the number 204 and the text "204" are one. Nil, a text and a list are never one another.
pub(super) fn key<'v>(values: impl Iterator<Item = std::borrow::Cow<'v, Value<'v>>>) -> Key {
    let mut bytes = Vec::new();
    values.for_each(|value| append(&value, &mut bytes));
    match bytes.len() {
        0..=LONGEST => bytes.into(),
        _ => [&[DIGEST], Sha256::digest(&bytes).as_slice()].concat().into(),
    }
}

const NIL: u8 = 0;
const TEXT: u8 = 1;
const LIST: u8 = 2;
const DIGEST: u8 = 3;

fn append(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.push(NIL),
        Value::List(items) => {
            out.push(LIST);
            out.extend((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| append(item, out));
        }
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
            out.push(TEXT);
            let at = out.len();
            out.extend([0; 8]);
            value.write_text(out);
            let length = (out.len() - at - 8) as u64;
            out[at..at + 8].copy_from_slice(&length.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::plan::Number;

    #[test]
    fn keys_are_the_same_for_equal_texts_only() {
        let of = |values: &[Value<'_>]| key(values.iter().map(Cow::Borrowed));
        let text = Value::text;
        let long = "x".repeat(1000);
        assert_eq!(of(&[text("204")]), of(&[Value::Number(Number::Int(204))]));
        assert_eq!(of(&[text("true")]), of(&[Value::Bool(true)]));
        assert_eq!(of(&[text(&long)]), of(&[text(&long)]));
        assert!(of(&[text(&long)]).len() <= LONGEST);
        let different: [(&[Value<'_>], &[Value<'_>]); 6] = [
            (&[Value::Nil], &[text("")]),
            (&[text("a"), text("b")], &[text("ab"), text("")]),
            (&[Value::List(vec![text("a")])], &[text("a")]),
            (&[Value::List(vec![])], &[Value::Nil]),
            (&[Value::List(vec![text("a"), text("b")])], &[Value::List(vec![text("a")]), text("b")]),
            (&[text(&long)], &[text(&long[1..])]),
        ];
        for (one, other) in different {
            assert_ne!(of(one), of(other), "{one:?} {other:?}");
        }
    }
}
