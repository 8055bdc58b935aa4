//! The summary of a replay, for people.

use std::fmt::Write as _;

use crate::engine::{Account, Evaluator, wording};
use crate::plan::{Plan, Threshold, Timestamp};

/// What was read, over all inputs.
#[derive(Clone, Debug, Default)]
pub struct Totals {
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
        let (_, account) = evaluator.report(i);
        block(&mut text, threshold, account, evaluator.groups(i));
    }
    let drawn = (0..plan.thresholds.len()).any(|i| !evaluator.report(i).1.cells.is_empty());
    if drawn {
        text.push_str(
            "in a sparkline ▁ to ▄ are below the limit, ▅ to █ above it; each column is the worst of its time\n",
        );
    }
    inputs(&mut text, totals);
    late(&mut text, plan, evaluator);
    text
}

/// One line for each cause by which more than 1 % of the events were not counted.
pub fn warnings(plan: &Plan, evaluator: &Evaluator, totals: &Totals) -> Vec<String> {
    let mut warnings = Vec::new();
    let lines = totals.events + totals.outside + totals.refused_lines();
    for (cause, count) in &totals.refused {
        if count * 100 > lines {
            let share = percent(*count, lines);
            warnings.push(format!("{share} of the lines were refused: {cause}"));
        }
    }
    for (i, threshold) in plan.thresholds.iter().enumerate() {
        let refusals = evaluator.report(i).0;
        let id = &threshold.id;
        if refusals.late * 100 > totals.events {
            let share = percent(refusals.late, totals.events);
            let by = wording::length(rounded(refusals.late_by));
            warnings.push(format!("{share} of the events were too late for {id}, by up to {by}: raise `:grace`"));
        }
        if refusals.no_number * 100 > totals.events {
            let share = percent(refusals.no_number, totals.events);
            warnings.push(format!("{share} of the events have no number to read for {id}"));
        }
        if refusals.groups > 0 {
            let most = plan.limits.groups;
            let count = refusals.groups;
            warnings
                .push(format!("{count} events were left out of {id}: above {most} groups (`:limits {{:groups N}}`)"));
        }
        if refusals.windows > 0 {
            let most = plan.limits.open_windows;
            let count = refusals.windows;
            warnings.push(format!(
                "{count} events were left out of {id}: above {most} open windows (`:limits {{:open-windows N}}`)"
            ));
        }
    }
    warnings
}

fn block(text: &mut String, threshold: &Threshold, account: &Account, (groups, violated): (usize, usize)) {
    let bounds: Vec<String> = threshold
        .bounds
        .iter()
        .map(|bound| format!("{} {}", bound.comparator.symbol(), wording::shown_limit(threshold, bound)))
        .collect();
    let within = wording::length(threshold.interval.micros());
    let hop = match threshold.every == threshold.interval {
        true => String::new(),
        false => format!(", every {}", wording::length(threshold.every.micros())),
    };
    let _ = writeln!(text, "{}  {} ({within}{hop})", threshold.id, bounds.join(" and "));
    let mut windows = format!("{} windows judged", count(account.judged));
    if account.cut > 0 {
        let _ = write!(windows, ", {} cut (not watched throughout)", count(account.cut));
    }
    if account.thin > 0 {
        let _ = write!(windows, ", {} without verdict (too few events)", count(account.thin));
    }
    if !threshold.has_one_group() {
        let _ = write!(windows, ", in {} groups at the end", count(groups as u64));
    }
    let _ = writeln!(text, "  {windows}");
    if account.violations == 0 {
        let _ = writeln!(text, "  no violation");
    } else {
        let plural = if account.violations == 1 { "violation" } else { "violations" };
        let lasted = wording::length(rounded(account.violated));
        let mut line = format!("{} {plural}, {lasted} in violation", count(account.violations));
        if violated > 0 {
            line.push_str(", not over at the end");
        }
        if account.by_one > 0 {
            let _ = write!(line, ", {} decided by a single value", count(account.by_one));
        }
        let _ = writeln!(text, "  {line}");
    }
    if let Some(worst) = &account.worst {
        let value =
            worst.measured.value.map_or("not known".to_string(), |value| wording::shown(threshold, value.to_f64()));
        let start = Timestamp::MIN.plus(worst.start.saturating_sub(Timestamp::MIN.micros()));
        let _ = writeln!(text, "  worst window {start}: {value} ({} events)", count(worst.measured.count));
    }
    if let Some(line) = sparkline(threshold, account) {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

/// `▁▂▁█▁  85 to 143`: below the limit ▁ to ▄, above ▅ to █, each side to its own scale.
fn sparkline(threshold: &Threshold, account: &Account) -> Option<String> {
    const BELOW: [char; 4] = ['▁', '▂', '▃', '▄'];
    const ABOVE: [char; 4] = ['▅', '▆', '▇', '█'];
    let values = || account.cells.iter().filter_map(|cell| cell.value);
    let (least, greatest) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let limit = threshold.bounds.first()?.limit.to_f64();
    let at_limit_is_above = !wording::wants_less(threshold);
    let step = |part: f64, whole: f64| {
        let share = if whole > 0.0 { part / whole } else { 0.0 };
        ((share * 4.0) as usize).min(3)
    };
    let column = |value: f64| {
        if value > limit || (value == limit && at_limit_is_above) {
            ABOVE[step(value - limit, greatest - limit)]
        } else {
            BELOW[step(value - least, limit - least)]
        }
    };
    let line: String = account.cells.iter().map(|cell| cell.value.map_or('·', column)).collect();
    let (least, greatest) = (wording::shown(threshold, least), wording::shown(threshold, greatest));
    let shown = wording::shown_limit(threshold, threshold.bounds.first()?);
    Some(format!("{line}  {least} to {greatest}, limit {shown}"))
}

fn inputs(text: &mut String, totals: &Totals) {
    let _ = write!(text, "{} events", count(totals.events));
    if let (Some(least), Some(greatest)) = (totals.least, totals.greatest) {
        let time = |micros: i64| Timestamp::MIN.plus(micros - Timestamp::MIN.micros());
        let _ = write!(text, ", {} to {}", time(least), time(greatest));
    }
    text.push('\n');
    if totals.outside > 0 {
        let _ = writeln!(text, "{} events outside of --from and --to", count(totals.outside));
    }
    for (cause, lines) in &totals.refused {
        let _ = writeln!(text, "{} lines refused: {cause}", count(*lines));
    }
}

fn late(text: &mut String, plan: &Plan, evaluator: &Evaluator) {
    for (i, threshold) in plan.thresholds.iter().enumerate() {
        let refusals = evaluator.report(i).0;
        let causes = [
            (refusals.late, format!("too late, by up to {}", wording::length(rounded(refusals.late_by)))),
            (refusals.no_number, format!("`{}` is no number", threshold.measure.field().name())),
            (refusals.groups, "above the limit of groups".to_string()),
            (refusals.windows, "above the limit of open windows".to_string()),
        ];
        for (events, cause) in causes.iter().filter(|(events, _)| *events > 0) {
            let _ = writeln!(text, "{} events not counted for {}: {cause}", count(*events), threshold.id);
        }
    }
}

/// To whole seconds if it is longer than a few.
fn rounded(micros: i64) -> i64 {
    const SECOND: i64 = 1_000_000;
    if micros < 10 * SECOND { micros } else { (micros + SECOND / 2) / SECOND * SECOND }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
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
