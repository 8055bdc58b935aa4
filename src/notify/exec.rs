//! `:exec`: any program. Lines of JSON on its standard input, and its exit status says what became of them.
//!
//! 0: delivered. 65 (`EX_DATAERR` of sysexits.h): rejected for good. Any other, and a signal or the time limit: it is
//! tried again, as 75 (`EX_TEMPFAIL`) says in words; so a program that fails in a way of its own loses nothing.

use super::{Answer, Batch, Outcome, Program, answer, json_lines};
use crate::plan::Exec;

pub const DELIVERED: u16 = 0;
pub const REJECTED: u16 = 65;

pub fn render(exec: &Exec, name: &str, batch: &Batch<'_>) -> Program {
    let mut environment = vec![
        ("HIGHWATER_KEY".to_string(), batch.key.to_string()),
        ("HIGHWATER_NOTIFIER".to_string(), name.to_string()),
    ];
    if batch.is_test {
        environment.push(("HIGHWATER_TEST".to_string(), "true".to_string()));
    }
    Program { command: exec.command.clone(), environment, input: json_lines(batch) }
}

/// What an exit status means.
pub fn outcome(ended: &Answer) -> Outcome {
    let why = || {
        let said = answer::last_line(&ended.body);
        let separator = if said.is_empty() { "" } else { ": " };
        format!("exit status {}{separator}{said}", ended.status)
    };
    match ended.status {
        DELIVERED => Outcome::Accepted,
        REJECTED => Outcome::Rejected { why: why() },
        _ => Outcome::Retry { why: why(), after: ended.retry_after, in_doubt: false },
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_program_reads_lines_and_knows_the_key() {
        let notices = [samples::violation()];
        let exec = Exec { command: vec!["/usr/bin/page".to_string(), "--now".to_string()] };
        let program = render(&exec, "pager", &samples::batch(&notices));
        let environment = [("HIGHWATER_KEY", "key-1"), ("HIGHWATER_NOTIFIER", "pager")];
        assert_eq!(program.environment, environment.map(|(name, value)| (name.to_string(), value.to_string())));
        assert_eq!(program.command, exec.command);
        assert_eq!(program.input, format!("{}\n", notices[0].line()).into_bytes());
        let marked = render(&exec, "pager", &samples::test_batch(&notices));
        assert_eq!(marked.environment[2], ("HIGHWATER_TEST".to_string(), "true".to_string()));
    }

    #[test]
    fn an_exit_status_says_what_became_of_it() {
        let ended = |status, said: &str| outcome(&Answer { status, body: said.into(), ..Answer::default() });
        assert_eq!(ended(0, "sent\n"), Outcome::Accepted);
        let rejected = Outcome::Rejected { why: "exit status 65: no such person".to_string() };
        assert_eq!(ended(65, "looking\nno such person\n"), rejected);
        for status in [1, 2, 75, 127] {
            let why = format!("exit status {status}");
            assert_eq!(ended(status, ""), Outcome::Retry { why, after: None, in_doubt: false });
        }
    }
}
