//! Strings and their escapes.

use super::read::Reader;
use super::{Kind, Span, catalogue};

impl Reader<'_> {
    pub(super) fn string(&mut self) {
        let start = self.at;
        let (end, closed) = match self.string_end(start + 1) {
            Some(end) => (end, true),
            None => (self.plausible_end(start + 1), false),
        };
        self.at = if closed { end + 1 } else { end };
        if !closed {
            self.lost_structure = true;
            self.top().is_lossy = true;
            let (opening, end_span) = (self.span(start, start + 1), self.span(end, end));
            let content = &self.text[start + 1..end];
            self.fault(|| catalogue::string_not_closed(opening, end_span, content));
        }
        let content = self.unescape(start + 1, end);
        self.last_string = self.span(start, self.at);
        self.push(Kind::String(content), start, self.at);
    }

    /// Where the quote stands that closes the string whose content begins at `from`.
    pub(super) fn string_end(&mut self, from: usize) -> Option<usize> {
        // After one string without an end in this file, a further one would be searched for in vain again and again.
        let limit = if self.trust_lines || self.notes.open_string { self.line_end(from) } else { self.bytes.len() };
        let mut at = from;
        while at < limit {
            match memchr::memchr2(b'"', b'\\', &self.bytes[at..limit]) {
                Some(length) if self.bytes[at + length] == b'"' => return Some(at + length),
                Some(length) => at += length + 2,
                None => break,
            }
        }
        self.notes.open_string = true;
        None
    }

    /// Where a string that is not closed was meant to end: before a collection or a keyword on its line, or at
    /// the line's end, before brackets that close more than was opened in it.
    fn plausible_end(&self, from: usize) -> usize {
        let line = &self.bytes[from..self.line_end(from)];
        let is_next = |pair: &[u8]| pair[0] == b' ' && matches!(pair[1], b'{' | b'[' | b':');
        if let Some(next) = line.windows(2).position(is_next) {
            return from + line[..next].trim_ascii_end().len();
        }
        let surplus = |open: u8, close: u8| {
            let count = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
            count(close).saturating_sub(count(open))
        };
        let mut surplus = [surplus(b'(', b')'), surplus(b'[', b']'), surplus(b'{', b'}')];
        let mut end = line.len();
        while end > 0 {
            let left = match line[end - 1] {
                b')' => &mut surplus[0],
                b']' => &mut surplus[1],
                b'}' => &mut surplus[2],
                b' ' | b',' | b'\t' | b'\r' => {
                    end -= 1;
                    continue;
                }
                _ => break,
            };
            if *left == 0 {
                break;
            }
            *left -= 1;
            end -= 1;
        }
        from + end
    }

    /// Reads escapes; those that are not EDN stay as they are written, and are reported.
    fn unescape(&mut self, start: usize, end: usize) -> Box<str> {
        let raw = &self.text[start..end];
        let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else { return raw.into() };
        let mut content = String::with_capacity(raw.len());
        let mut unknown: Vec<(Span, char)> = Vec::new();
        let mut at = first;
        content.push_str(&raw[..first]);
        while let Some(c) = raw[at + 1..].chars().next() {
            let mut next = at + 1 + c.len_utf8();
            match c {
                't' => content.push('\t'),
                'r' => content.push('\r'),
                'n' => content.push('\n'),
                '\\' | '"' => content.push(c),
                'u' => {
                    next = self.unicode_escape(raw, at, start, &mut content);
                }
                _ => {
                    content.push_str(&raw[at..next]);
                    if unknown.len() < 100 {
                        unknown.push((self.span(start + at, start + next), c));
                    }
                }
            }
            at = memchr::memchr(b'\\', &raw.as_bytes()[next..]).map_or(raw.len(), |length| next + length);
            content.push_str(&raw[next..at]);
            if at == raw.len() {
                break;
            }
        }
        if !unknown.is_empty() {
            self.fault(|| catalogue::unknown_escapes(&unknown));
        }
        content.into()
    }

    /// Reads `\uXXXX`, or two of them that are a surrogate pair, at `at`. Returns where it ends.
    fn unicode_escape(&mut self, raw: &str, at: usize, start: usize, content: &mut String) -> usize {
        let Some(unit) = code_unit(raw, at) else {
            let digits = raw[at + 2..].bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
            let next = at + 2 + digits;
            let here = self.span(start + at, start + next);
            self.fault(|| catalogue::bad_unicode_escape(here));
            content.push_str(&raw[at..next]);
            return next;
        };
        if let Some(c) = char::from_u32(unit) {
            content.push(c);
            return at + 6;
        }
        let low = if (0xD800..0xDC00).contains(&unit) { code_unit(raw, at + 6) } else { None };
        if let Some(low @ 0xDC00..0xE000) = low
            && let Some(c) = char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        {
            content.push(c);
            return at + 12;
        }
        let here = self.span(start + at, start + at + 6);
        self.fault(|| catalogue::lone_surrogate(here));
        content.push(char::REPLACEMENT_CHARACTER);
        at + 6
    }
}

/// The code unit of `\uXXXX` at `at`.
fn code_unit(raw: &str, at: usize) -> Option<u32> {
    let hex = raw.get(at..at + 6)?.strip_prefix("\\u")?;
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(hex, 16).ok()
}
