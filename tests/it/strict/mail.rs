//! A mail server that takes nothing on trust: order of commands, ends of lines, lengths, and who speaks before its turn.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use super::{ReadWrite, server_config};
use crate::daemon::PATIENCE;

/// How the server behaves.
#[derive(Clone)]
pub struct Manners {
    pub greeting: String,
    /// What EHLO is answered besides its first line, before TLS and under it.
    pub offers: Vec<String>,
    pub offers_secured: Vec<String>,
    /// User and password; no mail without them.
    pub login: Option<(String, String)>,
    /// TLS from the first byte.
    pub is_tls: bool,
    /// The reply to these words, where it is not the usual one: `RCPT TO:<a@example.com>`. An empty reply cuts the
    /// connection; `.` is the message.
    pub replies: Vec<(String, String)>,
}

impl Default for Manners {
    fn default() -> Manners {
        let offers = |offers: &[&str]| offers.iter().map(|offer| offer.to_string()).collect();
        Manners {
            greeting: "220-mail.example.com ESMTP\r\n220 ready".to_string(),
            offers: offers(&["PIPELINING", "STARTTLS", "8BITMIME"]),
            offers_secured: offers(&["PIPELINING", "AUTH PLAIN LOGIN", "8BITMIME"]),
            login: None,
            is_tls: false,
            replies: vec![],
        }
    }
}

/// A message that was accepted.
#[derive(Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// Without the dots that were doubled.
    pub message: String,
    pub is_secured: bool,
    pub user: Option<String>,
}

pub struct MailServer {
    pub address: SocketAddr,
    received: Receiver<Received>,
    manners: Arc<Mutex<Manners>>,
}

impl MailServer {
    pub fn start(manners: Manners) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (sender, received) = mpsc::channel();
        let shared = Arc::new(Mutex::new(manners));
        let manners = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let manners = manners.lock().expect("no test fails there").clone();
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut session = Session::new(stream, &manners);
                    while let Some(received) = session.next_message(&manners) {
                        if sender.send(received).is_err() || !session.say("250 2.0.0 queued as 1") {
                            break;
                        }
                    }
                });
            }
        });
        MailServer { address, received, manners: shared }
    }

    /// From the next connection on.
    pub fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().expect("no test fails there"));
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.try_iter().collect()
    }
}

struct Session {
    stream: Option<BufReader<Box<dyn ReadWrite>>>,
    is_secured: bool,
    user: Option<String>,
}

impl Session {
    fn new(stream: TcpStream, manners: &Manners) -> Session {
        let stream: Box<dyn ReadWrite> = match manners.is_tls {
            true => secured(stream),
            false => Box::new(stream),
        };
        let mut session = Session { stream: Some(BufReader::new(stream)), is_secured: manners.is_tls, user: None };
        session.say(&manners.greeting);
        session
    }

    fn say(&mut self, reply: &str) -> bool {
        let stream = self.stream.as_mut().expect("open");
        assert!(stream.buffer().is_empty(), "the client does not wait for replies");
        !reply.is_empty()
            && stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).is_ok()
            && stream.get_mut().flush().is_ok()
    }

    fn line(&mut self, longest: usize) -> Option<String> {
        let mut line = Vec::new();
        let length = self.stream.as_mut().expect("open").read_until(b'\n', &mut line).ok()?;
        if length == 0 {
            return None;
        }
        let line = String::from_utf8(line).expect("this server takes no 8-bit text");
        let line = line.strip_suffix("\r\n").expect("lines of SMTP end with CR LF");
        assert!(line.len() <= longest && !line.contains(['\r', '\n']), "{line:?}");
        Some(line.to_string())
    }

    /// Up to the message, which is still to be answered.
    fn next_message(&mut self, manners: &Manners) -> Option<Received> {
        let (mut is_greeted, mut from, mut to) = (self.user.is_some(), None, Vec::new());
        loop {
            let line = self.line(510)?;
            let other = manners.replies.iter().find(|(words, _)| line.starts_with(words.as_str()));
            if let Some((_, reply)) = other {
                if !self.say(reply) {
                    return None;
                }
                continue;
            }
            let verb = line.split(' ').next().unwrap_or_default().to_string();
            let may_send = is_greeted && (manners.login.is_none() || self.user.is_some());
            let reply = match verb.as_str() {
                "EHLO" if line.len() > 5 => {
                    is_greeted = true;
                    let offers = if self.is_secured { &manners.offers_secured } else { &manners.offers };
                    let mut lines = vec!["mail.example.com".to_string()];
                    lines.extend(offers.iter().cloned());
                    let last = lines.pop().expect("the first at least");
                    let lines: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
                    format!("{lines}250 {last}")
                }
                "STARTTLS" if is_greeted && !self.is_secured => {
                    self.say("220 go ahead");
                    let plain = self.stream.take().expect("open").into_inner();
                    self.stream = Some(BufReader::new(secured(plain)));
                    (self.is_secured, is_greeted) = (true, false);
                    continue;
                }
                "AUTH" if is_greeted && self.user.is_none() => self.log_in(&line, manners)?,
                "MAIL" if may_send && from.is_none() => {
                    from = Some(path(&line, "MAIL FROM:")?);
                    "250 2.1.0 ok".to_string()
                }
                "RCPT" if from.is_some() => {
                    to.push(path(&line, "RCPT TO:")?);
                    "250 2.1.5 ok".to_string()
                }
                "DATA" if !to.is_empty() => {
                    self.say("354 go on");
                    let message = self.message()?;
                    if let Some((_, reply)) = manners.replies.iter().find(|(words, _)| words == ".") {
                        self.say(reply);
                        return None;
                    }
                    let from = from.expect("asked before");
                    return Some(Received { from, to, message, is_secured: self.is_secured, user: self.user.clone() });
                }
                "QUIT" => {
                    self.say("221 bye");
                    return None;
                }
                _ => "503 5.5.1 bad sequence of commands".to_string(),
            };
            if !self.say(&reply) {
                return None;
            }
        }
    }

    fn message(&mut self) -> Option<String> {
        let mut message = String::new();
        loop {
            let line = self.line(998)?;
            match line.strip_prefix('.') {
                Some("") => return Some(message),
                Some(rest) => message.push_str(rest),
                None => message.push_str(&line),
            }
            message.push_str("\r\n");
        }
    }

    fn log_in(&mut self, line: &str, manners: &Manners) -> Option<String> {
        let Some((user, password)) = &manners.login else { return Some("503 5.5.1 no".to_string()) };
        let matches = match line.strip_prefix("AUTH PLAIN ") {
            Some(word) => word == base64(&format!("\0{user}\0{password}")),
            None => {
                assert_eq!(line, "AUTH LOGIN");
                self.say("334 VXNlcm5hbWU6");
                let is_user = self.line(510)? == base64(user);
                self.say("334 UGFzc3dvcmQ6");
                self.line(510)? == base64(password) && is_user
            }
        };
        if matches {
            self.user = Some(user.clone());
        }
        let refused = format!("535 5.7.8 who is {}", line.rsplit(' ').next().unwrap_or_default());
        Some(if matches { "235 2.7.0 welcome".to_string() } else { refused })
    }
}

fn base64(text: &str) -> String {
    super::webhook::base64(text.as_bytes())
}

fn secured(stream: impl ReadWrite + 'static) -> Box<dyn ReadWrite> {
    Box::new(StreamOwned::new(ServerConnection::new(server_config()).expect("a server"), stream))
}

fn path(line: &str, verb: &str) -> Option<String> {
    let path = line.strip_prefix(verb)?.strip_prefix('<')?.strip_suffix('>')?;
    Some(path.to_string())
}
