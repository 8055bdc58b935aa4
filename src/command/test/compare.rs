//! What came beside what was expected.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::command::terminal::printable;
use crate::edn::{Sources, Span, position, quote};
use crate::engine::Transition;
use crate::order;
use crate::plan::{Expected, Plan, Scenario, Timestamp};

/// The two timelines, in order.
pub struct Comparison {
    pub lines: Vec<Line>,
}

/// A transition of one of them, or of both.
pub enum Line {
    /// As expected, at this place in `:expect`.
    Same(Came, usize),
    /// It came, and something of it is otherwise: which keys, what was expected, what came.
    Different(Came, usize, Vec<(String, Json, Json)>),
    Unexpected(Came),
    /// By its place in `:expect`.
    Missing(usize),
}

/// A transition that came.
pub struct Came {
    pub at: Timestamp,
    pub status: &'static str,
    pub threshold: String,
    pub group: String,
    pub summary: String,
}

impl Came {
    fn of(transition: &Transition, plan: &Plan, json: &Json) -> Came {
        Came {
            at: transition.end,
            status: transition.to.name(),
            threshold: plan.thresholds[transition.threshold].id.clone(),
            group: transition.group_text.clone(),
            summary: json["summary"].as_str().unwrap_or_default().to_string(),
        }
    }
}

/// Compares what came with what was expected: these transitions and no others.
pub fn compare(came: &[Transition], scenario: &Scenario, plan: &Plan) -> Comparison {
    let mut taken = vec![false; scenario.expected.len()];
    let mut lines = Vec::new();
    for transition in came {
        let json = transition.to_json(plan);
        let one = Came::of(transition, plan, &json);
        let fits = |expected: &Expected| is_it(expected, &one);
        match (0..taken.len()).find(|at| !taken[*at] && fits(&scenario.expected[*at])) {
            None => lines.push(Line::Unexpected(one)),
            Some(at) => {
                taken[at] = true;
                let expected = &scenario.expected[at];
                let other = expected.more.iter().filter(|(key, value)| !equal(value, &json[key.as_str()]));
                let other: Vec<_> =
                    other.map(|(key, value)| (key.clone(), value.clone(), json[key.as_str()].clone())).collect();
                lines.push(if other.is_empty() { Line::Same(one, at) } else { Line::Different(one, at, other) });
            }
        }
    }
    lines.extend((0..taken.len()).filter(|at| !taken[*at]).map(Line::Missing));
    let time = |line: &Line| match line {
        Line::Same(came, _) | Line::Different(came, ..) | Line::Unexpected(came) => came.at,
        Line::Missing(at) => scenario.expected[*at].at,
    };
    // Stable: at one time what came first stays first.
    order::by_key(&mut lines, time);
    Comparison { lines }
}

fn is_it(expected: &Expected, came: &Came) -> bool {
    expected.at == came.at
        && expected.status == came.status
        && expected.threshold == came.threshold
        && expected.group.as_ref().is_none_or(|group| is_same_group(group, &came.group))
}

/// Whatever the order of the fields.
fn is_same_group(a: &str, b: &str) -> bool {
    a == b || serde_json::from_str::<Json>(a).ok() == serde_json::from_str::<Json>(b).ok()
}

/// Numbers by what they are: 1 is 1.0.
fn equal(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.partial_cmp(&b) == Some(Ordering::Equal),
        _ => a == b,
    }
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.lines.iter().all(|line| matches!(line, Line::Same(..)))
    }

    /// Side by side, with the place in the file.
    pub fn show(&self, sources: &Sources, scenario: &Scenario, colour: bool, out: &mut dyn Write) -> io::Result<()> {
        let (red, green, plain) = if colour { ("\x1b[31m", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
        writeln!(out, "{red}failed{plain}  {}  {}", printable(&scenario.name), place(sources, scenario.place))?;
        let rows: Vec<[String; 3]> = self.lines.iter().map(|line| row(line, scenario, sources)).collect();
        let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0).max("expected".len());
        writeln!(out, "    {:<width$}    came", "expected")?;
        for (line, [expected, came, note]) in self.lines.iter().zip(rows) {
            let (mark, tint) = match line {
                Line::Same(..) => ("  ", plain),
                Line::Different(..) => ("≠ ", red),
                Line::Missing(_) => ("- ", red),
                Line::Unexpected(_) => ("+ ", green),
            };
            writeln!(out, "  {tint}{mark}{expected:<width$}    {came}{plain}")?;
            for note in note.lines() {
                writeln!(out, "      {}", printable(note))?;
            }
        }
        if self.lines.is_empty() {
            writeln!(out, "    nothing")?;
        }
        writeln!(out)
    }

    /// One object: `{"file", "line", "scenario", "passed", "timeline"}`.
    pub fn to_json(&self, sources: &Sources, scenario: &Scenario) -> Json {
        let timeline: Vec<Json> = self.lines.iter().map(|line| line_json(line, scenario)).collect();
        let (row, _) = position(sources, scenario.place);
        json!({
            "file": sources.files[0].path, "line": row, "scenario": scenario.name,
            "passed": self.is_same(), "timeline": timeline,
        })
    }

    /// What came, as the value of `:expect`, a line for each; what was expected stays as it is written, with the
    /// comments in front of it.
    pub fn written(&self, sources: &Sources, scenario: &Scenario) -> Vec<String> {
        let mut written = Vec::new();
        for line in &self.lines {
            match line {
                Line::Same(_, at) => {
                    written.extend(comments(sources, scenario, *at));
                    written.push(sources.text(scenario.expected[*at].place).to_string());
                }
                Line::Different(came, at, other) => {
                    let more = scenario.expected[*at].more.iter().filter_map(|(name, expected)| {
                        let came = other.iter().find(|(known, ..)| known == name).map_or(expected, |(.., came)| came);
                        Some(format!(" :{} {}", name.replace('_', "-"), scalar_edn(came)?))
                    });
                    let text = came.written(scenario);
                    written.extend(comments(sources, scenario, *at));
                    written.push(format!("{}{}}}", &text[..text.len() - 1], more.collect::<String>()));
                }
                Line::Unexpected(came) => written.push(came.written(scenario)),
                Line::Missing(_) => {}
            }
        }
        written
    }
}

/// The comments, and what is left out, between an expected transition and the one before; a line each.
fn comments(sources: &Sources, scenario: &Scenario, at: usize) -> Vec<String> {
    let place = scenario.expected[at].place;
    let before = match at.checked_sub(1) {
        Some(before) => scenario.expected[before].place.end,
        None => scenario.expect.map_or(place.start, |vector| vector.start + 1),
    };
    let gap = sources.text(Span { start: before.min(place.start), end: place.start, ..place });
    let lines = gap.lines().map(str::trim).filter(|line| !line.is_empty() && *line != ",");
    lines.map(str::to_string).collect()
}

/// A number, truth or text; None for what has parts, and for nothing.
fn scalar_edn(json: &Json) -> Option<String> {
    match json {
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) => Some(quote(text)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

impl Came {
    fn written(&self, scenario: &Scenario) -> String {
        let threshold = if self.threshold.starts_with('[') { self.threshold.clone() } else { quote(&self.threshold) };
        let group = match self.group.as_str() {
            "{}" => String::new(),
            text => format!(" :group {}", group_edn(text)),
        };
        let at = offset(self.at, scenario.start);
        format!("{{:at \"{at}\" :status :{} :threshold {threshold}{group}}}", self.status)
    }
}

fn group_edn(text: &str) -> String {
    let Ok(Json::Object(fields)) = serde_json::from_str(text) else { return "{}".to_string() };
    let field = |(name, value): (&String, &Json)| match value.as_str() {
        Some(text) => format!(":{name} {}", quote(text)),
        None => format!(":{name} nil"),
    };
    format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(" "))
}

/// `00:10:00` after the start.
pub fn offset(at: Timestamp, start: Timestamp) -> String {
    let micros = at.micros() - start.micros();
    if micros < 0 {
        return at.to_string();
    }
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => text,
        _ => format!("{text}.{fraction:06}").trim_end_matches('0').to_string(),
    }
}

fn place(sources: &Sources, span: crate::edn::Span) -> String {
    let (line, column) = position(sources, span);
    format!("{}:{line}:{column}", printable(&sources.files[0].path))
}

/// Expected, came, and what else there is to say.
fn row(line: &Line, scenario: &Scenario, sources: &Sources) -> [String; 3] {
    let said = |at: Timestamp, status: &str, threshold: &str, group: Option<&str>| {
        let group = group.filter(|group| *group != "{}").map(|group| format!("  {group}")).unwrap_or_default();
        printable(&format!("{}  {status:<9}  {threshold}{group}", offset(at, scenario.start))).to_string()
    };
    let of = |came: &Came| said(came.at, came.status, &came.threshold, Some(&came.group));
    match line {
        Line::Same(came, _) => [of(came), of(came), String::new()],
        Line::Unexpected(came) => [String::new(), of(came), came.summary.clone()],
        Line::Missing(at) => {
            let expected = &scenario.expected[*at];
            let text = said(expected.at, expected.status, &expected.threshold, expected.group.as_deref());
            [text, String::new(), place(sources, expected.place)]
        }
        Line::Different(came, at, other) => {
            let notes: Vec<String> = other
                .iter()
                .map(|(key, expected, came)| format!("{key}: expected {expected}, came {came}"))
                .chain([place(sources, scenario.expected[*at].place)])
                .collect();
            [of(came), of(came), notes.join("\n")]
        }
    }
}

fn line_json(line: &Line, scenario: &Scenario) -> Json {
    let of = |result: &str, came: &Came| {
        json!({
            "result": result, "at": offset(came.at, scenario.start), "status": came.status, "threshold": came.threshold,
            "group": serde_json::from_str::<Json>(&came.group).unwrap_or_default(),
        })
    };
    match line {
        Line::Same(came, _) => of("same", came),
        Line::Unexpected(came) => of("unexpected", came),
        Line::Different(came, _, other) => {
            let mut json = of("different", came);
            json["differs"] = other.iter().map(|(key, a, b)| json!({"key": key, "expected": a, "came": b})).collect();
            json
        }
        Line::Missing(at) => {
            let expected = &scenario.expected[*at];
            let group = expected.group.as_deref().and_then(|group| serde_json::from_str::<Json>(group).ok());
            json!({
                "result": "missing", "at": offset(expected.at, scenario.start), "status": expected.status,
                "threshold": expected.threshold, "group": group,
            })
        }
    }
}
