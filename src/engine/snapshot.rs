//! The state of an evaluator as bytes, and back.

use sha2::{Digest, Sha256};

use super::evaluator::Evaluator;
use super::lane::Lane;
use super::state::{Saved, State};
use crate::plan::Threshold;

const VERSION: u16 = 4;

/// Why bytes are no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Written by another version of the format.
    Version(u16),
    /// Cut off, or not a snapshot.
    Damaged,
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::Version(found) => write!(f, "a snapshot of version {found}; this version reads {VERSION}"),
            SnapshotError::Damaged => write!(f, "no snapshot, or a damaged one"),
        }
    }
}

impl Evaluator {
    /// Takes what the lanes have counted and writes everything down, but for the accounts of the summary.
    pub fn snapshot(&mut self, lanes: &mut [Lane]) -> Vec<u8> {
        self.take_all(&mut lanes.iter_mut().collect::<Vec<_>>());
        self.absorb();
        self.to_bytes()
    }

    /// The same when everything has been absorbed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = postcard::to_stdvec(&self.state()).expect("the state is plain values in memory");
        [VERSION.to_le_bytes().as_slice(), &checksum(&body), &body].concat()
    }

    /// The evaluator that a snapshot was taken of, under the plan that it had. For another plan see
    /// [`Evaluator::edited`].
    pub fn restore(snapshot: &[u8]) -> Result<Evaluator, SnapshotError> {
        let (version, body) = snapshot.split_first_chunk::<2>().ok_or(SnapshotError::Damaged)?;
        let version = u16::from_le_bytes(*version);
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        let (sum, body) = body.split_first_chunk::<8>().ok_or(SnapshotError::Damaged)?;
        if *sum != checksum(body) {
            return Err(SnapshotError::Damaged);
        }
        let state: State = postcard::from_bytes(body).map_err(|_| SnapshotError::Damaged)?;
        let divides = |saved: &Saved<'_>| {
            let Threshold { interval, every, .. } = *saved.threshold;
            interval.micros() % every.micros() == 0
        };
        if !state.thresholds.iter().all(divides) {
            return Err(SnapshotError::Damaged);
        }
        Ok(Evaluator::of_state(state))
    }
}

/// The first bytes of a SHA-256.
fn checksum(body: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&Sha256::digest(body)[..8]);
    short
}
