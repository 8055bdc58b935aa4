//! What operators remember is bounded, and costs little.

use std::time::{Duration, Instant};

use highwater::route::{Notice, Router};

use super::{at, fact, play, routes};

#[test]
fn the_copy_idle_longest_is_forgotten() {
    let mut router = Router::bounded(routes("(by [:q] (throttle 1 600 (notify :a)))"), 2, 1000);
    let script = "0 x q=1; 1 y q=2; 2 z q=1; 3 w q=3; 4 v q=1; 5 u q=2";
    // 2 was idle longest when 3 came, so it is new when it comes again.
    assert_eq!(play(&mut router, script), "0 a[x]; 1 a[y]; 3 a[w]; 5 a[u]");
    assert_eq!(router.copies(), 2);
}

#[test]
fn a_copy_that_holds_something_back_is_not_forgotten_while_another_can_be() {
    let mut router = Router::bounded(routes("(by [:q] (rollup 1 600 (notify :a)))"), 2, 1000);
    assert_eq!(play(&mut router, "0 x q=1; 1 y q=1; 2 z q=2; 3 w q=3; 4 v q=3"), "0 a[x]; 2 a[z]; 3 a[w]");
    assert_eq!((router.copies(), router.pending()), (2, 2));
    // Both hold something back: what waits longest leaves early.
    assert_eq!(play(&mut router, "5 u q=4; 600 tick; 603 tick"), "5 a[u] a[y]; 603 a[v]");
    assert_eq!((router.copies(), router.pending()), (2, 0));
}

#[test]
fn what_leaves_early_may_itself_need_room() {
    let route = "(by [:q] (rollup 0 600 (by [:r] (rollup 0 600 (notify :a)))))";
    for most in 0..4 {
        let mut router = Router::bounded(routes(route), most, 1000);
        let mut out = Vec::new();
        for n in 0..20 {
            router.pass(fact(&format!("{n} q={} r={}", n % 5, n % 3)), at(n), &mut out);
            assert!(router.copies() <= most, "{most}");
        }
        router.advance(at(5000), &mut out);
        let mut told: Vec<i64> = out.iter().flat_map(|sending| &sending.batch).map(|f| f.id.parse().unwrap()).collect();
        told.sort_unstable();
        assert_eq!(told, (0..20).collect::<Vec<_>>());
        assert_eq!(router.pending(), 0);
    }
}

#[test]
fn when_too_much_is_held_back_what_waits_longest_leaves_early() {
    let route = "(by [:q] (rollup 0 600 (notify :a))) (rollup 0 600 (notify :b))";
    let mut router = Router::bounded(routes(route), 9, 4);
    assert_eq!(play(&mut router, "0 x q=1; 1 y q=2"), "");
    assert_eq!(play(&mut router, "2 z q=1; 3 w q=1"), "2 a[x z]; 3 b[x y z w]");
    assert_eq!(play(&mut router, "600 tick; 601 tick"), "600 a[w]; 601 a[y]");
}

#[test]
fn noting_makes_room_like_passing() {
    let mut router = Router::bounded(routes("(by [:q] (changed :s (rollup 0 600 (notify :a))))"), 1, 1000);
    assert_eq!(play(&mut router, "0 x q=1 s=1; 1 note y q=2 s=1; 2 tick"), "2 a[x]");
    assert_eq!(router.copies(), 1);
}

/// The line of a transition of about a kilobyte.
pub fn line(n: usize) -> String {
    format!(
        r#"{{"status":"violation","dedup_key":"k{n}","violation_id":"v{n}","severity":"page","description":"{}"}}"#,
        "x".repeat(900)
    )
}

#[test]
fn ten_thousand_pending_are_held_and_released_in_no_time() {
    let mut router: Router<Notice> =
        Router::new(routes("(rollup 0 600 (notify :a)) (by [:q] (rollup 1 600 (notify :b)))"));
    let began = Instant::now();
    let mut out = Vec::new();
    for n in 0..10_000 {
        router.pass(Notice::parse(&line(n)).unwrap(), at(1), &mut out);
    }
    assert_eq!((out.len(), router.pending()), (1, 19_999));
    for n in (0..10_000).rev() {
        router.release(&format!("v{n}"), at(2), &mut out);
    }
    assert_eq!(router.pending(), 0);
    assert_eq!(router.next_deadline(), None);
    // Far above what it takes; a scan of all for each would be minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn ten_thousand_under_one_id_are_held_and_sent_in_no_time() {
    let mut router = Router::new(routes("(rollup 0 600 (notify :a))"));
    let began = Instant::now();
    let mut out = Vec::new();
    for n in 0..10_000 {
        router.pass(fact(&format!("same n={n}")), at(1), &mut out);
    }
    router.advance(at(601), &mut out);
    assert_eq!(out[0].batch.len(), 10_000);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn more_values_than_copies_are_routed_in_no_time() {
    let mut router = Router::new(routes("(by [:q] (rollup 1 600 (notify :a)))"));
    let began = Instant::now();
    let mut out = Vec::new();
    for n in 0..30_000 {
        for _ in 0..2 {
            router.pass(fact(&format!("{n} q={n}")), at(1), &mut out);
        }
    }
    // Of each the first, and of those that had to make room what they held back.
    assert_eq!((router.copies(), router.pending(), out.len()), (10_000, 10_000, 50_000));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
