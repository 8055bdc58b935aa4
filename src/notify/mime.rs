//! Headers and bodies of mail: what is not ASCII encoded (RFC 2045, 2047), no line too long, no header but those meant.

use super::{base64, one_line};
use crate::plan::Timestamp;

/// A word of RFC 2047 holds so many bytes, so that it has at most 75 characters.
const WORD: usize = 45;
/// A line of quoted-printable, without what ends it.
const LINE: usize = 76;

/// Appends `Name: value`, a text for people.
pub fn text_header(name: &str, value: &str, out: &mut Vec<u8>) {
    raw_header(name, &words(value), out);
}

/// Appends `Name: value` as it is, but on its line; lines may be continued by CR LF and a space.
pub fn raw_header(name: &str, value: &str, out: &mut Vec<u8>) {
    let lines: Vec<_> = value.split("\r\n ").map(one_line).collect();
    out.extend_from_slice(format!("{name}: {}\r\n", lines.join("\r\n ")).as_bytes());
}

/// Addresses as a header wants them, from `a@example.com` or `Some Name <a@example.com>`.
pub fn mailboxes(written: &[String]) -> String {
    let shown = written.iter().map(|written| match (name(written), address(written)) {
        ("", address) => address.to_string(),
        (name, address) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ') => {
            format!("{name} <{address}>")
        }
        (name, address) => format!("{} <{address}>", encoded(name)),
    });
    shown.collect::<Vec<_>>().join(",\r\n ")
}

/// The address alone, for the envelope.
pub fn address(written: &str) -> &str {
    let written = written.trim();
    match written.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((_, address)) => address.trim(),
        None => written,
    }
}

fn name(written: &str) -> &str {
    let name = written.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map_or("", |(name, _)| name);
    name.trim().trim_matches('"')
}

fn words(text: &str) -> String {
    let text = one_line(text);
    if text.is_ascii() && !text.contains("=?") { text.into_owned() } else { encoded(&text) }
}

fn encoded(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in one_line(text).chars() {
        if word.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<_> = words.iter().map(|word| format!("=?utf-8?B?{}?=", base64(word.as_bytes()))).collect();
    words.join("\r\n ")
}

/// Appends the text as quoted-printable; its lines end with a line feed.
pub fn quoted_printable(text: &str, out: &mut Vec<u8>) {
    for line in text.lines() {
        let mut length = 0;
        let bytes = line.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let is_last = at + 1 == bytes.len();
            let is_plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !is_last);
            let escaped = format!("={byte:02X}");
            let shown = if is_plain { &bytes[at..=at] } else { escaped.as_bytes() };
            // One more for the `=` that continues a line.
            if length + shown.len() + usize::from(!is_last) > LINE {
                out.extend_from_slice(b"=\r\n");
                length = 0;
            }
            out.extend_from_slice(shown);
            length += shown.len();
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// `Tue, 14 Nov 2023 22:20:00 +0000`.
pub fn date(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let day = DAYS[time.micros().div_euclid(86_400_000_000).rem_euclid(7) as usize];
    let text = time.to_string();
    let month = MONTHS[text[5..7].parse::<usize>().map_or(0, |month| (month - 1).min(11))];
    format!("{day}, {} {month} {} {} +0000", &text[8..10], &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_mail() {
        for (text, shown) in [
            ("2023-11-14T22:20:00.25Z", "Tue, 14 Nov 2023 22:20:00 +0000"),
            ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 +0000"),
            ("1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 +0000"),
            ("2024-02-29T01:02:03Z", "Thu, 29 Feb 2024 01:02:03 +0000"),
        ] {
            assert_eq!(date(Timestamp::from_rfc3339(text.as_bytes()).unwrap()), shown);
        }
    }

    #[test]
    fn a_header_is_one_header_whatever_it_says() {
        for (value, line) in [
            ("plain text", "Subject: plain text\r\n"),
            ("a\r\nBcc: b@example.com", "Subject: a  Bcc: b@example.com\r\n"),
            ("zwölf", "Subject: =?utf-8?B?enfDtmxm?=\r\n"),
            ("=?utf-8?B?x?=", "Subject: =?utf-8?B?PT91dGYtOD9CP3g/PQ==?=\r\n"),
        ] {
            let mut out = Vec::new();
            text_header("Subject", value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
        let mut out = Vec::new();
        text_header("Subject", &"日本語\r\n".repeat(40), &mut out);
        for line in String::from_utf8(out).unwrap().trim_end().split("\r\n") {
            assert!(line.len() <= 85 && (line.starts_with("Subject: =?") || line.starts_with(" =?")), "{line}");
        }
    }

    #[test]
    fn addresses_have_names_or_not() {
        let written = ["a@example.com", "On Call <b@example.com>", "\"Müller, J.\" <c@example.com>", "d@x\r\nBcc: e@x"];
        let shown = "a@example.com,\r\n On Call <b@example.com>,\r\n =?utf-8?B?TcO8bGxlciwgSi4=?= <c@example.com>,\r\n d@x\r\nBcc: e@x";
        let written = written.map(str::to_string);
        assert_eq!(mailboxes(&written), shown);
        assert_eq!(written.each_ref().map(|one| address(one))[1..3], ["b@example.com", "c@example.com"]);
        let mut out = Vec::new();
        raw_header("To", &mailboxes(&written[3..]), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "To: d@x  Bcc: e@x\r\n");
    }

    #[test]
    fn quoted_printable_keeps_lines_short_and_all_text() {
        for (text, encoded) in
            [("a = b\n", "a =3D b\r\n"), ("ends \n\nö", "ends=20\r\n\r\n=C3=B6\r\n"), ("a\u{0}\rb", "a=00=0Db\r\n")]
        {
            let mut out = Vec::new();
            quoted_printable(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), encoded);
        }
        let mut out = Vec::new();
        quoted_printable(&format!("{}{}", "x".repeat(76), "\nö=".repeat(100)), &mut out);
        quoted_printable(&"ö".repeat(1000), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with(&format!("{}\r\n", "x".repeat(76))));
        assert!(out.split("\r\n").all(|line| line.len() <= LINE));
        let decoded = out.replace("=\r\n", "");
        assert_eq!(decoded.matches("=C3=B6").count(), 1100);
    }
}
