//! What is read of logs, counted and sent elsewhere, checked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Decimal, Expression, Field, Interval, Quantile, Secret, Url};

/// One way from log files to points.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub name: String,
    pub logs: Logs,
    pub counting: Counting,
    pub to: Destination,
    /// Which share of the lines may be refused before the run fails.
    pub max_rejects: Decimal,
}

/// Files that are followed, and how their lines are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Logs {
    /// Paths, with `*`, `?`, `[…]` and `**`; rotated siblings belong to them.
    pub files: Vec<String>,
    /// A name, a pasted format, a regex; None: what fits the first lines best.
    pub format: Option<Format>,
    /// The name of the time zone of lines that do not say theirs; None: the machine's.
    pub zone: Option<String>,
}

/// Files whose lines are events of the daemon.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The service of the events, unless they say another.
    pub name: String,
    pub logs: Logs,
    /// Gives nil, for lines that are no events, or a map of what events have beside the fields of the line, or instead.
    pub event: Option<Expression>,
}

/// A log format as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// A name, or pasted from a server's configuration.
    Written(String),
    /// A regular expression with named groups.
    Regex(String),
}

/// What of lines is counted, and how: all that says which points come of which lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counting {
    /// Gives nil, or a map whose entries are the tags.
    pub record: Expression,
    pub interval: Interval,
    /// How long after its end a window stays open, in microseconds.
    pub lateness: i64,
    pub measurement: String,
    /// On every point, in order of name; that of the machine is added where they are sent.
    pub tags: Vec<(String, String)>,
    /// In order of name.
    pub stats: Vec<Stat>,
}

/// What is kept of a numeric field beside the count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    /// What the fields of a point begin with: `time` gives `time_p99`.
    pub name: String,
    pub field: Field,
    pub percentiles: Vec<Quantile>,
    pub sum: bool,
    pub min: bool,
    pub max: bool,
    /// How many values there were.
    pub count: bool,
}

/// Where points go.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    Influx(Influx),
    /// Line protocol on standard output.
    Stdout,
    /// Line protocol, appended.
    File(PathBuf),
    /// One event for each record, as JSON: to a daemon, else on standard output.
    Events(Option<Events>),
}

/// A daemon that takes events over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    pub url: Url,
    pub token: Option<Secret>,
    pub ca: Option<PathBuf>,
}

/// An InfluxDB, or what takes its line protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Influx {
    /// Of the server, without the path of an endpoint.
    pub url: Url,
    pub api: InfluxApi,
    /// Certificates in PEM to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// How long all attempts at one batch may take, in microseconds.
    pub timeout: i64,
    /// Whether points that the server refuses are counted and left out, rather than fail the run.
    pub skip_refused: bool,
}

/// The endpoint and what it wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum InfluxApi {
    V1 { db: String, rp: Option<String>, login: Option<(String, Secret)> },
    V2 { org: Option<String>, bucket: String, token: Option<Secret> },
    V3 { db: String, token: Option<Secret> },
}
