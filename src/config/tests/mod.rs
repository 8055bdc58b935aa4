//! What each fault says, as tables of cases.

mod destinations;
mod environment;
mod expressions;
mod notifiers;
mod options;
mod patterns;
mod pipelines;
mod records;
mod routes;
mod server;
mod state;

use super::environment::Nothing;
use super::{Loaded, Unset, check, from_text};
use crate::edn::Sources;

/// Checks a text and compares the codes, in order of place, and a phrase of each: of message, label or help.
fn faults(text: &str, expected: &[(&str, &str)]) {
    let loaded = from_text(text);
    compare(text, &loaded, expected);
}

fn compare(text: &str, loaded: &Loaded, expected: &[(&str, &str)]) {
    let found: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|d| format!("{} {} [{}] {}", d.code, d.message, d.labels[0].text, d.help.as_deref().unwrap_or("None")))
        .collect();
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|d| d.code).collect();
    let expected_codes: Vec<&str> = expected.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, expected_codes, "{text}\n{found:#?}");
    for (found, (_, phrase)) in found.iter().zip(expected) {
        assert!(found.contains(phrase), "{text}\n{phrase}\nis not in\n{found}");
    }
    let refused = codes.iter().any(|code| !code.starts_with('W'));
    assert_eq!(loaded.plan.is_some(), !refused, "{text}");
}

/// A check of the 99th percentile of one service.
fn p99(check: &str) -> String {
    format!("{{:percentiles {{\"query-service response\" {{0.99 {check}}}}}}}")
}

/// A check of the share or number of good answers of one service.
fn ok(check: &str) -> String {
    format!("{{:histograms {{\"query-service response\" {{:status-code {{\"^2\" {check}}}}}}}}}")
}

fn pattern(pattern: &str) -> String {
    format!("{{:histograms {{\"http\" {{:path {{{pattern} {{:> 0 :interval 60 :type :count}}}}}}}}}}")
}

fn condition(expression: &str) -> String {
    p99(&format!("{{:<= 100 :interval 600 :where {expression}}}"))
}

fn ids(text: &str) -> Vec<String> {
    let loaded = from_text(text);
    let plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
    plan.thresholds.into_iter().map(|threshold| threshold.id).collect()
}

#[test]
fn an_id_is_the_path_and_the_interval_as_canonical_edn() {
    let cases = [
        (p99("{:<= 100 :interval 600}"), r#"[:percentiles "query-service response" 0.99 600]"#),
        (p99("{:<= 100 :interval #duration \"10m\"}"), r#"[:percentiles "query-service response" 0.99 600]"#),
        (p99("{:<= 100 :interval 0.50}"), r#"[:percentiles "query-service response" 0.99 0.5]"#),
        (p99("{:<= 100 :interval 6e2 :name \"slow \\\"q\\\"\"}"), "slow \"q\""),
        (
            ok("{:>= 0.95 :interval 600 :type :percentage}"),
            r#"[:histograms "query-service response" :status-code "^2" :percentage 600]"#,
        ),
        (pattern("#re \"^/a\\\\.b\""), r#"[:histograms "http" :path #re "^/a\\.b" :count 60]"#),
        ("{:percentiles {#re \"^api-\" {1 {:< 5 :interval 60}}}}".to_string(), r#"[:percentiles #re "^api-" 1 60]"#),
    ];
    for (text, id) in cases {
        assert_eq!(ids(&text), [id], "{text}");
    }
}

#[test]
fn thresholds_are_in_order_of_id() {
    let text = "{:percentiles {\"q\" {0.5 [{:< 5 :interval 60} {:< 4 :interval 120}] 0.25 {:< 1 :interval 60}}}}";
    let expected = [r#"[:percentiles "q" 0.25 60]"#, r#"[:percentiles "q" 0.5 120]"#, r#"[:percentiles "q" 0.5 60]"#];
    assert_eq!(ids(text), expected);
}

#[test]
fn keys_that_are_not_known_are_answered_with_the_nearest() {
    faults("{:percentile {}}", &[("T001", "`:percentiles`")]);
    faults("{:grase 5}", &[("T001", "`:grace`")]);
    faults("{:colour 5}", &[("T001", "None")]);
    for key in [":thresholds", ":rules", ":services", ":alerts"] {
        faults(&format!("{{{key} {{}}}}"), &[("T001", "did you mean `:percentiles` or `:histograms`?")]);
    }
    faults("{\"grace\" 5}", &[("T003", "write `:grace`")]);
    faults("{:streams {}}", &[("T002", "not supported yet")]);
    faults("{:limits {:group 5}}", &[("T001", "`:groups`")]);
    for (key, meant) in [
        (":=<", ":<="),
        (":lt", ":<"),
        (":max", ":<="),
        (":min", ":>="),
        (":!=", ":not="),
        (":==", ":="),
        (":=>", ":>="),
    ] {
        let text = p99(&format!("{{{key} 100 :interval 600}}"));
        faults(&text, &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    for (key, meant) in [(":intervall", ":interval"), (":window", ":interval"), (":period", ":interval")] {
        faults(&p99(&format!("{{:<= 100 {key} 600}}")), &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    for (key, meant) in [(":min_count", ":min-count"), (":nodata", ":no-data"), (":group-by", ":by")] {
        let text = p99(&format!("{{:<= 100 :interval 600 {key} 3}}"));
        faults(&text, &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    faults(&p99("{\"<=\" 100 :interval 600}"), &[("T003", "write `:<=`")]);
}

#[test]
fn each_fault_of_a_file_is_found_once() {
    let text = "{:percentiles {\"q\" {99 {:<= \"100\" :interval \"10m\"}
                                   0.5 {:<= 1 :interval 60 :shadow :yes}}
                               :r {0.9 {:interval 60}}}}";
    faults(
        text,
        &[
            ("T041", "write `0.99`"),
            ("T021", "write `100`, without quotes"),
            ("T021", "write `#duration \"10m\"`"),
            ("T021", "true or false"),
            ("T021", "write `\"r\"`"),
            ("T044", "no bound"),
        ],
    );
}

#[test]
fn a_code_is_used_once() {
    let catalogue = [
        include_str!("../catalogue/checks.rs"),
        include_str!("../catalogue/destinations.rs"),
        include_str!("../catalogue/expressions.rs"),
        include_str!("../catalogue/lints.rs"),
        include_str!("../catalogue/notifiers.rs"),
        include_str!("../catalogue/patterns.rs"),
        include_str!("../catalogue/routes.rs"),
        include_str!("../catalogue/server.rs"),
        include_str!("../catalogue/state.rs"),
        include_str!("../catalogue/structure.rs"),
        include_str!("../catalogue/values.rs"),
    ]
    .concat();
    let mut codes: Vec<&str> = catalogue
        .split(['(', ',', ' ', '\n'])
        .filter(|word| word.len() == 6 && ["\"T0", "\"T1", "\"W0"].iter().any(|begin| word.starts_with(begin)))
        .collect();
    assert!(codes.len() > 140, "{codes:?}");
    // What is not set is looked up by its code to be made a warning.
    codes.retain(|code| *code != "\"T027\"");
    codes.sort_unstable();
    let all = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

#[test]
fn a_key_that_stands_twice_is_answered_by_what_it_holds() {
    let check = "{:< 5 :interval 60}";
    for (text, phrase) in [
        (format!("{{:percentiles {{\"q\" {{0.5 {check} 0.50 {check}}}}}}}"), "stand in a vector: `[{…} {…}]`"),
        (format!("{{:percentiles {{\"q\" {{0.5 {check}}} \"q\" {{0.9 {check}}}}}}}"), "merge the two maps into one"),
        (format!("{{:percentiles {{\"q\" {{0.5 {check}}}}} :percentiles {{}}}}"), "merge the two maps into one"),
        ("{:grace 5 :grace 6}".to_string(), "remove one of them"),
    ] {
        faults(&text, &[("E014", phrase)]);
    }
}

#[test]
fn levels_of_a_path_cannot_be_left_out() {
    faults("{:percentiles {\"q\" {:<= 100 :interval 600}}}", &[("T008", "a quantile")]);
    faults("{:histograms {\"q\" {:> 0 :interval 600 :type :count}}}", &[("T008", "a field")]);
    faults("{:histograms {\"q\" {:status-code {:> 0 :interval 600 :type :count}}}}", &[("T008", "a pattern")]);
    faults("{:histograms {\"q\" {\"status-code\" {\"^2\" []}}}}", &[("T012", "write `:status-code`"), ("T009", "")]);
    faults("{:histograms {\"q\" {\"^2\" {:> 0 :interval 600 :type :count}}}}", &[("T011", "a field is missing")]);
    faults("{:histograms {\"q\" {:interval {\"^2\" {:> 0 :interval 600 :type :count}}}}}", &[]);
    faults("{:percentiles []}", &[("T021", "`{SERVICE {QUANTILE CHECK}}`")]);
    faults("{:percentiles {\"\" {0.5 {:< 5 :interval 60}}}}", &[("T022", "a service is empty")]);
    faults("{:percentiles {\"q\" {0.5 [5]}}}", &[("T021", "a check")]);
}

#[test]
fn a_check_needs_a_bound_an_interval_and_a_type() {
    faults(&p99("{:interval 600}"), &[("T044", "`:<= 100`")]);
    faults(&p99("{:<= 100}"), &[("T045", "`:interval 600`")]);
    faults(&ok("{:>= 0.95 :interval 600}"), &[("T046", "`:type :percentage`")]);
    faults(&p99("{}"), &[("T044", ""), ("T045", "")]);
    faults(&p99("{:<= 100 :interval 600 :type :count}"), &[("T042", "`:histograms` only")]);
    faults(&ok("{:> 0 :interval 600 :type :count :rank :nearest}"), &[("T043", "`:percentiles` only")]);
    faults(&ok("{:> 0 :interval 600 :type :count :metric :x}"), &[("T043", "stands in the path")]);
}

/// Checks several files.
fn files(texts: &[&str]) -> Loaded {
    let mut sources = Sources::default();
    for (index, text) in texts.iter().enumerate() {
        sources.add(format!("{index}.edn"), text.to_string());
    }
    check(sources, Vec::new(), &Nothing, Unset::Warning)
}

#[test]
fn files_merge_down_to_the_check() {
    let a = "{:grace 10 :limits {:groups 5} :percentiles {\"q\" {0.5 {:< 5 :interval 60}}}}";
    let b = "{:limits {:line-bytes 4096} :percentiles {\"q\" {0.5 {:< 5 :interval 120} 0.9 {:< 9 :interval 60}}}}";
    let plan = files(&[b, a]).plan.expect("nothing is said twice");
    assert_eq!(plan.thresholds.len(), 3);
    assert!(plan.thresholds.iter().all(|threshold| threshold.grace == 10_000_000));
    assert_eq!((plan.limits.groups, plan.limits.line_bytes, plan.grace_is_set), (5, 4096, true));
}

#[test]
fn one_definition_in_two_files_is_shown_at_both_places() {
    let check = "{:percentiles {\"q\" {0.5 {:< 5 :interval 60}}}}";
    let again = "{:percentiles {\"q\" {0.50 {:< 7 :interval 60.0}}}}";
    for (a, b, code) in [
        ("{:grace 5}", "{:grace 5}", "T006"),
        ("{:limits {:groups 5}}", "{:limits {:groups 6}}", "T006"),
        (check, again, "T007"),
    ] {
        let loaded = files(&[a, b]);
        compare(a, &loaded, &[(code, "")]);
        let places: Vec<u32> = loaded.diagnostics[0].labels.iter().map(|label| label.span.file).collect();
        assert_eq!(places, [1, 0]);
    }
    let twice = "{:percentiles {\"q\" {0.5 [{:< 5 :interval 60} {:< 7 :interval 60}]}}}";
    faults(twice, &[("T007", "`:name \"…\"`")]);
    faults("{:percentiles {\"q\" {0.5 {:< 5 :interval 60} 0.5 {:< 7 :interval 60}}}}", &[("E014", "")]);
}

#[test]
fn a_file_holds_one_map() {
    faults("", &[("W001", "holds nothing")]);
    faults("; nothing yet\n", &[("W001", "holds nothing")]);
    faults("{}", &[("W002", "no threshold")]);
    faults("{} {}", &[("T005", "one map")]);
    faults("[]", &[("T004", "one map")]);
    faults(":percentiles {}", &[("T004", "one map"), ("T005", "")]);
    faults("{:grace 5", &[("E010", "not closed")]);
}

#[test]
fn a_file_in_another_language_is_one_error() {
    for (text, phrase) in [
        ("{\"percentiles\": {\"q\": {\"0.99\": {\"<=\": 100, \"interval\": 600}}}}", "this file is JSON"),
        ("groups:\n- name: latency\n  rules:\n  - alert: High\n    expr: x > 5\n", "this file is YAML"),
        ("[percentiles.q]\nlimit = 100\ninterval = 600\n", "write `{:percentiles {"),
    ] {
        faults(text, &[("T013", phrase)]);
    }
}

#[test]
fn limits_are_numbers_above_zero() {
    faults("{:limits {:groups 0}}", &[("T025", "from 1 to")]);
    faults("{:limits {:groups \"5\"}}", &[("T021", "write `5`, without quotes")]);
    faults("{:limits 5}", &[("T021", "a map of limits")]);
}
