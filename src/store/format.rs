//! The bytes of a segment, a record and a snapshot, and the names of files. The module above describes them.

use crc32fast::Hasher;

/// The version that is written, and the only one that is read so far.
pub const VERSION: u32 = 1;
/// A record has at most so many bytes.
pub const MAX_RECORD: usize = 64 << 20;

pub(super) const SEGMENT_HEADER: usize = 44;
pub(super) const SNAPSHOT_HEADER: usize = 36;
/// What is before the bytes of a record.
pub(super) const FRAME: usize = 12;

const JOURNAL: [u8; 8] = *b"hwjournl";
const SNAPSHOT: [u8; 8] = *b"hwsnapsh";
const PREAMBLE: usize = 16;
/// A greater number is of a file that we did not make: so there is always a next one.
const MAX_NUMBER: u64 = u64::MAX >> 1;

/// What a segment follows: the segment before and where its records ended; or a snapshot, with length 0; or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub number: u64,
    pub length: u64,
}

/// What a segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub number: u64,
    pub follows: Link,
    /// The checksum of the header, with which those of its records begin.
    pub seed: u32,
}

/// Why bytes do not begin a file of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Whole, but written by a newer version.
    Newer(u32),
    Damaged,
}

impl SegmentHeader {
    pub fn new(number: u64, follows: Link) -> (SegmentHeader, [u8; SEGMENT_HEADER]) {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..PREAMBLE].copy_from_slice(&preamble(JOURNAL));
        bytes[16..24].copy_from_slice(&number.to_le_bytes());
        bytes[24..32].copy_from_slice(&follows.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&follows.length.to_le_bytes());
        let seed = crc32fast::hash(&bytes[..40]);
        bytes[40..].copy_from_slice(&seed.to_le_bytes());
        (SegmentHeader { number, follows, seed }, bytes)
    }

    pub fn read(bytes: &[u8]) -> Result<SegmentHeader, Unreadable> {
        check_preamble(JOURNAL, bytes)?;
        let bytes = bytes.first_chunk::<SEGMENT_HEADER>().ok_or(Unreadable::Damaged)?;
        let follows = Link { number: u64_at(bytes, 24), length: u64_at(bytes, 32) };
        let (header, same) = SegmentHeader::new(u64_at(bytes, 16), follows);
        if same == *bytes { Ok(header) } else { Err(Unreadable::Damaged) }
    }
}

/// What a snapshot begins with.
pub(super) fn snapshot_header(number: u64, parts: &[&[u8]]) -> [u8; SNAPSHOT_HEADER] {
    let length: u64 = parts.iter().map(|part| part.len() as u64).sum();
    let mut bytes = [0; SNAPSHOT_HEADER];
    bytes[..PREAMBLE].copy_from_slice(&preamble(SNAPSHOT));
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    bytes[24..32].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(crc32fast::hash(&bytes[..32]), parts);
    bytes[32..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Whether a snapshot's first bytes are of a version that we read.
pub(super) fn check_snapshot_version(bytes: &[u8]) -> Result<(), Unreadable> {
    check_preamble(SNAPSHOT, bytes)
}

/// Whether that is the whole of the snapshot of this number.
pub(super) fn is_snapshot(number: u64, header: &[u8], payload: &[u8]) -> bool {
    header == snapshot_header(number, &[payload])
}

/// What is before the bytes of a record; nothing if they are too many.
pub(super) fn frame(seed: u32, parts: &[&[u8]]) -> Option<[u8; FRAME]> {
    let length = parts.iter().try_fold(0usize, |sum, part| sum.checked_add(part.len()));
    let length = u32::try_from(length.filter(|length| *length <= MAX_RECORD)?).ok()?;
    let head = checksum(seed, &[&length.to_le_bytes()]);
    let mut bytes = [0; FRAME];
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&head.to_le_bytes());
    bytes[8..].copy_from_slice(&checksum(head, parts).to_le_bytes());
    Some(bytes)
}

/// How many bytes follow a frame, if it is one.
pub(super) fn framed(seed: u32, frame: &[u8; FRAME]) -> Option<usize> {
    let length = u32_at(frame, 0) as usize;
    let is_whole = length <= MAX_RECORD && u32_at(frame, 4) == checksum(seed, &[&frame[..4]]);
    is_whole.then_some(length)
}

/// Whether these are the bytes that the frame was made for.
pub(super) fn is_framed_by(frame: &[u8; FRAME], payload: &[u8]) -> bool {
    u32_at(frame, 8) == checksum(u32_at(frame, 4), &[payload])
}

/// A file of the folder by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Segment(u64),
    Snapshot(u64),
    /// A snapshot that was not finished.
    Unfinished,
    /// A segment that was set aside, or a part of one.
    SegmentAside(u64),
    SnapshotAside(u64),
    /// Not ours.
    Other,
}

impl Name {
    pub fn of(name: &str) -> Name {
        if let Some(number) = name.strip_suffix(".new").and_then(|name| numbered("snapshot", name)) {
            return if number <= MAX_NUMBER { Name::Unfinished } else { Name::Other };
        }
        let (name, is_aside) = match name.split_once(".damaged-") {
            Some((name, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => (name, true),
            Some(_) => return Name::Other,
            None => (name, false),
        };
        match (numbered("journal", name), numbered("snapshot", name), is_aside) {
            (Some(number), _, false) => Name::Segment(number),
            (Some(number), _, true) => Name::SegmentAside(number),
            (None, Some(number), false) => Name::Snapshot(number),
            (None, Some(number), true) => Name::SnapshotAside(number),
            (None, None, _) => Name::Other,
        }
    }
}

pub(super) fn segment_name(number: u64) -> String {
    format!("journal-{number:010}")
}

pub(super) fn snapshot_name(number: u64) -> String {
    format!("snapshot-{number:010}")
}

fn numbered(word: &str, name: &str) -> Option<u64> {
    let digits = name.strip_prefix(word)?.strip_prefix('-')?;
    let number = digits.parse().ok().filter(|number| 0 < *number && *number <= MAX_NUMBER)?;
    (format!("{number:010}") == digits).then_some(number)
}

fn preamble(magic: [u8; 8]) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// A version counts only with its checksum: one changed bit must not look like a newer version, which refuses to start.
fn check_preamble(magic: [u8; 8], bytes: &[u8]) -> Result<(), Unreadable> {
    let bytes = bytes.first_chunk::<PREAMBLE>().ok_or(Unreadable::Damaged)?;
    if bytes[..8] != magic || u32_at(bytes, 12) != crc32fast::hash(&bytes[..12]) {
        return Err(Unreadable::Damaged);
    }
    match u32_at(bytes, 8) {
        VERSION => Ok(()),
        newer if newer > VERSION => Err(Unreadable::Newer(newer)),
        _ => Err(Unreadable::Damaged),
    }
}

/// CRC-32 as in zlib and gzip, continued from another.
fn checksum(seed: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().copied().map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().copied().map_or(0, u64::from_le_bytes)
}
