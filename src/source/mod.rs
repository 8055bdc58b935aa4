//! Decoders (pure bytes → event) and the things that feed them.

pub mod json;
pub mod log;

mod refused;
mod time;
mod wanted;

pub use refused::Refused;
pub use wanted::Wanted;
