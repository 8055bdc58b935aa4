//! `replay`: what these thresholds would have said about this history.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::notify_plan::{Night, NotifyPlan};
use super::summary::{self, Totals};
use super::terminal::{self, Progress};
use super::{FAILED, FINE, FOUND, Failure, Format, as_live, ended, say};
use crate::config::{self, Unset};
use crate::edn;
use crate::engine::{Compiled, Evaluator, Event, Lane, Transition, Verdict, Watching, wording};
use crate::plan::{Plan, Timestamp};
use crate::server::clock;
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
    /// @FILE reads it from a file, @FILE:NAME the one of this name
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
    /// INPUT is a recording (`run --record`): do again what the run did, with the times of arrival as the clock
    #[arg(long, conflicts_with_all = ["log_format", "from", "to", "whole", "rejects"])]
    as_live: bool,
    /// Write all lines that were refused to this file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Exit with 1 if more lines than this were refused
    #[arg(long, value_name = "COUNT")]
    max_rejects: Option<u64>,
    /// Exit with 1 if there was a violation (of a threshold that is not `:shadow`)
    #[arg(long)]
    fail_on_violation: bool,
    /// Say after the summary who would have been told how often, and when at night
    #[arg(long)]
    notify_plan: bool,
    /// When people sleep, in hours of their day, for --notify-plan
    #[arg(long, value_name = "HOURS", default_value = "22-7", value_parser = Night::parse)]
    night: (i64, i64),
    /// How far people's clocks are ahead of UTC, for --notify-plan
    #[arg(long, value_name = "HOURS", default_value = "0", value_parser = Night::parse_ahead, allow_hyphen_values = true)]
    utc_offset: i64,
    /// `human`, or `json`: transitions as one JSON object a line on stdout, the summary on stderr
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// A file with log formats is at most so long.
const FORMAT_BYTES: u64 = 1 << 20;

/// Replays; returns the exit code.
pub fn run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let result = try_run(args, out, err);
    ended(result, err)
}

fn try_run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let mut plan = load(args, err)?;
    if args.as_live {
        return run_as_live(args, &Arc::new(plan), out, err);
    }
    let format = args.log_format.as_deref().map(read_format).transpose().map_err(Failure::Message)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::Message(format!("--from {from} is not before --to {to}")));
    }
    if let Some(to) = args.to
        && to > clock::wall().plus(plan.max_skew)
    {
        return Err(Failure::Message(format!("--to {to} is ahead of this machine's clock: nothing was watched there")));
    }
    let inputs = open(args, &plan, format, err)?;
    if !plan.grace_is_set && inputs.kinds().any(|(_, kind)| kind.is_some_and(Kind::starts_at_request)) {
        // Such a line is written when the request ends, so it is as late as the request was long.
        for threshold in plan.thresholds.iter_mut().filter(|threshold| !threshold.grace_is_own) {
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
    let rejects = open_rejects(args)?;
    let mut replay = Replay::new(args, Arc::new(plan), rejects, out, err);
    let kinds =
        inputs.kinds().map(|(path, kind)| (path.to_string(), kind.map_or("nothing: empty", Kind::name).to_string()));
    replay.totals.inputs = kinds.collect();
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

fn run_as_live(args: &ReplayArgs, plan: &Arc<Plan>, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let [path] = args.inputs.as_slice() else {
        return Err(Failure::Message("--as-live replays one recording: give one INPUT".to_string()));
    };
    let mut printer = Printer::new(args, plan, out, err);
    let mut totals = Totals { inputs: vec![(path.clone(), "recording".to_string())], ..Totals::default() };
    let lived = as_live::replay(path, plan, &mut printer, &mut totals)?;
    printer.summarise(&lived.evaluator, &lived.lane, &totals)?;
    Ok(printer.found(&totals))
}

fn load(args: &ReplayArgs, err: &mut dyn Write) -> Result<Plan, Failure> {
    let loaded = config::load(&args.config, &config::Process, Unset::Warning);
    let _ = write!(err, "{}", edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()));
    loaded.plan.ok_or(Failure::Said)
}

/// Opens `--rejects`, which must be no file that is read.
fn open_rejects(args: &ReplayArgs) -> Result<Option<BufWriter<File>>, Failure> {
    let Some(path) = &args.rejects else { return Ok(None) };
    let fail = |cause: &str| Failure::Message(format!("--rejects: {}: {cause}", path.display()));
    if path.as_os_str() == "-" || path.starts_with("/dev") {
        return Err(fail("is no file to keep; give the name of one"));
    }
    let format = args.log_format.as_deref().and_then(|format| format.strip_prefix('@'));
    let read = args.inputs.iter().map(String::as_str).chain(format).map(Path::new);
    let mut read = read.chain(args.config.iter().map(PathBuf::as_path));
    if read.any(|read| same_file(read, path)) {
        return Err(fail("is read from; give another file"));
    }
    let file = File::create(path).map_err(|error| fail(&error.to_string()))?;
    Ok(Some(BufWriter::new(file)))
}

/// Whether two paths are one file, by whatever links.
fn same_file(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (std::fs::metadata(a), std::fs::metadata(b)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (a.dev(), a.ino()) == (b.dev(), b.ino())
    }
    #[cfg(not(unix))]
    {
        a.is_file() && b.is_file() && a.len() == b.len() && a.modified().ok() == b.modified().ok()
    }
}

/// `@FILE` and `@FILE:NAME` are read from a file, anything else is the format.
fn read_format(text: &str) -> Result<LogFormat, String> {
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

fn open(args: &ReplayArgs, plan: &Plan, format: Option<LogFormat>, err: &mut dyn Write) -> Result<Inputs, Failure> {
    if let Some(format) = &format {
        for warning in format.warnings() {
            say(err, &format!("highwater: --log-format: {warning}"));
        }
    }
    let wanted = Wanted::of_plan(plan);
    let settings = Settings { service: args.service.clone(), format, wanted, limits: plan.limits };
    Inputs::open(&args.inputs, settings).map_err(|errors| {
        for error in errors {
            say(err, &format!("highwater: {error}"));
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
    failed: bool,
    rejects: Option<BufWriter<File>>,
    printer: Printer<'a>,
}

/// Where transitions and the summary are printed.
pub struct Printer<'a> {
    args: &'a ReplayArgs,
    plan: Arc<Plan>,
    violations: u64,
    notify_plan: Option<NotifyPlan>,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Printer<'a> {
    fn new(args: &'a ReplayArgs, plan: &Arc<Plan>, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Printer<'a> {
        let night = Night { from: args.night.0, to: args.night.1, ahead: args.utc_offset };
        let notify_plan = args.notify_plan.then(|| NotifyPlan::new(plan, night));
        Printer { args, plan: Arc::clone(plan), violations: 0, notify_plan, out, err }
    }

    pub fn print(&mut self, transitions: impl Iterator<Item = Transition>) -> ControlFlow<Failure> {
        for transition in transitions {
            let routed = !self.plan.thresholds[transition.threshold].output.shadow;
            self.violations += u64::from(routed && transition.to == Verdict::Violation);
            if let Some(notify_plan) = &mut self.notify_plan {
                notify_plan.take(&transition, &self.plan);
            }
            let written = match self.args.format {
                Format::Json => writeln!(self.out, "{}", transition.to_json(&self.plan)),
                Format::Human => human(self.out, &transition, &self.plan),
            };
            if let Err(error) = written {
                return ControlFlow::Break(Failure::Output(error, self.violated()));
            }
        }
        ControlFlow::Continue(())
    }

    pub fn say(&mut self, line: &str) {
        say(self.err, line);
    }

    fn summarise(&mut self, evaluator: &Evaluator, lane: &Lane, totals: &Totals) -> Result<(), Failure> {
        let mut text = summary::render(&self.plan, evaluator, totals);
        if let Some(notify_plan) = self.notify_plan.take() {
            text.push('\n');
            text.push_str(&notify_plan.render());
        }
        let written = match self.args.format {
            Format::Human => write!(self.out, "\n{text}"),
            Format::Json => write!(self.err, "{text}").or(Ok(())),
        };
        let found = self.found(totals);
        written.and_then(|()| self.out.flush()).map_err(|error| Failure::Output(error, found))?;
        for warning in summary::warnings(&self.plan, evaluator, lane.unread(), totals) {
            self.say(&format!("warning: {warning}"));
        }
        Ok(())
    }

    /// The exit code by the violations so far.
    fn violated(&self) -> u8 {
        if self.args.fail_on_violation && self.violations > 0 { FOUND } else { FINE }
    }

    /// The exit code by what was found so far.
    fn found(&self, totals: &Totals) -> u8 {
        let too_many = self.args.max_rejects.is_some_and(|most| totals.refused_lines() > most);
        if too_many { FOUND } else { self.violated() }
    }
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
            failed: false,
            rejects,
            printer: Printer::new(args, &plan, out, err),
            args,
            plan,
        }
    }

    fn take(&mut self, read: Read<'_>) -> ControlFlow<Failure> {
        match read {
            Read::Event(event, place, line) => self.observe(event, place, line),
            Read::Refused(refused, place, line) => self.refuse(refused.cause(), &refused, place, line),
            Read::Failed(error) => {
                self.failed = true;
                self.printer.say(&format!("highwater: {error}"));
                ControlFlow::Continue(())
            }
        }
    }

    fn observe(&mut self, event: &Event<'_>, place: Place<'_>, line: &[u8]) -> ControlFlow<Failure> {
        if event.time > self.not_ahead && self.is_ahead(event.time) {
            let cause = format!(
                "{} is ahead of this machine's clock by more than `:max-skew` ({})",
                event.time,
                wording::length(self.plan.max_skew)
            );
            return self.refuse("ahead of the clock", &cause, place, line);
        }
        if self.args.from.is_some_and(|from| event.time < from) || self.args.to.is_some_and(|to| event.time >= to) {
            self.totals.outside += 1;
            return ControlFlow::Continue(());
        }
        self.totals.note(event.time);
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
        self.not_ahead = clock::wall().plus(self.plan.max_skew);
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
            self.printer.say(&format!("{place}: {message} (the first line refused by this cause)"));
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
        self.printer.print(self.held.drain(..ready))
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
        if let Some(rejects) = &mut self.rejects {
            rejects.flush().map_err(|error| rejects_failed(self.args, &error))?;
        }
        self.printer.summarise(&self.evaluator, &self.lanes[0], &self.totals)?;
        // A history of which no line was understood has not been judged.
        let understood = self.totals.events + self.totals.outside > 0 || self.totals.refused_lines() == 0;
        Ok(if self.failed || !understood { FAILED } else { self.printer.found(&self.totals) })
    }
}

fn rejects_failed(args: &ReplayArgs, error: &io::Error) -> Failure {
    let path = args.rejects.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    Failure::Message(format!("--rejects: {path}: {error}"))
}

fn human(out: &mut dyn Write, transition: &Transition, plan: &Plan) -> io::Result<()> {
    let (red, green, plain) =
        if terminal::colour_stdout() { ("\x1b[31m", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
    let colour = if transition.to == Verdict::Violation { red } else { green };
    let threshold = &plan.thresholds[transition.threshold];
    let name = summary::is_named(threshold).then_some(threshold.id.as_str());
    let shadow = threshold.output.shadow.then_some("shadow");
    let marks: Vec<&str> = [name, threshold.output.severity.as_deref(), shadow].into_iter().flatten().collect();
    let marks = if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join(", ")) };
    let summary = format!("{}{marks}", wording::summary(transition, plan));
    let summary = terminal::printable(&summary);
    writeln!(out, "{}  {colour}{:<9}{plain}  {summary}", transition.end, transition.to.name())
}

pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = Timestamp::from_rfc3339(text.as_bytes()).or_else(|| Timestamp::from_seconds_text(text.as_bytes()));
    time.ok_or_else(|| "expected RFC 3339, as in 2023-11-14T22:20:00Z, or seconds since 1970".to_string())
}
