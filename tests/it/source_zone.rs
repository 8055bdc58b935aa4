//! Time zones of lines that do not say theirs.

use highwater::plan::{Civil, Timestamp};
use highwater::source::Zone;
use proptest::prelude::*;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
/// Half an hour of summer, in the south.
const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";

const SECOND: i64 = 1_000_000;

fn zone(name: &str) -> Zone {
    Zone::named(name).expect(name)
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text.as_bytes()).expect(text)
}

/// `2026-10-25 02:30:00`.
fn civil(text: &str) -> Civil {
    at(&format!("{text}Z")).civil()
}

/// A file of the time zone database, of version 1 and 2: first an offset, then changes, in seconds, then a rule.
fn tzif(first: i32, changes: &[(i64, i32)], rule: &str) -> Vec<u8> {
    let block = |version: u8, changes: &[(i64, i32)], wide: bool| {
        let count = u32::try_from(changes.len()).expect("few");
        let mut bytes = b"TZif".to_vec();
        bytes.push(version);
        bytes.extend([0; 15]);
        for count in [0, 0, 0, count, count + 1, 4] {
            bytes.extend(u32::to_be_bytes(count));
        }
        for (time, _) in changes {
            let time = time.to_be_bytes();
            bytes.extend(if wide { &time[..] } else { &time[4..] });
        }
        bytes.extend((1..=changes.len()).map(|kind| u8::try_from(kind).expect("few")));
        for offset in [first].iter().chain(changes.iter().map(|(_, offset)| offset)) {
            bytes.extend(offset.to_be_bytes());
            bytes.extend([0, 0]);
        }
        bytes.extend(b"XYZ\0");
        bytes
    };
    // Readers of today pass over the first block.
    let mut bytes = block(b'2', &[(0, -7)], false);
    bytes.extend(block(b'2', changes, true));
    bytes.extend(format!("\n{rule}\n").bytes());
    bytes
}

#[test]
fn a_clock_reading_is_one_time_a_repeated_one_the_next_after_the_line_before() {
    let cases = [
        (BERLIN, "2026-01-15 12:00:00", None, "2026-01-15T11:00:00Z"),
        (BERLIN, "2026-07-15 12:00:00.25", None, "2026-07-15T10:00:00.25Z"),
        // Skipped in spring: by the offset before.
        (BERLIN, "2026-03-29 01:59:59", None, "2026-03-29T00:59:59Z"),
        (BERLIN, "2026-03-29 02:30:00", None, "2026-03-29T01:30:00Z"),
        (BERLIN, "2026-03-29 03:00:00", None, "2026-03-29T01:00:00Z"),
        // Repeated in autumn.
        (BERLIN, "2026-10-25 01:59:59", Some("2026-10-25T01:10:00Z"), "2026-10-24T23:59:59Z"),
        (BERLIN, "2026-10-25 02:30:00", None, "2026-10-25T00:30:00Z"),
        (BERLIN, "2026-10-25 02:30:00", Some("2026-10-24T10:00:00Z"), "2026-10-25T00:30:00Z"),
        (BERLIN, "2026-10-25 02:30:00", Some("2026-10-25T00:30:00Z"), "2026-10-25T00:30:00Z"),
        (BERLIN, "2026-10-25 02:00:01", Some("2026-10-25T00:59:59Z"), "2026-10-25T01:00:01Z"),
        (BERLIN, "2026-10-25 02:30:00", Some("2026-10-25T01:29:00Z"), "2026-10-25T01:30:00Z"),
        (BERLIN, "2026-10-25 02:30:00", Some("2027-01-01T00:00:00Z"), "2026-10-25T01:30:00Z"),
        (BERLIN, "2026-10-25 03:00:00", None, "2026-10-25T02:00:00Z"),
        // Stamped a bit before the line in front of it.
        (BERLIN, "2026-10-25 02:29:59", Some("2026-10-25T00:30:00Z"), "2026-10-25T00:29:59Z"),
        (BERLIN, "2026-10-25 02:29:59", Some("2026-10-25T01:30:00Z"), "2026-10-25T01:29:59Z"),
        (NEW_YORK, "2026-03-08 02:30:00", None, "2026-03-08T07:30:00Z"),
        (NEW_YORK, "2026-11-01 01:30:00", Some("2026-11-01T05:59:00Z"), "2026-11-01T06:30:00Z"),
        (LORD_HOWE, "2026-04-05 01:45:00", None, "2026-04-04T14:45:00Z"),
        (LORD_HOWE, "2026-04-05 01:45:00", Some("2026-04-04T15:10:00Z"), "2026-04-04T15:15:00Z"),
        (LORD_HOWE, "2026-10-04 02:15:00", None, "2026-10-03T15:45:00Z"),
        ("+05:45", "2026-10-25 02:30:00", None, "2026-10-24T20:45:00Z"),
        ("-0930", "2026-10-25 02:30:00", None, "2026-10-25T12:00:00Z"),
        ("UTC", "2026-10-25 02:30:00", None, "2026-10-25T02:30:00Z"),
    ];
    for (name, reading, after, expected) in cases {
        let resolved = zone(name).resolve(civil(reading), after.map(at));
        assert_eq!(resolved, Some(at(expected)), "{name}: {reading} after {after:?}");
    }
}

#[test]
fn what_is_no_date_is_no_time() {
    for (month, day, hour, minute, second) in [(2, 29, 0, 0, 0), (4, 31, 0, 0, 0), (0, 1, 0, 0, 0), (1, 1, 24, 0, 0)] {
        let civil = Civil { year: 2026, month, day, hour, minute, second, micros: 0 };
        assert_eq!(zone(BERLIN).resolve(civil, None), None);
    }
    for (year, month, day) in [(0, 1, 1), (10_000, 1, 1), (i64::MIN, 1, 1), (i64::MAX, 1, 1), (1, 1, 1)] {
        let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0, micros: 0 };
        assert_eq!(zone("+10").resolve(civil, None), None, "{year}");
    }
}

#[test]
fn a_line_without_a_year_is_of_the_last_year_that_is_not_behind_its_file() {
    // As a line says it, the year apart; the age of the file; what it is.
    let cases = [
        ("11-25 10:00:00", "2026-11-25T10:00:01Z", "2026-11-25T09:00:00Z"),
        ("01-03 10:00:00", "2026-11-25T10:00:00Z", "2026-01-03T09:00:00Z"),
        ("11-26 10:00:00", "2026-11-25T10:00:00Z", "2026-11-26T09:00:00Z"),
        ("11-26 13:00:00", "2026-11-25T10:00:00Z", "2025-11-26T12:00:00Z"),
        ("12-31 23:59:59", "2027-01-01T00:00:00Z", "2026-12-31T22:59:59Z"),
        ("12-31 23:59:59", "2026-12-31T22:59:59Z", "2026-12-31T22:59:59Z"),
        ("01-01 00:00:00", "2026-12-31T23:00:00Z", "2026-12-31T23:00:00Z"),
        ("01-01 00:00:00", "2026-12-31T22:59:59Z", "2026-12-31T23:00:00Z"),
        ("02-29 12:00:00", "2026-03-01T00:00:00Z", "2024-02-29T11:00:00Z"),
        ("02-29 12:00:00", "2028-03-01T00:00:00Z", "2028-02-29T11:00:00Z"),
        ("02-29 12:00:00", "2028-02-27T00:00:00Z", "2024-02-29T11:00:00Z"),
        ("02-29 12:00:00", "1904-02-01T00:00:00Z", "1896-02-29T11:00:00Z"),
    ];
    for (line, near, expected) in cases {
        let civil = Civil { year: 0, ..civil(&format!("2024-{line}")) };
        let resolved = zone(BERLIN).resolve_without_year(civil, None, at(near));
        assert_eq!(resolved, Some(at(expected)), "{line} in a file of {near}");
    }
    let never = Civil { year: 2024, month: 2, day: 30, hour: 0, minute: 0, second: 0, micros: 0 };
    assert_eq!(zone(BERLIN).resolve_without_year(never, None, at("2026-01-01T00:00:00Z")), None);
    assert_eq!(zone(BERLIN).resolve_without_year(never, None, Timestamp::MIN), None);
    assert_eq!(zone(BERLIN).resolve_without_year(never, None, Timestamp::MAX), None);
}

#[test]
fn one_file_after_another_has_its_own_year() {
    let zone = zone("UTC");
    let line = civil("2000-06-01 00:00:00");
    for year in [2020, 2026, 2021, 2026] {
        let near = at(&format!("{year}-12-01T00:00:00Z"));
        let resolved = zone.resolve_without_year(line, None, near).expect("a time");
        assert_eq!(resolved.civil().year, year);
    }
}

#[test]
fn a_file_of_the_database_is_followed_and_then_its_rule() {
    let changes = [(0, 7200), (1_000_000_000, 10_800), (1_000_086_400, 10_800), (1_700_000_000, 3600)];
    let zone = Zone::from_tzif("Test/Place", &tzif(-1800, &changes, BERLIN)).expect("a file");
    let cases = [
        ("1969-12-31T00:00:00Z", -1800),
        ("1970-01-01T00:00:00Z", 7200),
        ("2001-09-09T01:46:39Z", 7200),
        ("2001-09-09T01:46:40Z", 10_800),
        ("2023-11-14T22:13:20Z", 3600),
        ("2024-03-31T00:59:59Z", 3600),
        ("2024-03-31T01:00:00Z", 7200),
        ("2199-07-01T00:00:00Z", 7200),
    ];
    for (time, offset) in cases {
        assert_eq!(zone.civil(at(time)), at(time).plus(offset * SECOND).civil(), "{time}");
    }
    assert_eq!(zone.name(), "Test/Place");
}

#[test]
fn a_file_that_is_none_is_named_so() {
    let whole = tzif(0, &[(0, 7200)], BERLIN);
    let mut leaps = tzif(0, &[], "");
    let second = leaps.windows(4).rposition(|bytes| bytes == b"TZif").expect("a second block");
    leaps[second + 31] = 1;
    leaps.splice(leaps.len() - 2..leaps.len() - 2, [0; 12]);
    let cases = [
        (&b""[..], "it is no file of a time zone database (TZif)"),
        (b"DE +5230+01322 Europe/Berlin and some more text behind it", "it is no file"),
        (&whole[..60], "it is cut off"),
        (&whole[..whole.len() - 1], "it is cut off"),
        (&whole[..whole.len() - 40], "it is cut off"),
        (&tzif(0, &[(5, 0), (4, 3600)], ""), "its times are not in order"),
        (&tzif(0, &[(5, 200_000)], ""), "it is further from UTC than a day"),
        (&leaps, "it counts leap seconds, which no log does"),
        (&tzif(0, &[], "CET-1CEST"), "it ends with a rule that is not understood"),
    ];
    for (bytes, expected) in cases {
        let error = Zone::from_tzif("x", bytes).expect_err(expected);
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Zones with summer times, and one whose offsets change twice within two days.
fn zones() -> impl Strategy<Value = Zone> {
    let wild = tzif(3600, &[(1_600_000_000, -7200), (1_600_090_000, 36_000), (1_700_000_000, 0)], "");
    let wild = Zone::from_tzif("wild", &wild).expect("a file");
    prop_oneof![Just(zone(BERLIN)), Just(zone(NEW_YORK)), Just(zone(LORD_HOWE)), Just(zone("-03:30")), Just(wild)]
}

/// Times between 2000 and 2030, often near to a change.
fn times() -> impl Strategy<Value = Timestamp> {
    let changes = ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z", "2026-04-04T15:00:00Z"];
    let changes = changes.map(|change| at(change).micros()).into_iter().chain([1_600_000_000 * SECOND]);
    let near = prop::sample::select(changes.collect::<Vec<_>>());
    let near = (near, -100_000 * SECOND..100_000 * SECOND).prop_map(|(change, by)| change + by);
    let any = 946_684_800 * SECOND..1_893_456_000 * SECOND;
    prop_oneof![near, any].prop_map(Timestamp::clamped)
}

proptest! {
    /// Also with what is remembered of the time before.
    #[test]
    fn what_a_clock_shows_is_resolved_to_the_time_at_which_it_shows_it(
        zone in zones(), times in prop::collection::vec(times(), 1..20),
    ) {
        for time in times {
            let shown = zone.civil(time);
            let resolved = zone.resolve(shown, Some(time)).expect("there is such a date");
            prop_assert_eq!(zone.civil(resolved), shown);
            let first = zone.resolve(shown, None).expect("there is such a date");
            prop_assert_eq!(zone.civil(first), shown);
            prop_assert!(first <= resolved && resolved <= time);
            prop_assert!(resolved == time || zone.resolve(shown, Some(Timestamp::MAX)) == Some(time));
        }
    }

    #[test]
    fn what_is_remembered_changes_nothing(zone in zones(), times in prop::collection::vec((times(), times()), 1..20)) {
        let fresh = zone.clone();
        for (shown, after) in times {
            let (shown, fresh) = (shown.civil(), fresh.clone());
            prop_assert_eq!(zone.resolve(shown, Some(after)), fresh.resolve(shown, Some(after)));
            prop_assert_eq!(zone.resolve(shown, None), fresh.resolve(shown, None));
        }
    }

    /// Of lines in order, the second of two equal hours is told by the clock being set back, unless it is very quiet.
    #[test]
    fn lines_in_order_over_a_repeated_hour_are_resolved_in_order(
        gaps in prop::collection::vec(0..40 * 60 * SECOND, 1..20), start in 0..2 * 3600 * SECOND,
    ) {
        let zone = zone(BERLIN);
        let mut time = at("2026-10-24T22:00:00Z").plus(start);
        let mut after = Some(time);
        for gap in gaps {
            time = time.plus(gap);
            let resolved = zone.resolve(zone.civil(time), after);
            prop_assert_eq!(resolved, Some(time));
            after = resolved;
        }
    }

    /// A later line before never gives an earlier reading.
    #[test]
    fn a_reading_follows_the_line_before(zone in zones(), shown in times(), mut after in prop::array::uniform2(times())) {
        after.sort();
        let [first, second] = after.map(|after| zone.resolve(shown.civil(), Some(after)));
        prop_assert!(first <= second);
    }

    #[test]
    fn a_line_that_is_less_than_a_year_older_than_its_file_needs_none(
        zone in zones(),
        time in times(),
        age in 0..360 * 86_400 * SECOND,
    ) {
        let shown = Civil { year: 0, ..zone.civil(time) };
        prop_assert_eq!(zone.resolve_without_year(shown, Some(time), time.plus(age)), Some(time));
    }

    #[test]
    fn no_bytes_and_no_names_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0..300usize, text in ".{0,40}") {
        let _ = Zone::from_tzif("x", &bytes);
        let mut file = tzif(0, &[(0, 7200), (1_000_000_000, 3600)], BERLIN);
        for (at, byte) in bytes.iter().enumerate().take(3) {
            let length = file.len();
            file[(cut + at * 7) % length] = *byte;
        }
        if let Ok(zone) = Zone::from_tzif("x", &file) {
            let _ = zone.resolve(zone.civil(Timestamp::MAX), Some(Timestamp::MIN));
            let _ = zone.resolve(zone.civil(Timestamp::MIN), None);
        }
        let _ = Zone::named(&text);
    }
}
