//! Riemann's protocol: frames → messages → events, borrowed from the bytes that came.
//!
//! A reader of its own: a message is looked through once as a whole ([`survey`]), then each event is read where it
//! lies ([`events`]). It takes what `prost` takes, with the same meaning, and a little more, because senders differ:
//! text that is not UTF-8, and a known field of a wrong wire type, which is passed over like one that is not known.

mod decode;
mod frame;
mod read;
pub mod wire;

pub use decode::{Reading, Survey, events, survey};
pub use frame::{ACK, Framed, error_reply, frame};
pub use read::Malformed;
