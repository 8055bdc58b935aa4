//! A point as a line of InfluxDB's line protocol.

use std::borrow::Cow;
use std::io::Write as _;

/// What InfluxDB takes of measurement and tags together is 65,535 bytes as they are written, with the name of a field.
const SERIES: usize = 65_000;
/// The longest name of a tag or a field, in bytes as it is written.
const NAME: usize = 500;
/// The longest measurement, in bytes as it is written.
const MEASUREMENT: usize = 5_000;

/// What has a backslash in front.
const IN_MEASUREMENTS: &[char] = &[',', ' '];
const IN_TAGS: &[char] = &[',', '=', ' '];

/// Values of some fields at a time, of what measurement and tags name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    /// It is not empty.
    pub measurement: &'a str,
    /// In any order. Of two with one name the first counts.
    pub tags: &'a [(&'a [u8], &'a [u8])],
    /// In any order.
    pub fields: &'a [(&'a str, FieldValue)],
    /// Since 1970.
    pub nanos: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue {
    Integer(i64),
    Float(f64),
}

/// Appends a point as one line, and a line feed. The same series is always the same bytes.
///
/// Tags without a value are left out, and fields that are no number; what cannot be written is replaced as [`tag_value`]
/// says, and in names of measurements and fields each backslash by a slash. Returns whether there was a field: else
/// nothing is written.
pub fn write(point: &Point<'_>, out: &mut Vec<u8>) -> bool {
    let mut fields: Vec<_> =
        point.fields.iter().filter(|(name, value)| !name.is_empty() && value.is_number()).collect();
    if fields.is_empty() {
        return false;
    }
    fields.sort_by_key(|(name, _)| *name);
    let measurement = measurement(point.measurement);
    out.extend_from_slice(measurement.as_bytes());
    for (name, value) in tags(point.tags, SERIES - measurement.len()) {
        out.push(b',');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
    for (at, (name, value)) in fields.into_iter().enumerate() {
        out.push(if at == 0 { b' ' } else { b',' });
        out.extend_from_slice(escaped(&name_of(name), IN_TAGS, NAME).as_bytes());
        out.push(b'=');
        value.write(out);
    }
    writeln!(out, " {}", point.nanos).expect("a vector takes all");
    true
}

/// The value of a tag as InfluxDB will have it; None if it is empty, which is as if there were no tag.
///
/// What is no UTF-8 becomes U+FFFD, as do control characters; line breaks and tabs become spaces, and a backslash at the
/// end, which would hide what follows, a slash. It has at most 65,000 bytes. Values that are one thereafter are one
/// series: count by what this returns.
pub fn tag_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let clean = clean(value);
    if clean.len() <= SERIES {
        return (!clean.is_empty()).then_some(clean);
    }
    let end = clean.floor_char_boundary(SERIES);
    Some(Cow::Owned(without_backslashes_at_the_end(clean[..end].to_string())))
}

impl FieldValue {
    fn is_number(self) -> bool {
        match self {
            FieldValue::Integer(_) => true,
            FieldValue::Float(value) => value.is_finite(),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        let written = match self {
            FieldValue::Integer(value) => write!(out, "{value}i"),
            // Without an exponent it would have hundreds of digits.
            FieldValue::Float(value) if value != 0.0 && !(1e-6..1e16).contains(&value.abs()) => {
                write!(out, "{value:e}")
            }
            FieldValue::Float(value) => write!(out, "{value}"),
        };
        written.expect("a vector takes all");
    }
}

fn measurement(text: &str) -> String {
    let text = name_of(text);
    // A line that begins with `#` is a comment.
    let text = match text.strip_prefix('#') {
        Some(rest) => format!("_{rest}"),
        None => text,
    };
    escaped(&text, IN_MEASUREMENTS, MEASUREMENT)
}

/// The name of a measurement or a field: unlike in tags, InfluxDB 1 takes any backslash and what follows for one sign.
fn name_of(text: &str) -> String {
    clean(text.as_bytes()).replace('\\', "/")
}

/// Names and values as they are written, in order of name, that have together at most `most` bytes.
fn tags(tags: &[(&[u8], &[u8])], most: usize) -> Vec<(String, String)> {
    let mut clean: Vec<_> =
        tags.iter().filter_map(|(name, value)| Some((tag_value(name)?, tag_value(value)?))).collect();
    clean.sort_by(|a, b| a.0.cmp(&b.0));
    let named = clean.iter().map(|(name, value)| (escaped(name, IN_TAGS, NAME), value));
    let mut named: Vec<_> = named.collect();
    // Names that are one once they are cut are neighbours, too.
    named.dedup_by(|later, first| later.0 == first.0);
    let escape = |most: usize| {
        let written = named.iter().map(|(name, value)| (name.clone(), escaped(value, IN_TAGS, most)));
        written.filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>()
    };
    let written = escape(most);
    let names: usize = written.iter().map(|(name, _)| name.len() + 2).sum();
    let values: usize = written.iter().map(|(_, value)| value.len()).sum();
    if names + values <= most {
        return written;
    }
    // Each its share.
    escape(most.saturating_sub(names) / named.len())
}

/// Text that can be written.
fn clean(text: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(text);
    if !text.contains(char::is_control) && !text.ends_with('\\') {
        return text;
    }
    let readable = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    Cow::Owned(without_backslashes_at_the_end(text.chars().map(readable).collect()))
}

/// With a backslash in front of each of `special`, as far as it has at most `most` bytes.
fn escaped(text: &str, special: &[char], most: usize) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        let is_special = special.contains(&c);
        if written.len() + c.len_utf8() + usize::from(is_special) > most {
            return without_backslashes_at_the_end(written);
        }
        if is_special {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

fn without_backslashes_at_the_end(mut text: String) -> String {
    let kept = text.trim_end_matches('\\').len();
    let slashes = "/".repeat(text.len() - kept);
    text.replace_range(kept.., &slashes);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Tags<'a> = &'a [(&'a [u8], &'a [u8])];

    type Fields<'a> = &'a [(&'a str, FieldValue)];

    fn line(measurement: &str, tags: Tags<'_>, fields: Fields<'_>) -> String {
        let mut out = Vec::new();
        write(&Point { measurement, tags, fields, nanos: 1_700_000_000_000_000_001 }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_point_is_one_line() {
        const ONE: Fields<'_> = &[("count", FieldValue::Integer(1))];
        let cases: [(&str, Tags<'_>, Fields<'_>, &str); 16] = [
            ("http", &[(b"host", b"web-1"), (b"class", b"2xx")], ONE, "http,class=2xx,host=web-1 count=1i"),
            ("http", &[], &[("a", FieldValue::Float(3.0)), ("b", FieldValue::Float(0.25))], "http a=3,b=0.25"),
            ("http", &[], &[("b", FieldValue::Float(1.5)), ("a", FieldValue::Integer(-7))], "http a=-7i,b=1.5"),
            ("m", &[], &[("a", FieldValue::Float(1.5e300)), ("b", FieldValue::Float(-2e-9))], "m a=1.5e300,b=-2e-9"),
            ("m", &[], &[("a", FieldValue::Float(f64::NAN)), ("b", FieldValue::Integer(1))], "m b=1i"),
            (
                "a b,c=d",
                &[(b"k =,", b"v =,")],
                &[("f =,", FieldValue::Integer(1))],
                r"a\ b\,c=d,k\ \=\,=v\ \=\, f\ \=\,=1i",
            ),
            ("m", &[(b"path", b""), (b"", b"x"), (b"host", b"a")], ONE, "m,host=a count=1i"),
            ("m", &[(b"path", br"C:\dir\")], ONE, r"m,path=C:\dir/ count=1i"),
            ("m", &[(b"path", br"a\\")], ONE, "m,path=a// count=1i"),
            ("m", &[(b"path", br"a\,b")], ONE, r"m,path=a\\,b count=1i"),
            ("m", &[(b"ua", b"a\r\nb\tc\0d")], ONE, "m,ua=a\\ \\ b\\ c\u{fffd}d count=1i"),
            ("m", &[(b"ua", b"a\xffb")], ONE, "m,ua=a\u{fffd}b count=1i"),
            ("m", &[(b"host", b"first"), (b"host", b"second")], ONE, "m,host=first count=1i"),
            ("#m\\", &[], ONE, "_m/ count=1i"),
            ("m", &[], &[("a\\,b", FieldValue::Integer(1))], r"m a/\,b=1i"),
            ("日本", &[("k=".as_bytes(), "ä ö".as_bytes())], ONE, r"日本,k\==ä\ ö count=1i"),
        ];
        for (measurement, tags, fields, expected) in cases {
            assert_eq!(line(measurement, tags, fields), format!("{expected} 1700000000000000001\n"));
        }
        assert_eq!(line("m", &[(b"a", b"b")], &[("a", FieldValue::Float(f64::INFINITY))]), "");
        assert_eq!(line("m", &[(b"a", b"b")], &[]), "");
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        let long = "ä".repeat(50_000);
        for (tags, least) in [
            (vec![(&b"a"[..], long.as_bytes())], 64_900),
            (vec![(&b"a"[..], long.as_bytes()), (b"b", long.as_bytes()), (b"c", b"x")], 40_000),
            (vec![(long.as_bytes(), long.as_bytes())], 64_000),
        ] {
            let line = line("http", &tags, &[(&long, FieldValue::Integer(1))]);
            let (series, field) = line.split_once(' ').unwrap();
            assert!(series.len() >= least && series.len() <= 65_000, "{}", series.len());
            assert!(field.len() < 535, "{}", field.len());
        }
        let names = ["x".repeat(600) + "1", "x".repeat(600) + "2"];
        let two =
            line("m", &[(names[0].as_bytes(), b"a"), (names[1].as_bytes(), b"b")], &[("f", FieldValue::Integer(1))]);
        assert_eq!(two.matches('=').count(), 2);
        // An escape is not cut through, and no backslash is left at an end.
        for text in [",".repeat(70_000), "\\".repeat(70_000), "x\\,".repeat(30_000), " ä".repeat(30_000)] {
            let line = line("m", &[(b"a", text.as_bytes()), (b"b", b"end")], &[("f", FieldValue::Integer(1))]);
            let (series, ..) = parse(line.as_bytes());
            assert_eq!(series.last(), Some(&("b".to_string(), "end".to_string())));
        }
    }

    #[test]
    fn a_tag_value_is_what_is_written_of_it() {
        for value in [&b"a"[..], b"", b"\\", b"a\\\\", b"\xff\xfe", b"a\nb", &b"\\".repeat(70_000)] {
            let Some(once) = tag_value(value) else {
                assert!(value.is_empty());
                continue;
            };
            assert_eq!(tag_value(once.as_bytes()).as_ref(), Some(&once));
        }
    }

    type Series = Vec<(String, String)>;

    /// What InfluxDB 1 makes of a line: the measurement as a tag without a name, tags, fields, a time.
    fn parse(line: &[u8]) -> (Series, Series, String) {
        let line = std::str::from_utf8(line).unwrap().strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'));
        let parts = split(line, ' ');
        let [series, fields, time] = parts.as_slice() else { panic!("{line}") };
        let pair = |text: &String| {
            let parts = split(text, '=');
            let [name, value] = parts.as_slice() else { panic!("{text} of {line}") };
            assert!(!name.is_empty() && !value.is_empty(), "{line}");
            (unescaped(name, ",= "), unescaped(value, ",= "))
        };
        let mut of_series = split(series, ',').into_iter();
        let measurement = unescaped(&of_series.next().unwrap(), ", ");
        let tags = of_series.map(|tag| pair(&tag));
        let all = [(String::new(), measurement)].into_iter().chain(tags).collect();
        (all, split(fields, ',').iter().map(pair).collect(), time.clone())
    }

    /// Cut where a sign has no backslash in front.
    fn split(text: &str, at: char) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut before = ' ';
        for c in text.chars() {
            if c == at && before != '\\' {
                parts.push(String::new());
            } else {
                parts.last_mut().unwrap().push(c);
            }
            before = c;
        }
        parts
    }

    fn unescaped(text: &str, special: &str) -> String {
        special.chars().fold(text.to_string(), |text, c| text.replace(&format!("\\{c}"), &c.to_string()))
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let sign = prop_oneof![
            Just(b"\\".to_vec()),
            Just(b",".to_vec()),
            Just(b"=".to_vec()),
            Just(b" ".to_vec()),
            Just(b"\"".to_vec()),
            Just(b"#".to_vec()),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(sign, 0..12).prop_map(|signs| signs.concat())
    }

    /// What is read back of a text.
    fn kept(text: &[u8]) -> Option<String> {
        let text: String = String::from_utf8_lossy(text)
            .chars()
            .map(|c| match c {
                '\n' | '\r' | '\t' => ' ',
                c if c.is_control() => '\u{fffd}',
                c => c,
            })
            .collect();
        let bare = text.trim_end_matches('\\');
        let text = format!("{bare}{}", "/".repeat(text.len() - bare.len()));
        (!text.is_empty()).then_some(text)
    }

    proptest! {
        #[test]
        fn a_parser_gets_back_what_was_written(
            measurement in "[a-z#][a-z ,=\\\\ä]{0,8}",
            tags in prop::collection::vec((bytes(), bytes()), 0..5),
            fields in prop::collection::vec((bytes(), any::<f64>(), any::<i64>()), 1..4),
            nanos in any::<i64>(),
        ) {
            let named: Vec<_> =
                fields.iter().filter_map(|(name, ..)| Some(kept(name)?.replace('\\', "/"))).collect();
            prop_assume!(named.len() == fields.len());
            let values = fields.iter().enumerate().map(|(at, (_, float, integer))| match at % 2 {
                0 => FieldValue::Integer(*integer),
                _ => FieldValue::Float(*float),
            });
            let fields: Vec<_> = named.iter().map(String::as_str).zip(values).collect();
            let borrowed: Vec<_> = tags.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
            let mut out = Vec::new();
            write(&Point { measurement: &measurement, tags: &borrowed, fields: &fields, nanos }, &mut out);
            let (series, read, time) = parse(&out);

            let mut expected: Series = Vec::new();
            for (name, value) in &tags {
                if let (Some(name), Some(value)) = (kept(name), kept(value))
                    && expected.iter().all(|(known, _)| *known != name)
                {
                    expected.push((name, value));
                }
            }
            expected.sort();
            let first = kept(measurement.as_bytes()).unwrap().replace('\\', "/");
            let first = first.strip_prefix('#').map_or(first.clone(), |rest| format!("_{rest}"));
            expected.insert(0, (String::new(), first));
            prop_assert_eq!(series, expected);

            let mut numbers: Vec<(&str, FieldValue)> = fields.iter().copied().filter(|(_, v)| v.is_number()).collect();
            numbers.sort_by_key(|(name, _)| *name);
            prop_assert_eq!(read.len(), numbers.len());
            for ((name, text), (known, value)) in read.iter().zip(numbers) {
                prop_assert_eq!(name, known);
                let number = match text.strip_suffix('i') {
                    Some(digits) => FieldValue::Integer(digits.parse().unwrap()),
                    None => FieldValue::Float(text.parse().unwrap()),
                };
                prop_assert_eq!(number, value);
            }
            prop_assert_eq!(time, nanos.to_string());
        }
    }
}
