//! HTTP: events in, one answer a line; health, state and metrics out; who may ask.

use super::*;

const SECRET: &str = "0123456789abcdef";

#[test]
fn each_line_of_events_has_its_answer() {
    let daemon = Daemon::start(LONG, &[]);
    let body = br#"{"service":"q","metric":85,"time":"2026-01-01T00:00:00Z"}
{"service":"q","metric":143}
{"service":"q","metric":

{"service":"q","metric":9,"time":"yesterday"}
{"service":"q","metric":9}"#;
    let (status, answer) = daemon.http("PUT", "/events", &[], body);
    assert_eq!(status, 200);
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1], lines[4]), (5, "{}", "{}", "{}"), "{answer}");
    assert!(lines[2].starts_with("{\"error\":\"line 3: expected"), "{answer}");
    assert!(lines[3].contains("`yesterday`"), "{answer}");
    // That of the first of January found no window open.
    let state = state(&daemon);
    assert_eq!((&state["counted"], &state["late"]), (&2.into(), &1.into()));
    assert_eq!(daemon.http("POST", "/events", &[], b"").0, 200);
}

#[test]
fn paths_and_methods_that_are_not_there_are_named() {
    let daemon = Daemon::start(LONG, &[]);
    for (method, path, status, said) in [
        ("GET", "/healthz", 200, "ok"),
        ("GET", "/readyz", 200, "ok"),
        ("GET", "/", 200, "PUT /events"),
        ("HEAD", "/state", 200, ""),
        ("GET", "/events", 405, "PUT, POST"),
        ("DELETE", "/state", 405, "GET, HEAD"),
        ("GET", "/index?query=true", 501, "not supported yet"),
        ("GET", "/pubsub/x", 501, "not supported yet"),
        ("GET", "/nothing", 404, "there is no /nothing"),
        ("GET", "/state?threshold=x", 404, "there is no threshold x"),
        ("GET", "/state?groups=-1", 400, "`groups` is a number"),
        ("GET", "/state?groups=0", 200, "\"shown\":[]"),
    ] {
        let (found, body) = daemon.http(method, path, &[], b"");
        assert_eq!(found, status, "{method} {path}: {body}");
        assert!(body.contains(said), "{method} {path}: {body}");
    }
}

#[test]
fn state_says_where_each_group_stands() {
    let daemon = Daemon::start(
        r#"{:histograms {"q" {:status-code {"^2" {:>= 0.5 :interval 86400 :type :percentage :by [:host]}}}}}"#,
        &[],
    );
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let mut failed = event(1);
    failed.attributes[0].value = Some(b"500".to_vec());
    connection.send(vec![event(1), event(2), failed]);
    let state = state(&daemon);
    assert_eq!(state["threshold"], "[:histograms \"q\" :status-code \"^2\" :percentage 86400]");
    let shown = &state["shown"][0];
    assert_eq!((&shown["group"]["host"], &shown["status"]), (&"web-1".into(), &"ok".into()));
    assert_eq!((&shown["open"]["count"], &shown["open"]["matched"]), (&3.into(), &2.into()));
    assert!(shown["last"].is_null() && shown["since"].is_null());
    let id = state["threshold"].as_str().unwrap().replace('"', "%22").replace(' ', "+").replace('^', "%5E");
    let (status, body) = daemon.http("GET", &format!("/state?threshold={id}"), &[], b"");
    assert_eq!(status, 200, "{body}");
}

#[test]
fn pages_of_other_places_and_callers_without_the_token_change_nothing() {
    let thresholds = format!(r#"{{:server {{:token "{SECRET}" :hosts ["hw.example.com"]}} {}"#, &LONG[1..]);
    let daemon = Daemon::start(&thresholds, &["--log-level", "debug"]);
    let one = br#"{"service":"q","metric":85}"#;
    let bearer = format!("Bearer {SECRET}");
    for (method, headers, status) in [
        ("PUT", vec![("Authorization", bearer.as_str())], 200),
        ("PUT", vec![], 401),
        ("PUT", vec![("Authorization", "Bearer 0123456789abcdeX")], 401),
        ("PUT", vec![("Authorization", bearer.as_str()), ("Origin", "http://evil.example.com")], 403),
        ("PUT", vec![("Authorization", bearer.as_str()), ("Host", "evil.example.com")], 403),
        ("PUT", vec![("Authorization", bearer.as_str()), ("Host", "hw.example.com")], 200),
        ("GET", vec![("Host", "evil.example.com")], 403),
    ] {
        let path = if method == "PUT" { "/events" } else { "/state" };
        assert_eq!(daemon.http(method, path, &headers, one).0, status, "{method} {headers:?}");
    }
    assert_eq!(state(&daemon)["counted"], 2);
    assert!(!daemon.log().contains(SECRET));
}

#[test]
fn a_body_is_taken_up_to_the_limit_and_refused_beyond() {
    let thresholds = format!("{{:limits {{:frame-bytes 100000 :line-bytes 1000}} {}", &LONG[1..]);
    let daemon = Daemon::start(&thresholds, &[]);
    let line = br#"{"service":"q","metric":85}
"#;
    let (status, answer) = daemon.http("PUT", "/events", &[], &line.repeat(3000));
    assert_eq!((status, answer.len()), (200, 3 * 3000));
    let (status, answer) = daemon.http("PUT", "/events", &[], &line.repeat(10_000));
    assert!(status == 413 && answer.contains(":frame-bytes"), "{status} {answer}");
    let (status, answer) = daemon.http("PUT", "/events", &[], &[b"\"", [b'x'; 5000].as_slice(), b"\""].concat());
    assert!(status == 200 && answer.contains(":line-bytes"), "{status} {answer}");
    let (status, _) = daemon.http("PUT", "/events", &[("Content-Encoding", "gzip")], b"\x1f\x8b");
    assert_eq!(status, 415);
}
