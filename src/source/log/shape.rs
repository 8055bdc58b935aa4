//! Times and durations that are read by what they look like, where no format says how they are written.

use crate::plan::{Number, Timestamp};
use crate::source::time::{self, CLF_LENGTH, Civil, Local};

/// Reads a time by its shape; `last` is the time of the line before, which a missing year is guessed from.
///
/// `22/Nov/2026:15:46:35 +0000` (perhaps in brackets, with a fraction instead of a zone), ISO 8601 with `T` or a blank,
/// with or without a zone, `2026/11/22 15:46:35`, seconds to nanoseconds since 1970 by their magnitude,
/// `Nov 22 15:46:35`, `Sun Nov 22 15:46:35 2026`.
pub fn time(text: &[u8], local: &Local) -> Option<Timestamp> {
    let text = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    match text {
        [b'0'..=b'9', _, b'/', ..] if text.len() == CLF_LENGTH => {
            time::common_log_format(text).or_else(|| local.resolve(clf_without_zone(text)?))
        }
        [b'0'..=b'9', _, b'/', ..] => local.resolve(clf_without_zone(text)?),
        [_, _, _, _, b'-' | b'/', ..] if text[0].is_ascii_digit() => {
            Timestamp::from_rfc3339(text).or_else(|| iso_otherwise(text, local))
        }
        [b'0'..=b'9', ..] => epoch(text),
        [b'A'..=b'Z', _, _, b' ', b'A'..=b'Z', ..] => local.resolve(ctime(text)?),
        [b'A'..=b'Z', ..] => {
            let (civil, length) = syslog(text)?;
            (length == text.len()).then(|| local.resolve(civil))?
        }
        _ => None,
    }
}

/// Reads a number since 1970: seconds, milliseconds, microseconds or nanoseconds, whichever gives a time of our days.
pub fn epoch(text: &[u8]) -> Option<Timestamp> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let shift = match whole {
        0..=11 => return time::seconds(text),
        12..=14 => 3,
        15..=17 => 0,
        // A double would round these.
        18..=20 => return epoch(&text[..whole - 3]),
        _ => return None,
    };
    Timestamp::from_micros(match time::scaled(text, shift)? {
        Number::Int(micros) => micros,
        Number::Float(micros) => micros.floor() as i64,
    })
}

/// Reads `Nov 22 15:46:35`, perhaps with a fraction; the day may have a blank in front. Also how long it is.
pub fn syslog(text: &[u8]) -> Option<(Civil, usize)> {
    let month = time::month(text.get(..3)?)?;
    let day = match text.get(3..6)? {
        [b' ', b' ', ones] => two(&[b'0', *ones])?,
        [b' ', tens, ones] => two(&[*tens, *ones])?,
        _ => return None,
    };
    let (hour, minute, second) = clock(text.get(7..15)?)?;
    let (micros, length) = fraction(&text[15..]);
    (text[6] == b' ').then_some((Civil { year: None, month, day, hour, minute, second, micros }, 15 + length))
}

/// Reads `22/Nov/2026:15:46:35`, perhaps with a fraction.
pub fn clf_without_zone(text: &[u8]) -> Option<Civil> {
    let is_laid_out = text.len() >= 20 && text[2] == b'/' && text[6] == b'/' && text[11] == b':';
    if !is_laid_out {
        return None;
    }
    let (hour, minute, second) = clock(&text[12..20])?;
    let (micros, length) = fraction(&text[20..]);
    let civil = Civil {
        year: year(&text[7..11]),
        month: time::month(&text[3..6])?,
        day: two(&text[..2])?,
        hour,
        minute,
        second,
        micros,
    };
    (20 + length == text.len() && civil.year.is_some()).then_some(civil)
}

/// What looks like RFC 3339 and is not: no zone, one behind a blank, slashes in the date.
fn iso_otherwise(text: &[u8], local: &Local) -> Option<Timestamp> {
    let date = text.get(..10)?;
    let is_laid_out = date[4] == date[7] && matches!(text.get(10), Some(b'T' | b' ' | b'_'));
    if !is_laid_out {
        return None;
    }
    let (hour, minute, second) = clock(text.get(11..19)?)?;
    let (micros, length) = fraction(&text[19..]);
    let (month, day) = (two(&date[5..7])?, two(&date[8..])?);
    let civil = Civil { year: Some(year(&date[..4])?), month, day, hour, minute, second, micros };
    match text[19 + length..].trim_ascii() {
        b"" => local.resolve(civil),
        zone => {
            let zone = if matches!(zone, b"UTC" | b"GMT") { b"Z" } else { zone };
            let read = local.resolve_utc(civil)?;
            Some(read.plus(-zone_offset(zone)?))
        }
    }
}

/// Microseconds east of UTC: `Z`, `+0330`, `+03:30`, `-08`.
pub fn zone_offset(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        b"Z" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [a, b] => (two(&[*a, *b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (two(&[*a, *b])?, two(&[*c, *d])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60_000_000)
}

/// Reads `Sun Nov 22 15:46:35 2026`.
fn ctime(text: &[u8]) -> Option<Civil> {
    let (civil, length) = syslog(text.get(4..)?)?;
    let year = year(text.get(4 + length + 1..)?)?;
    Some(Civil { year: Some(year), ..civil })
}

/// Reads `2026-11-22` and `15:46:35`, which columns of their own hold, in UTC.
pub fn date_and_clock(date: &[u8], clock_text: &[u8], offset: i64) -> Option<Timestamp> {
    if date.len() != 10 || !matches!(date[4], b'-' | b'/') || clock_text.len() < 8 {
        return None;
    }
    let (hour, minute, second) = clock(&clock_text[..8])?;
    let (micros, length) = fraction(&clock_text[8..]);
    let (month, day) = (two(&date[5..7])?, two(&date[8..])?);
    let time = Timestamp::from_civil(year(&date[..4])?, month, day, hour, minute, second, micros)?;
    (8 + length == clock_text.len()).then(|| time.plus(-offset))
}

#[inline]
fn two(text: &[u8]) -> Option<u8> {
    let (tens, ones) = (text.first()?.wrapping_sub(b'0'), text.get(1)?.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

fn year(text: &[u8]) -> Option<i64> {
    (text.len() == 4).then(|| Some(i64::from(two(&text[..2])?) * 100 + i64::from(two(&text[2..])?)))?
}

/// `15:46:35`.
fn clock(text: &[u8]) -> Option<(u8, u8, u8)> {
    (text[2] == b':' && text[5] == b':').then(|| Some((two(&text[..2])?, two(&text[3..5])?, two(&text[6..])?)))?
}

/// The microseconds of `.655`, and how long that is; nothing for what is no fraction.
fn fraction(text: &[u8]) -> (u32, usize) {
    let [b'.' | b',', digits @ ..] = text else { return (0, 0) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return (0, 0);
    }
    let digit = |at: usize| if at < length { u32::from(digits[at] - b'0') } else { 0 };
    ((0..6).fold(0, |micros, at| micros * 10 + digit(at)), 1 + length)
}

/// Reads a duration as Go writes it, `1.5ms`, `2m3.5s`, `800µs`, or a number of `10^milliseconds` milliseconds: in ms.
pub fn duration(text: &[u8], milliseconds: i32) -> Option<Number> {
    match text.last()? {
        b's' | b'm' | b'h' if text[0].is_ascii_digit() => go_duration(text),
        _ => time::scaled(text, milliseconds),
    }
}

fn go_duration(text: &[u8]) -> Option<Number> {
    let mut rest = text;
    let mut nanos: i64 = 0;
    while !rest.is_empty() {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let (number, after) = rest.split_at(length);
        let unit = after.iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let per_unit = match &after[..unit] {
            b"ns" => 0,
            b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 3,
            b"ms" => 6,
            b"s" | b"m" | b"h" => 9,
            _ => return None,
        };
        let times = match &after[..unit] {
            b"m" => 60,
            b"h" => 3600,
            _ => 1,
        };
        let part = match time::scaled(number, per_unit)? {
            Number::Int(nanos) => nanos,
            Number::Float(nanos) => nanos.round() as i64,
        };
        nanos = nanos.checked_add(part.checked_mul(times)?)?;
        rest = &after[unit..];
    }
    time::scaled(nanos.to_string().as_bytes(), -6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Zone;

    #[test]
    fn times_are_read_by_their_shape() {
        let local = Local::new(Zone::utc());
        local.age.set(Timestamp::from_rfc3339(b"2024-02-25T16:00:00Z"));
        for (text, expected) in [
            ("22/Nov/2026:15:46:35 +0000", "2026-11-22T15:46:35Z"),
            ("[22/Nov/2026:15:46:35 +0330]", "2026-11-22T12:16:35Z"),
            ("25/Feb/2019:16:19:48.143", "2019-02-25T16:19:48.143Z"),
            ("2026-11-22T15:46:35.25+01:00", "2026-11-22T14:46:35.25Z"),
            ("2026-11-22 15:46:35", "2026-11-22T15:46:35Z"),
            ("2026-11-22T15:46:35,123", "2026-11-22T15:46:35.123Z"),
            ("2026-11-22 15:46:35 +0100", "2026-11-22T14:46:35Z"),
            ("2026-11-22 15:46:35 UTC", "2026-11-22T15:46:35Z"),
            ("2026/11/22 15:46:35", "2026-11-22T15:46:35Z"),
            ("1700000000", "2023-11-14T22:13:20Z"),
            ("1700000000.25", "2023-11-14T22:13:20.25Z"),
            ("1700000000250", "2023-11-14T22:13:20.25Z"),
            ("1700000000250000", "2023-11-14T22:13:20.25Z"),
            ("1700000000250000999", "2023-11-14T22:13:20.25Z"),
            ("Feb 25 16:19:38", "2024-02-25T16:19:38Z"),
            ("Feb  5 16:19:38.5", "2024-02-05T16:19:38.5Z"),
            ("Dec 31 23:59:59", "2023-12-31T23:59:59Z"),
            ("Sun Mar 13 22:49:12 2016", "2016-03-13T22:49:12Z"),
        ] {
            let read = time(text.as_bytes(), &local).map(|time| time.to_string());
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "x", "now", "22/Nov", "22/Nov/2026:15:46:35 +00", "2026-11-22", "Feb 25", "Feb 25 16:19:38 x", "12ab"]
        {
            assert_eq!(time(text.as_bytes(), &local), None, "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_that_of_the_given_one() {
        let local = Local::new(Zone::named("+02:00").expect("an offset"));
        for (text, expected) in [
            ("2026-11-22 15:46:35", "2026-11-22T13:46:35Z"),
            ("2026-11-22 15:46:35 +0100", "2026-11-22T14:46:35Z"),
            ("22/Nov/2026:15:46:35 +0000", "2026-11-22T15:46:35Z"),
            ("25/Feb/2019:16:19:48.143", "2019-02-25T14:19:48.143Z"),
        ] {
            let read = time(text.as_bytes(), &local).map(|time| time.to_string());
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn durations_have_units_or_that_of_their_field() {
        for (text, unit, expected) in [
            ("0.015", 3, Some(Number::Int(15))),
            ("1.5ms", 3, Some(Number::Float(1.5))),
            ("2m3.5s", 0, Some(Number::Int(123_500))),
            ("800µs", 0, Some(Number::Float(0.8))),
            ("1500000", -6, Some(Number::Float(1.5))),
            ("slow", 3, None),
            ("1.5xs", 3, None),
            ("1h9223372036854775807h", 3, None),
        ] {
            assert_eq!(duration(text.as_bytes(), unit), expected, "{text}");
        }
    }
}
