//! Riemann's protocol: frames, messages, events.

mod model;

use std::error::Error;

use highwater::engine::{Event, Value};
use highwater::plan::{EventTime, Number, Timestamp};
use highwater::source::riemann::{self, ACK, Framed, Reading, Survey, wire};
use highwater::source::{Refused, Wanted, json};
use proptest::prelude::*;
use prost::Message as _;

use crate::source::{show, show_result, wanted};

/// 2023-11-14T22:10:00Z.
const ARRIVAL: i64 = 1_699_999_800_000_000;
const TIME: i64 = 1_700_000_000;

fn arrival() -> Timestamp {
    Timestamp::from_micros(ARRIVAL).expect("a time of our days")
}

fn reading(wanted: &Wanted) -> Reading<'_> {
    Reading { wanted, attributes: 8, event_bytes: 1 << 10, arrival: arrival(), time: EventTime::Event }
}

/// All events of a message, or why they are none, one a line.
fn read(message: &[u8], reading: &Reading<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    riemann::events(message, reading, |event| match event {
        Ok(event) => lines.push(show(event)),
        Err(refused) => lines.push(format!("{}: {refused}", refused.cause())),
    });
    lines
}

fn owned<'a>(message: &'a [u8], reading: &Reading<'_>) -> Vec<Result<Event<'a>, Refused>> {
    let mut events = Vec::new();
    riemann::events(message, reading, |event| events.push(event.cloned()));
    events
}

/// A field of a message by its number and wire type; what stands behind the key is given.
fn field(number: u32, wire_type: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | wire_type), &mut bytes);
    if wire_type == 2 {
        prost::encoding::encode_varint(value.len() as u64, &mut bytes);
    }
    bytes.extend_from_slice(value);
    bytes
}

/// A message of one event with these fields.
fn message_of(fields: &[Vec<u8>]) -> Vec<u8> {
    field(6, 2, &fields.concat())
}

fn pair(key: &str, value: &str) -> wire::Attribute {
    wire::Attribute { key: key.into(), value: Some(value.into()) }
}

fn full() -> wire::Event {
    wire::Event {
        time: Some(TIME),
        state: Some("ok".into()),
        service: Some("q".into()),
        host: Some("web-1".into()),
        description: Some("größe".into()),
        tags: vec!["a".into(), "b".into()],
        ttl: Some(60.0),
        attributes: vec![pair("status-code", "200")],
        time_micros: Some(TIME * 1_000_000 + 250_000),
        metric_sint64: Some(-85),
        metric_d: Some(1.5),
        metric_f: Some(0.1),
    }
}

fn message(events: Vec<wire::Event>) -> Vec<u8> {
    wire::Msg { events, ..wire::Msg::default() }.encode_to_vec()
}

#[test]
fn a_frame_is_whole_or_in_part_or_too_long() {
    for (bytes, expected) in [
        (&b""[..], Framed::Part { needed: 4 }),
        (b"\0\0\0", Framed::Part { needed: 4 }),
        (b"\0\0\0\0", Framed::Whole { message: b"", used: 4 }),
        (b"\0\0\0\x02", Framed::Part { needed: 6 }),
        (b"\0\0\0\x02\x10", Framed::Part { needed: 6 }),
        (b"\0\0\0\x02\x10\x01", Framed::Whole { message: b"\x10\x01", used: 6 }),
        (b"\0\0\0\x02\x10\x01\0\0\0\x09", Framed::Whole { message: b"\x10\x01", used: 6 }),
        (b"\0\0\0\x10", Framed::Part { needed: 20 }),
        (b"\0\0\0\x11", Framed::TooLong { length: 17 }),
        (b"\xff\xff\xff\xff", Framed::TooLong { length: 0xffff_ffff }),
        (b"GET / HTTP/1.1", Framed::TooLong { length: 0x4745_5420 }),
    ] {
        assert_eq!(riemann::frame(bytes, 16), expected, "{bytes:?}");
    }
    assert_eq!(riemann::frame(b"\xff\xff\xff\xff", usize::MAX), Framed::Part { needed: 0x1_0000_0003 });
}

#[test]
fn answers_are_those_of_riemann() {
    let ok = wire::Msg { ok: Some(true), ..wire::Msg::default() };
    assert_eq!(ACK[4..], ok.encode_to_vec());
    let long = "ä".repeat(600);
    for (text, expected) in [("", ""), ("no", "no"), (long.as_str(), &long[..1024])] {
        let mut out = vec![7];
        riemann::error_reply(text, &mut out);
        let Framed::Whole { message, used } = riemann::frame(&out[1..], usize::MAX) else { panic!("{out:?}") };
        assert_eq!(used, out.len() - 1);
        let answer = wire::Msg { ok: Some(false), error: Some(expected.into()), ..wire::Msg::default() };
        assert_eq!(wire::Msg::decode(message), Ok(answer), "{text}");
    }
}

#[test]
fn an_event_says_what_its_fields_say() {
    let a_time = |event: wire::Event| wire::Event { time: Some(TIME), ..event };
    for (event, expected) in [
        (wire::Event::default(), "2023-11-14T22:10:00Z"),
        (
            full(),
            "2023-11-14T22:13:20.25Z service=q host=web-1 state=ok description=größe metric=-85 tags=[a,b] ttl=60 \
             status-code=200",
        ),
        (wire::Event { time: Some(-1), ..wire::Event::default() }, "1969-12-31T23:59:59Z"),
        (wire::Event { time: Some(0), ..wire::Event::default() }, "1970-01-01T00:00:00Z"),
        (wire::Event { time_micros: Some(-1), ..wire::Event::default() }, "1969-12-31T23:59:59.999999Z"),
        (a_time(wire::Event { metric_d: Some(2.5), metric_f: Some(1.0), ..full() }), "=-85 "),
        (
            a_time(wire::Event { metric_d: Some(0.1), metric_f: Some(0.1), ..wire::Event::default() }),
            "2023-11-14T22:13:20Z metric=0.1",
        ),
        (a_time(wire::Event { metric_f: Some(0.1), ..wire::Event::default() }), "2023-11-14T22:13:20Z metric=0.1"),
        (a_time(wire::Event { ttl: Some(-0.0), ..wire::Event::default() }), "2023-11-14T22:13:20Z ttl=0"),
        (a_time(wire::Event { metric_d: Some(f64::NAN), ..wire::Event::default() }), "2023-11-14T22:13:20Z metric=NaN"),
        (
            a_time(wire::Event { metric_f: Some(f32::NEG_INFINITY), ..wire::Event::default() }),
            "2023-11-14T22:13:20Z metric=-Infinity",
        ),
        (
            a_time(wire::Event {
                attributes: vec![
                    pair("host", "b"),
                    pair("x", "1"),
                    pair("x", "2"),
                    pair("time", "5"),
                    pair("ttl", "5"),
                    wire::Attribute { key: "none".into(), value: None },
                    pair("metric", "5"),
                    pair("tags", "5"),
                ],
                host: Some("a".into()),
                ..wire::Event::default()
            }),
            "2023-11-14T22:13:20Z host=b x=2 none=",
        ),
        (
            wire::Event {
                attributes: vec![pair("service", "s"), pair("state", ""), pair("description", "d")],
                time: None,
                time_micros: None,
                ..full()
            },
            "2023-11-14T22:10:00Z service=s host=web-1 state= description=d metric=-85 tags=[a,b] ttl=60",
        ),
    ] {
        let message = message(vec![event]);
        let read = read(&message, &reading(&Wanted::all()));
        assert!(read[0].contains(expected), "{read:?}, not {expected}");
    }
}

#[test]
fn a_float_is_its_shortest_decimal() {
    for x in [
        0.1f32, 0.3, 1.1, 2.5, 85.25, 1e-7, 1e10, 123456.7, 999999.9, 0.000001, 16777216.0, 33554436.0, 3.4e38, 1e-45,
        0.015625, 7.8125e-3, -0.7, 1234.5678, 0.9999999, 99.99, 4.35,
    ] {
        let event = wire::Event { metric_f: Some(x), ..wire::Event::default() };
        let message = message(vec![event]);
        let expected = Number::Float(x.to_string().parse().expect("the text of a float"));
        let events = owned(&message, &reading(&Wanted::all()));
        assert_eq!(events[0].as_ref().map(|event| event.metric.clone()), Ok(Value::Number(expected)), "{x}");
    }
}

#[test]
fn what_is_no_event_is_refused_and_its_neighbours_are_taken() {
    let bad = |fields: &[u8]| [message(vec![full()]), field(6, 2, fields), message(vec![full()])].concat();
    let good = show_result(model::event(&full(), &reading(&Wanted::all())));
    let many: Vec<u8> = (0..9).flat_map(|_| field(9, 2, b"\x0a\x01a\x12\x01b")).collect();
    for (event, expected) in [
        (b"\x18".to_vec(), "not understood: a field that goes on behind the end, at byte 1"),
        (b"\x18\x01\x1a\x05abc".to_vec(), "not understood: a field that goes on behind the end, at byte 4"),
        (b"\x4a\x03\x0a\x05a".to_vec(), "not understood: a field that goes on behind the end, at byte 4"),
        (b"\x75\0\0\0".to_vec(), "not understood: a field that goes on behind the end, at byte 1"),
        (
            field(1, 0, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
            "not understood: a number of more than 64 bits, at byte 1",
        ),
        (b"\x00\x01".to_vec(), "not understood: a field number outside of 1 to 536870911, at byte 1"),
        (b"\x0e\x01".to_vec(), "not understood: a wire type that there is not, at byte 1"),
        (b"\x0c\x01".to_vec(), "not understood: the end of a group that did not begin, at byte 1"),
        (b"\xa3\x01".repeat(200), "not understood: groups nested more than 100 deep, at byte 202"),
        (
            field(1, 0, b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            "time out of range: 9223372036854775807 looks like nanoseconds",
        ),
        (
            field(1, 0, b"\x80\xd0\x95\xff\xbc\x31"),
            "time out of range: 1700000000000 looks like milliseconds; `time` is in seconds",
        ),
        (
            field(10, 0, b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            "time out of range: the time 9223372036854775807 µs is outside of the years 1 to 9999",
        ),
        (many, "too many attributes: more than 8 attributes; `:limits {:attributes …}` allows more"),
        (field(5, 2, &[b'a'; 1100]), "too long: longer than 1024 bytes; `:limits {:event-bytes …}` allows more"),
    ] {
        let message = bad(&event);
        assert!(riemann::survey(&message).is_ok_and(|survey| survey.events == 3), "{event:?}");
        for wanted in [Wanted::all(), Wanted::default(), wanted(&["metric", "a", "host"])] {
            let read = read(&message, &reading(&wanted));
            assert_eq!(read.len(), 3, "{read:?}");
            assert!(read[1].starts_with(expected), "{event:?}: {read:?}");
        }
        let read = read(&message, &reading(&Wanted::all()));
        assert_eq!([&read[0], &read[2]], [&good, &good]);
    }
}

#[test]
fn a_message_is_looked_through_as_a_whole() {
    let event = message(vec![full()]);
    let query = |text: &[u8]| field(5, 2, &field(1, 2, text));
    for (bytes, expected) in [
        (vec![], Ok(Survey::default())),
        (b"\x10\x01".to_vec(), Ok(Survey::default())),
        ([&event[..], &event].concat(), Ok(Survey { events: 2, ..Survey::default() })),
        ([field(4, 2, b""), field(4, 2, b"x")].concat(), Ok(Survey { states: 2, ..Survey::default() })),
        (query(b"true"), Ok(Survey { query: Some(b"true"), ..Survey::default() })),
        (field(5, 2, b""), Ok(Survey { query: Some(b""), ..Survey::default() })),
        ([query(b"a"), field(5, 2, b""), query(b"b")].concat(), Ok(Survey { query: Some(b"b"), ..Survey::default() })),
        ([query(b"a"), field(5, 2, b"")].concat(), Ok(Survey { query: Some(b"a"), ..Survey::default() })),
        // Fields that are not known, and a known one of another wire type.
        ([field(99, 2, b"abc"), field(6, 0, b"\x01"), field(7, 3, b"\x08\x01\x3c")].concat(), Ok(Survey::default())),
        (b"\x32".to_vec(), Err("a field that goes on behind the end at byte 1".to_string())),
        (b"\x32\x05abc".to_vec(), Err("a field that goes on behind the end at byte 2".to_string())),
        (
            [&event[..], b"\x08"].concat(),
            Err(format!("a field that goes on behind the end at byte {}", event.len() + 1)),
        ),
        (b"GET / HTTP/1.1\r\n".to_vec(), Err("a wire type that there is not at byte 1".to_string())),
        (b"\x00".to_vec(), Err("a field number outside of 1 to 536870911 at byte 1".to_string())),
        (b"\x3c".to_vec(), Err("the end of a group that did not begin at byte 1".to_string())),
        (field(5, 2, b"\x0a\x05a"), Err("a field that goes on behind the end at byte 5".to_string())),
    ] {
        let surveyed = riemann::survey(&bytes).map_err(|malformed| malformed.to_string());
        assert_eq!(surveyed, expected, "{bytes:?}");
    }
    let fault: Box<dyn Error> = Box::new(riemann::survey(b"\x32").expect_err("it is cut off"));
    assert!(!fault.to_string().is_empty());
}

#[test]
fn a_field_of_another_wire_type_or_number_is_passed_over() {
    let known = field(3, 2, b"q");
    for odd in [
        field(1, 2, b"abc"),
        field(3, 0, b"\x05"),
        field(9, 5, b"abcd"),
        field(13, 1, b"abcdefgh"),
        field(14, 5, b"abcd"),
        field(15, 0, b"\x80\x01"),
        field(6, 0, b"\x01"),
        field(500_000, 2, b"abc"),
        field(11, 3, &[field(3, 2, b"not this"), field(12, 3, &field(12, 4, b"")), field(11, 4, b"")].concat()),
    ] {
        for message in [message_of(&[known.clone(), odd.clone()]), message_of(&[odd.clone(), known.clone()])] {
            assert_eq!(read(&message, &reading(&Wanted::all())), ["2023-11-14T22:10:00Z service=q"], "{odd:?}");
        }
    }
    // The key of a service and its length in more bytes than it takes.
    let padded = message_of(&[b"\x9a\x80\x00\x81\x00q".to_vec()]);
    assert_eq!(read(&padded, &reading(&Wanted::all())), ["2023-11-14T22:10:00Z service=q"]);
}

#[test]
fn the_last_of_a_field_counts_and_text_is_bytes() {
    let message = message_of(&[
        field(3, 2, b"a"),
        field(1, 0, b"\x05"),
        field(13, 0, b"\x01"),
        field(3, 2, b"\xff\xfe"),
        field(13, 0, b"\x02"),
        field(1, 0, b"\x06"),
    ]);
    let events = owned(&message, &reading(&Wanted::all()));
    let event = events[0].as_ref().expect("an event");
    assert_eq!(event.service, Value::bytes(b"\xff\xfe"));
    assert_eq!((event.time.micros(), &event.metric), (6_000_000, &Value::Number(Number::Int(1))));
}

#[test]
fn with_the_time_of_arrival_no_event_is_refused_for_its_time() {
    let all = Wanted::all();
    let arrival = Reading { time: EventTime::Arrival, ..reading(&all) };
    for time in [i64::MAX, TIME, 0] {
        let event = wire::Event { time: Some(time), time_micros: Some(time), ..wire::Event::default() };
        assert_eq!(read(&message(vec![event]), &arrival), ["2023-11-14T22:10:00Z"]);
    }
}

#[test]
fn an_event_carries_nothing_of_the_one_before() {
    let message = message(vec![full(), wire::Event::default(), full()]);
    for (fields, expected) in [
        (Wanted::all(), "service=q host=web-1 state=ok description=größe metric=-85 tags=[a,b] ttl=60 status-code=200"),
        (wanted(&["tags", "host"]), "service=q host=web-1 tags=[a,b]"),
        (wanted(&["metric", "status-code"]), "service=q metric=-85 status-code=200"),
        (wanted(&["ttl", "state"]), "service=q state=ok ttl=60"),
        (Wanted::default(), "service=q"),
    ] {
        let whole = format!("2023-11-14T22:13:20.25Z {expected}");
        assert_eq!(read(&message, &reading(&fields)), [&whole, "2023-11-14T22:10:00Z", &whole]);
    }
}

#[test]
fn a_line_of_json_without_a_time_has_that_of_its_arrival() {
    let at = |line: &str, time| show_result(json::decode_at(line.as_bytes(), &Wanted::all(), 2, arrival(), time));
    for (line, own, arrival) in [
        (r#"{"time":1700000000,"a":1}"#, "2023-11-14T22:13:20Z a=1", "2023-11-14T22:10:00Z a=1"),
        (r#"{"a":1}"#, "2023-11-14T22:10:00Z a=1", "2023-11-14T22:10:00Z a=1"),
        (r#"{"time":null}"#, "2023-11-14T22:10:00Z", "2023-11-14T22:10:00Z"),
        (r#"{"time":1,"time":null}"#, "2023-11-14T22:10:00Z", "2023-11-14T22:10:00Z"),
        (r#"{"time":"noon"}"#, "time not understood: ", "2023-11-14T22:10:00Z"),
        (r#"{"time":1700000000000}"#, "time out of range: ", "2023-11-14T22:10:00Z"),
        (r#"{"time":}"#, "not understood: ", "not understood: "),
        (r#"{"a":1,"b":2,"c":3}"#, "too many attributes: ", "too many attributes: "),
    ] {
        for (time, expected) in [(EventTime::Event, own), (EventTime::Arrival, arrival)] {
            let read = at(line, time);
            assert!(read.starts_with(expected), "{line}: {read}");
        }
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z -]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (0usize..300).prop_map(|length| vec![b'x'; length]),
    ]
}

fn any_attribute() -> impl Strategy<Value = wire::Attribute> {
    const NAMES: [&str; 11] =
        ["service", "host", "state", "description", "tags", "time", "ttl", "metric", "status-code", "a", "b"];
    let key = prop_oneof![4 => prop::sample::select(&NAMES[..]).prop_map(|name| name.as_bytes().to_vec()), 1 => text()];
    (key, prop::option::of(text())).prop_map(|(key, value)| wire::Attribute { key, value })
}

fn any_time() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(prop_oneof![2 => -10i64..2_000_000_000, 2 => 0i64..2_000_000_000_000_000, 1 => any::<i64>()])
}

fn any_float() -> impl Strategy<Value = Option<f32>> {
    prop::option::of(prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        (any::<i32>(), 0i32..9).prop_map(|(n, places)| (f64::from(n) / 10f64.powi(places)) as f32),
    ])
}

prop_compose! {
    fn any_event()(
        (time, time_micros) in (any_time(), any_time()),
        state in prop::option::of(text()),
        service in prop::option::of(text()),
        host in prop::option::of(text()),
        description in prop::option::of(text()),
        tags in prop::collection::vec(text(), 0..3),
        (ttl, metric_f) in (any_float(), any_float()),
        attributes in prop::collection::vec(any_attribute(), 0..10),
        metric_sint64 in prop::option::of(any::<i64>()),
        metric_d in prop::option::of(any::<u64>().prop_map(f64::from_bits)),
    ) -> wire::Event {
        wire::Event {
            time, state, service, host, description, tags, ttl, attributes, time_micros, metric_sint64, metric_d, metric_f,
        }
    }
}

fn any_message() -> impl Strategy<Value = wire::Msg> {
    let events = prop::collection::vec(any_event(), 0..4);
    let state = text().prop_map(|service| wire::State { service: Some(service), ..wire::State::default() });
    let query = prop::option::of(prop::option::of(text()).prop_map(|string| wire::Query { string }));
    (events, prop::collection::vec(state, 0..2), query).prop_map(|(events, states, query)| wire::Msg {
        events,
        states,
        query,
        ..wire::Msg::default()
    })
}

/// What is done to the bytes of a message.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let unknown = prop_oneof![
        (16u32..600_000, 0u64..u64::MAX).prop_map(|(number, value)| {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            field(number, 0, &bytes)
        }),
        (16u32..600, text()).prop_map(|(number, bytes)| field(number, 2, &bytes)),
        (16u32..600, any::<[u8; 8]>()).prop_map(|(number, bytes)| field(number, 1, &bytes)),
        (16u32..600, any::<[u8; 4]>()).prop_map(|(number, bytes)| field(number, 5, &bytes)),
        (16u32..600, any::<[u8; 4]>()).prop_map(|(number, bytes)| field(
            number,
            3,
            &[field(1, 5, &bytes), field(number, 4, b"")].concat()
        )),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), unknown).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

fn damage(bytes: &mut Vec<u8>, damages: &[Damage]) {
    for damage in damages {
        match damage {
            Damage::Flip(at, bits) if !bytes.is_empty() => *at.get_mut(bytes) ^= bits,
            Damage::Flip(..) => {}
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Damage::Insert(at, field) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, field.iter().copied());
            }
        }
    }
}

/// Reads a message in both ways and compares.
fn compare(message: &[u8]) -> Result<(), TestCaseError> {
    let all = Wanted::all();
    let reading = Reading { event_bytes: 1 << 20, ..reading(&all) };
    let surveyed = riemann::survey(message);
    let Ok(outer) = model::Outer::decode(message) else {
        // What `prost` refuses and we take: known fields of a wrong wire type. Whatever it is, it can be read.
        let _ = read(message, &reading);
        return Ok(());
    };
    let query = outer.query.as_ref().map(|query| query.string.as_deref().unwrap_or_default());
    let expected = Survey { events: outer.events.len(), states: outer.states.len(), query };
    prop_assert_eq!(surveyed, Ok(expected));
    let ours = owned(message, &reading);
    prop_assert_eq!(ours.len(), outer.events.len());
    for (ours, bytes) in ours.iter().zip(&outer.events) {
        // As above, for what is inside of an event.
        if let Ok(wire) = wire::Event::decode(bytes.as_slice()) {
            prop_assert_eq!(ours, &model::event(&wire, &reading));
        }
    }
    for wanted in [Wanted::default(), wanted(&["metric", "status-code", "tags", "host"])] {
        let some = owned(message, &Reading { wanted: &wanted, ..reading });
        prop_assert_eq!(some.len(), ours.len());
        for (some, ours) in some.iter().zip(&ours) {
            match (some, ours) {
                (Ok(some), Ok(ours)) => prop_assert_eq!((&some.time, &some.service), (&ours.time, &ours.service)),
                (some, ours) => prop_assert_eq!(some.as_ref().err(), ours.as_ref().err()),
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_prost_decodes_is_decoded_the_same(message in any_message()) {
        compare(&message.encode_to_vec())?;
        // `prost` reads nothing else in it than events: so the messages are those, not only their frames.
        let all = Wanted::all();
        let encoded = message.encode_to_vec();
        let expected: Vec<_> = message.events.iter().map(|event| model::event(event, &reading(&all))).collect();
        prop_assert_eq!(owned(&encoded, &Reading { event_bytes: 1 << 20, ..reading(&all) }), expected);
    }

    #[test]
    fn damaged_messages_are_decoded_as_prost_does(
        message in any_message(), damages in prop::collection::vec(any_damage(), 1..4),
    ) {
        let mut bytes = message.encode_to_vec();
        damage(&mut bytes, &damages);
        compare(&bytes)?;
    }

    #[test]
    fn damaged_events_lose_no_neighbour(
        events in prop::collection::vec(any_event(), 1..4),
        at in any::<prop::sample::Index>(),
        damages in prop::collection::vec(any_damage(), 1..4),
    ) {
        let all = Wanted::all();
        let reading = Reading { event_bytes: 1 << 20, ..reading(&all) };
        let damaged = at.index(events.len());
        let mut message = Vec::new();
        for (i, event) in events.iter().enumerate() {
            let mut bytes = event.encode_to_vec();
            if i == damaged {
                damage(&mut bytes, &damages);
            }
            message.extend(field(6, 2, &bytes));
        }
        compare(&message)?;
        for (i, (ours, event)) in owned(&message, &reading).iter().zip(&events).enumerate() {
            if i != damaged {
                prop_assert_eq!(ours, &model::event(event, &reading));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        compare(&bytes)?;
    }

    #[test]
    fn floats_are_their_shortest_decimal(x in any_float()) {
        compare(&message(vec![wire::Event { metric_f: x, ..wire::Event::default() }]))?;
    }

    #[test]
    fn frames_are_cut_where_they_end(
        lengths in prop::collection::vec(0usize..40, 0..6), cut in any::<prop::sample::Index>(),
    ) {
        let mut stream = Vec::new();
        for length in &lengths {
            stream.extend_from_slice(&(*length as u32).to_be_bytes());
            stream.resize(stream.len() + length, b'x');
        }
        let mut rest = &stream[..cut.index(stream.len() + 1)];
        let mut whole = 0;
        while let Framed::Whole { message, used } = riemann::frame(rest, 40) {
            prop_assert_eq!((message.len(), used), (lengths[whole], lengths[whole] + 4));
            rest = &rest[used..];
            whole += 1;
        }
        let needed = if rest.len() < 4 { 4 } else { lengths[whole] + 4 };
        prop_assert_eq!(riemann::frame(rest, 40), Framed::Part { needed });
    }
}
