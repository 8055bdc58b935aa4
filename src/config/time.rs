//! Lengths of time: seconds, or `#duration "1h30m"`.

use super::catalogue;
use super::context::Context;
use super::values::{self, Amount, Appears};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Decimal, Interval};

/// A length of time and whether it may be repeated in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    /// Not below zero.
    pub micros: i64,
    pub span: Span,
    pub secret: bool,
}

/// From so many seconds on, a grace that is a multiple of a thousand looks like milliseconds.
pub(super) const SUSPICIOUS_GRACE: i64 = 1_000;

const EXPECTED: &str = "seconds or a `#duration`";

/// Days of so many seconds look like days, other multiples of a thousand like milliseconds.
const SECONDS_A_DAY: i64 = 86_400;

/// Units from large to small, in microseconds.
const UNITS: [(&str, i64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

/// A length above zero. From `suspicious` seconds on, a multiple of a thousand is taken for milliseconds.
pub(super) fn positive(
    form: &Form,
    subject: &str,
    suspicious: i64,
    context: &mut Context,
) -> Option<(Interval, Length)> {
    let length = length(form, subject, suspicious, context)?;
    match Interval::from_micros(length.micros) {
        Some(interval) => Some((interval, length)),
        None => context.refuse(catalogue::not_above_zero(&length, subject)),
    }
}

/// A length of zero or above.
pub(super) fn length(form: &Form, subject: &str, suspicious: i64, context: &mut Context) -> Option<Length> {
    if let Kind::Tagged(tag, inner) = &form.kind
        && tag.as_ref() == "duration"
    {
        return duration(inner, form.span, subject, context);
    }
    let amount = values::amount(form, subject, EXPECTED, context)?;
    let length = of_seconds(&amount, subject, context)?;
    if looks_like_milliseconds(amount.decimal, suspicious) {
        context.report(catalogue::looks_like_milliseconds(&amount, subject));
    }
    Some(length)
}

/// Microseconds as seconds in normal form: 600, 0.5.
pub(super) fn seconds(interval: Interval) -> Decimal {
    let micros = interval.micros();
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    Decimal::parse(&text).expect("an interval in seconds has at most 10 digits before and 6 after the point")
}

fn of_seconds(amount: &Amount, subject: &str, context: &mut Context) -> Option<Length> {
    if amount.decimal < Decimal::ZERO {
        return context.refuse(catalogue::negative_time(amount, subject));
    }
    if amount.decimal.scale() > 6 {
        return context.refuse(catalogue::too_fine(amount.span, subject));
    }
    match amount.decimal.floor_scaled(6).filter(|micros| *micros <= Interval::MAX.micros()) {
        Some(micros) => Some(Length { micros, span: amount.span, secret: amount.secret }),
        None => context.refuse(catalogue::too_long(amount.span, subject)),
    }
}

fn looks_like_milliseconds(seconds: Decimal, suspicious: i64) -> bool {
    let Some(seconds) = seconds.is_integer().then(|| seconds.floor_scaled(0)).flatten() else { return false };
    let whole_days = seconds % SECONDS_A_DAY == 0 && seconds % (1000 * SECONDS_A_DAY) != 0;
    seconds >= suspicious && seconds % 1000 == 0 && !whole_days
}

fn duration(inner: &Form, span: Span, subject: &str, context: &mut Context) -> Option<Length> {
    let text = match &inner.kind {
        Kind::Integer(_) | Kind::Decimal(_) => return context.refuse(catalogue::duration_without_unit(inner)),
        _ => values::text(inner, "`#duration`", Appears::Nowhere, context)?,
    };
    match parse(&text.text) {
        Ok(micros) if micros <= Interval::MAX.micros() => Some(Length { micros, span, secret: text.secret }),
        Ok(_) => context.refuse(catalogue::too_long(span, subject)),
        Err(fault) => context.refuse(catalogue::unreadable_duration(&text, fault)),
    }
}

/// What is wrong with the text of a `#duration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoNumber,
    NoUnit,
    UnknownUnit,
    Order,
    TooLong,
}

/// Reads `10m`, `1h30m`, `250ms`: whole numbers with units from large to small, each unit at most once.
fn parse(text: &str) -> Result<i64, Fault> {
    let mut total: i64 = 0;
    let mut rest = text;
    let mut allowed = UNITS.as_slice();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(Fault::NoNumber);
        }
        let number: i64 = rest[..digits].parse().map_err(|_| Fault::TooLong)?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        if unit.is_empty() {
            return Err(if rest.is_empty() { Fault::NoUnit } else { Fault::NoNumber });
        }
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(Fault::UnknownUnit)?;
        let at = allowed.iter().position(|(name, _)| *name == unit).ok_or(Fault::Order)?;
        allowed = &allowed[at + 1..];
        let part = number.checked_mul(*micros).ok_or(Fault::TooLong)?;
        total = total.checked_add(part).ok_or(Fault::TooLong)?;
        rest = &rest[letters..];
    }
    if text.is_empty() { Err(Fault::NoNumber) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::{Fault, parse};

    #[test]
    fn durations_are_whole_numbers_with_units_from_large_to_small() {
        let cases = [
            ("10m", Ok(600_000_000)),
            ("1h30m", Ok(5_400_000_000)),
            ("7d", Ok(604_800_000_000)),
            ("250ms", Ok(250_000)),
            ("1s500us", Ok(1_000_500)),
            ("0s", Ok(0)),
            ("", Err(Fault::NoNumber)),
            ("m", Err(Fault::NoNumber)),
            ("10", Err(Fault::NoUnit)),
            ("1.5h", Err(Fault::NoNumber)),
            ("10 m", Err(Fault::NoNumber)),
            ("10min", Err(Fault::UnknownUnit)),
            ("10M", Err(Fault::UnknownUnit)),
            ("30m1h", Err(Fault::Order)),
            ("1h1h", Err(Fault::Order)),
            ("-10m", Err(Fault::NoNumber)),
            ("99999999999999999999d", Err(Fault::TooLong)),
            ("9999999999999d", Err(Fault::TooLong)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
