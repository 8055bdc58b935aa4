//! What is kept over crashes and restarts, and how surely, checked.

use std::path::PathBuf;

/// What `:state` says. Defaults: the usual folder, written before an acknowledgement, synced every second.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeping {
    pub place: Place,
    pub durability: Durability,
    /// How often [`Durability::Os`] syncs to the disk, in microseconds, above zero; the others take no notice.
    pub sync_every: i64,
    /// How long the journal grows before a snapshot makes it short again, in bytes.
    pub journal_bytes: u64,
}

/// Where state is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In the usual folder of whoever runs the daemon: nothing else was said.
    #[default]
    Usual,
    /// No state is kept.
    Nowhere,
    Folder(PathBuf),
}

/// What must have happened to an event before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is written to the operating system: the end of the process loses nothing, that of the machine may.
    #[default]
    Os,
    /// It is on the disk.
    Sync,
    /// Nothing: it is written when there is time.
    None,
}

impl Keeping {
    /// A second, in microseconds.
    pub const SYNC_EVERY: i64 = 1_000_000;
    /// 32 MiB.
    pub const JOURNAL_BYTES: u64 = 32 << 20;
}

impl Default for Keeping {
    fn default() -> Keeping {
        Keeping {
            place: Place::Usual,
            durability: Durability::Os,
            sync_every: Keeping::SYNC_EVERY,
            journal_bytes: Keeping::JOURNAL_BYTES,
        }
    }
}
