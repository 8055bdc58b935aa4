//! The state of an evaluator as bytes, and back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::compiled::Compiled;
use super::evaluator::{Evaluator, Position, Watching};
use super::group::Group;
use super::intake::Intake;
use super::lane::Lane;
use super::shape::Shape;
use super::verdict::Verdict;
use super::watch::Watch;
use crate::plan::Threshold;

const VERSION: u16 = 3;

/// What a snapshot held that the plan has no place for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The id of the threshold.
    pub threshold: String,
    /// `removed`, or `changed` if the plan has a threshold of that id that counts something else.
    pub why: &'static str,
    /// How many of its groups were in violation.
    pub violated: usize,
}

/// Why bytes are no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Written by another version of the format.
    Version(u16),
    /// Cut off, or not a snapshot.
    Damaged,
}

#[derive(Serialize, Deserialize)]
struct State {
    watching: Watching,
    watch: Watch,
    positions: Vec<((i64, i64, i64), Position)>,
    thresholds: Vec<Saved>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    id: String,
    fingerprint: [u8; 16],
    intake: Intake,
    groups: Vec<(Box<[u8]>, Group)>,
}

impl Evaluator {
    /// Takes what the lanes have counted and writes everything down, but for the accounts of the summary.
    pub fn snapshot(&mut self, lanes: &mut [Lane]) -> Vec<u8> {
        self.take_all(&mut lanes.iter_mut().collect::<Vec<_>>());
        self.absorb();
        let positions = self.compiled.shapes.iter().zip(&self.positions);
        let positions =
            positions.map(|(shape, position)| ((shape.interval, shape.every, shape.grace), position.clone()));
        let mut thresholds = Vec::new();
        for (threshold, subjects) in self.compiled.plan.thresholds.iter().zip(&self.subjects) {
            let mut groups: Vec<(Box<[u8]>, Group)> =
                subjects.groups.iter().map(|(key, group)| (Box::from(&**key), group.clone())).collect();
            groups.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            thresholds.push(Saved {
                id: threshold.id.clone(),
                fingerprint: fingerprint(threshold),
                intake: subjects.intake,
                groups,
            });
        }
        let positions = positions.collect();
        let state = State { watching: self.watching, watch: self.watch.clone(), positions, thresholds };
        let body = postcard::to_stdvec(&state).expect("the state is plain values in memory");
        [VERSION.to_le_bytes().as_slice(), &checksum(&body), &body].concat()
    }

    /// The evaluator that a snapshot was taken of, under the same or another plan; and what found no place.
    pub fn restore(compiled: &Arc<Compiled>, snapshot: &[u8]) -> Result<(Evaluator, Vec<Dropped>), SnapshotError> {
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
        let mut evaluator = Evaluator::new(compiled, state.watching);
        evaluator.watch = state.watch;
        for ((interval, every, grace), position) in state.positions {
            let shape = Shape { interval, every, grace };
            if let Some(at) = compiled.shapes.iter().position(|own| *own == shape) {
                evaluator.positions[at] = position;
            }
        }
        let mut dropped = Vec::new();
        for saved in state.thresholds {
            let found = compiled.plan.thresholds.binary_search_by(|threshold| threshold.id.cmp(&saved.id));
            match found {
                Ok(at) if fingerprint(&compiled.plan.thresholds[at]) == saved.fingerprint => {
                    evaluator.take_back(at, saved);
                }
                found => {
                    let is_violated = |group: &&(Box<[u8]>, Group)| group.1.standing.status == Verdict::Violation;
                    dropped.push(Dropped {
                        violated: saved.groups.iter().filter(is_violated).count(),
                        threshold: saved.id,
                        why: if found.is_ok() { "changed" } else { "removed" },
                    });
                }
            }
        }
        Ok((evaluator, dropped))
    }

    fn take_back(&mut self, at: usize, saved: Saved) {
        self.subjects[at].intake = saved.intake;
        for (key, mut group) in saved.groups {
            for pane in group.panes_mut() {
                pane.sketch.take_budget(&mut self.budget);
                self.panes += 1;
            }
            group.restore(&mut self.budget);
            self.subjects[at].violated += usize::from(group.standing.status == Verdict::Violation);
            self.subjects[at].groups.insert(key.into(), group);
        }
    }
}

/// The first bytes of a SHA-256.
fn checksum(body: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&Sha256::digest(body)[..8]);
    short
}

/// Of all that decides a verdict or a change of status.
fn fingerprint(threshold: &Threshold) -> [u8; 16] {
    let Threshold { service, measure, bounds, interval, every, grace, group_by, filter, policy, .. } = threshold;
    let text =
        format!("{service:?} {measure:?} {bounds:?} {interval:?} {every:?} {grace} {group_by:?} {filter:?} {policy:?}");
    let digest = Sha256::digest(text.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}
