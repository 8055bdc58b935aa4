//! Faults in scenarios.

use super::{code, error, lint};
use crate::edn::{Diagnostic, Span};

pub fn no_scenarios(span: Span) -> Diagnostic {
    error("T150", span, "a file of tests is a map with `:scenarios`")
        .here("expected `:scenarios`")
        .help("write `{:scenarios [{:name \"…\" :end 600 :events [{:service \"q\" :metric 85}] :expect []}]}`")
}

pub fn no_thresholds_for_scenarios(span: Span) -> Diagnostic {
    error("T151", span, "there are no thresholds to test")
        .here("these need some")
        .help("put `:percentiles` or `:histograms` beside `:scenarios`, or name the configuration with `-c PATH`")
}

pub fn scenario_lacks(span: Span, name: &str) -> Diagnostic {
    let example = match name {
        "name" => "`:name \"a slow minute\"`",
        _ => "`:events [{:service \"q\" :every 1 :metric \"85x590 143x10\"}]`",
    };
    error("T152", Span { end: span.start + 1, ..span }, format!("a scenario has no `:{name}`"))
        .here(format!("expected `:{name}`"))
        .help(format!("add {example}"))
}

pub fn ends_before_it_starts(span: Span) -> Diagnostic {
    error("T153", span, "a scenario ends after its start")
        .here("not after `:start`")
        .help("write how long it is: `:end 1200`")
}

pub fn one_name_twice(span: Span, first: Span, name: &str) -> Diagnostic {
    error("T154", Span { end: span.start + 1, ..span }, format!("two scenarios are called {}", code(name)))
        .here("the second")
        .also(Span { end: first.start + 1, ..first }, "the first")
        .help("give each a name of its own")
}

pub fn too_many_steps(span: Span, most: u64) -> Diagnostic {
    error("T155", span, format!("a scenario has more than {most} events"))
        .here("too many")
        .help("make `:every` longer, or `:end` nearer")
}

pub fn series_has_its_times(span: Span) -> Diagnostic {
    error("T156", span, "a series has no `:time`")
        .here("its times follow from `:from` and `:every`")
        .help("write `:from 60 :every 1`")
}

pub fn series_without_service(span: Span) -> Diagnostic {
    error("T157", Span { end: span.start + 1, ..span }, "a series has no `:service`")
        .here("expected `:service`")
        .help("write `:service \"q\"`")
}

pub fn series_without_end(span: Span) -> Diagnostic {
    error("T158", Span { end: span.start + 1, ..span }, "nobody knows where this series ends")
        .here("each of its values holds for all events")
        .help("give the scenario an `:end`, the series a `:count`, or a value a number of times: `:metric \"85x600\"`")
}

pub fn lengths_differ(span: Span, name: &str, length: u64, place: Span, other: &str, expected: u64) -> Diagnostic {
    error("T159", span, format!("`:{name}` has {length} steps, and `:{other}` has {expected}"))
        .here(format!("expected {expected} steps"))
        .also(place, format!("{expected} steps"))
        .help("make them as long as each other; one value alone holds for all events")
}

pub fn transition_lacks(span: Span, name: &str) -> Diagnostic {
    let example = match name {
        "at" => "`:at \"00:10:00\"`, the end of the window",
        "status" => "`:status :violation`, or `:ok`",
        _ => "`:threshold [:percentiles \"q\" 0.99 600]`, its id",
    };
    error("T160", Span { end: span.start + 1, ..span }, format!("a transition of `:expect` has no `:{name}`"))
        .here(format!("expected `:{name}`"))
        .help(format!("add {example}"))
}

pub fn no_such_threshold(span: Span, id: &str, nearest: Option<&str>) -> Diagnostic {
    let draft = error("T161", span, format!("there is no threshold {}", code(id))).here("no such id");
    match nearest {
        Some(nearest) => draft.help(format!("did you mean `{nearest}`?")),
        None => draft,
    }
}

pub fn no_moment(span: Span, subject: &str) -> Diagnostic {
    error("T162", span, format!("{subject} is no time"))
        .here("expected `HH:MM:SS` after the start")
        .help("write `\"00:10:00\"`, seconds such as `600`, `#duration \"10m\"`, or RFC 3339")
}

pub fn no_start(span: Span, subject: &str) -> Diagnostic {
    error("T163", span, format!("{subject} is no time"))
        .here("expected RFC 3339")
        .help("write `:start \"2024-01-01T00:00:00Z\"`")
}

pub fn sequence_too_long(span: Span, most: usize) -> Diagnostic {
    error("T164", span, format!("a sequence has more than {most} parts"))
        .here("too many")
        .help("repeat values: `85x590`")
}

pub fn repeated_so_often(span: Span, word: &str, most: u64) -> Diagnostic {
    error("T165", span, format!("a value is repeated 1 to {most} times, and {} is not", code(word)))
        .here("expected `VxN`")
        .help("write `85x590` for 590 times, `_x5` for five steps without an event")
}

pub fn length_as_a_field(span: Span, name: &str) -> Diagnostic {
    lint("W051", span, format!("{} is a field of the events here", code(&format!(":{name}"))))
        .here("does not say how long the series is")
        .help("write `:count 600` for so many events, or repeat a value, `:metric \"85x600\"`; or allow this: `:lint {:allow [W051]}`")
}

pub fn metric_is_no_number(span: Span, word: &str) -> Diagnostic {
    lint("W052", span, format!("{} is no number, so these events have no metric", code(word)))
        .here("expected numbers")
        .help("write `:metric \"85x590 _x5 143x10\"`, without units")
}

pub fn vector_is_no_sequence(span: Span, name: &str) -> Diagnostic {
    lint(
        "W053",
        span,
        format!(
            "a vector is one value with several texts: each event has all of them as {}",
            code(&format!(":{name}"))
        ),
    )
    .here("not one after the other")
    .help("write a text with blanks: `\"200x98 500x2\"`")
}

pub fn empty_sequence(span: Span, name: &str) -> Diagnostic {
    error("T166", span, format!("`:{name}` is empty"))
        .here("expected values")
        .help("leave it out for events that do not have it")
}
