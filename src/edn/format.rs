//! Text to the same forms in canonical layout, with its comments.

use super::tokens::{Token, TokenKind, tokens};
use super::{Diagnostic, layout, read, tree};

/// Lays a text out anew: same forms as they are written, same comments, other blanks.
///
/// What fits is on one line, up to 100 columns; else a collection has one entry a line, values of a map under each
/// other. Comments stay at the ends of their lines or on lines of their own; of empty lines one stays. Formatting what
/// was formatted changes nothing. An empty text stays empty.
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
    let newline = match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    };
    let formatted = layout::print(&tree::rows(text), newline);
    let same = solid(text).eq(solid(&formatted));
    debug_assert!(same, "{text:?} became {formatted:?}");
    // A fault of the formatter must not cost anybody a threshold.
    Ok(if same { formatted } else { text.to_owned() })
}

/// What layout may not touch.
fn solid(text: &str) -> impl Iterator<Item = &str> {
    let solid = tokens(text).filter(|token| token.kind != TokenKind::Blank);
    solid.map(|Token { kind, text }| if kind == TokenKind::Comment { text.trim_ascii_end() } else { text })
}
