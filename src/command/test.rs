//! `test`: scenarios, events in and the whole expected timeline out.

mod compare;
mod files;
mod junit;
mod record;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::history::Reading;
use super::{FAILED, FINE, FOUND, ended, number, survey, terminal};
use crate::config::{self, Process, Unset};
use crate::edn::{self, Sources};
use crate::engine::{Compiled, Transition, Verdict, play};
use crate::plan::{Plan, Scenario};
use compare::Comparison;

/// With `--watch`, files are looked at so often.
const LOOK: Duration = Duration::from_millis(150);

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater test                                  # all *.test.edn beside ./thresholds.edn, or in ./thresholds\n  \
    highwater test -c thresholds latency.test.edn\n  \
    highwater test --record latency.test.edn        # write what came into :expect\n  \
    highwater test --against last-week.jsonl        # and what of a history no threshold watches\n\n\
    Exit: 0 all scenarios passed, 1 one failed, 2 a file is at fault.")]
pub struct TestArgs {
    /// Files of scenarios, or folders with *.test.edn [default: where the configuration is]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Threshold files or folders, for scenarios without thresholds of their own [default: ./thresholds.edn, else ./thresholds]
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
    /// Only scenarios whose names contain this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Write the timeline that came into the files, instead of comparing
    #[arg(long)]
    record: bool,
    /// Name all thresholds that no scenario has made violate, or recover
    #[arg(long)]
    coverage: bool,
    /// Say which services and fields of a history (an INPUT of `replay`) no threshold watches; may be repeated
    #[arg(long, value_name = "FILE")]
    against: Vec<String>,
    /// The format of access logs in it, as for `replay`
    #[arg(long, value_name = "FORMAT", requires = "against")]
    log_format: Option<String>,
    /// Run again whenever a file changes
    #[arg(long)]
    watch: bool,
    /// `human`, `json` (an object for each scenario a line), or `junit`
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Junit,
}

/// What became of one scenario.
struct Ran<'s> {
    sources: &'s Sources,
    scenario: &'s Scenario,
    comparison: Comparison,
    took: Duration,
}

/// A threshold's id, and whether a scenario has made it violate, and recover.
#[derive(Default)]
struct Coverage {
    all: BTreeSet<String>,
    violated: BTreeSet<String>,
    recovered: BTreeSet<String>,
}

/// Tests; returns the exit code.
pub fn run(args: &TestArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    loop {
        let before = files::stamps(&args.paths, &args.config);
        let code = match once(args, out, err) {
            Ok(code) => code,
            Err(error) => return terminal::output_failed(&error, FINE, err),
        };
        if !args.watch {
            return code;
        }
        let _ = out.flush();
        let _ = writeln!(err, "watching; Ctrl-C ends");
        while files::stamps(&args.paths, &args.config) == before {
            std::thread::sleep(LOOK);
        }
        // Editors write in several steps.
        let mut last = files::stamps(&args.paths, &args.config);
        loop {
            std::thread::sleep(LOOK);
            let now = files::stamps(&args.paths, &args.config);
            if now == last {
                break;
            }
            last = now;
        }
    }
}

fn once(args: &TestArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let found = match files::find(&args.paths, &args.config) {
        Ok(found) => found,
        Err(message) => {
            writeln!(err, "highwater: {}", terminal::printable(&message))?;
            return Ok(FAILED);
        }
    };
    let outer =
        files::configuration(&args.config, &args.paths).map(|paths| config::load(&paths, &Process, Unset::Warning));
    let plan = outer.as_ref().and_then(|loaded| loaded.plan.as_ref());
    let files: Vec<_> = found.iter().map(|path| config::scenarios(path, plan, &Process)).collect();
    // What is wrong with a configuration that nobody needs is for `check`.
    if let Some(loaded) = outer.as_ref().filter(|_| files.iter().any(|file| file.plan.is_none())) {
        write!(err, "{}", edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()))?;
        if loaded.plan.is_none() {
            return Ok(FAILED);
        }
    }
    let of_outer = plan.map(|plan| Compiled::new(Arc::new(plan.clone())));
    let mut at_fault = false;
    let (mut ran, mut coverage, mut recorded) = (Vec::new(), Coverage::default(), 0);
    for (path, file) in found.iter().zip(&files) {
        write!(err, "{}", edn::human(&file.sources, &file.diagnostics, terminal::colour_stderr()))?;
        let Some(scenarios) = &file.scenarios else {
            at_fault = true;
            continue;
        };
        let own = file.plan.as_ref().map(|plan| Compiled::new(Arc::new(plan.clone())));
        let Some(compiled) = own.as_ref().or(of_outer.as_ref()) else { continue };
        coverage.all.extend(compiled.plan().thresholds.iter().map(|threshold| threshold.id.clone()));
        let mut timelines = Vec::new();
        for scenario in scenarios.iter().filter(|one| args.name.as_ref().is_none_or(|text| one.name.contains(text))) {
            let begin = Instant::now();
            let came = play(compiled, scenario);
            let took = begin.elapsed();
            coverage.note(&came, compiled.plan());
            let comparison = compare::compare(&came, scenario, compiled.plan());
            if args.record && (!comparison.is_same() || scenario.expect.is_none()) {
                timelines.push((scenario, comparison.written(&file.sources, scenario)));
            }
            ran.push(Ran { sources: &file.sources, scenario, comparison, took });
        }
        if args.record {
            match record::write(path, &file.sources.files[0].text, &timelines) {
                Ok(changed) => recorded += usize::from(changed),
                Err(error) => {
                    writeln!(err, "highwater: {}: {error}", terminal::printable(&path.display().to_string()))?;
                    at_fault = true;
                }
            }
        }
    }
    if args.record {
        writeln!(
            err,
            "recorded {} in {recorded} changed of {}",
            number(ran.len(), "scenario"),
            number(found.len(), "file")
        )?;
        return Ok(if at_fault { FAILED } else { FINE });
    }
    report(args, &ran, &coverage, out, err)?;
    if !args.against.is_empty() {
        let plans: Vec<Plan> =
            plan.into_iter().cloned().chain(files.iter().filter_map(|file| file.plan.clone())).collect();
        at_fault |= !unwatched(args, plans, err)?;
    }
    let failed = ran.iter().any(|one| !one.comparison.is_same());
    Ok(if at_fault {
        FAILED
    } else if failed {
        FOUND
    } else {
        FINE
    })
}

fn report(
    args: &TestArgs,
    ran: &[Ran<'_>],
    coverage: &Coverage,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    let failed = ran.iter().filter(|one| !one.comparison.is_same()).count();
    match args.format {
        Format::Human => {
            for one in ran.iter().filter(|one| !one.comparison.is_same()) {
                one.comparison.show(one.sources, one.scenario, terminal::colour_stdout(), out)?;
            }
        }
        Format::Json => {
            for one in ran {
                writeln!(out, "{}", one.comparison.to_json(one.sources, one.scenario))?;
            }
        }
        Format::Junit => junit::write(ran, out)?,
    }
    out.flush()?;
    let passed = ran.len() - failed;
    writeln!(err, "{}: {passed} passed, {failed} failed{}", number(ran.len(), "scenario"), coverage.say(args.coverage))
}

/// Says what of a history none of these plans watches; whether it could be read.
fn unwatched(args: &TestArgs, plans: Vec<Plan>, err: &mut dyn Write) -> io::Result<bool> {
    let Some(mut plan) = plans.first().cloned() else { return Ok(true) };
    plan.thresholds = plans.into_iter().flat_map(|plan| plan.thresholds).collect();
    let reading = Reading { log_format: args.log_format.clone(), ..Reading::default() };
    match survey::of_history(&args.against, &reading, &plan, err) {
        Ok(survey) => {
            let found = survey.unwatched();
            let said = if found.is_empty() { "everything in the history is watched\n" } else { "of the history:\n" };
            write!(err, "{said}{found}")?;
            Ok(true)
        }
        Err(failure) => {
            ended(Err(failure), err);
            Ok(false)
        }
    }
}

impl Coverage {
    fn note(&mut self, came: &[Transition], plan: &Plan) {
        for transition in came {
            let id = &plan.thresholds[transition.threshold].id;
            let known = if transition.to == Verdict::Violation { &mut self.violated } else { &mut self.recovered };
            if !known.contains(id) {
                known.insert(id.clone());
            }
        }
    }

    /// What is missing, behind a summary; and if it is to be named, below it.
    fn say(&self, is_named: bool) -> String {
        let (mut text, mut names) = (String::new(), String::new());
        for (what, known) in [("never violated", &self.violated), ("never recovered", &self.recovered)] {
            let missing: Vec<&str> = self.all.difference(known).map(String::as_str).collect();
            if !missing.is_empty() {
                text.push_str(&format!("; {} of {} {what}", missing.len(), number(self.all.len(), "threshold")));
            }
            missing.iter().for_each(|id| names.push_str(&format!("\n  {what}: {}", terminal::printable(id))));
        }
        match (is_named, text.is_empty()) {
            (true, _) => text + &names,
            (false, true) => text,
            (false, false) => text + " (--coverage names them)",
        }
    }
}
