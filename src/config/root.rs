//! The keys of the configuration, over all files.

use super::context::Context;
use super::values;
use super::{catalogue, heartbeat, lint, notifier, paths, pipeline, reach, route, server, source, state, time};
use crate::edn::{Form, Kind, Span};
use crate::order;
use crate::plan::{Limits, Notifier, Plan, Routing, Threshold};

/// What the daemon listens on. Its parts may stand in several files.
const SERVER: &str = "server";

/// What is kept over restarts. Its parts may stand in several files, too.
const STATE: &str = "state";

/// Who is told, where transitions go, and what is asked for while all is well. They, too.
const NOTIFIERS: &str = "notifiers";
const ROUTES: &str = "routes";
const HEARTBEAT: &str = "heartbeat";

/// What is read of logs, counted and sent elsewhere.
const PIPELINES: &str = "pipelines";

/// Which files the daemon follows.
const SOURCES: &str = "sources";

/// Keys that hold thresholds. They are read last: what is set for all of them may stand in another file.
const THRESHOLDS: [(&str, ReadThresholds); 2] =
    [("histograms", paths::histograms), ("percentiles", paths::percentiles)];

/// Keys that hold one value for the whole installation.
const SETTINGS: [(&str, ReadSetting); 6] = [
    ("grace", grace),
    ("instance", instance),
    ("limits", limits),
    ("lint", allow),
    ("max-skew", max_skew),
    ("watch", watch),
];

/// Keys that this version does not know what to do with.
const LATER: [&str; 2] = ["objectives", "streams"];

const OTHER_WORDS: [(&str, &str); 43] = [
    ("lints", "lint"),
    ("linter", "lint"),
    ("auto-reload", "watch"),
    ("hot-reload", "watch"),
    ("reload", "watch"),
    ("watch-files", "watch"),
    ("alerting", "notifiers"),
    ("channels", "notifiers"),
    ("contact-points", "notifiers"),
    ("notifications", "notifiers"),
    ("notify", "notifiers"),
    ("receivers", "notifiers"),
    ("notification-policies", "routes"),
    ("policies", "routes"),
    ("routing", "routes"),
    ("dead-mans-switch", "heartbeat"),
    ("deadmansswitch", "heartbeat"),
    ("healthcheck", "heartbeat"),
    ("heartbeats", "heartbeat"),
    ("ping", "heartbeat"),
    ("watchdog", "heartbeat"),
    ("allowed-lateness", "grace"),
    ("histogram", "histograms"),
    ("lateness", "grace"),
    ("http", "server"),
    ("limit", "limits"),
    ("listen", "server"),
    ("listeners", "server"),
    ("port", "server"),
    ("riemann", "server"),
    ("tcp", "server"),
    ("tls", "server"),
    ("udp", "server"),
    ("percentile", "percentiles"),
    ("quantiles", "percentiles"),
    ("skew", "max-skew"),
    ("data-dir", "state"),
    ("dir", "state"),
    ("durability", "state"),
    ("journal", "state"),
    ("persistence", "state"),
    ("state-dir", "state"),
    ("storage", "state"),
];

/// Where other systems keep what stands under `:percentiles` and `:histograms` here.
const SUBJECTS: [&str; 10] =
    ["alert", "alerts", "checks", "groups", "metrics", "rules", "service", "services", "slos", "thresholds"];

/// The keys of `:limits`, each with the most that it can be.
const LIMITS: [(&str, u64, PlaceOfLimit); 10] = [
    ("attributes", 100_000, |limits| &mut limits.attributes),
    ("event-bytes", 1 << 30, |limits| &mut limits.event_bytes),
    ("frame-bytes", 60 << 20, |limits| &mut limits.frame_bytes),
    ("groups", 100_000_000, |limits| &mut limits.groups),
    ("line-bytes", 1 << 30, |limits| &mut limits.line_bytes),
    ("group-bytes", 1 << 20, |limits| &mut limits.group_bytes),
    ("open-windows", 1_000_000_000, |limits| &mut limits.open_windows),
    ("queue", 10_000_000, |limits| &mut limits.queue),
    ("receive-bytes", 1 << 40, |limits| &mut limits.receive_bytes),
    ("sketch-bytes", 1 << 40, |limits| &mut limits.sketch_bytes),
];

type ReadThresholds = fn(&Form, i64, &mut Context, &mut Vec<Threshold>);
type ReadSetting = fn(&mut Settings, &Form, Span, &mut Context);
type PlaceOfLimit = fn(&mut Limits) -> &mut usize;

/// What is read when all files have been gone through.
#[derive(Default)]
struct Forms<'f> {
    thresholds: Vec<(ReadThresholds, &'f Form)>,
    server: Vec<&'f Form>,
    state: Vec<&'f Form>,
    /// With the places of their keys.
    notifiers: Vec<(Span, &'f Form)>,
    routes: Vec<(Span, &'f Form)>,
    heartbeat: Vec<(Span, &'f Form)>,
    pipelines: Vec<(Span, &'f Form)>,
    sources: Vec<(Span, &'f Form)>,
}

/// What is set once for the whole installation, and where.
#[derive(Default)]
struct Settings {
    grace: Option<i64>,
    max_skew: Option<i64>,
    watch: bool,
    instance: Option<String>,
    limits: Limits,
    places: Vec<(&'static str, Span)>,
}

/// Checks the forms of all files. The plan is complete only if nothing was reported as an error.
pub(super) fn check(files: &[Vec<Form>], context: &mut Context) -> Plan {
    let mut settings = Settings::default();
    let mut forms = Forms::default();
    for (index, file) in (0..).zip(files) {
        for (key, value) in root(file, index, context) {
            entry(key, value, &mut settings, &mut forms, context);
        }
    }
    let grace = settings.grace.unwrap_or(Plan::GRACE);
    let server = server::read(&forms.server, context);
    let usual = server.grace(grace);
    let state = state::read(&forms.state, context);
    let mark = context.mark();
    let mut thresholds = Vec::new();
    for (read, form) in &forms.thresholds {
        read(form, usual, context, &mut thresholds);
    }
    order::by(&mut thresholds, |a, b| (&a.id, a.span.file, a.span.start).cmp(&(&b.id, b.span.file, b.span.start)));
    for pair in thresholds.windows(2) {
        // A key that stands twice in a map was reported when it was read.
        let is_read = |file| context.was_found(file, |code| code == "E014");
        if pair[0].id == pair[1].id && !is_read(pair[0].span.file) && !is_read(pair[1].span.file) {
            context.report(catalogue::one_id_twice(&pair[0], &pair[1]));
        }
    }
    if thresholds.is_empty() && forms.pipelines.is_empty() && context.is_silent() && !files.is_empty() {
        context.report(catalogue::no_thresholds(Span { file: 0, start: 0, end: 0 }));
    }
    let sources = source::read(&forms.sources, context);
    if settings.grace.is_none() && sources.iter().any(source::starts_at_request) {
        // Such a line is written when the request ends, so it is as late as the request was long.
        for threshold in thresholds.iter_mut().filter(|threshold| !threshold.grace_is_own) {
            threshold.grace = threshold.grace.max(2 * threshold.interval.micros());
        }
    }
    let pipelines = pipeline::read(&forms.pipelines, context);
    let instance = settings.instance.unwrap_or_else(|| "default".to_string());
    let is_whole = !context.has_unset_since(mark);
    let routing = routing(&forms, &thresholds, &instance, is_whole, context);
    Plan {
        thresholds,
        grace,
        grace_is_set: settings.grace.is_some(),
        max_skew: settings.max_skew.unwrap_or(Plan::MAX_SKEW),
        watch: settings.watch,
        instance,
        limits: settings.limits,
        server,
        state,
        routing,
        pipelines,
        sources,
    }
}

/// Reads who is told and where transitions go. `is_whole`: all that thresholds say could be read.
fn routing(forms: &Forms, thresholds: &[Threshold], instance: &str, is_whole: bool, context: &mut Context) -> Routing {
    let heartbeat = heartbeat::read(&forms.heartbeat, context);
    let mut found = notifier::read(&forms.notifiers, context);
    let usual = Notifier::standard_output();
    let mut names: Vec<&str> = found.iter().map(|one| one.notifier.name.as_str()).collect();
    if !names.contains(&usual.name.as_str()) {
        names.push(&usual.name);
    }
    names.sort_unstable();
    let (mark, errors) = (context.mark(), context.errors());
    let routes = (!forms.routes.is_empty()).then(|| route::read(&forms.routes, &names, context));
    let whole = match is_whole && !context.has_unset_since(mark) {
        true => reach::Whole::All,
        false => reach::Whole::Part,
    };
    let places: Vec<Span> = forms.notifiers.iter().map(|(place, _)| *place).collect();
    let is_refused = context.errors() > errors;
    let written = reach::Written { notifiers: &places, found: &found, routes: routes.as_ref(), is_refused };
    reach::check(&written, thresholds, instance, whole, context);
    let routes = routes.map(|routes| routes.routes);
    let mut notifiers: Vec<Notifier> = found.drain(..).map(|one| one.notifier).collect();
    if !notifiers.iter().any(|one| one.name == usual.name) {
        notifiers.push(usual);
    }
    order::by(&mut notifiers, |a, b| a.name.cmp(&b.name));
    Routing { routes, notifiers, heartbeat }
}

/// The entries of the one map that a file holds.
fn root<'f>(forms: &'f [Form], file: u32, context: &mut Context) -> &'f [(Form, Form)] {
    // What is broken may be the map.
    let broken = forms.iter().any(|form| form.kind == Kind::Broken);
    let faulty = context.was_found(file, |code| code.starts_with(['E', 'F']));
    let mut whole = forms.iter().filter(|form| form.kind != Kind::Broken);
    let Some(first) = whole.next() else {
        if !broken && !faulty {
            context.report(catalogue::empty_file(Span { file, start: 0, end: 0 }));
        }
        return &[];
    };
    // A bracket that closes too early was reported when it was read.
    if let Some(second) = whole.next()
        && !faulty
    {
        context.report(catalogue::second_form(second.span, first.span));
    }
    match &first.kind {
        Kind::Map(entries) => entries,
        _ if broken => &[],
        _ => {
            context.report(catalogue::not_a_map(first));
            &[]
        }
    }
}

fn entry<'f>(key: &'f Form, value: &'f Form, settings: &mut Settings, forms: &mut Forms<'f>, context: &mut Context) {
    let name = match &key.kind {
        Kind::Broken => return,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.report(catalogue::key_is_no_keyword(key, "the configuration")),
    };
    if let Some((_, read)) = THRESHOLDS.iter().find(|(known, _)| *known == name) {
        forms.thresholds.push((*read, value));
    } else if name == SERVER {
        forms.server.push(value);
    } else if name == STATE {
        forms.state.push(value);
    } else if name == NOTIFIERS {
        forms.notifiers.push((key.span, value));
    } else if name == ROUTES {
        forms.routes.push((key.span, value));
    } else if name == HEARTBEAT {
        forms.heartbeat.push((key.span, value));
    } else if name == PIPELINES {
        forms.pipelines.push((key.span, value));
    } else if name == SOURCES {
        forms.sources.push((key.span, value));
    } else if let Some((known, read)) = SETTINGS.iter().find(|(known, _)| *known == name) {
        // `:limits` are told apart by their own keys, and what is allowed adds up.
        if matches!(*known, "limits" | "lint") || once(known, key.span, settings, context) {
            read(settings, value, key.span, context);
        }
    } else if LATER.contains(&name) {
        context.report(catalogue::not_yet(key.span, name));
    } else {
        if name == "scenarios" {
            let help = "scenarios stand in a file called `*.test.edn`, which `highwater test` reads";
            return context.report(catalogue::unknown_key(key, "the configuration", None).help(help));
        }
        if SUBJECTS.contains(&name.to_lowercase().as_str()) {
            let help = "did you mean `:percentiles` or `:histograms`?";
            return context.report(catalogue::unknown_key(key, "the configuration", None).help(help));
        }
        let known = SETTINGS.iter().map(|(name, _)| *name).chain(THRESHOLDS.iter().map(|(name, _)| *name));
        let meant = context.nearest(
            name,
            known.chain([HEARTBEAT, NOTIFIERS, PIPELINES, ROUTES, SERVER, SOURCES, STATE]).chain(LATER),
            &OTHER_WORDS,
        );
        context.report(catalogue::unknown_key(key, "the configuration", meant));
    }
}

/// Whether this is the first place where `name` is set. Twice in one file was reported when it was read.
fn once(name: &'static str, span: Span, settings: &mut Settings, context: &mut Context) -> bool {
    match settings.places.iter().find(|(known, _)| *known == name) {
        None => {
            settings.places.push((name, span));
            true
        }
        Some((_, first)) => {
            if first.file != span.file {
                context.report(catalogue::set_twice(span, *first, name));
            }
            false
        }
    }
}

fn grace(settings: &mut Settings, form: &Form, _key: Span, context: &mut Context) {
    settings.grace = time::length(form, "`:grace`", time::SUSPICIOUS_GRACE, context).map(|length| length.micros);
}

fn max_skew(settings: &mut Settings, form: &Form, _key: Span, context: &mut Context) {
    settings.max_skew = time::length(form, "`:max-skew`", time::SUSPICIOUS_GRACE, context).map(|length| length.micros);
}

fn allow(_settings: &mut Settings, form: &Form, _key: Span, context: &mut Context) {
    let codes = lint::read(form, context);
    context.allowed.add(codes, None);
}

fn watch(settings: &mut Settings, form: &Form, _key: Span, context: &mut Context) {
    settings.watch = values::truth(form, "`:watch`", context).unwrap_or_default();
}

fn instance(settings: &mut Settings, form: &Form, _key: Span, context: &mut Context) {
    settings.instance = values::words(form, "`:instance`", context).map(|text| text.text);
}

fn limits(settings: &mut Settings, form: &Form, _key: Span, context: &mut Context) {
    let expected = "a map of limits, such as `{:groups 100000}`";
    for (key, value) in values::entries(form, "`:limits`", expected, context).unwrap_or_default() {
        let name = match &key.kind {
            Kind::Broken => continue,
            Kind::Keyword(name) => name.as_ref(),
            _ => {
                context.report(catalogue::key_is_no_keyword(key, "`:limits`"));
                continue;
            }
        };
        let Some((known, most, place)) = LIMITS.iter().find(|(known, ..)| *known == name) else {
            let meant = context.nearest(name, LIMITS.iter().map(|(known, ..)| *known), &[]);
            context.report(catalogue::unknown_key(key, "`:limits`", meant));
            continue;
        };
        if once(known, key.span, settings, context)
            && let Some(n) = values::whole(value, &format!("`:{known}`"), 1, *most, context)
        {
            *place(&mut settings.limits) = usize::try_from(n).unwrap_or(usize::MAX);
        }
    }
}
