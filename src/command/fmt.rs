//! `highwater fmt`: threshold files in one style.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::Args;

use super::replace::{MARK, replace};
use super::{FAILED, FINE, FOUND, Failure, ended, number, say, terminal};
use crate::config;
use crate::edn::{self, SourceFile, Sources};

/// Lays threshold files out in one style, and keeps comments.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  highwater fmt thresholds
  highwater fmt --check                 # in a workflow, or before a commit
  highwater fmt - < a.edn > b.edn

Without a path it is ./thresholds.edn, else ./thresholds. Scenarios (*.test.edn) are formatted too.
Exit: 0 fine, 1 with --check if a file would change, 2 if one cannot be read or written; it stays as it is.")]
pub struct FmtArgs {
    /// Files, or folders of *.edn; `-` is standard input, to standard output.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// The same; may be repeated.
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    pub config: Vec<PathBuf>,

    /// Only lists the files that would change.
    #[arg(long)]
    pub check: bool,
}

/// What became of the files.
#[derive(Default)]
struct Outcome {
    files: usize,
    changed: usize,
    failed: usize,
}

/// Formats files in place, or `input` if the path is `-`. Returns the exit code.
///
/// With `--check` nothing is written: files that would change are listed on `out`, with the first difference on `err`.
pub fn run(args: &FmtArgs, input: &mut dyn Read, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    ended(format_all(args, input, out, err), err)
}

fn format_all(args: &FmtArgs, input: &mut dyn Read, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    let paths: Vec<PathBuf> = args.config.iter().chain(&args.paths).cloned().collect();
    let is_input = |path: &PathBuf| path.as_os_str() == "-";
    if paths.iter().any(is_input) && paths.len() > 1 {
        let message = "`-` is standard input and stands alone: name it without other paths";
        return Err(Failure::Message(message.to_string()));
    }
    let mut outcome = Outcome::default();
    let done = match paths.iter().any(is_input) {
        true => from_input(args, input, out, err, &mut outcome),
        false => in_place(&paths, args, out, err, &mut outcome),
    };
    let code = match outcome {
        Outcome { failed: 1.., .. } => FAILED,
        Outcome { changed: 1.., .. } if args.check => FOUND,
        _ => FINE,
    };
    match done.and_then(|()| out.flush()) {
        Ok(()) => Ok(code),
        Err(error) => Err(Failure::Output(error, code)),
    }
}

fn from_input(
    args: &FmtArgs,
    input: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    // One byte more than is read at most: then the reader says so.
    let text = input.take(edn::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).and_then(|_| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8: save it as UTF-8"))
    });
    let (mark, text) = match text {
        Ok(text) => match text.strip_prefix(MARK) {
            Some(text) => (MARK, text.to_string()),
            None => ("", text),
        },
        Err(error) => {
            outcome.failed += 1;
            say(err, &format!("highwater: standard input: {error}"));
            return Ok(());
        }
    };
    let mut sources = Sources::default();
    sources.add("-".to_string(), text);
    for file in &sources.files {
        let Some(formatted) = formatted(file, outcome, err) else { return Ok(()) };
        if args.check {
            return report(file, &formatted, outcome, out, err);
        }
        out.write_all(mark.as_bytes())?;
        out.write_all(formatted.as_bytes())?;
    }
    Ok(())
}

fn in_place(
    paths: &[PathBuf],
    args: &FmtArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let texts = config::texts(paths);
    outcome.failed += texts.unreadable.unreadable;
    show(&texts.unreadable.sources, &texts.unreadable.diagnostics, err);
    for (path, file) in &texts.files {
        let Some(formatted) = formatted(file, outcome, err) else { continue };
        if args.check {
            report(file, &formatted, outcome, out, err)?;
        } else if formatted != file.text {
            match replace(path, &file.text, &formatted) {
                Ok(()) => outcome.changed += 1,
                Err(error) => {
                    outcome.failed += 1;
                    say(err, &format!("highwater: {}: {error}", file.path));
                }
            }
        }
    }
    out.flush()?;
    let done = if args.check { "would change" } else { "formatted" };
    say(err, &format!("{done} {} of {}", outcome.changed, number(outcome.files, "file")));
    Ok(())
}

/// The text in our style; None if it cannot be read, which is said.
fn formatted(file: &SourceFile, outcome: &mut Outcome, err: &mut dyn Write) -> Option<String> {
    outcome.files += 1;
    match edn::format(&file.text) {
        Ok(formatted) => Some(formatted),
        Err(_) => {
            let (sources, faults) = config::faults_of_reading(file);
            show(&sources, &faults, err);
            outcome.failed += 1;
            None
        }
    }
}

fn show(sources: &Sources, faults: &[edn::Diagnostic], err: &mut dyn Write) {
    let _ = err.write_all(edn::human(sources, faults, terminal::colour_stderr()).as_bytes());
}

/// Names a file that would change, and shows where.
fn report(
    file: &SourceFile,
    formatted: &str,
    outcome: &mut Outcome,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    if formatted == file.text {
        return Ok(());
    }
    outcome.changed += 1;
    writeln!(out, "{}", file.path)?;
    out.flush()?;
    // The same text with stars in the place of secrets.
    let (sources, _) = config::faults_of_reading(file);
    let shown = &sources.files[0].text;
    if let Ok(formatted) = edn::format(shown) {
        let _ = err.write_all(first_difference(shown, &formatted).as_bytes());
    }
    Ok(())
}

/// The first lines that differ, as a difference is usually written.
fn first_difference(old: &str, new: &str) -> String {
    const LINES: usize = 3;
    let lines = |text: &str| text.split('\n').map(str::to_string).collect::<Vec<_>>();
    let (old, new) = (lines(old), lines(new));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    // Lines at the end that are the same are not part of it.
    let rest = old.len().min(new.len()) - same;
    let same_end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let mut text = format!("@@ line {} @@\n", same + 1);
    for (sign, lines) in [('-', &old), ('+', &new)] {
        let changed = &lines[same..lines.len() - same_end];
        for line in changed.iter().take(LINES) {
            let line = line.strip_suffix('\r').unwrap_or(line);
            text.push_str(&format!("{sign}{}\n", terminal::printable(line)));
        }
        if changed.len() > LINES {
            text.push_str(&format!("{sign}…\n"));
        }
    }
    text
}
