//! Where the value of a variable ends.

use memchr::{memchr, memmem};

use super::compile::{Compiled, Content, Find, Step};
use super::escape::{Escape, is_escaped};
use crate::source::bytes::find;
use crate::source::time;

/// How long the value is that `rest` begins with.
#[inline]
pub fn end(step: &Step, rest: &[u8], format: &Compiled) -> Option<usize> {
    let mut at = match step.find {
        Find::Literal | Find::Quote | Find::Word => 0,
        Find::Request => memmem::find(rest, b" HTTP/").map_or(0, |at| at + 1),
        other => return end_by_shape(other, step, rest, format),
    };
    let first = step.literal.first();
    loop {
        let Some(found) = find(first, &rest[at..]) else {
            // A line that was cut off in its last value says all that counts.
            return (step.last && format.open_ended && step.find == Find::Quote).then_some(rest.len());
        };
        at += found;
        if (step.find != Find::Quote || !is_escaped(rest, at)) && ends_at(step, rest, at, format) {
            break;
        }
        if step.find == Find::Word && first == b' ' {
            return None;
        }
        at += 1;
    }
    if step.find == Find::Word && first != b' ' && find(b' ', &rest[..at]).is_some() {
        return None;
    }
    Some(at)
}

fn end_by_shape(find: Find, step: &Step, rest: &[u8], format: &Compiled) -> Option<usize> {
    let end = match find {
        Find::Rest if format.open_ended => return Some(memchr(b' ', rest).unwrap_or(rest.len())),
        Find::CommonLogFormat => time::CLF_LENGTH,
        Find::List => list_end(rest),
        Find::Braces => match rest.first() {
            Some(b'{') => memmem::find(rest, b"} ")? + 2,
            _ => 0,
        },
        _ => return Some(rest.len()),
    };
    ends_at(step, rest, end, format).then_some(end)
}

/// Whether the literal stands at `end`, and what follows can be what comes next.
#[inline(always)]
fn ends_at(step: &Step, rest: &[u8], end: usize, format: &Compiled) -> bool {
    if !step.literal.is_at(rest, end) {
        return false;
    }
    if !step.is_checked {
        return true;
    }
    let after = &rest[end + step.literal.len()..];
    if step.last {
        return after.is_empty() || (format.open_ended && after[0] == b' ');
    }
    match step.next {
        None => true,
        Some(Content::CommonLogFormat) => time::looks_like_common_log_format(after),
        Some(_) => match format.escape {
            Escape::Default | Escape::Apache => matches!(after.first(), Some(b'0'..=b'9' | b'-')),
            Escape::Encoded => matches!(after.first(), Some(b'0'..=b'9' | b'-' | b'+')),
            Escape::Json | Escape::None => true,
        },
    }
}

/// Where a list of upstream servers' values ends: `item((", " | " : ") item)*`.
fn list_end(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += rest[at..].iter().take_while(|byte| !matches!(byte, b' ' | b',')).count();
        at += match &rest[at..] {
            [b',', b' ', _, ..] => 2,
            [b' ', b':', b' ', _, ..] => 3,
            _ => return at,
        };
    }
}
