//! `format`: how the lines of a log are read.

mod parts;
mod shown;

use std::io::{self, Write};
use std::ops::RangeInclusive;

use clap::Args;
use parts::Part;
use serde_json::json;

use super::history::{SERVICE, read_format};
use super::terminal::printable;
use super::{FAILED, FINE, FOUND, Failure, Format, ended, say};
use crate::engine::Event;
use crate::plan::Limits;
use crate::source::input::{self, Counter, Line, Lines, Sizes};
use crate::source::log::NAMES;
use crate::source::{Decoder, InputError, Kind, LogFormat, Refused, Settings, Wanted, Zone, detect};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater format /var/log/nginx/access.log\n  \
    highwater format --log-format @/etc/nginx/nginx.conf:timed access.log.2.gz\n  \
    highwater format --log-format '$remote_addr [$time_local] \"$request\" $status $request_time' access.log\n\n\
    Exit: 0 all lines of the sample are understood, 1 some are not, 2 a file could not be read, or no format fits.")]
pub struct FormatArgs {
    /// Logs, plain, gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// The format to try, instead of what fits best: a name, or a pasted nginx log_format or Apache LogFormat; @FILE
    /// reads it from a file, @FILE:NAME the one of this name
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// The time zone of lines that do not say theirs: `Europe/Berlin`, `+02:00`, `UTC` [default: the machine's]
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// How many lines are shown split into fields
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(SHOWN))]
    pub lines: u8,
    /// `human`, or `json`: one object a file
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
}

/// How many lines of a file are looked at.
const LOOKED_AT: usize = 100;

/// How many of them can be shown.
const SHOWN: RangeInclusive<i64> = 0..=LOOKED_AT as i64;

/// After so many bytes no more lines are looked at, so that long ones cost no memory.
const MOST_BYTES: usize = 4 << 20;

/// Shows formats; returns the exit code.
pub fn run(args: &FormatArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let result = try_run(args, out, err);
    ended(result, err)
}

fn try_run(args: &FormatArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let given = args.log_format.as_deref().map(read_format).transpose().map_err(Failure::Message)?;
    let zone = match &args.zone {
        Some(name) => Zone::named(name).map_err(|error| Failure::Message(format!("--zone: {error}")))?,
        None => Zone::machine(),
    };
    let mut code = FINE;
    let mut written = 0;
    for (at, path) in args.files.iter().enumerate() {
        let sample = match path == "-" && args.files[..at].contains(path) {
            true => Err("-: standard input is named twice".to_owned()),
            false => Sample::take(path).map_err(|error| error.to_string()),
        };
        let looked = sample.and_then(|sample| {
            let found = look(path, &sample, given.as_ref(), args.lines.into(), &zone)?;
            Ok((found, sample.error))
        });
        let mut text = Vec::new();
        let (in_part, error) = match looked {
            // Nothing is said of a file of which nothing could be read.
            Ok((None, Some(error))) => (false, Some(error.to_string())),
            Ok((found, error)) => {
                let written = write_found(path, found.as_ref(), args, &zone, &mut text);
                written.map_err(|error| Failure::Output(error, code))?;
                let in_part = found.is_some_and(|found| found.refused().next().is_some());
                (in_part, error.map(|error| error.to_string()))
            }
            Err(message) => (false, Some(message)),
        };
        if let Some(message) = &error {
            say(err, &format!("highwater: {message}"));
        }
        code = code.max(if error.is_some() {
            FAILED
        } else if in_part {
            FOUND
        } else {
            FINE
        });
        if written > 0 && args.format == Format::Human && !text.is_empty() {
            text.insert(0, b'\n');
        }
        out.write_all(&text).map_err(|error| Failure::Output(error, code))?;
        written += text.len();
    }
    Ok(code)
}

fn write_found(
    path: &str,
    found: Option<&Found>,
    args: &FormatArgs,
    zone: &Zone,
    out: &mut dyn Write,
) -> io::Result<()> {
    match (found, args.format) {
        (None, Format::Human) => writeln!(out, "{}: nothing: empty", printable(path)),
        (None, Format::Json) => {
            writeln!(out, "{}", json!({ "v": 1, "path": path, "format": null, "lines": 0, "understood": 0 }))
        }
        (Some(found), Format::Human) => shown::human(found, args, zone, out),
        (Some(found), Format::Json) => shown::json(found, args, zone, out),
    }
}

/// The first lines of a file.
struct Sample {
    lines: Vec<Taken>,
    /// Why there are no more.
    error: Option<InputError>,
}

struct Taken {
    /// From 1.
    number: u64,
    text: Vec<u8>,
    /// Then there is only its beginning.
    is_too_long: bool,
}

impl Sample {
    fn take(path: &str) -> Result<Sample, InputError> {
        let sizes = Sizes { line: Limits::default().line_bytes, buffer: input::BUFFER };
        let mut lines = input::open(path, sizes, &Counter::default())?.lines;
        let mut sample = Sample { lines: Vec::new(), error: None };
        let mut bytes = 0;
        while sample.lines.len() < LOOKED_AT && bytes < MOST_BYTES {
            match lines.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    sample.error = Some(input::read_error(path, &lines, &error));
                    break;
                }
            }
            let line = Taken::of(&lines);
            bytes += line.text.len();
            let is_too_long = line.is_too_long;
            sample.lines.push(line);
            // Its end may never come.
            if is_too_long {
                break;
            }
        }
        Ok(sample)
    }

    /// How many lines are understood as of this kind.
    fn count(&self, kind: &Kind, zone: &Zone) -> usize {
        let decoder = decoder(kind, zone);
        self.lines.iter().filter(|line| matches!(line.read(&decoder), Ok(Some(_)))).count()
    }
}

impl Taken {
    fn of(lines: &Lines) -> Taken {
        let (text, is_too_long) = match lines.current_line() {
            Line::Whole(text) => (text, false),
            Line::TooLong(start) => (start, true),
        };
        Taken { number: lines.number(), text: text.to_vec(), is_too_long }
    }

    /// None for a line that says nothing of its own.
    fn read<'a>(&'a self, decoder: &'a Decoder) -> Result<Option<Event<'a>>, Refused> {
        match self.is_too_long {
            true => Err(Refused::TooLong { limit: Limits::default().line_bytes }),
            false => decoder.decode(&self.text),
        }
    }
}

fn decoder(kind: &Kind, zone: &Zone) -> Decoder {
    let limits = Limits::default();
    Decoder::new(
        kind,
        &Settings { service: SERVICE.to_owned(), format: None, wanted: Wanted::all(), limits, zone: zone.clone() },
    )
}

/// How the lines of a file are read.
struct Found {
    path: String,
    kind: Kind,
    lines: Vec<Looked>,
    /// How many lines the known formats understand, those that understand any.
    known: Vec<(String, usize)>,
}

struct Looked {
    number: u64,
    text: Vec<u8>,
    said: Said,
    is_shown: bool,
}

/// What a line says.
enum Said {
    /// Empty if it is not shown.
    Parts(Vec<Part>),
    /// It is a header, a part of another line, or no request.
    Nothing,
    /// Why it is not understood.
    Refused(String),
}

/// None for an empty file.
fn look(
    path: &str,
    sample: &Sample,
    given: Option<&LogFormat>,
    shown: usize,
    zone: &Zone,
) -> Result<Option<Found>, String> {
    let detected = match given {
        _ if sample.lines.is_empty() => None,
        Some(format) => Some(Kind::Log(format.clone())),
        None => {
            let lines: Vec<&[u8]> = sample.lines.iter().map(|line| line.text.as_slice()).collect();
            detect(&lines.join(&b'\n'), true).map_err(|error| format!("{path}: {error}"))?
        }
    };
    let Some(kind) = detected else { return Ok(None) };
    let known = NAMES.iter().filter_map(|name| LogFormat::named(name).map(Kind::Log));
    let known = known.chain([Kind::Json, Kind::Edn]).map(|kind| (kind.name().to_owned(), sample.count(&kind, zone)));
    let known = known.filter(|(_, understood)| *understood > 0).collect();
    let decoder = decoder(&kind, zone);
    let mut left = shown;
    let lines = sample.lines.iter().map(|line| {
        let is_shown = left > 0;
        let said = match line.read(&decoder) {
            Ok(Some(event)) if is_shown => Said::Parts(parts::of(&kind, &decoder, &line.text, &event)),
            Ok(Some(_)) => Said::Parts(Vec::new()),
            Ok(None) => Said::Nothing,
            Err(refused) => Said::Refused(refused.to_string()),
        };
        let is_shown = is_shown && !matches!(said, Said::Nothing);
        left -= usize::from(is_shown);
        Looked { number: line.number, text: line.text.clone(), said, is_shown }
    });
    let lines = lines.collect();
    Ok(Some(Found { path: path.to_owned(), kind, lines, known }))
}

impl Found {
    fn understood(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.said, Said::Parts(_))).count()
    }

    fn refused(&self) -> impl Iterator<Item = (&Looked, &String)> {
        self.lines.iter().filter_map(|line| match &line.said {
            Said::Refused(cause) => Some((line, cause)),
            Said::Parts(_) | Said::Nothing => None,
        })
    }
}
