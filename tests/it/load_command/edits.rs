//! A configuration that is edited between runs: no line is counted twice, none is lost.

use super::desk::{Desk, Numbers, Points, line, lines};

/// Runs under one configuration after the other, with lines for the windows of before, too.
fn check(desk: &Desk, configurations: &[&str]) {
    let mut points = Points::default();
    let mut total = 0;
    for (run, configuration) in (0..).zip(configurations) {
        desk.configure(configuration);
        // Each window is open under several of them.
        let from = 1_000 + run * 15;
        desk.append("access.log", &(lines(from - 40..from, "/a") + &lines(from..from + 15, "/b")));
        total += 55;
        desk.tick(&mut points);
        assert_eq!(points.sum("count"), f64::from(total), "{run}: {configuration}");
    }
}

#[test]
fn counts_stay_exact_whatever_is_edited() {
    let stat = ":stats {:t {:field :body-bytes-sent :sum true :percentiles [0.5]}}";
    let other = ":stats {:t {:field :status-code :sum true} :u {:field :body-bytes-sent :max true}}";
    for (name, configurations) in [
        ("record", &["", ":record {}", ":record {:path :path :class (subs :status-code 0 1)}", ":record {}", ""][..]),
        ("dropped", &["", ":record {:path :path :x nil}", ":record (if (= :path \"/a\") {} {:path :path})", ""]),
        (
            "interval",
            &[":interval 60", ":interval 300", ":interval 60", ":interval 3600", ":interval 60", ":interval 7"],
        ),
        ("measurement", &["", ":measurement \"m\"", "", ":measurement \"m\"", ":measurement \"n\"", ""]),
        ("tags", &["", ":tags {:host \"g\"}", "", ":tags {:host \"h\" :dc \"x\"}", ""]),
        ("stats", &["", stat, other, "", stat]),
        ("lateness", &[":lateness 0", ":lateness 600", ":lateness 0", ":lateness 600"]),
        ("all", &["", ":interval 300 :measurement \"m\"", ":record {}", ":interval 300", ":measurement \"m\"", ""]),
    ] {
        let desk = Desk::new(&format!("edited-{name}"));
        check(&desk, configurations);
    }
}

#[test]
fn a_stat_that_stays_goes_on_when_others_come_and_go() {
    let desk = Desk::new("stat");
    let bytes = ":bytes {:field :body-bytes-sent :sum true :percentiles [0.5 0.99]}";
    let status = ":a {:field :status-code :min true}";
    let mut points = Points::default();
    for (configuration, from) in [(bytes, 0), (&format!("{bytes} {status}"), 20), (bytes, 40)] {
        desk.configure(&format!(":stats {{{configuration}}}"));
        desk.append("access.log", &lines(from..from + 20, "/a"));
        desk.tick(&mut points);
    }
    let of = |field| points.get("web,host=h,path=/a", 0, field);
    assert_eq!((of("count"), of("bytes_sum"), of("bytes_p99")), (Some(60.0), Some(300.0), Some(5.0)));
    assert_eq!(of("a_min"), Some(200.0), "that of the time when it was there");
}

#[test]
fn counts_stay_exact_under_random_edits() {
    for seed in 0..6 {
        let desk = Desk::new(&format!("random-{seed}"));
        let mut numbers = Numbers(seed);
        let mut points = Points::default();
        let (mut total, mut now) = (0, 1_000);
        let mut entries = String::new();
        for _ in 0..30 {
            if numbers.below(2) == 0 {
                let mut choose = |choices: &[&str]| choices[numbers.below(choices.len() as u64) as usize].to_string();
                entries = [
                    choose(&["", ":record {}", ":record {:path (subs :path 0 2)}"]),
                    choose(&[":interval 60", ":interval 300", ":interval 10"]),
                    choose(&["", "", ":measurement \"m\""]),
                    choose(&["", "", ":tags {:host \"g\"}"]),
                    choose(&["", ":stats {:t {:field :body-bytes-sent :sum true}}"]),
                    choose(&["", ":lateness 0", ":lateness 900"]),
                ]
                .join(" ");
            }
            desk.configure(&entries);
            let mut text = String::new();
            for _ in 0..numbers.below(60) {
                now += numbers.below(8) as i64;
                let early = if numbers.below(5) == 0 { numbers.below(900) as i64 } else { 0 };
                text.push_str(&line(now - early, &format!("/{}", numbers.below(30)), 200, 5));
                total += 1;
            }
            desk.append("access.log", &text);
            desk.tick(&mut points);
            assert_eq!(points.sum("count"), f64::from(total), "seed {seed}, {entries}");
        }
    }
}
