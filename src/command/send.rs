//! `send`: events to a daemon, so that it can be tried with one program.

mod event;
mod link;
mod outbox;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::terminal;
use super::{FAILED, FINE, FOUND};
use crate::plan::{Number, Timestamp};
use crate::source::Counter;
use crate::source::input::{self, Line, Lines, Sizes};
use link::{Link, TlsFiles};
use outbox::Outbox;

/// Of each input, in bytes.
const SIZES: Sizes = Sizes { line: 1 << 20, buffer: 64 << 10 };

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    highwater send --service http --metric 85 -a status-code=200\n  \
    highwater send events.json\n  \
    tail -f events.json | highwater send --tcp 10.0.0.5:5555 -")]
pub struct SendArgs {
    /// Events, one JSON object a line; `-` is standard input. Without a time they are dated when they arrive
    #[arg(value_name = "FILE", conflicts_with_all = ["Event", "count"])]
    files: Vec<String>,
    #[command(flatten)]
    event: EventArgs,
    /// Send the event so often
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Where Riemann's protocol is listened to over TCP [default: 127.0.0.1:5555]
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["udp", "tls"])]
    tcp: Option<String>,
    /// The same over UDP, which is not acknowledged
    #[arg(long, value_name = "ADDR", conflicts_with = "tls")]
    udp: Option<String>,
    /// The same over TLS
    #[arg(long, value_name = "ADDR", requires_all = ["ca_cert", "cert", "key"])]
    tls: Option<String>,
    /// The certificates, in PEM, that sign the server's
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca_cert: Option<PathBuf>,
    /// The certificate of this client, in PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    cert: Option<PathBuf>,
    /// The key of this client, in PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    key: Option<PathBuf>,
    /// The name in the server's certificate [default: the host of --tls]
    #[arg(long, value_name = "NAME", requires = "tls")]
    server_name: Option<String>,
    /// The most events in a message
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    batch: u64,
    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// One event.
#[derive(Args, Clone, Debug)]
#[group(id = "Event", multiple = true)]
struct EventArgs {
    /// The service of one event
    #[arg(long, value_name = "TEXT")]
    service: Option<String>,
    /// Its host
    #[arg(long, value_name = "TEXT")]
    host: Option<String>,
    /// Its state, as in `ok`
    #[arg(long, value_name = "TEXT")]
    state: Option<String>,
    /// Its description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Its metric
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = parse_number)]
    metric: Option<Number>,
    /// One of its tags; may be given several times
    #[arg(long = "tag", value_name = "TEXT")]
    tags: Vec<String>,
    /// How long it holds, in seconds
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<f32>,
    /// Its time: RFC 3339 or seconds since 1970 [default: when the event arrives]
    #[arg(long, value_name = "TIME", value_parser = super::history::parse_time)]
    time: Option<Timestamp>,
    /// One of its attributes; may be given several times
    #[arg(short = 'a', long = "attribute", value_name = "NAME=VALUE", value_parser = parse_attribute)]
    attributes: Vec<(String, String)>,
}

fn parse_number(text: &str) -> Result<Number, String> {
    Number::parse_json(text.as_bytes()).ok_or_else(|| "expected a number, as in 85 or 0.25".to_string())
}

fn parse_attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err("expected NAME=VALUE, as in status-code=200".to_string()),
    }
}

/// Sends; returns the exit code.
pub fn run(args: &SendArgs, err: &mut dyn Write) -> u8 {
    let (link, files) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(message) => {
            say(err, &format!("highwater: {message}"));
            return FAILED;
        }
    };
    let mut outbox = Outbox::new(link, usize::try_from(args.batch).unwrap_or(usize::MAX), err);
    let ended = send(args, files, &mut outbox).and_then(|()| outbox.finish());
    if let Err(message) = &ended {
        outbox.say(&format!("highwater: {message}"));
    }
    let summary = outbox.sent.summary();
    outbox.say(&summary);
    match ended {
        Err(_) => FAILED,
        Ok(()) if outbox.sent.found_fault() => FOUND,
        Ok(()) => FINE,
    }
}

fn say(err: &mut dyn Write, line: &str) {
    let _ = writeln!(err, "{}", terminal::printable(line));
}

/// Opens all inputs, then the connection: what cannot be read is said before anything is sent.
fn prepare(args: &SendArgs) -> Result<(Link, Vec<(String, Lines)>), String> {
    if args.files.is_empty() && args.event.service.is_none() {
        return Err("nothing to send: name the --service of an event, or a file with events, or `-`".to_string());
    }
    let mut files = Vec::new();
    for (at, path) in args.files.iter().enumerate() {
        if path == "-" && args.files[..at].contains(path) {
            return Err("standard input is named twice".to_string());
        }
        let opened = input::open(path, SIZES, &Counter::default()).map_err(|error| error.to_string())?;
        files.push((path.clone(), opened.lines));
    }
    let timeout = Duration::from_secs(args.timeout);
    let link = match (&args.udp, &args.tls) {
        (Some(address), _) => Link::udp(address)?,
        (None, Some(address)) => {
            let (Some(ca_cert), Some(cert), Some(key)) = (&args.ca_cert, &args.cert, &args.key) else {
                return Err("--tls needs --ca-cert, --cert and --key".to_string());
            };
            Link::tls(address, args.server_name.as_deref(), &TlsFiles { ca_cert, cert, key }, timeout)?
        }
        (None, None) => Link::tcp(args.tcp.as_deref().unwrap_or("127.0.0.1:5555"), timeout)?,
    };
    Ok((link, files))
}

/// Sends the one event so often as it is wanted, or those of all inputs.
fn send(args: &SendArgs, files: Vec<(String, Lines)>, outbox: &mut Outbox<'_>) -> Result<(), String> {
    if files.is_empty() {
        let event = event::of_arguments(&args.event);
        for number in 1..=args.count {
            outbox.put(&event, || format!("event {number}"))?;
        }
    }
    for (path, mut lines) in files {
        loop {
            // Who writes into a pipe sees at once what becomes of it.
            if path == "-" && !lines.has_come() {
                outbox.settle()?;
            }
            match lines.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(format!("{path}: after line {}: {error}", lines.number())),
            }
            let place = format!("{path}:{}", lines.number());
            let event = match lines.current_line() {
                Line::Whole(line) => event::of_json(line),
                Line::TooLong(_) => Err(format!("longer than {} bytes", SIZES.line)),
            };
            match event {
                Ok(event) => outbox.put(&event, || place)?,
                Err(cause) => outbox.bad(&format!("{place}: {cause}")),
            }
        }
    }
    Ok(())
}
