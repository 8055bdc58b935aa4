//! What Highwater means, written a second time: the contract's sections 2 to 4 as naive loops.
//!
//! Every window is visited, every value sorted, every ratio cross-multiplied in 128 bits. Nothing here is shared with
//! the engine, so that where both say the same, it is what the contract says.

pub mod event;
pub mod generate;
pub mod tables;
pub mod write;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use event::{Event, Number, Value, Where};

pub type Micros = i64;

#[derive(Clone, Debug)]
pub struct Config {
    /// Allowed lateness; 5 s if it is not written.
    pub grace: Option<Decimal>,
    pub thresholds: Vec<Threshold>,
}

/// One check with its path. What is `None` is not written and has the contract's default.
#[derive(Clone, Debug)]
pub struct Threshold {
    pub service: Service,
    pub measure: Measure,
    pub bounds: Vec<Bound>,
    pub interval: Decimal,
    pub name: Option<String>,
    pub by: Vec<&'static str>,
    pub filter: Option<Where>,
    pub every: Option<Decimal>,
    pub violate_after: Option<usize>,
    pub recover_after: Option<usize>,
    pub min_count: Option<usize>,
    pub few: Option<Thin>,
    pub no_data: Option<Thin>,
    pub forget: Option<Decimal>,
    pub max_gap: Option<Decimal>,
    /// Its own allowed lateness, instead of that of the configuration.
    pub grace: Option<Decimal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    Exactly(&'static str),
    /// `#re`, searched.
    Matching(&'static str),
}

#[derive(Clone, Debug)]
pub enum Measure {
    Percentile { quantile: Decimal, field: &'static str, riemann: bool },
    Percentage { field: &'static str, pattern: &'static str },
    Count { field: &'static str, pattern: &'static str },
}

#[derive(Clone, Debug)]
pub struct Bound {
    /// `<= < >= > = not=`
    pub comparator: &'static str,
    pub limit: Decimal,
}

/// What `:few` and `:no-data` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thin {
    Keep,
    Ok,
    Violation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    Violation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Judged,
    NoData,
    Few,
    Forgotten,
}

/// `[start, end)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub start: Micros,
    pub end: Micros,
}

/// The fields of a group with their texts, in order; `service` first where the service is a pattern.
pub type Group = Vec<(&'static str, Option<String>)>;

#[derive(Clone, Debug)]
pub struct Transition<'c> {
    pub threshold: &'c Threshold,
    pub group: Group,
    pub status: Status,
    pub reason: Reason,
    pub window: Window,
    /// The end of the window that began the violation that this transition begins or ends.
    pub since: Micros,
    pub tally: Tally,
    /// How much of the window was watched.
    pub watched: Micros,
}

/// What a window holds of one group.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Values; events that have the field.
    pub count: usize,
    pub matched: usize,
    pub value: Option<Number>,
}

/// The transitions of `events`, which are in order of arrival, as `replay` or (`whole`) `replay --whole` says them.
pub fn transitions<'c>(config: &'c Config, events: &[Event], whole: bool) -> Vec<Transition<'c>> {
    let mut out = Vec::new();
    for threshold in &config.thresholds {
        let history = History::new(config.grace_of(threshold), events, whole);
        for group in threshold.groups(events) {
            judge_group(threshold, &group, &history, &mut out);
        }
    }
    // "order is (end, id, group text)"
    out.sort_by_key(|t| (t.window.end, write::id(t.threshold), write::group(&t.group)));
    out
}

/// "Each threshold and group is `ok` or `violation`, `ok` at first."
struct Life {
    status: Status,
    /// When the present violation began.
    since: Micros,
    /// Verdicts in a row that speak against the status.
    row: usize,
}

fn judge_group<'c>(threshold: &'c Threshold, group: &Group, history: &History<'_>, out: &mut Vec<Transition<'c>>) {
    let time = |i: usize| history.events[i].time;
    let is_own = |i: &usize| threshold.group_of(&history.events[*i]).as_ref() == Some(group);
    let own: Vec<usize> = (0..history.events.len()).filter(is_own).collect();
    // Events that find one of their windows open, with the earliest such window. The one group that always exists
    // begins where the watching begins: with any event.
    let bringing: Vec<usize> =
        if threshold.always_exists() { (0..history.events.len()).collect() } else { own.clone() };
    let on_time: Vec<(usize, Window)> =
        bringing.into_iter().filter_map(|i| Some((i, history.first_open(threshold, i)?))).collect();

    let mut life: Option<Life> = None;
    // Where the group was last forgotten, and how many events had been read by then.
    let mut forgotten: Option<(Micros, usize)> = None;

    for window in threshold.windows(history) {
        let read = history.read_when_judged(window);
        let on_time = || on_time.iter().filter(|(i, _)| *i < read);

        // "A group exists from the earliest window that any event of its own finds open."
        if life.is_none() {
            let anew = |i: usize| forgotten.is_none_or(|(end, read)| end <= time(i) || read <= i);
            if !on_time().any(|&(i, first)| first.start <= window.start && anew(i)) {
                continue;
            }
            life = Some(Life { status: Status::Ok, since: 0, row: 0 });
        }
        let present = life.as_mut().expect("was just made");

        let inside: Vec<&Event> =
            own.iter().filter(|&&i| i < read && window.contains(time(i))).map(|&i| &history.events[i]).collect();
        let tally = threshold.tally(&inside);
        let watched = history.watched(window, read);
        let transition = |status, reason, since| Transition {
            threshold,
            group: group.clone(),
            status,
            reason,
            window,
            since,
            tally: tally.clone(),
            watched,
        };

        // "a group without an event that long ends; violated, it goes to ok with reason forgotten"
        if !threshold.always_exists() {
            let last = on_time().map(|&(i, _)| time(i)).filter(|&t| t < window.end).max();
            let last = last.expect("an event of its own is in its first window");
            if threshold.forget() <= window.end - last {
                if present.status == Status::Violation {
                    out.push(transition(Status::Ok, Reason::Forgotten, present.since));
                }
                life = None;
                forgotten = Some((window.end, read));
                continue;
            }
        }

        // "a window that changes nothing neither counts nor breaks the row"
        let Some((verdict, reason)) = threshold.verdict(&tally, window.length() - watched, history.grace) else {
            continue;
        };
        if present.changes(verdict, threshold, window) {
            out.push(transition(verdict, reason, present.since));
        }
    }
}

impl Life {
    /// "a change to violation, to ok, needs N windows (hops) in a row with that verdict"
    fn changes(&mut self, verdict: Status, threshold: &Threshold, window: Window) -> bool {
        if verdict == self.status {
            self.row = 0;
            return false;
        }
        self.row += 1;
        let needed = match verdict {
            Status::Violation => threshold.violate_after.unwrap_or(1),
            Status::Ok => threshold.recover_after.unwrap_or(1),
        };
        if self.row < needed {
            return false;
        }
        self.status = verdict;
        self.row = 0;
        if verdict == Status::Violation {
            self.since = window.end;
        }
        true
    }
}

/// What was read, in which order, and how far the watermark was.
struct History<'h> {
    events: &'h [Event],
    grace: Micros,
    whole: bool,
    /// After each event: "greatest event time so far, of any service, read by a threshold or not, - grace".
    watermarks: Vec<Micros>,
}

impl<'h> History<'h> {
    fn new(grace: Micros, events: &'h [Event], whole: bool) -> History<'h> {
        let greatest = |read: usize| events[..read].iter().map(|event| event.time).max().expect("read is at least 1");
        let watermarks = (1..=events.len()).map(|read| greatest(read) - grace).collect();
        History { events, grace, whole, watermarks }
    }

    /// "A window is judged once, when the watermark reaches its end", or else at the end of the input.
    fn read_when_judged(&self, window: Window) -> usize {
        match self.watermarks.iter().position(|&watermark| watermark >= window.end) {
            Some(i) => i + 1,
            None => self.events.len(),
        }
    }

    /// The earliest of an event's windows that is open when it is read; none: it is late.
    fn first_open(&self, threshold: &Threshold, i: usize) -> Option<Window> {
        let time = self.events[i].time;
        threshold.windows_around(time, time).find(|window| window.contains(time) && window.end > self.watermarks[i])
    }

    /// How much of a window was watched: "not before the first event (the least time among those read when the window
    /// is judged) and after the last, the greatest time".
    fn watched(&self, window: Window, read: usize) -> Micros {
        if self.whole {
            return window.length();
        }
        let times = || self.events[..read].iter().map(|event| event.time);
        let from = times().min().expect("no window is judged before an event").max(window.start);
        let to = times().max().expect("no window is judged before an event").min(window.end);
        (to - from).max(0)
    }
}

impl Config {
    pub fn grace_of(&self, threshold: &Threshold) -> Micros {
        threshold.grace.as_ref().or(self.grace.as_ref()).map_or(5_000_000, Decimal::micros)
    }
}

impl Threshold {
    fn every(&self) -> Micros {
        self.every.as_ref().unwrap_or(&self.interval).micros()
    }

    /// "default 86400, at least 2 intervals"
    fn forget(&self) -> Micros {
        match &self.forget {
            Some(forget) => forget.micros(),
            None => 86_400_000_000.max(2 * self.interval.micros()),
        }
    }

    /// "the larger of the grace and 5 % of the interval"
    fn max_gap(&self, grace: Micros) -> Micros {
        match &self.max_gap {
            Some(gap) => gap.micros(),
            None => grace.max(self.interval.micros() * 5 / 100),
        }
    }

    /// "1 (counts: 0)"
    fn min_count(&self) -> usize {
        self.min_count.unwrap_or(if matches!(self.measure, Measure::Count { .. }) { 0 } else { 1 })
    }

    fn always_exists(&self) -> bool {
        self.by.is_empty() && matches!(self.service, Service::Exactly(_))
    }

    /// The group of an event; none if the event is not of the service or does not pass `:where`.
    fn group_of(&self, event: &Event) -> Option<Group> {
        let service = event.field("service").text()?;
        let mut group = Group::new();
        match &self.service {
            Service::Exactly(exactly) if service == *exactly => {}
            Service::Matching(pattern) if event::matches(pattern, &service) => group.push(("service", Some(service))),
            _ => return None,
        }
        if self.filter.as_ref().is_some_and(|filter| !filter.accepts(event)) {
            return None;
        }
        group.extend(self.by.iter().map(|field| (*field, event.field(field).text())));
        Some(group)
    }

    fn groups(&self, events: &[Event]) -> BTreeSet<Group> {
        let mut groups: BTreeSet<Group> = events.iter().filter_map(|event| self.group_of(event)).collect();
        if self.always_exists() {
            groups.insert(Group::new());
        }
        groups
    }

    /// Every window that an event can be in, and every later one "that starts at or before the greatest event time".
    fn windows(&self, history: &History<'_>) -> impl Iterator<Item = Window> + use<> {
        let times = || history.events.iter().map(|event| event.time);
        // Without an event there is no window: the range is empty.
        self.windows_around(times().min().unwrap_or(0), times().max().unwrap_or(-self.interval.micros() - self.every()))
    }

    /// "Windows are [k*every, k*every + interval), aligned to the epoch": those from the first that may hold `from` to
    /// the last that starts at or before `to`, in order.
    fn windows_around(&self, from: Micros, to: Micros) -> impl Iterator<Item = Window> + use<> {
        let (interval, every) = (self.interval.micros(), self.every());
        let first = (from - interval).div_euclid(every);
        (first..=to.div_euclid(every)).map(move |k| Window { start: k * every, end: k * every + interval })
    }

    fn tally(&self, events: &[&Event]) -> Tally {
        match &self.measure {
            Measure::Percentile { quantile, field, riemann } => {
                // "A metric that is NaN or no number is dropped and counted; the event stays."
                let mut values: Vec<Number> = events.iter().filter_map(|event| event.field(field).number()).collect();
                values.sort_by(|a, b| a.compare(*b));
                let n = values.len();
                let matched = values.iter().filter(|value| self.bounds[0].holds_for_metric(**value)).count();
                let value = (n > 0).then(|| values[rank(quantile, n, *riemann) - 1]);
                Tally { count: n, matched, value }
            }
            Measure::Percentage { field, pattern } | Measure::Count { field, pattern } => {
                let fields: Vec<&Value> = events.iter().map(|event| event.field(field)).collect();
                let count = fields.iter().filter(|value| ***value != Value::Nil).count();
                let matched = fields.iter().filter(|value| value.matches(pattern)).count();
                let value = match self.measure {
                    Measure::Count { .. } => Some(Number::Int(matched as i64)),
                    _ if count == 0 => None,
                    _ => Some(Number::Float(matched as f64 / count as f64)),
                };
                Tally { count, matched, value }
            }
        }
    }

    /// What a window says, and why; none: it changes nothing.
    fn verdict(&self, tally: &Tally, unwatched: Micros, grace: Micros) -> Option<(Status, Reason)> {
        if unwatched > self.max_gap(grace) {
            return Some((self.verdict_of_part(tally)?, Reason::Judged));
        }
        let thin = |policy: Option<Thin>| match policy.unwrap_or(Thin::Keep) {
            Thin::Keep => None,
            Thin::Ok => Some(Status::Ok),
            Thin::Violation => Some(Status::Violation),
        };
        if tally.count == 0 && (self.min_count() > 0 || tally.value.is_none()) {
            return Some((thin(self.no_data)?, Reason::NoData));
        }
        if tally.count < self.min_count() {
            return Some((thin(self.few)?, Reason::Few));
        }
        let ok = self.bounds.iter().all(|bound| self.holds(bound, tally));
        Some((if ok { Status::Ok } else { Status::Violation }, Reason::Judged))
    }

    /// "only a `:count` with n >= `:min-count` gives a verdict: violation if one of its bounds, taken alone, fails now
    /// and can hold at no greater count, ok if each holds now and at every greater count"
    fn verdict_of_part(&self, tally: &Tally) -> Option<Status> {
        if !matches!(self.measure, Measure::Count { .. }) || tally.count < self.min_count() {
            return None;
        }
        // Beyond the limit nothing changes any more.
        let counts = |bound: &Bound| {
            let beyond = bound.limit.nearest_double().abs() as usize + 2;
            tally.matched..=tally.matched.max(beyond)
        };
        let never = |bound: &Bound| counts(bound).all(|count| !bound.holds_for_ratio(count, 1));
        let always = |bound: &Bound| counts(bound).all(|count| bound.holds_for_ratio(count, 1));
        if self.bounds.iter().any(never) {
            Some(Status::Violation)
        } else if self.bounds.iter().all(always) {
            Some(Status::Ok)
        } else {
            None
        }
    }

    fn holds(&self, bound: &Bound, tally: &Tally) -> bool {
        match self.measure {
            Measure::Percentile { .. } => bound.holds_for_metric(tally.value.expect("there are values")),
            Measure::Percentage { .. } => bound.holds_for_ratio(tally.matched, tally.count),
            Measure::Count { .. } => bound.holds_for_ratio(tally.matched, 1),
        }
    }
}

/// From 1: `max(1, ceil(q*n))`, q exact as written; Riemann's `min(n-1, floor(n*q))`, from 0, in doubles.
pub fn rank(quantile: &Decimal, n: usize, riemann: bool) -> usize {
    if riemann {
        let index = (n as f64 * quantile.nearest_double()).floor() as usize;
        return index.min(n - 1) + 1;
    }
    let (numerator, denominator) = quantile.fraction();
    let ceiling = (numerator * n as i128 + denominator - 1) / denominator;
    (ceiling as usize).max(1)
}

impl Bound {
    /// "a limit against a metric is the nearest double"
    pub fn holds_for_metric(&self, metric: Number) -> bool {
        self.accepts(metric.compare(Number::Float(self.limit.nearest_double())))
    }

    /// "exact (19 of 20 is >= 0.95)"
    fn holds_for_ratio(&self, numerator: usize, denominator: usize) -> bool {
        let (limit, unit) = self.limit.fraction();
        self.accepts((numerator as i128 * unit).cmp(&(limit * denominator as i128)))
    }

    fn accepts(&self, ordering: Ordering) -> bool {
        match self.comparator {
            "<=" => ordering.is_le(),
            "<" => ordering.is_lt(),
            ">=" => ordering.is_ge(),
            ">" => ordering.is_gt(),
            "=" => ordering.is_eq(),
            "not=" => ordering.is_ne(),
            other => panic!("{other} is no comparator"),
        }
    }
}

impl Window {
    fn contains(self, time: Micros) -> bool {
        self.start <= time && time < self.end
    }

    pub fn length(self) -> Micros {
        self.end - self.start
    }
}

/// A decimal as it is written, without an exponent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(pub String);

impl Decimal {
    pub fn new(text: &str) -> Decimal {
        Decimal(text.to_owned())
    }

    /// Seconds.
    pub fn from_micros(micros: Micros) -> Decimal {
        Decimal(format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)).normal()
    }

    /// Numerator and denominator.
    pub fn fraction(&self) -> (i128, i128) {
        let (whole, part) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let digits: i128 = format!("{whole}{part}").parse().expect("digits of a decimal");
        (digits, 10i128.pow(part.len() as u32))
    }

    pub fn nearest_double(&self) -> f64 {
        self.0.parse().expect("a decimal")
    }

    pub fn micros(&self) -> Micros {
        let (numerator, denominator) = self.fraction();
        (numerator * 1_000_000 / denominator) as Micros
    }

    /// Without zeros at the end of the fraction.
    pub fn normal(&self) -> Decimal {
        match self.0.contains('.') {
            true => Decimal(self.0.trim_end_matches('0').trim_end_matches('.').to_owned()),
            false => self.clone(),
        }
    }
}
