//! What a threshold came to over a whole history: the ground of the summary.

use super::shape::Shape;
use super::tally::Tally;
use super::transition::Measured;
use super::verdict::{Judgement, Verdict};
use super::wording;
use crate::plan::{Number, Threshold};

/// Columns of a sparkline at most.
const CELLS: usize = 48;

/// The account of one threshold, over all its groups.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Windows that gave a verdict.
    pub judged: u64,
    /// Windows of which too much was unwatched.
    pub cut: u64,
    /// Windows without a verdict because they held nothing.
    pub empty: u64,
    /// Windows without a verdict because they held too little.
    pub few: u64,
    /// Transitions to violation.
    pub violations: u64,
    /// Violations of a percentile or percentage that hung on one event.
    pub by_one: u64,
    /// Over all groups, in microseconds; an open violation counts up to the end.
    pub violated: i64,
    /// Of whole windows, like all below.
    pub worst: Option<Worst>,
    /// The least and the greatest value.
    pub range: Option<(f64, f64)>,
    /// The worst value of each stretch of time.
    pub cells: Vec<Cell>,
    /// Windows to a cell.
    stretch: i64,
    first: i64,
}

/// The window that was furthest from keeping its promise.
#[derive(Clone, Debug)]
pub struct Worst {
    /// Of the window, in microseconds.
    pub start: i64,
    pub end: i64,
    pub measured: Measured,
    violated: bool,
    /// Of its group, encoded.
    pub(super) key: Box<[u8]>,
}

/// One column of a sparkline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    pub value: Option<f64>,
    pub violated: bool,
}

/// Windows in a row with one content.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub window: i64,
    pub length: i64,
    pub judgement: Judgement,
    /// Whether too much of them was unwatched.
    pub cut: bool,
}

impl Run {
    /// Whether a window that starts on a multiple of the interval is among them.
    pub fn ends_an_interval(&self, shape: Shape) -> bool {
        let panes = shape.panes();
        (self.window + self.length - 1).div_euclid(panes) != (self.window - 1).div_euclid(panes)
    }
}

impl Account {
    /// Counts a run of windows; true if it is to be shown.
    pub(super) fn enter(&mut self, run: Run, tally: &Tally) -> bool {
        let length = u64::try_from(run.length).unwrap_or(0);
        match run.judgement {
            Judgement::Cut => self.cut += length,
            Judgement::Thin if tally.total == 0 => self.empty += length,
            Judgement::Thin => self.few += length,
            Judgement::Verdict(..) => self.judged += length,
        }
        matches!(run.judgement, Judgement::Verdict(..)) && !run.cut
    }

    /// Shows a run of windows.
    pub(super) fn show(&mut self, threshold: &Threshold, shape: Shape, run: Run, measured: Measured, key: &[u8]) {
        let violated = matches!(run.judgement, Judgement::Verdict(Verdict::Violation, _));
        let value = measured.value.map(Number::to_f64);
        if let Some(value) = value {
            let (least, greatest) = self.range.unwrap_or((value, value));
            self.range = Some((least.min(value), greatest.max(value)));
        }
        let is_worse = self.worst.as_ref().is_none_or(|worst| {
            let known = Cell { value: worst.measured.value.map(Number::to_f64), violated: worst.violated };
            is_worse(threshold, Cell { value, violated }, known)
        });
        if is_worse {
            let (start, end) = (shape.start(run.window), shape.end(run.window));
            self.worst = Some(Worst { start, end, measured, violated, key: key.into() });
        }
        self.draw(threshold, run, Cell { value, violated });
    }

    /// Enters a change of status; `lasted` is how long a violation was that has ended, in microseconds.
    pub(super) fn change(&mut self, to: Verdict, lasted: i64, hung_on_one: bool) {
        match to {
            Verdict::Violation => {
                self.violations += 1;
                self.by_one += u64::from(hung_on_one);
            }
            Verdict::Ok => self.violated += lasted,
        }
    }

    fn draw(&mut self, threshold: &Threshold, run: Run, shown: Cell) {
        if self.cells.is_empty() {
            self.first = run.window;
            self.stretch = 1;
        }
        let last = run.window + run.length - 1;
        let cells = i64::try_from(CELLS).expect("few cells");
        while (last - self.first).div_euclid(self.stretch) >= cells {
            self.fold(threshold);
        }
        let cell_of = |window: i64| usize::try_from((window - self.first).div_euclid(self.stretch)).unwrap_or(0);
        let (from, to) = (cell_of(run.window), cell_of(last));
        if self.cells.len() <= to {
            self.cells.resize(to + 1, Cell::default());
        }
        for cell in &mut self.cells[from..=to] {
            *cell = worse(threshold, *cell, shown);
        }
    }

    /// Makes two cells one.
    fn fold(&mut self, threshold: &Threshold) {
        let pairs = self.cells.chunks(2);
        self.cells = pairs.map(|pair| pair.iter().skip(1).fold(pair[0], |a, b| worse(threshold, a, *b))).collect();
        self.stretch *= 2;
    }
}

fn worse(threshold: &Threshold, a: Cell, b: Cell) -> Cell {
    if is_worse(threshold, b, a) { b } else { a }
}

/// A violated window is worse than one that is not; else the value decides.
fn is_worse(threshold: &Threshold, a: Cell, b: Cell) -> bool {
    match (a.value, b.value) {
        (Some(_), None) => a.violated >= b.violated,
        (None, _) => a.violated && !b.violated,
        (Some(_), Some(_)) if a.violated != b.violated => a.violated,
        (Some(a), Some(b)) => wording::badness(threshold, a) > wording::badness(threshold, b),
    }
}
