//! What people paste from articles, and habits of other languages: reported by name, read as it was meant.

use super::frame::Opener;
use super::glyph::{self, Look, Quotes};
use super::read::Reader;
use super::{Form, Kind, Span, atom, catalogue};

/// What the reader remembers of foreign things, to report it once and to search for it once.
#[derive(Default)]
pub(super) struct Notes {
    /// A string was found to have no end.
    pub(super) open_string: bool,
    /// A block comment was found to have no end.
    open_comment: bool,
    /// For each kind of quotes, up to where none closes.
    no_quote_before: [usize; 6],
    /// Blanks and invisible characters: which, the first place, how many.
    blanks: Vec<(char, usize, usize)>,
}

impl Reader<'_> {
    /// Reads what begins with a character outside ASCII, or with `'` or a backtick.
    pub(super) fn foreign(&mut self) {
        let Some(c) = self.text[self.at..].chars().next() else { return };
        let look = match c {
            '\'' => Look::Quote(Quotes::Straight),
            '`' => Look::Quote(Quotes::Backtick),
            c => glyph::look(c),
        };
        match look {
            Look::Blank | Look::Invisible => {
                self.note_blank(c, self.at);
                self.at += c.len_utf8();
            }
            Look::Quote(quotes) => self.foreign_string(c, quotes),
            Look::Wide(ascii) => self.wide(c, ascii),
            Look::Letter | Look::Dash | Look::Other => {
                let start = self.at;
                self.at = self.token_end(start);
                self.foreign_token(&self.text[start..self.at], start);
            }
        }
    }

    fn note_blank(&mut self, c: char, at: usize) {
        match self.notes.blanks.iter_mut().find(|(other, ..)| *other == c) {
            Some((_, _, count)) => *count += 1,
            None => self.notes.blanks.push((c, at, 1)),
        }
    }

    pub(super) fn report_notes(&mut self) {
        for (c, at, count) in std::mem::take(&mut self.notes.blanks) {
            let here = self.span(at, at + c.len_utf8());
            self.fault(|| catalogue::foreign_blank(here, c, count));
        }
    }

    /// A full-width character where a form begins.
    fn wide(&mut self, c: char, ascii: u8) {
        if !glyph::ends_token(c) {
            let start = self.at;
            self.at = self.token_end(start);
            return self.foreign_token(&self.text[start..self.at], start);
        }
        let length = c.len_utf8();
        let here = self.span(self.at, self.at + length);
        self.fault(|| catalogue::foreign_token(here, c, char::from(ascii).encode_utf8(&mut [0; 4])));
        match ascii {
            b'(' => self.open(Opener::List, length),
            b'[' => self.open(Opener::Vector, length),
            b'{' => self.open(Opener::Map, length),
            b';' => self.skip_line(),
            b',' => self.at += length,
            closer => self.close(closer, length),
        }
    }

    /// Reads a string between quotes that are not `"`.
    fn foreign_string(&mut self, c: char, quotes: Quotes) {
        let start = self.at;
        let inside = start + c.len_utf8();
        let Some((end, after)) = self.closing_quote(inside, quotes) else {
            self.at = self.token_end(inside);
            let here = self.span(start, inside);
            self.fault(|| catalogue::foreign_quotes((here, c), None, "", None));
            return self.push(Kind::Broken, start, self.at);
        };
        let (opening, closing) = (self.span(start, inside), self.span(end, after));
        let content = &self.text[inside..end];
        // What has replaced the quotes has replaced hyphens too.
        let is_dash = |c: char| glyph::look(c) == Look::Dash;
        let dash = content.char_indices().find(|(_, c)| is_dash(*c));
        let dash = dash.map(|(at, c)| (self.span(inside + at, inside + at + c.len_utf8()), c));
        let meant = content.replace(is_dash, "-");
        self.at = after;
        self.fault(|| catalogue::foreign_quotes((opening, c), Some(closing), &meant, dash));
        self.last_string = self.span(start, after);
        self.push(Kind::String(meant.into()), start, after);
    }

    /// The quote on this line that closes what `quotes` opened: where it begins and ends.
    fn closing_quote(&mut self, from: usize, quotes: Quotes) -> Option<(usize, usize)> {
        if from < self.notes.no_quote_before[quotes as usize] {
            return None;
        }
        let line_end = self.line_end(from);
        let line = &self.text[from..line_end];
        let closes = |(at, c): &(usize, char)| match quotes {
            // As an apostrophe it is followed by a letter.
            Quotes::Straight | Quotes::Backtick => {
                let wanted = if quotes == Quotes::Straight { '\'' } else { '`' };
                let after = line[at + c.len_utf8()..].chars().next();
                *c == wanted && after.is_none_or(|after| !after.is_alphanumeric())
            }
            _ => glyph::look(*c) == Look::Quote(quotes),
        };
        let found = line.char_indices().find(closes);
        let found = found.or_else(|| match quotes {
            Quotes::Double => line.char_indices().find(|(_, c)| *c == '"'),
            _ => None,
        });
        match found {
            Some((at, c)) => Some((from + at, from + at + c.len_utf8())),
            None => {
                self.notes.no_quote_before[quotes as usize] = line_end;
                None
            }
        }
    }

    /// Reads a token with characters outside ASCII.
    pub(super) fn foreign_token(&mut self, token: &str, start: usize) {
        let end = start + token.len();
        let here = self.span(start, end);
        let (meant, first) = glyph::plain(token);
        let (text, reported) = match first {
            Some(c) => {
                self.fault(|| catalogue::foreign_token(here, c, &meant));
                (meant.as_str(), true)
            }
            None => (token, false),
        };
        let kind = match atom::read(text) {
            Ok(kind) => kind,
            Err((fault, meant)) => {
                if !reported {
                    self.fault(|| catalogue::token(fault, here, token));
                }
                meant
            }
        };
        self.push(kind, start, end);
    }

    /// Whether `token`, which begins here, is a habit of another language; if so, passes over it.
    pub(super) fn is_foreign_habit(&mut self, token: &str) -> bool {
        match token.as_bytes() {
            [b':', ..] => self.is_json_colon(token),
            b"=" | b"=>" => self.is_arrow(token),
            b"=~" | b"!~" | b"~" if self.bytes[self.at + token.len()..].trim_ascii_start().starts_with(b"\"") => {
                let here = self.span(self.at, self.at + token.len());
                self.at += token.len();
                self.fault(|| catalogue::match_operator(here, token));
                true
            }
            [b'/', b'/', ..] => {
                let start = self.at;
                self.skip_line();
                let here = self.span(start, start + 2);
                self.fault(|| catalogue::foreign_comment(here, "//"));
                true
            }
            [b'/', b'*', ..] => {
                self.skip_block_comment();
                true
            }
            _ => false,
        }
    }

    /// `"key": 1` and `"key":1`.
    fn is_json_colon(&mut self, token: &str) -> bool {
        let string = self.last_string;
        let gap = &self.text[string.end as usize..self.at];
        let follows = string.end > 0 && gap.len() <= 8 && gap.bytes().all(|byte| byte == b' ');
        if !follows || (token.len() > 1 && !gap.is_empty()) {
            return false;
        }
        let here = self.span(self.at, self.at + 1);
        let key = &self.text[string.start as usize..string.end as usize];
        self.fault(|| catalogue::json_colon(here, key));
        self.at += 1;
        true
    }

    /// `{:key => 1}` and `{:key = 1}`: where a value is expected.
    fn is_arrow(&mut self, token: &str) -> bool {
        let frame = self.top();
        if frame.opener != Opener::Map || frame.items.len().is_multiple_of(2) || frame.discards > 0 {
            return false;
        }
        let here = self.span(self.at, self.at + token.len());
        self.fault(|| catalogue::arrow(here, token));
        self.at += token.len();
        true
    }

    fn skip_block_comment(&mut self) {
        let start = self.at;
        let end = match self.notes.open_comment {
            true => None,
            false => memchr::memmem::find(&self.bytes[start + 2..], b"*/"),
        };
        match end {
            Some(length) => self.at = start + 2 + length + 2,
            None => {
                self.notes.open_comment = true;
                self.skip_line();
            }
        }
        let here = self.span(start, start + 2);
        self.fault(|| catalogue::foreign_comment(here, "/*"));
    }

    /// Reads `#` before what EDN does not have.
    pub(super) fn foreign_dispatch(&mut self) {
        let start = self.at;
        let Some(c) = self.text[start + 1..].chars().next() else {
            return self.hash_comment();
        };
        match c {
            '"' => self.regex_literal(),
            c if c.is_ascii_whitespace() || c == '!' => self.hash_comment(),
            '#' => {
                self.at = self.token_end(start);
                let (here, text) = (self.span(start, self.at), &self.text[start..self.at]);
                self.fault(|| catalogue::symbolic_number(here, text));
                self.push(Kind::Broken, start, self.at);
            }
            // The quotes are what is reported.
            c if matches!(glyph::look(c), Look::Quote(_)) => self.at += 1,
            ':' => {
                self.at = self.token_end(start);
                let (here, text) = (self.span(start, self.at), &self.text[start..self.at]);
                self.fault(|| catalogue::clojure_dispatch(here, text));
            }
            c => {
                // What follows is read for itself.
                self.at += 1;
                let end = start + 1 + c.len_utf8();
                let (here, text) = (self.span(start, end), &self.text[start..end]);
                self.fault(|| catalogue::clojure_dispatch(here, text));
            }
        }
    }

    fn hash_comment(&mut self) {
        let here = self.span(self.at, self.at + 1);
        self.fault(|| catalogue::foreign_comment(here, "#"));
        self.skip_line();
    }

    /// Reads `#"^2[0-9]{2}$"` as `#re "^2[0-9]{2}$"`; its backslashes stand for themselves.
    fn regex_literal(&mut self) {
        let start = self.at;
        let Some(end) = self.string_end(start + 2) else {
            // Read for itself, and reported as not closed.
            self.at += 1;
            return;
        };
        self.at = end + 1;
        let (here, content) = (self.span(start, self.at), &self.text[start + 2..end]);
        self.fault(|| catalogue::regex_literal(here, content));
        let span: Span = self.span(start + 1, self.at);
        let inner = Form { kind: Kind::String(content.into()), span };
        self.push(Kind::Tagged("re".into(), Box::new(inner)), start, self.at);
    }
}
