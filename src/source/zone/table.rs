//! When which offset from UTC holds, and what a clock reading means by that.

/// From `at` on clocks are ahead of UTC by `offset`; both in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: i64,
    pub offset: i64,
}

/// Offsets from UTC over time.
#[derive(Debug)]
pub struct Table {
    /// Before the first change.
    first: i64,
    /// In order, each to another offset than before.
    changes: Vec<Change>,
}

/// Local times of one offset, each of which there is exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    pub from: i64,
    pub to: i64,
    pub offset: i64,
}

/// Between two changes.
struct Stretch {
    from: i64,
    to: i64,
    offset: i64,
}

pub const SECOND: i64 = 1_000_000;

/// No offset is further from UTC: the range of RFC 9636.
pub const FARTHEST: i64 = 26 * 3600 * SECOND;

/// How far a line may be stamped before the one in front of it.
///
/// Servers write a line when a request ends and stamp it, more or less, when it began. Without this, one such line in
/// the first of two equal hours would throw all that follows into the second.
pub const DISORDER: i64 = 15 * 60 * SECOND;

/// Before and after all times that there are.
const NEVER: i64 = 1 << 60;

impl Table {
    /// `changes` in order of time; of equal times the last counts.
    pub fn new(first: i64, changes: impl IntoIterator<Item = Change>) -> Table {
        let mut table = Table { first, changes: Vec::new() };
        for change in changes {
            if table.changes.last().is_some_and(|last| last.at == change.at) {
                table.changes.pop();
            }
            if table.changes.last().map_or(first, |last| last.offset) != change.offset {
                table.changes.push(change);
            }
        }
        table
    }

    /// The offset at a time in UTC.
    pub fn offset(&self, utc: i64) -> i64 {
        self.stretch(self.index(utc)).offset
    }

    /// The time in UTC at which a clock shows `local`.
    ///
    /// Of two such times the first that is not further than [`DISORDER`] before `after`, else the second; where there
    /// is none, the one by the offset before the gap.
    pub fn utc(&self, local: i64, after: Option<i64>) -> i64 {
        let mut index = self.index(local - FARTHEST);
        let mut gap = local - self.first;
        let mut reading = None;
        loop {
            let stretch = self.stretch(index);
            let utc = local - stretch.offset;
            if utc >= stretch.to {
                gap = utc;
            } else if utc >= stretch.from {
                reading = Some(utc);
                if after.is_none_or(|after| utc >= after - DISORDER) {
                    return utc;
                }
            }
            if stretch.to > local + FARTHEST {
                return reading.unwrap_or(gap);
            }
            index += 1;
        }
    }

    /// The local times around a time in UTC that there are exactly once; None near to it.
    pub fn plain(&self, utc: i64) -> Option<Plain> {
        let index = self.index(utc);
        let Stretch { from, to, offset } = self.stretch(index);
        let (before, behind) = (self.stretch(index.saturating_sub(1)), self.stretch(index + 1));
        // What is further than a neighbour cannot show a time of here if the neighbour is so long.
        let is_long = |stretch: &Stretch| stretch.to - stretch.from > 2 * FARTHEST;
        if !is_long(&before) || !is_long(&behind) {
            return None;
        }
        let plain = Plain { from: from + offset.max(before.offset), to: to + offset.min(behind.offset), offset };
        let local = utc + offset;
        (plain.from <= local && local < plain.to).then_some(plain)
    }

    /// Of the stretch that a time in UTC is in.
    fn index(&self, utc: i64) -> usize {
        self.changes.partition_point(|change| change.at <= utc)
    }

    /// What is behind the last one is as long as all time.
    fn stretch(&self, index: usize) -> Stretch {
        let change = index.checked_sub(1).and_then(|before| self.changes.get(before).or(self.changes.last()));
        let (from, offset) = change.map_or((-NEVER, self.first), |change| (change.at, change.offset));
        Stretch { from, to: self.changes.get(index).map_or(NEVER, |change| change.at), offset }
    }
}
