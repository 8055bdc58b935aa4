//! `:state`.

use std::path::PathBuf;

use super::environment::with;
use super::*;
use crate::plan::{Durability, Keeping, Place};

const THRESHOLDS: &str = ":percentiles {\"q\" {0.5 {:< 5 :interval 60}}}";

/// A file with `:state`, and with a threshold that nothing is to be said about.
fn state(entries: &str) -> String {
    format!("{{:state {{{entries}}} {THRESHOLDS}}}")
}

fn folder(path: &str) -> Place {
    Place::Folder(PathBuf::from(path))
}

#[test]
fn what_is_not_said_of_the_state_has_its_default() {
    let usual =
        Keeping { place: Place::Usual, durability: Durability::Os, sync_every: 1_000_000, journal_bytes: 33_554_432 };
    assert_eq!(from_text(&format!("{{{THRESHOLDS}}}")).plan.expect("no fault").state, usual);
    for (entries, expected) in [
        ("", usual.clone()),
        (":dir \"/var/lib/highwater\"", Keeping { place: folder("/var/lib/highwater"), ..usual.clone() }),
        (":dir \"state\"", Keeping { place: folder("state"), ..usual.clone() }),
        (":dir \"none\"", Keeping { place: Place::Nowhere, ..usual.clone() }),
        (":dir nil", Keeping { place: Place::Nowhere, ..usual.clone() }),
        (":dir #env [\"X\" \"/srv/hw\"]", Keeping { place: folder("/srv/hw"), ..usual.clone() }),
        (":dir #env [\"X\" \"none\"]", Keeping { place: Place::Nowhere, ..usual.clone() }),
        (":durability :os", usual.clone()),
        (":durability :sync", Keeping { durability: Durability::Sync, ..usual.clone() }),
        (":durability :none", Keeping { durability: Durability::None, ..usual.clone() }),
        (":sync-every 0.25 :durability :os", Keeping { sync_every: 250_000, ..usual.clone() }),
        (":sync-every #duration \"1m\"", Keeping { sync_every: 60_000_000, ..usual.clone() }),
        (":journal-bytes 1048576", Keeping { journal_bytes: 1 << 20, ..usual.clone() }),
        (":journal-bytes 68719476736", Keeping { journal_bytes: 64 << 30, ..usual.clone() }),
    ] {
        let text = state(entries);
        let loaded = from_text(&text);
        compare(&text, &loaded, &[]);
        assert_eq!(loaded.plan.expect("no fault").state, expected, "{text}");
    }
}

#[test]
fn keys_of_the_state_are_answered_with_the_nearest() {
    for (key, meant) in [
        (":path", ":dir"),
        (":directory", ":dir"),
        (":folder", ":dir"),
        (":file", ":dir"),
        (":fsync", ":durability"),
        (":sync", ":durability"),
        (":mode", ":durability"),
        (":interval", ":sync-every"),
        (":every", ":sync-every"),
        (":sync_every", ":sync-every"),
        (":journal", ":journal-bytes"),
        (":durabilty", ":durability"),
    ] {
        faults(&state(&format!("{key} 5")), &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    faults(&state(":colour 5"), &[("T001", "`:state` has no `:colour`")]);
    faults(&state("\"dir\" \"/srv\""), &[("T003", "write `:dir`")]);
    for key in [":stat", ":states", ":data-dir", ":persistence"] {
        faults(&format!("{{{key} 5 {THRESHOLDS}}}"), &[("T001", "did you mean `:state`?")]);
    }
    for written in ["\"/var/lib/highwater\"", "nil", ":none", "true"] {
        faults(&format!("{{:state {written} {THRESHOLDS}}}"), &[("T021", "a map, such as `{:dir")]);
    }
}

#[test]
fn values_of_the_state_are_checked() {
    for (entries, code, phrase) in [
        (":dir \"\"", "T022", "`:dir` is empty"),
        (":dir \" \"", "T022", "`:dir` is empty"),
        (":dir #file \"/run/dir\"", "T084", "write `:dir \"/var/lib/highwater\"`"),
        (":dir \"~/state\"", "T085", "`~/state` begins with `~`"),
        (":dir #env [\"X\" \"~hw\"]", "T085", "this value begins with `~`"),
        (":dir false", "T021", "write `\"none\"` to keep no state"),
        (":dir :off", "T021", "write `\"none\"` to keep no state"),
        (":dir state", "T021", "write `\"state\"`"),
        (":dir 5", "T021", "write `:dir \"/var/lib/highwater\"`"),
        (":dir #path \"/srv\"", "T020", "there is no tag `#path`"),
        (":dir #env \"X\"", "W003", "this option is left out"),
        (":durability :fsync", "T023", "did you mean `:sync`?"),
        (":durability :off", "T023", "did you mean `:none`?"),
        (":durability \"os\"", "T023", "write `:os`"),
        (":durability true", "T023", "`:os`, `:sync` or `:none`"),
        (":sync-every 0", "T031", "above 0"),
        (":sync-every -1", "T032", "below 0"),
        (":sync-every 1000", "W005", "did you mean `1`?"),
        (":sync-every \"1s\"", "T021", "write `#duration \"1s\"`"),
        (":journal-bytes 1048575", "T025", "from 1048576 to 68719476736"),
        (":journal-bytes 68719476737", "T025", "from 1048576 to 68719476736"),
        (":journal-bytes \"64M\"", "T021", "a whole number"),
        (":dir \"/a\" :dir \"/b\"", "E014", "twice"),
    ] {
        faults(&state(entries), &[(code, phrase)]);
    }
    let text = state(":dir #env \"HW_STATE\"");
    let loaded = with(&[("HW_STATE", "/srv/hw")], &text, Unset::Error);
    compare(&text, &loaded, &[]);
    assert_eq!(loaded.plan.expect("no fault").state.place, folder("/srv/hw"));
    compare(&text, &with(&[], &text, Unset::Error), &[("T027", "not set")]);
}

#[test]
fn how_often_is_synced_counts_only_where_it_is_left_to_the_system() {
    for (entries, expected) in [
        (":sync-every 5 :durability :sync", &[("W025", "does nothing with `:durability :sync`")][..]),
        (":durability :none :sync-every 5", &[("W025", "does nothing with `:durability :none`")]),
        (":durability :none", &[]),
        (":sync-every 5", &[]),
        (":sync-every 5 :durability :snyc", &[("T023", "did you mean `:sync`?")]),
    ] {
        faults(&state(entries), expected);
    }
    let loaded = files(&["{:state {:durability :sync}}", &state(":sync-every 5")]);
    compare("two files", &loaded, &[("W025", "")]);
    let places: Vec<u32> = loaded.diagnostics[0].labels.iter().map(|label| label.span.file).collect();
    assert_eq!(places, [1, 0]);
}

#[test]
fn the_state_of_several_files_is_one() {
    let loaded = files(&["{:state {:dir \"/srv/hw\"}}", &state(":durability :sync")]);
    compare("two files", &loaded, &[]);
    let keeping = loaded.plan.expect("nothing is said twice").state;
    assert_eq!((keeping.place, keeping.durability), (folder("/srv/hw"), Durability::Sync));
    for (a, b) in [
        ("{:state {:dir \"/a\"}}", "{:state {:dir \"/a\"}}"),
        ("{:state {:dir \"/a\"}}", "{:state {:dir nil}}"),
        ("{:state {:sync-every 1 :dir \"/a\"}}", "{:state {:durability :os :sync-every 2}}"),
    ] {
        let loaded = files(&[a, b]);
        compare(a, &loaded, &[("T006", "set again here")]);
        let places: Vec<u32> = loaded.diagnostics[0].labels.iter().map(|label| label.span.file).collect();
        assert_eq!(places, [1, 0], "{a} {b}");
    }
}
