//! Points in time and lengths of time, in microseconds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Timestamp(i64);

impl TryFrom<i64> for Timestamp {
    type Error = &'static str;

    fn try_from(micros: i64) -> Result<Timestamp, &'static str> {
        Timestamp::from_micros(micros).ok_or("no time")
    }
}

impl From<Timestamp> for i64 {
    fn from(time: Timestamp) -> i64 {
        time.0
    }
}

/// What a calendar and a clock show, in whatever zone. There may be no such date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    /// 60 is the next second.
    pub second: u8,
    pub micros: u32,
}

/// A length of time above nothing and at most a hundred years, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Interval(i64);

impl TryFrom<i64> for Interval {
    type Error = &'static str;

    fn try_from(micros: i64) -> Result<Interval, &'static str> {
        Interval::from_micros(micros).ok_or("no interval")
    }
}

impl From<Interval> for i64 {
    fn from(interval: Interval) -> i64 {
        interval.0
    }
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp(-62_135_596_800 * SECOND);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Timestamp = Timestamp(253_402_300_800 * SECOND - 1);

    /// None outside of the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Timestamp> {
        let time = Timestamp(micros);
        (Timestamp::MIN <= time && time <= Timestamp::MAX).then_some(time)
    }

    /// The nearest time within the years 1 to 9999.
    pub fn clamped(micros: i64) -> Timestamp {
        Timestamp(micros.clamp(Timestamp::MIN.0, Timestamp::MAX.0))
    }

    /// None outside of the years 1 to 9999.
    pub fn from_secs(secs: i64) -> Option<Timestamp> {
        Timestamp::from_micros(secs.checked_mul(SECOND)?)
    }

    /// Reads seconds since 1970, a JSON number: `1700000000`, `1700000000.25`, `1.7e9`.
    ///
    /// What is finer than a microsecond is cut off towards the past.
    pub fn from_seconds_text(text: &[u8]) -> Option<Timestamp> {
        let decimal = super::Decimal::parse(std::str::from_utf8(text).ok()?)?;
        Timestamp::from_micros(decimal.floor_scaled(6)?)
    }

    /// From a date and a time of day; None if there is no such date. Second 60 is taken as the next second.
    pub fn from_civil(
        year: i64,
        month: u8,
        day: u8,
        hour: u8,
        minute: u8,
        second: u8,
        micros: u32,
    ) -> Option<Timestamp> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        let valid = 1 <= day && day <= length && hour < 24 && minute < 60 && second <= 60 && micros < 1_000_000;
        if !valid || !(1..=9999).contains(&year) {
            return None;
        }
        // Days since 1970 with years that begin in March (H. Hinnant, "chrono-compatible low-level date algorithms").
        let (month, day) = (i64::from(month), i64::from(day));
        let shifted = if month <= 2 { year - 1 } else { year };
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let secs = days * DAY + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Timestamp::from_micros(secs * SECOND + i64::from(micros))
    }

    /// Reads RFC 3339: `2023-11-14T22:20:00Z`, `2023-11-14 22:20:00.25+01:00`.
    pub fn from_rfc3339(text: &[u8]) -> Option<Timestamp> {
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits.iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
        };
        let is = |at: usize, accepted: &[u8]| text.get(at).is_some_and(|byte| accepted.contains(byte));
        if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
            return None;
        }
        let mut at = 19;
        let mut micros = 0;
        if is(at, b".,") {
            let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            for place in 0..6 {
                micros = micros * 10 + if place < digits { u32::from(text[at + 1 + place] - b'0') } else { 0 };
            }
            at += 1 + digits;
        }
        let offset = match text.get(at)? {
            b'Z' | b'z' if text.len() == at + 1 => 0,
            sign @ (b'+' | b'-') => {
                let minutes_at = if is(at + 3, b":") { at + 4 } else { at + 3 };
                if text.len() != minutes_at + 2 {
                    return None;
                }
                let (hours, minutes) = (number(at + 1, at + 3)?, number(minutes_at, minutes_at + 2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        let small = |n: i64| u8::try_from(n).ok();
        let local = Timestamp::from_civil(
            number(0, 4)?,
            small(number(5, 7)?)?,
            small(number(8, 10)?)?,
            small(number(11, 13)?)?,
            small(number(14, 16)?)?,
            small(number(17, 19)?)?,
            micros,
        )?;
        Timestamp::from_micros(local.0 - offset * SECOND)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The date and the time of day in UTC.
    pub fn civil(self) -> Civil {
        let secs = self.0.div_euclid(SECOND);
        let days = secs.div_euclid(DAY) + 719_468;
        let of_day = secs.rem_euclid(DAY);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        // Each is within its bounds, whatever the time.
        let small = |n: i64| u8::try_from(n).unwrap_or(0);
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day_of_year - (153 * shifted + 2) / 5 + 1),
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
            micros: u32::try_from(self.0.rem_euclid(SECOND)).unwrap_or(0),
        }
    }

    /// Later (or, below zero, earlier) by so many microseconds; stays within the years 1 to 9999.
    pub fn plus(self, micros: i64) -> Timestamp {
        Timestamp::clamped(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many decimals as it takes: `2023-11-14T22:20:00Z`, `…:00.25Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, micros } = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros != 0 {
            let digits = format!("{micros:06}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        write!(f, "Z")
    }
}

impl Interval {
    /// A hundred years of 365 days.
    pub const MAX: Interval = Interval(100 * 365 * DAY * SECOND);

    /// None for zero, below, and above a hundred years.
    pub fn from_micros(micros: i64) -> Option<Interval> {
        (0 < micros && micros <= Interval::MAX.0).then_some(Interval(micros))
    }

    /// None for zero, below, and above a hundred years.
    pub fn from_secs(secs: i64) -> Option<Interval> {
        Interval::from_micros(secs.checked_mul(SECOND)?)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }
}
