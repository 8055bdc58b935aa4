//! Ten minutes of a real nginx, logged in four formats at once: they come to the same counts, and what went wrong is
//! found. `fixtures/README.md` says where it is from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use highwater::plan::Timestamp;
use regex::Regex;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The format of that name, as it stands in nginx.conf.
fn pasted(name: &str) -> String {
    let texts = ["nginx-incidents.conf", "nginx-incidents-formats.conf"].map(|file| fs::read_to_string(fixture(file)));
    let mut lines = texts.iter().flat_map(|text| text.as_ref().expect("there").lines());
    let is_it = |line: &&str| line.starts_with(&format!("log_format {name} "));
    lines.find(is_it).expect("a format of this name").to_string()
}

/// How it was logged: the file, and the format.
fn logs() -> [(&'static str, &'static str, String); 4] {
    [
        ("combined", "nginx-incidents-combined.log.zst", "combined".to_string()),
        ("timed", "nginx-incidents.log.gz", pasted("timed")),
        ("json", "nginx-incidents-json.log.zst", pasted("js")),
        ("ltsv", "nginx-incidents-ltsv.log.zst", pasted("ltsv")),
    ]
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("highwater-{}-load-nginx-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(path)
    }

    /// Standard output of a command that has nothing to object to.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        let output = command.args(arguments).current_dir(&self.0).output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `load` makes of all logs in one run: for each log its points, the last of each series and time.
fn load(folder: &Folder, auto: bool) -> BTreeMap<String, BTreeMap<String, String>> {
    let pipelines = logs().map(|(name, file, format)| {
        let format = if auto && name != "timed" { ":auto".to_string() } else { format!("{format:?}") };
        // `$request_uri` is empty where nginx could not read the request: of those only the class is known to all.
        format!(
            ":{name} {{:files {:?} :format {format} :to :stdout :tags {{:host \"h\"}}
                :record {{:class  (str (subs :status-code 0 1) \"xx\")
                          :prefix (when (not= :status-code 400) (re-groups \"^(/[^/]*)\" :path))}}
                :stats {{:ms {{:field :metric :percentiles [0.5 0.99] :sum true}}}}}}",
            fixture(file)
        )
    });
    let text = format!("{{:pipelines {{{}}}}}", pipelines.join("\n"));
    fs::write(folder.0.join("load.edn"), text).expect("writable");
    let mut points: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in folder.run(&["load", "load.edn", "--checkpoint", if auto { "auto" } else { "state" }]).lines() {
        let (name, point) = line.split_once(',').expect("tags");
        let parts: Vec<&str> = point.split(' ').collect();
        let of = points.entry(name.to_string()).or_default();
        of.insert(format!("{} {}", parts[0], parts[2]), parts[1].to_string());
    }
    points
}

/// The number of lines by series and window, counted by a regular expression that knows the log of this traffic only.
fn expected() -> BTreeMap<String, u64> {
    let mut text = String::new();
    let packed = fs::File::open(fixture("nginx-incidents.log.gz")).expect("there");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("whole");
    text.push_str(&String::from_utf8_lossy(&bytes));
    let line =
        r#"(?m)\[22/Nov/2026:15:(\d\d):\d\d \+0000\] "(?:[A-Z]+ (/[^/ ?]*)[^"]* HTTP/[0-9.]+|[^"]*)" (\d)(\d\d) \d+ ""#;
    let mut counts = BTreeMap::new();
    for found in Regex::new(line).expect("a pattern").captures_iter(&text) {
        let minute: i64 = found[1].parse().expect("digits");
        let time = (1_795_359_600 + minute * 60) * 1_000_000_000;
        let prefix = found.get(2).filter(|_| (&found[3], &found[4]) != ("4", "00"));
        let prefix = prefix.map_or(String::new(), |prefix| format!(",prefix={}", prefix.as_str()));
        *counts.entry(format!("class={}xx,host=h{prefix} {time}", &found[3])).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<u64>(), 27_915, "each line");
    counts
}

#[test]
fn four_encodings_of_one_traffic_come_to_the_same_points() {
    let folder = Folder::new("encodings");
    let expected = expected();
    for auto in [false, true] {
        let points = load(&folder, auto);
        let field = |fields: &str, name: &str| -> Option<String> {
            fields.split(',').find_map(|field| field.strip_prefix(&format!("{name}=")).map(str::to_string))
        };
        for (name, points) in &points {
            let count = |fields: &String| {
                field(fields, "count").expect("a count").trim_end_matches('i').parse().expect("a number")
            };
            let counts: BTreeMap<String, u64> = points.iter().map(|(at, fields)| (at.clone(), count(fields))).collect();
            assert_eq!(counts, expected, "{name}");
        }
        for (at, fields) in &points["timed"] {
            assert_eq!(field(&points["combined"][at], "ms_sum"), None, "combined has no times");
            for name in ["json", "ltsv"] {
                for of in ["ms_p50", "ms_p99", "ms_sum"] {
                    assert_eq!(field(&points[name][at], of), field(fields, of), "{of} of {name} at {at}");
                }
            }
        }
        assert_eq!(points.len(), 4);
    }
}

/// Start and end of the incidents, in seconds since 1970, with what each was.
fn incidents() -> Vec<(i64, i64, String)> {
    let text = fs::read_to_string(fixture("nginx-incidents-schedule.json")).expect("there");
    let schedule: Value = serde_json::from_str(&text).expect("JSON");
    let second = |value: &Value| value.as_f64().expect("a time") as i64;
    let incident = |one: &Value| (second(&one["start"]), second(&one["end"]), one["kind"].to_string());
    schedule["incidents"].as_array().expect("a list").iter().map(incident).collect()
}

/// The starts of the windows of one minute that were violated, by the kind of check, in `replay` of a log.
fn violated(folder: &Folder, (file, format): (&str, &str), share: &str, p99: u32) -> BTreeMap<String, BTreeSet<i64>> {
    let text = format!(
        r#"{{:percentiles {{"http" {{0.99 {{:<= {p99} :interval 60 :where (starts-with? :path "/api/")}}}}}}
            :histograms {{"http" {{:status-code
              {{"^2[0-9]{{2}}$" {{:>= {share} :interval 60 :type :percentage :where (starts-with? :path "/api/")}}
               ".*" {{:> 0 :interval 60 :type :count}}}}}}}}}}"#
    );
    fs::write(folder.0.join("thresholds.edn"), text).expect("writable");
    let file = fixture(file);
    let file = file.to_str().expect("UTF-8");
    let out = folder.run(&["replay", "-c", "thresholds.edn", "--format", "json", "--log-format", format, file]);
    let mut windows: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let mut since: BTreeMap<String, i64> = BTreeMap::new();
    for line in out.lines() {
        let transition: Value = serde_json::from_str(line).expect("JSON");
        let kind = transition["kind"].as_str().expect("a text").to_string();
        let start = transition["window"]["start"].as_str().expect("a time");
        let start = Timestamp::from_rfc3339(start.as_bytes()).expect("a time").micros() / 1_000_000;
        match transition["status"].as_str() {
            Some("violation") => drop(since.insert(kind, start)),
            _ => {
                let from = since.remove(&kind).expect("it was violated");
                windows.entry(kind).or_default().extend((from..start).step_by(60));
            }
        }
    }
    assert!(since.is_empty(), "violated at the end: {since:?}");
    windows
}

/// Which incidents have a violated window that overlaps them. Each violated window has an incident at most a minute away.
fn found(windows: &BTreeMap<String, BTreeSet<i64>>) -> Vec<String> {
    let all: BTreeSet<i64> = windows.values().flatten().copied().collect();
    let incidents = incidents();
    for start in &all {
        let is_near = |(from, to, _): &(i64, i64, String)| start - 60 < *to && *from < start + 120;
        assert!(incidents.iter().any(is_near), "a violation at {start}, and nothing happened");
    }
    let overlaps = |(from, to, _): &&(i64, i64, String)| all.iter().any(|start| start < to && *from < start + 60);
    incidents.iter().filter(overlaps).map(|(.., kind)| kind.trim_matches('"').to_string()).collect()
}

#[test]
fn round_thresholds_find_the_four_incidents_and_nothing_else() {
    let folder = Folder::new("incidents");
    let [combined, timed, json, ltsv] = logs();
    for (share, p99) in [("0.98", 200), ("0.98", 400), ("0.99", 200), ("0.99", 250), ("0.99", 300), ("0.99", 400)] {
        let windows = violated(&folder, (timed.1, &timed.2), share, p99);
        assert_eq!(found(&windows), ["latency", "errors", "upstream_down", "slow_all"], "{share}, {p99} ms");
        assert!(!windows.contains_key("count"), "there was traffic all the time");
    }
    let of_timed = violated(&folder, (timed.1, &timed.2), "0.99", 250);
    for (_, file, format) in [&json, &ltsv] {
        assert_eq!(violated(&folder, (file, format), "0.99", 250), of_timed, "{file}");
    }
    // It does not say how long requests took: what was only slow is not seen.
    let windows = violated(&folder, (combined.1, &combined.2), "0.99", 250);
    assert_eq!(found(&windows), ["errors", "upstream_down"]);
    assert_eq!(windows.get("percentage"), of_timed.get("percentage"));
}

#[test]
fn a_share_of_95_percent_overlooks_an_outage_that_failed_one_request_in_forty() {
    let folder = Folder::new("overlooked");
    let [_, (_, file, format), ..] = logs();
    assert_eq!(found(&violated(&folder, (file, &format), "0.95", 250)), ["latency", "errors", "slow_all"]);
}
