//! What each fault says, as tables of cases.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::{Environment, Loaded, Unset, check, from_text};
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
        (
            "{:percentiles {#re \"^api-\" {1 {:< 5 :interval 60}}}}".to_string(),
            r#"[:percentiles #re "^api-" 1 60]"#,
        ),
    ];
    for (text, id) in cases {
        assert_eq!(ids(&text), [id], "{text}");
    }
}

#[test]
fn thresholds_are_in_order_of_id() {
    let text = "{:percentiles {\"q\" {0.5 [{:< 5 :interval 60} {:< 4 :interval 120}] 0.25 {:< 1 :interval 60}}}}";
    let expected =
        [r#"[:percentiles "q" 0.25 60]"#, r#"[:percentiles "q" 0.5 120]"#, r#"[:percentiles "q" 0.5 60]"#];
    assert_eq!(ids(text), expected);
}

#[test]
fn keys_that_are_not_known_are_answered_with_the_nearest() {
    faults("{:percentile {}}", &[("T001", "`:percentiles`")]);
    faults("{:grase 5}", &[("T001", "`:grace`")]);
    faults("{:colour 5}", &[("T001", "None")]);
    faults("{\"grace\" 5}", &[("T003", "write `:grace`")]);
    faults("{:notifiers {}}", &[("T002", "not supported yet")]);
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
fn quantiles_are_above_zero_and_at_most_one() {
    for (quantile, code, phrase) in [
        ("99", "T041", "write `0.99`"),
        ("99.9", "T041", "write `0.999`"),
        ("95", "T041", "write `0.95`"),
        ("100", "T041", "write `1`"),
        ("0", "T041", "above 0 and at most 1"),
        ("-0.5", "T041", "above 0 and at most 1"),
        ("1.01", "T041", "above 0 and at most 1"),
        ("\"0.99\"", "T040", "write `0.99`"),
        (":p99", "T040", "write `0.99`"),
        (":p99.9", "T040", "write `0.999`"),
        ("\"99%\"", "T040", "write `0.99`"),
        (":median", "T040", "None"),
        ("0.1234567890123456789", "T024", "18 digits"),
    ] {
        let text = format!("{{:percentiles {{\"q\" {{{quantile} {{:<= 100 :interval 600}}}}}}}}");
        faults(&text, &[(code, phrase)]);
    }
}

#[test]
fn levels_of_a_path_cannot_be_left_out() {
    faults("{:percentiles {\"q\" {:<= 100 :interval 600}}}", &[("T008", "a quantile")]);
    faults("{:histograms {\"q\" {:> 0 :interval 600 :type :count}}}", &[("T008", "a field")]);
    faults("{:histograms {\"q\" {:status-code {:> 0 :interval 600 :type :count}}}}", &[("T008", "a pattern")]);
    faults("{:histograms {\"q\" {\"status-code\" {\"^2\" []}}}}", &[("T021", "write `:status-code`"), ("T009", "")]);
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

#[test]
fn choices_are_closed() {
    for (kind, phrase) in [
        (":percent", "did you mean `:percentage`?"),
        (":ratio", "did you mean `:percentage`?"),
        (":counts", "did you mean `:count`?"),
        ("\"percentage\"", "write `:percentage`"),
        ("count", "write `:count`"),
        (":histogram", "None"),
        ("5", "the number `5`"),
    ] {
        faults(&ok(&format!("{{:> 0.5 :interval 600 :type {kind}}}")), &[("T023", phrase)]);
    }
    let option = |option: &str| p99(&format!("{{:<= 100 :interval 600 :min-count 5 {option}}}"));
    faults(&option(":rank :reimann"), &[("T023", "did you mean `:riemann`?")]);
    faults(&option(":few :alert"), &[("T023", "did you mean `:violation`?")]);
    faults(&option(":no-data \"ok\""), &[("T023", "write `:ok`")]);
    faults(&option(":few :ok :no-data :violation :rank :riemann"), &[]);
}

#[test]
fn bounds_that_never_or_always_hold_are_refused() {
    let share = |bounds: &str| ok(&format!("{{{bounds} :interval 600 :type :percentage}}"));
    let count = |bounds: &str| ok(&format!("{{{bounds} :interval 600 :type :count}}"));
    for (text, code, phrase) in [
        (share(":>= 95"), "T047", "write `0.95` for 95 %"),
        (share(":<= 95"), "T048", "write `0.95` for 95 %"),
        (share(":> 1"), "T047", "can never be `> 1`"),
        (share(":< 0"), "T047", "can never be `< 0`"),
        (share(":>= 0"), "T048", "is always `>= 0`"),
        (share(":<= 1"), "T048", "is always `<= 1`"),
        (share(":= -0.5"), "T047", "ratio from 0 to 1"),
        (share(":not= 1.5"), "T048", "write `0.015` for 1.5 %"),
        (count(":< 0"), "T047", "0, 1, 2"),
        (count(":>= 0"), "T048", "write `:> 0`"),
        (count(":> -1"), "T048", "0, 1, 2"),
        (count(":= 1.5"), "T047", "whole number"),
        (count(":not= 1.5"), "T048", "whole number"),
        (count(":<= -0.5"), "T047", "0, 1, 2"),
    ] {
        faults(&text, &[(code, phrase)]);
    }
    for text in [share(":>= 1"), share(":<= 0"), share(":= 0"), share(":> 0.95"), count(":<= 0"), count(":> 1.5")] {
        faults(&text, &[]);
    }
    for text in ["{:<= -5 :interval 60}", "{:> 100000 :interval 60}", "{:= 1.5 :interval 60}"] {
        faults(&p99(text), &[]);
    }
    faults(&share(":>= 0 :<= 0.5"), &[("W008", "leave it out")]);
}

#[test]
fn bounds_that_contradict_each_other_are_refused() {
    for (bounds, phrase) in [
        (":<= 100 :> 200", "no value is `<= 100` and `> 200`"),
        (":< 100 :>= 100", "no value is"),
        (":<= 100 :> 100", "no value is"),
        (":= 5 :not= 5", "no value is"),
        (":= 5 :> 5", "no value is"),
        (":>= 5 :<= 5 :not= 5", "no value is `>= 5` and `<= 5` and `not= 5`"),
    ] {
        faults(&p99(&format!("{{{bounds} :interval 60}}")), &[("T049", phrase)]);
    }
    faults(&ok("{:> 1 :< 2 :interval 60 :type :count}"), &[("T049", "no value is")]);
    faults(&p99("{:> 1 :< 2 :interval 60}"), &[]);
    faults(&p99("{:>= 5 :<= 5 :interval 60}"), &[]);
}

#[test]
fn a_bound_that_another_implies_is_a_lint() {
    for bounds in [":<= 100 :< 200", ":= 5 :<= 10", ":<= 100 :not= 300", ":> 5 :>= 5"] {
        faults(&p99(&format!("{{{bounds} :interval 60}}")), &[("W009", "leave it out")]);
    }
    faults(&ok("{:> 0 :>= 1 :interval 60 :type :count}"), &[("W009", "`>= 1` says nothing that `> 0`")]);
    faults(&p99("{:<= 100 :not= 50 :interval 60}"), &[]);
}
