//! What the journal holds: what was received, as it came, and what the judge did, in one order that explains the result.
//!
//! The first byte of a record says what it is; numbers are little-endian, times microseconds since 1970.

use serde::{Deserialize, Serialize};

use crate::plan::{EventTime, Timestamp};
use crate::server::clock::Clocks;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record<'a> {
    /// Messages of Riemann's protocol, each with its length before it.
    Frames {
        arrival: Timestamp,
        time: EventTime,
        bytes: &'a [u8],
    },
    /// Events as JSON, one a line.
    Lines {
        arrival: Timestamp,
        time: EventTime,
        bytes: &'a [u8],
    },
    /// Events as JSON, one a line, of files that are taken so far: a [`Step`](super::followed::Step) with lines.
    Followed {
        arrival: Timestamp,
        bytes: &'a [u8],
    },
    /// Windows were closed as far as this time allows.
    Clock(Timestamp),
    Unwatched(Timestamp, Timestamp),
    SetBack(Timestamp),
    /// The process lives.
    Alive(Moment),
    /// All transitions before this number have been told.
    Told(u64),
    /// Another plan, from this time on.
    Edited {
        at: Timestamp,
        plan: &'a [u8],
    },
}

/// What the clocks show, and which start of the machine the boot clock counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// In microseconds.
    pub wall: i64,
    /// In microseconds since the start of the machine.
    pub boot: i64,
    /// 0 if it is not known.
    pub machine: u128,
}

const FRAMES: u8 = 1;
const LINES: u8 = 2;
const CLOCK: u8 = 3;
const UNWATCHED: u8 = 4;
const SET_BACK: u8 = 5;
const ALIVE: u8 = 6;
const TOLD: u8 = 7;
const EDITED: u8 = 8;
const FOLLOWED: u8 = 9;

impl Moment {
    pub fn of(clocks: Clocks, machine: u128) -> Moment {
        Moment { wall: clocks.wall.micros(), boot: clocks.boot, machine }
    }

    pub fn clocks(self) -> Clocks {
        Clocks { wall: Timestamp::clamped(self.wall), boot: self.boot }
    }
}

/// Which start of the machine this is; 0 if the system does not say.
pub fn machine() -> u128 {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0)
}

impl<'a> Record<'a> {
    /// The bytes before those that the record carries as they are, and these.
    pub fn encode(&self) -> (Vec<u8>, &'a [u8]) {
        let mut head = Vec::with_capacity(40);
        let mut body: &[u8] = &[];
        match *self {
            Record::Frames { arrival, time, bytes } | Record::Lines { arrival, time, bytes } => {
                head.push(if matches!(self, Record::Frames { .. }) { FRAMES } else { LINES });
                head.push(u8::from(time == EventTime::Arrival));
                put(arrival.micros(), &mut head);
                body = bytes;
            }
            Record::Followed { arrival, bytes } => {
                head.push(FOLLOWED);
                put(arrival.micros(), &mut head);
                body = bytes;
            }
            Record::Clock(time) => {
                head.push(CLOCK);
                put(time.micros(), &mut head);
            }
            Record::Unwatched(from, to) => {
                head.push(UNWATCHED);
                put(from.micros(), &mut head);
                put(to.micros(), &mut head);
            }
            Record::SetBack(time) => {
                head.push(SET_BACK);
                put(time.micros(), &mut head);
            }
            Record::Alive(moment) => {
                head.push(ALIVE);
                put(moment.wall, &mut head);
                put(moment.boot, &mut head);
                head.extend_from_slice(&moment.machine.to_le_bytes());
            }
            Record::Told(number) => {
                head.push(TOLD);
                head.extend_from_slice(&number.to_le_bytes());
            }
            Record::Edited { at, plan } => {
                head.push(EDITED);
                put(at.micros(), &mut head);
                body = plan;
            }
        }
        (head, body)
    }

    /// None for what is no record of this version.
    pub fn decode(bytes: &'a [u8]) -> Option<Record<'a>> {
        let (kind, rest) = bytes.split_first()?;
        Some(match *kind {
            FRAMES | LINES => {
                let (time, rest) = rest.split_first()?;
                let time = if *time == 0 { EventTime::Event } else { EventTime::Arrival };
                let (arrival, bytes) = take_time(rest)?;
                match *kind {
                    FRAMES => Record::Frames { arrival, time, bytes },
                    _ => Record::Lines { arrival, time, bytes },
                }
            }
            CLOCK => Record::Clock(take_time(rest)?.0),
            UNWATCHED => {
                let (from, rest) = take_time(rest)?;
                Record::Unwatched(from, take_time(rest)?.0)
            }
            SET_BACK => Record::SetBack(take_time(rest)?.0),
            ALIVE => {
                let (wall, rest) = take(rest)?;
                let (boot, rest) = take(rest)?;
                Record::Alive(Moment { wall, boot, machine: u128::from_le_bytes(*rest.first_chunk()?) })
            }
            TOLD => Record::Told(u64::from_le_bytes(*rest.first_chunk()?)),
            FOLLOWED => {
                let (arrival, bytes) = take_time(rest)?;
                Record::Followed { arrival, bytes }
            }
            EDITED => {
                let (at, plan) = take_time(rest)?;
                Record::Edited { at, plan }
            }
            _ => return None,
        })
    }
}

fn put(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn take(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_le_bytes(*number), rest))
}

fn take_time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (micros, rest) = take(bytes)?;
    Some((Timestamp::from_micros(micros)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_half_of_it_not_at_all() {
        let time = |seconds: i64| Timestamp::clamped(1_700_000_000_000_000 + seconds);
        let moment = Moment { wall: -1, boot: 7, machine: u128::MAX - 5 };
        for record in [
            Record::Frames { arrival: time(0), time: EventTime::Arrival, bytes: b"abc" },
            Record::Lines { arrival: time(1), time: EventTime::Event, bytes: b"{}\n" },
            Record::Followed { arrival: time(1), bytes: b"\0\0\0\0{}\n" },
            Record::Clock(time(2)),
            Record::Unwatched(time(3), time(4)),
            Record::SetBack(time(5)),
            Record::Alive(moment),
            Record::Told(u64::MAX),
            Record::Edited { at: time(6), plan: b"plan" },
        ] {
            let (head, body) = record.encode();
            let bytes = [&head, body].concat();
            assert_eq!(Record::decode(&bytes), Some(record));
            assert_eq!(Record::decode(&bytes[..head.len() - 1]), None, "{record:?}");
        }
        assert_eq!(Record::decode(&[99, 0]), None);
    }
}
