//! Any text is checked and its faults are shown in each format; a plan without fault takes events and judges windows.
#![no_main]

use std::sync::Arc;

use highwater::config;
use highwater::edn::{Severity, github, human, json};
use highwater::engine::{Compiled, Evaluator, Event, Value, Watching};
use highwater::plan::{Number, Plan, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let loaded = config::from_text(&String::from_utf8_lossy(bytes));
    let (sources, faults) = (&loaded.sources, &loaded.diagnostics);
    assert!(!human(sources, faults, false).contains(|c: char| c.is_control() && c != '\n'));
    assert_eq!(json(sources, faults).lines().count(), faults.len());
    assert_eq!(github(sources, faults).lines().count(), faults.len());
    assert_eq!(loaded.plan.is_none(), faults.iter().any(|fault| fault.severity == Severity::Error));
    if let Some(plan) = loaded.plan {
        assert!(plan.thresholds.is_sorted_by(|a, b| a.id < b.id), "ids are in order, each once");
        run(plan);
    }
});

/// A few events of each service that the plan names, the last a year after the others.
fn run(plan: Plan) {
    let services: Vec<String> = plan.thresholds.iter().map(|threshold| threshold.service.text().to_owned()).collect();
    let compiled = Compiled::new(Arc::new(plan));
    for watching in [Watching::Whole, Watching::FromFirstEvent, Watching::From(1_700_000_000_000_000)] {
        let mut evaluator = Evaluator::new(&compiled, watching);
        let mut lanes = [evaluator.lane()];
        let mut out = Vec::new();
        let mut greatest = Timestamp::MIN;
        for (i, seconds) in
            [1_700_000_000i64, 1_700_000_001, 1_699_999_000, 1_700_000_600, 1_731_536_000].into_iter().enumerate()
        {
            let mut event = Event::at(Timestamp::from_micros(seconds * 1_000_000).expect("in range"));
            greatest = greatest.max(event.time);
            event.metric = Value::Number(if i % 2 == 0 { Number::Int(143) } else { Number::Float(-0.5) });
            event.host = if i == 1 { Value::Nil } else { Value::text("web-1") };
            event.tags = Value::List(vec![Value::text("a"), Value::text("503")]);
            for name in ["status-code", "path", "code"] {
                event.attributes.push((name.as_bytes().into(), Value::text("503")));
            }
            for service in &services {
                event.service = Value::text(service);
                lanes[0].observe(&event);
            }
            evaluator.advance(greatest, &mut lanes, &mut out);
        }
        evaluator.finish(greatest, greatest, &mut lanes, &mut out);
        for transition in &out {
            let text = transition.to_json(compiled.plan()).to_string();
            assert!(!text.contains('\n'), "one line");
        }
        let snapshot = evaluator.snapshot(&mut lanes);
        assert!(Evaluator::restore(&snapshot).is_ok(), "what was written is read");
    }
}
