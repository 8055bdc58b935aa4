//! `check` from files to the text that people read.

use std::fs;
use std::path::{Path, PathBuf};

use super::daemon::Home;
use highwater::command::against::AgainstArgs;
use highwater::command::check::{CheckArgs, Deny, Format, run};
use highwater::config;
use highwater::edn::Severity;
use highwater::plan::Measure;
use proptest::prelude::*;

/// The exit code, stdout and stderr of a check.
fn check(paths: &[&Path], format: Format, deny: Option<Deny>) -> (u8, String, String) {
    let paths = paths.iter().map(|path| path.to_path_buf()).collect();
    let args = CheckArgs { paths, config: Vec::new(), format, deny, against: AgainstArgs::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&args, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (code, text(out), text(err))
}

/// Compares each `fixtures/check/*.edn` with the `.expected` beside it; with UPDATE_EXPECTED set it writes them.
#[test]
fn typical_faults_are_rendered_as_agreed() {
    let mut paths: Vec<PathBuf> = fs::read_dir("fixtures/check")
        .expect("the package's folder is the current one")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "edn"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 15);
    for path in paths {
        let (code, out, err) = check(&[&path], Format::Human, None);
        let found = format!("{out}\n{err}exit {code}\n");
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &found).expect("writable");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default().replace("\r\n", "\n");
        assert_eq!(found, expected, "{}", path.display());
    }
}

#[test]
fn the_printed_snippet_leads_to_the_corrected_one() {
    let corrected = fs::read_to_string("fixtures/check/article.edn").expect("readable");
    let printed = fs::read_to_string("fixtures/check/article-as-printed.edn").expect("readable");
    let loaded = config::from_text(&printed);
    assert!(loaded.plan.is_none());
    let followed = printed.replace(['“', '”'], "\"").replace('–', "-");
    assert_eq!(followed, corrected);
    let helps: String = loaded.diagnostics.iter().filter_map(|fault| fault.help.clone()).collect();
    for part in ["\"query-service response\"", "[0-9]", "\".*\""] {
        assert!(helps.contains(part), "{part} is not in {helps}");
    }
    let plan = config::from_text(&corrected).plan.expect("the article's own thresholds");
    let ids: Vec<&str> = plan.thresholds.iter().map(|threshold| threshold.id.as_str()).collect();
    let expected = [
        r#"[:histograms "query-service response" :status-code ".*" :count 300]"#,
        r#"[:histograms "query-service response" :status-code "^2[0-9]{2}$" :percentage 600]"#,
        r#"[:percentiles "query-service response" 0.99 600]"#,
    ];
    assert_eq!(ids, expected);
}

#[test]
fn the_exit_code_says_what_was_found() {
    let fine = Path::new("fixtures/check/article.edn");
    let lints = Path::new("fixtures/check/lints.edn");
    let faults = Path::new("fixtures/check/misspelled.edn");
    let missing = Path::new("fixtures/check/not-there.edn");
    let allowed = Path::new("fixtures/check/allowed.edn");
    for (paths, deny, code, last) in [
        (vec![fine], None, 0, "checked 1 file, 3 thresholds: 1 warning\n"),
        (vec![lints], None, 0, "warnings\n"),
        (vec![lints], Some(Deny::Warnings), 1, "warnings\n"),
        (vec![fine, faults], None, 1, "checked 2 files: 5 errors\n"),
        (vec![fine, fine], None, 0, "checked 1 file, 3 thresholds: 1 warning\n"),
        (vec![allowed], Some(Deny::Warnings), 0, "checked 1 file, 3 thresholds: no errors; 1 lint allowed\n"),
        (vec![missing], None, 2, "checked 0 files: 1 error\n"),
        (vec![missing, lints], None, 2, "warnings\n"),
    ] {
        let (found, _, err) = check(&paths, Format::Human, deny);
        assert_eq!(found, code, "{paths:?}");
        assert!(err.ends_with(last), "{err}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_in_every_format() {
    let (missing, faults) = (Path::new("fixtures/check/not-there.edn"), Path::new("fixtures/check/misspelled.edn"));
    for (format, expected) in [
        (
            Format::Human,
            "error[F001]: there is no such file or folder\n--> fixtures/check/not-there.edn:1:1\n = help: look for a slip \
             in the path\n",
        ),
        (
            Format::Json,
            "{\"code\":\"F001\",\"severity\":\"error\",\"message\":\"there is no such file or folder\",\
             \"path\":\"fixtures/check/not-there.edn\",\"line\":1,\"column\":1,",
        ),
        (Format::Github, "::error file=fixtures/check/not-there.edn,line=1,col=1,endLine=1,endColumn=1,title=F001::"),
    ] {
        let (code, out, _) = check(&[missing, faults], format, None);
        assert_eq!(code, 2);
        assert!(out.starts_with(expected), "{out}");
        assert!(out.contains("T001"), "{out}");
    }
}

#[test]
fn control_characters_of_a_file_reach_no_terminal() {
    let folder = std::env::temp_dir().join(format!("highwater-{}-control", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let path = folder.join("a.edn");
    let texts = [
        "{:grace \"\u{1b}[31mred\u{7}\"}",
        "{:grace 5 :\u{1b}[2J 5}",
        "{:percentiles {\"\u{1b}]0;x\u{7}\" {0.99 {:<= #env \"\u{1b}[1m\" :interval 600}}}}",
        "{:histograms {\"q\" {:code {\"(\u{1b}[31m\" {:> 0 :interval 60 :type :count :\u{9b}x 5}}}}}",
        "{:percentiles {\"q\" {0.9 {:<= 5 :interval 60 :where \"a == \u{1b}c\"} 0.9 [\"\u{1b}]\"]}}}",
    ];
    for text in texts {
        fs::write(&path, text).expect("writable");
        for format in [Format::Human, Format::Json, Format::Github] {
            let (code, out, err) = check(&[&path], format, None);
            assert!(!out.is_empty() && code <= 1, "{text:?}");
            assert!(!out.contains(['\u{1b}', '\u{7}']) && !err.contains('\u{1b}'), "{text:?}: {out:?}");
        }
        let mut replay = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        let output = replay.args(["replay", "-c"]).arg(&path).arg("-").stdin(std::process::Stdio::null()).output();
        let said = output.expect("the program starts").stderr;
        assert!(!said.is_empty() && !said.contains(&0x1b) && !said.contains(&7), "{text:?}");
    }
    fs::remove_dir_all(&folder).expect("just created");
}

#[test]
fn machines_get_one_finding_a_line_and_nothing_else() {
    let faults = Path::new("fixtures/check/misspelled.edn");
    let (code, out, err) = check(&[faults], Format::Json, None);
    assert_eq!((code, err.as_str(), out.lines().count()), (1, "", 5));
    for line in out.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    let (code, out, err) = check(&[faults], Format::Github, None);
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.lines().all(|line| line.starts_with("::error file=fixtures/check/misspelled.edn,line=")), "{out}");
}

/// A pipe whose reader has gone.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let paths = vec![PathBuf::from("fixtures/check/misspelled.edn")];
    let args =
        CheckArgs { paths, config: Vec::new(), format: Format::Human, deny: None, against: AgainstArgs::default() };
    let mut err = Vec::new();
    run(&args, &mut Closed, &mut err);
    assert_eq!(err, b"");
}

/// What a mutated text may contain: what people type, and what tears a file apart.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\"",
        ":",
        "#",
        "#_",
        ";",
        "\\",
        " ",
        "\n",
        "“",
        "–",
        "0",
        "1",
        "-",
        "99",
        "0.95",
        "1e400",
        "600000",
        "nil",
        "true",
        ":<=",
        ":>",
        ":=",
        ":not=",
        ":interval",
        ":every",
        ":forget",
        ":by [:host]",
        ":where (= state :ok)",
        "(and",
        "(cond",
        ":else",
        "re-find",
        "#re ",
        "#env ",
        "#file ",
        "#duration ",
        "\"10m\"",
        ":type :count",
        ":percentiles",
        ":histograms",
        ":grace",
        ":limits",
        ":server",
        ":state",
        ":durability :sync",
        ":dir nil",
        ":tcp ",
        "\"0.0.0.0:1\"",
        ":hosts [",
        ":name \"a\"",
        ":labels {}",
        "\u{0}",
        "(?=",
        "[0–9]",
        "\u{10FFFF}",
    ];
    prop_oneof![4 => prop::sample::select(pieces.map(str::to_string).to_vec()), 1 => any::<char>().prop_map(String::from)]
}

const ALL: &str = r#"{:grace 5 :max-skew #duration "1m" :instance "test" :limits {:groups 100}
 :server {:tcp {:address "127.0.0.1:0" :time :arrival :grace 30} :udp ["127.0.0.1:1" "[::1]:1"] :http "none"
          :tls {:key "k" :cert "c" :ca-cert "ca"} :token #env ["T" "0123456789abcdef"] :hosts ["a"] :idle 60 :open false}
 :state {:dir "/srv/hw" :durability :os :sync-every 1 :journal-bytes 1048576}
 :percentiles {"query-service response" {0.99 {:<= 100 :interval 600 :every 60 :for 2 :by [:host] :grace 9}}
               #re "^api" {0.5 [{:< 5.5 :interval 60 :where (and (= :method "GET") (not (nil? host)))}
                                {:> 1 :<= 9 :interval 120 :metric :size :rank :riemann :labels {:team "a"}}]}}
 :histograms {"query-service response"
              {:status-code {"^2[0-9]{2}$" {:>= 0.95 :interval 600 :type :percentage :forget 7200}
                             #env ["P" ".*"] {:> 0 :interval 300 :type :count :no-data :keep :severity :page}}}}}"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_checked_without_a_panic_and_has_a_plan_unless_it_has_an_error(
        edits in prop::collection::vec((0..ALL.len(), 0usize..12, piece()), 0..6),
    ) {
        let mut text = ALL.to_string();
        for (at, length, piece) in edits {
            let floor = |mut at: usize| {
                at = at.min(text.len());
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let (start, end) = (floor(at), floor(at + length));
            text.replace_range(start..end, &piece);
        }
        let loaded = config::from_text(&text);
        let refused = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
        prop_assert_eq!(loaded.plan.is_some(), !refused, "{}", text);
        for found in &loaded.diagnostics {
            prop_assert!(!found.labels.is_empty());
            for label in &found.labels {
                prop_assert!(label.span.end as usize <= text.len());
                // Rendering slices the text at these places.
                loaded.sources.text(label.span);
            }
        }
        if let Some(plan) = &loaded.plan {
            prop_assert!(plan.thresholds.windows(2).all(|pair| pair[0].id < pair[1].id));
            for threshold in &plan.thresholds {
                prop_assert!(threshold.interval.micros() % threshold.every.micros() == 0);
                prop_assert!(!threshold.bounds.is_empty());
                prop_assert!(threshold.policy.forget.micros() >= 2 * threshold.interval.micros());
            }
        }
        highwater::edn::human(&loaded.sources, &loaded.diagnostics, false);
    }
    #[test]
    fn a_pattern_that_is_accepted_compiles(
        parts in prop::collection::vec(prop::sample::select(PATTERN_PARTS.to_vec()), 0..8),
    ) {
        let pattern = parts.concat().replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("{{:histograms {{\"q\" {{:path {{\"{pattern}\" {{:> 0 :interval 60 :type :count}}}}}}}}}}");
        if let Some(plan) = config::from_text(&text).plan {
            let Measure::Count { pattern, .. } = &plan.thresholds[0].measure else { panic!("it is a count") };
            pattern.matches("/api/v1/items/42–é".as_bytes());
        }
    }
}

const PATTERN_PARTS: [&str; 44] = [
    "a",
    "é",
    "–",
    "0",
    "9",
    ".",
    "*",
    "+",
    "?",
    "{2}",
    "{2,}",
    "{1,300}",
    "{1000}",
    "(",
    ")",
    "(?:",
    "(?i)",
    "(?-u)",
    "(?x)",
    "(?<n>",
    "(?=",
    "[",
    "[^",
    "]",
    "[:alpha:]",
    "-",
    "&&",
    "--",
    "~~",
    "|",
    "^",
    "$",
    "\\d",
    "\\w",
    "\\b",
    "\\1",
    "\\x{41}",
    "\\xFF",
    "\\pL",
    "\\p{Greek}",
    "\\Q",
    "\\",
    "\\.",
    "\"",
];

#[test]
fn what_the_readme_shows_has_no_errors() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = readme.split("```edn\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut routes = 0;
    for block in blocks.filter(|block| block.starts_with('{')) {
        if block.contains(":scenarios") {
            let home = Home::new("{}");
            fs::write(home.0.join("a.test.edn"), block).unwrap();
            let mut test = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
            assert!(test.args(["test", "a.test.edn"]).current_dir(&home.0).status().unwrap().success(), "{block}");
            continue;
        }
        routes += usize::from(block.contains(":routes"));
        let loaded = highwater::config::from_text(block);
        let errors: Vec<_> =
            loaded.diagnostics.iter().filter(|found| found.severity == highwater::edn::Severity::Error).collect();
        assert!(errors.is_empty(), "{block}\n{errors:#?}");
    }
    assert!(routes > 0);
}
