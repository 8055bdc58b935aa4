//! `:log`: a line of JSON for each transition, to standard output or a file.

use std::path::PathBuf;

use super::{Entries, Entry, catalogue};
use crate::config::context::Context;
use crate::config::values;
use crate::edn::{Form, Kind};
use crate::plan::{Log, Via};

const OPTIONS: [Entry<Log>; 1] = [Entry { name: "path", read: path }];

const OTHER_WORDS: [(&str, &str); 7] = [
    ("dest", "path"),
    ("destination", "path"),
    ("file", "path"),
    ("filename", "path"),
    ("output", "path"),
    ("target", "path"),
    ("to", "path"),
];

pub(super) fn has(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name)
}

pub(super) fn read(entries: &Entries, context: &mut Context) -> Via {
    let mut log = Log::default();
    entries.read(&OPTIONS, &OTHER_WORDS, &[], &mut log, context);
    Via::Log(log)
}

/// What to type instead of a path that is none.
const HELP: &str = "write `:path \"/var/log/highwater.jsonl\"`; or leave it out for standard output";

fn path(log: &mut Log, form: &Form, context: &mut Context) {
    if matches!(&form.kind, Kind::Tagged(tag, _) if tag.as_ref() == "file") {
        return context.report(catalogue::no_log_path(form.span, "is `#file`, the text that stands in a file", HELP));
    }
    let Some(text) = values::words(form, "`:path`", context) else { return };
    let fault = match text.text.as_str() {
        "-" | "stdout" | "/dev/stdout" => "is standard output, which is where lines go without it",
        path if path.starts_with('~') => "begins with `~`, which only a shell replaces",
        path if path.ends_with('/') => "ends with `/`, as the path of a folder",
        path if path.contains('\0') => "has a character that no path has",
        path => return log.path = Some(PathBuf::from(path)),
    };
    context.report(catalogue::no_log_path(form.span, fault, HELP));
}
