//! The evaluator: takes what lanes have counted, closes windows, and says what changed.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::budget::Budget;
use super::compiled::Compiled;
use super::group::{Closing, Group};
use super::intake::Intake;
use super::lane::Lane;
use super::shape::Shape;
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
/// Give it each event once, through a [`Lane`] of [`Evaluator::lane`]. Then, whenever event time has reached
/// [`Evaluator::next_deadline`], call [`Evaluator::advance`] with every lane; more often changes nothing. At the end of
/// a history call [`Evaluator::finish`].
#[derive(Debug)]
pub struct Evaluator {
    pub(super) compiled: Arc<Compiled>,
    pub(super) watching: Watching,
    pub(super) watch: Watch,
    pub(super) positions: Vec<Position>,
    pub(super) subjects: Vec<Subjects>,
    pub(super) budget: Budget,
    pub(super) panes: usize,
}

/// Where the windows of one shape are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The first window that is open; before all windows at first.
    pub open: i64,
    /// The earliest window that an event found open.
    pub first: Option<i64>,
    /// Whether a window from `first` on was closed: then it does not move any more.
    pub started: bool,
}

/// The groups of one threshold.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    pub groups: HashMap<Box<[u8]>, Group>,
    pub intake: Intake,
    pub account: Account,
}

impl Evaluator {
    pub fn new(compiled: &Arc<Compiled>, watching: Watching) -> Evaluator {
        let position = |shape: &Shape| match watching {
            Watching::From(time) => {
                let first = shape.first_ending_at_or_after(time.saturating_add(1));
                Position { open: first, first: Some(first), started: false }
            }
            Watching::Whole | Watching::FromFirstEvent => Position { open: i64::MIN, first: None, started: false },
        };
        let watch = match watching {
            Watching::From(time) => Watch { from: Some(time), to: None },
            Watching::Whole | Watching::FromFirstEvent => Watch::ALWAYS,
        };
        let limit = compiled.plan().limits.sketch_bytes / 2;
        Evaluator {
            watching,
            watch,
            positions: compiled.shapes.iter().map(position).collect(),
            subjects: compiled.plan().thresholds.iter().map(|_| Subjects::default()).collect(),
            budget: Budget { limit, used: 0 },
            panes: 0,
            compiled: Arc::clone(compiled),
        }
    }

    /// A lane that counts for this evaluator from now on.
    pub fn lane(&self) -> Lane {
        let mut lane = Lane::new(&self.compiled);
        self.align(&mut lane);
        lane
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
        let compiled = Arc::clone(&self.compiled);
        let appended = out.len();
        self.note_least(lanes);
        for (i, shape) in compiled.shapes.iter().enumerate() {
            let target = shape.first_open(reached.micros());
            if target > self.positions[i].open {
                self.close(i, target, lanes, out);
            }
        }
        out[appended..].sort_by(|a, b| a.order().cmp(&b.order()));
        lanes.iter_mut().for_each(|lane| self.align(lane));
    }

    /// Closes every window that starts at or before `last`, at the end of a history.
    ///
    /// Unless all is watched, what lies at or after `watched_to` is not. Transitions are appended in order.
    pub fn finish(&mut self, last: Timestamp, watched_to: Timestamp, lanes: &mut [Lane], out: &mut Vec<Transition>) {
        let compiled = Arc::clone(&self.compiled);
        let appended = out.len();
        self.note_least(lanes);
        if self.watching != Watching::Whole {
            self.watch.to = Some(watched_to.micros());
        }
        for (i, shape) in compiled.shapes.iter().enumerate() {
            let target = shape.pane_at(last.micros()) + 1;
            if target > self.positions[i].open {
                self.close(i, target, lanes, out);
            }
        }
        out[appended..].sort_by(|a, b| a.order().cmp(&b.order()));
        lanes.iter_mut().for_each(|lane| self.align(lane));
        for subjects in &mut self.subjects {
            let open = subjects.groups.values().filter_map(|group| group.standing.since);
            subjects.account.violated += open.map(|since| (watched_to.micros() - since).max(0)).sum::<i64>();
        }
    }

    /// What could not be counted for a threshold, and what it came to. `threshold` is an index into the plan.
    pub fn report(&self, threshold: usize) -> (&Intake, &Account) {
        let subjects = &self.subjects[threshold];
        (&subjects.intake, &subjects.account)
    }

    /// How many groups of a threshold there are, and how many of them are in violation.
    pub fn groups(&self, threshold: usize) -> (usize, usize) {
        let groups = &self.subjects[threshold].groups;
        (groups.len(), groups.values().filter(|group| group.standing.status == Verdict::Violation).count())
    }

    /// Name and text of each field of the group of a threshold's worst window; empty if there is but one group.
    pub fn worst_group(&self, threshold: usize) -> Vec<(String, Option<String>)> {
        let key = self.subjects[threshold].account.worst.as_ref().map(|worst| worst.key.as_ref());
        super::transition::name_group(&self.compiled.plan.thresholds[threshold], key.unwrap_or_default())
    }

    /// Takes all that the lanes have counted; closes nothing.
    pub(super) fn absorb_all(&mut self, lanes: &mut [Lane]) {
        self.note_least(lanes);
        for i in 0..self.compiled.shapes.len() {
            self.absorb(i, i64::MAX, lanes);
        }
    }

    fn note_least(&mut self, lanes: &[Lane]) {
        if self.watching == Watching::FromFirstEvent {
            let least = lanes.iter().map(|lane| lane.least).filter(|least| *least != i64::MAX).min();
            self.watch.from = [self.watch.from, least].into_iter().flatten().min();
        }
    }

    fn align(&self, lane: &mut Lane) {
        for (track, position) in lane.counting.tracks.iter_mut().zip(&self.positions) {
            track.open = position.open;
            track.started = position.started;
        }
        lane.unstarted = self.positions.iter().any(|position| !position.started);
    }

    fn close(&mut self, shape_index: usize, target: i64, lanes: &mut [Lane], out: &mut Vec<Transition>) {
        let compiled = Arc::clone(&self.compiled);
        let shape = compiled.shapes[shape_index];
        // What lies in windows that close now; the rest stays with the lanes.
        self.absorb(shape_index, target.saturating_add(shape.panes() - 1), lanes);
        let position = &mut self.positions[shape_index];
        position.open = target;
        let moves = !position.started;
        position.started |= position.first.is_some_and(|first| target > first);
        let first = position.first;
        let mut changes = Vec::new();
        for threshold in &compiled.members[shape_index] {
            let checked = &compiled.plan.thresholds[*threshold];
            let limits = compiled.limits[*threshold].len();
            let subjects = &mut self.subjects[*threshold];
            if checked.has_one_group()
                && moves
                && let Some(first) = first
            {
                let only = subjects
                    .groups
                    .entry(Box::default())
                    .or_insert_with(|| Group::new(first, limits, shape.panes() > 1));
                only.next = first;
            }
            let mut closing = Closing {
                threshold: checked,
                shape,
                watch: self.watch,
                budget: &mut self.budget,
                account: &mut subjects.account,
                panes: &mut self.panes,
                key: Vec::new(),
                closely: subjects.groups.len() <= CLOSELY,
            };
            let late = subjects.intake.late;
            subjects.groups.retain(|key, group| {
                closing.key.clear();
                closing.key.extend_from_slice(key);
                let lives = group.close(target, &mut closing, &mut changes);
                let named =
                    changes.drain(..).map(|change| Transition::new(&compiled.plan, *threshold, key, &change, late));
                out.extend(named);
                lives
            });
        }
    }

    /// Takes what the lanes have counted for thresholds of one shape in panes before `end`.
    fn absorb(&mut self, shape_index: usize, end: i64, lanes: &mut [Lane]) {
        let compiled = Arc::clone(&self.compiled);
        let shape = compiled.shapes[shape_index];
        for lane in lanes {
            let position = &mut self.positions[shape_index];
            let track = &mut lane.counting.tracks[shape_index];
            if !position.started && track.least != i64::MAX {
                let first = shape.first_window_with(shape.pane_at(track.least)).max(position.open);
                position.first = Some(position.first.map_or(first, |known| known.min(first)));
                track.least = i64::MAX;
            }
            for threshold in &compiled.members[shape_index] {
                let single = compiled.plan.thresholds[*threshold].has_one_group();
                let counts = &mut lane.counting.counts[*threshold];
                self.subjects[*threshold].intake.merge(&std::mem::take(&mut counts.intake));
                for (key, first, panes) in counts.take_before(end, shape, single) {
                    self.take_group(*threshold, key, first, panes, lane);
                }
            }
        }
    }

    fn take_group(
        &mut self,
        threshold: usize,
        key: Box<[u8]>,
        first: i64,
        panes: Vec<super::pane::Pane>,
        lane: &mut Lane,
    ) {
        if panes.is_empty() {
            // Nothing of it is due yet.
            return;
        }
        let limits = self.compiled.plan.limits;
        let subjects = &mut self.subjects[threshold];
        lane.counting.panes -= panes.len();
        let is_full = subjects.groups.len() >= limits.groups && !subjects.groups.contains_key(&key);
        if is_full {
            for mut pane in panes {
                subjects.intake.groups += pane.tally.total.max(1);
                pane.sketch.release(&mut lane.counting.budget);
            }
            return;
        }
        let bounds = self.compiled.limits[threshold].len();
        let hops = self.compiled.shapes[self.compiled.shape_of[threshold]].panes() > 1;
        let group = subjects.groups.entry(key).or_insert_with(|| Group::new(first, bounds, hops));
        group.next = group.next.min(first);
        let mut taken = Vec::with_capacity(panes.len());
        for mut pane in panes {
            let is_new = !group.has_pane(pane.index);
            if is_new && self.panes >= limits.open_windows {
                subjects.intake.windows += pane.tally.total.max(1);
                pane.sketch.release(&mut lane.counting.budget);
                continue;
            }
            subjects.intake.counted += pane.tally.total;
            pane.sketch.move_budget(&mut lane.counting.budget, &mut self.budget);
            self.panes += usize::from(is_new);
            taken.push(pane);
        }
        group.absorb(taken, &mut self.budget);
    }
}
