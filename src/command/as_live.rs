//! `replay --as-live`: a recording of `run`, step by step, with the times of arrival as the clock.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Failure;
use super::history::Listener;
use super::summary::Totals;
use crate::engine::{Compiled, Evaluator, Lane, Watching};
use crate::plan::{Plan, Timestamp};
use crate::source::input::{self, Line, Sizes};
use crate::source::recording::{self, Step};
use crate::source::{Counter, Place, Refused, Wanted};

/// An event in a recording takes at most so much more than it took when it arrived.
const ESCAPED: usize = 8;
const BUFFER: usize = 256 << 10;

/// A run that is being lived again, under one plan or several.
struct Live<'a> {
    runs: Vec<Run>,
    listener: &'a mut dyn Listener,
    totals: &'a mut Totals,
    ahead: u64,
    ended: Option<Timestamp>,
    last: Timestamp,
}

/// What one plan came to.
pub struct Run {
    pub plan: Arc<Plan>,
    pub evaluator: Evaluator,
    pub lane: Lane,
}

/// What is left for the summary.
pub struct Lived {
    /// In the order of the plans.
    pub runs: Vec<Run>,
    /// Until when the run went on.
    pub end: Timestamp,
}

/// Whether a file is a recording, by its first line. What is no regular file is not looked into.
pub fn is_recording(path: &str) -> bool {
    let sizes = Sizes { line: BUFFER, buffer: BUFFER };
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let Some(mut opened) = is_file.then(|| input::open(path, sizes, &Counter::default()).ok()).flatten() else {
        return false;
    };
    let has_line = opened.lines.advance().unwrap_or(false);
    has_line && matches!(opened.lines.current_line(), Line::Whole(line) if recording::begins(line))
}

/// Does again what the run did, under each of these plans. Limits are those of the last.
///
/// # Errors
/// The file cannot be read or is no recording, or the listener has one.
pub fn replay(
    path: &str,
    plans: &[Arc<Plan>],
    listener: &mut dyn Listener,
    totals: &mut Totals,
) -> Result<Lived, Failure> {
    let limits = plans.last().map(|plan| plan.limits).unwrap_or_default();
    let longest = limits.event_bytes.max(limits.line_bytes).max(limits.frame_bytes).saturating_mul(ESCAPED);
    let sizes = Sizes { line: longest, buffer: BUFFER };
    let opened = input::open(path, sizes, &Counter::default()).map_err(|error| message(&error))?;
    let mut lines = opened.lines;
    let failed = |error: io::Error| Failure::Message(format!("{path}: {error}"));
    let started = match lines.advance().map_err(failed)? {
        true => match lines.current_line() {
            Line::Whole(line) if recording::begins(line) => recording::decode(line, &Wanted::default(), 0),
            _ => Err(no_recording()),
        },
        false => Err(no_recording()),
    };
    let Ok(Step::Started(started)) = started else {
        let cause = started.err().unwrap_or_else(no_recording);
        return Err(Failure::Message(format!("{path}: {cause}")));
    };
    let run = |plan: &Arc<Plan>| {
        let evaluator = Evaluator::new(&Compiled::new(Arc::clone(plan)), Watching::From(started.micros()));
        Run { plan: Arc::clone(plan), lane: evaluator.lane(), evaluator }
    };
    let runs = plans.iter().map(run).collect();
    let mut live = Live { runs, listener, totals, ahead: 0, ended: None, last: started };
    let wanted = Wanted::of_plans(plans.iter().map(|plan| &**plan));
    loop {
        match lines.advance() {
            Ok(true) => {}
            Ok(false) => break,
            // A recording that was cut off inside of a compressed file: what came before it stands.
            Err(error) => return Err(failed(error)),
        }
        let place = Place { path, line: lines.number() };
        match lines.current_line() {
            Line::Whole(line) => match recording::decode(line, &wanted, limits.attributes) {
                Ok(step) => live.step(step)?,
                Err(refused) => live.refuse(place, &refused),
            },
            Line::TooLong(_) => live.refuse(place, &Refused::TooLong { limit: longest }),
        }
    }
    live.finish(path)
}

fn message(error: &dyn std::fmt::Display) -> Failure {
    Failure::Message(error.to_string())
}

fn no_recording() -> Refused {
    Refused::Fault { message: "this is no recording of `highwater run --record FILE`".into(), at: 0 }
}

impl Live<'_> {
    fn step(&mut self, step: Step<'_>) -> Result<(), Failure> {
        match step {
            Step::Event { arrival, event } => {
                self.last = self.last.max(arrival);
                self.totals.note(event.time);
                self.listener.see(&event);
                let mut is_ahead = false;
                for Run { plan, lane, .. } in &mut self.runs {
                    is_ahead = event.time > arrival.plus(plan.max_skew);
                    if !is_ahead {
                        lane.observe(&event);
                    }
                }
                self.ahead += u64::from(is_ahead);
            }
            Step::Clock(time) => {
                self.last = time;
                for (at, Run { evaluator, lane, .. }) in self.runs.iter_mut().enumerate() {
                    let mut transitions = Vec::new();
                    evaluator.take(time, &mut [lane]);
                    evaluator.close(&mut transitions);
                    if let ControlFlow::Break(failure) = self.listener.hear(at, transitions) {
                        return Err(failure);
                    }
                }
            }
            Step::Unwatched(from, to) => self.runs.iter_mut().for_each(|run| run.evaluator.unwatched(from, to)),
            Step::SetBack(to) => {
                for Run { plan, evaluator, lane } in &mut self.runs {
                    evaluator.set_back(to, plan.max_skew, &mut [lane]);
                }
            }
            Step::Reloaded(time) => self.listener.say(&format!(
                "highwater: at {time} the run read other thresholds; this goes on with those that it was given"
            )),
            Step::End(time) => self.ended = Some(time),
            Step::Started(_) => return Err(Failure::Message("a recording begins twice: give one file".to_string())),
        }
        Ok(())
    }

    fn refuse(&mut self, place: Place<'_>, refused: &Refused) {
        if self.totals.refuse(refused.cause()) {
            self.listener.say(&format!("{place}: {refused} (the first line refused by this cause)"));
        }
    }

    fn finish(mut self, path: &str) -> Result<Lived, Failure> {
        if self.ended.is_none() {
            self.listener.say(&format!("highwater: {path}: the recording breaks off; what comes before is replayed"));
        }
        if self.ahead > 0 {
            self.listener.say(&format!(
                "highwater: {} events were ahead of the clock by more than `:max-skew` and are left out, as in the run",
                self.ahead
            ));
        }
        let end = self.ended.unwrap_or(self.last);
        for Run { evaluator, lane, .. } in &mut self.runs {
            evaluator.take_all(&mut [lane]);
            evaluator.absorb();
            evaluator.end_accounts(end);
        }
        Ok(Lived { runs: self.runs, end })
    }
}
