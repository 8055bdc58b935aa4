//! Any line is an event or is refused; which fields are wanted never decides it, and what `serde_json` takes is taken.
#![no_main]

use highwater::engine::Fields;
use highwater::plan::Field;
use highwater::source::{Refused, Wanted, json};
use libfuzzer_sys::fuzz_target;

const ATTRIBUTES: usize = 32;

fuzz_target!(|line: &[u8]| {
    if line.contains(&b'\n') {
        return;
    }
    let all = json::decode(line, &Wanted::all(), ATTRIBUTES);
    let none = json::decode(line, &Wanted::default(), ATTRIBUTES);
    let some = json::decode(line, &Wanted::of(&[Field::named("metric"), Field::named("status-code")]), ATTRIBUTES);
    match (&all, &none, &some) {
        (Ok(all), Ok(none), Ok(some)) => {
            assert_eq!((all.time, &all.service), (none.time, &none.service));
            assert_eq!(all.metric, some.metric);
            assert_eq!(all.field(&Field::named("status-code")), some.field(&Field::named("status-code")));
            assert!(all.attributes.len() <= ATTRIBUTES && none.attributes.is_empty());
        }
        (Err(all), Err(none), Err(some)) => {
            assert_eq!((all.cause(), all.cause()), (none.cause(), some.cause()));
            assert!(!all.to_string().is_empty());
        }
        _ => panic!("{all:?}\n{none:?}\n{some:?}"),
    }
    if let Err(Refused::NotUnderstood { .. } | Refused::Fault { .. }) = all {
        let known = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line);
        assert!(known.is_err(), "{:?}: serde_json reads {known:?}", all);
    }
});
