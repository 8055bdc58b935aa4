//! What rotation does to the names of files.

/// Endings of files that were packed or set aside.
const ENDINGS: [&str; 5] = [".gz", ".zst", ".old", ".bak", ".save"];

/// All names that rotation may have made this name of, the nearest first.
pub fn ancestors(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut name = name.to_string();
    loop {
        let shorter = match stripped(&name) {
            Some(shorter) => shorter.to_string(),
            None => match undated(&name) {
                Some(shorter) => shorter,
                None => return found,
            },
        };
        found.push(shorter.clone());
        name = shorter;
    }
}

/// Which rotation it was, the higher the older, as far as a number at the end says so.
pub fn number(name: &str) -> Option<u64> {
    let name = ENDINGS[..2].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let (_, digits) = name.rsplit_once('.')?;
    (digits.len() <= 5 && !digits.is_empty()).then(|| digits.parse().ok()).flatten()
}

/// Without one ending that rotation puts behind a name.
fn stripped(name: &str) -> Option<&str> {
    let shorter = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).or_else(|| {
        let at = name.rfind(['.', '-', '_'])?;
        let ending = &name[at + 1..];
        let is_number = !ending.is_empty() && ending.bytes().all(|byte| byte.is_ascii_digit());
        // `access.log-20261125-1764061200`, `access.log.2026-11-25`, `access.log.3`.
        let fits = is_number && (name.as_bytes()[at] == b'.' || is_dated(&name[..at], ending));
        fits.then(|| &name[..at])
    })?;
    (!shorter.is_empty() && shorter != ".").then_some(shorter)
}

/// Whether digits behind `-` or `_` are of a date, rather than a number that tells services apart.
fn is_dated(before: &str, digits: &str) -> bool {
    let is_year = digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"));
    if digits.len() >= 6 || is_year {
        return true;
    }
    // The end of `2026-11-25` or `2026-11-25-10`.
    let mut before = before;
    for _ in 0..4 {
        let Some((shorter, part)) = before.rsplit_once(['.', '-', '_']) else { return false };
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        if part.len() == 4 || part.len() >= 6 {
            return true;
        }
        before = shorter;
    }
    false
}

/// `access.log` for `access-20261125.log` and `access.2026-11-25.log`.
fn undated(name: &str) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    if ending.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.' | b'T');
    let is_other = |(_, c): &(usize, char)| !u8::try_from(*c).is_ok_and(is_part);
    let start = stem.char_indices().rev().find(is_other).map_or(0, |(at, c)| at + c.len_utf8());
    let date = &stem[start..];
    let is_date = digits(date) >= 6 && date.starts_with(['-', '_', '.']);
    (is_date && start > 0).then(|| format!("{}.{ending}", &stem[..start]))
}

#[cfg(test)]
mod tests {
    use super::{ancestors, number};

    #[test]
    fn what_rotation_adds_to_a_name_is_known() {
        for (name, family) in [
            ("access.log", "access.log"),
            ("access.log.1", "access.log"),
            ("access.log.2.gz", "access.log"),
            ("access.log.gz", "access.log"),
            ("access.log.zst", "access.log"),
            ("access.log.old", "access.log"),
            ("access.log-20261125", "access.log"),
            ("access.log-20261125.gz", "access.log"),
            ("access.log-20261125-1764061200.gz", "access.log"),
            ("access.log.2026-11-25", "access.log"),
            ("access.log-2026-11-25-10", "access.log"),
            ("access-20261125.log", "access.log"),
            ("access.2026-11-25.log.gz", "access.log"),
            ("access_2026-11-25.log", "access.log"),
            // Numbers that tell services apart.
            ("app-1.log", "app-1.log"),
            ("worker-12", "worker-12"),
            ("worker-1234", "worker-1234"),
            ("u_ex261125.log", "u_ex261125.log"),
            ("log", "log"),
            (".1", ".1"),
            ("20261125.log", "20261125.log"),
            ("é-20261125.log", "é.log"),
        ] {
            let all = ancestors(name);
            assert_eq!(all.last().map_or(name, String::as_str), family, "{name}");
        }
    }

    #[test]
    fn a_number_at_the_end_says_which_rotation_it_was() {
        for (name, expected) in
            [("a.log.12", Some(12)), ("a.log.2.gz", Some(2)), ("a.log", None), ("a.log.20261125", None)]
        {
            assert_eq!(number(name), expected, "{name}");
        }
    }
}
