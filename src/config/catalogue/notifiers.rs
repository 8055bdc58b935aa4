//! Who is told, and how. What may be a secret is part of no message.

use super::{code, error, kind, lint, one_of};
use crate::config::notifier::SecretFault;
use crate::config::url::Fault;
use crate::config::values::Text;
use crate::edn::{Diagnostic, Form, Kind, Span};

const TYPES: &str = "`:log`, `:webhook`, `:pagerduty`, `:alertmanager`, `:email` or `:exec`";

pub fn secret_is_no_text(span: Span, subject: &str) -> Diagnostic {
    error("T086", span, format!("{subject} takes a string, or a variable or a file that holds it"))
        .here("expected a string")
        .help("write `#env \"NAME\"`, `#file \"/run/secrets/name\"`, or a string in quotes")
}

pub fn notifier_without_type(span: Span, guess: Option<&str>) -> Diagnostic {
    error("T087", span, "this notifier has no `:type`").here(format!("expected `:type`: {TYPES}")).help(match guess {
        Some(guess) => format!("write `:type :{guess}`"),
        None => "write `:type :webhook`, say".to_string(),
    })
}

/// `is_elsewhere`: it names a service that is reached by a type of another name.
pub fn unknown_type(form: &Form, meant: Option<&str>, is_elsewhere: bool) -> Diagnostic {
    let found = match &form.kind {
        Kind::Keyword(name) => code(&format!(":{name}")),
        _ => kind(form),
    };
    let help = match (meant, &form.kind) {
        (Some(meant), Kind::Keyword(_)) => format!("did you mean `:{meant}`?"),
        (Some(meant), _) => format!("write `:{meant}`"),
        (None, _) if is_elsewhere => {
            "write `:webhook` with a URL that takes our JSON; or `:exec` with a program that turns it into theirs"
                .to_string()
        }
        (None, _) => "for anything else: `:webhook` posts JSON to a URL, `:exec` runs a program".to_string(),
    };
    error("T088", form.span, format!("there is no type {found} of notifiers"))
        .here(format!("expected {TYPES}"))
        .help(help)
}

pub fn option_of_other_type(span: Span, name: &str, subject: &str, owner: &str) -> Diagnostic {
    error("T089", span, format!("{subject} has no {}", code(&format!(":{name}"))))
        .here("an option of another type")
        .help(format!("it belongs to `:type :{owner}`; leave it out here"))
}

pub fn missing_options(span: Span, subject: &str, missing: &[&str], example: &str) -> Diagnostic {
    let names: Vec<String> = missing.iter().map(|name| format!("`:{name}`")).collect();
    error("T100", span, format!("{subject} needs {}", names.join(", ")))
        .here(format!("no {}", names.join(", no ")))
        .help(format!("write {example}"))
}

pub fn name_of_a_notifier(span: Span, name: &str, most: usize) -> Diagnostic {
    error("T101", span, format!("{} is no name for a notifier", code(&format!(":{name}"))))
        .here("expected letters, digits, `-`, `_` and `.`")
        .help(format!("it becomes part of metrics and records: at most {most} letters, digits, `-`, `_` and `.`"))
}

/// `most` is empty where there is none.
pub fn time_between(span: Span, subject: &str, least: &str, most: &str) -> Diagnostic {
    let range = match (least, most) {
        ("0", _) => format!("above 0 and at most {most}"),
        (_, "") => format!("of at least {least}"),
        _ => format!("from {least} to {most}"),
    };
    error("T102", span, format!("{subject} is a time {range}")).here(format!("expected a time {range}"))
}

pub fn no_secret(span: Span, fault: SecretFault) -> Diagnostic {
    let why = match fault {
        SecretFault::NotBase64 => "is no base64",
        SecretFault::Asymmetric => "is a key of Ed25519, and signatures are made with HMAC-SHA256",
        SecretFault::Short => "has fewer than 16 bytes",
        SecretFault::Long => "has more than 64 bytes",
    };
    error("T103", span, format!("the value of `:secret` {why}"))
        .here("expected `whsec_` and base64 of 24 to 64 bytes")
        .help("make one with `echo whsec_$(openssl rand -base64 32)`, and give the receiver the same")
}

pub fn short_secret(span: Span) -> Diagnostic {
    lint("W037", span, "the value of `:secret` has fewer than 24 bytes")
        .here("Standard Webhooks asks for 24 to 64")
        .help("make a longer one with `echo whsec_$(openssl rand -base64 32)`, and give the receiver the same")
}

pub fn not_so_many_secrets(span: Span, most: usize, count: usize) -> Diagnostic {
    error("T104", span, format!("`:secret` holds 1 to {most} secrets, and this vector has {count}"))
        .here(format!("expected 1 to {most}"))
        .help("one is enough; two while they are rotated: the new one first, then the old one")
}

pub fn name_of_a_header(span: Span) -> Diagnostic {
    error("T105", span, "this is no name of a header")
        .here("expected letters, digits and signs such as `-`")
        .help("write it as `\"X-Team\"`, without a colon and without blanks")
}

pub fn header_of_ours(span: Span, name: &str) -> Diagnostic {
    error("T106", span, format!("the header {} is set already, and cannot be another", code(name)))
        .here("set by the notifier itself")
        .help("leave it out")
}

pub fn value_of_a_header(span: Span, subject: &str, most: usize) -> Diagnostic {
    error("T107", span, format!("the value of {subject} cannot be sent"))
        .here("expected printable ASCII, without blanks at its ends")
        .help(format!("it has 1 to {most} characters, no line breaks, and nothing beyond ASCII"))
}

pub fn url_is_no_text(span: Span, subject: &str) -> Diagnostic {
    error("T108", span, format!("{subject} takes a string"))
        .here("expected a URL in quotes")
        .help("write `\"https://example.com/hook\"`, or `#env \"NAME\"`")
}

/// Of the text only its host is shown, if that is what is wrong.
pub fn no_url(text: &Text, subject: &str, fault: Fault) -> Diagnostic {
    let (why, here, help) = match fault {
        Fault::Blank => (
            "has a blank, or a character beyond ASCII",
            "expected a URL without blanks",
            "write `%20` for a blank, and percent-encode what is no ASCII",
        ),
        Fault::Fragment => (
            "has a fragment, which is never sent",
            "expected a URL without `#`",
            "leave out the `#` and all behind it; `%23` stands for the sign itself",
        ),
        Fault::Login => (
            "has a user and a password in front of its host",
            "expected a URL without `@`",
            "take them out, and send them as a header: `:headers {\"Authorization\" #env \"HOOK_AUTH\"}`",
        ),
        Fault::NoHost => ("has no host", "expected a host", "write `\"https://example.com/hook\"`"),
        Fault::Host => (
            "has no name of a host that can be read",
            "expected a name or an address behind `://`",
            "write a name, an address, or IPv6 in brackets: `\"http://[::1]:9000/hook\"`",
        ),
        Fault::Port => (
            "has no port that can be read",
            "expected a port from 1 to 65535",
            "write it behind the host: `\"http://127.0.0.1:9000/hook\"`",
        ),
        Fault::NoScheme => (
            "has no scheme",
            "expected `https://` or `http://` in front",
            "write `https://` in front of it, or `http://` on this machine",
        ),
        Fault::Scheme => (
            "has another scheme than `http` and `https`",
            "expected `https://` or `http://`",
            "write `https://` in front of the host",
        ),
        Fault::TooLong => ("is too long", "expected at most 8192 characters", "what is long belongs into `:headers`"),
    };
    error("T109", text.span, format!("{subject} {why}")).here(here).help(help)
}

pub fn no_routing_key(span: Span, length: usize, found: usize) -> Diagnostic {
    let why = match found == length {
        true => "has signs that are neither letters nor digits".to_string(),
        false => format!("has {found} characters"),
    };
    error("T110", span, format!("a routing key has {length} letters and digits, and this one {why}"))
        .here(format!("expected {length} letters and digits"))
        .help("it is the Integration Key of the service's integration \"Events API V2\", not an API key")
}

pub fn url_and_region(url: Span, region: Span) -> Diagnostic {
    error("T111", region, "`:region` chooses a URL, and `:url` is said, too")
        .here("one of the two is enough")
        .also(url, "the URL")
        .help("keep `:region` for PagerDuty itself, or `:url` for something in front of it")
}

pub fn no_severity_of_pagerduty(span: Span, meant: Option<&str>) -> Diagnostic {
    error("T112", span, "PagerDuty knows the severities `critical`, `error`, `warning` and `info`")
        .here("expected one of the four")
        .maybe_help(meant.map(|meant| format!("did you mean `\"{meant}\"`?")))
}

pub fn named_twice(span: Span, first: Span, subject: &str, name: &str) -> Diagnostic {
    error("T113", span, format!("{subject} names {} twice", code(name)))
        .here("named again here")
        .also(first, "named first here")
        .help("keep one of them")
}

pub fn url_of_the_api(span: Span, names_the_api: bool) -> Diagnostic {
    let (here, why) = match names_the_api {
        true => ("with the path of its API", "leave out `/api/…`: `/api/v2/alerts` is added"),
        false => ("with a query", "leave out `?` and what stands behind it: `/api/v2/alerts` is added"),
    };
    error("T114", span, "`:url` of Alertmanager is that of the server")
        .here(here)
        .help(format!("{why}; write `\"http://127.0.0.1:9093\"`, or with the path of `--web.external-url`"))
}

pub fn no_mail_host(text: &Text) -> Diagnostic {
    let what = if text.secret { "this value".to_string() } else { code(&text.text) };
    let draft = error("T115", text.span, format!("{what} is no host of mail")).here("expected a name or an address");
    draft.help(match text.text.contains("://") && !text.secret {
        true => "write it without the scheme: `:host \"mail.example.com\" :security :tls` is `smtps://…`",
        false => "write `\"mail.example.com\"`, `\"mail.example.com:587\"` or `\"[::1]:25\"`",
    })
}

pub fn port_twice(span: Span, host: Span) -> Diagnostic {
    error("T116", span, "the port is said twice")
        .here("again here")
        .also(host, "first here")
        .help("leave `:port` out, or the port behind the host")
}

pub fn half_a_login(span: Span, there: &str, missing: &str) -> Diagnostic {
    error("T117", span, format!("`:{there}` is said, and `:{missing}` is not"))
        .here("one is without the other")
        .help("give both, or none for a server that asks nobody")
}

pub fn password_in_clear(span: Span, password: Span) -> Diagnostic {
    error("T118", span, "the password would go over the net in clear")
        .here("no TLS")
        .also(password, "the password")
        .help("write `:security :starttls`, or `:security :tls`; without a login `:none` is allowed")
}

pub fn no_login_text(span: Span, subject: &str, most: usize) -> Diagnostic {
    error("T119", span, format!("{subject} cannot be sent to a mail server"))
        .here("expected one line")
        .help(format!("it has at most {most} bytes, and no line breaks or other control characters"))
}

pub fn no_mail_address(text: &Text, subject: &str) -> Diagnostic {
    let what = if text.secret { "this value".to_string() } else { code(&text.text) };
    let several = text.text.matches('@').count() > 1;
    error("T120", text.span, format!("{what} is no address of mail")).here("expected one address").help(
        match several && subject == "`:to`" {
            true => "write several as a vector: `:to [\"a@example.com\" \"b@example.com\"]`",
            false => "write `\"ops@example.com\"`, or `\"Operations <ops@example.com>\"`",
        },
    )
}

pub fn no_command(form: &Form) -> Diagnostic {
    match &form.kind {
        Kind::String(text) => {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
            let is_plain = text.len() <= 60 && text.chars().all(|c| c.is_alphanumeric() || " -_./:=,@+".contains(c));
            let draft = error("T121", form.span, "`:command` is a vector: no shell takes a text apart")
                .here("expected a vector of strings");
            draft.help(match is_plain && !words.is_empty() {
                true => format!("write `[{}]`; or `[\"sh\" \"-c\" \"…\"]` if a shell is wanted", words.join(" ")),
                false => {
                    "write `[\"/usr/local/bin/tell\" \"--urgent\"]`; or `[\"sh\" \"-c\" \"…\"]` if a shell is wanted"
                        .to_string()
                }
            })
        }
        Kind::Vector(_) => error("T145", form.span, "`:command` is empty")
            .here("expected a program")
            .help("write `[\"/usr/local/bin/tell\" \"--urgent\"]`"),
        _ => super::wrong_kind(form, "`:command`", "a vector of strings, a program and its arguments")
            .help("write `[\"/usr/local/bin/tell\" \"--urgent\"]`"),
    }
}

pub fn argument_of_a_command(span: Span, fault: &str) -> Diagnostic {
    error("T122", span, format!("this cannot be run: {fault}"))
        .here("expected a program, or one of its arguments")
        .help("write `[\"/usr/local/bin/tell\" \"--urgent\"]`; or `[\"sh\" \"-c\" \"…\"]` if a shell is wanted")
}

pub fn no_log_path(span: Span, fault: &str, help: &str) -> Diagnostic {
    error("T123", span, format!("`:path` takes the path of a file, and this {fault}"))
        .here("expected a path")
        .help(help)
}

pub fn secret_in_clear(span: Span, what: &str) -> Diagnostic {
    lint("W035", span, format!("{what} over the net in clear"))
        .here("`http://`, and beyond this machine")
        .help("write `https://…`")
}

/// Words that a threshold says and that PagerDuty is not told how to understand.
pub fn unmapped_severities(span: Span, name: &str, words: &[String]) -> Diagnostic {
    let shown: Vec<String> = words.iter().take(5).map(|word| format!("`\"{}\"`", word.escape_default())).collect();
    let verb = if words.len() == 1 { "is" } else { "are" };
    let more = words.len().saturating_sub(shown.len());
    let list = if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { one_and(&shown) };
    let example =
        words.first().map(|word| code(&format!(":severities {{\"{word}\" \"critical\"}}"))).unwrap_or_default();
    lint("W034", span, format!("the severity {list} can reach `:{name}`, which does not say what it means there"))
        .here(format!("{verb} sent as `critical`"))
        .help(format!("write {example}, or another of {}", one_of(&["critical", "error", "warning", "info"])))
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn one_and(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        other => other.concat(),
    }
}
