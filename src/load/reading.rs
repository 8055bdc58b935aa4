//! The lines of a pipeline that were not taken yet, log by log, so that all logs come to the same time together.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::engine::{Attributes, Event, emptied};
use crate::follow::{self, Beginning, Found, Generation, Lines, Taken, Turn};
use crate::order;
use crate::plan::{Format, Limits, Logs, Timestamp};
use crate::source::input::cause;
use crate::source::{Decoder, Kind, LogFormat, Refused, Settings, Wanted, Zone, detect};

/// So many logs are read at a time.
const AT_ONCE: usize = 64;
/// So many bytes of one log are read before another has its turn.
const TURN: u64 = 256 << 10;
/// What is looked at to find a format, in bytes.
const SAMPLE: u64 = 64 << 10;
/// So many generations whose file is gone are remembered: it may come back.
const GONE: usize = 100_000;
/// The most of a header that is remembered, in bytes.
const HEADER: usize = 16 << 10;

/// How lines are read.
pub struct Reader {
    pub settings: Settings,
    /// The format that is written down; None: what fits the first lines of each file.
    pub kind: Option<Kind>,
}

impl Reader {
    /// Of logs whose events are of `service` and carry what is wanted.
    ///
    /// # Errors
    /// The format cannot be read.
    pub fn new(service: &str, wanted: Wanted, limits: Limits, logs: &Logs) -> Result<Reader, String> {
        let format = match &logs.format {
            None => None,
            Some(Format::Written(text)) => Some(LogFormat::parse(text)?),
            Some(Format::Regex(text)) => Some(LogFormat::regex(text)?),
        };
        let zone = match &logs.zone {
            Some(name) => Zone::named(name)?,
            None => Zone::machine(),
        };
        let settings = Settings { service: service.to_string(), format: None, wanted, limits, zone };
        Ok(Reader { settings, kind: format.map(Kind::Log) })
    }

    /// That times are taken as those of the machine's zone, if lines do not say theirs and nothing else is said.
    pub fn assumed_zone(&self, logs: &Logs) -> Option<String> {
        let has_zone = match &self.kind {
            Some(Kind::Log(format)) => format.has_zone(),
            Some(Kind::Json | Kind::Edn) | None => true,
        };
        (!has_zone && logs.zone.is_none()).then(|| {
            let zone = self.settings.zone.name();
            format!(
                "times that do not say their zone are taken as those of {zone}, this machine's; `:zone` says another"
            )
        })
    }
}

/// What becomes of one line.
pub enum Line<'a> {
    Event { event: &'a Event<'a>, place: Place<'a> },
    Refused { why: Refused, place: Place<'a> },
}

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub path: &'a Path,
    /// In bytes of the text.
    pub offset: u64,
    /// From 1.
    pub number: u64,
    /// As much of it as is kept.
    pub line: &'a [u8],
}

/// What is to be said of files, one line each.
#[derive(Debug, Default)]
pub struct Said {
    /// Something that could not be read.
    pub faults: Vec<String>,
    /// Files that were cut, or replaced in place.
    pub replaced: Vec<PathBuf>,
    /// Which format was found for a file.
    pub formats: Vec<(PathBuf, String)>,
}

/// Logs that are read side by side.
pub struct Readings {
    logs: Vec<Log>,
    /// Of the greatest number that a generation can have here.
    pub bytes: u64,
    pub files: u64,
}

/// The files of one log, the oldest first.
struct Log {
    waiting: VecDeque<Waiting>,
    open: Option<Open>,
    /// How far it was read.
    at: Timestamp,
}

struct Waiting {
    found: Found,
    beginning: Beginning,
    /// Among the generations.
    known: Option<usize>,
}

/// A file that is being read.
struct Open {
    path: PathBuf,
    lines: Lines,
    /// What is written behind this meanwhile is for the next run: whoever writes fast must not keep this one from ending.
    until: u64,
    decoder: Decoder,
    /// Where parts of a line begin whose last part has not come.
    before_parts: Option<Generation>,
    known: Option<usize>,
    generation: Generation,
    settled: bool,
}

impl Readings {
    /// Compares what is there with what was taken. Generations learn where their files are now.
    pub fn scan(found: Vec<Found>, generations: &mut Vec<Generation>, said: &mut Said) -> Readings {
        let families: Vec<PathBuf> = generations.iter().map(|one| follow::family(&one.path)).collect();
        let turns = follow::match_files(&found, generations, &families);
        let mut readings = Readings { logs: Vec::new(), bytes: 0, files: 0 };
        let mut is_there = vec![false; generations.len()];
        let mut last_family = None;
        for (found, turn) in found.into_iter().zip(turns) {
            let (known, beginning) = match turn {
                Turn::Settled(at) => {
                    is_there[at] = true;
                    generations[at].path = found.path;
                    continue;
                }
                Turn::GoesOn(at, beginning) => (Some(at), beginning),
                Turn::New { beginning, replaced } => {
                    if replaced {
                        said.replaced.push(found.path.clone());
                    }
                    (None, beginning)
                }
                Turn::Fault(fault) => {
                    said.faults.push(fault);
                    continue;
                }
                Turn::Copy | Turn::Empty => continue,
            };
            if let Some(at) = known {
                is_there[at] = true;
            }
            if last_family.as_ref() != Some(&found.family) {
                last_family = Some(found.family.clone());
                readings.logs.push(Log { waiting: VecDeque::new(), open: None, at: Timestamp::MIN });
            }
            let log = readings.logs.last_mut().expect("one was pushed for the first family");
            log.waiting.push_back(Waiting { found, beginning, known });
        }
        forget(generations, &is_there, &mut readings);
        readings
    }

    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.logs.is_empty()
    }

    /// Reads on in the log that is furthest behind, for a while, and calls `f` with each line. False if all is done.
    pub fn turn(
        &mut self,
        reader: &Reader,
        generations: &mut Vec<Generation>,
        said: &mut Said,
        f: &mut dyn FnMut(Line<'_>),
    ) -> bool {
        let Some(at) = (0..self.logs.len().min(AT_ONCE)).min_by_key(|at| self.logs[*at].at) else { return false };
        let log = &mut self.logs[at];
        if log.open.is_none() {
            let Some(waiting) = log.waiting.pop_front() else {
                self.logs.remove(at);
                return true;
            };
            log.open = waiting.begin(reader, generations, said);
            self.files += u64::from(log.open.is_some());
        }
        let Some(open) = &mut log.open else { return true };
        let (bytes, ended) = open.read(reader, said, &mut log.at, f);
        self.bytes += bytes;
        if let Some(settled) = ended {
            open.settled = settled;
            open.note(generations);
            log.open = None;
        }
        true
    }

    /// Notes in the generations how far everything was taken.
    pub fn note(&mut self, generations: &mut Vec<Generation>) {
        for open in self.logs.iter_mut().filter_map(|log| log.open.as_mut()) {
            open.note(generations);
        }
    }

    /// How far every log was read that is not at its end; None if all are.
    pub fn reached(&self) -> Option<Timestamp> {
        self.logs.iter().map(|log| log.at).min()
    }
}

/// Drops generations whose files are gone, the longest gone first, when there are too many.
fn forget(generations: &mut Vec<Generation>, is_there: &[bool], readings: &mut Readings) {
    let mut gone: Vec<usize> = (0..generations.len()).filter(|at| !is_there[*at]).collect();
    if gone.len() <= GONE {
        return;
    }
    order::by_key(&mut gone, |at| generations[*at].seen);
    gone.truncate(gone.len() - GONE);
    gone.sort_unstable();
    let mut at = 0;
    generations.retain(|_| {
        at += 1;
        gone.binary_search(&(at - 1)).is_err()
    });
    let moved = |known: &mut usize| *known -= gone.partition_point(|dropped| *dropped < *known);
    readings
        .logs
        .iter_mut()
        .flat_map(|log| &mut log.waiting)
        .filter_map(|waiting| waiting.known.as_mut())
        .for_each(moved);
}

impl Waiting {
    /// Opens a file where it goes on; None if there is nothing to be read of it now.
    fn begin(self, reader: &Reader, generations: &[Generation], said: &mut Said) -> Option<Open> {
        let path = self.found.path.clone();
        let opened = match self.open(generations, reader.settings.limits.line_bytes) {
            Ok(opened) => opened,
            Err(error) => {
                // One that was moved meanwhile is found by the next run where it is then.
                if error.kind() != io::ErrorKind::NotFound {
                    said.faults.push(format!("{}: {}", path.display(), cause(&error)));
                }
                return None;
            }
        };
        let (lines, mut generation, known) = opened?;
        let kind = match &reader.kind {
            Some(kind) => kind.clone(),
            None => match find_format(&self.beginning) {
                Ok(kind) => {
                    let kind = kind?;
                    said.formats.push((path.clone(), kind.name().to_string()));
                    kind
                }
                Err(fault) => {
                    said.faults.push(format!("{}: {fault}", path.display()));
                    return None;
                }
            },
        };
        let decoder = decoder(&kind, reader, &self.found, &generation);
        generation.path.clone_from(&self.found.path);
        generation.stamp = self.found.stamp;
        let until = if self.beginning.is_packed() { u64::MAX } else { self.found.stamp.size };
        Some(Open { path, lines, until, decoder, before_parts: None, known, generation, settled: false })
    }

    /// The lines behind what was taken, and of which generation that is.
    fn open(&self, generations: &[Generation], limit: usize) -> io::Result<Option<(Lines, Generation, Option<usize>)>> {
        let open = |generation: &Generation| -> io::Result<Option<(Lines, Taken)>> {
            let lines = Lines::open(self.beginning.clone(), &self.found.stamp, generation, limit)?;
            let Some(mut lines) = lines else { return Ok(None) };
            let resumed = lines.resume(generation)?;
            Ok(Some((lines, resumed)))
        };
        let new = Generation::new(self.found.path.clone(), self.found.stamp, self.beginning.is_packed());
        let generation = self.known.map_or_else(|| new.clone(), |at| generations[at].clone());
        Ok(match open(&generation)? {
            Some((lines, Taken::Line)) => Some((lines, generation, self.known)),
            // What is packed and no shorter is another content that begins alike.
            Some((lines, Taken::Other))
                if self.known.is_some() && self.beginning.is_packed() && lines.total() >= generation.offset =>
            {
                open(&new)?.map(|(lines, _)| (lines, new, None))
            }
            // Still being written, or replaced since it was looked at.
            _ => None,
        })
    }
}

/// A decoder that knows what lines before have said.
fn decoder(kind: &Kind, reader: &Reader, found: &Found, generation: &Generation) -> Decoder {
    let decoder = Decoder::new(kind, &reader.settings);
    decoder.set_age(Timestamp::from_micros(i64::try_from(found.stamp.modified / 1_000).unwrap_or(i64::MAX)));
    for line in generation.header.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let _ = decoder.decode(line);
    }
    decoder.set_last(generation.last);
    decoder
}

/// What the first lines of a text look like; None if there is no whole line yet.
fn find_format(beginning: &Beginning) -> Result<Option<Kind>, String> {
    let mut sample = Vec::new();
    match beginning.text() {
        Ok(text) => {
            // Of a packed one that is cut off, what there is.
            let _ = text.take(SAMPLE).read_to_end(&mut sample);
        }
        Err(error) => return Err(cause(&error)),
    }
    detect(&sample, false)
}

impl Open {
    /// Reads lines for one turn. How many bytes; and if that is all for now, whether it is all that is there.
    fn read(
        &mut self,
        reader: &Reader,
        said: &mut Said,
        at: &mut Timestamp,
        f: &mut dyn FnMut(Line<'_>),
    ) -> (u64, Option<bool>) {
        let began = self.lines.offset();
        let limit = reader.settings.limits.line_bytes;
        let mut spare = Attributes::new();
        let mut last = None;
        loop {
            let taken = match self.lines.advance() {
                Ok(taken) => taken,
                Err(error) => {
                    said.faults.push(format!("{}: {}", self.path.display(), cause(&error)));
                    return (self.lines.offset() - began, Some(false));
                }
            };
            let line = self.lines.line();
            let place = Place { path: &self.path, offset: self.lines.line_offset(), number: self.lines.number(), line };
            match taken {
                Taken::Line => {
                    let mut event = Event::at(Timestamp::MIN);
                    event.attributes = emptied(spare);
                    match self.decoder.read(line, &mut event) {
                        Ok(true) => {
                            *at = (*at).max(event.time);
                            last = Some(event.time);
                            f(Line::Event { event: &event, place });
                        }
                        Ok(false) => {}
                        Err(why) => f(Line::Refused { why, place }),
                    }
                    spare = emptied(event.attributes);
                    if self.decoder.is_in_parts() {
                        // Whoever goes on behind a part loses it.
                        if self.before_parts.is_none() {
                            let mut before = self.generation.clone();
                            self.lines.note_before_line(&mut before);
                            self.before_parts = Some(before);
                        }
                    } else {
                        self.before_parts = None;
                    }
                }
                Taken::TooLong => f(Line::Refused { why: Refused::TooLong { limit }, place }),
                Taken::End | Taken::Cut | Taken::Other => {
                    self.generation.last = last.or(self.generation.last);
                    return (self.lines.offset() - began, Some(true));
                }
            }
            let offset = self.lines.offset();
            if offset - began >= TURN || offset >= self.until {
                self.generation.last = last.or(self.generation.last);
                return (offset - began, (offset >= self.until).then_some(true));
            }
        }
    }

    /// Notes how far it was taken; a file of which nothing was taken is not remembered.
    fn note(&mut self, generations: &mut Vec<Generation>) {
        match &self.before_parts {
            Some(before) => self.generation.clone_from(before),
            None => self.lines.note(&mut self.generation),
        }
        self.generation.settled = self.settled;
        self.generation.header = self.decoder.header().join(&b'\n');
        self.generation.header.truncate(HEADER);
        if self.generation.offset == 0 {
            return;
        }
        let known = *self.known.get_or_insert_with(|| {
            generations.push(self.generation.clone());
            generations.len() - 1
        });
        generations[known] = self.generation.clone();
    }
}
