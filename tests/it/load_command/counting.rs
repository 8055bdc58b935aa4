//! What becomes of lines: windows, tags, stats, and those that count for nothing.

use std::collections::BTreeMap;

use super::desk::{Desk, Numbers, Points, Ran, START, line, lines};

#[test]
fn a_line_for_a_window_that_was_let_go_of_is_set_apart_and_counted() {
    let desk = Desk::new("late");
    desk.configure(":lateness 0");
    let mut points = Points::default();
    desk.write("access.log", lines(0..60, "/a") + &lines(300..310, "/a"));
    desk.tick(&mut points);
    desk.append("access.log", &(lines(30..37, "/a") + &lines(310..315, "/a")));
    let Ran { code, out, err } = desk.load(&["-v"]);
    assert_eq!(code, 0);
    assert!(err.contains("12 lines of 1 file (0.0 MB), 7 late, 2 points"), "{err}");
    points.take(&out);
    assert_eq!(points.get("web,host=h,path=/a", 0, "count"), Some(60.0), "what was sent stays");
    assert_eq!((points.sum("count"), points.apart()), (82.0, 1));
    // The same again is a point of its own again.
    desk.append("access.log", &lines(30..33, "/a"));
    desk.tick(&mut points);
    assert_eq!((points.sum("count"), points.apart()), (85.0, 2));
}

#[test]
fn a_line_within_the_lateness_belongs_to_its_window() {
    let desk = Desk::new("lateness");
    desk.configure(":lateness 240");
    let mut points = Points::default();
    desk.write("access.log", lines(0..60, "/a") + &lines(295..299, "/a"));
    desk.tick(&mut points);
    desk.append("access.log", &lines(30..37, "/a"));
    desk.tick(&mut points);
    assert_eq!(points.get("web,host=h,path=/a", 0, "count"), Some(67.0));
    // One second more, and the lateness is over.
    desk.append("access.log", &lines(300..301, "/a"));
    desk.tick(&mut points);
    desk.append("access.log", &lines(30..33, "/a"));
    desk.tick(&mut points);
    assert_eq!((points.get("web,host=h,path=/a", 0, "count"), points.apart()), (Some(67.0), 1));
    assert_eq!(points.sum("count"), 75.0);
}

#[test]
fn lines_ahead_of_the_clock_are_refused() {
    let desk = Desk::new("ahead");
    desk.configure(":max-rejects 1");
    let ahead = line(5, "/a", 200, 5).replace("2024", "2090");
    desk.write("access.log", lines(0..10, "/a") + &ahead + &lines(10..20, "/a"));
    let Ran { code, out, err } = desk.load(&["-v"]);
    assert_eq!((code, Points::of(&out).sum("count")), (0, 20.0));
    assert!(err.contains("1 line refused (ahead of the clock), the first: access.log:11: "), "{err}");
    desk.append("access.log", &lines(20..30, "/a"));
    assert_eq!(Points::of(&desk.load(&[]).out).sum("count"), 30.0, "its time closed no window");
}

#[test]
fn lines_that_are_not_understood_are_kept_with_their_place() {
    let desk = Desk::new("rejects");
    desk.configure(":max-rejects 1");
    let bad = ["GET / HTTP/1.1", &format!("\u{e9}\t\"{}", "x".repeat(5_000))];
    let good = lines(0..10, "/a");
    desk.write("access.log", format!("{good}{}\n{good}{}\n", bad[0], bad[1]));
    assert_eq!(desk.load(&[]).code, 0);
    let rejects: Vec<serde_json::Value> =
        desk.read("state/web.rejects").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rejects.len(), 2);
    for (reject, offset) in rejects.iter().zip([good.len(), 2 * good.len() + bad[0].len() + 1]) {
        assert_eq!((reject["file"].as_str(), reject["offset"].as_u64()), (Some("access.log"), Some(offset as u64)));
        assert!(reject["why"].as_str().is_some_and(|why| !why.is_empty()));
    }
    assert_eq!(rejects[0]["line"].as_str(), Some(bad[0]));
    let kept = rejects[1]["line"].as_str().expect("a text");
    assert!(kept.len() <= 4_096 && bad[1].starts_with(kept), "the beginning of a long line");
}

#[test]
fn the_file_of_rejects_is_bounded() {
    let desk = Desk::new("bounded");
    desk.configure(":max-rejects 1");
    desk.write("access.log", lines(0..1, "/a"));
    desk.load(&[]);
    let bad = format!("{}\n", "x".repeat(2_000)).repeat(1_800);
    for _ in 0..6 {
        desk.append("access.log", &bad);
        assert_eq!(desk.load(&[]).code, 0);
    }
    let sizes: Vec<u64> = desk
        .names("state")
        .iter()
        .filter(|name| name.contains("rejects"))
        .map(|name| desk.path("state").join(name).metadata().expect("there").len())
        .collect();
    assert_eq!(sizes.len(), 2, "{:?}", desk.names("state"));
    assert!(sizes.iter().all(|size| *size <= 8 << 20) && sizes.iter().sum::<u64>() > 8 << 20, "{sizes:?}");
}

#[test]
fn more_rejects_than_allowed_are_a_finding() {
    let said = "highwater: web: 1 line refused (not understood), the first: access.log:20: ";
    for (limit, code) in [("0.05", 0), ("0.049", 1), ("0", 1), ("1", 0)] {
        let desk = Desk::new(&format!("limit-{limit}"));
        desk.configure(&format!(":max-rejects {limit}"));
        desk.write("access.log", lines(0..19, "/a") + "no line\n");
        let ran = desk.load(&[]);
        assert_eq!(ran.code, code, "one of twenty, and {limit} are allowed");
        assert_eq!(Points::of(&ran.out).sum("count"), 19.0);
        assert_eq!(ran.err.is_empty(), code == 0, "{}", ran.err);
        if code == 1 {
            let lines: Vec<&str> = ran.err.lines().collect();
            assert!(lines[0].starts_with(said), "{}", ran.err);
            assert_eq!(lines[1], "highwater: web: all are in state/web.rejects");
            assert_eq!(lines[2], "highwater: web: 1 of 20 lines were refused, more than `:max-rejects` allows");
        }
        assert_eq!(desk.load(&[]).code, 0, "they were taken, and are not refused again");
    }
}

#[test]
fn a_format_that_fits_nothing_takes_nothing() {
    let desk = Desk::new("unfit");
    desk.configure(":format :haproxy");
    desk.write("access.log", lines(0..100, "/a"));
    for _ in 0..2 {
        let Ran { code, out, err } = desk.load(&[]);
        assert_eq!((code, out.as_str()), (2, ""));
        let said = "highwater: web: none of 100 lines was understood, so nothing was taken; the first: access.log:1: ";
        assert!(err.contains(said), "{err}");
    }
    desk.configure("");
    let mut points = Points::default();
    desk.tick(&mut points);
    assert_eq!(points.sum("count"), 100.0);
}

#[test]
fn more_distinct_records_than_allowed_are_counted_together() {
    let desk = Desk::new("overflow");
    let text = |pipeline: &str| format!("{{:limits {{:groups 50}} :pipelines {{:web {{{pipeline}}}}}}}");
    desk.write("load.edn", text(&super::desk::whole("")));
    let all: String = (0..1_000).map(|n| line(n / 20, &format!("/{n}"), 200, 5)).collect();
    desk.write("access.log", all);
    let Ran { code, out, err } = desk.load(&[]);
    assert_eq!(code, 1);
    let said =
        "950 lines are counted under the tag `overflow`: there are more distinct records than `:limits {:groups …}`";
    assert!(err.contains(said), "{err}");
    let points = Points::of(&out);
    assert_eq!(points.sum("count"), 1_000.0);
    assert_eq!(points.get("web,host=h,overflow=true", 0, "count"), Some(950.0));
    assert_eq!(points.0.len(), 51);
    desk.append("access.log", &lines(50..60, "/7"));
    let mut points = points;
    points.take(&desk.load(&[]).out);
    assert_eq!(points.sum("count"), 1_010.0);
}

/// What a stat of these values is.
fn expected(values: &mut [f64]) -> BTreeMap<&'static str, f64> {
    values.sort_by(f64::total_cmp);
    let rank = |quantile: f64| values[(quantile * values.len() as f64).ceil() as usize - 1];
    let ends = [("t_min", values[0]), ("t_max", values[values.len() - 1])];
    let all =
        [("t_p50", rank(0.5)), ("t_p99", rank(0.99)), ("t_sum", values.iter().sum()), ("t_count", values.len() as f64)];
    all.into_iter().chain(ends).collect()
}

#[test]
fn stats_are_those_of_the_values() {
    let desk = Desk::new("stats");
    desk.configure(
        ":format \"$remote_addr [$time_local] \\\"$request\\\" $status $request_time\" :record {}
         :stats {:t {:field :request-time :percentiles [0.5 0.99] :sum true :min true :max true :count true}}",
    );
    let mut numbers = Numbers(7);
    let mut points = Points::default();
    let mut values: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    // The second window has few values, the others many.
    for run in 0..4 {
        let mut text = String::new();
        for second in run * 45..run * 45 + 45 {
            for _ in 0..if second / 60 == 1 { 1 } else { 60 } {
                let millis = numbers.below(3) * numbers.below(4_000) + numbers.below(9);
                let time = if millis.is_multiple_of(97) {
                    "-".to_string()
                } else {
                    format!("{}.{:03}", millis / 1000, millis % 1000)
                };
                text.push_str(&line(second, "/a", 200, 5).replace(" - - ", " ").replace(" 5\n", &format!(" {time}\n")));
                values.entry(second / 60).or_default().extend(time.parse::<f64>());
            }
        }
        desk.append("access.log", &text);
        desk.tick(&mut points);
    }
    assert_eq!(values.len(), 3);
    for (window, values) in &mut values {
        let of = |name: &str| points.get("web,host=h", window * 60, name).expect("there");
        let is_few = values.len() < 100;
        for (name, expected) in expected(values) {
            let tolerance = match name {
                "t_sum" => expected * 1e-9,
                "t_p50" | "t_p99" if !is_few => expected / 128.0,
                _ => 0.0,
            };
            assert!((of(name) - expected).abs() <= tolerance, "{name} of {window}: {} for {expected}", of(name));
        }
        let lines = if is_few { 60.0 } else { 3_600.0 };
        assert_eq!(of("count"), lines, "a line without a value is a line");
    }
}

#[test]
fn tags_are_those_of_the_record_else_of_the_pipeline_else_the_machine() {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for (entries, series) in [
        (":tags {} :record {}", format!("web,host={name}")),
        (":tags {:dc \"fra1\"} :record {}", format!("web,dc=fra1,host={name}")),
        (":tags {:host \"h\" :dc \"fra1\"} :record {}", "web,dc=fra1,host=h".to_string()),
        (":tags {:host \"h\" :dc \"fra1\"} :record {:dc :status-code}", "web,dc=200,host=h".to_string()),
        (":tags {:dc \"fra1\"} :record {:host :remote-addr :dc nil}", "web,dc=fra1,host=10.0.0.1".to_string()),
        (":record {:empty \"\" :none :unknown :path :path}", "web,host=h,path=/a".to_string()),
        (":record {:b \"1\" :a \"2\"} :measurement \"m\"", "m,a=2,b=1,host=h".to_string()),
    ] {
        let desk = Desk::new("tags");
        desk.configure(entries);
        desk.write("access.log", lines(0..3, "/a"));
        assert_eq!(desk.load(&[]).out, format!("{series} count=3i {START}000000000\n"), "{entries}");
    }
}
