//! What was received, and what became of it: atomics, so that the page of metrics asks nobody.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::lock;

/// Hosts that are remembered by name; the others are counted together.
const HOSTS: usize = 256;
/// A longer name of a host is cut.
const HOST_TEXT: usize = 128;

/// What a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Http,
    /// Files that are followed.
    Logs,
    Tcp,
    Tls,
    Udp,
}

impl Source {
    pub const ALL: [Source; 5] = [Source::Http, Source::Logs, Source::Tcp, Source::Tls, Source::Udp];

    pub fn name(self) -> &'static str {
        match self {
            Source::Http => "http",
            Source::Logs => "logs",
            Source::Tcp => "tcp",
            Source::Tls => "tls",
            Source::Udp => "udp",
        }
    }
}

/// All counters of the process.
#[derive(Debug, Default)]
pub struct Counters {
    sources: [PerSource; 5],
    /// By cause: events that were refused, connections and messages that were.
    refused: Mutex<BTreeMap<&'static str, u64>>,
    turned_away: Mutex<BTreeMap<&'static str, u64>>,
    hosts: Mutex<Hosts>,
    /// Why the last TLS handshake failed.
    handshake: Mutex<String>,
    pub late: AtomicU64,
    pub ahead: AtomicU64,
    /// The old `states` of Riemann's protocol: taken and ignored.
    pub states: AtomicU64,
    pub queries: AtomicU64,
    pub ticks: AtomicU64,
    /// Ticks that could not wait until all sockets were empty.
    pub cut_drains: AtomicU64,
    pub jumps: AtomicU64,
    /// In microseconds.
    pub unwatched: AtomicU64,
    /// When a socket last gave something, in microseconds of the boot clock.
    pub heard: AtomicI64,
    /// When the judge was last seen, in microseconds of the boot clock.
    pub alive: AtomicU64,
    pub violations: AtomicU64,
    pub recoveries: AtomicU64,
    /// Memory that messages take which have arrived in part, in bytes.
    pub receiving: AtomicU64,
    /// Memory that HTTP answers take which have not been sent yet, in bytes.
    pub answering: AtomicU64,
    /// 1 once the recording could not be written any more.
    pub recording_failed: AtomicU64,
}

/// What one kind of source gave.
#[derive(Debug, Default)]
pub struct PerSource {
    pub connections: AtomicU64,
    pub accepted: AtomicU64,
    pub messages: AtomicU64,
    pub events: AtomicU64,
    pub bytes: AtomicU64,
}

/// Events that came too late or too early, by host.
#[derive(Debug, Default)]
pub struct Hosts {
    pub named: BTreeMap<Box<[u8]>, Untimely>,
    pub others: Untimely,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untimely {
    pub late: u64,
    pub ahead: u64,
}

/// What one read brought: counted without atomics, then added at once.
#[derive(Debug, Default)]
pub struct Batch {
    pub messages: u64,
    pub events: u64,
    pub late: u64,
    pub ahead: u64,
    pub states: u64,
    pub queries: u64,
    /// By cause, of which there are a few.
    pub refused: Vec<(&'static str, u64)>,
    pub hosts: Vec<(Box<[u8]>, Untimely)>,
    pub other_hosts: Untimely,
}

impl Batch {
    /// Notes that an event was refused.
    pub fn refuse(&mut self, cause: &'static str) {
        match self.refused.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, count)) => *count += 1,
            None => self.refused.push((cause, 1)),
        }
    }

    /// Notes that an event of this host was late, or ahead of the clock.
    #[cold]
    pub fn untimely(&mut self, host: &[u8], what: Untimely) {
        self.late += what.late;
        self.ahead += what.ahead;
        let host = &host[..host.len().min(HOST_TEXT)];
        if let Some((known, sum)) = self.hosts.last_mut()
            && **known == *host
        {
            sum.add(what);
        } else if self.hosts.len() < HOSTS {
            self.hosts.push((host.into(), what));
        } else {
            self.other_hosts.add(what);
        }
    }
}

impl Untimely {
    pub const LATE: Untimely = Untimely { late: 1, ahead: 0 };
    pub const AHEAD: Untimely = Untimely { late: 0, ahead: 1 };

    fn add(&mut self, other: Untimely) {
        self.late += other.late;
        self.ahead += other.ahead;
    }
}

impl Counters {
    pub fn of(&self, source: Source) -> &PerSource {
        &self.sources[source as usize]
    }

    /// Connections that are open and speak Riemann's protocol.
    pub fn senders(&self) -> u64 {
        [Source::Tcp, Source::Tls].iter().map(|source| self.of(*source).connections.load(Relaxed)).sum()
    }

    pub fn add(&self, source: Source, batch: &mut Batch) {
        let of = self.of(source);
        of.messages.fetch_add(batch.messages, Relaxed);
        of.events.fetch_add(batch.events, Relaxed);
        for (counter, n) in [
            (&self.late, batch.late),
            (&self.ahead, batch.ahead),
            (&self.states, batch.states),
            (&self.queries, batch.queries),
        ] {
            if n > 0 {
                counter.fetch_add(n, Relaxed);
            }
        }
        if !batch.refused.is_empty() {
            let mut refused = lock(&self.refused);
            batch.refused.drain(..).for_each(|(cause, count)| *refused.entry(cause).or_default() += count);
        }
        if !batch.hosts.is_empty() {
            let mut hosts = lock(&self.hosts);
            for (host, untimely) in batch.hosts.drain(..) {
                hosts.note(host, untimely);
            }
            hosts.others.add(std::mem::take(&mut batch.other_hosts));
        }
        (batch.messages, batch.events) = (0, 0);
        (batch.late, batch.ahead, batch.states, batch.queries) = (0, 0, 0, 0);
    }

    /// Counts a connection, a message or a datagram that was not taken.
    pub fn turn_away(&self, cause: &'static str) {
        *lock(&self.turned_away).entry(cause).or_default() += 1;
    }

    pub fn note_handshake(&self, error: &std::io::Error) {
        let mut text = error.to_string();
        text.truncate(text.floor_char_boundary(HOST_TEXT));
        *lock(&self.handshake) = text;
    }

    /// Why the last TLS handshake failed; empty if none has.
    pub fn handshake(&self) -> String {
        lock(&self.handshake).clone()
    }

    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.refused).clone()
    }

    pub fn turned_away(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.turned_away).clone()
    }

    /// Each host with events that were late or ahead, and all others together.
    pub fn hosts(&self) -> (Vec<(String, Untimely)>, Untimely) {
        let hosts = lock(&self.hosts);
        let readable = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        (hosts.named.iter().map(|(name, n)| (readable(name), *n)).collect(), hosts.others)
    }
}

impl Hosts {
    fn note(&mut self, host: Box<[u8]>, untimely: Untimely) {
        if let Some(known) = self.named.get_mut(&host) {
            known.add(untimely);
        } else if self.named.len() < HOSTS {
            self.named.insert(host, untimely);
        } else {
            self.others.add(untimely);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_beyond_the_limit_are_counted_together() {
        let counters = Counters::default();
        let mut batch = Batch::default();
        for i in 0..1000 {
            batch.untimely(format!("host-{i:04}").as_bytes(), Untimely::LATE);
            counters.add(Source::Tcp, &mut batch);
        }
        let (named, others) = counters.hosts();
        assert_eq!(named.len(), HOSTS);
        assert_eq!(others, Untimely { late: 1000 - HOSTS as u64, ahead: 0 });
        assert_eq!(counters.late.load(Relaxed), 1000);
    }
}
