//! Which decoder fits an input, by its first lines.

use super::log::{self, LogFormat};
use super::{Wanted, json, recording};
use crate::engine::{Fields, Value};
use crate::order;
use crate::plan::Field;

/// What the lines of an input are.
#[derive(Clone, Debug)]
pub enum Kind {
    /// One JSON object a line.
    Json,
    /// One EDN map a line.
    Edn,
    Log(LogFormat),
}

impl Kind {
    /// What to call it in messages.
    pub fn name(&self) -> &str {
        match self {
            Kind::Json => "JSON events",
            Kind::Edn => "EDN events",
            Kind::Log(format) => format.name(),
        }
    }

    /// Whether lines have more fields than are read.
    pub fn goes_on(&self) -> bool {
        matches!(self, Kind::Log(format) if format.goes_on())
    }

    /// Whether events carry the time at which a request began, and nothing that says when it ended.
    pub fn starts_at_request(&self) -> bool {
        match self {
            Kind::Json | Kind::Edn => false,
            Kind::Log(format) => format.starts_at_request(),
        }
    }
}

/// How many lines are looked at.
const LINES: usize = 100;

/// What fits the lines of `sample` best; None if there is no line. The last line counts only if the input has `ended`.
///
/// # Errors
/// What to do, with the first line.
pub fn detect(sample: &[u8], ended: bool) -> Result<Option<Kind>, String> {
    let lines = lines(sample, ended);
    let Some(first) = lines.first() else {
        return Ok(None);
    };
    if recording::begins(first) {
        return Err("is a recording of `run --record`: add `--as-live`".into());
    }
    let inside = first.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    match inside.map(<[u8]>::first) {
        Some(Some(b'"' | b'}')) => {
            let best = if hold_events(&lines) { None } else { best(&lines) };
            return Ok(Some(best.map_or(Kind::Json, Kind::Log)));
        }
        Some(Some(b':' | b'#' | b';')) => return Ok(Some(Kind::Edn)),
        Some(None) => {
            return Err("a `{` alone on the first line: events are one object a line, as `jq -c .` writes them".into());
        }
        _ => {}
    }
    if let Some(inside) = first.strip_prefix(b"[")
        && matches!(inside.trim_ascii_start().first(), None | Some(b'{'))
    {
        return Err("a list of events: write one a line, as `jq -c '.[]'` does".into());
    }
    match best(&lines) {
        Some(mut format) => {
            format.note_more(first);
            Ok(Some(Kind::Log(format)))
        }
        None => Err(format!(
            "neither events nor a log format that is known: its first line is `{}`; name its format with --log-format, \
             or paste the server's `log_format` or `LogFormat` there",
            json::lossy(first)
        )),
    }
}

/// How many of the first lines each known format understands, and how many there are: the best first; those that
/// understand none are left out. The last line counts only if the input has `ended`.
pub fn candidates(sample: &[u8], ended: bool) -> Vec<(&'static str, usize, usize)> {
    ranked(&lines(sample, ended))
}

/// In order of preference: what says more comes before what understands the same lines.
const TRIED: [&str; 17] = [
    "cloudfront",
    "iis",
    "w3c",
    "alb",
    "haproxy",
    "envoy",
    "traefik",
    "nginx_timed",
    "vhost_combined",
    "combined",
    "common",
    "caddy",
    "traefik_json",
    "envoy_json",
    "nginx_json",
    "ltsv",
    "logfmt",
];

fn best(lines: &[&[u8]]) -> Option<LogFormat> {
    let ranked = ranked(lines);
    LogFormat::named(ranked.first()?.0)
}

fn ranked(lines: &[&[u8]]) -> Vec<(&'static str, usize, usize)> {
    let status = Field::named("status-code");
    let wanted = Wanted::of([&Field::Metric, &status]);
    let mut ranked = Vec::new();
    for name in TRIED {
        let sign = sign(name);
        if !lines.iter().any(|line| sign.is_empty() || memchr::memmem::find(line, sign).is_some()) {
            continue;
        }
        let Some(format) = LogFormat::named(name) else { continue };
        let decoder = format.decoder("http", &wanted);
        let understood = lines.iter().filter(|line| match decoder.decode(line) {
            // A duration that is no number is another field; and keys with values may be about anything.
            Ok(Some(event)) => {
                let is_timed = matches!(event.metric, Value::Nil | Value::Number(_));
                is_timed && (!matches!(name, "ltsv" | "logfmt") || !event.field(&status).is_nil())
            }
            Ok(None) | Err(_) => false,
        });
        let understood = understood.count();
        let header = lines.iter().filter(|line| format.has_header() && line.starts_with(b"#")).count();
        if understood > 0 || (header == lines.len() && header > 0) {
            ranked.push((name, understood, lines.len() - header));
        }
    }
    order::by_key(&mut ranked, |(_, understood, _)| std::cmp::Reverse(*understood));
    ranked
}

/// What a file in this format holds, if something is sure.
fn sign(name: &str) -> &'static [u8] {
    match name {
        "cloudfront" => b"x-edge-location",
        "iis" => b"#Software: Microsoft Internet Information",
        "w3c" => b"#Fields:",
        "caddy" => b"\"request\":{",
        "traefik_json" => b"\"DownstreamStatus\"",
        "envoy_json" => b"\"response_code\"",
        _ => b"",
    }
}

/// Whether a line of JSON has a key that only events have.
fn hold_events(lines: &[&[u8]]) -> bool {
    lines.iter().any(|line| {
        let mut is_event = false;
        let _ = log::each_key(line, &mut |key| is_event |= matches!(key, "service" | "metric"));
        is_event
    })
}

fn lines(sample: &[u8], ended: bool) -> Vec<&[u8]> {
    let whole = match memchr::memrchr(b'\n', sample) {
        Some(end) if !ended => &sample[..end],
        _ => sample,
    };
    let trimmed = whole.split(|byte| *byte == b'\n').map(trim);
    trimmed.filter(|line| !line.is_empty()).take(LINES).collect()
}

fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
    line[start..].trim_ascii()
}
