//! Lines that give no event.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

#[test]
fn every_refused_line_is_kept_byte_for_byte_and_the_first_of_each_cause_is_shown() {
    let bad: [&[u8]; 7] = [
        b"{\"service\":\"q\",\"metric\":1}",
        b"{\"service\":\"q\",\"metric\":2,\"time\":\"yesterday\"}",
        b"{\"service\":\"q\",\"metric\":3,\"time\":1700000000123}",
        b"{\"service\":\"q\",\"metric\":4,\"time\":",
        b"\xff\xfe \x1b[31m\ttext of nobody knows what  ",
        b"{\"service\":\"\xc3\x28\"}",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ];
    let mut all = events(0, 300, r#""metric":85,"status-code":200"#).into_bytes();
    for line in bad {
        all.extend(line);
        all.push(b'\n');
    }
    all.extend(events(300, 300, r#""metric":85,"status-code":200"#).bytes());
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", &all)]);
    let ran = folder.run("replay -c t.edn --rejects rejects e.json");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let kept = fs::read(folder.0.join("rejects")).expect("was written");
    assert_eq!(kept, [bad.join(&b'\n'), b"\n".to_vec()].concat());
    for said in [
        "e.json:301: no `time`: give each event its time, in seconds since 1970 or as RFC 3339 (the first line refused by this cause)\n",
        "e.json:302: the time `yesterday` is neither seconds since 1970 nor RFC 3339",
        "e.json:303: 1700000000123 looks like milliseconds; `time` is in seconds",
        "e.json:304: ",
    ] {
        assert_eq!(ran.err.matches(said).count(), 1, "{said}\n{}", ran.err);
    }
    assert!(!ran.err.contains("e.json:306"), "only the first of a cause is said: {}", ran.err);
    for counted in ["600 events, ", "2 lines refused: no time\n", "1 line refused: time not understood\n"] {
        assert!(ran.out.contains(counted), "{counted}\n{}", ran.out);
    }
    let refused: u64 = ran
        .out
        .lines()
        .filter_map(|line| line.split_once(" lines refused: ").or(line.split_once(" line refused: ")))
        .map(|(count, _)| count.parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(refused, bad.len() as u64);
}

#[test]
fn times_of_too_many_digits_or_of_none_are_refused() {
    let log = "10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 512\n";
    let files = [
        ("digits.json", event(0.0, r#""metric":1"#) + "{\"service\":\"q\",\"time\":9999999999999999999}\n"),
        ("digits.edn", "{:service \"q\" :time 1700000000}\n{:service \"q\" :time 9999999999999999999}\n".to_owned()),
        ("none.log", log.to_owned() + &log.replace(":13:20", ":~3:20")),
    ];
    for (name, text) in files {
        let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), (name, text.as_bytes())]);
        let ran = folder.run(&format!("replay -c t.edn {name}"));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains("\n1 event, ") && ran.out.contains("\n1 line refused: "), "{}", ran.out);
    }
}

#[test]
fn more_refused_lines_than_allowed_are_an_exit_code() {
    let all = events(0, 300, r#""metric":85"#) + "what\nis\nthis\n";
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
    for (arguments, code) in [("", 0), ("--max-rejects 3", 0), ("--max-rejects 2", 1), ("--max-rejects 0", 1)] {
        assert_eq!(folder.run(&format!("replay -c t.edn e.json {arguments}")).code, Some(code), "{arguments}");
    }
}

#[test]
fn an_event_ahead_of_the_clock_is_refused() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let at = |seconds: u64| format!("{{\"service\":\"q\",\"metric\":1,\"time\":{}}}\n", now + seconds);
    let all = event(0.0, r#""metric":85"#) + &at(7200) + &at(0) + &at(30) + &at(7201);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn e.json --rejects rejects");
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out.contains("\n3 events, ") && ran.out.contains("\n2 lines refused: ahead of the clock\n"),
        "{}",
        ran.out
    );
    assert!(ran.err.starts_with("e.json:2: ") && ran.err.contains("by more than `:max-skew` (1 min)"), "{}", ran.err);
    assert_eq!(fs::read_to_string(folder.0.join("rejects")).expect("was written"), at(7200) + &at(7201));

    folder.put("t.edn", ARTICLE.replace("{:percentiles", "{:max-skew 10000 :percentiles").as_bytes());
    let ran = folder.run("replay -c t.edn e.json");
    assert!(ran.out.contains("\n5 events, "), "{}", ran.out);
}

#[test]
fn a_line_longer_than_the_limit_is_refused_and_the_next_is_read() {
    let thresholds = ARTICLE.replace("{:percentiles", "{:limits {:line-bytes 5000} :percentiles");
    let long = event(1.0, &format!(r#""metric":85,"text":"{}""#, "x".repeat(300_000)));
    let all = event(0.0, r#""metric":85"#) + &long + &event(2.0, r#""metric":85"#);
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn e.json --rejects rejects");
    assert!(ran.out.contains("\n2 events, ") && ran.out.contains("\n1 line refused: too long\n"), "{}", ran.out);
    assert!(
        ran.err.starts_with("e.json:2: longer than 5000 bytes; `:limits {:line-bytes …}` allows more"),
        "{}",
        ran.err
    );
    let kept = fs::read_to_string(folder.0.join("rejects")).expect("was written");
    assert!(kept.len() < 5000 && long.starts_with(kept.trim_end()), "the beginning of it");
}

#[test]
fn above_one_percent_a_cause_is_a_warning() {
    for (bad, warns) in [(4, false), (5, true)] {
        let all = events(0, 398, r#""metric":85"#) + &"what is this\n".repeat(bad);
        let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
        let ran = folder.run("replay -c t.edn e.json");
        assert_eq!(
            ran.err.contains("warning: 1.2 % of the lines were refused: not understood\n"),
            warns,
            "{}",
            ran.err
        );
    }
}
