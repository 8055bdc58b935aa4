//! Edits of thresholds: what goes on, what begins anew, and what is told.

use std::sync::Arc;

use highwater::config;
use highwater::engine::{Compiled, Edit, Evaluator, Event, Lane, Transition, Value, Watching};
use highwater::plan::{Number, Plan, Timestamp};

/// 2023-11-14T22:10:00Z, an edge of windows of ten minutes.
const START: i64 = 1_699_999_800;

fn plan(text: &str) -> Arc<Plan> {
    let loaded = config::from_text(text);
    Arc::new(loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics)))
}

fn time(at: i64) -> Timestamp {
    Timestamp::from_micros((START + at) * 1_000_000).expect("in range")
}

struct Live {
    evaluator: Evaluator,
    lanes: Vec<Lane>,
    told: Vec<String>,
    through_bytes: bool,
}

impl Live {
    fn new(text: &str, through_bytes: bool) -> Live {
        let compiled = Compiled::new(plan(text));
        let evaluator = Evaluator::new(&compiled, Watching::From(time(0).micros()));
        Live { lanes: evaluator.lanes(2), evaluator, told: Vec::new(), through_bytes }
    }

    /// An event a second, while the clock goes with them.
    fn events(&mut self, from: i64, to: i64, metric: i64) {
        for at in from..to {
            for host in ["a", "b"] {
                let mut event = Event::at(time(at));
                event.service = Value::text("q");
                event.host = Value::text(host);
                event.metric = Value::Number(Number::Int(metric));
                self.lanes[usize::from(host == "b")].observe(&event);
            }
            self.clock(at);
        }
    }

    fn clock(&mut self, at: i64) {
        let mut out = Vec::new();
        self.evaluator.advance(time(at), &mut self.lanes, &mut out);
        let plan = Arc::clone(self.evaluator.compiled().plan());
        self.tell(&plan, &out);
    }

    fn tell(&mut self, plan: &Plan, out: &[Transition]) {
        for transition in out {
            let at = transition.end.micros() / 1_000_000 - START;
            let (to, reason) = (transition.to.name(), transition.reason.name());
            let host = transition.group.first().and_then(|(_, text)| text.clone()).unwrap_or_default();
            let limits: Vec<String> = transition.bounds(plan).iter().map(|bound| bound.limit.to_string()).collect();
            let limits = limits.join(" ");
            let line = format!("{at} {to} {reason} {host} {limits} of {}", transition.measured.count);
            self.told.push(line.replace("  ", " "));
            assert!(transition.to_json(plan).is_object());
        }
    }

    /// Reads other thresholds; what became of each.
    fn edit(&mut self, at: i64, text: &str) -> Vec<(String, Edit)> {
        let bytes = self.evaluator.snapshot(&mut self.lanes);
        let old = Arc::clone(self.evaluator.compiled().plan());
        let evaluator = if self.through_bytes {
            Evaluator::restore(&bytes).expect("what was written")
        } else {
            std::mem::replace(&mut self.evaluator, Evaluator::new(&Compiled::new(plan(text)), Watching::Whole))
        };
        let mut out = Vec::new();
        let (evaluator, edits) = evaluator.edited(plan(text), time(at), &mut out);
        self.tell(&old, &out);
        self.lanes = evaluator.lanes(2);
        self.evaluator = evaluator;
        edits.0
    }
}

/// Each test runs with the state in memory, and as it comes back from bytes.
fn both(test: impl Fn(bool)) {
    [false, true].into_iter().for_each(test);
}

const P50: &str = r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 10}}}}"#;

#[test]
fn what_was_not_edited_goes_on_as_if_nothing_had_been() {
    let rows = r#"{:grace 2 :percentiles {"q" {0.5 {:<= 100 :interval 10 :for 2 :by [:host]}
                                               0.9 {:<= 100 :> 1 :interval 30 :every 10}}}
                   :histograms {"q" {:metric {"^1" {:<= 0.5 :interval 10 :type :percentage}}}}}"#;
    both(|through_bytes| {
        let run = |edited: bool| {
            let mut live = Live::new(rows, through_bytes);
            for at in 0..100 {
                live.events(at, at + 1, if (20..70).contains(&at) { 143 } else { 85 });
                if edited && at % 7 == 3 {
                    let edits = live.edit(at, rows);
                    assert!(edits.iter().all(|(_, edit)| *edit == Edit::Kept), "{edits:?}");
                }
            }
            live.told
        };
        let told = run(false);
        assert!(told.len() > 5);
        assert_eq!(run(true), told);
    });
}

#[test]
fn another_limit_holds_from_the_next_window_and_the_open_one_keeps_the_old() {
    both(|through_bytes| {
        let mut live = Live::new(P50, through_bytes);
        live.events(0, 15, 120);
        assert_eq!(live.told, ["10 violation judged 100 of 20"]);
        assert_eq!(live.edit(15, &P50.replace("100", "130"))[0].1, Edit::Bounds);
        live.events(15, 21, 120);
        assert_eq!(live.told.len(), 1, "10 to 20 is judged by the old limit, and stays violated: {:?}", live.told);
        live.events(21, 31, 120);
        assert_eq!(live.told[1..], ["30 ok judged 130 of 20"]);
        // Twice within a window: it is judged by what it began with.
        live.edit(33, &P50.replace("100", "110"));
        live.events(31, 36, 120);
        live.edit(36, &P50.replace("100", "10"));
        live.events(36, 41, 120);
        assert_eq!(live.told.len(), 2, "{:?}", live.told);
        live.events(41, 51, 105);
        assert_eq!(live.told[2..], ["50 violation judged 10 of 20"]);
        live.edit(55, &P50.replace("100", "106"));
        live.events(51, 71, 105);
        assert_eq!(live.told[3..], ["70 ok judged 106 of 20"]);
    });
}

#[test]
fn overlapping_windows_change_their_limit_one_after_the_other() {
    let hops = r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 30 :every 10}}}}"#;
    both(|through_bytes| {
        let mut live = Live::new(hops, through_bytes);
        live.events(0, 35, 120);
        assert_eq!(live.told, ["30 violation judged 100 of 60"]);
        live.edit(35, &hops.replace("100", "130"));
        live.events(35, 100, 120);
        assert_eq!(live.told[1..], ["70 ok judged 130 of 60"], "40 to 70 is the first that began after");
    });
}

#[test]
fn an_edit_keeps_the_status_and_begins_the_row_anew() {
    let rows = |limit: i64, n: i64| {
        format!(r#"{{:grace 0 :percentiles {{"q" {{0.5 {{:<= {limit} :interval 10 :for {n} :recover 2}}}}}}}}"#)
    };
    both(|through_bytes| {
        let mut live = Live::new(&rows(100, 3), through_bytes);
        live.events(0, 21, 143);
        // Two of three windows were violated. The window from 20 on is judged by the old limit, in a new row.
        live.edit(21, &rows(90, 3));
        live.events(21, 41, 143);
        assert_eq!(live.told, [""; 0]);
        live.events(41, 51, 143);
        assert_eq!(live.told, ["50 violation judged 90 of 20"]);
        assert_eq!(live.edit(51, &rows(90, 2))[0].1, Edit::Bounds, "a policy is no limit, but a row begins anew too");
        live.events(51, 91, 85);
        assert_eq!(live.told[1..], ["70 ok judged 90 of 20"]);
    });
}

#[test]
fn what_is_removed_while_violated_is_ok_and_what_is_new_begins_with_its_first_whole_window() {
    let by_host = r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 10 :by [:host]}}}}"#;
    let other = r#"{:grace 0 :histograms {"q" {:metric {".*" {:> 5 :interval 10 :type :count}}}}}"#;
    both(|through_bytes| {
        let mut live = Live::new(by_host, through_bytes);
        live.events(0, 15, 143);
        assert_eq!(live.told, ["10 violation judged a 100 of 10", "10 violation judged b 100 of 10"]);
        let edits = live.edit(17, other);
        assert_eq!(edits.iter().map(|(_, edit)| *edit).collect::<Vec<_>>(), [Edit::New, Edit::Removed]);
        assert_eq!(live.told[2..], ["17 ok removed a 100 of 0", "17 ok removed b 100 of 0"]);
        live.clock(29);
        live.clock(31);
        assert_eq!(live.told[4..], ["30 violation judged 5 of 0"], "10 to 20 was there in part only");
        // Groups made otherwise are other groups.
        let mut live = Live::new(by_host, through_bytes);
        live.events(0, 15, 143);
        let edits = live.edit(17, &by_host.replace(":by [:host]", r#":by [:service] :name "x""#));
        assert_eq!(edits.len(), 2);
        assert_eq!(live.told.len(), 4);
    });
}

#[test]
fn a_named_threshold_keeps_its_status_over_an_edit_of_the_interval() {
    let named = |interval: i64| {
        format!(r#"{{:grace 0 :percentiles {{"q" {{0.5 {{:<= 100 :interval {interval} :name "latency"}}}}}}}}"#)
    };
    both(|through_bytes| {
        let mut live = Live::new(&named(10), through_bytes);
        live.events(0, 12, 143);
        assert_eq!(live.edit(12, &named(20))[0].1, Edit::Windows);
        live.events(12, 41, 143);
        assert_eq!(live.told, ["10 violation judged 100 of 20"]);
        live.events(41, 61, 85);
        assert_eq!(live.told[1..], ["60 ok judged 100 of 40"]);
    });
}

#[test]
fn another_grace_loses_no_window() {
    both(|through_bytes| {
        let mut live = Live::new(P50, through_bytes);
        live.events(0, 15, 143);
        live.edit(15, &P50.replace(":grace 0", ":grace 7"));
        live.events(15, 26, 85);
        assert_eq!(live.told.len(), 1, "10 to 20 closes at 27");
        live.events(26, 28, 85);
        assert_eq!(live.told[1..], ["20 ok judged 100 of 20"]);
        live.edit(28, P50);
        live.events(28, 41, 143);
        assert_eq!(live.told[2..], ["40 violation judged 100 of 20"], "20 to 30 was half and half");
    });
}

#[test]
fn edits_in_a_row_leave_nothing_behind() {
    both(|through_bytes| {
        let mut live = Live::new(P50, through_bytes);
        live.events(0, 12, 85);
        let edit = |live: &mut Live, at: i64, limit: i64| live.edit(at, &P50.replace("100", &limit.to_string()));
        edit(&mut live, 12, 90);
        let size = live.evaluator.snapshot(&mut live.lanes).len();
        for i in 0..50 {
            edit(&mut live, 13, 50 + i);
        }
        assert_eq!(live.evaluator.snapshot(&mut live.lanes).len(), size);
        live.events(13, 31, 95);
        assert_eq!(live.told, ["30 ok judged 99 of 20"; 0], "10 to 20 by 100, from 20 on by 99");
        edit(&mut live, 33, 90);
        live.events(31, 51, 95);
        assert_eq!(live.told, ["50 violation judged 90 of 20"]);
    });
}
