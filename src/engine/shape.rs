//! The arithmetic of windows: `[k*every, k*every + interval)`, aligned to 1970.

use serde::{Deserialize, Serialize};

use crate::plan::Threshold;

/// What decides when windows close. Thresholds of one shape close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// In microseconds; a multiple of `every`.
    pub interval: i64,
    /// In microseconds.
    pub every: i64,
    /// In microseconds.
    pub grace: i64,
}

/// Windows from one up to another, which is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    pub from: i64,
    pub to: i64,
}

impl Windows {
    /// All windows from the first to the last of both.
    pub fn hull(self, other: Windows) -> Windows {
        Windows { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// What lies before and what lies after the others; either may be empty.
    pub fn without(self, others: Option<Windows>) -> [Windows; 2] {
        let others = others.unwrap_or(Windows { from: self.to, to: self.to });
        [
            Windows { from: self.from, to: self.to.min(others.from) },
            Windows { from: self.from.max(others.to), to: self.to },
        ]
    }
}

impl Shape {
    pub fn of(threshold: &Threshold) -> Shape {
        Shape { interval: threshold.interval.micros(), every: threshold.every.micros(), grace: threshold.grace }
    }

    /// How many panes a window spans; 1 for tumbling windows.
    pub fn panes(self) -> i64 {
        self.interval / self.every
    }

    /// The pane that `time` lies in, which is also the last window that contains it.
    pub fn pane_at(self, time: i64) -> i64 {
        time.div_euclid(self.every)
    }

    /// The earliest window that contains pane `pane`.
    pub fn first_window_with(self, pane: i64) -> i64 {
        pane - self.panes() + 1
    }

    pub fn start(self, window: i64) -> i64 {
        window * self.every
    }

    pub fn end(self, window: i64) -> i64 {
        window * self.every + self.interval
    }

    /// The first window that ends at or after `time`.
    pub fn first_ending_at_or_after(self, time: i64) -> i64 {
        -(self.interval.saturating_sub(time).div_euclid(self.every))
    }

    /// The first window that starts at or after `time`.
    pub fn first_starting_at_or_after(self, time: i64) -> i64 {
        -(-time).div_euclid(self.every)
    }

    /// The first window that is still open when event time has reached `reached`.
    pub fn first_open(self, reached: i64) -> i64 {
        let watermark = reached.saturating_sub(self.grace);
        (watermark - self.interval).div_euclid(self.every) + 1
    }

    /// The event time at which `window` closes.
    pub fn closes_at(self, window: i64) -> i64 {
        self.end(window).saturating_add(self.grace)
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn a_window_is_open_until_the_watermark_reaches_its_end() {
        let shape = Shape { interval: 600, every: 60, grace: 5 };
        for time in [-7_003, -605, -1, 0, 599, 600, 605, 606, 1_700_000_000] {
            let first = shape.first_open(time);
            assert!(shape.end(first) > time - 5, "{time}: window {first} is open");
            assert!(shape.end(first - 1) <= time - 5, "{time}: the window before {first} is closed");
            assert_eq!(shape.first_open(shape.closes_at(first)), first + 1);
            let ending = shape.first_ending_at_or_after(time);
            assert!(shape.end(ending) >= time && shape.end(ending - 1) < time);
            let pane = shape.pane_at(time);
            assert!(shape.start(pane) <= time && time < shape.end(shape.first_window_with(pane)));
        }
    }
}
