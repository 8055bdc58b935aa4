//! How the reader's faults are shown.

use highwater::edn::{Diagnostic, Label, Severity, Sources, Span, github, human, json, position, read};

fn faults(text: &str) -> (Sources, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add("thresholds.edn".into(), text.into());
    let mut diagnostics = Vec::new();
    read(text, file, &mut diagnostics);
    (sources, diagnostics)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let (sources, diagnostics) = faults(text);
    let shown = human(&sources, &diagnostics, false);
    assert!(shown == expected, "{shown}");
}

#[test]
fn the_printed_snippet_leads_to_the_corrected_one() {
    check(
        r##"{:percentiles {“query-service response” {0.99 {:<= 100 :interval 600}}}
 :histograms {“query-service response” {:status-code {“^2[0–9]{2}$” {:>= 0.95 :interval 600 :type :percentage}}}}}
"##,
        r##"error[E050]: `“` is a typographic quote (U+201C), not `"`
 --> thresholds.edn:1:16
  |
1 | {:percentiles {“query-service response” {0.99 {:<= 100 :interval 600}}}
  |                ^                      - and here
  |
  = help: write `"query-service response"`

error[E050]: `“` is a typographic quote (U+201C), not `"`
 --> thresholds.edn:2:15
  |
2 |  :histograms {“query-service response” {:status-code {“^2[0–9]{2}$” {:>= 0.95 :interval 600 :type :percentage}}}}}
  |               ^                      - and here
  |
  = help: write `"query-service response"`

error[E050]: `“` is a typographic quote (U+201C), not `"`
 --> thresholds.edn:2:55
  |
2 |  :histograms {“query-service response” {:status-code {“^2[0–9]{2}$” {:>= 0.95 :interval 600 :type :percentage}}}}}
  |                                                       ^    -      - and here
  |                                                            |
  |                                                            an en dash (U+2013), not `-`
  |
  = help: write `"^2[0-9]{2}$"`
"##,
    );
}

#[test]
fn a_missing_bracket_is_found_by_indentation() {
    check(
        r##"{:percentiles
 {"query-service response"
  {0.99 {:<= 100 :interval 600}
   0.95 {:<= 50 :interval 600
   0.9  {:<= 20 :interval 010}}}}
"##,
        r##"error[E010]: `{` is not closed
 --> thresholds.edn:4:30
  |
4 |    0.95 {:<= 50 :interval 600
  |         - opened here        ^ expected `}`
5 |    0.9  {:<= 20 :interval 010}}}}
  |    - by its indentation this is outside
  |
  = help: write `}`

error[E040]: `010` begins with a zero
 --> thresholds.edn:5:27
  |
5 |    0.9  {:<= 20 :interval 010}}}}
  |                           ^^^
  |
  = help: write `10`; a comma between digits is a blank
"##,
    );
}

#[test]
fn a_wrong_bracket_shows_the_opening_one() {
    check(
        r##"{:by [:host :region) :interval 600}
"##,
        r##"error[E011]: `)` does not close `[`
 --> thresholds.edn:1:20
  |
1 | {:by [:host :region) :interval 600}
  |      - opened here ^ expected `]`
  |
  = help: write `]`
"##,
    );
}

#[test]
fn a_missing_quote_is_found_on_its_line() {
    check(
        r##"{:percentiles {"query-service response {0.99 {:<= 100 :interval 600}}}
 :histograms {"q" {:status-code {".*" {:> 0 :interval 300 :type :count}}}}}
"##,
        r##"error[E020]: this string is not closed
 --> thresholds.edn:1:16
  |
1 | {:percentiles {"query-service response {0.99 {:<= 100 :interval 600}}}
  |                ^ opened here          - expected `"`
  |
  = help: write `"query-service response"`
"##,
    );
}

#[test]
fn duplicates_show_both_places() {
    check(
        r##"{"query-service response"
 {0.99 {:<= 100 :interval 600}
  0.95 {:<= 50 :interval 600}
  99e-2 {:<= 90 :interval 600}}}
"##,
        r##"error[E014]: the key `99e-2` stands twice in one map
 --> thresholds.edn:4:3
  |
2 |  {0.99 {:<= 100 :interval 600}
  |   ---- first here
3 |   0.95 {:<= 50 :interval 600}
4 |   99e-2 {:<= 90 :interval 600}}}
  |   ^^^^^ a second time
  |
  = help: merge the two maps into one, or remove one of them
"##,
    );
}

#[test]
fn escapes_of_patterns_say_what_to_write() {
    check(
        r##"{"^\d{3}\.\w$" {:> 0}}
"##,
        r##"error[E021]: a string has no escape `\d`
 --> thresholds.edn:1:4
  |
1 | {"^\d{3}\.\w$" {:> 0}}
  |    ^^   ----
  |
  = help: write `\\d`, or `[0-9]`; `\\.`, or `[.]`; `\\w`, or `[A-Za-z0-9_]`
"##,
    );
}

#[test]
fn other_languages_are_caught_by_name() {
    check(
        r##"{"service": "q", :limit => 99/100, :share 99%} // done
{:pattern #"\d" :name 'q' key: 1_000}
"##,
        r##"error[E054]: there is no colon between a key and its value
 --> thresholds.edn:1:11
  |
1 | {"service": "q", :limit => 99/100, :share 99%} // done
  |           ^
  |
  = help: leave it out: `"service" …`

error[E055]: there is no `=>` between a key and its value
 --> thresholds.edn:1:25
  |
1 | {"service": "q", :limit => 99/100, :share 99%} // done
  |                         ^^
  |
  = help: leave it out: `{:key "value"}`

error[E041]: `99/100` is a ratio, which EDN does not have
 --> thresholds.edn:1:28
  |
1 | {"service": "q", :limit => 99/100, :share 99%} // done
  |                            ^^^^^^
  |
  = help: write the decimal: `0.99`

error[E043]: `99%` is not a number
 --> thresholds.edn:1:43
  |
1 | {"service": "q", :limit => 99/100, :share 99%} // done
  |                                           ^^^
  |
  = help: write a share as a decimal between 0 and 1: `0.95` for 95 %

error[E056]: `//` does not begin a comment
 --> thresholds.edn:1:48
  |
1 | {"service": "q", :limit => 99/100, :share 99%} // done
  |                                                ^^
  |
  = help: a comment begins with `;`

error[E057]: `#"…"` is a pattern of Clojure, not EDN
 --> thresholds.edn:2:11
  |
2 | {:pattern #"\d" :name 'q' key: 1_000}
  |           ^^^^^
  |
  = help: write `#re "\\d"`

error[E051]: `'` does not begin a string
 --> thresholds.edn:2:23
  |
2 | {:pattern #"\d" :name 'q' key: 1_000}
  |                       ^ - and here
  |
  = help: write `"q"`

error[E032]: the colon of `key:` is at its end
 --> thresholds.edn:2:27
  |
2 | {:pattern #"\d" :name 'q' key: 1_000}
  |                           ^^^^
  |
  = help: write `:key`

error[E044]: `1_000` has `_` between its digits
 --> thresholds.edn:2:32
  |
2 | {:pattern #"\d" :name 'q' key: 1_000}
  |                                ^^^^^
  |
  = help: write `1000`
"##,
    );
}

#[test]
fn what_cannot_be_seen_is_named_once() {
    check(
        "{:<=\u{a0}100\u{a0}:interval\u{a0}600\n :a\u{200b}b –5 :c ｛｝}\n",
        "error[E053]: a non-breaking space (U+00A0) is no blank here\n --> thresholds.edn:1:5\n  |\n1 | {:<=\u{a0}100\u{a0}:interval\u{a0}600\n  |     ^ the first of 3 in this file\n  |\n  = help: type a plain space in its place\n\nerror[E052]: a name cannot contain a zero-width character (U+200B)\n --> thresholds.edn:2:2\n  |\n2 |  :a�b –5 :c ｛｝}\n  |  ^^^^\n  |\n  = help: write `:ab`\n\nerror[E052]: `–` is an en dash (U+2013), not `-`\n --> thresholds.edn:2:7\n  |\n2 |  :a�b –5 :c ｛｝}\n  |       ^^\n  |\n  = help: write `-5`\n\nerror[E052]: `｛` is a full-width character (U+FF5B), not `{`\n --> thresholds.edn:2:13\n  |\n2 |  :a�b –5 :c ｛｝}\n  |             ^^\n  |\n  = help: write `{`\n\nerror[E052]: `｝` is a full-width character (U+FF5D), not `}`\n --> thresholds.edn:2:14\n  |\n2 |  :a�b –5 :c ｛｝}\n  |               ^^\n  |\n  = help: write `}`\n",
    );
}

#[test]
fn control_characters_stay_in_their_place() {
    check(
        "{:a\t010 \"\u{1b}[31m\" \u{7}}\n",
        r##"error[E040]: `010` begins with a zero
 --> thresholds.edn:1:5
  |
1 | {:a    010 "␛[31m" ␇}
  |        ^^^
  |
  = help: write `10`; a comma between digits is a blank

error[E036]: unexpected `\u0007`
 --> thresholds.edn:1:17
  |
1 | {:a    010 "␛[31m" ␇}
  |                    ^
  |
  = help: text stands between `"` and `"`
"##,
    );
}

#[test]
fn a_key_without_a_value_is_found_in_the_middle() {
    check(
        r##"{:type :interval 600 :by [:host]}
"##,
        r##"error[E013]: the key `:type` has no value
 --> thresholds.edn:1:2
  |
1 | {:type :interval 600 :by [:host]}
  | -^^^^^ expected a value after it
  | |
  | in this map
"##,
    );
}

#[test]
fn a_long_line_is_shown_around_the_fault() {
    let (sources, diagnostics) = faults(&format!("[{}010 {}]", "ä ".repeat(5000), "b ".repeat(5000)));
    let shown = human(&sources, &diagnostics, false);
    assert_eq!(shown.lines().nth(1), Some(" --> thresholds.edn:1:10002"));
    assert!(shown.lines().all(|line| line.chars().count() < 150), "{shown}");
    let caret = shown.lines().nth(4).and_then(|line| line.find('^'));
    let place = shown.lines().nth(3).and_then(|line| line.split_once("010")).map(|(before, _)| before.chars().count());
    assert_eq!(caret, place, "{shown}");
}

#[test]
fn places_in_several_files_are_shown_together() {
    let mut sources = Sources::default();
    let first = sources.add("thresholds/a.edn".into(), "{:percentiles\n {\"q\" {0.99 {}}}}\n".into());
    let second = sources.add("thresholds/b.edn".into(), "{:percentiles {\"q\" {0.99 {}}}}\n".into());
    let at = |file, start| Span { file, start, end: start + 4 };
    let fault = Diagnostic::error("T001", at(second, 20), "this threshold stands twice")
        .here("a second time")
        .also(at(first, 21), "first here");
    let expected = r##"error[T001]: this threshold stands twice
 --> thresholds/b.edn:1:21
  |
1 | {:percentiles {"q" {0.99 {}}}}
  |                     ^^^^ a second time
 ::: thresholds/a.edn:2:8
  |
2 |  {"q" {0.99 {}}}}
  |        ---- first here
"##;
    let shown = human(&sources, &[fault], false);
    assert!(shown == expected, "{shown}");
}

#[test]
fn machines_get_places_as_numbers() {
    let (sources, diagnostics) = faults("{:größe “a” :b 010}");
    assert_eq!(
        json(&sources, &diagnostics[1..]),
        r##"{"code":"E040","severity":"error","message":"`010` begins with a zero","path":"thresholds.edn","line":1,"column":16,"end_line":1,"end_column":19,"labels":[{"path":"thresholds.edn","line":1,"column":16,"end_line":1,"end_column":19,"text":""}],"help":"write `10`; a comma between digits is a blank"}
"##
    );
    assert_eq!(
        github(&sources, &diagnostics[..1]),
        "::error file=thresholds.edn,line=1,col=9,endLine=1,endColumn=10,title=E050::`“` is a typographic quote (U+201C), \
         not `\"`%0A1:11: and here%0Ahelp: write `\"a\"`\n"
    );
}

#[test]
fn workflow_commands_cannot_be_forged() {
    let mut sources = Sources::default();
    let file = sources.add("a,b:c%.edn".into(), "{}".into());
    let span = Span { file, start: 0, end: 2 };
    let labels = vec![Label { span, text: String::new() }];
    let message = "100 %\n::error::x".to_owned();
    let lint = Diagnostic { code: "W001", severity: Severity::Warning, message, labels, help: None };
    assert_eq!(
        github(&sources, &[lint]),
        "::warning file=a%2Cb%3Ac%25.edn,line=1,col=1,endLine=1,endColumn=3,title=W001::100 %25%0A::error::x\n"
    );
    assert_eq!(position(&sources, span), (1, 1));
}

#[test]
fn ten_thousand_faults_in_one_line_are_shown_without_reading_it_each_time() {
    let mut sources = Sources::default();
    let file = sources.add("thresholds.edn".into(), "ä010 ".repeat(200_000));
    let fault = |n: u32| Diagnostic::error("E040", Span { file, start: n * 60 + 2, end: n * 60 + 5 }, "a zero");
    let faults: Vec<Diagnostic> = (0..10_000).map(fault).collect();
    let start = std::time::Instant::now();
    assert_eq!(human(&sources, &faults, true).matches("E040").count(), 10_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}
