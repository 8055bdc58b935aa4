//! A folder with logs and a configuration, in which runs are started; and what their points come to.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// 2024-11-22T00:00:00Z.
pub const START: i64 = 1_732_233_600;

pub struct Desk(pub PathBuf);

/// What came of a process.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new(name: &str) -> Desk {
        let folder = std::env::temp_dir().join(format!("highwater-{}-load-command-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        Desk(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("writable");
    }

    pub fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).expect("writable");
        file.write_all(text.as_bytes()).expect("writable");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<String> = entries.map(|entry| name(entry).into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// Writes a configuration of one pipeline. It has what it needs, and a host of its own, unless it says otherwise.
    pub fn configure(&self, entries: &str) {
        self.write("load.edn", format!("{{:pipelines {{:web {{{}}}}}}}", whole(entries)));
    }

    /// `highwater load`, to be started in the folder; checkpoints are in `state`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(["load", "load.edn", "--checkpoint", "state"]).args(arguments).current_dir(&self.0);
        command.stdin(Stdio::null());
        command
    }

    pub fn load(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// `highwater`, with any arguments.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(Command::new(env!("CARGO_BIN_EXE_highwater")).args(arguments).current_dir(&self.0).stdin(Stdio::null()))
    }

    /// A run that has nothing to object to; its points go into the database.
    pub fn tick(&self, points: &mut Points) {
        let Ran { code, out, err } = self.load(&[]);
        assert_eq!((code, err.as_str()), (0, ""));
        points.take(&out);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The entries of a pipeline, with what it needs.
pub fn whole(entries: &str) -> String {
    let defaults = [
        (":files", "\"access.log\""),
        (":format", ":common"),
        (":record", "{:path :path}"),
        (":tags", "{:host \"h\"}"),
        (":to", ":stdout"),
    ];
    let mut text = entries.to_string();
    for (option, default) in defaults {
        if !entries.contains(&format!("{option} ")) {
            text.push_str(&format!(" {option} {default}"));
        }
    }
    text
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: output.status.code().expect("no signal"), out: text(output.stdout), err: text(output.stderr) }
}

/// A line of an access log, so many seconds after [`START`], on the same day.
pub fn line(second: i64, path: &str, status: u32, bytes: u64) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "10.0.0.1 - - [22/Nov/2024:{hour:02}:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" {status} {bytes}\n"
    )
}

/// One line a second.
pub fn lines(seconds: std::ops::Range<i64>, path: &str) -> String {
    seconds.map(|second| line(second, path, 200, 5)).collect()
}

/// What a database has: of one series at one time the last value of each field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points(pub BTreeMap<(String, i64), BTreeMap<String, f64>>);

impl Points {
    /// Takes lines in which no space is escaped.
    pub fn take(&mut self, text: &str) {
        for line in text.lines() {
            let parts: Vec<&str> = line.split(' ').collect();
            let [series, fields, time] = parts[..] else { panic!("no point: {line}") };
            let nanos: i64 = time.parse().unwrap_or_else(|_| panic!("no time: {line}"));
            let point = self.0.entry((series.to_string(), nanos)).or_default();
            for field in fields.split(',') {
                let (name, value) = field.split_once('=').unwrap_or_else(|| panic!("no field: {line}"));
                let value = value.strip_suffix('i').unwrap_or(value);
                point.insert(name.to_string(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")));
            }
        }
    }

    pub fn of(text: &str) -> Points {
        let mut points = Points::default();
        points.take(text);
        points
    }

    /// A field, added up over all points.
    pub fn sum(&self, field: &str) -> f64 {
        self.0.values().filter_map(|fields| fields.get(field)).sum()
    }

    /// `series seconds-after-START field`, for points that are at the start of a window.
    pub fn get(&self, series: &str, second: i64, field: &str) -> Option<f64> {
        let nanos = (START + second) * 1_000_000_000;
        self.0.get(&(series.to_string(), nanos))?.get(field).copied()
    }

    /// Points that are set apart from the start of a window.
    pub fn apart(&self) -> usize {
        self.0.keys().filter(|(_, nanos)| nanos % 1_000_000_000 != 0).count()
    }
}

/// The numbers of a fixed sequence that looks random.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
