//! Apache: `%directives`.

use super::Piece;
use super::compile::{Content, Role, TimeText, Variable};

/// Splits a format into text and variables.
pub fn pieces(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        match (first, after.as_bytes().first()) {
            ('%', Some(b'%')) => {
                literal.push(b'%');
                rest = &after[1..];
            }
            ('%', _) => {
                let directive = Directive::read(after)?;
                rest = &after[directive.length..];
                let label = format!("%{}", &after[..directive.length]);
                let variable = directive.variable(label)?;
                let bracketed = variable.content == Content::CommonLogFormat;
                if bracketed {
                    literal.push(b'[');
                }
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.push(Piece::Variable(variable));
                if bracketed {
                    literal.push(b']');
                }
            }
            ('\\', Some(escaped @ (b'n' | b'r' | b't' | b'\\' | b'"'))) => {
                literal.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                });
                rest = &after[1..];
            }
            _ => {
                literal.extend_from_slice(first.to_string().as_bytes());
                rest = after;
            }
        }
    }
    pieces.push(Piece::Literal(literal));
    if pieces.len() == 1 {
        return Err("the log format has no `%` directives".to_owned());
    }
    Ok(rename_hosts(pieces))
}

/// `%{argument}letter`, without the `%`.
struct Directive<'f> {
    argument: Option<&'f str>,
    letter: char,
    /// `%<s`: of the request before internal redirects.
    original: bool,
    length: usize,
}

impl<'f> Directive<'f> {
    /// Conditions (`%!200,304`) are passed over: a value that is left out is `-`.
    fn read(text: &'f str) -> Result<Directive<'f>, String> {
        let mut original = false;
        let mut argument = None;
        let mut at = 0;
        loop {
            let rest = &text[at..];
            match rest.chars().next() {
                Some('<') => {
                    original = true;
                    at += 1;
                }
                Some('>' | '!' | ',' | '0'..='9') => at += 1,
                Some('{') if argument.is_none() => {
                    let end = rest.find('}').ok_or_else(|| format!("`%{rest}` has no closing brace"))?;
                    argument = Some(&rest[1..end]);
                    at += end + 1;
                }
                Some(letter) => return Ok(Directive { argument, letter, original, length: at + letter.len_utf8() }),
                None => return Err(format!("`%{text}` at the end of the log format has no letter")),
            }
        }
    }

    fn variable(&self, label: String) -> Result<Variable, String> {
        let header = |prefix: &str| {
            let name = self.argument.unwrap_or("").to_ascii_lowercase().replace('-', "_");
            format!("{prefix}{name}")
        };
        let (name, role, content) = match (self.letter, self.argument) {
            ('t', argument) => return time_variable(argument, label),
            ('h', _) => ("remote_host".to_owned(), Role::Host { rank: 0 }, Content::Word),
            ('a', Some("c")) => ("realip_remote_addr".to_owned(), Role::Plain, Content::Word),
            ('a', _) => ("remote_addr".to_owned(), Role::Host { rank: 0 }, Content::Word),
            ('A', _) => ("server_addr".to_owned(), Role::Plain, Content::Word),
            ('l', _) => ("remote_ident".to_owned(), Role::Plain, Content::Word),
            ('u', _) => ("remote_user".to_owned(), Role::Plain, Content::User),
            ('r', _) => ("request".to_owned(), Role::Request, Content::Free),
            ('s', _) if self.original => ("original_status".to_owned(), Role::Plain, Content::Status),
            ('s', _) => ("status".to_owned(), Role::Status, Content::Status),
            ('b', _) => ("body_bytes_sent".to_owned(), Role::Bytes, Content::Number),
            ('B', _) => ("body_bytes_sent".to_owned(), Role::Plain, Content::Number),
            ('O', _) => ("bytes_sent".to_owned(), Role::Plain, Content::Number),
            ('I', _) => ("request_length".to_owned(), Role::Plain, Content::Number),
            ('S', _) => ("bytes_total".to_owned(), Role::Plain, Content::Number),
            ('D', _) | ('T', Some("us")) => {
                ("request_time".to_owned(), Role::Duration { milliseconds: -3 }, Content::Number)
            }
            ('T', Some("ms")) => ("request_time".to_owned(), Role::Duration { milliseconds: 0 }, Content::Number),
            ('T', None | Some("s")) => ("request_time".to_owned(), Role::Duration { milliseconds: 3 }, Content::Number),
            ('T', Some(_)) => return Err(format!("`{label}`: the units of %T are s, ms and us")),
            ('v', _) => ("server_name".to_owned(), Role::Host { rank: 1 }, Content::Word),
            ('V', _) => ("host".to_owned(), Role::Host { rank: 3 }, Content::Word),
            ('p', Some("remote")) => ("remote_port".to_owned(), Role::Plain, Content::Number),
            ('p', _) => ("server_port".to_owned(), Role::Plain, Content::Number),
            ('m', _) => ("request_method".to_owned(), Role::Method, Content::Word),
            ('U', _) => ("uri".to_owned(), Role::Uri, Content::FreePath),
            ('q', _) => ("args".to_owned(), Role::Args, Content::Word),
            ('H', _) => ("server_protocol".to_owned(), Role::Protocol, Content::Word),
            ('P', _) => ("pid".to_owned(), Role::Plain, Content::Number),
            ('k', _) => ("connection_requests".to_owned(), Role::Plain, Content::Number),
            ('L', _) => ("request_id".to_owned(), Role::Plain, Content::Word),
            ('X', _) => ("connection_status".to_owned(), Role::Plain, Content::Word),
            ('f', _) => ("request_filename".to_owned(), Role::Plain, Content::Free),
            ('R', _) => ("handler".to_owned(), Role::Plain, Content::Word),
            ('i', Some(_)) if header("") == "host" => (header("http_"), Role::Host { rank: 2 }, Content::Word),
            ('i', Some(_)) if header("") == "x_forwarded_for" => (header("http_"), Role::Plain, Content::ForwardedFor),
            ('i', Some(_)) => (header("http_"), Role::Plain, Content::Free),
            ('o', Some(_)) => (header("sent_http_"), Role::Plain, Content::Free),
            ('C', Some(_)) => (header("cookie_"), Role::Plain, Content::Free),
            ('e' | 'n' | 'x' | 'c', Some(_)) => (header(""), Role::Plain, Content::Free),
            ('i' | 'o' | 'C' | 'e' | 'n', None) => {
                return Err(format!("`{label}` has no name: write %{{NAME}}{}", self.letter));
            }
            _ => return Err(format!("`{label}` is not a directive of Apache's log formats that is known here")),
        };
        Ok(Variable { label, name, role, content })
    }
}

fn time_variable(argument: Option<&str>, label: String) -> Result<Variable, String> {
    let argument = argument.unwrap_or("");
    let ends = argument.starts_with("end:");
    let kind = argument.strip_prefix("begin:").or(argument.strip_prefix("end:")).unwrap_or(argument);
    let (time, content) = match kind {
        "" => (TimeText::CommonLogFormat, Content::CommonLogFormat),
        "sec" => (TimeText::Seconds, Content::Number),
        "msec" => (TimeText::Milliseconds, Content::Number),
        "usec" => (TimeText::Microseconds, Content::Number),
        "%Y-%m-%dT%H:%M:%S%z" | "%FT%T%z" => (TimeText::Iso8601, Content::Word),
        _ => {
            return Err(format!("`{label}` is not read: log the time as %t, %{{usec}}t or %{{%Y-%m-%dT%H:%M:%S%z}}t"));
        }
    };
    let role = if ends { Role::Time(time) } else { Role::StartTime(time) };
    let name = if time == TimeText::CommonLogFormat { "time_local" } else { "request_start" };
    Ok(Variable { label, name: name.to_owned(), role, content })
}

/// The client is `remote_addr`, as in nginx, unless `%h` and `%a` both say who it is.
fn rename_hosts(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let is = |piece: &Piece, name: &str| matches!(piece, Piece::Variable(variable) if variable.name == name);
    if !pieces.iter().any(|piece| is(piece, "remote_addr")) {
        for piece in &mut pieces {
            if let Piece::Variable(variable) = piece
                && variable.name == "remote_host"
            {
                variable.name = "remote_addr".to_owned();
            }
        }
    }
    pieces
}
