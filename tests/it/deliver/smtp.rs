use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use highwater::notify::{Batch, Outcome, render};
use highwater::plan::{Email, MailSecurity, Notifier, Secret, Via};

use super::{Sender, notice, now, violation, why};
use crate::daemon::PATIENCE;
use crate::strict::mail::{MailServer, Manners};

/// To a server with the certificate of the fixtures.
pub fn email(address: SocketAddr, security: MailSecurity) -> Email {
    Email {
        host: address.ip().to_string(),
        port: address.port(),
        security,
        login: None,
        from: "Highwater <alerts@example.com>".to_string(),
        to: vec!["oncall@example.com".to_string()],
        ca: Some(PathBuf::from(format!("{}/fixtures/tls/ca.pem", env!("CARGO_MANIFEST_DIR")))),
    }
}

pub fn via(email: Email) -> Via {
    Via::Email(Box::new(email))
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

fn replies(replies: &[(&str, &str)]) -> Vec<(String, String)> {
    replies.iter().map(|(words, reply)| (words.to_string(), reply.to_string())).collect()
}

#[test]
fn mail_goes_over_starttls_tls_or_in_the_clear_where_that_is_said() {
    for (security, is_tls) in [(MailSecurity::StartTls, false), (MailSecurity::Tls, true), (MailSecurity::None, false)]
    {
        let server = MailServer::start(Manners { is_tls, ..Manners::default() });
        let odd = notice(serde_json::json!({"description": ".\n.. a line\nzwölf\r\n"}));
        let to_two = Email { to: strings(&["a@example.com", "B <b@example.com>"]), ..email(server.address, security) };
        assert_eq!(Sender::new().tell(via(to_two), &[odd]), Outcome::Accepted);
        let received = server.received();
        let [mail] = received.as_slice() else { panic!("{received:?}") };
        assert_eq!(mail.is_secured, security != MailSecurity::None);
        assert_eq!(
            (mail.from.as_str(), &mail.to),
            ("alerts@example.com", &strings(&["a@example.com", "b@example.com"]))
        );
        assert!(mail.message.contains("\r\nMessage-ID: <key-1@example.com>\r\n"), "{}", mail.message);
        assert!(mail.message.ends_with("\r\n  .\r\n  .. a line\r\n  zw=C3=B6lf\r\n"), "{}", mail.message);
    }
}

#[test]
fn a_login_is_by_plain_or_login_and_never_shown() {
    let login = |password: &str| Some(("alerts".to_string(), Secret(password.to_string())));
    for offered in ["AUTH PLAIN LOGIN", "AUTH LOGIN", "auth login plain", "AUTH=PLAIN"] {
        let server = MailServer::start(Manners {
            login: Some(("alerts".to_string(), "s3cret".to_string())),
            offers_secured: strings(&[offered]),
            ..Manners::default()
        });
        let email = email(server.address, MailSecurity::StartTls);
        let sender = Sender::new();
        assert_eq!(
            sender.tell(via(Email { login: login("s3cret"), ..email.clone() }), &[violation()]),
            Outcome::Accepted
        );
        assert_eq!(server.received()[0].user.as_deref(), Some("alerts"));
        let refused = Outcome::Rejected { why: "answered 535: the login is refused".to_string() };
        assert_eq!(sender.tell(via(Email { login: login("wrong"), ..email }), &[violation()]), refused);
    }
    let server = MailServer::start(Manners { offers_secured: strings(&["AUTH GSSAPI"]), ..Manners::default() });
    let email = Email { login: login("s3cret"), ..email(server.address, MailSecurity::StartTls) };
    let why = why(Sender::new().tell(via(email), &[violation()]));
    assert_eq!(why, format!("{}: offers no login by AUTH PLAIN or LOGIN", server.address));
}

#[test]
fn replies_mean_later_or_never() {
    let retry = |why: &str| Outcome::Retry { why: why.to_string(), after: None, in_doubt: false };
    let rejected = |why: &str| Outcome::Rejected { why: why.to_string() };
    for (words, reply, expected) in [
        ("EHLO", "421 4.3.2 shutting down", retry("answered 421: 4.3.2 shutting down")),
        ("MAIL", "451-4.3.0 busy\r\n451 4.3.0 come back", retry("answered 451: 4.3.0 busy 4.3.0 come back")),
        ("MAIL", "550 5.7.1 not you", rejected("answered 550: 5.7.1 not you")),
        ("RCPT", "450 4.2.1 greylisted", retry("answered 450: oncall@example.com: 4.2.1 greylisted")),
        ("RCPT", "550 5.1.1 no such user", rejected("answered 550: 5.1.1 no such user")),
        ("DATA", "451 4.3.0 full", retry("answered 451: 4.3.0 full")),
        ("DATA", "250 what", retry("answered 451: what")),
        (".", "452 4.3.1 no space", retry("answered 452: 4.3.1 no space")),
        (".", "554 5.7.1 spam", rejected("answered 554: 5.7.1 spam")),
    ] {
        let server = MailServer::start(Manners { replies: replies(&[(words, reply)]), ..Manners::default() });
        let outcome = Sender::new().tell(via(email(server.address, MailSecurity::StartTls)), &[violation()]);
        assert_eq!(outcome, expected, "{words} {reply}");
        assert!(server.received().is_empty());
    }
}

#[test]
fn what_is_no_smtp_or_is_cut_is_tried_again() {
    let long = format!("220 {}", "x".repeat(100_000));
    let many = "220-a\r\n".repeat(100_000);
    for (words, reply, expected) in [
        ("", "HTTP/1.1 400 Bad Request", "does not speak SMTP: HTTP/1.1 400 Bad Request"),
        ("", &long, "does not speak SMTP: a line without an end"),
        ("", &many, "does not speak SMTP: 220-a"),
        ("", "220-a\r\n250 b", "does not speak SMTP: 250 b"),
        ("", "999 a", "does not speak SMTP: 999 a"),
        ("MAIL", "", "the connection was cut"),
        ("DATA", "", "the connection was cut"),
        (".", "", "the connection was cut"),
    ] {
        let mut manners = Manners { is_tls: true, ..Manners::default() };
        match words {
            "" => manners.greeting = reply.to_string(),
            words => manners.replies = replies(&[(words, reply)]),
        }
        let server = MailServer::start(manners);
        let why = why(Sender::new().tell(via(email(server.address, MailSecurity::Tls)), &[violation()]));
        // A connection that is cut without a word of TLS says so in other words.
        let is_cut = expected.ends_with("cut") && why.contains("close");
        assert!(why == format!("{}: {expected}", server.address) || is_cut, "{why}");
    }
}

#[test]
fn no_word_of_mail_is_said_without_the_tls_that_is_wanted() {
    let sender = Sender::new();
    let silent = MailServer::start(Manners { offers: vec![], ..Manners::default() });
    let tls = "does not offer STARTTLS; with TLS from the first byte it is `:security :tls`";
    let outcome = sender.tell(via(email(silent.address, MailSecurity::StartTls)), &[violation()]);
    assert_eq!(why(outcome), format!("{}: {tls}", silent.address));
    let server = MailServer::start(Manners::default());
    let untrusted = Email { ca: None, ..email(server.address, MailSecurity::StartTls) };
    let outcome = why(sender.tell(via(untrusted), &[violation()]));
    assert!(outcome.contains("trusted") || outcome.contains("no certificates of authorities"), "{outcome}");
    // Whoever can write to the connection before TLS could otherwise put words into the server's mouth.
    let replies = replies(&[("STARTTLS", "220 go ahead\r\n250 injected")]);
    let injected = MailServer::start(Manners { replies, ..Manners::default() });
    let outcome = sender.tell(via(email(injected.address, MailSecurity::StartTls)), &[violation()]);
    assert_eq!(why(outcome), format!("{}: said something between STARTTLS and TLS", injected.address));
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = hangs.local_addr().expect("bound");
    let outcome =
        sender.tell_within(via(email(address, MailSecurity::StartTls)), &[violation()], Duration::from_millis(200));
    assert_eq!(why(outcome), format!("{address}: not done within 0.2 s"));
    assert!(silent.received().is_empty() && server.received().is_empty() && injected.received().is_empty());
}

#[test]
fn some_recipients_refused_keep_the_mail_from_no_other() {
    let server = MailServer::start(Manners {
        replies: replies(&[
            ("RCPT TO:<full@example.com>", "452 4.2.2 mailbox full"),
            ("RCPT TO:<gone@example.com>", "550 5.1.1 no such user"),
        ]),
        ..Manners::default()
    });
    let to = strings(&["a@example.com", "full@example.com", "gone@example.com", "b@example.com"]);
    let notifier = |to: Vec<String>| Notifier {
        via: via(Email { to, ..email(server.address, MailSecurity::StartTls) }),
        ..Notifier::standard_output()
    };
    let sender = Sender::new();
    let notices = [violation()];
    let tell = |to: &[String], key| {
        let batch = Batch { notices: &notices, key, now: now(), is_test: false };
        sender.perform(&render(&notifier(to.to_vec()), &batch), PATIENCE).expect("an answer")
    };
    let warning = format!("{}: refused for gone@example.com (550 5.1.1 no such user)", server.address);
    for told in [&[0, 3][..], &[]] {
        let answer = tell(&to, "key-1");
        assert_eq!((answer.status, answer.warning.as_ref()), (452, Some(&warning)));
        let received: Vec<_> = server.received().into_iter().flat_map(|mail| mail.to).collect();
        // Those who have it are not told again.
        assert_eq!(received, told.iter().map(|at: &usize| to[*at].clone()).collect::<Vec<_>>());
    }
    server.behave(|manners| drop(manners.replies.remove(0)));
    let answer = tell(&to, "key-1");
    assert_eq!((answer.status, answer.warning.as_ref()), (250, Some(&warning)));
    assert_eq!(server.received()[0].to, ["full@example.com"]);
    // Another message begins anew; one whose recipients are all refused is rejected.
    let answer = tell(&to[..1], "key-2");
    assert_eq!((answer.status, answer.warning), (250, None));
    let answer = tell(&to[2..3], "key-3");
    assert_eq!(answer.status, 550);
}

#[test]
fn addresses_that_are_more_than_that_are_never_said_to_a_server() {
    let server = MailServer::start(Manners::default());
    for (from, to) in [
        ("alerts@example.com", "a@example.com>\r\nRCPT TO:<b@example.com"),
        ("alerts@example.com> SIZE=1", "a@example.com"),
        ("", "a@example.com"),
    ] {
        let email =
            Email { from: from.to_string(), to: strings(&[to]), ..email(server.address, MailSecurity::StartTls) };
        let why = why(Sender::new().tell(via(email), &[violation()]));
        assert!(why.ends_with("is no address") && !why.contains('\n'), "{why}");
    }
    let umlaut = Email { to: strings(&["ä@example.com"]), ..email(server.address, MailSecurity::StartTls) };
    let outcome = why(Sender::new().tell(via(umlaut), &[violation()]));
    assert!(outcome.contains("does not offer SMTPUTF8"), "{outcome}");
    assert!(server.received().is_empty());
}
