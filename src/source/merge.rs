//! Several inputs, merged by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::detect::{Kind, detect};
use super::input::{self, Counter, InputError, Line, Lines, Sizes};
use super::log::{LogDecoder, LogFormat};
use super::{Refused, Wanted, Zone, edn, json};
use crate::engine::{Attributes, Event, emptied};
use crate::plan::{Limits, Timestamp};

/// How inputs are read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the events of access logs.
    pub service: String,
    /// The format of all inputs, instead of what their first lines look like.
    pub format: Option<LogFormat>,
    pub wanted: Wanted,
    pub limits: Limits,
    /// Of lines that do not say theirs.
    pub zone: Zone,
}

/// One step of reading.
#[derive(Debug)]
pub enum Read<'a> {
    /// With the line it was read from.
    Event(&'a Event<'a>, Place<'a>, &'a [u8]),
    /// A line that gives no event, as it stands in the input; of one that is too long, its beginning.
    Refused(Refused, Place<'a>, &'a [u8]),
    /// An input that ends too early; the others go on.
    Failed(InputError),
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub path: &'a str,
    /// From 1.
    pub line: u64,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// Inputs that were found readable, and what they hold.
pub struct Inputs {
    inputs: Vec<Input>,
    settings: Settings,
    sizes: Sizes,
    counter: Counter,
    size: Option<u64>,
}

struct Input {
    path: String,
    kind: Option<Kind>,
    decoder: Decoder,
    /// The time of the first event, as far as it was looked for.
    begins: Timestamp,
    state: State,
}

enum State {
    /// To be opened when its first event has its turn.
    Closed,
    Open(Lines),
    /// The current line is an event that waits for its turn.
    Waiting(Lines),
}

/// Reads lines of one kind.
#[derive(Debug)]
pub enum Decoder {
    Json { wanted: Wanted, most_attributes: usize },
    Edn { wanted: Wanted, most_attributes: usize },
    Log(Box<LogDecoder>),
}

impl Decoder {
    pub fn new(kind: &Kind, settings: &Settings) -> Decoder {
        let (wanted, most_attributes) = (settings.wanted.clone(), settings.limits.attributes);
        match kind {
            Kind::Json => Decoder::Json { wanted, most_attributes },
            Kind::Edn => Decoder::Edn { wanted, most_attributes },
            Kind::Log(format) => {
                let decoder = format.decoder(&settings.service, &wanted).limited(settings.limits.line_bytes);
                let decoder = decoder.in_zone(settings.zone.clone());
                Decoder::Log(Box::new(decoder))
            }
        }
    }

    /// Reads one line, without its end; None for a line of a log that says nothing of its own, as a header does.
    #[inline]
    pub fn decode<'a>(&'a self, line: &'a [u8]) -> Result<Option<Event<'a>>, Refused> {
        let mut event = Event::at(Timestamp::MIN);
        self.read(line, &mut event).map(|is_event| is_event.then_some(event))
    }

    /// Makes ready to read the last line once more.
    pub fn again(&self) {
        if let Decoder::Log(log) = self {
            log.again();
        }
    }

    /// Forgets what it remembers of lines, as at the start of another file.
    pub fn start(&self) {
        if let Decoder::Log(log) = self {
            log.start();
        }
    }

    /// Says when the file was written to last; None: it is written now.
    pub fn set_age(&self, age: Option<Timestamp>) {
        if let Decoder::Log(log) = self {
            log.set_age(age);
        }
    }

    /// Says when the line before was, which was read by another decoder.
    pub fn set_last(&self, last: Option<Timestamp>) {
        if let Decoder::Log(log) = self {
            log.set_last(last);
        }
    }

    /// Whether parts of a line came whose last part did not: whoever goes on from here loses it.
    pub fn is_in_parts(&self) -> bool {
        matches!(self, Decoder::Log(log) if log.is_amid())
    }

    /// Header lines that lines behind need: whoever goes on in the middle of a file reads them first.
    pub fn header(&self) -> Vec<Vec<u8>> {
        match self {
            Decoder::Log(log) => log.header(),
            Decoder::Json { .. } | Decoder::Edn { .. } => Vec::new(),
        }
    }

    /// As [`Decoder::decode`], into an event that carries nothing yet; events are large, and this one is not moved.
    #[inline]
    pub fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>) -> Result<bool, Refused> {
        match self {
            Decoder::Json { wanted, most_attributes } => {
                json::read(line, wanted, *most_attributes, event).map(|()| true)
            }
            Decoder::Edn { wanted, most_attributes } => {
                edn::decode(line, wanted, *most_attributes).map(|read| *event = read).map(|()| true)
            }
            Decoder::Log(log) => log.read(line, event),
        }
    }
}

/// What the buffers of all inputs may take at first, in bytes, unless there are very many.
const BUFFERS: usize = 8 << 20;

impl Inputs {
    /// Looks into each input: whether it can be read, what it holds, and when it begins.
    ///
    /// # Errors
    /// Those of all inputs.
    pub fn open(paths: &[String], settings: Settings) -> Result<Inputs, Vec<InputError>> {
        let buffer = (BUFFERS / paths.len().max(1)).clamp(16 << 10, input::BUFFER);
        let sizes = Sizes { line: settings.limits.line_bytes, buffer };
        let mut inputs = Inputs { inputs: Vec::new(), settings, sizes, counter: Counter::default(), size: Some(0) };
        let mut errors = Vec::new();
        let alone = paths.len() == 1;
        for (at, path) in paths.iter().enumerate() {
            if path == "-" && paths[..at].contains(path) {
                let cause = "standard input is named twice".to_owned();
                errors.push(InputError { path: path.clone(), line: None, cause });
                continue;
            }
            match inputs.look_into(path, alone) {
                Ok(input) => inputs.inputs.push(input),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(inputs) } else { Err(errors) }
    }

    fn look_into(&mut self, path: &str, alone: bool) -> Result<Input, InputError> {
        let before = self.counter.load(Ordering::Relaxed);
        let opened = input::open(path, self.sizes, &self.counter)?;
        let mut lines = opened.lines;
        let kind = match &self.settings.format {
            Some(format) => Some(Kind::Log(format.clone())),
            None => {
                let fail = |cause: String| InputError { path: path.to_owned(), line: None, cause };
                let (sample, ended) = match lines.sample() {
                    Ok(sample) => sample,
                    Err(error) => return Err(input::read_error(path, &lines, &error)),
                };
                detect(sample, ended).map_err(fail)?
            }
        };
        let decoder = Decoder::new(kind.as_ref().unwrap_or(&Kind::Json), &self.settings);
        let mut input = Input { path: path.to_owned(), kind, decoder, begins: Timestamp::MIN, state: State::Closed };
        // A regular file of several is opened again when its time has come: then thousands of files cost no memory.
        if opened.size.is_some() && !alone {
            input.begins = input.first_time(lines);
            self.counter.store(before, Ordering::Relaxed);
        } else {
            input.state = State::Open(lines);
        }
        self.size = self.size.zip(opened.size).map(|(all, size)| all + size);
        Ok(input)
    }

    /// The path of each input and what it holds; None for an input without lines.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, Option<&Kind>)> {
        self.inputs.iter().map(|input| (input.path.as_str(), input.kind.as_ref()))
    }

    /// How many bytes all inputs have, before they are unpacked; None if one is no regular file.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes were read so far, before they were unpacked; goes on while [`Inputs::each`] runs.
    pub fn counter(&self) -> Counter {
        Arc::clone(&self.counter)
    }

    /// Calls `f` with each event, in order of time between the inputs, and with what gives none, until it breaks.
    ///
    /// Each input keeps its own order; of equal times, the input that was named first comes first.
    pub fn each<B>(mut self, f: &mut impl FnMut(Read<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        let turns = self.inputs.iter().enumerate().map(|(at, input)| Reverse((input.begins, at)));
        let mut turns: BinaryHeap<Reverse<(Timestamp, usize)>> = turns.collect();
        while let Some(Reverse((_, at))) = turns.pop() {
            let until = turns.peek().map(|Reverse((time, other))| (*time, *other < at));
            if let Some(next) = self.inputs[at].read(until, self.sizes, &self.counter, f)? {
                turns.push(Reverse((next, at)));
            }
        }
        ControlFlow::Continue(())
    }
}

/// How many lines are looked at for the first time of an input.
const LOOKED_AT: usize = 1000;

impl Input {
    /// The time of the first event; the earliest there is if it does not come soon.
    fn first_time(&self, mut lines: Lines) -> Timestamp {
        for _ in 0..LOOKED_AT {
            match lines.advance() {
                Ok(true) => {}
                Ok(false) | Err(_) => break,
            }
            if let Line::Whole(line) = lines.current_line()
                && let Ok(Some(event)) = self.decoder.decode(line)
            {
                return event.time;
            }
        }
        Timestamp::MIN
    }

    /// Reads on until an event's turn is behind that of another input, which is at `until.0`, and is the first of
    /// equals if `until.1`. Returns the time of that event; None at the end.
    fn read<B>(
        &mut self,
        until: Option<(Timestamp, bool)>,
        sizes: Sizes,
        counter: &Counter,
        f: &mut impl FnMut(Read<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B, Option<Timestamp>> {
        let (mut lines, mut waiting) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(lines) => (lines, false),
            State::Waiting(lines) => {
                self.decoder.again();
                (lines, true)
            }
            State::Closed => match input::open(&self.path, sizes, counter) {
                Ok(opened) => {
                    self.decoder.start();
                    (opened.lines, false)
                }
                Err(error) => {
                    f(Read::Failed(error))?;
                    return ControlFlow::Continue(None);
                }
            },
        };
        let mut spare = Attributes::new();
        loop {
            if !std::mem::take(&mut waiting) {
                match lines.advance() {
                    Ok(true) => {}
                    Ok(false) => return ControlFlow::Continue(None),
                    Err(error) => {
                        f(Read::Failed(input::read_error(&self.path, &lines, &error)))?;
                        return ControlFlow::Continue(None);
                    }
                }
            }
            let place = Place { path: &self.path, line: lines.number() };
            let line = match lines.current_line() {
                Line::Whole(line) => line,
                Line::TooLong(start) => {
                    f(Read::Refused(Refused::TooLong { limit: sizes.line }, place, start))?;
                    continue;
                }
            };
            let mut event = Event::at(Timestamp::MIN);
            event.attributes = emptied(spare);
            match self.decoder.read(line, &mut event) {
                Ok(true) => {}
                Ok(false) => {
                    spare = emptied(event.attributes);
                    continue;
                }
                Err(refused) => {
                    spare = emptied(event.attributes);
                    f(Read::Refused(refused, place, line))?;
                    continue;
                }
            }
            if let Some((time, first)) = until
                && (event.time > time || (event.time == time && first))
            {
                let time = event.time;
                self.state = State::Waiting(lines);
                return ControlFlow::Continue(Some(time));
            }
            f(Read::Event(&event, place, line))?;
            spare = emptied(event.attributes);
        }
    }
}
