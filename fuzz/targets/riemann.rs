//! Any bytes are frames of messages, or are refused; what `prost` decodes is decoded the same, whatever is wanted.
#![no_main]

#[path = "../../tests/it/source_riemann/model.rs"]
mod model;

use highwater::engine::Event;
use highwater::engine::Fields;
use highwater::plan::{EventTime, Field, Timestamp};
use highwater::source::riemann::{self, Framed, Reading, wire};
use highwater::source::{Refused, Wanted};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Framed::Whole { message, used } = riemann::frame(rest, 4096) {
        look(message);
        rest = &rest[used..];
    }
    look(bytes);
});

fn look(message: &[u8]) {
    let all = Wanted::all();
    let some = Wanted::of(&[Field::named("metric"), Field::named("status-code"), Field::named("tags")]);
    let none = Wanted::default();
    let events = |wanted| events(message, wanted);
    let surveyed = riemann::survey(message);
    let (all, some, none) = (events(&all), events(&some), events(&none));
    if let Ok(survey) = surveyed {
        assert_eq!((survey.events, survey.events, survey.events), (all.len(), some.len(), none.len()));
    }
    for ((all, some), none) in all.iter().zip(&some).zip(&none) {
        match (all, some, none) {
            (Ok(all), Ok(some), Ok(none)) => {
                assert_eq!((all.time, &all.service), (none.time, &none.service));
                assert_eq!((&all.metric, &all.tags), (&some.metric, &some.tags));
                assert_eq!(all.field(&Field::named("status-code")), some.field(&Field::named("status-code")));
            }
            (Err(all), Err(some), Err(none)) => {
                assert_eq!((all, all), (some, none));
                assert!(!all.to_string().is_empty());
            }
            _ => panic!("{all:?}\n{some:?}\n{none:?}"),
        }
    }
    let Ok(outer) = model::Outer::decode(message) else { return };
    let survey = surveyed.unwrap_or_else(|malformed| panic!("{malformed}: prost reads {outer:?}"));
    assert_eq!((survey.events, survey.states), (outer.events.len(), outer.states.len()));
    assert_eq!(survey.query.is_some(), outer.query.is_some());
    for (ours, bytes) in all.iter().zip(&outer.events) {
        if let Ok(event) = wire::Event::decode(bytes.as_slice())
            && bytes.len() <= EVENT_BYTES
        {
            let wanted = Wanted::all();
            assert_eq!(ours, &model::event(&event, &reading(&wanted)));
        }
    }
}

const EVENT_BYTES: usize = 1024;

fn reading(wanted: &Wanted) -> Reading<'_> {
    Reading {
        wanted,
        attributes: 8,
        event_bytes: EVENT_BYTES,
        arrival: Timestamp::clamped(1_700_000_000_000_000),
        time: EventTime::Event,
    }
}

fn events<'a>(message: &'a [u8], wanted: &Wanted) -> Vec<Result<Event<'a>, Refused>> {
    let mut events = Vec::new();
    riemann::events(message, &reading(wanted), |event| events.push(event.cloned()));
    events
}
