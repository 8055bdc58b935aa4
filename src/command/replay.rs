//! `replay`: what these thresholds would have said about this history.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::history::{self, Judged, Listener, Reading};
use super::notify_plan::{Nights, NotifyPlan};
use super::summary::{self, Totals};
use super::terminal;
use super::{FINE, FOUND, Failure, Format, as_live, ended, say};
use crate::config::{self, Unset};
use crate::edn;
use crate::engine::{Evaluator, Lane, Transition, Verdict, wording};
use crate::plan::Plan;
use crate::source::Wanted;

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
    #[command(flatten)]
    reading: Reading,
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
    #[command(flatten)]
    nights: Nights,
    /// `human`, or `json`: transitions as one JSON object a line on stdout, the summary on stderr
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// Replays; returns the exit code.
pub fn run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let result = try_run(args, out, err);
    ended(result, err)
}

fn try_run(args: &ReplayArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let mut plan = [load(args, err)?];
    if args.as_live {
        let [plan] = plan;
        return run_as_live(args, &Arc::new(plan), out, err);
    }
    let wanted = Wanted::of_plan(&plan[0]);
    let inputs = history::open(&args.inputs, &args.reading, &mut plan, wanted, err)?;
    let rejects = open_rejects(args)?;
    let [plan] = plan.map(Arc::new);
    let mut printer = Printer::new(args, &plan, out, err);
    printer.rejects = rejects;
    let history = history::replay(inputs, &args.reading, vec![plan], &mut printer)?;
    if let Some(rejects) = &mut printer.rejects {
        rejects.flush().map_err(|error| rejects_failed(args, &error))?;
    }
    let Judged { evaluator, lanes: [lane], .. } = &history.judged[0];
    printer.summarise(evaluator, lane, &history.totals)?;
    Ok(match history.code() {
        FINE => printer.found(&history.totals),
        code => code,
    })
}

fn run_as_live(args: &ReplayArgs, plan: &Arc<Plan>, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let [path] = args.inputs.as_slice() else {
        return Err(Failure::Message("--as-live replays one recording: give one INPUT".to_string()));
    };
    let mut printer = Printer::new(args, plan, out, err);
    let mut totals = Totals { inputs: vec![(path.clone(), "recording".to_string())], ..Totals::default() };
    let lived = as_live::replay(path, &[Arc::clone(plan)], &mut printer, &mut totals)?;
    printer.summarise(&lived.runs[0].evaluator, &lived.runs[0].lane, &totals)?;
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
    let format = args.reading.log_format.as_deref().and_then(|format| format.strip_prefix('@'));
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

/// Where transitions and the summary are printed.
pub struct Printer<'a> {
    args: &'a ReplayArgs,
    plan: Arc<Plan>,
    violations: u64,
    notify_plan: Option<NotifyPlan>,
    rejects: Option<BufWriter<File>>,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Printer<'a> {
    fn new(args: &'a ReplayArgs, plan: &Arc<Plan>, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Printer<'a> {
        let notify_plan = args.notify_plan.then(|| NotifyPlan::new(plan, args.nights.night()));
        Printer { args, plan: Arc::clone(plan), violations: 0, notify_plan, rejects: None, out, err }
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

impl Listener for Printer<'_> {
    fn hear(&mut self, _plan: usize, transitions: Vec<Transition>) -> ControlFlow<Failure> {
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

    fn say(&mut self, line: &str) {
        say(self.err, line);
    }

    fn refused(&mut self, line: &[u8]) -> ControlFlow<Failure> {
        if let Some(rejects) = &mut self.rejects
            && let Err(error) = rejects.write_all(line).and_then(|()| rejects.write_all(b"\n"))
        {
            return ControlFlow::Break(rejects_failed(self.args, &error));
        }
        ControlFlow::Continue(())
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
