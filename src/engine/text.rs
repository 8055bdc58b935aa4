//! What functions of expressions find in texts. Texts are bytes as they came; what is no UTF-8 stays as it is.

use std::borrow::Cow;
use std::ops::Range;

use super::Value;
use crate::plan::Number;

/// The part of a value's text that `cut` says; of a list, that of the first item that has one. Borrows what it can.
pub fn part_of_any<'e>(
    value: Cow<'e, Value<'e>>,
    cut: &dyn Fn(&[u8]) -> Option<Range<usize>>,
) -> Option<Cow<'e, [u8]>> {
    match value {
        Cow::Borrowed(Value::List(items)) => items.iter().find_map(|item| part_of_any(Cow::Borrowed(item), cut)),
        Cow::Owned(Value::List(items)) => items.into_iter().find_map(|item| part_of_any(Cow::Owned(item), cut)),
        single => part_of(single, cut),
    }
}

/// The part of a value's text that `cut` says; None for a list and nil. Borrows what it can.
pub fn part_of<'e>(value: Cow<'e, Value<'e>>, cut: &dyn Fn(&[u8]) -> Option<Range<usize>>) -> Option<Cow<'e, [u8]>> {
    let text: Cow<'e, [u8]> = match value {
        Cow::Borrowed(Value::Text(text)) => Cow::Borrowed(text),
        Cow::Owned(Value::Text(text)) => text,
        other => match other.as_ref() {
            Value::Nil | Value::List(_) => return None,
            scalar => {
                let mut text = Vec::new();
                scalar.write_text(&mut text);
                Cow::Owned(text)
            }
        },
    };
    let range = cut(&text)?;
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(mut text) => {
            keep(&mut text, 0, range);
            Cow::Owned(text)
        }
    })
}

/// Of what stands behind `from`, keeps a part.
pub fn keep(text: &mut Vec<u8>, from: usize, part: Range<usize>) {
    text.truncate(from + part.end);
    text.drain(from..from + part.start);
}

/// Whether a text of the value, or that of an item, is one that `holds`.
pub fn any_text(value: &Value<'_>, holds: &dyn Fn(&[u8]) -> bool) -> bool {
    match value {
        Value::Text(text) => holds(text),
        Value::List(items) => items.iter().any(|item| any_text(item, holds)),
        other => {
            let mut found = false;
            other.each_text(&mut |text| found = holds(text));
            found
        }
    }
}

/// Where the characters from `start` to before `end` stand, as far as the text has them.
pub fn characters(text: &[u8], start: u32, end: Option<u32>) -> Range<usize> {
    let from = behind(text, start);
    let length = end.map_or(text.len() - from, |end| behind(&text[from..], end.saturating_sub(start)));
    from..from + length
}

/// Where the text goes on behind so many characters. What is no UTF-8 is as many as the marks that stand for it in
/// output.
fn behind(text: &[u8], characters: u32) -> usize {
    let mut at = 0;
    for _ in 0..characters {
        match text[at..] {
            [] => break,
            [first, ..] if first.is_ascii() => at += 1,
            // A character has at most four bytes, and so has what is none.
            ref rest => {
                let Some(chunk) = rest[..rest.len().min(4)].utf8_chunks().next() else { break };
                at += chunk.valid().chars().next().map_or(chunk.invalid().len(), char::len_utf8);
            }
        }
    }
    at
}

/// Where the path of a URL or of the target of a request stands: `/` for a URL without one.
pub fn url_path(text: &[u8]) -> Range<usize> {
    let end = memchr::memchr2(b'?', b'#', text).unwrap_or(text.len());
    let Some(host) = behind_scheme(&text[..end]) else { return 0..end };
    match memchr::memchr(b'/', &text[host..end]) {
        Some(at) => host + at..end,
        // A slash in front of the host is one as well.
        None => host - 1..host,
    }
}

/// Behind `https://`.
fn behind_scheme(text: &[u8]) -> Option<usize> {
    let colon = text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte)))?;
    (colon > 0 && text[colon..].starts_with(b"://")).then_some(colon + 3)
}

/// Where the value of the first parameter of this name stands, still encoded. The text is a URL, the target of a request or
/// a query alone.
pub fn parameter(text: &[u8], name: &str) -> Option<Range<usize>> {
    let end = memchr::memchr(b'#', text).unwrap_or(text.len());
    let text = &text[..end];
    let mut at = match memchr::memchr3(b'?', b'=', b'&', text) {
        Some(mark) if text[mark] == b'?' => mark + 1,
        _ if text.starts_with(b"/") || behind_scheme(text).is_some() => memchr::memchr(b'?', text)? + 1,
        _ => 0,
    };
    while at < text.len() {
        let length = memchr::memchr(b'&', &text[at..]).unwrap_or(text.len() - at);
        let pair = &text[at..at + length];
        let key = memchr::memchr(b'=', pair).unwrap_or(length);
        if decoded(&pair[..key]).eq(name.bytes()) {
            return Some(at + (key + 1).min(length)..at + length);
        }
        at += length + 1;
    }
    None
}

/// Whether decoding changes nothing.
pub fn is_plain(text: &[u8]) -> bool {
    memchr::memchr2(b'%', b'+', text).is_none()
}

/// A part of a query without `%` and `+`; a `%` without two digits behind it stays.
pub fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    percent_decoded(text, b' ')
}

/// With what `%41` stands for, and `plus` for `+`; a `%` without two digits behind it is itself.
pub fn percent_decoded(text: &[u8], plus: u8) -> impl Iterator<Item = u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *text.get(at)?;
        at += 1;
        let escaped = || Some(digit(text.get(at)?)? * 16 + digit(text.get(at + 1)?)?);
        match byte {
            b'+' => Some(plus),
            b'%' => match escaped() {
                Some(byte) => {
                    at += 2;
                    Some(byte)
                }
                None => Some(b'%'),
            },
            byte => Some(byte),
        }
    })
}

/// Makes what stands behind `from` small letters.
pub fn lower(text: &mut Vec<u8>, from: usize) {
    if text[from..].is_ascii() {
        return text[from..].make_ascii_lowercase();
    }
    let written = text.split_off(from);
    for chunk in written.utf8_chunks() {
        text.extend_from_slice(chunk.valid().to_lowercase().as_bytes());
        text.extend_from_slice(chunk.invalid());
    }
}

/// Whether `lower` may change the text.
pub fn is_lower(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// The number that a text is, with blanks around it: also `+5`, `007`, `.5` and `5.`.
pub fn number(text: &[u8]) -> Option<Number> {
    let text = text.trim_ascii();
    if let Some(number) = Number::parse_json(text) {
        return Some(number);
    }
    // No `inf`, no `nan`.
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    if !text.iter().all(is_part) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().map(Number::Int).ok().or_else(|| text.parse().ok().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_those_that_people_read() {
        for (text, start, end, expected) in [
            (&b"200"[..], 0, Some(1), &b"2"[..]),
            (b"200", 1, None, b"00"),
            (b"200", 0, Some(99), b"200"),
            (b"200", 7, Some(9), b""),
            (b"200", 3, None, b""),
            (b"", 0, Some(1), b""),
            (b"200", 1, Some(1), b""),
            ("gr\u{fc}n".as_bytes(), 2, Some(3), "\u{fc}".as_bytes()),
            ("\u{1f600}ab".as_bytes(), 1, None, b"ab"),
            // A mark stands for each of these: a byte that is none, the start of a character.
            (b"a\xffb", 1, Some(2), b"\xff"),
            (b"a\xffb", 2, None, b"b"),
            (b"a\xe2\x82b", 1, Some(2), b"\xe2\x82"),
            (b"\xf0\x9f\x98\xf0\x9f\x98\x80", 1, None, b"\xf0\x9f\x98\x80"),
        ] {
            let found = &text[characters(text, start, end)];
            assert_eq!(found, expected, "{} {start} {end:?}", String::from_utf8_lossy(text));
            let end = end.map_or(usize::MAX, |end| end as usize);
            let lossy: String = String::from_utf8_lossy(text).chars().take(end).skip(start as usize).collect();
            assert_eq!(String::from_utf8_lossy(found), lossy);
        }
    }

    #[test]
    fn a_path_is_without_host_query_and_fragment() {
        for (text, expected) in [
            ("/a/b?x=1#y", "/a/b"),
            ("/a/b#y?x", "/a/b"),
            ("/", "/"),
            ("?x=1", ""),
            ("", ""),
            ("*", "*"),
            ("https://example.com/a?x=/b", "/a"),
            ("https://example.com?x=/b", "/"),
            ("HTTP://example.com", "/"),
            ("/redirect?to=https://example.com/a", "/redirect"),
            ("//double/slash", "//double/slash"),
            ("://a/b", "://a/b"),
            ("/a%20b", "/a%20b"),
        ] {
            assert_eq!(&text[url_path(text.as_bytes())], expected, "{text}");
        }
    }

    #[test]
    fn a_parameter_is_the_first_of_its_name() {
        for (text, name, expected) in [
            ("/a?b=1&b=2", "b", Some("1")),
            ("/a?ab=1&b=2#b=3", "b", Some("2")),
            ("https://x.example/a?b=1", "b", Some("1")),
            ("https://x.example/a", "b", None),
            ("b=1&c=2", "c", Some("2")),
            ("c=a?b&b=2", "b", Some("2")),
            ("?b=1", "b", Some("1")),
            ("/a=b?b=1", "b", Some("1")),
            ("/a?b", "b", Some("")),
            ("/a?b=", "b", Some("")),
            ("/a?b=x=y", "b", Some("x=y")),
            ("/a?&&b=1&", "b", Some("1")),
            ("/a", "b", None),
            ("/b=1", "b", None),
            ("", "b", None),
            ("/a?a%5B0%5D=1+2%2b3", "a[0]", Some("1 2+3")),
            ("/a?b=100%&c=%zz%4", "b", Some("100%")),
            ("/a?b=100%&c=%zz%4", "c", Some("%zz%4")),
            ("/a?q=gr%C3%BCn", "q", Some("gr\u{fc}n")),
        ] {
            let found = parameter(text.as_bytes(), name);
            let found = found.map(|range| decoded(&text.as_bytes()[range]).collect::<Vec<u8>>());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{text} {name}");
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            (" 5 ", Some("5")),
            ("\t-0.5\n", Some("-0.5")),
            ("+5", Some("5")),
            ("007", Some("7")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("1e3", Some("1000")),
            ("9223372036854775807", Some("9223372036854775807")),
            ("", None),
            ("-", None),
            ("1 2", None),
            ("inf", None),
            ("nan", None),
            ("0x10", None),
            ("1e999", None),
            ("5ms", None),
        ] {
            assert_eq!(number(text.as_bytes()).map(|number| number.to_string()).as_deref(), expected, "{text}");
        }
    }
}
