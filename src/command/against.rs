//! `check --against`: what a configuration would change, at a daemon, in a state folder, or over a history.

mod difference;
mod edits;
mod past;
mod proof;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::history::{self, Listener, Reading};
use super::notify_plan::{Nights, NotifyPlan};
use super::summary::Totals;
use super::{FINE, FOUND, Failure, Format, as_live, number, say};
use crate::edn::Diagnostic;
use crate::engine::{Event, Transition};
use crate::plan::{Plan, Timestamp};
use crate::source::Wanted;
use difference::{Difference, Line, Side};
use proof::Proof;

#[derive(Args, Clone, Debug, Default)]
pub struct AgainstArgs {
    /// Say what this configuration would change: at a running daemon (http://HOST:PORT), in a state folder, or in what
    /// would have been said of a history (an INPUT of `replay`); may be repeated
    #[arg(long, value_name = "WHAT")]
    pub against: Vec<String>,
    /// The configuration as it was, for a history: files, or folders of *.edn [default: that of the daemon or state
    /// folder that is also named]
    #[arg(long, value_name = "PATH")]
    pub before: Vec<PathBuf>,
    /// Exit with 1 if a history would have had other transitions
    #[arg(long)]
    pub fail_on_change: bool,
    /// The certificates, in PEM, that sign those of the daemon [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    #[command(flatten)]
    pub nights: Nights,
    #[command(flatten)]
    pub reading: Reading,
}

impl AgainstArgs {
    pub fn is_asked(&self) -> bool {
        !self.against.is_empty() || !self.before.is_empty() || self.fail_on_change
    }
}

/// Says what `plan` would change. The exit code, and the lints that a history proves, if there is one.
///
/// # Errors
/// The daemon does not answer, or a folder, configuration or history cannot be read.
pub fn run(
    args: &AgainstArgs,
    plan: &Plan,
    format: Format,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(u8, Option<Vec<Diagnostic>>), Failure> {
    let failed = |error| Failure::Output(error, FINE);
    let (mut pasts, mut history) = (Vec::new(), Vec::new());
    for what in &args.against {
        if past::is_url(what) {
            pasts.push(past::of_daemon(what, args.ca_cert.clone(), plan).map_err(Failure::Message)?);
        } else if Path::new(what).is_dir() {
            pasts.push(past::of_folder(Path::new(what)).map_err(Failure::Message)?);
        } else {
            history.push(what.clone());
        }
    }
    if !args.before.is_empty() {
        pasts.push(past::of_files(&args.before, err)?);
    }
    for past in &pasts {
        edits::say(past, plan, format, out).map_err(failed)?;
    }
    if args.fail_on_change && history.is_empty() {
        return Err(Failure::Message("--fail-on-change looks at a history: name it with `--against FILE`".to_string()));
    }
    if history.is_empty() {
        return Ok((FINE, None));
    }
    // Files say more than a daemon: routes, for one. Without a past the history proves lints only.
    let past = pasts.pop();
    if past.is_none() && args.fail_on_change {
        let message = "--fail-on-change needs what the history is compared with: name the configuration as it was with \
                       `--before PATH` (`git show main:thresholds.edn > before.edn`), or a daemon or state folder with \
                       a further `--against`";
        return Err(Failure::Message(message.to_string()));
    }
    if let Some(id) = past.as_ref().and_then(|past| past.hidden.first()) {
        let message = format!(
            "the `:where` of {id} is another one, and a daemon tells no `:where`: name the configuration as it was with \
             `--before PATH`"
        );
        return Err(Failure::Message(message));
    }
    let before = past.as_ref().map(|past| past.over(plan));
    let (difference, lints) = over_history(args, &history, before, plan, err)?;
    let (Some(past), Some(difference)) = (past, difference) else { return Ok((FINE, Some(lints))) };
    difference.write(&past.name, format, out).map_err(failed)?;
    let code = if args.fail_on_change && !difference.is_none() { FOUND } else { FINE };
    Ok((code, Some(lints)))
}

/// Judges a history, by the configuration of before too if there is one: then what they say is compared.
fn over_history(
    args: &AgainstArgs,
    inputs: &[String],
    before: Option<Plan>,
    after: &Plan,
    err: &mut dyn Write,
) -> Result<(Option<Difference>, Vec<Diagnostic>), Failure> {
    let mut plans: Vec<Plan> = before.into_iter().chain([after.clone()]).collect();
    let shared = |plans: Vec<Plan>| plans.into_iter().map(Arc::new).collect::<Vec<_>>();
    let (plans, code, end, totals, (sides, lints)) = match inputs {
        [path] if as_live::is_recording(path) => {
            let plans = shared(plans);
            let mut sides = Sides::new(&plans, after, args, err);
            let mut totals = Totals { inputs: vec![(path.clone(), "recording".to_string())], ..Totals::default() };
            let lived = as_live::replay(path, &plans, &mut sides, &mut totals)?;
            (plans, FINE, Some(lived.end), totals, sides.finish())
        }
        inputs => {
            let wanted = Wanted::of_plans(plans.iter());
            let opened = history::open(inputs, &args.reading, &mut plans, wanted, err)?;
            let plans = shared(plans);
            let mut sides = Sides::new(&plans, after, args, err);
            let history = history::replay(opened, &args.reading, plans.clone(), &mut sides)?;
            (plans, history.code(), history.end, history.totals, sides.finish())
        }
    };
    let read = number(usize::try_from(totals.events).unwrap_or(usize::MAX), "event");
    if code != FINE {
        return Err(Failure::Message(format!("the history could not be judged: {read} read of {}", inputs.join(", "))));
    }
    say(err, &format!("compared over {read}"));
    let interval = |id: &str| {
        let of = |plan: &Arc<Plan>| {
            let found = plan.thresholds.binary_search_by(|one| one.id.as_str().cmp(id)).ok()?;
            Some(plan.thresholds[found].interval.micros())
        };
        plans.iter().rev().find_map(of).unwrap_or_default()
    };
    let sides = <[Side; 2]>::try_from(sides).ok();
    let compared = sides.map(|sides| difference::compare(sides, &interval, end.unwrap_or(Timestamp::MIN)));
    Ok((compared, lints))
}

/// What the plans say while the history is read.
struct Sides<'a> {
    plans: Vec<Arc<Plan>>,
    lines: Vec<Vec<Line>>,
    told: Vec<NotifyPlan>,
    proof: Proof<'a>,
    err: &'a mut dyn Write,
}

impl<'a> Sides<'a> {
    fn new(plans: &[Arc<Plan>], after: &'a Plan, args: &AgainstArgs, err: &'a mut dyn Write) -> Sides<'a> {
        let told = plans.iter().map(|plan| NotifyPlan::new(plan, args.nights.night())).collect();
        Sides { plans: plans.to_vec(), lines: vec![Vec::new(); plans.len()], told, proof: Proof::new(after), err }
    }

    fn finish(self) -> (Vec<Side>, Vec<Diagnostic>) {
        let lints = self.proof.lints();
        let told = self.told.into_iter().map(NotifyPlan::counts);
        (self.lines.into_iter().zip(told).map(|(lines, told)| Side { lines, told }).collect(), lints)
    }
}

impl Listener for Sides<'_> {
    fn hear(&mut self, plan: usize, transitions: Vec<Transition>) -> ControlFlow<Failure> {
        for transition in &transitions {
            self.told[plan].take(transition, &self.plans[plan]);
            self.lines[plan].push(Line::of(transition, &self.plans[plan]));
        }
        ControlFlow::Continue(())
    }

    fn see(&mut self, event: &Event<'_>) {
        self.proof.see(event);
    }

    fn say(&mut self, line: &str) {
        say(self.err, line);
    }
}
