//! `check --against`: what a configuration would change, at a daemon, in a state folder, or over a history.

mod difference;
mod edits;
mod past;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::history::{self, Listener, Reading};
use super::notify_plan::{Night, NotifyPlan};
use super::summary::Totals;
use super::survey::Survey;
use super::{FINE, FOUND, Failure, Format, as_live, number, say};
use crate::edn::Diagnostic;
use crate::engine::{Event, Transition};
use crate::plan::{Plan, Timestamp};
use crate::source::Wanted;
use difference::{Difference, Line};

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
    /// When people sleep, in hours of their day: messages at night are counted
    #[arg(long, value_name = "HOURS", default_value = "22-7", value_parser = Night::parse)]
    pub night: (i64, i64),
    /// How far people's clocks are ahead of UTC
    #[arg(long, value_name = "HOURS", default_value = "0", value_parser = Night::parse_ahead, allow_hyphen_values = true)]
    pub utc_offset: i64,
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
    let before = past.as_ref().map_or_else(|| plan.clone(), |past| past.over(plan));
    let (difference, lints) = over_history(args, &history, before, plan, err)?;
    let Some(past) = past else { return Ok((FINE, Some(lints))) };
    difference.write(&past.name, format, out).map_err(failed)?;
    let code = if args.fail_on_change && !difference.is_none() { FOUND } else { FINE };
    Ok((code, Some(lints)))
}

/// Judges a history by both, and compares what they say.
fn over_history(
    args: &AgainstArgs,
    inputs: &[String],
    before: Plan,
    after: &Plan,
    err: &mut dyn Write,
) -> Result<(Difference, Vec<Diagnostic>), Failure> {
    let night = Night { from: args.night.0, to: args.night.1, ahead: args.utc_offset };
    let mut plans = [before, after.clone()];
    let (plans, code, end, totals, (sides, lints)) = match inputs {
        [path] if as_live::is_recording(path) => {
            let plans = plans.map(Arc::new);
            let mut sides = Sides::new(&plans, after, night, err);
            let mut totals = Totals { inputs: vec![(path.clone(), "recording".to_string())], ..Totals::default() };
            let lived = as_live::replay(path, &plans, &mut sides, &mut totals)?;
            (plans, FINE, Some(lived.end), totals, sides.finish())
        }
        inputs => {
            let wanted = Wanted::of_plans(plans.iter());
            let opened = history::open(inputs, &args.reading, &mut plans, wanted, err)?;
            let plans = plans.map(Arc::new);
            let mut sides = Sides::new(&plans, after, night, err);
            let history = history::replay(opened, &args.reading, plans.to_vec(), &mut sides)?;
            (plans, history.code(), history.end, history.totals, sides.finish())
        }
    };
    let read = number(usize::try_from(totals.events).unwrap_or(usize::MAX), "event");
    if code != FINE {
        return Err(Failure::Message(format!("the history could not be judged: {read} read of {}", inputs.join(", "))));
    }
    say(err, &format!("compared over {read}"));
    let interval = |id: &str| {
        let of = |plan: &Plan| plan.thresholds.iter().find(|one| one.id == id).map(|one| one.interval.micros());
        of(&plans[1]).or_else(|| of(&plans[0])).unwrap_or_default()
    };
    Ok((difference::compare(sides, &interval, end.unwrap_or(Timestamp::MIN)), lints))
}

/// What both plans say while the history is read.
struct Sides<'a> {
    plans: [Arc<Plan>; 2],
    lines: [Vec<Line>; 2],
    told: [NotifyPlan; 2],
    survey: Survey<'a>,
    err: &'a mut dyn Write,
}

impl<'a> Sides<'a> {
    fn new(plans: &[Arc<Plan>; 2], after: &'a Plan, night: Night, err: &'a mut dyn Write) -> Sides<'a> {
        let told = [&plans[0], &plans[1]].map(|plan| NotifyPlan::new(plan, night));
        Sides { plans: plans.clone(), lines: Default::default(), told, survey: Survey::new(after), err }
    }

    fn finish(self) -> ([difference::Side; 2], Vec<Diagnostic>) {
        let lints = self.survey.lints();
        let [before, after] = self.told.map(NotifyPlan::counts);
        let [lines_before, lines_after] = self.lines;
        let before = difference::Side { lines: lines_before, told: before };
        let after = difference::Side { lines: lines_after, told: after };
        ([before, after], lints)
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
        self.survey.see(event);
    }

    fn say(&mut self, line: &str) {
        say(self.err, line);
    }
}
