//! Cells → points as lines.

use super::cells::{Cell, Start, entries};
use super::point::{self, FieldValue, Point};
use crate::plan::{Counting, Quantile};

/// Appends the point of a cell. `apart` nanoseconds set it apart from that of the window itself.
pub fn write(counting: &Counting, start: Start, key: &[u8], cell: &Cell, apart: i64, out: &mut Vec<u8>) {
    let mut tags: Vec<(&[u8], &[u8])> = entries(key).collect();
    for (name, value) in &counting.tags {
        if !tags.iter().any(|(taken, _)| *taken == name.as_bytes()) {
            tags.push((name.as_bytes(), value.as_bytes()));
        }
    }
    let mut fields = vec![("count".to_string(), FieldValue::Integer(whole(cell.count)))];
    for (stat, tally) in counting.stats.iter().zip(&cell.tallies) {
        if tally.count == 0 {
            continue;
        }
        let mut add = |suffix: &str, value| fields.push((format!("{}_{suffix}", stat.name), value));
        for quantile in &stat.percentiles {
            if let Some(value) = tally.sketch.at_rank(quantile.nearest_rank(tally.count)) {
                // Within the values, whatever the sketch has rounded.
                let value = value.to_f64().clamp(tally.min, tally.max);
                add(&suffix(*quantile), FieldValue::Float(value));
            }
        }
        for (wanted, name, value) in
            [(stat.sum, "sum", rounded(tally.sum)), (stat.min, "min", tally.min), (stat.max, "max", tally.max)]
        {
            if wanted {
                add(name, FieldValue::Float(value));
            }
        }
        if stat.count {
            add("count", FieldValue::Integer(whole(tally.count)));
        }
    }
    let fields: Vec<(&str, FieldValue)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let nanos = start.saturating_mul(1_000).saturating_add(apart);
    point::write(&Point { measurement: &counting.measurement, tags: &tags, fields: &fields, nanos }, out);
}

/// A sum without what adding doubles has made of its last digits.
fn rounded(sum: f64) -> f64 {
    format!("{sum:.12e}").parse().unwrap_or(sum)
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the field of a quantile is called: `p99`, `p99.9` as `p999`.
pub fn suffix(quantile: Quantile) -> String {
    let percent = quantile.decimal();
    let text = percent.to_string();
    match text.split_once('.') {
        None => "p100".to_string(),
        Some((_, digits)) if digits.len() == 1 => format!("p{digits}0"),
        Some((_, digits)) => format!("p{digits}"),
    }
}
