//! What became of the events of a threshold.

use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// The events that a threshold was offered, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// Counted: values of a percentile; events that have the field.
    pub counted: u64,
    /// `:where` was not true of them.
    pub filtered: u64,
    /// Did not have the field.
    pub absent: u64,
    /// Had a metric that is no number. The event itself was taken.
    pub no_number: u64,
    /// Came when all their windows were closed.
    pub late: u64,
    /// How late the latest was at most, in microseconds: so much more grace, and it had been counted.
    pub late_by: i64,
    /// Would have begun a group above `:groups`.
    pub groups: u64,
    /// Would have made a group of more text than `:group-bytes`.
    pub group_bytes: u64,
    /// Would have opened a window above `:open-windows`.
    pub windows: u64,
}

impl Intake {
    #[cold]
    pub(super) fn note_late(&mut self, shape: Shape, pane: i64, open: i64) {
        self.late += 1;
        self.late_by = self.late_by.max(shape.end(open).saturating_sub(shape.end(pane)));
    }

    pub(super) fn merge(&mut self, other: &Intake) {
        self.counted += other.counted;
        self.filtered += other.filtered;
        self.absent += other.absent;
        self.no_number += other.no_number;
        self.late += other.late;
        self.late_by = self.late_by.max(other.late_by);
        self.groups += other.groups;
        self.group_bytes += other.group_bytes;
        self.windows += other.windows;
    }

    /// Events that passed `:where`.
    pub fn passed(&self) -> u64 {
        self.counted + self.absent + self.no_number + self.late + self.groups + self.group_bytes + self.windows
    }
}
