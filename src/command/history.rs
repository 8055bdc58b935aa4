//! A history, read once and judged by one plan or by several: what `replay` and `check --against` share.

use std::fs::File;
use std::io::{self, IsTerminal, Read as _, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::summary::Totals;
use super::terminal::Progress;
use super::{FAILED, FINE, Failure, say};
use crate::engine::{Compiled, Evaluator, Event, Lane, Transition, Watching, wording};
use crate::plan::{Plan, Timestamp};
use crate::server::clock;
use crate::source::{Inputs, Kind, LogFormat, Place, Read, Settings, Wanted, Zone};

/// What the events of access logs are of, where nothing else is said.
pub const SERVICE: &str = "http";

/// How a history is read.
#[derive(Args, Clone, Debug)]
pub struct Reading {
    /// A name (`common`, `combined`, `vhost_combined`, `nginx`, `nginx_timed`, `nginx_json`, `caddy`, `traefik`,
    /// `traefik_json`, `haproxy`, `envoy`, `envoy_json`, `alb`, `cloudfront`, `iis`, `w3c`, `ltsv`, `logfmt`, `json`); or
    /// a pasted nginx log_format, Apache LogFormat or HAProxy log-format; or `regex:` and one with named groups; @FILE
    /// reads it from a file, @FILE:NAME the log_format of this name
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// The service of the events of access logs
    #[arg(long, value_name = "NAME", default_value = SERVICE)]
    pub service: String,
    /// The time zone of log lines that do not say theirs: `Europe/Berlin`, `+02:00`, `UTC` [default: the machine's]
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Leave out events before this time (RFC 3339 or seconds since 1970); watched from here on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<Timestamp>,
    /// Leave out events at or after this time; watched until here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub to: Option<Timestamp>,
    /// Take every window as watched throughout, from the first that an event falls into
    #[arg(long)]
    pub whole: bool,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading { log_format: None, service: SERVICE.to_string(), zone: None, from: None, to: None, whole: false }
    }
}

/// A file with log formats is at most so long.
const FORMAT_BYTES: u64 = 1 << 20;

pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = Timestamp::from_rfc3339(text.as_bytes()).or_else(|| Timestamp::from_seconds_text(text.as_bytes()));
    time.ok_or_else(|| "expected RFC 3339, as in 2023-11-14T22:20:00Z, or seconds since 1970".to_string())
}

/// Who hears what comes of a history.
pub trait Listener {
    /// Transitions by one of the plans, in order.
    fn hear(&mut self, plan: usize, transitions: Vec<Transition>) -> ControlFlow<Failure>;

    /// An event that is judged.
    fn see(&mut self, _event: &Event<'_>) {}

    /// A line for people.
    fn say(&mut self, line: &str);

    /// A line of the history that gives no event.
    fn refused(&mut self, _line: &[u8]) -> ControlFlow<Failure> {
        ControlFlow::Continue(())
    }
}

/// One plan, and what it came to.
pub struct Judged {
    pub evaluator: Evaluator,
    pub lanes: [Lane; 1],
    /// Event time that the next window closes at.
    deadline: Timestamp,
    greatest: Timestamp,
    /// The greatest grace of a threshold: so long transitions are held back, that they come in order.
    longest_grace: i64,
    held: Vec<Transition>,
}

/// What a history came to.
pub struct History {
    /// In the order of the plans.
    pub judged: Vec<Judged>,
    pub totals: Totals,
    /// How far it is watched; None if nothing was.
    pub end: Option<Timestamp>,
    /// An input could not be read to its end.
    failed: bool,
}

/// Looks into inputs, whose format is as `reading` says or as they look, for the fields that are `wanted`.
///
/// A plan without a `:grace` of its own has one of two intervals if lines are stamped when a request begins. Limits are
/// those of the last plan.
///
/// # Errors
/// The format, a time or an input is not as it should be.
pub fn open(
    inputs: &[String],
    reading: &Reading,
    plans: &mut [Plan],
    wanted: Wanted,
    err: &mut dyn Write,
) -> Result<Inputs, Failure> {
    let format = reading.log_format.as_deref().map(read_format).transpose().map_err(Failure::Message)?;
    let max_skew = plans.last().map_or(Plan::MAX_SKEW, |plan| plan.max_skew);
    reading.check_times(max_skew)?;
    if let Some(format) = &format {
        for warning in format.warnings() {
            say(err, &format!("highwater: --log-format: {warning}"));
        }
    }
    let limits = plans.last().map(|plan| plan.limits).unwrap_or_default();
    let settings = Settings { service: reading.service.clone(), format, wanted, limits, zone: reading.zone()? };
    let inputs = Inputs::open(inputs, settings).map_err(|errors| {
        for error in errors {
            say(err, &format!("highwater: {error}"));
        }
        Failure::Said
    })?;
    if inputs.kinds().any(|(_, kind)| kind.is_some_and(Kind::starts_at_request)) {
        // Such a line is written when the request ends, so it is as late as the request was long.
        let unset = plans.iter_mut().filter(|plan| !plan.grace_is_set).flat_map(|plan| &mut plan.thresholds);
        for threshold in unset.filter(|threshold| !threshold.grace_is_own) {
            threshold.grace = threshold.grace.max(2 * threshold.interval.micros());
        }
    }
    for (path, kind) in inputs.kinds().filter(|(_, kind)| kind.is_some_and(Kind::goes_on)) {
        let name = kind.map_or("", Kind::name);
        say(
            err,
            &format!(
                "highwater: {path}: read as {name}, and what its lines have behind that is left out; to read it too, \
                 give the server's format with --log-format"
            ),
        );
    }
    Ok(inputs)
}

impl Reading {
    fn check_times(&self, max_skew: i64) -> Result<(), Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Failure::Message(format!("--from {from} is not before --to {to}")));
        }
        if let Some(to) = self.to
            && to > clock::wall().plus(max_skew)
        {
            let message = format!("--to {to} is ahead of this machine's clock: nothing was watched there");
            return Err(Failure::Message(message));
        }
        Ok(())
    }

    fn zone(&self) -> Result<Zone, Failure> {
        match &self.zone {
            Some(name) => Zone::named(name).map_err(|error| Failure::Message(format!("--zone: {error}"))),
            None => Ok(Zone::machine()),
        }
    }

    fn watching(&self) -> Watching {
        match (self.whole, self.from) {
            (true, _) => Watching::Whole,
            (false, Some(from)) => Watching::From(from.micros()),
            (false, None) => Watching::FromFirstEvent,
        }
    }
}

/// `@FILE` and `@FILE:NAME` are read from a file, anything else is the format.
pub fn read_format(text: &str) -> Result<LogFormat, String> {
    let Some(path) = text.strip_prefix('@') else {
        return LogFormat::parse(text).map_err(|error| format!("--log-format: {error}"));
    };
    let (path, name) = match path.rsplit_once(':') {
        Some((file, name)) if !Path::new(path).exists() => (file, Some(name)),
        _ => (path, None),
    };
    let fail = |error: &dyn std::fmt::Display| format!("--log-format: {path}: {error}");
    let mut text = String::new();
    let file = File::open(path).map_err(|error| fail(&error))?;
    file.take(FORMAT_BYTES).read_to_string(&mut text).map_err(|error| fail(&error))?;
    if text.len() as u64 == FORMAT_BYTES {
        return Err(fail(&"is longer than a server's configuration: give the file that holds the format"));
    }
    match name {
        Some(name) => LogFormat::parse_named(&text, name).map_err(|error| fail(&error)),
        None => LogFormat::parse(&text).map_err(|error| fail(&error)),
    }
}

/// Reads inputs to their end, once for all plans. An event ahead of the clock is refused by the `:max-skew` of the last.
///
/// # Errors
/// Those of the listener.
pub fn replay(
    inputs: Inputs,
    reading: &Reading,
    plans: Vec<Arc<Plan>>,
    listener: &mut dyn Listener,
) -> Result<History, Failure> {
    let kinds = inputs.kinds();
    let kinds = kinds.map(|(path, kind)| (path.to_string(), kind.map_or("nothing: empty", Kind::name).to_string()));
    let totals = Totals { inputs: kinds.collect(), ..Totals::default() };
    let max_skew = plans.last().map_or(Plan::MAX_SKEW, |plan| plan.max_skew);
    let judged = plans.into_iter().map(|plan| Judged::new(plan, reading.watching())).collect();
    let history = History { judged, totals, end: None, failed: false };
    let mut replay = Replay { reading, history, max_skew, not_ahead: Timestamp::MIN, listener };
    let mut progress = Progress::new(inputs.size(), inputs.counter(), io::stderr().is_terminal());
    let read = inputs.each(&mut |read| {
        progress.tick();
        replay.take(read)
    });
    progress.end();
    if let ControlFlow::Break(failure) = read {
        return Err(failure);
    }
    replay.finish()
}

/// A history that is being read.
struct Replay<'a> {
    reading: &'a Reading,
    history: History,
    max_skew: i64,
    /// An event after this is checked against the clock.
    not_ahead: Timestamp,
    listener: &'a mut dyn Listener,
}

impl Replay<'_> {
    fn take(&mut self, read: Read<'_>) -> ControlFlow<Failure> {
        match read {
            Read::Event(event, place, line) => self.observe(event, place, line),
            Read::Refused(refused, place, line) => self.refuse(refused.cause(), &refused, place, line),
            Read::Failed(error) => {
                self.history.failed = true;
                self.listener.say(&format!("highwater: {error}"));
                ControlFlow::Continue(())
            }
        }
    }

    fn observe(&mut self, event: &Event<'_>, place: Place<'_>, line: &[u8]) -> ControlFlow<Failure> {
        if event.time > self.not_ahead && self.is_ahead(event.time) {
            let cause = format!(
                "{} is ahead of this machine's clock by more than `:max-skew` ({})",
                event.time,
                wording::length(self.max_skew)
            );
            return self.refuse("ahead of the clock", &cause, place, line);
        }
        let Reading { from, to, .. } = self.reading;
        if from.is_some_and(|from| event.time < from) || to.is_some_and(|to| event.time >= to) {
            self.history.totals.outside += 1;
            return ControlFlow::Continue(());
        }
        self.history.totals.note(event.time);
        self.listener.see(event);
        for (at, judged) in self.history.judged.iter_mut().enumerate() {
            if judged.observe(event) {
                let ready = judged.ready(judged.greatest.plus(-judged.longest_grace));
                self.listener.hear(at, ready)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the clock, read again, is still more than the allowed skew behind.
    fn is_ahead(&mut self, time: Timestamp) -> bool {
        self.not_ahead = clock::wall().plus(self.max_skew);
        time > self.not_ahead
    }

    fn refuse(
        &mut self,
        cause: &'static str,
        message: &dyn std::fmt::Display,
        place: Place<'_>,
        line: &[u8],
    ) -> ControlFlow<Failure> {
        if self.history.totals.refuse(cause) {
            self.listener.say(&format!("{place}: {message} (the first line refused by this cause)"));
        }
        self.listener.refused(line)
    }

    fn finish(mut self) -> Result<History, Failure> {
        let Reading { from, to, .. } = self.reading;
        let events = self.history.totals.events;
        for (at, judged) in self.history.judged.iter_mut().enumerate() {
            // With a time to end at, silence up to there is watched and judged too.
            let last = match to {
                Some(to) if events > 0 || from.is_some() => Some((to.plus(-1), *to)),
                _ => (events > 0).then_some((judged.greatest, judged.greatest)),
            };
            if let Some((last, watched_to)) = last {
                judged.evaluator.finish(last, watched_to, &mut judged.lanes, &mut judged.held);
                self.history.end = Some(watched_to);
                let ready = judged.ready(Timestamp::MAX);
                if let ControlFlow::Break(failure) = self.listener.hear(at, ready) {
                    return Err(failure);
                }
            }
        }
        Ok(self.history)
    }
}

impl Judged {
    fn new(plan: Arc<Plan>, watching: Watching) -> Judged {
        let evaluator = Evaluator::new(&Compiled::new(Arc::clone(&plan)), watching);
        Judged {
            lanes: [evaluator.lane()],
            deadline: evaluator.next_deadline(),
            evaluator,
            greatest: Timestamp::MIN,
            longest_grace: plan.thresholds.iter().map(|threshold| threshold.grace).max().unwrap_or(0),
            held: Vec::new(),
        }
    }

    /// Counts an event; whether there are transitions that may be ready.
    #[inline]
    fn observe(&mut self, event: &Event<'_>) -> bool {
        self.lanes[0].observe(event);
        if event.time <= self.greatest {
            return false;
        }
        self.greatest = event.time;
        if self.greatest < self.deadline {
            return false;
        }
        self.evaluator.advance(self.greatest, &mut self.lanes, &mut self.held);
        self.deadline = self.evaluator.next_deadline();
        !self.held.is_empty()
    }

    /// What was held back of windows that end by `until`: no earlier one can come any more.
    fn ready(&mut self, until: Timestamp) -> Vec<Transition> {
        Transition::sort(&mut self.held);
        let ready = self.held.partition_point(|transition| transition.end <= until);
        self.held.drain(..ready).collect()
    }
}

impl History {
    /// 0, or 2 if not all was read, or nothing of it understood: then it has not been judged.
    pub fn code(&self) -> u8 {
        let understood = self.totals.events + self.totals.outside > 0 || self.totals.refused_lines() == 0;
        if self.failed || !understood { FAILED } else { FINE }
    }
}
