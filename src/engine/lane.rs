//! A lane: counts events where they are decoded. It closes nothing and judges nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::budget::Budget;
use super::compiled::{Agenda, Compiled, Job, Read};
use super::event::{Event, Fields, Value};
use super::gate::Span;
use super::intake::Intake;
use super::pane::Pane;
use super::reading::{Metric, Reading, Unread, read_number};
use super::shape::{Shape, Windows};
use super::sketch::Sketch;
use super::tally::Tally;
use crate::plan::{Number, Threshold};

/// The counts of one thread since the evaluator last took them.
///
/// Any split of the events over lanes gives the same transitions. [`Evaluator::advance`](super::Evaluator::advance)
/// must be given every lane.
#[derive(Debug)]
pub struct Lane {
    compiled: Arc<Compiled>,
    reading: Reading,
    pub(super) counting: Counting,
    /// The least time of all events since the start, in microseconds.
    pub(super) least: i64,
    /// Whether the first window of some shape may still move.
    pub(super) unstarted: bool,
}

/// What was counted, and where in the windows that is.
#[derive(Debug)]
pub(super) struct Counting {
    pub tracks: Vec<Track>,
    pub counts: Vec<Counts>,
    pub budget: Budget,
    pub panes: usize,
    key: Vec<u8>,
}

/// Where a lane is in the windows of one shape.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// The first window that is open.
    pub open: i64,
    /// Windows after it that are closed nevertheless: the clock was set back over them.
    pub done: Vec<Windows>,
    /// Whether a window was closed: then the first window does not move any more.
    pub started: bool,
    /// The least time of an event that found a window open, in microseconds, until a window is closed.
    pub least: i64,
    /// The pane of the last event and its edges.
    pane: i64,
    start: i64,
    end: i64,
    /// The earliest open window that contains the pane; None if all of them are closed.
    window: Option<i64>,
}

/// What was counted for one threshold.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub intake: Intake,
    /// Events that came to gates before this threshold, and those of them that passed. The others are filtered.
    pub offered: u64,
    passed: u64,
    /// By the encoded key of the group; empty for a threshold of one group.
    by_key: HashMap<Arc<[u8]>, usize>,
    /// The groups that were counted before the evaluator took them the last time: they are let in above the limit.
    known: HashMap<Arc<[u8]>, usize>,
    /// The first is the only one for a threshold of one group.
    pub groups: Vec<Count>,
    /// Panes of all groups.
    panes: usize,
    /// What their sketches take, in bytes.
    pub bytes: usize,
}

/// What was counted for one group.
#[derive(Debug)]
pub(super) struct Count {
    /// The encoded key.
    pub key: Arc<[u8]>,
    /// The earliest window that an event found open.
    pub first: i64,
    /// The pane of the last event.
    current: Option<Pane>,
    others: BTreeMap<i64, Pane>,
}

impl Count {
    fn new(key: Arc<[u8]>) -> Count {
        Count { key, first: i64::MAX, current: None, others: BTreeMap::new() }
    }

    /// Makes the pane of this index the current one; false if there is none.
    fn turn_to(&mut self, index: i64) -> bool {
        let Some(pane) = self.others.remove(&index) else { return false };
        self.put(pane);
        true
    }

    /// Makes this pane the current one.
    fn put(&mut self, pane: Pane) {
        if let Some(last) = self.current.replace(pane) {
            self.others.insert(last.index, last);
        }
    }

    /// The panes, in order of index.
    pub fn into_panes(mut self) -> Vec<Pane> {
        if let Some(current) = self.current.take() {
            self.others.insert(current.index, current);
        }
        self.others.into_values().collect()
    }
}

impl Lane {
    /// An empty lane at the beginning of time, whose sketches may take so many bytes.
    pub(super) fn new(compiled: &Arc<Compiled>, limit: usize) -> Lane {
        let track = Track {
            open: i64::MIN,
            done: Vec::new(),
            started: false,
            least: i64::MAX,
            pane: 0,
            start: 0,
            end: 0,
            window: None,
        };
        Lane {
            counting: Counting {
                tracks: vec![track; compiled.shapes.len()],
                counts: compiled.plan.thresholds.iter().map(|_| Counts::default()).collect(),
                budget: Budget { limit, used: 0 },
                panes: 0,
                key: Vec::new(),
            },
            reading: Reading::new(compiled),
            least: i64::MAX,
            unstarted: true,
            compiled: Arc::clone(compiled),
        }
    }

    /// Counts one event in each of its windows that is still open; true if it was late for a threshold.
    pub fn observe(&mut self, event: &Event<'_>) -> bool {
        let time = event.time.micros();
        self.note_time(time);
        let at = self.reading.turn_to(&self.compiled, &mut self.counting.counts, &event.service);
        let Some(at) = at else { return false };
        let passing = self.reading.pass_gate(&self.compiled, at, event);
        if passing.is_some_and(Span::is_empty) {
            return false;
        }
        let Reading { classifiers, agendas, classes, numbers, .. } = &mut self.reading;
        let Agenda { gate, jobs, .. } = &agendas[at];
        let passing = gate.as_deref().zip(passing).map(|(gate, span)| gate.list(span));
        classes.clear();
        classes.extend(agendas[at].classes.iter().map(|(field, patterns)| {
            let value = event.field(field);
            classifiers[*patterns].classify(&value)
        }));
        let mut fields = agendas[at].numbers.iter();
        // Nearly always there is but one: it stays where it is at hand.
        let first = fields.next().map_or(Metric::Absent, |field| read_number(&event.field(field)));
        numbers.clear();
        numbers.extend(fields.map(|field| read_number(&event.field(field))));
        let mut late = false;
        for i in 0..passing.map_or(jobs.len(), <[u32]>::len) {
            let job = &jobs[passing.map_or(i, |list| list[i] as usize)];
            if job.gated || job.filtered {
                let counts = &mut self.counting.counts[job.threshold];
                counts.passed += u64::from(job.gated);
                if job.filtered && !self.compiled.accepts(job.threshold, gate.as_deref(), event) {
                    counts.intake.filtered += 1;
                    continue;
                }
            }
            let counted = match job.read {
                Read::Class(class, bit) => match classes[class] {
                    Some(bits) => Counted::Event(bits & bit != 0),
                    None => Counted::Nothing,
                },
                Read::Number(number) => match number.checked_sub(1).map_or(first, |at| numbers[at]) {
                    Metric::Number(number) => Counted::Value(number),
                    Metric::NoNumber => Counted::NoNumber,
                    Metric::Absent => Counted::Nothing,
                },
            };
            late |= self.counting.count(&self.compiled, job, event, counted);
        }
        late
    }

    /// Takes what was counted for a threshold: a matter of a few moves, however many groups there are.
    ///
    /// None if there is nothing.
    pub(super) fn take(&mut self, threshold: usize) -> Option<Counts> {
        self.reading.settle(&mut self.counting.counts);
        self.counting.take(threshold)
    }

    /// What was observed that no threshold reads.
    pub fn unread(&self) -> &Unread {
        &self.reading.unread
    }

    fn note_time(&mut self, time: i64) {
        self.least = self.least.min(time);
        if !self.unstarted {
            return;
        }
        for (track, shape) in self.counting.tracks.iter_mut().zip(&self.compiled.shapes) {
            if !track.started && time < track.least && track.window_of(*shape, shape.pane_at(time)).is_some() {
                track.least = time;
            }
        }
    }
}

impl Counting {
    fn take(&mut self, threshold: usize) -> Option<Counts> {
        if self.counts[threshold].is_idle() {
            return None;
        }
        let mut counts = std::mem::take(&mut self.counts[threshold]);
        counts.intake.filtered += counts.offered - counts.passed;
        // What was known before goes along, to be dropped where no event waits for it.
        self.counts[threshold].known = std::mem::take(&mut counts.by_key);
        self.panes -= counts.panes;
        self.budget.give_back(counts.bytes);
        Some(counts)
    }

    /// True if the event was late.
    #[inline]
    fn count(&mut self, compiled: &Compiled, job: &Job, event: &Event<'_>, counted: Counted) -> bool {
        let time = event.time.micros();
        let track = &mut self.tracks[job.shape];
        if !(track.start <= time && time < track.end) {
            track.turn_to(compiled.shapes[job.shape], time);
        }
        let pane = track.pane;
        let counts = &mut self.counts[job.threshold];
        let Some(window) = track.window else {
            counts.intake.note_late(compiled.shapes[job.shape], pane, track.open);
            return true;
        };
        match counted {
            Counted::NoNumber => counts.intake.no_number += 1,
            Counted::Nothing => counts.intake.absent += 1,
            Counted::Value(_) | Counted::Event(_) => {}
        }
        let at = if job.single {
            if matches!(counted, Counted::Nothing | Counted::NoNumber) {
                return false;
            }
            0
        } else {
            encode_key(&compiled.plan.thresholds[job.threshold], job, event, &mut self.key);
            if self.key.len() > compiled.plan.limits.group_bytes {
                counts.intake.group_bytes += 1;
                return false;
            }
            match counts.find(&self.key, compiled.plan.limits.groups) {
                Some(at) => at,
                None => return false,
            }
        };
        // Nearly always the pane of the last event.
        if let Some(group) = counts.groups.get_mut(at)
            && let Some(current) = &mut group.current
            && current.index == pane
        {
            counts.bytes = counts.bytes.wrapping_add(add(current, time, counted, &job.limits, &mut self.budget));
            return false;
        }
        self.count_elsewhere(compiled, job, at, (pane, window, time), counted);
        false
    }

    /// Counts in another pane than that of the last event, perhaps a new one, perhaps of a new group.
    #[inline(never)]
    fn count_elsewhere(
        &mut self,
        compiled: &Compiled,
        job: &Job,
        at: usize,
        (pane, window, time): (i64, i64, i64),
        counted: Counted,
    ) {
        let counts = &mut self.counts[job.threshold];
        if at == counts.groups.len() {
            let key: Arc<[u8]> = if job.single { Arc::default() } else { counts.key(&self.key) };
            if !job.single {
                counts.by_key.insert(Arc::clone(&key), at);
            }
            counts.groups.push(Count::new(key));
        }
        let group = &mut counts.groups[at];
        if !group.turn_to(pane) {
            if self.panes >= compiled.plan.limits.open_windows {
                counts.intake.windows += 1;
                return;
            }
            self.panes += 1;
            counts.panes += 1;
            group.first = group.first.min(window);
            let tally = Tally::new(job.limits.len());
            group.put(Pane { index: pane, last: time, tally, sketch: Sketch::default() });
        }
        if let Some(current) = &mut group.current {
            counts.bytes = counts.bytes.wrapping_add(add(current, time, counted, &job.limits, &mut self.budget));
        }
    }
}

/// Returns how many bytes more the sketch takes.
#[inline]
fn add(pane: &mut Pane, time: i64, counted: Counted, limits: &[f64], budget: &mut Budget) -> usize {
    pane.last = pane.last.max(time);
    match counted {
        Counted::Value(value) => {
            pane.tally.count_value(value, limits);
            let before = budget.used;
            pane.sketch.record_later(value, budget);
            // A sketch that is lost gives back what it had: less than nothing.
            budget.used.wrapping_sub(before)
        }
        Counted::Event(matches) => {
            pane.tally.count_event(matches);
            0
        }
        Counted::Nothing | Counted::NoNumber => 0,
    }
}

impl Counts {
    /// Whether nothing has been counted, and no group is remembered.
    fn is_idle(&self) -> bool {
        self.groups.is_empty() && self.known.is_empty() && self.offered == 0 && self.intake == Intake::default()
    }

    /// The key, to be kept: the one that was kept before, if it was.
    fn key(&self, key: &[u8]) -> Arc<[u8]> {
        self.known.get_key_value(key).map_or_else(|| key.into(), |(known, _)| Arc::clone(known))
    }

    /// Where the group of this key is or will be; None, and counted, above the limit of groups.
    ///
    /// The evaluator decides who is in. Here newcomers must not keep out those that are.
    fn find(&mut self, key: &[u8], most: usize) -> Option<usize> {
        if let Some(at) = self.by_key.get(key) {
            return Some(*at);
        }
        let groups = self.groups.len();
        if groups < most || (groups < most.saturating_mul(2) && self.known.contains_key(key)) {
            return Some(groups);
        }
        self.intake.groups += 1;
        None
    }
}

/// What one event is to one threshold.
#[derive(Clone, Copy)]
enum Counted {
    Value(Number),
    Event(bool),
    NoNumber,
    Nothing,
}

impl Track {
    /// Takes the evaluator's word for which windows are open.
    pub fn align(&mut self, open: i64, done: &[Windows], started: bool) {
        self.open = open;
        self.started = started;
        if self.done != done {
            self.done = done.to_vec();
        }
        // The next event looks again.
        (self.start, self.end) = (0, 0);
    }

    fn turn_to(&mut self, shape: Shape, time: i64) {
        self.pane = shape.pane_at(time);
        self.start = shape.start(self.pane);
        self.end = self.start + shape.every;
        self.window = self.window_of(shape, self.pane);
    }

    /// The earliest open window that contains the pane.
    fn window_of(&self, shape: Shape, pane: i64) -> Option<i64> {
        let mut window = shape.first_window_with(pane).max(self.open);
        for done in &self.done {
            if done.from <= window && window < done.to {
                window = done.to;
            }
        }
        (window <= pane).then_some(window)
    }
}

/// Writes the values that make a group: for each 0 if it is absent, else 1, its length and its text.
fn encode_key(threshold: &Threshold, job: &Job, event: &Event<'_>, key: &mut Vec<u8>) {
    key.clear();
    if job.service_in_group {
        encode_part(&event.service, key);
    }
    for field in &threshold.group_by {
        encode_part(&event.field(field), key);
    }
}

fn encode_part(value: &Value<'_>, key: &mut Vec<u8>) {
    if value.is_nil() {
        key.push(0);
        return;
    }
    key.push(1);
    let length_at = key.len();
    key.extend_from_slice(&[0; 4]);
    value.write_text(key);
    let length = u32::try_from(key.len() - length_at - 4).unwrap_or(u32::MAX);
    key[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// The values that an encoded key holds.
pub(super) fn decode_key(mut key: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut parts = Vec::new();
    while let Some((tag, rest)) = key.split_first() {
        if *tag == 0 {
            parts.push(None);
            key = rest;
            continue;
        }
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { break };
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        parts.push(Some(rest[..length].to_vec()));
        key = &rest[length..];
    }
    parts
}
