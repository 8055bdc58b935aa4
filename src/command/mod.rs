//! The commands: arguments in, an exit code out. One file each.

pub mod against;
mod as_live;
pub mod check;
pub mod fmt;
pub mod format;
pub mod history;
pub mod load;
mod log;
pub mod notify;
mod notify_plan;
mod replace;
pub mod replay;
pub mod routes;
pub mod run;
mod sample;
pub mod send;
pub mod state_folder;
mod summary;
mod survey;
mod terminal;
pub mod test;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How a command says what it found: to people, or one JSON object a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Human,
    Json,
}

/// Done, and nothing found.
pub const FINE: u8 = 0;
/// The command's own finding.
pub const FOUND: u8 = 1;
/// The job could not be done.
pub const FAILED: u8 = 2;

/// Commands that the contract names and this version does not have.
const NOT_YET: [&str; 5] = ["state", "suggest", "explain", "query", "lsp"];

#[derive(Parser)]
#[command(
    name = "highwater",
    version,
    about = "Tells a service team, exactly and at once, when a promise to its users breaks",
    after_help = "Exit status: 0 fine; 1 the command's own finding; 2 the job could not be done.\n\n\
        Example: highwater check thresholds && highwater replay -c thresholds access.log"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks threshold files: all errors and lints at once
    Check(check::CheckArgs),
    /// Lays threshold files out in one style
    Fmt(fmt::FmtArgs),
    /// Shows how the lines of logs are read: which format fits, and what each field is used for
    Format(format::FormatArgs),
    /// Says what thresholds would have said about a history
    Replay(replay::ReplayArgs),
    /// Plays scenarios: events in, the whole expected timeline out
    Test(test::TestArgs),
    /// Takes in events and says at once when a threshold is violated: the daemon
    Run(run::RunArgs),
    /// Takes what is new in logs, counts it and sends measurements: for cron
    Load(load::LoadArgs),
    /// Says where a transition would go, and why
    Routes(routes::RoutesArgs),
    /// Shows what notifiers would send, or sends a marked test
    Notify(notify::NotifyArgs),
    /// Sends events to a daemon, to try it
    Send(Box<send::SendArgs>),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    if let Some(name) = std::env::args().nth(1)
        && NOT_YET.contains(&name.as_str())
    {
        let _ = writeln!(std::io::stderr(), "highwater: `{name}` is not supported yet by this version");
        return FAILED.into();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is a quiet end here as everywhere.
            if error.use_stderr() {
                let text = error.render().to_string();
                let lines = text.lines().map(terminal::printable);
                lines.for_each(|line| drop(writeln!(std::io::stderr(), "{line}")));
            } else {
                let _ = error.print();
            }
            return u8::try_from(error.exit_code()).unwrap_or(FAILED).into();
        }
    };
    match arguments.command {
        Command::Check(args) => with_output(|out, err| check::run(&args, out, err)),
        Command::Fmt(args) => with_output(|out, err| fmt::run(&args, &mut std::io::stdin().lock(), out, err)),
        Command::Load(args) => with_output(|out, err| load::run(&args, out, err)),
        Command::Format(args) => with_output(|out, err| format::run(&args, out, err)),
        Command::Replay(args) => with_output(|out, err| replay::run(&args, out, err)),
        Command::Notify(args) => with_output(|out, err| notify::run(&args, out, err)),
        Command::Routes(args) => with_output(|out, err| routes::run(&args, out, err)),
        Command::Test(args) => with_output(|out, err| test::run(&args, out, err)),
        Command::Send(args) => with_output(|_, err| send::run(&args, err)),
        // Its threads write for themselves.
        Command::Run(args) => run::run(args),
    }
    .into()
}

fn with_output(command: impl FnOnce(&mut dyn Write, &mut dyn Write) -> u8) -> u8 {
    // Not locked: a notifier may write there, too.
    let mut out = std::io::BufWriter::with_capacity(64 << 10, std::io::stdout());
    let mut err = std::io::stderr().lock();
    let code = command(&mut out, &mut err);
    match out.flush() {
        Ok(()) => code,
        Err(error) => terminal::output_failed(&error, code, &mut err),
    }
}

/// Why the job could not be done.
pub enum Failure {
    /// All has been said.
    Said,
    Message(String),
    /// Of stdout; and the exit code by what was found until then.
    Output(std::io::Error, u8),
}

/// Says why a job could not be done; the exit code.
fn ended(result: Result<u8, Failure>, err: &mut dyn Write) -> u8 {
    match result {
        Ok(code) => code,
        Err(Failure::Said) => FAILED,
        Err(Failure::Message(message)) => {
            say(err, &format!("highwater: {message}"));
            FAILED
        }
        Err(Failure::Output(error, found)) => terminal::output_failed(&error, found, err),
    }
}

fn say(err: &mut dyn Write, line: &str) {
    let _ = writeln!(err, "{}", terminal::printable(line));
}

/// `1 file`, `3 files`.
fn number(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
