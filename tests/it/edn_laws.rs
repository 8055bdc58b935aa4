//! What holds for every text and every form.

use std::time::{Duration, Instant};

use highwater::edn::{
    Diagnostic, Form, Kind, MAX_FAULTS, Sources, Span, github, human, json, normal_number, read, read_one, write,
};
use proptest::prelude::*;

use crate::edn_forms::{broken_texts, form, forms};

/// Without spans, and with numbers in normal form.
fn normal(of: &Form) -> Form {
    let all = |items: &[Form]| items.iter().map(normal).collect();
    form(match &of.kind {
        Kind::Integer(text) | Kind::Decimal(text) => Kind::Integer(normal_number(text).into()),
        Kind::List(items) => Kind::List(all(items)),
        Kind::Vector(items) => Kind::Vector(all(items)),
        Kind::Set(items) => Kind::Set(all(items)),
        Kind::Map(pairs) => Kind::Map(pairs.iter().map(|(key, value)| (normal(key), normal(value))).collect()),
        Kind::Tagged(tag, inner) => Kind::Tagged(tag.clone(), Box::new(normal(inner))),
        Kind::Broken => Kind::Nil,
        other => other.clone(),
    })
}

proptest! {
    /// Law 7.
    #[test]
    fn a_form_that_is_written_reads_as_itself(form in forms()) {
        let text = write(&form);
        prop_assert!(!text.contains('\n'));
        match read_one(&text) {
            Ok(back) => {
                prop_assert_eq!(normal(&back), normal(&form));
                prop_assert_eq!(write(&back), text);
            }
            Err(fault) => prop_assert!(false, "{}: {:?}", text, fault),
        }
    }

    #[test]
    fn any_text_is_read_and_its_faults_are_shown(text in prop_oneof![broken_texts(), ".*"]) {
        check(&text);
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn texts_that_were_read_wrongly_once_are_read() {
    // A quote within a text, before something else; and with a control character, which no message may show.
    for text in ["{=>\"\"s\"\":a}", "{\"a \"b\" c\" :d}", "｛*/#\"\t\"s\"\"nil}", "{\"\t\"s\"\" 1}"] {
        check(text);
    }
}

/// Spans lie in the text and in their parents; every fault can be rendered; nothing is lost in silence.
fn check(text: &str) {
    let mut sources = Sources::default();
    let file = sources.add("thresholds.edn".into(), text.to_owned());
    let mut faults = Vec::new();
    let forms = read(text, file, &mut faults);
    let whole = Span { file, start: 0, end: u32::try_from(text.len()).expect("small") };
    forms.iter().for_each(|form| check_spans(form, whole, text));
    assert!(faults.len() <= MAX_FAULTS + 1);
    for label in faults.iter().flat_map(|fault| &fault.labels) {
        check_span(label.span, whole, text);
    }
    assert!(faults.is_sorted_by_key(|fault: &Diagnostic| (fault.code == "E002", fault.labels[0].span.start)));
    if faults.is_empty() {
        assert!(!forms.iter().any(has_broken));
        let written: Vec<String> = forms.iter().map(write).collect();
        let mut none = Vec::new();
        let again = read(&written.join(" "), file, &mut none);
        assert_eq!(none, []);
        assert_eq!(again.iter().map(normal).collect::<Vec<_>>(), forms.iter().map(normal).collect::<Vec<_>>());
    }
    for shown in [human(&sources, &faults, false), human(&sources, &faults, true).replace("\x1B[", "")] {
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
    assert_eq!(json(&sources, &faults).lines().count(), faults.len());
    assert_eq!(github(&sources, &faults).lines().count(), faults.len());
    assert_eq!(read_one(text).is_ok(), faults.is_empty() && forms.len() == 1);
}

fn check_span(span: Span, parent: Span, text: &str) {
    assert!(parent.start <= span.start && span.start <= span.end && span.end <= parent.end, "{span:?} in {parent:?}");
    assert!(text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize), "{span:?}");
}

fn check_spans(form: &Form, parent: Span, text: &str) {
    check_span(form.span, parent, text);
    let mut end = form.span.start;
    for child in children(form) {
        assert!(child.span.start >= end, "{child:?} begins before its neighbour ends");
        end = child.span.end;
        check_spans(child, form.span, text);
    }
}

fn has_broken(form: &Form) -> bool {
    form.kind == Kind::Broken || children(form).into_iter().any(has_broken)
}

fn children(form: &Form) -> Vec<&Form> {
    match &form.kind {
        Kind::List(items) | Kind::Vector(items) | Kind::Set(items) => items.iter().collect(),
        Kind::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        Kind::Tagged(_, inner) => vec![inner],
        _ => Vec::new(),
    }
}

/// Time in a debug build on a busy machine says little; something quadratic takes hours here.
#[test]
fn reading_takes_linear_time_whatever_the_text() {
    let length = 1 << 18;
    for piece in [
        "(", "[", "{", "#{", ")", "]", "}", "\"", "\"\\", "\\", "#_", "#a ", "#", "#\"", "'", "'a ", "`a ", "“", "“ ",
        "« ", "»‹ ", "/* ", "// ", ": ", "\"\": ", "=> ", "010 ", "\u{A0}", "\u{200B}", "｛", "[}", "{]", "(]", "[1 ",
        "{:a ", "\n[", "\n [", "\"\n", "\" {", "{[ ] } ", "#{1 ", "[#_", "\\u", "\"\\d\" ", "– ", "é", "1", "{1 2 ",
        "[[] ",
    ] {
        let text = piece.repeat(length / piece.len());
        let start = Instant::now();
        let mut faults = Vec::new();
        let forms = read(&text, 0, &mut faults);
        drop(forms);
        assert!(start.elapsed() < Duration::from_secs(20), "{piece:?} took {:?}", start.elapsed());
        assert!(faults.len() <= MAX_FAULTS + 1, "{piece:?}");
    }
}

#[test]
fn many_keys_are_compared_in_near_linear_time() {
    let keys: Vec<String> = (0..80_000).map(|n| format!("{n}.50 [{n} {{:a {n}}}] \"k{n}\" #{{{n} x}}")).collect();
    let start = Instant::now();
    let mut faults = Vec::new();
    read(&format!("{{{} 0.5 1}}", keys.join("\n")), 0, &mut faults);
    assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["E014"]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn what_is_too_much_is_one_clear_error() {
    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    let cases = [
        (deep.clone(), vec!["E003"]),
        (format!("{}1{}", "[".repeat(64), "]".repeat(64)), vec![]),
        (format!("[{deep} {deep}] 010"), vec!["E003", "E003", "E040"]),
        ("#a ".repeat(65) + "1", vec!["E003"]),
        ("(".repeat(1000), vec!["E003"]),
        (" ".repeat(16 << 20), vec![]),
        (" ".repeat((16 << 20) + 1), vec!["E001"]),
        ("1 ".repeat(1_000_001), vec!["E004"]),
        (format!("[{}", "1 ".repeat(1_000_001)), vec!["E004"]),
    ];
    for (text, expected) in cases {
        let mut faults = Vec::new();
        read(&text, 0, &mut faults);
        let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, expected, "{:.60}", text);
    }
    let mut faults = Vec::new();
    read(&"010 ".repeat(1000), 0, &mut faults);
    assert_eq!(faults.len(), MAX_FAULTS + 1);
    assert_eq!(faults[MAX_FAULTS].message, "900 more errors in this file");
}
