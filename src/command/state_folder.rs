//! Where state is kept when nothing else is said.

use std::ffi::OsString;
use std::path::PathBuf;

/// Returns the usual state folder: systemd's, else that of the user.
///
/// `variable` looks up what the environment holds. A variable without an absolute path counts as not set, or a daemon
/// that is started in another folder would find no state. The folder need not exist. The error says what to type.
pub fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    // systemd gives one path for each `StateDirectory=`, with colons between them.
    let first = |paths: &OsString| std::env::split_paths(paths).next();
    let is_absolute = |path: &PathBuf| path.is_absolute();
    let system = || variable("STATE_DIRECTORY").as_ref().and_then(first).filter(is_absolute);
    let state = || variable("XDG_STATE_HOME").map(PathBuf::from).filter(is_absolute);
    let home = || variable("HOME").map(PathBuf::from).filter(is_absolute).map(|home| home.join(".local/state"));
    let found = system().or_else(|| state().or_else(home).map(|folder| folder.join("highwater")));
    found.ok_or_else(|| {
        "there is no usual folder for state: none of `STATE_DIRECTORY`, `XDG_STATE_HOME` and `HOME` holds an absolute \
         path; give `--state DIR`, or `--no-state` to keep none"
            .to_string()
    })
}

// Elsewhere other paths are absolute.
#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsString;

    use super::usual;

    #[test]
    fn the_usual_folder_is_that_of_the_system_else_of_the_user() {
        for (system, state, home, expected) in [
            ("/var/lib/highwater", "/x/state", "/home/me", Some("/var/lib/highwater")),
            ("/var/lib/a:/var/lib/b", "", "", Some("/var/lib/a")),
            ("highwater", "/x/state", "/home/me", Some("/x/state/highwater")),
            (":/var/lib/b", "/x/state", "", Some("/x/state/highwater")),
            ("", "/x/state", "/home/me", Some("/x/state/highwater")),
            ("", "state", "/home/me", Some("/home/me/.local/state/highwater")),
            ("-", "-", "/home/me", Some("/home/me/.local/state/highwater")),
            ("-", "-", "me", None),
            ("", "", "", None),
            ("-", "-", "-", None),
        ] {
            // `-` is not set.
            let set = [("STATE_DIRECTORY", system), ("XDG_STATE_HOME", state), ("HOME", home)];
            let value = |name: &str| set.iter().find(|(known, value)| *known == name && *value != "-");
            let found = usual(|name| value(name).map(|(_, value)| OsString::from(value)));
            match expected {
                Some(expected) => assert_eq!(found, Ok(expected.into()), "{set:?}"),
                None => {
                    let error = found.expect_err("no absolute path");
                    assert!(error.contains("--state DIR"), "{error}");
                }
            }
        }
    }
}
