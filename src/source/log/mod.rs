//! Access logs: a format as it stands in the server's configuration, compiled to a scanner, and lines → events.
//!
//! A line is read from left to right: each variable ends where the literal text behind it begins. What a server
//! escapes (quotes, controls) makes that exact; where it does not, the shape of the next variable decides, and a
//! format in which nothing can decide is refused, or warned of, when it is read.

mod apache;
mod compile;
mod decode;
mod directive;
mod end;
mod escape;
mod nginx;
mod request;
mod split;
mod uses;

pub use decode::LogDecoder;
pub use split::{Split, TimeIs};

use compile::{Compiled, Piece};
use escape::Escape;

/// A log format, ready to make decoders of.
#[derive(Clone, Debug)]
pub struct LogFormat {
    name: String,
    compiled: Compiled,
    goes_on: bool,
}

/// The names that [`LogFormat::parse`] knows.
pub const NAMES: [&str; 4] = ["combined", "common", "nginx", "vhost_combined"];

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#;
const VHOST_COMBINED: &str = r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#;
const NGINX: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" "#,
    r#"$status $body_bytes_sent "$http_referer" "$http_user_agent""#
);

impl LogFormat {
    /// Reads a name of [`NAMES`], an nginx `log_format` or an Apache `LogFormat` as it stands in the configuration of
    /// the server, or only the format itself.
    ///
    /// Known names accept more fields at the end of a line, behind a blank; all others are exact.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<LogFormat, String> {
        if let Some(known) = LogFormat::named(text.trim()) {
            return Ok(known);
        }
        let written = directive::read(text)?;
        let (pieces, escape) = match written.escape {
            Escape::Apache => (apache::pieces(&written.format)?, Escape::Apache),
            other => (nginx::pieces(&written.format)?, other),
        };
        Ok(LogFormat { name: written.name, compiled: compile::compile(pieces, escape, false)?, goes_on: false })
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
        let (pieces, escape) = match name {
            "common" => (apache::pieces(COMMON), Escape::Apache),
            "combined" => (apache::pieces(COMBINED), Escape::Apache),
            "vhost_combined" => (apache::pieces(VHOST_COMBINED), Escape::Apache),
            "nginx" => (nginx::pieces(NGINX), Escape::Default),
            _ => return None,
        };
        let compiled = pieces.and_then(|pieces| compile::compile(pieces, escape, true));
        Some(LogFormat {
            name: name.to_owned(),
            compiled: compiled.expect("the known formats are formats"),
            goes_on: false,
        })
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
            _ => quotes > 6 || (quotes == 6 && !line.ends_with(b"\"")),
        };
    }

    /// Whether the first line of the input for which it was found has more fields, which are left out.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// What is ambiguous in it, by the names of its variables.
    pub fn warnings(&self) -> &[String] {
        &self.compiled.warnings
    }

    /// Whether a line is stamped with the start of its request and does not say how long it took.
    ///
    /// Lines then come out of order by as much as the requests took.
    pub fn starts_at_request(&self) -> bool {
        self.compiled.starts_at_request
    }
}
