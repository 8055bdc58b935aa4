use std::path::PathBuf;
use std::time::{Duration, Instant};

use highwater::notify::{Effect, Outcome, Request};
use highwater::plan::{Alertmanager, Headers, Key, PagerDuty, Secret, Severities, Url, Via, Webhook};
use serde_json::json;

use super::{Sender, notice, now, recovery, violation, why};
use crate::daemon::PATIENCE;
use crate::strict::{Say, Seen, Strict, pagerduty, webhook};

const SECRET: &[u8] = b"0123456789abcdef01234567";

fn hook(url: String, secrets: &[&[u8]]) -> Via {
    let secrets = secrets.iter().map(|secret| Key(secret.to_vec())).collect();
    Via::Webhook(Webhook { url: Url(url), secrets, headers: Headers::default(), ca: None })
}

fn pager(server: &Strict, routing_key: &str) -> Via {
    Via::PagerDuty(PagerDuty {
        url: Url(server.url("/v2/enqueue")),
        routing_key: Secret(routing_key.to_string()),
        severities: Severities::default(),
        client: Some("highwater".to_string()),
        client_url: Some("https://example.com".to_string()),
        ca: None,
    })
}

/// A server that does these one after the other, and the last one for ever.
fn scripted(script: Vec<Say>) -> Strict {
    let mut next = 0;
    Strict::start(move |_: &Seen| {
        let say = script[next.min(script.len() - 1)].clone();
        next += 1;
        say
    })
}

#[test]
fn a_webhook_that_believes_only_signed_messages_accepts_ours() {
    let server = Strict::start(|seen| webhook::answer(SECRET, seen));
    let sender = Sender::new();
    let url = || server.url("/x?y=z");
    for secrets in [&[SECRET][..], &[b"the next one", SECRET], &[SECRET, b"the last one"]] {
        assert_eq!(sender.tell(hook(url(), secrets), &[violation()]), Outcome::Accepted);
        let seen = server.seen();
        assert_eq!((seen.path.as_str(), seen.header("webhook-id")), ("/x?y=z", Some("key-1")));
        assert_eq!(seen.header("user-agent"), Some(concat!("highwater/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(seen.json()["summary"], violation().text("summary"));
    }
    assert_eq!(sender.tell(hook(url(), &[SECRET]), &[violation(), recovery()]), Outcome::Accepted);
    assert_eq!(server.seen().json().as_array().map(Vec::len), Some(2));
    for (secrets, reason) in [(&[][..], "no signature"), (&[&b"another"[..]], "signed by nobody known")] {
        let rejected = Outcome::Rejected { why: format!("answered 401: {reason}") };
        assert_eq!(sender.tell(hook(url(), secrets), &[violation()]), rejected);
    }
    // All over one connection.
    assert!(server.all_seen().iter().all(|seen| seen.connection == 0));
}

#[test]
fn a_strict_pagerduty_takes_all_that_a_transition_may_say() {
    let server = Strict::start(pagerduty::answer);
    let sender = Sender::new();
    let key = "0123456789abcdef0123456789abcdef";
    let long = "wörter ".repeat(60_000);
    for told in [
        violation(),
        recovery(),
        notice(json!({"severity": null, "group": {}, "description": null, "runbook": null, "labels": {}})),
        notice(json!({"summary": long, "description": long, "service": long, "group": {"host": long}})),
        notice(json!({"dedup_key": long, "status": "ok"})),
        notice(json!({"summary": "a\r\nb\u{0}", "runbook": "see the wiki", "value": null, "time": ""})),
    ] {
        assert_eq!(sender.tell(pager(&server, key), &[told]), Outcome::Accepted, "{:?}", server.all_seen());
    }
    let why = "answered 400: Length of 'routing_key' is incorrect (should be 32 characters)".to_string();
    assert_eq!(sender.tell(pager(&server, "short"), &[violation()]), Outcome::Rejected { why });
}

#[test]
fn what_a_server_answers_decides_and_how_long_it_wants_to_wait() {
    let sender = Sender::new();
    let retry = |why: &str, after| Outcome::Retry { why: why.to_string(), after, in_doubt: false };
    for (say, expected) in [
        (Say::status(200), Outcome::Accepted),
        (Say::Answer(429, &[("Retry-After", "7")], String::new()), retry("answered 429", Some(7_000_000))),
        (
            Say::Answer(503, &[("retry-after", "Tue, 14 Nov 2023 22:20:00 GMT")], "busy".to_string()),
            retry("answered 503: busy", Some(0)),
        ),
        (Say::Answer(503, &[("retry-after", "soon")], String::new()), retry("answered 503", None)),
        (Say::status(500), retry("answered 500", None)),
        (Say::status(404), Outcome::Rejected { why: "answered 404".to_string() }),
        // A body without an end says enough with its head.
        (Say::Endless, Outcome::Accepted),
        (Say::Bytewise("HTTP/1.1 204 No Content\r\n\r\n".to_string(), Duration::from_millis(1)), Outcome::Accepted),
    ] {
        let server = scripted(vec![say.clone()]);
        assert_eq!(sender.tell(hook(server.url("/"), &[]), &[violation()]), expected, "{say:?}");
    }
}

#[test]
fn what_is_no_whole_answer_is_tried_again() {
    let sender = Sender::new();
    for say in [
        Say::Cut(String::new()),
        Say::Cut("HTTP/1.1 20".to_string()),
        Say::Cut("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_string()),
        Say::Cut("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_string()),
        Say::Cut("220 mail.example.com ESMTP\r\n".to_string()),
        Say::EndlessHead,
    ] {
        let server = scripted(vec![say.clone()]);
        let outcome = sender.tell(hook(server.url("/s3cret"), &[]), &[violation()]);
        assert!(matches!(outcome, Outcome::Retry { in_doubt: true, .. }), "{outcome:?}");
        let why = why(outcome);
        assert!(why.starts_with(&server.address.to_string()) && !why.contains("s3cret"), "{say:?}: {why}");
        assert_eq!(server.all_seen().len(), 1, "{say:?}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("loopback");
    let refused = sender.tell(hook(format!("http://{nobody}/"), &[]), &[violation()]);
    assert!(matches!(refused, Outcome::Retry { in_doubt: false, .. }), "{refused:?}");
    let refused = why(refused);
    assert!(refused.contains("cannot connect: Connection refused"), "{refused}");
    let nowhere = why(sender.tell(hook("http://nowhere.invalid/".to_string(), &[]), &[violation()]));
    assert!(nowhere.starts_with("nowhere.invalid:80: no address for the name"), "{nowhere}");
}

#[test]
fn an_attempt_ends_when_its_time_is_up_however_slowly_the_server_speaks() {
    let sender = Sender::new();
    let slowly =
        "HTTP/1.1 200 OK\r\nx-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n".to_string();
    for say in [Say::Nothing, Say::Bytewise(slowly, Duration::from_millis(50))] {
        let server = scripted(vec![say]);
        let began = Instant::now();
        let outcome = sender.tell_within(hook(server.url("/s3cret"), &[]), &[violation()], Duration::from_millis(300));
        let expected = format!("http://{}/…: not done within 0.3 s", server.address);
        assert_eq!(why(outcome), expected);
        assert!(began.elapsed() < PATIENCE / 2);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = scripted(vec![Say::status(200)]);
    let location: &'static str = Box::leak(elsewhere.url("/s3cret").replace("127.0.0.1", "localhost").into_boxed_str());
    let headers: &'static [_] = Box::leak(Box::new([("location", location)]));
    let sender = Sender::new();
    for status in [301, 302, 307, 308] {
        let server = scripted(vec![Say::Answer(status, headers, String::new())]);
        let why = why(sender.tell(hook(server.url("/"), &[SECRET]), &[violation()]));
        let expected = format!(
            "answered {status}, it redirects to localhost, which is not followed; set `:url` to where it is now"
        );
        assert_eq!(why, expected);
    }
    assert!(elsewhere.all_seen().is_empty());
}

#[test]
fn a_connection_is_used_again_and_a_closed_one_costs_nothing() {
    let server = scripted(vec![Say::status(200), Say::status(500), Say::Close(200), Say::status(200)]);
    let sender = Sender::new();
    let tell = || sender.tell(hook(server.url("/"), &[]), &[violation()]);
    assert_eq!(tell(), Outcome::Accepted);
    assert_eq!(why(tell()), "answered 500");
    assert_eq!(tell(), Outcome::Accepted);
    assert_eq!(tell(), Outcome::Accepted);
    let connections: Vec<_> = server.all_seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
    // Closed when the next request comes: it is sent again, once.
    let server = scripted(vec![Say::status(200), Say::Cut(String::new()), Say::Cut(String::new())]);
    let tell = || sender.tell(hook(server.url("/"), &[]), &[violation()]);
    assert_eq!(tell(), Outcome::Accepted);
    why(tell());
    let connections: Vec<_> = server.all_seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[test]
fn a_server_is_believed_only_with_a_certificate_that_somebody_trusted_signed() {
    let server = Strict::start_tls("127.0.0.1:0", |seen| webhook::answer(SECRET, seen));
    // Linux has all of 127.0.0.0/8; the certificate is for one address of it.
    let another = Strict::start_tls("127.0.0.2:0", |_| Say::status(200));
    let sender = Sender::new();
    let tell = |url: String, ca: Option<&str>| {
        let ca = ca.map(|file| PathBuf::from(format!("{}/fixtures/tls/{file}", env!("CARGO_MANIFEST_DIR"))));
        let Via::Webhook(webhook) = hook(url, &[SECRET]) else { unreachable!() };
        sender.tell(Via::Webhook(Webhook { ca, ..webhook }), &[violation()])
    };
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(tell(server.url("/").replace("127.0.0.1", host), Some("ca.pem")), Outcome::Accepted);
        assert_eq!(server.seen().header("host"), Some(format!("{host}:{}", server.address.port()).as_str()));
    }
    let untrusted = "its certificate is signed by nobody who is trusted; name who signs it with `:ca`";
    for (server, ca, expected) in [
        (&server, Some("stranger.pem"), untrusted),
        (&another, Some("ca.pem"), "its certificate is refused: "),
        (&server, Some("server.key"), "holds no certificate in PEM"),
        (&server, Some("nothing.pem"), "No such file"),
    ] {
        let why = why(tell(server.url("/"), ca));
        assert!(why.starts_with(&server.address.to_string()) && why.contains(expected), "{why}");
    }
    // Where no authorities are installed, nobody is trusted.
    let why = why(tell(server.url("/"), None));
    assert!(why.contains(untrusted) || why.contains("no certificates of authorities are installed"), "{why}");
    assert!(server.all_seen().is_empty() && another.all_seen().is_empty());
    let plain = Strict::start(|_| Say::status(200));
    let why = super::why(tell(plain.url("/").replace("http", "https"), Some("ca.pem")));
    assert!(why.contains("no TLS"), "{why}");
}

#[test]
fn many_requests_at_a_time_have_a_connection_each_and_few_are_kept() {
    let server = Strict::start(|_| Say::status(200));
    let sender = Sender::new();
    let request = |at: usize| {
        let body = at.to_string().into_bytes();
        Effect::Request(Request { url: Url(server.url("/")), headers: vec![], body, hidden: None, ca: None })
    };
    let effects: Vec<_> = (0..50).map(request).collect();
    for _ in 0..2 {
        sender.runtime().block_on(async {
            let mut attempts: Vec<_> =
                effects.iter().map(|effect| Box::pin(sender.transports.perform(effect, PATIENCE))).collect();
            let mut left = attempts.len();
            let mut done = vec![false; left];
            std::future::poll_fn(|context| {
                for (attempt, done) in attempts.iter_mut().zip(&mut done).filter(|(_, done)| !**done) {
                    if let std::task::Poll::Ready(answer) = attempt.as_mut().poll(context) {
                        assert_eq!(answer.expect("an answer").status, 200);
                        *done = true;
                        left -= 1;
                    }
                }
                if left == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        });
    }
    let mut bodies: Vec<usize> =
        server.all_seen().iter().map(|seen| String::from_utf8_lossy(&seen.body).parse().expect("a number")).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..100).map(|at| at / 2).collect::<Vec<_>>());
}

#[test]
fn an_alertmanager_is_posted_to_under_its_url() {
    let server = Strict::start(|_| Say::status(200));
    let headers = Headers(vec![("Authorization".to_string(), Secret("Bearer s3cret".to_string()))]);
    let url = Url(server.url("/am/"));
    let severities = Severities::default();
    let via = Via::Alertmanager(Alertmanager { url, resend: 60_000_000, severities, headers, ca: None });
    assert_eq!(Sender::new().tell(via, &[violation()]), Outcome::Accepted);
    let seen = server.seen();
    assert_eq!((seen.path.as_str(), seen.header("authorization")), ("/am/api/v2/alerts", Some("Bearer s3cret")));
    assert!(seen.json()[0]["endsAt"].as_str() > Some(now().to_string().as_str()));
}
