use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use highwater::notify::Outcome;
use highwater::plan::{Log, Via};

use super::{Sender, recovery, violation, why};
use crate::daemon::Home;

fn log(path: PathBuf) -> Via {
    Via::Log(Log { path: Some(path) })
}

#[test]
fn lines_are_appended_and_a_file_that_is_moved_away_is_begun_anew() {
    let home = Home::new("{}");
    let path = home.0.join("told.jsonl");
    let sender = Sender::new();
    assert_eq!(sender.tell(log(path.clone()), &[violation()]), Outcome::Accepted);
    assert_eq!(sender.tell(log(path.clone()), &[recovery(), violation()]), Outcome::Accepted);
    let told = format!("{}\n{}\n{}\n", violation().line(), recovery().line(), violation().line());
    assert_eq!(fs::read_to_string(&path).expect("it was made"), told);
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o137, 0);
    fs::rename(&path, home.0.join("told.jsonl.1")).expect("one folder");
    assert_eq!(sender.tell(log(path.clone()), &[recovery()]), Outcome::Accepted);
    assert_eq!(fs::read_to_string(&path).expect("it was made"), format!("{}\n", recovery().line()));
}

#[test]
fn what_cannot_be_written_is_tried_again() {
    let home = Home::new("{}");
    let sender = Sender::new();
    let nowhere = home.0.join("nowhere/told.jsonl");
    let why_not = why(sender.tell(log(nowhere.clone()), &[violation()]));
    assert_eq!(why_not, format!("{}: No such file or directory (os error 2)", nowhere.display()));
    fs::create_dir(home.0.join("nowhere")).expect("the folder takes folders");
    assert_eq!(sender.tell(log(nowhere), &[violation()]), Outcome::Accepted);
    let full = why(sender.tell(log("/dev/full".into()), &[violation()]));
    assert!(full.contains("No space left on device"), "{full}");
}

#[test]
fn what_nobody_reads_is_written_once_when_somebody_does() {
    let home = Home::new("{}");
    let path = home.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().expect("coreutils").success());
    let sender = Sender::new();
    for _ in 0..3 {
        let outcome = sender.tell_within(log(path.clone()), &[violation()], Duration::from_millis(50));
        assert_eq!(why(outcome), format!("{}: not done within 0.05 s", path.display()));
    }
    let reading = path.clone();
    let reader = std::thread::spawn(move || fs::read_to_string(reading).expect("UTF-8"));
    assert_eq!(sender.tell(log(path), &[violation()]), Outcome::Accepted);
    assert_eq!(reader.join().expect("it reads"), format!("{}\n", violation().line()));
}
