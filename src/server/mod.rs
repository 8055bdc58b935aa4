//! The daemon: what listens, counts and judges while time goes by.
//!
//! A lane thread reads, decodes, counts and answers; the judge thread closes windows; the main thread accepts. See "The
//! daemon" in the crate's documentation.

pub mod clock;
pub mod counters;
pub mod judge;

mod accept;
mod apply;
mod connection;
mod desk;
mod files;
mod http;
mod keep;
mod logs;
pub mod look;
mod notices;
pub mod pem;
mod record;
pub mod reload;
mod start;
mod state;
mod tls;
mod udp;
mod watch;
pub mod written;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use look::look;
pub use start::{Failure, Settings, run};

/// Locks; what a thread that failed left behind is still counters and tables.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
