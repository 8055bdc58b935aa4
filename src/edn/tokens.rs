//! All of a text as tokens, blanks and comments too: what the formatter works on.

use super::read::token_end;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Spaces, line breaks, commas.
    Blank,
    /// From `;` to the end of its line.
    Comment,
    /// `(`, `[`, `{` or `#{`.
    Open,
    Close,
    /// `#name`
    Tag,
    /// `#_`
    Discard,
    /// What has no form inside of it: a string, a number, a name, a character.
    Atom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
}

/// The tokens of a text; put together they are the text again, whatever it is.
///
/// They mean what the reader reads where the reader finds no fault.
pub(super) fn tokens(text: &str) -> Tokens<'_> {
    Tokens { rest: text }
}

pub(super) struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let first = *self.rest.as_bytes().first()?;
        let (kind, length) = match first {
            byte if is_blank(byte) => (TokenKind::Blank, self.blanks()),
            b'(' | b'[' | b'{' => (TokenKind::Open, 1),
            b')' | b']' | b'}' => (TokenKind::Close, 1),
            b';' => (TokenKind::Comment, memchr::memchr(b'\n', self.rest.as_bytes()).unwrap_or(self.rest.len())),
            b'"' => (TokenKind::Atom, self.string()),
            b'\\' => {
                let after = self.rest[1..].chars().next().map_or(1, |c| 1 + c.len_utf8());
                (TokenKind::Atom, token_end(self.rest, after))
            }
            b'#' => match self.rest.as_bytes().get(1) {
                Some(b'{') => (TokenKind::Open, 2),
                Some(b'_') => (TokenKind::Discard, 2),
                _ => (TokenKind::Tag, token_end(self.rest, 1)),
            },
            _ if self.rest.starts_with('\u{FEFF}') => (TokenKind::Blank, '\u{FEFF}'.len_utf8()),
            _ => (TokenKind::Atom, self.atom()),
        };
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(Token { kind, text })
    }
}

impl Tokens<'_> {
    fn blanks(&self) -> usize {
        self.rest.bytes().position(|byte| !is_blank(byte)).unwrap_or(self.rest.len())
    }

    fn string(&self) -> usize {
        let bytes = self.rest.as_bytes();
        let mut at = 1;
        while let Some(length) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            at += length + 1;
            if bytes[at - 1] == b'"' {
                return at;
            }
            // Whatever follows the backslash does not close the string.
            at += 1;
        }
        self.rest.len()
    }

    fn atom(&self) -> usize {
        let end = token_end(self.rest, 0);
        // A character at which tokens end, and that begins none.
        if end == 0 { self.rest.chars().next().map_or(0, char::len_utf8) } else { end }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\n' | b'\t' | b'\r' | 0x0B | 0x0C)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TokenKind::*;

    #[test]
    fn tokens_are_all_of_a_text() {
        let text = "\u{FEFF}{:a, #_ #re \"\\\"[\" ; c [\n #{\\[ \\space 1.5M é/ß}} \"open\\";
        let found: Vec<_> = tokens(text).collect();
        assert_eq!(found.iter().map(|token| token.text).collect::<String>(), text);
        let solid: Vec<_> = found.iter().filter(|token| token.kind != Blank).map(|t| (t.kind, t.text)).collect();
        let expected = [
            (Open, "{"),
            (Atom, ":a"),
            (Discard, "#_"),
            (Tag, "#re"),
            (Atom, "\"\\\"[\""),
            (Comment, "; c ["),
            (Open, "#{"),
            (Atom, "\\["),
            (Atom, "\\space"),
            (Atom, "1.5M"),
            (Atom, "é/ß"),
            (Close, "}"),
            (Close, "}"),
            (Atom, "\"open\\"),
        ];
        assert_eq!(solid, expected);
    }
}
