//! Where a message begins and ends in a stream, and what is answered there.

/// The answer to a message that was applied: a framed `Msg` with `ok` true, byte for byte as Riemann's.
pub const ACK: [u8; 6] = [0, 0, 0, 2, 0x10, 1];

/// How many bytes the length before a message takes.
const HEAD: usize = 4;

/// The longest text of an answer, in bytes.
const TEXT: usize = 1024;

/// What a stream begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A message; it and its head take `used` bytes.
    Whole { message: &'a [u8], used: usize },
    /// The frame has so many bytes, its head counted; those of the head when not even that is there.
    Part { needed: usize },
    /// The message is longer than the limit.
    TooLong { length: usize },
}

/// Looks at the frame that `bytes` begin with: a length of four bytes, the highest first, and a message of that length.
#[inline]
pub fn frame(bytes: &[u8], limit: usize) -> Framed<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Framed::Part { needed: HEAD };
    };
    let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if length > limit {
        return Framed::TooLong { length };
    }
    match rest.get(..length) {
        Some(message) => Framed::Whole { message, used: HEAD + length },
        None => Framed::Part { needed: length.saturating_add(HEAD) },
    }
}

/// Appends the framed answer `ok` false with this text, which is cut where it is longer than an answer should be.
pub fn error_reply(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(TEXT)];
    let mut message = vec![0x10, 0, 0x1a];
    prost::encoding::encode_varint(text.len() as u64, &mut message);
    message.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&(message.len() as u32).to_be_bytes());
    out.extend_from_slice(&message);
}
