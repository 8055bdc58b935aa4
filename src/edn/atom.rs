//! Tokens without inner structure: numbers, keywords, symbols, characters.

use super::{Kind, number};

/// Why a token is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Number(number::Fault),
    /// `.5`
    BareFraction,
    /// `:`
    ColonAlone,
    /// `key:`
    ColonAtEnd,
    /// `::key`
    TwoColons,
    /// A slash at the beginning or the end, or a second one.
    Slash,
    /// A character that names do not have.
    Stranger(char),
    /// `\nul`
    Character,
}

/// Reads a token that is not empty. A fault comes with what was probably meant.
pub(super) fn read(token: &str) -> Result<Kind, (Fault, Kind)> {
    let bytes = token.as_bytes();
    match bytes {
        [b':', ..] => keyword(&token[1..]),
        [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => {
            number::read(token).map_err(|fault| (Fault::Number(fault), Kind::Broken))
        }
        [b'.', b'0'..=b'9', ..] | [b'+' | b'-', b'.', b'0'..=b'9', ..] => Err((Fault::BareFraction, Kind::Broken)),
        _ => match token {
            "nil" => Ok(Kind::Nil),
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            _ => symbol(token),
        },
    }
}

fn keyword(name: &str) -> Result<Kind, (Fault, Kind)> {
    if name.is_empty() {
        return Err((Fault::ColonAlone, Kind::Broken));
    }
    let meant = Kind::Keyword(name.trim_matches(':').into());
    if name.starts_with(':') {
        return Err((Fault::TwoColons, meant));
    }
    match name_fault(name) {
        None => Ok(Kind::Keyword(name.into())),
        Some(Fault::ColonAtEnd) => Err((Fault::ColonAtEnd, meant)),
        Some(fault) => Err((fault, comparison(name).map_or(Kind::Broken, |sign| Kind::Keyword(sign.into())))),
    }
}

/// The sign for what is written otherwise in print.
fn comparison(name: &str) -> Option<&'static str> {
    match name {
        "≤" | "⩽" => Some("<="),
        "≥" | "⩾" => Some(">="),
        "≠" => Some("not="),
        _ => None,
    }
}

fn symbol(name: &str) -> Result<Kind, (Fault, Kind)> {
    match name_fault(name) {
        None => Ok(Kind::Symbol(name.into())),
        _ if name == "/" => Ok(Kind::Symbol(name.into())),
        Some(Fault::ColonAtEnd) => Err((Fault::ColonAtEnd, Kind::Keyword(name.trim_end_matches(':').into()))),
        Some(fault) => Err((fault, comparison(name).map_or(Kind::Broken, |sign| Kind::Symbol(sign.into())))),
    }
}

/// Whether `name` can follow `#`, with or without a namespace.
pub(super) fn name_fault(name: &str) -> Option<Fault> {
    let mut slash = None;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'/' if slash.is_some() => return Some(Fault::Slash),
            b'/' => slash = Some(at),
            0x80.. => continue,
            _ if IN_NAMES[usize::from(byte)] => {}
            other => return Some(Fault::Stranger(char::from(other))),
        }
    }
    if !name.is_ascii()
        && let Some(stranger) = name.chars().find(|c| !c.is_ascii() && !c.is_alphanumeric())
    {
        return Some(Fault::Stranger(stranger));
    }
    if slash.is_some_and(|at| at == 0 || at + 1 == name.len()) {
        return Some(Fault::Slash);
    }
    name.ends_with(':').then_some(Fault::ColonAtEnd)
}

/// ASCII characters of names; the slash is apart.
const IN_NAMES: [bool; 128] = {
    let mut table = [false; 128];
    let extra = b".*+!-_?$%&=<>:#|'";
    let mut at = 0;
    while at < extra.len() {
        table[extra[at] as usize] = true;
        at += 1;
    }
    let mut byte = 0;
    while byte < 128u8 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = true;
        }
        byte += 1;
    }
    table
};

/// Reads what follows the backslash of a character. It is not empty.
pub(super) fn character(name: &str) -> Option<char> {
    let mut chars = name.chars();
    let first = chars.next()?;
    if chars.as_str().is_empty() {
        return Some(first);
    }
    match name {
        "newline" => Some('\n'),
        "return" => Some('\r'),
        "space" => Some(' '),
        "tab" => Some('\t'),
        "backspace" => Some('\u{8}'),
        "formfeed" => Some('\u{C}'),
        _ => {
            let hex = name.strip_prefix('u').filter(|hex| hex.len() == 4)?;
            if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            char::from_u32(u32::from_str_radix(hex, 16).ok()?)
        }
    }
}
