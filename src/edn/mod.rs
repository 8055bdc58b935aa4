//! EDN text to forms with spans. Knows nothing of thresholds.

mod diagnostic;
mod form;
mod format;
mod read;
mod write;

mod atom;
mod catalogue;
mod equal;
mod foreign;
mod frame;
mod glyph;
mod indentation;
mod joined;
mod layout;
mod machine;
mod number;
mod place;
mod render;
mod string;
mod tokens;
mod tree;

pub use diagnostic::{Diagnostic, Label, Severity, SourceFile, Sources};
pub use form::{Form, Kind, Span};
pub use format::format;
pub use machine::{github, json};
pub use number::normal as normal_number;
pub use place::position;
pub use read::{MAX_BYTES, MAX_DEPTH, MAX_FAULTS, MAX_FORMS, read, read_one};
pub use render::human;
pub use write::{quote, write};
