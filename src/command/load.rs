//! `load`: what is new in logs, categorised, counted and sent, as cron starts it.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser};

use super::{FAILED, FINE, FOUND, Failure, ended, number, say, state_folder, terminal};
use crate::config::{self, Unset};
use crate::edn;
use crate::load::checkpoint::{Checkpoint, NoCheckpoint};
use crate::load::explain;
use crate::load::reading::Reader;
use crate::load::run::{self, Report, Surroundings};
use crate::load::sink::{Append, Out, ToDaemon, ToInflux};
use crate::plan::{Destination, Limits, Pipeline, Place, Plan, Url};
use crate::server::clock;
use crate::source::{Decoder, Wanted, detect};

/// Takes what is new in logs, counts it by category and interval, and sends measurements.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  highwater load pipelines.edn                  # from cron, each minute
  highwater load pipelines.edn --dry-run        # what it would send
  highwater load pipelines.edn --explain '10.0.0.1 - - [22/Nov/2026:15:46:35 +0000] \"GET / HTTP/1.1\" 200 5'
  highwater load --multibrain loads.json        # [[\"a.edn\", \"--checkpoint\", \"/var/lib/a\"], [\"b.edn\"]]

Nothing is said when all went well, unless standard error is a terminal or with --verbose.
Exit: 0 fine (another run that is under way, too), 1 more lines were refused than `:max-rejects`, or too many distinct
records, 2 it could not be done; what could not be sent is sent by the next run.")]
pub struct LoadArgs {
    /// Files with `:pipelines`, or folders of *.edn
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The same; may be repeated
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
    /// Where is kept how far each pipeline got [default: the folder `load` in that of `:state`]
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Only this pipeline; may be repeated
    #[arg(long, value_name = "NAME")]
    pipeline: Vec<String>,
    /// Print the points instead of sending them; nothing is kept, the next run takes the same lines
    #[arg(long)]
    dry_run: bool,
    /// Show what becomes of one line, step by step
    #[arg(long, value_name = "LINE", conflicts_with = "dry_run")]
    explain: Option<String>,
    /// Run what this file says: a JSON array of argument lists, one after the other
    #[arg(long, value_name = "FILE", exclusive = true)]
    multibrain: Option<PathBuf>,
    /// Exit with 2 if another run is under way
    #[arg(long)]
    fail_if_running: bool,
    /// Say what was done though all went well
    #[arg(short, long)]
    verbose: bool,
}

/// The arguments of one run in a file for `--multibrain`.
#[derive(Parser)]
#[command(name = "load", no_binary_name = true)]
struct Line {
    #[command(flatten)]
    args: LoadArgs,
}

/// A file for `--multibrain` is at most so long, in bytes.
const MULTIBRAIN: u64 = 1 << 20;

/// How long a server is asked that has failed for another pipeline, in microseconds.
const ONCE: i64 = 1_000_000;

/// Loads; returns the exit code.
pub fn run(args: &LoadArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match &args.multibrain {
        Some(path) => match read_multibrain(path) {
            Ok(lines) => lines.iter().map(|line| run_one(&line.args, out, err)).fold(FINE, u8::max),
            Err(message) => ended(Err(Failure::Message(message)), err),
        },
        None => run_one(args, out, err),
    }
}

/// The argument lists of a file.
fn read_multibrain(path: &Path) -> Result<Vec<Line>, String> {
    let fail = |error: &dyn std::fmt::Display| format!("--multibrain: {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(|error| fail(&error))?.len();
    if length > MULTIBRAIN {
        return Err(fail(&format!("is longer than {MULTIBRAIN} bytes")));
    }
    let text = std::fs::read(path).map_err(|error| fail(&error))?;
    let lists: Vec<Vec<String>> = serde_json::from_slice(&text).map_err(|error| {
        fail(&format!(
            "expected an array of argument lists, such as [[\"a.edn\", \"--checkpoint\", \"/var/lib/a\"]]: {error}"
        ))
    })?;
    let mut lines = Vec::new();
    for (at, list) in lists.iter().enumerate() {
        // The article's lists began with the name of the command.
        let list = list.strip_prefix(&["load".to_string()]).unwrap_or(list);
        let line = Line::try_parse_from(list).map_err(|error| {
            let text = error.render().to_string();
            fail(&format!("list {}: {}", at + 1, text.lines().next().unwrap_or_default()))
        })?;
        if line.args.multibrain.is_some() {
            return Err(fail(&format!("list {}: `--multibrain` cannot stand in such a file", at + 1)));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn run_one(args: &LoadArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let result = try_run(args, out, err);
    ended(result, err)
}

fn try_run(args: &LoadArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let mut plan = read_plan(args, err)?;
    let pipelines = chosen(args, &mut plan)?;
    if let Some(line) = &args.explain {
        return explain(&pipelines, line, plan.limits, out);
    }
    let folder = folder(args, &plan)?;
    let surroundings = Surroundings { limits: plan.limits, max_skew: plan.max_skew, now: &clock::wall };
    let mut code = FINE;
    let mut down: Vec<Url> = Vec::new();
    for mut pipeline in pipelines {
        // A server that has just failed is asked once, not for half a minute by each pipeline.
        if let Destination::Influx(influx) = &mut pipeline.to
            && down.contains(&influx.url)
        {
            influx.timeout = influx.timeout.min(ONCE);
        }
        let (found, not_sent) = run_pipeline(args, &pipeline, &surroundings, &folder, out, err);
        code = code.max(found);
        if let Destination::Influx(influx) = pipeline.to
            && not_sent
        {
            down.push(influx.url);
        }
    }
    Ok(code)
}

fn read_plan(args: &LoadArgs, err: &mut dyn Write) -> Result<Plan, Failure> {
    let paths: Vec<PathBuf> = args.config.iter().chain(&args.paths).cloned().collect();
    let unset = if args.dry_run || args.explain.is_some() { Unset::Warning } else { Unset::Error };
    let loaded = config::load(&paths, &config::Process, unset);
    // Cron would send lints by mail each minute.
    if loaded.plan.is_none() || is_talkative(args) {
        let _ = write!(err, "{}", edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()));
    }
    loaded.plan.ok_or(Failure::Said)
}

/// The pipelines to run, with the tag `host`.
fn chosen(args: &LoadArgs, plan: &mut Plan) -> Result<Vec<Pipeline>, Failure> {
    let mut pipelines = std::mem::take(&mut plan.pipelines);
    let fail = |message: String| Err(Failure::Message(message));
    if pipelines.is_empty() {
        return fail(
            "no `:pipelines` here: write `{:pipelines {:activity {…}}}`, see `highwater load --help`".to_string(),
        );
    }
    let named: Vec<&str> = args.pipeline.iter().map(|name| name.trim_start_matches(':')).collect();
    for name in &named {
        if !pipelines.iter().any(|pipeline| pipeline.name == *name) {
            let names: Vec<&str> = pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
            return fail(format!("--pipeline {name}: there is none of this name, but: {}", names.join(", ")));
        }
    }
    let is_chosen = |name: &String| named.is_empty() || named.contains(&name.as_str());
    pipelines.retain(|pipeline| is_chosen(&pipeline.name));
    let host = machine();
    for pipeline in &mut pipelines {
        let tags = &mut pipeline.counting.tags;
        if !tags.iter().any(|(name, _)| name == "host") {
            tags.push(("host".to_string(), host.clone()));
            tags.sort();
        }
    }
    Ok(pipelines)
}

/// The machine's name.
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Shows what becomes of a line in each pipeline. 1 if one of them does not understand it.
fn explain(pipelines: &[Pipeline], line: &str, limits: Limits, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut code = FINE;
    for pipeline in pipelines {
        let reader = Reader::new(&pipeline.counting.measurement, Wanted::all(), limits, &pipeline.logs);
        let reader = reader.map_err(Failure::Message)?;
        let kind = match reader.kind {
            Some(kind) => kind,
            None => detect(line.as_bytes(), true)
                .map_err(Failure::Message)?
                .ok_or_else(|| Failure::Message("--explain: an empty line".to_string()))?,
        };
        let decoder = Decoder::new(&kind, &reader.settings);
        let text = explain::explain(pipeline, &kind, &decoder, line.as_bytes());
        if text.contains("\nrefused ") {
            code = FOUND;
        }
        writeln!(out, "{text}").map_err(|error| Failure::Output(error, code))?;
    }
    Ok(code)
}

/// Where checkpoints are.
fn folder(args: &LoadArgs, plan: &Plan) -> Result<PathBuf, Failure> {
    if let Some(folder) = &args.checkpoint {
        return Ok(folder.clone());
    }
    let state = match &plan.state.place {
        Place::Folder(folder) => folder.clone(),
        Place::Usual | Place::Nowhere => state_folder::usual(|name| std::env::var_os(name)).map_err(|why| {
            Failure::Message(why.replace("`--state DIR`, or `--no-state` to keep none", "`--checkpoint DIR`"))
        })?,
    };
    Ok(run::folder(&state))
}

fn is_talkative(args: &LoadArgs) -> bool {
    args.verbose || std::io::stderr().is_terminal()
}

/// Runs one pipeline, and says what is to be said of it. The exit code, and whether it was the destination that failed.
fn run_pipeline(
    args: &LoadArgs,
    pipeline: &Pipeline,
    surroundings: &Surroundings<'_>,
    folder: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> (u8, bool) {
    let name = &pipeline.name;
    let checkpoint = match args.dry_run {
        true => Ok(Checkpoint::unlocked(folder, name)),
        false => Checkpoint::lock(folder, name),
    };
    let checkpoint = match checkpoint {
        Ok(checkpoint) => checkpoint,
        Err(NoCheckpoint::Locked(message)) => {
            say(err, &format!("highwater: {name}: {message}"));
            return (if args.fail_if_running { FAILED } else { FINE }, false);
        }
        Err(NoCheckpoint::Fault(message)) => {
            say(err, &format!("highwater: {name}: {message}"));
            return (FAILED, false);
        }
    };
    let report = match &pipeline.to {
        _ if args.dry_run => run::run(pipeline, surroundings, &checkpoint, &mut Out(out)),
        Destination::Stdout | Destination::Events(None) => run::run(pipeline, surroundings, &checkpoint, &mut Out(out)),
        Destination::File(path) => run::run(pipeline, surroundings, &checkpoint, &mut Append(path)),
        Destination::Influx(influx) => run::run(pipeline, surroundings, &checkpoint, &mut ToInflux::new(influx)),
        Destination::Events(Some(events)) => run::run(pipeline, surroundings, &checkpoint, &mut ToDaemon::new(events)),
    };
    (tell(args, pipeline, &report, &checkpoint, err), report.not_sent)
}

/// Says what came of a run; the exit code.
fn tell(args: &LoadArgs, pipeline: &Pipeline, report: &Report, checkpoint: &Checkpoint, err: &mut dyn Write) -> u8 {
    let name = &pipeline.name;
    let mut code = FINE;
    let mut line = |text: &str| say(err, &format!("highwater: {name}: {text}"));
    for note in &report.notes {
        line(note);
        code = code.max(FOUND);
    }
    for fault in &report.said.faults {
        line(fault);
        code = code.max(FAILED);
    }
    if let Some(zone) = report.zone.as_ref().filter(|_| is_talkative(args)) {
        line(zone);
    }
    if is_talkative(args) {
        for (path, format) in &report.said.formats {
            line(&format!("{}: read as {format}", path.display()));
        }
    }
    for path in report.said.replaced.iter().collect::<BTreeSet<_>>() {
        line(&format!(
            "{}: was truncated, or replaced in place: what was written between the last copy and that is lost, if it \
             was rotated by `copytruncate`",
            path.display()
        ));
    }
    let refused = report.refused_lines();
    let is_over = pipeline.max_rejects.compare_ratio(refused, report.lines.max(1)) == std::cmp::Ordering::Greater;
    if refused > 0 && (is_over || is_talkative(args)) {
        for (cause, (count, first)) in &report.refused {
            line(&format!(
                "{} refused ({cause}), the first: {first}",
                number(usize::try_from(*count).unwrap_or(usize::MAX), "line")
            ));
        }
        if !args.dry_run && checkpoint.rejects().exists() {
            line(&format!("all are in {}", checkpoint.rejects().display()));
        }
    }
    if is_over {
        line(&format!("{refused} of {} lines were refused, more than `:max-rejects` allows", report.lines));
        code = code.max(FOUND);
    }
    if report.overflown > 0 {
        line(&format!(
            "{} lines are counted under the tag `overflow`: there are more distinct records than `:limits {{:groups …}}` \
             allows; is something like an id in `:record`?",
            report.overflown
        ));
        code = code.max(FOUND);
    }
    if report.points_refused > 0 {
        let why = report.refusal.as_deref().unwrap_or("no reason given");
        line(&format!("{} points were refused and left out: {why}", report.points_refused));
        code = code.max(FOUND);
    }
    if let Some(failure) = &report.failure {
        line(failure);
        code = FAILED;
    } else if is_talkative(args) {
        line(&summary(report));
    }
    code
}

/// `1234 lines of 2 files (0.2 MB), 10 dropped, 40 points`.
fn summary(report: &Report) -> String {
    let count = |count: u64, noun: &str| number(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let mut text = match report.lines {
        0 => "nothing new".to_string(),
        lines => {
            format!("{} of {} ({:.1} MB)", count(lines, "line"), count(report.files, "file"), report.bytes as f64 / 1e6)
        }
    };
    if report.finished_earlier {
        text.push_str(", after what an earlier run could not finish");
    }
    for (count, what) in [(report.dropped, "dropped"), (report.refused_lines(), "refused"), (report.late, "late")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if report.points > 0 {
        text.push_str(&format!(", {}", count(report.points, "point")));
    }
    text
}
