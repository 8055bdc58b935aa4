//! `:pipelines`: what is read of logs, counted and sent elsewhere.

use super::context::Context;
use super::named::{self, MAX_NAME, Names};
use super::notifier::{Entries, Entry};
use super::{catalogue, destination, expression, fields, logs, paths, series, time, values};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Counting, Decimal, Destination, Expression, Field, Interval, Logs, Pipeline, Stat};

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
pub(super) const OTHER_WORDS: [(&str, &str); 34] = [
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

/// How many stats there may be, and percentiles of one.
const MAX_ITEMS: usize = 100;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 172_800;

/// Windows are so long where nothing is said, in seconds.
const INTERVAL: i64 = 60;

const EXAMPLE: &str = "`{:files [\"/var/log/nginx/access.log\"] :record {:path (url-path :path)} :to :stdout}`";

const NAMES: Names = Names { map: "`:pipelines`", one: "pipeline", such_as: "activity", example: EXAMPLE };

/// Reads what stands under `:pipelines` in all files, in order of name.
pub(super) fn read(forms: &[(Span, &Form)], context: &mut Context) -> Vec<Pipeline> {
    let found = named::read(forms, &NAMES, context, &mut pipeline);
    for (at, (place, one)) in found.iter().enumerate() {
        if let Some((other, _)) = found[..at].iter().find(|(_, other)| series::share_one(one, other)) {
            context.report(catalogue::one_series_twice(*place, *other, &one.counting.measurement));
        }
    }
    found.into_iter().map(|(_, pipeline)| pipeline).collect()
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
    let mut asked: Vec<&Field> = counting.stats.iter().map(|stat| &stat.field).collect();
    counting.record.fields(&mut asked);
    fields::report_unknown(&written.logs, &asked, entries, context);
    let max_rejects = written.max_rejects.unwrap_or_else(|| Decimal::parse("0.05").expect("it is a decimal"));
    Some(Pipeline { name: name.to_string(), logs: written.logs, counting, to: written.to?, max_rejects })
}

fn files(written: &mut Written, form: &Form, context: &mut Context) {
    written.logs.files = logs::files(form, context);
}

fn format(written: &mut Written, form: &Form, context: &mut Context) {
    written.logs.format = logs::format(form, context);
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
fn read_share(form: &Form, context: &mut Context) -> Option<Decimal> {
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
        series::leaves(record, &mut |leaf| {
            keys.extend(leaf.unwrap_or_default().iter().map(|(key, _)| key.to_string()))
        });
    }
    if let Some(key) = keys.iter().find(|key| key.as_str() == "time" || key.len() > MAX_NAME) {
        context.report(catalogue::no_tag(form.span, key));
    }
}

fn tags(written: &mut Written, form: &Form, context: &mut Context) {
    let expected = "a map of tags, such as `{:dc \"fra1\"}`";
    for (key, value) in values::entries(form, "`:tags`", expected, context).unwrap_or_default() {
        let Some(name) = named::name(key, "a tag", "`:tags`", context) else { continue };
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
        let Some(name) = named::name(key, "a stat", "`:stats`", context) else { continue };
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
    written.logs.zone = logs::zone(form, context);
}
