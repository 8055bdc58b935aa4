//! Live time: what waits is never late, what is late or ahead is counted by host.

use std::time::Duration;

use rustix::process::Signal;

use super::*;

#[test]
fn what_waited_while_the_process_was_stopped_is_not_late() {
    let thresholds = r#"{:grace 0.2 :histograms {"q" {:status-code {"^2" {:< 1000000 :interval 1 :type :count}}}}}"#;
    let daemon = Daemon::start(thresholds, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    connection.send(vec![event(1)]);
    let before = metric(&daemon, "highwater_threshold_judged_windows_total");
    daemon.signal(Signal::STOP);
    // An event each 100 ms over windows that end while nobody reads: of a connection that waits to be accepted too.
    let began = now_micros();
    let mut waiting = Connection::to(daemon.tcp.unwrap());
    let frames = |i: i64| {
        let timed = Event { time_micros: Some(began + i * 100_000), ..event(i) };
        framed(&Msg { events: vec![timed; 100], ..Msg::default() })
    };
    for i in 0..30 {
        connection.write(&frames(i));
        waiting.write(&frames(i));
        std::thread::sleep(Duration::from_millis(100));
    }
    daemon.signal(Signal::CONT);
    for _ in 0..30 {
        assert_eq!(connection.read().ok, Some(true));
        assert_eq!(waiting.read().ok, Some(true));
    }
    let state = state(&daemon);
    assert_eq!((&state["late"], &state["counted"]), (&0.into(), &6001.into()), "{state}\n{}", daemon.log());
    assert!(metric(&daemon, "highwater_threshold_judged_windows_total") >= before);
    assert_eq!(metric(&daemon, "highwater_clock_jumps_total"), 0.0, "{}", daemon.log());
}

#[test]
fn a_stop_with_nothing_to_read_leaves_the_time_unwatched() {
    let thresholds = r#"{:grace 0 :histograms {"q" {:status-code {"^2" {:> 0 :interval 7 :type :count}}}}}"#;
    let daemon = Daemon::start(thresholds, &[]);
    daemon.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(6500));
    daemon.signal(Signal::CONT);
    assert!(daemon.logs("the time between is unwatched", PATIENCE), "{}", daemon.log());
    // A window that is watched throughout ends at most 14 s later, and its silence is told.
    let transition = daemon.line(PATIENCE).expect("silence");
    assert_eq!(transition["watched"], 1.0, "{transition}");
    assert!(metric(&daemon, "highwater_unwatched_seconds_total") > 5.0);
}

#[test]
fn late_and_skewed_events_are_counted_by_host_and_warned_about_once() {
    let daemon = Daemon::start(LONG, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let from = |host: &str, seconds: i64| Event { host: Some(host.as_bytes().to_vec()), ..event_at(seconds, 1) };
    let two_days = 2 * 86_400;
    connection.send(vec![from("slow", -two_days), from("slow", -two_days), from("fast", 3600), from("right", 0)]);
    assert!(daemon.logs("slow (2)", PATIENCE), "{}", daemon.log());
    assert!(daemon.logs("fast (1)", PATIENCE), "{}", daemon.log());
    for (labels, count) in
        [(r#"{host="slow",cause="late"}"#, 2.0), (r#"{host="fast",cause="ahead"}"#, 1.0), (r#"host="right""#, 0.0)]
    {
        assert_eq!(metric_with(&daemon, "highwater_untimely_host_events_total", labels), count, "{labels}");
    }
    let state = state(&daemon);
    assert_eq!((&state["counted"], &state["late"]), (&1.into(), &2.into()));
}

#[test]
fn a_source_without_a_good_clock_is_dated_by_its_arrival() {
    let thresholds = format!(r#"{{:server {{:tcp {{:address "127.0.0.1:0" :time :arrival}}}} {}"#, &LONG[1..]);
    let daemon = Daemon::start(&thresholds, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    connection.send(vec![event_at(-1_000_000, 1), event_at(1_000_000, 1), event(1)]);
    assert_eq!(state(&daemon)["counted"], 3);
    assert_eq!(metric(&daemon, "highwater_ahead_events_total"), 0.0);
}

#[test]
fn a_check_waits_as_long_as_its_own_grace_says() {
    let thresholds = r#"{:grace 3600 :percentiles {"q" {0.5 [{:<= 100 :interval 1 :grace 0 :name "at once"}
                                                            {:<= 100 :interval 1 :name "patient"}]}}}"#;
    let daemon = Daemon::start(thresholds, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let deadline = std::time::Instant::now() + PATIENCE;
    let transition = loop {
        connection.send(vec![event(143)]);
        match daemon.line(Duration::from_millis(50)) {
            Some(transition) => break transition,
            None => assert!(std::time::Instant::now() < deadline, "{}", daemon.log()),
        }
    };
    assert_eq!(transition["threshold"], "at once");
}
