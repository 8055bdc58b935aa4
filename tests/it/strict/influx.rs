//! The three versions of InfluxDB: what each keeps, and how it says what it does not.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::json;

use super::{Say, Seen};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
    Three,
}

/// A database `logs`, written to by whoever has the right `authorization`.
pub struct Database {
    pub version: Version,
    pub authorization: Option<&'static str>,
    /// The longest body, as it is sent.
    pub most: usize,
    /// Fields by series and time.
    pub stored: BTreeMap<(String, i64), BTreeMap<String, String>>,
    /// Whether a field is whole, by measurement and name.
    pub whole: BTreeMap<(String, String), bool>,
    /// Lines in order of arrival.
    pub lines: Vec<String>,
}

impl Database {
    pub fn new(version: Version) -> Database {
        Database {
            version,
            authorization: None,
            most: usize::MAX,
            stored: BTreeMap::new(),
            whole: BTreeMap::new(),
            lines: vec![],
        }
    }

    pub fn answer(&mut self, seen: &Seen) -> Say {
        let path = match self.version {
            Version::One => "/write?db=logs&precision=ns",
            Version::Two => "/api/v2/write?org=shop&bucket=logs&precision=ns",
            Version::Three => "/api/v3/write_lp?db=logs&precision=nanosecond&accept_partial=true&no_sync=false",
        };
        if seen.header("authorization") != self.authorization {
            return self.refuse(401, "unauthorized", &format!("unauthorized: {:?}", seen.header("authorization")));
        }
        if seen.path != path {
            let (_, rest) = seen.path.split_once("db=").or(seen.path.split_once("bucket=")).unwrap_or(("", ""));
            let name = rest.split('&').next().unwrap_or_default();
            return match self.version {
                Version::Two => self.refuse(404, "not found", &format!("bucket \"{name}\" not found")),
                _ => self.refuse(404, "not found", &format!("database not found: \"{name}\"")),
            };
        }
        if seen.body.len() > self.most {
            return self.refuse(413, "request too large", "Request Entity Too Large");
        }
        assert_eq!(seen.header("content-encoding"), Some("gzip"), "{seen:?}");
        let mut body = String::new();
        GzDecoder::new(&seen.body[..]).read_to_string(&mut body).expect("UTF-8, packed");
        assert!(body.ends_with('\n'), "a line is cut: {body}");
        self.take(&body)
    }

    fn take(&mut self, body: &str) -> Say {
        let lines: Vec<_> = body.lines().map(|line| (line, parse(line))).collect();
        let unread: Vec<_> = lines.iter().filter(|(_, read)| read.is_none()).map(|(line, _)| *line).collect();
        let faults: Vec<_> = unread.iter().map(|line| format!("unable to parse '{line}': missing fields")).collect();
        if self.version == Version::Two && !unread.is_empty() {
            return self.refuse(400, "invalid", &faults.join("\n"));
        }
        let mut conflicts = vec![];
        for (line, read) in lines {
            let Some((series, fields, time)) = read else { continue };
            match self.conflict(&series, &fields) {
                Some(field) => conflicts.push((line, format!("field type conflict: input field \"{field}\""))),
                None => {
                    self.stored.entry((series, time)).or_default().extend(fields);
                    self.lines.push(line.to_string());
                }
            }
        }
        let dropped = conflicts.len();
        match self.version {
            _ if unread.is_empty() && dropped == 0 => Say::status(204),
            Version::Three => {
                let data = unread.iter().zip(&faults).chain(conflicts.iter().map(|(line, why)| (line, why)));
                let data: Vec<_> =
                    data.map(|(line, why)| json!({"original_line": line, "error_message": why})).collect();
                let said = json!({"error": "partial write of line protocol occurred", "data": data});
                Say::Answer(400, &[], said.to_string())
            }
            Version::Two => {
                let why = &conflicts[0].1;
                let why = format!("failure writing points to database: partial write: {why} dropped={dropped}");
                self.refuse(422, "unprocessable entity", &why)
            }
            // What is in conflict hides what cannot be read.
            Version::One => match conflicts.first() {
                Some((_, why)) => self.refuse(400, "", &format!("partial write: {why} dropped={dropped}")),
                None => self.refuse(400, "", &format!("partial write: {} dropped=0", faults.join("\n"))),
            },
        }
    }

    fn refuse(&self, status: u16, code: &str, why: &str) -> Say {
        let said = match self.version {
            Version::Two => json!({"code": code, "message": why}),
            _ => json!({"error": why}),
        };
        Say::Answer(status, &[], said.to_string())
    }

    /// A field that has another type in its measurement.
    fn conflict(&mut self, series: &str, fields: &[(String, String)]) -> Option<String> {
        let measurement = split(series, ',').swap_remove(0);
        let key = |name: &String| (measurement.clone(), name.clone());
        let is_whole = |value: &str| value.ends_with('i');
        let other = |(name, value): &&(String, String)| {
            self.whole.get(&key(name)).is_some_and(|whole| *whole != is_whole(value))
        };
        if let Some((name, _)) = fields.iter().find(other) {
            return Some(name.clone());
        }
        self.whole.extend(fields.iter().map(|(name, value)| (key(name), is_whole(value))));
        None
    }
}

type Line = (String, Vec<(String, String)>, i64);

/// None for what is no line: also tags out of order, and times that are no nanoseconds of our days.
fn parse(line: &str) -> Option<Line> {
    let parts = split(line, ' ');
    let [series, fields, time] = parts.as_slice() else { return None };
    let pair = |text: &str| match split(text, '=').as_slice() {
        [name, value] if !name.is_empty() && !value.is_empty() && !value.ends_with('\\') => {
            Some((name.clone(), value.clone()))
        }
        _ => None,
    };
    let tags: Option<Vec<_>> = split(series, ',')[1..].iter().map(|tag| pair(tag)).collect();
    if !tags?.is_sorted() {
        return None;
    }
    let fields: Option<Vec<_>> = split(fields, ',').iter().map(|field| pair(field)).collect();
    let fields = fields?;
    let is_number = |(_, value): &(String, String)| match value.strip_suffix('i') {
        Some(digits) => digits.parse::<i64>().is_ok(),
        None => value.parse::<f64>().is_ok_and(f64::is_finite),
    };
    let time = time.parse().ok().filter(|time| (1_600_000_000_000_000_000..).contains(time))?;
    fields.iter().all(is_number).then(|| (series.clone(), fields, time))
}

/// Cut where a sign has no backslash in front.
fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        match c == at && before != '\\' {
            true => parts.push(String::new()),
            false => parts.last_mut().expect("one at least").push(c),
        }
        before = c;
    }
    parts
}
