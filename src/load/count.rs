//! Events → cells: which window, which record, what of it is kept.

use std::borrow::Cow;

use super::cells::{Cells, Start};
use super::{events, point};
use crate::engine::{Budget, Event, Fields as _};
use crate::plan::{Counting, Field, Limits, Timestamp};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Yes,
    /// Its window was let go of: it makes a point of its own.
    Late,
    /// Its record is nil.
    Dropped,
}

/// Counts the events of one pipeline.
#[derive(Debug)]
pub struct Counter<'p> {
    pub counting: &'p Counting,
    pub cells: Cells,
    /// What came too late, in this step.
    pub late: Cells,
    /// Windows that start before were let go of.
    pub open_from: Start,
    /// The greatest time of an event.
    pub greatest: Timestamp,
    pub budget: Budget,
    /// How many distinct records there may be.
    pub most: usize,
    /// How many events were counted under the tag `overflow`, as there were too many records.
    pub overflown: u64,
    /// Records are events, one JSON object a line, and are not counted.
    pub as_events: bool,
    pub events: Vec<u8>,
    /// The longest value of a tag, in bytes.
    longest: usize,
    key: Vec<u8>,
}

/// `{:overflow "true"}`
const OVERFLOW_KEY: &[u8] = b"\x08overflow\x04\x00true";

impl<'p> Counter<'p> {
    pub fn new(counting: &'p Counting, budget: Budget, limits: &Limits) -> Counter<'p> {
        Counter {
            counting,
            cells: Cells::default(),
            late: Cells::default(),
            open_from: Start::MIN,
            greatest: Timestamp::MIN,
            budget,
            most: limits.groups,
            longest: limits.group_bytes.min(MOST),
            overflown: 0,
            as_events: false,
            events: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Counts one event.
    #[inline]
    pub fn count(&mut self, event: &Event<'_>) -> Counted {
        self.greatest = self.greatest.max(event.time);
        if self.as_events {
            let is_one = events::write(self.counting, event, &mut self.events);
            return if is_one { Counted::Yes } else { Counted::Dropped };
        }
        if !write_key(self.counting, self.longest, event, &mut self.key) {
            return Counted::Dropped;
        }
        let interval = self.counting.interval.micros();
        let micros = event.time.micros();
        let start = micros - micros.rem_euclid(interval);
        let is_late = start < self.open_from;
        let stats = &self.counting.stats;
        let cells = if is_late { &mut self.late } else { &mut self.cells };
        let (cell, is_overflow) = cells.cell(start, &self.key, stats.len(), self.most, OVERFLOW_KEY);
        self.overflown += u64::from(is_overflow);
        cell.count += 1;
        for (stat, tally) in stats.iter().zip(&mut cell.tallies) {
            if let Some(number) = event.field(&stat.field).number() {
                tally.add(number, !stat.percentiles.is_empty(), &mut self.budget);
            }
        }
        if is_late { Counted::Late } else { Counted::Yes }
    }

    /// Lets go of the oldest windows, all but the last if need be, until there is room for as many records again.
    pub fn make_room(&mut self) {
        if let Some(open_from) = self.cells.room_from(self.most / 2) {
            self.open_from = self.open_from.max(open_from);
            self.cells.close_before(self.open_from, &mut self.budget);
        }
    }

    /// Lets go of the windows whose end and lateness are not after a time.
    pub fn close(&mut self, reached: Timestamp) {
        let Counting { interval, lateness, .. } = self.counting;
        let last = reached.micros().saturating_sub(*lateness);
        // A window [s, s + interval) is open while s + interval > last.
        let open_from = last.saturating_sub(interval.micros()).saturating_add(1);
        if open_from > self.open_from {
            self.open_from = open_from;
            self.cells.close_before(open_from, &mut self.budget);
        }
    }
}

/// Values of tags that are longer than this could not all be written.
const MOST: usize = 16 << 10;

/// Writes the record of an event as one text for one series; false if it is nil.
#[inline]
fn write_key(counting: &Counting, longest: usize, event: &Event<'_>, key: &mut Vec<u8>) -> bool {
    key.clear();
    let Some(entries) = counting.record.record(event) else { return false };
    for (name, value) in entries {
        let began = key.len();
        key.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        key.extend_from_slice(&name.as_bytes()[..name.len().min(255)]);
        key.extend_from_slice(&[0, 0]);
        let at = key.len();
        value.write_text(event, key);
        // Values that are one in a point are one here: else the points would overwrite each other.
        if !key[at..].iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\') {
            let value = point::tag_value(&key[at..]).map(Cow::into_owned).unwrap_or_default();
            key.truncate(at);
            key.extend_from_slice(value.as_bytes());
        }
        if key.len() - at > longest {
            let cut = String::from_utf8_lossy(&key[at..]).floor_char_boundary(longest);
            key.truncate(at + cut);
        }
        let length = key.len() - at;
        // What has no value is no tag; and what each point has anyway is none of this one.
        let is_usual = |(tag, value): &(String, String)| tag == name.as_ref() && value.as_bytes() == &key[at..];
        if length == 0 || counting.tags.iter().any(is_usual) {
            key.truncate(began);
        } else {
            key[at - 2..at].copy_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        }
    }
    true
}

/// The fields that a pipeline reads.
pub fn fields(counting: &Counting) -> Vec<&Field> {
    let mut fields = Vec::new();
    counting.record.fields(&mut fields);
    fields.extend(counting.stats.iter().map(|stat| &stat.field));
    fields
}
