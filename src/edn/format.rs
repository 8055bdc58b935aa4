//! Text to the same forms in canonical layout, with its comments.

use super::tokens::{Token, TokenKind, tokens};
use super::{Diagnostic, MAX_BYTES, layout, read, tree};

/// Lays a text out anew: same forms as they are written, same comments, other blanks.
///
/// What fits is on one line, up to 100 columns; else a collection has one entry a line, values of a map under each
/// other. Comments stay at the ends of their lines or on lines of their own; of empty lines one stays. Formatting what
/// was formatted changes nothing. An empty text stays empty; one that would grow beyond [`MAX_BYTES`] stays as it is.
///
/// # Errors
///
/// The reader's faults; such a text has no layout.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    read(text, 0, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let formatted = layout::print(&tree::rows(text), line_break(text));
    let same = solid(text).eq(solid(&formatted));
    debug_assert!(same, "{text:?} became {formatted:?}");
    // A fault of the formatter must not cost anybody a threshold, and indentation not make a text unreadable.
    Ok(if same && formatted.len() <= MAX_BYTES { formatted } else { text.to_owned() })
}

/// How the first line ends that does not end in a string.
fn line_break(text: &str) -> &'static str {
    let mut begin = 0;
    for token in tokens(text) {
        if token.kind == TokenKind::Blank
            && let Some(at) = token.text.find('\n')
        {
            // The `\r` may be the last character of a comment.
            return if text[..begin + at].ends_with('\r') { "\r\n" } else { "\n" };
        }
        begin += token.text.len();
    }
    "\n"
}

/// What layout may not touch.
fn solid(text: &str) -> impl Iterator<Item = &str> {
    let solid = tokens(text).filter(|token| token.kind != TokenKind::Blank);
    solid.map(|Token { kind, text }| if kind == TokenKind::Comment { text.trim_ascii_end() } else { text })
}
