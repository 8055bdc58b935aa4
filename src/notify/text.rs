//! Text for receivers with limits: cut well, on one line, in base64.

use std::borrow::Cow;

/// The text if it has at most so many characters; else its beginning up to a word, and `…`.
///
/// `most` is at least 1; what is returned never has more characters.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.char_indices().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(most - 1).map_or(text.len(), |(at, _)| at);
    let kept = &text[..end];
    // At most half is lost to a long word; then the word is cut through.
    let at_word =
        if text[end..].starts_with(char::is_whitespace) { Some(end) } else { kept.rfind(char::is_whitespace) };
    let kept = match at_word {
        Some(at) if at >= end - end / 2 => &kept[..at],
        _ => kept,
    };
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// The text with a space for each control character, so that it stays on its line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    if !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect())
}

/// Base64 of RFC 4648, padded.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            text.push(if shown { char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_word_and_never_longer() {
        for (text, most, shown) in [
            ("short", 5, "short"),
            ("one two three", 13, "one two three"),
            ("one two three", 12, "one two…"),
            ("one two three", 8, "one two…"),
            ("one two three", 7, "one…"),
            ("aaaaaaaaaaaaaaaaaaaa", 5, "aaaa…"),
            ("a bbbbbbbbbbbbbbbbbb", 8, "a bbbbb…"),
            ("zwölf Boxkämpfer jagen", 17, "zwölf Boxkämpfer…"),
            ("日本語日本語", 4, "日本語…"),
            ("👩‍🚀👩‍🚀", 1, "…"),
            ("", 1, ""),
        ] {
            let result = cut(text, most);
            assert_eq!(result, shown, "{text} cut at {most}");
            assert!(result.chars().count() <= most);
        }
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(one_line("a\r\nBcc: x\tb\u{2028}c\u{0}"), "a  Bcc: x b c ");
        assert_eq!(one_line("zwölf"), "zwölf");
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
