//! Patterns of status codes that match none, or the same as another.

use std::collections::{BTreeMap, HashMap};

use super::Allowed;
use crate::config::catalogue;
use crate::edn::Diagnostic;
use crate::plan::{Pattern, Plan, Threshold};

/// The codes of HTTP.
const CODES: std::ops::Range<usize> = 100..600;

/// Which of the codes a pattern matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Matched([u64; 8]);

/// So many patterns are looked at: each is compiled for it.
const MOST: usize = 500;

/// What is counted of the same codes: of which service, field and codes.
type Counted<'p> = BTreeMap<(&'p str, &'p str, Matched), Vec<(&'p Threshold, &'p Pattern)>>;

/// Says which patterns of status codes match none, or are another one in other words.
pub(super) fn check(plan: &Plan, allowed: &Allowed, out: &mut Vec<Diagnostic>) {
    let mut known: HashMap<&str, Matched> = HashMap::new();
    let mut counted: Counted = BTreeMap::new();
    for threshold in &plan.thresholds {
        let Some(pattern) = threshold.measure.pattern() else { continue };
        let name = threshold.measure.field().name();
        if !is_of_codes(name) || !speaks_of_digits(pattern.as_str()) {
            continue;
        }
        let matched = match known.get(pattern.as_str()) {
            Some(matched) => *matched,
            None if known.len() == MOST => continue,
            None => {
                let matched = matched(pattern);
                known.insert(pattern.as_str(), matched);
                matched
            }
        };
        let same = counted.entry((threshold.service.text(), name, matched)).or_default();
        let is_said = same.iter().any(|(_, other)| other.as_str() == pattern.as_str());
        if matched == Matched::default() && !is_said && !allowed.allows("W043", threshold.span) {
            out.push(catalogue::matches_no_code(threshold.span, pattern.as_str()));
        }
        same.push((threshold, pattern));
    }
    for ((_, _, matched), same) in counted {
        if matched == Matched::default() {
            continue;
        }
        let (first, pattern) = same[0];
        let is_other = |(other, spelled): &&(&Threshold, &Pattern)| {
            let kinds = std::mem::discriminant(&first.measure) == std::mem::discriminant(&other.measure);
            kinds
                && spelled.as_str() != pattern.as_str()
                && other.filter == first.filter
                && other.group_by == first.group_by
        };
        let mut said: Vec<&str> = Vec::new();
        for (other, spelled) in same.iter().filter(is_other) {
            if !said.contains(&spelled.as_str()) && !allowed.allows("W044", other.span) {
                said.push(spelled.as_str());
                out.push(catalogue::same_codes(other.span, spelled.as_str(), first.span, pattern.as_str()));
            }
        }
    }
}

/// Whether a field is called like one that holds status codes.
fn is_of_codes(name: &str) -> bool {
    let name = name.to_lowercase();
    ["status", "code"].iter().any(|word| name.contains(word))
}

/// Whether a pattern names digits and no words: else its values are no codes of HTTP.
fn speaks_of_digits(pattern: &str) -> bool {
    let bare = pattern.replace("\\d", "0").replace("[[:digit:]]", "0");
    bare.bytes().any(|byte| byte.is_ascii_digit()) && !bare.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn matched(pattern: &Pattern) -> Matched {
    let mut matched = Matched::default();
    for code in CODES.filter(|code| pattern.matches(code.to_string().as_bytes())) {
        let at = code - CODES.start;
        matched.0[at / 64] |= 1 << (at % 64);
    }
    matched
}

#[cfg(test)]
mod tests {
    use crate::config::from_text;

    fn codes(patterns: &[&str], field: &str) -> Vec<&'static str> {
        let checks = patterns.iter().map(|pattern| format!("{pattern:?} {{:< 0.1 :interval 60 :type :percentage}}"));
        let text = format!("{{:histograms {{\"q\" {{:{field} {{{}}}}}}}}}", checks.collect::<Vec<_>>().join(" "));
        let plan = from_text(&text).plan.expect("valid");
        let mut found = Vec::new();
        super::check(&plan, &super::Allowed::default(), &mut found);
        found.iter().map(|one| one.code).collect()
    }

    #[test]
    fn patterns_of_status_codes_are_tried_on_all_of_them() {
        for (patterns, expected) in [
            (&["^5"][..], &[][..]),
            (&["5.."], &[]),
            (&["5[0-9]{2}"], &[]),
            (&["^6"], &["W043"]),
            (&["5xx"], &[]),
            (&["^2000"], &["W043"]),
            (&["^5", "^5.."], &["W044"]),
            (&["^5", "^50"], &[]),
            (&["^5", "^4"], &[]),
            (&["^E5"], &[]),
        ] {
            assert_eq!(codes(patterns, "status-code"), expected, "{patterns:?}");
            assert_eq!(codes(patterns, "host"), [""; 0], "{patterns:?}");
        }
    }
}
