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
fn a_limit_is_a_number() {
    for (limit, phrase) in [
        ("\"100\"", "write `100`, without quotes"),
        ("\"95%\"", "write `0.95` for 95 %"),
        ("\"250 ms\"", "write `250`: a limit has no unit"),
        ("\"fast\"", "None"),
        ("nil", "not `nil`"),
        ("[5]", "a vector"),
    ] {
        faults(&p99(&format!("{{:<= {limit} :interval 600}}")), &[("T021", phrase)]);
    }
    faults(&p99("{:<= 1e30 :interval 600}"), &[("T024", "18 digits")]);
}

#[test]
fn a_code_is_used_once() {
    let catalogue = [
        include_str!("catalogue/checks.rs"),
        include_str!("catalogue/expressions.rs"),
        include_str!("catalogue/lints.rs"),
        include_str!("catalogue/patterns.rs"),
        include_str!("catalogue/structure.rs"),
        include_str!("catalogue/values.rs"),
    ]
    .concat();
    let mut codes: Vec<&str> = catalogue
        .split(['(', ',', ' ', '\n'])
        .filter(|word| word.len() == 6 && (word.starts_with("\"T0") || word.starts_with("\"W0")))
        .collect();
    assert!(codes.len() > 80, "{codes:?}");
    // What is not set is looked up by its code to be made a warning.
    codes.retain(|code| *code != "\"T027\"");
    codes.sort_unstable();
    let all = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), all);
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

#[test]
fn times_are_seconds_or_durations() {
    let interval = |time: &str| p99(&format!("{{:<= 100 :interval {time}}}"));
    for (time, code, phrase) in [
        ("\"10m\"", "T021", "write `#duration \"10m\"`"),
        ("\"600\"", "T021", "write `600`, without quotes"),
        (":ten-minutes", "T021", "write `600`"),
        ("[600]", "T021", "a vector"),
        ("nil", "T021", "`nil`"),
        ("0", "T031", "above 0"),
        ("-600", "T032", "below 0"),
        ("#duration \"0s\"", "T031", "above 0"),
        ("#duration \"10\"", "T036", "a unit is expected"),
        ("#duration \"10min\"", "T036", "the units are"),
        ("#duration \"30m1h\"", "T036", "from large to small"),
        ("#duration 600", "T035", "with units"),
        ("#time \"10m\"", "T020", "`#duration`"),
        ("0.0000001", "T033", "microsecond"),
        ("1e15", "T034", "hundred years"),
        ("#duration \"99999d\"", "T034", "hundred years"),
        ("400000001", "T053", "ten years"),
        ("600000", "W005", "`:interval` of 600000 s is 6.9 days"),
        ("86400000", "W005", "did you mean `86400`?"),
    ] {
        faults(&interval(time), &[(code, phrase)]);
    }
    for time in ["600", "0.000001", "604800", "864000", "#duration \"600000s\"", "86400", "#duration \"1h30m\""] {
        faults(&interval(time), &[]);
    }
    faults("{:grace 5000 :percentiles {\"q\" {0.5 {:< 5 :interval 60}}}}", &[("W005", "did you mean `5`?")]);
    let zero = "{:grace 0 :max-skew 0 :percentiles {\"q\" {0.5 {:< 5 :interval 60 :max-gap 0}}}}";
    faults(zero, &[]);
}

#[test]
fn options_agree_with_each_other() {
    let option = |option: &str| p99(&format!("{{:<= 100 :interval 600 {option}}}"));
    for (text, code, phrase) in [
        (option(":every 7"), "T050", "write `6` or `8`"),
        (option(":every 180"), "T050", "write `150` or `200`"),
        (option(":every 601"), "T050", "write `300`"),
        (option(":every 0.0005"), "T051", "1000000 times"),
        (option(":forget 600"), "T052", "at least `1200`"),
        (option(":for 0"), "T025", "from 1 to 1000000"),
        (option(":for 1.5"), "T025", "from 1 to 1000000"),
        (option(":for 300"), "W007", "counts windows"),
        (option(":recover \"2\""), "T021", "write `2`, without quotes"),
        (option(":min-count -1"), "T025", "not `-1`"),
        (option(":max-gap 600"), "W010", "as long as the window"),
        (option(":few :ok"), "W011", "`:min-count 10`"),
        (option(":by :host"), "T054", "write `:by [:host]`"),
        (option(":by []"), "T054", "empty"),
        (option(":by [\"host\"]"), "T021", "write `:host`"),
        (option(":by [:host :path :host]"), "T055", "`:host` twice"),
        (option(":shadow 1"), "T021", "true or false"),
        (option(":shadow :true"), "T021", "write `true`"),
        (option(":name \"\""), "T022", "`:name` is empty"),
        (option(":name :slow"), "T021", "write `\"slow\"`"),
        (option(":metric \"duration\""), "T021", "write `:duration`"),
        (option(":severity 1"), "T021", "write `\"1\"`"),
        (option(":labels [:a]"), "T021", "a map of names"),
        (option(":labels {:a 1 \"a\" 2}"), "T056", "twice"),
        (option(":labels {:a nil}"), "T021", "a label"),
        (option(":interval 60"), "E014", "twice"),
    ] {
        faults(&text, &[(code, phrase)]);
    }
    let silent = ok("{:> 0 :interval 600 :type :count :no-data :violation}");
    faults(&silent, &[("W012", "is 0, and is judged")]);
    let all = option(
        ":every 60 :for 3 :recover 2 :min-count 10 :few :ok :no-data :violation :forget 7200 :max-gap 30 :shadow true
         :by [:host :path] :metric :duration :severity :page :description \"d\" :runbook \"https://r\"
         :labels {:team \"search\" \"tier\" 1.50 :live true :kind :web} :where (= :method \"GET\") :rank :riemann",
    );
    faults(&all, &[]);
    let plan = from_text(&all).plan.expect("no fault");
    let threshold = &plan.thresholds[0];
    assert_eq!(threshold.every.micros(), 60_000_000);
    assert_eq!((threshold.policy.violate_after, threshold.policy.recover_after), (3, 2));
    assert_eq!((threshold.policy.forget.micros(), threshold.policy.max_gap), (7_200_000_000, 30_000_000));
    let labels = [("team", "search"), ("tier", "1.5"), ("live", "true"), ("kind", "web")];
    assert_eq!(threshold.output.labels, labels.map(|(name, text)| (name.to_string(), text.to_string())));
    assert_eq!(threshold.output.severity.as_deref(), Some("page"));
}

#[test]
fn what_is_not_said_has_a_default() {
    let text = "{:percentiles {\"q\" {0.5 {:< 5 :interval 60}}}
                 :histograms {\"q\" {:code {\"^5\" {:< 5 :interval 86400 :type :count}}}}}";
    let plan = from_text(text).plan.expect("no fault");
    assert_eq!((plan.grace, plan.grace_is_set, plan.max_skew), (5_000_000, false, 60_000_000));
    assert_eq!(plan.instance, "default");
    let [count, percentile] = plan.thresholds.as_slice() else { panic!("two thresholds") };
    assert_eq!((percentile.policy.min_count, count.policy.min_count), (1, 0));
    assert_eq!((percentile.policy.max_gap, count.policy.max_gap), (5_000_000, 4_320_000_000));
    assert_eq!(percentile.policy.forget.micros(), 86_400_000_000);
    assert_eq!(count.policy.forget.micros(), 172_800_000_000);
    assert_eq!(percentile.grace, 5_000_000);
}

#[test]
fn what_only_other_dialects_have_is_caught_by_name() {
    for (text, code, phrase) in [
        (r#""^2[0–9]{2}$""#, "T062", "write `[0-9]`"),
        (r#""(?=x)y""#, "T061", "`(?=` is a lookahead"),
        (r#""^(?!/health)""#, "T061", ":where (not (re-find"),
        (r#""(?<=a)b""#, "T061", "a lookbehind"),
        (r#""(?<!a)b""#, "T061", "a negative lookbehind"),
        (r#""(?>a+)b""#, "T061", "an atomic group"),
        (r#""a*+b""#, "T061", "write only `*`"),
        (r#""a++b""#, "T061", "write only `+`"),
        (r#""a{2,3}+b""#, "T061", "a possessive quantifier"),
        (r#""(a|b)\\1""#, "T061", "a backreference"),
        (r#""\\Qa.b\\E""#, "T061", "before each special character"),
        (r#""\\p{Alpha}+""#, "T061", "write `[[:alpha:]]`"),
        (r#""\\P{Alpha}+""#, "T061", "write `[[:^alpha:]]`"),
        (r#""\\p{javaLowerCase}""#, "T061", "write `\\\\p{Lowercase}`"),
        (r#""a\\Z""#, "T061", "write `$`"),
        (r#""*.html""#, "T060", "for any text write `.*`"),
        (r#""/items(/""#, "T060", "unclosed group"),
        (r#""[0-9""#, "T060", "unclosed character class"),
        (r#""a{3,2}""#, "T060", "range"),
        (r#""\\p{Nonsense}""#, "T060", "Unicode property not found"),
        (r#""(a{1000}){1000}""#, "T063", "10 MiB"),
        ("200", "T064", "write `\"^200$\"`"),
        (":ok", "T021", "write `\"ok\"`"),
    ] {
        faults(&pattern(text), &[(code, phrase)]);
    }
    for text in [
        r#""^/api/[^/]+$""#,
        r#""(?i)^get$""#,
        r#""(?<year>[0-9]{4})""#,
        r#""\\+\\+""#,
        r#""[a-z&&[^aeiou]]""#,
        r#""[]–a]""#,
        r#""[[:alpha:]+*+]""#,
        r#""x*?y""#,
        r#""2..""#,
        r#""\\w{1,40}""#,
        r#""""#,
        r#"#re "é–è""#,
    ] {
        faults(&pattern(text), &[]);
    }
}

#[test]
fn a_fault_in_a_pattern_is_shown_where_it_stands() {
    for (written, part) in [
        (r#""^2[0–9]{2}$""#, "0–9"),
        (r#"#re "^/a(?=b)""#, "(?="),
        (r#""/items(/""#, "("),
        // Where the string has escapes the whole of it is shown.
        (r#""\"(a\\1)""#, r#""\"(a\\1)""#),
    ] {
        let loaded = from_text(&pattern(written));
        assert_eq!(loaded.sources.text(loaded.diagnostics[0].labels[0].span), part, "{written}");
    }
}

#[test]
fn a_bare_number_as_the_pattern_of_a_status_is_a_lint() {
    let text = |field: &str, pattern: &str| {
        format!("{{:histograms {{\"q\" {{{field} {{{pattern} {{:> 0 :interval 60 :type :count}}}}}}}}}}")
    };
    for (pattern, help) in [
        ("\"200\"", "write `\"^200$\"`"),
        ("\"2[0-9]{2}\"", "write `\"^2[0-9]{2}$\"`"),
        ("\"301|302\"", "write `\"^(301|302)$\"`"),
        ("\"5\\\\d\\\\d\"", "write `\"^5\\\\d\\\\d$\"`"),
    ] {
        faults(&text(":status-code", pattern), &[("W006", help)]);
        faults(&text(":path", pattern), &[]);
    }
    for pattern in ["\"^2\"", "\"2..\"", "\".*\"", "\"^200$\""] {
        faults(&text(":status-code", pattern), &[]);
    }
}

#[test]
fn expressions_are_checked_when_they_are_read() {
    for (expression, code, phrase) in [
        ("(== host \"a\")", "T077", "did you mean `=`?"),
        ("(!= host \"a\")", "T077", "did you mean `not=`?"),
        ("(adn true host)", "T077", "did you mean `and`?"),
        ("(foo host)", "T077", "the functions are"),
        ("(service \"q\")", "T076", "write `(= service"),
        ("(= host)", "T078", "`=` takes at least 2 arguments, and has 1"),
        ("(not host state)", "T078", "`not` takes 1 argument, and has 2"),
        ("(if host)", "T078", "takes 2 to 3 arguments"),
        ("(cond host 1 state)", "T080", "pairs"),
        ("(< metric \"fast\")", "T079", "a text that is no number"),
        ("(< metric nil)", "T079", "nil"),
        ("(+ metric (nil? host))", "T079", "true or false"),
        ("(< 1 tags)", "T079", "a list of tags"),
        ("(= hots \"a\")", "T071", "did you mean `host`?"),
        ("(= status-code \"200\")", "T071", "write `:status-code` for an attribute"),
        ("(= event 5)", "T071", "(:status-code event)"),
        ("(:status-code evt)", "T074", "write `(:status-code event)`"),
        ("(re-find host #re \"a\")", "T082", "turn the two arguments round"),
        ("(re-find #re \"(?=a)\" host)", "T061", "a lookahead"),
        ("(tagged [\"a\" \"b\"])", "T021", "`tagged` takes a string"),
        ("[= host 5]", "T070", "a vector"),
        ("()", "T073", "an empty list"),
        ("(5 6)", "T075", "the number `5`"),
        ("(= host \\a)", "T070", "write `\"a\"`"),
        ("(= state :ok)", "W015", "write `\"ok\"` for the text"),
        ("(= :status-code :ok)", "W015", "write `\"ok\"`"),
        ("true", "W013", "the same for every event"),
        ("(= 1 1)", "W013", "the same for every event"),
        ("(+ 1 metric)", "W014", "compare it"),
        ("(cond host 1 :else 2 state 3)", "W016", "never reached"),
    ] {
        faults(&condition(expression), &[(code, phrase)]);
    }
    for expression in [
        "(= :status-code \"200\")",
        "(= (:status-code event) 200)",
        "(and (not= state \"ok\") (or (nil? host) (some? :path)) (not (tagged \"test\")))",
        "(re-find #re \"^/api\" :path)",
        "(re-find \"^/api\" :path)",
        "(< 1 metric \"9\" (* 2 ttl))",
        "(cond (= host \"a\") true (= host \"b\") :x :else nil)",
        "(when (> metric 5) (if host (= (str host state) \"ab\")))",
        "(= (:ok event) state)",
        ":status-code",
    ] {
        faults(&condition(expression), &[]);
    }
    faults(&condition("(and (= hots 1) (< \"x\" metric) (foo))"), &[("T071", ""), ("T079", ""), ("T077", "")]);
}

#[test]
fn a_long_cond_is_refused_and_not_nested_without_end() {
    let clauses = "(= host \"a\") 1 ".repeat(50_000);
    faults(&condition(&format!("(cond {clauses})")), &[("T081", "nested too deep")]);
}

#[test]
fn patterns_have_one_limit_together() {
    let checks: Vec<String> =
        (0..6_000).map(|i| format!("\"{i}\\\\w{{1,4}}\" {{:> 0 :interval 60 :type :count}}")).collect();
    let text = format!("{{:histograms {{\"http\" {{:path {{{}}}}}}}}}", checks.join(" "));
    let loaded = from_text(&text);
    assert!(loaded.plan.is_none());
    assert!(loaded.diagnostics.iter().all(|d| d.code == "T065" || d.code == "T010"), "{:?}", loaded.diagnostics[0]);
}

/// Variables and files by name.
struct Fixed(HashMap<&'static str, &'static str>);

impl Environment for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|text| text.to_string())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        path.to_str().and_then(|path| self.variable(path)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn with(environment: &[(&'static str, &'static str)], text: &str, unset: Unset) -> Loaded {
    let mut sources = Sources::default();
    sources.add("thresholds.edn".to_string(), text.to_string());
    check(sources, &Fixed(environment.iter().copied().collect()), unset)
}

#[test]
fn variables_and_files_stand_for_texts_and_numbers() {
    let environment = [("LIMIT", "250"), ("SERVICE", "web"), ("/run/limit", "99.5\n"), ("PATTERN", "^5")];
    for (text, id, limit) in [
        (p99("{:<= #env \"LIMIT\" :interval 600}"), r#"[:percentiles "query-service response" 0.99 600]"#, "250"),
        (p99("{:<= #env [\"X\" \"100\"] :interval 600 :name \"a\"}"), "a", "100"),
        (p99("{:<= #env [\"LIMIT\" \"100\"] :interval 600 :name \"a\"}"), "a", "250"),
        (p99("{:<= #file \"/run/limit\" :interval 600 :name \"a\"}"), "a", "99.5"),
        ("{:percentiles {#env \"SERVICE\" {0.5 {:< 1 :interval 60}}}}".into(), r#"[:percentiles "web" 0.5 60]"#, "1"),
        (pattern("#re #env \"PATTERN\""), r#"[:histograms "http" :path #re "^5" :count 60]"#, "0"),
        (condition("(= host #env \"SERVICE\")"), r#"[:percentiles "query-service response" 0.99 600]"#, "100"),
    ] {
        let loaded = with(&environment, &text, Unset::Error);
        compare(&text, &loaded, &[]);
        let threshold = &loaded.plan.expect("no fault").thresholds[0];
        assert_eq!((threshold.id.as_str(), threshold.bounds[0].limit.to_string().as_str()), (id, limit), "{text}");
    }
}

#[test]
fn what_is_not_set_is_a_warning_for_check_and_an_error_for_run() {
    for (text, warning, error, thresholds) in [
        (p99("{:<= #env \"LIMIT\" :interval 600}"), "W003", "T027", 0),
        (p99("{:<= 5 :> #env \"LIMIT\" :interval 600}"), "W003", "T027", 0),
        (p99("{:<= #file \"/run/limit\" :interval 600}"), "W004", "T028", 0),
        (p99("{:<= 100 :interval 600 :description #env \"D\"}"), "W003", "T027", 1),
        (p99("{:<= 100 :interval #env \"I\"}"), "W003", "T027", 0),
        (condition("(= host #env \"HOST\")"), "W003", "T027", 0),
        ("{:percentiles {#env \"S\" {0.5 {:< 1 :interval 60}}}}".into(), "W003", "T027", 0),
    ] {
        let loaded = with(&[], &text, Unset::Warning);
        compare(&text, &loaded, &[(warning, "")]);
        assert_eq!(loaded.plan.expect("only a warning").thresholds.len(), thresholds, "{text}");
        compare(&text, &with(&[], &text, Unset::Error), &[(error, "")]);
    }
}

#[test]
fn a_secret_is_in_no_message() {
    let secret = "hunter2–9";
    let number = "31337";
    let environment = [("S", secret), ("N", number), ("/s", secret), ("R", "h[unter2"), ("J", "(?=hunter2)")];
    for (text, codes) in [
        (p99("{:<= #env \"S\" :interval 600}"), vec!["T029"]),
        (p99("{:<= 5 :interval #file \"/s\"}"), vec!["T029"]),
        (p99("{:<= 5 :> #env \"N\" :interval 600}"), vec!["T049"]),
        (p99("{:<= 5 :< #env \"N\" :interval 600}"), vec!["W009"]),
        (ok("{:>= #env \"N\" :interval 600 :type :percentage}"), vec!["T047"]),
        (ok("{:<= #env \"N\" :interval 600 :type :percentage}"), vec!["T048"]),
        (p99("{:<= 5 :interval 600 :every #env \"N\"}"), vec!["T050"]),
        (p99("{:<= 5 :interval #env \"N\" :every 7}"), vec!["T050"]),
        (p99("{:<= 5 :interval #env \"N\" :forget 7}"), vec!["T052"]),
        (p99("{:<= 5 :interval 600 :for #env [\"X\" \"31337313373\"]}"), vec!["T025"]),
        (p99("{:<= 5 :interval #duration #env \"S\"}"), vec!["T036"]),
        (p99("{:<= 5 :interval #env [\"X\" \"31337000\"]}"), vec!["W005"]),
        (p99("{:<= 5 :interval 600 :where (< metric #env \"S\")}"), vec!["T079"]),
        (p99("[{:<= 5 :interval 600 :name #env \"S\"} {:<= 5 :interval 60 :name #env \"S\"}]"), vec!["T007"]),
        ("{:percentiles {\"q\" {#env \"N\" {:<= 5 :interval 600}}}}".to_string(), vec!["T041"]),
        (pattern("#env \"R\""), vec!["T060"]),
        (pattern("#re #env \"J\""), vec!["T061"]),
    ] {
        let loaded = with(&environment, &text, Unset::Error);
        let found: Vec<&str> = loaded.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(found, codes, "{text}\n{:#?}", loaded.diagnostics);
        for part in ["hunter2", number] {
            // The sources are the user's own text, which has only names and defaults.
            let said = format!("{:?}", loaded.diagnostics);
            assert!(!said.contains(part), "{text}\n{said}");
        }
    }
    for option in [":name", ":description", ":severity", ":runbook"] {
        let text = p99(&format!("{{:<= 5 :interval 600 {option} #file \"/s\"}}"));
        compare(&text, &with(&environment, &text, Unset::Error), &[("T030", "shown in output")]);
    }
    compare("", &with(&environment, "{:instance #file \"/s\"}", Unset::Error), &[("T030", "shown in output")]);
    compare("", &with(&environment, &pattern("#re #file \"/s\""), Unset::Error), &[("T030", "shown in output")]);
}

#[test]
fn tags_have_their_own_form() {
    for (value, phrase) in [("#env 5", "#env \"NAME\""), ("#env []", "default"), ("#file [\"a\"]", "/run/secrets")] {
        faults(&p99(&format!("{{:<= {value} :interval 600}}")), &[("T026", phrase)]);
    }
}

/// Checks several files.
fn files(texts: &[&str]) -> Loaded {
    let mut sources = Sources::default();
    for (index, text) in texts.iter().enumerate() {
        sources.add(format!("{index}.edn"), text.to_string());
    }
    check(sources, &Fixed(HashMap::new()), Unset::Warning)
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
fn limits_are_numbers_above_zero() {
    faults("{:limits {:groups 0}}", &[("T025", "from 1 to")]);
    faults("{:limits {:groups \"5\"}}", &[("T021", "write `5`, without quotes")]);
    faults("{:limits 5}", &[("T021", "a map of limits")]);
}
