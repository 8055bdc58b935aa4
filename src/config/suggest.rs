//! Did-you-mean.

/// The longest name that is compared with others, in bytes.
const MAX_LENGTH: usize = 64;

/// How many names of a user are compared.
const MAX_CANDIDATES: usize = 1_000;

/// The candidate that was most likely meant: by another word for it, else by the fewest slips of typing.
pub(super) fn nearest(
    name: &str,
    candidates: impl IntoIterator<Item = &'static str>,
    other_words: &[(&str, &'static str)],
) -> Option<&'static str> {
    if name.is_empty() || name.len() > MAX_LENGTH {
        return None;
    }
    let name = name.trim_start_matches(':').to_lowercase().replace('_', "-");
    if let Some((_, meant)) = other_words.iter().find(|(word, _)| *word == name) {
        return Some(meant);
    }
    let close = candidates.into_iter().map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate));
    let (slips, best) = close.min_by_key(|(slips, _)| *slips)?;
    let allowed = name.chars().count().max(3) / 3;
    (slips <= allowed).then_some(best)
}

/// The name among those that a user gave that was most likely meant, by the fewest slips of typing.
pub(super) fn among<'n>(name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if name.is_empty() || name.len() > MAX_LENGTH {
        return None;
    }
    let name = name.to_lowercase();
    let short = candidates.into_iter().filter(|candidate| candidate.len() <= MAX_LENGTH).take(MAX_CANDIDATES);
    let close = short.map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate));
    let (slips, best) = close.min_by_key(|(slips, _)| *slips)?;
    (slips <= name.chars().count().max(3) / 3).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_typing_leads_to_the_word() {
        let words = ["interval", "every", "for", "min-count"];
        let other_words = [("window", "interval"), ("≤", "<=")];
        let cases = [
            ("intervall", Some("interval")),
            ("Interval", Some("interval")),
            ("min_count", Some("min-count")),
            ("mincount", Some("min-count")),
            ("window", Some("interval")),
            ("≤", Some("<=")),
            ("fro", Some("for")),
            ("colour", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, words, &other_words), expected, "{name}");
        }
    }
}
