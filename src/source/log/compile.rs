//! Text and variables → steps of a scanner; what cannot be told apart is found here.

use super::escape::Escape;
use crate::source::bytes::Literal;

/// A part of a format as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Literal(Vec<u8>),
    Variable(Variable),
}

/// A variable of a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// As written: `$remote_addr`, `%h`.
    pub label: String,
    /// The attribute's: `remote_addr`.
    pub name: String,
    pub role: Role,
    pub content: Content,
}

/// What a variable says about the event, besides being an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    /// Of completion.
    Time(TimeText),
    /// Of the start of the request.
    StartTime(TimeText),
    Status,
    /// `GET /path?query HTTP/1.1`.
    Request,
    /// The same with a whole URL, whose host counts: `GET http://example.org:80/path?query HTTP/1.1`.
    UrlRequest,
    Method,
    /// A path, perhaps with a query.
    Uri,
    /// A query, perhaps with its question mark.
    Args,
    Protocol,
    /// How long it took: the value times `10^milliseconds` is milliseconds.
    Duration {
        milliseconds: i32,
    },
    /// One of several that together are how long it took; if one is below 0, there is no such time.
    DurationPart {
        milliseconds: i32,
    },
    /// The highest rank of a format counts.
    Host {
        rank: u8,
    },
    /// A client and its port.
    Client,
    State,
    Description,
    /// A number of bytes, where `-` is none sent.
    Bytes,
    /// The day, in a column of its own.
    Date,
    /// The time of day, in a column of its own.
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeText {
    CommonLogFormat,
    Iso8601,
    Seconds,
    Milliseconds,
    Microseconds,
    /// Whatever it looks like.
    Shape,
}

/// What a value may look like, as far as it helps to find its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Without blanks.
    Word,
    /// A number, or what says that there is none.
    Number,
    /// Three digits.
    Status,
    /// `22/Nov/2026:15:46:35 +0000`.
    CommonLogFormat,
    /// Begins with a slash, without blanks.
    Path,
    /// Begins with a slash; may hold blanks.
    FreePath,
    /// One item for each upstream server, between `, ` and ` : `.
    List,
    /// Items with `, ` between them, if nobody forged it.
    ForwardedFor,
    /// Chosen by the client, but without a colon.
    User,
    /// Chosen by the client.
    Free,
    /// Nothing, or text in braces and the blank behind it.
    Braces,
}

/// A format, compiled.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What each line begins with.
    pub prefix: Vec<u8>,
    pub steps: Vec<Step>,
    pub escape: Escape,
    /// Whether more may come at the end of a line, behind a blank.
    pub open_ended: bool,
    /// Whether the time is that of the start of the request.
    pub is_start: bool,
    /// Whether it is, and no duration leads to its end.
    pub starts_at_request: bool,
    /// Whether a line says when it was.
    pub has_time: bool,
    /// Names of what may follow at the end of a line, in quotes or up to a blank.
    pub tail: Vec<String>,
    pub warnings: Vec<String>,
}

impl Compiled {
    /// Whether lines begin as docker compose begins them: a word, blanks, a bar.
    pub fn begins_with_bar(&self) -> bool {
        let first = self.steps.first().map_or(&b""[..], |step| step.literal.text());
        first.trim_ascii_start().starts_with(b"|") || !self.prefix.is_empty()
    }
}

/// One variable and how its end is found.
#[derive(Clone, Debug)]
pub struct Step {
    pub variable: Variable,
    pub find: Find,
    /// What stands behind the variable.
    pub literal: Literal,
    /// Whether it is the last of its format.
    pub last: bool,
    /// Whether the literal belongs to the next variable: a path's first slash.
    pub peeks: bool,
    /// What the variable behind the literal looks like, where that can be checked.
    pub next: Option<Content>,
    /// Whether what stands behind the literal decides too.
    pub is_checked: bool,
}

/// How the end of a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// The literal's first occurrence.
    Literal,
    /// The same, but before it there is no blank.
    Word,
    /// The literal's first occurrence whose quote no backslash escapes.
    Quote,
    /// As long as such a time is.
    CommonLogFormat,
    /// Items up to a blank that is not between two of them.
    List,
    /// As [`Find::Literal`], behind the protocol of a request.
    Request,
    /// Behind the blank that follows a closing brace, if there is an opening one.
    Braces,
    /// All that is left.
    Rest,
}

/// The most variables that a format may have.
const MOST: usize = 128;

pub fn compile(pieces: Vec<Piece>, escape: Escape, open_ended: bool) -> Result<Compiled, String> {
    let (prefix, variables) = pairs(pieces);
    if variables.len() > MOST {
        return Err(format!("the log format has {} variables; at most {MOST} are read", variables.len()));
    }
    let mut warnings = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for (i, (variable, literal)) in variables.iter().enumerate() {
        let next = variables.get(i + 1).map(|(next, _)| next);
        let step = step(variable, literal, next, escape)?;
        if let Some(next) = next
            && is_ambiguous(&step, escape)
        {
            warnings.push(format!(
                "where `{}` ends and `{}` begins is a guess, as its value may hold the text between them: log it in quotes",
                variable.label, next.label
            ));
        }
        steps.push(step);
    }
    let has_time = keep_best_roles(&mut steps);
    if !has_time {
        let speaks_of_requests = |step: &Step| matches!(step.variable.role, Role::Status | Role::Request);
        if !steps.iter().any(speaks_of_requests) {
            return Err(
                "the log format has no time: `$msec`, `$time_iso8601`, `$time_local` or `%t` is needed".to_owned()
            );
        }
        warnings.push(
            "it has no time: only lines behind a prefix that has one (syslog, CRI) are read; `$msec`, `$time_iso8601`, \
             `$time_local` or `%t` would be one"
                .to_owned(),
        );
    }
    let has = |fits: fn(Role) -> bool| steps.iter().any(|step| fits(step.variable.role));
    let is_start = has(|role| matches!(role, Role::StartTime(_)));
    let starts_at_request = is_start && !has(|role| matches!(role, Role::Duration { .. } | Role::DurationPart { .. }));
    let tail = Vec::new();
    Ok(Compiled { prefix, steps, escape, open_ended, is_start, starts_at_request, has_time, tail, warnings })
}

/// The text in front, and each variable with the text behind it; a path and its query become one variable.
fn pairs(pieces: Vec<Piece>) -> (Vec<u8>, Vec<(Variable, Vec<u8>)>) {
    let mut prefix = Vec::new();
    let mut pairs: Vec<(Variable, Vec<u8>)> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => match pairs.last_mut() {
                Some((_, behind)) => behind.extend_from_slice(&text),
                None => prefix.extend_from_slice(&text),
            },
            Piece::Variable(variable) => match pairs.last_mut() {
                Some((path, behind)) if behind.is_empty() && continues(path, &variable) => {
                    path.label.push_str(&variable.label);
                }
                _ => pairs.push((variable, Vec::new())),
            },
        }
    }
    (prefix, pairs)
}

/// `$uri$is_args$args`, `%U%q`.
fn continues(path: &Variable, next: &Variable) -> bool {
    path.content == Content::FreePath && (next.name == "is_args" || next.role == Role::Args)
}

fn step(variable: &Variable, literal: &[u8], next: Option<&Variable>, escape: Escape) -> Result<Step, String> {
    let mut literal = literal.to_vec();
    let mut peeks = false;
    if let (true, Some(next)) = (literal.is_empty() && variable.content != Content::Braces, next) {
        let slash = matches!(next.content, Content::Path | Content::FreePath);
        if !slash || !matches!(variable.content, Content::Word | Content::Number) {
            return Err(format!(
                "`{}` and `{}` touch: nothing tells where one ends; log them with a blank or quotes between them",
                variable.label, next.label
            ));
        }
        literal.push(b'/');
        peeks = true;
    }
    let find = match variable.content {
        Content::Braces => Find::Braces,
        _ if literal.is_empty() => Find::Rest,
        Content::CommonLogFormat => Find::CommonLogFormat,
        _ if literal[0] == b'"' && escape.has_backslashes() => Find::Quote,
        Content::List | Content::ForwardedFor if matches!(literal[0], b' ' | b',' | b':') => {
            if literal.starts_with(b", ") || literal.starts_with(b" : ") || literal == b"," {
                return Err(format!(
                    "`{}` is a list whose items are separated as it is from what follows: log it in quotes",
                    variable.label
                ));
            }
            Find::List
        }
        Content::Word | Content::Number | Content::Status => Find::Word,
        Content::Free if variable.role == Role::Request && literal[0] == b' ' => Find::Request,
        _ => Find::Literal,
    };
    // Where the end is found without it, a next value of another shape is no reason to refuse the line here.
    let last = next.is_none();
    let next = next.map(|next| next.content).filter(|content| match find {
        Find::Quote => *content == Content::Status,
        Find::Word if literal[0] == b' ' => false,
        Find::Literal | Find::Request | Find::Word => {
            matches!(content, Content::CommonLogFormat | Content::Status | Content::Number)
        }
        Find::CommonLogFormat | Find::List | Find::Braces | Find::Rest => false,
    });
    Ok(Step {
        variable: variable.clone(),
        find,
        literal: Literal::new(&literal),
        last,
        peeks,
        next,
        is_checked: last || next.is_some(),
    })
}

/// Whether the value may hold what it is ended by.
fn is_ambiguous(step: &Step, escape: Escape) -> bool {
    let shown_by_next = step.next == Some(Content::CommonLogFormat);
    let escaped = step.literal.text().iter().any(|byte| escape.escapes(*byte));
    match step.variable.content {
        Content::Free | Content::FreePath | Content::ForwardedFor => !escaped && step.find != Find::Quote,
        Content::User => !escaped && !shown_by_next,
        _ => false,
    }
}

/// Leaves each role to the one variable that says it best; whether one says the time.
fn keep_best_roles(steps: &mut [Step]) -> bool {
    let rank = |role: Role| match role {
        Role::Time(TimeText::Iso8601) => 2,
        Role::Time(TimeText::CommonLogFormat) => 1,
        Role::Time(_) => 5,
        Role::StartTime(TimeText::Microseconds) => -1,
        Role::StartTime(TimeText::Milliseconds) => -2,
        Role::StartTime(_) => -3,
        Role::Host { rank } => i32::from(rank),
        Role::Duration { milliseconds } => -milliseconds,
        _ => 0,
    };
    let kind = |role: Role| match role {
        Role::Time(_) | Role::StartTime(_) => 1,
        Role::Host { .. } => 2,
        Role::Duration { .. } => 3,
        Role::Status => 4,
        _ => 0,
    };
    for kept in 1..=4 {
        let best = (0..steps.len())
            .filter(|at| kind(steps[*at].variable.role) == kept)
            // The first of equals.
            .max_by_key(|at| (rank(steps[*at].variable.role), std::cmp::Reverse(*at)));
        for (at, step) in steps.iter_mut().enumerate() {
            if kind(step.variable.role) == kept && best != Some(at) {
                step.variable.role = Role::Plain;
            }
        }
    }
    steps.iter().any(|step| kind(step.variable.role) == 1)
}
