//! The entries of one map of options, over all files, read by a table.

use super::{COMMON_WORDS, catalogue, owner};
use crate::config::context::Context;
use crate::edn::{Form, Kind, Span};

/// What is said of one thing, in any number of files.
pub(in crate::config) struct Entries<'f> {
    /// For messages: `a notifier of type …`. Empty if what stands there is no map.
    pub subject: String,
    /// Of the name.
    pub place: Span,
    pub entries: Vec<&'f (Form, Form)>,
    /// Options that are read elsewhere, for did-you-mean.
    pub others: &'static [&'static str],
}

/// An option and how it is read.
pub(in crate::config) struct Entry<T: 'static> {
    pub name: &'static str,
    pub read: fn(&mut T, &Form, &mut Context),
}

/// Options that hold secrets: what stands under a name near theirs, or where they do not belong, is not shown either.
const SECRETS: [&str; 5] = ["headers", "password", "routing-key", "secret", "token"];

/// What is there, or was probably meant to be: its name, the place of its key and of its value.
pub(in crate::config) struct Seen(Vec<(&'static str, Span, Span)>);

impl Seen {
    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Where the value stands.
    pub fn place(&self, name: &str) -> Option<Span> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(.., value)| *value)
    }
}

impl Entries<'_> {
    /// Reads each entry by its row. What is `required` and unset has a placeholder, other options are left out.
    pub fn read<T>(
        &self,
        table: &[Entry<T>],
        other_words: &[(&str, &'static str)],
        required: &[&str],
        into: &mut T,
        context: &mut Context,
    ) -> Seen {
        let mut seen: Vec<(&'static str, Span, Span)> = Vec::new();
        for (key, value) in &self.entries {
            let name = match &key.kind {
                Kind::Broken => continue,
                Kind::Keyword(name) => name.as_ref(),
                _ => {
                    context.report(catalogue::key_is_no_keyword(key, &self.subject));
                    continue;
                }
            };
            let Some(entry) = table.iter().find(|entry| entry.name == name) else {
                let meant = self.unknown(key, name, table, other_words, context);
                if SECRETS.contains(&meant.unwrap_or(name)) {
                    context.hidden.push(value.span);
                }
                seen.extend(meant.map(|it| (it, key.span, value.span)));
                continue;
            };
            match seen.iter().find(|(known, ..)| *known == entry.name) {
                // Twice in one file was reported when it was read.
                Some((_, first, _)) if first.file == key.span.file => {}
                Some((_, first, _)) => context.report(catalogue::set_twice(key.span, *first, entry.name)),
                None => {
                    seen.push((entry.name, key.span, value.span));
                    let mark = context.mark();
                    (entry.read)(into, value, context);
                    let is_required = required.contains(&entry.name);
                    let what = if is_required { "; a placeholder stands for it" } else { "; this option is left out" };
                    context.say_of_unset(mark, what);
                }
            }
        }
        Seen(seen)
    }

    /// Reports an option that is not known; it is what was probably meant.
    fn unknown<T>(
        &self,
        key: &Form,
        name: &str,
        table: &[Entry<T>],
        other_words: &[(&str, &'static str)],
        context: &mut Context,
    ) -> Option<&'static str> {
        let is_notifier = !self.others.is_empty();
        if let Some(owner) = owner(name).filter(|_| is_notifier) {
            return context.refuse(catalogue::option_of_other_type(key.span, name, &self.subject, owner));
        }
        let common = if is_notifier { &COMMON_WORDS[..] } else { &[] };
        let words: Vec<_> = other_words.iter().chain(common).copied().collect();
        let known = table.iter().map(|entry| entry.name).chain(self.others.iter().copied());
        let meant = context.nearest(name, known, &words);
        context.report(catalogue::unknown_key(key, &self.subject, meant));
        meant
    }

    /// Whether something in it could not be read, so that what is missing may be there.
    pub fn is_broken(&self) -> bool {
        self.subject.is_empty() || self.entries.iter().any(|(key, _)| !matches!(key.kind, Kind::Keyword(_)))
    }

    /// Reports what is required and not there.
    pub fn require(&self, seen: &Seen, names: &[&'static str], example: &str, context: &mut Context) {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !seen.has(name)).collect();
        if !missing.is_empty() && !self.is_broken() {
            context.report(catalogue::missing_options(self.place, &self.subject, &missing, example));
        }
    }
}
