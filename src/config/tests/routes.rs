//! `:routes`, and what reaches what.

use proptest::prelude::*;

use super::environment::with;
use super::*;
use crate::plan::{Expression, Field, Route, Routing};

const THRESHOLDS: &str =
    ":percentiles {\"q\" {0.5 {:< 5 :interval 60 :severity \"page\" :by [:host] :labels {:team \"t\"}}}}";

fn routes(routes: &str) -> String {
    format!("{{{THRESHOLDS} :notifiers {{:hook {{:type :webhook :url \"http://127.0.0.1:1\"}}}} :routes [{routes}]}}")
}

/// What the routes are, where nothing but an unused notifier is to be said about them.
fn read(text: &str) -> Vec<Route> {
    let loaded = from_text(&routes(text));
    let plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
    plan.routing.routes.expect("there are some")
}

fn told() -> Vec<Route> {
    vec![Route::Notify(vec!["hook".to_string()])]
}

#[test]
fn operators_are_read_as_they_are_written() {
    let field = |name: &str| Expression::Field(Field::named(name));
    let text = |text: &str| Expression::Text(text.into());
    let children = told;
    for (written, route) in [
        ("(notify :hook)", told().remove(0)),
        ("(notify :hook :log)", Route::Notify(vec!["hook".into(), "log".into()])),
        ("(sdo (notify :hook))", Route::Sdo(told())),
        (
            "(where :host (notify :hook) (else (notify :hook)))",
            Route::Where { condition: field("host"), then: told(), otherwise: told() },
        ),
        (
            "(where :host (else (notify :hook)))",
            Route::Where { condition: field("host"), then: vec![], otherwise: told() },
        ),
        (
            "(by [:service :host] (notify :hook))",
            Route::By { fields: vec![Field::Service, Field::Host], children: told() },
        ),
        ("(by :team (notify :hook))", Route::By { fields: vec![Field::named("team")], children: told() }),
        ("(changed :severity (notify :hook))", Route::Changed { of: field("severity"), init: None, children: told() }),
        (
            "(changed state {:init \"ok\"} (notify :hook))",
            Route::Changed { of: field("state"), init: Some(text("ok")), children: told() },
        ),
        ("(throttle 1 0.5 (notify :hook))", Route::Throttle { most: 1, every: 500_000, children: told() }),
        (
            "(rollup 1000000 #duration \"1h\" (notify :hook))",
            Route::Rollup { most: 1_000_000, every: 3_600_000_000, children: children() },
        ),
        (
            "(with :severity \"low\" (notify :hook))",
            Route::With { fields: vec![(Field::named("severity"), text("low"))], children: told() },
        ),
        (
            "(with {:summary :service :runbook nil} (notify :hook))",
            Route::With {
                fields: vec![(Field::named("summary"), field("service")), (Field::named("runbook"), Expression::Nil)],
                children: told(),
            },
        ),
        (
            "(with :host_name \"a\" (notify :hook))",
            Route::With { fields: vec![(Field::named("host_name"), text("a"))], children: told() },
        ),
    ] {
        compare(written, &from_text(&routes(written)), &[]);
        assert_eq!(read(written), [route], "{written}");
    }
}

#[test]
fn routes_stand_in_the_order_of_files() {
    let one = |name: &str| format!("{{:routes [(notify :{name})] :notifiers {{:{name} {{:type :log}}}}}}");
    let loaded = files(&[&one("b"), &format!("{{{THRESHOLDS}}}"), &one("a")]);
    compare("three files", &loaded, &[]);
    let Routing { routes, notifiers, .. } = loaded.plan.expect("no fault").routing;
    assert_eq!(routes, Some(vec![Route::Notify(vec!["b".into()]), Route::Notify(vec!["a".into()])]));
    let names: Vec<&str> = notifiers.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "log"]);
    let none = from_text(&format!("{{{THRESHOLDS}}}")).plan.expect("no fault").routing;
    assert_eq!((none.routes, none.notifiers.len()), (None, 1));
    let text = format!("{{{THRESHOLDS} :routes []}}");
    faults(&text, &[("W026", "nobody is ever told")]);
    assert_eq!(from_text(&text).plan.expect("no fault").routing.routes, Some(vec![]));
}

#[test]
fn the_example_of_the_documentation_is_fine() {
    let text =
        "{:percentiles {\"q\" {0.5 [{:< 5 :interval 60 :severity \"page\"} {:< 5 :interval 30 :severity \"ticket\"}]}}
        :notifiers {:hook {:type :webhook :url \"http://127.0.0.1:9000/x\" :secret #env \"HOOK_SECRET\"}}
        :routes [(where (= :severity \"page\") (by [:service] (rollup 1 60 (notify :hook))) (else (notify :log)))]}";
    let environment = [("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    compare(text, &with(&environment, text, Unset::Error), &[]);
    compare(text, &with(&[], text, Unset::Warning), &[("W003", "this option is left out")]);
    compare(text, &with(&[], text, Unset::Error), &[("T027", "not set")]);
}

#[test]
fn operators_of_elsewhere_are_answered_with_ours() {
    for (name, phrase) in [
        ("filter", "did you mean `where`?"),
        ("whre", "did you mean `where`?"),
        ("group-by", "did you mean `by`?"),
        ("limit", "did you mean `throttle`?"),
        ("rolup", "did you mean `rollup`?"),
        ("set", "did you mean `with`?"),
        ("do", "did you mean `sdo`?"),
        ("tell", "did you mean `notify`?"),
        ("email", "`(notify :NAME)`"),
        ("pagerduty", "`(notify :NAME)`"),
        ("prn", "`(notify :log)`"),
        ("batch", "`(rollup N SECONDS CHILD…)`"),
        ("coalesce", "`(rollup 1 SECONDS CHILD…)`"),
        ("stable", "`:for 3`"),
        ("splitp", "in the `else`"),
        ("tagged", "labels take the place of tags"),
        ("smap", "`(with :KEY EXPR CHILD…)`"),
        ("percentiles", "`:percentiles` and `:histograms`"),
        ("frobnicate", "`where by changed throttle rollup with sdo notify`"),
    ] {
        faults(&routes(&format!("({name} 1 (notify :hook))")), &[("T131", phrase)]);
    }
}

#[test]
fn operators_are_checked() {
    for (written, expected) in [
        ("()", &[("T130", "an empty list")][..]),
        (":hook", &[("T130", "write `(notify :hook)`")]),
        ("\"hook\"", &[("T130", "write `(notify :hook)`")]),
        ("[(notify :hook)]", &[("T130", "round brackets")]),
        ("5", &[("T130", "not the number `5`")]),
        ("(:where true (notify :hook))", &[("T146", "write `(where …)`")]),
        ("(:hook)", &[("T146", "write `(notify :hook)`")]),
        ("(notify)", &[("T137", "write `(notify :hook)`")]),
        ("(notify hook)", &[("T138", "write `(notify :hook)`")]),
        ("(notify [:hook :log])", &[("T138", "`(notify :a :b)`")]),
        ("(notify :hook (notify :log))", &[("T138", "nothing stands behind `notify`")]),
        ("(notify :hook :hook)", &[("T113", "`notify` names `:hook` twice")]),
        ("(notify :hok)", &[("T136", "did you mean `:hook`? there are `:hook` and `:log`")]),
        ("(notify :pagerduty)", &[("T136", "define it: `:notifiers {:pagerduty {…}}`")]),
        ("(sdo)", &[("T133", "nothing stands behind `sdo`")]),
        ("(where :team)", &[("T133", "nothing stands behind `where`")]),
        ("(where)", &[("T132", "a condition, and then its children")]),
        ("(where :team (notify :hook) (else))", &[("T133", "nothing stands behind `else`")]),
        ("(where :team (else (notify :hook)) (notify :hook))", &[("T135", "`else` stands last")]),
        ("(where :team (else (notify :hook)) (else (notify :log)))", &[("T135", "one `else`")]),
        ("(where :team (else (notify :hook)) (notify :x))", &[("T135", ""), ("T136", "")]),
        ("(else (notify :hook))", &[("T134", "as its last part")]),
        ("(by [:host] (else (notify :hook)))", &[("T134", "as its last part")]),
        ("(where true (notify :hook))", &[("W013", "")]),
        ("(where \"page\" (notify :hook))", &[("T083", "")]),
        ("(where (= :severity page) (notify :hook))", &[("T071", "")]),
        ("(by [] (notify :hook))", &[("T139", "names no field")]),
        ("(by [:host :host] (notify :hook))", &[("T113", "`by` names `:host` twice")]),
        ("(by (notify :hook))", &[("T132", "`(by [:service] CHILD…)`")]),
        ("(by [host] (notify :hook))", &[("T021", "write `:host`")]),
        ("(changed)", &[("T132", "an expression")]),
        ("(changed :severity)", &[("T133", "")]),
        ("(changed :severity {:init :page} (notify :hook))", &[("T142", "write `\"page\"` for the text")]),
        ("(changed :severity {:inti 5} (notify :hook))", &[("T001", "did you mean `:init`?")]),
        ("(throttle 0 60 (notify :hook))", &[("T025", "N of `throttle` is a whole number from 1")]),
        ("(throttle 1000001 60 (notify :hook))", &[("T025", "from 1 to 1000000")]),
        ("(throttle 1.5 60 (notify :hook))", &[("T025", "")]),
        ("(throttle #duration \"1m\" 60 (notify :hook))", &[("T015", "and this is a time")]),
        ("(rollup 5 0 (notify :hook))", &[("T031", "the window of `rollup`")]),
        ("(rollup 5 \"1h\" (notify :hook))", &[("T021", "write `#duration \"1h\"`")]),
        ("(rollup 5 3600000 (notify :hook))", &[("W005", "did you mean `3600`?")]),
        ("(rollup 5 (notify :hook))", &[("T132", "write `(rollup 5 3600 CHILD…)`")]),
        ("(rollup (notify :hok))", &[("T132", ""), ("T136", "")]),
        ("(rollup 5)", &[("T132", "")]),
        ("(rollup 5 60)", &[("T133", "")]),
        ("(with)", &[("T132", "a map of keys and values")]),
        ("(with {} (notify :hook))", &[("T140", "changes nothing")]),
        ("(with :severity \"low\")", &[("T133", "")]),
        ("(with :status \"ok\" (notify :hook))", &[("T141", "cannot be told otherwise")]),
        ("(with :dedup_key \"x\" (notify :hook))", &[("T141", "")]),
        ("(with :violation-id \"x\" (notify :hook))", &[("T141", "")]),
        ("(with :state \"ok\" (notify :hook))", &[("T141", "")]),
        ("(with :labels {} (notify :hook))", &[("T141", "name the label itself"), ("T070", "")]),
        ("(with \"team\" \"x\" (notify :hook))", &[("T003", "write `:team`")]),
        ("(with :summry \"x\" (notify :hook))", &[("W036", "did you mean `:summary`?")]),
        ("(with :severity #file \"/run/x\" (notify :hook))", &[("T030", "shown in output")]),
        ("(with :severity (str \"a\" #file \"/run/x\") (notify :hook))", &[("T030", "shown in output")]),
        ("(with :severity #env \"X\" (notify :hook))", &[("W003", "this route is left out")]),
        (
            "(by [:host] (where (= :team #env \"X\") (notify :hook)))",
            &[("W003", "without a default; this route is left out")],
        ),
    ] {
        let written = format!("{written} (notify :hook)");
        faults(&routes(&written), expected);
    }
    for (written, phrase) in
        [(":hook", "such as `[(notify :hook)]`"), ("(notify :hook)", "`:routes [(…)]`"), ("{}", "a vector")]
    {
        faults(&format!("{{{THRESHOLDS} :routes {written}}}"), &[("T021", phrase)]);
    }
}

#[test]
fn operators_have_limits() {
    let nested = |depth: usize| format!("{}(notify :hook){}", "(sdo ".repeat(depth), ")".repeat(depth));
    faults(&routes(&nested(59)), &[]);
    faults(&routes(&nested(60)), &[("T143", "more than 60 levels")]);
    faults(&routes(&"(notify :hook)".repeat(10_000)), &[]);
    faults(&routes(&"(notify :hook)".repeat(10_001)), &[("T144", "more than 10000 operators")]);
    faults(&routes(&format!("(by [{}] (notify :hook))", ":f ".repeat(65))), &[("T057", "64")]);
    let broken = from_text(&routes(&"(notify :hok)".repeat(9_000)));
    assert_eq!(broken.diagnostics.len(), 1_001);
}

#[test]
fn what_nothing_reaches_is_a_lint() {
    for (written, expected) in [
        (
            "(where (= :severity \"pgae\") (notify :hook))",
            &[
                ("W033", "`[:percentiles \"q\" 0.5 60]`"),
                (
                    "W030",
                    "no threshold has `:severity \"pgae\"`; there is `\"page\"` [never true] did you mean `\"page\"`?",
                ),
            ][..],
        ),
        ("(where (= state \"ok\") (notify :hook)) (notify :log)", &[("W029", "recovery")]),
        ("(where (or (= :status \"ok\") (= :team \"t\")) (notify :hook))", &[("W029", "recovery")]),
        ("(where (not= state \"ok\") (notify :hook))", &[]),
        ("(where (= :severty \"page\") (notify :hook)) (notify :log)", &[("W032", "did you mean `:severity`?")]),
        ("(with :severity :low (notify :hook))", &[("W032", "write `\"low\"` for the text")]),
        ("(where (tagged \"x\") (notify :hook)) (notify :log)", &[("W032", "no transition has `:tags`")]),
        ("(where (= :team \"t\") (notify :hook) (else (notify :log)))", &[("W031", "this `else` is never reached")]),
        (
            "(where (= :host \"a\") (where (= :host \"b\") (notify :hook))) (notify :log)",
            &[("W030", "true of no threshold that comes here")],
        ),
        ("(notify :log)", &[]),
    ] {
        let written = routes(written);
        let text = if written.contains("notify :hook") {
            written
        } else {
            written.replace(":hook {:type :webhook :url \"http://127.0.0.1:1\"}", "")
        };
        faults(&text, expected);
    }
    faults(&routes("(notify :log)"), &[("W027", "no route names `:hook`")]);
    let unset = routes("(where (= :severity \"low\") (notify :hook))").replace("\"page\"", "#env \"SEVERITY\"");
    faults(&unset, &[("W003", "")]);
    let shadow = routes("(where (= :severity \"page\") (notify :hook))").replace(":by", ":shadow true :by");
    faults(&shadow, &[]);
    let several = "{:percentiles {\"q\" {0.5 [{:< 5 :interval 60 :name \"a\"} {:< 5 :interval 30 :name \"b\"} {:< 5 :interval 20 :name \"c\"} {:< 5 :interval 10 :name \"d\"}]}}
        :routes [(where (= :threshold \"a\") (notify :log))]}";
    faults(several, &[("W033", "the violations of 3 thresholds reach no notifier: `b`, `c` and `d`")]);
}

#[test]
fn severities_that_pagerduty_would_not_understand_are_a_lint() {
    let text = |severities: &str, route: &str| {
        format!(
            "{{{THRESHOLDS} :notifiers {{:pd {{:type :pagerduty :routing-key #env [\"X\" \"{}\"] {severities}}}}} :routes [{route}]}}",
            "a1".repeat(16)
        )
    };
    for (severities, route, expected) in [
        ("", "(notify :pd)", &[("W034", "the severity `\"page\"` can reach `:pd`")][..]),
        (":severities {\"page\" \"critical\"}", "(notify :pd)", &[]),
        (":severities {:page :warning}", "(notify :pd)", &[]),
        ("", "(with :severity \"error\" (notify :pd))", &[]),
        ("", "(where (= :severity \"page\") (with :severity \"loud\" (notify :pd)))", &[("W034", "`\"loud\"`")]),
    ] {
        let text = text(severities, route);
        let loaded = from_text(&text);
        let found: Vec<_> = loaded.diagnostics.iter().filter(|one| one.code != "W024").collect();
        let codes: Vec<&str> = found.iter().map(|one| one.code).collect();
        assert_eq!(codes, expected.iter().map(|(code, _)| *code).collect::<Vec<_>>(), "{text}");
        assert!(found.iter().zip(expected).all(|(one, (_, phrase))| one.message.contains(phrase)), "{found:?}");
    }
}

/// A route and how it is written.
fn any_route() -> impl Strategy<Value = (String, Route)> {
    let notify = prop_oneof![
        Just(("(notify :hook)".to_string(), Route::Notify(vec!["hook".into()]))),
        Just(("(notify :log :hook)".to_string(), Route::Notify(vec!["log".into(), "hook".into()]))),
    ];
    notify.prop_recursive(4, 24, 3, |inner| {
        let children = prop::collection::vec(inner, 1..3).prop_map(|all| {
            let (texts, routes): (Vec<String>, Vec<Route>) = all.into_iter().unzip();
            (texts.join(" "), routes)
        });
        let field = prop_oneof![Just("service"), Just("host"), Just("severity"), Just("team")];
        (children.clone(), prop::option::of(children), field, 1u32..1_000_000, 1i64..100_000_000_000, 0..7).prop_map(
            |((text, children), other, name, most, every, which)| {
                let seconds = format!("{}.{:06}", every / 1_000_000, every % 1_000_000);
                let field = Field::named(name);
                let value = Expression::Text("a \"b\"".into());
                match which {
                    0 => {
                        let (else_text, otherwise) = other.unwrap_or_default();
                        let otherwise_text =
                            if else_text.is_empty() { else_text } else { format!(" (else {else_text})") };
                        let condition = Expression::Field(field);
                        (
                            format!("(where :{name} {text}{otherwise_text})"),
                            Route::Where { condition, then: children, otherwise },
                        )
                    }
                    1 => (format!("(by [:{name}] {text})"), Route::By { fields: vec![field], children }),
                    2 => {
                        let init = other.is_some().then(|| value.clone());
                        let map = if init.is_some() { " {:init \"a \\\"b\\\"\"}" } else { "" };
                        let of = Expression::Field(field);
                        (format!("(changed :{name}{map} {text})"), Route::Changed { of, init, children })
                    }
                    3 => (format!("(throttle {most} {seconds} {text})"), Route::Throttle { most, every, children }),
                    4 => (format!("(rollup {most} {seconds} {text})"), Route::Rollup { most, every, children }),
                    5 => {
                        let fields = vec![(Field::named("summary"), value)];
                        (format!("(with :summary \"a \\\"b\\\"\" {text})"), Route::With { fields, children })
                    }
                    _ => (format!("(sdo {text})"), Route::Sdo(children)),
                }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn routes_that_are_written_are_read((text, route) in any_route()) {
        prop_assert_eq!(read(&text), vec![route]);
    }
}

#[test]
fn two_names_for_one_label_of_alertmanager_are_an_error() {
    let text = |options: &str| {
        format!(
            "{{:notifiers {{:am {{:type :alertmanager :url \"http://127.0.0.1:9093\"}}}} :routes [(notify :am)]
              :percentiles {{\"q\" {{0.5 {{:< 5 :interval 60 {options}}}}}}}}}"
        )
    };
    for (options, expected) in [
        (":labels {:team \"a\"} :by [:host]", &[][..]),
        (":labels {:team-name \"a\" :team_name \"b\"}", &[("T147", "`team-name` and `team_name` would be one label")]),
        (":labels {:host \"a\"} :by [:host]", &[("T147", "would be one label at the Alertmanager of `:am`")]),
        (":labels {:service \"a\"}", &[("T147", "give `service` another name")]),
    ] {
        faults(&text(options), expected);
    }
    // One that is never routed has no alert.
    let shadow = from_text(&text(":labels {:service \"a\"} :shadow true"));
    assert!(shadow.diagnostics.iter().all(|found| found.code != "T147"), "{:?}", shadow.diagnostics);
}
