//! `:state`: what is kept over restarts, over all files.

use std::path::PathBuf;

use super::context::Context;
use super::{catalogue, time, values};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Durability, Keeping, Place};

/// Alphabetical.
const SETTINGS: [(&str, ReadSetting); 4] =
    [("dir", dir), ("durability", durability), ("journal-bytes", journal_bytes), ("sync-every", sync_every)];

/// What other systems, and people in a hurry, call these keys.
const OTHER_WORDS: [(&str, &str); 26] = [
    ("data-dir", "dir"),
    ("directory", "dir"),
    ("file", "dir"),
    ("folder", "dir"),
    ("location", "dir"),
    ("path", "dir"),
    ("place", "dir"),
    ("state-dir", "dir"),
    ("ack", "durability"),
    ("appendfsync", "durability"),
    ("fsync", "durability"),
    ("mode", "durability"),
    ("sync", "durability"),
    ("synchronous", "durability"),
    ("journal", "journal-bytes"),
    ("journal-size", "journal-bytes"),
    ("max-bytes", "journal-bytes"),
    ("max-journal", "journal-bytes"),
    ("wal", "journal-bytes"),
    ("wal-size", "journal-bytes"),
    ("every", "sync-every"),
    ("flush", "sync-every"),
    ("flush-interval", "sync-every"),
    ("fsync-every", "sync-every"),
    ("interval", "sync-every"),
    ("sync-interval", "sync-every"),
];

/// How long the journal may be told to grow, in bytes: 1 MiB to 64 GiB.
const JOURNAL_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=64 << 30;

/// From so many seconds on, a time between two syncs that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 1_000;

type ReadSetting = fn(&mut Keeping, &Form, &mut Context);

/// What stands at one key, and where the key is.
struct Entry<'f> {
    name: &'static str,
    place: Span,
    form: &'f Form,
}

/// Reads what stands under `:state` in all files. What is not said has its default.
pub(super) fn read(forms: &[&Form], context: &mut Context) -> Keeping {
    let mut entries: Vec<Entry> = Vec::new();
    for form in forms {
        let expected = "a map, such as `{:dir \"/var/lib/highwater\"}`";
        for (key, value) in values::entries(form, "`:state`", expected, context).unwrap_or_default() {
            if let Some(name) = known(key, context) {
                add(Entry { name, place: key.span, form: value }, &mut entries, context);
            }
        }
    }
    let mut keeping = Keeping::default();
    for (name, read) in SETTINGS {
        if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
            let mark = context.mark();
            read(&mut keeping, entry.form, context);
            context.say_of_unset(mark, "; this option is left out");
        }
    }
    let written = |name: &str| entries.iter().find(|entry| entry.name == name).map(|entry| entry.form.span);
    if keeping.durability != Durability::Os
        && let (Some(every), Some(durability)) = (written("sync-every"), written("durability"))
    {
        context.report(catalogue::sync_every_does_nothing(every, durability, keeping.durability));
    }
    keeping
}

/// The key, if it is one of `:state`.
fn known(key: &Form, context: &mut Context) -> Option<&'static str> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.refuse(catalogue::key_is_no_keyword(key, "`:state`")),
    };
    let names = || SETTINGS.iter().map(|(name, _)| *name);
    if let Some(known) = names().find(|known| *known == name) {
        return Some(known);
    }
    let meant = context.nearest(name, names(), &OTHER_WORDS);
    context.refuse(catalogue::unknown_key(key, "`:state`", meant))
}

/// Keeps what stands at a key, in one file only.
fn add<'f>(entry: Entry<'f>, entries: &mut Vec<Entry<'f>>, context: &mut Context) {
    match entries.iter().find(|first| first.name == entry.name) {
        None => entries.push(entry),
        // Twice in one file was reported when it was read.
        Some(first) if first.place.file == entry.place.file => {}
        Some(first) => context.report(catalogue::set_twice(entry.place, first.place, entry.name)),
    }
}

fn dir(keeping: &mut Keeping, form: &Form, context: &mut Context) {
    match &form.kind {
        Kind::Nil => keeping.place = Place::Nowhere,
        Kind::Tagged(tag, _) if tag.as_ref() == "file" => context.report(catalogue::folder_from_file(form.span)),
        Kind::String(_) | Kind::Tagged(..) => {
            let Some(text) = values::words(form, "`:dir`", context) else { return };
            match text.text.as_str() {
                "none" => keeping.place = Place::Nowhere,
                path if path.starts_with('~') => context.report(catalogue::folder_of_a_shell(&text)),
                path => keeping.place = Place::Folder(PathBuf::from(path)),
            }
        }
        Kind::Broken => {}
        _ => context.report(catalogue::no_folder(form)),
    }
}

fn durability(keeping: &mut Keeping, form: &Form, context: &mut Context) {
    let choices = [("os", Durability::Os), ("sync", Durability::Sync), ("none", Durability::None)];
    let other_words = [
        ("async", "os"),
        ("cache", "os"),
        ("everysec", "os"),
        ("normal", "os"),
        ("always", "sync"),
        ("disk", "sync"),
        ("fsync", "sync"),
        ("full", "sync"),
        ("never", "none"),
        ("no", "none"),
        ("off", "none"),
    ];
    keeping.durability = values::choice(form, "`:durability`", &choices, &other_words, context).unwrap_or_default();
}

fn journal_bytes(keeping: &mut Keeping, form: &Form, context: &mut Context) {
    let (least, most) = (*JOURNAL_BYTES.start(), *JOURNAL_BYTES.end());
    let bytes = values::whole(form, "`:journal-bytes`", least, most, context);
    keeping.journal_bytes = bytes.unwrap_or(Keeping::JOURNAL_BYTES);
}

fn sync_every(keeping: &mut Keeping, form: &Form, context: &mut Context) {
    let every = time::positive(form, "`:sync-every`", SUSPICIOUS_SECONDS, context);
    keeping.sync_every = every.map_or(Keeping::SYNC_EVERY, |(every, _)| every.micros());
}
