//! `notify`: what notifiers would send, before it matters; and a marked test that really goes.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::{FINE, FOUND, Failure, ended, sample, say, terminal};
use crate::config::{self, Unset};
use crate::deliver;
use crate::edn;
use crate::notify::{Batch, Outcome, dry_run, render};
use crate::plan::{Notifier, Plan};
use crate::route::Notice;
use crate::server::clock;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater notify -c thresholds --dry-run                   # what each notifier would send, secrets redacted\n  \
    highwater notify -c thresholds --dry-run --transition told.jsonl :hook\n  \
    highwater notify -c thresholds --send :hook                # a marked test: a violation, then its recovery")]
pub struct NotifyArgs {
    /// Notifiers, with or without the colon [default for --dry-run: all]
    #[arg(value_name = "NOTIFIER")]
    names: Vec<String>,
    /// Configuration files or folders [default: ./thresholds.edn, else ./thresholds]
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
    /// Print what would be sent; nothing is
    #[arg(long, required_unless_present = "send", conflicts_with = "send")]
    dry_run: bool,
    /// Send a marked test to these notifiers
    #[arg(long, value_name = "NOTIFIER")]
    send: Vec<String>,
    #[command(flatten)]
    of: sample::Of,
}

/// Shows or sends; returns the exit code.
pub fn run(args: &NotifyArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let result = try_run(args, out, err);
    ended(result, err)
}

fn try_run(args: &NotifyArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
    // What is only shown needs no secret.
    let unset = if args.dry_run { Unset::Warning } else { Unset::Error };
    let loaded = config::load(&args.config, &config::Process, unset);
    let _ = write!(err, "{}", edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()));
    let plan = loaded.plan.ok_or(Failure::Said)?;
    let notices = args.of.notices(&plan, clock::wall()).map_err(Failure::Message)?;
    let names: Vec<&String> = args.names.iter().chain(&args.send).collect();
    let notifiers = chosen(&plan, &names).map_err(Failure::Message)?;
    if args.dry_run {
        for missing in deliver::preflight(&plan.routing) {
            say(err, &format!("highwater: {missing}"));
        }
        return show(&notifiers, &notices, out).map(|()| FINE).map_err(|error| Failure::Output(error, FINE));
    }
    send(&notifiers, &notices, out)
}

/// The notifiers of these names; all, if there are none.
fn chosen<'p>(plan: &'p Plan, names: &[&String]) -> Result<Vec<&'p Notifier>, String> {
    let all = &plan.routing.notifiers;
    let known = || all.iter().map(|notifier| format!(":{}", notifier.name)).collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        return Err("there are no `:notifiers`; every transition goes to standard output".to_string());
    }
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let find = |name: &&String| {
        let bare = name.strip_prefix(':').unwrap_or(name);
        let found = all.iter().find(|notifier| notifier.name == bare);
        found.ok_or_else(|| format!("there is no notifier `:{bare}`; there are {}", known()))
    };
    names.iter().map(find).collect()
}

fn show(notifiers: &[&Notifier], notices: &[Notice], out: &mut dyn Write) -> io::Result<()> {
    for notifier in notifiers {
        for (i, notice) in notices.iter().enumerate() {
            let notices = std::slice::from_ref(notice);
            let key = deliver::key(&notifier.name, notices);
            let batch = Batch { notices, key: &key, now: clock::wall(), is_test: false };
            let said = format!("== :{} ({}), {}", notifier.name, notifier.via.name(), notice.text("status"));
            writeln!(out, "{}{}", if i == 0 { "" } else { "\n" }, terminal::printable(&said))?;
            let shown = dry_run(&render(notifier, &batch));
            // Bytes of others' texts must not reach a terminal as they are.
            for line in String::from_utf8_lossy(&shown).lines() {
                writeln!(out, "{}", terminal::printable(line))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// With a recovery of each violation that has none: nothing is to stay open because of a test.
fn ended_all(notices: &[Notice]) -> Vec<Notice> {
    let ends =
        |violation: &str| notices.iter().any(|notice| notice.is_recovery() && notice.violation_id() == violation);
    let is_open = |notice: &&Notice| !notice.is_recovery() && !ends(notice.violation_id());
    let ends = notices.iter().filter(is_open).map(|notice| notice.forgotten(clock::wall()));
    notices.iter().cloned().chain(ends).collect()
}

fn send(notifiers: &[&Notifier], notices: &[Notice], out: &mut dyn Write) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Message(format!("cannot start: {error}")))?;
    let transports = deliver::Transports::default();
    let mut code = FINE;
    let notices = ended_all(notices);
    for notifier in notifiers {
        for notice in &notices {
            let notices = &[notice.as_test()];
            // Each test is one of its own, also for who has seen one before.
            let now = clock::wall();
            let key = format!("{}{:x}", deliver::key(&notifier.name, notices), now.micros());
            let batch = Batch { notices, key: &key, now, is_test: true };
            // A notifier may write there, too.
            out.flush().map_err(|error| Failure::Output(error, code))?;
            let outcome = runtime.block_on(transports.attempt(notifier, &batch));
            let said = match outcome {
                Outcome::Accepted => "accepted".to_string(),
                Outcome::Retry { why, .. } => format!("not accepted, the daemon would try again: {why}"),
                Outcome::Rejected { why } => format!("rejected: {why}"),
            };
            let is_accepted = said == "accepted";
            let line = format!(":{}  {}  {said}", notifier.name, notice.text("status"));
            writeln!(out, "{}", terminal::printable(&line)).map_err(|error| Failure::Output(error, FINE))?;
            if !is_accepted {
                code = FOUND;
                // There is nothing to recover from.
                break;
            }
        }
    }
    Ok(code)
}
