//! Which files a configuration is.

use std::fs;
use std::path::{Path, PathBuf};

use highwater::config::{Loaded, Process, Unset, load};

/// A folder of this test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("highwater-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(fs::canonicalize(path).expect("just created"))
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("writable");
        fs::write(&path, text).expect("writable");
        path
    }

    /// The message of loading a path, without the name of the folder.
    fn refused(&self, path: &Path) -> String {
        let loaded = load(&[path.to_path_buf()], &Process, Unset::Warning);
        let fault = loaded.diagnostics.iter().find(|fault| fault.code == "F001").expect("it cannot be read");
        assert!(loaded.plan.is_none() && loaded.unreadable > 0);
        let path = &loaded.sources.files[fault.labels[0].span.file as usize].path;
        let error = format!("{path}: {}; {}", fault.message, fault.help.as_deref().expect("a remedy"));
        assert_eq!(error.lines().count(), 1, "{error}");
        error.replace(self.0.to_str().expect("UTF-8"), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn threshold(service: &str) -> String {
    format!("{{:percentiles {{\"{service}\" {{0.99 {{:<= 250 :interval 600}}}}}}}}")
}

fn names(loaded: &Loaded) -> Vec<String> {
    let name = |path: &String| Path::new(path).file_name().expect("a file").to_string_lossy().into_owned();
    loaded.sources.files.iter().map(|file| name(&file.path)).collect()
}

#[test]
fn a_folder_is_read_in_name_order_without_hidden_files_and_scenarios() {
    let folder = Folder::new("order");
    folder.write("b.edn", threshold("b"));
    folder.write("a/z.edn", threshold("z"));
    folder.write("a.edn", threshold("a"));
    folder.write("c/.hidden.edn", "not read");
    folder.write(".git/config.edn", "not read");
    folder.write("a.test.edn", "not read");
    folder.write("README.md", "not read");
    let loaded = load(std::slice::from_ref(&folder.0), &Process, Unset::Warning);
    assert_eq!(names(&loaded), ["z.edn", "a.edn", "b.edn"]);
    assert_eq!(loaded.plan.expect("no errors").thresholds.len(), 3);
}

#[test]
fn a_file_reached_twice_is_read_once() {
    let folder = Folder::new("twice");
    let file = folder.write("a.edn", threshold("a"));
    let indirect = folder.0.join("x/../a.edn");
    fs::create_dir(folder.0.join("x")).expect("writable");
    let paths = [file.clone(), folder.0.clone(), indirect, file];
    let loaded = load(&paths, &Process, Unset::Warning);
    assert_eq!(names(&loaded), ["a.edn"]);
    assert!(loaded.diagnostics.is_empty());
}

#[test]
fn what_cannot_be_read_is_named_with_cause_and_remedy() {
    let folder = Folder::new("faults");
    fs::create_dir(folder.0.join("empty")).expect("writable");
    folder.write("hidden/.a.edn", "");
    folder.write("latin1.edn", b"{:a\n \"caf\xE9\"}");
    folder.write("utf16.edn", b"\xFF\xFE{\0}\0");
    folder.write("scenarios/a.test.edn", "{}");
    for (name, expected) in [
        ("missing.edn", "/missing.edn: there is no such file or folder; look for a slip in the path"),
        ("empty", "/empty: a folder without any `*.edn` file of thresholds; put one into it, or name another"),
        ("hidden", "/hidden: a folder without any `*.edn` file of thresholds; put one into it, or name another"),
        ("latin1.edn", "/latin1.edn: not UTF-8 in line 2 (byte 0xe9); save it as UTF-8"),
        ("utf16.edn", "/utf16.edn: UTF-16; save it as UTF-8"),
        ("scenarios/a.test.edn", "/scenarios/a.test.edn: only scenarios (`*.test.edn`); name a file of thresholds too"),
    ] {
        assert_eq!(folder.refused(&folder.0.join(name)), expected);
    }
    folder.write("large.edn", " ".repeat((16 << 20) + 1));
    let expected = "/large.edn: larger than 16 MiB; split it into several files";
    assert_eq!(folder.refused(&folder.0.join("large.edn")), expected);
}

#[test]
fn a_mark_in_front_of_a_text_is_no_part_of_it() {
    let folder = Folder::new("mark");
    let file = folder.write("a.edn", format!("\u{FEFF}{}", threshold("a")));
    let loaded = load(&[file], &Process, Unset::Warning);
    assert!(loaded.plan.is_some());
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_a_circle() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new("links");
    folder.write("elsewhere/a.edn", threshold("a"));
    fs::create_dir(folder.0.join("top")).expect("writable");
    symlink(folder.0.join("elsewhere"), folder.0.join("top/one")).expect("writable");
    symlink(folder.0.join("elsewhere"), folder.0.join("top/two")).expect("writable");
    let loaded = load(&[folder.0.join("top")], &Process, Unset::Warning);
    assert_eq!(names(&loaded), ["a.edn"]);
    symlink(folder.0.join("top"), folder.0.join("elsewhere/up")).expect("writable");
    let expected = "/top/one/up: leads back to a folder that it lies in; remove the link";
    assert_eq!(folder.refused(&folder.0.join("top")), expected);
    symlink(folder.0.join("nowhere"), folder.0.join("dangling.edn")).expect("writable");
    let expected = "/dangling.edn: there is no such file or folder; look for a slip in the path";
    assert_eq!(folder.refused(&folder.0.join("dangling.edn")), expected);
}

#[test]
fn each_file_that_cannot_be_read_is_reported_beside_the_findings_in_the_others() {
    let folder = Folder::new("several");
    folder.write("a.edn", b"\xE9");
    folder.write("b.edn", "{:grace \"5\"}");
    folder.write("c.edn", b"{\xFF}");
    let paths = [folder.0.join("missing.edn"), folder.0.clone()];
    let loaded = load(&paths, &Process, Unset::Warning);
    let found: Vec<(&str, &str)> = loaded
        .diagnostics
        .iter()
        .map(|fault| (fault.code, loaded.sources.files[fault.labels[0].span.file as usize].path.as_str()))
        .map(|(code, path)| (code, path.rsplit('/').next().expect("a name")))
        .collect();
    assert_eq!(found, [("F001", "missing.edn"), ("F001", "a.edn"), ("T021", "b.edn"), ("F001", "c.edn")]);
    assert_eq!(loaded.unreadable, 3);
}
