//! Time zones of log lines that do not say theirs, and the years of those that do not say it.

mod name;
mod rule;
mod table;
mod tzif;

use std::cell::Cell;
use std::sync::Arc;

use table::{Plain, Table};

use crate::plan::{Civil, Timestamp};

/// Which offset from UTC the clocks of a place have, and when.
///
/// It remembers between which local times the offset of the last line holds, since neighbours share it, and by which
/// date the year of one is known; nothing else. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Zone {
    name: Arc<str>,
    table: Arc<Table>,
    plain: Cell<Plain>,
    latest: Cell<(Timestamp, Civil)>,
}

/// How far a line may be stamped behind the age of its file, in microseconds: clocks and zones differ.
const AHEAD: i64 = 86_400_000_000;

/// Two leap years are at most so far apart, as 1896 and 1904.
const LEAP_YEARS: i64 = 8;

impl Zone {
    /// Universal time.
    pub fn utc() -> Zone {
        Zone::new("UTC", Table::new(0, []))
    }

    /// The zone of a file of the time zone database.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn from_tzif(name: &str, bytes: &[u8]) -> Result<Zone, String> {
        Ok(Zone::new(name, tzif::read(bytes)?))
    }

    fn new(name: &str, table: Table) -> Zone {
        let nowhere = Plain { from: 0, to: 0, offset: 0 };
        let zone = Zone {
            name: name.into(),
            table: table.into(),
            plain: Cell::new(nowhere),
            latest: Cell::new((Timestamp::MIN, Timestamp::MIN.civil())),
        };
        zone.latest.set((Timestamp::MIN, zone.civil(Timestamp::MIN.plus(AHEAD))));
        zone
    }

    /// As it was named, or as the machine calls it: `Europe/Berlin`, `+02:00`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time at which clocks show `civil`; None if there is no such date.
    ///
    /// Where clocks were set back they show it twice: then it is the first time that is not long before `after`, the
    /// time of the line before (15 minutes, as lines may be stamped when a request began), else the second. Where they
    /// were set forward and never showed it, it is taken by the offset before.
    #[inline]
    pub fn resolve(&self, civil: Civil, after: Option<Timestamp>) -> Option<Timestamp> {
        let Civil { year, month, day, hour, minute, second, micros } = civil;
        let local = Timestamp::from_civil(year, month, day, hour, minute, second, micros)?.micros();
        let plain = self.plain.get();
        if plain.from <= local && local < plain.to {
            return Timestamp::from_micros(local - plain.offset);
        }
        self.look_up(local, after)
    }

    #[cold]
    fn look_up(&self, local: i64, after: Option<Timestamp>) -> Option<Timestamp> {
        let utc = self.table.utc(local, after.map(Timestamp::micros));
        if let Some(plain) = self.table.plain(utc) {
            self.plain.set(plain);
        }
        Timestamp::from_micros(utc)
    }

    /// As [`Zone::resolve`], for a line without a year; that of `civil` does not matter.
    ///
    /// It is the last year in which the line is not more than a day behind `near`, the age of its file: a file is
    /// written after what is in it. 29 February is in a leap year.
    pub fn resolve_without_year(&self, civil: Civil, after: Option<Timestamp>, near: Timestamp) -> Option<Timestamp> {
        let (last_near, mut latest) = self.latest.get();
        if last_near != near {
            latest = self.civil(near.plus(AHEAD));
            self.latest.set((near, latest));
        }
        let of_this_year = Civil { year: latest.year, ..civil } <= latest;
        let year = if of_this_year { latest.year } else { latest.year - 1 };
        let years = if civil.month == 2 && civil.day == 29 { LEAP_YEARS } else { 1 };
        (0..years).find_map(|before| self.resolve(Civil { year: year - before, ..civil }, after))
    }

    /// What clocks show at a time.
    pub fn civil(&self, time: Timestamp) -> Civil {
        time.plus(self.table.offset(time.micros())).civil()
    }
}
