//! The values of the panes of a hopping window, added and taken away as it moves.

use super::budget::Budget;
use super::sketch::Sketch;
use super::tiers::Tiers;

/// A sketch of the window that is summed up. It can be made again from the panes, and is not saved.
#[derive(Clone, Debug, Default)]
pub struct Rolling {
    tiers: Tiers,
    /// Whether values are missing for lack of memory.
    broken: bool,
}

impl Rolling {
    pub fn add(&mut self, sketch: &Sketch, budget: &mut Budget) {
        self.broken |= !match sketch {
            Sketch::Few(values) => values.iter().all(|value| self.tiers.record(value.to_f64(), budget)),
            Sketch::Many(many) => self.tiers.merge(&many.tiers, budget),
            Sketch::Lost => false,
        };
    }

    /// Takes away what was added before.
    pub fn subtract(&mut self, sketch: &Sketch) {
        self.broken |= !match sketch {
            Sketch::Few(values) => {
                let mut unlimited = Budget { limit: usize::MAX, used: 0 };
                let mut few = Tiers::default();
                values.iter().all(|value| few.record(value.to_f64(), &mut unlimited)) && self.tiers.subtract(&few)
            }
            Sketch::Many(many) => self.tiers.subtract(&many.tiers),
            Sketch::Lost => false,
        };
    }

    /// Drops all values.
    pub fn clear(&mut self, budget: &mut Budget) {
        budget.give_back(self.tiers.bytes());
        *self = Rolling::default();
    }

    /// None if values are missing: then ask the panes.
    pub fn at_rank(&self, rank: u64) -> Option<f64> {
        if self.broken { None } else { self.tiers.at_rank(rank) }
    }
}
