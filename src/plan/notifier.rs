//! Who is told, and how: checked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Secret;

/// One entry of `:notifiers`.
#[derive(Clone, Debug, PartialEq)]
pub struct Notifier {
    /// Without a colon.
    pub name: String,
    pub via: Via,
    /// How long one attempt may take, in microseconds: `:timeout`.
    pub timeout: i64,
    /// How old a notice may become before it is given up, in microseconds: `:give-up`.
    pub give_up: i64,
}

/// What a notifier is: `:type`.
#[derive(Clone, Debug, PartialEq)]
pub enum Via {
    Log(Log),
    Webhook(Webhook),
    PagerDuty(PagerDuty),
    Alertmanager(Alertmanager),
    Email(Box<Email>),
    Exec(Exec),
}

/// `:log`: a line of JSON for each transition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// `:path`; None: standard output.
    pub path: Option<PathBuf>,
}

/// `:webhook`: the transition as JSON, a batch as an array, signed as Standard Webhooks says.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    pub url: Url,
    /// `:secret`: one text, or several while they are rotated. The keys, decoded (`whsec_` and base64).
    pub secrets: Vec<Key>,
    pub headers: Headers,
    /// `:ca`: certificates in PEM to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// `:pagerduty`: Events API v2.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerDuty {
    /// Where events are posted: `https://events.pagerduty.com/v2/enqueue` unless said.
    pub url: Url,
    /// 32 characters.
    pub routing_key: Secret,
    pub severities: Severities,
    /// `:client` and `:client-url`: shown with the incident.
    pub client: Option<String>,
    pub client_url: Option<String>,
    pub ca: Option<PathBuf>,
}

/// `:alertmanager`: API v2.
#[derive(Clone, Debug, PartialEq)]
pub struct Alertmanager {
    /// Of the server: `http://127.0.0.1:9093`. Without `/api/v2/alerts`, which is added.
    pub url: Url,
    /// `:resend`: what fires is sent again so often, in microseconds.
    pub resend: i64,
    pub severities: Severities,
    pub headers: Headers,
    pub ca: Option<PathBuf>,
}

/// `:email`: over SMTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// Name or address, without the port.
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    /// User and password.
    pub login: Option<(String, Secret)>,
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
    pub ca: Option<PathBuf>,
}

/// `:security` of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MailSecurity {
    /// TLS is asked for after the greeting, and must be there.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: only where that is said, `:security :none`.
    None,
}

/// `:exec`: any program.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// The program and its arguments; no shell.
    pub command: Vec<String>,
}

/// `http://` or `https://`, checked; it may hold a secret, so it is shown without path and query (`Display`).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Url(pub String);

/// Bytes that sign; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub Vec<u8>);

/// `:headers`: names as written, and values, which may be secrets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(pub Vec<(String, Secret)>);

/// `:severities`: what the user's words mean where a closed set is wanted. Sorted by the user's word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Severities(pub Vec<(String, String)>);

/// `:heartbeat`: a URL that is asked for while all is well.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    pub url: Url,
    /// In microseconds.
    pub every: i64,
    pub ca: Option<PathBuf>,
}

/// Where a notifier sends: what a recovery keeps of its violation, whatever the notifier has become since.
///
/// It is written into the state folder: of secrets it holds those that are the address (a routing key, a URL), never
/// those that sign or log in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    Log(Option<PathBuf>),
    Webhook(Url),
    PagerDuty { url: Url, routing_key: Secret },
    Alertmanager(Url),
    Email { host: String, port: u16, security: MailSecurity, from: String, to: Vec<String> },
    Exec(Vec<String>),
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A user and a password before the `@` are nobody's business.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let more = if authority.len() < rest.len() && &rest[authority.len()..] != "/" { "/…" } else { "" };
        write!(f, "{scheme}://{host}{more}")
    }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Url({self})")
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Severities {
    /// What the user's word means; None if it is not said.
    pub fn of(&self, word: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == word).map(|(_, meaning)| meaning.as_str())
    }
}

impl Notifier {
    /// One attempt, where nothing is said: ten seconds, in microseconds.
    pub const TIMEOUT: i64 = 10_000_000;
    /// The age at which a notice is given up, where nothing is said: a day, in microseconds.
    pub const GIVE_UP: i64 = 86_400_000_000;
    /// Often enough for a `resolve_timeout` of five minutes, in microseconds.
    pub const RESEND: i64 = 60_000_000;

    /// The name of the one that writes to standard output, where nothing is said.
    pub const STANDARD_OUTPUT: &str = "log";

    /// `:log` to standard output, as it is where nothing is said.
    pub fn standard_output() -> Notifier {
        Notifier {
            name: Notifier::STANDARD_OUTPUT.to_string(),
            via: Via::Log(Log::default()),
            timeout: Notifier::TIMEOUT,
            give_up: Notifier::GIVE_UP,
        }
    }

    /// What is left of a notifier of which only the address is known: it signs nothing and logs in nowhere.
    pub fn bare(name: &str, address: &Address) -> Notifier {
        let (headers, severities, ca) = (Headers::default(), Severities::default(), None);
        let via = match address.clone() {
            Address::Log(path) => Via::Log(Log { path }),
            Address::Webhook(url) => Via::Webhook(Webhook { url, secrets: Vec::new(), headers, ca }),
            Address::PagerDuty { url, routing_key } => {
                Via::PagerDuty(PagerDuty { url, routing_key, severities, client: None, client_url: None, ca })
            }
            Address::Alertmanager(url) => {
                Via::Alertmanager(Alertmanager { url, resend: Notifier::RESEND, severities, headers, ca })
            }
            Address::Email { host, port, security, from, to } => {
                Via::Email(Box::new(Email { host, port, security, login: None, from, to, ca }))
            }
            Address::Exec(command) => Via::Exec(Exec { command }),
        };
        Notifier { name: name.to_string(), via, timeout: Notifier::TIMEOUT, give_up: Notifier::GIVE_UP }
    }

    /// The same notifier, sending to an address of before. None if that is of another type.
    pub fn at(&self, address: &Address) -> Option<Notifier> {
        let via = match (&self.via, address) {
            (Via::Log(_), Address::Log(path)) => Via::Log(Log { path: path.clone() }),
            (Via::Webhook(now), Address::Webhook(url)) => Via::Webhook(Webhook { url: url.clone(), ..now.clone() }),
            (Via::PagerDuty(now), Address::PagerDuty { url, routing_key }) => {
                Via::PagerDuty(PagerDuty { url: url.clone(), routing_key: routing_key.clone(), ..now.clone() })
            }
            (Via::Alertmanager(now), Address::Alertmanager(url)) => {
                Via::Alertmanager(Alertmanager { url: url.clone(), ..now.clone() })
            }
            (Via::Email(now), Address::Email { host, port, security, from, to }) => Via::Email(Box::new(Email {
                host: host.clone(),
                port: *port,
                security: *security,
                from: from.clone(),
                to: to.clone(),
                ..now.as_ref().clone()
            })),
            (Via::Exec(_), Address::Exec(command)) => Via::Exec(Exec { command: command.clone() }),
            _ => return None,
        };
        Some(Notifier { via, ..self.clone() })
    }
}

impl Via {
    /// The word that stands at `:type`.
    pub fn name(&self) -> &'static str {
        match self {
            Via::Log(_) => "log",
            Via::Webhook(_) => "webhook",
            Via::PagerDuty(_) => "pagerduty",
            Via::Alertmanager(_) => "alertmanager",
            Via::Email(_) => "email",
            Via::Exec(_) => "exec",
        }
    }

    pub fn address(&self) -> Address {
        match self {
            Via::Log(log) => Address::Log(log.path.clone()),
            Via::Webhook(webhook) => Address::Webhook(webhook.url.clone()),
            Via::PagerDuty(pagerduty) => {
                Address::PagerDuty { url: pagerduty.url.clone(), routing_key: pagerduty.routing_key.clone() }
            }
            Via::Alertmanager(alertmanager) => Address::Alertmanager(alertmanager.url.clone()),
            Via::Email(email) => Address::Email {
                host: email.host.clone(),
                port: email.port,
                security: email.security,
                from: email.from.clone(),
                to: email.to.clone(),
            },
            Via::Exec(exec) => Address::Exec(exec.command.clone()),
        }
    }

    /// Whether it takes a batch as one message; else it is given the records of a batch one by one.
    pub fn takes_batches(&self) -> bool {
        match self {
            Via::Log(_) | Via::Webhook(_) | Via::Email(_) | Via::Exec(_) => true,
            Via::PagerDuty(_) | Via::Alertmanager(_) => false,
        }
    }

    /// How many messages may be on their way at a time. Where the receiver has no key to see a repeat by, one: then a
    /// crash repeats at most one.
    pub fn at_once(&self) -> usize {
        match self {
            Via::Log(_) | Via::Email(_) | Via::Exec(_) => 1,
            Via::Webhook(_) | Via::PagerDuty(_) | Via::Alertmanager(_) => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000/…"),
            ("https://hooks.example.com/services/T0/B0/s3cret?token=s3cret", "https://hooks.example.com/…"),
            ("https://user:s3cret@example.com", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("https://example.com?token=s3cret", "https://example.com/…"),
        ] {
            assert_eq!(Url(url.to_string()).to_string(), shown);
        }
    }
}
