//! A closed set of what can be done to tell somebody.

use std::path::PathBuf;

use crate::plan::{MailSecurity, Secret, Timestamp};
use crate::route::Notice;

/// What is told with one message.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// At least one; more only where [`takes_batches`](crate::plan::Via::takes_batches).
    pub notices: &'a [Notice],
    /// The same at each attempt and after each restart: receivers know a repeat by it. Letters, digits, `-` and `_`.
    pub key: &'a str,
    /// When this attempt is made.
    pub now: Timestamp,
    /// Marked as a test, that nobody takes it for real.
    pub is_test: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Request(Request),
    Mail(Box<Mail>),
    Line(Line),
    Program(Program),
}

/// A POST over HTTP; a GET if there is nothing to be posted.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub url: crate::plan::Url,
    /// In order; values may be secrets.
    pub headers: Vec<(String, Secret)>,
    pub body: Vec<u8>,
    /// What of the body is a secret.
    pub hidden: Option<Secret>,
    /// Certificates in PEM to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// A message over SMTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    pub login: Option<(String, Secret)>,
    pub ca: Option<PathBuf>,
    /// The envelope.
    pub from: String,
    pub to: Vec<String>,
    /// The same at each attempt: the key of the batch.
    pub key: String,
    /// Headers and body, lines ended by CR LF.
    pub message: Vec<u8>,
}

/// Lines appended to a file, or written to standard output.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// None: standard output.
    pub path: Option<PathBuf>,
    /// Each ended by a line feed.
    pub lines: Vec<u8>,
}

/// A program that is run, without a shell.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub command: Vec<String>,
    /// Added to the environment.
    pub environment: Vec<(String, String)>,
    pub input: Vec<u8>,
}

/// What a receiver said to an effect that was performed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Of HTTP; of SMTP, the reply that decided; of a program, its exit status; 0 of a line that is written.
    pub status: u16,
    /// How long the receiver wants to be left alone, in microseconds.
    pub retry_after: Option<i64>,
    /// The host that a redirect names.
    pub redirects_to: Option<String>,
    /// What it said, or the beginning of that.
    pub body: Vec<u8>,
    /// What somebody should know although it went well: recipients that were refused.
    pub warning: Option<String>,
}

/// Why there is no answer; it may come next time. One line, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub why: String,
    /// Whether it may have been received nevertheless.
    pub in_doubt: bool,
    /// Whether the other side ended the connection before it said a word, as some do when a message is too large.
    pub broke_off: bool,
}

impl Trouble {
    /// Something went wrong after it may have been received.
    pub fn new(why: String) -> Trouble {
        Trouble { why, in_doubt: true, broke_off: false }
    }

    /// Nothing was sent.
    pub fn unsent(self) -> Trouble {
        Trouble { in_doubt: false, ..self }
    }
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Outcome {
        Outcome::Retry { why: trouble.why, after: None, in_doubt: trouble.in_doubt }
    }
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// It may go well later: why, how many microseconds the receiver wants it to wait at least, and whether it may have
    /// been received nevertheless.
    Retry {
        why: String,
        after: Option<i64>,
        in_doubt: bool,
    },
    /// It never will: why, and what to do.
    Rejected {
        why: String,
    },
}
