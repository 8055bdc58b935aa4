//! Numbers as EDN writes them, and their normal form.

use std::borrow::Cow;

use super::Kind;

/// The most digits that a number may have when it is written out without exponent.
pub const MAX_DIGITS: usize = 400;

/// Why a token that begins as a number is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    LeadingZero,
    Ratio,
    Radix,
    Percent,
    Underscore,
    EmptyFraction,
    EmptyExponent,
    TooLong,
    /// Letters or signs follow the number.
    Tail,
}

/// Reads a token that begins with a digit, or with a sign and a digit.
pub(super) fn read(token: &str) -> Result<Kind, Fault> {
    let signed = token.strip_prefix('+').unwrap_or(token);
    let unsigned = signed.strip_prefix('-').unwrap_or(signed);
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    let (mut fraction, mut exponent) = (None, None);
    if let Some(after) = rest.strip_prefix('.') {
        let length = digits(after);
        fraction = Some(&after[..length]);
        rest = &after[length..];
    }
    if let Some(after) = rest.strip_prefix(['e', 'E']) {
        let sign = usize::from(after.starts_with(['+', '-']));
        let length = sign + digits(&after[sign..]);
        exponent = Some((&after[..length], length > sign));
        rest = &after[length..];
    }
    if let Some(fault) = tail_fault(rest, fraction.is_some() || exponent.is_some()) {
        return Err(fault);
    }
    if fraction == Some("") {
        return Err(Fault::EmptyFraction);
    }
    if exponent.is_some_and(|(_, has_digits)| !has_digits) {
        return Err(Fault::EmptyExponent);
    }
    if whole > 1 && unsigned.starts_with('0') {
        return Err(Fault::LeadingZero);
    }
    let length = whole + fraction.map_or(0, str::len);
    if length > MAX_DIGITS || exponent.is_some_and(|(text, _)| exponent_is_long(text, length)) {
        return Err(Fault::TooLong);
    }
    let text: Box<str> = signed[..signed.len() - rest.len()].into();
    let is_decimal = fraction.is_some() || exponent.is_some() || rest == "M";
    Ok(if is_decimal { Kind::Decimal(text) } else { Kind::Integer(text) })
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn tail_fault(rest: &str, is_decimal: bool) -> Option<Fault> {
    match rest.as_bytes() {
        [] | [b'M'] => None,
        [b'N'] if !is_decimal => None,
        [b'/', b'0'..=b'9', ..] => Some(Fault::Ratio),
        [b'%'] => Some(Fault::Percent),
        [b'_', b'0'..=b'9', ..] => Some(Fault::Underscore),
        [b'x' | b'X' | b'r' | b'R', next, ..] if next.is_ascii_alphanumeric() && !is_decimal => Some(Fault::Radix),
        _ => Some(Fault::Tail),
    }
}

fn exponent_is_long(text: &str, length: usize) -> bool {
    match text.parse::<i64>() {
        Ok(exponent) => exponent.unsigned_abs() as usize > MAX_DIGITS - length,
        Err(_) => true,
    }
}

/// The normal form of a number that was read: no exponent, no zeros at the end of a fraction, no `-0`.
pub fn normal(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) && (bytes.len() == 1 || bytes.first() != Some(&b'0')) {
        return Cow::Borrowed(text);
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        // Reading has bounded the exponent.
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().unwrap_or(0)),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all: String = [whole, fraction].concat();
    let point = whole.len() as i64 + exponent;
    let (before, after) = if point <= 0 {
        (String::new(), "0".repeat(point.unsigned_abs() as usize) + &all)
    } else if point as usize >= all.len() {
        (format!("{all:0<width$}", width = point as usize), String::new())
    } else {
        (all[..point as usize].to_owned(), all[point as usize..].to_owned())
    };
    let (before, after) = (before.trim_start_matches('0'), after.trim_end_matches('0'));
    let sign = if unsigned.len() < mantissa.len() && !(before.is_empty() && after.is_empty()) { "-" } else { "" };
    let before = if before.is_empty() { "0" } else { before };
    let dot = if after.is_empty() { "" } else { "." };
    Cow::Owned([sign, before, dot, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text_without_plus_and_suffix() {
        let integer = |text: &str| Ok(Kind::Integer(text.into()));
        let decimal = |text: &str| Ok(Kind::Decimal(text.into()));
        for (token, expected) in [
            ("600", integer("600")),
            ("+600", integer("600")),
            ("-1", integer("-1")),
            ("0", integer("0")),
            ("9223372036854775808N", integer("9223372036854775808")),
            ("0.990", decimal("0.990")),
            ("99e-2", decimal("99e-2")),
            ("1.5E+3", decimal("1.5E+3")),
            ("0.99M", decimal("0.99")),
            ("600M", decimal("600")),
            ("010", Err(Fault::LeadingZero)),
            ("00.5", Err(Fault::LeadingZero)),
            ("99/100", Err(Fault::Ratio)),
            ("0xFF", Err(Fault::Radix)),
            ("2r101", Err(Fault::Radix)),
            ("99%", Err(Fault::Percent)),
            ("1_000", Err(Fault::Underscore)),
            ("5.", Err(Fault::EmptyFraction)),
            ("1e", Err(Fault::EmptyExponent)),
            ("1e+", Err(Fault::EmptyExponent)),
            ("10m", Err(Fault::Tail)),
            ("1.2.3", Err(Fault::Tail)),
            ("1.5N", Err(Fault::Tail)),
            ("1e400", Err(Fault::TooLong)),
            ("1e-99999999999999999999", Err(Fault::TooLong)),
        ] {
            assert_eq!(read(token), expected, "{token}");
        }
    }

    #[test]
    fn normal_form_has_no_exponent_and_no_trailing_zeros() {
        for (text, expected) in [
            ("600", "600"),
            ("0", "0"),
            ("-0", "0"),
            ("-0.00", "0"),
            ("0.990", "0.99"),
            ("99e-2", "0.99"),
            ("1.0", "1"),
            ("1.5E+3", "1500"),
            ("-1.25e1", "-12.5"),
            ("-12e-4", "-0.0012"),
            ("0e5", "0"),
            ("100e-2", "1"),
        ] {
            assert_eq!(normal(text), expected, "{text}");
        }
    }
}
