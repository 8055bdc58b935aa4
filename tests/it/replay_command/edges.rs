//! What is watched: `--from`, `--to`, `--whole`.

use super::*;

#[test]
fn silence_up_to_the_end_asked_for_is_watched_and_judged() {
    let thresholds = r#"{:histograms {"q" {:code {"2" {:> 0 :interval 60 :type :count}}}}}"#;
    let all = event(-1.0, r#""code":200"#) + &events(200, 30, r#""code":200"#) + &event(600.0, r#""code":200"#);
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", all.as_bytes()), ("none.json", b"")]);
    for (arguments, transitions, said) in [
        // From the first event to the last: the window of the last is cut, but it has its event.
        ("e.json", &["22:11:00 violation", "22:14:00 ok", "22:15:00 violation", "22:21:00 ok"][..], "32 events, "),
        (
            "e.json --from 2023-11-14T22:10:00Z --to 2023-11-14T22:20:00Z",
            &["22:11:00 violation", "22:14:00 ok", "22:15:00 violation"][..],
            "2 events outside of --from and --to",
        ),
        ("e.json --from 1700000000 --to 1700000040", &[][..], "  1 window judged"),
        ("e.json --from 2023-11-14T22:10:00Z --to 2023-11-14T22:11:00Z", &["22:11:00 violation"][..], "\n0 events\n"),
        ("e.json --from 2023-11-14T23:10:00+01:00 --to 1699999860", &["22:11:00 violation"][..], "  1 window judged"),
        ("none.json --from 1699999800 --to 1700000400", &["22:11:00 violation"][..], "  10 windows judged"),
        // Nobody said when watching began.
        ("none.json --to 1700000400", &[][..], "  0 windows judged"),
        ("none.json", &[][..], "\n0 events\n"),
    ] {
        let ran = folder.run(&format!("replay -c t.edn {arguments}"));
        assert_eq!(
            (ran.code, told(&ran.out)),
            (Some(0), transitions.iter().map(|t| t.to_string()).collect()),
            "{arguments}"
        );
        assert!(ran.out.contains(said), "{arguments}: no {said:?} in\n{}", ran.out);
    }
}

#[test]
fn a_window_at_an_edge_counts_only_with_whole() {
    // 22:12:00 to 22:38:20: the first and the last window of ten minutes are watched in part.
    let all = events(120, 1580, r#""metric":143,"status-code":200"#);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
    for (arguments, transitions, said) in [
        ("", &["22:30:00 violation"][..], "  1 window judged, 2 cut (not watched throughout)"),
        ("--whole", &["22:20:00 violation"][..], "  3 windows judged\n"),
        ("--from 2023-11-14T22:10:00Z", &["22:20:00 violation"][..], "  2 windows judged, 1 cut (not watched"),
        ("--from 2023-11-14T22:10:00Z --to 2023-11-14T22:40:00Z", &["22:20:00 violation"][..], "  3 windows judged\n"),
        // 28 of 600 seconds are less than 5 %, and 32 are more.
        ("--from 2023-11-14T22:20:28Z", &["22:30:00 violation"][..], "  1 window judged, 1 cut"),
        ("--from 2023-11-14T22:20:32Z", &[][..], "  0 windows judged, 2 cut"),
    ] {
        let ran = folder.run(&format!("replay -c t.edn e.json {arguments}"));
        assert_eq!(
            (ran.code, told(&ran.out)),
            (Some(0), transitions.iter().map(|t| t.to_string()).collect()),
            "{arguments}"
        );
        assert!(ran.out.contains(said), "{arguments}: no {said:?} in\n{}", ran.out);
    }
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", b"")]);
    for (arguments, said) in [
        ("--from 1700000400 --to 1699999800", "--from 2023-11-14T22:20:00Z is not before --to 2023-11-14T22:10:00Z"),
        ("--from 1700000400 --to 1700000400", "is not before"),
        ("--from yesterday", "expected RFC 3339, as in 2023-11-14T22:20:00Z, or seconds since 1970"),
        ("--to 2023-02-30T00:00:00Z", "expected RFC 3339"),
    ] {
        let ran = folder.run(&format!("replay -c t.edn e.json {arguments}"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments}");
        assert!(ran.err.contains(said), "{arguments}: {}", ran.err);
    }
}
