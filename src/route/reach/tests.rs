use std::collections::BTreeSet;

use super::known::{self, Known};
use super::*;
use crate::config;
use crate::engine::{Fields, Measured, Reason, Transition, Verdict};
use crate::plan::{Plan, Timestamp};
use crate::route::Notice;

const THRESHOLDS: &str = ":percentiles {\"checkout\" {0.99 [{:<= 250 :interval 600 :severity \"page\" :name \"a\"
        :labels {:team \"shop\" :value \"not seen\" :host \"label\" :state \"not seen\"} :runbook \"https://r\"}
       {:<= 100 :interval 0.5 :severity \"ticket\" :name \"b\" :by [:host :tags] :description \"d\"}]}
     #re \"^api-\" {0.5 {:<= 50 :interval 60 :name \"c\" :labels {:severity \"low\" :quantile \"no\"}}}
     \"hidden\" {0.5 {:<= 50 :interval 60 :name \"e\" :shadow true :severity \"never\"}}}
   :histograms {\"checkout\" {:status-code {\"^5\" {:< 5 :interval 60 :type :count :name \"d\"}}}}";

fn plan(routes: &str) -> Plan {
    let text = format!("{{{THRESHOLDS} :routes [{routes}]}}");
    let loaded = config::from_text(&text);
    loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics))
}

fn found(routes: &str) -> Reach {
    let plan = plan(routes);
    reach(&plan.thresholds, &plan.instance, plan.routing.routes.as_deref().unwrap_or_default())
}

/// A violation of a threshold, with some group.
fn violation(plan: &Plan, threshold: usize, present: bool) -> Notice {
    let checked = &plan.thresholds[threshold];
    let text = |field: &str| (field.to_string(), present.then(|| format!("of the group: {field}")));
    let service = matches!(checked.service, crate::plan::Service::Matching(_))
        .then(|| ("service".to_string(), Some("api-7".to_string())));
    let transition = Transition {
        threshold,
        to: Verdict::Violation,
        reason: if present { Reason::Judged } else { Reason::NoData },
        start: Timestamp::clamped(1_700_000_000_000_000),
        end: Timestamp::clamped(1_700_000_600_000_000),
        since: Timestamp::clamped(1_700_000_600_000_000),
        measured: Measured { value: present.then_some(Number::Int(300)), count: u64::from(present), matched: 0 },
        judged_by: None,
        watched: 1.0,
        late: 0,
        group: service.into_iter().chain(checked.group_by.iter().map(|field| text(field.name()))).collect(),
        group_text: "{}".to_string(),
    };
    Notice::parse(&transition.to_json(plan).to_string()).expect("a whole transition")
}

#[test]
fn what_is_known_of_a_transition_is_what_it_will_say() {
    let plan = plan("(notify :log)");
    let names = ["team", "host", "tags", "ttl", "state", "metric", "dedup-key", "violation-id", "colour", "a-b"];
    let routed = plan.thresholds.iter().enumerate().filter(|(_, threshold)| !threshold.output.shadow);
    for (at, threshold) in routed {
        for notice in [violation(&plan, at, true), violation(&plan, at, false)] {
            let keys: Vec<String> = notice.json().keys().cloned().chain(names.map(String::from)).collect();
            for field in keys.iter().map(|key| Field::named(key)) {
                let told = notice.field(&field);
                let fits = match known::of(threshold, &plan.instance, &field) {
                    Known::Value(value) => value == *told || value.equals(&told) && !value.is_nil(),
                    Known::Present => !matches!(*told, Value::Nil | Value::Bool(false)),
                    Known::Group | Known::Unknown => true,
                };
                assert!(fits, "{} {field:?} {told:?}", threshold.id);
            }
        }
    }
}

#[test]
fn conditions_are_never_true_of_what_cannot_come() {
    for (routes, never) in [
        ("(where (= :severity \"page\") (notify :log))", &[][..]),
        ("(where (= :severity \"pgae\") (notify :log))", &[0]),
        ("(where (= :severity \"never\") (notify :log))", &[0]),
        ("(where (= :severity \"low\") (notify :log))", &[]),
        ("(where (= state \"ok\") (notify :log))", &[0]),
        ("(where (not= state \"violation\") (notify :log))", &[0]),
        ("(where :shadow (notify :log))", &[0]),
        ("(where (= 250 :value) (notify :log))", &[]),
        ("(where (> :value 5) (where (> :count 5) (notify :log)))", &[]),
        ("(where (= :interval 0.5) (where (= :threshold \"a\") (notify :log)))", &[1]),
        ("(where (= :severity \"page\") (where (= :severity \"ticket\") (notify :log)))", &[1]),
        (
            "(where (= :severity \"page\") (by [:host] (throttle 1 60 (where (= :threshold \"b\") (notify :log)))))",
            &[3],
        ),
        ("(where (= :host \"x\") (where (= :host \"y\") (notify :log)))", &[1]),
        ("(where (= :host \"x\") (where (= :host \"x\") (notify :log)))", &[]),
        ("(where (= :host \"5\") (where (= :host \"5.0\") (notify :log)))", &[]),
        ("(where (= :host \"x\") (notify :log) (else (where (= :host \"x\") (notify :log))))", &[2]),
        ("(where (or (= :host \"x\") (> :value 9)) (notify :log) (else (where (> :value 9) (notify :log))))", &[2]),
        ("(where (not (nil? :host)) (where (nil? :host) (notify :log)))", &[1]),
        ("(where (= :host \"x\") (with :host \"y\" (where (= :host \"y\") (notify :log))))", &[]),
        ("(with :severity \"low\" (where (= :severity \"page\") (notify :log)))", &[1]),
        ("(with :severity nil (where (= :severity \"low\") (notify :log)))", &[]),
        ("(with :severity (str :team) (where (= :severity \"x\") (notify :log)))", &[]),
        ("(with :team \"x\" (where (= :team \"shop\") (notify :log)))", &[1]),
        ("(with :n 5 (where (= :n 5) (notify :log)))", &[]),
        ("(where (if (= :severity \"page\") false false) (notify :log))", &[0]),
        ("(where (re-find \"^web\" :service) (notify :log))", &[]),
        ("(where (and (= :kind \"count\") (re-find \"^web\" :service)) (notify :log))", &[0]),
        ("(where (< :service 5) (notify :log))", &[]),
        ("(where (and (= :kind \"count\") (< :service 5)) (notify :log))", &[0]),
        ("(where (tagged \"x\") (notify :log))", &[]),
        ("(where (and (= :kind \"count\") (tagged \"x\")) (notify :log))", &[0]),
        ("(where (= (str :severity \"-\" :kind) \"page-percentile\") (notify :log))", &[]),
        ("(where (= (str :severity \"-\" :kind) \"page-count\") (notify :log))", &[0]),
    ] {
        let operators: Vec<usize> = found(routes).never.iter().map(|never| never.operator).collect();
        assert_eq!(operators, never, "{routes}");
    }
}

#[test]
fn why_a_condition_is_never_true_is_known() {
    let field =
        |name: &str, values: &[&str]| Some((Field::named(name), values.iter().map(|v| v.to_string()).collect()));
    for (routes, part, field, is_narrowed) in [
        ("(where (= :kind \"x\") (notify :log))", Some(0), field("kind", &["count", "percentile"]), false),
        (
            "(where (and (> :value 5) (= :kind \"x\")) (notify :log))",
            Some(1),
            field("kind", &["count", "percentile"]),
            false,
        ),
        ("(where (and (= :threshold \"a\") (= :kind \"count\")) (notify :log))", None, None, false),
        (
            "(where (= :threshold \"a\") (where (= :kind \"count\") (notify :log)))",
            Some(0),
            field("kind", &["percentile"]),
            true,
        ),
        ("(where (= :kind :threshold) (notify :log))", Some(0), None, false),
        ("(where (= :colour \"x\") (notify :log))", Some(0), field("colour", &[]), false),
    ] {
        let never = found(routes).never;
        let [never] = never.as_slice() else { panic!("{routes} {never:?}") };
        assert_eq!((never.part, &never.field, never.is_narrowed), (part, &field, is_narrowed), "{routes}");
    }
}

#[test]
fn who_hears_of_what_is_known() {
    let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<BTreeSet<_>>();
    for (routes, untold, log) in [
        ("(notify :log)", &[][..], words(&["page", "ticket", "low"])),
        ("(where (= :severity \"page\") (notify :log))", &["b", "c", "d"], words(&["page"])),
        (
            "(where (= :severity \"page\") (sdo (with :severity \"info\" (notify :log))))",
            &["b", "c", "d"],
            words(&["info"]),
        ),
        ("(where (= :host \"x\") (notify :log))", &["a", "c", "d"], words(&["ticket"])),
        ("(where (> :value 9) (notify :log))", &[], words(&["page", "ticket", "low"])),
        ("(rollup 1 60 (changed :severity (notify :log)))", &[], words(&["page", "ticket", "low"])),
    ] {
        let plan = plan(routes);
        let found = found(routes);
        let ids: Vec<&str> = found.untold.iter().map(|at| plan.thresholds[*at].id.as_str()).collect();
        assert_eq!(ids, untold, "{routes}");
        assert_eq!(found.severities["log"], log, "{routes}");
    }
}

#[test]
fn an_else_behind_what_is_always_true_is_never_reached() {
    for (routes, always) in [
        ("(where (= state \"violation\") (notify :log) (else (notify :log)))", &[0][..]),
        ("(where (= state \"violation\") (notify :log))", &[]),
        ("(where (some? :service) (notify :log) (else (notify :log)))", &[0]),
        ("(where (some? :host) (notify :log) (else (notify :log)))", &[]),
        ("(where (= :kind \"count\") (where (= :service \"checkout\") (notify :log) (else (notify :log))))", &[1]),
    ] {
        assert_eq!(found(routes).always, always, "{routes}");
    }
}

#[test]
fn fields_that_no_transition_has_are_found() {
    for (routes, absent) in [
        ("(where (= :severty \"page\") (by [:team :hots] (notify :log)))", &[(0, "severty"), (1, "hots")][..]),
        ("(with :colour \"red\" (where (= :colour \"red\") (notify :log)))", &[]),
        ("(with :severity :page (notify :log))", &[(0, "page")]),
        ("(changed :sate (notify :log))", &[(0, "sate")]),
        ("(where (tagged \"x\") (notify :log))", &[]),
    ] {
        let absent: Vec<_> = absent.iter().map(|(at, name)| (*at, Field::named(name))).collect();
        assert_eq!(found(routes).absent, absent, "{routes}");
    }
}

#[test]
fn nothing_is_said_of_more_than_can_be_looked_at() {
    let deep = format!("(or {})", "(= :host \"x\" ) ".repeat(2_000));
    let routes = format!("(where {deep} (notify :log))").repeat(4);
    assert_eq!(found(&routes).untold.len(), 3);
    let thresholds: Vec<String> = (0..2_000).map(|at| format!("\"{at}\" {{0.5 {{:<= 5 :interval 60}}}}")).collect();
    let text = format!(
        "{{:percentiles {{{}}} :routes [{}]}}",
        thresholds.join(" "),
        routes.replace(":host", ":service").repeat(2)
    );
    let plan = config::from_text(&text).plan.expect("no fault");
    assert_eq!(reach(&plan.thresholds, "default", &plan.routing.routes.unwrap_or_default()), Reach::default());
}
