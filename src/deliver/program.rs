//! Programs: they are given lines on their standard input, and their exit status is the answer.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::notify::{Answer, Program, Trouble};

/// What is kept of what a program says: the last bytes.
const SAID: usize = 4096;
/// How long what it said may take to arrive once it has ended; children that it left behind may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs to its end. Dropped before, the program is killed with all that it has started.
///
/// # Errors
/// It could not be started, or a signal ended it.
pub async fn run(program: &Program) -> Result<Answer, Trouble> {
    let Some((name, arguments)) = program.command.split_first() else {
        return Err(Trouble::new("no program is named".to_string()).unsent());
    };
    let mut command = Command::new(name);
    command.args(arguments).envs(program.environment.iter().map(|(key, value)| (key, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that its children can be ended too.
    command.process_group(0).kill_on_drop(true);
    let child =
        command.spawn().map_err(|error| Trouble::new(format!("{name}: cannot be started: {error}")).unsent())?;
    let mut group = Group(child);
    let [mut out, mut err] = [Vec::new(), Vec::new()];
    let status = attend(&mut group.0, &program.input, &mut out, &mut err).await;
    let is_silent = err.iter().all(u8::is_ascii_whitespace);
    answered(name, status, if is_silent { out } else { err })
}

/// Writes, listens and waits at the same time, so that neither side waits for the other.
async fn attend(
    child: &mut Child,
    input: &[u8],
    out: &mut Vec<u8>,
    err: &mut Vec<u8>,
) -> io::Result<std::process::ExitStatus> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // One that does not read all may have its reasons; its exit status counts.
            let _ = stdin.write_all(input).await;
        }
    };
    let listen = async { tokio::join!(keep_last(stdout, out), keep_last(stderr, err)) };
    tokio::pin!(write, listen);
    let [mut is_written, mut is_heard] = [false; 2];
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = &mut write, if !is_written => is_written = true,
            _ = &mut listen, if !is_heard => is_heard = true,
        }
    };
    if !is_heard {
        let _ = timeout(LAST_WORDS, listen).await;
    }
    status
}

fn answered(name: &str, status: io::Result<std::process::ExitStatus>, said: Vec<u8>) -> Result<Answer, Trouble> {
    use std::os::unix::process::ExitStatusExt;
    let status = status.map_err(|error| Trouble::new(format!("{name}: {error}")))?;
    match status.code() {
        Some(code) => Ok(Answer { status: u16::try_from(code).unwrap_or(u16::MAX), body: said, ..Answer::default() }),
        None => Err(Trouble::new(format!("{name}: ended by signal {}", status.signal().unwrap_or_default()))),
    }
}

/// Reads to the end, and keeps the last of it.
async fn keep_last(pipe: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        said.extend_from_slice(&chunk[..length]);
        let over = said.len().saturating_sub(SAID);
        said.drain(..over);
    }
}

/// A program and all that it has started, ended when dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for, its number may be another's.
        let running = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = running {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
