//! Records: what the mapping of logs comes to.

use super::*;
use crate::config::context::Context;
use crate::config::expression;
use crate::edn::{Diagnostic, read_one};
use crate::engine::{Event, Value};
use crate::plan::{Expression, Timestamp};

fn record(text: &str) -> (Option<Expression>, Vec<Diagnostic>) {
    let form = read_one(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    let mut sources = Sources::default();
    sources.add("load.edn".to_string(), text.to_string());
    let mut context = Context::new(&sources, &Nothing, Unset::Warning, Vec::new());
    let record = expression::record(&form, "`:record`", &mut context);
    (record, context.finish())
}

fn read(text: &str) -> Expression {
    let (record, found) = record(text);
    record.unwrap_or_else(|| panic!("{text}: {found:?}"))
}

/// An event with these attributes.
fn event<'a>(attributes: &[(&'a str, &'a str)]) -> Event<'a> {
    let mut event = Event::at(Timestamp::clamped(1_700_000_000_000_000));
    event.attributes = attributes.iter().map(|(name, text)| (name.as_bytes().into(), Value::text(text))).collect();
    event
}

const CATEGORIES: &str = r#"(cond (re-find "^/static/" :path) nil
       (re-find "monitor" :http-user-agent) {:kind "monitoring" :class (str (subs :status-code 0 1) "xx")}
       :else {:kind "customer" :class (str (subs :status-code 0 1) "xx")})"#;

#[test]
fn a_record_is_nil_or_a_map() {
    for (text, code, phrase) in [
        ("\"a\"", "T180", "`:record` is nil or a map, not a string"),
        (":a", "T180", "not the keyword `:a`"),
        ("[{:a 1}]", "T180", "a vector"),
        ("(str :a)", "T180", "not a list"),
        ("(or nil {:a 1})", "T180", "`cond`, `when`, `if` or `case`"),
        ("()", "T180", "a list"),
        ("(if :a {:b 1} \"c\")", "T180", "a string"),
        ("(cond :a {:b 1} :else (case :c 1 2))", "T180", "the number `2`"),
        ("(case :a 1 {:b 1} :c)", "T180", "the keyword `:c`"),
        ("(cnd :a {:b 1})", "T077", "did you mean `cond`?"),
        ("(host :a)", "T076", "is a field"),
        ("(when :a)", "T078", "`when` takes 2 arguments"),
        ("{\"a\" 1}", "T181", "write `:a`"),
        ("{1 1}", "T181", "the number `1`"),
        ("{:a {:b 1}}", "T070", "not a map"),
        ("{:a (foo)}", "T077", "there is no function `foo`"),
        ("(if {:a 1} nil)", "T070", "not a map"),
        ("(when (= :a #file \"/run/secrets/x\") {:b 1})", "T030", "`:record` is shown in output"),
        ("{:a (str #file \"/run/secrets/x\")}", "T030", "`:record` is shown in output"),
    ] {
        let (record, found) = record(text);
        assert_eq!(record, None, "{text}");
        let codes: Vec<_> = found.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [code], "{text}: {found:?}");
        let fault = &found[0];
        let said = format!("{} {} {}", fault.message, fault.labels[0].text, fault.help.as_deref().unwrap_or_default());
        assert!(said.contains(phrase), "{text}: {said}");
    }
    for text in ["nil", "{}", "{:a nil}", "(when :a {:b :c})", "(case :a (1 2) (if :b {:c 1}) {})", CATEGORIES] {
        assert_eq!(record(text).1, [], "{text}");
    }
    let deep = format!("(cond {})", ":a {} ".repeat(250));
    assert_eq!(record(&deep).1.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["T081"]);
}

#[test]
fn all_faults_of_a_record_are_found() {
    let codes: Vec<_> = record("(cond (foo) {1 (bar)} :else \"a\")").1.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["T077", "T077", "T181", "T180"]);
}

#[test]
fn entries_stand_in_order_of_key() {
    assert_eq!(read("{:b 1 :a :x :c nil}").to_string(), "{:a :x :b 1 :c nil}");
}

#[test]
fn a_record_comes_to_the_map_of_the_clause_that_is_taken() {
    let categories = read(CATEGORIES);
    for (event, expected) in [
        (event(&[("path", "/static/a.js"), ("status-code", "200")]), None),
        (event(&[("path", "/a"), ("http-user-agent", "monitor/1"), ("status-code", "503")]), Some("5xx monitoring")),
        (event(&[("path", "/a"), ("status-code", "200")]), Some("2xx customer")),
        (event(&[]), Some("xx customer")),
    ] {
        let found = categories.record(&event).map(|entries| {
            let mut text = Vec::new();
            for (at, (_, value)) in entries.iter().enumerate() {
                text.extend_from_slice(if at > 0 { b" " } else { b"" });
                assert!(value.write_text(&event, &mut text));
            }
            String::from_utf8(text).expect("UTF-8")
        });
        assert_eq!(found.as_deref(), expected);
    }
    let case = read("(case :a \"x\" {:b 1} (1 2) (when :c {}) nil)");
    assert!(case.record(&event(&[("a", "x")])).is_some_and(|entries| entries.len() == 1));
    assert!(case.record(&event(&[("a", "2"), ("c", "")])).is_some_and(|entries| entries.is_empty()));
    assert!(case.record(&event(&[("a", "2")])).is_none() && case.record(&event(&[])).is_none());
}

/// A line for each step, those that it is made of indented.
fn trace(expression: &Expression, event: &Event<'_>) -> Vec<String> {
    let mut steps = Vec::new();
    expression.trace(event, &mut steps);
    let shown = |step: &crate::engine::Step| {
        // The whole is long.
        let text = if step.depth == 0 { "-" } else { &step.expression };
        format!("{}{text} => {}", "  ".repeat(step.depth), step.value)
    };
    steps.iter().map(shown).collect()
}

#[test]
fn a_record_is_explained_step_by_step() {
    let categories = read(CATEGORIES);
    let customer = event(&[("path", "/cart"), ("http-user-agent", "curl/8 \"x\""), ("status-code", "204")]);
    assert_eq!(
        trace(&categories, &customer),
        [
            "- => {:class \"2xx\" :kind \"customer\"}",
            "  (re-find \"^/static/\" :path) => nil",
            "    :path => \"/cart\"",
            "  (re-find \"monitor\" :http-user-agent) => nil",
            "    :http-user-agent => \"curl/8 \\\"x\\\"\"",
            "  {:class (str (subs :status-code 0 1) \"xx\") :kind \"customer\"} => {:class \"2xx\" :kind \"customer\"}",
            "    (str (subs :status-code 0 1) \"xx\") => \"2xx\"",
            "      (subs :status-code 0 1) => \"2\"",
            "        :status-code => \"204\"",
        ]
    );
    let asset = event(&[("path", "/static/a.js")]);
    assert_eq!(
        trace(&categories, &asset),
        ["- => nil", "  (re-find \"^/static/\" :path) => \"/static/\"", "    :path => \"/static/a.js\""]
    );
    let mut steps = Vec::new();
    categories.trace(&asset, &mut steps);
    assert!(steps[0].expression.starts_with("(cond (re-find \"^/static/\" :path) nil (re-find"), "{:?}", steps[0]);
    assert!(steps[0].expression.contains(":else {:class"), "{:?}", steps[0]);
}

#[test]
fn what_was_not_evaluated_is_not_explained() {
    let whole = |text: &str| read(&format!("{{:a {text}}}"));
    let event = event(&[("a", "1"), ("b", "x"), ("d", "2")]);
    for (text, expected) in [
        ("(and :a :c :b)", &["(and :a :c :b) => nil", "  :a => \"1\"", "  :c => nil"][..]),
        ("(or :c :a :b)", &["(or :c :a :b) => \"1\"", "  :c => nil", "  :a => \"1\""]),
        ("(< :a :b :d)", &["(< :a :b :d) => false", "  :a => \"1\"", "  :b => \"x\""]),
        ("(< 0 :a :d)", &["(< 0 :a :d) => true", "  :a => \"1\"", "  :d => \"2\""]),
        ("(not= :a 1 :b :d)", &["(not= :a 1 :b :d) => true", "  :a => \"1\"", "  :b => \"x\""]),
        ("(+ :a :b :d)", &["(+ :a :b :d) => nil", "  :a => \"1\"", "  :b => \"x\""]),
        ("(- :b :a)", &["(- :b :a) => nil", "  :b => \"x\""]),
        ("(/ 0 :a)", &["(/ 0 :a) => 0", "  :a => \"1\""]),
        (
            "(case :b \"x\" (lower-case :a) :d)",
            &[
                "(case :b \"x\" (lower-case :a) :d) => \"1\"",
                "  :b => \"x\"",
                "  (lower-case :a) => \"1\"",
                "    :a => \"1\"",
            ],
        ),
        ("(tagged \"x\")", &["(tagged \"x\") => false", "  :tags => nil"]),
        ("(if :c :d)", &["(if :c :d) => nil", "  :c => nil"]),
        (
            "(if :a (if :c 1) :b)",
            &["(if :a (if :c 1) :b) => nil", "  :a => \"1\"", "  (if :c 1) => nil", "    :c => nil"],
        ),
    ] {
        let found: Vec<_> = trace(&whole(text), &event).into_iter().skip(1).map(|line| line[2..].to_string()).collect();
        assert_eq!(found, expected, "{text}");
    }
    assert_eq!(trace(&Expression::Nil, &event), ["- => nil"]);
}
