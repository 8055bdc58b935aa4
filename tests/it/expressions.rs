//! What expressions mean: their values, their texts, and that no event makes them panic.

use std::borrow::Cow;

use highwater::config;
use highwater::engine::{Event, Value};
use highwater::plan::{Expression, Number, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

/// The expression of a text; None if it is refused.
fn read(text: &str) -> Option<Expression> {
    let file = format!("{{:percentiles {{\"q\" {{0.5 {{:< 5 :interval 60 :where (some? {text})}}}}}}}}");
    let threshold = config::from_text(&file).plan?.thresholds.into_iter().next()?;
    match threshold.filter? {
        Expression::IsSome(inner) => Some(*inner),
        other => panic!("{text} is {other}"),
    }
}

fn event() -> Event<'static> {
    let mut event = Event::at(Timestamp::from_micros(1_700_000_000_000_000).unwrap());
    event.host = Value::text("Web-1");
    event.metric = Value::Number(Number::Float(0.25));
    event.tags = Value::List(vec![Value::text("a"), Value::text("web-1"), Value::Number(Number::Int(5))]);
    let text = |name: &'static str, value: &'static [u8]| (Cow::Borrowed(name.as_bytes()), Value::bytes(value));
    event.attributes = vec![
        text("status-code", b"204"),
        (Cow::Borrowed(b"size"), Value::Number(Number::Int(1234))),
        text("path", b"/static/a.js?v=1&q=gr%C3%BCn+x"),
        text("url", b"https://example.com?x=1"),
        text("took", b" 0.25\t"),
        text("raw", b"A\xffB\xc3\x9c"),
        (Cow::Borrowed(b"flag"), Value::Bool(true)),
        text("empty", b""),
    ];
    event
}

#[test]
fn functions_mean_what_the_table_says() {
    let event = event();
    for (text, expected) in [
        ("(case :status-code 200 \"a\" (\"204\" 304) \"b\" \"c\")", "\"b\""),
        ("(case :status-code 204.0 \"a\")", "\"a\""),
        ("(case :size \"1234\" \"a\")", "\"a\""),
        ("(case :status-code \"204.0\" \"a\")", "nil"),
        ("(case :status-code 200 \"a\" :host)", "\"Web-1\""),
        ("(case :none nil \"a\" \"b\")", "\"a\""),
        ("(case :flag (false true) 1)", "1"),
        ("(case :empty nil 1 \"\" 2)", "2"),
        ("(re-groups \"^/([^/]+)/(.)\" :path 1)", "\"static\""),
        ("(re-groups \"^/([^/]+)/(.)\" :path 0)", "\"/static/a\""),
        ("(re-groups \"^/(?<dir>[^/]+)/\" :path \"dir\")", "\"static\""),
        ("(re-groups \"(x)?/static\" :path 1)", "nil"),
        ("(re-groups \"^(x)\" :path 1)", "nil"),
        ("(re-groups \"(.)-(.)\" :tags 2)", "\"1\""),
        ("(re-groups \"(2)\" :size 1)", "\"2\""),
        ("(re-groups \"(2)\" :none 1)", "nil"),
        ("(re-find \"a[.]js\" :path)", "\"a.js\""),
        ("(re-find \"web\" tags)", "\"web\""),
        ("(re-find \"3+\" :size)", "\"3\""),
        ("(subs :status-code 0 1)", "\"2\""),
        ("(subs :size 1 3)", "\"23\""),
        ("(subs :status-code 9)", "\"\""),
        ("(subs :flag 0 1)", "\"t\""),
        ("(subs :none 0 1)", "nil"),
        ("(subs :attributes 0 1)", "nil"),
        ("(subs (str :status-code host) 2 5)", "\"4We\""),
        ("(subs (lower-case host) 0 1)", "\"w\""),
        ("(starts-with? :path \"/static/\")", "true"),
        ("(starts-with? :path \"static\")", "false"),
        ("(starts-with? :none \"\")", "false"),
        ("(starts-with? tags \"web\")", "true"),
        ("(starts-with? :size \"12\")", "true"),
        ("(ends-with? :path \"+x\")", "true"),
        ("(ends-with? tags \"-1\")", "true"),
        ("(contains? :path \"a.js\")", "true"),
        ("(contains? :path \"b.js\")", "false"),
        ("(contains? tags \"web-1\")", "true"),
        ("(contains? tags \"web\")", "false"),
        ("(contains? tags \"5\")", "true"),
        ("(contains? :none \"\")", "false"),
        ("(url-path :path)", "\"/static/a.js\""),
        ("(url-path :url)", "\"/\""),
        ("(url-path :none)", "nil"),
        ("(query-param :path \"v\")", "\"1\""),
        ("(query-param :path \"q\")", "\"gr\u{fc}n x\""),
        ("(query-param :path \"w\")", "nil"),
        ("(bucket metric 0.1 0.3 1)", "\"0.1-0.3\""),
        ("(bucket metric 0.25)", "\">=0.25\""),
        ("(bucket metric 1 2)", "\"<1\""),
        ("(bucket :size -1.5 0.5 1e3)", "\">=1000\""),
        ("(bucket :took 1)", "nil"),
        ("(bucket (parse-number :took) 1)", "\"<1\""),
        ("(bucket :none 1)", "nil"),
        ("(lower-case host)", "\"web-1\""),
        ("(lower-case :size)", "\"1234\""),
        ("(lower-case :raw)", "\"a\u{fffd}b\u{fc}\""),
        ("(lower-case :none)", "nil"),
        ("(parse-number :took)", "0.25"),
        ("(parse-number :size)", "1234"),
        ("(parse-number :path)", "nil"),
        ("(parse-number :flag)", "nil"),
        ("(+ 1 (parse-number :took))", "1.25"),
        ("(str :none)", "\"\""),
        ("(str tags :size)", "\"[a,web-1,5]1234\""),
        ("(case (subs :status-code 0 1) \"2\" (str \"2\" \"xx\"))", "\"2xx\""),
    ] {
        let expression = read(text).unwrap_or_else(|| panic!("{text} is refused"));
        assert_eq!(expression.evaluate(&event).to_string(), expected, "{text}");
        agrees(&expression, &event);
    }
}

#[test]
fn texts_of_an_event_are_not_copied_to_be_looked_at() {
    let event = event();
    for text in [
        "(subs :path 1 4)",
        "(url-path :path)",
        "(url-path :url)",
        "(re-find \"a.js\" :path)",
        "(re-find \"web\" tags)",
        "(re-groups \"(a).js\" :path 1)",
        "(query-param :path \"v\")",
        "(lower-case :status-code)",
        "(bucket metric 1)",
        "(subs (url-path :path) 1 4)",
        "(case :status-code \"204\" \"a\")",
        "(if host :path)",
    ] {
        let expression = read(text).unwrap_or_else(|| panic!("{text} is refused"));
        let value = expression.evaluate(&event);
        assert!(matches!(value.as_ref(), Value::Text(Cow::Borrowed(_))), "{text}: {value:?}");
    }
}

/// All ways of asking an expression agree.
fn agrees(expression: &Expression, event: &Event<'_>) {
    let value = expression.evaluate(event);
    let mut expected = b"before ".to_vec();
    value.write_text(&mut expected);
    let mut text = b"before ".to_vec();
    assert_eq!(expression.write_text(event, &mut text), !value.is_nil(), "{expression}");
    assert_eq!(text, expected, "{expression}");
    let is_true = !matches!(value.as_ref(), Value::Nil | Value::Bool(false));
    assert_eq!(expression.accepts(event), is_true, "{expression}");
    let mut steps = Vec::new();
    expression.trace(event, &mut steps);
    assert_eq!((steps[0].depth, &steps[0].value), (0, &value.to_string()), "{expression}");
    assert!(steps.windows(2).all(|pair| 1 <= pair[1].depth && pair[1].depth <= pair[0].depth + 1), "{steps:?}");
}

fn expressions() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        ":a",
        ":b",
        "host",
        "metric",
        "tags",
        "time",
        "\"x%41+?&=/\"",
        "\"7\"",
        "5",
        "-0.5",
        "nil",
        "true",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let one = select(vec![
            "(lower-case _)",
            "(url-path _)",
            "(parse-number _)",
            "(subs _ 0 1)",
            "(subs _ 1)",
            "(subs _ 2 5)",
            "(starts-with? _ \"a\")",
            "(ends-with? _ \"\")",
            "(contains? _ \"x\")",
            "(query-param _ \"a\")",
            "(query-param _ \"\")",
            "(bucket _ -1 0 0.5 100)",
            "(re-find \"[a-z]+\" _)",
            "(re-groups \"(a)|(?<n>.)\" _ \"n\")",
            "(re-groups \"(a)|(.)\" _ 1)",
            "(not _)",
            "(nil? _)",
            "(- _)",
            "(str _)",
            "(case _ (\"a\" 5) 1 nil \"n\" true :a)",
        ]);
        let two = select(vec![
            "(str _ #)",
            "(if _ #)",
            "(cond _ 1 # 2 :else 3)",
            "(cond (= :a 1) _ # :b)",
            "(case _ (\"7\" false) # :b)",
            "(and _ # :a)",
            "(or _ #)",
            "(= _ #)",
            "(not= _ # 5)",
            "(< _ # 9)",
            "(+ _ #)",
            "(/ _ #)",
        ]);
        prop_oneof![
            (one, inner.clone()).prop_map(|(text, inner)| text.replace('_', &inner)),
            (two, inner.clone(), inner)
                .prop_map(|(text, a, b)| text.replace('#', "\u{0}").replace('_', &a).replace('\u{0}', &b)),
        ]
    })
}

fn values() -> impl Strategy<Value = Value<'static>> {
    let text = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        "[a-z%+?&=/:#.\u{fc}\u{130}]{0,20}".prop_map(String::into_bytes),
        "[ ]?[+-]?[0-9]{0,3}[.e]?[0-9]{0,2}[ ]?".prop_map(String::into_bytes),
        Just(b"https://a/b?a=%4".to_vec()),
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Nil),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(|n| Value::Number(Number::Int(n))),
        1 => any::<f64>().prop_map(|x| Number::from_f64(x).map_or(Value::Nil, Value::Number)),
        4 => text.prop_map(|text| Value::Text(Cow::Owned(text))),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::List))
}

proptest! {
    /// Law 8.
    #[test]
    fn no_event_makes_an_expression_panic_or_disagree_with_itself(
        text in expressions(),
        (a, b, host, metric, tags) in (values(), values(), values(), values(), values()),
    ) {
        let Some(expression) = read(&text) else { return Ok(()) };
        let again = read(&expression.to_string());
        prop_assert_eq!(again.as_ref(), Some(&expression), "{}", expression);
        let mut event = Event::at(Timestamp::from_micros(1_700_000_000_500_000).unwrap());
        event.attributes = vec![(Cow::Borrowed(b"a"), a), (Cow::Borrowed(b"b"), b)];
        (event.host, event.metric, event.tags) = (host, metric, tags);
        agrees(&expression, &event);
    }
}
