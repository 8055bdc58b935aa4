//! A file that is written anew in its place: `fmt`, `test --record`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// A mark that some editors put in front; it is not part of a text, and stays.
pub const MARK: &str = "\u{FEFF}";

/// Writes `new` where `old` was read, as a whole or not at all. A link stays a link; owner and permissions stay.
///
/// # Errors
///
/// It may not be written, or holds another text than `old` by now: then it stays as it is.
pub fn replace(path: &Path, old: &str, new: &str) -> io::Result<()> {
    let real = fs::canonicalize(path)?;
    let metadata = fs::metadata(&real)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file: `highwater fmt -` formats standard input"));
    }
    if metadata.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it may not be written: let this user write it"));
    }
    let on_disk = fs::read(&real)?;
    let (mark, text) = match on_disk.strip_prefix(MARK.as_bytes()) {
        Some(text) => (MARK, text),
        None => ("", &on_disk[..]),
    };
    if text != old.as_bytes() {
        return Err(io::Error::other("it has changed meanwhile, and was left alone"));
    }
    let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(io::Error::other("not a file in a folder"));
    };
    // Hidden, so that nobody reads it as a part of the configuration.
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    let unfinished = folder.join(hidden);
    // In a container the next process may have the number of one that was killed.
    let _ = fs::remove_file(&unfinished);
    // Who may read it is said once it is there: it may hold secrets.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|error| io::Error::new(error.kind(), format!("no file can be made beside it: {error}")))?;
    let written = fill(file, &[mark, new], &metadata).and_then(|()| fs::rename(&unfinished, &real));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn fill(mut file: File, texts: &[&str], metadata: &fs::Metadata) -> io::Result<()> {
    texts.iter().try_for_each(|text| file.write_all(text.as_bytes()))?;
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (metadata.uid(), metadata.gid()) {
        // Only the superuser gives files away.
        fchown(&file, Some(metadata.uid()), Some(metadata.gid())).map_err(|error| {
            io::Error::new(error.kind(), "it belongs to another user or group: let its owner do this")
        })?;
    }
    file.set_permissions(metadata.permissions())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_meanwhile_is_left_alone() {
        let path = std::env::temp_dir().join(format!("highwater-{}-replace.edn", std::process::id()));
        fs::write(&path, "\u{FEFF}{:a 2}").unwrap();
        let refused = replace(&path, "{:a 1}", "{:a 1}\n").unwrap_err();
        assert_eq!(refused.to_string(), "it has changed meanwhile, and was left alone");
        assert_eq!(fs::read_to_string(&path).unwrap(), "\u{FEFF}{:a 2}");
        replace(&path, "{:a 2}", "{:a 2}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "\u{FEFF}{:a 2}\n");
        fs::remove_file(&path).unwrap();
    }
}
