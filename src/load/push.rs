//! Lines → batches → a server, one after the other, each until it is accepted or nothing helps.

use std::time::{Duration, Instant};

use super::influx::{self, Verdict};
use super::sink::Sink;
use crate::deliver::Transports;
use crate::notify::{Effect, Request};
use crate::plan::{Events, Influx, Url};

/// A batch has at most so many lines and bytes.
const LINES: usize = 5_000;
const BYTES: usize = 1 << 20;
/// The first pause between two attempts; each is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one attempt may take at most.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How long all attempts at one batch of events may take.
const EVENTS: Duration = Duration::from_secs(30);

/// A server that takes batches of lines.
#[derive(Clone, Copy, Debug)]
pub enum Server<'p> {
    Influx(&'p Influx),
    Events(&'p Events),
}

/// What sends batches. Its runtime is made for the first of them.
pub struct Pusher<'p> {
    server: Server<'p>,
    started: Option<Started>,
}

struct Started {
    runtime: tokio::runtime::Runtime,
    transports: Transports,
}

impl<'p> Pusher<'p> {
    pub fn new(server: Server<'p>) -> Pusher<'p> {
        Pusher { server, started: None }
    }

    /// Sends one batch; in halves if it is too large for the server. How many points were refused and left out.
    fn send_batch(&mut self, lines: &[u8]) -> Result<u64, String> {
        let deadline = Instant::now() + self.server.timeout();
        let mut pause = FIRST_PAUSE;
        loop {
            let verdict = self.attempt(lines, deadline)?;
            let server = self.server;
            let fail = |why: &str| Err(format!("{}: {why}", server.url()));
            match verdict {
                Verdict::Accepted => return Ok(0),
                Verdict::Partial { why, dropped } if server.skips_refused() => {
                    tracing::debug!("{why}");
                    return Ok(dropped.unwrap_or(1));
                }
                Verdict::Partial { why, .. } => {
                    return fail(&format!(
                        "{why}; the points that it could take are stored; `:partial :skip` leaves the others out"
                    ));
                }
                Verdict::Rejected { why } => return fail(&why),
                Verdict::TooLarge { why } => match halves(lines) {
                    Some((first, second)) => return Ok(self.send_batch(first)? + self.send_batch(second)?),
                    None => return fail(&format!("{why}: one line is too large")),
                },
                Verdict::Retry { why, after } => {
                    let asked = Duration::from_micros(after.and_then(|after| u64::try_from(after).ok()).unwrap_or(0));
                    let wait = jittered(pause).max(asked);
                    if Instant::now() + wait >= deadline {
                        return fail(&format!("{why}; the next run sends it again"));
                    }
                    std::thread::sleep(wait);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn attempt(&mut self, lines: &[u8], deadline: Instant) -> Result<Verdict, String> {
        let request = self.server.request(lines);
        let size = request.body.len();
        let left = deadline.saturating_duration_since(Instant::now()).min(ATTEMPT).max(Duration::from_millis(1));
        let Started { runtime, transports } = self.started()?;
        match runtime.block_on(transports.perform(&Effect::Request(request), left)) {
            Ok(answer) => Ok(self.server.answer(&answer)),
            // Version 1 closes the connection on what is too large, before all of it is sent.
            Err(trouble) if size > 64 << 10 && is_cut(&trouble.why) => Ok(Verdict::TooLarge { why: trouble.why }),
            Err(trouble) => Ok(Verdict::Retry { why: trouble.why, after: None }),
        }
    }

    fn started(&mut self) -> Result<&Started, String> {
        if self.started.is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
            self.started = Some(Started { runtime, transports: Transports::default() });
        }
        self.started.as_ref().ok_or_else(|| "cannot start".to_string())
    }
}

impl Sink for Pusher<'_> {
    fn send(&mut self, lines: &[u8], _again: bool, _position: Option<u64>) -> Result<u64, String> {
        batches(lines).try_fold(0, |refused, batch| Ok(refused + self.send_batch(batch)?))
    }
}

impl Server<'_> {
    fn url(&self) -> &Url {
        match self {
            Server::Influx(influx) => &influx.url,
            Server::Events(events) => &events.url,
        }
    }

    fn timeout(&self) -> Duration {
        match self {
            Server::Influx(influx) => Duration::from_micros(u64::try_from(influx.timeout).unwrap_or(0)),
            Server::Events(_) => EVENTS,
        }
    }

    fn skips_refused(&self) -> bool {
        matches!(self, Server::Influx(influx) if influx.skip_refused)
    }

    fn request(&self, lines: &[u8]) -> Request {
        match self {
            Server::Influx(influx) => influx::request(influx, lines),
            Server::Events(events) => influx::events_request(events, lines),
        }
    }

    fn answer(&self, answer: &crate::notify::Answer) -> Verdict {
        match self {
            Server::Influx(influx) => influx::answer(&influx.api, answer),
            Server::Events(_) => influx::events_answer(answer),
        }
    }
}

/// Whether a connection was closed while something was sent.
fn is_cut(why: &str) -> bool {
    ["reset", "broken pipe", "closed before", "body write aborted"].iter().any(|sign| why.to_lowercase().contains(sign))
}

/// A pause, between half of it and all of it: servers that come back are not asked by all at once.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness it is the whole pause.
    let share =
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random).map_or(255, |()| random[0]);
    pause / 2 + pause / 2 * u32::from(share) / 255
}

/// Lines in batches, in order.
pub fn batches(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        for (count, newline) in memchr::memchr_iter(b'\n', rest).enumerate() {
            if count == LINES || (newline + 1 > BYTES && end > 0) {
                break;
            }
            end = newline + 1;
        }
        let (batch, after) = rest.split_at(if end == 0 { rest.len() } else { end });
        rest = after;
        Some(batch)
    })
}

/// Lines in two halves; None of one line.
fn halves(lines: &[u8]) -> Option<(&[u8], &[u8])> {
    let middle = lines.len() / 2;
    let end = memchr::memchr(b'\n', &lines[middle..]).map(|at| middle + at + 1).filter(|end| *end < lines.len());
    let end = end.or_else(|| memchr::memrchr(b'\n', &lines[..middle]).map(|at| at + 1))?;
    Some(lines.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::{BYTES, LINES, batches, halves};

    #[test]
    fn batches_hold_whole_lines_within_both_limits() {
        for (line, lines) in [("m count=1i 1\n", 12_001), ("x\n", 5_000), ("x\n", 5_001), ("x\n", 0)] {
            let text = line.repeat(lines);
            let all: Vec<&[u8]> = batches(text.as_bytes()).collect();
            assert_eq!(all.concat(), text.as_bytes());
            assert_eq!(all.len(), lines.div_ceil(LINES));
            assert!(all.iter().all(|batch| batch.ends_with(b"\n") && batch.len() <= BYTES));
        }
        let long = format!("{}\n", "x".repeat(BYTES / 3)).repeat(7);
        assert!(batches(long.as_bytes()).all(|batch| batch.len() <= BYTES && batch.ends_with(b"\n")));
        let longer = format!("{}\nx\n", "x".repeat(2 * BYTES));
        assert_eq!(batches(longer.as_bytes()).map(<[u8]>::len).collect::<Vec<_>>(), [2 * BYTES + 1, 2]);
    }

    #[test]
    fn halves_are_whole_lines_and_one_line_has_none() {
        for (text, expected) in [
            ("a\nb\n", Some(("a\n", "b\n"))),
            ("a\nbbbbbb\n", Some(("a\n", "bbbbbb\n"))),
            ("aaaaaa\nb\n", Some(("aaaaaa\n", "b\n"))),
            ("a\n", None),
        ] {
            let found = halves(text.as_bytes());
            assert_eq!(found, expected.map(|(a, b)| (a.as_bytes(), b.as_bytes())), "{text}");
        }
    }
}
