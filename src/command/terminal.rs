//! What depends on where output goes.

use std::io::{self, IsTerminal, Write};

use super::{FAILED, FINE};

/// Whether to colour what goes to stdout.
pub fn colour_stdout() -> bool {
    io::stdout().is_terminal() && wants_colour()
}

/// Whether to colour what goes to stderr.
pub fn colour_stderr() -> bool {
    io::stderr().is_terminal() && wants_colour()
}

/// The exit code when stdout fails: a reader that has gone is a quiet end, anything else is said.
pub fn output_failed(error: &io::Error, err: &mut dyn Write) -> u8 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return FINE;
    }
    let _ = writeln!(err, "highwater: standard output: {error}");
    FAILED
}

fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
