//! Quantiles, bounds, times and options.

use super::*;

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
fn a_limit_written_as_elsewhere_leads_to_the_limit() {
    for (bound, code, phrase) in [
        (":<= 1,000", "E060", "write `1000`"),
        (":<= 1,000,000", "E060", "write `1000000`"),
        (":<= 1,500", "E060", "write `1500`"),
        (":<= 0,95", "E060", "write `0.95`"),
        (":<= 0,05", "E060", "write `0.05`"),
        (":<= 1,5", "E060", "write `1.5`"),
        (":<= 1,234,567", "T003", "a comma between digits is a blank"),
        (":≤ 100", "E036", "write `:<=`"),
        (":≥ 1 :<= 100", "E036", "write `:>=`"),
        (":≠ 100", "E036", "write `:not=`"),
        (":threshold 100", "T001", "write a comparator with its limit, such as `:<= 100`"),
        (":limit 100", "T001", "write a comparator"),
        (":value 100", "T001", "write a comparator"),
    ] {
        faults(&p99(&format!("{{{bound} :interval 600}}")), &[(code, phrase)]);
    }
    faults(&p99("{:<= 100 :interval 600 :labels {:a 1,2 3}}"), &[("T021", "")]);
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
    for text in ["{:<= -5 :interval 60}", "{:> 100000 :< 200000 :interval 60}", "{:= 1.5 :interval 60}"] {
        faults(&p99(text), &[]);
    }
    faults(&share(":>= 0 :<= 0.5"), &[("W008", "leave it out")]);
}

#[test]
fn bounds_that_read_like_an_alert_are_a_lint() {
    let share = |pattern: &str, bound: &str| {
        let check = format!("{{{bound} :interval 600 :type :percentage}}");
        format!("{{:histograms {{\"query-service response\" {{:status-code {{\"{pattern}\" {check}}}}}}}}}")
    };
    let message = "a check says what is fine; this one is violated when p99 is at most 250";
    faults(&p99("{:> 250 :interval 600}"), &[("W022", message)]);
    faults(&p99("{:> 250 :interval 600}"), &[("W022", "for an alert above 250 write `:<= 250`")]);
    faults(&p99("{:>= 250 :interval 600}"), &[("W022", "for an alert at 250 and above write `:< 250`")]);
    faults(&p99("{:>= 250 :interval 600 :metric :response-time}"), &[("W022", "when p99 is below 250")]);
    faults(&p99("{:>= 250 :interval 600 :metric :size}"), &[]);
    faults("{:percentiles {\"q\" {0.01 {:>= 250 :interval 600}}}}", &[]);
    for pattern in ["^5", "^5..$", "^(4|5)", "^[45]", "error", "FAILED"] {
        faults(&share(pattern, ":> 0.05"), &[("W023", "for an alert above 0.05 write `:<= 0.05`")]);
        faults(&share(pattern, ":> 0.05 :< 0.5"), &[]);
    }
    for pattern in ["^2", "^[^5]", ".*"] {
        faults(&share(pattern, ":>= 0.95"), &[]);
    }
    for bound in [":> 0.5", ":<= 0.05", ":< 0.5", ":>= 0.95"] {
        let text = ok(&format!("{{{bound} :interval 600 :type :count}}"));
        faults(&text, &[("W021", "write `:type :percentage` for a share")]);
    }
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
        (option(":for #duration \"10m\""), "T015", "`:for` counts windows in a row, and this is a time"),
        (option(":for \"10m\""), "T015", "such as `:for 3`"),
        (option(":recover 10m"), "E048", "`:recover` counts windows in a row and takes no time"),
        (option(":min-count 10m"), "E048", "`:min-count 10`"),
        (option(":min-count \"10m\""), "T015", "`:min-count` counts events"),
        (option(":severity page"), "T021", "write `\"page\"`"),
        (option(":description \"It's \"slow\"\""), "T014", "a quote inside a text is"),
        (option(":description \"x \"a\" or \"b\"\""), "T014", "a quote inside a text is"),
        (option(":description \"the \"slow one\" here\""), "E061", r#"write `"the \"slow one\" here"`"#),
        (option(":annotations {}"), "T001", "write `:description"),
        (option(":groupBy [:host]"), "T001", "did you mean `:by`?"),
        (option(":group-by [:host]"), "T001", "did you mean `:by`?"),
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
