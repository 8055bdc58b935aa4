//! `:sources`: logs whose lines are events of the daemon.

use super::context::Context;
use super::named::{self, Names};
use super::notifier::{Entries, Entry};
use super::pipeline::OTHER_WORDS;
use super::{expression, fields, logs};
use crate::edn::{Form, Span};
use crate::plan::{Expression, Format, Logs, Source};
use crate::source::LogFormat;

/// What is read of one source.
#[derive(Default)]
struct Written {
    logs: Logs,
    event: Option<Expression>,
}

/// Alphabetical.
const OPTIONS: [Entry<Written>; 4] = [
    Entry { name: "event", read: |source, form, context| source.event = expression::record(form, "`:event`", context) },
    Entry { name: "files", read: |source, form, context| source.logs.files = logs::files(form, context) },
    Entry { name: "format", read: |source, form, context| source.logs.format = logs::format(form, context) },
    Entry { name: "zone", read: |source, form, context| source.logs.zone = logs::zone(form, context) },
];

const EXAMPLE: &str = "`{:files [\"/var/log/nginx/access.log\"] :format :nginx}`";

const NAMES: Names = Names { map: "`:sources`", one: "source", such_as: "access", example: EXAMPLE };

/// Reads what stands under `:sources` in all files, in order of name.
pub(super) fn read(forms: &[(Span, &Form)], context: &mut Context) -> Vec<Source> {
    let found = named::read(forms, &NAMES, context, &mut |name, entries, context| Some(source(name, entries, context)));
    found.into_iter().map(|(_, source)| source).collect()
}

fn source(name: &str, entries: &Entries, context: &mut Context) -> Source {
    let mut written = Written::default();
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &[], &mut written, context);
    entries.require(&seen, &["files"], EXAMPLE, context);
    let Written { logs, event } = written;
    if let Some(event) = &event {
        let mut asked = Vec::new();
        event.fields(&mut asked);
        fields::report_unknown(&logs, &asked, entries, context);
    }
    Source { name: name.to_string(), logs, event }
}

/// Whether lines of a source are stamped when a request begins, and do not say how long it took.
pub(super) fn starts_at_request(source: &Source) -> bool {
    let Some(Format::Written(text)) = &source.logs.format else { return false };
    LogFormat::parse(text).is_ok_and(|format| format.starts_at_request())
}
