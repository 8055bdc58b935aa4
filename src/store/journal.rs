//! Where records are appended: the newest segment, and how the next one begins.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::disk::{File, append_all};
use super::format::{FRAME, Link, MAX_RECORD, SEGMENT_HEADER, SegmentHeader, frame, segment_name};
use super::shared::{Live, Shared};

/// A place in all that was appended since the store was opened: so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

/// A file of the journal. A later one has a greater number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentNumber(pub(super) u64);

impl SegmentNumber {
    pub fn get(self) -> u64 {
        self.0
    }
}

/// The end of the journal. One thread at a time appends; [`Store`](super::Store) is for the others.
///
/// An append that failed left nothing behind, so the next one may be tried. When what was not appended counts all the
/// same, the journal no longer tells the whole: go on without it until [`Journal::rotate`] and a snapshot of what was
/// counted by then have both gone well.
pub struct Journal {
    shared: Arc<Shared>,
    segment: Segment,
}

enum Segment {
    Open(Open),
    /// Nothing more is written to it, for it may end in half a record; the next one says where it ended.
    GivenUp {
        end: Link,
        why: String,
    },
}

struct Open {
    number: u64,
    file: Arc<dyn File>,
    seed: u32,
    length: u64,
}

impl Journal {
    /// Begins a segment behind what was there before. If the disk refuses, the journal begins given up.
    pub(super) fn begin(shared: Arc<Shared>, end: Link) -> Journal {
        let mut journal = Journal { shared, segment: Segment::GivenUp { end, why: String::new() } };
        if let Err(error) = journal.rotate() {
            journal.segment = Segment::GivenUp { end, why: error.to_string() };
        }
        journal
    }

    /// Appends one record made of these parts, with one write and no copy. Returns the position after it.
    ///
    /// On an error nothing of it remains; only where the disk wrote it whole, called that an error and then refused to cut
    /// it off, may it be the last record that is read again. An error of the kind `InvalidInput` says that it has more than [`MAX_RECORD`]
    /// bytes.
    pub fn append(&mut self, parts: &[&[u8]]) -> io::Result<Position> {
        let open = match &mut self.segment {
            Segment::Open(open) => open,
            Segment::GivenUp { why, .. } => {
                return Err(io::Error::other(format!("the segment was given up: {why}")));
            }
        };
        let Some(frame) = frame(open.seed, parts) else {
            let why = format!("a record has more than {MAX_RECORD} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        };
        let mut slices = Vec::with_capacity(1 + parts.len());
        slices.push(IoSlice::new(&frame));
        slices.extend(parts.iter().map(|part| IoSlice::new(part)));
        if let Err(error) = append_all(&*open.file, &mut slices) {
            if let Err(kept) = open.file.set_length(open.length) {
                let end = Link { number: open.number, length: open.length };
                let why = format!("{error}; and what was half written could not be cut: {kept}");
                self.segment = Segment::GivenUp { end, why };
            }
            return Err(error);
        }
        let length = (FRAME + parts.iter().map(|part| part.len()).sum::<usize>()) as u64;
        open.length += length;
        let before = self.shared.appended.fetch_add(length, Ordering::AcqRel);
        Ok(Position(before + length))
    }

    /// Why no append can go well before a [`Journal::rotate`] does; nothing while one can.
    pub fn given_up(&self) -> Option<&str> {
        match &self.segment {
            Segment::Open(_) => None,
            Segment::GivenUp { why, .. } => Some(why),
        }
    }

    /// The bytes of all segments since the snapshot.
    pub fn bytes(&self) -> u64 {
        let (current, length) = match &self.segment {
            Segment::Open(open) => (open.number, open.length),
            Segment::GivenUp { end, .. } => (end.number, end.length),
        };
        let before = |live: &&Live| live.number != current;
        length + self.shared.state().live.iter().filter(before).map(|live| live.length).sum::<u64>()
    }

    /// The position behind what was appended last.
    pub fn end(&self) -> Position {
        Position(self.shared.appended.load(Ordering::Acquire))
    }

    /// Begins the next segment, and closes this one.
    ///
    /// What was appended before is in segments before it: a snapshot of exactly that is
    /// [`Store::write_snapshot`](super::Store::write_snapshot) with the number that this returns. It waits for no disk:
    /// the file is there already, see [`Store::prepare`](super::Store::prepare). On an error all is as it was, and it may
    /// be tried again.
    pub fn rotate(&mut self) -> io::Result<SegmentNumber> {
        let end = match &self.segment {
            Segment::Open(open) => Link { number: open.number, length: open.length },
            Segment::GivenUp { end, .. } => *end,
        };
        let (number, file) = self.shared.take_spare()?;
        let (header, bytes) = SegmentHeader::new(number, end);
        if let Err(error) = append_all(&*file, &mut [IoSlice::new(&bytes)]) {
            // Without a record it binds nobody, so it may stay if it must.
            self.shared.discard(&segment_name(number));
            return Err(error);
        }
        let mut state = self.shared.state();
        if let Some(closed) = state.live.back_mut().filter(|live| live.number == end.number) {
            closed.length = end.length;
            closed.is_closed = true;
        }
        let length = SEGMENT_HEADER as u64;
        state.live.push_back(Live {
            number,
            length,
            file: Some(Arc::clone(&file)),
            is_closed: false,
            is_synced: false,
        });
        drop(state);
        self.segment = Segment::Open(Open { number, file, seed: header.seed, length });
        Ok(SegmentNumber(number))
    }
}
