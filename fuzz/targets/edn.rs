//! Any text is read and its faults are shown; what was read without a fault is written, and
//! formatted, and read again.
#![no_main]

use highwater::edn::{Form, Kind, Sources, Span, format, github, human, json, read, read_one, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut sources = Sources::default();
    let file = sources.add("fuzz.edn".into(), text.clone().into_owned());
    let mut faults = Vec::new();
    let forms = read(&text, file, &mut faults);

    let whole = Span { file, start: 0, end: u32::try_from(text.len()).expect("inputs are small") };
    forms.iter().for_each(|form| check_spans(form, whole, &text));
    for label in faults.iter().flat_map(|fault| &fault.labels) {
        assert!(label.span.start <= label.span.end && text.is_char_boundary(label.span.start as usize));
        assert!(text.is_char_boundary(label.span.end as usize));
    }
    let shown = human(&sources, &faults, false);
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
    assert_eq!(json(&sources, &faults).lines().count(), faults.len());
    assert_eq!(github(&sources, &faults).lines().count(), faults.len());
    assert_eq!(read_one(&text).is_ok(), faults.is_empty() && forms.len() == 1);

    if faults.is_empty() {
        let written: Vec<String> = forms.iter().map(write).collect();
        let again = read(&written.join(" "), file, &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(again.iter().map(write).collect::<Vec<_>>(), written);

        let formatted = format(&text).expect("there is no fault");
        let again = read(&formatted, file, &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(again.iter().map(write).collect::<Vec<_>>(), written);
        assert_eq!(format(&formatted), Ok(formatted));
    }
});

fn check_spans(form: &Form, parent: Span, text: &str) {
    let span = form.span;
    assert!(parent.start <= span.start && span.start <= span.end && span.end <= parent.end);
    assert!(text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize));
    match &form.kind {
        Kind::List(items) | Kind::Vector(items) | Kind::Set(items) => {
            items.iter().for_each(|item| check_spans(item, span, text));
        }
        Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            check_spans(key, span, text);
            check_spans(value, span, text);
        }),
        Kind::Tagged(_, inner) => check_spans(inner, span, text),
        _ => {}
    }
}
