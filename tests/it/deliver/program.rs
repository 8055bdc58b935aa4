use std::fs;
use std::time::{Duration, Instant};

use highwater::notify::Outcome;
use highwater::plan::{Exec, Via};
use rustix::process::{Pid, test_kill_process};

use super::{Sender, notice, violation, why};
use crate::daemon::{Home, PATIENCE};

fn shell(script: &str) -> Via {
    Via::Exec(Exec { command: ["sh", "-c", script].map(str::to_string).to_vec() })
}

#[test]
fn a_program_reads_lines_and_its_exit_status_is_the_answer() {
    let home = Home::new("{}");
    let path = home.0.join("read");
    let sender = Sender::new();
    let script = format!("echo $HIGHWATER_KEY $HIGHWATER_NOTIFIER >{0}; cat >>{0}", path.display());
    assert_eq!(sender.tell(shell(&script), &[violation(), violation()]), Outcome::Accepted);
    let line = violation().line();
    assert_eq!(fs::read_to_string(path).expect("it wrote"), format!("key-1 log\n{line}\n{line}\n"));
    let retry = |why: &str| Outcome::Retry { why: why.to_string(), after: None, in_doubt: false };
    let nobody = "no-such-program: cannot be started: No such file or directory (os error 2)";
    for (via, expected) in [
        (shell("exit 65"), Outcome::Rejected { why: "exit status 65".to_string() }),
        (shell("echo out; echo busy >&2; exit 75"), retry("exit status 75: busy")),
        (shell("echo out; exit 1"), retry("exit status 1: out")),
        (
            shell("kill -TERM $$"),
            Outcome::Retry { why: "sh: ended by signal 15".to_string(), after: None, in_doubt: true },
        ),
        (Via::Exec(Exec { command: vec!["no-such-program".to_string()] }), retry(nobody)),
    ] {
        assert_eq!(sender.tell(via, &[violation()]), expected);
    }
}

#[test]
fn a_program_may_ignore_its_input_and_say_more_than_anybody_reads() {
    let sender = Sender::new();
    let large = notice(serde_json::json!({"description": "x".repeat(1 << 20)}));
    assert_eq!(sender.tell(shell("exit 0"), std::slice::from_ref(&large)), Outcome::Accepted);
    let script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; cat >/dev/null; echo last >&2; exit 3";
    let why = why(sender.tell(shell(script), &[large]));
    assert_eq!(why, "exit status 3: last");
}

#[test]
fn what_a_program_leaves_behind_does_not_hold_it_up() {
    let sender = Sender::new();
    let began = Instant::now();
    assert_eq!(sender.tell(shell("sleep 60 & exit 0"), &[violation()]), Outcome::Accepted);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_its_children() {
    let home = Home::new("{}");
    let path = home.0.join("children");
    let sender = Sender::new();
    let script = format!("sleep 600 & echo $! $$ >{}; wait", path.display());
    let why = why(sender.tell_within(shell(&script), &[violation()], Duration::from_secs(2)));
    assert_eq!(why, "sh: not done within 2 s");
    let children = fs::read_to_string(path).expect("it wrote within the time");
    let began = Instant::now();
    for child in children.split_whitespace() {
        let pid = Pid::from_raw(child.parse().expect("a number")).expect("not 0");
        // What has ended may wait to be noticed by whoever adopted it.
        let ended = || {
            test_kill_process(pid).is_err()
                || fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| stat.contains(") Z "))
        };
        while !ended() {
            assert!(began.elapsed() < PATIENCE, "{child} still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn many_programs_leave_no_open_files() {
    let sender = Sender::new();
    let open = || fs::read_dir("/proc/self/fd").expect("Linux").count();
    assert_eq!(sender.tell(shell("exit 0"), &[violation()]), Outcome::Accepted);
    let before = open();
    for _ in 0..20 {
        why(sender.tell(shell("cat >/dev/null; exit 1"), &[violation()]));
        why(sender.tell_within(shell("sleep 60"), &[violation()], Duration::from_millis(20)));
    }
    assert!(open() <= before + 2, "{before} before, {} now", open());
}
