//! A bound: a comparator and a limit.

use serde::{Deserialize, Serialize};

use super::Decimal;

/// How a value is compared with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparator {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
}

impl Comparator {
    pub const ALL: [Comparator; 6] = [
        Comparator::LessOrEqual,
        Comparator::Less,
        Comparator::GreaterOrEqual,
        Comparator::Greater,
        Comparator::Equal,
        Comparator::NotEqual,
    ];

    /// As written in EDN, without the colon.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparator::LessOrEqual => "<=",
            Comparator::Less => "<",
            Comparator::GreaterOrEqual => ">=",
            Comparator::Greater => ">",
            Comparator::Equal => "=",
            Comparator::NotEqual => "not=",
        }
    }

    /// Whether a value may be too high for it.
    pub fn is_upper(self) -> bool {
        matches!(self, Comparator::LessOrEqual | Comparator::Less | Comparator::Equal)
    }

    /// Whether `ordering` of value against limit satisfies the comparator.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Comparator::LessOrEqual => ordering.is_le(),
            Comparator::Less => ordering.is_lt(),
            Comparator::GreaterOrEqual => ordering.is_ge(),
            Comparator::Greater => ordering.is_gt(),
            Comparator::Equal => ordering.is_eq(),
            Comparator::NotEqual => ordering.is_ne(),
        }
    }
}

/// What a value must satisfy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bound {
    pub comparator: Comparator,
    pub limit: Decimal,
}
