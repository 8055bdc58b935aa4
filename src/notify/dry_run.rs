//! What would be sent, for people to read: as the bytes are, but for secrets.

use super::{Effect, Mail, Program, Request};
use crate::plan::{MailSecurity, Secret};

/// What stands for a secret.
const REDACTED: &str = "REDACTED";

/// The bytes of an effect; secrets are redacted, and of a URL the path and the query, which often are ones.
pub fn dry_run(effect: &Effect) -> Vec<u8> {
    match effect {
        Effect::Request(request) => dry_request(request),
        Effect::Mail(mail) => dry_mail(mail),
        Effect::Program(program) => dry_program(program),
        Effect::Line(line) => {
            let place = line.path.as_ref().map_or("standard output".to_string(), |path| path.display().to_string());
            [format!("# appended to {place}\n").as_bytes(), &line.lines].concat()
        }
    }
}

fn dry_request(request: &Request) -> Vec<u8> {
    // What we say ourselves hides nothing; what the user says may.
    const SHOWN: [&str; 5] = ["content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"];
    let url = request.url.to_string();
    let hidden = if url.ends_with('…') { ", its path and query hidden" } else { "" };
    let host = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let mut text = format!("# to {url}{hidden}\nPOST /… HTTP/1.1\nhost: {host}\n");
    for (name, value) in &request.headers {
        let shown = SHOWN.iter().any(|known| name.eq_ignore_ascii_case(known));
        // On the way all names are in small letters.
        let name = name.to_ascii_lowercase();
        text.push_str(&format!("{name}: {}\n", if shown { &value.0 } else { REDACTED }));
    }
    text.push_str(&format!("content-length: {}\n\n", request.body.len()));
    let mut shown = text.into_bytes();
    let body = String::from_utf8_lossy(&request.body);
    shown.extend_from_slice(without(&request.hidden, &body).as_bytes());
    shown.push(b'\n');
    shown
}

fn without(hidden: &Option<Secret>, text: &str) -> String {
    match hidden {
        Some(Secret(secret)) if !secret.is_empty() => text.replace(secret.as_str(), REDACTED),
        _ => text.to_string(),
    }
}

fn dry_mail(mail: &Mail) -> Vec<u8> {
    let security = match mail.security {
        MailSecurity::StartTls => "STARTTLS",
        MailSecurity::Tls => "TLS",
        MailSecurity::None => "no TLS",
    };
    let mut text = format!("# to {}:{}, {security}", mail.host, mail.port);
    if let Some((user, _)) = &mail.login {
        text.push_str(&format!(", as {user} with the password {REDACTED}"));
    }
    text.push_str(&format!("\nMAIL FROM:<{}>\n", mail.from));
    for to in &mail.to {
        text.push_str(&format!("RCPT TO:<{to}>\n"));
    }
    text.push_str("DATA\n");
    let mut shown = text.into_bytes();
    shown.extend(mail.message.iter().filter(|byte| **byte != b'\r'));
    shown
}

fn dry_program(program: &Program) -> Vec<u8> {
    let command: Vec<_> = program.command.iter().map(|word| format!("{word:?}")).collect();
    let mut text = format!("# runs {}\n", command.join(" "));
    for (name, value) in &program.environment {
        text.push_str(&format!("{name}={value}\n"));
    }
    text.push_str("\n# on its standard input\n");
    [text.as_bytes(), &program.input].concat()
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, render, samples};
    use super::*;
    use crate::plan::{
        Email, Exec, Headers, Key, Log, MailSecurity, Notifier, PagerDuty, Severities, Url, Via, Webhook,
    };

    const SECRET: &str = "s3cret-0123456789abcdef012345678";

    fn shown(via: Via, batch: &Batch<'_>) -> String {
        let notifier = Notifier { via, ..Notifier::standard_output() };
        String::from_utf8(dry_run(&render(&notifier, batch))).unwrap()
    }

    #[test]
    fn all_that_would_be_sent_is_shown_without_secrets() {
        let notices = [samples::violation()];
        let batch = samples::batch(&notices);
        let secret = || Secret(SECRET.to_string());
        let url = Url(format!("https://user:{SECRET}@hooks.example.com/{SECRET}?token={SECRET}"));
        let headers = Headers(vec![("X-Token".to_string(), secret())]);
        let secrets = vec![Key(SECRET.into())];
        let webhook = shown(Via::Webhook(Webhook { url: url.clone(), secrets, headers, ca: None }), &batch);
        let head = "# to https://hooks.example.com/…, its path and query hidden\n\
            POST /… HTTP/1.1\nhost: hooks.example.com\ncontent-type: application/json\n";
        assert!(webhook.starts_with(head), "{webhook}");
        assert!(webhook.contains("\nx-token: REDACTED\n") && webhook.contains("\nwebhook-signature: v1,"));
        assert!(webhook.ends_with(&format!("\n\n{}\n", notices[0].line())), "{webhook}");
        let severities = Severities::default();
        let pagerduty = PagerDuty { url, routing_key: secret(), severities, client: None, client_url: None, ca: None };
        let pagerduty = shown(Via::PagerDuty(pagerduty), &batch);
        assert!(pagerduty.contains(r#"{"routing_key":"REDACTED","event_action":"trigger""#), "{pagerduty}");
        let email = Email {
            host: "mail.example.com".to_string(),
            port: 587,
            security: MailSecurity::StartTls,
            login: Some(("alerts".to_string(), secret())),
            from: "Highwater <alerts@example.com>".to_string(),
            to: vec!["oncall@example.com".to_string()],
            ca: None,
        };
        let mail = shown(Via::Email(Box::new(email)), &batch);
        let envelope = "# to mail.example.com:587, STARTTLS, as alerts with the password REDACTED\n\
            MAIL FROM:<alerts@example.com>\nRCPT TO:<oncall@example.com>\nDATA\nDate: ";
        assert!(mail.starts_with(envelope), "{mail}");
        let exec = shown(Via::Exec(Exec { command: vec!["page".to_string(), "on call".to_string()] }), &batch);
        assert!(exec.starts_with("# runs \"page\" \"on call\"\nHIGHWATER_KEY=key-1\n"), "{exec}");
        let log = shown(Via::Log(Log { path: Some("told.jsonl".into()) }), &batch);
        assert_eq!(log, format!("# appended to told.jsonl\n{}\n", notices[0].line()));
        for shown in [webhook, pagerduty, mail, exec, log] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
