//! Inputs from a published seed: log-normal durations over six decades, 1,000 distinct paths, 250 requests a second.
//!
//! The same seed and length give the same bytes everywhere.

#![allow(dead_code, reason = "each bench makes some of these")]

#[path = "random.rs"]
mod random;

use std::io::Write;

use random::Random;

/// The seed of all published measurements.
pub const SEED: u64 = 20_231_114;

/// The `log_format` of [`nginx_timed`].
pub const NGINX_TIMED: &str = r#"log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time urt="$upstream_response_time"';"#;

/// An access log in [`NGINX_TIMED`], of at least `bytes` bytes.
pub fn nginx_timed(seed: u64, bytes: usize) -> Vec<u8> {
    write_lines(seed, bytes, |request, out| {
        combined(request, out);
        let took = request.millis / 1000.0;
        writeln!(out, " rt={took:.3} urt=\"{took:.3}\"").expect("memory can be written");
    })
}

/// An access log in Apache's combined format.
pub fn apache_combined(seed: u64, bytes: usize) -> Vec<u8> {
    write_lines(seed, bytes, |request, out| {
        combined(request, out);
        out.push(b'\n');
    })
}

/// Events of the service `query-service response`, one JSON object a line.
pub fn json_events(seed: u64, bytes: usize) -> Vec<u8> {
    write_lines(seed, bytes, |request, out| {
        let Request { path, status, host, .. } = request;
        let (secs, thousandths) = (request.at / 1000, request.at % 1000);
        let metric = (request.millis * 1000.0).round() / 1000.0;
        writeln!(
            out,
            r#"{{"service":"query-service response","host":"web-{host}","time":{secs}.{thousandths:03},"metric":{metric},"status-code":"{status}","path":"/api/v1/item/{path}"}}"#
        )
        .expect("memory can be written");
    })
}

/// An access log as nginx writes it with `escape=json`.
#[allow(dead_code, reason = "not every bench reads it")]
pub fn nginx_json(seed: u64, bytes: usize) -> Vec<u8> {
    write_lines(seed, bytes, |request, out| {
        let Request { path, status, host, bytes, agent, .. } = request;
        let (secs, thousandths, took) = (request.at / 1000, request.at % 1000, request.millis / 1000.0);
        writeln!(
            out,
            r#"{{"time":"2023-11-14T22:13:20+00:00","msec":{secs}.{thousandths:03},"remote_addr":"10.0.0.{host}","method":"GET","uri":"/api/v1/item/{path}?page={host}","status":{status},"bytes":{bytes},"request_time":{took:.3},"urt":"{took:.3}","ua":"{agent}","ref":""}}"#
        )
        .expect("memory can be written");
    })
}

/// An access log of Caddy, with the headers of requests and responses.
#[allow(dead_code, reason = "not every bench reads it")]
pub fn caddy(seed: u64, bytes: usize) -> Vec<u8> {
    write_lines(seed, bytes, |request, out| {
        let Request { path, status, host, bytes, agent, .. } = request;
        let (secs, thousandths, took) = (request.at / 1000, request.at % 1000, request.millis / 1000.0);
        writeln!(
            out,
            r#"{{"level":"info","ts":{secs}.{thousandths:03},"logger":"http.log.access.log0","msg":"handled request","request":{{"remote_ip":"10.0.0.{host}","remote_port":"38574","client_ip":"10.0.0.{host}","proto":"HTTP/2.0","method":"GET","host":"example.org","uri":"/api/v1/item/{path}?page={host}","headers":{{"Accept":["*/*"],"User-Agent":["{agent}"],"Accept-Encoding":["gzip, deflate, br"]}}}},"bytes_read":0,"user_id":"","duration":{took:.9},"size":{bytes},"status":{status},"resp_headers":{{"Server":["Caddy"],"Content-Type":["application/json"]}}}}"#
        )
        .expect("memory can be written");
    })
}

/// The same log as [`nginx_json`], in LTSV.
#[allow(dead_code, reason = "not every bench reads it")]
pub fn ltsv(seed: u64, bytes: usize) -> Vec<u8> {
    write_lines(seed, bytes, |request, out| {
        let Request { path, status, host, bytes, agent, .. } = request;
        let took = request.millis / 1000.0;
        writeln!(
            out,
            "time:14/Nov/2023:22:13:20 +0000\thost:10.0.0.{host}\treq:GET /api/v1/item/{path}?page={host} HTTP/1.1\t\
             status:{status}\tsize:{bytes}\treqtime:{took:.3}\tapptime:{took:.3}\tua:{agent}"
        )
        .expect("memory can be written");
    })
}

/// What one line tells of.
struct Request {
    /// Milliseconds since 1970.
    at: u64,
    millis: f64,
    path: u64,
    status: u16,
    host: u64,
    bytes: u64,
    agent: &'static str,
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "curl/8.5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
];

fn combined(request: &Request, out: &mut Vec<u8>) {
    // All in November 2023, from the 14th at 22:13:20.
    let seconds = request.at / 1000 - 1_698_796_800;
    let (day, hour, minute, second) = (seconds / 86_400 + 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let Request { path, status, host, bytes, agent, .. } = request;
    write!(
        out,
        "10.0.{}.{host} - - [{day:02}/Nov/2023:{hour:02}:{minute:02}:{second:02} +0000] \
         \"GET /api/v1/item/{path}?page={} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"",
        path % 256,
        host % 10,
    )
    .expect("memory can be written");
}

fn write_lines(seed: u64, bytes: usize, mut write: impl FnMut(&Request, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 1024);
    let mut random = Random::new(seed);
    let mut at = 1_700_000_000_000;
    while out.len() < bytes {
        // 4 ms on average; two weeks are left of November.
        at += random.next() % 9;
        let draw = random.next() % 1000;
        let request = Request {
            at,
            // A standard deviation of one decade: six decades hold 99.7 %.
            millis: 10f64.powf(1.5 + random.normal()),
            path: random.next() % 1000,
            status: match draw {
                0..=949 => 200,
                950..=969 => 304,
                970..=989 => 404,
                990..=995 => 500,
                _ => 503,
            },
            host: random.next() % 200,
            bytes: random.next() % 60_000,
            agent: AGENTS[(random.next() % 4) as usize],
        };
        write(&request, &mut out);
    }
    out
}
