//! `:exec`: any program, without a shell.

use super::{Entries, Entry, catalogue};
use crate::config::context::Context;
use crate::config::values::{self, Appears};
use crate::edn::{Form, Kind};
use crate::plan::{Exec, Via};

const OPTIONS: [Entry<Exec>; 1] = [Entry { name: "command", read: command }];

const OTHER_WORDS: [(&str, &str); 9] = [
    ("argv", "command"),
    ("args", "command"),
    ("arguments", "command"),
    ("cmd", "command"),
    ("exec", "command"),
    ("path", "command"),
    ("program", "command"),
    ("run", "command"),
    ("script", "command"),
];

/// How many arguments a program may have, and how long one may be, in bytes.
const MAX_ARGUMENTS: usize = 256;
const MAX_ARGUMENT: usize = 64 << 10;

pub(super) fn has(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name)
}

pub(super) fn read(entries: &Entries, context: &mut Context) -> Via {
    let mut exec = Exec { command: vec!["false".to_string()] };
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &["command"], &mut exec, context);
    entries.require(&seen, &["command"], "`{:type :exec :command [\"/usr/local/bin/tell\" \"--urgent\"]}`", context);
    Via::Exec(exec)
}

fn command(exec: &mut Exec, form: &Form, context: &mut Context) {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() > MAX_ARGUMENTS => {
            return context.report(catalogue::too_many_names(form.span, "`:command`", MAX_ARGUMENTS));
        }
        Kind::Vector(items) if !items.is_empty() => items,
        Kind::Broken => return,
        _ => return context.report(catalogue::no_command(form)),
    };
    let mut command = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(text) = values::text(item, "an argument of `:command`", Appears::Nowhere, context) else { continue };
        let fault = match text.text.as_str() {
            "" if at == 0 => "the program has no name",
            program if at == 0 && program.starts_with('~') => "`~` is replaced by a shell only",
            program if at == 0 && program.contains(' ') && !program.contains('/') => {
                "a program and its arguments are texts of their own"
            }
            argument if argument.contains('\0') => "an argument cannot hold a character of number 0",
            argument if argument.len() > MAX_ARGUMENT => "an argument is at most 64 KiB long",
            _ => {
                command.push(text.text);
                continue;
            }
        };
        context.report(catalogue::argument_of_a_command(item.span, fault));
    }
    // What is not complete is not run: an argument may be a variable that is not set.
    if command.len() == items.len() {
        exec.command = command;
    }
}
