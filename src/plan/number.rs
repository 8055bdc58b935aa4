//! Numbers that stay what was written.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A decimal number, exact: `digits * 10^-scale`, in normal form (no zero at the end of the fraction).
///
/// At most 18 digits after the point and 18 before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal { digits: 0, scale: 0 };
    const MAX_DIGITS: usize = 18;

    /// Reads `12`, `-0.5`, `1e3`, `1.5E-3`, also `.5`, `5.` and `+5`.
    ///
    /// None if it is no number, or has more than 18 digits before or after the point.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.as_bytes().first()? {
            b'-' => (true, &mantissa[1..]),
            b'+' => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > 2 * Decimal::MAX_DIGITS {
            return None;
        }
        let mut digits: i128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            digits = digits * 10 + i128::from(byte - b'0');
        }
        if digits == 0 {
            return Some(Decimal::ZERO);
        }
        let mut scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
        while digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        let max = i64::try_from(Decimal::MAX_DIGITS).expect("18 fits");
        if scale < 0 {
            digits = digits.checked_mul(10i128.checked_pow(u32::try_from(-scale).ok()?)?)?;
            scale = 0;
        }
        if scale > max || digits / 10i128.pow(u32::try_from(scale).ok()?) >= 10i128.pow(18) {
            return None;
        }
        Some(Decimal { digits: if negative { -digits } else { digits }, scale: u32::try_from(scale).ok()? })
    }

    pub fn from_i64(n: i64) -> Decimal {
        Decimal { digits: i128::from(n), scale: 0 }
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        format!("{}e-{}", self.digits, self.scale).parse().expect("digits and an exponent are a number")
    }

    /// Its numerator over `10^scale`.
    pub fn digits(self) -> i128 {
        self.digits
    }

    /// 0 to 18.
    pub fn scale(self) -> u32 {
        self.scale
    }

    pub fn is_integer(self) -> bool {
        self.scale == 0
    }

    /// `self * 10^places` rounded down; None beyond 64 bits.
    pub fn floor_scaled(self, places: u32) -> Option<i64> {
        let scaled = if places >= self.scale {
            self.digits.checked_mul(10i128.checked_pow(places - self.scale)?)?
        } else {
            self.digits.div_euclid(10i128.pow(self.scale - places))
        };
        i64::try_from(scaled).ok()
    }

    /// Orders `numerator / denominator` against this number, exactly. The denominator is above 0.
    pub fn compare_ratio(self, numerator: u64, denominator: u64) -> Ordering {
        // Cross-multiplied, not divided: 19/20 >= 0.95 must hold exactly.
        let left = i128::from(numerator) * 10i128.pow(self.scale);
        match self.digits.checked_mul(i128::from(denominator)) {
            Some(right) => left.cmp(&right),
            None => {
                if self.digits < 0 {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let common = self.scale.max(other.scale);
        // Below 10^36 each, so that both fit.
        let left = self.digits * 10i128.pow(common - self.scale);
        left.cmp(&(other.digits * 10i128.pow(common - other.scale)))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    /// Normal form: no exponent, no zero at the end of the fraction: `0.99`, `600`, `-1.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let unit = 10u128.pow(self.scale);
        let digits = self.digits.unsigned_abs();
        write!(f, "{sign}{}", digits / unit)?;
        if self.scale > 0 {
            write!(f, ".{:0width$}", digits % unit, width = self.scale as usize)?;
        }
        Ok(())
    }
}

/// A quantile, exact as written: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct Quantile(Decimal);

impl TryFrom<String> for Decimal {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Decimal, &'static str> {
        Decimal::parse(&text).ok_or("no decimal number")
    }
}

impl From<Decimal> for String {
    fn from(decimal: Decimal) -> String {
        decimal.to_string()
    }
}

impl TryFrom<Decimal> for Quantile {
    type Error = &'static str;

    fn try_from(decimal: Decimal) -> Result<Quantile, &'static str> {
        Quantile::new(decimal).ok_or("no quantile")
    }
}

impl From<Quantile> for Decimal {
    fn from(quantile: Quantile) -> Decimal {
        quantile.0
    }
}

impl Quantile {
    /// None unless `0 < decimal <= 1`.
    pub fn new(decimal: Decimal) -> Option<Quantile> {
        (Decimal::ZERO < decimal && decimal <= Decimal::from_i64(1)).then_some(Quantile(decimal))
    }

    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// `max(1, ceil(q * n))`, exactly.
    pub fn nearest_rank(self, n: u64) -> u64 {
        let unit = 10u128.pow(self.0.scale());
        let rank = (self.0.digits().unsigned_abs() * u128::from(n)).div_ceil(unit);
        u64::try_from(rank).expect("q <= 1, so the rank is at most n").max(1)
    }

    /// `min(n - 1, floor(n * q)) + 1` in doubles, as Riemann does. `n` is above 0.
    pub fn riemann_rank(self, n: u64) -> u64 {
        let index = (n as f64 * self.0.to_f64()).floor() as u64;
        index.min(n - 1) + 1
    }
}

/// A number as an event carries it: whole numbers stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Number {
    Int(i64),
    /// Finite.
    Float(f64),
}

impl Number {
    /// Reads a JSON number, and nothing else: no sign in front but `-`, no blanks, no `NaN`.
    ///
    /// Integers beyond 64 bits become doubles; None for what is beyond doubles too.
    pub fn parse_json(text: &[u8]) -> Option<Number> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let digits = |part: &[u8]| part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = digits(unsigned);
        if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
            return None;
        }
        if whole == unsigned.len() && whole <= 18 {
            let n = unsigned.iter().fold(0i64, |n, digit| n * 10 + i64::from(digit - b'0'));
            return Some(Number::Int(if unsigned.len() < text.len() { -n } else { n }));
        }
        let mut rest = &unsigned[whole..];
        if let Some(fraction) = rest.strip_prefix(b".") {
            let length = digits(fraction);
            if length == 0 {
                return None;
            }
            rest = &fraction[length..];
        }
        if let [b'e' | b'E', exponent @ ..] = rest {
            let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            let length = digits(exponent);
            if length == 0 {
                return None;
            }
            rest = &exponent[length..];
        }
        if !rest.is_empty() {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        if whole == unsigned.len()
            && let Ok(n) = text.parse::<i64>()
        {
            return Some(Number::Int(n));
        }
        text.parse().ok().and_then(Number::from_f64)
    }

    /// None for what is not finite.
    pub fn from_f64(x: f64) -> Option<Number> {
        // There is one zero: -0.0 + 0.0 is 0.0.
        x.is_finite().then_some(Number::Float(x + 0.0))
    }

    pub fn to_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(x) => x,
        }
    }

    /// The double that is this number; None for an integer that no double is.
    pub fn exact_f64(self) -> Option<f64> {
        match self {
            Number::Int(n) if n.unsigned_abs() > 1 << 53 => None,
            Number::Int(n) => Some(n as f64),
            Number::Float(x) => Some(x),
        }
    }

    /// Orders two numbers by value, exactly.
    pub fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).expect("numbers are finite"),
            (Number::Int(a), Number::Float(b)) => compare_int_float(a, b),
            (Number::Float(a), Number::Int(b)) => compare_int_float(b, a).reverse(),
        }
    }
}

impl fmt::Display for Number {
    /// Integers without a point, else the shortest decimal: 200.0 is `200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(n) => write!(f, "{n}"),
            Number::Float(x) if *x == 0.0 => write!(f, "0"),
            Number::Float(x) => write!(f, "{x}"),
        }
    }
}

fn compare_int_float(a: i64, b: f64) -> Ordering {
    // 2^63 is a double; every double below it and at least -2^63 has a whole part of 64 bits.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b >= LIMIT {
        return Ordering::Less;
    }
    if b < -LIMIT {
        return Ordering::Greater;
    }
    a.cmp(&(b.floor() as i64)).then(if b.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
}
