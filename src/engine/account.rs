//! What a threshold came to over a whole history: the ground of the summary.

use super::budget::Budget;
use super::shape::Shape;
use super::tally::Tally;
use super::transition::Measured;
use super::verdict::{self, Judgement, Verdict};
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
    /// Windows with too few events to tell.
    pub thin: u64,
    /// Transitions to violation.
    pub violations: u64,
    /// Violations of a percentile or percentage that hung on one event.
    pub by_one: u64,
    /// Over all groups, in microseconds; an open violation counts from its end.
    pub violated: i64,
    pub worst: Option<Worst>,
    /// The worst value of each stretch of time.
    pub cells: Vec<Cell>,
    /// Windows to a cell.
    stretch: i64,
    first: i64,
    greatest_excess: f64,
}

/// The window that was furthest from keeping its promise.
#[derive(Clone, Copy, Debug)]
pub struct Worst {
    /// Of the window, in microseconds.
    pub start: i64,
    pub measured: Measured,
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
}

impl Account {
    /// Enters a run of windows. `measure` is asked only if the run is to be shown.
    pub(super) fn add(
        &mut self,
        threshold: &Threshold,
        shape: Shape,
        run: Run,
        tally: &Tally,
        measure: &mut dyn FnMut(&mut Budget) -> Measured,
        budget: &mut Budget,
    ) {
        let length = u64::try_from(run.length).unwrap_or(0);
        let violated = match run.judgement {
            Judgement::Cut => {
                self.cut += length;
                return;
            }
            Judgement::Thin => {
                self.thin += length;
                return;
            }
            Judgement::Verdict(verdict, _) => verdict == Verdict::Violation,
        };
        self.judged += length;
        // Of overlapping windows one an interval is enough to draw, and those that are worse than any before.
        let panes = shape.panes();
        let last = run.window + run.length - 1;
        let drawn = run.length >= panes || last.div_euclid(panes) != (run.window - 1).div_euclid(panes);
        let excess = if drawn { 0.0 } else { verdict::excess(threshold, tally) };
        if drawn || excess > self.greatest_excess {
            self.greatest_excess = self.greatest_excess.max(excess);
            let measured = measure(budget);
            self.note_worst(threshold, shape.start(run.window), measured);
            self.draw(threshold, run, measured.value.map(Number::to_f64), violated);
        } else if violated {
            self.draw(threshold, run, None, violated);
        }
    }

    fn note_worst(&mut self, threshold: &Threshold, start: i64, measured: Measured) {
        let value = measured.value.map(Number::to_f64);
        let worst = self.worst.and_then(|worst| worst.measured.value).map(Number::to_f64);
        let is_worse = match (value, worst) {
            (Some(value), Some(worst)) if wording::wants_less(threshold) => value > worst,
            (Some(value), Some(worst)) => value < worst,
            (Some(_), None) => true,
            (None, _) => self.worst.is_none(),
        };
        if is_worse {
            self.worst = Some(Worst { start, measured });
        }
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

    /// The window that a cell begins with.
    pub fn cell_start(&self, cell: usize) -> i64 {
        self.first + i64::try_from(cell).unwrap_or(0) * self.stretch
    }

    fn draw(&mut self, threshold: &Threshold, run: Run, value: Option<f64>, violated: bool) {
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
            *cell = worse(threshold, *cell, Cell { value, violated });
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
    let less = wording::wants_less(threshold);
    let value = match (a.value, b.value) {
        (Some(a), Some(b)) => Some(if less { a.max(b) } else { a.min(b) }),
        (a, b) => a.or(b),
    };
    Cell { value, violated: a.violated || b.violated }
}
