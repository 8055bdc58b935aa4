//! Who is told: Alertmanager, which tells others, and a mail server.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{self, Receiver};

use highwater::notify::{Effect, Outcome, resend};
use highwater::plan::{Alertmanager, Email, Headers, MailSecurity, Notifier, Secret, Severities, Timestamp, Url, Via};
use highwater::route::Notice;
use serde_json::{Value as Json, json};

use super::*;
use crate::daemon::Home;
use crate::deliver::smtp::{email, via};
use crate::deliver::{Sender, notice, now};
use crate::strict::{Say, Strict};

/// Alertmanager, which tells a webhook of ours at once.
struct Peer {
    notifier: Notifier,
    url: String,
    hook: Strict,
    _process: Running,
    _home: std::sync::Arc<Home>,
}

impl Peer {
    fn start(alertmanager: &Path) -> Peer {
        let home = Home::new("{}");
        let hook = Strict::start(|_| Say::status(200));
        let config = format!(
            "global: {{resolve_timeout: 5m}}\n\
             route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{}', send_resolved: true}}]}}]\n",
            hook.url("/hook")
        );
        fs::write(home.0.join("am.yml"), config).expect("the folder takes files");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("loopback");
        let mut command = Command::new(alertmanager);
        command.arg(format!("--config.file={}", home.0.join("am.yml").display()));
        command.arg(format!("--storage.path={}", home.0.join("state").display()));
        // Without this it gossips on all interfaces.
        command.args([&format!("--web.listen-address={free}"), "--cluster.listen-address=", "--log.level=error"]);
        let mut process = Running::start(&mut command);
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(free).is_err() {
            assert!(Instant::now() < deadline && process.0.try_wait().expect("ours").is_none(), "{}", process.said());
            thread::sleep(Duration::from_millis(20));
        }
        let url = format!("http://{free}");
        let via = Via::Alertmanager(Alertmanager {
            url: Url(url.clone()),
            resend: Notifier::RESEND,
            severities: Severities(vec![("page".to_string(), "critical".to_string())]),
            headers: Headers::default(),
            ca: None,
        });
        Peer { notifier: Notifier { via, ..Notifier::standard_output() }, url, hook, _process: process, _home: home }
    }

    /// When the only alert ends, as `amtool` says.
    fn ends_at(&self) -> Timestamp {
        let mut command = Command::new("amtool");
        command.args([&format!("--alertmanager.url={}", self.url), "alert", "query", "-o", "json"]);
        let alerts: Json = serde_json::from_str(&content(&mut command)).expect("JSON");
        assert_eq!(alerts.as_array().map(Vec::len), Some(1), "{alerts}");
        Timestamp::from_rfc3339(alerts[0]["endsAt"].as_str().expect("a text").as_bytes()).expect("a time")
    }
}

fn resent(sender: &Sender, notifier: &Notifier, firing: &[Notice], resolved: &[Notice], now: Timestamp) {
    for effect in resend(notifier, firing, resolved, now) {
        assert!(matches!(effect, Effect::Request(_)));
        let answer = sender.perform(&effect, PATIENCE).expect("an answer");
        assert_eq!(highwater::notify::answer(&notifier.via, &answer), Outcome::Accepted);
    }
}

#[test]
fn alertmanager_hears_what_fires_again_and_again_and_tells_others_once_and_when_it_ends() {
    let alertmanager = program("prometheus-alertmanager").filter(|_| program("amtool").is_some());
    if !is_there("prometheus-alertmanager with amtool", alertmanager.as_ref()) {
        return;
    }
    let alertmanager = Peer::start(&alertmanager.expect("it is there"));
    let sender = Sender::new();
    let since = now().plus(-600_000_000);
    let odd = json!({"since": since.to_string(), "time": since.to_string(), "labels": {"team-name": "shop", "1": ""},
        "group": {"status-code": "5\"\\\nä", "absent": null}});
    let fires = notice(odd.clone());
    let mut ends = odd;
    ends["status"] = "ok".into();
    ends["time"] = now().to_string().into();
    ends["summary"] = "p99 of checkout is 80, back within 100 (10 min)".into();
    let ends = notice(ends);
    let tell = |notice: &Notice| sender.tell(alertmanager.notifier.via.clone(), std::slice::from_ref(notice));

    assert_eq!(tell(&fires), Outcome::Accepted);
    let told = alertmanager.hook.seen().json();
    assert_eq!((&told["status"], &told["alerts"][0]["status"]), (&json!("firing"), &json!("firing")));
    let labels = json!({"alertname": "[:percentiles \"checkout\" 0.99 600]", "instance": "default",
        "service": "checkout", "severity": "critical", "status_code": "5\"\\\nä", "team_name": "shop"});
    assert_eq!(told["commonLabels"], labels);
    assert_eq!(told["commonAnnotations"]["summary"], fires.text("summary"));
    assert_eq!(told["commonAnnotations"]["runbook_url"], "https://wiki.example.com/slow");
    let starts = told["alerts"][0]["startsAt"].as_str().and_then(|text| Timestamp::from_rfc3339(text.as_bytes()));
    assert_eq!(starts, Some(since));

    // It stays for as long as it is sent again.
    let first = alertmanager.ends_at();
    assert!(first > now().plus(240_000_000));
    resent(&sender, &alertmanager.notifier, std::slice::from_ref(&fires), &[], now().plus(60_000_000));
    assert!(alertmanager.ends_at() > first.plus(30_000_000));

    assert_eq!(tell(&ends), Outcome::Accepted);
    // Nobody was told again in between.
    let told = alertmanager.hook.seen().json();
    assert_eq!((&told["status"], &told["commonLabels"]), (&json!("resolved"), &labels));
    assert_eq!(told["commonAnnotations"]["summary"], ends.text("summary"));
    assert_eq!(told["alerts"].as_array().map(Vec::len), Some(1));
    resent(&sender, &alertmanager.notifier, &[], &[ends], now());
}

#[test]
fn alertmanager_takes_hundreds_of_alerts_and_says_what_it_refuses() {
    let alertmanager = program("prometheus-alertmanager").filter(|_| program("amtool").is_some());
    if !is_there("prometheus-alertmanager with amtool", alertmanager.as_ref()) {
        return;
    }
    let alertmanager = Peer::start(&alertmanager.expect("it is there"));
    let sender = Sender::new();
    let host = |at: usize| notice(json!({"group": {"host": format!("web-{at}")}, "since": now().to_string()}));
    let firing: Vec<_> = (0..250).map(host).collect();
    resent(&sender, &alertmanager.notifier, &firing, &[], now());
    let mut hosts = std::collections::BTreeSet::new();
    while hosts.len() < firing.len() {
        let told = alertmanager.hook.seen().json();
        hosts.insert(told["commonLabels"]["host"].as_str().expect("a text").to_string());
    }
    let [Effect::Request(request)] = &resend(&alertmanager.notifier, &firing[..1], &[], now())[..] else {
        panic!("one request");
    };
    for (body, expected) in [
        ("[{}]", "answered 422: 0.labels in body is required"),
        (r#"[{"labels":{}}]"#, "answered 400: at least one label pair required"),
        (r#"[{"labels":{"alert-name":"x"}}]"#, r#"answered 400: invalid label set: invalid name "alert-name""#),
        ("{}", "answered 400: parsing alerts body"),
    ] {
        let request = highwater::notify::Request { body: body.into(), ..request.clone() };
        let answer = sender.perform(&Effect::Request(request), PATIENCE).expect("an answer");
        match highwater::notify::answer(&alertmanager.notifier.via, &answer) {
            Outcome::Rejected { why } => assert!(why.starts_with(expected), "{why}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

/// A server of aiosmtpd; what it takes comes as JSON, read by Python's own library of mail.
struct MailPeer {
    address: SocketAddr,
    mails: Receiver<Json>,
    _process: Running,
}

const MAIL_PEER: &str = r#"
import asyncio, email, email.policy, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
kind, cert, key = sys.argv[1:]
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        for start, reply in [('gone@', '550 5.1.1 no such user'), ('full@', '452 4.2.2 mailbox full')]:
            if address.startswith(start):
                return reply
        envelope.rcpt_tos.append(address)
        return '250 2.1.5 ok'
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        if 'spam' in mail['subject']:
            return '554 5.7.1 spam'
        said = {name.lower(): str(value) for name, value in mail.items()}
        said |= {'rcpt': envelope.rcpt_tos, 'mail': envelope.mail_from, 'body': mail.get_content(),
                 'tls': session.ssl is not None or kind == 'tls', 'login': bool(session.authenticated),
                 'names': [str(address) for address in mail['to'].addresses],
                 'seconds': mail['date'].datetime.timestamp(),
                 'defects': [str(defect) for defect in mail.defects]}
        print(json.dumps(said), flush=True)
        return '250 2.0.0 queued'
def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b'alerts', b's3cret'), handled=False)
async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    options = {
        'plain': {},
        'starttls': dict(tls_context=context, require_starttls=True),
        'login': dict(tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True),
        'tls': {},
    }[kind]
    make = lambda: SMTP(Handler(), hostname='mail.example.com', **options)
    server = await asyncio.get_running_loop().create_server(
        make, '127.0.0.1', 0, ssl=context if kind == 'tls' else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

impl MailPeer {
    fn start(kind: &str) -> MailPeer {
        let files = [fixture("tls/server.pem"), fixture("tls/server.key")];
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", installed("python")).args(["-W", "ignore", "-c", MAIL_PEER, kind]).args(files);
        let mut process = Running::start(&mut command);
        let mut lines = BufReader::new(process.0.stdout.take().expect("a pipe"));
        let mut port = String::new();
        lines.read_line(&mut port).expect("UTF-8");
        let port = port.trim().parse().unwrap_or_else(|_| {
            let mut said = String::new();
            let _ = process.0.stderr.take().expect("a pipe").read_to_string(&mut said);
            panic!("no port but {port:?}: {said}")
        });
        let (sender, mails) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        MailPeer { address: SocketAddr::from(([127, 0, 0, 1], port)), mails, _process: process }
    }
}

#[test]
fn aiosmtpd_takes_our_mail_in_each_way_and_python_reads_it() {
    if !is_there("aiosmtpd of PyPI", Some(installed("python/aiosmtpd"))) {
        return;
    }
    let sender = Sender::new();
    let login = |password: &str| Some(("alerts".to_string(), Secret(password.to_string())));
    for (kind, security, login) in [
        ("plain", MailSecurity::None, None),
        ("starttls", MailSecurity::StartTls, None),
        ("tls", MailSecurity::Tls, None),
        ("login", MailSecurity::StartTls, login("s3cret")),
    ] {
        let peer = MailPeer::start(kind);
        let to = ["oncall@example.com", "Jürgen, der Müller <jm@example.com>"].map(str::to_string).to_vec();
        let email = Email { to, login, ..email(peer.address, security) };
        let summary = format!("zwölf {} is 143\r\nBcc: x@example.com", "日本語 ".repeat(20));
        let told = notice(json!({"summary": summary, "description": ".\n.. dots\nfür alle = 1\u{0}"}));
        assert_eq!(sender.tell(via(email.clone()), &[told]), Outcome::Accepted, "{kind}");
        let mail = peer.mails.recv_timeout(PATIENCE).expect("a mail");
        let is_secured = security != MailSecurity::None;
        assert_eq!((&mail["tls"], &mail["login"]), (&json!(is_secured), &json!(kind == "login")), "{mail}");
        assert_eq!(mail["rcpt"], json!(["oncall@example.com", "jm@example.com"]));
        assert_eq!((&mail["mail"], &mail["bcc"]), (&json!("alerts@example.com"), &Json::Null));
        let subject = format!("[violation] zwölf {} is 143  Bcc: x@example.com", "日本語 ".repeat(20));
        assert_eq!((&mail["subject"], &mail["defects"]), (&json!(subject), &json!([])));
        assert_eq!(mail["names"][1], "\"Jürgen, der Müller\" <jm@example.com>");
        assert_eq!(mail["message-id"], "<key-1@example.com>");
        assert_eq!(mail["references"], "<violation-9c1d@example.com>");
        let apart = mail["seconds"].as_f64().expect("a time") - now().micros() as f64 / 1e6;
        assert!(apart.abs() < PATIENCE.as_secs_f64() * 2.0, "{mail}");
        let body = mail["body"].as_str().expect("a text").replace("\r\n", "\n");
        assert!(body.ends_with("\n\n  .\n  .. dots\n  für alle = 1 \n"), "{body:?}");
    }
}

#[test]
fn aiosmtpd_refuses_for_now_and_for_good() {
    if !is_there("aiosmtpd of PyPI", Some(installed("python/aiosmtpd"))) {
        return;
    }
    let sender = Sender::new();
    let peer = MailPeer::start("login");
    let rejected = |why: &str| Outcome::Rejected { why: why.to_string() };
    let busy = "answered 452: full@example.com: 4.2.2 mailbox full".to_string();
    let for_now = Outcome::Retry { why: busy, after: None, in_doubt: false };
    for (password, to, summary, expected) in [
        ("wrong", "a@example.com", "", rejected("answered 535: the login is refused")),
        ("s3cret", "gone@example.com", "", rejected("answered 550: 5.1.1 no such user")),
        ("s3cret", "full@example.com", "", for_now),
        ("s3cret", "a@example.com", "spam", rejected("answered 554: 5.7.1 spam")),
    ] {
        let login = Some(("alerts".to_string(), Secret(password.to_string())));
        let email = Email { to: vec![to.to_string()], login, ..email(peer.address, MailSecurity::StartTls) };
        assert_eq!(sender.tell(via(email), &[notice(json!({ "summary": summary }))]), expected);
    }
    let anonymous = email(peer.address, MailSecurity::StartTls);
    let outcome = sender.tell(via(anonymous), &[notice(json!({}))]);
    assert!(matches!(&outcome, Outcome::Rejected { why } if why.starts_with("answered 530")), "{outcome:?}");
    assert!(peer.mails.try_recv().is_err());
}
