//! A point as one line of InfluxDB's line protocol.

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue {
    Int(u64),
    /// What is not finite is left out.
    Float(f64),
}

/// One point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point<'a> {
    pub measurement: &'a str,
    /// Each key once, in any order. What is empty once it can be written is left out.
    pub tags: Vec<(&'a [u8], &'a [u8])>,
    pub fields: Vec<(String, FieldValue)>,
    /// Nanoseconds since 1970.
    pub time: i64,
}

/// The longest value of a tag, in bytes: 65,000 are stored, 70,000 refused.
const LONGEST: usize = 65_000;

impl Point<'_> {
    /// Appends the point as a line with its end; nothing if it has no field. Tags are in order of key, so that one
    /// series is always the same bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let began = out.len();
        escape(&readable(self.measurement.as_bytes()), b", ", out);
        let mut tags: Vec<(String, String)> =
            self.tags.iter().map(|(key, value)| (readable(key), readable(value))).collect();
        tags.sort();
        for (key, value) in tags.iter().filter(|(key, value)| !key.is_empty() && !value.is_empty()) {
            out.push(b',');
            escape(key, b",= ", out);
            out.push(b'=');
            escape(value, b",= ", out);
        }
        let mut sign = b' ';
        for (name, value) in &self.fields {
            if matches!(value, FieldValue::Float(x) if !x.is_finite()) {
                continue;
            }
            out.push(sign);
            sign = b',';
            escape(&readable(name.as_bytes()), b",= ", out);
            match value {
                FieldValue::Int(n) => out.extend_from_slice(format!("={n}i").as_bytes()),
                FieldValue::Float(x) => out.extend_from_slice(format!("={x}").as_bytes()),
            }
        }
        if sign == b' ' {
            return out.truncate(began);
        }
        out.extend_from_slice(format!(" {}\n", self.time).as_bytes());
    }
}

/// A text that can be written: UTF-8, on one line, not too long, without a backslash where it would escape what follows.
fn readable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut readable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    readable.truncate(readable.floor_char_boundary(LONGEST));
    readable.trim_start_matches(' ').trim_end_matches(['\\', ' ']).to_string()
}

/// Appends a text with a backslash in front of each sign that would end it.
fn escape(text: &str, signs: &[u8], out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if signs.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FieldValue, Point};

    fn line(measurement: &str, tags: &[(&str, &str)], fields: &[(&str, FieldValue)]) -> String {
        let tags = tags.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
        let fields = fields.iter().map(|(name, value)| ((*name).to_string(), *value)).collect();
        let mut out = Vec::new();
        Point { measurement, tags, fields, time: 1_700_000_000_000_000_000 }.write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_point_is_escaped_and_in_order() {
        let count = [("count", FieldValue::Int(5))];
        for (measurement, tags, fields, expected) in [
            ("http", &[("class", "2xx")][..], &count[..], "http,class=2xx count=5i"),
            ("a b,c=d", &[], &count, r"a\ b\,c=d count=5i"),
            ("m", &[("b", "1"), ("a", "x y,z=\"\\w")], &count, r#"m,a=x\ y\,z\="\w,b=1 count=5i"#),
            ("m", &[("a", ""), ("b", "x\\"), ("c", "1\n2\r\0"), ("d", "\\\\")], &count, r"m,b=x,c=1\ 2 count=5i"),
            ("m", &[("k,=k y", "é")], &[("f g", FieldValue::Float(0.5))], r"m,k\,\=k\ y=é f\ g=0.5"),
            ("m", &[], &[("a", FieldValue::Float(f64::NAN)), ("b", FieldValue::Float(3.0))], "m b=3"),
        ] {
            assert_eq!(line(measurement, tags, fields), format!("{expected} 1700000000000000000\n"));
        }
        assert_eq!(line("m", &[], &[("a", FieldValue::Float(f64::INFINITY))]), "");
    }

    /// Splits at a sign that no backslash escapes, as InfluxDB does.
    fn split(text: &str, at: char) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let last = parts.last_mut().expect("one at least");
            if c == '\\' && chars.peek().is_some_and(|next| ",= ".contains(*next)) {
                last.push(c);
                last.extend(chars.next());
            } else if c == at {
                parts.push(String::new());
            } else {
                last.push(c);
            }
        }
        parts
    }

    fn plain(text: &str) -> String {
        text.replace("\\,", ",").replace("\\=", "=").replace("\\ ", " ")
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in "[ -~é]{0,20}", measurement in "[a-z ,]{1,8}") {
            let text = line(&format!("m{measurement}m"), &[("key", &value)], &[("count", FieldValue::Int(1))]);
            prop_assert!(text.ends_with('\n') && text.matches('\n').count() == 1);
            let parts = split(text.trim_end(), ' ');
            prop_assert_eq!(parts.len(), 3, "{}", text);
            let series = split(&parts[0], ',');
            prop_assert_eq!(plain(&series[0]), format!("m{measurement}m"));
            let expected = value.trim_matches(' ').trim_end_matches(['\\', ' ']);
            match series.get(1) {
                None => prop_assert_eq!(expected, ""),
                Some(tag) => {
                    let tag = split(tag, '=');
                    prop_assert_eq!(tag.len(), 2, "{}", text);
                    prop_assert_eq!(plain(&tag[1]), expected);
                }
            }
        }
    }
}
