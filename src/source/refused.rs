//! Why a line, or an event of a message, is none.

use std::borrow::Cow;
use std::fmt;

use crate::plan::Timestamp;

/// Why one line, or one event of a message, was refused. Its text names the cause and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No time, and no clock whose time could stand in.
    NoTime,
    /// The time as it was written: neither seconds nor RFC 3339.
    TimeNotUnderstood(Box<str>),
    /// The time as it was written: a number, but outside of the years 1 to 9999.
    TimeOutOfRange(Box<str>),
    /// What had to come, and at which byte of the line (from 0) it did not.
    NotUnderstood { expected: Cow<'static, str>, at: usize },
    /// What is wrong, and at which byte of the line or of the event (from 0).
    Fault { message: Box<str>, at: usize },
    /// An event whose time is further ahead of the machine's clock than is allowed.
    AheadOfClock(Timestamp),
    /// Longer than so many bytes.
    TooLong { limit: usize },
    /// An event of a message, longer than so many bytes.
    EventTooLong { limit: usize },
    /// Nested deeper than so many brackets.
    TooDeep { limit: usize },
    /// More than so many attributes.
    TooManyAttributes { limit: usize },
}

impl Refused {
    /// That `expected` did not come at byte `at`.
    pub fn expected(expected: &'static str, at: usize) -> Refused {
        Refused::NotUnderstood { expected: Cow::Borrowed(expected), at }
    }

    /// A few words, the same for each line with this cause: what counters are kept by.
    pub fn cause(&self) -> &'static str {
        match self {
            Refused::NoTime => "no time",
            Refused::TimeNotUnderstood(_) => "time not understood",
            Refused::TimeOutOfRange(_) => "time out of range",
            Refused::NotUnderstood { .. } | Refused::Fault { .. } => "not understood",
            Refused::AheadOfClock(_) => "ahead of the clock",
            Refused::TooLong { .. } | Refused::EventTooLong { .. } => "too long",
            Refused::TooDeep { .. } => "nested too deep",
            Refused::TooManyAttributes { .. } => "too many attributes",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NoTime => write!(f, "no `time`: give each event its time, in seconds since 1970 or as RFC 3339"),
            Refused::TimeNotUnderstood(text) => {
                write!(f, "the time `{text}` is neither seconds since 1970 nor RFC 3339, as in 2023-11-14T22:20:00Z")
            }
            Refused::TimeOutOfRange(text) => match unit_of(text) {
                Some(unit) => write!(f, "{text} looks like {unit}; `time` is in seconds"),
                None => write!(f, "the time {text} is outside of the years 1 to 9999"),
            },
            Refused::NotUnderstood { expected, at } => write!(f, "expected {expected} at byte {at}"),
            Refused::Fault { message, at } => write!(f, "{message}, at byte {at}"),
            Refused::AheadOfClock(time) => {
                write!(f, "{time} is ahead of this machine's clock by more than `:max-skew`")
            }
            Refused::TooLong { limit } => {
                write!(f, "longer than {limit} bytes; `:limits {{:line-bytes …}}` allows more")
            }
            Refused::EventTooLong { limit } => {
                write!(f, "longer than {limit} bytes; `:limits {{:event-bytes …}}` allows more")
            }
            Refused::TooDeep { limit } => write!(f, "nested more than {limit} deep"),
            Refused::TooManyAttributes { limit } => {
                write!(f, "more than {limit} attributes; `:limits {{:attributes …}}` allows more")
            }
        }
    }
}

impl std::error::Error for Refused {}

/// The unit in which a number that is too large for seconds since 1970 would be a time of our days.
fn unit_of(text: &str) -> Option<&'static str> {
    let number: f64 = text.parse().ok()?;
    match number {
        n if (1e11..1e14).contains(&n) => Some("milliseconds"),
        n if (1e14..1e17).contains(&n) => Some("microseconds"),
        n if (1e17..1e20).contains(&n) => Some("nanoseconds"),
        _ => None,
    }
}
