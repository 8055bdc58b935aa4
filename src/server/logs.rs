//! The thread that follows log files: what is new becomes events, which are counted, and kept together with how far the
//! files were taken.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::apply::{Applying, Kept};
use super::counters;
use super::keep::followed::{Positions, Step};
use super::lock;
use crate::engine::{Event, Fields as _, Value};
use crate::follow::{self, Generation, Stamp};
use crate::load::events::{finish, json};
use crate::load::reading::{Line, Reader, Readings, Said};
use crate::load::rejects::Rejects;
use crate::plan::{EventTime, Field, Limits, Source};
use crate::source::Wanted;
use crate::source::input::cause;

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(200);
/// What one poll may bring before the lane is unlocked for others, in bytes of events.
const PIECE: usize = 1 << 20;

/// Read what is new now; the reply says whether time was up before all was read, which it never is.
pub struct Drain(pub Sender<bool>);

/// A handle to the thread.
pub struct Follower {
    pub requests: Sender<Drain>,
    pub thread: JoinHandle<()>,
}

/// What a source has come to.
struct Following {
    source: Source,
    generations: Vec<Generation>,
    rejects: Rejects,
    /// What was said already.
    said: BTreeSet<String>,
    /// Whether a line was understood since the start: a format that never fits takes nothing.
    fits: bool,
    /// What the files were when none of their lines was understood.
    unfitting: Vec<Stamp>,
}

/// Starts to follow. Files of a source that was never followed are taken from their present end on.
///
/// `rejects` is the folder for lines that are not understood.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    sources: &[Source],
    positions: &Positions,
    rejects: Option<&Path>,
    applying: Applying,
) -> std::io::Result<Follower> {
    let (requests, inbox) = channel();
    let following: Vec<(Source, Option<Vec<Generation>>, Rejects)> = sources
        .iter()
        .map(|source| {
            let path = rejects.map(|folder| folder.join(format!("{}.rejects", source.name)));
            (source.clone(), positions.of(&source.name).map(<[Generation]>::to_vec), Rejects::new(path))
        })
        .collect();
    let thread = std::thread::Builder::new().name("logs".to_string()).spawn(move || {
        let mut following: Vec<Following> = following
            .into_iter()
            .map(|(source, known, rejects)| Following::begin(source, known, rejects, &applying))
            .collect();
        work(&mut following, &applying, &inbox);
    })?;
    Ok(Follower { requests, thread })
}

fn work(following: &mut [Following], applying: &Applying, inbox: &Receiver<Drain>) {
    loop {
        let asked = match inbox.recv_timeout(POLL) {
            Ok(Drain(reply)) => Some(reply),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        following.iter_mut().for_each(|following| following.poll(applying));
        if let Some(reply) = asked {
            let _ = reply.send(false);
        }
    }
}

impl Following {
    fn begin(source: Source, known: Option<Vec<Generation>>, rejects: Rejects, applying: &Applying) -> Following {
        let mut following = Following {
            source,
            generations: Vec::new(),
            rejects,
            said: BTreeSet::new(),
            fits: false,
            unfitting: Vec::new(),
        };
        match known {
            Some(generations) => {
                tracing::info!("following `:{}` where it was left", following.source.name);
                following.generations = generations;
            }
            None => following.begin_at_end(applying),
        }
        following
    }

    /// What is there already was written when nobody watched.
    fn begin_at_end(&mut self, applying: &Applying) {
        let mut faults = Vec::new();
        let found = follow::find(&self.source.logs.files, &[], &mut faults).unwrap_or_default();
        let mut generations = Vec::new();
        for found in &found {
            match Generation::at_end(found) {
                Ok(generation) => generations.push(generation),
                Err(error) => faults.push(format!("{}: {}", found.path.display(), cause(&error))),
            }
        }
        tracing::info!("following `:{}` from the end of {} files on", self.source.name, generations.len());
        if found.is_empty() {
            tracing::warn!("`:{}`: no file matches {} yet", self.source.name, self.source.logs.files.join(", "));
        }
        self.complain(faults);
        self.keep(generations, Vec::new(), applying);
    }

    /// Says each fault once.
    fn complain(&mut self, faults: Vec<String>) {
        for fault in faults {
            if self.said.len() < 1_000 && self.said.insert(fault.clone()) {
                tracing::warn!("`:{}`: {fault}", self.source.name);
            }
        }
    }

    /// Takes what is new.
    fn poll(&mut self, applying: &Applying) {
        let mut said = Said::default();
        let found = match follow::find(&self.source.logs.files, &self.generations, &mut said.faults) {
            Ok(found) => found,
            Err(fault) => return self.complain(vec![fault]),
        };
        let stamps: Vec<Stamp> = found.iter().map(|found| found.stamp).collect();
        if stamps == self.unfitting {
            return;
        }
        let mut generations = self.generations.clone();
        let mut readings = Readings::scan(found, &mut generations, &mut said);
        if readings.is_done() {
            if generations != self.generations {
                self.keep(generations, Vec::new(), applying);
            }
            return self.complain(said.faults);
        }
        let (wanted, limits) = {
            let counting = lock(&applying.counting);
            (counting.wanted.clone(), counting.limits)
        };
        let reader = match self.reader(&wanted, limits) {
            Ok(reader) => reader,
            Err(fault) => return self.complain(vec![fault]),
        };
        if let Some(zone) = reader.assumed_zone(&self.source.logs) {
            self.complain(vec![zone]);
        }
        let mut more = true;
        while more {
            let mut taken = Vec::new();
            let mut bytes = 0;
            let mut refused = Refusals::default();
            while more && bytes < PIECE {
                let (source, rejects) = (&self.source, &mut self.rejects);
                more = readings.turn(&reader, &mut generations, &mut said, &mut |line| {
                    if let Line::Refused { place, .. } = &line {
                        bytes += place.line.len();
                    }
                    refused.note(&line);
                    let became = became(line, source, &wanted, rejects);
                    bytes += became.len();
                    taken.extend((!became.is_empty()).then_some(became));
                });
            }
            self.fits |= refused.lines < refused.of;
            if !self.fits && refused.lines > 0 {
                self.rejects.forget();
                self.unfitting = stamps;
                said.faults.push(format!(
                    "none of {} lines is understood, so none is taken; the first: {}; mend `:format` and restart",
                    refused.lines, refused.first
                ));
                return self.complain(said.faults);
            }
            if refused.lines > 0 && self.said.insert(refused.cause.to_string()) {
                said.faults.push(format!("{} (the first line refused by this cause)", refused.first));
            }
            readings.note(&mut generations);
            self.keep(generations.clone(), taken, applying);
        }
        if let Err(fault) = self.rejects.write() {
            said.faults.push(fault);
        }
        for path in std::mem::take(&mut said.replaced) {
            tracing::warn!("`:{}`: {}: was truncated, or replaced in place", self.source.name, path.display());
        }
        self.complain(said.faults);
    }

    /// Counts what lines became, and keeps it together with the positions behind them.
    fn keep(&mut self, generations: Vec<Generation>, taken: Vec<Became>, applying: &Applying) {
        let step = Step::between(&self.source.name, &self.generations, &generations);
        let mut session = applying.session(counters::Source::Logs, EventTime::Event);
        for became in taken {
            match became {
                Became::Event(line) => drop(session.line(&line)),
                Became::Refused(cause) => session.refuse(cause),
                Became::Nothing => {}
            }
        }
        session.finish(&Kept::Followed(&step));
        self.generations = generations;
    }

    fn reader(&self, wanted: &Wanted, limits: Limits) -> Result<Reader, String> {
        let mut fields = Vec::new();
        if let Some(event) = &self.source.event {
            event.fields(&mut fields);
        }
        Reader::new(&self.source.name, wanted.clone().and(&fields), limits, &self.source.logs)
    }
}

/// How many lines were refused, of how many, and the first.
#[derive(Default)]
struct Refusals {
    lines: u64,
    of: u64,
    first: String,
    cause: &'static str,
}

impl Refusals {
    fn note(&mut self, line: &Line<'_>) {
        self.of += 1;
        if let Line::Refused { why, place } = line {
            self.lines += 1;
            if self.first.is_empty() {
                self.first = format!("{}:{}: {why}", place.path.display(), place.number);
                self.cause = why.cause();
            }
        }
    }
}

/// What a line has become.
enum Became {
    /// One JSON object.
    Event(Vec<u8>),
    /// Why.
    Refused(&'static str),
    Nothing,
}

impl Became {
    fn len(&self) -> usize {
        match self {
            Became::Event(line) => line.len(),
            _ => 0,
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Became::Nothing)
    }
}

fn became(line: Line<'_>, source: &Source, wanted: &Wanted, rejects: &mut Rejects) -> Became {
    match line {
        Line::Event { event, .. } => event_of(event, source, wanted).map_or(Became::Nothing, Became::Event),
        Line::Refused { why, place } => {
            rejects.add(&why, place.path, place.offset, place.line);
            Became::Refused(why.cause())
        }
    }
}

/// The event of a line as JSON: the fields of the line, and what `:event` says instead. None if that is nil.
fn event_of(event: &Event<'_>, source: &Source, wanted: &Wanted) -> Option<Vec<u8>> {
    let entries = match &source.event {
        Some(expression) => expression.record(event)?,
        None => &[],
    };
    let mut object = Map::new();
    let mut put = |name: &str, value: &Value<'_>| {
        if !value.is_nil() {
            object.insert(name.to_string(), json(value));
        }
    };
    let own = Value::text(&source.name);
    put("service", if event.service.is_nil() { &own } else { &event.service });
    for name in ["host", "state", "description", "metric", "tags"] {
        if wanted.field(&Field::named(name)) {
            put(name, &event.field(&Field::named(name)));
        }
    }
    for (name, value) in event.attributes.iter().filter(|(name, _)| wanted.attribute(name)) {
        put(&String::from_utf8_lossy(name), value);
    }
    finish(entries, event, &mut object);
    Some(Json::Object(object).to_string().into_bytes())
}

/// The folder for lines that are not understood.
pub fn rejects(state: Option<&Path>) -> Option<PathBuf> {
    state.map(|folder| folder.join("logs"))
}
