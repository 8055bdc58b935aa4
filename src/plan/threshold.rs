//! A threshold: what is measured, over which windows, against which bounds.

use serde::{Deserialize, Serialize};

use super::{Bound, Decimal, Expression, Field, Interval, Pattern, Quantile};
use crate::edn::Span;

/// One promise, checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Threshold {
    /// `:name`, or else the path and interval as canonical EDN: `[:percentiles "query" 0.99 600]`.
    pub id: String,
    /// The path and interval, whatever `:name` says: `["percentiles","query",0.99,600]`.
    #[serde(with = "as_text")]
    pub path: Vec<serde_json::Value>,
    pub service: Service,
    pub measure: Measure,
    /// At least one; all must hold. In the order written.
    pub bounds: Vec<Bound>,
    pub interval: Interval,
    /// Divides `interval`; equal to it for tumbling windows.
    pub every: Interval,
    /// Allowed lateness in microseconds; never negative.
    pub grace: i64,
    /// Whether the check itself says `:grace`: then no default, of a source or of a format, takes its place.
    pub grace_is_own: bool,
    pub group_by: Vec<Field>,
    pub filter: Option<Expression>,
    pub policy: Policy,
    pub output: Output,
    /// Of the check.
    #[serde(skip)]
    pub span: Span,
}

/// Whose events are meant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Service {
    Exactly(Box<str>),
    /// Searched; each service that matches is a group of its own.
    Matching(Pattern),
}

/// What is measured in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Measure {
    Percentile {
        quantile: Quantile,
        field: Field,
        rank: Rank,
    },
    /// Matching events over events that have the field.
    Percentage {
        field: Field,
        pattern: Pattern,
    },
    /// Matching events.
    Count {
        field: Field,
        pattern: Pattern,
    },
}

/// The formula for the rank of a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rank {
    Nearest,
    Riemann,
}

/// What a window with too few events says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Thin {
    Keep,
    Ok,
    Violation,
}

/// How verdicts become changes of status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// `:for`, at least 1.
    pub violate_after: u32,
    /// `:recover`, at least 1.
    pub recover_after: u32,
    pub min_count: u64,
    pub few: Thin,
    pub no_data: Thin,
    /// At least two intervals.
    pub forget: Interval,
    /// In microseconds; never negative.
    pub max_gap: i64,
}

/// What is carried on every transition and decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub shadow: bool,
    pub severity: Option<String>,
    pub description: Option<String>,
    pub runbook: Option<String>,
    /// In the order written; keys are unique.
    pub labels: Vec<(String, String)>,
}

impl Threshold {
    /// Whether its one group is all events of one service: such a group always exists.
    pub fn has_one_group(&self) -> bool {
        self.group_by.is_empty() && matches!(self.service, Service::Exactly(_))
    }
}

impl PartialEq for Service {
    fn eq(&self, other: &Service) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Service {}

impl std::hash::Hash for Service {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Service {
    /// Whether events of the service of this name are meant.
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            Service::Exactly(known) => known.as_bytes() == name,
            Service::Matching(pattern) => pattern.matches(name),
        }
    }

    /// The name or the pattern as text.
    pub fn text(&self) -> &str {
        self.key().1
    }

    fn key(&self) -> (bool, &str) {
        match self {
            Service::Exactly(name) => (true, name),
            Service::Matching(pattern) => (false, pattern.as_str()),
        }
    }
}

impl Measure {
    /// None for a percentile.
    pub fn pattern(&self) -> Option<&Pattern> {
        match self {
            Measure::Percentile { .. } => None,
            Measure::Percentage { pattern, .. } | Measure::Count { pattern, .. } => Some(pattern),
        }
    }

    pub fn field(&self) -> &Field {
        match self {
            Measure::Percentile { field, .. } | Measure::Percentage { field, .. } | Measure::Count { field, .. } => {
                field
            }
        }
    }

    /// `percentile`, `percentage`, `count`.
    pub fn kind(&self) -> &'static str {
        match self {
            Measure::Percentile { .. } => "percentile",
            Measure::Percentage { .. } => "percentage",
            Measure::Count { .. } => "count",
        }
    }
}

/// A number of the path as JSON: whole numbers without a point.
pub fn json_number(decimal: Decimal) -> serde_json::Value {
    match decimal.is_integer().then(|| decimal.floor_scaled(0)).flatten() {
        Some(n) => n.into(),
        None => decimal.to_f64().into(),
    }
}

/// The path as JSON text: formats without names of types cannot hold values of any type.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Value;

    pub fn serialize<S: Serializer>(path: &[Value], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Value::from(path))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}
