//! Several inputs, merged by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::detect::{Kind, detect};
use super::input::{self, Counter, InputError, Line, Lines};
use super::log::{LogDecoder, LogFormat};
use super::{Refused, Wanted, edn, json};
use crate::engine::Event;
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
}

/// One step of reading.
#[derive(Debug)]
pub enum Read<'a> {
    Event(Event<'a>, Place<'a>),
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
    counter: Counter,
    size: Option<u64>,
}

struct Input {
    path: String,
    kind: Option<Kind>,
    decoder: Decoder,
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
    Log(LogDecoder),
}

impl Decoder {
    pub fn new(kind: &Kind, settings: &Settings) -> Decoder {
        let (wanted, most_attributes) = (settings.wanted.clone(), settings.limits.attributes);
        match kind {
            Kind::Json => Decoder::Json { wanted, most_attributes },
            Kind::Edn => Decoder::Edn { wanted, most_attributes },
            Kind::Log(format) => Decoder::Log(format.decoder(&settings.service, &wanted)),
        }
    }

    /// Reads one line, without its end.
    #[inline]
    pub fn decode<'a>(&'a self, line: &'a [u8]) -> Result<Event<'a>, Refused> {
        match self {
            Decoder::Json { wanted, most_attributes } => json::decode(line, wanted, *most_attributes),
            Decoder::Edn { wanted, most_attributes } => edn::decode(line, wanted, *most_attributes),
            Decoder::Log(log) => log.decode(line),
        }
    }
}

impl Inputs {
    /// Looks into each input: whether it can be read, what it holds, and when it begins.
    ///
    /// # Errors
    /// Those of all inputs.
    pub fn open(paths: &[String], settings: Settings) -> Result<Inputs, Vec<InputError>> {
        let mut inputs = Inputs { inputs: Vec::new(), settings, counter: Counter::default(), size: Some(0) };
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
        let limit = self.settings.limits.line_bytes;
        let counter = if alone { Arc::clone(&self.counter) } else { Counter::default() };
        let opened = input::open(path, limit, &counter)?;
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
        // A regular file of several is opened again when its time has come: then thousands of files cost no memory.
        let state = match opened.size {
            Some(_) if !alone => State::Closed,
            _ => State::Open(lines),
        };
        if !alone && opened.size.is_none() {
            self.counter.fetch_add(counter.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.size = self.size.zip(opened.size).map(|(all, size)| all + size);
        Ok(Input { path: path.to_owned(), kind, decoder, state })
    }

    /// The path of each input and what it holds; None for an input without lines.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, Option<&Kind>)> {
        self.inputs.iter().map(|input| (input.path.as_str(), input.kind.as_ref()))
    }

    /// How many bytes all inputs have, before they are unpacked; None if one is no regular file.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes were read so far, before they were unpacked; to be read while [`Inputs::each`] runs.
    pub fn counter(&self) -> Counter {
        Arc::clone(&self.counter)
    }

    /// Calls `f` with each event, in order of time between the inputs, and with what gives none.
    ///
    /// Each input keeps its own order; of equal times, the input that was named first comes first.
    pub fn each<B>(&mut self, f: &mut dyn FnMut(Read<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        todo!()
    }
}
