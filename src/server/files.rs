//! How many files and sockets the process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process opens besides connections.
const OTHERS: u64 = 64;

/// Raises the limit for `connections`, as far as the system allows; returns how many connections that leaves room for.
pub fn make_room(connections: usize) -> usize {
    let wanted = connections as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current.filter(|now| *now < wanted) else { return connections };
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => now,
    };
    usize::try_from(allowed.saturating_sub(OTHERS)).unwrap_or(usize::MAX).min(connections)
}
