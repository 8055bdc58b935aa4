//! `fmt` on files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use highwater::command::fmt::{FmtArgs, run};

/// A folder for one test, which is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("highwater-{}-fmt-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("writable");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fmt(paths: &[&Path], check: bool, input: &str) -> (u8, String, String) {
    let args = FmtArgs { paths: paths.iter().map(|path| path.to_path_buf()).collect(), config: Vec::new(), check };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&args, &mut input.as_bytes(), &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (code, text(out), text(err))
}

const LOOSE: &str = "{:grace 5, :max-skew 60 } ; times\n";
const NEAT: &str = "{:grace    5\n :max-skew 60} ; times\n";

#[test]
fn files_are_formatted_in_place_and_scenarios_too() {
    let folder = Folder::new("place");
    let loose = folder.write("a.edn", LOOSE);
    let scenario = folder.write("a.test.edn", "{:scenarios  []}");
    let neat = folder.write("b.edn", NEAT);
    let other = folder.write("c.txt", LOOSE);
    let before = fs::metadata(&neat).expect("there").modified().expect("known");
    let (code, out, err) = fmt(&[&folder.0], false, "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "formatted 2 of 3 files\n"));
    assert_eq!(fs::read_to_string(&loose).expect("there"), NEAT);
    assert_eq!(fs::read_to_string(&scenario).expect("there"), "{:scenarios []}\n");
    assert_eq!(fs::read_to_string(&other).expect("there"), LOOSE);
    assert_eq!(fs::metadata(&neat).expect("there").modified().expect("known"), before);
    assert_eq!(fmt(&[&folder.0], false, "").2, "formatted 0 of 3 files\n");
    assert_eq!(fs::read_dir(&folder.0).expect("there").count(), 4, "no temporary file stays");
}

#[test]
fn links_and_permissions_stay() {
    let folder = Folder::new("links");
    let real = folder.write("real.edn", LOOSE);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("ours");
    let link = folder.0.join("link.edn");
    symlink("real.edn", &link).expect("a file system with links");
    assert_eq!(fmt(&[&link], false, "").0, 0);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read_to_string(&real).expect("there"), NEAT);
    assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_mark_in_front_and_line_breaks_of_windows_stay() {
    let folder = Folder::new("mark");
    let path = folder.write("a.edn", &format!("\u{FEFF}{}", LOOSE.replace('\n', "\r\n")));
    assert_eq!(fmt(&[&path], false, "").2, "formatted 1 of 1 file\n");
    let formatted = format!("\u{FEFF}{}", NEAT.replace('\n', "\r\n"));
    assert_eq!(fs::read_to_string(&path).expect("there"), formatted);
    assert_eq!(fmt(&[&path], true, ""), (0, String::new(), "would change 0 of 1 file\n".to_string()));
    assert_eq!(fmt(&[Path::new("-")], false, &formatted), (0, formatted, String::new()));
}

#[test]
fn what_an_ended_process_left_does_not_matter() {
    let folder = Folder::new("left");
    let path = folder.write("a.edn", LOOSE);
    let left = folder.write(&format!(".a.edn.{}.tmp", std::process::id()), "half");
    assert_eq!(fmt(&[&path], false, "").0, 0);
    assert_eq!(fs::read_to_string(&path).expect("there"), NEAT);
    assert!(!left.exists());
}

#[test]
fn what_may_not_be_written_stays_and_is_named() {
    let folder = Folder::new("readonly");
    let path = folder.write("a.edn", LOOSE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("ours");
    let (code, out, err) = fmt(&[&path], false, "");
    assert_eq!((code, out.as_str()), (2, ""));
    let said = format!("highwater: {}: it may not be written: let this user write it\n", path.display());
    assert_eq!(err, format!("{said}formatted 0 of 1 file\n"));
    assert_eq!(fs::read_to_string(&path).expect("there"), LOOSE);
}

#[test]
fn a_check_lists_what_would_change_and_where() {
    let folder = Folder::new("check");
    let (loose, neat) = (folder.write("a.edn", LOOSE), folder.write("b.edn", NEAT));
    let (code, out, err) = fmt(&[&loose, &neat], true, "");
    assert_eq!((code, out), (1, format!("{}\n", loose.display())));
    let hint = "@@ line 1 @@\n-{:grace 5, :max-skew 60 } ; times\n+{:grace    5\n+ :max-skew 60} ; times\n";
    assert_eq!(err, format!("{hint}would change 1 of 2 files\n"));
    assert_eq!(fs::read_to_string(&loose).expect("there"), LOOSE);
    assert_eq!(fmt(&[&neat], true, ""), (0, String::new(), "would change 0 of 1 file\n".to_string()));
}

#[test]
fn a_check_shows_no_secret() {
    let folder = Folder::new("secret");
    let text = "{:server {:token  \"abcdefghijklmnopqrstuvwxyz\" :http \"127.0.0.1:0\"}}";
    let (code, out, err) = fmt(&[&folder.write("a.edn", text)], true, "");
    assert_eq!(code, 1);
    assert!(err.contains("-{:server {:token  ****"), "{err}");
    assert!(!out.contains("abcdef") && !err.contains("abcdef"), "{err}");
}

#[test]
fn what_cannot_be_read_stays_and_hides_nothing() {
    let folder = Folder::new("broken");
    let broken = "{:grace  5";
    let (bad, loose) = (folder.write("a.edn", broken), folder.write("b.edn", LOOSE));
    let missing = folder.0.join("not-there.edn");
    let (code, out, err) = fmt(&[&bad, &loose, &missing], false, "");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("error[E010]: `{` is not closed") && err.contains("error[F001]"), "{err}");
    assert!(err.ends_with("formatted 1 of 2 files\n"), "{err}");
    assert_eq!(fs::read_to_string(&bad).expect("there"), broken);
    assert_eq!(fs::read_to_string(&loose).expect("there"), NEAT);
    let (code, _, err) = fmt(&[&folder.write("c.edn", "percentiles:\n  q: 1\n")], true, "");
    assert_eq!(code, 2);
    assert!(err.contains("error[T013]: this file is YAML"), "{err}");
}

#[test]
fn a_dash_is_standard_input_to_standard_output() {
    let dash = Path::new("-");
    assert_eq!(fmt(&[dash], false, LOOSE), (0, NEAT.to_string(), String::new()));
    assert_eq!(fmt(&[dash], true, NEAT), (0, String::new(), String::new()));
    let (code, out, err) = fmt(&[dash], true, LOOSE);
    assert_eq!((code, out.as_str()), (1, "-\n"));
    assert!(err.starts_with("@@ line 1 @@\n"), "{err}");
    let (code, out, err) = fmt(&[dash], false, "{:a");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("error[E0"), "{err}");
    assert_eq!(fmt(&[dash, Path::new("thresholds")], false, LOOSE).0, 2);
}
