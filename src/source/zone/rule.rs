//! POSIX rules for when clocks change: `CET-1CEST,M3.5.0,M10.5.0/3`.

use super::table::{Change, FARTHEST, SECOND, Table};
use crate::order;
use crate::plan::Timestamp;

/// A standard time, and perhaps a summer time. Offsets are microseconds ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: When,
    ends: When,
}

/// A day of each year, and a time behind its midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct When {
    day: Day,
    time: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// From 0; 29 February counts.
    Counted(i64),
    /// From 1; there is no 29 February.
    CountedWithoutLeap(i64),
    /// The weekday, from Sunday, in a week from 1 to 5, the last.
    Weekday { month: u8, week: i64, weekday: i64 },
}

/// The years for which a rule is followed. Later clocks stay as they are then.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2200;

const DAY: i64 = 86_400 * SECOND;

impl Rule {
    /// None for what is no rule.
    pub fn parse(text: &str) -> Option<Rule> {
        let mut rest = text;
        name(&mut rest)?;
        // West of Greenwich is above zero here.
        let standard = -time(&mut rest, 24)?;
        if rest.is_empty() {
            return Some(Rule { standard, summer: None });
        }
        name(&mut rest)?;
        let offset = if rest.starts_with(',') { standard + 3600 * SECOND } else { -time(&mut rest, 24)? };
        let begins = When::read(&mut rest)?;
        let ends = When::read(&mut rest)?;
        rest.is_empty().then_some(Rule { standard, summer: Some(Summer { offset, begins, ends }) })
    }

    /// Offsets by this rule alone.
    pub fn table(&self) -> Table {
        Table::new(self.standard, self.changes(-FARTHEST))
    }

    /// What changes after a time in UTC, in order.
    pub fn changes(&self, after: i64) -> Vec<Change> {
        let Some(summer) = self.summer else {
            return Vec::new();
        };
        let mut changes: Vec<Change> = YEARS
            .flat_map(|year| {
                let begins = summer.begins.in_year(year) - self.standard;
                let ends = summer.ends.in_year(year) - summer.offset;
                [Change { at: begins, offset: summer.offset }, Change { at: ends, offset: self.standard }]
            })
            .filter(|change| change.at > after)
            .collect();
        // Stable: where summer ends as the next begins, it goes on.
        order::by_key(&mut changes, |change| change.at);
        changes
    }
}

impl When {
    /// `,M3.5.0/2`.
    fn read(rest: &mut &str) -> Option<When> {
        *rest = rest.strip_prefix(',')?;
        let day = if let Some(behind) = rest.strip_prefix('M') {
            *rest = behind;
            let month = number(rest, 1..=12)?;
            *rest = rest.strip_prefix('.')?;
            let week = number(rest, 1..=5)?;
            *rest = rest.strip_prefix('.')?;
            Day::Weekday { month: u8::try_from(month).ok()?, week, weekday: number(rest, 0..=6)? }
        } else if let Some(behind) = rest.strip_prefix('J') {
            *rest = behind;
            Day::CountedWithoutLeap(number(rest, 1..=365)?)
        } else {
            Day::Counted(number(rest, 0..=365)?)
        };
        let time = match rest.strip_prefix('/') {
            Some(behind) => {
                *rest = behind;
                time(rest, 167)?
            }
            None => 2 * 3600 * SECOND,
        };
        Some(When { day, time })
    }

    /// In microseconds since 1970 on the clocks there.
    fn in_year(self, year: i64) -> i64 {
        let day = match self.day {
            Day::Counted(day) => first_day(year, 1) + day,
            // Behind February a common year has one day less.
            Day::CountedWithoutLeap(day) if day >= 60 => first_day(year, 3) + day - 60,
            Day::CountedWithoutLeap(day) => first_day(year, 1) + day - 1,
            Day::Weekday { month, week, weekday } => {
                let first = first_day(year, month);
                let next = if month == 12 { first_day(year + 1, 1) } else { first_day(year, month + 1) };
                // 1970 began on a Thursday.
                let day = first + (weekday - 4 - first).rem_euclid(7) + 7 * (week - 1);
                if day < next { day } else { day - 7 }
            }
        };
        day * DAY + self.time
    }
}

/// The first day of a month, in days since 1970.
fn first_day(year: i64, month: u8) -> i64 {
    Timestamp::from_civil(year, month, 1, 0, 0, 0, 0).map_or(0, |time| time.micros().div_euclid(DAY))
}

/// `CET`, `<+0330>`.
fn name(rest: &mut &str) -> Option<()> {
    let length = match rest.strip_prefix('<') {
        Some(inner) => inner.find('>')? + 2,
        None => rest.bytes().take_while(u8::is_ascii_alphabetic).count(),
    };
    *rest = &rest[length..];
    (length >= 3).then_some(())
}

/// `-1`, `+02`, `3:30`, `-3:30:15`, in microseconds.
fn time(rest: &mut &str, most_hours: i64) -> Option<i64> {
    let sign = if rest.starts_with('-') { -1 } else { 1 };
    *rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let mut secs = number(rest, 0..=most_hours)? * 3600;
    for unit in [60, 1] {
        let Some(behind) = rest.strip_prefix(':') else { break };
        *rest = behind;
        secs += number(rest, 0..=59)? * unit;
    }
    Some(sign * secs * SECOND)
}

fn number(rest: &mut &str, within: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest[..length].parse().ok().filter(|number| within.contains(number))?;
    *rest = &rest[length..];
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_change_when_the_rule_says() {
        let at = |text: &str| Timestamp::from_rfc3339(text.as_bytes()).expect("a time").micros();
        let cases = [
            ("CET-1CEST,M3.5.0,M10.5.0/3", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
            ("EST5EDT,M3.2.0,M11.1.0", ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"]),
            // Winter is the one that is moved.
            ("IST-1GMT0,M10.5.0,M3.5.0/1", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", ["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
            ("AAA0BBB,J60/0,J365/0", ["2026-03-01T00:00:00Z", "2026-12-30T23:00:00Z"]),
            ("AAA0BBB,59/0,364/0", ["2026-03-01T00:00:00Z", "2026-12-30T23:00:00Z"]),
        ];
        for (rule, expected) in cases {
            let changes = Rule::parse(rule).expect(rule).changes(at("2026-01-01T00:00:00Z"));
            let found = [changes[0].at, changes[1].at];
            assert_eq!(found, expected.map(at), "{rule}");
        }
    }

    #[test]
    fn in_a_leap_year_the_days_of_a_rule_are_those_of_its_kind() {
        let first = |rule: &str| {
            let start = Timestamp::from_civil(2028, 1, 1, 0, 0, 0, 0).expect("a date").micros();
            Timestamp::clamped(Rule::parse(rule).expect(rule).changes(start)[0].at).to_string()
        };
        assert_eq!(first("AAA0BBB,J60/0,J365/0"), "2028-03-01T00:00:00Z");
        assert_eq!(first("AAA0BBB,J59/0,J365/0"), "2028-02-28T00:00:00Z");
        assert_eq!(first("AAA0BBB,59/0,364/0"), "2028-02-29T00:00:00Z");
    }

    #[test]
    fn a_summer_that_never_ends_is_one_offset() {
        let table = Rule::parse("XXX3EDT4,0/0,J365/23").expect("a rule").table();
        for year in 1971..2200 {
            let noon = Timestamp::from_civil(year, 7, 1, 12, 0, 0, 0).expect("a date").micros();
            assert_eq!(table.offset(noon), -4 * 3600 * SECOND, "{year}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "CET",
            "CE-1",
            "CET-25",
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0",
            "CET-1CEST,M3.5.7,M10.5.0",
            "CET-1CEST,J0,J5",
            "CET-1CEST,366,5",
            "CET-1CEST,M3.5.0/168,M10.5.0",
            "CET-1CEST,M3.5.0,M10.5.0/3 ",
            "<CET-1",
            "CET-99999999999999999999",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }
}
