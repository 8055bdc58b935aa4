//! Files of the time zone database: TZif, RFC 9636.

use super::rule::Rule;
use super::table::{Change, FARTHEST, SECOND, Table};

const CUT_OFF: &str = "it is cut off";

/// Reads the offsets of a file.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Table, &'static str> {
    let header = Header::read(bytes).ok_or("it is no file of a time zone database (TZif)")?;
    if header.version == 0 {
        let (first, changes) = header.offsets::<4>(bytes)?;
        return Ok(Table::new(first, changes));
    }
    // The first block is for readers of old; the second holds all of it.
    let second = bytes.get(header.length(4)..).ok_or(CUT_OFF)?;
    let header = Header::read(second).ok_or(CUT_OFF)?;
    let (first, mut changes) = header.offsets::<8>(second)?;
    let footer = second.get(header.length(8)..).and_then(|footer| footer.strip_prefix(b"\n")).ok_or(CUT_OFF)?;
    let footer = &footer[..memchr::memchr(b'\n', footer).ok_or(CUT_OFF)?];
    if !footer.is_empty() {
        let rule = std::str::from_utf8(footer).ok().and_then(Rule::parse);
        let rule = rule.ok_or("it ends with a rule that is not understood")?;
        changes.extend(rule.changes(changes.last().map_or(i64::MIN, |last| last.at)));
    }
    Ok(Table::new(first, changes))
}

/// How much of what a block holds.
struct Header {
    version: u8,
    /// In the order of the file.
    marks: [usize; 2],
    leaps: usize,
    times: usize,
    types: usize,
    letters: usize,
}

/// The length of a header.
const HEADER: usize = 44;

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        let count = |at: usize| -> Option<usize> {
            let count = u32::from_be_bytes(*bytes[20 + 4 * at..].first_chunk()?);
            // No file is so long, and sums of it do not overflow.
            usize::try_from(count).ok().filter(|count| *count < 1 << 24)
        };
        bytes.starts_with(b"TZif").then_some(())?;
        Some(Header {
            version: bytes[4],
            marks: [count(0)?, count(1)?],
            leaps: count(2)?,
            times: count(3)?,
            types: count(4)?,
            letters: count(5)?,
        })
    }

    /// Of the header and its block, whose times have `width` bytes.
    fn length(&self, width: usize) -> usize {
        let marks = self.marks[0] + self.marks[1];
        HEADER + self.times * (width + 1) + self.types * 6 + self.letters + self.leaps * (width + 4) + marks
    }

    /// The offset at first, and what changes, in order.
    fn offsets<const WIDTH: usize>(&self, block: &[u8]) -> Result<(i64, Vec<Change>), &'static str> {
        let body = block.get(HEADER..self.length(WIDTH)).ok_or(CUT_OFF)?;
        if self.leaps > 0 {
            return Err("it counts leap seconds, which no log does: take the file of the same name without `right/`");
        }
        let (times, rest) = body.split_at(self.times * WIDTH);
        let (kinds, rest) = rest.split_at(self.times);
        let types = &rest[..self.types * 6];
        let offset = |kind: usize| -> Result<i64, &'static str> {
            let bytes = types.get(kind * 6..).and_then(|kind| kind.first_chunk()).ok_or("it has a gap")?;
            let offset = i64::from(i32::from_be_bytes(*bytes)) * SECOND;
            if offset.abs() <= FARTHEST { Ok(offset) } else { Err("it is further from UTC than a day") }
        };
        let mut changes: Vec<Change> = Vec::new();
        for (time, kind) in times.chunks_exact(WIDTH).zip(kinds) {
            let sign = if time[0] & 0x80 == 0 { 0 } else { -1 };
            let at = time.iter().fold(sign, |at: i64, byte| (at << 8) | i64::from(*byte));
            // As far as times go, and further.
            let at = at.clamp(-(1 << 39), 1 << 39) * SECOND;
            if changes.last().is_some_and(|last| last.at > at) {
                return Err("its times are not in order");
            }
            changes.push(Change { at, offset: offset(usize::from(*kind))? });
        }
        Ok((offset(0)?, changes))
    }
}
