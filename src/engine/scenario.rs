//! A scenario, stepped through the engine: what it says, in order.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Compiled, Evaluator, Event, Transition, Value, Watching};
use crate::plan::{Field, Plain, Scenario, Sequence, Series, Timestamp};

/// Plays a scenario; every window is taken as watched, and silence up to its end is judged.
pub fn play(compiled: &Arc<Compiled>, scenario: &Scenario) -> Vec<Transition> {
    let mut evaluator = Evaluator::new(compiled, Watching::Whole);
    let mut lanes = [evaluator.lane()];
    let mut players: Vec<Player> = scenario.series.iter().map(Player::of).collect();
    let mut transitions = Vec::new();
    let mut deadline = evaluator.next_deadline();
    let mut greatest = None;
    while let Some(at) = next(&players) {
        let time = players[at].time();
        if time >= scenario.end {
            break;
        }
        if let Some(event) = players[at].event(time) {
            lanes[0].observe(&event);
            if greatest.is_none_or(|greatest| time > greatest) {
                greatest = Some(time);
                if time >= deadline {
                    evaluator.advance(time, &mut lanes, &mut transitions);
                    deadline = evaluator.next_deadline();
                }
            }
        }
        players[at].step();
    }
    evaluator.finish(scenario.end.plus(-1), scenario.end, &mut lanes, &mut transitions);
    Transition::sort(&mut transitions);
    transitions
}

/// The series whose next step is the earliest; of those at one time the first.
fn next(players: &[Player]) -> Option<usize> {
    let waiting = players.iter().enumerate().filter(|(_, player)| player.at < player.series.steps);
    waiting.min_by_key(|(at, player)| (player.time(), *at)).map(|(at, _)| at)
}

/// A series that is being played.
struct Player<'s> {
    series: &'s Series,
    at: u64,
    /// Of each field, the part of its sequence, and the steps into that.
    places: Vec<(usize, u64)>,
}

impl<'s> Player<'s> {
    fn of(series: &'s Series) -> Player<'s> {
        Player { series, at: 0, places: vec![(0, 0); series.fields.len()] }
    }

    fn time(&self) -> Timestamp {
        let after = i64::try_from(self.at).unwrap_or(i64::MAX).saturating_mul(self.series.every);
        self.series.from.plus(after)
    }

    /// None where a field has a gap.
    fn event(&self, time: Timestamp) -> Option<Event<'s>> {
        let mut event = Event::at(time);
        for ((field, sequence), (part, _)) in self.series.fields.iter().zip(&self.places) {
            let plain = match sequence {
                Sequence::Always(plain) => plain,
                Sequence::Steps(steps) => steps.get(*part)?.0.as_ref()?,
            };
            let value = value(plain);
            match field {
                Field::Service => event.service = value,
                Field::Host => event.host = value,
                Field::State => event.state = value,
                Field::Description => event.description = value,
                Field::Metric => event.metric = value,
                Field::Tags => event.tags = value,
                Field::Ttl => event.ttl = value,
                Field::Time => {}
                Field::Attribute(name) => event.attributes.push((Cow::Borrowed(name.as_bytes()), value)),
            }
        }
        Some(event)
    }

    fn step(&mut self) {
        self.at += 1;
        for ((_, sequence), (part, into)) in self.series.fields.iter().zip(&mut self.places) {
            let Sequence::Steps(steps) = sequence else { continue };
            *into += 1;
            if steps.get(*part).is_some_and(|(_, count)| *into >= *count) {
                (*part, *into) = (*part + 1, 0);
            }
        }
    }
}

fn value(plain: &Plain) -> Value<'_> {
    match plain {
        Plain::Bool(truth) => Value::Bool(*truth),
        Plain::Number(number) => Value::Number(*number),
        Plain::Text(text) => Value::text(text),
        Plain::List(items) => Value::List(items.iter().map(value).collect()),
    }
}
