//! Jumps of the clock: what nobody watched says nothing, no window is judged twice, no correct event is late.

use std::sync::Arc;

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Lane, Transition, Value, Watching};
use highwater::plan::{Number, Timestamp};

/// 2023-11-14T22:10:00Z.
const START: i64 = 1_699_999_800;
const SKEW: i64 = 60_000_000;

fn time(at: i64) -> Timestamp {
    Timestamp::from_micros((START + at) * 1_000_000).expect("in range")
}

/// A daemon's evaluator that watches from `at` on, and its lanes.
struct Live {
    evaluator: Evaluator,
    lanes: Vec<Lane>,
    out: Vec<Transition>,
    late: u32,
}

impl Live {
    fn from(at: i64, thresholds: &str) -> Live {
        let plan = config::from_text(thresholds).plan.expect(thresholds);
        let compiled = Compiled::new(Arc::new(plan));
        let evaluator = Evaluator::new(&compiled, Watching::From(time(at).micros()));
        Live { lanes: evaluator.lanes(2), evaluator, out: Vec::new(), late: 0 }
    }

    /// An event a second from one time up to another, each with this metric, while the clock goes with them.
    fn events(&mut self, from: i64, to: i64, metric: i64) {
        for at in from..to {
            self.event(at, metric);
            self.clock(at);
        }
    }

    fn event(&mut self, at: i64, metric: i64) {
        let mut event = Event::at(time(at));
        event.service = Value::text("q");
        event.metric = Value::Number(Number::Int(metric));
        self.late += u32::from(self.lanes[usize::from(at % 2 == 0)].observe(&event));
    }

    fn clock(&mut self, at: i64) {
        self.evaluator.advance(time(at), &mut self.lanes, &mut self.out);
    }

    fn unwatched(&mut self, from: i64, to: i64) {
        self.evaluator.unwatched(time(from), time(to));
    }

    fn set_back(&mut self, to: i64) {
        let mut lanes: Vec<&mut Lane> = self.lanes.iter_mut().collect();
        self.evaluator.set_back(time(to), SKEW, &mut lanes);
    }

    /// `seconds status count` of each transition so far.
    fn told(&self) -> Vec<String> {
        let seconds = |transition: &Transition| transition.end.micros() / 1_000_000 - START;
        self.out.iter().map(|t| format!("{} {} {}", seconds(t), t.to.name(), t.measured.count)).collect()
    }

    fn judged(&self) -> u64 {
        self.evaluator.report(0).1.judged
    }
}

const P50: &str = r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 10}}}}"#;
const HOPS: &str = r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 30 :every 10}}}}"#;
const TRAFFIC: &str = r#"{:grace 0 :histograms {"q" {:metric {".*" {:> 0 :interval 10 :type :count}}}}}"#;

#[test]
fn silence_that_nobody_watched_violates_nothing() {
    let mut live = Live::from(0, TRAFFIC);
    live.events(0, 25, 85);
    live.unwatched(25, 3605);
    live.clock(3605);
    live.events(3605, 3625, 85);
    assert_eq!((live.told(), live.late), (vec![], 0), "windows from 20 to 3610 were watched in part or not at all");
    live.clock(3640);
    assert_eq!(live.told(), ["3640 violation 0"], "watched silence does");
}

#[test]
fn a_status_outlives_what_nobody_watched() {
    let mut live = Live::from(0, P50);
    live.events(0, 12, 143);
    live.unwatched(12, 100);
    live.events(100, 106, 143);
    assert_eq!(live.told(), ["10 violation 10"]);
    live.events(106, 121, 85);
    assert_eq!(live.told(), ["10 violation 10", "120 ok 10"]);
}

#[test]
fn after_a_jump_there_and_back_no_event_is_late_and_no_window_is_judged_twice() {
    for (thresholds, judged) in [(P50, 33), (HOPS, 31)] {
        let mut live = Live::from(0, thresholds);
        live.events(0, 55, 85);
        let before = live.judged();
        // The clock is an hour ahead for 25 s. What senders with a right clock send is late then.
        live.unwatched(55, 3655);
        live.clock(3655);
        for at in 3655..3680 {
            live.clock(at);
        }
        assert_eq!(live.judged(), before, "{thresholds}: nothing was counted in watched time");
        live.set_back(80);
        live.late = 0;
        live.events(80, 420, 143);
        assert_eq!(live.late, 0, "{thresholds}: windows are open again");
        // Windows from 60 on are open again; those from 80 on are watched throughout and hold what was sent.
        assert_eq!(live.told().len(), 1, "{thresholds}: {:?}", live.told());
        assert_eq!(live.out[0].to.name(), "violation");
        assert_eq!(live.judged() - before, judged, "{thresholds}");
        // When the time comes that was passed before, these windows are not judged again.
        live.clock(3650);
        let judged = live.judged();
        live.events(3655, 3680, 85);
        assert_eq!(live.judged(), judged, "{thresholds}");
        live.events(3680, 3730, 85);
        assert!(live.judged() > judged, "{thresholds}: after them it goes on");
        assert_eq!(live.told().len(), 2, "{thresholds}: {:?}", live.told());
    }
}

#[test]
fn a_process_that_started_with_a_clock_ahead_watches_from_where_it_was_set_back_to() {
    let mut live = Live::from(3600, P50);
    live.clock(3603);
    live.set_back(3);
    live.events(3, 31, 143);
    assert_eq!((live.told(), live.late), (vec!["20 violation 10".to_string()], 0), "0 to 10 was watched in part");
}

#[test]
fn a_clock_set_back_over_windows_that_were_judged_judges_none_of_them_again() {
    let mut live = Live::from(0, P50);
    live.events(0, 100, 143);
    assert_eq!((live.told().len(), live.judged()), (1, 9));
    live.set_back(20);
    live.events(20, 90, 85);
    assert_eq!((live.told().len(), live.judged()), (1, 9), "they were violated, and stay so");
    assert_eq!(live.late, 70, "their windows were closed for good");
    live.events(90, 121, 85);
    assert_eq!((live.told().len(), live.judged()), (2, 12));
}

#[test]
fn what_was_counted_far_beyond_the_time_that_is_right_is_dropped() {
    let mut live = Live::from(0, P50);
    live.events(0, 20, 85);
    live.unwatched(20, 3600);
    // Dated by a clock that is an hour ahead, in a window that is still open when it is set right.
    live.clock(3600);
    (0..9).for_each(|i| live.event(3600 + i, 143));
    live.set_back(29);
    live.events(29, 3650, 85);
    assert_eq!(live.told(), [""; 0]);
}

#[test]
fn an_unwatched_count_that_has_spoken_is_not_asked_again() {
    let broken = r#"{:grace 0 :histograms {"q" {:metric {".*" {:< 3 :interval 10 :type :count}}}}}"#;
    let mut live = Live::from(0, broken);
    live.events(0, 5, 85);
    live.unwatched(5, 100);
    // Sent while nobody watched, and counted: three are too many, whatever else there was.
    (50..53).for_each(|at| live.event(at, 85));
    live.clock(100);
    // The window from 0 on held five: both are beyond what more events could mend.
    assert_eq!((live.told(), live.judged()), (vec!["10 violation 5".to_string()], 2));
    live.set_back(45);
    live.clock(101);
    assert_eq!(live.told().len(), 2, "{:?}", live.told());
    assert_eq!(live.out[1].end, time(70), "60 to 70 is the first window that is watched and not judged");
}

#[test]
fn a_snapshot_keeps_gaps_and_windows_that_are_closed_for_good() {
    let mut live = Live::from(0, P50);
    live.events(0, 25, 85);
    live.unwatched(25, 3605);
    live.clock(3605);
    live.events(3605, 3625, 143);
    live.set_back(28);
    let snapshot = live.evaluator.snapshot(&mut live.lanes);
    let evaluator = Evaluator::restore(&snapshot).expect("a snapshot");
    let mut resumed = Live { lanes: evaluator.lanes(1), evaluator, out: Vec::new(), late: 0 };
    resumed.lanes.extend(resumed.evaluator.lanes(1));
    for live in [&mut live, &mut resumed] {
        live.out.clear();
        live.events(28, 3700, 85);
    }
    assert_eq!(live.told(), resumed.told());
    assert_eq!(live.told().len(), 1);
}
