//! Random configurations and histories that touch every option, small enough to shrink to what a person reads.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::event::{Event, Name, Stamp, Value, Where};
use super::{Bound, Config, Decimal, Measure, Micros, Service, Thin, Threshold};

/// A configuration and a history in order of arrival.
#[derive(Clone, Debug)]
pub struct Case {
    pub config: Config,
    pub events: Vec<Event>,
}

/// Every length of time of a case is a multiple or a simple part of one unit, so that histories have few windows and
/// events often stand exactly on an edge.
pub fn case() -> impl Strategy<Value = Case> {
    let unit = select(vec![10_000_000, 60_000_000, 1_000_000, 100_000]);
    let grace = option::of(select(vec![0, 1, 2, 4, 6, 14]));
    (unit, grace, 0i64..40, vec(draft(), 1..=4), vec(step(), 0..60)).prop_map(|(unit, grace, offset, drafts, steps)| {
        let grace = grace.map(|halves: i64| halves * unit / 2);
        let mut thresholds: Vec<Threshold> = Vec::new();
        for (i, draft) in drafts.into_iter().enumerate() {
            let mut threshold = draft.threshold(unit);
            let is_taken = |threshold: &Threshold| {
                thresholds.iter().any(|other| super::write::id(other) == super::write::id(threshold))
            };
            if draft.named || is_taken(&threshold) {
                threshold.name = Some(format!("{} {i}", ["slow", "Errors", "\u{e9}tat", "[odd"][i]));
            }
            thresholds.push(threshold);
        }
        let config = Config { grace: grace.map(Decimal::from_micros), thresholds };
        let graces: Vec<Micros> = config.thresholds.iter().map(|threshold| config.grace_of(threshold)).collect();
        Case { events: history(unit, &graces, offset, steps), config }
    })
}

/// A threshold in units.
#[derive(Clone, Debug)]
struct Draft {
    service: Service,
    measure: Measure,
    bounds: Vec<(&'static str, &'static str)>,
    units: i64,
    parts: i64,
    named: bool,
    by: Vec<&'static str>,
    filter: Option<Where>,
    rows: (Option<usize>, Option<usize>),
    min_count: Option<usize>,
    few: Option<Thin>,
    no_data: Option<Thin>,
    /// In intervals.
    forget: Option<i64>,
    /// In twelfths of the interval.
    max_gap: Option<i64>,
    /// In halves of a unit.
    grace: Option<i64>,
}

const METRICS: [&str; 8] = ["-5", "0", "0.1", "99.5", "100", "100.05", "9007199254740992", "9007199254740993"];
const RATIOS: [&str; 8] = ["0.05", "0.25", "0.333", "0.5", "0.6667", "0.750", "0.95", "0.99"];
const COUNTS: [&str; 7] = ["1", "2", "2.5", "3", "5", "8.25", "20"];
const FIELDS: [&str; 5] = ["status-code", "host", "metric", "tags", "state"];
const PATTERNS: [&str; 8] = [".*", "^2[0-9]{2}$", "5", "^5..$", "a", "^$", "^\\d+$", "^(204|b)$"];

fn draft() -> impl Strategy<Value = Draft> {
    let service = select(vec![
        Service::Exactly("api a"),
        Service::Exactly("db"),
        Service::Matching("^api"),
        Service::Matching("[ab]"),
    ]);
    let thin = || option::of(select(vec![Thin::Keep, Thin::Ok, Thin::Violation]));
    let fields =
        vec![vec![], vec!["host"], vec!["status-code"], vec!["host", "status-code"], vec!["region"], vec!["tags"]];
    let what = (service, measure(), select(vec![1, 2, 3, 5, 10, 12]), select(vec![1, 1, 1, 2, 3, 4, 5]), any::<bool>());
    let which = (prop_oneof![3 => Just(vec![]), 4 => select(fields)], option::weighted(0.25, filter()));
    let rows = (option::weighted(0.3, 1usize..4), option::weighted(0.3, 1usize..4));
    let policy = (option::weighted(0.4, 1usize..6), thin(), thin());
    let grace = option::weighted(0.2, select(vec![0, 1, 2, 4, 6, 14]));
    let gaps = (option::of(2i64..8), option::weighted(0.5, 0i64..12), grace);
    (what, which, rows, policy, gaps).prop_map(|(what, which, rows, policy, gaps)| {
        let (service, (measure, bounds), units, parts, named) = what;
        let is_count = matches!(measure, Measure::Count { .. });
        let (min_count, few, no_data) = policy;
        Draft {
            service,
            measure,
            bounds,
            units,
            parts,
            named: named && units == 5,
            by: which.0,
            filter: which.1,
            rows,
            // Where nothing can be few or no data, the options are not written.
            few: few.filter(|_| min_count.is_some_and(|n| n > 1)),
            no_data: no_data.filter(|_| !is_count || min_count.is_some()),
            min_count,
            forget: gaps.0,
            max_gap: gaps.1,
            grace: gaps.2,
        }
    })
}

impl Draft {
    fn threshold(&self, unit: Micros) -> Threshold {
        let interval = self.units * unit;
        let bound = |(comparator, limit): &(&'static str, &str)| Bound { comparator, limit: Decimal::new(limit) };
        Threshold {
            service: self.service.clone(),
            measure: self.measure.clone(),
            bounds: self.bounds.iter().map(bound).collect(),
            interval: Decimal::from_micros(interval),
            name: None,
            by: self.by.clone(),
            filter: self.filter.clone(),
            every: (self.parts > 1 && interval % self.parts == 0).then(|| Decimal::from_micros(interval / self.parts)),
            violate_after: self.rows.0,
            recover_after: self.rows.1,
            min_count: self.min_count,
            few: self.few,
            no_data: self.no_data,
            forget: self.forget.map(|intervals| Decimal::from_micros(intervals * interval)),
            max_gap: self.max_gap.map(|twelfths| Decimal::from_micros(twelfths * interval / 12)),
            grace: self.grace.map(|halves| Decimal::from_micros(halves * unit / 2)),
        }
    }
}

type Measured = (Measure, Vec<(&'static str, &'static str)>);

/// With bounds that can hold and can fail.
fn measure() -> impl Strategy<Value = Measured> {
    let quantile = select(vec!["0.5", "0.07", "0.9", "0.99", "0.990", "1", "1.0", "0.001", "0.3333"]);
    let field = prop_oneof![3 => Just("metric"), 1 => Just("latency")];
    let single = (select(vec!["<=", "<", ">=", ">", "=", "not="]), select(METRICS.to_vec()));
    let bounds = prop_oneof![
        3 => single.prop_map(|single| vec![single]),
        1 => (0..METRICS.len() - 2).prop_map(|i| vec![(">=", METRICS[i]), ("<", METRICS[i + 2])]),
        1 => (0..METRICS.len() - 1).prop_map(|i| vec![("<=", METRICS[i + 1]), (">", METRICS[i])]),
    ];
    let percentile = (quantile, field, any::<bool>(), bounds).prop_map(|(quantile, field, riemann, bounds)| {
        (Measure::Percentile { quantile: Decimal::new(quantile), field, riemann }, bounds)
    });

    let ratio = (select(vec!["<=", "<", ">=", ">", "=", "not="]), select(RATIOS.to_vec()));
    let edges = vec![("<=", "0"), (">=", "1"), (">", "0"), ("<", "1.0"), ("=", "1"), ("not=", "0"), ("=", "0")];
    let bounds = prop_oneof![
        3 => ratio.prop_map(|single| vec![single]),
        2 => select(edges).prop_map(|edge| vec![edge]),
        1 => (0..RATIOS.len() - 1).prop_map(|i| vec![(">", RATIOS[i]), ("<=", RATIOS[i + 1])]),
    ];
    let percentage = (select(FIELDS.to_vec()), select(PATTERNS.to_vec()), bounds)
        .prop_map(|(field, pattern, bounds)| (Measure::Percentage { field, pattern }, bounds));

    let limited = (select(vec!["<=", "<", ">=", ">"]), select(COUNTS.to_vec()));
    let equal = (select(vec!["=", "not="]), select(vec!["0", "1", "2", "4"]));
    let bounds = prop_oneof![
        3 => limited.prop_map(|single| vec![single]),
        1 => equal.prop_map(|single| vec![single]),
        3 => select(vec![(">", "0"), (">", "0"), ("<=", "0")]).prop_map(|edge| vec![edge]),
        1 => (0..COUNTS.len() - 3).prop_map(|i| vec![(">=", COUNTS[i]), ("<=", COUNTS[i + 3])]),
        1 => Just(vec![("not=", "3"), ("<", "8.25")]),
    ];
    let count = (select(FIELDS.to_vec()), select(PATTERNS.to_vec()), bounds)
        .prop_map(|(field, pattern, bounds)| (Measure::Count { field, pattern }, bounds));
    prop_oneof![percentile, percentage, count]
}

fn filter() -> impl Strategy<Value = Where> {
    let name = || {
        let field = select(vec!["status-code", "host", "metric", "state", "latency", "region"]);
        (field, any::<bool>()).prop_map(|(field, otherwise)| Name { field, otherwise })
    };
    let literal = || {
        select(vec![
            Value::number_of("204"),
            Value::number_of("100"),
            Value::text_of("204"),
            Value::text_of("a"),
            Value::text_of("99.50"),
            Value::Nil,
        ])
    };
    let order = (select(vec!["<", "<=", ">", ">="]), name(), select(vec!["0", "99.5", "204", "9007199254740993"]));
    let leaf = prop_oneof![
        (name(), literal()).prop_map(|(name, value)| Where::Equal(name, value)),
        (name(), literal()).prop_map(|(name, value)| Where::NotEqual(name, value)),
        order.prop_map(|(comparator, name, limit)| Where::Order(comparator, name, limit)),
        name().prop_map(Where::IsNil),
        name().prop_map(Where::IsSome),
        (select(vec!["a", "^5", "0"]), name()).prop_map(|(pattern, name)| Where::Find(pattern, name)),
        select(vec!["a", "x y"]).prop_map(Where::Tagged),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let boxed = move || inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed().prop_map(Where::Not),
            (boxed(), boxed()).prop_map(|(a, b)| Where::And(a, b)),
            (boxed(), boxed()).prop_map(|(a, b)| Where::Or(a, b)),
            (boxed(), boxed(), boxed()).prop_map(|(test, then, otherwise)| Where::If(test, then, otherwise)),
        ]
    })
}

/// What arrives next, and how long after (or before) what came so far.
#[derive(Clone, Debug)]
struct Step {
    pause: Pause,
    back: Back,
    /// By the grace of which threshold.
    of: usize,
    /// The event comes so many times, each a little later and with a metric of its own.
    times: usize,
    stamp: Stamp,
    fields: Vec<(&'static str, Value)>,
}

#[derive(Clone, Copy, Debug)]
enum Pause {
    /// Hundredths of the unit.
    Short(i64),
    /// To the next multiple of the unit.
    Edge,
    Units(i64),
}

#[derive(Clone, Copy, Debug)]
enum Back {
    None,
    /// Hundredths of the grace.
    InsideGrace(i64),
    /// Of the grace, in microseconds.
    AroundGrace(i64),
    /// Units.
    Beyond(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let pause = prop_oneof![
        10 => (0i64..300).prop_map(Pause::Short),
        3 => Just(Pause::Edge),
        3 => (1i64..15).prop_map(Pause::Units),
        1 => select(vec![30, 100, 300]).prop_map(Pause::Units),
    ];
    let rare = select(vec![Pause::Units(0), Pause::Units(0), Pause::Units(0), Pause::Units(1600)]);
    let pause = prop_oneof![40 => pause, 1 => rare];
    let back = prop_oneof![
        8 => Just(Back::None),
        3 => (0i64..=100).prop_map(Back::InsideGrace),
        2 => (-1i64..=1).prop_map(Back::AroundGrace),
        2 => (0i64..20).prop_map(Back::Beyond),
    ];
    let times = prop_oneof![30 => Just(1usize), 1 => 2usize..25, 1 => 60usize..150];
    let stamp = select(vec![Stamp::Seconds, Stamp::Seconds, Stamp::Finer, Stamp::Rfc3339]);
    (pause, back, 0usize..4, times, stamp, fields()).prop_map(|(pause, back, of, times, stamp, fields)| Step {
        pause,
        back,
        of,
        times,
        stamp,
        fields,
    })
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let texts = |texts: &[&str]| select(texts.iter().map(|text| Value::text_of(text)).collect::<Vec<_>>());
    let numbers = |numbers: &[&str]| select(numbers.iter().map(|number| Value::number_of(number)).collect::<Vec<_>>());
    let list = |items: &[&str]| Value::List(items.iter().map(|item| Value::text_of(item)).collect());
    let service = texts(&["api a", "api a", "api a", "api b", "db", "db", "nobody reads this"]);
    let ordinary = ["100", "99.5", "1", "143", "99", "100.0", "100.05", "0.1", "0", "-5", "-0.0", "1e2"];
    let huge = [
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "9007199254740994.0",
        "1.5e300",
    ];
    let garbage = ["NaN", "Infinity", "abc", "", " 5", "05", "+5", "1e400", "0x10", "5.", "100 "];
    let metric = prop_oneof![
        8 => numbers(&ordinary),
        2 => numbers(&huge),
        2 => texts(&ordinary),
        1 => texts(&huge),
        1 => texts(&garbage),
        1 => select(vec![Value::Bool(true), list(&["5"]), Value::Nil]),
    ];
    let status = prop_oneof![
        4 => numbers(&["200", "204", "204.0", "500", "404", "2.04e2"]),
        4 => texts(&["200", "204", "500", "a", "", "b"]),
        1 => select(vec![
            Value::Nil,
            Value::Bool(true),
            list(&["204", "b"]),
            Value::List(vec![Value::number_of("500"), Value::text_of("204")]),
            Value::List(vec![]),
        ]),
    ];
    let host = texts(&["a", "a", "b", "c \"quoted\"", "\u{e9}t\u{e9}"]);
    let state = texts(&["ok", "critical", ""]);
    let latency = prop_oneof![numbers(&["1", "2.5", "100", "99.5"]), texts(&["7", "slow"])];
    let region = prop_oneof![texts(&["eu", "us", "1"]), numbers(&["1", "1.0"])];
    let tags = select(vec![list(&[]), list(&["a"]), list(&["b", "x y"]), list(&["204"])]);
    (
        option::weighted(0.98, service),
        option::weighted(0.9, metric),
        option::weighted(0.85, status),
        option::weighted(0.7, host),
        option::weighted(0.3, state),
        option::weighted(0.4, latency),
        option::weighted(0.5, region),
        option::weighted(0.4, tags),
    )
        .prop_map(|(service, metric, status, host, state, latency, region, tags)| {
            let fields = [
                ("service", service),
                ("metric", metric),
                ("status-code", status),
                ("host", host),
                ("state", state),
                ("latency", latency),
                ("region", region),
                ("tags", tags),
            ];
            fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
        })
}

fn history(unit: Micros, graces: &[Micros], offset: i64, steps: Vec<Step>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut now = 1_700_000_000_000_000 + offset * unit;
    for step in steps {
        now += match step.pause {
            Pause::Short(hundredths) => hundredths * unit / 100,
            Pause::Edge => unit - now.rem_euclid(unit),
            Pause::Units(units) => units * unit,
        };
        let grace = graces[step.of % graces.len()];
        let time = now
            - match step.back {
                Back::None => 0,
                Back::InsideGrace(hundredths) => grace * hundredths / 100,
                Back::AroundGrace(micros) => (grace + micros).max(0),
                Back::Beyond(units) => grace + units * unit,
            };
        for i in 0..step.times {
            let mut fields = step.fields.clone();
            if i > 0
                && let Some((_, metric)) = fields.iter_mut().find(|(name, _)| *name == "metric")
            {
                // Spread over decades and both sides of the limits.
                *metric = Value::Number(format!("{}.{}", (i * i * 7919) % 1500, i % 10));
            }
            events.push(Event { time: time + i as i64 * unit / 500, stamp: step.stamp, fields });
        }
        now = now.max(time + step.times as i64 * unit / 500);
    }
    events
}
