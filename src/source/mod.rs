//! Decoders (pure bytes → event) and the things that feed them.

pub mod edn;
pub mod input;
pub mod json;
pub mod log;
pub mod recording;
pub mod riemann;
pub mod zone;

mod bytes;
mod detect;
mod merge;
mod refused;
mod time;
mod wanted;
pub(crate) mod zstd;

pub use detect::{Kind, candidates, detect};
pub use input::{Counter, InputError};
pub use log::LogFormat;
pub use merge::{Decoder, Inputs, Place, Read, Settings};
pub use refused::Refused;
pub use wanted::Wanted;
pub use zone::Zone;
