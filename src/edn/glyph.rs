//! Characters that word processors and web pages put in the place of what EDN uses.

/// What a character outside ASCII looks like, outside strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Part of a name: letters and digits of any language.
    Letter,
    /// Looks like a blank.
    Blank,
    /// Cannot be seen.
    Invisible,
    /// Looks like `-`.
    Dash,
    /// Opens or closes a string in print.
    Quote(Quotes),
    /// The full-width form of an ASCII character.
    Wide(u8),
    Other,
}

/// Quotes that close one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    Double,
    Single,
    Angle,
    SingleAngle,
    Straight,
    Backtick,
}

pub(super) fn look(c: char) -> Look {
    match c {
        '\u{85}' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' => Look::Blank,
        '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => Look::Blank,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => Look::Invisible,
        '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}' => Look::Invisible,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' => Look::Dash,
        '“' | '”' | '„' | '‟' | '″' | '\u{FF02}' => Look::Quote(Quotes::Double),
        '‘' | '’' | '‚' | '‛' | '′' | '\u{FF07}' => Look::Quote(Quotes::Single),
        '«' | '»' => Look::Quote(Quotes::Angle),
        '‹' | '›' => Look::Quote(Quotes::SingleAngle),
        '、' => Look::Wide(b','),
        '\u{FF01}'..='\u{FF5E}' => Look::Wide((c as u32 - 0xFF01) as u8 + b'!'),
        _ if c.is_alphanumeric() => Look::Letter,
        _ => Look::Other,
    }
}

/// Whether a token stops before this character.
pub(super) fn ends_token(c: char) -> bool {
    match look(c) {
        Look::Blank | Look::Quote(_) => true,
        Look::Wide(ascii) => matches!(ascii, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';'),
        Look::Letter | Look::Invisible | Look::Dash | Look::Other => false,
    }
}

/// What a token was meant to be, and its first character that is not what it looks like.
pub(super) fn plain(token: &str) -> (String, Option<char>) {
    let mut meant = String::with_capacity(token.len());
    let mut first = None;
    for c in token.chars() {
        match look(c) {
            Look::Invisible => {}
            Look::Dash => meant.push('-'),
            Look::Wide(ascii) => meant.push(char::from(ascii)),
            _ => {
                meant.push(c);
                continue;
            }
        }
        first = first.or(Some(c));
    }
    (meant, first)
}

/// The name of a character that [`look`] recognises.
pub(super) fn name(c: char) -> &'static str {
    match c {
        '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '‛' => "a typographic quote",
        '«' | '»' | '‹' | '›' => "an angle quote",
        '″' | '′' => "a prime",
        '\u{A0}' | '\u{202F}' => "a non-breaking space",
        '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' => "a zero-width character",
        '\u{2010}' | '\u{2011}' => "a typographic hyphen",
        '\u{2013}' => "an en dash",
        '\u{2014}' => "an em dash",
        '\u{2212}' => "a minus sign",
        _ => match look(c) {
            Look::Blank => "a typographic space",
            Look::Invisible => "an invisible character",
            Look::Dash => "a typographic dash",
            Look::Wide(_) | Look::Quote(_) => "a full-width character",
            Look::Letter | Look::Other => "a character",
        },
    }
}
