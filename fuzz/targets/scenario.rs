//! Any text of scenarios is read and its faults are shown; what has no fault is played, twice with the same outcome.
#![no_main]

use std::sync::Arc;

use highwater::config;
use highwater::edn::{Severity, human};
use highwater::engine::{Compiled, play};
use highwater::plan::{Plan, Scenario};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = config::scenarios_from_text(&String::from_utf8_lossy(bytes));
    let shown = human(&read.sources, &read.diagnostics, false);
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
    let is_refused = read.diagnostics.iter().any(|fault| fault.severity == Severity::Error);
    assert_eq!(read.scenarios.is_none(), is_refused);
    let (Some(scenarios), Some(plan)) = (read.scenarios, read.plan) else { return };
    for scenario in scenarios.iter().filter(|scenario| is_short(scenario, &plan)) {
        let compiled = Compiled::new(Arc::new(plan.clone()));
        let told = |came: &highwater::engine::Transition| came.to_json(compiled.plan()).to_string();
        let once: Vec<String> = play(&compiled, scenario).iter().map(told).collect();
        let again: Vec<String> = play(&compiled, scenario).iter().map(told).collect();
        assert_eq!(once, again);
    }
});

/// Whether it is played in a moment.
fn is_short(scenario: &Scenario, plan: &Plan) -> bool {
    let steps = scenario.series.iter().map(|series| series.steps).fold(0u64, u64::saturating_add);
    let length = scenario.end.micros().saturating_sub(scenario.start.micros());
    steps <= 1_000 && plan.thresholds.iter().all(|threshold| length / threshold.every.micros() <= 10_000)
}
