//! What a source read is applied: decoded, counted, recorded, answered.

use std::sync::{Arc, Mutex};

use super::clock;
use super::counters::{Batch, Counters, Source, Untimely};
use super::keep::Keeper;
use super::keep::followed::Step;
use super::keep::record::Record;
use super::record::Recorder;
use super::{counters, lock};
use crate::engine::{Event, Lane};
use crate::plan::{EventTime, Limits, Plan, Timestamp};
use crate::source::riemann::{self, Malformed, Reading};
use crate::source::{Refused, Wanted, json, recording};
use crate::store::Position;

/// What a lane thread needs to apply what it read.
pub struct Applying {
    pub counting: Arc<Mutex<Counting>>,
    pub counters: Arc<Counters>,
    pub recorder: Option<Arc<Recorder>>,
    pub keeper: Option<Arc<Keeper>>,
    /// Of messages, as they were at the start.
    pub limits: Limits,
}

/// A lane and what its events are read by: another one after the thresholds were read again.
pub struct Counting {
    pub lane: Lane,
    pub wanted: Wanted,
    pub limits: Limits,
    /// In microseconds.
    pub max_skew: i64,
}

impl Counting {
    pub fn new(lane: Lane, plan: &Plan, records: bool) -> Counting {
        // Hosts are named where events are late.
        let wanted = if records { Wanted::all() } else { Wanted::of_plan(plan).and_host() };
        Counting { lane, wanted, limits: plan.limits, max_skew: plan.max_skew }
    }
}

/// The lane, locked, and the time of what is applied: once for each read, not for each event.
pub struct Session<'a> {
    applying: &'a Applying,
    counting: std::sync::MutexGuard<'a, Counting>,
    arrival: Timestamp,
    not_ahead: Timestamp,
    source: Source,
    time: EventTime,
    batch: Batch,
    record: Vec<u8>,
    /// What was applied and is not kept yet: frames, or lines.
    applied: Vec<u8>,
}

/// What a session is to keep.
pub enum Kept<'b> {
    /// Frames, one after the other, as they came.
    Frames(&'b [u8]),
    /// Datagrams that were applied.
    Datagrams,
    /// Lines that were applied.
    Lines,
    /// The same, of files that were taken so far.
    Followed(&'b Step),
}

impl Applying {
    /// Locks the lane for what one read brought.
    ///
    /// The clock is read under the lock: what arrives after a window was taken is never dated before its end.
    pub fn session(&self, source: Source, time: EventTime) -> Session<'_> {
        let counting = lock(&self.counting);
        let arrival = clock::wall();
        Session {
            applying: self,
            arrival,
            not_ahead: arrival.plus(counting.max_skew),
            counting,
            source,
            time,
            batch: Batch::default(),
            record: Vec::new(),
            applied: Vec::new(),
        }
    }
}

impl Session<'_> {
    /// Applies one message of Riemann's protocol and appends the framed answer.
    ///
    /// # Errors
    /// The message is none: nothing of it was applied, and what follows on the connection cannot be trusted.
    pub fn message(&mut self, message: &[u8], answer: &mut Vec<u8>) -> Result<(), Malformed> {
        let survey = riemann::survey(message)?;
        let mut first: Option<(usize, Refused)> = None;
        let mut bad = 0;
        let mut at = 0;
        let Session { applying, counting, arrival, not_ahead, batch, record, .. } = self;
        let Counting { lane, wanted, limits, .. } = &mut **counting;
        let reading = Reading {
            wanted,
            attributes: limits.attributes,
            event_bytes: limits.event_bytes,
            arrival: *arrival,
            time: self.time,
        };
        riemann::events(message, &reading, |read| {
            at += 1;
            match read {
                Ok(event) => {
                    if applying.recorder.is_some() {
                        recording::write_event(event, *arrival, record);
                    }
                    observe(event, *not_ahead, lane, batch);
                }
                Err(refused) => {
                    bad += 1;
                    batch.refuse(refused.cause());
                    first.get_or_insert((at, refused));
                }
            }
        });
        batch.messages += 1;
        batch.states += survey.states as u64;
        if let Some((at, refused)) = first {
            let others = if survey.events > bad { "; the others were taken" } else { "" };
            let more = if bad > 1 { format!(", the first of {bad} that were refused") } else { String::new() };
            riemann::error_reply(&format!("event {at} of {}{more}: {refused}{others}", survey.events), answer);
        } else if survey.query.is_some() {
            batch.queries += 1;
            riemann::error_reply("queries are not supported yet", answer);
        } else {
            answer.extend_from_slice(&riemann::ACK);
        }
        Ok(())
    }

    /// Applies one datagram: a message that has no answer.
    ///
    /// # Errors
    /// As [`Session::message`].
    pub fn datagram(&mut self, message: &[u8], answer: &mut Vec<u8>) -> Result<(), Malformed> {
        self.message(message, answer)?;
        if self.applying.keeper.is_some() {
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            self.applied.extend_from_slice(&length.to_be_bytes());
            self.applied.extend_from_slice(message);
        }
        Ok(())
    }

    /// Keeps what was applied, while the lane is still locked; the position to wait for, if an answer has to.
    pub fn finish(self, kept: &Kept<'_>) -> Option<Position> {
        let keeper = self.applying.keeper.as_ref()?;
        let (arrival, time) = (self.arrival, self.time);
        if let Kept::Followed(step) = *kept {
            keeper.followed(step, arrival, &self.applied);
            return None;
        }
        let bytes = match *kept {
            Kept::Frames(bytes) => bytes,
            Kept::Datagrams | Kept::Lines | Kept::Followed(_) => &self.applied,
        };
        if bytes.is_empty() {
            return None;
        }
        let position = keeper.append(&match kept {
            Kept::Frames(_) | Kept::Datagrams => Record::Frames { arrival, time, bytes },
            Kept::Lines | Kept::Followed(_) => Record::Lines { arrival, time, bytes },
        });
        position.filter(|_| keeper.waits())
    }

    /// The longest line, in bytes.
    pub fn line_bytes(&self) -> usize {
        self.counting.limits.line_bytes
    }

    /// Counts a line of a log that is no event.
    pub fn refuse(&mut self, cause: &'static str) {
        self.batch.refuse(cause);
    }

    /// Refuses a line that is too long, without having it; why.
    pub fn too_long(&mut self) -> Refused {
        let refused = Refused::TooLong { limit: self.line_bytes() };
        self.batch.refuse(refused.cause());
        refused
    }

    /// Applies one event as a line of JSON.
    ///
    /// # Errors
    /// Why it was refused: it is counted, and nothing else happened.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Refused> {
        if line.len() > self.line_bytes() {
            return Err(self.too_long());
        }
        let Counting { lane, wanted, limits, .. } = &mut *self.counting;
        match json::decode_at(line, wanted, limits.attributes, self.arrival, self.time) {
            Ok(event) => {
                if self.applying.recorder.is_some() {
                    recording::write_event(&event, self.arrival, &mut self.record);
                }
                observe(&event, self.not_ahead, lane, &mut self.batch);
                if self.applying.keeper.is_some() {
                    self.applied.extend_from_slice(line);
                    self.applied.push(b'\n');
                }
                Ok(())
            }
            Err(refused) => {
                self.batch.refuse(refused.cause());
                Err(refused)
            }
        }
    }
}

impl Drop for Session<'_> {
    /// Counts what was applied, and records it while the lane is still locked: the order of a recording explains the
    /// result.
    fn drop(&mut self) {
        if let Some(recorder) = &self.applying.recorder
            && !self.record.is_empty()
        {
            recorder.append(&self.record, &self.applying.counters);
        }
        self.applying.counters.add(self.source, &mut self.batch);
    }
}

/// Counts one event, unless it is further ahead of the clock than is allowed.
#[inline]
fn observe(event: &Event<'_>, not_ahead: Timestamp, lane: &mut Lane, batch: &mut Batch) {
    batch.events += 1;
    if event.time > not_ahead {
        return batch.untimely(&host(event), counters::Untimely::AHEAD);
    }
    if lane.observe(event) {
        batch.untimely(&host(event), Untimely::LATE);
    }
}

#[cold]
fn host(event: &Event<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    event.host.write_text(&mut text);
    text
}
