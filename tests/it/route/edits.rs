//! Other routes take over.

use highwater::route::Router;

use super::{Fact, at, fact, play, routes, shown};

/// What leaves when routes become others, and then with a script.
fn edited(before: &str, script: &str, after: &str, now: i64) -> (String, Router<Fact>) {
    let mut router = Router::new(routes(before));
    play(&mut router, script);
    let mut out = Vec::new();
    let router = router.edited(routes(after), at(now), &mut out);
    (shown(&out), router)
}

#[test]
fn a_route_that_stays_keeps_what_it_remembers() {
    let roll = "(by [:q] (rollup 1 60 (notify :a)))";
    let changed = "(changed :s (notify :b))";
    let gone = r#"(where (= :x "1") (rollup 0 60 (notify :c)))"#;
    let script = "0 x q=1 s=ok; 1 y q=1 s=ok";
    for (before, after) in [
        (format!("{gone} {roll} {changed}"), format!("{changed} (notify :d) {roll}")),
        (format!("{roll} {changed}"), format!("{roll} {changed} {gone}")),
    ] {
        let (out, mut router) = edited(&before, script, &after, 2);
        assert_eq!((out.as_str(), router.pending(), router.copies()), ("", 1, 1), "{after}");
        assert_eq!(router.routes(), routes(&after));
        assert_eq!(router.next_deadline(), Some(at(60)));
        let mut later = Vec::new();
        router.pass(fact("z q=1 s=ok"), at(3), &mut later);
        later.retain(|sending| sending.notifier != "d");
        assert_eq!(shown(&later), "");
        assert_eq!(play(&mut router, "4 release y; 60 tick"), "4 a[y]; 60 a[z]");
    }
}

#[test]
fn what_a_route_that_goes_held_back_leaves_as_it_would_have() {
    let before = r#"
        (rollup 0 60 (where (= :q "1") (throttle 0 60 (rollup 0 60 (notify :a))) (else (notify :b))))
        (by [:q] (rollup 1 60 (notify :c)))"#;
    let (out, router) = edited(before, "0 x q=1; 1 y q=2; 2 z q=1", "(notify :z)", 3);
    assert_eq!(out, "a[x z] b[y] c[z]");
    assert_eq!((router.pending(), router.copies(), router.next_deadline()), (0, 0, None));
}

#[test]
fn windows_that_ended_before_the_edit_have_ended() {
    let route = "(rollup 0 60 (notify :a))";
    let (out, router) = edited(route, "0 x", route, 60);
    assert_eq!((out.as_str(), router.pending()), ("a[x]", 0));
}

#[test]
fn equal_routes_are_matched_in_order() {
    let route = "(rollup 1 60 (notify :a))";
    let twice = format!("{route} {route}");
    let (out, mut router) = edited(&twice, "0 x; 1 y", route, 2);
    // The first goes on; the second leaves what it held back.
    assert_eq!(out, "a[y]");
    assert_eq!(play(&mut router, "60 tick"), "60 a[y]");
    let (out, mut router) = edited(route, "0 x; 1 y", &twice, 2);
    assert_eq!(out, "");
    assert_eq!(play(&mut router, "3 z; 60 tick; 63 tick"), "3 a[z]; 60 a[y z]");
}

#[test]
fn the_state_of_other_routes_is_refused() {
    let (_, router) = edited("", "", "(notify :b) (rollup 0 60 (notify :a))", 0);
    let mut holding = router.clone();
    play(&mut holding, "0 x");
    let bytes = |router: &Router<Fact>| postcard::to_stdvec(router).unwrap();
    let routes = postcard::to_stdvec(holding.routes()).unwrap();
    let other = postcard::to_stdvec(&super::routes("(notify :a)")).unwrap();
    let mixed = [other.as_slice(), &bytes(&holding)[routes.len()..]].concat();
    assert!(postcard::from_bytes::<Router<Fact>>(&mixed).is_err());
    let cut = &bytes(&holding)[..routes.len() + 5];
    assert!(postcard::from_bytes::<Router<Fact>>(cut).is_err());
    assert_eq!(postcard::from_bytes::<Router<Fact>>(&bytes(&holding)).unwrap().pending(), 1);
}
