//! The summary of a replay, for people.

use std::fmt::Write as _;

use super::terminal::printable;
use crate::engine::{Account, Cell, Evaluator, Intake, Unread, wording};
use crate::plan::{Number, Plan, Service, Threshold, Timestamp};

/// What was read, over all inputs.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Each input and what it was read as.
    pub inputs: Vec<(String, String)>,
    /// Events taken.
    pub events: u64,
    /// Lines not taken, by cause, in order of the cause.
    pub refused: Vec<(&'static str, u64)>,
    /// Events outside of `--from` and `--to`.
    pub outside: u64,
    /// Of the events taken, in microseconds.
    pub least: Option<i64>,
    pub greatest: Option<i64>,
}

impl Totals {
    /// Counts an event that was taken.
    pub fn note(&mut self, time: Timestamp) {
        let micros = time.micros();
        self.events += 1;
        self.least = Some(self.least.map_or(micros, |least| least.min(micros)));
        self.greatest = self.greatest.max(Some(micros));
    }

    /// Counts a line that was refused; true if it is the first of its cause.
    pub fn refuse(&mut self, cause: &'static str) -> bool {
        match self.refused.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, count)) => {
                *count += 1;
                false
            }
            None => {
                self.refused.push((cause, 1));
                self.refused.sort_unstable();
                true
            }
        }
    }

    pub fn refused_lines(&self) -> u64 {
        self.refused.iter().map(|(_, count)| count).sum()
    }
}

/// The whole summary: a block for each threshold, then what was read.
pub fn render(plan: &Plan, evaluator: &Evaluator, totals: &Totals) -> String {
    let mut text = String::new();
    for (i, threshold) in plan.thresholds.iter().enumerate() {
        block(&mut text, threshold, evaluator, i);
    }
    if (0..plan.thresholds.len()).any(|i| !evaluator.report(i).1.cells.is_empty()) {
        text.push_str(
            "in a sparkline ▁ to ▄ kept the promise and ▅ to █ broke it; each column is the worst window of its time\n",
        );
    }
    inputs(&mut text, totals);
    for (i, threshold) in plan.thresholds.iter().enumerate() {
        not_counted(&mut text, plan, threshold, evaluator.report(i).0);
    }
    text
}

/// What is likely to be a mistake: thresholds that nothing was counted for, and causes that took more than 1 %.
pub fn warnings(plan: &Plan, evaluator: &Evaluator, unread: &Unread, totals: &Totals) -> Vec<String> {
    let mut warnings = Vec::new();
    let lines = totals.events + totals.outside + totals.refused_lines();
    if totals.events == 0 {
        let of = match totals.outside {
            0 => String::new(),
            outside => format!(": all {} lie outside of --from and --to", count(outside)),
        };
        warnings.push(format!("no event was judged{of}"));
    }
    for (cause, refused) in &totals.refused {
        if refused * 100 > lines {
            warnings.push(format!("{} of the lines were refused: {cause}", percent(*refused, lines)));
        }
    }
    if unread.without_service > 0 {
        warnings.push(format!("{} have no service, and no threshold reads them", events(unread.without_service)));
    }
    for (i, threshold) in plan.thresholds.iter().enumerate() {
        let intake = evaluator.report(i).0;
        if totals.events > 0
            && intake.counted == 0
            && let Some(cause) = why_nothing(threshold, intake, unread)
        {
            warnings.push(format!("nothing was counted for {}: {cause}", threshold.id));
        }
        let offered = intake.passed();
        if intake.late * 100 > offered {
            let (share, by) = (percent(intake.late, offered), wording::length(rounded(intake.late_by)));
            warnings.push(format!(
                "{share} of the events for {} were too late, by up to {by}: raise `:grace`",
                threshold.id
            ));
        }
        if intake.no_number * 100 > offered {
            let (share, field) = (percent(intake.no_number, offered), threshold.measure.field().name());
            warnings.push(format!("{share} of the events for {} have a `:{field}` that is no number", threshold.id));
        }
        let limits = plan.limits;
        for (left_out, most, what, name) in [
            (intake.groups, limits.groups, "groups", "groups"),
            (intake.group_bytes, limits.group_bytes, "bytes in the texts of one group", "group-bytes"),
            (intake.windows, limits.open_windows, "open windows", "open-windows"),
        ] {
            if left_out > 0 {
                let (left_out, most) = (events(left_out), count(most as u64));
                warnings.push(format!(
                    "{left_out} were left out of {}: above {most} {what} (`:limits {{:{name} N}}`)",
                    threshold.id
                ));
            }
        }
    }
    warnings
}

/// Why a threshold counted nothing at all; None if it is because of what is warned about anyway.
fn why_nothing(threshold: &Threshold, intake: &Intake, unread: &Unread) -> Option<String> {
    let field = threshold.measure.field().name();
    if intake.passed() > 0 {
        return (intake.absent > 0).then(|| format!("none of {} has `:{field}`", events(intake.absent)));
    }
    if intake.filtered > 0 {
        return Some(format!("its `:where` was true of none of {}", events(intake.filtered)));
    }
    let service = match &threshold.service {
        Service::Exactly(name) => format!("no event has the service `{name}`"),
        Service::Matching(pattern) => format!("no event has a service that matches `{}`", pattern.as_str()),
    };
    let others: Vec<String> =
        unread.services.iter().map(|name| format!("`{}`", String::from_utf8_lossy(name).escape_debug())).collect();
    Some(if others.is_empty() { service } else { format!("{service}; there is {}", others.join(", ")) })
}

fn block(text: &mut String, threshold: &Threshold, evaluator: &Evaluator, i: usize) {
    let (_, account) = evaluator.report(i);
    let (groups, violated) = evaluator.groups(i);
    let within = wording::length(threshold.interval.micros());
    let hop = match threshold.every == threshold.interval {
        true => String::new(),
        false => format!(", every {}", wording::length(threshold.every.micros())),
    };
    // A name says nothing of what is measured; a path does.
    let subject = if is_named(threshold) {
        format!("{}  {}", threshold.id, wording::subject(threshold, threshold.service.text()))
    } else {
        threshold.id.clone()
    };
    let shadow = if threshold.output.shadow { ", shadow" } else { "" };
    let _ = writeln!(text, "{}  {} ({within}{hop}{shadow})", printable(&subject), wording::bounds(threshold));
    let mut windows = format!("{} judged", plural(account.judged, "window"));
    if account.cut > 0 {
        let _ = write!(windows, ", {} cut (not watched throughout)", count(account.cut));
    }
    for (without, why) in [(account.empty, "no events"), (account.few, "too few events")] {
        if without > 0 {
            let _ = write!(windows, ", {} without verdict ({why})", count(without));
        }
    }
    if !threshold.has_one_group() {
        let _ = write!(windows, ", in {} at the end", plural(groups as u64, "group"));
    }
    let _ = writeln!(text, "  {windows}");
    if account.violations == 0 {
        let _ = writeln!(text, "  no violation");
    } else {
        let lasted = wording::length(rounded(account.violated));
        let mut line = format!("{}, {lasted} in violation", plural(account.violations, "violation"));
        match (violated, threshold.has_one_group()) {
            (0, _) => {}
            (_, true) => line.push_str(", not over at the end"),
            (groups, false) => {
                let _ = write!(line, ", {} not over at the end", count(groups as u64));
            }
        }
        if account.by_one > 0 {
            let _ = write!(line, ", {} decided by a single value", count(account.by_one));
        }
        let _ = writeln!(text, "  {line}");
    }
    if let Some(worst) = &account.worst {
        let value = worst.measured.value.map_or("not known".to_string(), |value| shown(threshold, value));
        let group: String = evaluator
            .worst_group(i)
            .into_iter()
            .map(|(name, text)| format!(", {name} {}", text.as_deref().unwrap_or("(none)").escape_debug()))
            .collect();
        let (start, end) = (Timestamp::clamped(worst.start), Timestamp::clamped(worst.end));
        let _ = writeln!(text, "  worst window {start} to {end}: {value} ({}{group})", events(worst.measured.count));
    }
    if let Some(line) = sparkline(threshold, account) {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

/// `▁▂▁█▁  85 to 143, limit 100`: what kept the promise ▁ to ▄, what broke it ▅ to █, each to its own scale.
fn sparkline(threshold: &Threshold, account: &Account) -> Option<String> {
    const KEPT: [char; 4] = ['▁', '▂', '▃', '▄'];
    const BROKE: [char; 4] = ['▅', '▆', '▇', '█'];
    let (least, greatest) = account.range?;
    let badness = |value: f64| wording::badness(threshold, value);
    let (mildest, worst) = {
        let (a, b) = (badness(least), badness(greatest));
        (a.min(b), a.max(b))
    };
    let step = |part: f64, whole: f64| {
        let share = if whole > 0.0 { part / whole } else { 0.0 };
        ((share * 4.0) as usize).min(3)
    };
    let column = |cell: &Cell| match (cell.value, cell.violated) {
        (None, false) => '·',
        (None, true) => BROKE[0],
        (Some(value), true) => BROKE[step(badness(value), worst)],
        (Some(value), false) => KEPT[step(badness(value) - mildest, -mildest)],
    };
    let line: String = account.cells.iter().map(column).collect();
    let range = match (wording::shown(threshold, least), wording::shown(threshold, greatest)) {
        (least, greatest) if least == greatest => least,
        (least, greatest) => format!("{least} to {greatest}"),
    };
    Some(format!("{line}  {range}, promised {}", wording::bounds(threshold)))
}

fn inputs(text: &mut String, totals: &Totals) {
    for (path, kind) in &totals.inputs {
        let _ = writeln!(text, "{}: read as {kind}", path.escape_debug());
    }
    let _ = write!(text, "{}", events(totals.events));
    if let (Some(least), Some(greatest)) = (totals.least, totals.greatest) {
        let _ = write!(text, ", {} to {}", Timestamp::clamped(least), Timestamp::clamped(greatest));
    }
    text.push('\n');
    if totals.outside > 0 {
        let _ = writeln!(text, "{} outside of --from and --to", events(totals.outside));
    }
    for (cause, lines) in &totals.refused {
        let _ = writeln!(text, "{} refused: {cause}", plural(*lines, "line"));
    }
}

fn not_counted(text: &mut String, plan: &Plan, threshold: &Threshold, intake: &Intake) {
    let causes = [
        (intake.late, format!("too late, by up to {}", wording::length(rounded(intake.late_by)))),
        (intake.no_number, format!("`:{}` is no number", threshold.measure.field().name())),
        (intake.groups, format!("above {} groups", count(plan.limits.groups as u64))),
        (intake.group_bytes, format!("a group of more than {} bytes", count(plan.limits.group_bytes as u64))),
        (intake.windows, format!("above {} open windows", count(plan.limits.open_windows as u64))),
    ];
    for (left_out, cause) in causes.iter().filter(|(left_out, _)| *left_out > 0) {
        let _ = writeln!(text, "{} not counted for {}: {cause}", events(*left_out), printable(&threshold.id));
    }
}

/// Whether the id is a `:name`.
pub fn is_named(threshold: &Threshold) -> bool {
    !threshold.id.starts_with("[:")
}

fn shown(threshold: &Threshold, value: Number) -> String {
    wording::shown(threshold, value.to_f64())
}

/// To whole seconds if it is longer than a few.
fn rounded(micros: i64) -> i64 {
    const SECOND: i64 = 1_000_000;
    if micros < 10 * SECOND { micros } else { (micros + SECOND / 2) / SECOND * SECOND }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

fn events(n: u64) -> String {
    plural(n, "event")
}

/// `1 window`, `27,915 windows`.
fn plural(n: u64, one: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {one}{ending}", count(n))
}

/// `27915` is `27,915`.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
