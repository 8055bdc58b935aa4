//! Filters that are asked once for each value let through what they let through when every event is asked.

use std::sync::Arc;

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Lane, Value, Watching};
use highwater::plan::{Number, Plan, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

/// 2023-11-14T22:10:00Z, an edge of windows of ten minutes.
const START: i64 = 1_699_999_800_000_000;
const SERVICES: [&str; 4] = ["q", "query", "r", "other"];

fn filter() -> impl Strategy<Value = String> {
    let field =
        || select(vec![":code", ":code", ":code", "host", ":path", "metric", "time", "service", "tags", "state"]);
    let number = || select(vec![":code", ":code", "host", "metric", "time", "state"]);
    let literal = || select(vec!["200", "\"200\"", "200.0", "404", "\"a\"", "\"\"", "nil", "true", "\"/x\""]);
    let leaf = prop_oneof![
        4 => (select(vec!["=", "not="]), field(), literal()).prop_map(|(f, field, value)| format!("({f} {field} {value})")),
        1 => (field(), field()).prop_map(|(a, b)| format!("(= {a} {b})")),
        1 => (select(vec!["<", "<=", ">", ">="]), number()).prop_map(|(f, field)| format!("({f} {field} 200)")),
        1 => (select(vec!["nil?", "some?"]), field()).prop_map(|(f, field)| format!("({f} {field})")),
        2 => (select(vec!["^2", "^[45]", "a", "x$"]), field()).prop_map(|(re, field)| format!("(re-find #re \"{re}\" {field})")),
        1 => (select(vec!["starts-with?", "ends-with?", "contains?"]), field()).prop_map(|(f, field)| format!("({f} {field} \"2\")")),
        1 => (field(), literal()).prop_map(|(field, value)| match field {
            "tags" => "(contains? tags \"a\")".to_owned(),
            field => format!("(case {field} ({value} 7) true \"zz\" nil (some? host))"),
        }),
        1 => select(vec![":code", "host", ":path"]).prop_map(|field| format!("(= (subs (lower-case {field}) 0 1) 2)")),
        1 => Just("(tagged \"a\")".to_owned()),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|items| format!("(and {})", items.join(" "))),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|items| format!("(or {})", items.join(" "))),
            1 => inner.clone().prop_map(|item| format!("(not {item})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} {b} {c})")),
        ]
    })
}

fn plan() -> impl Strategy<Value = String> {
    let service = select(vec!["\"q\"", "\"r\"", "#re \"^q\"", "#re \"r\""]);
    let check = (service, prop::option::weighted(0.9, filter()), any::<bool>());
    prop::collection::vec(check, 1..12).prop_map(|checks| {
        let mut text = String::new();
        for service in ["\"q\"", "\"r\"", "#re \"^q\"", "#re \"r\""] {
            let of: Vec<String> = checks
                .iter()
                .enumerate()
                .filter(|(_, (known, ..))| *known == service)
                .map(|(i, (_, filter, by))| {
                    let filter = filter.as_ref().map_or(String::new(), |filter| format!(":where {filter}"));
                    let by = if *by { ":by [:host]" } else { "" };
                    format!("{{:> 1 :interval {} :type :count :name \"t{i}\" {by} {filter}}}", 10 + i % 2 * 5)
                })
                .collect();
            if !of.is_empty() {
                text.push_str(&format!(" {service} {{:code {{\".*\" [{}]}}}}", of.join(" ")));
            }
        }
        format!("{{:histograms {{{text}}}}}")
    })
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let texts =
        ["200", "404", "a", "", "/x", "200.0", "true", "nil", "[200]", "0200", "a text of more than seven bytes"];
    let ints = vec![200, 404, 0, -1, i64::MAX, 1 << 54, 0x0161];
    let simple = prop_oneof![
        6 => select(texts.to_vec()).prop_map(Value::text),
        1 => Just(Value::Text(vec![b'x'; 200].into())),
        2 => select(ints).prop_map(|n| Value::Number(Number::Int(n))),
        1 => select(vec![200.0, 200.5, 0.0]).prop_map(|x| Value::Number(Number::Float(x))),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => Just(Value::Nil),
    ];
    prop_oneof![8 => simple.clone(), 1 => prop::collection::vec(simple, 0..3).prop_map(Value::List)]
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let fields = (select(SERVICES.to_vec()), value(), value(), value(), value(), value(), value());
    (0..30_000_000i64, fields).prop_map(|(at, (service, code, host, path, metric, tags, state))| {
        let mut event = Event::at(Timestamp::clamped(START + at));
        event.service = Value::text(service);
        (event.host, event.metric, event.tags, event.state) = (host, metric, tags, state);
        for (name, value) in [("code", code), ("path", path)] {
            if !value.is_nil() {
                event.attributes.push((name.as_bytes().into(), value));
            }
        }
        event
    })
}

fn plan_of(text: &str) -> Arc<Plan> {
    let loaded = config::from_text(text);
    Arc::new(loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics)))
}

/// Those that a threshold reads, and how many of them its `:where` lets through, by asking for each event.
fn plainly(plan: &Plan, threshold: usize, events: &[Event<'_>]) -> (u64, u64) {
    let threshold = &plan.thresholds[threshold];
    let mut counted = (0, 0);
    for event in events {
        let mut service = Vec::new();
        event.service.write_text(&mut service);
        let reads = match &threshold.service {
            highwater::plan::Service::Exactly(name) => service == name.as_bytes(),
            highwater::plan::Service::Matching(pattern) => pattern.matches(&service),
        };
        if reads {
            counted.0 += 1;
            counted.1 += u64::from(threshold.accepts(event));
        }
    }
    counted
}

fn check(plan: &Arc<Plan>, events: &[Event<'_>], lanes: usize, takes: impl Fn(usize) -> bool) {
    let compiled = Compiled::new(Arc::clone(plan));
    let mut evaluator = Evaluator::new(&compiled, Watching::Whole);
    let mut lanes: Vec<Lane> = evaluator.lanes(lanes);
    let count = lanes.len();
    for (i, event) in events.iter().enumerate() {
        lanes[i % count].observe(event);
        if takes(i) {
            evaluator.take_all(&mut lanes.iter_mut().collect::<Vec<_>>());
            evaluator.absorb();
        }
    }
    evaluator.take_all(&mut lanes.iter_mut().collect::<Vec<_>>());
    evaluator.absorb();
    for (i, threshold) in plan.thresholds.iter().enumerate() {
        let intake = evaluator.report(i).0;
        let (read, passed) = plainly(plan, i, events);
        let came = (intake.filtered, intake.passed());
        assert_eq!(came, (read - passed, passed), "{}: {:?}", threshold.id, threshold.filter);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn gates_let_through_what_filters_let_through(
        text in plan(),
        events in prop::collection::vec(event(), 0..120),
        lanes in 1..4usize,
        takes: u64,
    ) {
        check(&plan_of(&text), &events, lanes, |i| takes >> (i % 64) & 1 == 1);
    }
}

/// So many events with another text each, every third of them the same.
fn of_many_texts(count: usize, text: impl Fn(usize) -> String) -> Vec<Event<'static>> {
    (0..count)
        .map(|i| {
            let mut event = Event::at(Timestamp::clamped(START));
            event.service = Value::text(SERVICES[i % 2]);
            let text = if i % 3 == 0 { "200".to_owned() } else { text(i) };
            event.attributes.push((b"code".as_slice().into(), Value::Text(text.into_bytes().into())));
            event
        })
        .collect()
}

#[test]
fn texts_that_never_come_again_are_counted_like_others() {
    let text = r#"{:histograms {"q" {:code {"." [{:> 1 :interval 10 :type :count :where (= :code "200") :name "a"}
                                                 {:> 1 :interval 10 :type :count :where (re-find "7$" :code) :name "b"}
                                                 {:> 1 :interval 10 :type :count :name "c"}]}}
                                #re "q" {:code {"." {:> 1 :interval 10 :type :count :where (not= :code "200")}}}}}"#;
    let plan = plan_of(text);
    check(&plan, &of_many_texts(60_000, |i| format!("{i}")), 1, |i| i % 7000 == 0);
    check(&plan, &of_many_texts(60_000, |i| format!("/orders/{i}")), 2, |_| false);
    check(&plan, &of_many_texts(60_000, |i| format!("/orders/{}", i % 9000 / 3)), 1, |i| i == 1);
    check(&plan, &of_many_texts(2000, |i| format!("/orders/{i}/{}", "x".repeat(i % 300))), 1, |i| i % 100 == 0);
}

#[test]
fn more_services_than_are_remembered_are_counted_like_others() {
    let text = r#"{:histograms {#re "s" {:code {"." {:> 1 :interval 10 :type :count :where (= :code "200")}}}}}"#;
    let mut events = of_many_texts(150_000, |_| "404".to_owned());
    for (i, event) in events.iter_mut().enumerate() {
        event.service = Value::Text(format!("s{}", i % 70_000).into_bytes().into());
    }
    // One group would not do: each service is one.
    let plan = plan_of(&text.replacen('{', "{:limits {:groups 1000} ", 1));
    check(&plan, &events, 1, |i| i == 100_000);
}

#[test]
fn lists_that_take_more_memory_than_there_is_are_made_again() {
    // 3,000 checks that pass nearly every value: a list is 12 KB, and memory is for fewer than there are values.
    let checks: String = (0..3000)
        .map(|i| format!("{{:> 1 :interval 10 :type :count :name \"t{i}\" :where (not= :code \"{i}\")}}"))
        .collect();
    let plan = plan_of(&format!("{{:histograms {{\"q\" {{:code {{\".\" [{checks}]}}}}}}}}"));
    let mut events = of_many_texts(3000, |i| format!("{}", i / 4 % 1000));
    events.retain(|event| event.service == Value::text("q"));
    check(&plan, &events, 1, |_| false);
}
