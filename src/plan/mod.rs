//! Plain checked data: what cannot be wrong any more.

mod bound;
mod expression;
mod keeping;
mod notifier;
mod number;
mod pattern;
mod pipeline;
mod route;
mod scenario;
mod server;
mod threshold;
mod time;
pub(crate) mod written;

use serde::{Deserialize, Serialize};

pub use bound::{Bound, Comparator};
pub use expression::{Buckets, Case, Expression, Field, Operation};
pub use keeping::{Durability, Keeping, Place};
pub use notifier::{
    Address, Alertmanager, Email, Exec, Headers, Heartbeat, Key, Log, MailSecurity, Notifier, PagerDuty, Severities,
    Url, Via, Webhook,
};
pub use number::{Decimal, Number, Quantile};
pub use pattern::Pattern;
pub use pipeline::{Counting, Destination, Events, Format, Influx, InfluxApi, Logs, Pipeline, Source, Stat};
pub use route::{Route, Routing};
pub use scenario::{Expected, Plain, Scenario, Sequence, Series};
pub use server::{EventTime, Exposed, Listener, Secret, Server, TlsListener};
pub use threshold::{Measure, Output, Policy, Rank, Service, Thin, Threshold, json_number};
pub use time::{Civil, Interval, Timestamp};

/// Everything that a configuration says, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In order of id; ids are unique.
    pub thresholds: Vec<Threshold>,
    /// Allowed lateness as configured for all, in microseconds; never negative. What counts is that of a threshold.
    pub grace: i64,
    /// Whether the configuration names `:grace`: then no source's own default applies.
    pub grace_is_set: bool,
    /// How far ahead of the machine's clock an event may be, in microseconds.
    pub max_skew: i64,
    /// Whether the daemon reads its files again when they change.
    pub watch: bool,
    /// The name of this installation.
    pub instance: String,
    pub limits: Limits,
    pub server: Server,
    pub state: Keeping,
    pub routing: Routing,
    /// In order of name.
    pub pipelines: Vec<Pipeline>,
    /// Files that the daemon follows, in order of name.
    pub sources: Vec<Source>,
}

impl Plan {
    /// Allowed lateness where none is configured: five seconds, in microseconds.
    pub const GRACE: i64 = 5_000_000;
    /// How far ahead an event may be where nothing is configured: a minute, in microseconds.
    pub const MAX_SKEW: i64 = 60_000_000;
}

/// Every limit, by its name in `:limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// `:groups`: groups of one threshold at a time.
    pub groups: usize,
    /// `:group-bytes`: the texts that make a group, together; an event with longer ones is left out and counted.
    pub group_bytes: usize,
    /// `:open-windows`: parts of windows (panes) held open at a time, over all thresholds and groups.
    pub open_windows: usize,
    /// `:sketch-bytes`: memory for shown percentiles, over all thresholds and groups.
    pub sketch_bytes: usize,
    /// `:line-bytes`: the longest line of an input; a longer one is refused and counted.
    pub line_bytes: usize,
    /// `:attributes`: attributes of one event; an event with more is refused and counted.
    pub attributes: usize,
    /// `:event-bytes`: the longest event of a message; a longer one is refused and counted, its neighbours are taken.
    pub event_bytes: usize,
    /// `:frame-bytes`: the longest message over TCP, and the longest body over HTTP.
    pub frame_bytes: usize,
    /// `:receive-bytes`: memory for messages that have arrived in part, over all connections.
    pub receive_bytes: usize,
    /// `:queue`: notices that wait for one notifier; when there are more, older ones of a key give way.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            groups: 100_000,
            group_bytes: 1024,
            open_windows: 1_000_000,
            sketch_bytes: 12 << 20,
            line_bytes: 1 << 20,
            attributes: 256,
            event_bytes: 1 << 20,
            frame_bytes: 16 << 20,
            receive_bytes: 64 << 20,
            queue: 10_000,
        }
    }
}
