//! What the outbox promises, on few subjects and many steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::plan::{Expression, Field, Route, Url};

const S: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::clamped(1_700_000_000 * S + seconds * S)
}

/// The transition of a subject: its `n`th violation, or the end of it.
fn line(subject: &str, n: u32, status: &str) -> Arc<str> {
    json!({
        "v": 1, "status": status, "service": subject, "severity": "page", "labels": {"team": "a"}, "group": {},
        "time": at(i64::from(n)).to_string(), "dedup_key": subject, "violation_id": format!("{subject}-{n}"),
    })
    .to_string()
    .into()
}

fn directory(routes: Vec<Route>, queue: usize) -> Directory {
    directory_at("", routes, queue)
}

/// With notifiers at other addresses, if there is an `end`.
fn directory_at(end: &str, routes: Vec<Route>, queue: usize) -> Directory {
    let entry = |name: &str, takes_batches| {
        let address = Arc::new(Address::Webhook(Url(format!("http://{name}{end}"))));
        (Arc::from(name), Entry { address, takes_batches })
    };
    let notifiers = BTreeMap::from([entry("one", false), entry("many", true)]);
    Directory { routes: Some(routes), notifiers, queue }
}

fn notify(names: &[&str]) -> Route {
    Route::Notify(names.iter().map(ToString::to_string).collect())
}

fn took(outbox: &mut Outbox, seconds: i64, lines: &[Arc<str>]) {
    let first = outbox.taken();
    outbox.step(&Input::Took { now: at(seconds), first, lines: lines.to_vec() });
}

/// What waits for a notifier: of each dispatch the violation and status of its notices.
fn waiting(outbox: &Outbox, notifier: &str) -> Vec<Vec<String>> {
    let shown = |kept: &Kept| format!("{} {}", kept.violation, if kept.is_recovery { "ok" } else { "violation" });
    let dispatches = outbox.queue(notifier).into_iter().flat_map(Queue::iter);
    dispatches.map(|dispatch| dispatch.notices.iter().map(shown).collect()).collect()
}

fn accept_all(outbox: &mut Outbox, notifier: &str) {
    let numbers: Vec<u64> = outbox.queue(notifier).into_iter().flat_map(Queue::iter).map(|d| d.number).collect();
    for number in numbers {
        outbox.step(&Input::Accepted { notifier: notifier.into(), number });
    }
}

#[test]
fn a_recovery_goes_where_its_violation_went_whatever_routes_say_now() {
    let mut outbox = Outbox::new(directory(vec![notify(&["one", "many"])], 100));
    took(&mut outbox, 0, &[line("q", 1, "violation")]);
    accept_all(&mut outbox, "one");
    accept_all(&mut outbox, "many");
    let mut edited = directory(vec![], 100);
    edited.notifiers.remove("many");
    outbox.step(&Input::Edited { now: at(1), directory: edited });
    took(&mut outbox, 2, &[line("q", 1, "ok"), line("r", 1, "violation")]);
    assert_eq!(waiting(&outbox, "one"), [["q-1 ok"]]);
    assert_eq!(waiting(&outbox, "many"), [["q-1 ok"]]);
    let address = &outbox.queue("many").expect("it waits").iter().next().expect("it waits").address;
    assert_eq!(**address, Address::Webhook(Url("http://many".into())));
}

/// What waits for a notifier, each with where it goes.
fn waiting_at(outbox: &Outbox, notifier: &str) -> Vec<String> {
    let queue = outbox.queue(notifier).into_iter().flat_map(Queue::iter);
    let shown = waiting(outbox, notifier).into_iter().map(|notices| notices.join(", "));
    queue.zip(shown).map(|(dispatch, shown)| format!("{shown} {}", url(dispatch))).collect()
}

fn url(dispatch: &Dispatch) -> String {
    let Address::Webhook(Url(url)) = &*dispatch.address else { panic!("all are webhooks") };
    url.clone()
}

#[test]
fn what_nobody_has_accepted_moves_with_its_notifier_and_its_recovery_with_it() {
    for in_doubt in [false, true] {
        for recovers_first in [false, true] {
            let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 100));
            took(&mut outbox, 0, &[line("p", 1, "violation")]);
            accept_all(&mut outbox, "one");
            took(&mut outbox, 0, &[line("p", 1, "ok"), line("q", 1, "violation")]);
            if recovers_first {
                took(&mut outbox, 1, &[line("q", 1, "ok")]);
            }
            let edited = directory_at("/2", vec![notify(&["one"])], 100);
            outbox.step(&Input::Edited { now: at(2), directory: edited });
            for number in 0..4 {
                outbox.step(&Input::Sent { notifier: "one".into(), number, in_doubt });
                outbox.step(&Input::Moved { now: at(2), notifier: "one".into(), number });
            }
            if !recovers_first {
                took(&mut outbox, 3, &[line("q", 1, "ok")]);
            }
            // Of what was accepted, the recovery stays.
            let mut expected = vec!["p-1 ok http://one", "q-1 violation http://one/2"];
            expected.extend(in_doubt.then_some("q-1 ok http://one"));
            expected.push("q-1 ok http://one/2");
            assert_eq!(waiting_at(&outbox, "one"), expected, "{in_doubt} {recovers_first}");
        }
    }
}

#[test]
fn what_moves_there_and_back_is_told_once() {
    for in_doubt in [false, true] {
        let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 100));
        took(&mut outbox, 0, &[line("q", 1, "violation")]);
        for end in ["/2", ""] {
            outbox.step(&Input::Edited { now: at(2), directory: directory_at(end, vec![notify(&["one"])], 100) });
            outbox.step(&Input::Sent { notifier: "one".into(), number: 0, in_doubt });
            outbox.step(&Input::Moved { now: at(2), notifier: "one".into(), number: 0 });
        }
        took(&mut outbox, 3, &[line("q", 1, "ok")]);
        let mut expected = vec!["q-1 violation http://one", "q-1 ok http://one"];
        expected.extend(in_doubt.then_some("q-1 ok http://one/2"));
        assert_eq!(waiting_at(&outbox, "one"), expected);
    }
}

#[test]
fn a_recovery_has_the_identity_that_its_violation_was_told_with() {
    let with = Route::With {
        fields: vec![
            (Field::named("severity"), Expression::Text("ticket".into())),
            (Field::named("room"), Expression::Text("b".into())),
        ],
        children: vec![notify(&["one"])],
    };
    let mut outbox = Outbox::new(directory(vec![with], 100));
    took(&mut outbox, 0, &[line("q", 1, "violation"), line("q", 1, "ok")]);
    let told: Vec<_> =
        outbox.queue("one").expect("two").iter().map(|dispatch| dispatch.notices[0].line.clone()).collect();
    for line in told {
        let notice = Notice::parse(&line).expect("a notice");
        assert_eq!(notice.text("severity"), "ticket");
        assert_eq!(notice.json()["labels"], json!({"team": "a", "room": "b"}));
    }
}

#[test]
fn what_waits_in_a_rollup_leaves_with_its_recovery_in_one_message() {
    let rollup = Route::Rollup { most: 1, every: 60 * S, children: vec![notify(&["one", "many"])] };
    let mut outbox = Outbox::new(directory(vec![rollup], 100));
    took(&mut outbox, 0, &[line("q", 1, "violation")]);
    took(&mut outbox, 1, &[line("r", 1, "violation"), line("s", 1, "violation")]);
    took(&mut outbox, 2, &[line("r", 1, "ok")]);
    let many = vec![vec!["q-1 violation"], vec!["r-1 violation", "r-1 ok"]];
    assert_eq!(waiting(&outbox, "many"), many);
    let one = [["q-1 violation"], ["r-1 violation"], ["r-1 ok"]];
    assert_eq!(waiting(&outbox, "one"), one);
    outbox.step(&Input::Time { now: at(60) });
    assert_eq!(waiting(&outbox, "many")[2], ["s-1 violation"]);
}

#[test]
fn a_violation_is_told_to_a_notifier_once() {
    let mut outbox = Outbox::new(directory(vec![notify(&["many"]), notify(&["many"])], 100));
    took(&mut outbox, 0, &[line("q", 1, "violation"), line("q", 1, "violation")]);
    assert_eq!(waiting(&outbox, "many"), [["q-1 violation"]]);
}

#[test]
fn the_recovery_of_a_rejected_violation_goes_with_it() {
    for accepted_first in [false, true] {
        let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 100));
        took(&mut outbox, 0, &[line("q", 1, "violation")]);
        if accepted_first {
            took(&mut outbox, 1, &[line("q", 1, "ok")]);
        }
        outbox.step(&Input::Rejected { now: at(2), notifier: "one".into(), number: 0, why: "no".into() });
        if !accepted_first {
            took(&mut outbox, 3, &[line("q", 1, "ok")]);
        }
        assert!(outbox.queue("one").is_none_or(Queue::is_empty));
        let whys: Vec<&str> = outbox.dead().map(|dead| dead.why.as_ref()).collect();
        assert_eq!(whys, ["no", "its violation was rejected"]);
        outbox.step(&Input::Buried { before: 2 });
        assert!(outbox.is_idle());
    }
}

#[test]
fn a_shadow_is_never_routed() {
    let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 100));
    let mut shadow: serde_json::Value = serde_json::from_str(&line("q", 1, "violation")).expect("JSON");
    shadow["shadow"] = true.into();
    took(&mut outbox, 0, &[shadow.to_string().into()]);
    assert!(outbox.is_idle());
}

#[test]
fn without_routes_everything_goes_to_standard_output_in_one_piece() {
    let mut outbox = Outbox::new(Directory::of(&crate::plan::Routing::default(), 100));
    took(&mut outbox, 0, &[line("q", 1, "violation"), line("q", 1, "ok"), line("r", 7, "ok")]);
    assert_eq!(waiting(&outbox, "log"), [["q-1 violation", "q-1 ok", "r-7 ok"]]);
}

#[test]
fn transitions_are_taken_once_however_often_they_are_handed_over() {
    let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 100));
    let lines = vec![line("q", 1, "violation"), line("r", 1, "violation")];
    outbox.step(&Input::Took { now: at(0), first: 5, lines: lines.clone() });
    accept_all(&mut outbox, "one");
    outbox.step(&Input::Took { now: at(1), first: 5, lines: [lines, vec![line("s", 1, "violation")]].concat() });
    assert_eq!(waiting(&outbox, "one"), [["s-1 violation"]]);
    assert_eq!(outbox.taken(), 8);
}

#[test]
fn a_full_queue_keeps_the_latest_of_each_key_and_loses_nothing_silently() {
    let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 4));
    for n in 0..3 {
        took(&mut outbox, 0, &[line("q", n, "violation"), line("q", n, "ok")]);
    }
    // At the fifth the four before it gave way.
    assert_eq!(waiting(&outbox, "one"), [["q-2 violation"], ["q-2 ok"]]);
    assert_eq!(outbox.collapsed(), 4);
    for subject in ["r", "s", "t", "u"] {
        took(&mut outbox, 0, &[line(subject, 1, "violation")]);
    }
    assert_eq!(waiting(&outbox, "one"), [["r-1 violation"], ["s-1 violation"], ["t-1 violation"], ["u-1 violation"]]);
    assert_eq!(outbox.dead().map(|dead| dead.why.as_ref()).collect::<Vec<_>>(), ["too many were waiting"]);
}

/// One step of a random story.
#[derive(Clone, Debug)]
enum Step {
    Turn(usize),
    Time(i64),
    Accept(usize),
    Reject(usize),
    Edit(usize),
    Move(usize, bool),
    Bury,
}

fn routes(choice: usize) -> Vec<Route> {
    let rollup = || Route::Rollup { most: 1, every: 30 * S, children: vec![notify(&["many"])] };
    match choice % 4 {
        0 => vec![notify(&["one"]), rollup()],
        1 => vec![rollup()],
        2 => vec![Route::Throttle { most: 2, every: 20 * S, children: vec![notify(&["one", "many"])] }],
        _ => vec![Route::By { fields: vec![Field::named("service")], children: vec![rollup(), notify(&["one"])] }],
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5usize).prop_map(Step::Turn),
        2 => (1..20i64).prop_map(Step::Time),
        4 => (0..4usize).prop_map(Step::Accept),
        1 => (0..4usize).prop_map(Step::Reject),
        1 => (0..12usize).prop_map(Step::Edit),
        2 => ((0..6usize), any::<bool>()).prop_map(|(choice, in_doubt)| Step::Move(choice, in_doubt)),
        1 => Just(Step::Bury),
    ];
    proptest::collection::vec(step, 0..80)
}

/// What somebody has heard: where, of which violation, whether of its end.
type Heard = (String, String, bool);

fn heard(dispatch: &Dispatch) -> impl Iterator<Item = Heard> {
    dispatch.notices.iter().map(|kept| (url(dispatch), kept.violation.to_string(), kept.is_recovery))
}

/// A story as inputs, and what was heard on the way.
struct Story {
    outbox: Outbox,
    delivered: Vec<Heard>,
    /// Where it is not known whether a violation was heard: there it may be told again.
    in_doubt: BTreeSet<(String, String)>,
    inputs: Vec<Input>,
}

fn tell(steps: &[Step], cut: Option<usize>, queue: usize) -> Story {
    let mut outbox = Outbox::new(directory(routes(0), queue));
    let (mut violated, mut counts) = ([false; 5], [0; 5]);
    let (mut now, mut delivered, mut inputs): (_, Vec<Heard>, _) = (0, Vec::new(), Vec::new());
    let mut in_doubt = BTreeSet::new();
    for (at_step, step) in steps.iter().enumerate() {
        if cut == Some(at_step) {
            outbox = Outbox::from_bytes(&outbox.to_bytes()).expect("it was written just now");
        }
        let front = |outbox: &Outbox, choice: usize| {
            let name = if choice.is_multiple_of(2) { "one" } else { "many" };
            let dispatch = outbox.queue(name)?.iter().nth(choice / 2)?.clone();
            // As it is tried: never before one of the same key.
            let before = outbox.queue(name)?.iter().take(choice / 2).filter(|d| d.address == dispatch.address);
            let mut before = before.flat_map(|d| &d.notices);
            let is_first = before.all(|kept| dispatch.notices.iter().all(|own| own.dedup_key != kept.dedup_key));
            is_first.then_some((Arc::<str>::from(name), dispatch))
        };
        let input = match step {
            Step::Turn(subject) => {
                let status = if violated[*subject] { "ok" } else { "violation" };
                counts[*subject] += u32::from(!violated[*subject]);
                violated[*subject] = !violated[*subject];
                let line = line(&format!("s{subject}"), counts[*subject], status);
                Input::Took { now: at(now), first: outbox.taken(), lines: vec![line] }
            }
            Step::Time(seconds) => {
                now += seconds;
                Input::Time { now: at(now) }
            }
            Step::Accept(choice) => match front(&outbox, *choice) {
                Some((notifier, dispatch)) => {
                    delivered.extend(heard(&dispatch));
                    Input::Accepted { notifier, number: dispatch.number }
                }
                None => continue,
            },
            Step::Reject(choice) => match front(&outbox, *choice) {
                Some((notifier, dispatch)) => {
                    // What was heard in doubt, and was rejected when it was told again.
                    let violations = heard(&dispatch).filter(|(_, _, is_recovery)| !is_recovery);
                    let rejected: BTreeSet<_> = violations.map(|(place, violation, _)| (place, violation)).collect();
                    delivered.retain(|(place, violation, _)| !rejected.contains(&(place.clone(), violation.clone())));
                    Input::Rejected { now: at(now), notifier, number: dispatch.number, why: "no".into() }
                }
                None => continue,
            },
            Step::Edit(choice) => {
                let end = ["", "/2", "/3"][choice / 4];
                Input::Edited { now: at(now), directory: directory_at(end, routes(*choice), queue) }
            }
            Step::Move(choice, is_in_doubt) => match front(&outbox, *choice) {
                Some((notifier, dispatch)) => {
                    let is_known = outbox.queue(&notifier).is_some_and(|queue| queue.is_in_doubt(dispatch.number));
                    if *is_in_doubt && !is_known {
                        let sent =
                            Input::Sent { notifier: Arc::clone(&notifier), number: dispatch.number, in_doubt: true };
                        outbox.step(&sent);
                        inputs.push(sent);
                    }
                    if *is_in_doubt {
                        delivered.extend(heard(&dispatch));
                        in_doubt.extend(heard(&dispatch).map(|(place, violation, _)| (place, violation)));
                    }
                    Input::Moved { now: at(now), notifier, number: dispatch.number }
                }
                None => continue,
            },
            Step::Bury => Input::Buried { before: outbox.dead().last().map_or(0, |dead| dead.number + 1) },
        };
        outbox.step(&input);
        inputs.push(input);
    }
    Story { outbox, delivered, in_doubt, inputs }
}

proptest! {
    #[test]
    fn its_journal_read_again_and_a_cut_anywhere_give_the_same(steps in steps(), cut in 0..80usize, queue in 3..40usize) {
        let Story { outbox, delivered, inputs, .. } = tell(&steps, None, queue);
        let Story { outbox: resumed, delivered: same, .. } = tell(&steps, Some(cut), queue);
        prop_assert_eq!(outbox.to_bytes(), resumed.to_bytes());
        prop_assert_eq!(delivered, same);
        let mut again = Outbox::new(directory(routes(0), queue));
        for input in &inputs {
            let input = Input::from_bytes(&input.to_bytes()).expect("it was written just now");
            again.step(&input);
        }
        prop_assert_eq!(outbox.to_bytes(), again.to_bytes());
    }

    #[test]
    fn a_notifier_hears_of_a_violation_once_before_its_recovery_and_of_that_always(steps in steps()) {
        let Story { mut outbox, mut delivered, in_doubt, .. } = tell(&steps, None, 10_000);
        // Everything recovers, and everybody takes everything.
        let open: BTreeSet<String> = outbox.open().map(|told| told.notice.violation.to_string()).collect();
        let lines: Vec<_> = open.iter().map(|violation| {
            let (subject, n) = violation.rsplit_once('-').expect("as the story made it");
            line(subject, n.parse().expect("a number"), "ok")
        }).collect();
        took(&mut outbox, 1_000_000, &lines);
        outbox.step(&Input::Time { now: at(2_000_000) });
        for name in ["one", "many"] {
            delivered.extend(outbox.queue(name).into_iter().flat_map(Queue::iter).flat_map(heard));
        }
        let certain = || delivered.iter().filter(|(place, violation, _)| !in_doubt.contains(&(place.clone(), violation.clone())));
        let distinct: BTreeSet<_> = certain().collect();
        prop_assert_eq!(distinct.len(), certain().count(), "told twice: {:?}", delivered);
        let place = |notifier: &String, violation: &String, is_recovery| {
            delivered.iter().rposition(|one| *one == (notifier.clone(), violation.clone(), is_recovery))
        };
        for (notifier, violation, is_recovery) in &delivered {
            if *is_recovery {
                prop_assert!(place(notifier, violation, false).is_some());
                prop_assert!(place(notifier, violation, false) < place(notifier, violation, true));
            } else if open.contains(violation) {
                prop_assert!(place(notifier, violation, true).is_some(), "no recovery of {} at {}", violation, notifier);
            }
        }
    }

    #[test]
    fn other_bytes_are_no_outbox_and_no_input(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Outbox::from_bytes(&bytes);
        let _ = Input::from_bytes(&bytes);
    }
}

#[test]
fn a_violation_whose_end_was_lost_ends_when_the_next_one_begins() {
    let mut outbox = Outbox::new(directory(vec![notify(&["one"])], 100));
    took(&mut outbox, 0, &[line("q", 1, "violation"), line("q", 2, "violation")]);
    assert_eq!(waiting(&outbox, "one"), [["q-1 violation"], ["q-1 ok"], ["q-2 violation"]]);
    outbox.step(&Input::Forgotten { now: at(5), violation: "q-2".into() });
    outbox.step(&Input::Forgotten { now: at(5), violation: "q-3".into() });
    assert_eq!(waiting(&outbox, "one").last(), Some(&vec!["q-2 ok".to_string()]));
    assert_eq!(outbox.told(), 0);
}
