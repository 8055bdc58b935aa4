//! `routes`: where a transition would go, and why.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{FAILED, FINE, Format, sample, terminal};
use crate::config::{self, Unset};
use crate::edn;
use crate::engine::Verdict;
use crate::plan::{Plan, Route};
use crate::route::{Notice, Trace, trace};
use crate::server::clock;

const SHADOW: &str = "a threshold with `:shadow` is never routed";

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater routes -c thresholds                                # of each threshold, who hears of a violation\n  \
    highwater routes -c thresholds --threshold '[:percentiles \"q\" 0.99 600]'\n  \
    highwater replay -c thresholds --format json access.log | highwater routes -c thresholds --transition -")]
pub struct RoutesArgs {
    /// Configuration files or folders [default: ./thresholds.edn, else ./thresholds]
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
    #[command(flatten)]
    of: sample::Of,
    /// `human`, or `json`: one object a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// Says where transitions would go; returns the exit code.
pub fn run(args: &RoutesArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let loaded = config::load(&args.config, &config::Process, Unset::Warning);
    let _ = write!(err, "{}", edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()));
    let Some(plan) = loaded.plan else { return FAILED };
    let Some(routes) = &plan.routing.routes else {
        let _ = writeln!(err, "highwater: there are no `:routes`: every transition goes to standard output");
        return FINE;
    };
    let shown = if args.of.is_given() {
        match args.of.notices(&plan, clock::wall()) {
            Ok(notices) => notices.iter().try_for_each(|notice| explain(routes, notice, args.format, out)),
            Err(message) => {
                let _ = writeln!(err, "{}", terminal::printable(&format!("highwater: {message}")));
                return FAILED;
            }
        }
    } else {
        overview(&plan, routes, args.format, out)
    };
    match shown {
        Ok(()) => FINE,
        Err(error) => terminal::output_failed(&error, FINE, err),
    }
}

/// A line for each threshold: who would hear of a violation.
fn overview(plan: &Plan, routes: &[Route], format: Format, out: &mut dyn Write) -> io::Result<()> {
    let now = clock::wall();
    for (at, threshold) in plan.thresholds.iter().enumerate() {
        let notifiers = match threshold.output.shadow {
            true => Vec::new(),
            false => trace(routes, &sample::sample(plan, at, Verdict::Violation, now)).notifiers,
        };
        match format {
            Format::Json => {
                let note = if threshold.output.shadow { SHADOW } else { "" };
                let line = json!({"threshold": threshold.id, "notifiers": notifiers, "note": note});
                writeln!(out, "{line}")?;
            }
            Format::Human => {
                let who = if threshold.output.shadow { "nobody: `:shadow`".to_string() } else { named(&notifiers) };
                writeln!(out, "{}  →  {who}", terminal::printable(&threshold.id))?;
            }
        }
    }
    Ok(())
}

fn named(notifiers: &[String]) -> String {
    if notifiers.is_empty() {
        return "nobody".to_string();
    }
    notifiers.iter().map(|name| format!(":{}", terminal::printable(name))).collect::<Vec<_>>().join(" ")
}

fn explain(routes: &[Route], notice: &Notice, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let Trace { notifiers, .. } = trace(routes, notice);
    let is_shadow = notice.json().get("shadow").is_some_and(|shadow| shadow == true);
    let why = match (is_shadow, notice.is_recovery()) {
        (true, _) => SHADOW,
        (_, true) => {
            "a recovery goes to whoever was told of its violation, at the address of then; routes do not ask it"
        }
        _ => "",
    };
    if format == Format::Json {
        let (notifiers, steps) = match why.is_empty() {
            true => (json!(notifiers), trace(routes, notice).to_string().lines().map(str::to_string).collect()),
            false => (serde_json::Value::Null, Vec::new()),
        };
        let line = json!({
            "violation_id": notice.violation_id(), "threshold": notice.text("threshold"), "status": notice.text("status"),
            "notifiers": notifiers, "why": steps, "note": why,
        });
        return writeln!(out, "{line}");
    }
    let said = format!("{}  {}", notice.text("status"), notice.text("summary"));
    writeln!(out, "{}", terminal::printable(&said))?;
    if !why.is_empty() {
        return writeln!(out, "  {why}\n");
    }
    for line in trace(routes, notice).to_string().lines() {
        writeln!(out, "  {}", terminal::printable(line))?;
    }
    writeln!(out, "  →  {}\n", named(&notifiers))
}
