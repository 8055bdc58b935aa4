//! Bytes from a disk are a state or an error: any bytes, and a good snapshot in which some are others.
#![no_main]

use std::sync::{Arc, LazyLock};

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Value, Watching};
use highwater::plan::{Number, Timestamp};
use libfuzzer_sys::fuzz_target;

const THRESHOLDS: &str = r#"
    {:percentiles {"q" {0.99 [{:<= 100 :interval 60 :every 10} {:<= 100 :interval 30 :by [:host] :for 3}]}}
     :histograms {"q" {:code {"2" {:> 0 :interval 10 :type :count :by [:host]}}}}}"#;

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let plan = config::from_text(THRESHOLDS).plan.expect("thresholds without fault");
    let compiled = Compiled::new(Arc::new(plan));
    let mut evaluator = Evaluator::new(&compiled, Watching::FromFirstEvent);
    let mut lanes = [evaluator.lane()];
    for i in 0..160i64 {
        let mut event = Event::at(Timestamp::from_micros(1_700_000_000_000_000 + i * 500_000).expect("in range"));
        event.service = Value::text("q");
        event.host = Value::text(if i % 3 == 0 { "a" } else { "b" });
        event.metric = Value::Number(Number::Float((i * i) as f64 - 500.5));
        event.attributes.push((b"code".as_slice().into(), Value::text("200")));
        lanes[0].observe(&event);
        evaluator.advance(event.time, &mut lanes, &mut Vec::new());
    }
    evaluator.snapshot(&mut lanes)
});

fuzz_target!(|bytes: &[u8]| {
    let good = &*GOOD;
    restore(bytes);
    let mut damaged = good.clone();
    for chunk in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([chunk[0], chunk[1]])) % damaged.len();
        damaged[at] = chunk[2];
    }
    restore(&damaged);
});

/// What was restored can be written down again, and that restored.
fn restore(bytes: &[u8]) {
    if let Ok(mut evaluator) = Evaluator::restore(bytes) {
        let again = evaluator.snapshot(&mut []);
        assert!(Evaluator::restore(&again).is_ok());
    }
}
