//! Which zone is meant: by a name, or by how the machine is set.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::Zone;
use super::rule::Rule;
use super::table::{SECOND, Table};
use crate::order;

/// Where systems keep the time zone database.
const FOLDERS: [&str; 4] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// The zone that the machine is set to.
const LOCAL: &str = "/etc/localtime";

/// The longest file of a zone, in bytes; those that there are have 4 KiB.
const MOST: u64 = 256 << 10;

impl Zone {
    /// The zone of the machine: that of the variable `TZ`, else of `/etc/localtime`, else UTC.
    ///
    /// What `TZ` says and nobody knows is UTC, as for the C library.
    pub fn machine() -> Zone {
        match std::env::var("TZ") {
            Ok(text) => of_variable(&text, &folders()),
            Err(_) => of_system(Path::new(LOCAL)),
        }
    }

    /// The zone of a name: `UTC`, `Europe/Berlin` (from the machine's time zone database), `+02:00`, or a POSIX rule
    /// such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn named(name: &str) -> Result<Zone, String> {
        named(name, &folders())
    }
}

fn folders() -> Vec<PathBuf> {
    match std::env::var_os("TZDIR") {
        Some(folder) if !folder.is_empty() => vec![folder.into()],
        _ => FOLDERS.map(PathBuf::from).into(),
    }
}

fn of_variable(text: &str, folders: &[PathBuf]) -> Zone {
    let text = text.strip_prefix(':').unwrap_or(text);
    let zone = match text {
        "" => None,
        path if path.starts_with('/') => read(Path::new(path), &called(path)).ok(),
        name => named(name, folders).ok().or_else(|| rule(name)),
    };
    zone.unwrap_or_else(Zone::utc)
}

fn of_system(path: &Path) -> Zone {
    let target = fs::read_link(path);
    let name = target.map_or_else(|_| path.to_string_lossy().into_owned(), |target| called(&target.to_string_lossy()));
    read(path, &name).unwrap_or_else(|_| Zone::utc())
}

/// The name of a zone that is given by the path of its file.
fn called(path: &str) -> String {
    path.rsplit_once("zoneinfo/").map_or(path, |(_, name)| name).to_owned()
}

fn named(name: &str, folders: &[PathBuf]) -> Result<Zone, String> {
    const EXAMPLES: &str = "write a place, as `Europe/Berlin`, an offset, as `+02:00`, or `UTC`";
    if name.eq_ignore_ascii_case("UTC") || name == "Z" {
        return Ok(Zone::utc());
    }
    if name.starts_with(['+', '-']) {
        let offset = offset(name.as_bytes());
        let zone = offset.map(|offset| Zone::new(name, Table::new(offset, [])));
        return zone.ok_or_else(|| format!("`{name}` is no offset from UTC: write hours and minutes, as `+02:00`"));
    }
    if name.contains(',') {
        let zone = rule(name);
        return zone.ok_or_else(|| format!("`{name}` is no POSIX rule, as `CET-1CEST,M3.5.0,M10.5.0/3`: {EXAMPLES}"));
    }
    if !is_name(name) {
        return Err(format!("`{name}` is no name of a time zone: {EXAMPLES}"));
    }
    for path in folders.iter().map(|folder| folder.join(name)) {
        match read(&path, name) {
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(format!("the time zone `{name}`: {}: {error}", path.display())),
            Ok(zone) => return Ok(zone),
        }
    }
    let known = all_names(folders);
    if known.is_empty() {
        return Err(format!(
            "there is no time zone database on this machine ({}) to look `{name}` up in: install it (tzdata), or \
             write an offset, as `+02:00`, or a POSIX rule, as `CET-1CEST,M3.5.0,M10.5.0/3`",
            folders.first().map_or_else(String::new, |folder| folder.display().to_string())
        ));
    }
    Err(match close(name, &known) {
        Some(close) => format!("there is no time zone `{name}`: is it `{close}`?"),
        None => format!("there is no time zone `{name}`: {EXAMPLES}"),
    })
}

/// Whether it can be the name of a file in the database, and of none elsewhere.
fn is_name(name: &str) -> bool {
    const LONGEST: usize = 64;
    let is_part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b' ');
        part.starts_with(|first: char| first.is_ascii_alphabetic()) && part.bytes().all(allowed)
    };
    name.len() <= LONGEST && name.split('/').all(is_part)
}

/// `+02:00`, `-0330`, `+2`, in microseconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = text.split_first()?;
    let digits: Vec<u8> = match digits {
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => vec![*h1, *h2, *m1, *m2],
        [h1, h2] => vec![*h1, *h2, b'0', b'0'],
        [h] => vec![b'0', *h, b'0', b'0'],
        _ => return None,
    };
    digits.iter().all(u8::is_ascii_digit).then_some(())?;
    let two = |at: usize| i64::from(digits[at] - b'0') * 10 + i64::from(digits[at + 1] - b'0');
    let (hours, minutes) = (two(0), two(2));
    // No place is further than Kiritimati.
    let secs = if hours <= 14 && minutes < 60 { hours * 3600 + minutes * 60 } else { return None };
    Some(secs * SECOND * if *sign == b'-' { -1 } else { 1 })
}

fn rule(text: &str) -> Option<Zone> {
    Rule::parse(text).map(|rule| Zone::new(text, rule.table()))
}

fn read(path: &Path, name: &str) -> io::Result<Zone> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Zone::from_tzif(name, &bytes).map_err(io::Error::other)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The names in the first folder that has any: an area and a place in it, perhaps a region between; bounded.
fn all_names(folders: &[PathBuf]) -> Vec<String> {
    const MOST_NAMES: usize = 5_000;
    for folder in folders {
        let mut names = Vec::new();
        let mut open = vec![String::new()];
        while let Some(prefix) = open.pop() {
            for entry in fs::read_dir(folder.join(&prefix)).into_iter().flatten().flatten() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                // What is in these is elsewhere, too.
                if names.len() >= MOST_NAMES || !is_name(&name) || matches!(name.as_str(), "posix" | "right") {
                    continue;
                }
                // A link to a folder is not followed.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(format!("{name}/"));
                } else {
                    names.push(name);
                }
            }
        }
        if !names.is_empty() {
            order::by(&mut names, Ord::cmp);
            return names;
        }
    }
    Vec::new()
}

/// The name that was meant, as far as one can tell: another case, a place without its area, a slip.
fn close<'n>(name: &str, known: &'n [String]) -> Option<&'n str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '-'], "_");
    let wanted = plain(name);
    let place = |text: &str| text.rsplit('/').next().unwrap_or("").to_owned();
    let exact = known.iter().find(|known| plain(known) == wanted);
    let of_place = || known.iter().find(|known| known.contains('/') && plain(&place(known)) == wanted);
    let slip = || {
        let slips = known.iter().map(|known| (strsim::damerau_levenshtein(&plain(known), &wanted), known));
        slips.min_by_key(|(slips, _)| *slips).filter(|(slips, _)| slips * 4 <= wanted.len()).map(|(_, known)| known)
    };
    let slip_of_place = || {
        let slips = known.iter().filter(|known| known.contains('/'));
        let slips = slips.map(|known| (strsim::damerau_levenshtein(&plain(&place(known)), &wanted), known));
        slips.min_by_key(|(slips, _)| *slips).filter(|(slips, _)| slips * 4 <= wanted.len()).map(|(_, known)| known)
    };
    exact.or_else(of_place).or_else(slip).or_else(slip_of_place).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Timestamp;

    /// Version 1 of TZif: one hour ahead of UTC, always.
    const AN_HOUR: &[u8] = b"TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\0\0\x0e\x10\0\0CET\0";

    /// A database, which is removed at the end.
    struct Database(PathBuf);

    impl Database {
        fn new(name: &str) -> Database {
            let folder = std::env::temp_dir().join(format!("highwater-{}-zones-{name}", std::process::id()));
            for (path, bytes) in [
                ("zoneinfo/Europe/Berlin", AN_HOUR),
                ("zoneinfo/America/New_York", AN_HOUR),
                ("zoneinfo/America/North_Dakota/Center", AN_HOUR),
                ("zoneinfo/CET", AN_HOUR),
                ("zoneinfo/Europe/Half", &AN_HOUR[..50]),
                ("zoneinfo/right/Europe/Berlin", AN_HOUR),
                ("zoneinfo/zone.tab", b"DE +5230+01322 Europe/Berlin"),
                ("secret", b"password"),
            ] {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
                fs::write(path, bytes).expect("writable");
            }
            Database(folder)
        }

        fn folders(&self) -> Vec<PathBuf> {
            vec![self.0.join("nowhere"), self.0.join("zoneinfo")]
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn hour(zone: &Zone) -> u8 {
        zone.civil(Timestamp::clamped(1_700_000_000_000_000)).hour
    }

    #[test]
    fn a_zone_is_found_by_name_and_keeps_it() {
        let database = Database::new("names");
        let cases = [
            ("UTC", "UTC", 22),
            ("utc", "UTC", 22),
            ("Z", "UTC", 22),
            ("Europe/Berlin", "Europe/Berlin", 23),
            ("America/North_Dakota/Center", "America/North_Dakota/Center", 23),
            ("CET", "CET", 23),
            ("+02:00", "+02:00", 0),
            ("+0200", "+0200", 0),
            ("+2", "+2", 0),
            ("-08", "-08", 14),
            ("-03:30", "-03:30", 18),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3", 23),
        ];
        for (name, expected, shown) in cases {
            let zone = named(name, &database.folders()).expect(name);
            assert_eq!((zone.name(), hour(&zone)), (expected, shown), "{name}");
        }
    }

    #[test]
    fn a_name_that_nobody_knows_leads_to_the_one_that_was_meant() {
        let database = Database::new("unknown");
        let cases = [
            ("europe/berlin", "there is no time zone `europe/berlin`: is it `Europe/Berlin`?"),
            ("Berlin", "there is no time zone `Berlin`: is it `Europe/Berlin`?"),
            ("Europe/Berln", "there is no time zone `Europe/Berln`: is it `Europe/Berlin`?"),
            ("America/New York", "there is no time zone `America/New York`: is it `America/New_York`?"),
            ("new-york", "there is no time zone `new-york`: is it `America/New_York`?"),
            ("Europe", "there is no time zone `Europe`: write a place, as `Europe/Berlin`, an offset, as `+02:00`, or"),
            ("MEZ", "there is no time zone `MEZ`: write a place,"),
            ("+25:00", "`+25:00` is no offset from UTC: write hours and minutes, as `+02:00`"),
            ("+2:3", "`+2:3` is no offset"),
            ("+02:60", "`+02:60` is no offset"),
            ("+€", "`+€` is no offset"),
            ("CET-1CEST,M3", "`CET-1CEST,M3` is no POSIX rule"),
            ("Europe/Half", "the time zone `Europe/Half`: "),
            ("", "`` is no name of a time zone: write a place"),
        ];
        for (name, expected) in cases {
            let error = named(name, &database.folders()).expect_err(name);
            assert!(error.starts_with(expected), "{name}: {error}");
        }
        let error = named("Europe/Berlin", &[database.0.join("nowhere")]).expect_err("no database");
        assert!(error.contains("no time zone database on this machine") && error.contains("tzdata"), "{error}");
    }

    #[test]
    fn no_name_leads_out_of_the_database() {
        let database = Database::new("paths");
        for name in ["../secret", "Europe/../../secret", "/etc/passwd", "Europe//Berlin", "Europe/Berlin/", "./CET"] {
            let error = named(name, &database.folders()).expect_err(name);
            assert!(error.starts_with(&format!("`{name}` is no name of a time zone")), "{error}");
        }
        assert!(named("zone.tab", &database.folders()).is_err());
        assert!(named(&"a/".repeat(10_000), &database.folders()).is_err());
    }

    #[test]
    fn the_variable_says_the_zone_of_the_machine() {
        let database = Database::new("variable");
        let file = database.0.join("zoneinfo/America/New_York");
        let cases = [
            ("", "UTC", 22),
            ("Europe/Berlin", "Europe/Berlin", 23),
            (":Europe/Berlin", "Europe/Berlin", 23),
            (file.to_str().expect("UTF-8"), "America/New_York", 23),
            ("XYZ-3", "XYZ-3", 1),
            ("EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0", 17),
            ("Nowhere", "UTC", 22),
            ("/nowhere", "UTC", 22),
        ];
        for (text, expected, shown) in cases {
            let zone = of_variable(text, &database.folders());
            assert_eq!((zone.name(), hour(&zone)), (expected, shown), "{text}");
        }
    }

    #[test]
    fn the_file_of_the_system_has_the_name_of_what_it_links_to() {
        let database = Database::new("system");
        let link = database.0.join("localtime");
        std::os::unix::fs::symlink(database.0.join("zoneinfo/Europe/Berlin"), &link).expect("a file system with links");
        assert_eq!(of_system(&link).name(), "Europe/Berlin");
        let copy = database.0.join("zoneinfo/CET");
        assert_eq!(of_system(&copy).name(), copy.to_str().expect("UTF-8"));
        assert_eq!(of_system(&database.0.join("nowhere")).name(), "UTC");
        assert_eq!(of_system(&database.0).name(), "UTC");
    }
}
