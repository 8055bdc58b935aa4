//! How many files and sockets the process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process opens besides connections and lanes: listeners, files, the runtime of the main thread.
const OTHERS: u64 = 256;
/// What a lane's runtime opens.
const LANE: u64 = 6;

/// Raises the limit for `connections`, as far as the system allows; returns how many connections that leaves room for.
pub fn make_room(connections: usize, lanes: usize) -> usize {
    let others = OTHERS + LANE * lanes as u64;
    let wanted = connections as u64 + others;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current.filter(|now| *now < wanted) else { return connections };
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => now,
    };
    usize::try_from(allowed.saturating_sub(others).max(allowed / 4)).unwrap_or(usize::MAX).min(connections)
}
