//! `:email`: one mail for a transition or a batch.
//!
//! Threads: a violation and its recovery refer to one identifier that is made of the violation's, which no mail has
//! itself; the mail of a batch refers to those of all violations that it tells. Gmail wants an equal subject besides,
//! which these do not have: a subject says what is the case.

use std::fmt::Write as _;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{Batch, Mail, USER_AGENT, cut, mime, one_line, summary, texts};
use crate::plan::Email;
use crate::route::Notice;

/// Characters of a subject.
const SUBJECT: usize = 180;
/// Transitions told in full by one mail, and violations it refers to.
const BLOCKS: usize = 100;
const THREADS: usize = 25;
/// Characters of one text of a transition.
const TEXT: usize = 4000;

pub fn render(email: &Email, batch: &Batch<'_>) -> Mail {
    let from = mime::address(&email.from);
    let domain = from.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| domain.is_ascii());
    let domain = domain.unwrap_or("highwater");
    let mut message = Vec::new();
    mime::raw_header("Date", &mime::date(batch.now), &mut message);
    mime::raw_header("From", &mime::mailboxes(std::slice::from_ref(&email.from)), &mut message);
    mime::raw_header("To", &mime::mailboxes(&email.to), &mut message);
    mime::text_header("Subject", &subject(batch), &mut message);
    mime::raw_header("Message-ID", &format!("<{}@{domain}>", batch.key), &mut message);
    let threads = threads(batch, domain);
    if let [thread] = threads.as_slice()
        && batch.notices.iter().all(Notice::is_recovery)
    {
        mime::raw_header("In-Reply-To", thread, &mut message);
    }
    if !threads.is_empty() {
        mime::raw_header("References", &threads.join("\r\n "), &mut message);
    }
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("X-Mailer", USER_AGENT),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ] {
        mime::raw_header(name, value, &mut message);
    }
    message.extend_from_slice(b"\r\n");
    mime::quoted_printable(&body(batch), &mut message);
    Mail {
        host: email.host.clone(),
        port: email.port,
        security: email.security,
        login: email.login.clone(),
        ca: email.ca.clone(),
        from: from.to_string(),
        to: email.to.iter().map(|to| mime::address(to).to_string()).collect(),
        key: batch.key.to_string(),
        message,
    }
}

/// `[violation] p99 of …`, or `3 violations, 1 recovery: checkout, search`.
fn subject(batch: &Batch<'_>) -> String {
    if let [notice] = batch.notices {
        let status = if notice.is_recovery() { "ok" } else { "violation" };
        return cut(&format!("[{status}] {}", summary(notice, batch.is_test)), SUBJECT).into_owned();
    }
    let mut services: Vec<&str> = Vec::new();
    for service in batch.notices.iter().map(|notice| notice.text("service")).filter(|service| !service.is_empty()) {
        // A subject has no room for more.
        if services.len() < SUBJECT && !services.contains(&service) {
            services.push(service);
        }
    }
    let test = if batch.is_test { "TEST: " } else { "" };
    cut(&one_line(&format!("{test}{}: {}", counted(batch.notices), services.join(", "))), SUBJECT).into_owned()
}

/// `3 violations, 1 recovery`.
fn counted(notices: &[Notice]) -> String {
    let recoveries = notices.iter().filter(|notice| notice.is_recovery()).count();
    let violations = notices.len() - recoveries;
    let counted = [(violations, "violation", "violations"), (recoveries, "recovery", "recoveries")];
    let shown = counted.into_iter().filter(|(count, ..)| *count > 0);
    let shown = shown.map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }));
    shown.collect::<Vec<_>>().join(", ")
}

/// What the mail belongs to: the violations that it tells, or else those that it ends.
fn threads(batch: &Batch<'_>, domain: &str) -> Vec<String> {
    let told = batch.notices.iter().filter(|notice| !notice.is_recovery());
    let ended = batch.notices.iter().filter(|notice| notice.is_recovery());
    let mut threads: Vec<String> = Vec::new();
    for notice in told.chain(ended).take(BLOCKS) {
        let is_own = !notice.is_recovery() || batch.notices.iter().all(Notice::is_recovery);
        let id = notice.violation_id();
        let is_safe =
            id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        let id = match is_safe {
            true => id.to_string(),
            false => Sha256::digest(id).iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let thread = format!("<violation-{id}@{domain}>");
        if is_own && threads.len() < THREADS && !threads.contains(&thread) {
            threads.push(thread);
        }
    }
    threads
}

fn body(batch: &Batch<'_>) -> String {
    let mut body = String::new();
    if batch.is_test {
        body.push_str("This is a test. Nothing is wrong.\n\n");
    }
    if batch.notices.len() > 1 {
        let _ = writeln!(body, "{}\n", counted(batch.notices));
    }
    let blocks: Vec<_> = batch.notices.iter().take(BLOCKS).map(|notice| block(notice, batch.is_test)).collect();
    body.push_str(&blocks.join("\n"));
    if batch.notices.len() > BLOCKS {
        let _ = writeln!(body, "\nand {} more", batch.notices.len() - BLOCKS);
    }
    body
}

/// One transition: its summary, then a line for all else that is known.
fn block(notice: &Notice, is_test: bool) -> String {
    let mut block = format!("{}\n", cut(&summary(notice, is_test), TEXT));
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(block, "  {name:<10} {}", cut(&one_line(text), TEXT));
        }
    };
    line("status", notice.text("status"));
    line("at", notice.text("time"));
    line("since", notice.text("since"));
    line("threshold", notice.text("threshold"));
    let pairs = |key| texts(notice, key).map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
    line("group", &pairs("group"));
    let json = notice.json();
    let number = |key: &str| json.get(key).filter(|value| value.is_number()).map(Json::to_string).unwrap_or_default();
    line("value", &number("value"));
    line("events", &number("count"));
    if let Some(Json::Object(window)) = json.get("window") {
        let end = |key: &str| window.get(key).and_then(Json::as_str).unwrap_or("?");
        line("window", &format!("{} to {}", end("start"), end("end")));
    }
    line("severity", notice.text("severity"));
    line("labels", &pairs("labels"));
    line("instance", notice.text("instance"));
    line("runbook", notice.text("runbook"));
    let description = notice.text("description");
    if !description.is_empty() {
        // Its own lines are kept.
        let lines = description.lines().map(|line| format!("  {}", one_line(line)));
        let _ = writeln!(block, "\n{}", cut(&lines.collect::<Vec<_>>().join("\n"), TEXT));
    }
    block
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples;
    use super::*;
    use crate::plan::MailSecurity;

    fn email() -> Email {
        Email {
            host: "mail.example.com".to_string(),
            port: 587,
            security: MailSecurity::StartTls,
            login: None,
            from: "Highwater <alerts@example.com>".to_string(),
            to: vec!["oncall@example.com".to_string(), "Team <team@example.com>".to_string()],
            ca: None,
        }
    }

    fn message(notices: &[Notice]) -> String {
        String::from_utf8(render(&email(), &samples::batch(notices)).message).unwrap()
    }

    fn header(message: &str, name: &str) -> Option<String> {
        let head = message.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let line = head.split("\r\n").find(|line| line.starts_with(&format!("{name}: ")))?.to_string();
        Some(line[name.len() + 2..].to_string())
    }

    #[test]
    fn a_violation_is_a_mail_of_headers_and_a_block() {
        let expected = "Date: Tue, 14 Nov 2023 22:20:00 +0000\r\n\
            From: Highwater <alerts@example.com>\r\n\
            To: oncall@example.com,\r\n Team <team@example.com>\r\n\
            Subject: [violation] p99 of query-service response is 143, over 100 (10 min, 17 of 1234 events above)\r\n\
            Message-ID: <key-1@example.com>\r\n\
            References: <violation-9c1d@example.com>\r\n\
            Auto-Submitted: auto-generated\r\n\
            X-Mailer: highwater/VERSION\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\
            \r\n\
            p99 of query-service response is 143, over 100 (10 min, 17 of 1234 events a=\r\n\
            bove)\r\n  \
            status     violation\r\n  \
            at         2023-11-14T22:20:00Z\r\n  \
            since      2023-11-14T22:20:00Z\r\n  \
            threshold  [:percentiles \"query-service response\" 0.99 600]\r\n  \
            group      host web-1\r\n  \
            value      143.0\r\n  \
            events     1234\r\n  \
            window     2023-11-14T22:10:00Z to 2023-11-14T22:20:00Z\r\n  \
            severity   page\r\n  \
            labels     team search\r\n  \
            instance   default\r\n  \
            runbook    https://wiki.example.com/slow\r\n\
            \r\n  People wait.\r\n";
        assert_eq!(message(&[samples::violation()]), expected.replace("VERSION", env!("CARGO_PKG_VERSION")));
        let mail = render(&email(), &samples::batch(&[samples::violation()]));
        assert_eq!((mail.from.as_str(), mail.key.as_str()), ("alerts@example.com", "key-1"));
        assert_eq!(mail.to, ["oncall@example.com", "team@example.com"]);
    }

    #[test]
    fn a_recovery_replies_to_what_its_violation_refers_to() {
        let [told, ended] = [message(&[samples::violation()]), message(&[samples::recovery()])];
        let thread = Some("<violation-9c1d@example.com>".to_string());
        assert_eq!(header(&told, "References"), thread);
        assert_eq!(header(&told, "In-Reply-To"), None);
        assert_eq!(header(&ended, "References"), thread);
        assert_eq!(header(&ended, "In-Reply-To"), thread);
        assert!(header(&ended, "Subject").unwrap().starts_with("[ok] p99 of query-service response is 80"));
    }

    #[test]
    fn a_batch_is_one_mail_that_counts() {
        let other = samples::with(&json!({"service": "search", "violation_id": "77"}));
        let mail = message(&[samples::violation(), other, samples::recovery()]);
        let subject = "2 violations, 1 recovery: query-service response, search";
        assert_eq!(header(&mail, "Subject").unwrap(), subject);
        let threads = "<violation-9c1d@example.com> <violation-77@example.com>";
        assert_eq!(header(&mail, "References").unwrap(), threads);
        let many: Vec<_> = (0..250).map(|id| samples::with(&json!({"violation_id": id.to_string()}))).collect();
        let mail = message(&many);
        assert_eq!(mail.matches("  status     violation").count(), BLOCKS);
        assert!(mail.ends_with("\r\nand 150 more\r\n"));
        assert_eq!(header(&mail, "References").unwrap().matches('<').count(), THREADS);
    }

    #[test]
    fn nothing_that_users_say_makes_a_header_or_a_long_line() {
        let evil = "x\r\nBcc: everybody@example.com\r\n\r\n.\r\nzwölf".repeat(100);
        let notice = samples::with(&json!({"summary": evil, "service": evil, "violation_id": evil, "runbook": evil,
            "description": evil, "group": {"host": evil}, "threshold": evil}));
        for notices in [vec![notice.clone()], vec![notice; 3]] {
            let message = message(&notices);
            assert!(message.is_ascii());
            let (head, body) = message.split_once("\r\n\r\n").unwrap();
            assert!(!head.contains("\r\nBcc") && !body.is_empty());
            assert!(message.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        }
    }

    #[test]
    fn a_test_is_marked() {
        let mail = render(&email(), &samples::test_batch(&[samples::violation()]));
        let message = String::from_utf8(mail.message).unwrap();
        assert!(header(&message, "Subject").unwrap().starts_with("[violation] TEST: p99"), "{message}");
        assert!(message.contains("\r\n\r\nThis is a test. Nothing is wrong.\r\n"));
    }
}
