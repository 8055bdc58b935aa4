//! What each operator does, as traces.

use highwater::route::{Router, Sending};

use super::{Fact, at, fact, play, routes};

fn check(cases: &[(&str, &str, &str)]) {
    for (routes, script, expected) in cases {
        let mut router = Router::new(super::routes(routes));
        assert_eq!(play(&mut router, script), *expected, "{routes}\n{script}");
    }
}

#[test]
fn where_sends_what_matches_one_way_and_the_rest_the_other() {
    let route = r#"(where (= :sev "page") (notify :a) (notify :b) (else (notify :c)))"#;
    check(&[
        (route, "0 x sev=page", "0 a[x] b[x]"),
        (route, "0 x sev=warn; 1 y", "0 c[x]; 1 c[y]"),
        (r#"(where (= :sev "page") (notify :a))"#, "0 x sev=warn", ""),
    ]);
}

#[test]
fn by_keeps_the_state_of_what_is_behind_it_for_each_value() {
    let route = "(by [:q :r] (throttle 1 60 (notify :a)))";
    check(&[
        (route, "0 x q=1 r=1; 1 y q=1 r=2; 2 z q=1 r=1; 3 w q=1", "0 a[x]; 1 a[y]; 3 a[w]"),
        (route, "0 x; 1 y; 60 z", "0 a[x]; 60 a[z]"),
        ("(by [:q] (by [:r] (throttle 1 60 (notify :a))))", "0 x q=1 r=1; 1 y q=2 r=1; 2 z q=2 r=1", "0 a[x]; 1 a[y]"),
    ]);
}

#[test]
fn changed_passes_what_differs_from_the_last() {
    check(&[
        ("(changed :s (notify :a))", "0 x s=ok; 1 y s=ok; 2 z s=bad; 3 w; 4 v", "0 a[x]; 2 a[z]; 3 a[w]"),
        (r#"(changed :s {:init "ok"} (notify :a))"#, "0 x s=ok; 1 y s=bad; 2 z s=ok", "1 a[y]; 2 a[z]"),
        ("(changed :s {:init nil} (notify :a))", "0 x; 1 y s=bad", "1 a[y]"),
    ]);
}

#[test]
fn throttle_passes_the_first_of_each_window_and_drops_the_rest() {
    check(&[
        ("(throttle 2 60 (notify :a))", "0 x; 1 y; 2 z; 59 w; 60 v", "0 a[x]; 1 a[y]; 60 a[v]"),
        // Windows stand at the first record: [7, 67), [67, 127), and not where the last one passed.
        ("(throttle 1 60 (notify :a))", "7 x; 66 y; 100 z; 126 w; 127 v", "7 a[x]; 100 a[z]; 127 a[v]"),
        ("(throttle 0 60 (notify :a))", "0 x", ""),
    ]);
}

#[test]
fn rollup_passes_the_first_and_sends_the_rest_at_the_end() {
    check(&[
        ("(rollup 1 60 (notify :a))", "0 x; 10 y; 20 z; 59 tick; 60 tick", "0 a[x]; 60 a[y z]"),
        // The batch is the first of the next window.
        ("(rollup 1 60 (notify :a))", "0 x; 10 y; 60 tick; 70 z; 119 tick; 120 tick", "0 a[x]; 60 a[y]; 120 a[z]"),
        (
            "(rollup 2 60 (notify :a))",
            "0 x; 1 y; 2 z; 60 tick; 61 v; 62 w; 120 tick",
            "0 a[x]; 1 a[y]; 60 a[z]; 61 a[v]; 120 a[w]",
        ),
        // But not of the one after it.
        ("(rollup 1 60 (notify :a))", "0 x; 10 y; 120 z", "0 a[x]; 120 a[y] a[z]"),
        ("(rollup 0 60 (notify :a))", "5 x; 6 y; 65 tick", "65 a[x y]"),
        // A window ends before what comes at its end.
        ("(rollup 1 60 (notify :a))", "0 x; 10 y; 60 z; 120 tick", "0 a[x]; 60 a[y]; 120 a[z]"),
        ("(rollup 0 0.5 (notify :a))", "0 x; 1 tick", "1 a[x]"),
    ]);
}

#[test]
fn with_changes_a_copy() {
    let mut router = Router::new(routes(r#"(with {:sev "page" :was :sev :x nil} (notify :a)) (notify :b)"#));
    let mut out = Vec::new();
    router.pass(fact("r sev=warn x=1"), at(0), &mut out);
    let of = |notifier: &str, text: &str| Sending { notifier: notifier.to_string(), batch: vec![fact(text)] };
    assert_eq!(out, [of("a", "r sev=page was=warn"), of("b", "r sev=warn x=1")]);
}

#[test]
fn each_of_sdo_and_each_route_gets_a_record() {
    check(&[("(sdo (notify :a) (notify :b)) (notify :c)", "0 x", "0 a[x] b[x] c[x]")]);
}

#[test]
fn a_notifier_is_told_of_a_record_once_in_a_step() {
    check(&[
        ("(notify :a :b :a) (notify :a)", "0 x; 1 x", "0 a[x] b[x]; 1 a[x] b[x]"),
        // Also where it comes by two windows that end at one time; what else is in the batch is told.
        (
            r#"(rollup 0 60 (notify :a)) (where (= :k "1") (rollup 0 60 (notify :a :b)))"#,
            "0 x k=1; 1 y k=2; 60 tick",
            "60 a[x y] b[x]",
        ),
        ("(rollup 0 60 (notify :a)) (rollup 0 120 (notify :a))", "0 x; 120 tick", "120 a[x] a[x]"),
    ]);
}

#[test]
fn a_batch_stays_one_where_it_can_and_is_split_where_it_must() {
    let script = "0 x k=1 s=ok; 1 y k=2 s=bad; 2 z k=1 s=bad; 60 tick";
    let behind = |operator: &str| format!("(rollup 0 60 {operator})");
    let cases = [
        ("(notify :a)", "60 a[x y z]"),
        (r#"(where (= :k "1") (notify :a) (else (notify :b)))"#, "60 a[x z] b[y]"),
        ("(by [:k] (notify :a))", "60 a[x z] a[y]"),
        ("(changed :s (notify :a))", "60 a[x y]"),
        ("(throttle 1 60 (notify :a))", "60 a[x y z]"),
        ("(rollup 1 60 (notify :a))", "60 a[x y z]"),
        ("(with {:k 1} (by [:k] (notify :a)))", "60 a[x y z]"),
        ("(sdo (notify :a) (notify :b))", "60 a[x y z] b[x y z]"),
        (r#"(by [:k] (throttle 1 60 (where (= :s "bad") (notify :a))))"#, "60 a[z] a[y]"),
        ("(by [:k] (rollup 0 60 (notify :a)))", ""),
    ];
    let cases: Vec<(String, &str)> = cases.iter().map(|(operator, told)| (behind(operator), *told)).collect();
    cases.iter().for_each(|(route, told)| check(&[(route, script, told)]));
    // A batch counts as one.
    check(&[(
        "(rollup 0 60 (throttle 1 120 (notify :a)))",
        "0 x; 1 y; 60 tick; 61 z; 120 tick; 121 w; 180 tick",
        "60 a[x y]; 180 a[w]",
    )]);
}

#[test]
fn two_windows_that_end_at_one_time_end_before_what_the_one_sends_the_other() {
    let route = "(sdo (rollup 0 30 (rollup 0 30 (notify :a))))";
    check(&[(route, "0 x; 30 y; 60 tick; 90 tick; 120 tick", "60 a[x]; 90 a[y]")]);
}

#[test]
fn what_is_noted_moves_what_is_remembered_and_nothing_else() {
    check(&[
        ("(changed :s (notify :a))", "0 x s=bad; 1 note x s=ok; 2 y s=bad", "0 a[x]; 2 a[y]"),
        // It counts in no window, and is held back by none.
        ("(throttle 1 60 (changed :s (notify :a)))", "0 note x s=ok; 1 y s=bad; 2 note z s=ok", "1 a[y]"),
        ("(rollup 1 60 (changed :s (notify :a)))", "0 x s=bad; 1 note x s=ok; 2 y s=bad; 60 tick", "0 a[x]; 60 a[y]"),
        ("(by [:q] (changed :s (notify :a)))", "0 x q=1 s=bad; 1 note x q=2 s=ok; 2 y q=1 s=bad", "0 a[x]"),
        // What a window held back until before then was seen before.
        ("(rollup 0 60 (changed :s (notify :a)))", "0 x s=bad; 60 note x s=ok; 60 tick", "60 a[x]"),
    ]);
    let mut router = Router::new(routes("(by [:q] (rollup 1 60 (notify :a)))"));
    router.note(&fact("x q=1"), at(0));
    assert_eq!((router.copies(), router.pending(), router.next_deadline()), (0, 0, None));
}

#[test]
fn what_is_released_leaves_at_once_and_once() {
    check(&[
        ("(rollup 1 60 (notify :a))", "0 x; 1 y; 2 z; 3 release y; 4 release y; 60 tick", "0 a[x]; 3 a[y]; 60 a[z]"),
        // Nothing was sent at the end of the window: the next one has room for one.
        ("(rollup 1 60 (notify :a))", "0 x; 1 y; 2 release y; 61 z", "0 a[x]; 2 a[y]; 61 a[z]"),
        ("(rollup 0 60 (notify :a))", "0 x; 1 y; 2 x; 3 release x; 60 tick", "3 a[x x]; 60 a[y]"),
        // Through what is behind, but nothing there holds it up.
        (
            r#"(rollup 0 60 (where (= :k "1") (notify :a) (else (notify :b))))"#,
            "0 x k=2; 1 release x; 60 tick",
            "1 b[x]",
        ),
        ("(rollup 0 60 (throttle 0 60 (rollup 0 60 (notify :a))))", "0 x; 1 release x", "1 a[x]"),
        // Where it waits in two places, for one notifier and another.
        ("(rollup 0 60 (notify :a)) (rollup 0 90 (notify :a :b))", "0 x; 1 release x; 90 tick", "1 a[x] b[x]"),
        // A window that has ended by then has ended.
        ("(rollup 0 60 (notify :a))", "0 x; 1 y; 61 release x", "61 a[x y]"),
    ]);
}

#[test]
fn time_that_goes_back_a_little_stands_still() {
    check(&[
        ("(rollup 1 60 (notify :a))", "50 x; 51 y; 20 z; 109 tick; 110 tick", "50 a[x]; 110 a[y z]"),
        ("(throttle 1 60 (notify :a))", "70 x; 10 y; 130 z", "70 a[x]; 130 a[z]"),
    ]);
}

#[test]
fn a_clock_that_was_set_back_lets_windows_begin_anew() {
    check(&[
        ("(rollup 1 60 (notify :a))", "500 x; 501 y; 440 z; 441 w; 500 tick", "500 a[x]; 440 a[y] a[z]; 500 a[w]"),
        ("(throttle 1 60 (notify :a))", "500 x; 100 y; 159 z; 160 w", "500 a[x]; 100 a[y]; 160 a[w]"),
        // Also what was on its way to another window.
        ("(rollup 0 60 (rollup 0 60 (notify :a)))", "500 x; 100 tick; 700 tick", "100 a[x]"),
        // What is remembered is.
        ("(changed :s (notify :a))", "500 x s=ok; 100 y s=ok", "500 a[x]"),
    ]);
}

#[test]
fn the_next_deadline_is_when_something_leaves() {
    let mut router: Router<Fact> = Router::new(routes("(rollup 1 60 (notify :a)) (rollup 0 90 (notify :b))"));
    let mut deadlines = vec![router.next_deadline()];
    for step in ["0 x", "1 y", "60 tick", "90 tick"] {
        play(&mut router, step);
        deadlines.push(router.next_deadline());
    }
    assert_eq!(deadlines, [None, Some(at(90)), Some(at(60)), Some(at(90)), None]);
    assert_eq!(router.pending(), 0);
}

#[test]
fn times_at_the_end_of_the_calendar_are_times() {
    use highwater::plan::Timestamp;
    let mut router = Router::new(routes("(rollup 0 60 (rollup 0 60 (notify :a)))"));
    let mut out = Vec::new();
    router.pass(fact("x"), Timestamp::MAX, &mut out);
    router.pass(fact("y"), Timestamp::MAX, &mut out);
    router.advance(Timestamp::MAX, &mut out);
    assert_eq!((super::shown(&out), router.pending()), ("a[x] a[y]".to_string(), 0));
    router.pass(fact("z"), Timestamp::MIN, &mut out);
    assert_eq!(router.pending(), 1);
}
