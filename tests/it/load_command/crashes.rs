//! Runs that end before their time: the next ones come to the points of one run that nothing ended.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use highwater::config;
use highwater::load::checkpoint::Checkpoint;
use highwater::load::run::{self, Report, Surroundings};
use highwater::load::sink::{Append, Sink};
use highwater::plan::{Pipeline, Timestamp};

use super::desk::{Desk, Numbers, Points, START, line, whole};

/// A destination that takes so many more bytes, and nothing after that.
struct Failing<'p> {
    points: &'p mut Points,
    left: usize,
}

impl Sink for Failing<'_> {
    fn send(&mut self, lines: &[u8], _again: bool, _position: Option<u64>) -> Result<u64, String> {
        let text = std::str::from_utf8(&lines[..lines.len().min(self.left)]).expect("ASCII");
        // Of a line in part nothing is stored.
        self.points.take(text.rsplit_once('\n').map_or("", |(whole, _)| whole));
        let fits = lines.len() <= self.left;
        self.left -= text.len();
        if fits { Ok(0) } else { Err("full".to_string()) }
    }
}

/// A file on a disk that takes so many more bytes.
struct FailingFile<'p> {
    file: Append<'p>,
    left: usize,
}

impl Sink for FailingFile<'_> {
    fn position(&mut self) -> Result<Option<u64>, String> {
        self.file.position()
    }

    fn send(&mut self, lines: &[u8], again: bool, position: Option<u64>) -> Result<u64, String> {
        let taken = lines.len().min(self.left);
        self.left -= taken;
        self.file.send(&lines[..taken], again, position)?;
        if taken == lines.len() { Ok(0) } else { Err("full".to_string()) }
    }
}

fn pipeline(desk: &Desk) -> Pipeline {
    let files = format!(":files {:?}", desk.path("access.log"));
    let loaded = config::from_text(&format!("{{:pipelines {{:web {{{}}}}}}}", whole(&files)));
    loaded.plan.expect("no fault").pipelines.remove(0)
}

fn run(desk: &Desk, state: &str, sink: &mut dyn Sink) -> Report {
    let now = || Timestamp::from_secs(START + 1_000_000).expect("a time");
    let surroundings = Surroundings { limits: Default::default(), max_skew: 0, now: &now };
    let checkpoint = Checkpoint::lock(&desk.path(state), "web").expect("nobody else runs");
    run::run(&pipeline(desk), &surroundings, &checkpoint, sink)
}

/// Lines of so many paths: each is a point, so that there are several steps.
fn log(lines: i64, paths: u64) -> String {
    let mut numbers = Numbers(3);
    (0..lines).map(|n| line(n / 100, &format!("/{}", numbers.below(paths)), 200, 5)).collect()
}

fn uninterrupted(desk: &Desk) -> Points {
    let mut points = Points::default();
    let report = run(desk, "whole", &mut Failing { points: &mut points, left: usize::MAX });
    assert_eq!(report.failure, None);
    points
}

#[test]
fn what_a_destination_did_not_take_is_sent_again() {
    let desk = Desk::new("sink");
    desk.write("access.log", log(1_500, 40));
    let whole = uninterrupted(&desk);
    assert_eq!(whole.sum("count"), 1_500.0);
    for left in (0..14_000).step_by(997) {
        let state = format!("state-{left}");
        let mut points = Points::default();
        for times in 0.. {
            let report = run(&desk, &state, &mut Failing { points: &mut points, left });
            if report.failure.is_none() {
                assert_eq!(report.finished_earlier, times > 0);
                break;
            }
            assert_eq!(report.failure.as_deref(), Some("full"));
            if times == 1 {
                // It cannot take so much at once, however often it is asked.
                run(&desk, &state, &mut Failing { points: &mut points, left: usize::MAX });
                break;
            }
        }
        assert_eq!(points, whole, "{left} bytes at a time");
    }
}

#[test]
fn a_file_on_a_disk_that_was_full_goes_on_where_it_was_cut() {
    let desk = Desk::new("disk");
    desk.write("access.log", log(1_500, 40));
    let path = desk.path("whole.line");
    run(&desk, "whole", &mut Append(&path));
    let whole = desk.read("whole.line");
    for left in (0..whole.len()).step_by(whole.len() / 17) {
        let path = desk.path(&format!("points-{left}.line"));
        let state = format!("state-{left}");
        let failed = run(&desk, &state, &mut FailingFile { file: Append(&path), left });
        assert_eq!(failed.failure.as_deref(), Some("full"), "{left}");
        assert_eq!(fs::read(&path).expect("there").len(), left);
        let report = run(&desk, &state, &mut Append(&path));
        assert!(report.failure.is_none() && report.finished_earlier);
        assert_eq!(fs::read_to_string(&path).expect("there"), whole, "no line is there twice, none is garbled");
    }
}

#[test]
fn a_run_of_several_steps_goes_on_in_the_step_that_failed() {
    let desk = Desk::new("steps");
    desk.write("access.log", log(60_000, 100_000));
    let whole = uninterrupted(&desk);
    assert_eq!(whole.sum("count"), 60_000.0);
    let mut points = Points::default();
    let mut failures = 0;
    // More than one step needs, less than two do.
    while run(&desk, "state", &mut Failing { points: &mut points, left: 1_600_000 }).failure.is_some() {
        failures += 1;
        assert!(failures < 10, "each run gets further");
    }
    assert!(failures > 0);
    assert_eq!(points, whole);
}

/// What changes when a file is replaced or written to.
fn mark(desk: &Desk, name: &str) -> Option<(u64, u64)> {
    fs::metadata(desk.path(name)).ok().map(|metadata| (metadata.ino(), metadata.len()))
}

#[test]
fn killed_runs_come_to_the_points_of_one_that_was_not() {
    const KILLS: usize = 45;
    const CHECKPOINT: &str = "state/web.checkpoint";
    let desk = Desk::new("killed");
    desk.write("access.log", "");
    desk.configure(":to {:type :file :path \"points.line\"}");
    let text = log(60_000, 100_000);
    let mut rest = text.split_inclusive('\n');
    let mut numbers = Numbers(u64::from(std::process::id()));
    let mut killed = 0;
    // The log grows meanwhile, so that there is always something to be killed at.
    for part in 0..=KILLS {
        desk.append("access.log", &rest.by_ref().take(60_000 / KILLS).collect::<String>());
        if part == KILLS {
            break;
        }
        let before = [CHECKPOINT, "points.line"].map(|name| mark(&desk, name));
        let mut child = desk.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // At any time; as soon as it wrote what it is about to send; while it sends.
        let mut is_under_way = || child.try_wait().expect("it is ours").is_none();
        match part % 3 {
            0 => thread::sleep(Duration::from_micros(numbers.below(60_000))),
            1 => while is_under_way() && mark(&desk, CHECKPOINT) == before[0] {},
            _ => {
                while is_under_way() && mark(&desk, "points.line") == before[1] {}
                thread::sleep(Duration::from_micros(numbers.below(400)));
            }
        }
        let _ = child.kill();
        let status = child.wait().expect("it ends");
        killed += usize::from(!status.success());
    }
    let ran = desk.load(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(killed > 9, "{killed} of {KILLS} were still running");
    let points = desk.read("points.line");
    let whole = uninterrupted(&desk);
    assert_eq!(whole.sum("count"), 60_000.0);
    assert!(Points::of(&points) == whole, "after {killed} kills");
}
