//! Which series the points of a pipeline can be of: two pipelines must not overwrite each other's.

use crate::plan::{Destination, Expression, Pipeline};

/// Whether points of two pipelines can be of one series.
pub(super) fn share_one(one: &Pipeline, other: &Pipeline) -> bool {
    let (a, b) = (&one.counting, &other.counting);
    let is_apart = |to: &Destination| matches!(to, Destination::Events(_));
    if a.measurement != b.measurement || is_apart(&one.to) || !goes_to_one_place(&one.to, &other.to) {
        return false;
    }
    let mut shares = false;
    leaves(&a.record, &mut |left| {
        leaves(&b.record, &mut |right| {
            if let (Some(left), Some(right)) = (left, right) {
                shares |= !are_distinct((left, &a.tags), (right, &b.tags));
            }
        });
    });
    shares
}

fn goes_to_one_place(one: &Destination, other: &Destination) -> bool {
    match (one, other) {
        (Destination::Influx(a), Destination::Influx(b)) => a.url == b.url && a.api == b.api,
        _ => one == other,
    }
}

/// The entries of a record.
pub(super) type Map<'e> = &'e [(Box<str>, Expression)];

/// With the tags that each point of the pipeline has.
type Tags<'e> = (Map<'e>, &'e [(String, String)]);

/// Whether some tag of two records always differs.
fn are_distinct(one: Tags<'_>, other: Tags<'_>) -> bool {
    fn tag<'e>((record, tags): Tags<'e>, name: &str) -> Option<Option<&'e str>> {
        match record.iter().find(|(key, _)| key.as_ref() == name) {
            // What has no value leaves the tag to `:tags`.
            Some((_, Expression::Text(text))) if !bare(text).is_empty() => Some(Some(bare(text))),
            Some((_, Expression::Text(_) | Expression::Nil)) | None => {
                tags.iter().find(|(key, _)| key == name).map(|(_, text)| Some(bare(text)))
            }
            Some(_) => Some(None),
        }
    }
    /// Without what points do not have, or have in another way.
    fn bare(text: &str) -> &str {
        text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
    }
    let names = |(record, tags): Tags<'_>| -> Vec<String> {
        record.iter().map(|(key, _)| key.to_string()).chain(tags.iter().map(|(key, _)| key.clone())).collect()
    };
    names(one).iter().chain(&names(other)).any(|name| match (tag(one, name), tag(other, name)) {
        (Some(Some(a)), Some(Some(b))) => a != b,
        // One always has the tag, the other never; but each has `host`.
        (Some(Some(_)), None) | (None, Some(Some(_))) => name != "host",
        _ => false,
    })
}

/// Calls `f` with each map that a record can come to; with None for nil.
pub(super) fn leaves<'e>(record: &'e Expression, f: &mut dyn FnMut(Option<Map<'e>>)) {
    match record {
        Expression::Map(entries) => f(Some(entries)),
        Expression::If(parts) => {
            leaves(&parts.1, f);
            leaves(&parts.2, f);
        }
        Expression::Case(case) => {
            case.clauses.iter().for_each(|(_, then)| leaves(then, f));
            leaves(&case.otherwise, f);
        }
        _ => f(None),
    }
}
