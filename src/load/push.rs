//! Points on their way to a database, events to a daemon: one request at a time.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::influx::{Verdict, answer, events_answer, events_request, request};
use super::sending::{Heard, Manner, Sending, Step};
use crate::deliver::Transports;
use crate::notify::{Answer, Effect, Request};
use crate::plan::{Events, Influx};

pub use super::sending::{Batches, Sent};

/// How long all attempts at one batch of events may take.
const EVENTS: Duration = Duration::from_secs(30);

/// Sends lines, and keeps its connection from batch to batch.
#[derive(Debug)]
pub struct Pusher {
    /// Made with the first batch.
    way: Option<Way>,
    chance: Chance,
    /// How many bytes the receiver took at a time, if it was found out.
    most: usize,
}

struct Way {
    /// Before the runtime on which it was made.
    transports: Transports,
    runtime: Option<Runtime>,
}

/// Why lines were not accepted: one line that names where they should go, and what to do. Some may have been accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Fault {}

impl Default for Pusher {
    fn default() -> Pusher {
        Pusher { way: None, chance: Chance(RandomState::new().hash_one(0) | 1), most: usize::MAX }
    }
}

impl Pusher {
    /// Sends one batch of lines of line protocol. Sent again they overwrite themselves.
    ///
    /// # Errors
    /// The server refused some or all of them, or did not accept them in time. What of them it has accepted is not known.
    pub fn send(&mut self, influx: &Influx, lines: &[u8]) -> Result<Sent, Fault> {
        self.push(Receiver::Influx(influx), lines)
    }

    /// Sends one batch of events; those that the daemon refuses are counted.
    ///
    /// # Errors
    /// The daemon did not take them, or it is not known whether it did: sent again they may count twice.
    pub fn send_events(&mut self, events: &Events, lines: &[u8]) -> Result<Sent, Fault> {
        self.push(Receiver::Events(events), lines)
    }

    fn push(&mut self, receiver: Receiver<'_>, lines: &[u8]) -> Result<Sent, Fault> {
        let mut sending = Sending::new(lines, self.most, receiver.manner());
        let mut step = sending.begin();
        let begun = Instant::now();
        loop {
            let (piece, after) = match step {
                Step::Send { lines, after } => (lines, after),
                Step::Done(sent) => {
                    self.most = sending.most();
                    return Ok(sent);
                }
                Step::Failed(why) => return Err(receiver.fault(why)),
            };
            let effect = Effect::Request(receiver.request(&lines[piece]));
            let left = receiver.manner().timeout.saturating_sub(begun.elapsed() + after);
            // It is shown.
            let left = Duration::from_millis((left.as_millis() as u64).div_ceil(100) * 100);
            let heard = match self.way(receiver)?.perform(&effect, after, left) {
                Ok(answer) => Heard::Answer(receiver.verdict(&answer)),
                Err(trouble) => Heard::Nothing(trouble),
            };
            step = sending.heard(heard, begun.elapsed(), self.chance.next());
        }
    }

    fn way(&mut self, receiver: Receiver<'_>) -> Result<&Way, Fault> {
        if self.way.is_none() {
            let made = Builder::new_current_thread().enable_all().build();
            let runtime = made.map_err(|error| receiver.fault(format!("no runtime: {error}")))?;
            self.way = Some(Way { transports: Transports::default(), runtime: Some(runtime) });
        }
        Ok(self.way.as_ref().expect("it was made just now"))
    }
}

impl Way {
    fn perform(&self, effect: &Effect, after: Duration, timeout: Duration) -> Result<Answer, crate::notify::Trouble> {
        let runtime = self.runtime.as_ref().expect("until it is dropped");
        runtime.block_on(async {
            tokio::time::sleep(after).await;
            self.transports.perform(effect, timeout).await
        })
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Looking up a name may be blocked for long.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Way")
    }
}

/// Where lines go.
#[derive(Clone, Copy)]
enum Receiver<'a> {
    Influx(&'a Influx),
    Events(&'a Events),
}

impl Receiver<'_> {
    fn manner(self) -> Manner {
        match self {
            Receiver::Influx(influx) => Manner {
                timeout: Duration::from_micros(influx.timeout.max(0) as u64),
                skip_refused: influx.skip_refused,
                overwrites: true,
            },
            // Whatever is refused will be again, and what was taken must not be sent again.
            Receiver::Events(_) => Manner { timeout: EVENTS, skip_refused: true, overwrites: false },
        }
    }

    fn request(self, lines: &[u8]) -> Request {
        match self {
            Receiver::Influx(influx) => request(influx, lines),
            Receiver::Events(events) => events_request(events, lines),
        }
    }

    fn verdict(self, said: &Answer) -> Verdict {
        match self {
            Receiver::Influx(influx) => answer(influx, said),
            Receiver::Events(events) => events_answer(events, said),
        }
    }

    fn fault(self, why: String) -> Fault {
        let (Receiver::Influx(Influx { url, .. }) | Receiver::Events(Events { url, .. })) = self;
        let url = url.to_string();
        // What went wrong with a connection names the place already.
        let why = match url.split_once("://").and_then(|(_, place)| why.strip_prefix(place)) {
            Some(rest) => format!("{url}{rest}"),
            None if why.starts_with(&url) => why,
            None => format!("{url}: {why}"),
        };
        Fault { why }
    }
}

/// Numbers from 0 to 1 that others do not have at the same time.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    /// Xorshift: of a number that is not zero comes none that is.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
