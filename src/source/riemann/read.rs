//! Protobuf read in place.

use std::fmt;

/// Groups within groups are stepped over so far; nobody has sent one for twenty years.
const DEPTH: u32 = 100;

/// Why bytes are no message, and from which byte on (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub(super) fault: Fault,
    pub(super) at: usize,
}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    CutOff,
    LongNumber,
    NoField,
    NoWireType,
    GroupEnd,
    DeepGroup,
}

impl Fault {
    pub fn text(self) -> &'static str {
        match self {
            Fault::CutOff => "a field that goes on behind the end",
            Fault::LongNumber => "a number of more than 64 bits",
            Fault::NoField => "a field number outside of 1 to 536870911",
            Fault::NoWireType => "a wire type that there is not",
            Fault::GroupEnd => "the end of a group that did not begin",
            Fault::DeepGroup => "groups nested more than 100 deep",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault.text(), self.at)
    }
}

impl std::error::Error for Malformed {}

/// A place in a message.
///
/// What is seldom called takes it by value and gives it back, so that it stays in registers where it is used.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Where the message ends, in what errors are placed in.
    end: usize,
}

impl<'a> Reader<'a> {
    pub fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message, end: message.len() }
    }

    /// A reader of the bytes that were read last.
    pub fn inside(&self, bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, end: self.end - self.rest.len() }
    }

    pub fn malformed(&self, fault: Fault) -> Malformed {
        Malformed { fault, at: self.end - self.rest.len() }
    }

    #[inline(always)]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest.split_first() {
            Some((byte, rest)) if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    /// Times are of five and eight bytes: those are read as one word.
    #[inline]
    fn long_varint(&mut self) -> Result<u64, Fault> {
        const CONTINUES: u64 = 0x8080_8080_8080_8080;
        if let Some(word) = self.rest.first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let ends = !word & CONTINUES;
            if ends != 0 {
                // Seven bits of each byte up to the first that ends the number, moved together by halves.
                let x = word & (ends ^ (ends - 1)) & !CONTINUES;
                let x = (x & 0x007f_007f_007f_007f) | ((x & 0x7f00_7f00_7f00_7f00) >> 1);
                let x = (x & 0x0000_3fff_0000_3fff) | ((x & 0x3fff_0000_3fff_0000) >> 2);
                let x = (x & 0x0000_0000_0fff_ffff) | ((x & 0x0fff_ffff_0000_0000) >> 4);
                self.rest = &self.rest[ends.trailing_zeros() as usize / 8 + 1..];
                return Ok(x);
            }
        }
        let (after, number) = self.any_varint();
        *self = after;
        number
    }

    #[cold]
    fn any_varint(mut self) -> (Reader<'a>, Result<u64, Fault>) {
        let number = self.varint_by_bytes();
        (self, number)
    }

    fn varint_by_bytes(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            if at == 9 && *byte > 1 {
                return Err(Fault::LongNumber);
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        Err(Fault::CutOff)
    }

    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Fault::CutOff)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    pub fn fixed<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Fault> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Fault::CutOff)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Steps over the value of a field that is not read.
    #[inline(always)]
    pub fn skip(&mut self, key: u64) -> Result<(), Fault> {
        let (after, skipped) = self.skipped(key);
        *self = after;
        skipped
    }

    #[cold]
    fn skipped(mut self, key: u64) -> (Reader<'a>, Result<(), Fault>) {
        let skipped = self.skip_within(key, DEPTH);
        (self, skipped)
    }

    fn skip_within(&mut self, key: u64, depth: u32) -> Result<(), Fault> {
        if key < 8 || key > u64::from(u32::MAX) {
            return Err(Fault::NoField);
        }
        match key & 7 {
            0 => self.varint().map(drop),
            1 => self.fixed::<8>().map(drop),
            2 => self.bytes().map(drop),
            3 => {
                let depth = depth.checked_sub(1).ok_or(Fault::DeepGroup)?;
                loop {
                    let inner = self.varint()?;
                    // The same number, with the wire type of an end.
                    if inner == key + 1 {
                        return Ok(());
                    }
                    self.skip_within(inner, depth)?;
                }
            }
            4 => Err(Fault::GroupEnd),
            5 => self.fixed::<4>().map(drop),
            _ => Err(Fault::NoWireType),
        }
    }
}
