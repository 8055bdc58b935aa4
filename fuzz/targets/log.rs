//! The first line is a log format, the others are lines of it; which fields are wanted never decides what is refused.
#![no_main]

use highwater::engine::Fields;
use highwater::plan::Field;
use highwater::source::{LogFormat, Wanted, detect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    // As in nginx.conf, a format may have several lines.
    let format = match LogFormat::parse(&first.replace('\r', "\n")) {
        Ok(format) => format,
        Err(why) => {
            assert!(!why.is_empty());
            let _ = detect(bytes, true);
            return;
        }
    };
    assert!(!format.name().is_empty());
    let all = format.decoder("http", &Wanted::all());
    let some = format.decoder("http", &Wanted::of(&[Field::named("status-code"), Field::named("path")]));
    for line in lines {
        match (all.decode(line), some.decode(line)) {
            (Ok(None), Ok(None)) => {}
            (Ok(Some(all)), Ok(Some(some))) => {
                assert_eq!((all.time, &all.service), (some.time, &some.service));
                for name in ["status-code", "path"] {
                    assert_eq!(all.field(&Field::named(name)), some.field(&Field::named(name)));
                }
            }
            (Err(all), Err(some)) => assert_eq!(all.cause(), some.cause()),
            (all, some) => panic!("{all:?}\n{some:?}"),
        }
    }
});
