//! JSON text, scanned in place.

use std::borrow::Cow;

use crate::engine::Value;
use crate::plan::Number;
use crate::source::Refused;
use crate::source::bytes::quote_or_backslash;
use crate::source::json::DEPTH;
use crate::source::time;

/// A place in a line of JSON.
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    pub fn place(&self) -> usize {
        self.at
    }

    /// The text from an earlier place to this one.
    pub fn since(&self, place: usize) -> &'a [u8] {
        &self.text[place..self.at]
    }

    #[inline]
    pub fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Refused> {
        if self.eat(byte) { Ok(()) } else { Err(Refused::expected(expected, self.at)) }
    }

    pub fn expect_end(&self) -> Result<(), Refused> {
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(Refused::expected("the end of the line after the object", self.at))
        }
    }

    /// A string without a backslash; None, and no step further, if none begins here.
    #[inline]
    pub fn plain_string(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?.strip_prefix(b"\"")?;
        let end = quote_or_backslash(rest).filter(|end| rest[*end] == b'"')?;
        self.at += end + 2;
        Some(&rest[..end])
    }

    /// A string; borrowed unless it holds a backslash.
    pub fn string(&mut self, expected: &'static str) -> Result<Cow<'a, [u8]>, Refused> {
        self.expect(b'"', expected)?;
        let rest = &self.text[self.at..];
        match quote_or_backslash(rest) {
            Some(end) if rest[end] == b'"' => {
                self.at += end + 1;
                Ok(Cow::Borrowed(&rest[..end]))
            }
            Some(_) => self.string_with_escapes().map(Cow::Owned),
            None => Err(Refused::expected("`\"` at the end of a string", self.text.len())),
        }
    }

    fn string_with_escapes(&mut self) -> Result<Vec<u8>, Refused> {
        let mut string = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = quote_or_backslash(rest) else {
                return Err(Refused::expected("`\"` at the end of a string", self.text.len()));
            };
            string.extend_from_slice(&rest[..end]);
            self.at += end + 1;
            if rest[end] == b'"' {
                return Ok(string);
            }
            let mut buffer = [0; 4];
            string.extend_from_slice(self.escape()?.encode_utf8(&mut buffer).as_bytes());
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Result<char, Refused> {
        let byte = self.text.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_hex()?;
                if !(0xD800..0xDC00).contains(&first) || self.text.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                let before = self.at;
                self.at += 2;
                let second = self.four_hex()?;
                if !(0xDC00..0xE000).contains(&second) {
                    // Half a pair: what follows is a character of its own.
                    self.at = before;
                    return Ok(char::REPLACEMENT_CHARACTER);
                }
                let point = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(Refused::expected("an escape of JSON after `\\`", self.at - 1)),
        })
    }

    fn four_hex(&mut self) -> Result<u32, Refused> {
        let mut number = 0;
        for offset in 0..4 {
            let digit = self.text.get(self.at + offset).and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(Refused::expected("four hexadecimal digits after `\\u`", self.at + offset));
            };
            number = number * 16 + digit;
        }
        self.at += 4;
        Ok(number)
    }

    /// A value with at most `depth` brackets open at a time.
    pub fn value(&mut self, depth: usize) -> Result<Value<'a>, Refused> {
        let mut value = Value::Nil;
        self.value_into(depth, &mut value).map(|()| value)
    }

    /// As [`Scanner::value`], written where it belongs: values are large, and are not moved.
    #[inline]
    pub fn value_into(&mut self, depth: usize, into: &mut Value<'a>) -> Result<(), Refused> {
        if let Some(string) = self.plain_string() {
            *into = Value::Text(Cow::Borrowed(string));
            return Ok(());
        }
        let start = self.at;
        if let Some((digits, places)) = self.plain_number()
            && let Some(number) = time::divided(digits, places)
        {
            *into = Value::Number(number);
            return Ok(());
        }
        self.at = start;
        *into = self.other_value(depth)?;
        Ok(())
    }

    #[inline(never)]
    fn other_value(&mut self, depth: usize) -> Result<Value<'a>, Refused> {
        match self.text.get(self.at) {
            Some(b'"') => self.string("a string").map(Value::Text),
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(b'[') => self.list(depth),
            Some(b'{') => {
                let start = self.at;
                self.skip(depth)?;
                Ok(Value::Text(without_blanks(&self.text[start..self.at])))
            }
            _ => self.word(),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Refused> {
        let depth = depth.checked_sub(1).ok_or(Refused::TooDeep { limit: DEPTH })?;
        let mut items = Vec::new();
        self.at += 1;
        self.skip_blanks();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_blanks();
            if !self.eat(b',') {
                break;
            }
            self.skip_blanks();
        }
        self.expect(b']', "`,` or `]`")?;
        Ok(Value::List(items))
    }

    /// `true`, `false`, `null`, and what other languages write for numbers that JSON does not have.
    fn word(&mut self) -> Result<Value<'a>, Refused> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
        let word = &rest[..length];
        let value = match word {
            b"null" => Value::Nil,
            b"true" => Value::Bool(true),
            b"false" => Value::Bool(false),
            b"NaN" | b"Infinity" | b"-Infinity" => Value::bytes(word),
            _ => return Err(Refused::expected("a value", self.at)),
        };
        self.at += length;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value<'a>, Refused> {
        let start = self.at;
        match self.number_text() {
            Some(text) => Ok(Number::parse_json(text).map_or(Value::bytes(text), Value::Number)),
            None if self.text[start..].starts_with(b"-Infinity") => self.word(),
            None => Err(Refused::expected("a number of JSON", start)),
        }
    }

    /// The digits of `123.45` as a number, and how many of them stand after the point.
    ///
    /// None, and no step further, for what has a sign, an exponent, more than 18 digits, or is no number.
    #[inline]
    pub fn plain_number(&mut self) -> Option<(i64, usize)> {
        let rest = &self.text[self.at..];
        let mut digits = 0i64;
        let mut point = None;
        let mut end = 0;
        loop {
            match rest.get(end) {
                // Wraps only for numbers that are too long, which are refused below.
                Some(byte @ b'0'..=b'9') => digits = digits.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')),
                Some(b'.') if point.is_none() => point = Some(end),
                Some(b'e' | b'E') => return None,
                _ => break,
            }
            end += 1;
        }
        let whole = point.unwrap_or(end);
        let places = point.map_or(0, |point| end - point - 1);
        let is_number = whole > 0 && (whole == 1 || rest[0] != b'0') && (point.is_none() || places > 0);
        if !is_number || whole + places > 18 {
            return None;
        }
        self.at += end;
        Some((digits, places))
    }

    /// The text of the number that begins here; None, and no step further, if none does.
    #[inline]
    pub fn number_text(&mut self) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let whole = digits(sign);
        let mut end = sign + whole;
        if whole == 0 || (whole > 1 && rest[sign] == b'0') {
            return None;
        }
        if rest.get(end) == Some(&b'.') {
            let places = digits(end + 1);
            if places == 0 {
                return None;
            }
            end += 1 + places;
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let places = digits(end + 1 + sign);
            if places == 0 {
                return None;
            }
            end += 1 + sign + places;
        }
        self.at += end;
        Some(&rest[..end])
    }

    /// Steps over a value, as strict as [`Scanner::value`].
    #[inline]
    pub fn skip(&mut self, depth: usize) -> Result<(), Refused> {
        if self.plain_string().is_some() || self.plain_number().is_some() {
            return Ok(());
        }
        match self.text.get(self.at) {
            Some(b'"') => self.string("a string").map(drop),
            Some(b'0'..=b'9' | b'-') => self.number_text().map(drop).map_or_else(|| self.word().map(drop), Ok),
            _ => self.skip_other(depth),
        }
    }

    fn skip_other(&mut self, depth: usize) -> Result<(), Refused> {
        let close = match self.text.get(self.at) {
            Some(b'[') => b']',
            Some(b'{') => b'}',
            _ => return self.word().map(drop),
        };
        let depth = depth.checked_sub(1).ok_or(Refused::TooDeep { limit: DEPTH })?;
        self.at += 1;
        self.skip_blanks();
        if self.eat(close) {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.string("a key in quotes")?;
                self.skip_blanks();
                self.expect(b':', "`:` after a key")?;
                self.skip_blanks();
            }
            self.skip(depth)?;
            self.skip_blanks();
            if !self.eat(b',') {
                break;
            }
            self.skip_blanks();
        }
        self.expect(close, if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })
    }
}

/// JSON text without the blanks outside of its strings.
fn without_blanks(text: &[u8]) -> Cow<'_, [u8]> {
    let mut compact = Vec::new();
    let mut kept = 0;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b' ' | b'\t' | b'\r' | b'\n' => {
                compact.extend_from_slice(&text[kept..at]);
                kept = at + 1;
                at += 1;
            }
            b'"' => {
                at += 1;
                while let Some(end) = quote_or_backslash(&text[at..]) {
                    let quote = text[at + end] == b'"';
                    at += end + if quote { 1 } else { 2 };
                    if quote {
                        break;
                    }
                }
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    compact.extend_from_slice(&text[kept..]);
    Cow::Owned(compact)
}
