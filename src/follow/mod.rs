//! Logs that grow, and are renamed, packed, copied and cut meanwhile: which bytes of which file are new.
//!
//! A file is known by what it holds, never by its path or its inode alone: those only decide between equals. What is
//! read is remembered as a [`Generation`]; everything up to its offset, which stands behind a newline, was taken.

mod find;
mod generation;
mod lines;
mod matching;
mod name;

pub use find::{Found, Stamp, family, find, none_found, pattern_fault};
pub use generation::{Generation, HEAD, Print, TAIL};
pub use lines::{Beginning, Lines, Packing, Taken};
pub use matching::{Turn, match_files};
