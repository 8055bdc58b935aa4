//! Points into an InfluxDB of each version, and events into a daemon: strict servers, and servers that fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use highwater::load::point::{FieldValue, Point, write};
use highwater::load::push::{Batches, Fault, Pusher, Sent};
use highwater::plan::{Events, Influx, InfluxApi, Secret, Url};

use crate::daemon::{Daemon, PATIENCE};
use crate::strict::influx::{Database, Version};
use crate::strict::{Say, Seen, Strict};

const SECONDS: i64 = 1_700_000_000;

/// Points of so many hosts, each with this count.
pub fn lines(hosts: usize, count: i64) -> Vec<u8> {
    let mut out = Vec::new();
    for host in 0..hosts {
        let host = format!("web-{host:05}");
        let fields = [("count", FieldValue::Integer(count)), ("time_p99", FieldValue::Float(0.25))];
        let nanos = SECONDS * 1_000_000_000;
        let tags: [(&[u8], &[u8]); 2] = [(b"path", b"/a b"), (b"host", host.as_bytes())];
        assert!(write(&Point { measurement: "http", tags: &tags, fields: &fields, nanos }, &mut out));
    }
    out
}

/// Points that cannot be packed.
pub fn random_lines(count: i64) -> Vec<u8> {
    let (mut out, mut random) = (Vec::new(), 1u64);
    for at in 0..count {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let path = format!("{random:016x}").repeat(2);
        let fields = [("count", FieldValue::Integer(3))];
        let nanos = SECONDS * 1_000_000_000 + at;
        let tags: [(&[u8], &[u8]); 1] = [(b"path", path.as_bytes())];
        assert!(write(&Point { measurement: "random", tags: &tags, fields: &fields, nanos }, &mut out));
    }
    out
}

pub fn influx(url: String, api: InfluxApi) -> Influx {
    Influx { url: Url(url), api, ca: None, timeout: 10_000_000, skip_refused: false }
}

pub fn v1(db: &str) -> InfluxApi {
    InfluxApi::V1 { db: db.to_string(), rp: None, login: None }
}

/// Who writes: with the word that the server asks for, or another.
fn api(version: Version, secret: &str, name: &str) -> InfluxApi {
    let (secret, name) = (Secret(secret.to_string()), name.to_string());
    match version {
        Version::One => InfluxApi::V1 { db: name, rp: None, login: Some(("me".to_string(), secret)) },
        Version::Two => InfluxApi::V2 { org: Some("shop".to_string()), bucket: name, token: Some(secret) },
        Version::Three => InfluxApi::V3 { db: name, token: Some(secret) },
    }
}

/// A strict InfluxDB that knows the word `s3cret`.
fn database(version: Version) -> (Arc<Mutex<Database>>, Strict) {
    let authorization = match version {
        Version::One => "Basic bWU6czNjcmV0",
        Version::Two => "Token s3cret",
        Version::Three => "Bearer s3cret",
    };
    let database = Database { authorization: Some(authorization), ..Database::new(version) };
    let database = Arc::new(Mutex::new(database));
    let taken = database.clone();
    (database, Strict::start(move |seen| taken.lock().expect("one test").answer(seen)))
}

const VERSIONS: [Version; 3] = [Version::One, Version::Two, Version::Three];

fn sent(lines: u64, refused: u64, attempts: u64) -> Sent {
    Sent { lines, refused, why: None, attempts }
}

/// A server that does these one after the other, and the last one for ever.
fn scripted(script: Vec<Say>) -> Strict {
    let mut next = 0;
    Strict::start(move |_: &Seen| {
        let say = script[next.min(script.len() - 1)].clone();
        next += 1;
        say
    })
}

#[test]
fn each_version_keeps_points_once_however_often_they_are_sent() {
    for version in VERSIONS {
        let (database, server) = database(version);
        let influx = influx(server.url("/"), api(version, "s3cret", "logs"));
        let mut pusher = Pusher::default();
        for count in [10, 10, 25] {
            let mut all = Sent::default();
            for batch in Batches::of(&lines(6_000, count)) {
                all.add(pusher.send(&influx, batch).expect("it is content"));
            }
            assert_eq!(all, sent(6_000, 0, 2), "{version:?}");
        }
        let database = database.lock().expect("one test");
        assert_eq!(database.stored.len(), 6_000);
        assert!(database.stored.values().all(|fields| fields["count"] == "25i" && fields["time_p99"] == "0.25"));
        // One after the other, over one connection.
        assert!(server.all_seen().iter().all(|seen| seen.connection == 0));
        let order = String::from_utf8(lines(6_000, 10)).expect("UTF-8");
        assert!(database.lines[..6_000].iter().eq(order.lines()));
    }
}

#[test]
fn what_is_refused_fails_the_run_or_is_counted() {
    for version in VERSIONS {
        let (database, server) = database(version);
        let influx = influx(server.url(""), api(version, "s3cret", "logs"));
        let mut pusher = Pusher::default();
        pusher.send(&influx, &lines(3, 1)).expect("it is content");
        let conflict =
            String::from_utf8(lines(9, 2)).expect("UTF-8").replace("web-00005 count=2i", "web-00005 count=2");
        let conflict = conflict.replace(
            "path=/a\\ b count=2i,time_p99=0.25 1700000000000000000\n",
            "path=x count=2i,time_p99=1i 1700000000000000000\n",
        );
        let conflict = conflict.lines().enumerate().map(|(at, line)| match at {
            // All but two as they were.
            5 | 6 => format!("{line}\n"),
            _ => format!("{}\n", line.replace("time_p99=1i", "time_p99=1")),
        });
        let conflict: String = conflict.collect();
        let Err(Fault { why }) = pusher.send(&influx, conflict.as_bytes()) else { panic!("{version:?} is content") };
        assert!(why.starts_with(&server.url("")) && why.contains("partial write"), "{why}");
        assert!(why.ends_with("`:partial :skip` goes on without what is refused"), "{why}");
        let skipping = Influx { skip_refused: true, ..influx.clone() };
        let skipped = pusher.send(&skipping, conflict.as_bytes()).expect("it goes on");
        assert_eq!((skipped.lines, skipped.refused, skipped.attempts), (9, 2, 1), "{version:?}: {skipped:?}");
        assert!(skipped.why.expect("its words").contains(if version == Version::Three {
            "time_p99"
        } else {
            "conflict"
        }));
        assert_eq!(database.lock().expect("one test").stored.len(), 3 + 7, "{version:?}");

        // What is no line at all: version 2 keeps nothing then.
        let broken = [&lines(3, 4)[..], b"garbage\n"].concat();
        match (version, pusher.send(&skipping, &broken)) {
            (Version::Two, Err(Fault { why })) => assert!(why.contains("answered 400: unable to parse"), "{why}"),
            (_, Ok(skipped)) => assert_eq!((skipped.lines, skipped.refused), (4, 1)),
            (_, other) => panic!("{version:?}: {other:?}"),
        }
    }
}

#[test]
fn a_fault_says_what_to_do_and_no_secret() {
    for version in VERSIONS {
        let (_, server) = database(version);
        let mut pusher = Pusher::default();
        let unknown = match version {
            Version::One => "CREATE DATABASE \"nope\"",
            Version::Two => "influx bucket create --name \"nope\"",
            Version::Three => "is `:url` that of an InfluxDB 3",
        };
        let login = if version == Version::One { "`:user` and `:password`" } else { "`:token`" };
        for (secret, name, remedy) in [("s3cret", "nope", unknown), ("wr0ng-word", "logs", login)] {
            let influx = influx(server.url("/"), api(version, secret, name));
            let Err(Fault { why }) = pusher.send(&influx, &lines(1, 1)) else { panic!("{version:?} is content") };
            assert!(why.starts_with(&server.url("")) && why.contains(remedy), "{why}");
            assert!(["s3cret", "wr0ng", "\n"].iter().all(|secret| !why.contains(secret)), "{why}");
        }
        // Nothing is tried twice.
        assert_eq!(server.all_seen().len(), 2);
    }
}

#[test]
fn what_is_too_large_is_sent_in_pieces_and_in_order() {
    let all = lines(2_000, 7);
    let order = String::from_utf8(all.clone()).expect("UTF-8");
    let (database, server) = database(Version::Two);
    database.lock().expect("one test").most = 4_000;
    let influx = influx(server.url(""), api(Version::Two, "s3cret", "logs"));
    let mut pusher = Pusher::default();
    let pieces = pusher.send(&influx, &all).expect("pieces fit");
    assert_eq!((pieces.lines, pieces.refused), (2_000, 0));
    assert!(pieces.attempts > 2, "{pieces:?}");
    assert!(database.lock().expect("one test").lines.iter().eq(order.lines()));
    // The next batch is cut at once.
    let again = pusher.send(&influx, &all).expect("pieces fit");
    assert!(again.attempts < pieces.attempts, "{again:?} after {pieces:?}");
    database.lock().expect("one test").most = 10;
    let Err(Fault { why }) = pusher.send(&influx, &all) else { panic!("a line fits") };
    assert!(why.contains("answered 413") && why.contains("it takes no single line of"), "{why}");
}

#[test]
fn a_server_that_ends_the_connection_gets_less_at_a_time() {
    let all = lines(400, 7);
    let taken = Arc::new(Mutex::new(0));
    let count = taken.clone();
    let server = Strict::start(move |seen| match seen.body.len() {
        0..700 => {
            *count.lock().expect("one test") += 1;
            Say::status(204)
        }
        _ => Say::Cut(String::new()),
    });
    let all_sent = Pusher::default().send(&influx(server.url(""), v1("logs")), &all).expect("pieces fit");
    assert_eq!((all_sent.lines, all_sent.refused), (400, 0));
    assert!(all_sent.attempts > *taken.lock().expect("one test"));
}

/// Takes bodies of at most so many bytes; from a longer one it turns away without a look at it.
fn rude(most: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                length =
                    line.strip_prefix("content-length: ").map_or(length, |text| text.trim().parse().expect("a length"));
                line.clear();
            }
            if length == 0 || length > most {
                continue;
            }
            let mut body = vec![0; length];
            let _ = stream.read_exact(&mut body);
            let _ = stream.get_mut().write_all(b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n");
        }
    });
    format!("http://{address}")
}

#[test]
fn a_connection_that_breaks_while_much_is_sent_is_a_sign_of_too_much() {
    let all = random_lines(20_000);
    let sent = Pusher::default().send(&influx(rude(200_000), v1("logs")), &all).expect("pieces fit");
    assert_eq!((sent.lines, sent.refused), (20_000, 0));
    // Once as a whole and once as a half at least.
    assert!(sent.attempts > 3, "{sent:?}");
    let one = influx(rude(10), v1("logs"));
    let Err(Fault { why }) = Pusher::default().send(&Influx { timeout: 1_000_000, ..one }, &all) else {
        panic!("ten bytes are enough")
    };
    assert!(why.ends_with("given up after the 1 s of `:timeout`"), "{why}");
}

#[test]
fn what_may_go_well_later_is_tried_again() {
    let unavailable = || Say::Answer(503, &[], r#"{"error":"starting"}"#.to_string());
    for script in [
        vec![unavailable(), Say::status(204)],
        vec![Say::status(500), Say::Answer(429, &[("retry-after", "0")], String::new()), Say::status(204)],
        vec![Say::Cut("HTTP/1.1 204 No Con".to_string()), Say::status(204)],
        vec![Say::Cut("HTTP/1.1 400 X\r\ncontent-length: 50\r\n\r\n{\"err".to_string()), Say::status(204)],
        // A connection that was kept turns out to be closed.
        vec![Say::Close(204), Say::status(204)],
    ] {
        let attempts = script.len() as u64;
        let server = scripted(script.clone());
        let influx = influx(server.url(""), v1("logs"));
        let mut pusher = Pusher::default();
        let first = pusher.send(&influx, &lines(1, 1)).expect("it goes well in the end");
        let attempts = if let Say::Close(_) = script[0] { 1 } else { attempts };
        assert_eq!(first, sent(1, 0, attempts), "{script:?}");
        assert_eq!(pusher.send(&influx, &lines(9, 1)), Ok(sent(9, 0, 1)), "{script:?}");
        // Each time the same.
        let seen = server.all_seen();
        assert!(seen[..attempts as usize].iter().all(|one| one.body == seen[0].body), "{script:?}");
    }
}

#[test]
fn what_never_goes_well_ends_with_the_time_or_at_once() {
    let busy = Say::Answer(503, &[("retry-after", "3600")], String::new());
    let html = Say::Answer(200, &[], "<html>a page</html>".to_string());
    let moved = Say::Answer(301, &[("location", "https://elsewhere.example.com/write")], String::new());
    for (say, micros, expected) in [
        (busy, 10_000_000, "answered 503; it asks for a pause of 3600 s, longer than `:timeout` leaves"),
        (Say::status(503), 100_000, "answered 503; tried once, and given up after the 0.1 s of `:timeout`"),
        (Say::Nothing, 300_000, "/…: not done within 0.3 s; tried once, and given up after the 0.3 s of `:timeout`"),
        (Say::EndlessHead, 10_000_000, ""),
        (Say::Endless, 10_000_000, "is `:url` that of one?"),
        (html, 10_000_000, "answered 200: <html>a page</html>; InfluxDB says nothing there: is `:url` that of one?"),
        (moved, 10_000_000, "it redirects to elsewhere.example.com, which is not followed"),
        (Say::status(418), 10_000_000, "answered 418"),
    ] {
        let endless = matches!(say, Say::EndlessHead);
        let server = scripted(vec![say]);
        let timeout = if endless { 300_000 } else { micros };
        let influx = Influx { timeout, ..influx(server.url(""), v1("logs")) };
        let begun = Instant::now();
        let Err(Fault { why }) = Pusher::default().send(&influx, &lines(3, 1)) else { panic!("{expected}: content") };
        assert!(why.starts_with(&server.url("")) && why.contains(expected) && !why.contains('\n'), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{why}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named_once() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("loopback");
    let influx = Influx { timeout: 300_000, ..influx(format!("http://{free}"), v1("logs")) };
    let Err(Fault { why }) = Pusher::default().send(&influx, &lines(3, 1)) else { panic!("nobody is there") };
    assert!(why.starts_with(&format!("http://{free}: cannot connect: ")), "{why}");
    assert_eq!(why.matches(&free.to_string()).count(), 1, "{why}");
}

#[test]
fn points_go_over_tls_to_whoever_is_trusted() {
    let database = Arc::new(Mutex::new(Database::new(Version::One)));
    let taken = database.clone();
    let server = Strict::start_tls("127.0.0.1:0", move |seen| taken.lock().expect("one test").answer(seen));
    let ca = format!("{}/fixtures/tls/ca.pem", env!("CARGO_MANIFEST_DIR"));
    let trusting = Influx { ca: Some(ca.into()), ..influx(server.url(""), v1("logs")) };
    let mut pusher = Pusher::default();
    assert_eq!(pusher.send(&trusting, &lines(5, 1)), Ok(sent(5, 0, 1)));
    assert_eq!(database.lock().expect("one test").stored.len(), 5);
    let strange = Influx { ca: None, timeout: 300_000, ..trusting };
    let Err(Fault { why }) = pusher.send(&strange, &lines(5, 1)) else { panic!("a stranger is trusted") };
    assert!(why.contains("`:ca`"), "{why}");
}

#[test]
fn a_daemon_takes_events_and_counts_those_that_it_cannot_read() {
    let threshold = r#"{:percentiles {"checkout" {0.99 {:<= 100 :interval 1}}} :grace 1}"#;
    let daemon = Daemon::start(threshold, &[]);
    let url = Url(format!("http://{}", daemon.http.expect("it listens")));
    let events = Events { url, token: None, ca: None };
    let mut pusher = Pusher::default();
    let event = "{\"service\":\"checkout\",\"metric\":143}\n";
    let taken = pusher.send_events(&events, event.repeat(3).as_bytes()).expect("it is there");
    assert_eq!(taken, sent(3, 0, 1));
    let taken = pusher.send_events(&events, format!("{event}no JSON\n{event}").as_bytes()).expect("it is there");
    assert_eq!((taken.lines, taken.refused), (3, 1), "{taken:?}");
    assert!(taken.why.expect("its words").contains("line 2"));
    let transition = daemon.line(PATIENCE).unwrap_or_else(|| panic!("{}", daemon.log()));
    assert_eq!((&transition["status"], &transition["value"]), (&"violation".into(), &143.0.into()));
}
