//! What is kept over restarts.

use super::{code, error, lint};
use crate::config::values::Text;
use crate::edn::{Diagnostic, Form, Kind, Span};
use crate::plan::Durability;

const A_FOLDER: &str = "write `:dir \"/var/lib/highwater\"`";

/// What is no path at all.
pub fn no_folder(form: &Form) -> Diagnostic {
    let draft = super::wrong_kind(form, "`:dir`", "a string, the path of a folder");
    match &form.kind {
        Kind::Bool(false) => draft.help("write `\"none\"` to keep no state"),
        Kind::Keyword(word) | Kind::Symbol(word) if matches!(word.as_ref(), "none" | "off" | "no") => {
            draft.help("write `\"none\"` to keep no state")
        }
        Kind::Keyword(_) | Kind::Symbol(_) => draft,
        _ => draft.help(A_FOLDER),
    }
}

pub fn folder_from_file(span: Span) -> Diagnostic {
    error("T084", span, "`:dir` takes the path of a folder, and this is `#file`, the text that stands in a file")
        .here("expected a path")
        .help(A_FOLDER)
}

pub fn folder_of_a_shell(text: &Text) -> Diagnostic {
    let what = if text.secret { "this value".to_string() } else { code(&text.text) };
    error("T085", text.span, format!("{what} begins with `~`, which only a shell replaces"))
        .here("expected a path")
        .help("write the whole path, such as `\"/var/lib/highwater\"`")
}

/// `:sync-every` beside a `durability` that takes no notice of it.
pub fn sync_every_does_nothing(span: Span, place: Span, durability: Durability) -> Diagnostic {
    let (name, why) = match durability {
        Durability::Os => ("os", "synced as often as `:sync-every` says"),
        Durability::Sync => ("sync", "synced before each acknowledgement"),
        Durability::None => ("none", "never waits for the disk"),
    };
    lint("W025", span, format!("`:sync-every` does nothing with `:durability :{name}`"))
        .here("never asked for")
        .also(place, why)
        .help("leave it out, or write `:durability :os`")
}
