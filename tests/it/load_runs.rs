//! `highwater load` as cron starts it: what a run says, sends, remembers and comes to.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder, removed when it is dropped.
struct Site(PathBuf);

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

const FORMAT: &str = ":nginx_timed";

impl Site {
    fn new(name: &str) -> Site {
        let folder = std::env::temp_dir().join(format!("highwater-load-runs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Site(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with one pipeline `:web` of `access.log`, with these options beside.
    fn pipeline(&self, options: &str) {
        self.write("p.edn", &format!("{{:pipelines {{:web {{:files [\"access.log\"] {options}}}}}}}"));
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).expect("a file");
        file.write_all(text.as_bytes()).expect("a file that grows");
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(crate::daemon::binary());
        command.arg("load").args(arguments).args(["--checkpoint", "cp"]).current_dir(&self.0);
        Ran::of(command.output().expect("it runs"))
    }

    /// The last value of each point in `points`, summed over all times: tags → count.
    fn totals(&self) -> BTreeMap<String, u64> {
        let mut points = BTreeMap::<_, u64>::new();
        for line in fs::read_to_string(self.path("points")).unwrap_or_default().lines() {
            let [series, fields, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let count = fields.split(',').find_map(|field| field.strip_prefix("count=")).expect("a count");
            points
                .insert((series.to_string(), time.to_string()), count.trim_end_matches('i').parse().expect("a count"));
        }
        let mut totals = BTreeMap::new();
        for ((series, _), count) in points {
            *totals.entry(series).or_insert(0u64) += count;
        }
        totals
    }

    fn total(&self) -> u64 {
        self.totals().values().sum()
    }
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn is(&self, code: i32, says: &str) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert!(self.err.contains(says), "{}", self.err);
        if says.is_empty() {
            assert_eq!(self.err, "", "cron would send it by mail");
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A line at so many seconds after midnight, with a path, a status and a duration.
fn line(second: u64, path: &str, status: u16, took: &str) -> String {
    let time = format!("22/Nov/2023:{:02}:{:02}:{:02} +0000", second / 3600, second / 60 % 60, second % 60);
    format!("10.0.0.1 - - [{time}] \"GET {path} HTTP/1.1\" {status} 5 \"-\" \"curl\" {took} {took}\n")
}

fn lines(seconds: std::ops::Range<u64>) -> String {
    seconds.map(|second| line(second, "/a", 200, "0.100")).collect()
}

/// Options of a pipeline into the file `points`.
fn options(more: &str) -> String {
    format!(
        ":format {FORMAT} :record {{:class (str (subs :status-code 0 1) \"xx\")}} :tags {{:host \"h\"}} \
         :to {{:type :file :path \"points\"}} {more}"
    )
}

#[test]
fn a_run_takes_what_is_new_and_says_nothing() {
    let site = Site::new("new");
    site.pipeline(&options(""));
    site.append("access.log", &lines(0..90));
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(fs::read_to_string(site.path("points")).unwrap().lines().count(), 2);
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(fs::read_to_string(site.path("points")).unwrap().lines().count(), 2, "nothing new, nothing sent");
    site.append("access.log", &lines(90..100));
    site.run(&["p.edn", "-v"]).is(0, "web: 10 lines of 1 file (0.0 MB), 1 point");
    assert_eq!(site.totals(), BTreeMap::from([("web,class=2xx,host=h".to_string(), 100)]));
    site.run(&["p.edn", "-v"]).is(0, "web: nothing new");
}

#[test]
fn the_articles_distinction_and_its_numbers() {
    let site = Site::new("article");
    site.write(
        "p.edn",
        r#"{:pipelines {:activity {:files ["access.log"] :format :nginx_timed :interval 60 :tags {:host "h"}
            :record (cond (re-find "^/static/" :path) nil
                          (re-find "monitor" :http-user-agent) {:kind "monitoring" :class (str (subs :status-code 0 1) "xx")}
                          :else {:kind "customer" :class (str (subs :status-code 0 1) "xx")})
            :stats {:time {:field :request-time :percentiles [0.5 0.99 1] :sum true :min true :max true :count true}}
            :to :stdout}}}"#,
    );
    for (path, status, took) in
        [("/a", 200, "0.5"), ("/b", 204, "0.25"), ("/static/x", 200, "9"), ("/a", 503, "1.5"), ("/a?x", 200, "-")]
    {
        site.append("access.log", &line(0, path, status, took));
    }
    site.append("access.log", &line(1, "/a", 200, "0.125").replace("curl", "monitor/1"));
    let ran = site.run(&["p.edn"]);
    ran.is(0, "");
    assert_eq!(
        ran.out,
        "activity,class=2xx,host=h,kind=customer count=3i,time_count=2i,time_max=0.5,time_min=0.25,time_p100=0.5,\
         time_p50=0.25,time_p99=0.5,time_sum=0.75 1700611200000000000\n\
         activity,class=2xx,host=h,kind=monitoring count=1i,time_count=1i,time_max=0.125,time_min=0.125,\
         time_p100=0.125,time_p50=0.125,time_p99=0.125,time_sum=0.125 1700611200000000000\n\
         activity,class=5xx,host=h,kind=customer count=1i,time_count=1i,time_max=1.5,time_min=1.5,time_p100=1.5,\
         time_p50=1.5,time_p99=1.5,time_sum=1.5 1700611200000000000\n"
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let site = Site::new("dry");
    site.pipeline(&options(""));
    site.append("access.log", &lines(0..5));
    for _ in 0..2 {
        let ran = site.run(&["p.edn", "--dry-run"]);
        ran.is(0, "");
        assert_eq!(ran.out, "web,class=2xx,host=h count=5i 1700611200000000000\n");
    }
    assert!(!site.path("cp").exists() && !site.path("points").exists());
}

#[test]
fn what_becomes_of_a_line_is_shown_step_by_step() {
    let site = Site::new("explain");
    site.pipeline(
        ":format :nginx :tags {:host \"h\"} :to :stdout :record (cond (re-find \"^/static/\" :path) nil\n\
         :else {:class (str (subs :status-code 0 1) \"xx\") :kind \"customer\"})",
    );
    let line = "10.0.0.1 - - [22/Nov/2023:00:00:59 +0000] \"GET /a HTTP/1.1\" 404 5 \"-\" \"curl\"";
    let ran = site.run(&["p.edn", "--explain", line]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (_, steps) = ran.out.split_once("record ").expect("the steps");
    assert_eq!(
        steps,
        "   (if (re-find \"^/static/\" :path) nil {:class (str (subs :status-code 0 1) \"xx\") :kind \"customer\"}) => \
         {:class \"4xx\" :kind \"customer\"}\n            (re-find \"^/static/\" :path) => nil\n              :path => \"/a\"\n            \
         {:class (str (subs :status-code 0 1) \"xx\") :kind \"customer\"} => {:class \"4xx\" :kind \"customer\"}\n              \
         (str (subs :status-code 0 1) \"xx\") => \"4xx\"\n                (subs :status-code 0 1) => \"4\"\n                  \
         :status-code => \"404\"\n\
         window    2023-11-22T00:00:00Z to 2023-11-22T00:01:00Z\n\
         point     web,class=4xx,host=h,kind=customer count=1i 1700611200000000000\n\n"
    );
    let dropped = site.run(&["p.edn", "--explain", &line.replace("/a ", "/static/a ")]);
    assert!(dropped.out.contains("dropped   the record is nil"), "{}", dropped.out);
    let refused = site.run(&["p.edn", "--explain", &line[..30]]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.out.contains("refused   expected"), "{}", refused.out);
}

#[test]
fn argument_lists_are_run_in_turn_and_one_that_fails_stops_no_other() {
    let site = Site::new("multi");
    site.pipeline(&options(""));
    site.write("bad.edn", "{:pipelines {:bad {:files [\"none.log\"] :format :nginx :record {} :to :stdout}}}");
    site.append("access.log", &lines(0..5));
    site.write("m.json", r#"[["bad.edn", "--checkpoint", "cp"], ["load", "p.edn", "--checkpoint", "cp", "-v"]]"#);
    let run = |file: &str| {
        let mut command = Command::new(crate::daemon::binary());
        Ran::of(command.args(["load", "--multibrain", file]).current_dir(&site.0).output().expect("it runs"))
    };
    let ran = run("m.json");
    ran.is(2, "bad: no file matches none.log");
    ran.is(2, "web: 5 lines of 1 file");
    assert_eq!(site.total(), 5);
    for (text, says) in [
        ("{", "expected an array of argument lists"),
        ("[[\"--nonsense\"]]", "list 1: error: unexpected argument"),
        ("[[\"--multibrain\", \"m.json\"]]", "cannot stand in such a file"),
    ] {
        site.write("m.json", text);
        run("m.json").is(2, says);
    }
}

#[test]
fn one_run_waits_for_no_other() {
    let site = Site::new("lock");
    site.pipeline(&options(""));
    site.append("access.log", &lines(0..5));
    fs::create_dir(site.path("cp")).expect("a folder");
    let lock = File::create(site.path("cp/web.lock")).expect("a file");
    lock.lock().expect("nobody else has it");
    site.run(&["p.edn"]).is(0, "another run is under way");
    site.run(&["p.edn", "--fail-if-running"]).is(2, "another run is under way");
    assert_eq!(site.total(), 0);
    drop(lock);
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(site.total(), 5);
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_set_aside_or_left_alone() {
    let site = Site::new("damaged");
    site.pipeline(&options(""));
    site.append("access.log", &lines(0..5));
    site.run(&["p.edn"]).is(0, "");
    let path = site.path("cp/web.checkpoint");
    let good = fs::read(&path).unwrap();
    for (at, by) in [(good.len() / 2, 1), (17, 1), (3, 1), (good.len() - 1, 0x80)] {
        let mut bad = good.clone();
        bad[at] ^= by;
        fs::write(&path, &bad).unwrap();
        site.run(&["p.edn"]).is(1, "is damaged, and was set aside as cp/web.checkpoint.bad");
        assert_eq!(site.total(), 5, "absolute values: read anew, they overwrite themselves");
    }
    fs::write(&path, &good[..good.len() / 3]).unwrap();
    site.run(&["p.edn"]).is(1, "is damaged");
    let mut later = good.clone();
    later[15] = b'9';
    fs::write(&path, &later).unwrap();
    site.run(&["p.edn"]).is(2, "was written by a later version");
    assert_eq!(fs::read(&path).unwrap(), later, "it was left as it was");
}

#[test]
fn edits_between_runs_leave_every_sum_exact() {
    let site = Site::new("edits");
    let mut written = 0;
    let stat = ":stats {:time {:field :request-time :sum true}}";
    for (at, more) in [
        ":interval 60",
        ":interval 300",
        ":interval 60",
        ":interval 7 :lateness 0",
        stat,
        ":interval 60",
        ":measurement \"other\"",
        ":tags {:host \"h\" :dc \"x\"} ",
        ":interval 60",
    ]
    .iter()
    .enumerate()
    {
        let text =
            if more.starts_with(":tags") { options("").replace(":tags {:host \"h\"}", more) } else { options(more) };
        site.pipeline(&text);
        let from = at as u64 * 95;
        site.append("access.log", &lines(from..from + 95));
        written += 95;
        site.run(&["p.edn"]).is(0, "");
        assert_eq!(site.total(), written, "after {more}");
    }
    // Another record: what was counted stays as it was.
    site.pipeline(&options("").replace("\"xx\"", "\"yy\""));
    site.append("access.log", &lines(855..860));
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(site.total(), written + 5);
    assert_eq!(site.totals()["web,class=2yy,host=h"], 5);
    // Other files under the same name are another pipeline.
    site.write("p.edn", &fs::read_to_string(site.path("p.edn")).unwrap().replace("access.log", "other.log"));
    site.append("other.log", &lines(0..5));
    site.run(&["p.edn"]).is(2, "is of another pipeline of this name");
}

#[test]
fn late_lines_make_points_of_their_own() {
    let site = Site::new("late");
    site.pipeline(&options(""));
    site.append("access.log", &lines(0..300));
    site.run(&["p.edn"]).is(0, "");
    site.append("access.log", &(line(5, "/a", 200, "0.1") + &line(6, "/a", 200, "0.1") + &line(250, "/a", 200, "0.1")));
    site.run(&["p.edn", "-v"]).is(0, "3 lines of 1 file (0.0 MB), 2 late, 2 points");
    assert_eq!(site.total(), 303);
    let points = fs::read_to_string(site.path("points")).unwrap();
    assert!(points.contains("web,class=2xx,host=h count=2i 1700611200000000002\n"), "{points}");
    assert!(points.contains("web,class=2xx,host=h count=61i 1700611440000000000\n"), "{points}");
}

#[test]
fn what_is_not_understood_is_kept_and_may_be_too_much() {
    let site = Site::new("rejects");
    site.pipeline(&options(""));
    site.append("access.log", &(lines(0..97) + "nonsense\n" + &lines(97..98)));
    site.run(&["p.edn"]).is(0, "");
    let rejects = fs::read_to_string(site.path("cp/web.rejects")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(rejects.trim()).unwrap();
    assert_eq!((&kept["file"], &kept["line"]), (&"access.log".into(), &"nonsense".into()), "{rejects}");
    assert_eq!(kept["offset"], lines(0..97).len());
    site.append(
        "access.log",
        &("more nonsense\n".to_string() + &line(4_000_000_000 % 86_400, "/a", 200, "0.1").replace("2023", "2123")),
    );
    let ran = site.run(&["p.edn"]);
    ran.is(1, "2 of 2 lines were refused, more than `:max-rejects` allows");
    ran.is(1, "1 line refused (ahead of the clock), the first: access.log:101: ");
    ran.is(1, "all are in cp/web.rejects");
    assert_eq!(site.total(), 98);
    site.pipeline(&options(":max-rejects 1"));
    site.append("access.log", "nonsense again\n");
    site.run(&["p.edn"]).is(0, "");
}

#[test]
fn a_format_that_fits_nothing_takes_nothing() {
    let site = Site::new("format");
    site.pipeline(&options("").replace(FORMAT, ":vhost_combined"));
    site.append("access.log", &lines(0..5));
    site.run(&["p.edn"]).is(2, "none of 5 lines was understood, so nothing was taken; the first: access.log:1: ");
    site.pipeline(&options(""));
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(site.total(), 5);
}

#[test]
fn too_many_records_are_counted_together_and_said() {
    let site = Site::new("many");
    let text = options("").replace("(str (subs :status-code 0 1) \"xx\")", ":path");
    site.write("p.edn", &format!("{{:limits {{:groups 10}} :pipelines {{:web {{:files [\"access.log\"] {text}}}}}}}"));
    site.append("access.log", &(0..40).map(|n| line(0, &format!("/{n}"), 200, "0.1")).collect::<String>());
    site.run(&["p.edn"]).is(1, "30 lines are counted under the tag `overflow`");
    assert_eq!(site.totals()["web,host=h,overflow=true"], 30);
    assert_eq!(site.total(), 40);
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_other_from_being_read() {
    let site = Site::new("unreadable");
    site.pipeline(&options(""));
    site.write(
        "p.edn",
        &fs::read_to_string(site.path("p.edn")).unwrap().replace("\"access.log\"", "\"*.log\" \"folder\""),
    );
    site.append("access.log", &lines(0..5));
    // Packed, and not.
    site.write("broken.log", "\u{1f}\u{8b}no gzip");
    fs::write(site.path("broken.log"), [0x1f, 0x8b, 8, 0, 1, 2, 3]).unwrap();
    fs::create_dir(site.path("folder")).unwrap();
    site.run(&["p.edn"]).is(2, "folder: is a folder");
    assert_eq!(site.total(), 5);
}

#[test]
fn two_logs_of_one_pipeline_are_counted_together() {
    let site = Site::new("two");
    site.pipeline(&options(""));
    site.write("p.edn", &fs::read_to_string(site.path("p.edn")).unwrap().replace("\"access.log\"", "\"a/*.log\""));
    fs::create_dir(site.path("a")).unwrap();
    for name in ["a/one.log", "a/two.log"] {
        site.append(name, &lines(0..4000));
    }
    site.run(&["p.edn", "-v"]).is(0, "8000 lines of 2 files");
    assert_eq!(site.total(), 8000);
    let points = fs::read_to_string(site.path("points")).unwrap();
    assert!(points.contains("count=120i 1700611200000000000\n"), "{points}");
}

#[test]
fn records_as_events_are_judged_as_the_log_is() {
    let site = Site::new("events");
    site.write(
        "p.edn",
        "{:pipelines {:http {:files [\"access.log\"] :format :nginx_timed :record {:status-code :status-code :host :host} :to :events}}}",
    );
    site.write("t.edn", r#"{:histograms {"http" {:status-code {"^5" {:<= 0.1 :interval 60 :type :percentage}}}}}"#);
    let status = |n: u64| if (100..220).contains(&n) && n.is_multiple_of(2) { 503 } else { 200 };
    site.append("access.log", &(0..600).map(|n| line(n, "/a", status(n), "0.1")).collect::<String>());
    let ran = site.run(&["p.edn"]);
    ran.is(0, "");
    site.write("events.json", &ran.out);
    let replay = |input: &str, more: &[&str]| {
        let mut command = Command::new(crate::daemon::binary());
        command.args(["replay", "-c", "t.edn", "--format", "json", input]).args(more).current_dir(&site.0);
        Ran::of(command.output().expect("it runs")).out
    };
    let transitions = replay("events.json", &[]);
    assert_eq!(transitions.lines().count(), 2, "{transitions}");
    assert_eq!(transitions, replay("access.log", &["--log-format", "nginx_timed"]));
}

#[test]
fn a_file_destination_has_each_line_once_though_runs_are_killed() {
    let site = Site::new("killed");
    site.pipeline(&options("").replace("{:class", "{:path :path :class"));
    let mut written = 0u64;
    for round in 0..30u64 {
        let text: String = (0..20).map(|n| line((written + n) / 3, &format!("/{}", written + n), 200, "0.1")).collect();
        site.append("access.log", &text);
        written += 20;
        if round % 6 == 5 {
            for n in (1..9).rev() {
                let _ = fs::rename(site.path(&format!("access.log.{n}")), site.path(&format!("access.log.{}", n + 1)));
            }
            fs::rename(site.path("access.log"), site.path("access.log.1")).unwrap();
        }
        let mut command = Command::new(crate::daemon::binary());
        let mut child =
            command.args(["load", "p.edn", "--checkpoint", "cp"]).current_dir(&site.0).spawn().expect("it runs");
        std::thread::sleep(std::time::Duration::from_micros(1_000 + round * 700 % 15_000));
        let _ = child.kill();
        let _ = child.wait();
    }
    site.run(&["p.edn"]).is(0, "");
    let totals = site.totals();
    assert_eq!(totals.len() as u64, written);
    assert!(totals.values().all(|count| *count == 1), "{totals:?}");
}

#[test]
fn two_pipelines_with_one_series_are_refused_before_anything_is_read() {
    let site = Site::new("series");
    let one = |tags: &str| {
        format!(
            "{{:files [\"access.log\"] :format :nginx :measurement \"http\" {tags} :record {{:status :status-code}} :to :stdout}}"
        )
    };
    site.write("p.edn", &format!("{{:pipelines {{:a {} :b {}}}}}", one(""), one("")));
    site.run(&["p.edn"]).is(2, "error[T202]: two pipelines can write one series of `http`");
    site.write(
        "p.edn",
        &format!("{{:pipelines {{:a {} :b {}}}}}", one(":tags {:site \"a\"}"), one(":tags {:site \"b\"}")),
    );
    site.append("access.log", "");
    site.run(&["p.edn"]).is(0, "");
    assert!(Path::new(&site.path("cp/a.lock")).exists());
    site.run(&["p.edn", "--pipeline", "c"]).is(2, "--pipeline c: there is none of this name, but: a, b");
    site.write("p.edn", "{:grace 5}");
    site.run(&["p.edn"]).is(2, "no `:pipelines` here");
}

#[test]
fn records_that_make_one_point_are_one_record() {
    let site = Site::new("one");
    let text = options("").replace(
        "{:class (str (subs :status-code 0 1) \"xx\")}",
        "{:host (if (= :status-code 500) \"h\") :agent :http-user-agent}",
    );
    site.pipeline(&text);
    let agents = ["a\u{1}", "a\u{2}", "a\u{7f}", "a"];
    for (n, agent) in agents.iter().enumerate() {
        site.append("access.log", &line(0, "/a", if n % 2 == 0 { 500 } else { 200 }, "0.1").replace("curl", agent));
    }
    let long = "x".repeat(5_000);
    site.append("access.log", &line(0, "/a", 200, "0.1").replace("curl", &format!("{long}1")));
    site.append("access.log", &line(0, "/a", 200, "0.1").replace("curl", &format!("{long}2")));
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(site.total(), 6, "{:?}", site.totals());
}

#[test]
fn values_that_are_kept_of_many_open_windows_keep_no_run_from_ending() {
    let site = Site::new("values");
    site.pipeline(
        &options(":interval 86400 :stats {:time {:field :request-time :percentiles [0.5]}}")
            .replace("(str (subs :status-code 0 1) \"xx\")", ":path"),
    );
    let text: String =
        (0..60_000u64).map(|n| line(n % 60, &format!("/{}", n % 3_000), 200, &format!("0.{:03}", n % 997))).collect();
    site.append("access.log", &text);
    site.run(&["p.edn"]).is(0, "");
    site.append("access.log", &line(0, "/0", 200, "0.1"));
    site.run(&["p.edn"]).is(0, "");
    assert_eq!(site.total(), 60_001);
}

#[test]
fn a_clock_that_is_behind_takes_nothing() {
    let site = Site::new("clock");
    site.pipeline(&options(""));
    site.append("access.log", &lines(0..3).replace("2023", "2123"));
    site.run(&["p.edn"]).is(2, "all of 3 lines are ahead of this machine's clock, so nothing was taken");
    assert_eq!(site.total(), 0);
}
