//! `run`: the daemon.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use clap::{Args, ValueEnum};

use super::{FAILED, FINE};
use super::{log, state_folder, terminal};
use crate::config::{self, Unset};
use crate::deliver;
use crate::edn;
use crate::plan::{Listener, Place, Plan};
use crate::server::{self, Failure, Settings};

/// More lanes than this help nobody.
const MOST_LANES: usize = 64;
/// So many lanes are started at most unless it is said otherwise.
const LANES: usize = 8;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater run -c thresholds\n  \
    highwater run -c thresholds --tcp 127.0.0.1:0 --udp none --http none\n  \
    highwater run -c thresholds --record today.jsonl    # then: highwater replay -c thresholds --as-live today.jsonl")]
pub struct RunArgs {
    /// Threshold files or folders [default: ./thresholds.edn, else ./thresholds]
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
    /// Where to listen for Riemann's protocol over TCP, or `none` [default: 127.0.0.1:5555]
    #[arg(long, value_name = "ADDR")]
    tcp: Option<String>,
    /// Where to listen for Riemann's protocol over UDP, or `none` [default: 127.0.0.1:5555]
    #[arg(long, value_name = "ADDR")]
    udp: Option<String>,
    /// Where to listen for HTTP, or `none` [default: 127.0.0.1:5556]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Keep no state: after a restart, windows and statuses begin anew
    #[arg(long)]
    no_state: bool,
    /// Where to keep state: what was acknowledged outlives the process [default: the usual state folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_state")]
    state: Option<PathBuf>,
    /// Write what arrives, and when, to a new file, for `replay --as-live`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Threads that read and count [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=MOST_LANES as u64))]
    lanes: Option<u64>,
    /// How the log is written to stderr: `human`, or `json`, one object a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    log: Log,
    /// What is logged: `error`, `warn`, `info`, `debug`
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    Human,
    Json,
}

/// Runs the daemon until it is stopped; returns the exit code.
pub fn run(args: RunArgs) -> u8 {
    let code = serve(args);
    log::flush();
    code
}

fn serve(args: RunArgs) -> u8 {
    let args = Arc::new(args);
    start_log(&args);
    let refuse = |said: &str| {
        match args.log {
            Log::Human => drop(write!(io::stderr(), "{said}")),
            Log::Json => tracing::error!("{}", said.trim_end()),
        }
        FAILED
    };
    let read = Arc::new(Read::default());
    let plan = match load(&args, args.log == Log::Human && terminal::colour_stderr(), &read) {
        Ok((plan, said)) => {
            match args.log {
                Log::Human => drop(write!(io::stderr(), "{said}")),
                Log::Json if said.is_empty() => {}
                Log::Json => tracing::warn!("{}", said.trim_end()),
            }
            plan
        }
        Err(said) => return refuse(&said),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let lanes = args.lanes.map_or(cores.min(LANES), |lanes| usize::try_from(lanes).unwrap_or(1));
    let again = Arc::clone(&args);
    let state = match folder(&args, &plan) {
        Ok(state) => state,
        Err(message) => return refuse(&line(&message)),
    };
    let load = {
        let read = Arc::clone(&read);
        Arc::new(move || load(&again, false, &read))
    };
    let looked = Arc::clone(&args);
    let changed = Arc::new(move || read.changed(&looked.config));
    let settings = Settings { lanes, record: args.record.clone(), state, load, changed, last_words: log::flush };
    match server::run(plan, &settings) {
        Ok(counters) => {
            report(&counters);
            FINE
        }
        Err(Failure::Start(message)) => refuse(&line(&message)),
        Err(Failure::Output(error, counters)) => {
            tracing::error!("standard output: {error}: nobody can be told, so this ends");
            report(&counters);
            FAILED
        }
    }
}

/// Where state is kept: as the command line says, or the file, or where it usually is.
fn folder(args: &RunArgs, plan: &Plan) -> Result<Option<PathBuf>, String> {
    if args.no_state {
        return Ok(None);
    }
    if let Some(folder) = &args.state {
        if folder.as_os_str() == "none" {
            return Ok(None);
        }
        return Ok(Some(folder.clone()));
    }
    match &plan.state.place {
        Place::Nowhere => Ok(None),
        Place::Folder(folder) => Ok(Some(folder.clone())),
        Place::Usual => state_folder::usual(|name| std::env::var_os(name)).map(Some),
    }
}

/// The plan with what the command line says, and lints; or all that is wrong. Lines of text either way.
fn load(args: &RunArgs, colour: bool, read: &Read) -> Result<(Plan, String), String> {
    // A pipe gives its text once, and opening it waits for whoever writes.
    if let Some(path) =
        args.config.iter().find(|path| read.is_again() && path.exists() && !path.is_file() && !path.is_dir())
    {
        return Err(line(&format!("{}: not a regular file any more", path.display())));
    }
    let environment = config::Noting::new(&config::Process);
    let before = config::stamp(&args.config);
    let loaded = config::load(&args.config, &environment, Unset::Error);
    read.note(before, environment.files());
    let mut said = edn::human(&loaded.sources, &loaded.diagnostics, colour);
    let Some(mut plan) = loaded.plan else { return Err(said) };
    for missing in deliver::preflight(&plan.routing) {
        said.push_str(&line(&missing));
    }
    let server = &mut plan.server;
    for (option, text, listeners) in [
        ("--tcp", &args.tcp, &mut server.tcp),
        ("--udp", &args.udp, &mut server.udp),
        ("--http", &args.http, &mut server.http),
    ] {
        if let Some(text) = text {
            let address = config::address(text).map_err(|error| line(&format!("{option}: {error}")))?;
            override_address(listeners, address);
        }
    }
    if server.tcp.is_empty() && server.udp.is_empty() && server.tls.is_empty() && server.http.is_empty() {
        return Err(line("nothing is listened on: all of `:tcp`, `:udp`, `:tls` and `:http` are turned off"));
    }
    // Addresses of files were checked there; these may be of the command line.
    if let Some(exposed) = server.exposed().first() {
        return Err(line(&format!("{exposed}; {}", exposed.remedy())));
    }
    Ok((plan, said))
}

/// What the files were like that were read last.
#[derive(Default)]
struct Read(Mutex<Stamps>);

#[derive(Default)]
struct Stamps {
    is_read: bool,
    configuration: u64,
    /// Those of `#file`.
    secrets: u64,
    paths: Vec<PathBuf>,
}

impl Read {
    /// Whether files were read before.
    fn is_again(&self) -> bool {
        server::lock(&self.0).is_read
    }

    fn note(&self, configuration: u64, paths: Vec<PathBuf>) {
        let secrets = config::stamp_files(&paths);
        *server::lock(&self.0) = Stamps { is_read: true, configuration, secrets, paths };
    }

    /// Something else, if files are others now: a number for what they are like.
    fn changed(&self, config: &[PathBuf]) -> Option<u64> {
        let read = server::lock(&self.0);
        let (configuration, secrets) = (config::stamp(config), config::stamp_files(&read.paths));
        let is_same = (configuration, secrets) == (read.configuration, read.secrets);
        (!is_same).then_some(configuration.wrapping_mul(31) ^ secrets)
    }
}

fn line(message: &str) -> String {
    format!("{}\n", terminal::printable(&format!("highwater: {message}")))
}

/// The address given takes the place of those configured; what is known of the senders stays.
fn override_address(listeners: &mut Vec<Listener>, address: Option<SocketAddr>) {
    let known = listeners.first().copied();
    let at = |address| known.map_or(Listener::at(address), |known| Listener { address, ..known });
    *listeners = address.into_iter().map(at).collect();
}

fn start_log(args: &RunArgs) {
    // Without a thread for it there is no log; the start will fail for the same reason, and say so.
    let _ = log::start();
    let logging = tracing_subscriber::fmt()
        .with_writer(log::Stderr)
        .log_internal_errors(false)
        .with_max_level(args.log_level)
        .with_target(false);
    // One process starts its log once; a second attempt would change nothing.
    let _ = match args.log {
        Log::Human => logging.with_ansi(io::stderr().is_terminal()).try_init(),
        Log::Json => logging.json().flatten_event(true).with_ansi(false).try_init(),
    };
}

/// What was taken in and said, at the end.
fn report(counters: &server::counters::Counters) {
    let events: u64 =
        server::counters::Source::ALL.iter().map(|source| counters.of(*source).events.load(Relaxed)).sum();
    let refused: u64 = counters.refused().values().sum();
    let turned_away: u64 = counters.turned_away().values().sum();
    tracing::info!(
        events,
        late = counters.late.load(Relaxed),
        ahead = counters.ahead.load(Relaxed),
        refused,
        turned_away,
        violations = counters.violations.load(Relaxed),
        recoveries = counters.recoveries.load(Relaxed),
        "stopped"
    );
}
