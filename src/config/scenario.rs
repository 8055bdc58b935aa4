//! Scenarios: `*.test.edn` to what is played and what must come.

mod sequence;

use std::path::Path;

use serde_json::Value as Json;

use super::context::Context;
use super::environment::{Environment, Nothing};
use super::{Unset, catalogue, files, root, time, values};
use crate::edn::{self, Diagnostic, Form, Kind, Severity, Sources, Span};
use crate::order;
use crate::plan::{Expected, Field, Plan, Scenario, Series, Timestamp, json_number};

/// What a file of scenarios says, and what is to be said about it.
#[derive(Debug)]
pub struct Scenarios {
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
    /// The thresholds that stand in the file itself; None: those of the configuration are meant.
    pub plan: Option<Plan>,
    /// None if there is an error.
    pub scenarios: Option<Vec<Scenario>>,
    pub is_unreadable: bool,
}

/// Where events begin unless it is said otherwise.
const START: &str = "2024-01-01T00:00:00Z";
/// So many steps of events a scenario has at most, over all series.
const MOST_STEPS: u64 = 10_000_000;
/// From so many seconds on, a multiple of a thousand looks like milliseconds.
const SUSPICIOUS: i64 = i64::MAX;

const SCENARIO: [&str; 5] = ["name", "start", "end", "events", "expect"];
const OTHER_WORDS: [(&str, &str); 8] = [
    ("title", "name"),
    ("begin", "start"),
    ("from", "start"),
    ("duration", "end"),
    ("input", "events"),
    ("series", "events"),
    ("expected", "expect"),
    ("timeline", "expect"),
];

/// Words for how long a series is, which are fields here.
const LENGTHS: [&str; 8] = ["to", "till", "until", "end", "for", "repeat", "times", "timestamp"];

/// Reads a file of scenarios. `outer` are the thresholds of the configuration, for a file that holds none.
pub fn scenarios(path: &Path, outer: Option<&Plan>, environment: &dyn Environment) -> Scenarios {
    read(files::one(path), outer, environment)
}

/// Reads scenarios from a text, in which no variable and no file is set.
pub fn scenarios_from_text(text: &str) -> Scenarios {
    let mut sources = Sources::default();
    sources.add("scenarios.test.edn".to_string(), text.to_string());
    read(files::Files { sources, ..files::Files::default() }, None, &Nothing)
}

fn read(files: files::Files, outer: Option<&Plan>, environment: &dyn Environment) -> Scenarios {
    let is_unreadable = !files.unreadable.is_empty();
    let (mut sources, mut diagnostics) = (files.sources, files.unreadable);
    let text = sources.files.first().map_or("", |file| file.text.as_str());
    let forms = super::read(text, 0, &mut diagnostics);
    let mut context = Context::new(&sources, environment, Unset::Warning, diagnostics);
    let (plan, scenarios) = if is_unreadable { (None, Vec::new()) } else { check(&forms, outer, &mut context) };
    let hidden = std::mem::take(&mut context.hidden);
    let allowing = std::mem::take(&mut context.allowed);
    let mut diagnostics = context.finish();
    allowing.take_out(&mut diagnostics);
    hidden.into_iter().for_each(|span| sources.hide(span));
    order::by_key(&mut diagnostics, |found| found.labels[0].span.start);
    let refused = diagnostics.iter().any(|found| found.severity == Severity::Error);
    Scenarios { sources, diagnostics, plan, scenarios: (!refused).then_some(scenarios), is_unreadable }
}

fn check(forms: &[Form], outer: Option<&Plan>, context: &mut Context) -> (Option<Plan>, Vec<Scenario>) {
    let Some(Form { kind: Kind::Map(entries), span }) = forms.first() else {
        if let Some(other) = forms.first().filter(|form| form.kind != Kind::Broken) {
            context.report(catalogue::no_scenarios(other.span));
        }
        return (None, Vec::new());
    };
    let is_scenarios = |key: &Form| matches!(&key.kind, Kind::Keyword(name) if name.as_ref() == "scenarios");
    let (of_scenarios, others): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(|(key, _)| is_scenarios(key));
    let plan = (!others.is_empty()).then(|| {
        let map = Form { kind: Kind::Map(others), span: *span };
        root::check(&[vec![map]], context)
    });
    let Some((_, list)) = of_scenarios.first() else {
        context.report(catalogue::no_scenarios(Span { end: span.start + 1, ..*span }));
        return (plan, Vec::new());
    };
    let Some(thresholds) = plan.as_ref().or(outer) else {
        context.report(catalogue::no_thresholds_for_scenarios(list.span));
        return (plan, Vec::new());
    };
    // Of thresholds with a fault nobody knows which there are.
    let thresholds = (context.errors() == 0).then_some(thresholds);
    let mut scenarios = Vec::new();
    match &list.kind {
        Kind::Vector(items) => {
            scenarios.extend(items.iter().filter_map(|item| scenario(item, thresholds, context)));
        }
        Kind::Broken => {}
        _ => context.report(catalogue::wrong_kind(list, "`:scenarios`", "a vector of scenarios, `[{:name \"…\" …}]`")),
    }
    let mut names: Vec<(&str, Span)> = scenarios.iter().map(|one| (one.name.as_str(), one.place)).collect();
    names.sort_unstable_by_key(|(name, span)| (*name, span.start));
    for pair in names.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        context.report(catalogue::one_name_twice(pair[1].1, pair[0].1, pair[1].0));
    }
    (plan, scenarios)
}

/// The values at known keys; what else stands there is reported.
fn keys<'f, const N: usize>(
    form: &'f Form,
    subject: &str,
    names: [&'static str; N],
    other_words: &[(&str, &'static str)],
    context: &mut Context,
) -> Option<[Option<&'f Form>; N]> {
    let mut found = [None; N];
    for (key, value) in values::entries(form, subject, "a map", context)? {
        let name = match &key.kind {
            Kind::Broken => continue,
            Kind::Keyword(name) => name.as_ref(),
            _ => {
                context.report(catalogue::key_is_no_keyword(key, subject));
                continue;
            }
        };
        match names.iter().position(|known| *known == name) {
            Some(at) => found[at] = found[at].or(Some(value)),
            None => {
                let meant = context.nearest(name, names, other_words);
                context.report(catalogue::unknown_key(key, subject, meant));
            }
        }
    }
    Some(found)
}

fn scenario(form: &Form, plan: Option<&Plan>, context: &mut Context) -> Option<Scenario> {
    let [name, start, end, events, expect] = keys(form, "a scenario", SCENARIO, &OTHER_WORDS, context)?;
    let missing = |name: &str| catalogue::scenario_lacks(form.span, name);
    let Some(name) = name else { return context.refuse(missing("name")) };
    let name = values::words(name, "`:name`", context);
    let start = match start {
        Some(form) => absolute(form, "`:start`", context)?,
        None => Timestamp::from_rfc3339(START.as_bytes())?,
    };
    let Some(events) = events else { return context.refuse(missing("events")) };
    let end = match end {
        Some(form) => match moment(form, start, "`:end`", context) {
            Some(end) if end <= start => return context.refuse(catalogue::ends_before_it_starts(form.span)),
            end => Some(end?),
        },
        None => None,
    };
    let Kind::Vector(items) = &events.kind else {
        return match events.kind {
            Kind::Broken => None,
            _ => {
                context.refuse(catalogue::wrong_kind(events, "`:events`", "a vector of series, `[{:service \"q\" …}]`"))
            }
        };
    };
    let all: Vec<Series> = items.iter().filter_map(|item| series(item, start, end, context)).collect();
    let whole = all.len() == items.len();
    let last = |series: &Series| series.from.plus((series.steps as i64).saturating_mul(series.every));
    let end = end.or_else(|| all.iter().map(last).max()).unwrap_or(start.plus(1));
    if all.iter().map(|series| series.steps).fold(0, u64::saturating_add) > MOST_STEPS {
        return context.refuse(catalogue::too_many_steps(events.span, MOST_STEPS));
    }
    let mut expected = Vec::new();
    match expect.map(|form| (&form.kind, form)) {
        Some((Kind::Vector(items), _)) => {
            expected.extend(items.iter().filter_map(|item| transition(item, start, plan, context)));
        }
        None | Some((Kind::Broken, _)) => {}
        Some((_, form)) => {
            context.report(catalogue::wrong_kind(form, "`:expect`", "a vector of transitions, `[]` for none"));
        }
    }
    let (place, expect) = (form.span, expect.map(|form| form.span));
    whole.then_some(Scenario { name: name?.text, start, end, series: all, expected, place, expect })
}

fn series(form: &Form, start: Timestamp, end: Option<Timestamp>, context: &mut Context) -> Option<Series> {
    let entries = values::entries(form, "a series of `:events`", "a map", context)?;
    let (mut every, mut from, mut count) = (1_000_000, start, None);
    let mut fields: Vec<(Field, Span, crate::plan::Sequence)> = Vec::new();
    let (mut is_whole, mut has_service) = (true, false);
    for (key, value) in entries {
        let Kind::Keyword(name) = &key.kind else {
            if key.kind != Kind::Broken {
                context.report(catalogue::key_is_no_keyword(key, "a series of `:events`"));
            }
            is_whole = false;
            continue;
        };
        match name.as_ref() {
            "every" => every = time::positive(value, "`:every`", SUSPICIOUS, context)?.0.micros(),
            "from" => from = moment(value, start, "`:from`", context)?,
            "count" => count = Some(values::whole(value, "`:count`", 1, MOST_STEPS, context)?),
            "time" => {
                context.report(catalogue::series_has_its_times(key.span));
                is_whole = false;
            }
            name => {
                has_service |= name == "service";
                if LENGTHS.contains(&name) {
                    context.report(catalogue::length_as_a_field(key.span, name));
                }
                match sequence::read(name, value, context) {
                    Some(sequence) => fields.push((Field::named(name), value.span, sequence)),
                    None => is_whole = false,
                }
            }
        }
    }
    if !has_service {
        return context.refuse(catalogue::series_without_service(form.span));
    }
    if !is_whole {
        return None;
    }
    let mut lengths = fields.iter().filter_map(|(field, span, sequence)| Some((field, *span, sequence.len()?)));
    let first = lengths.next();
    if let Some((one, place, length)) = &first
        && let Some((other, span, also)) = lengths.find(|(.., also)| also != length)
    {
        return context.refuse(catalogue::lengths_differ(span, other.name(), also, *place, one.name(), *length));
    }
    let until = |end: Timestamp| {
        let room = (end.micros() - from.micros()).max(0) as u64;
        room.div_ceil(every as u64)
    };
    let steps = match (first.map(|(.., length)| length).or(count), end) {
        (Some(steps), _) => steps,
        (None, Some(end)) => until(end),
        (None, None) => return context.refuse(catalogue::series_without_end(form.span)),
    };
    let fields = fields.into_iter().map(|(field, _, sequence)| (field, sequence)).collect();
    Some(Series { from, every, steps, fields })
}

fn transition(form: &Form, start: Timestamp, plan: Option<&Plan>, context: &mut Context) -> Option<Expected> {
    let entries = values::entries(form, "a transition of `:expect`", "a map", context)?;
    let (mut at, mut status, mut threshold, mut group, mut more) = (None, None, None, None, Vec::new());
    for (key, value) in entries {
        let Kind::Keyword(name) = &key.kind else {
            if key.kind != Kind::Broken {
                context.report(catalogue::key_is_no_keyword(key, "a transition of `:expect`"));
            }
            continue;
        };
        match name.as_ref() {
            "at" => at = Some(moment(value, start, "`:at`", context)?),
            "status" => {
                let choices = [("violation", "violation"), ("ok", "ok")];
                let words =
                    [("violated", "violation"), ("recovery", "ok"), ("recovered", "ok"), ("firing", "violation")];
                status = Some(values::choice(value, "`:status`", &choices, &words, context)?);
            }
            "threshold" => threshold = Some((identity(value, plan, context)?, value.span)),
            "group" => group = Some(group_text(value, context)?),
            other => match json(value) {
                Some(json) => more.push((other.replace('-', "_"), json)),
                None => context.report(catalogue::wrong_kind(value, &format!("`:{other}`"), "a value to compare")),
            },
        }
    }
    let lacks = |name: &str| catalogue::transition_lacks(form.span, name);
    let Some(at) = at else { return context.refuse(lacks("at")) };
    let Some(status) = status else { return context.refuse(lacks("status")) };
    let Some((threshold, _)) = threshold else { return context.refuse(lacks("threshold")) };
    Some(Expected { at, status, threshold, group, more, place: form.span })
}

/// The id of a threshold that there is.
fn identity(form: &Form, plan: Option<&Plan>, context: &mut Context) -> Option<String> {
    let id = match &form.kind {
        Kind::Vector(_) => edn::write(form),
        Kind::String(name) => name.to_string(),
        Kind::Broken => return None,
        _ => {
            let expected = "an id, such as `[:percentiles \"q\" 0.99 600]` or a `:name`";
            return context.refuse(catalogue::wrong_kind(form, "`:threshold`", expected));
        }
    };
    let Some(plan) = plan else { return Some(id) };
    if plan.thresholds.iter().any(|threshold| threshold.id == id) {
        return Some(id);
    }
    let ids = plan.thresholds.iter().map(|threshold| threshold.id.as_str());
    let nearest = ids.min_by_key(|known| strsim::osa_distance(known, &id)).map(str::to_string);
    context.refuse(catalogue::no_such_threshold(form.span, &id, nearest.as_deref()))
}

/// The fields of a group as the engine writes them: compact JSON.
fn group_text(form: &Form, context: &mut Context) -> Option<String> {
    let mut group = serde_json::Map::new();
    for (key, value) in values::entries(form, "`:group`", "a map of fields, such as `{:host \"web-1\"}`", context)? {
        let (Kind::Keyword(name) | Kind::String(name)) = &key.kind else {
            return context.refuse(catalogue::key_is_no_keyword(key, "`:group`"));
        };
        let text = match &value.kind {
            Kind::Nil => Json::Null,
            Kind::String(text) | Kind::Keyword(text) | Kind::Integer(text) | Kind::Decimal(text) => {
                text.as_ref().into()
            }
            Kind::Bool(truth) => truth.to_string().into(),
            _ => return context.refuse(catalogue::wrong_kind(value, "a field of `:group`", "a text or nil")),
        };
        group.insert(name.to_string(), text);
    }
    Some(Json::Object(group).to_string())
}

fn json(form: &Form) -> Option<Json> {
    Some(match &form.kind {
        Kind::Nil => Json::Null,
        Kind::Bool(truth) => (*truth).into(),
        Kind::Integer(digits) | Kind::Decimal(digits) => json_number(crate::plan::Decimal::parse(digits)?),
        Kind::String(text) | Kind::Keyword(text) => text.as_ref().into(),
        Kind::Vector(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Kind::Map(entries) => {
            let entry = |(key, value): &(Form, Form)| match &key.kind {
                Kind::Keyword(name) | Kind::String(name) => Some((name.to_string(), json(value)?)),
                _ => None,
            };
            Json::Object(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// An offset from the start (`"00:10:00"`, seconds, `#duration`) or a time (RFC 3339).
fn moment(form: &Form, start: Timestamp, subject: &str, context: &mut Context) -> Option<Timestamp> {
    let Kind::String(text) = &form.kind else {
        return Some(start.plus(time::length(form, subject, SUSPICIOUS, context)?.micros));
    };
    if let Some(time) = Timestamp::from_rfc3339(text.as_bytes()) {
        return Some(time);
    }
    match offset(text) {
        Some(micros) => Some(start.plus(micros)),
        None => context.refuse(catalogue::no_moment(form.span, subject)),
    }
}

/// `HH:MM:SS`, with as many hours as need be, and a fraction.
fn offset(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = parts[..] else { return None };
    let whole = |text: &str, most: i64| {
        let is_digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|n| is_digits && *n <= most)
    };
    let (whole_seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_fraction = !fraction.is_empty() && fraction.len() <= 6 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: i64 = format!("{fraction:0<6}").parse().ok().filter(|_| is_fraction)?;
    let seconds = whole(hours, 999_999)? * 3_600 + whole(minutes, 59)? * 60 + whole(whole_seconds, 59)?;
    Some(seconds * 1_000_000 + fraction)
}

fn absolute(form: &Form, subject: &str, context: &mut Context) -> Option<Timestamp> {
    let time = match &form.kind {
        Kind::String(text) => Timestamp::from_rfc3339(text.as_bytes()),
        Kind::Broken => return None,
        _ => None,
    };
    time.or_else(|| context.refuse(catalogue::no_start(form.span, subject)))
}
