//! Which decoder fits an input, by its first lines.

use super::log::LogFormat;
use super::{Wanted, json, recording};

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
    let whole = match memchr::memrchr(b'\n', sample) {
        Some(end) if !ended => &sample[..end],
        _ => sample,
    };
    let trimmed = whole.split(|byte| *byte == b'\n').map(trim);
    let lines: Vec<&[u8]> = trimmed.filter(|line| !line.is_empty()).take(LINES).collect();
    let Some(first) = lines.first() else {
        return Ok(None);
    };
    if recording::begins(first) {
        return Err("is a recording of `run --record`: add `--as-live`".into());
    }
    let inside = first.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    match inside.map(<[u8]>::first) {
        Some(Some(b'"' | b'}')) => return Ok(Some(Kind::Json)),
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
    let nothing = Wanted::default();
    let mut best: Option<(usize, LogFormat)> = None;
    for name in ["vhost_combined", "combined", "common"] {
        let format = LogFormat::named(name).expect("a known name");
        let decoder = format.decoder("http", &nothing);
        let understood = lines.iter().filter(|line| decoder.decode(line).is_ok()).count();
        if understood > best.as_ref().map_or(0, |(most, _)| *most) {
            best = Some((understood, format));
        }
    }
    match best {
        Some((_, mut format)) => {
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

fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
    line[start..].trim_ascii()
}
