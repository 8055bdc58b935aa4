//! What notifiers need of this machine, looked for before it matters.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::plan::{Routing, Via};

/// Returns what is missing on this machine, a line each: files that cannot be read or written, programs that are not
/// there. Nothing is written, and nobody is connected to.
pub fn preflight(routing: &Routing) -> Vec<String> {
    let mut missing = Vec::new();
    for notifier in &routing.notifiers {
        let fault = match &notifier.via {
            Via::Log(log) => log.path.as_deref().and_then(unwritable),
            Via::Webhook(webhook) => webhook.ca.as_deref().and_then(unreadable),
            Via::PagerDuty(pagerduty) => pagerduty.ca.as_deref().and_then(unreadable),
            Via::Alertmanager(alertmanager) => alertmanager.ca.as_deref().and_then(unreadable),
            Via::Email(email) => email.ca.as_deref().and_then(unreadable),
            Via::Exec(exec) => exec.command.first().and_then(|program| not_a_program(program)),
        };
        missing.extend(fault.map(|fault| format!("`:{}` cannot be told as things are: {fault}", notifier.name)));
    }
    let fault = routing.heartbeat.as_ref().and_then(|heartbeat| heartbeat.ca.as_deref()).and_then(unreadable);
    missing.extend(fault.map(|fault| format!("`:heartbeat` cannot be sent as things are: {fault}")));
    missing
}

fn unreadable(path: &Path) -> Option<String> {
    File::open(path).err().map(|error| format!("`:ca` {}: {error}", path.display()))
}

fn unwritable(path: &Path) -> Option<String> {
    let fault = |why: &str| Some(format!("`:path` {}: {why}", path.display()));
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => fault("a folder"),
        Ok(metadata) if metadata.is_file() => {
            File::options().append(true).open(path).err().map(|error| format!("`:path` {}: {error}", path.display()))
        }
        // A pipe, say: opening it may wait for somebody.
        Ok(_) => None,
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if folder.is_dir() { None } else { fault("there is no such folder") }
        }
    }
}

fn not_a_program(program: &str) -> Option<String> {
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let path = Path::new(program);
        return match path.exists() {
            _ if is_program(path) => None,
            true => Some(format!("{program}: not an executable file (`chmod +x` it?)")),
            false => Some(format!("{program}: no such file")),
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).map(|folder: PathBuf| folder.join(program)).any(|path| is_program(&path));
    (!found).then(|| format!("{program}: no such program in `PATH`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        for (fault, expected) in [
            (not_a_program("sh"), None),
            (not_a_program("/bin/sh"), None),
            (not_a_program("no-such-program"), Some("no-such-program: no such program in `PATH`")),
            (not_a_program("/no/such"), Some("/no/such: no such file")),
            (not_a_program("/etc/passwd"), Some("/etc/passwd: not an executable file (`chmod +x` it?)")),
            (unwritable(Path::new("/dev/null")), None),
            (unwritable(Path::new("/tmp")), Some("`:path` /tmp: a folder")),
            (unwritable(Path::new("new.log")), None),
            (unwritable(Path::new("/no/such/x.log")), Some("`:path` /no/such/x.log: there is no such folder")),
            (unreadable(Path::new("/etc/passwd")), None),
            (unreadable(Path::new("/no/such")), Some("`:ca` /no/such: No such file or directory (os error 2)")),
        ] {
            assert_eq!(fault.as_deref(), expected);
        }
    }
}
