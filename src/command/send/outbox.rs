//! Events gathered to messages, and what became of those.

use std::collections::VecDeque;
use std::io::Write;

use super::link::Link;
use crate::source::riemann::wire;

/// So many messages may be under way without an answer. Their answers fit the buffers of any system, so that the daemon
/// can always write them and neither side waits for the other.
const UNANSWERED: usize = 16;
/// A message over a stream is not made longer than this, in bytes, unless one event is.
const MESSAGE: usize = 256 << 10;
/// The longest datagram that a daemon takes, in bytes.
const DATAGRAM: usize = 16_384;
/// So many faults of each kind are shown; all are counted.
const SHOWN: u64 = 20;

/// What goes out.
pub struct Outbox<'a> {
    link: Link,
    batch: usize,
    message: Vec<u8>,
    /// Where the events of the message come from, and how many they are.
    first: String,
    last: String,
    events: usize,
    /// Whose answers have not come, in order.
    unanswered: VecDeque<String>,
    pub sent: Sent,
    err: &'a mut dyn Write,
}

/// What was sent, and what became of it.
#[derive(Debug, Default)]
pub struct Sent {
    pub events: u64,
    pub messages: u64,
    pub acknowledged: u64,
    pub refused: u64,
    /// Lines that are no events, and events that cannot be sent.
    pub bad: u64,
    pub is_acknowledged: bool,
}

impl<'a> Outbox<'a> {
    pub fn new(link: Link, batch: usize, err: &'a mut dyn Write) -> Outbox<'a> {
        let sent = Sent { is_acknowledged: matches!(link, Link::Stream(_)), ..Sent::default() };
        Outbox {
            link,
            batch,
            message: Vec::new(),
            first: String::new(),
            last: String::new(),
            events: 0,
            unanswered: VecDeque::new(),
            sent,
            err,
        }
    }

    /// Takes an event, and sends what has become a whole message.
    ///
    /// # Errors
    /// The connection cannot go on.
    pub fn put(&mut self, event: &wire::Event, place: impl FnOnce() -> String) -> Result<(), String> {
        const EVENTS: u32 = 6;
        let longest = match self.link {
            Link::Stream(_) => MESSAGE,
            Link::Datagrams(_) => DATAGRAM,
        };
        let length = prost::encoding::message::encoded_len(EVENTS, event);
        if length > DATAGRAM && matches!(self.link, Link::Datagrams(_)) {
            let cause = format!("an event of {length} bytes does not fit a datagram of {DATAGRAM}; send it with --tcp");
            self.bad(&format!("{}: {cause}", place()));
            return Ok(());
        }
        if self.message.len() + length > longest {
            self.flush()?;
        }
        prost::encoding::message::encode(EVENTS, event, &mut self.message);
        self.last = place();
        if self.events == 0 {
            self.first.clone_from(&self.last);
        }
        self.events += 1;
        if self.events == self.batch { self.flush() } else { Ok(()) }
    }

    /// Counts what cannot be sent, and says it unless that was said often.
    pub fn bad(&mut self, line: &str) {
        self.sent.bad += 1;
        if self.sent.bad <= SHOWN {
            self.say(line);
        }
    }

    pub fn say(&mut self, line: &str) {
        super::say(self.err, line);
    }

    /// Sends what is left and waits for all answers.
    ///
    /// # Errors
    /// The connection cannot go on.
    pub fn settle(&mut self) -> Result<(), String> {
        self.flush()?;
        while !self.unanswered.is_empty() {
            self.hear()?;
        }
        Ok(())
    }

    /// Settles, and says that nothing more comes.
    ///
    /// # Errors
    /// The connection cannot go on.
    pub fn finish(&mut self) -> Result<(), String> {
        self.settle()?;
        self.link.close()
    }

    fn flush(&mut self) -> Result<(), String> {
        if self.events == 0 {
            return Ok(());
        }
        if let Err(cause) = self.link.send(&self.message) {
            // The daemon says why before it closes a connection.
            while !self.unanswered.is_empty() && self.hear().is_ok() {}
            return Err(cause);
        }
        self.sent.events += self.events as u64;
        self.sent.messages += 1;
        self.message.clear();
        self.events = 0;
        if self.sent.is_acknowledged {
            let events =
                if self.first == self.last { self.first.clone() } else { format!("{} to {}", self.first, self.last) };
            self.unanswered.push_back(events);
            if self.unanswered.len() >= UNANSWERED {
                self.hear()?;
            }
        }
        Ok(())
    }

    /// Waits for the next answer.
    fn hear(&mut self) -> Result<(), String> {
        let answer = self.link.answer()?;
        let events = self.unanswered.pop_front().unwrap_or_default();
        if answer.ok == Some(true) {
            self.sent.acknowledged += 1;
            return Ok(());
        }
        self.sent.refused += 1;
        if self.sent.refused <= SHOWN {
            let text = answer.error.unwrap_or_else(|| b"refused, and it is not said why".to_vec());
            self.say(&format!("{events}: {}", String::from_utf8_lossy(&text)));
        }
        Ok(())
    }
}

impl Sent {
    /// Whether something was no event, or was refused.
    pub fn found_fault(&self) -> bool {
        self.bad > 0 || self.refused > 0
    }

    /// One line: `sent 3 events in 1 message; all acknowledged`.
    pub fn summary(&self) -> String {
        let kind = if self.is_acknowledged { "message" } else { "datagram" };
        let mut text = format!("sent {} in {}", count(self.events, "event"), count(self.messages, kind));
        let unanswered = self.messages - self.acknowledged - self.refused;
        if self.messages == 0 {
        } else if !self.is_acknowledged {
            text.push_str("; UDP is not acknowledged: whether they were taken is not known");
        } else if self.acknowledged == self.messages {
            text.push_str("; all acknowledged");
        } else {
            text.push_str(&format!("; {} acknowledged", self.acknowledged));
            for (number, what) in [(self.refused, "answered with an error"), (unanswered, "not answered")] {
                if number > 0 {
                    text.push_str(&format!(", {number} {what}"));
                }
            }
        }
        if self.bad > 0 {
            text.push_str(&format!("; {} not sent", count(self.bad, "line")));
        }
        text
    }
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
