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
    /// The first cell: its window divided by the stretch.
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
        let (start, end) = (shape.start(run.window), shape.end(run.window));
        let is_worst = self.worst.as_ref().is_none_or(|worst| {
            let known = Cell { value: worst.measured.value.map(Number::to_f64), violated: worst.violated };
            let shown = Cell { value, violated };
            // Of equals the first, whatever the order in which groups come.
            is_worse(threshold, shown, known)
                || (!is_worse(threshold, known, shown) && (start, key) < (worst.start, &worst.key))
        });
        if is_worst {
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

    /// Cells begin at multiples of their stretch, so that the order in which groups come does not matter.
    fn draw(&mut self, threshold: &Threshold, run: Run, shown: Cell) {
        if self.cells.is_empty() {
            self.stretch = 1;
            self.first = run.window;
        }
        let count = |cells: usize| i64::try_from(cells).expect("few cells");
        let (from, to) = loop {
            let from = run.window.div_euclid(self.stretch);
            let to = (run.window + run.length - 1).div_euclid(self.stretch);
            let least = self.first.min(from);
            let greatest = to.max(self.first + count(self.cells.len()) - 1);
            if greatest - least < count(CELLS) {
                break (from, to);
            }
            self.fold(threshold);
        };
        let position = |cell: i64, first: i64| usize::try_from(cell - first).expect("it is not before the first");
        if from < self.first {
            self.cells.splice(0..0, std::iter::repeat_n(Cell::default(), position(self.first, from)));
            self.first = from;
        }
        let (from, to) = (position(from, self.first), position(to, self.first));
        self.cells.resize(self.cells.len().max(to + 1), Cell::default());
        for cell in &mut self.cells[from..=to] {
            *cell = worse(threshold, *cell, shown);
        }
    }

    /// Makes two cells one.
    fn fold(&mut self, threshold: &Threshold) {
        if self.first.rem_euclid(2) == 1 {
            self.cells.insert(0, Cell::default());
        }
        let pairs = self.cells.chunks(2);
        self.cells = pairs.map(|pair| pair.iter().skip(1).fold(pair[0], |a, b| worse(threshold, a, *b))).collect();
        self.first = self.first.div_euclid(2);
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
