//! `replay`: what these thresholds would have said about this history.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use super::summary::{self, Totals};
use super::terminal::{self, Progress};
use super::{FAILED, FINE, FOUND};
use crate::config::{self, Unset};
use crate::edn;
use crate::engine::{Compiled, Evaluator, Event, Lane, Transition, Watching};
use crate::plan::{Field, Plan, Timestamp};
use crate::source::{Inputs, Kind, LogFormat, Place, Read, Settings, Wanted};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater replay -c thresholds access.log\n  \
    highwater replay -c thresholds --log-format @nginx.conf 'access.log.1.gz' access.log\n  \
    zcat events.json.gz | highwater replay -c thresholds --format json -")]
pub struct ReplayArgs {
    /// Events (JSON or EDN, one a line) or access logs, plain, gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Threshold files or folders [default: ./thresholds.edn, else ./thresholds]
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
    /// `common`, `combined`, `vhost_combined` (Apache), `nginx`, or a pasted nginx log_format or Apache LogFormat;
    /// @FILE reads it from a file
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// The service of the events of access logs
    #[arg(long, value_name = "NAME", default_value = "http")]
    service: String,
    /// Leave out events before this time (RFC 3339 or seconds since 1970); watched from here on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,
    /// Leave out events at or after this time; watched until here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<Timestamp>,
    /// Take every window as watched throughout, from the first that an event falls into
    #[arg(long)]
    whole: bool,
    /// Write all lines that were refused to this file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Exit with 1 if more lines than this were refused
    #[arg(long, value_name = "COUNT")]
    max_rejects: Option<u64>,
    /// Exit with 1 if there was a violation
    #[arg(long)]
    fail_on_violation: bool,
    /// `human`, or `json`: transitions as one JSON object a line on stdout, the summary on stderr
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// Replays; returns the exit code.
pub fn run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match try_run(args, out, err) {
        Ok(code) => code,
        Err(Failure::Said) => FAILED,
        Err(Failure::Message(message)) => {
            let _ = writeln!(err, "highwater: {message}");
            FAILED
        }
        Err(Failure::Output(error)) => terminal::output_failed(&error, err),
    }
}

/// Why the job could not be done.
enum Failure {
    /// All has been said.
    Said,
    Message(String),
    Output(io::Error),
}

fn try_run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let mut plan = load(args, err)?;
    let format = args.log_format.as_deref().map(read_format).transpose().map_err(Failure::Message)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::Message(format!("--from {from} is not before --to {to}")));
    }
    let inputs = open(args, &plan, format, err)?;
    if !plan.grace_is_set && inputs.kinds().any(|(_, kind)| kind.is_some_and(Kind::starts_at_request)) {
        // Such a line is written when the request ends, so it is as late as the request was long.
        for threshold in &mut plan.thresholds {
            threshold.grace = threshold.grace.max(2 * threshold.interval.micros());
        }
    }
    let rejects = match &args.rejects {
        Some(path) => {
            let file = File::create(path).map_err(|error| Failure::Message(format!("{}: {error}", path.display())))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let mut replay = Replay::new(args, Arc::new(plan), rejects, out, err);
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

fn load(args: &ReplayArgs, err: &mut dyn Write) -> Result<Plan, Failure> {
    let loaded = config::load(&args.config, &config::Process, Unset::Warning);
    let _ = write!(err, "{}", edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()));
    loaded.plan.ok_or(Failure::Said)
}

fn read_format(text: &str) -> Result<LogFormat, String> {
    match text.strip_prefix('@') {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("--log-format: {path}: {error}"))?;
            LogFormat::parse(&text).map_err(|error| format!("--log-format: {path}: {error}"))
        }
        None => LogFormat::parse(text).map_err(|error| format!("--log-format: {error}")),
    }
}

fn open(args: &ReplayArgs, plan: &Plan, format: Option<LogFormat>, err: &mut dyn Write) -> Result<Inputs, Failure> {
    if let Some(format) = &format {
        for warning in format.warnings() {
            let _ = writeln!(err, "highwater: --log-format: {warning}");
        }
    }
    let mut fields: Vec<&Field> = Vec::new();
    for threshold in &plan.thresholds {
        fields.push(threshold.measure.field());
        fields.extend(&threshold.group_by);
        if let Some(filter) = &threshold.filter {
            filter.fields(&mut fields);
        }
    }
    let wanted = Wanted::of(fields);
    let settings = Settings { service: args.service.clone(), format, wanted, limits: plan.limits };
    Inputs::open(&args.inputs, settings).map_err(|errors| {
        for error in errors {
            let _ = writeln!(err, "highwater: {error}");
        }
        Failure::Said
    })
}

/// A replay under way.
struct Replay<'a> {
    args: &'a ReplayArgs,
    plan: Arc<Plan>,
    evaluator: Evaluator,
    lanes: [Lane; 1],
    /// Event time that the next window closes at.
    deadline: Timestamp,
    greatest: Timestamp,
    /// An event after this is checked against the clock.
    not_ahead: Timestamp,
    /// The greatest grace of a threshold: so long transitions are held back, that they come in order.
    longest_grace: i64,
    held: Vec<Transition>,
    totals: Totals,
    violations: u64,
    failed: bool,
    rejects: Option<BufWriter<File>>,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Replay<'a> {
    fn new(
        args: &'a ReplayArgs,
        plan: Arc<Plan>,
        rejects: Option<BufWriter<File>>,
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
    ) -> Replay<'a> {
        let watching = match (args.whole, args.from) {
            (true, _) => Watching::Whole,
            (false, Some(from)) => Watching::From(from.micros()),
            (false, None) => Watching::FromFirstEvent,
        };
        let evaluator = Evaluator::new(&Compiled::new(Arc::clone(&plan)), watching);
        Replay {
            lanes: [evaluator.lane()],
            deadline: evaluator.next_deadline(),
            evaluator,
            greatest: Timestamp::MIN,
            not_ahead: Timestamp::MIN,
            longest_grace: plan.thresholds.iter().map(|threshold| threshold.grace).max().unwrap_or(0),
            held: Vec::new(),
            totals: Totals::default(),
            violations: 0,
            failed: false,
            rejects,
            args,
            plan,
            out,
            err,
        }
    }

    fn take(&mut self, read: Read<'_>) -> ControlFlow<Failure> {
        match read {
            Read::Event(event, place, line) => self.observe(event, place, line),
            Read::Refused(refused, place, line) => self.refuse(refused.cause(), &refused, place, line),
            Read::Failed(error) => {
                self.failed = true;
                self.say(&format!("highwater: {error}"));
                ControlFlow::Continue(())
            }
        }
    }

    fn observe(&mut self, event: &Event<'_>, place: Place<'_>, line: &[u8]) -> ControlFlow<Failure> {
        if event.time > self.not_ahead && self.is_ahead(event.time) {
            let cause = format!(
                "{} is ahead of this machine's clock by more than `:max-skew` ({})",
                event.time,
                crate::engine::wording::length(self.plan.max_skew)
            );
            return self.refuse("ahead of the clock", &cause, place, line);
        }
        if self.args.from.is_some_and(|from| event.time < from) || self.args.to.is_some_and(|to| event.time >= to) {
            self.totals.outside += 1;
            return ControlFlow::Continue(());
        }
        let micros = event.time.micros();
        self.totals.events += 1;
        self.totals.least = Some(self.totals.least.map_or(micros, |least| least.min(micros)));
        self.lanes[0].observe(event);
        if event.time > self.greatest {
            self.greatest = event.time;
            if self.greatest >= self.deadline {
                self.evaluator.advance(self.greatest, &mut self.lanes, &mut self.held);
                self.deadline = self.evaluator.next_deadline();
                if !self.held.is_empty() {
                    return self.print(self.greatest.plus(-self.longest_grace));
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the clock, read again, is still more than the allowed skew behind.
    fn is_ahead(&mut self, time: Timestamp) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        self.not_ahead = Timestamp::MIN.plus(now.saturating_sub(Timestamp::MIN.micros())).plus(self.plan.max_skew);
        time > self.not_ahead
    }

    fn refuse(
        &mut self,
        cause: &'static str,
        message: &dyn std::fmt::Display,
        place: Place<'_>,
        line: &[u8],
    ) -> ControlFlow<Failure> {
        if self.totals.refuse(cause) {
            self.say(&format!("{place}: {message} (the first line refused by this cause)"));
        }
        if let Some(rejects) = &mut self.rejects
            && let Err(error) = rejects.write_all(line).and_then(|()| rejects.write_all(b"\n"))
        {
            return ControlFlow::Break(rejects_failed(self.args, &error));
        }
        ControlFlow::Continue(())
    }

    /// Prints what was held back of windows that end by `until`: no earlier one can come any more.
    fn print(&mut self, until: Timestamp) -> ControlFlow<Failure> {
        self.held.sort_by(|a, b| a.order().cmp(&b.order()));
        let ready = self.held.partition_point(|transition| transition.end <= until);
        for transition in self.held.drain(..ready) {
            self.violations += u64::from(transition.to == crate::engine::Verdict::Violation);
            let written = match self.args.format {
                Format::Json => writeln!(self.out, "{}", transition.to_json(&self.plan)),
                Format::Human => human(self.out, &transition, &self.plan),
            };
            if let Err(error) = written {
                return ControlFlow::Break(Failure::Output(error));
            }
        }
        ControlFlow::Continue(())
    }

    fn finish(mut self) -> Result<u8, Failure> {
        // With a time to end at, silence up to there is watched and judged too.
        let last = match self.args.to {
            Some(to) if self.totals.events > 0 || self.args.from.is_some() => Some((to.plus(-1), to)),
            _ => (self.totals.events > 0).then_some((self.greatest, self.greatest)),
        };
        if let Some((last, watched_to)) = last {
            self.evaluator.finish(last, watched_to, &mut self.lanes, &mut self.held);
            if let ControlFlow::Break(failure) = self.print(Timestamp::MAX) {
                return Err(failure);
            }
        }
        self.totals.greatest = (self.totals.events > 0).then_some(self.greatest.micros());
        if let Some(rejects) = &mut self.rejects {
            rejects.flush().map_err(|error| rejects_failed(self.args, &error))?;
        }
        let text = summary::render(&self.plan, &self.evaluator, &self.totals);
        match self.args.format {
            Format::Human => write!(self.out, "\n{text}").map_err(Failure::Output)?,
            Format::Json => self.say(text.trim_end()),
        }
        self.out.flush().map_err(Failure::Output)?;
        for warning in summary::warnings(&self.plan, &self.evaluator, &self.totals) {
            self.say(&format!("warning: {warning}"));
        }
        let too_many = self.args.max_rejects.is_some_and(|most| self.totals.refused_lines() > most);
        Ok(if self.failed {
            FAILED
        } else if too_many || (self.args.fail_on_violation && self.violations > 0) {
            FOUND
        } else {
            FINE
        })
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
    }
}

fn rejects_failed(args: &ReplayArgs, error: &io::Error) -> Failure {
    let path = args.rejects.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    Failure::Message(format!("--rejects: {path}: {error}"))
}

fn human(out: &mut dyn Write, transition: &Transition, plan: &Plan) -> io::Result<()> {
    let (red, green, plain) =
        if terminal::colour_stdout() { ("\x1b[31m", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
    let colour = if transition.to == crate::engine::Verdict::Violation { red } else { green };
    let summary = crate::engine::wording::summary(transition, plan);
    writeln!(out, "{}  {colour}{:<9}{plain}  {}", transition.end, transition.to.name(), printable(&summary))
}

/// Control characters of a log must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = Timestamp::from_rfc3339(text.as_bytes()).or_else(|| Timestamp::from_seconds_text(text.as_bytes()));
    time.ok_or_else(|| "expected RFC 3339, as in 2023-11-14T22:20:00Z, or seconds since 1970".to_string())
}
