//! HAProxy: `%variables` and `%[expressions]`.

use super::Piece;
use super::compile::{Content, Role, TimeText, Variable};

/// `option httplog`.
pub const HTTPLOG: &str = concat!(
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc ",
    "%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
);

/// Whether a format without a directive can only be HAProxy's.
pub fn looks_like(format: &str) -> bool {
    ["%ci", "%[", "%{+", "%{-", "%ST", "%TR", "%Ta", "%Tt", "%HM", "%ft"].iter().any(|sign| format.contains(sign))
}

/// Splits a format into text and variables. A flag on `%o` holds for all that follow.
pub fn pieces(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut quotes_all = false;
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        match (first, after.chars().next()) {
            ('%', Some('%')) => {
                literal.push(b'%');
                rest = &after[1..];
            }
            ('\\', Some(escaped @ (' ' | '"' | '\\' | '#'))) => {
                literal.push(escaped as u8);
                rest = &after[1..];
            }
            ('%', _) => {
                let (flags, name, length) = read(after)?;
                rest = &after[length..];
                let quotes = if flags.contains("+Q") { true } else { quotes_all && !flags.contains("-Q") };
                if name == "o" {
                    quotes_all = quotes;
                    continue;
                }
                let variable = variable(name, &format!("%{}", &after[..length]))?;
                let quoted = quotes && is_text(&variable);
                let braces = variable.content == Content::Braces;
                if quoted && !braces {
                    literal.push(b'"');
                }
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.push(Piece::Variable(variable));
                if quoted && !braces {
                    literal.push(b'"');
                }
                if let (true, Some(after)) = (braces, rest.strip_prefix(' ')) {
                    rest = after;
                }
            }
            _ => {
                literal.extend_from_slice(first.to_string().as_bytes());
                rest = after;
            }
        }
    }
    pieces.push(Piece::Literal(literal));
    if pieces.len() == 1 {
        return Err("the log format has no `%` variables".to_owned());
    }
    Ok(pieces)
}

/// The flags and the name of a variable, or the expression, and how long that is behind the `%`.
fn read(text: &str) -> Result<(&str, &str, usize), String> {
    let open = |text: &str| format!("`%{text}` has no closing bracket");
    let mut at = 0;
    let mut flags = "";
    if let Some(inner) = text.strip_prefix('{') {
        let end = inner.find('}').ok_or_else(|| open(text))?;
        flags = &inner[..end];
        at = end + 2;
    }
    // A name for typed output: `%(name:str)ci`.
    if text[at..].starts_with('(') {
        at += text[at..].find(')').ok_or_else(|| open(text))? + 1;
    }
    if text[at..].starts_with('[') {
        let mut depth = 0;
        let end = text[at..].find(|c: char| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            depth == 0
        });
        let end = at + end.ok_or_else(|| open(text))?;
        return Ok((flags, &text[at..=end], end + 1));
    }
    let length = text[at..].bytes().take_while(u8::is_ascii_alphanumeric).count();
    // Names are not told apart from text that touches them: the longest that is known counts.
    let known = (1..=length.min(6)).rev().find(|length| is_known(&text[at..at + length]));
    match known {
        Some(length) => Ok((flags, &text[at..at + length], at + length)),
        None => {
            Err(format!("`%{}` is not a variable of HAProxy's log formats that is known here", &text[..at + length]))
        }
    }
}

fn is_known(name: &str) -> bool {
    name == "o" || variable(name, "").is_ok()
}

fn is_text(variable: &Variable) -> bool {
    let number = matches!(variable.content, Content::Number | Content::Status | Content::CommonLogFormat);
    let time = matches!(variable.role, Role::Time(_) | Role::StartTime(_));
    !number && !time && !matches!(variable.name.as_str(), "termination_state" | "date")
}

fn variable(name: &str, label: &str) -> Result<Variable, String> {
    let (attribute, role, content) = match name {
        "ci" => ("client_ip", Role::Host { rank: 0 }, Content::Word),
        "cp" => ("client_port", Role::Plain, Content::Number),
        "t" | "tr" => ("request_date", Role::StartTime(TimeText::Shape), Content::Word),
        "trl" | "trg" | "T" | "Tl" => {
            ("request_date", Role::StartTime(TimeText::CommonLogFormat), Content::CommonLogFormat)
        }
        "Ts" => ("timestamp", Role::StartTime(TimeText::Seconds), Content::Number),
        "ms" => ("ms", Role::Plain, Content::Number),
        "ft" | "f" => ("frontend_name", Role::Plain, Content::Word),
        "fi" => ("frontend_ip", Role::Plain, Content::Word),
        "fp" => ("frontend_port", Role::Plain, Content::Number),
        "b" => ("backend_name", Role::Plain, Content::Word),
        "bi" => ("backend_source_ip", Role::Plain, Content::Word),
        "bp" => ("backend_source_port", Role::Plain, Content::Number),
        "s" => ("server_name", Role::Plain, Content::Word),
        "si" => ("server_ip", Role::Plain, Content::Word),
        "sp" => ("server_port", Role::Plain, Content::Number),
        "Ta" | "Tt" => (name, Role::Duration { milliseconds: 0 }, Content::Number),
        "TR" | "Tw" | "Tc" | "Tr" | "Td" | "Th" | "Ti" | "Tq" | "Tu" => (name, Role::Plain, Content::Number),
        "ST" => ("status_code", Role::Status, Content::Status),
        "B" => ("bytes_read", Role::Plain, Content::Number),
        "U" => ("bytes_uploaded", Role::Plain, Content::Number),
        "CC" => ("captured_request_cookie", Role::Plain, Content::Word),
        "CS" => ("captured_response_cookie", Role::Plain, Content::Word),
        "ts" | "tsc" => ("termination_state", Role::Plain, Content::Word),
        "ac" => ("actconn", Role::Plain, Content::Number),
        "fc" => ("feconn", Role::Plain, Content::Number),
        "bc" => ("beconn", Role::Plain, Content::Number),
        "sc" => ("srv_conn", Role::Plain, Content::Number),
        "rc" => ("retries", Role::Plain, Content::Number),
        "sq" => ("srv_queue", Role::Plain, Content::Number),
        "bq" => ("backend_queue", Role::Plain, Content::Number),
        "hr" => ("captured_request_headers", Role::Plain, Content::Braces),
        "hs" => ("captured_response_headers", Role::Plain, Content::Braces),
        "hrl" => ("captured_request_headers", Role::Plain, Content::Free),
        "hsl" => ("captured_response_headers", Role::Plain, Content::Free),
        "r" => ("request", Role::Request, Content::Free),
        "HM" => ("http_method", Role::Method, Content::Word),
        "HP" | "HPO" | "HU" => ("http_path", Role::Uri, Content::Path),
        "HQ" => ("http_query", Role::Args, Content::Word),
        "HV" => ("http_version", Role::Protocol, Content::Word),
        "H" => ("hostname", Role::Plain, Content::Word),
        "ID" => ("unique_id", Role::Plain, Content::Word),
        "lc" => ("frontend_log_counter", Role::Plain, Content::Number),
        "pid" => ("pid", Role::Plain, Content::Number),
        "rt" => ("request_counter", Role::Plain, Content::Number),
        "sslc" => ("ssl_ciphers", Role::Plain, Content::Word),
        "sslv" => ("ssl_version", Role::Plain, Content::Word),
        expression if expression.starts_with('[') => return Ok(of_expression(expression, label)),
        _ => return Err(String::new()),
    };
    Ok(Variable { label: label.to_owned(), name: attribute.to_owned(), role, content })
}

/// `[capture.req.hdr(0)]` is the attribute `capture_req_hdr_0`; what is the same as a variable has its role.
fn of_expression(expression: &str, label: &str) -> Variable {
    let inner = expression.trim_matches(['[', ']']);
    let (role, content) = match inner {
        "src" => (Role::Host { rank: 0 }, Content::Word),
        "status" => (Role::Status, Content::Status),
        "method" => (Role::Method, Content::Word),
        "path" => (Role::Uri, Content::Path),
        "query" => (Role::Args, Content::Word),
        "date" | "accept_date" | "request_date" => (Role::StartTime(TimeText::Seconds), Content::Number),
        "date(0,ms)" | "accept_date(ms)" | "request_date(ms)" => {
            (Role::StartTime(TimeText::Milliseconds), Content::Number)
        }
        "date(0,us)" | "accept_date(us)" | "request_date(us)" => {
            (Role::StartTime(TimeText::Microseconds), Content::Number)
        }
        "txn.timer.user" | "txn.timer.total" => (Role::Duration { milliseconds: 0 }, Content::Number),
        host if host.starts_with("req.hdr(host)") || host.starts_with("var(txn.host)") => {
            (Role::Host { rank: 2 }, Content::Word)
        }
        _ => (Role::Plain, Content::Free),
    };
    let mut name = String::new();
    for c in inner.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_').to_owned();
    Variable { label: label.to_owned(), name, role, content }
}
