//! Access logs: a format by its name, as it stands in the server's configuration, or as a regular expression, and
//! lines → events.
//!
//! Formats of servers (`apache`, `nginx`, `haproxy`) are compiled to a scanner (`compile` → `scanned`): a line is read
//! from left to right, each variable ends where the literal text behind it begins. What a server escapes (quotes,
//! controls) makes that exact; where it does not, the shape of the next variable decides, and a format in which nothing
//! can decide is refused, or warned of, when it is read.
//!
//! Lines that name their fields (`object`: JSON, `pairs`: LTSV and logfmt, `columns`: W3C, `pattern`: a regex) are asked
//! for keys (`keys` → `lexicon`), and what these say is put together at the end (`gather`). `decode` takes off what
//! carriers write in front of a line (`prefix`).

mod apache;
mod columns;
mod compile;
mod decode;
mod directive;
mod end;
mod escape;
mod gather;
mod haproxy;
mod keys;
mod known;
mod lexicon;
mod nginx;
mod object;
mod pairs;
mod pattern;
mod prefix;
mod request;
mod scanned;
mod shape;
mod uses;

pub use decode::{LogDecoder, Split};
pub use known::NAMES;
pub(in crate::source) use object::each_key;

use compile::{Compiled, Piece, Role, TimeText};
use directive::Server;
use keys::Dialect;
use pattern::Pattern;

/// A log format, ready to make decoders of.
#[derive(Clone, Debug)]
pub struct LogFormat {
    name: String,
    syntax: Syntax,
    goes_on: bool,
}

/// How lines are read.
#[derive(Clone, Debug)]
enum Syntax {
    /// Header lines name the columns.
    Columns(Dialect),
    /// JSON; `only_requests` where a server logs other things in between.
    Objects {
        dialect: Dialect,
        only_requests: bool,
    },
    Pairs(pairs::Syntax),
    Pattern(Pattern),
    Scanned(Compiled),
}

/// What the time of an event is that a format reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeIs {
    /// When the request was done: the log says so.
    Completion,
    /// The same: the log says when it began, and how long it took.
    StartAndDuration,
    /// When the request began: the log does not say how long it took.
    Start,
}

/// What a regular expression begins with where a format is expected.
const REGEX: &str = "regex:";

impl LogFormat {
    /// Reads a name of [`NAMES`], an nginx `log_format`, an Apache `LogFormat` or a HAProxy `log-format` as it stands in
    /// the configuration of the server, or only the format itself; or `regex:` and a regular expression.
    ///
    /// Known names accept more fields at the end of a line, behind a blank, where servers append some; all others are
    /// exact.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<LogFormat, String> {
        if let Some(known) = LogFormat::named(text.trim()) {
            return Ok(known);
        }
        if let Some(regex) = text.trim().strip_prefix(REGEX) {
            return LogFormat::regex(regex);
        }
        let written = directive::read(text)?;
        let pieces = match written.server {
            Server::Apache => apache::pieces(&written.format)?,
            Server::Haproxy => haproxy::pieces(&written.format)?,
            Server::Nginx => nginx::pieces(&written.format)?,
        };
        let syntax = Syntax::Scanned(compile::compile(pieces, written.escape, false)?);
        Ok(LogFormat { name: written.name, syntax, goes_on: false })
    }

    /// A regular expression whose named groups are fields: `(?P<time>…)`, `(?P<status>…)` and the like by their role,
    /// others as attributes. It matches from the start of a line, and a time is read by its shape.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn regex(text: &str) -> Result<LogFormat, String> {
        let syntax = Syntax::Pattern(Pattern::parse(text)?);
        Ok(LogFormat { name: "the regular expression".to_owned(), syntax, goes_on: false })
    }

    /// The text of the `log_format` of this name in the configuration of a server.
    ///
    /// # Errors
    /// There is none.
    pub fn text_named<'t>(text: &'t str, name: &str) -> Result<&'t str, String> {
        directive::named(text, name)
    }

    /// The `log_format` of this name in the configuration of a server.
    ///
    /// # Errors
    /// As [`LogFormat::parse`], or that there is none of this name.
    pub fn parse_named(text: &str, name: &str) -> Result<LogFormat, String> {
        LogFormat::parse(directive::named(text, name)?)
    }

    /// The format of a name of [`NAMES`].
    pub fn named(name: &str) -> Option<LogFormat> {
        Some(LogFormat { name: name.to_owned(), syntax: known::syntax(name)?, goes_on: false })
    }

    /// What to call it in messages: `combined`, `log_format timed`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Notes whether `line`, which a known format was found for, has more fields than it.
    pub(super) fn note_more(&mut self, line: &[u8]) {
        let is_escaped = |at: usize| line[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        let quotes = memchr::memchr_iter(b'"', line).filter(|at| !is_escaped(*at)).count();
        self.goes_on = match self.name.as_str() {
            // Behind the request there is a status and a size.
            "common" => {
                let end = memchr::memrchr(b'"', line).map_or(0, |at| at + 1);
                quotes > 2 || line[end..].split(|byte| *byte == b' ').filter(|field| !field.is_empty()).count() > 2
            }
            "combined" | "vhost_combined" => quotes > 6 || (quotes == 6 && !line.ends_with(b"\"")),
            _ => false,
        };
    }

    /// Whether the first line of the input for which it was found has more fields, which are left out.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// What is ambiguous in it, by the names of its variables; what makes it slow, and how to change that.
    pub fn warnings(&self) -> &[String] {
        match &self.syntax {
            Syntax::Scanned(compiled) => &compiled.warnings,
            Syntax::Pattern(pattern) => &pattern.warnings,
            Syntax::Columns(_) | Syntax::Objects { .. } | Syntax::Pairs(_) => &[],
        }
    }

    /// Whether a line is stamped with the start of its request and does not say how long it took.
    ///
    /// Lines then come out of order by as much as the requests took.
    pub fn starts_at_request(&self) -> bool {
        self.time_is() == TimeIs::Start
    }

    /// What the time of an event is.
    pub fn time_is(&self) -> TimeIs {
        let (is_start, starts_at_request) = match &self.syntax {
            Syntax::Scanned(compiled) => (compiled.is_start, compiled.starts_at_request),
            Syntax::Pattern(pattern) => (pattern.is_start, pattern.starts_at_request),
            Syntax::Objects { dialect, .. } => (matches!(dialect, Dialect::Envoy | Dialect::Traefik), false),
            Syntax::Columns(_) | Syntax::Pairs(_) => (false, false),
        };
        match (starts_at_request, is_start) {
            (true, _) => TimeIs::Start,
            (false, true) => TimeIs::StartAndDuration,
            (false, false) => TimeIs::Completion,
        }
    }

    /// Whether lines say, or may say, in which zone their time is; else it has to be known from elsewhere.
    pub fn has_zone(&self) -> bool {
        match &self.syntax {
            Syntax::Scanned(compiled) => {
                let is_bare = |role| matches!(role, Role::Time(TimeText::Shape) | Role::StartTime(TimeText::Shape));
                compiled.has_time && !compiled.steps.iter().any(|step| is_bare(step.variable.role))
            }
            Syntax::Pattern(pattern) => pattern.has_time,
            Syntax::Columns(_) | Syntax::Objects { .. } | Syntax::Pairs(_) => true,
        }
    }

    /// Whether lines mean something only behind header lines, which [`LogDecoder::header`] tells of.
    pub fn has_header(&self) -> bool {
        matches!(self.syntax, Syntax::Columns(_))
    }
}
