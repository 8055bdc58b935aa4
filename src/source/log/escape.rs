//! How a server escapes what clients send.

use std::borrow::Cow;

use memchr::memchr;

/// How the values of variables are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// nginx: `"`, `\`, controls and bytes above 126 as `\x22`; what is absent is `-`.
    Default,
    /// nginx with `escape=json`; what is absent is empty.
    Json,
    /// nginx with `escape=none`; what is absent is empty.
    None,
    /// HAProxy, Envoy: what would end a value is encoded in a way that stays, if at all; what is absent is `-`.
    Encoded,
    /// Apache: `\"`, `\\`, `\n`, `\x16`; what is absent is `-`.
    Apache,
}

impl Escape {
    /// Whether the log says with `value` that there is none.
    #[inline]
    pub fn is_absent(self, value: &[u8]) -> bool {
        match self {
            Escape::Default | Escape::Apache | Escape::Encoded => value == b"-",
            Escape::Json | Escape::None => value.is_empty(),
        }
    }

    /// Whether a backslash takes the next byte with it.
    pub fn has_backslashes(self) -> bool {
        !matches!(self, Escape::None | Escape::Encoded)
    }

    /// Whether a byte never stands in a value as it is.
    pub fn escapes(self, byte: u8) -> bool {
        self != Escape::None && (byte < 0x20 || byte == b'"' || byte == b'\\')
    }

    /// The value that was escaped; borrowed if no backslash is in it.
    #[inline]
    pub fn undo(self, value: &[u8]) -> Cow<'_, [u8]> {
        match memchr(b'\\', value) {
            Some(first) if self.has_backslashes() => Cow::Owned(unescape(value, first)),
            _ => Cow::Borrowed(value),
        }
    }
}

/// What is no escape stays as it is.
fn unescape(value: &[u8], first: usize) -> Vec<u8> {
    let mut text = value[..first].to_vec();
    let mut rest = &value[first..];
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            text.push(byte);
            rest = after;
            continue;
        }
        let (byte, length) = match after {
            [b'x', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => ((high << 4) | low, 4),
                _ => (b'\\', 1),
            },
            [b'u', b'0', b'0', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) if high < 8 => ((high << 4) | low, 6),
                _ => (b'\\', 1),
            },
            [same @ (b'"' | b'\\' | b'/'), ..] => (*same, 2),
            [b'b', ..] => (8, 2),
            [b't', ..] => (b'\t', 2),
            [b'n', ..] => (b'\n', 2),
            [b'v', ..] => (11, 2),
            [b'f', ..] => (12, 2),
            [b'r', ..] => (b'\r', 2),
            _ => (b'\\', 1),
        };
        text.push(byte);
        rest = &rest[length..];
    }
    text
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Whether a backslash that is not itself escaped stands before a byte.
#[inline]
pub fn is_escaped(text: &[u8], at: usize) -> bool {
    if at == 0 || text[at - 1] != b'\\' {
        return false;
    }
    let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    backslashes % 2 == 1
}
