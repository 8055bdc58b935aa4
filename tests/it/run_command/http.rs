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

/// Sends as it is to the HTTP port, and reads the answer: the status, and the body however it is delimited.
fn raw(daemon: &Daemon, pieces: &[&[u8]]) -> (u16, String) {
    let mut stream = connect(daemon);
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    answer(stream)
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.http.unwrap()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// All that comes until the end.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = Vec::new();
    if let Err(error) = stream.read_to_end(&mut text) {
        assert!(!text.is_empty(), "no answer: {error}");
    }
    let text = String::from_utf8(text).expect("UTF-8");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {text:?}")), text)
}

fn head(daemon: &Daemon, body: &str) -> Vec<u8> {
    format!("PUT /events HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{body}\r\n", daemon.http.unwrap()).into_bytes()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn answers_to_a_body_end_when_they_are_too_long() {
    let daemon = Daemon::start(LONG, &[]);
    let (status, said) = daemon.http("PUT", "/events", &[], &b"1\n".repeat(200_000));
    assert_eq!(status, 413, "{said}");
    let taken: f64 = said.split(' ').rev().nth(3).and_then(|n| n.parse().ok()).expect("how many were taken");
    assert!(said.contains("send less at a time") && said.ends_with(" lines were taken\n"), "{said}");
    assert!(10_000.0 < taken && taken < 200_000.0, "{said}");
    assert_eq!(metric(&daemon, "highwater_refused_events_total"), taken);
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "answers too long"), 1.0);
    // What nobody reads is counted while it is kept.
    let line = &b"1\n".repeat(20_000);
    let mut unread = connect(&daemon);
    let head = format!("PUT /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", line.len());
    unread.write_all(&[head.as_bytes(), line].concat()).expect("it reads");
    unread.read_exact(&mut [0; 12]).expect("an answer begins");
    let kept = metric(&daemon, "highwater_answering_bytes");
    assert!(kept == 0.0 || kept > 100_000.0, "{kept}");
    drop(unread);
    wait_for("nothing is kept for who has gone", || metric(&daemon, "highwater_answering_bytes") == 0.0);
}

#[test]
fn a_line_that_is_too_long_is_not_kept() {
    let thresholds = format!("{{:limits {{:line-bytes 1000 :receive-bytes 50000}} {}", &LONG[1..]);
    let daemon = Daemon::start(&thresholds, &[]);
    let mut stream = connect(&daemon);
    stream.write_all(&head(&daemon, "Content-Length: 2000060\r\n")).unwrap();
    stream.write_all(&vec![b'x'; 2_000_000]).unwrap();
    wait_for("the body is read", || metric_with(&daemon, "highwater_received_bytes_total", "http") == 2_000_000.0);
    assert_eq!(metric(&daemon, "highwater_receiving_bytes"), 0.0);
    let rest = b"\n{\"service\":\"q\",\"metric\":85}\r\n{\"service\":\"q\",\"metric\":8}";
    stream.write_all(rest).unwrap();
    let (_, said) = {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        answer(stream)
    };
    assert!(said.contains("400 Bad Request") && said.contains("2 lines were taken"), "the body broke off: {said}");
    assert_eq!(state(&daemon)["counted"], 1);
    // The limit is that of a line without its end, however it comes.
    let line = |length: usize, end: &str| [&[b'7'].repeat(length)[..], end.as_bytes()].concat();
    for (length, end, refused) in [(1000, "", false), (1000, "\r\n", false), (1001, "", true), (1001, "\r\n", true)] {
        let line = line(length, end);
        let (status, whole) = daemon.http("PUT", "/events", &[], &line);
        assert_eq!((status, whole.contains(":line-bytes")), (200, refused), "{length} {end:?} {whole}");
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        let head = head(&daemon, "Transfer-Encoding: chunked\r\n");
        let (status, parts) = raw(&daemon, &[&head, &chunk(&line[..10]), &chunk(&line[10..]), b"0\r\n\r\n"]);
        assert_eq!((status, parts.contains(":line-bytes")), (200, refused), "{length} {end:?} {parts}");
    }
}

#[test]
fn lines_in_part_share_their_memory() {
    let thresholds = format!("{{:limits {{:receive-bytes 300000}} {}", &LONG[1..]);
    let daemon = Daemon::start(&thresholds, &[]);
    let part = |bytes: usize| [head(&daemon, "Content-Length: 1000000\r\n"), vec![b'x'; bytes]].concat();
    let mut first = connect(&daemon);
    first.write_all(&part(120_000)).unwrap();
    wait_for("the first is kept", || metric(&daemon, "highwater_receiving_bytes") >= 120_000.0);
    let (status, said) = raw(&daemon, &[&part(250_000)]);
    assert!(status == 503 && said.contains(":receive-bytes") && said.contains(" 0 lines"), "{said}");
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "too much received in part"), 1.0);
    drop(first);
    wait_for("nothing is kept for who has gone", || metric(&daemon, "highwater_receiving_bytes") == 0.0);
}

#[test]
fn state_shows_a_limited_number_of_groups_over_all_thresholds() {
    let check = r#"{:> 0 :interval 86400 :type :count :by [:host]}"#;
    let thresholds = format!(r#"{{:histograms {{"q" {{:a {{".*" {check} "x" {check}}}}}}}}}"#);
    let daemon = Daemon::start(&thresholds, &[]);
    let lines: String =
        (0..6000).map(|host| format!("{{\"service\":\"q\",\"host\":\"h{host:04}\",\"a\":\"x\"}}\n")).collect();
    let (status, said) = daemon.http("PUT", "/events", &[], lines.as_bytes());
    assert_eq!((status, said.len()), (200, 3 * 6000), "{}", &said[..said.len().min(300)]);
    for (asked, shown) in [("2", [2, 2]), ("5000", [5000, 5000]), ("1000000", [6000, 4000])] {
        let (_, body) = daemon.http("GET", &format!("/state?groups={asked}"), &[], b"");
        let found: Json = serde_json::from_str(&body).expect("JSON");
        for (threshold, shown) in found["thresholds"].as_array().unwrap().iter().zip(shown) {
            assert_eq!(threshold["groups"], 6000);
            assert_eq!(threshold["shown"].as_array().unwrap().len(), shown, "{asked}");
            assert_eq!(threshold["shown"][1]["group"]["host"], "h0001", "in order of key");
        }
    }
    let (status, said) = daemon.http("GET", &format!("/state?threshold={}", "x".repeat(5000)), &[], b"");
    assert!(status == 400 && said.contains("longer than"), "{status} {said}");
}

#[test]
fn a_limited_number_waits_for_the_judge_and_others_are_told_so() {
    let thresholds = r#"{:histograms {"q" {:a {".*" {:> 0 :interval 86400 :type :count :by [:host]}}}}}"#;
    let mut daemon = Daemon::start(thresholds, &[]);
    let lines: String =
        (0..10_000).map(|host| format!("{{\"service\":\"q\",\"host\":\"h{host}\",\"a\":\"x\"}}\n")).collect();
    assert_eq!(daemon.http("PUT", "/events", &[], lines.as_bytes()).0, 200);
    let ask = |method: &str, path: &str| {
        let mut stream = connect(&daemon);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it reads");
        stream
    };
    let asked: Vec<_> = (0..100).map(|_| ask("GET", "/state?groups=10000")).collect();
    let reload = ask("POST", "/reload");
    let answers: Vec<_> = asked.into_iter().map(answer).collect();
    let refused = answers.iter().filter(|(status, _)| *status == 503).collect::<Vec<_>>();
    assert!((1..=84).contains(&refused.len()), "{}", refused.len());
    assert!(refused[0].1.contains("ask again"), "{}", refused[0].1);
    assert!(answers.iter().all(|(status, _)| [200, 503].contains(status)));
    let (status, said) = answer(reload);
    assert!(status == 200 && said.contains("1 threshold kept"), "{said}");
    // Nobody waits for these answers; and the end waits for none.
    (0..16).for_each(|_| drop(ask("GET", "/state?groups=10000")));
    wait_for("there is room again", || daemon.http("GET", "/state", &[], b"").0 == 200);
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn a_body_of_many_lines_leaves_their_turns_to_others() {
    let daemon = Daemon::start(LONG, &["--lanes", "1"]);
    let lines = &b"{}\n".repeat(300_000);
    let mut stream = connect(&daemon);
    stream
        .write_all(&[head(&daemon, &format!("Content-Length: {}\r\n", lines.len())), lines[3..].to_vec()].concat())
        .unwrap();
    // While it is taken, which takes a while: the answers to others come in between.
    let mut neighbour = Connection::to(daemon.tcp.unwrap());
    let mut between = 0;
    while metric_with(&daemon, "highwater_received_bytes_total", "http") < 899_000.0 {
        neighbour.send(vec![event(1)]);
        between += 1;
    }
    assert!(between > 10, "{between}");
    stream.write_all(b"{}\n").unwrap();
    let (status, said) = answer(stream);
    assert_eq!((status, said.matches("{}\n").count()), (200, 300_000));
}

#[test]
fn requests_in_every_form_of_http_1_are_answered() {
    let daemon = Daemon::start(LONG, &[]);
    let host = "Host: localhost\r\n";
    let line = "{\"service\":\"q\",\"metric\":8}\n";
    let length = format!("Content-Length: {}\r\n", line.len());
    let chunks = format!(
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\nX: y\r\n\r\n",
        &line[..5],
        line.len() - 5,
        &line[5..]
    );
    let (status, said) = raw(&daemon, &[format!("PUT /events HTTP/1.0\r\n{host}{length}\r\n{line}").as_bytes()]);
    assert!(status == 200 && said.ends_with("\r\n\r\n{}\n"), "{said}");
    let (status, said) =
        raw(&daemon, &[format!("PUT /events HTTP/1.1\r\nConnection: close\r\n{host}{chunks}").as_bytes()]);
    assert!(status == 200 && said.ends_with("\r\n\r\n{}\n"), "{said}");
    // One after the other, without waiting for the answers.
    let put = format!("PUT /events HTTP/1.1\r\n{host}{length}\r\n{line}");
    let last = format!("GET /healthz HTTP/1.1\r\nConnection: close\r\n{host}\r\n");
    let (_, said) = raw(&daemon, &[(put.repeat(20) + &last).as_bytes()]);
    assert_eq!((said.matches("HTTP/1.1 200 OK").count(), said.matches("\r\n\r\n{}\n").count()), (21, 20), "{said}");
    assert!(said.ends_with("ok\n"), "{said}");
    // The body is asked for when it will be taken, and else not.
    let mut stream = connect(&daemon);
    let expect = format!("PUT /events HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\n{host}{length}\r\n");
    stream.write_all(expect.as_bytes()).unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(line.as_bytes()).unwrap();
    assert_eq!(answer(stream).0, 200);
    let length = "Content-Length: 99999999999\r\n";
    let too_long = format!("PUT /events HTTP/1.1\r\nExpect: 100-continue\r\n{host}{length}\r\n");
    assert_eq!(raw(&daemon, &[too_long.as_bytes()]).0, 413);
    assert_eq!(state(&daemon)["counted"], 23);
}

#[test]
fn a_body_that_nobody_wants_is_not_read_to_its_end() {
    let daemon = Daemon::start(LONG, &[]);
    for request in ["GET /healthz", "POST /reload", "DELETE /events", "PUT /nothing", "PUT /events"] {
        let mut stream = connect(&daemon);
        let gzip = if request == "PUT /events" { "Content-Encoding: gzip\r\n" } else { "" };
        let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\n{gzip}Transfer-Encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut reading = stream.try_clone().unwrap();
        let chunk = [b"10000\r\n", &[b'x'; 65536][..], b"\r\n"].concat();
        let begun = std::time::Instant::now();
        // For ever, until it is closed; and the answer has come all the same.
        while stream.write_all(&chunk).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "{request} is read for ever");
        }
        let mut status = [0; 8];
        reading.read_exact(&mut status).unwrap_or_else(|error| panic!("{request}: {error}"));
        assert_eq!(&status, b"HTTP/1.1", "{request}");
    }
    assert_eq!(metric_with(&daemon, "highwater_received_bytes_total", "http"), 0.0);
}
