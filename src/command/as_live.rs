//! `replay --as-live`: a recording of `run`, step by step, with the times of arrival as the clock.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Failure;
use super::replay::Printer;
use super::summary::Totals;
use crate::engine::{Compiled, Evaluator, Lane, Watching};
use crate::plan::{Plan, Timestamp};
use crate::source::input::{self, Line, Sizes};
use crate::source::recording::{self, Step};
use crate::source::{Counter, Place, Refused, Wanted};

/// An event in a recording takes at most so much more than it took when it arrived.
const ESCAPED: usize = 8;
const BUFFER: usize = 256 << 10;

/// A run that is being lived again.
struct Live<'a, 'p> {
    plan: &'a Plan,
    evaluator: Evaluator,
    lane: Lane,
    printer: &'a mut Printer<'p>,
    totals: &'a mut Totals,
    ahead: u64,
    ended: Option<Timestamp>,
    last: Timestamp,
}

/// What is left for the summary.
pub struct Lived {
    pub evaluator: Evaluator,
    pub lane: Lane,
}

/// Does again what the run did.
///
/// # Errors
/// The file cannot be read or is no recording, or the output takes no more.
pub fn replay(path: &str, plan: &Arc<Plan>, printer: &mut Printer<'_>, totals: &mut Totals) -> Result<Lived, Failure> {
    let limits = plan.limits;
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
    let evaluator = Evaluator::new(&Compiled::new(Arc::clone(plan)), Watching::From(started.micros()));
    let lane = evaluator.lane();
    let mut live = Live { plan, evaluator, lane, printer, totals, ahead: 0, ended: None, last: started };
    let wanted = Wanted::of_plan(plan);
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

impl Live<'_, '_> {
    fn step(&mut self, step: Step<'_>) -> Result<(), Failure> {
        match step {
            Step::Event { arrival, event } => {
                self.last = self.last.max(arrival);
                self.totals.note(event.time);
                if event.time > arrival.plus(self.plan.max_skew) {
                    self.ahead += 1;
                } else {
                    self.lane.observe(&event);
                }
            }
            Step::Clock(time) => {
                self.last = time;
                let mut transitions = Vec::new();
                self.evaluator.take(time, &mut [&mut self.lane]);
                self.evaluator.close(&mut transitions);
                if let ControlFlow::Break(failure) = self.printer.print(transitions.into_iter()) {
                    return Err(failure);
                }
            }
            Step::Unwatched(from, to) => self.evaluator.unwatched(from, to),
            Step::SetBack(to) => self.evaluator.set_back(to, self.plan.max_skew, &mut [&mut self.lane]),
            Step::Reloaded(time) => self.printer.say(&format!(
                "highwater: at {time} the run read other thresholds; this goes on with those that it was given"
            )),
            Step::End(time) => self.ended = Some(time),
            Step::Started(_) => return Err(Failure::Message("a recording begins twice: give one file".to_string())),
        }
        Ok(())
    }

    fn refuse(&mut self, place: Place<'_>, refused: &Refused) {
        if self.totals.refuse(refused.cause()) {
            self.printer.say(&format!("{place}: {refused} (the first line refused by this cause)"));
        }
    }

    fn finish(mut self, path: &str) -> Result<Lived, Failure> {
        if self.ended.is_none() {
            self.printer.say(&format!("highwater: {path}: the recording breaks off; what comes before is replayed"));
        }
        if self.ahead > 0 {
            self.printer.say(&format!(
                "highwater: {} events were ahead of the clock by more than `:max-skew` and are left out, as in the run",
                self.ahead
            ));
        }
        self.evaluator.take_all(&mut [&mut self.lane]);
        self.evaluator.absorb();
        self.evaluator.end_accounts(self.ended.unwrap_or(self.last));
        Ok(Lived { evaluator: self.evaluator, lane: self.lane })
    }
}
