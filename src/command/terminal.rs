//! What depends on where output goes.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::FAILED;

/// Whether to colour what goes to stdout.
pub fn colour_stdout() -> bool {
    io::stdout().is_terminal() && wants_colour()
}

/// Whether to colour what goes to stderr.
pub fn colour_stderr() -> bool {
    io::stderr().is_terminal() && wants_colour()
}

/// The exit code when stdout fails: a reader that has gone is a quiet end with what was found so far, anything else is
/// said.
pub fn output_failed(error: &io::Error, found: u8, err: &mut dyn Write) -> u8 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return found;
    }
    let _ = writeln!(err, "highwater: standard output: {error}");
    FAILED
}

/// One line in which nothing drives a terminal: control characters, line ends and marks that turn the direction of
/// text are written as escapes.
pub fn printable(text: &str) -> Cow<'_, str> {
    let drives = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(drives) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| if drives(c) { c.escape_default().to_string() } else { c.to_string() });
    Cow::Owned(escaped.collect())
}

/// A progress bar on stderr, if that is a terminal.
pub struct Progress {
    bar: Option<ProgressBar>,
    counter: Arc<AtomicU64>,
    ticks: u32,
}

impl Progress {
    /// `size` in bytes if it is known; `counter` says how many of them were read.
    pub fn new(size: Option<u64>, counter: Arc<AtomicU64>, shown: bool) -> Progress {
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
            let template = match size {
                Some(_) => "{bar:40} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
                None => "{spinner} {bytes}  {bytes_per_sec}",
            };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.with_style(style)
        });
        Progress { bar, counter, ticks: 0 }
    }

    /// To be called for each line: draws now and then.
    pub fn tick(&mut self) {
        const LINES: u32 = 8192;
        self.ticks += 1;
        if self.ticks == LINES {
            self.ticks = 0;
            if let Some(bar) = &self.bar {
                bar.set_position(self.counter.load(Ordering::Relaxed));
            }
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        for (text, expected) in [
            ("p99 of größe is 143 µs", "p99 of größe is 143 µs"),
            ("\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            ("a\nb\rc\td", "a\\nb\\rc\\td"),
            ("\u{9b}31m \u{202e}txt \u{2028}", "\\u{9b}31m \\u{202e}txt \\u{2028}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }
}
