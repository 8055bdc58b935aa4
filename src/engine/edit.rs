//! From one plan to the next: what an edit of thresholds does to windows, rows and statuses.

use std::sync::Arc;

use super::compiled::{Compiled, Former, limits_of};
use super::evaluator::{Evaluator, Position, Subjects, Watching};
use super::group::Group;
use super::shape::Shape;
use super::transition::{Change, Measured, Transition};
use super::verdict::{Reason, Verdict};
use crate::plan::{Plan, Threshold, Timestamp};

/// What an edit does to one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// Nothing that decides anything has changed.
    Kept,
    /// Bounds or policy are others: windows that began before are judged by the old bounds, rows begin anew, statuses
    /// stay.
    Bounds,
    /// Something else is counted: windows begin anew, statuses stay.
    Windows,
    /// There was none of this id.
    New,
    /// There is none of this id any more, or its groups are made otherwise: what was violated is ok.
    Removed,
}

impl Edit {
    pub fn name(self) -> &'static str {
        match self {
            Edit::Kept => "kept",
            Edit::Bounds => "changed from the next window",
            Edit::Windows => "begun anew, with its status",
            Edit::New => "new",
            Edit::Removed => "removed",
        }
    }

    /// For machines.
    pub fn slug(self) -> &'static str {
        match self {
            Edit::Kept => "kept",
            Edit::Bounds => "changed",
            Edit::Windows => "begun-anew",
            Edit::New => "new",
            Edit::Removed => "removed",
        }
    }
}

/// What became of each threshold, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits(pub Vec<(String, Edit)>);

impl Edits {
    pub fn count(&self, edit: Edit) -> usize {
        self.0.iter().filter(|(_, of)| *of == edit).count()
    }
}

/// What an edit does to a threshold of one id.
pub fn edit(old: &Threshold, new: &Threshold) -> Edit {
    let groups_alike =
        old.group_by == new.group_by && std::mem::discriminant(&old.service) == std::mem::discriminant(&new.service);
    let counts_alike = old.service == new.service
        && old.measure == new.measure
        && old.filter == new.filter
        && old.interval == new.interval
        && old.every == new.every;
    if !groups_alike {
        Edit::Removed
    } else if !counts_alike {
        Edit::Windows
    } else if old.bounds != new.bounds || old.policy != new.policy {
        Edit::Bounds
    } else {
        Edit::Kept
    }
}

/// What an edit does to each threshold: those of `new` in their order, then those that are gone. Both are in order of id.
pub fn edits(old: &[Threshold], new: &[Threshold]) -> Edits {
    let find = |among: &[Threshold], id: &str| among.binary_search_by(|known| known.id.as_str().cmp(id)).ok();
    let of_new = |threshold: &Threshold| {
        let edit = find(old, &threshold.id).map_or(Edit::New, |found| edit(&old[found], threshold));
        (threshold.id.clone(), edit)
    };
    let gone = old.iter().filter(|threshold| find(new, &threshold.id).is_none());
    Edits(new.iter().map(of_new).chain(gone.map(|threshold| (threshold.id.clone(), Edit::Removed))).collect())
}

impl Evaluator {
    /// The evaluator of the next plan from `at` on, when every lane's counts have been absorbed: lanes are to be made
    /// anew. And what became of the thresholds.
    ///
    /// Recoveries of what was removed are appended; they belong to the old plan and are dated `at`.
    pub fn edited(mut self, plan: Arc<Plan>, at: Timestamp, out: &mut Vec<Transition>) -> (Evaluator, Edits) {
        let old = Arc::clone(&self.compiled);
        let edits = edits(&old.plan.thresholds, &plan.thresholds);
        let mut formers = Vec::new();
        let mut origins = Vec::new();
        for (threshold, (_, edit)) in plan.thresholds.iter().zip(&edits.0) {
            let edit = *edit;
            let found = old.plan.thresholds.binary_search_by(|known| known.id.cmp(&threshold.id)).ok();
            let (of_windows, passed) = match (edit, found) {
                (Edit::Kept | Edit::Bounds, Some(found)) => self.formers_of(found, threshold, at),
                _ => (Vec::new(), 0),
            };
            formers.push(of_windows);
            origins.push((edit, found, passed));
        }
        let compiled = Compiled::edited(plan, formers);
        let mut next = Evaluator::new(&compiled, Watching::From(at.micros()));
        (next.watching, next.watch) = (self.watching, self.watch.clone());
        for (shape, position) in compiled.shapes.iter().zip(&mut next.positions) {
            if let Some(known) = self.position_of(*shape) {
                *position = known;
            }
        }
        let mut kept = vec![false; old.plan.thresholds.len()];
        for (new, (edit, found, passed)) in origins.into_iter().enumerate() {
            match found {
                Some(found) if edit != Edit::Removed => {
                    kept[found] = true;
                    let forgotten = old.formers[found][..passed].iter();
                    let forgotten = forgotten.map(|former| limits_of(&former.threshold).count()).sum();
                    let subjects = std::mem::take(&mut self.subjects[found]);
                    next.adopt(new, edit, subjects, forgotten, at);
                }
                _ => next.begin(new, at),
            }
        }
        let appended = out.len();
        for (found, _) in kept.iter().enumerate().filter(|(_, kept)| !**kept) {
            self.recover(found, at, out);
        }
        Transition::sort(&mut out[appended..]);
        (next, edits)
    }

    /// The formers of a threshold after an edit: those still needed, and what it is now if that differs; and how many
    /// of the first are not needed any more.
    fn formers_of(&self, found: usize, new: &Threshold, at: Timestamp) -> (Vec<Former>, usize) {
        let shape = self.compiled.shapes[self.compiled.shape_of[found]];
        let open = self.positions[self.compiled.shape_of[found]].open;
        let mut formers = self.compiled.formers[found].clone();
        let is_needed = |former: &Former| open == i64::MIN || shape.start(open) < former.until;
        let passed = formers.iter().take_while(|former| !is_needed(former)).count();
        formers.drain(..passed);
        let old = &self.compiled.plan.thresholds[found];
        if old.bounds != new.bounds {
            // Panes that are there were counted against the old limits.
            let last = self.subjects[found].groups.values().filter_map(Group::last_pane).max();
            let counted = last.map_or(i64::MIN, |pane| shape.start(pane + 1));
            let until = counted.max(at.micros());
            // Bounds under which no window has begun judge none: edits in a row leave nothing behind.
            let begins = shape.first_starting_at_or_after(until);
            if formers.last().is_none_or(|last| shape.first_starting_at_or_after(last.until) < begins) {
                formers.push(Former { threshold: Arc::new(old.clone()), until });
            }
        }
        (formers, passed)
    }

    /// Where the windows of a shape are, if some of the same length were open: the grace may be another.
    fn position_of(&self, shape: Shape) -> Option<Position> {
        let known = self.compiled.shapes.iter().zip(&self.positions);
        if let Some((_, position)) = known.clone().find(|(known, _)| **known == shape) {
            return Some(position.clone());
        }
        let alike = known.filter(|(known, _)| (known.interval, known.every) == (shape.interval, shape.every));
        alike.map(|(_, position)| position.clone()).min_by_key(|position| position.open)
    }

    /// Takes over the groups of a threshold. So many of the first limits that values are counted against are forgotten.
    fn adopt(&mut self, new: usize, edit: Edit, subjects: Subjects, forgotten: usize, at: Timestamp) {
        let limits = self.compiled.limits[new].len();
        let shape = self.compiled.shapes[self.compiled.shape_of[new]];
        let hops = shape.panes() > 1;
        self.subjects[new].begins = subjects.begins;
        self.subjects[new].intake = subjects.intake;
        self.subjects[new].account = subjects.account;
        if edit == Edit::Windows {
            self.subjects[new].begins = at.micros();
        }
        let first = shape.first_starting_at_or_after(at.micros());
        for (key, mut group) in subjects.groups {
            if edit == Edit::Windows {
                let standing = group.standing;
                group = Group::new(first, limits, hops);
                group.standing = standing;
            } else {
                group.edit(forgotten, limits);
            }
            if edit != Edit::Kept {
                group.standing.begin_row();
            }
            self.put(new, key, group);
        }
    }

    /// A threshold that was not there before: its first window begins at `at` or after.
    fn begin(&mut self, new: usize, at: Timestamp) {
        let shape = self.compiled.shapes[self.compiled.shape_of[new]];
        self.subjects[new].begins = at.micros();
        if self.compiled.plan.thresholds[new].has_one_group() {
            let first = shape.first_starting_at_or_after(at.micros());
            let group = Group::new(first, self.compiled.limits[new].len(), shape.panes() > 1);
            self.put(new, Arc::default(), group);
        }
    }

    /// Every group of a threshold that is in violation is ok, since the threshold is removed.
    fn recover(&self, threshold: usize, at: Timestamp, out: &mut Vec<Transition>) {
        let subjects = &self.subjects[threshold];
        for (key, group) in &subjects.groups {
            if group.standing.status != Verdict::Violation {
                continue;
            }
            let shape = self.compiled.shapes[self.compiled.shape_of[threshold]];
            let change = Change {
                to: Verdict::Ok,
                reason: Reason::Removed,
                start: at.micros() - shape.interval,
                end: at.micros(),
                since: group.standing.since.unwrap_or(at.micros()),
                unwatched: 0,
                measured: Measured { value: None, count: 0, matched: 0 },
                judged_by: None,
            };
            out.push(Transition::new(&self.compiled.plan, threshold, key, &change, subjects.intake.late));
        }
    }
}
