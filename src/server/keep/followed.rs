//! How far log files were taken, by source: in the snapshot, and in the journal as what changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::follow::Generation;

/// What was taken of each source's files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Positions(BTreeMap<String, Vec<Generation>>);

/// What changed of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    source: String,
    /// How many generations there are now.
    count: u32,
    /// Those that changed, and where they stand.
    changed: Vec<(u32, Generation)>,
}

impl Positions {
    /// None for a source that was never followed.
    pub fn of(&self, source: &str) -> Option<&[Generation]> {
        self.0.get(source).map(Vec::as_slice)
    }

    pub fn apply(&mut self, step: &Step) {
        let generations = self.0.entry(step.source.clone()).or_default();
        generations.truncate(step.count as usize);
        for (at, generation) in &step.changed {
            match generations.get_mut(*at as usize) {
                Some(known) => known.clone_from(generation),
                None => generations.push(generation.clone()),
            }
        }
    }

    /// Forgets sources that are not followed any more.
    pub fn retain(&mut self, is_followed: impl Fn(&str) -> bool) {
        self.0.retain(|source, _| is_followed(source));
    }
}

impl Step {
    pub fn between(source: &str, before: &[Generation], after: &[Generation]) -> Step {
        let is_other = |(at, generation): &(u32, &Generation)| before.get(*at as usize) != Some(generation);
        let changed = (0..).zip(after).filter(is_other).map(|(at, generation)| (at, generation.clone())).collect();
        Step { source: source.to_string(), count: u32::try_from(after.len()).unwrap_or(u32::MAX), changed }
    }

    /// The step as bytes with their length, and lines behind them.
    pub fn with_lines(&self, lines: &[u8]) -> Vec<u8> {
        let step = postcard::to_stdvec(self).expect("plain values in memory");
        let length = u32::try_from(step.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&length, &step[..], lines].concat()
    }

    /// What [`Step::with_lines`] made.
    pub fn split(bytes: &[u8]) -> Option<(Step, &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (step, lines) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        Some((postcard::from_bytes(step).ok()?, lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Stamp;

    #[test]
    fn steps_one_after_the_other_come_to_the_positions_behind_them() {
        let generation = |offset| {
            let stamp = Stamp { device: 1, inode: 2, size: 3, modified: 4 };
            Generation { offset, ..Generation::new("/a".into(), stamp, false) }
        };
        let states: [&[u64]; 6] = [&[], &[1, 2], &[1, 5], &[1, 5, 7], &[5, 8], &[]];
        let mut positions = Positions::default();
        for pair in states.windows(2) {
            let [before, after] = [pair[0], pair[1]].map(|all| all.iter().map(|n| generation(*n)).collect::<Vec<_>>());
            let step = Step::between("logs", &before, &after);
            let bytes = step.with_lines(b"{}\n");
            assert_eq!(Step::split(&bytes), Some((step.clone(), &b"{}\n"[..])));
            assert_eq!(Step::split(&bytes[..5]), None);
            positions.apply(&step);
            assert_eq!(positions.of("logs"), Some(&after[..]));
        }
        assert_eq!(positions.of("other"), None);
        positions.retain(|_| false);
        assert_eq!(positions, Positions::default());
    }
}
