//! `replay --notify-plan`: who would have been told how often, and when at night.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;

use super::terminal::printable;
use crate::engine::Transition;
use crate::outbox::{Directory, Dispatch, Input, Outbox, Queue};
use crate::plan::{Notifier, Plan, Timestamp};
use crate::route::Notice;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// So many messages at night are shown for each notifier.
const SHOWN: usize = 10;

/// When people sleep, as arguments say it.
#[derive(Args, Clone, Debug, Default)]
pub struct Nights {
    /// When people sleep, in hours of their day: messages at night are counted
    #[arg(long, value_name = "HOURS", default_value = "22-7", value_parser = Night::parse)]
    night: (i64, i64),
    /// How far people's clocks are ahead of UTC
    #[arg(long, value_name = "HOURS", default_value = "0", value_parser = Night::parse_ahead, allow_hyphen_values = true)]
    utc_offset: i64,
}

impl Nights {
    pub fn night(&self) -> Night {
        let (from, to) = self.night;
        Night { from, to, ahead: self.utc_offset }
    }
}

/// When people sleep: from an hour of the day to another, and how far their clocks are ahead of UTC, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    pub from: i64,
    pub to: i64,
    pub ahead: i64,
}

/// The routes and notifiers of a plan, with receivers that accept everything at once.
pub struct NotifyPlan {
    outbox: Outbox,
    night: Night,
    notifiers: BTreeMap<Arc<str>, OfNotifier>,
    violations: BTreeSet<Arc<str>>,
    told: BTreeSet<Arc<str>>,
}

/// How often one notifier would have been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub messages: u64,
    pub at_night: u64,
    /// Nights with at least one message.
    pub nights: usize,
}

#[derive(Debug, Default)]
struct OfNotifier {
    messages: u64,
    violations: u64,
    recoveries: u64,
    at_night: u64,
    nights: BTreeSet<i64>,
    /// The first of them: when, and what was said.
    shown: Vec<(Timestamp, String)>,
    /// Messages of each day, by its number.
    days: BTreeMap<i64, u64>,
}

impl Night {
    /// `22-7`: from 22:00 to 7:00.
    pub fn parse(text: &str) -> Result<(i64, i64), String> {
        let hour = |text: &str| text.trim().parse().ok().filter(|hour| (0..=24).contains(hour));
        let hours = text.split_once('-').and_then(|(from, to)| Some((hour(from)?, hour(to)?)));
        hours.filter(|(from, to)| from != to).ok_or_else(|| "expected hours of the day, as in 22-7".to_string())
    }

    /// `+01:00`, `-3`, `0`: in microseconds.
    pub fn parse_ahead(text: &str) -> Result<i64, String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let read = |text: &str, most: i64| text.parse::<i64>().ok().filter(|n| (0..=most).contains(n));
        let ahead = read(hours, 14).zip(read(minutes, 59)).map(|(hours, minutes)| hours * HOUR + minutes * HOUR / 60);
        ahead.map(|ahead| sign * ahead).ok_or_else(|| "expected hours ahead of UTC, as in +01:00 or -3".to_string())
    }

    /// The day that the night began on, by its number; None if people are awake.
    fn night_of(self, time: Timestamp) -> Option<i64> {
        let local = time.micros() + self.ahead;
        let (day, hour) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (from, to) = (self.from * HOUR, self.to * HOUR);
        if from <= to {
            return (from..to).contains(&hour).then_some(day);
        }
        if hour >= from {
            return Some(day);
        }
        (hour < to).then_some(day - 1)
    }
}

impl NotifyPlan {
    pub fn new(plan: &Plan, night: Night) -> NotifyPlan {
        NotifyPlan {
            outbox: Outbox::new(Directory::of(&plan.routing, plan.limits.queue)),
            night,
            notifiers: BTreeMap::new(),
            violations: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Transitions in order; each is told when the daemon would have judged its window.
    pub fn take(&mut self, transition: &Transition, plan: &Plan) {
        let threshold = &plan.thresholds[transition.threshold];
        let now = transition.end.plus(threshold.grace);
        self.pass(now);
        let line: Arc<str> = transition.to_json(plan).to_string().into();
        if let Some(notice) = Notice::parse(&line).filter(|notice| !notice.is_recovery() && !threshold.output.shadow) {
            self.violations.insert(notice.violation_id().into());
        }
        self.outbox.step(&Input::Took { now, first: self.outbox.taken(), lines: vec![line] });
        self.deliver(now);
    }

    /// Lets time pass: what a rollup held back leaves at the end of its window.
    fn pass(&mut self, now: Timestamp) {
        while let Some(deadline) = self.outbox.next_deadline().filter(|deadline| *deadline <= now) {
            self.outbox.step(&Input::Time { now: deadline });
            self.deliver(deadline);
        }
    }

    fn deliver(&mut self, now: Timestamp) {
        let waiting: Vec<(Arc<str>, Dispatch)> = self
            .outbox
            .queues()
            .flat_map(|(name, queue)| Queue::iter(queue).map(|dispatch| (Arc::clone(name), dispatch.clone())))
            .collect();
        for (name, dispatch) in waiting {
            let of = self.notifiers.entry(Arc::clone(&name)).or_default();
            of.messages += 1;
            *of.days.entry((now.micros() + self.night.ahead).div_euclid(DAY)).or_default() += 1;
            for kept in &dispatch.notices {
                *(if kept.is_recovery { &mut of.recoveries } else { &mut of.violations }) += 1;
                self.told.insert(Arc::clone(&kept.violation));
            }
            if let Some(night) = self.night.night_of(now) {
                of.at_night += 1;
                of.nights.insert(night);
                if of.shown.len() < SHOWN {
                    of.shown.push((now, said(&dispatch)));
                }
            }
            self.outbox.step(&Input::Accepted { notifier: name, number: dispatch.number });
        }
    }

    /// What it came to, by the name of the notifier.
    pub fn counts(mut self) -> BTreeMap<String, Counts> {
        self.pass(Timestamp::MAX);
        let of = |(name, of): (&Arc<str>, &OfNotifier)| {
            let counts = Counts { messages: of.messages, at_night: of.at_night, nights: of.nights.len() };
            (name.to_string(), counts)
        };
        self.notifiers.iter().map(of).collect()
    }

    /// What it came to, for people.
    pub fn render(mut self) -> String {
        self.pass(Timestamp::MAX);
        let Night { from, to, .. } = self.night;
        let mut text = format!("who would have been told (night is {from}:00 to {to}:00{})\n", self.zone());
        // The one to standard output is there whether or not anybody has written it.
        let is_shown = |name: &&Arc<str>| name.as_ref() != Notifier::STANDARD_OUTPUT;
        for name in self.outbox.directory().notifiers.keys().filter(is_shown) {
            self.notifiers.entry(Arc::clone(name)).or_default();
        }
        for (name, of) in &self.notifiers {
            let OfNotifier { messages, violations, recoveries, at_night, .. } = of;
            let _ = write!(
                text,
                "  :{}  {}: {}, {}; {at_night} at night",
                printable(name),
                many(*messages, "message", "messages"),
                many(*violations, "violation", "violations"),
                many(*recoveries, "recovery", "recoveries"),
            );
            if *at_night > 0 {
                let _ = write!(text, " ({})", many(of.nights.len() as u64, "night", "nights"));
            }
            if let Some((day, most)) = of.days.iter().max_by_key(|(day, most)| (**most, -**day)) {
                let day = Timestamp::clamped(day * DAY).to_string();
                let _ = write!(text, "; at most {most} a day ({})", &day[..10]);
            }
            text.push('\n');
            for (time, said) in &of.shown {
                // By the clock of those who sleep.
                let local = time.plus(self.night.ahead).to_string();
                let local = local.get(..16).unwrap_or(&local).replace('T', " ");
                let _ = writeln!(text, "    {local}  {}", printable(said));
            }
            let hidden = *at_night - of.shown.len() as u64;
            if hidden > 0 {
                let _ = writeln!(text, "    and {hidden} more at night");
            }
        }
        let nobody = self.violations.difference(&self.told).count() as u64;
        if nobody > 0 {
            let _ = writeln!(text, "  nobody  {}", many(nobody, "violation", "violations"));
        }
        text
    }

    fn zone(&self) -> String {
        let minutes = self.night.ahead.abs() / (HOUR / 60);
        let sign = if self.night.ahead < 0 { '-' } else { '+' };
        match minutes {
            0 => " UTC".to_string(),
            minutes => format!(" UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }
}

/// What a message says, in a line.
fn said(dispatch: &Dispatch) -> String {
    let first = Notice::parse(&dispatch.notices[0].line);
    let first = first.map(|notice| notice.headline()).unwrap_or_default();
    let rest = &dispatch.notices[1..];
    let recoveries = rest.iter().filter(|kept| kept.is_recovery).count() as u64;
    let violations = rest.len() as u64 - recoveries;
    let counted = [(violations, "violation", "violations"), (recoveries, "recovery", "recoveries")];
    let counted = counted.into_iter().filter(|(n, ..)| *n > 0).map(|(n, one, more)| many(n, one, more));
    let counted: Vec<String> = counted.collect();
    if counted.is_empty() { first } else { format!("{first}; and {}", counted.join(", ")) }
}

fn many(n: u64, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_belongs_to_the_day_it_began_on() {
        let night = Night { from: 22, to: 7, ahead: HOUR };
        let at = |text: &str| Timestamp::from_rfc3339(text.as_bytes()).expect("a time");
        let noon = at("2023-11-14T12:00:00Z").micros().div_euclid(DAY);
        for (time, of) in [
            ("2023-11-14T20:59:59Z", None),
            ("2023-11-14T21:00:00Z", Some(noon)),
            ("2023-11-15T05:59:59Z", Some(noon)),
            ("2023-11-15T06:00:00Z", None),
        ] {
            assert_eq!(night.night_of(at(time)), of, "{time}");
        }
        let nap = Night { from: 13, to: 15, ahead: 0 };
        assert_eq!(nap.night_of(at("2023-11-14T13:30:00Z")), Some(noon));
        assert_eq!(nap.night_of(at("2023-11-14T15:00:00Z")), None);
    }

    #[test]
    fn offsets_and_hours_are_read() {
        for (text, hours) in
            [("+01:00", Some(1.0)), ("-3", Some(-3.0)), ("0", Some(0.0)), ("+5:30", Some(5.5)), ("x", None)]
        {
            assert_eq!(Night::parse_ahead(text).ok(), hours.map(|hours| (hours * HOUR as f64) as i64), "{text}");
        }
        assert_eq!(Night::parse("22-7"), Ok((22, 7)));
        assert!(Night::parse("22").is_err() && Night::parse("25-3").is_err());
        assert!(Night::parse("7-7").is_err());
    }
}
