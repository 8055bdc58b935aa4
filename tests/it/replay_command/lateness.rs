//! What was read but not counted: too late, above a limit, no number. And how late an event may be.

use serde_json::Value as Json;

use super::*;

#[test]
fn late_events_are_counted_and_above_one_percent_a_warning() {
    let thresholds = r#"{:percentiles {"q" {0.5 {:<= 100 :interval 10}}}}"#;
    for (late, warns) in [(3, false), (4, true)] {
        let all = events(0, 300, r#""metric":85"#) + &events(100, late, r#""metric":85"#);
        let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", all.as_bytes())]);
        let ran = folder.run("replay -c t.edn e.json");
        assert_eq!(ran.code, Some(0));
        let counted =
            format!("\n{late} events not counted for [:percentiles \"q\" 0.5 10]: too late, by up to 3 min 10 s\n");
        assert!(ran.out.contains(&counted), "no {counted} in\n{}", ran.out);
        let warning = "warning: 1.3 % of the events for [:percentiles \"q\" 0.5 10] were too late, by up to 3 min 10 s: raise `:grace`\n";
        assert_eq!(ran.err.contains(warning), warns, "{}", ran.err);
    }
}

#[test]
fn a_metric_that_is_no_number_is_dropped_and_counted_and_its_event_stays() {
    let all =
        events(0, 300, r#""metric":85,"status-code":200"#) + &events(300, 310, r#""metric":"NaN","status-code":200"#);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn e.json");
    assert_eq!(told(&ran.out), [""; 0], "there was traffic");
    let said = "\n310 events not counted for [:percentiles \"q\" 0.99 600]: `:metric` is no number\n";
    assert!(ran.out.contains(said), "{}", ran.out);
    assert!(ran.err.contains("% of the events for [:percentiles"), "{}", ran.err);
}

#[test]
fn groups_above_the_limit_are_counted_and_reported() {
    let thresholds = r#"{:limits {:groups 2} :percentiles {"q" {0.5 {:<= 100 :interval 10 :by [:host]}}}}"#;
    let hosts = |at: i64| -> String {
        ["a", "b", "c"].map(|host| event(at as f64, &format!(r#""metric":143,"host":"{host}""#))).concat()
    };
    let all: String = (0..20).map(hosts).collect();
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn --whole e.json");
    assert_eq!(told(&ran.out), ["22:10:10 violation"; 2]);
    let id = "[:percentiles \"q\" 0.5 10]";
    assert!(ran.out.contains(&format!("\n20 events not counted for {id}: above 2 groups\n")), "{}", ran.out);
    assert!(ran.out.contains("in 2 groups at the end"), "{}", ran.out);
    let warning = format!("warning: 20 events were left out of {id}: above 2 groups (`:limits {{:groups N}}`)\n");
    assert_eq!(ran.err, warning);
}

#[test]
fn without_memory_for_sketches_values_are_null_and_verdicts_the_same() {
    let all =
        events(0, 600, r#""metric":85"#) + &events(600, 600, r#""metric":143"#) + &events(1200, 610, r#""metric":9"#);
    let bounded = ARTICLE.replace("{:percentiles", "{:limits {:sketch-bytes 1} :percentiles");
    let folder =
        Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("s.edn", bounded.as_bytes()), ("e.json", all.as_bytes())]);
    let transitions = |config: &str| -> Vec<Json> {
        let ran = folder.run(&format!("replay -c {config} --format json e.json"));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    };
    let (mut with, mut without) = (transitions("t.edn"), transitions("s.edn"));
    assert_eq!(with.len(), without.len());
    let mut percentiles = 0;
    for (with, without) in with.iter_mut().zip(&mut without) {
        if with["kind"] == "percentile" {
            percentiles += 1;
            assert!(with["value"].is_f64() && without["value"].is_null(), "{without}");
        }
        for changing in ["value", "summary"] {
            with[changing] = Json::Null;
            without[changing] = Json::Null;
        }
        assert_eq!(with, without);
    }
    assert_eq!(percentiles, 2);
}

#[test]
fn a_format_stamped_at_the_start_has_a_grace_of_two_intervals_unless_one_is_set() {
    let line = |second: i64, status: u16| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "10.0.0.1 - - [14/Nov/2023:22:{minute:02}:{second:02} +0000] \"GET /api/v1/items HTTP/1.1\" {status} 512 \"-\" \"curl/8.5.0\"\n"
        )
    };
    // A download that began at 22:00:15 was logged when it had failed at 22:01:30.
    let steady = |from: i64, to: i64| (from..to).map(|second| line(second, 200)).collect::<String>();
    let log = steady(0, 90) + &line(15, 500) + &steady(90, 240);
    let check = |grace: &str, own: &str| {
        let check = format!("{{:<= 0 :interval 60 :type :percentage{own}}}");
        format!(r#"{{{grace} :histograms {{"http" {{:status-code {{"^5" {check}}}}}}}}}"#)
    };
    let thresholds = |grace: &str| check(grace, "");
    let folder = Folder::with(&[
        ("own.edn", thresholds("").as_bytes()),
        ("set.edn", thresholds(":grace 5").as_bytes()),
        ("check.edn", check("", " :grace 5").as_bytes()),
        ("both.edn", check(":grace 5", " :grace 120").as_bytes()),
        ("access.log", log.as_bytes()),
    ]);
    for (arguments, transitions, late) in [
        ("-c own.edn", &["22:01:00 violation", "22:02:00 ok"][..], false),
        ("-c own.edn --log-format combined", &["22:01:00 violation", "22:02:00 ok"][..], false),
        ("-c set.edn", &[][..], true),
        ("-c check.edn", &[][..], true),
        ("-c both.edn", &["22:01:00 violation", "22:02:00 ok"][..], false),
        ("-c set.edn --log-format combined", &[][..], true),
    ] {
        let ran = folder.run(&format!("replay {arguments} access.log"));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(told(&ran.out), transitions, "{arguments}");
        assert_eq!(ran.out.contains("1 event not counted for "), late, "{arguments}: {}", ran.out);
    }
}

#[test]
fn a_format_stamped_at_the_end_has_the_usual_grace() {
    let log = |second: i64, status: u16| {
        let (minute, second) = (second / 60, second % 60);
        format!("10.0.0.1 - - [14/Nov/2023:22:{minute:02}:{second:02} +0000] \"GET / HTTP/1.1\" {status} 9 0.002\n")
    };
    let all = (0..90).map(|second| log(second, 200)).collect::<String>() + &log(15, 500) + &log(91, 200);
    let thresholds = r#"{:histograms {"http" {:status-code {"^5" {:<= 0 :interval 60 :type :percentage}}}}}"#;
    let format = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent $request_time";
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("access.log", all.as_bytes())]);
    let ran = run(&mut highwater(&folder.0, &["replay", "-c", "t.edn", "--log-format", format, "access.log"]), b"");
    assert_eq!((ran.code, told(&ran.out)), (Some(0), vec![]), "{}", ran.err);
    assert!(ran.out.contains("1 event not counted for ") && ran.out.contains("too late, by up to "), "{}", ran.out);
}
