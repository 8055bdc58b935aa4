//! From what a process left behind to where it was: its snapshot, and the steps since, done again.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use super::followed::{Positions, Step};
use super::record::{Moment, Record};
use super::{Head, Outbox, VERSION};
use crate::engine::{Edit, Edits, Evaluator, Lane, Transition, plan_from_bytes};
use crate::plan::{EventTime, Plan, Timestamp};
use crate::source::riemann::{self, Framed, Reading};
use crate::source::{Wanted, json};
use crate::store::{Base, Opened, Started};

/// Where a process was.
pub struct Recovered {
    /// None if nothing was kept, or it cannot be used.
    pub past: Option<Past>,
    pub started: Started,
    pub notes: Vec<String>,
}

/// What was found.
pub struct Past {
    /// Under the plan of then. It has absorbed everything.
    pub evaluator: Evaluator,
    pub outbox: Outbox,
    /// How far log files were taken.
    pub positions: Positions,
    /// When the process was last alive.
    pub last: Moment,
    /// Events that were counted again.
    pub events: u64,
}

/// Reads a folder from its snapshot on.
///
/// # Errors
/// One line: the state is of a version that cannot be read. Nothing was changed.
pub fn recover(opened: Opened) -> Result<Recovered, String> {
    let Opened { base, mut records } = opened;
    let mut notes = Vec::new();
    let past = match base {
        Base::Snapshot(bytes) => Some(Replaying::of(&bytes)?),
        Base::Lost => {
            records.set_aside("the state that it follows is damaged");
            notes.push("the state is damaged and was set aside: windows and statuses begin anew".to_string());
            None
        }
        Base::Nothing => None,
    };
    let past = past.map(|mut replaying| {
        let mut skipped = 0;
        while let Some(bytes) = records.next_record() {
            match Record::decode(bytes) {
                Some(record) => replaying.step(record, bytes),
                None => skipped += 1,
            }
        }
        if skipped > 0 {
            notes.push(format!("{skipped} records of the journal are of another version and were left out"));
        }
        replaying.finish()
    });
    let started = records.finish();
    Ok(Recovered { past, started, notes })
}

/// So many bytes of what was received are counted at once.
const AT_ONCE: usize = 4 << 20;
/// Less than this is counted by one lane: a thread is not worth it.
const WORTH_A_THREAD: usize = 128 << 10;
/// More lanes than this share little.
const LANES: usize = 8;

/// How many lanes count again: which of them counts what makes no difference.
fn lanes() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(LANES)
}

/// Records of what was received, one after the other.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Received {
    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// A journal that is being lived again.
struct Replaying {
    evaluator: Evaluator,
    lanes: Vec<Lane>,
    received: Received,
    wanted: Wanted,
    plan: Arc<Plan>,
    outbox: Outbox,
    positions: Positions,
    told: u64,
    last: Moment,
    events: u64,
}

impl Replaying {
    fn of(bytes: &[u8]) -> Result<Replaying, String> {
        let damaged = || "the state folder holds a state that this version cannot read".to_string();
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (head, evaluator) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
        let (version, rest) = postcard::take_from_bytes::<u16>(head).map_err(|_| damaged())?;
        let head: Head = match version {
            VERSION => postcard::from_bytes(head).map_err(|_| damaged())?,
            1 => {
                let (moment, outbox) = postcard::from_bytes(rest).map_err(|_| damaged())?;
                Head { version, moment, outbox, positions: Positions::default() }
            }
            _ => return Err(format!("{}: version {version}, not {VERSION}", damaged())),
        };
        let evaluator = Evaluator::restore(evaluator).map_err(|error| format!("{}: {error}", damaged()))?;
        let plan = Arc::clone(evaluator.compiled().plan());
        Ok(Replaying {
            lanes: evaluator.lanes(lanes()),
            received: Received::default(),
            wanted: Wanted::of_plan(&plan),
            evaluator,
            plan,
            outbox: head.outbox,
            positions: head.positions,
            told: 0,
            last: head.moment,
            events: 0,
        })
    }

    /// Takes a step; `bytes` are the record's.
    fn step(&mut self, record: Record<'_>, bytes: &[u8]) {
        if let Record::Frames { arrival, .. } | Record::Lines { arrival, .. } | Record::Followed { arrival, .. } =
            record
        {
            if let Record::Followed { bytes, .. } = record
                && let Some((step, _)) = Step::split(bytes)
            {
                self.positions.apply(&step);
            }
            self.saw(arrival);
            self.received.push(bytes);
            if self.received.bytes.len() >= AT_ONCE {
                self.count();
            }
            return;
        }
        self.count();
        match record {
            Record::Frames { .. } | Record::Lines { .. } | Record::Followed { .. } => {}
            Record::Clock(time) => {
                self.saw(time);
                let mut transitions = Vec::new();
                self.evaluator.take(time, &mut self.lanes.iter_mut().collect::<Vec<_>>());
                self.evaluator.close(&mut transitions);
                self.tell(&transitions);
            }
            Record::Unwatched(from, to) => {
                self.evaluator.unwatched(from, to);
                self.last.wall = to.micros();
            }
            Record::SetBack(to) => {
                let mut lanes: Vec<&mut Lane> = self.lanes.iter_mut().collect();
                self.evaluator.set_back(to, self.plan.max_skew, &mut lanes);
                self.last.wall = to.micros();
            }
            Record::Alive(moment) => self.last = moment,
            Record::Told(before) => self.told = self.told.max(before),
            Record::Edited { at, plan } => {
                if let Some(plan) = plan_from_bytes(plan) {
                    self.edit(Arc::new(plan), at);
                }
            }
        }
    }

    /// The process was alive at this time, by the wall clock.
    fn saw(&mut self, time: Timestamp) {
        let ahead = time.micros() - self.last.wall;
        if ahead > 0 {
            self.last = Moment { wall: time.micros(), boot: self.last.boot + ahead, ..self.last };
        }
    }

    /// Counts what was received since the last step of the judge: by all lanes at once, if it is much.
    fn count(&mut self) {
        let Replaying { received, lanes, wanted, plan, events, .. } = self;
        let Some((first, others)) = lanes.split_first_mut() else { return };
        let parts = if received.bytes.len() < WORTH_A_THREAD { 1 } else { 1 + others.len() };
        let share = |part: usize, lane: &mut Lane| -> u64 {
            let records = received.records().skip(part).step_by(parts);
            records.map(|bytes| count(bytes, lane, wanted, plan)).sum()
        };
        *events += thread::scope(|scope| {
            let mut own = vec![0];
            let mut counting = Vec::new();
            for (part, lane) in (1..parts).zip(others) {
                match thread::Builder::new().spawn_scoped(scope, move || share(part, lane)) {
                    Ok(thread) => counting.push(thread),
                    Err(_) => own.push(part),
                }
            }
            let own: u64 = own.into_iter().map(|part| share(part, first)).sum();
            let others = counting.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            own + others.sum::<u64>()
        });
        received.clear();
    }

    fn edit(&mut self, plan: Arc<Plan>, at: Timestamp) {
        let mut transitions = Vec::new();
        self.absorb();
        let evaluator = std::mem::replace(&mut self.evaluator, Evaluator::nothing());
        let (evaluator, _) = evaluator.edited(Arc::clone(&plan), at, &mut transitions);
        self.tell(&transitions);
        self.lanes = evaluator.lanes(self.lanes.len());
        self.wanted = Wanted::of_plan(&plan);
        (self.evaluator, self.plan) = (evaluator, plan);
    }

    fn tell(&mut self, transitions: &[Transition]) {
        let lines = transitions.iter().map(|transition| transition.to_json(&self.plan).to_string()).collect();
        self.outbox.push(lines);
    }

    fn absorb(&mut self) {
        self.evaluator.take_all(&mut self.lanes.iter_mut().collect::<Vec<_>>());
        self.evaluator.absorb();
    }

    fn finish(mut self) -> Past {
        self.count();
        self.absorb();
        self.outbox.told(self.told);
        // Numbers are never given twice, even if what they were given to was not kept.
        self.outbox.next = self.outbox.next.max(self.told);
        let positions = self.positions;
        Past { evaluator: self.evaluator, outbox: self.outbox, positions, last: self.last, events: self.events }
    }
}

/// Counts one record of what was received; how many events it had.
fn count(record: &[u8], lane: &mut Lane, wanted: &Wanted, plan: &Plan) -> u64 {
    let (limits, mut events) = (plan.limits, 0);
    match Record::decode(record) {
        Some(Record::Frames { arrival, time, mut bytes }) => {
            let not_ahead = arrival.plus(plan.max_skew);
            let reading =
                Reading { wanted, attributes: limits.attributes, event_bytes: limits.event_bytes, arrival, time };
            while let Framed::Whole { message, used } = riemann::frame(bytes, usize::MAX) {
                riemann::events(message, &reading, |event| {
                    events += 1;
                    if let Ok(event) = event
                        && event.time <= not_ahead
                    {
                        lane.observe(event);
                    }
                });
                bytes = &bytes[used..];
            }
        }
        Some(Record::Lines { arrival, time, bytes }) => events += count_lines(bytes, arrival, time, lane, wanted, plan),
        Some(Record::Followed { arrival, bytes }) => {
            if let Some((_, lines)) = Step::split(bytes) {
                events += count_lines(lines, arrival, EventTime::Event, lane, wanted, plan);
            }
        }
        _ => {}
    }
    events
}

fn count_lines(
    lines: &[u8],
    arrival: Timestamp,
    time: EventTime,
    lane: &mut Lane,
    wanted: &Wanted,
    plan: &Plan,
) -> u64 {
    let (not_ahead, mut events) = (arrival.plus(plan.max_skew), 0);
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Ok(event) = json::decode_at(line, wanted, plan.limits.attributes, arrival, time) {
            events += 1;
            if event.time <= not_ahead {
                lane.observe(&event);
            }
        }
    }
    events
}

/// What time did between two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Nobody watched from one time to the other.
    Unwatched(Timestamp, Timestamp),
    /// The clock was set back, to this time.
    SetBack(Timestamp),
}

/// What is to be told of the time between: `max_skew` in microseconds.
pub fn down(last: Moment, now: Moment, max_skew: i64) -> Down {
    let (then, wall) = (Timestamp::clamped(last.wall), Timestamp::clamped(now.wall));
    let is_same = last.machine == now.machine && now.machine != 0 && now.boot >= last.boot;
    // The machine was off for a time that nobody knows.
    let expected = if is_same { then.plus(now.boot - last.boot) } else { then };
    if wall.micros() < expected.micros() - max_skew && wall < then {
        return Down::SetBack(wall);
    }
    Down::Unwatched(then, wall.max(then))
}

impl Past {
    /// Goes on under another plan from now on, after the time in which the process was down. The records that say so go
    /// to `append`.
    pub fn go_on(
        self,
        plan: &Arc<Plan>,
        now: Moment,
        append: &mut dyn FnMut(Record<'_>),
    ) -> (Evaluator, Outbox, Edits, Down) {
        let Past { mut evaluator, mut outbox, last, .. } = self;
        let old = Arc::clone(evaluator.compiled().plan());
        let down = down(last, now, old.max_skew);
        match down {
            Down::Unwatched(from, to) => {
                evaluator.unwatched(from, to);
                append(Record::Unwatched(from, to));
            }
            Down::SetBack(to) => {
                evaluator.set_back(to, old.max_skew, &mut []);
                append(Record::SetBack(to));
            }
        }
        append(Record::Alive(now));
        let at = Timestamp::clamped(now.wall);
        let mut transitions = Vec::new();
        let (evaluator, edits) = evaluator.edited(Arc::clone(plan), at, &mut transitions);
        let bytes = crate::engine::plan_to_bytes(plan);
        if bytes != crate::engine::plan_to_bytes(&old) || edits.0.iter().any(|(_, edit)| *edit != Edit::Kept) {
            append(Record::Edited { at, plan: &bytes });
        }
        outbox.push(transitions.iter().map(|transition| transition.to_json(&old).to_string()).collect());
        (evaluator, outbox, edits, down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;
    const NOON: i64 = 1_700_000_000 * S;

    #[test]
    fn the_time_between_is_unwatched_unless_the_clock_was_set_back() {
        let at = |wall: i64, boot: i64, machine: u128| Moment { wall: NOON + wall * S, boot: boot * S, machine };
        let time = |seconds: i64| Timestamp::clamped(NOON + seconds * S);
        for (what, now, expected) in [
            ("down for ten seconds", at(10, 110, 1), Down::Unwatched(time(0), time(10))),
            ("down for ten seconds, and the clock slewed", at(7, 110, 1), Down::Unwatched(time(0), time(7))),
            ("set forward an hour meanwhile", at(3610, 110, 1), Down::Unwatched(time(0), time(3610))),
            ("set back an hour meanwhile", at(-3590, 110, 1), Down::SetBack(time(-3590))),
            ("a little back", at(-2, 101, 1), Down::Unwatched(time(0), time(0))),
            ("down for ten seconds, and set back by half a minute", at(-20, 110, 1), Down::Unwatched(time(0), time(0))),
            ("down for two hours, and set back one", at(3600, 7300, 1), Down::Unwatched(time(0), time(3600))),
            ("set back more than it was down", at(-61, 110, 1), Down::SetBack(time(-61))),
            ("a boot clock that is behind", at(600, 90, 1), Down::Unwatched(time(0), time(600))),
            ("another start of the machine", at(600, 5, 2), Down::Unwatched(time(0), time(600))),
            ("started with a clock of long ago", at(-86_400, 5, 2), Down::SetBack(time(-86_400))),
            ("not known which start", at(600, 5, 0), Down::Unwatched(time(0), time(600))),
        ] {
            assert_eq!(down(at(0, 100, 1), now, 60 * S), expected, "{what}");
        }
    }
}
