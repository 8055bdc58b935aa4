//! A configuration as EDN, events as JSON lines, and the texts that order transitions.

use std::fmt::Write;

use super::event::{Event, Name, Stamp, Value, Where};
use super::{Bound, Config, Decimal, Group, Measure, Micros, Service, Thin, Threshold};

/// The configuration as one EDN map.
pub fn config(config: &Config) -> String {
    let mut out = String::from("{");
    if let Some(grace) = &config.grace {
        writeln!(out, ":grace {}", grace.0).expect("a string takes all");
    }
    for (section, percentile) in [(":percentiles", true), (":histograms", false)] {
        // Maps within maps, each key once: (service, field, quantile or pattern) and its checks.
        let mut checks: Vec<([String; 3], Vec<String>)> = Vec::new();
        for threshold in &config.thresholds {
            if matches!(threshold.measure, Measure::Percentile { .. }) == percentile {
                let path = path(threshold);
                match checks.iter_mut().find(|(known, _)| *known == path) {
                    Some((_, same)) => same.push(check(threshold)),
                    None => checks.push((path, vec![check(threshold)])),
                }
            }
        }
        checks.sort();
        if checks.is_empty() {
            continue;
        }
        write!(out, " {section} {{").expect("a string takes all");
        for services in checks.chunk_by(|(a, _), (b, _)| a[0] == b[0]) {
            write!(out, "{} {{", services[0].0[0]).expect("a string takes all");
            for fields in services.chunk_by(|(a, _), (b, _)| a[1] == b[1]) {
                let (open, close) = if percentile { ("", "") } else { ("{", "}") };
                write!(out, "{}{open}", fields[0].0[1]).expect("a string takes all");
                for ([_, _, key], checks) in fields {
                    match &checks[..] {
                        [one] => writeln!(out, " {key} {one}"),
                        many => writeln!(out, " {key} [{}]", many.join("\n  ")),
                    }
                    .expect("a string takes all");
                }
                out.push_str(close);
            }
            out.push_str("}\n");
        }
        out.push('}');
    }
    out.push_str("}\n");
    out
}

/// Service, field (none for a percentile) and key as EDN.
fn path(threshold: &Threshold) -> [String; 3] {
    let service = service(&threshold.service);
    match &threshold.measure {
        Measure::Percentile { quantile, .. } => [service, String::new(), quantile.normal().0],
        Measure::Percentage { field, pattern } | Measure::Count { field, pattern } => {
            [service, format!(":{field} "), string(pattern)]
        }
    }
}

fn service(service: &Service) -> String {
    match service {
        Service::Exactly(text) => string(text),
        Service::Matching(pattern) => format!("#re {}", string(pattern)),
    }
}

fn check(threshold: &Threshold) -> String {
    let mut options: Vec<String> =
        threshold.bounds.iter().map(|Bound { comparator, limit }| format!(":{comparator} {}", limit.0)).collect();
    let mut option = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            options.push(format!(":{name} {text}"));
        }
    };
    let seconds = |decimal: &Decimal| match decimal.micros() {
        // Half of what can be is written as a duration.
        micros if micros % 120_000_000 == 0 => format!("#duration \"{}m\"", micros / 60_000_000),
        micros if micros % 2_000_000 == 0 => format!("#duration \"{}s\"", micros / 1_000_000),
        _ => decimal.0.clone(),
    };
    let thin = |thin: &Thin| format!(":{}", format!("{thin:?}").to_lowercase());
    option("interval", Some(seconds(&threshold.interval)));
    match &threshold.measure {
        Measure::Percentile { field, riemann, .. } => {
            option("metric", (*field != "metric").then(|| format!(":{field}")));
            option("rank", riemann.then(|| ":riemann".to_owned()));
        }
        Measure::Percentage { .. } => option("type", Some(":percentage".to_owned())),
        Measure::Count { .. } => option("type", Some(":count".to_owned())),
    }
    let by: Vec<String> = threshold.by.iter().map(|field| format!(":{field}")).collect();
    option("name", threshold.name.as_deref().map(string));
    option("by", (!by.is_empty()).then(|| format!("[{}]", by.join(" "))));
    option("where", threshold.filter.as_ref().map(expression));
    option("every", threshold.every.as_ref().map(seconds));
    option("for", threshold.violate_after.map(|n| n.to_string()));
    option("recover", threshold.recover_after.map(|n| n.to_string()));
    option("min-count", threshold.min_count.map(|n| n.to_string()));
    option("few", threshold.few.as_ref().map(thin));
    option("no-data", threshold.no_data.as_ref().map(thin));
    option("forget", threshold.forget.as_ref().map(seconds));
    option("max-gap", threshold.max_gap.as_ref().map(seconds));
    option("grace", threshold.grace.as_ref().map(seconds));
    format!("{{{}}}", options.join(" "))
}

fn expression(filter: &Where) -> String {
    match filter {
        Where::Equal(name, value) => format!("(= {} {})", field(*name), literal(value)),
        Where::NotEqual(name, value) => format!("(not= {} {})", field(*name), literal(value)),
        Where::Order(comparator, name, limit) => format!("({comparator} {} {limit})", field(*name)),
        Where::IsNil(name) => format!("(nil? {})", field(*name)),
        Where::IsSome(name) => format!("(some? {})", field(*name)),
        Where::Find(pattern, name) => format!("(re-find #re {} {})", string(pattern), field(*name)),
        Where::Tagged(tag) => format!("(tagged {})", string(tag)),
        Where::Not(inner) => format!("(not {})", expression(inner)),
        Where::And(a, b) => format!("(and {} {})", expression(a), expression(b)),
        Where::Or(a, b) => format!("(or {} {})", expression(a), expression(b)),
        Where::If(test, then, otherwise) => {
            format!("(if {} {} {})", expression(test), expression(then), expression(otherwise))
        }
    }
}

/// "`:status-code`, `(:status-code event)`, or for Riemann's own fields the bare symbol"
fn field(name: Name) -> String {
    match (name.otherwise, name.field) {
        (false, field) => format!(":{field}"),
        (true, field @ ("host" | "service" | "state" | "metric" | "tags")) => field.to_owned(),
        (true, field) => format!("(:{field} event)"),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        other => json(other),
    }
}

/// An EDN string: those of these tests need no escape but that of `"` and `\`.
fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// "its path plus the interval, as canonical EDN with numbers in normal form", or the name.
pub fn id(threshold: &Threshold) -> String {
    let service = service(&threshold.service);
    let interval = threshold.interval.normal().0;
    match (&threshold.name, &threshold.measure) {
        (Some(name), _) => name.clone(),
        (None, Measure::Percentile { quantile, .. }) => {
            format!("[:percentiles {service} {} {interval}]", quantile.normal().0)
        }
        (None, Measure::Percentage { field, pattern }) => {
            format!("[:histograms {service} :{field} {} :percentage {interval}]", string(pattern))
        }
        (None, Measure::Count { field, pattern }) => {
            format!("[:histograms {service} :{field} {} :count {interval}]", string(pattern))
        }
    }
}

/// The group as compact JSON.
pub fn group(group: &Group) -> String {
    let quoted = |text: &str| serde_json::to_string(text).expect("text is JSON");
    let field = |(name, text): &(&str, Option<String>)| {
        format!("{}:{}", quoted(name), text.as_deref().map_or("null".to_owned(), quoted))
    };
    format!("{{{}}}", group.iter().map(field).collect::<Vec<_>>().join(","))
}

/// One line.
pub fn event(event: &Event) -> String {
    let mut out = format!("{{\"time\":{}", time(event.time, event.stamp));
    for (name, value) in &event.fields {
        write!(out, ",\"{name}\":{}", json(value)).expect("a string takes all");
    }
    out.push('}');
    out
}

fn time(time: Micros, stamp: Stamp) -> String {
    match stamp {
        Stamp::Seconds => Decimal::from_micros(time).0,
        Stamp::Finer => format!("{}.{:06}999", time / 1_000_000, time % 1_000_000),
        Stamp::Rfc3339 => {
            let time = highwater::plan::Timestamp::from_micros(time).expect("a time of our days");
            format!("\"{time}\"")
        }
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Nil => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(text) => text.clone(),
        Value::Text(text) => serde_json::to_string(text).expect("text is JSON"),
        Value::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
    }
}
