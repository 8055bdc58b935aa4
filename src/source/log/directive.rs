//! What was pasted: an nginx `log_format`, an Apache `LogFormat`, a HAProxy `log-format`, or the format alone.

use super::NAMES;
use super::escape::Escape;
use super::haproxy;

/// A format, and what stood around it.
pub struct Written {
    /// What to call it in messages.
    pub name: String,
    pub format: String,
    pub escape: Escape,
    pub server: Server,
}

/// Whose syntax a format is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Apache,
    Haproxy,
    Nginx,
}

pub fn read(text: &str) -> Result<Written, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("the log format is empty: write one of {}, or paste the server's", names()));
    }
    let nginx = positions_of(text, "log_format");
    match nginx[..] {
        [] => {}
        [at] => return nginx_directive(&text[at + "log_format".len()..]),
        [..] => return one_of(text, &nginx),
    }
    if let Some(&at) = positions_of(text, "LogFormat").first() {
        return apache_directive(&text[at + "LogFormat".len()..]);
    }
    if let Some(&at) = positions_of(text, "log-format").first() {
        return haproxy_directive(&text[at + "log-format".len()..]);
    }
    let is_name = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_name(text) {
        return Err(unknown_name(text));
    }
    // The rest of a directive whose first word was left out, or its name too.
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim_start();
    let named = is_name(first) && (rest.starts_with(['\'', '"']) || rest.starts_with("escape="));
    if named {
        return nginx_directive(text);
    }
    if text.starts_with('\'') || text.starts_with("escape=") || is_one_quoted(text) {
        let written = nginx_directive(&format!("pasted {text}"))?;
        return raw(&written.format, written.escape);
    }
    raw(&unquoted(text, false), Escape::Default)
}

/// A format without a directive: by its variables it is nginx's or Apache's.
fn raw(format: &str, escape: Escape) -> Result<Written, String> {
    let follows = |sign: char, fits: fn(char) -> bool| {
        format.match_indices(sign).any(|(at, _)| format[at + 1..].chars().next().is_some_and(fits))
    };
    let name = "the pasted log format".to_owned();
    if follows('$', |c| c.is_ascii_alphabetic() || c == '_' || c == '{') {
        let looks_like_json = format.starts_with("{\"") || format.starts_with("{ \"");
        let escape = if escape == Escape::Default && looks_like_json { Escape::Json } else { escape };
        return Ok(Written { name, format: format.to_owned(), escape, server: Server::Nginx });
    }
    if haproxy::looks_like(format) {
        let (escape, server) = (Escape::Encoded, Server::Haproxy);
        return Ok(Written { name, format: format.to_owned(), escape, server });
    }
    if follows('%', |c| c.is_ascii_alphabetic() || c == '{' || c == '>' || c == '<') {
        let (escape, server) = (Escape::Apache, Server::Apache);
        return Ok(Written { name, format: format.to_owned(), escape, server });
    }
    Err(format!(
        "the log format `{format}` has no variables: write one of {}, or paste nginx's `log_format`, Apache's \
         `LogFormat` or HAProxy's `log-format`",
        names()
    ))
}

/// What follows `log_format`: a name, perhaps `escape=…`, pieces, perhaps `;`.
fn nginx_directive(text: &str) -> Result<Written, String> {
    let mut tokens = Tokens { rest: text };
    let name = tokens.next()?.ok_or("`log_format` has no name: paste it as it stands in nginx.conf")?;
    let mut escape = Escape::Default;
    let mut format = String::new();
    while let Some(token) = tokens.next()? {
        match token.strip_prefix("escape=") {
            Some(kind) if format.is_empty() => {
                escape = match kind {
                    "default" => Escape::Default,
                    "json" => Escape::Json,
                    "none" => Escape::None,
                    other => return Err(format!("`escape={other}` is not known: nginx has default, json and none")),
                }
            }
            _ => format.push_str(&token),
        }
    }
    if format.is_empty() {
        return Err(format!("`log_format {name}` has no format: paste it whole, to the `;`"));
    }
    Ok(Written { name: format!("log_format {name}"), format, escape, server: Server::Nginx })
}

/// What follows `LogFormat`: the format in quotes, perhaps a name.
fn apache_directive(text: &str) -> Result<Written, String> {
    let text = text.trim_start();
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return Err("`LogFormat` has no format in quotes: paste it as it stands in the configuration".to_owned());
    };
    let end = closing_quote(&text[1..], quote).ok_or_else(|| format!("`LogFormat` has no closing {quote}"))?;
    let name = text[end + 2..].split_whitespace().next().unwrap_or("without a name");
    let format = unquoted(&text[1..=end], true);
    Ok(Written { name: format!("LogFormat {name}"), format, escape: Escape::Apache, server: Server::Apache })
}

/// What follows `log-format`: the format in quotes, or without them and with a backslash before each blank.
fn haproxy_directive(text: &str) -> Result<Written, String> {
    let text = text.trim_start();
    let format = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let end = closing_quote(&text[1..], quote).ok_or_else(|| format!("`log-format` has no closing {quote}"))?;
            unquoted(&text[1..=end], true)
        }
        _ => {
            let mut escaped = false;
            let end = text.find(|c: char| {
                let ends = c.is_whitespace() && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            text[..end.unwrap_or(text.len())].to_owned()
        }
    };
    if format.is_empty() {
        return Err("`log-format` has no format: paste it as it stands in haproxy.cfg".to_owned());
    }
    Ok(Written { name: "log-format".to_owned(), format, escape: Escape::Encoded, server: Server::Haproxy })
}

/// Tokens as nginx reads them.
struct Tokens<'t> {
    rest: &'t str,
}

impl Tokens<'_> {
    /// None at `;` and at the end.
    fn next(&mut self) -> Result<Option<String>, String> {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, next)| next),
                None => break,
            }
        }
        match self.rest.chars().next() {
            None | Some(';') => Ok(None),
            Some(quote @ ('\'' | '"')) => {
                let inner = &self.rest[1..];
                let end = closing_quote(inner, quote)
                    .ok_or_else(|| format!("the log format has no closing {quote} for `{}`", start_of(inner)))?;
                self.rest = &inner[end + 1..];
                Ok(Some(unquoted(&inner[..end], false)))
            }
            Some(_) => {
                let end = self.rest.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(self.rest.len());
                let token = unquoted(&self.rest[..end], false);
                self.rest = &self.rest[end..];
                Ok(Some(token))
            }
        }
    }
}

/// Where the quote is that ends a text; a backslash takes the next byte with it.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = !escaped && c == quote;
        escaped = !escaped && c == '\\';
        closes.then_some(at)
    })
}

/// Undoes the backslashes of a configuration file; nginx reads `\t`, `\r`, `\n` there, Apache in the format itself.
fn unquoted(text: &str, apache: bool) -> String {
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = if c == '\\' { chars.peek().copied() } else { None };
        let replaced = match next {
            Some(same @ ('"' | '\'' | '\\')) => Some(same.to_string()),
            Some('t') if !apache => Some("\t".to_owned()),
            Some('r') if !apache => Some("\r".to_owned()),
            Some('n') if !apache => Some("\n".to_owned()),
            // A line that goes on below.
            Some('\n') if apache => Some(String::new()),
            _ => None,
        };
        match replaced {
            Some(replaced) => {
                plain.push_str(&replaced);
                chars.next();
            }
            None => plain.push(c),
        }
    }
    plain
}

/// Whether all of the text is one text in double quotes, rather than a format that begins and ends with them.
fn is_one_quoted(text: &str) -> bool {
    let text = text.trim_end_matches(';').trim_end();
    text.strip_prefix('"').is_some_and(|inner| closing_quote(inner, '"') == Some(inner.len().wrapping_sub(1)))
}

/// Where a directive stands: at the start of a line or of the text, or behind `;`, `{` or `}`.
fn positions_of(text: &str, directive: &str) -> Vec<usize> {
    let begins = |at: usize| {
        let line = text[..at].rsplit(['\n', ';', '{', '}']).next().unwrap_or("");
        line.trim().is_empty() && text[at + directive.len()..].starts_with(char::is_whitespace)
    };
    text.match_indices(directive).map(|(at, _)| at).filter(|at| begins(*at)).collect()
}

/// The directive `log_format` of this name, and what follows it up to the next one.
pub fn named<'t>(text: &'t str, name: &str) -> Result<&'t str, String> {
    let positions = positions_of(text, "log_format");
    let Some(found) = positions.iter().position(|at| name_at(text, *at) == name) else {
        let known: Vec<&str> = positions.iter().map(|at| name_at(text, *at)).collect();
        return Err(format!("there is no `log_format {name}` here, but: {}", known.join(", ")));
    };
    let end = positions.get(found + 1).copied().unwrap_or(text.len());
    Ok(&text[positions[found]..end])
}

fn one_of(text: &str, positions: &[usize]) -> Result<Written, String> {
    let found: Vec<&str> = positions.iter().map(|at| name_at(text, *at)).collect();
    Err(format!(
        "there are {} formats here ({}): paste the one that the log is written with, or name it behind the file: \
         `@nginx.conf:{}`",
        found.len(),
        found.join(", "),
        found.first().copied().unwrap_or_default()
    ))
}

fn name_at(text: &str, at: usize) -> &str {
    text[at + "log_format".len()..].split_whitespace().next().unwrap_or("")
}

fn unknown_name(text: &str) -> String {
    let distance = |name: &&&str| strsim::damerau_levenshtein(name, text);
    let close = NAMES.iter().filter(|name| distance(name) <= 2).min_by_key(distance);
    match close {
        Some(close) => format!("there is no log format `{text}`: is it `{close}`?"),
        None => format!(
            "there is no log format `{text}`: write one of {}, or paste nginx's `log_format`, \
             Apache's `LogFormat` or HAProxy's `log-format`",
            names()
        ),
    }
}

fn names() -> String {
    NAMES.map(|name| format!("`{name}`")).join(", ")
}

fn start_of(text: &str) -> String {
    text.chars().take(30).collect()
}
