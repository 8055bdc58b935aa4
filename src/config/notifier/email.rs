//! `:email`: over SMTP.

use std::path::PathBuf;

use super::{Entries, Entry, Seen, catalogue};
use crate::config::context::Context;
use crate::config::values::{self, Appears, Text};
use crate::config::{listener, url};
use crate::edn::{Form, Kind};
use crate::plan::{Email, MailSecurity, Secret, Via};

/// What the map says.
#[derive(Default)]
struct Options {
    host: Option<(String, Option<u16>)>,
    port: Option<u16>,
    security: Option<MailSecurity>,
    user: Option<String>,
    password: Option<Secret>,
    from: Option<String>,
    to: Vec<String>,
    ca: Option<PathBuf>,
}

/// Alphabetical.
const OPTIONS: [Entry<Options>; 8] = [
    Entry { name: "ca", read: |options, form, context| options.ca = listener::path(form, "ca", context) },
    Entry { name: "from", read: |options, form, context| options.from = address(form, "`:from`", context) },
    Entry { name: "host", read: host },
    Entry { name: "password", read: password },
    Entry { name: "port", read: port },
    Entry { name: "security", read: security },
    Entry { name: "to", read: to },
    Entry { name: "user", read: user },
];

const OTHER_WORDS: [(&str, &str); 22] = [
    ("ca-cert", "ca"),
    ("sender", "from"),
    ("address", "host"),
    ("hostname", "host"),
    ("relay", "host"),
    ("server", "host"),
    ("smarthost", "host"),
    ("smtp", "host"),
    ("url", "host"),
    ("pass", "password"),
    ("secret", "password"),
    ("encryption", "security"),
    ("ssl", "security"),
    ("starttls", "security"),
    ("tls", "security"),
    ("recipient", "to"),
    ("recipients", "to"),
    ("mail-to", "to"),
    ("login", "user"),
    ("username", "user"),
    ("auth-user", "user"),
    ("auth-password", "password"),
];

/// How many people a mail may go to.
const MAX_ADDRESSES: usize = 100;

/// The longest address, with its name, in bytes.
const MAX_ADDRESS: usize = 512;

const EXAMPLE: &str =
    "`{:type :email :host \"mail.example.com\" :from \"highwater@example.com\" :to \"ops@example.com\"}`";

pub(super) fn has(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name)
}

pub(super) fn read(entries: &Entries, context: &mut Context) -> Via {
    let mut options = Options::default();
    let required = ["from", "host", "to"];
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &required, &mut options, context);
    entries.require(&seen, &required, EXAMPLE, context);
    let security = options.security.unwrap_or(MailSecurity::StartTls);
    let usual = match security {
        MailSecurity::StartTls => 587,
        MailSecurity::Tls => 465,
        MailSecurity::None => 25,
    };
    let (host, port) = options.host.unwrap_or_else(|| ("unset.invalid".to_string(), None));
    if let (Some(_), Some(first), Some(again)) = (port, seen.place("host"), seen.place("port")) {
        context.report(catalogue::port_twice(again, first));
    }
    login(&seen, security, &host, context);
    let nobody = || "unset@unset.invalid".to_string();
    let to = if options.to.is_empty() { vec![nobody()] } else { options.to };
    Via::Email(Box::new(Email {
        host,
        port: options.port.or(port).unwrap_or(usual),
        security,
        login: options.user.zip(options.password),
        from: options.from.unwrap_or_else(nobody),
        to,
        ca: options.ca,
    }))
}

/// Reports a user without a password, the reverse, and a password that everybody on the way can read.
fn login(seen: &Seen, security: MailSecurity, host: &str, context: &mut Context) {
    match (seen.place("user"), seen.place("password")) {
        (Some(place), None) => context.report(catalogue::half_a_login(place, "user", "password")),
        (None, Some(place)) => context.report(catalogue::half_a_login(place, "password", "user")),
        (Some(_), Some(place)) if security == MailSecurity::None && !url::is_loopback(host) => {
            if let Some(said) = seen.place("security") {
                context.report(catalogue::password_in_clear(said, place));
            }
        }
        _ => {}
    }
}

fn host(options: &mut Options, form: &Form, context: &mut Context) {
    let Some(text) = values::words(form, "`:host`", context) else { return };
    let written = text.text.trim();
    if written.parse::<std::net::Ipv6Addr>().is_ok() {
        return options.host = Some((written.to_string(), None));
    }
    let Some((name, port)) = url::split_port(written) else {
        return context.report(catalogue::no_mail_host(&text));
    };
    let is_host = url::is_name(name) || name.parse::<std::net::Ipv6Addr>().is_ok();
    match port.map(str::parse::<u16>) {
        None if is_host => options.host = Some((name.to_string(), None)),
        Some(Ok(port)) if is_host && port > 0 => options.host = Some((name.to_string(), Some(port))),
        _ => context.report(catalogue::no_mail_host(&text)),
    }
}

fn port(options: &mut Options, form: &Form, context: &mut Context) {
    let port = values::whole(form, "`:port`", 1, 65_535, context);
    options.port = port.and_then(|port| u16::try_from(port).ok());
}

fn security(options: &mut Options, form: &Form, context: &mut Context) {
    let choices = [("starttls", MailSecurity::StartTls), ("tls", MailSecurity::Tls), ("none", MailSecurity::None)];
    let other_words = [
        ("start-tls", "starttls"),
        ("explicit", "starttls"),
        ("opportunistic", "starttls"),
        ("ssl", "tls"),
        ("implicit", "tls"),
        ("smtps", "tls"),
        ("plain", "none"),
        ("off", "none"),
        ("no", "none"),
        ("clear", "none"),
    ];
    options.security = values::choice(form, "`:security`", &choices, &other_words, context);
}

fn user(options: &mut Options, form: &Form, context: &mut Context) {
    let text = values::text(form, "`:user`", Appears::Nowhere, context);
    options.user = checked(text, "`:user`", context).map(|text| text.text);
}

fn password(options: &mut Options, form: &Form, context: &mut Context) {
    let text = values::secret(form, "`:password`", context);
    let Some(text) = checked(text, "`:password`", context) else { return };
    if values::in_clear(form).is_some() {
        context.report(catalogue::secret_in_file(form.span, "password", "MAIL_PASSWORD"));
    }
    options.password = Some(Secret(text.text));
}

/// What the protocol takes: it is not empty, has no line breaks, and is not too long.
fn checked(text: Option<Text>, subject: &str, context: &mut Context) -> Option<Text> {
    let text = text?;
    if text.text.is_empty() {
        return context.refuse(catalogue::empty(text.span, subject));
    }
    if text.text.len() > MAX_ADDRESS || text.text.chars().any(char::is_control) {
        return context.refuse(catalogue::no_login_text(text.span, subject, MAX_ADDRESS));
    }
    Some(text)
}

fn to(options: &mut Options, form: &Form, context: &mut Context) {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() > MAX_ADDRESSES => {
            return context.report(catalogue::too_many_names(form.span, "`:to`", MAX_ADDRESSES));
        }
        Kind::Vector(items) if items.is_empty() => return context.report(catalogue::empty(form.span, "`:to`")),
        Kind::Vector(items) => items.as_slice(),
        _ => std::slice::from_ref(form),
    };
    options.to = items.iter().filter_map(|item| address(item, "`:to`", context)).collect();
}

/// `a@example.com`, or `Name <a@example.com>`, as written.
fn address(form: &Form, subject: &str, context: &mut Context) -> Option<String> {
    let text = values::words(form, subject, context)?;
    let written = text.text.trim();
    match is_address(written) {
        true => Some(written.to_string()),
        false => context.refuse(catalogue::no_mail_address(&text, subject)),
    }
}

fn is_address(text: &str) -> bool {
    if text.len() > MAX_ADDRESS || text.chars().any(char::is_control) {
        return false;
    }
    let bare = match text.strip_suffix('>') {
        None => text,
        Some(rest) => match rest.split_once('<') {
            Some((name, bare)) if !name.contains(['>', '@']) => bare,
            _ => return false,
        },
    };
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    bare.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && local.len() <= 64 && local.bytes().all(is_sign) && url::is_name(domain)
    })
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_address_is_plain_or_has_a_name() {
        for text in
            ["a@example.com", "Ops <ops@example.com>", "Bereitschaft Süd <a+b@x.example>", "<a@b>", "root@localhost"]
        {
            assert!(is_address(text), "{text}");
        }
        for text in [
            "",
            "a",
            "@example.com",
            "a@",
            "a b@example.com",
            "a@example.com, b@example.com",
            "Ops ops@example.com",
            "Ops <ops@example.com",
            "x <a@b> <c@d>",
            "a@b@c",
            "a@exa mple.com",
            "a@b\r\nBcc: c@d",
            "a@[127.0.0.1]",
            "mailto:a@example.com",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
