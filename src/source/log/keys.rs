//! What the keys of lines that name their fields mean: JSON, LTSV, logfmt, W3C columns, groups of a regex.

use super::compile::{Role, TimeText};

/// Who writes the lines, as far as the same key means something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The first meaning that many have: durations in seconds.
    Plain,
    Caddy,
    /// Durations in milliseconds.
    Envoy,
    Traefik,
    /// `host` is the client, `vhost` the host.
    Ltsv,
    /// Columns of the W3C, `time-taken` in seconds.
    W3c,
    /// The same in milliseconds.
    Iis,
    CloudFront,
}

/// A key, its role, and which of several with one role counts: the highest.
pub type Row = (&'static str, Role, u8);

const TIME: Role = Role::Time(TimeText::Shape);
const START: Role = Role::StartTime(TimeText::Shape);
const SECONDS: Role = Role::Duration { milliseconds: 3 };
const MILLISECONDS: Role = Role::Duration { milliseconds: 0 };
const MICROSECONDS: Role = Role::Duration { milliseconds: -3 };
const NANOSECONDS: Role = Role::Duration { milliseconds: -6 };
const VIRTUAL_HOST: Role = Role::Host { rank: 3 };
const HOST_HEADER: Role = Role::Host { rank: 2 };
const SERVER: Role = Role::Host { rank: 1 };
const CLIENT: Role = Role::Host { rank: 0 };

const COMMON: &[Row] = &[
    ("msec", TIME, 9),
    ("ts", TIME, 6),
    ("time_iso8601", TIME, 5),
    ("time", TIME, 5),
    ("timestamp", TIME, 5),
    ("@timestamp", TIME, 5),
    ("datetime", TIME, 4),
    ("time_local", TIME, 3),
    ("EdgeEndTimestamp", TIME, 8),
    ("start_time", START, 5),
    ("EdgeStartTimestamp", START, 5),
    ("status", Role::Status, 5),
    ("status_code", Role::Status, 4),
    ("statusCode", Role::Status, 4),
    ("http_status", Role::Status, 4),
    ("response_code", Role::Status, 4),
    ("response.status", Role::Status, 4),
    ("http.response.status_code", Role::Status, 4),
    ("EdgeResponseStatus", Role::Status, 4),
    ("code", Role::Status, 1),
    ("method", Role::Method, 5),
    ("request_method", Role::Method, 5),
    ("verb", Role::Method, 4),
    ("request.method", Role::Method, 4),
    ("http_method", Role::Method, 4),
    ("http.request.method", Role::Method, 4),
    ("ClientRequestMethod", Role::Method, 4),
    ("request_uri", Role::Uri, 6),
    ("uri", Role::Uri, 5),
    ("request.uri", Role::Uri, 5),
    ("url.original", Role::Uri, 5),
    ("ClientRequestURI", Role::Uri, 5),
    ("url", Role::Uri, 4),
    ("request.url", Role::Uri, 4),
    ("path", Role::Uri, 3),
    ("request_path", Role::Uri, 3),
    ("http_path", Role::Uri, 3),
    ("url.path", Role::Uri, 3),
    ("document_uri", Role::Uri, 2),
    ("args", Role::Args, 3),
    ("query_string", Role::Args, 3),
    ("query", Role::Args, 3),
    ("url.query", Role::Args, 3),
    ("server_protocol", Role::Protocol, 3),
    ("protocol", Role::Protocol, 3),
    ("proto", Role::Protocol, 2),
    ("request.proto", Role::Protocol, 3),
    ("ClientRequestProtocol", Role::Protocol, 3),
    ("request", Role::Request, 5),
    ("req", Role::Request, 5),
    ("request_line", Role::Request, 5),
    ("request_time", SECONDS, 6),
    ("reqtime", SECONDS, 6),
    ("reqtime_microsec", MICROSECONDS, 6),
    ("response_time", SECONDS, 5),
    ("duration", SECONDS, 4),
    ("latency", SECONDS, 3),
    ("elapsed", SECONDS, 3),
    ("apptime", SECONDS, 1),
    ("request_time_ms", MILLISECONDS, 6),
    ("response_time_ms", MILLISECONDS, 5),
    ("duration_ms", MILLISECONDS, 4),
    ("durationMs", MILLISECONDS, 4),
    ("latency_ms", MILLISECONDS, 3),
    ("elapsed_ms", MILLISECONDS, 3),
    ("request_time_us", MICROSECONDS, 6),
    ("duration_us", MICROSECONDS, 4),
    ("duration_ns", NANOSECONDS, 4),
    ("event.duration", NANOSECONDS, 4),
    ("host", VIRTUAL_HOST, 0),
    ("vhost", VIRTUAL_HOST, 0),
    ("request.host", VIRTUAL_HOST, 0),
    ("authority", VIRTUAL_HOST, 0),
    (":authority", VIRTUAL_HOST, 0),
    ("url.domain", VIRTUAL_HOST, 0),
    ("ClientRequestHost", VIRTUAL_HOST, 0),
    ("http_host", HOST_HEADER, 0),
    ("server_name", SERVER, 0),
    ("remote_addr", CLIENT, 0),
    ("remote_ip", CLIENT, 0),
    ("client_ip", CLIENT, 0),
    ("clientip", CLIENT, 0),
    ("client", CLIENT, 0),
    ("request.client_ip", CLIENT, 0),
    ("request.remote_ip", CLIENT, 0),
    ("ClientIP", CLIENT, 0),
];

const TRAEFIK: &[Row] = &[
    ("StartUTC", START, 7),
    ("StartLocal", START, 6),
    ("Duration", NANOSECONDS, 9),
    ("DownstreamStatus", Role::Status, 9),
    ("RequestMethod", Role::Method, 9),
    ("RequestPath", Role::Uri, 9),
    ("RequestProtocol", Role::Protocol, 9),
    ("RequestHost", VIRTUAL_HOST, 9),
    ("RequestAddr", HOST_HEADER, 9),
    ("ClientHost", CLIENT, 9),
];

const ENVOY: &[Row] = &[("duration", MILLISECONDS, 6)];

const LTSV: &[Row] = &[("host", CLIENT, 0)];

const W3C: &[Row] = &[
    ("date", Role::Date, 5),
    ("time", Role::Clock, 5),
    ("date-local", Role::Date, 0),
    ("time-local", Role::Clock, 0),
    ("time-taken", SECONDS, 5),
    ("TimeTakenMS", MILLISECONDS, 5),
    ("sc-status", Role::Status, 9),
    ("cs-method", Role::Method, 9),
    ("cs-uri", Role::Uri, 9),
    ("cs-uri-stem", Role::Uri, 8),
    ("cs-uri-query", Role::Args, 9),
    ("cs-version", Role::Protocol, 9),
    ("cs-protocol-version", Role::Protocol, 9),
    ("x-host-header", VIRTUAL_HOST, 9),
    ("cs-host", VIRTUAL_HOST, 8),
    ("cs(Host)", HOST_HEADER, 8),
    ("s-sitename", Role::Plain, 0),
    ("s-computername", SERVER, 0),
    ("c-ip", CLIENT, 0),
];

const IIS: &[Row] = &[("time-taken", MILLISECONDS, 5)];

/// The rows of a dialect: a later one with the same key counts.
pub fn rows(dialect: Dialect) -> impl Iterator<Item = Row> {
    let lists: [&[Row]; 2] = match dialect {
        Dialect::Plain | Dialect::Caddy => [COMMON, &[]],
        Dialect::Envoy => [COMMON, ENVOY],
        Dialect::Traefik => [COMMON, TRAEFIK],
        Dialect::Ltsv => [COMMON, LTSV],
        Dialect::W3c | Dialect::CloudFront => [W3C, &[]],
        Dialect::Iis => [W3C, IIS],
    };
    lists.into_iter().flatten().copied()
}
