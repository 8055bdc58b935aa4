//! The evaluator: takes what lanes have counted, closes windows, and says what changed.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::budget::Budget;
use super::compiled::Compiled;
use super::group::{Closing, Group};
use super::intake::Intake;
use super::lane::{Count, Counts, Lane};
use super::shape::{Shape, Windows};
use super::transition::Transition;
use super::verdict::Verdict;
use super::watch::Watch;
use crate::plan::Timestamp;

/// With more groups, of overlapping windows only one an interval is measured for the summary.
const CLOSELY: usize = 64;

/// What time counts as watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Watching {
    /// All of it, from the first window that an event finds open.
    Whole,
    /// From the least time among the events read so far.
    FromFirstEvent,
    /// From this time on; windows that end before it are not judged.
    From(i64),
}

/// The state of a plan: windows, rows and statuses of every group.
///
/// Give it each event once, through a [`Lane`] of [`Evaluator::lanes`]. Then, whenever event time has reached
/// [`Evaluator::next_deadline`], call [`Evaluator::advance`] with every lane; more often changes nothing. Its two halves
/// are [`Evaluator::take`], which is brief and needs the lanes, and [`Evaluator::close`], which does not. At the end of a
/// history call [`Evaluator::finish`].
#[derive(Debug)]
pub struct Evaluator {
    pub(super) compiled: Arc<Compiled>,
    pub(super) watching: Watching,
    pub(super) watch: Watch,
    pub(super) positions: Vec<Position>,
    pub(super) subjects: Vec<Subjects>,
    pub(super) budget: Budget,
    pub(super) panes: usize,
    /// What was taken from the lanes and is not absorbed yet, with its threshold; those of one threshold together.
    taken: Vec<(usize, Counts)>,
    due: Vec<Due>,
}

/// Where the windows of one shape are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The first window that is open; before all windows at first.
    pub open: i64,
    /// The earliest window that an event found open.
    pub first: Option<i64>,
    /// Whether a window from `first` on was closed: then it does not move any more.
    pub started: bool,
    /// Windows after `open` that are closed nevertheless: the clock was set back over them. In order, apart.
    pub done: Vec<Windows>,
    /// Among these are all windows of which nothing was watched and which gave a verdict all the same.
    pub spoken: Option<Windows>,
}

/// Windows of one shape that were taken and are to be judged.
#[derive(Clone, Debug)]
struct Due {
    shape: usize,
    /// The first window that stays open.
    target: i64,
    /// The earliest window that an event found open, if it could still move.
    moved_first: Option<i64>,
    /// Windows before `target` that were judged before.
    done: Vec<Windows>,
}

/// The groups of one threshold.
#[derive(Debug)]
pub(super) struct Subjects {
    pub groups: HashMap<Arc<[u8]>, Group>,
    /// Groups in violation.
    pub violated: usize,
    /// Windows that start before are not judged, in microseconds: the threshold was not there yet.
    pub begins: i64,
    pub intake: Intake,
    pub account: Account,
}

impl Evaluator {
    pub fn new(compiled: &Arc<Compiled>, watching: Watching) -> Evaluator {
        let position = |shape: &Shape| match watching {
            Watching::From(time) => {
                let first = shape.first_ending_at_or_after(time.saturating_add(1));
                Position { open: first, first: Some(first), ..Position::NOWHERE }
            }
            Watching::Whole | Watching::FromFirstEvent => Position::NOWHERE,
        };
        let watch = match watching {
            Watching::From(time) => Watch::from(time),
            Watching::Whole | Watching::FromFirstEvent => Watch::default(),
        };
        let limit = compiled.plan().limits.sketch_bytes / 2;
        Evaluator {
            watching,
            watch,
            positions: compiled.shapes.iter().map(position).collect(),
            subjects: compiled.plan().thresholds.iter().map(|_| Subjects::default()).collect(),
            budget: Budget { limit, used: 0 },
            panes: 0,
            taken: Vec::new(),
            due: Vec::new(),
            compiled: Arc::clone(compiled),
        }
    }

    /// The plan, as it is counted.
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }

    /// The one lane that counts for this evaluator from now on.
    pub fn lane(&self) -> Lane {
        self.lanes(1).remove(0)
    }

    /// The lanes that count for this evaluator from now on: they share the memory for sketches.
    pub fn lanes(&self, count: usize) -> Vec<Lane> {
        let limit = self.compiled.plan.limits.sketch_bytes / 2 / count.max(1);
        let mut lanes: Vec<Lane> = (0..count).map(|_| Lane::new(&self.compiled, limit)).collect();
        lanes.iter_mut().for_each(|lane| self.align(lane));
        lanes
    }

    /// The event time at which the next window closes. Before the first event: any time.
    pub fn next_deadline(&self) -> Timestamp {
        let closes =
            self.compiled.shapes.iter().zip(&self.positions).map(|(shape, position)| {
                if position.open == i64::MIN { i64::MIN } else { shape.closes_at(position.open) }
            });
        let first = closes.min().unwrap_or(i64::MAX);
        Timestamp::clamped(first)
    }

    /// Closes every window whose end and grace `reached` has come to.
    ///
    /// Transitions are appended in (window end, threshold, group) order. An older time does nothing.
    pub fn advance(&mut self, reached: Timestamp, lanes: &mut [Lane], out: &mut Vec<Transition>) {
        self.take(reached, &mut lanes.iter_mut().collect::<Vec<_>>());
        self.close(out);
    }

    /// Takes what the lanes have counted for windows whose end and grace `reached` has come to, and closes these
    /// windows for further events. They are judged by [`Evaluator::close`].
    pub fn take(&mut self, reached: Timestamp, lanes: &mut [&mut Lane]) {
        self.take_until(|shape| shape.first_open(reached.micros()), lanes);
    }

    /// Judges the windows that were taken. Transitions are appended in (window end, threshold, group) order.
    pub fn close(&mut self, out: &mut Vec<Transition>) {
        let appended = out.len();
        let mut waiting = Vec::new();
        self.absorb_taken(Some(&mut waiting));
        for due in std::mem::take(&mut self.due) {
            self.judge(&due, out);
        }
        // Groups that were forgotten have made room.
        for (threshold, count) in waiting {
            self.absorb_group(threshold, count);
        }
        Transition::sort(&mut out[appended..]);
        let open = self
            .compiled
            .shapes
            .iter()
            .zip(&self.positions)
            .map(|(shape, position)| if position.open == i64::MIN { i64::MIN } else { shape.start(position.open) });
        self.watch.forget_before(open.min().unwrap_or(i64::MIN));
    }

    /// Closes every window that starts at or before `last`, at the end of a history.
    ///
    /// Unless all is watched, what lies at or after `watched_to` is not. Transitions are appended in order.
    pub fn finish(&mut self, last: Timestamp, watched_to: Timestamp, lanes: &mut [Lane], out: &mut Vec<Transition>) {
        if self.watching != Watching::Whole {
            self.watch.to = Some(watched_to.micros());
        }
        self.take_until(|shape| shape.pane_at(last.micros()) + 1, &mut lanes.iter_mut().collect::<Vec<_>>());
        self.close(out);
        self.end_accounts(watched_to);
    }

    /// Counts open violations as lasting until `end`. For the summary, when nothing more comes.
    pub fn end_accounts(&mut self, end: Timestamp) {
        for subjects in &mut self.subjects {
            let open = subjects.groups.values().filter_map(|group| group.standing.since);
            subjects.account.violated += open.map(|since| (end.micros() - since).max(0)).sum::<i64>();
        }
    }

    /// Takes all that the lanes have counted; closes nothing. Then [`Evaluator::absorb`] needs no lane.
    pub fn take_all(&mut self, lanes: &mut [&mut Lane]) {
        self.note_least(lanes);
        for i in 0..self.compiled.shapes.len() {
            self.take_shape(i, lanes);
        }
    }

    /// Adds what was taken to the windows of its groups; closes nothing.
    pub fn absorb(&mut self) {
        self.absorb_taken(None);
    }

    /// What could not be counted for a threshold, and what it came to. `threshold` is an index into the plan.
    pub fn report(&self, threshold: usize) -> (&Intake, &Account) {
        let subjects = &self.subjects[threshold];
        (&subjects.intake, &subjects.account)
    }

    /// What it judges by.
    pub fn plan(&self) -> &crate::plan::Plan {
        &self.compiled.plan
    }

    /// How many groups of a threshold there are, and how many of them are in violation.
    pub fn groups(&self, threshold: usize) -> (usize, usize) {
        let subjects = &self.subjects[threshold];
        (subjects.groups.len(), subjects.violated)
    }

    /// Name and text of each field of the group of a threshold's worst window; empty if there is but one group.
    pub fn worst_group(&self, threshold: usize) -> Vec<(String, Option<String>)> {
        let key = self.subjects[threshold].account.worst.as_ref().map(|worst| worst.key.as_ref());
        super::transition::name_group(&self.compiled.plan.thresholds[threshold], key.unwrap_or_default())
    }

    fn note_least(&mut self, lanes: &[&mut Lane]) {
        if self.watching == Watching::FromFirstEvent {
            let least = lanes.iter().map(|lane| lane.least).filter(|least| *least != i64::MAX).min();
            self.watch.from = [self.watch.from, least].into_iter().flatten().min();
        }
    }

    pub(super) fn align(&self, lane: &mut Lane) {
        for (track, position) in lane.counting.tracks.iter_mut().zip(&self.positions) {
            track.align(position.open, &position.done, position.started);
        }
        lane.unstarted = self.positions.iter().any(|position| !position.started);
    }

    /// Takes what is counted for windows before the target of their shape.
    fn take_until(&mut self, target: impl Fn(&Shape) -> i64, lanes: &mut [&mut Lane]) {
        let compiled = Arc::clone(&self.compiled);
        self.note_least(lanes);
        for (i, shape) in compiled.shapes.iter().enumerate() {
            let target = target(shape);
            if target <= self.positions[i].open {
                continue;
            }
            self.take_shape(i, lanes);
            let position = &mut self.positions[i];
            position.open = target;
            let moved_first = position.first.filter(|_| !position.started);
            position.started |= position.first.is_some_and(|first| target > first);
            let done = position.done.clone();
            position.done.retain(|windows| windows.to > target);
            self.due.push(Due { shape: i, target, moved_first, done });
        }
        if !self.due.is_empty() {
            lanes.iter_mut().for_each(|lane| self.align(lane));
        }
    }

    /// Takes what the lanes have counted for thresholds of one shape, and which window an event found open first.
    fn take_shape(&mut self, shape_index: usize, lanes: &mut [&mut Lane]) {
        let shape = self.compiled.shapes[shape_index];
        let position = &mut self.positions[shape_index];
        for lane in lanes.iter_mut() {
            let track = &mut lane.counting.tracks[shape_index];
            if !position.started && track.least != i64::MAX {
                let first = shape.first_window_with(shape.pane_at(track.least)).max(position.open);
                position.first = Some(position.first.map_or(first, |known| known.min(first)));
                track.least = i64::MAX;
            }
        }
        for threshold in &self.compiled.members[shape_index] {
            let counts = lanes.iter_mut().filter_map(|lane| lane.take(*threshold));
            self.taken.extend(counts.map(|counts| (*threshold, counts)));
        }
    }

    fn judge(&mut self, due: &Due, out: &mut Vec<Transition>) {
        let compiled = Arc::clone(&self.compiled);
        let shape = compiled.shapes[due.shape];
        let mut changes = Vec::new();
        for threshold in &compiled.members[due.shape] {
            let checked = &compiled.plan.thresholds[*threshold];
            let limits = compiled.limits[*threshold].len();
            let subjects = &mut self.subjects[*threshold];
            if checked.has_one_group()
                && let Some(first) = due.moved_first
            {
                let first = subjects.first_from(first, shape);
                let only = subjects
                    .groups
                    .entry(Arc::default())
                    .or_insert_with(|| Group::new(first, limits, shape.panes() > 1));
                only.next = first;
            }
            let mut closing = Closing {
                threshold: checked,
                formers: &compiled.formers[*threshold],
                shape,
                watch: &self.watch,
                done: &due.done,
                spoken: &mut self.positions[due.shape].spoken,
                budget: &mut self.budget,
                account: &mut subjects.account,
                panes: &mut self.panes,
                key: Vec::new(),
                closely: subjects.groups.len() <= CLOSELY,
            };
            let late = subjects.intake.late;
            let violated = &mut subjects.violated;
            subjects.groups.retain(|key, group| {
                closing.key.clear();
                closing.key.extend_from_slice(key);
                let lives = group.close(due.target, &mut closing, &mut changes);
                for change in changes.drain(..) {
                    match change.to {
                        Verdict::Violation => *violated += 1,
                        Verdict::Ok => *violated -= 1,
                    }
                    out.push(Transition::new(&compiled.plan, *threshold, key, &change, late));
                }
                lives
            });
        }
    }

    fn absorb_taken(&mut self, mut waiting: Option<&mut Vec<(usize, Count)>>) {
        let mut room = std::mem::take(&mut self.taken);
        let mut taken = room.drain(..).peekable();
        while let Some((threshold, counts)) = taken.next() {
            let mut of_lanes = vec![counts];
            while let Some((_, counts)) = taken.next_if(|(other, _)| *other == threshold) {
                of_lanes.push(counts);
            }
            self.absorb_counts(threshold, of_lanes, waiting.as_deref_mut());
        }
        drop(taken);
        // Kept, so that no memory is asked for while lanes are locked.
        self.taken = room;
    }

    /// In order of key: whom the limit of groups lets in must not hang on the order of a hash table, nor on the lanes.
    ///
    /// Groups above the limit of which nothing is due yet go to `waiting`, if there is such a thing.
    fn absorb_counts(&mut self, threshold: usize, counts: Vec<Counts>, mut waiting: Option<&mut Vec<(usize, Count)>>) {
        let open = self.positions[self.compiled.shape_of[threshold]].open;
        let mut groups = Vec::new();
        for counts in counts {
            self.subjects[threshold].intake.merge(&counts.intake);
            groups.extend(counts.groups);
        }
        // Where there is room for all, their order is nothing.
        if self.subjects[threshold].groups.len() + groups.len() > self.compiled.plan.limits.groups {
            groups.sort_by(|a, b| a.key.cmp(&b.key));
        }
        for count in groups {
            match &mut waiting {
                Some(waiting) if count.first >= open && self.is_full(threshold, &count.key) => {
                    waiting.push((threshold, count));
                }
                _ => self.absorb_group(threshold, count),
            }
        }
    }

    /// Whether the limit of groups leaves this one out.
    fn is_full(&self, threshold: usize, key: &[u8]) -> bool {
        let groups = &self.subjects[threshold].groups;
        groups.len() >= self.compiled.plan.limits.groups && !groups.contains_key(key)
    }

    fn absorb_group(&mut self, threshold: usize, count: Count) {
        let (key, first) = (Arc::clone(&count.key), count.first);
        let panes = count.into_panes();
        if panes.is_empty() {
            return;
        }
        let limits = self.compiled.plan.limits;
        let is_full = self.is_full(threshold, &key);
        let subjects = &mut self.subjects[threshold];
        if is_full {
            subjects.intake.groups += panes.iter().map(|pane| pane.tally.total.max(1)).sum::<u64>();
            return;
        }
        let bounds = self.compiled.limits[threshold].len();
        let shape = self.compiled.shapes[self.compiled.shape_of[threshold]];
        let hops = shape.panes() > 1;
        let first = subjects.first_from(first, shape);
        let group = subjects.groups.entry(key).or_insert_with(|| Group::new(first, bounds, hops));
        group.next = group.next.min(first);
        let mut taken = Vec::with_capacity(panes.len());
        for mut pane in panes {
            let is_new = !group.has_pane(pane.index);
            if is_new && self.panes >= limits.open_windows {
                subjects.intake.windows += pane.tally.total.max(1);
                continue;
            }
            subjects.intake.counted += pane.tally.total;
            pane.sketch.take_budget(&mut self.budget);
            pane.sketch.settle(&mut self.budget);
            self.panes += usize::from(is_new);
            taken.push(pane);
        }
        group.absorb(taken, &mut self.budget);
    }
}

impl Default for Subjects {
    fn default() -> Subjects {
        Subjects {
            groups: HashMap::new(),
            violated: 0,
            begins: i64::MIN,
            intake: Intake::default(),
            account: Account::default(),
        }
    }
}

impl Subjects {
    /// This window, or the first that is judged at all.
    fn first_from(&self, window: i64, shape: Shape) -> i64 {
        if self.begins == i64::MIN { window } else { window.max(shape.first_starting_at_or_after(self.begins)) }
    }
}

impl Position {
    /// Before the first event.
    const NOWHERE: Position = Position { open: i64::MIN, first: None, started: false, done: Vec::new(), spoken: None };
}
