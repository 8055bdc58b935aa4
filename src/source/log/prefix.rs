//! What carriers of logs write in front of each line: syslog, container runtimes, docker compose.

use super::shape;
use crate::plan::Timestamp;
use crate::source::time::Local;

/// A prefix that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub kind: Kind,
    /// How long it is.
    pub length: usize,
    /// When its writer says the line was written.
    pub time: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 3164 or RFC 5424.
    Syslog,
    /// A container runtime's `2026-11-22T15:46:35.191Z stdout F `.
    Cri { stream: Stream, is_part: bool },
    /// `caddy-1  | `.
    Compose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Whether a line may have a prefix: a few bytes tell that most have none.
#[inline]
pub fn may_begin(line: &[u8]) -> bool {
    let is_compose = || matches!(line.get(word(line) + 1), Some(b' ' | b'|'));
    match line.first() {
        // An address: most lines begin with one.
        Some(b'0'..=b'9') if matches!(line, [_, b'.', ..] | [_, _, b'.', ..] | [_, _, _, b'.', ..]) => false,
        Some(b'0'..=b'9') => (line.get(4) == Some(&b'-') && line.get(10) == Some(&b'T')) || is_compose(),
        Some(b'A'..=b'Z') => line.get(3) == Some(&b' ') || is_compose(),
        Some(b'a'..=b'z') => is_compose(),
        Some(b'<') => true,
        _ => false,
    }
}

/// The prefix of a line; `local` is what is known of times.
#[inline(never)]
pub fn find(line: &[u8], local: &Local) -> Option<Prefix> {
    match line {
        [b'<', ..] => syslog(line, local),
        [b'A'..=b'Z', _, _, b' ', ..] => syslog(line, local),
        [b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, b'T', ..] => cri(line).or_else(|| syslog(line, local)),
        _ => None,
    }
    .or_else(|| compose(line))
}

/// `<PRI>`, perhaps, then RFC 5424 or the older form, whose time may also be written as RFC 3339.
fn syslog(line: &[u8], local: &Local) -> Option<Prefix> {
    let mut at = 0;
    if line.first() == Some(&b'<') {
        let digits = line[1..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        at = digits + 2;
        if digits == 0 || digits > 3 || line.get(at - 1) != Some(&b'>') {
            return None;
        }
        if line[at..].starts_with(b"1 ") {
            return rfc5424(line, at + 2);
        }
    }
    let rest = &line[at..];
    let (time, length) = match shape::syslog(rest) {
        Some((civil, length)) => (local.resolve(civil), length),
        None => {
            let length = word(rest);
            (Some(Timestamp::from_rfc3339(&rest[..length])?), length)
        }
    };
    at += length;
    // The tag ends with a colon; in front of it there may be the host.
    for _ in 0..2 {
        let rest = line.get(at..)?.strip_prefix(b" ")?;
        let length = word(rest);
        at += 1 + length;
        if length > 1 && rest[length - 1] == b':' && line.get(at) == Some(&b' ') {
            return Some(Prefix { kind: Kind::Syslog, length: at + 1, time });
        }
    }
    None
}

/// `TIME HOST APP PROCID MSGID [DATA] `, from the time on.
fn rfc5424(line: &[u8], from: usize) -> Option<Prefix> {
    let mut at = from;
    let mut time = None;
    for field in 0..5 {
        let rest = line.get(at..)?;
        let length = word(rest);
        if length == 0 || length == rest.len() {
            return None;
        }
        if field == 0 {
            time = Timestamp::from_rfc3339(&rest[..length]);
        }
        at += length + 1;
    }
    match line.get(at)? {
        b'-' => at += 1,
        b'[' => {
            let mut quoted = false;
            let mut escaped = false;
            let end = line[at..].iter().enumerate().position(|(offset, byte)| {
                let closes = *byte == b']' && !quoted && !matches!(line.get(at + offset + 1), Some(b'['));
                quoted ^= *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                closes
            });
            at += end? + 1;
        }
        _ => return None,
    }
    let rest = line.get(at..)?.strip_prefix(b" ")?;
    let mark = if rest.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    Some(Prefix { kind: Kind::Syslog, length: at + 1 + mark, time })
}

/// `2026-11-22T15:46:35.191234567Z stdout F `.
fn cri(line: &[u8]) -> Option<Prefix> {
    let end = word(line);
    let (stream, flags) = match line.get(end..end + 8)? {
        b" stdout " => (Stream::Out, &line[end + 8..]),
        b" stderr " => (Stream::Err, &line[end + 8..]),
        _ => return None,
    };
    // Flags behind the first, after a colon, are to come.
    let length = word(flags);
    let is_part = match flags.first()? {
        b'F' => false,
        b'P' => true,
        _ => return None,
    };
    let time = Some(Timestamp::from_rfc3339(&line[..end])?);
    let length = (end + 8 + length + 1).min(line.len());
    Some(Prefix { kind: Kind::Cri { stream, is_part }, length, time })
}

/// The name of a container, blanks, `| `.
fn compose(line: &[u8]) -> Option<Prefix> {
    let name = match line.first() {
        Some(first) if first.is_ascii_alphanumeric() => word(line),
        _ => return None,
    };
    if !matches!(line.get(name + 1), Some(b' ' | b'|')) {
        return None;
    }
    let is_name = line[..name].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    let blanks = line[name..].iter().take(128).take_while(|byte| **byte == b' ').count();
    let bar = name + blanks;
    let is_one = is_name && line[bar..].starts_with(b"| ");
    is_one.then_some(Prefix { kind: Kind::Compose, length: bar + 2, time: None })
}

/// How long the text is up to the first blank.
fn word(text: &[u8]) -> usize {
    crate::source::bytes::find(b' ', text).unwrap_or(text.len())
}
