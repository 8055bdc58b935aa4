//! Events as JSON and as EDN.

use highwater::engine::Value;
use highwater::plan::Number;
use highwater::source::{Refused, Wanted, edn, json};
use proptest::prelude::*;
use serde_json::json;

use crate::source::{show_result, wanted};

const MOST: usize = 256;

fn read_json(line: &str) -> String {
    show_result(json::decode(line.as_bytes(), &Wanted::all(), MOST))
}

fn read_edn(line: &str) -> String {
    show_result(edn::decode(line.as_bytes(), &Wanted::all(), MOST))
}

#[test]
fn an_event_is_the_same_in_json_and_in_edn() {
    for (json, edn, expected) in [
        (
            r#"{"service":"q","metric":85,"status-code":"200","time":1700000000.25}"#,
            r#"{:service "q" :metric 85 :status-code "200" :time 1700000000.25}"#,
            "2023-11-14T22:13:20.25Z service=q metric=85 status-code=200",
        ),
        (
            r#" { "time" : 1700000000 , "metric" : 2.5e-3 , "ttl":60,"host":"web-1","state":"ok","description":"a\tb"} "#,
            r#"{:time 1700000000, :metric 2.5e-3, :ttl 60 :host "web-1" :state "ok" :description "a\tb"} ; a comment"#,
            "2023-11-14T22:13:20Z host=web-1 state=ok description=a\tb metric=0.0025 ttl=60",
        ),
        (
            r#"{"time":"2023-11-14T23:13:20+01:00","tags":["a","b"],"codes":[1,"2",null,true],"service":7,"host":true}"#,
            r#"{:time #inst "2023-11-14T23:13:20+01:00" :tags #{"a" :b} :codes (1 "2" nil true) :service 7 :host true}"#,
            "2023-11-14T22:13:20Z service=7 host=true tags=[a,b] codes=[1,2,,true]",
        ),
        (
            r#"{"time":"1700000000.5","metric":null,"x":null}"#,
            r#"{:time "1700000000.5" :metric nil :x nil}"#,
            "2023-11-14T22:13:20.5Z",
        ),
        (
            r#"{"time":-1,"metric":9223372036854775807,"a":9223372036854775808,"b":1e999,"c":-0.0,"d":1.0}"#,
            r#"{:time -1 :metric 9223372036854775807 :a 9223372036854775808 :b "1e999" :c -0.0 :d 1.0}"#,
            "1969-12-31T23:59:59Z metric=9223372036854775807 a=9223372036854776000 b=1e999 c=0 d=1",
        ),
    ] {
        assert_eq!(read_json(json), expected, "{json}");
        assert_eq!(read_edn(edn), expected, "{edn}");
    }
}

#[test]
fn json_keeps_what_producers_write() {
    for (line, expected) in [
        (r#"{"time":1,"a":1,"a":2}"#, "1970-01-01T00:00:01Z a=2"),
        (r#"{"time":1,"a":1,"a":null}"#, "1970-01-01T00:00:01Z"),
        (r#"{"time":"yesterday","time":1,"metric":1,"metric":2}"#, "1970-01-01T00:00:01Z metric=2"),
        (r#"{"time":1,"a":{"b" : [ 1, "x y" ] , "c":{}}}"#, r#"1970-01-01T00:00:01Z a={"b":[1,"x y"],"c":{}}"#),
        (r#"{"time":1,"s\u0065rvice":"\u00e9\ud83d\ude00\"\\\/\n"}"#, "1970-01-01T00:00:01Z service=é😀\"\\/\n"),
        (
            r#"{"time":1,"a":"\ud83d","b":"\ud83dx","c":"\ude00"}"#,
            "1970-01-01T00:00:01Z a=\u{fffd} b=\u{fffd}x c=\u{fffd}",
        ),
        (
            r#"{"time":1,"metric":NaN,"a":-Infinity,"b":[Infinity]}"#,
            "1970-01-01T00:00:01Z metric=NaN a=-Infinity b=[Infinity]",
        ),
        (r#"{"time":1700000000.123456789}"#, "2023-11-14T22:13:20.123456Z"),
        (r#"{"time":1700000000.12345678901234567890}"#, "2023-11-14T22:13:20.123456Z"),
        (r#"{"time":1.7e9}"#, "2023-11-14T22:13:20Z"),
        (r#"{"time":1,"metric":"85"}"#, "1970-01-01T00:00:01Z metric=85"),
        ("{\"time\":1,\"a\":\"tab\tin\"}", "1970-01-01T00:00:01Z a=tab\tin"),
    ] {
        assert_eq!(read_json(line), expected, "{line}");
    }
}

#[test]
fn numbers_stay_exact() {
    for (text, expected) in [
        ("9007199254740993", Number::Int(9_007_199_254_740_993)),
        ("-9223372036854775808", Number::Int(i64::MIN)),
        ("9007199254740993.0", Number::Float(9_007_199_254_740_992.0)),
        ("0.1", Number::Float(0.1)),
        ("123456789.123456789", Number::Float(123_456_789.123_456_79)),
        ("4.35", Number::Float(4.35)),
    ] {
        let line = format!(r#"{{"time":1,"metric":{text}}}"#);
        let event = json::decode(line.as_bytes(), &Wanted::all(), MOST).expect("an event");
        assert_eq!(event.metric, Value::Number(expected), "{text}");
    }
}

#[test]
fn what_is_no_event_is_refused_with_its_cause() {
    let deep = format!(r#"{{"time":1,"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let many: String = (0..300).map(|n| format!(r#""a{n}":{n},"#)).collect();
    for (line, expected) in [
        ("{}", "no time: no `time`: give each event its time, in seconds since 1970 or as RFC 3339"),
        (r#"{"time":null}"#, "no time: "),
        (r#"{"time":1700000000000}"#, "time out of range: 1700000000000 looks like milliseconds; `time` is in seconds"),
        (
            r#"{"time":"1700000000000000"}"#,
            "time out of range: 1700000000000000 looks like microseconds; `time` is in seconds",
        ),
        (
            r#"{"time":1700000000000000000}"#,
            "time out of range: 1700000000000000000 looks like nanoseconds; `time` is in seconds",
        ),
        (r#"{"time":1e300}"#, "time out of range: the time 1e300 is outside of the years 1 to 9999"),
        (
            r#"{"time":"2023-11-14T22:13:20"}"#,
            "time not understood: the time `2023-11-14T22:13:20` is neither seconds since 1970 nor RFC 3339",
        ),
        (r#"{"time":[1]}"#, "time not understood: "),
        ("", "not understood: expected `{` of an object at byte 0"),
        ("[]", "not understood: expected `{` of an object at byte 0"),
        (r#"{"time":1"#, "not understood: expected `,` or `}` at byte 9"),
        (r#"{"time":1}x"#, "not understood: expected the end of the line after the object at byte 10"),
        (r#"{"time":1,}"#, "not understood: expected a key in quotes at byte 10"),
        (r#"{"time":1,"a"}"#, "not understood: expected `:` after a key at byte 13"),
        (r#"{"time":1,"a":}"#, "not understood: expected a value at byte 14"),
        (r#"{"time":1,"a":01}"#, "not understood: "),
        (r#"{"time":1,"a":1.}"#, "not understood: "),
        (r#"{"time":1,"a":nul}"#, "not understood: expected a value at byte 14"),
        (r#"{"time":1,"a":"\x41"}"#, "not understood: expected an escape of JSON after `\\` at byte 16"),
        (r#"{"time":1,"a":"\u12"}"#, "not understood: expected four hexadecimal digits after `\\u` at byte 19"),
        (r#"{"time":1,"a":"b}"#, "not understood: expected `\"` at the end of a string at byte 17"),
        (r#"{"time":1,"a":[1,2}"#, "not understood: expected `,` or `]` at byte 18"),
        (deep.as_str(), "nested too deep: nested more than 64 deep"),
        (&format!(r#"{{{many}"time":1}}"#), "too many attributes: more than 256 attributes"),
    ] {
        let read = read_json(line);
        let short: String = line.chars().take(80).collect();
        assert!(read.starts_with(expected), "{short}: {read}");
        let of_nothing = show_result(json::decode(line.as_bytes(), &Wanted::default(), MOST));
        assert!(of_nothing.starts_with(expected), "the same whatever is wanted: {short}: {of_nothing}");
    }
    for (line, expected) in [
        ("{:service \"q\"}", "no time: "),
        ("{:time 1700000000000}", "time out of range: 1700000000000 looks like milliseconds"),
        ("{:time :now}", "time not understood: the time `:now` is neither"),
        ("[1]", "not understood: expected a map at byte 0"),
        ("{1 2 :time 1}", "not understood: expected a keyword as the key at byte 1"),
        ("{:time 1", "not understood: "),
        ("{:time 1} {:time 2}", "not understood: "),
        ("{:time 1 :time 2}", "not understood: "),
    ] {
        let read = read_edn(line);
        assert!(read.starts_with(expected), "{line}: {read}");
    }
    let bytes = edn::decode(b"{:time 1 :a \"\xff\"}", &Wanted::all(), MOST);
    assert_eq!(show_result(bytes), "not understood: expected UTF-8 at byte 13");
}

#[test]
fn only_what_is_wanted_is_kept() {
    let line = br#"{"time":1,"service":"q","host":"h","metric":1,"path":"/a","status-code":"200"}"#;
    for (fields, expected) in [
        (&["metric", "status-code"][..], "1970-01-01T00:00:01Z service=q metric=1 status-code=200"),
        (&["host"][..], "1970-01-01T00:00:01Z service=q host=h"),
        (&["path", "a", "b", "c", "d", "e", "f", "g", "i"][..], "1970-01-01T00:00:01Z service=q path=/a"),
    ] {
        assert_eq!(show_result(json::decode(line, &wanted(fields), MOST)), expected);
    }
}

/// What `serde_json` reads, in the terms of events.
fn model(value: &serde_json::Value, inside_list: bool) -> Option<Value<'static>> {
    let owned = |text: String| Value::Text(text.into_bytes().into());
    Some(match value {
        serde_json::Value::Null if inside_list => Value::Nil,
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(bool) => Value::Bool(*bool),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(n) => Value::Number(Number::Int(n)),
            None => Value::Number(Number::Float(number.as_f64().expect("a double"))),
        },
        serde_json::Value::String(text) => owned(text.clone()),
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| model(item, true).expect("nil in a list")).collect())
        }
        object => owned(object.to_string()),
    })
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|bool| json!(bool)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| json!(x)),
        (0u32..100_000_000, 0i32..9).prop_map(|(n, places)| json!(f64::from(n) / 10f64.powi(places))),
        any::<String>().prop_map(|text| json!(text)),
        "[ -~]{0,20}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::hash_map("[a-z]{0,3}", inner, 0..4).prop_map(|pairs| json!(pairs)),
        ]
    })
}

proptest! {
    #[test]
    fn values_are_those_of_serde_json(value in any_json(), pretty in any::<bool>()) {
        let value_text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let line = format!(r#"{{"time":1,"a":{}}}"#, value_text.expect("json"));
        let event = json::decode(line.as_bytes(), &Wanted::all(), MOST).expect("an event");
        let read = event.attributes.first().map(|(_, value)| value.clone());
        prop_assert_eq!(read, model(&value, false));
    }

    #[test]
    fn what_serde_json_refuses_is_refused_but_for_strings_and_names_of_numbers(
        text in r#"[{}\[\]",:0-9eE+. \-tfnulrase\\]{0,24}"#,
    ) {
        let line = format!(r#"{{"time":1,"a":{text}}}"#);
        let ours = json::decode(line.as_bytes(), &Wanted::all(), MOST);
        let skipped = json::decode(line.as_bytes(), &Wanted::default(), MOST);
        prop_assert_eq!(ours.is_ok(), skipped.is_ok());
        let theirs = serde_json::from_str::<serde_json::Value>(&line);
        // Beyond doubles `serde_json` gives up, and another `time` may follow.
        let out_of_range = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
        if !out_of_range && !matches!(ours, Err(Refused::NoTime | Refused::TimeNotUnderstood(_) | Refused::TimeOutOfRange(_))) {
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }
    }

    #[test]
    fn no_line_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::decode(&bytes, &Wanted::all(), MOST);
        let _ = edn::decode(&bytes, &Wanted::all(), MOST);
    }

    #[test]
    fn events_that_are_written_are_read_again(
        micros in 0i64..4_000_000_000_000_000, metric in any::<i32>(), status in "[ -~]{0,12}", host in any::<String>(),
    ) {
        let (secs, rest) = (micros / 1_000_000, micros % 1_000_000);
        let text = serde_json::to_string(&host).expect("json");
        let status_text = serde_json::to_string(&status).expect("json");
        let line = format!(r#"{{"time":{secs}.{rest:06},"metric":{metric},"status-code":{status_text},"host":{text}}}"#);
        let event = json::decode(line.as_bytes(), &Wanted::all(), MOST).expect("an event");
        prop_assert_eq!(event.time.micros(), micros);
        prop_assert_eq!(&event.metric, &Value::Number(Number::Int(metric.into())));
        prop_assert_eq!(&event.host, &Value::text(&host));
        prop_assert_eq!(&event.attributes[0].1, &Value::text(&status));
    }
}
