//! `highwater check`: all errors and lints of a configuration, at once.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::against::{self, AgainstArgs};
use super::{FAILED, FINE, FOUND, Format as Lines, ended, number, terminal};
use crate::config::{self, Loaded, Process, Unset};
use crate::edn::{self, Severity};

/// Checks thresholds: all errors and lints at once, with their places.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  highwater check thresholds.edn
  highwater check -c thresholds --deny warnings
  highwater check --format github thresholds   # in a workflow on GitHub
  highwater check thresholds --against http://127.0.0.1:5556   # what a reload of the daemon would do
  highwater check thresholds --before old --against last-week.jsonl --fail-on-change

Every code is explained, with examples, in docs/codes.md.
Without a path it is ./thresholds.edn, else ./thresholds.
Exit: 0 fine, 1 errors were found (or, with --fail-on-change, changes), 2 a file could not be read.")]
pub struct CheckArgs {
    /// Files, or folders of *.edn.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// The same; may be repeated.
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    pub config: Vec<PathBuf>,

    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    pub format: Format,

    #[command(flatten)]
    pub against: AgainstArgs,

    /// What else makes the exit code 1.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
}

/// For whom findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: the line, a caret, what to type.
    Human,
    /// For machines: one JSON object a line.
    Json,
    /// For GitHub: annotations of a pull request.
    Github,
}

/// What is not allowed beside errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Lints too.
    Warnings,
}

/// Writes findings to `out`, and for people a last line of numbers to `err`. Returns the exit code.
///
/// 0 is fine, 1 means that there are errors (with `--deny warnings`, or lints), 2 that something could not be read or
/// written. A closed pipe is a quiet end.
pub fn run(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let paths: Vec<PathBuf> = args.config.iter().chain(&args.paths).cloned().collect();
    let mut loaded = config::load(&paths, &Process, Unset::Warning);
    loaded.advise();
    let (mut compared, mut differs) = (Vec::new(), FINE);
    if let Some(plan) = loaded.plan.clone().filter(|_| args.against.is_asked() && loaded.unreadable == 0) {
        let format = if args.format == Format::Json { Lines::Json } else { Lines::Human };
        match against::run(&args.against, &plan, format, &mut compared, err) {
            Ok((code, lints)) => {
                lints.into_iter().for_each(|lints| loaded.prove(lints));
                differs = code;
            }
            Err(failure) => differs = ended(Err(failure), err),
        }
    }
    let findings = match args.format {
        Format::Human => edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stdout()),
        Format::Json => edn::json(&loaded.sources, &loaded.diagnostics),
        Format::Github => edn::github(&loaded.sources, &loaded.diagnostics),
    };
    let (errors, warnings) = count(&loaded);
    let is_denied = args.deny == Some(Deny::Warnings) && warnings > 0;
    let code = match errors > 0 || is_denied {
        _ if loaded.unreadable > 0 => FAILED,
        true => FOUND.max(differs),
        false => differs,
    };
    let written = out.write_all(findings.as_bytes()).and_then(|()| out.write_all(&compared));
    if let Err(error) = written.and_then(|()| out.flush()) {
        return terminal::output_failed(&error, code, err);
    }
    if args.format == Format::Human {
        let _ = writeln!(err, "{}", summary(&loaded, errors, warnings));
    }
    code
}

/// How many errors and warnings there are.
fn count(loaded: &Loaded) -> (usize, usize) {
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    (errors, loaded.diagnostics.len() - errors)
}

/// `checked 3 files, 12 thresholds: no errors`.
fn summary(loaded: &Loaded, errors: usize, warnings: usize) -> String {
    let files = number(loaded.sources.files.len() - loaded.unreadable, "file");
    let thresholds = match &loaded.plan {
        Some(plan) => {
            let parts = [
                (plan.thresholds.len(), "threshold"),
                (plan.pipelines.len(), "pipeline"),
                (plan.sources.len(), "source"),
            ];
            let is_said = |(at, (count, _)): &(usize, (usize, &str))| *count > 0 || *at == 0;
            let said = parts.into_iter().enumerate().filter(is_said);
            said.map(|(_, (count, noun))| format!(", {}", number(count, noun))).collect()
        }
        None => String::new(),
    };
    let found = match (errors, warnings) {
        (0, 0) => "no errors".to_string(),
        (0, warnings) => number(warnings, "warning"),
        (errors, 0) => number(errors, "error"),
        (errors, warnings) => format!("{}, {}", number(errors, "error"), number(warnings, "warning")),
    };
    let allowed = match loaded.allowed {
        0 => String::new(),
        n => format!("; {} allowed", number(n, "lint")),
    };
    format!("checked {files}{thresholds}: {found}{allowed}")
}
