//! Lints of routes: what nothing reaches, whom nobody tells, what a receiver would not understand.

use std::collections::BTreeSet;

use super::catalogue::{self, Why};
use super::context::Context;
use super::notifier::Found;
use super::route::Routes;
use crate::edn::{Form, Kind, Span};
use crate::notify::label_collision;
use crate::plan::{Field, Notifier, Threshold, Via};
use crate::route::CHANGEABLE;
use crate::route::reach::{Never, Reach, reach};

/// How many thresholds a message names.
const NAMED: usize = 3;

/// The keys of a transition that a condition may ask for, for did-you-mean.
const KEYS: [&str; 25] = [
    "count",
    "dedup-key",
    "description",
    "field",
    "instance",
    "interval",
    "kind",
    "late",
    "matched",
    "metric",
    "pattern",
    "quantile",
    "reason",
    "runbook",
    "service",
    "severity",
    "since",
    "state",
    "status",
    "summary",
    "threshold",
    "time",
    "value",
    "violation-id",
    "watched",
];

/// What `:notifiers` and `:routes` say, over all files.
pub(super) struct Written<'f, 'r> {
    /// Places of the keys `:notifiers`.
    pub notifiers: &'r [Span],
    pub found: &'r [Found],
    /// None: there is no `:routes`.
    pub routes: Option<&'r Routes<'f>>,
    /// Whether the routes have errors: then they may name more than was read.
    pub is_refused: bool,
}

/// Whether all that thresholds and routes say could be read: else nothing is said about what reaches what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    All,
    Part,
}

/// Reports what is allowed, and probably not meant.
pub(super) fn check(written: &Written, thresholds: &[Threshold], instance: &str, whole: Whole, context: &mut Context) {
    let Some(routes) = written.routes else {
        if let (Some(place), false) = (written.notifiers.first(), written.found.is_empty()) {
            context.report(catalogue::notifiers_without_routes(*place));
        }
        return;
    };
    let Some(place) = routes.vectors.first().copied() else { return };
    if routes.forms == 0 {
        return context.report(catalogue::routes_empty(place));
    }
    if written.is_refused {
        return;
    }
    for one in written.found {
        let name = one.notifier.name.as_str();
        if !routes.named.iter().any(|(named, _)| *named == name) {
            context.report(catalogue::unused_notifier(one.place, name));
        }
    }
    report_collisions(written.found, thresholds, context);
    if whole == Whole::Part || context.errors() > 0 {
        return;
    }
    let reach = reach(thresholds, instance, &routes.routes);
    report_fields(&reach, routes, thresholds, context);
    report_conditions(&reach, routes, context);
    if !reach.untold.is_empty() {
        let ids: Vec<&str> = reach.untold.iter().take(NAMED).map(|at| thresholds[*at].id.as_str()).collect();
        context.report(catalogue::untold(place, &ids, reach.untold.len()));
    }
    for one in written.found {
        let words = reach.severities.get(&one.notifier.name);
        let unmapped: Vec<String> =
            words.into_iter().flatten().filter(|word| is_unmapped(&one.notifier, word)).cloned().collect();
        if !unmapped.is_empty() {
            context.report(catalogue::unmapped_severities(one.place, &one.notifier.name, &unmapped));
        }
    }
}

/// Reports fields that operators read and no transition has.
fn report_fields(reach: &Reach, routes: &Routes, thresholds: &[Threshold], context: &mut Context) {
    let labels: BTreeSet<&str> =
        thresholds.iter().flat_map(|one| one.output.labels.iter().map(|(name, _)| name.as_str())).collect();
    for (operator, field) in &reach.absent {
        if let Some((span, is_value)) = place_of(routes.places[*operator], field) {
            let meant = context.nearest_given(field.name(), KEYS.into_iter().chain(labels.iter().copied()));
            context.report(catalogue::field_of_no_transition(span, field.name(), meant, is_value));
        }
    }
}

/// Reports conditions that are never true, and those whose `else` nothing reaches.
fn report_conditions(reach: &Reach, routes: &Routes, context: &mut Context) {
    for never in &reach.never {
        let form = routes.places[never.operator];
        let is_said = never.field.as_ref().is_some_and(|(field, _)| {
            reach.absent.contains(&(never.operator, field.clone()))
                || written_name(field) == "status" && argument(form, 1).is_some_and(|form| holds_text(form, "ok", 0))
        });
        if !is_said {
            report_never(never, form, context);
        }
    }
    for operator in &reach.always {
        let form = routes.places[*operator];
        if let (Some(condition), Some(last)) = (argument(form, 1), arguments(form).last()) {
            context.report(catalogue::else_never_reached(last.span, condition.span));
        }
    }
}

fn is_unmapped(notifier: &Notifier, word: &str) -> bool {
    matches!(&notifier.via, Via::PagerDuty(to) if to.severities.of(word).is_none())
}

fn report_never(never: &Never, form: &Form, context: &mut Context) {
    let Some(condition) = argument(form, 1) else { return };
    let part = match never.part {
        // Its parts stand behind `and`.
        Some(at) if is_and(condition) => argument(condition, at + 1),
        _ => None,
    };
    let part = part.unwrap_or(condition);
    let why = match (&never.field, never.part) {
        (Some((field, values)), _) if values.is_empty() => Why::NoField(field.name().to_string()),
        (Some((field, values)), _) if written_name(field) != "status" => {
            let wanted = wanted(part);
            let meant =
                wanted.as_deref().and_then(|wanted| context.nearest_given(wanted, values.iter().map(String::as_str)));
            let meant = meant.map(str::to_string);
            let field = field.name().to_string();
            Why::Values { field, wanted, meant, there: values.clone(), is_narrowed: never.is_narrowed }
        }
        (_, None) => Why::Parts,
        _ => Why::Unknown,
    };
    context.report(catalogue::condition_never_true(part.span, why));
}

fn written_name(field: &Field) -> &str {
    if *field == Field::State { "status" } else { field.name() }
}

fn holds_text(form: &Form, wanted: &str, depth: usize) -> bool {
    match &form.kind {
        Kind::String(text) => text.as_ref() == wanted,
        Kind::List(items) if depth < 256 => items.iter().any(|item| holds_text(item, wanted, depth + 1)),
        _ => false,
    }
}

/// The text that a comparison by `=` asks for.
fn wanted(form: &Form) -> Option<String> {
    let is_equality = matches!(&form.kind, Kind::List(items) if matches!(items.first(), Some(Form { kind: Kind::Symbol(name), .. }) if name.as_ref() == "="));
    let mut texts = arguments(form).iter().filter_map(|item| match &item.kind {
        Kind::String(text) => Some(text.to_string()),
        _ => None,
    });
    texts.next().filter(|_| is_equality)
}

fn is_and(form: &Form) -> bool {
    matches!(&form.kind, Kind::List(items) if matches!(items.first(), Some(Form { kind: Kind::Symbol(name), .. }) if name.as_ref() == "and"))
}

fn argument(form: &Form, at: usize) -> Option<&Form> {
    match &form.kind {
        Kind::List(items) => items.get(at),
        _ => None,
    }
}

fn arguments(form: &Form) -> &[Form] {
    match &form.kind {
        Kind::List(items) => items.get(1..).unwrap_or_default(),
        _ => &[],
    }
}

/// Where an operator itself reads a field, and whether it stands alone for a value: `(with :severity :page …)`.
fn place_of(form: &Form, field: &Field) -> Option<(Span, bool)> {
    let operator = match argument(form, 0).map(|head| &head.kind) {
        Some(Kind::Symbol(name)) => name.as_ref(),
        _ => return None,
    };
    let first = argument(form, 1)?;
    match (operator, &first.kind) {
        ("with", Kind::Map(entries)) => entries.iter().find_map(|(_, value)| of_with(value, field)),
        ("with", _) => of_with(argument(form, 2)?, field),
        _ => within(first, field, 0).map(|span| (span, false)),
    }
}

fn of_with(value: &Form, field: &Field) -> Option<(Span, bool)> {
    let is_alone = matches!(value.kind, Kind::Keyword(_));
    within(value, field, 0).map(|span| (span, is_alone && !CHANGEABLE.contains(&field.name())))
}

fn within(form: &Form, field: &Field, depth: usize) -> Option<Span> {
    match &form.kind {
        Kind::Keyword(name) | Kind::Symbol(name) if Field::named(name) == *field => Some(form.span),
        Kind::List(items) if depth < 256 => {
            let is_tagged = *field == Field::Tags
                && matches!(items.first(), Some(Form { kind: Kind::Symbol(name), .. }) if name.as_ref() == "tagged");
            if is_tagged { Some(form.span) } else { items.iter().find_map(|item| within(item, field, depth + 1)) }
        }
        Kind::Vector(items) => items.iter().find_map(|item| within(item, field, depth + 1)),
        _ => None,
    }
}

/// Reports thresholds two of whose names would be one label at an Alertmanager.
fn report_collisions(found: &[Found], thresholds: &[Threshold], context: &mut Context) {
    let is_alertmanager = |one: &&Found| matches!(one.notifier.via, Via::Alertmanager(_));
    let Some(alertmanager) = found.iter().find(is_alertmanager) else { return };
    for threshold in thresholds.iter().filter(|threshold| !threshold.output.shadow) {
        let labels = threshold.output.labels.iter().map(|(name, _)| name.as_str());
        let fields = threshold.group_by.iter().map(Field::name);
        if let Some((one, other)) = label_collision(labels, fields) {
            let name = &alertmanager.notifier.name;
            context.report(catalogue::one_label_twice(threshold.span, name, &one, &other));
        }
    }
}
