//! What holds for any routes and any records.

use std::collections::BTreeMap;

use highwater::plan::{Comparator, Expression, Field, Route};
use highwater::route::{Router, Sending};
use proptest::prelude::*;

use super::model::{Model, Told};
use super::{BASE, Fact, at};

#[derive(Clone, Debug)]
enum Step {
    Pass(Fact),
    Note(Fact),
    Release(String),
    Tick,
    /// Written and read.
    Cut,
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![Just(Field::named("p")), Just(Field::named("q"))]
}

fn expression() -> impl Strategy<Value = Expression> {
    let text = prop_oneof![Just("0"), Just("1")].prop_map(|text| Expression::Text(text.into()));
    prop_oneof![field().prop_map(Expression::Field), text, Just(Expression::Nil)]
}

fn every() -> impl Strategy<Value = i64> {
    prop_oneof![Just(10), Just(15), Just(30), Just(60)].prop_map(|seconds: i64| seconds * 1_000_000)
}

fn route() -> impl Strategy<Value = Route> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(str::to_string);
    let notify = prop::collection::vec(name, 1..3).prop_map(Route::Notify);
    notify.prop_recursive(5, 12, 3, |inner| {
        let some = prop::collection::vec(inner, 1..3);
        let condition = (field(), expression())
            .prop_map(|(field, other)| Expression::Compare(Comparator::Equal, vec![Expression::Field(field), other]));
        prop_oneof![
            (condition, some.clone(), prop::option::of(some.clone())).prop_map(|(condition, then, otherwise)| {
                Route::Where { condition, then, otherwise: otherwise.unwrap_or_default() }
            }),
            (prop::collection::vec(field(), 1..3), some.clone())
                .prop_map(|(fields, children)| Route::By { fields, children }),
            (expression(), prop::option::of(expression()), some.clone())
                .prop_map(|(of, init, children)| Route::Changed { of, init, children }),
            (0..3u32, every(), some.clone()).prop_map(|(most, every, children)| Route::Throttle {
                most,
                every,
                children
            }),
            (0..3u32, every(), some.clone()).prop_map(|(most, every, children)| Route::Rollup {
                most,
                every,
                children
            }),
            (0..2u32, every(), some.clone()).prop_map(|(most, every, children)| Route::Rollup {
                most,
                every,
                children
            }),
            (field(), expression(), some.clone())
                .prop_map(|(field, value, children)| Route::With { fields: vec![(field, value)], children }),
            some.prop_map(Route::Sdo),
        ]
    })
}

fn fact() -> impl Strategy<Value = Fact> {
    let word = || prop::option::of(prop_oneof![Just("0"), Just("1"), Just("2")]);
    (0..6u8, word(), word()).prop_map(|(id, p, q)| {
        let words = [("p", p), ("q", q)].into_iter().filter_map(|(name, word)| Some((name.into(), word?.into())));
        Fact { id: id.to_string(), words: words.collect() }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => fact().prop_map(Step::Pass),
        1 => fact().prop_map(Step::Note),
        2 => (0..6u8).prop_map(|id| Step::Release(id.to_string())),
        2 => Just(Step::Tick),
        1 => Just(Step::Cut),
    ]
}

/// Steps with the seconds that they come after the one before.
fn steps(dt: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<(i64, Step)>> {
    prop::collection::vec((dt, step()), 1..60)
}

fn forward() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..4i64, 2 => prop_oneof![Just(5i64), Just(10), Just(15)], 1 => 20..90i64]
}

fn told(out: Vec<Sending<Fact>>) -> Vec<Told> {
    out.into_iter().map(|sending| (sending.notifier, sending.batch)).collect()
}

fn cut(router: &Router<Fact>) -> Router<Fact> {
    postcard::from_bytes(&postcard::to_stdvec(router).unwrap()).unwrap()
}

fn take(router: &mut Router<Fact>, now: i64, step: &Step, out: &mut Vec<Sending<Fact>>) {
    match step {
        Step::Pass(fact) => router.pass(fact.clone(), at(now), out),
        Step::Note(fact) => router.note(fact, at(now)),
        Step::Release(id) => router.release(id, at(now), out),
        Step::Tick => router.advance(at(now), out),
        Step::Cut => *router = cut(router),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_router_does_what_the_model_says(
        routes in prop::collection::vec(route(), 1..4),
        steps in steps(prop_oneof![12 => forward(), 1 => -40..0i64, 1 => Just(-200)]),
    ) {
        let (mut router, mut model) = (Router::new(routes.clone()), Model::new(&routes));
        let mut now = 1000;
        for (dt, step) in &steps {
            now += dt;
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            take(&mut router, now, step, &mut out);
            match step {
                Step::Pass(fact) => model.pass(fact, now, &mut expected),
                Step::Note(fact) => model.note(fact, now),
                Step::Release(id) => model.release(id, now, &mut expected),
                Step::Tick => drop(model.advance(now, &mut expected)),
                Step::Cut => {}
            }
            prop_assert_eq!(told(out), expected, "at {} {:?}", now, step);
            prop_assert_eq!(router.pending(), model.pending());
            if !matches!(step, Step::Note(_) | Step::Cut) {
                let deadline = router.next_deadline().map(|end| end.micros() / 1_000_000 - BASE);
                prop_assert_eq!(deadline, model.first_end().map(|(end, _)| end));
            }
        }
    }

    #[test]
    fn more_ticks_change_nothing(
        routes in prop::collection::vec(route(), 1..4),
        steps in steps(forward()),
        ticks in prop::collection::vec(0..100i64, 60),
        most in 0..6usize,
    ) {
        let mut often = Router::bounded(routes.clone(), most, 12);
        let mut seldom = Router::bounded(routes, most, 12);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let mut now = 1000;
        for ((dt, step), tick) in steps.iter().zip(ticks) {
            often.advance(at(now + tick.min(*dt)), &mut one);
            now += dt;
            take(&mut often, now, step, &mut one);
            if !matches!(step, Step::Tick) {
                take(&mut seldom, now, step, &mut other);
            }
            prop_assert!(often.copies() <= most);
        }
        often.advance(at(now + 10_000), &mut one);
        seldom.advance(at(now + 10_000), &mut other);
        prop_assert_eq!(one, other);
        prop_assert_eq!(often.pending(), 0);
    }

    #[test]
    fn cut_anywhere_nothing_is_different(
        routes in prop::collection::vec(route(), 1..4),
        steps in steps(forward()),
        most in 0..6usize,
    ) {
        let mut whole = Router::bounded(routes, most, 12);
        let mut parts = whole.clone();
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let mut now = 1000;
        for (dt, step) in &steps {
            now += dt;
            if !matches!(step, Step::Cut) {
                take(&mut whole, now, step, &mut one);
            }
            take(&mut parts, now, step, &mut other);
            parts = cut(&parts);
            prop_assert_eq!(postcard::to_stdvec(&parts).unwrap(), postcard::to_stdvec(&whole).unwrap());
        }
        prop_assert_eq!(one, other);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_state_is_an_error_or_a_state_but_no_panic(
        routes in prop::collection::vec(route(), 1..4),
        steps in steps(forward()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut router = Router::bounded(routes, 4, 12);
        let (half, rest) = steps.split_at(steps.len() / 2);
        let mut out = Vec::new();
        half.iter().for_each(|(_, step)| take(&mut router, 1000, step, &mut out));
        let mut bytes = postcard::to_stdvec(&router).unwrap();
        let from = postcard::to_stdvec(router.routes()).unwrap().len();
        for (at, byte) in damage {
            let at = from + at.index(bytes.len() - from);
            bytes[at] = byte;
        }
        if let Ok(mut router) = postcard::from_bytes::<Router<Fact>>(&bytes) {
            for (dt, step) in rest {
                take(&mut router, 1000 + dt, step, &mut out);
            }
            router.advance(at(100_000), &mut out);
            router = router.edited(Vec::new(), at(100_000), &mut out);
            prop_assert_eq!(router.copies(), 0);
        }
    }
}

/// A route in which nothing is dropped and each notifier is another.
fn keeping() -> impl Strategy<Value = Route> {
    Just(Route::Notify(Vec::new())).prop_recursive(5, 10, 3, |inner| {
        let some = prop::collection::vec(inner, 1..3);
        prop_oneof![
            (field(), some.clone()).prop_map(|(field, children)| Route::By { fields: vec![field], children }),
            (0..3u32, every(), some.clone()).prop_map(|(most, every, children)| Route::Rollup {
                most,
                every,
                children
            }),
            (field(), expression(), some.clone())
                .prop_map(|(field, value, children)| Route::With { fields: vec![(field, value)], children }),
            some.prop_map(Route::Sdo),
        ]
    })
}

/// Gives each `notify` a name of its own, and says them.
fn name(route: &mut Route, names: &mut Vec<String>, prefix: usize) {
    match route {
        Route::By { children, .. }
        | Route::Rollup { children, .. }
        | Route::With { children, .. }
        | Route::Sdo(children) => children.iter_mut().for_each(|child| name(child, names, prefix)),
        Route::Notify(own) => {
            *own = vec![format!("{prefix}-{}", names.len())];
            names.extend(own.iter().cloned());
        }
        _ => unreachable!(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_record_is_lost_or_told_twice(
        mut routes in prop::collection::vec(keeping(), 4),
        steps in prop::collection::vec((prop_oneof![12 => forward(), 1 => Just(-200)], step(), 0..10u8), 1..60),
        choices in prop::collection::vec(prop::sample::subsequence(vec![0, 1, 2, 3], 0..4), 60),
        most in 0..4usize,
    ) {
        let mut names: Vec<Vec<String>> = vec![Vec::new(); 4];
        routes.iter_mut().enumerate().for_each(|(at, route)| name(route, &mut names[at], at));
        let chosen = |choice: &[usize]| choice.iter().map(|at| routes[*at].clone()).collect::<Vec<_>>();
        let mut in_use: &[usize] = &[0, 1];
        let mut router = Router::bounded(chosen(in_use), most, 12);
        let mut expected: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut out = Vec::new();
        let mut now = 1000;
        for (n, ((dt, step, edit), choice)) in steps.into_iter().zip(&choices).enumerate() {
            now += dt;
            let step = match step {
                Step::Pass(fact) => {
                    // Two share an id, and each is itself.
                    let mut fact = Fact { id: (n / 2).to_string(), ..fact };
                    fact.words.insert("n".to_string(), n.to_string());
                    for name in in_use.iter().flat_map(|at| &names[*at]) {
                        *expected.entry((name.clone(), n.to_string())).or_default() += 1;
                    }
                    Step::Pass(fact)
                }
                Step::Release(_) => Step::Release((n / 4).to_string()),
                step => step,
            };
            take(&mut router, now, &step, &mut out);
            prop_assert!(router.copies() <= most);
            let total: usize = expected.values().sum();
            let left: usize = out.iter().map(|sending| sending.batch.len()).sum();
            // What waits before a fork counts once.
            prop_assert!(left + router.pending() <= total && (left == total) == (router.pending() == 0));
            if edit == 0 {
                router = router.edited(chosen(choice), at(now), &mut out);
                in_use = choice;
            }
        }
        router.advance(at(now + 10_000), &mut out);
        prop_assert_eq!((router.pending(), router.next_deadline()), (0, None));
        let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
        for sending in &out {
            prop_assert!(!sending.batch.is_empty());
            for fact in &sending.batch {
                *found.entry((sending.notifier.clone(), fact.words["n"].clone())).or_default() += 1;
            }
        }
        prop_assert_eq!(found, expected);
    }
}
