//! EDN text to forms with spans. Knows nothing of thresholds.

mod diagnostic;
mod form;

pub use diagnostic::{Diagnostic, Label, Severity, SourceFile, Sources};
pub use form::{Form, Kind, Span};
