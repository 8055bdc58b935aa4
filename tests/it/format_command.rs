//! `highwater format` as its users run it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value as Json;

/// A folder with files that is there until it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("format-command-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).expect("the target folder takes folders");
        files.iter().for_each(|(name, bytes)| fs::write(folder.0.join(name), bytes).expect("the folder takes files"));
        folder
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .arg("format")
            .args(arguments)
            .current_dir(&self.0)
            .env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // Whoever refuses its arguments reads nothing.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        let ran = child.wait_with_output().expect("the binary ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn format(arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    Folder::with(&[]).run(arguments, input)
}

const LINE: &str =
    r#"203.0.113.9 - - [22/Nov/2026:15:46:35 +0100] "GET /cart?id=7 HTTP/1.1" 502 157 "-" "curl/8.5" 0.057"#;
const TIMED: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" "#,
    r#"$status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time"#
);

#[test]
fn a_format_that_was_given_is_shown_field_by_field() {
    let expected = r#"-: the pasted log format: 1 of 2 lines understood
  known      combined 1, common 1, nginx 1
  time       when the request was done
  zone       each line says its own
  write      --log-format '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time'
             :format "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_time"

  line 1
    $remote_addr      203.0.113.9                 :host  :remote_addr
    $remote_user      -
    $time_local       22/Nov/2026:15:46:35 +0100  :time 2026-11-22T14:46:35Z  :time_local
    $request          GET /cart?id=7 HTTP/1.1     :method GET  :path /cart  :query id=7  :protocol HTTP/1.1  :request
    $status           502                         :status-code  :status
    $body_bytes_sent  157                         :body_bytes_sent
    $http_referer     -
    $http_user_agent  curl/8.5                    :http_user_agent
    $request_time     0.057                       :metric 57  :request_time

  line 2 is not understood: expected a value for `$remote_addr` that ends at ` - ` at byte 0
    \u{1b}[31mnginx: reload
"#;
    let input = format!("{LINE}\n\x1b[31mnginx: reload\n");
    assert_eq!(format(&["-", "--log-format", TIMED], input.as_bytes()), (Some(1), expected.into(), String::new()));
}

#[test]
fn a_format_is_found_and_what_it_leaves_out_is_said() {
    let expected = r#"a.log: combined: 1 of 1 line understood
  known      combined 1, common 1, nginx 1
  time       when the request began, and no duration: lines come as late as requests take, so allow for two intervals
  zone       each line says its own
  left out   what lines have behind combined: paste the server's format to read it, too
  write      nothing, as it is found by itself, or --log-format combined
             :format "combined"

b.log: nothing: empty
"#;
    let folder = Folder::with(&[("a.log", LINE.as_bytes()), ("b.log", b"")]);
    let ran = folder.run(&["a.log", "b.log", "--lines", "0"], b"");
    assert_eq!(ran, (Some(0), expected.into(), String::new()));
}

#[test]
fn a_value_that_may_hold_what_ends_it_is_named() {
    let (code, out, _) = format(&["-", "--log-format", "[$time_local] $http_x_real_ip $http_cookie $status"], b"x\n");
    assert_eq!(code, Some(1));
    let ambiguous = out.lines().filter(|line| line.starts_with("  ambiguous  where `$http_")).count();
    assert_eq!(ambiguous, 2, "{out}");
}

#[test]
fn what_a_time_is_of_is_said() {
    let cases = [
        ("$time_local|$status", "completion"),
        (r#"%h %t "%r" %>s"#, "start"),
        (r#"%h %t "%r" %>s %D"#, "start and duration"),
    ];
    for (log_format, expected) in cases {
        let (_, out, _) = format(&["-", "--format", "json", "--log-format", log_format], b"x\n");
        let shown: Json = serde_json::from_str(&out).expect(log_format);
        assert_eq!((shown["time"].as_str(), &shown["has_zone"]), (Some(expected), &Json::Bool(true)), "{log_format}");
    }
}

#[test]
fn lines_that_are_not_understood_are_named_a_few_of_them() {
    let log = format!("{}{}", format!("{LINE}\n").repeat(4), "nonsense\n".repeat(5));
    let (code, out, err) = format(&["-", "--lines", "1"], log.as_bytes());
    assert_eq!((code, err.as_str()), (Some(1), ""));
    let end = "\n  line 5 is not understood: expected a value for `%h` that ends at ` ` at byte 0\n\
        \x20 line 6 is not understood: expected a value for `%h` that ends at ` ` at byte 0\n\
        \x20 line 7 is not understood: expected a value for `%h` that ends at ` ` at byte 0\n\
        \x20 and 2 lines more\n";
    assert!(out.ends_with(end), "{out}");
}

#[test]
fn only_the_first_hundred_lines_count() {
    let log = format!("{}nonsense\n", format!("{LINE}\n").repeat(100));
    let (code, out, _) = format(&["-"], log.as_bytes());
    assert_eq!(code, Some(0));
    assert!(out.starts_with("-: combined: 100 of the first 100 lines understood\n"), "{out}");
    assert_eq!(out.matches("\n  line ").count(), 3);
}

#[test]
fn a_line_that_is_too_long_ends_the_sample() {
    let log = format!("{LINE}\n{}\n{LINE}\n", "x".repeat(2 << 20));
    let (code, out, _) = format(&["-"], log.as_bytes());
    assert_eq!(code, Some(1));
    assert!(out.starts_with("-: combined: 1 of 2 lines understood\n"), "{out}");
    let end = out.lines().skip_while(|line| !line.contains("line 2 is not understood: longer than 1048576 bytes"));
    assert_eq!(end.last().map(|line| line.chars().count()), Some(4 + 120 + 1), "{out}");
}

#[test]
fn events_are_shown_too() {
    let cases = [
        (r#"{"service":"q","time":1700000000,"metric":85,"tags":["a"]}"#, "JSON events"),
        (r#"{:service "q" :time 1700000000 :metric 85 :tags ["a"]}"#, "EDN events"),
    ];
    for (line, name) in cases {
        let (code, out, _) = format(&["-"], format!("{line}\n").as_bytes());
        assert_eq!(code, Some(0), "{out}");
        assert!(out.starts_with(&format!("-: {name}: 1 of 1 line understood\n")), "{out}");
        assert!(out.contains("    time     2023-11-14T22:13:20Z  :time\n"), "{out}");
        assert!(out.contains("    metric   85                    :metric 85\n"), "{out}");
    }
}

#[test]
fn a_format_comes_out_of_a_servers_configuration() {
    let configuration = format!("http {{\n  log_format timed '{TIMED}';\n  log_format short '$time_local';\n}}\n");
    let folder = Folder::with(&[("nginx.conf", configuration.as_bytes()), ("a.log", LINE.as_bytes())]);
    let (code, out, _) = folder.run(&["a.log", "--log-format", "@nginx.conf:timed"], b"");
    assert_eq!(code, Some(0));
    assert!(out.contains("  write      --log-format @nginx.conf:timed\n"), "{out}");
    let (code, out, err) = folder.run(&["a.log", "--log-format", "@nginx.conf"], b"");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("there are 2 formats here (timed, short)"), "{err}");
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing() {
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nginx-incidents.log.gz")).expect("there");
    let files: [(&str, &[u8]); 4] = [
        ("a.log", LINE.as_bytes()),
        ("b.log", b"what is this\n"),
        ("cut.gz", &whole[..20]),
        ("half.gz", &whole[..600]),
    ];
    let folder = Folder::with(&files);
    let (code, out, err) = folder.run(&["none.log", "a.log", "b.log", "cut.gz", "half.gz", "--lines", "0"], b"");
    assert_eq!(code, Some(2));
    let heads: Vec<&str> = out.lines().filter(|line| line.contains("understood")).collect();
    assert_eq!(heads[0], "a.log: combined: 1 of 1 line understood");
    assert!(heads.len() == 2 && heads[1].starts_with("half.gz: combined: "), "{out}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines[0], "highwater: none.log: there is no such file");
    assert!(lines[1].starts_with("highwater: b.log: neither events nor a log format that is known"), "{err}");
    assert!(lines[2].starts_with("highwater: cut.gz: ") && lines[3].starts_with("highwater: half.gz: "), "{err}");
    assert!(lines[3].ends_with(": the compressed file is cut off here"), "{err}");
    let (code, _, err) = folder.run(&["-", "-"], b"");
    assert_eq!((code, err.as_str()), (Some(2), "highwater: -: standard input is named twice\n"));
    let (code, _, err) = folder.run(&["a.log", "--zone", "../etc/passwd"], b"");
    assert_eq!(code, Some(2));
    assert!(err.starts_with("highwater: --zone: `../etc/passwd` is no name of a time zone: write a place"), "{err}");
    assert_eq!(folder.run(&["a.log", "--lines", "101"], b"").0, Some(2));
}

#[test]
fn machines_read_one_object_a_file() {
    let folder = Folder::with(&[("a.log", format!("{LINE}\nnonsense\n").as_bytes()), ("b.log", b"")]);
    let (code, out, err) = folder.run(&["a.log", "b.log", "--format", "json", "--lines", "1"], b"");
    assert_eq!((code, err.as_str()), (Some(1), ""));
    let mut files: Vec<Json> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let parts = files[0]["shown"][0]["parts"].take();
    let request = serde_json::json!({
        "label": "%r",
        "value": "GET /cart?id=7 HTTP/1.1",
        "fields": {
            "method": "GET",
            "path": "/cart",
            "query": "id=7",
            "protocol": "HTTP/1.1",
            "request": "GET /cart?id=7 HTTP/1.1",
        },
    });
    assert_eq!((parts.as_array().map(Vec::len), &parts[4]), (Some(9), &request));
    let expected = serde_json::json!({
        "v": 1, "path": "a.log", "format": "combined", "log_format": "combined", "lines": 2, "understood": 1,
        "known": [
            { "format": "combined", "understood": 1 },
            { "format": "common", "understood": 1 },
            { "format": "nginx", "understood": 1 },
        ],
        "time": "start", "has_zone": true, "zone": null, "ambiguous": [], "goes_on": true,
        "shown": [{ "line": 1, "parts": null }],
        "refused": [{
            "line": 2, "message": "expected a value for `%h` that ends at ` ` at byte 0", "text": "nonsense",
        }],
    });
    assert_eq!(files[0], expected);
    let empty = serde_json::json!({ "v": 1, "path": "b.log", "format": null, "lines": 0, "understood": 0 });
    assert_eq!(files[1], empty);
}

/// What gives a field of an event is the value that it is shown for, for every format and real logs.
#[test]
fn every_field_of_an_event_is_shown_once_and_for_what_it_comes_of() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let timed = format!("@{}", root.join("nginx-incidents.conf").display());
    let cases = [
        ("logs/apache-combined.log", None),
        ("logs/lnav-access.log", None),
        ("logs/lnav-access-vhost.log", None),
        ("logs/mtail-apache-common.log", None),
        ("logs/mtail-lighttpd.log", None),
        ("logs/nginx-combined.log", Some("nginx")),
        ("nginx-incidents.log.gz", Some(timed.as_str())),
        ("logs/alp-combined.log", Some(r#"%h %l %u %t "%m %U%q %H" %>s %b "%{Referer}i" "%{User-Agent}i" "%f" %T"#)),
    ];
    for (file, log_format) in cases {
        let path = root.join(file);
        let mut arguments = vec![path.to_str().expect("UTF-8"), "--lines", "100", "--format", "json"];
        arguments.extend(log_format.into_iter().flat_map(|format| ["--log-format", format]));
        let (code, out, err) = format(&arguments, b"");
        assert!(matches!(code, Some(0 | 1)), "{file}: {err}");
        let shown: Json = serde_json::from_str(&out).expect(file);
        let lines = shown["shown"].as_array().expect("lines");
        assert!(!lines.is_empty() && shown["understood"].as_u64() == u64::try_from(lines.len()).ok(), "{file}");
        for line in lines {
            let parts = line["parts"].as_array().expect("parts");
            let mut names: Vec<&String> = Vec::new();
            for part in parts {
                assert_ne!(part["label"], "", "{file}: no value gives {part}");
                let fields = part["fields"].as_object().expect("fields");
                names.extend(fields.keys());
                // What is shown for a text is in it, backslashes apart.
                for (name, value) in fields.iter().filter(|(name, _)| !matches!(name.as_str(), "time" | "metric")) {
                    let (text, value) = (part["value"].as_str().expect("text"), value.as_str().unwrap_or(""));
                    assert!(text.contains(value) || text.contains('\\') || text == "-", "{file}: {name} of {part}");
                }
            }
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{file}: {line}");
            assert!(names.iter().any(|name| *name == "time"), "{file}: {line}");
        }
    }
}
