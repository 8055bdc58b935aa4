//! Times and durations as sources write them.

use std::cell::Cell;

use super::Zone;
use crate::plan::{Number, Timestamp};

/// Reads seconds since 1970, a JSON number; what is finer than a microsecond is cut off towards the past.
pub fn seconds(text: &[u8]) -> Option<Timestamp> {
    match plain_decimal(text) {
        Some((digits, places)) => seconds_divided(digits, places),
        None => Timestamp::from_seconds_text(at_most_nine_places(text)),
    }
}

/// `digits / 10^places` seconds since 1970, cut off at a microsecond. Neither is below 0, and there are 18 digits at most.
#[inline]
pub fn seconds_divided(digits: i64, places: usize) -> Option<Timestamp> {
    Timestamp::from_micros(match places {
        0..=6 => digits.checked_mul(POWERS[6 - places])?,
        _ => digits / POWERS.get(places - 6)?,
    })
}

/// `digits / 10^places`: without places an exact integer, else the nearest double if that is simple.
#[inline]
pub fn divided(digits: i64, places: usize) -> Option<Number> {
    if places == 0 {
        return Some(Number::Int(digits));
    }
    let divisor = *POWERS.get(places)?;
    // Both are doubles without loss, so that the quotient is the nearest one.
    (digits < 1 << 53 && divisor < 1 << 53).then(|| Number::Float(digits as f64 / divisor as f64))
}

/// Without the digits that a decimal could not hold and a microsecond does not need.
fn at_most_nine_places(text: &[u8]) -> &[u8] {
    match memchr::memchr(b'.', text) {
        Some(point) if text[point + 1..].iter().all(u8::is_ascii_digit) => &text[..text.len().min(point + 10)],
        _ => text,
    }
}

/// Reads the time of access logs, `22/Nov/2026:15:46:35 +0330`: always [`CLF_LENGTH`] bytes.
pub fn common_log_format(text: &[u8]) -> Option<Timestamp> {
    if !looks_like_common_log_format(text) || text.len() != CLF_LENGTH {
        return None;
    }
    let month = month(&text[3..6])?;
    let two = |at: usize| -> Option<u8> {
        let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| tens * 10 + ones)
    };
    let year = i64::from(two(7)?) * 100 + i64::from(two(9)?);
    let local = Timestamp::from_civil(year, month, two(0)?, two(12)?, two(15)?, two(18)?, 0)?;
    let (hours, minutes) = (two(22)?, two(24)?);
    if text[14] != b':' || text[17] != b':' || text[20] != b' ' || hours > 23 || minutes > 59 {
        return None;
    }
    let offset = (i64::from(hours) * 3600 + i64::from(minutes) * 60) * 1_000_000;
    match text[21] {
        b'+' => Timestamp::from_micros(local.micros() - offset),
        b'-' => Timestamp::from_micros(local.micros() + offset),
        _ => None,
    }
}

/// The length of `22/Nov/2026:15:46:35 +0330`.
pub const CLF_LENGTH: usize = 26;

/// Whether `text` begins as `22/Nov/2026:` does. No user name of basic authentication can hold that colon.
pub fn looks_like_common_log_format(text: &[u8]) -> bool {
    text.len() >= 12
        && text[2] == b'/'
        && text[6] == b'/'
        && text[11] == b':'
        && text[..2].iter().chain(&text[7..11]).all(u8::is_ascii_digit)
}

/// Reads a decimal number times `10^shift`: whole results are exact integers, others the nearest double.
///
/// None for what is no number.
pub fn scaled(text: &[u8], shift: i32) -> Option<Number> {
    if let Some((digits, places)) = plain_decimal(text)
        && let Ok(places) = i32::try_from(places)
    {
        let power = |n: i32| usize::try_from(n).ok().and_then(|n| POWERS.get(n).copied());
        if shift >= places {
            if let Some(whole) = power(shift - places).and_then(|power| digits.checked_mul(power)) {
                return Some(Number::Int(whole));
            }
        } else if let Some(divisor) = power(places - shift) {
            if digits % divisor == 0 {
                return Some(Number::Int(digits / divisor));
            }
            // Both are doubles without loss, so that the quotient is the nearest one.
            if digits < 1 << 53 && divisor < 1 << 53 {
                return Number::from_f64(digits as f64 / divisor as f64);
            }
        }
    }
    Number::parse_json(text)?;
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    format!("{mantissa}e{}", exponent.checked_add(shift)?).parse().ok().and_then(Number::from_f64)
}

/// The digits of `123.45` as a number, and how many of them stand after the point; at most 18 digits, no sign.
#[inline]
fn plain_decimal(text: &[u8]) -> Option<(i64, usize)> {
    let mut digits = 0i64;
    let mut point = None;
    if text.len() > 19 {
        return None;
    }
    for (at, byte) in text.iter().enumerate() {
        match byte {
            // Only 19 digits, which are refused below, could be too large.
            b'0'..=b'9' => digits = digits.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')),
            b'.' if point.is_none() && at > 0 => point = Some(at),
            _ => return None,
        }
    }
    match point {
        None if text.is_empty() || text.len() == 19 => None,
        None => Some((digits, 0)),
        Some(at) if at + 1 == text.len() => None,
        Some(at) => Some((digits, text.len() - at - 1)),
    }
}

const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// A date and a time of day as a log writes them, without saying in which zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// None where the log has none: RFC 3164.
    pub year: Option<i64>,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub micros: u32,
}

/// What is known of times that do not say their zone, or their year.
#[derive(Clone, Debug)]
pub struct Local {
    pub zone: Zone,
    utc: Zone,
    /// The time of the line before.
    pub last: Cell<Option<Timestamp>>,
    /// When the file was written to last; None: it is written now.
    pub age: Cell<Option<Timestamp>>,
}

impl Local {
    pub fn new(zone: Zone) -> Local {
        Local { zone, utc: Zone::utc(), last: Cell::new(None), age: Cell::new(None) }
    }

    /// When that was.
    pub fn resolve(&self, civil: Civil) -> Option<Timestamp> {
        self.resolve_in(&self.zone, civil)
    }

    /// When that was in universal time.
    pub fn resolve_utc(&self, civil: Civil) -> Option<Timestamp> {
        self.resolve_in(&self.utc, civil)
    }

    fn resolve_in(&self, zone: &Zone, civil: Civil) -> Option<Timestamp> {
        let Civil { year, month, day, hour, minute, second, micros } = civil;
        let plain = |year| crate::plan::Civil { year, month, day, hour, minute, second, micros };
        match year {
            Some(year) => zone.resolve(plain(year), self.last.get()),
            None => zone.resolve_without_year(plain(0), self.last.get(), self.age.get().unwrap_or_else(now)),
        }
    }
}

fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::clamped(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

/// The month of a name as in `Nov`, from 1.
#[inline]
pub fn month(name: &[u8]) -> Option<u8> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    MONTHS.chunks_exact(3).position(|month| month == name).and_then(|at| u8::try_from(at + 1).ok())
}
