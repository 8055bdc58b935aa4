//! Mail over SMTP (RFC 5321), with STARTTLS or TLS (RFC 3207, 8314) and a login (RFC 4954): as much as a client needs
//! that hands one message to one server.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout};

use super::connect::{Place, Stream, Trust};
use crate::notify::{Answer, Mail, Trouble, base64, one_line};
use crate::plan::{MailSecurity, Secret};
use crate::server::lock;

/// A line of a reply in bytes, and lines of one reply: several times what the standard allows.
const LINE: usize = 4096;
const LINES: usize = 128;
/// Messages whose recipients are remembered while some of them are still to be told.
const REMEMBERED: usize = 64;
/// How long a server may take to say good-bye.
const PARTING: Duration = Duration::from_secs(1);

/// Which recipients of a message have it already: where a server puts off some, the next attempt is for those only.
#[derive(Default)]
pub struct Progress(Mutex<VecDeque<Partly>>);

#[derive(Clone, Default)]
struct Partly {
    key: String,
    accepted: Vec<String>,
    /// And what the server said.
    refused: Vec<(String, Reply)>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// Hands a message over. The answer is the reply that decided: to the message, or the first that refused.
///
/// Some recipients may be refused: the message goes to the others, and who was refused for good is a warning. While
/// some are put off, the answer is theirs.
///
/// # Errors
/// The connection was cut, the time is up, or the server does not offer what is wanted of it.
pub async fn send(trust: &Trust, progress: &Progress, mail: &Mail, deadline: Instant) -> Result<Answer, Trouble> {
    let place = Place { host: mail.host.clone(), port: mail.port };
    if let Some(wrong) = std::iter::once(&mail.from).chain(&mail.to).find(|address| !is_address(address)) {
        return Err(place.trouble(&format!("`{}` is no address", one_line(wrong))).unsent());
    }
    let mut partly = progress.of(&mail.key);
    let to: Vec<_> = mail.to.iter().filter(|address| !partly.is_settled(address)).cloned().collect();
    let mut session = match open(&place, trust, mail, deadline).await.map_err(Trouble::unsent)? {
        Ok(session) => session,
        Err(reply) => return Ok(reply.answer(None)),
    };
    let result = hand_over(&mut session, mail, &to, &mut partly).await;
    if result.is_ok() {
        // All is said; a server that does not answer any more changes nothing.
        let _ = timeout(PARTING, session.ask("QUIT")).await;
    }
    let reply = result?;
    let refused = (!partly.refused.is_empty()).then(|| {
        let refused =
            partly.refused.iter().map(|(address, reply)| format!("{address} ({} {})", reply.code, reply.text()));
        format!("{place}: refused for {}", refused.collect::<Vec<_>>().join(", "))
    });
    let is_done = reply.code / 100 != 4;
    progress.keep(partly, is_done);
    Ok(reply.answer(refused))
}

/// MAIL, RCPT and DATA; the reply that decides.
async fn hand_over(session: &mut Session, mail: &Mail, to: &[String], partly: &mut Partly) -> Result<Reply, Trouble> {
    let international = std::iter::once(&mail.from).chain(to).any(|address| !address.is_ascii());
    if international && !session.offers("SMTPUTF8") {
        return Err(session.place.trouble(&"does not offer SMTPUTF8, which an address that is not ASCII needs"));
    }
    let extension = if international { " SMTPUTF8" } else { "" };
    let from = session.ask(&format!("MAIL FROM:<{}>{extension}", mail.from)).await?;
    if !from.is_good() {
        return Ok(from);
    }
    let mut accepted = Vec::new();
    let mut put_off = None;
    for address in to {
        let reply = session.ask(&format!("RCPT TO:<{address}>")).await?;
        match reply.code / 100 {
            2 => accepted.push(address.clone()),
            5 => partly.refused.push((address.clone(), reply)),
            _ => put_off = put_off.or(Some(Reply { lines: vec![format!("{address}: {}", reply.text())], ..reply })),
        }
    }
    if accepted.is_empty() {
        let refused = || partly.refused.last().map(|(_, reply)| reply.clone());
        let nobody = put_off.or_else(|| if partly.accepted.is_empty() { refused() } else { None });
        return Ok(nobody.unwrap_or(Reply { code: 250, lines: vec![] }));
    }
    let ready = session.ask("DATA").await?;
    if ready.code != 354 {
        return Ok(Reply { code: if ready.is_good() { 451 } else { ready.code }, ..ready });
    }
    // If the connection is cut from here on, the server may have the message: it comes twice rather than never.
    session.write(&stuffed(&mail.message)).await?;
    let reply = session.reply().await?;
    if !reply.is_good() {
        return Ok(reply);
    }
    partly.accepted.extend(accepted);
    Ok(put_off.unwrap_or(reply))
}

/// A session that is ready for MAIL, or the reply that ended it.
async fn open(place: &Place, trust: &Trust, mail: &Mail, deadline: Instant) -> Result<Result<Session, Reply>, Trouble> {
    let ca = mail.ca.as_deref();
    let tcp = place.connect(deadline).await?;
    let name = tcp.local_addr().map_or("[127.0.0.1]".to_string(), |local| match local.ip() {
        std::net::IpAddr::V4(ip) => format!("[{ip}]"),
        std::net::IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    });
    let stream: Box<dyn Stream> = match mail.security {
        MailSecurity::Tls => place.secure(tcp, trust, ca).await?,
        MailSecurity::StartTls | MailSecurity::None => Box::new(tcp),
    };
    let mut session = Session { place: place.clone(), stream: BufReader::new(stream), offered: vec![] };
    let greeting = session.reply().await?;
    if !greeting.is_good() {
        return Ok(Err(greeting));
    }
    if let Some(refused) = session.greet(&name).await? {
        return Ok(Err(refused));
    }
    if mail.security == MailSecurity::StartTls {
        if !session.offers("STARTTLS") {
            return Err(place.trouble(&"does not offer STARTTLS; with TLS from the first byte it is `:security :tls`"));
        }
        let reply = session.ask("STARTTLS").await?;
        if !reply.is_good() {
            return Ok(Err(reply));
        }
        // What came before the keys are known is nobody's word.
        if !session.stream.buffer().is_empty() {
            return Err(place.trouble(&"said something between STARTTLS and TLS"));
        }
        let stream = place.secure(session.stream.into_inner(), trust, ca).await?;
        session = Session { place: place.clone(), stream: BufReader::new(stream), offered: vec![] };
        if let Some(refused) = session.greet(&name).await? {
            return Ok(Err(refused));
        }
    }
    if let Some(login) = &mail.login
        && let Some(refused) = session.log_in(login).await?
    {
        return Ok(Err(refused));
    }
    Ok(Ok(session))
}

struct Session {
    place: Place,
    stream: BufReader<Box<dyn Stream>>,
    /// What the server can do: `STARTTLS`, `AUTH PLAIN LOGIN`; in capitals.
    offered: Vec<String>,
}

impl Session {
    /// EHLO; the reply if it is refused.
    async fn greet(&mut self, name: &str) -> Result<Option<Reply>, Trouble> {
        let reply = self.ask(&format!("EHLO {name}")).await?;
        if !reply.is_good() {
            return Ok(Some(reply));
        }
        self.offered = reply.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(None)
    }

    fn offers(&self, keyword: &str) -> bool {
        self.offered.iter().any(|line| line.split_whitespace().next() == Some(keyword))
    }

    /// AUTH; the reply if it is refused.
    async fn log_in(&mut self, (user, Secret(password)): &(String, Secret)) -> Result<Option<Reply>, Trouble> {
        let ways = self.offered.iter().find(|line| line.starts_with("AUTH ") || line.starts_with("AUTH="));
        let ways: Vec<_> = ways.map_or(vec![], |line| line[5..].split_whitespace().map(str::to_string).collect());
        let offers = |way: &str| ways.iter().any(|known| known == way);
        let reply = if offers("PLAIN") {
            let word = base64(format!("\0{user}\0{password}").as_bytes());
            self.ask(&format!("AUTH PLAIN {word}")).await?
        } else if offers("LOGIN") {
            let mut reply = self.ask("AUTH LOGIN").await?;
            for word in [user, password] {
                if reply.code != 334 {
                    break;
                }
                reply = self.ask(&base64(word.as_bytes())).await?;
            }
            reply
        } else {
            return Err(self.place.trouble(&"offers no login by AUTH PLAIN or LOGIN"));
        };
        match reply.code / 100 {
            2 => Ok(None),
            3 => Err(self.place.trouble(&"asks for more than a user and a password")),
            // What it says may quote what it was told.
            _ => Ok(Some(Reply { lines: vec!["the login is refused".to_string()], ..reply })),
        }
    }

    async fn ask(&mut self, line: &str) -> Result<Reply, Trouble> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let stream = self.stream.get_mut();
        let written = match stream.write_all(bytes).await {
            Ok(()) => stream.flush().await,
            Err(error) => Err(error),
        };
        written.map_err(|error| self.place.trouble(&error))
    }

    async fn reply(&mut self) -> Result<Reply, Trouble> {
        let mut reply = Reply { code: 0, lines: vec![] };
        loop {
            let line = self.line().await?;
            let strange = || self.place.trouble(&format!("does not speak SMTP: {}", crate::notify::cut(&line, 80)));
            let code = line.get(..3).and_then(|digits| digits.parse::<u16>().ok());
            let code = code.filter(|code| (200..600).contains(code)).ok_or_else(strange)?;
            let is_last = match line.as_bytes().get(3) {
                None | Some(b' ') => true,
                Some(b'-') => false,
                Some(_) => return Err(strange()),
            };
            if (reply.code != 0 && reply.code != code) || reply.lines.len() == LINES {
                return Err(strange());
            }
            reply.code = code;
            reply.lines.push(line.get(4..).unwrap_or_default().trim().to_string());
            if is_last {
                return Ok(reply);
            }
        }
    }

    /// Without what ends it.
    async fn line(&mut self) -> Result<String, Trouble> {
        let mut line = Vec::new();
        loop {
            let bytes = self.stream.fill_buf().await.map_err(|error| self.place.trouble(&error))?;
            if bytes.is_empty() {
                return Err(self.place.trouble(&"the connection was cut"));
            }
            let end = memchr::memchr(b'\n', bytes);
            let taken = end.map_or(bytes.len(), |end| end + 1);
            if line.len() + taken > LINE {
                return Err(self.place.trouble(&"does not speak SMTP: a line without an end"));
            }
            line.extend_from_slice(&bytes[..taken]);
            self.stream.consume(taken);
            if end.is_some() {
                return Ok(one_line(String::from_utf8_lossy(&line).trim_end()).into_owned());
            }
        }
    }
}

impl Reply {
    fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    fn text(&self) -> String {
        self.lines.join(" ")
    }

    fn answer(self, warning: Option<String>) -> Answer {
        Answer { status: self.code, body: self.text().into_bytes(), warning, ..Answer::default() }
    }
}

impl Progress {
    fn of(&self, key: &str) -> Partly {
        let known = lock(&self.0).iter().find(|partly| partly.key == key).cloned();
        known.unwrap_or_else(|| Partly { key: key.to_string(), ..Partly::default() })
    }

    fn keep(&self, partly: Partly, is_done: bool) {
        let mut known = lock(&self.0);
        known.retain(|other| other.key != partly.key);
        if is_done || (partly.accepted.is_empty() && partly.refused.is_empty()) {
            return;
        }
        if known.len() == REMEMBERED {
            known.pop_front();
        }
        known.push_back(partly);
    }
}

impl Partly {
    fn is_settled(&self, address: &str) -> bool {
        self.accepted.iter().any(|known| known == address) || self.refused.iter().any(|(known, _)| known == address)
    }
}

/// What may stand between `<` and `>` without being anything else.
fn is_address(text: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '<' && c != '>';
    text.len() <= 320 && text.contains('@') && text.chars().all(is_plain)
}

/// The message with a dot before each that begins a line, and the line of a dot that ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut begins = true;
    for byte in message {
        if begins && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        begins = *byte == b'\n';
    }
    if !begins {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_that_begins_a_line_is_doubled() {
        for (message, sent) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".\r\n..x\r\na.b\r\n", "..\r\n...x\r\na.b\r\n.\r\n"),
            ("no end", "no end\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), sent, "{message:?}");
        }
    }

    #[test]
    fn nothing_but_an_address_is_put_into_the_envelope() {
        for (text, is) in [
            ("a@example.com", true),
            ("ä@example.com", true),
            ("a@example.com>\r\nRCPT TO:<b@example.com", false),
            ("a@example.com> SIZE=1", false),
            ("", false),
            ("a", false),
        ] {
            assert_eq!(is_address(text), is, "{text}");
        }
    }
}
