//! EDN text to forms with spans. Knows nothing of thresholds.

mod diagnostic;
mod form;
mod read;
mod write;

mod atom;
mod catalogue;
mod equal;
mod foreign;
mod glyph;
mod number;
mod string;

pub use diagnostic::{Diagnostic, Label, Severity, SourceFile, Sources};
pub use form::{Form, Kind, Span};
pub use number::normal as normal_number;
pub use read::{MAX_BYTES, MAX_DEPTH, MAX_FAULTS, MAX_FORMS, read, read_one};
pub use write::{escape_string, write};
