//! What is counted: one cell for each window and each distinct record in it.

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::{Deserialize, Serialize};

use crate::engine::{Budget, Sketch};
use crate::plan::Number;

/// The counts of one record in one window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cell {
    pub count: u64,
    /// One for each of the pipeline's stats, in their order.
    pub tallies: Vec<Tally>,
    /// Whether it changed since its point was last written.
    #[serde(skip)]
    pub changed: bool,
}

/// What is kept of a numeric field.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// Empty unless there are percentiles.
    pub sketch: Sketch,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, sketch: Sketch::default() }
    }
}

/// The start of a window, in microseconds since 1970.
pub type Start = i64;

/// A record as one text: for each entry that has a value, in order of key, the length of the key (one byte), the key,
/// the length of the value (two bytes, little-endian), the value.
pub type Key = Vec<u8>;

type Window = HashMap<Key, Cell>;

/// Cells by window.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// In order of start.
    windows: Vec<(Start, Window)>,
    /// Where the last one was found: neighbouring lines share it.
    last: usize,
    length: usize,
    changed: usize,
}

impl Tally {
    #[inline]
    pub fn add(&mut self, value: Number, keeps_values: bool, budget: &mut Budget) {
        let double = value.to_f64();
        self.count += 1;
        self.sum += double;
        self.min = self.min.min(double);
        self.max = self.max.max(double);
        if keeps_values {
            self.sketch.record(value, budget);
        }
    }
}

impl Cells {
    /// How many cells changed since their points were written.
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// The cell of a record in a window, and whether it is that of `instead`, as one more than `most` was not made.
    #[inline]
    pub fn cell(&mut self, start: Start, key: &[u8], tallies: usize, most: usize, instead: &[u8]) -> (&mut Cell, bool) {
        if self.windows.get(self.last).is_none_or(|(found, _)| *found != start) {
            self.last = match self.windows.binary_search_by_key(&start, |(start, _)| *start) {
                Ok(at) => at,
                Err(at) => {
                    self.windows.insert(at, (start, Window::new()));
                    at
                }
            };
        }
        let window = &mut self.windows[self.last].1;
        let is_full = self.length >= most && !window.contains_key(key);
        let cell = match window.entry_ref(if is_full { instead } else { key }) {
            EntryRef::Occupied(entry) => entry.into_mut(),
            EntryRef::Vacant(entry) => {
                self.length += 1;
                entry.insert(Cell { tallies: vec![Tally::default(); tallies], ..Cell::default() })
            }
        };
        self.changed += usize::from(!cell.changed);
        cell.changed = true;
        (cell, is_full)
    }

    /// Calls `f` with each cell that changed, in order of window and record; then none is.
    pub fn each_changed(&mut self, f: &mut dyn FnMut(Start, &[u8], &Cell)) {
        for (start, window) in &mut self.windows {
            let mut changed: Vec<(&Key, &mut Cell)> = window.iter_mut().filter(|(_, cell)| cell.changed).collect();
            changed.sort_unstable_by_key(|(key, _)| *key);
            for (key, cell) in changed {
                f(*start, key, cell);
                cell.changed = false;
            }
        }
        self.changed = 0;
    }

    /// The start of the first window that can stay if there are to be at most so many cells; the last one can always.
    pub fn room_from(&self, most: usize) -> Option<Start> {
        let mut left = self.length;
        let mut windows = self.windows.iter().peekable();
        while left > most {
            left -= windows.next()?.1.len();
        }
        windows.peek().or(self.windows.last().as_ref()).map(|(start, _)| *start)
    }

    /// Lets go of the windows that start before a time. None of their cells changed since their points were written.
    pub fn close_before(&mut self, start: Start, budget: &mut Budget) {
        let closed = self.windows.partition_point(|(found, _)| *found < start);
        for (_, window) in self.windows.drain(..closed) {
            self.length -= window.len();
            for tally in window.into_values().flat_map(|cell| cell.tallies) {
                budget.give_back(tally.sketch.bytes());
            }
        }
        self.last = 0;
    }

    /// All cells, in order.
    pub fn to_list(&self) -> Vec<(Start, Vec<(Key, Cell)>)> {
        let sorted = |window: &Window| {
            let mut cells: Vec<(Key, Cell)> = window.iter().map(|(key, cell)| (key.clone(), cell.clone())).collect();
            cells.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            cells
        };
        self.windows.iter().map(|(start, window)| (*start, sorted(window))).collect()
    }

    /// What [`Cells::to_list`] gave. The memory of what is kept of values is taken from the budget.
    pub fn from_list(list: Vec<(Start, Vec<(Key, Cell)>)>, budget: &mut Budget) -> Cells {
        let mut cells = Cells::default();
        for (start, window) in list {
            cells.length += window.len();
            let mut window: Window = window.into_iter().collect();
            for tally in window.values_mut().flat_map(|cell| &mut cell.tallies) {
                tally.sketch.take_budget(budget);
            }
            cells.windows.push((start, window));
        }
        cells
    }
}

/// The entries of a record.
pub fn entries(mut key: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (length, rest) = key.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        key = rest;
        Some((name, value))
    })
}
