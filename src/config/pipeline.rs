//! `:pipelines`: what is read of logs, counted and sent elsewhere.

use super::context::Context;
use super::notifier::{Entries, Entry};
use super::{catalogue, destination, expression, paths, time, values};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Counting, Decimal, Destination, Expression, Field, Format, Interval, Logs, Pipeline, Stat};
use crate::source::LogFormat;

/// A pipeline, and where it stands.
struct Found {
    place: Span,
    pipeline: Pipeline,
}

/// What is read of one pipeline; what is missing was reported.
#[derive(Default)]
struct Written {
    logs: Logs,
    record: Option<Expression>,
    interval: Option<Interval>,
    lateness: Option<i64>,
    max_rejects: Option<Decimal>,
    measurement: Option<String>,
    tags: Vec<(String, String)>,
    stats: Vec<Stat>,
    to: Option<Destination>,
}

/// Alphabetical.
const OPTIONS: [Entry<Written>; 11] = [
    Entry { name: "files", read: files },
    Entry { name: "format", read: format },
    Entry { name: "interval", read: interval },
    Entry { name: "lateness", read: lateness },
    Entry { name: "max-rejects", read: max_rejects },
    Entry { name: "measurement", read: measurement },
    Entry { name: "record", read: record },
    Entry { name: "stats", read: stats },
    Entry { name: "tags", read: tags },
    Entry { name: "to", read: to },
    Entry { name: "zone", read: zone },
];

/// What other systems, and people in a hurry, call these options.
const OTHER_WORDS: [(&str, &str); 34] = [
    ("file", "files"),
    ("input", "files"),
    ("inputs", "files"),
    ("log", "files"),
    ("logs", "files"),
    ("path", "files"),
    ("paths", "files"),
    ("source", "files"),
    ("codec", "format"),
    ("log-format", "format"),
    ("log_format", "format"),
    ("parser", "format"),
    ("pattern", "format"),
    ("every", "interval"),
    ("period", "interval"),
    ("window", "interval"),
    ("allowed-lateness", "lateness"),
    ("grace", "lateness"),
    ("late", "lateness"),
    ("rejects", "max-rejects"),
    ("name", "measurement"),
    ("series", "measurement"),
    ("table", "measurement"),
    ("category", "record"),
    ("fn", "record"),
    ("function", "record"),
    ("map", "record"),
    ("mapping", "record"),
    ("fields", "stats"),
    ("values", "stats"),
    ("labels", "tags"),
    ("destination", "to"),
    ("output", "to"),
    ("timezone", "zone"),
];

/// How many pipelines there may be, how many patterns of files, tags and stats one may have, and how long a name is.
const MAX_PIPELINES: usize = 1_000;
const MAX_ITEMS: usize = 100;
const MAX_NAME: usize = 64;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 172_800;

/// Windows are so long where nothing is said, in seconds.
const INTERVAL: i64 = 60;

const EXAMPLE: &str = "`{:files [\"/var/log/nginx/access.log\"] :record {:path (url-path :path)} :to :stdout}`";

/// Reads what stands under `:pipelines` in all files, in order of name.
pub(super) fn read(forms: &[(Span, &Form)], context: &mut Context) -> Vec<Pipeline> {
    let expected = format!("a map of names to pipelines, such as `{{:activity {}}}`", &EXAMPLE[1..EXAMPLE.len() - 1]);
    let mut found: Vec<Found> = Vec::new();
    for (_, form) in forms {
        for (key, value) in values::entries(form, "`:pipelines`", &expected, context).unwrap_or_default() {
            let Some(name) = name(key, "a pipeline", "`:pipelines`", context) else { continue };
            if let Some(first) = found.iter().find(|one| one.pipeline.name == name) {
                if first.place.file != key.span.file {
                    context.report(catalogue::set_twice_named(key.span, first.place, name));
                }
                continue;
            }
            if found.len() == MAX_PIPELINES {
                context.report(catalogue::too_many_names(key.span, "`:pipelines`", MAX_PIPELINES));
                break;
            }
            let subject = format!("the pipeline `:{name}`");
            let Some(entries) = values::entries(value, &format!("`:{name}`"), EXAMPLE, context) else { continue };
            let entries = Entries { subject, place: key.span, entries: entries.iter().collect(), others: &[] };
            found.extend(pipeline(name, &entries, context).map(|pipeline| Found { place: key.span, pipeline }));
        }
    }
    found.sort_by(|a, b| a.pipeline.name.cmp(&b.pipeline.name));
    for (at, one) in found.iter().enumerate() {
        let is_same = |other: &&Found| share_a_series(&one.pipeline, &other.pipeline);
        if let Some(other) = found[..at].iter().find(is_same) {
            context.report(catalogue::one_series_twice(one.place, other.place, &one.pipeline.counting.measurement));
        }
    }
    found.into_iter().map(|one| one.pipeline).collect()
}

/// The name of a pipeline or a source: that of its checkpoint, too.
pub(super) fn name<'f>(key: &'f Form, subject: &str, map: &str, context: &mut Context) -> Option<&'f str> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.refuse(catalogue::key_is_no_keyword(key, map)),
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.len() <= MAX_NAME && name.bytes().all(is_part) {
        true => Some(name),
        false => context.refuse(catalogue::no_name(key.span, name, subject, MAX_NAME)),
    }
}

fn pipeline(name: &str, entries: &Entries, context: &mut Context) -> Option<Pipeline> {
    let mut written = Written::default();
    let errors = context.errors();
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &[], &mut written, context);
    entries.require(&seen, &["files", "record", "to"], EXAMPLE, context);
    let measurement = written.measurement.unwrap_or_else(|| name.to_string());
    if context.errors() > errors {
        return None;
    }
    let interval = written.interval.or_else(|| Interval::from_secs(INTERVAL))?;
    let counting = Counting {
        record: written.record?,
        lateness: written.lateness.unwrap_or_else(|| interval.micros().saturating_mul(2)),
        interval,
        measurement,
        tags: written.tags,
        stats: written.stats,
    };
    let max_rejects = written.max_rejects.unwrap_or_else(|| Decimal::parse("0.05").expect("it is a decimal"));
    Some(Pipeline { name: name.to_string(), logs: written.logs, counting, to: written.to?, max_rejects })
}

/// Reads `:files`, of a pipeline or a source.
pub(super) fn read_files(form: &Form, context: &mut Context) -> Vec<String> {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() <= MAX_ITEMS => &items[..],
        Kind::Vector(_) => {
            context.report(catalogue::too_many_names(form.span, "`:files`", MAX_ITEMS));
            return Vec::new();
        }
        _ => std::slice::from_ref(form),
    };
    if items.is_empty() {
        context.report(catalogue::no_files(form.span));
    }
    let mut files = Vec::new();
    for item in items {
        let Some(text) = values::words(item, "a path in `:files`", context) else { continue };
        match crate::follow::pattern_fault(&text.text) {
            None => files.push(text.text),
            Some(fault) => context.report(catalogue::no_pattern_of_files(text.span, &fault)),
        }
    }
    files
}

fn files(written: &mut Written, form: &Form, context: &mut Context) {
    written.logs.files = read_files(form, context);
}

/// Reads `:format`, of a pipeline or a source; None for `:auto`.
pub(super) fn read_format(form: &Form, context: &mut Context) -> Option<Format> {
    let (read, format, place) = match &form.kind {
        Kind::Keyword(name) if name.as_ref() == "auto" => return None,
        Kind::Keyword(name) => (LogFormat::parse(name), Format::Written(name.to_string()), form.span),
        Kind::Tagged(tag, inner) if tag.as_ref() == "re" => {
            let text = values::words(inner, "`:format`", context)?;
            (LogFormat::regex(&text.text), Format::Regex(text.text), text.span)
        }
        _ => {
            let text = values::words(form, "`:format`", context)?;
            (LogFormat::parse(&text.text), Format::Written(text.text), text.span)
        }
    };
    match read {
        Ok(known) => {
            for warning in known.warnings() {
                context.report(catalogue::ambiguous_format(place, warning));
            }
            Some(format)
        }
        Err(fault) => context.refuse(catalogue::no_format(place, &fault)),
    }
}

fn format(written: &mut Written, form: &Form, context: &mut Context) {
    written.logs.format = read_format(form, context);
}

fn interval(written: &mut Written, form: &Form, context: &mut Context) {
    written.interval = time::positive(form, "`:interval`", SUSPICIOUS_SECONDS, context).map(|(interval, _)| interval);
}

fn lateness(written: &mut Written, form: &Form, context: &mut Context) {
    written.lateness = time::length(form, "`:lateness`", SUSPICIOUS_SECONDS, context).map(|length| length.micros);
}

fn max_rejects(written: &mut Written, form: &Form, context: &mut Context) {
    written.max_rejects = read_share(form, context);
}

/// Reads `:max-rejects`: a share of the lines.
pub(super) fn read_share(form: &Form, context: &mut Context) -> Option<Decimal> {
    let amount = values::amount(form, "`:max-rejects`", "a share of the lines, such as 0.05", context)?;
    match Decimal::ZERO <= amount.decimal && amount.decimal <= Decimal::from_i64(1) {
        true => Some(amount.decimal),
        false => context.refuse(catalogue::no_share(&amount)),
    }
}

fn measurement(written: &mut Written, form: &Form, context: &mut Context) {
    written.measurement = values::words(form, "`:measurement`", context).map(|text| text.text);
}

fn record(written: &mut Written, form: &Form, context: &mut Context) {
    written.record = expression::record(form, "`:record`", context);
    let mut keys = Vec::new();
    if let Some(record) = &written.record {
        leaves(record, &mut |leaf| keys.extend(leaf.unwrap_or_default().iter().map(|(key, _)| key.to_string())));
    }
    if let Some(key) = keys.iter().find(|key| key.as_str() == "time" || key.len() > MAX_NAME) {
        context.report(catalogue::no_tag(form.span, key));
    }
}

fn tags(written: &mut Written, form: &Form, context: &mut Context) {
    let expected = "a map of tags, such as `{:dc \"fra1\"}`";
    for (key, value) in values::entries(form, "`:tags`", expected, context).unwrap_or_default() {
        let Some(name) = name(key, "a tag", "`:tags`", context) else { continue };
        let Some(text) = values::words(value, &format!("`:{name}`"), context) else { continue };
        if name == "time" {
            context.report(catalogue::no_tag(key.span, name));
        }
        written.tags.push((name.to_string(), text.text));
    }
    written.tags.sort();
}

fn stats(written: &mut Written, form: &Form, context: &mut Context) {
    let expected = "a map of names to fields, such as `{:time {:field :request-time :percentiles [0.5 0.99]}}`";
    let entries = values::entries(form, "`:stats`", expected, context).unwrap_or_default();
    if entries.len() > MAX_ITEMS {
        return context.report(catalogue::too_many_names(form.span, "`:stats`", MAX_ITEMS));
    }
    for (key, value) in entries {
        let Some(name) = name(key, "a stat", "`:stats`", context) else { continue };
        let example = "`{:field :request-time :percentiles [0.5 0.99] :sum true}`";
        let Some(options) = values::entries(value, &format!("`:{name}`"), example, context) else { continue };
        let subject = format!("the stat `:{name}`");
        let entries = Entries { subject, place: key.span, entries: options.iter().collect(), others: &[] };
        let mut stat = WrittenStat::default();
        let errors = context.errors();
        let seen = entries.read(&STAT, &STAT_WORDS, &[], &mut stat, context);
        entries.require(&seen, &["field"], example, context);
        let WrittenStat { field: Some(field), percentiles, sum, min, max, count } = stat else { continue };
        if percentiles.is_empty() && !(sum || min || max || count) && context.errors() == errors {
            context.report(catalogue::nothing_kept(value.span, name));
        }
        written.stats.push(Stat { name: name.to_string(), field, percentiles, sum, min, max, count });
    }
    written.stats.sort_by(|a, b| a.name.cmp(&b.name));
}

#[derive(Default)]
struct WrittenStat {
    field: Option<Field>,
    percentiles: Vec<crate::plan::Quantile>,
    sum: bool,
    min: bool,
    max: bool,
    count: bool,
}

/// Alphabetical.
const STAT: [Entry<WrittenStat>; 6] = [
    Entry { name: "count", read: |stat, form, context| stat.count = truth(form, "`:count`", context) },
    Entry { name: "field", read: |stat, form, context| stat.field = values::field(form, "`:field`", context) },
    Entry { name: "max", read: |stat, form, context| stat.max = truth(form, "`:max`", context) },
    Entry { name: "min", read: |stat, form, context| stat.min = truth(form, "`:min`", context) },
    Entry { name: "percentiles", read: percentiles },
    Entry { name: "sum", read: |stat, form, context| stat.sum = truth(form, "`:sum`", context) },
];

const STAT_WORDS: [(&str, &str); 6] = [
    ("metric", "field"),
    ("percentile", "percentiles"),
    ("quantiles", "percentiles"),
    ("quantile", "percentiles"),
    ("total", "sum"),
    ("maximum", "max"),
];

fn truth(form: &Form, subject: &str, context: &mut Context) -> bool {
    values::truth(form, subject, context).unwrap_or_default()
}

fn percentiles(stat: &mut WrittenStat, form: &Form, context: &mut Context) {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() <= MAX_ITEMS => &items[..],
        Kind::Broken => return,
        _ => return context.report(catalogue::wrong_kind(form, "`:percentiles`", "a vector, such as `[0.5 0.99]`")),
    };
    stat.percentiles.extend(items.iter().filter_map(|item| paths::quantile(item, context)));
    stat.percentiles.sort_by_key(|quantile| quantile.decimal());
    stat.percentiles.dedup();
}

fn to(written: &mut Written, form: &Form, context: &mut Context) {
    written.to = destination::read(form, context);
}

fn zone(written: &mut Written, form: &Form, context: &mut Context) {
    written.logs.zone = read_zone(form, context);
}

/// Reads `:zone`, of a pipeline or a source.
pub(super) fn read_zone(form: &Form, context: &mut Context) -> Option<String> {
    let text = values::words(form, "`:zone`", context)?;
    match crate::source::zone::Zone::named(&text.text) {
        Ok(_) => Some(text.text),
        Err(fault) => context.refuse(catalogue::no_zone(text.span, &fault)),
    }
}

/// Whether points of two pipelines can be of one series.
fn share_a_series(one: &Pipeline, other: &Pipeline) -> bool {
    let (a, b) = (&one.counting, &other.counting);
    let is_apart = |to: &Destination| matches!(to, Destination::Events(_));
    if a.measurement != b.measurement || is_apart(&one.to) || !goes_to_one_place(&one.to, &other.to) {
        return false;
    }
    let mut shares = false;
    leaves(&a.record, &mut |left| {
        leaves(&b.record, &mut |right| {
            if let (Some(left), Some(right)) = (left, right) {
                shares |= !are_distinct((left, &a.tags), (right, &b.tags));
            }
        });
    });
    shares
}

fn goes_to_one_place(one: &Destination, other: &Destination) -> bool {
    match (one, other) {
        (Destination::Influx(a), Destination::Influx(b)) => a.url == b.url && a.api == b.api,
        _ => one == other,
    }
}

type Entries2<'e> = (&'e [(Box<str>, Expression)], &'e [(String, String)]);

/// Whether some tag of two records always differs.
fn are_distinct(one: Entries2, other: Entries2) -> bool {
    fn tag<'e>((record, tags): Entries2<'e>, name: &str) -> Option<Option<&'e str>> {
        match record.iter().find(|(key, _)| key.as_ref() == name) {
            Some((_, Expression::Text(text))) => Some(Some(text)),
            Some((_, Expression::Nil)) => None,
            Some(_) => Some(None),
            None => tags.iter().find(|(key, _)| key == name).map(|(_, text)| Some(text.as_str())),
        }
    }
    let names = |(record, tags): Entries2<'_>| -> Vec<String> {
        record.iter().map(|(key, _)| key.to_string()).chain(tags.iter().map(|(key, _)| key.clone())).collect()
    };
    names(one).iter().chain(&names(other)).any(|name| match (tag(one, name), tag(other, name)) {
        (Some(Some(a)), Some(Some(b))) => a != b,
        // One always has the tag, the other never; but each has `host`.
        (Some(Some(_)), None) | (None, Some(Some(_))) => name != "host",
        _ => false,
    })
}

/// Calls `f` with each map that a record can come to; with None for nil.
fn leaves<'e>(record: &'e Expression, f: &mut dyn FnMut(Option<&'e [(Box<str>, Expression)]>)) {
    match record {
        Expression::Map(entries) => f(Some(entries)),
        Expression::If(parts) => {
            leaves(&parts.1, f);
            leaves(&parts.2, f);
        }
        _ => f(None),
    }
}
