//! One group of a threshold: its open windows and its standing.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::{Account, Run};
use super::budget::Budget;
use super::compiled::{Former, limits_of};
use super::pane::Pane;
use super::rolling::Rolling;
use super::shape::{Shape, Windows};
use super::sketch::{FEW, Sketch};
use super::standing::Standing;
use super::tally::Tally;
use super::transition::{Change, Measured};
use super::verdict::{self, Judgement, Reason, Verdict};
use super::watch::Watch;
use crate::plan::{Measure, Number, Threshold};

/// The windows of one group that are not judged yet, and what the judged ones came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// The first window that is not judged.
    pub next: i64,
    pub standing: Standing,
    /// The last window that gave a verdict.
    pub judged: Option<Judged>,
    /// In order of index. The first `inside` are summed up in `sum`: the window judged last, less what left it.
    panes: VecDeque<Pane>,
    inside: usize,
    sum: Tally,
    /// Panes before this index are summed up.
    summed_until: i64,
    /// The greatest time of an event that is summed up or has been, in microseconds.
    last: Option<i64>,
    /// Whether windows overlap.
    hops: bool,
    /// The values of overlapping windows.
    #[serde(skip)]
    rolling: Rolling,
}

/// A window that gave a verdict.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Judged {
    pub window: i64,
    pub verdict: Verdict,
    pub reason: Reason,
    pub measured: Measured,
}

/// What closing windows needs besides the group.
pub struct Closing<'a> {
    pub threshold: &'a Threshold,
    /// What it was before, for windows that began then.
    pub formers: &'a [Former],
    pub shape: Shape,
    pub watch: &'a Watch,
    /// Windows that were judged before the clock was set back.
    pub done: &'a [Windows],
    /// Grows to hold each window of which nothing was watched and which gave a verdict.
    pub spoken: &'a mut Option<Windows>,
    pub budget: &'a mut Budget,
    pub account: &'a mut Account,
    /// Open panes of all groups; closing makes it less.
    pub panes: &'a mut usize,
    /// Of the group, encoded.
    pub key: Vec<u8>,
    /// Whether each window is measured for the summary.
    pub closely: bool,
}

/// What a window is judged by.
#[derive(Clone)]
struct Terms<'a> {
    threshold: &'a Threshold,
    /// If it is not the present one.
    former: Option<&'a Arc<Threshold>>,
    /// Its splits among all that are counted.
    splits: Range<usize>,
    /// The first window that is judged by others.
    until: i64,
}

impl<'a> Closing<'a> {
    fn terms(&self, window: i64) -> Terms<'a> {
        terms(self.threshold, self.formers, self.shape, window)
    }
}

fn terms<'a>(threshold: &'a Threshold, formers: &'a [Former], shape: Shape, window: i64) -> Terms<'a> {
    let mut at = 0;
    for former in formers {
        let end = at + limits_of(&former.threshold).count();
        if shape.start(window) < former.until {
            let until = shape.first_starting_at_or_after(former.until);
            return Terms { threshold: &former.threshold, former: Some(&former.threshold), splits: at..end, until };
        }
        at = end;
    }
    Terms { threshold, former: None, splits: at..at + limits_of(threshold).count(), until: i64::MAX }
}

impl Group {
    /// A group whose first window is `first`; `limits` is how many limits its values are counted against.
    pub fn new(first: i64, limits: usize, hops: bool) -> Group {
        Group {
            next: first,
            standing: Standing::default(),
            judged: None,
            panes: VecDeque::new(),
            inside: 0,
            sum: Tally::new(limits),
            summed_until: i64::MIN,
            last: None,
            hops,
            rolling: Rolling::default(),
        }
    }

    /// Adds what was counted in panes, in order of index, none of which is before [`Group::next`].
    pub fn absorb(&mut self, panes: Vec<Pane>, budget: &mut Budget) {
        let mut added = Vec::new();
        for mut pane in panes {
            let summed = pane.index < self.summed_until;
            if summed {
                self.sum.merge(&pane.tally);
                self.last = self.last.max(Some(pane.last));
                if self.hops {
                    self.rolling.add(&pane.sketch, budget);
                }
            }
            match self.panes.binary_search_by_key(&pane.index, |own| own.index) {
                Ok(at) => {
                    let own = &mut self.panes[at];
                    own.last = own.last.max(pane.last);
                    own.tally.merge(&pane.tally);
                    own.sketch.merge(&pane.sketch, budget);
                    pane.sketch.release(budget);
                }
                Err(_) => {
                    self.inside += usize::from(summed);
                    added.push(pane);
                }
            }
        }
        let Some(first) = added.first() else { return };
        let follows = self.panes.back().is_none_or(|last| last.index < first.index);
        self.panes.extend(added);
        if !follows {
            // Two sorted stretches: a stable sort takes them as they are.
            self.panes.make_contiguous().sort_by_key(|pane| pane.index);
        }
    }

    /// Whether `pane` would be a pane of its own.
    pub fn has_pane(&self, index: i64) -> bool {
        self.panes.binary_search_by_key(&index, |own| own.index).is_ok()
    }

    /// Judges all windows before `target`. False if the group came to its end.
    ///
    /// Windows of one content are judged as one: a year of silence costs no more than a second of it.
    pub fn close(&mut self, target: i64, closing: &mut Closing<'_>, out: &mut Vec<Change>) -> bool {
        let shape = closing.shape;
        while self.next < target {
            let window = self.next;
            if let Some(done) = closing.done.iter().find(|done| done.from <= window && window < done.to) {
                self.next = done.to;
                continue;
            }
            self.slide(window, closing);
            let terms = closing.terms(window);
            let threshold = terms.threshold;
            let next_done = closing.done.iter().map(|done| done.from).find(|from| *from > window);
            let mut until = target.min(self.content_changes(shape)).min(terms.until);
            until = until.min(next_done.unwrap_or(i64::MAX));
            if let Some(ended) = self.forgotten_at(threshold, shape) {
                if ended <= window {
                    if self.standing.status == Verdict::Violation {
                        let unwatched = closing.watch.unwatched(shape, window, 1).0;
                        self.change((Verdict::Ok, Reason::Forgotten), window, unwatched, &terms, closing, out);
                    }
                    if !self.begin_again(shape) {
                        return false;
                    }
                    continue;
                }
                until = until.min(ended);
            }
            let (unwatched, length) = closing.watch.unwatched(shape, window, until - window);
            let whole = unwatched <= threshold.policy.max_gap;
            let judgement = verdict::judge(threshold, &self.sum.part(terms.splits.clone()), whole);
            if let Judgement::Verdict(verdict, reason) = judgement {
                let measured = self.count(&terms);
                self.judged = Some(Judged { window: window + length - 1, verdict, reason, measured });
                if unwatched == shape.interval {
                    let run = Windows { from: window, to: window + length };
                    let hull = closing.spoken.map_or(run, |known| known.hull(run));
                    *closing.spoken = Some(hull);
                }
                if let Some(at) = self.standing.settle(verdict, length, &threshold.policy) {
                    self.change((verdict, reason), window + at, unwatched, &terms, closing, out);
                }
            }
            let run = Run { window, length, judgement, cut: !whole };
            if closing.account.enter(run, &self.sum) && (closing.closely || run.ends_an_interval(shape)) {
                let measured = self.measure(&terms, closing.budget);
                if let Some(judged) = &mut self.judged {
                    judged.measured = measured;
                }
                closing.account.show(threshold, shape, run, measured, &closing.key);
            }
            self.next = window + length;
        }
        true
    }

    /// Goes back to `open`, if it is beyond, and drops the panes after the time `latest`; returns how many these were.
    pub fn set_back(&mut self, open: i64, latest: i64, shape: Shape, budget: &mut Budget) -> usize {
        let kept = self.panes.partition_point(|pane| pane.index <= shape.pane_at(latest));
        let dropped = self.panes.split_off(kept);
        let count = dropped.len();
        dropped.into_iter().for_each(|mut pane| pane.sketch.release(budget));
        // The sum is that of a later window: it is made again from the panes.
        self.rolling.clear(budget);
        self.sum = Tally::new(self.sum.splits.len());
        self.inside = 0;
        self.summed_until = i64::MIN;
        self.next = self.next.min(open);
        self.last = self.last.map(|last| last.min(latest));
        count
    }

    /// What is counted so far in `window`, which is not judged yet: events, and those that match or are good.
    pub fn counted(&self, threshold: &Threshold, formers: &[Former], shape: Shape, window: i64) -> (u64, u64) {
        let Terms { threshold, splits, .. } = terms(threshold, formers, shape, window);
        let mut sum = Tally::new(self.sum.splits.len());
        let first = self.panes.partition_point(|pane| pane.index < window);
        let panes = self.panes.iter().skip(first).take_while(|pane| pane.index < window + shape.panes());
        panes.for_each(|pane| sum.merge(&pane.tally));
        let matched = match threshold.measure {
            Measure::Percentile { .. } => verdict::good_values(threshold, &sum.part(splits)),
            Measure::Percentage { .. } | Measure::Count { .. } => sum.matched,
        };
        (sum.total, matched)
    }

    /// Counts against other limits from now on: the first are forgotten, and there are so many in all.
    pub fn edit(&mut self, forgotten: usize, limits: usize) {
        self.sum.edit(forgotten, limits);
        for pane in &mut self.panes {
            let known = pane.tally.splits.len().saturating_sub(forgotten);
            pane.tally.edit(forgotten, known);
        }
    }

    /// The index of the last pane.
    pub fn last_pane(&self) -> Option<i64> {
        self.panes.back().map(|pane| pane.index)
    }

    /// Makes again what is not saved.
    pub fn restore(&mut self, budget: &mut Budget) {
        if self.hops {
            self.panes.iter().take(self.inside).for_each(|pane| self.rolling.add(&pane.sketch, budget));
        }
    }

    /// For what a restored snapshot takes of the memory for sketches.
    pub fn panes_mut(&mut self) -> impl Iterator<Item = &mut Pane> {
        self.panes.iter_mut()
    }

    /// Makes `sum` that of `window`.
    fn slide(&mut self, window: i64, closing: &mut Closing<'_>) {
        while self.panes.front().is_some_and(|pane| pane.index < window) {
            let mut pane = self.panes.pop_front().expect("there is a front");
            if self.inside > 0 {
                self.sum.subtract(&pane.tally);
                self.inside -= 1;
                match (self.hops, self.inside) {
                    (false, _) => {}
                    (true, 0) => self.rolling.clear(closing.budget),
                    (true, _) => self.rolling.subtract(&pane.sketch),
                }
            } else {
                self.last = self.last.max(Some(pane.last));
            }
            pane.sketch.release(closing.budget);
            *closing.panes -= 1;
        }
        self.summed_until = window + closing.shape.panes();
        while let Some(pane) = self.panes.get(self.inside)
            && pane.index < self.summed_until
        {
            self.sum.merge(&pane.tally);
            self.last = self.last.max(Some(pane.last));
            if self.hops {
                self.rolling.add(&pane.sketch, closing.budget);
            }
            self.inside += 1;
        }
    }

    /// The first window after this one that holds other panes.
    fn content_changes(&self, shape: Shape) -> i64 {
        let leaves = if self.inside > 0 { self.panes[0].index + 1 } else { i64::MAX };
        let enters = self.panes.get(self.inside).map_or(i64::MAX, |pane| shape.first_window_with(pane.index));
        leaves.min(enters)
    }

    /// The window at whose end the group has been without an event for too long.
    fn forgotten_at(&self, threshold: &Threshold, shape: Shape) -> Option<i64> {
        if threshold.has_one_group() {
            return None;
        }
        Some(shape.first_ending_at_or_after(self.last? + threshold.policy.forget.micros()))
    }

    /// Starts anew with the first event that is still to come. False if there is none.
    fn begin_again(&mut self, shape: Shape) -> bool {
        let Some(first) = self.panes.front() else { return false };
        self.next = shape.first_window_with(first.index).max(self.next + 1);
        self.standing = Standing::default();
        self.last = None;
        self.summed_until = i64::MIN;
        true
    }

    fn change(
        &mut self,
        (to, reason): (Verdict, Reason),
        window: i64,
        unwatched: i64,
        terms: &Terms<'_>,
        closing: &mut Closing<'_>,
        out: &mut Vec<Change>,
    ) {
        let (start, end) = (closing.shape.start(window), closing.shape.end(window));
        let since = match to {
            Verdict::Violation => end,
            Verdict::Ok => self.standing.since.unwrap_or(end),
        };
        self.standing.status = to;
        self.standing.since = (to == Verdict::Violation).then_some(end);
        let measured = self.measure(terms, closing.budget);
        let sum = self.sum.part(terms.splits.clone());
        closing.account.change(to, end - since, verdict::hangs_on_one(terms.threshold, &sum));
        let judged_by = terms.former.cloned();
        out.push(Change { to, reason, start, end, since, unwatched, measured, judged_by });
    }

    /// What costs nothing of what is shown.
    fn count(&self, terms: &Terms<'_>) -> Measured {
        let matched = match terms.threshold.measure {
            Measure::Percentile { .. } => verdict::good_values(terms.threshold, &self.sum.part(terms.splits.clone())),
            Measure::Percentage { .. } | Measure::Count { .. } => self.sum.matched,
        };
        Measured { value: None, count: self.sum.total, matched }
    }

    /// What is shown of the window that is summed up.
    fn measure(&self, terms: &Terms<'_>, budget: &mut Budget) -> Measured {
        let threshold = terms.threshold;
        let sum = &*self.sum.part(terms.splits.clone());
        let of_matched = |value: Option<f64>| Measured {
            value: value.and_then(Number::from_f64),
            count: sum.total,
            matched: sum.matched,
        };
        match threshold.measure {
            Measure::Count { .. } => of_matched(Some(sum.matched as f64)),
            Measure::Percentage { .. } => of_matched((sum.total > 0).then(|| sum.matched as f64 / sum.total as f64)),
            Measure::Percentile { .. } => {
                let shown =
                    if sum.total == 0 { None } else { self.percentile(verdict::rank(threshold, sum.total), budget) };
                let value = shown.map(|value| super::agree::agree(threshold, sum, value));
                Measured { value, count: sum.total, matched: verdict::good_values(threshold, sum) }
            }
        }
    }

    fn percentile(&self, rank: u64, budget: &mut Budget) -> Option<Number> {
        if self.inside == 1 {
            return self.panes[0].sketch.at_rank(rank);
        }
        if self.sum.total > FEW as u64
            && let Some(value) = self.rolling.at_rank(rank)
        {
            return Number::from_f64(value);
        }
        let mut all = Sketch::default();
        self.panes.iter().take(self.inside).for_each(|pane| all.merge(&pane.sketch, budget));
        let shown = all.at_rank(rank);
        all.release(budget);
        shown
    }
}
