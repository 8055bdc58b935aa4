//! Where state is kept, and how surely.

use std::path::PathBuf;

/// What `:state` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeping {
    pub place: Place,
    pub durability: Durability,
    /// In microseconds.
    pub sync_every: i64,
    pub journal_bytes: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Usual,
    Nowhere,
    Folder(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Os,
    Sync,
    None,
}

impl Default for Keeping {
    fn default() -> Keeping {
        Keeping { place: Place::Usual, durability: Durability::Os, sync_every: 1_000_000, journal_bytes: 64 << 20 }
    }
}
