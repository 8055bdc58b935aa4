//! What `format` found, for people and for machines.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::{Map, Value as Json, json};

use super::{FormatArgs, Found, LOOKED_AT, Looked, Said};
use crate::command::number;
use crate::command::terminal::printable;
use crate::edn::quote;
use crate::source::log::TimeIs;
use crate::source::{Kind, Zone};

/// Of a value so many characters are shown to people.
const VALUE: usize = 120;

/// The widest column, in characters.
const COLUMN: usize = 40;

/// Of lines that are not shown and not understood, so many are named.
const NAMED: usize = 3;

/// Says it to people.
pub fn human(found: &Found, args: &FormatArgs, zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    let kind = &found.kind;
    writeln!(out, "{}: {}: {}", printable(&found.path), printable(kind.name()), counted(found))?;
    let mut row = |name: &str, text: &str| writeln!(out, "  {name:<10} {}", printable(text));
    let known = found.known.iter().map(|(name, understood)| format!("{name} {understood}"));
    match found.known.is_empty() {
        true => row("known", "none of the known formats understands a line")?,
        false => row("known", &known.collect::<Vec<_>>().join(", "))?,
    }
    row("time", time(kind))?;
    row("zone", &zone_of(kind, zone, args.zone.is_some()))?;
    for warning in warnings(kind) {
        row("ambiguous", warning)?;
    }
    if kind.goes_on() {
        row("left out", &format!("what lines have behind {}: paste the server's format to read it, too", kind.name()))?;
    }
    let [option, key] = to_write(kind, args.log_format.as_deref());
    row("write", &option)?;
    row("", &key)?;
    for line in found.lines.iter().filter(|line| line.is_shown) {
        writeln!(out)?;
        show_line(line, out)?;
    }
    let refused: Vec<(&Looked, &String)> = found.refused().filter(|(line, _)| !line.is_shown).collect();
    if !refused.is_empty() {
        writeln!(out)?;
    }
    for (line, cause) in refused.iter().take(NAMED) {
        writeln!(out, "  line {} is not understood: {}", line.number, printable(cause))?;
    }
    match refused.len().saturating_sub(NAMED) {
        0 => {}
        more => writeln!(out, "  and {} more", number(more, "line"))?,
    }
    Ok(())
}

/// `97 of the first 100 lines understood`, `8 of 12 lines understood, 4 say nothing of their own`.
fn counted(found: &Found) -> String {
    let lines = found.lines.len();
    let first = if lines == LOOKED_AT { "the first " } else { "" };
    let understood = format!("{} of {first}{} understood", found.understood(), number(lines, "line"));
    match lines - found.understood() - found.refused().count() {
        0 => understood,
        others => format!("{understood}, {others} without a request of its own (headers, other messages)"),
    }
}

fn show_line(line: &Looked, out: &mut dyn Write) -> io::Result<()> {
    let parts = match &line.said {
        Said::Parts(parts) => parts,
        Said::Nothing => return Ok(()),
        Said::Refused(cause) => {
            writeln!(out, "  line {} is not understood: {}", line.number, printable(cause))?;
            return writeln!(out, "    {}", cut(&String::from_utf8_lossy(&line.text)));
        }
    };
    writeln!(out, "  line {}", line.number)?;
    let width = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| cut(text).chars().count()).filter(|width| *width <= COLUMN).max().unwrap_or(0)
    };
    let labels = width(&mut parts.iter().map(|part| &part.label));
    let values = width(&mut parts.iter().map(|part| &part.value));
    for part in parts {
        let fields = part.fields.iter().map(|(name, value)| match value {
            Json::String(text) if *text == part.value => format!(":{name}"),
            Json::String(text) => format!(":{name} {text}"),
            other => format!(":{name} {other}"),
        });
        let fields = fields.collect::<Vec<_>>().join("  ");
        let shown = format!("{:<labels$}  {:<values$}  {}", cut(&part.label), cut(&part.value), cut(&fields));
        writeln!(out, "    {}", shown.trim_end())?;
    }
    Ok(())
}

/// At most [`VALUE`] characters, none of which drives a terminal.
fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(VALUE).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    printable(&cut).into_owned()
}

/// Says it to machines: one object.
pub fn json(found: &Found, args: &FormatArgs, zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    let kind = &found.kind;
    let known = found.known.iter().map(|(name, count)| json!({ "format": name, "understood": count }));
    let refused = found.refused().map(|(line, message)| {
        json!({ "line": line.number, "message": message, "text": String::from_utf8_lossy(&line.text) })
    });
    let object = json!({
        "v": 1,
        "path": found.path,
        "format": kind.name(),
        "log_format": match kind {
            Kind::Json | Kind::Edn => None,
            Kind::Log(format) => Some(args.log_format.as_deref().unwrap_or(format.name())),
        },
        "lines": found.lines.len(),
        "understood": found.understood(),
        "known": known.collect::<Vec<_>>(),
        "time": match time_is(kind) {
            None => "event",
            Some(TimeIs::Completion) => "completion",
            Some(TimeIs::Start) => "start",
            Some(TimeIs::StartAndDuration) => "start and duration",
        },
        "has_zone": has_zone(kind),
        "zone": if has_zone(kind) { None } else { Some(zone.name()) },
        "ambiguous": warnings(kind),
        "goes_on": kind.goes_on(),
        "shown": found.lines.iter().filter_map(shown_line).collect::<Vec<_>>(),
        "refused": refused.collect::<Vec<_>>(),
    });
    writeln!(out, "{object}")
}

fn shown_line(line: &Looked) -> Option<Json> {
    let parts = match &line.said {
        Said::Parts(parts) if line.is_shown => parts.iter(),
        _ => return None,
    };
    let parts = parts.map(|part| {
        let fields: Map<String, Json> = part.fields.iter().cloned().collect();
        json!({ "label": part.label, "value": part.value, "fields": fields })
    });
    Some(json!({ "line": line.number, "parts": parts.collect::<Vec<_>>() }))
}

fn time_is(kind: &Kind) -> Option<TimeIs> {
    match kind {
        Kind::Json | Kind::Edn => None,
        Kind::Log(format) => Some(format.time_is()),
    }
}

fn time(kind: &Kind) -> &'static str {
    match time_is(kind) {
        None => "as the event says",
        Some(TimeIs::Completion) => "when the request was done",
        Some(TimeIs::StartAndDuration) => "when the request began, and its duration: an event is of its end",
        Some(TimeIs::Start) => {
            "when the request began, and no duration: lines come as late as requests take, so allow for two intervals"
        }
    }
}

fn has_zone(kind: &Kind) -> bool {
    match kind {
        Kind::Json | Kind::Edn => true,
        Kind::Log(format) => format.has_zone(),
    }
}

fn zone_of(kind: &Kind, zone: &Zone, is_given: bool) -> String {
    match (has_zone(kind), is_given) {
        (true, _) => "each line says its own".to_owned(),
        (false, true) => format!("lines do not say theirs; as you say, {}", zone.name()),
        (false, false) => {
            format!("lines do not say theirs; taken as this machine's, {}: --zone names another", zone.name())
        }
    }
}

fn warnings(kind: &Kind) -> &[String] {
    match kind {
        Kind::Json | Kind::Edn => &[],
        Kind::Log(format) => format.warnings(),
    }
}

/// What to write on a command line, and in a configuration.
fn to_write(kind: &Kind, given: Option<&str>) -> [String; 2] {
    let Kind::Log(format) = kind else {
        return ["nothing: it is found by itself".to_owned(), "no `:format` in the configuration, either".to_owned()];
    };
    match given {
        None => {
            let name = format.name();
            [format!("nothing, as it is found by itself, or --log-format {name}"), format!(":format {}", quote(name))]
        }
        Some(file) if file.starts_with('@') => {
            [format!("--log-format {}", shell(file)), ":format \"…\" with the text of the directive".to_owned()]
        }
        Some(text) => [format!("--log-format {}", shell(text)), format!(":format {}", quote(text))],
    }
}

/// A text as one word for a shell.
fn shell(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@".contains(&byte);
    match text.bytes().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', "'\\''")).into(),
    }
}
