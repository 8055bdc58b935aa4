//! Which runs there are, what they take and what they say.

use std::fs;
use std::path::Path;

use highwater::load::checkpoint::Checkpoint;

use super::desk::{Desk, Points, Ran, line, lines, whole};

#[test]
fn a_run_takes_what_is_new_and_says_nothing() {
    let desk = Desk::new("new");
    desk.configure("");
    desk.write("access.log", lines(0..150, "/a"));
    let mut points = Points::default();
    desk.tick(&mut points);
    let of = |points: &Points, second| points.get("web,host=h,path=/a", second, "count");
    assert_eq!([0, 60, 120].map(|second| of(&points, second)), [Some(60.0), Some(60.0), Some(30.0)]);
    assert_eq!(desk.load(&[]).out, "", "nothing is new");
    desk.append("access.log", &lines(150..200, "/a"));
    let Ran { code, out, .. } = desk.load(&[]);
    assert_eq!((code, out.lines().count()), (0, 2), "values that changed, as a whole: {out}");
    points.take(&out);
    assert_eq!([0, 60, 120, 180].map(|second| of(&points, second)), [60.0, 60.0, 60.0, 20.0].map(Some));
    assert_eq!((points.sum("count"), points.apart()), (200.0, 0));
    assert_eq!(desk.names("state"), ["web.checkpoint", "web.lock"]);
}

#[test]
fn a_verbose_run_says_what_it_did() {
    let desk = Desk::new("verbose");
    desk.configure(":record (when (not= :path \"/health\") {:path :path})");
    desk.write("access.log", lines(0..90, "/a") + &lines(90..100, "/health"));
    let Ran { code, err, .. } = desk.load(&["-v"]);
    let bytes = desk.read("access.log").len() as f64 / 1e6;
    let expected = format!("highwater: web: 100 lines of 1 file ({bytes:.1} MB), 10 dropped, 2 points\n");
    assert_eq!((code, err), (0, expected));
    assert_eq!(desk.load(&["--verbose"]).err, "highwater: web: nothing new\n");
}

#[test]
fn points_are_appended_to_a_file() {
    let desk = Desk::new("file");
    desk.configure(":to {:type :file :path \"points.line\"}");
    desk.write("access.log", lines(0..70, "/a"));
    assert_eq!(desk.load(&[]).out, "");
    let first = desk.read("points.line");
    assert_eq!(
        first,
        "web,host=h,path=/a count=60i 1732233600000000000\nweb,host=h,path=/a count=10i 1732233660000000000\n"
    );
    desk.load(&[]);
    assert_eq!(desk.read("points.line"), first);
    desk.append("access.log", &lines(70..80, "/a"));
    desk.load(&[]);
    assert_eq!(desk.read("points.line"), format!("{first}web,host=h,path=/a count=20i 1732233660000000000\n"));
}

#[test]
fn a_dry_run_prints_what_a_run_would_send_and_changes_nothing() {
    let desk = Desk::new("dry");
    desk.configure(":to {:type :file :path \"points.line\"} :max-rejects 1");
    desk.write("access.log", lines(0..70, "/a") + "no line of this format\n");
    let dry = desk.load(&["--dry-run"]);
    assert_eq!((dry.code, dry.err.as_str()), (0, ""));
    assert_eq!(Points::of(&dry.out).sum("count"), 70.0);
    assert_eq!(desk.names("."), ["access.log", "load.edn"], "no checkpoint, no points, no rejects");
    desk.load(&[]);
    assert_eq!(desk.read("points.line"), dry.out);
    desk.append("access.log", &lines(70..75, "/a"));
    let state =
        || ["web.checkpoint", "web.rejects"].map(|name| fs::read(desk.path("state").join(name)).expect("there"));
    let before = state();
    let lock = Checkpoint::lock(&desk.path("state"), "web").expect("nobody else runs");
    let again = desk.load(&["--dry-run"]);
    drop(lock);
    assert_eq!((again.code, again.out.as_str()), (0, "web,host=h,path=/a count=15i 1732233660000000000\n"));
    assert_eq!(state(), before);
    assert_eq!(desk.read("points.line"), dry.out);
}

#[test]
fn a_line_is_explained_step_by_step() {
    let desk = Desk::new("explain");
    desk.configure(
        ":format :nginx :stats {:bytes {:field :body-bytes-sent :percentiles [0.99]}}
         :record (cond (= :method \"OPTIONS\") nil
                       (starts-with? :path \"/api/\") {:area (re-groups \"^/api/([a-z]+)\" :path)
                                                       :class (str (subs :status-code 0 1) \"xx\")}
                       :else {:area \"site\"})",
    );
    let line = |method: &str, path: &str| {
        format!("10.0.0.1 - bob [22/Nov/2026:15:46:35 +0000] \"{method} {path} HTTP/1.1\" 503 7 \"-\" \"curl/8\"")
    };
    let explain = |line: &str| desk.load(&["--explain", line]);
    let Ran { code, out, err } = explain(&line("GET", "/api/users/1?x=2"));
    assert_eq!((code, err.as_str()), (0, ""));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/explain.expected");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&golden, &out).expect("writable");
    }
    assert_eq!(out, fs::read_to_string(&golden).unwrap_or_default(), "UPDATE_EXPECTED=1 rewrites the golden file");
    for step in [
        "format    nginx",
        "time      2026-11-22T15:46:35Z",
        ":path \"/api/users/1\"",
        "(= :method \"OPTIONS\") => false",
        "(starts-with? :path \"/api/\") => true",
        "(re-groups \"^/api/([a-z]+)\" :path 1) => \"users\"",
        "(str (subs :status-code 0 1) \"xx\") => \"5xx\"",
        "window    2026-11-22T15:46:00Z to 2026-11-22T15:47:00Z",
        "point     web,area=users,class=5xx,host=h ",
    ] {
        assert!(out.lines().any(|line| line.contains(step)), "{step}\n{out}");
    }
    let dropped = explain(&line("OPTIONS", "/")).out;
    assert!(
        dropped.contains("(= :method \"OPTIONS\") => true") && dropped.ends_with("dropped   the record is nil\n\n"),
        "{dropped}"
    );
    let Ran { code, out, .. } = explain("10.0.0.1 - bob [22/Nov/2026:15:46:35 +0000] GET");
    assert_eq!(code, 1);
    let refused: Vec<&str> = out.lines().collect();
    assert!(refused[2].starts_with("refused   "), "{out}");
    assert_eq!(refused[4].find('^'), refused[3].find("22/Nov"), "{out}");
    assert_eq!(desk.names("."), ["load.edn"], "nothing is written");
}

#[test]
fn only_the_pipelines_that_are_named_run() {
    let desk = Desk::new("named");
    let pipeline = |name: &str| format!(":{name} {{{}}}", whole(&format!(":files \"{name}.log\"")));
    desk.write("load.edn", format!("{{:pipelines {{{} {} {}}}}}", pipeline("a"), pipeline("b"), pipeline("c")));
    for name in ["a", "b", "c"] {
        desk.write(&format!("{name}.log"), lines(0..5, "/x"));
    }
    let run = |arguments: &[&str]| desk.load(arguments);
    assert_eq!(run(&["--pipeline", "b"]).out, "b,host=h,path=/x count=5i 1732233600000000000\n");
    let Ran { code, out, err } = run(&["--pipeline", "d"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(err, "highwater: --pipeline d: there is none of this name, but: a, b, c\n");
    let both = run(&["--pipeline", "c", "--pipeline", "a"]).out;
    assert_eq!(both, "a,host=h,path=/x count=5i 1732233600000000000\nc,host=h,path=/x count=5i 1732233600000000000\n");
    assert_eq!(run(&[]).out, "");
}

#[test]
fn a_configuration_without_pipelines_is_no_load() {
    let desk = Desk::new("none");
    for (text, code, phrase) in [
        ("{:percentiles {\"q\" {0.99 {:<= 100 :interval 600}}}}", 2, "no `:pipelines` here"),
        ("{:pipelines {}}", 2, "no `:pipelines` here"),
        ("{:pipelines {:web {:files \"a\"}}}", 2, "T100"),
    ] {
        desk.write("load.edn", text);
        let ran = desk.load(&[]);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{text}");
        assert!(ran.err.contains(phrase), "{text}\n{}", ran.err);
    }
    desk.configure(":files [\"logs/*.log\" \"other.log\"]");
    let ran = desk.load(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("highwater: web: no file matches logs/*.log, other.log, from /"), "{}", ran.err);
}

#[test]
fn a_multibrain_runs_each_list_though_another_fails() {
    let desk = Desk::new("multibrain");
    let pipeline = |name: &str| format!("{{:pipelines {{:{name} {{{}}}}}}}", whole(&format!(":files \"{name}.log\"")));
    for name in ["a", "b"] {
        desk.write(&format!("{name}.edn"), pipeline(name));
        desk.write(&format!("{name}.log"), lines(0..5, "/x"));
    }
    let run = |lists: &str| {
        desk.write("loads.json", lists);
        desk.run(&["load", "--multibrain", "loads.json"])
    };
    let lists = r#"[["a.edn", "--checkpoint", "of-a"], ["missing.edn"], ["load", "b.edn", "--checkpoint", "of-b"]]"#;
    let Ran { code, out, err } = run(lists);
    assert_eq!(code, 2);
    assert_eq!(out, "a,host=h,path=/x count=5i 1732233600000000000\nb,host=h,path=/x count=5i 1732233600000000000\n");
    assert!(err.contains("there is no such file or folder") && err.contains("missing.edn"), "{err}");
    assert_eq!(desk.names("of-a"), ["a.checkpoint", "a.lock"]);
    let fine = run(r#"[["a.edn", "--checkpoint", "of-a"], ["b.edn", "--checkpoint", "of-b"]]"#);
    assert_eq!((fine.code, fine.out.as_str(), fine.err.as_str()), (0, "", ""));
    for (lists, phrase) in [
        ("{}", "expected an array of argument lists"),
        ("[[\"a.edn\", 5]]", "expected an array of argument lists"),
        ("[[\"a.edn\"], [\"b.edn\", \"--dry\"]]", "list 2: error: unexpected argument '--dry'"),
        ("[[\"--multibrain\", \"loads.json\"]]", "list 1: `--multibrain` cannot stand in such a file"),
    ] {
        let ran = run(lists);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "nothing runs: {lists}");
        assert!(
            ran.err.starts_with("highwater: --multibrain: loads.json: ") && ran.err.contains(phrase),
            "{}",
            ran.err
        );
    }
    let missing = desk.run(&["load", "--multibrain", "no.json"]);
    assert_eq!(missing.code, 2);
    assert_eq!(desk.run(&["load", "--multibrain", "loads.json", "a.edn"]).code, 2, "it stands alone");
}

#[test]
fn another_run_that_is_under_way_is_left_alone() {
    let desk = Desk::new("locked");
    desk.configure("");
    desk.write("access.log", lines(0..5, "/a"));
    let lock = Checkpoint::lock(&desk.path("state"), "web").expect("nobody else runs");
    let said = format!("highwater: web: another run is under way (process {}): state/web.lock\n", std::process::id());
    for (arguments, code) in [(&[][..], 0), (&["--fail-if-running"], 2)] {
        let ran = desk.load(arguments);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (code, "", said.as_str()));
    }
    drop(lock);
    let ran = desk.load(&["--fail-if-running"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "web,host=h,path=/a count=5i 1732233600000000000\n"));
}

#[test]
fn two_logs_are_merged_in_one_pipeline() {
    let desk = Desk::new("merged");
    desk.configure(":files [\"a.log\" \"b/*.log\"] :lateness 0");
    fs::create_dir(desk.path("b")).expect("writable");
    // Each is far longer than what is read of one at a time.
    let text: String = (0..20_000).map(|second| line(second, "/a", 200, 5)).collect();
    desk.write("a.log", &text);
    desk.write("b/b.log", text.replace("GET /a", "GET /b"));
    let mut points = Points::default();
    desk.tick(&mut points);
    assert_eq!((points.sum("count"), points.apart()), (40_000.0, 0), "no line is late");
    for path in ["/a", "/b"] {
        assert_eq!(points.get(&format!("web,host=h,path={path}"), 19_920, "count"), Some(60.0));
    }
    desk.append("a.log", &lines(20_000..20_010, "/a"));
    desk.append("b/b.log", &lines(20_000..20_010, "/b"));
    desk.tick(&mut points);
    assert_eq!((points.sum("count"), points.apart()), (40_020.0, 0));
}
