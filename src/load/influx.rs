//! What is asked of an InfluxDB, or of a daemon that takes events, and what its answer means.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value as Json;

use crate::notify::{Answer, Request, USER_AGENT, base64, parts, words};
use crate::plan::{Events, Influx, InfluxApi, Secret, Url};

/// What became of lines that were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// It may go well later: why, and for how many microseconds the server wants to be left alone.
    Retry {
        why: String,
        after: Option<i64>,
    },
    /// Fewer lines may be taken.
    TooLarge {
        why: String,
    },
    /// Some lines never will be accepted, the others were: why, and how many at least, if that is said.
    Partial {
        why: String,
        dropped: Option<u64>,
    },
    /// None of them was accepted, or ever will be: why, and what to do.
    Rejected {
        why: String,
    },
}

/// A POST of lines of line protocol, whose times are in nanoseconds.
pub fn request(influx: &Influx, body: &[u8]) -> Request {
    let base = influx.url.0.trim_end_matches('/');
    let (url, authorization) = match &influx.api {
        InfluxApi::V1 { db, rp, login } => {
            let rp = rp.as_ref().map_or(String::new(), |rp| format!("&rp={}", percent_encoded(rp)));
            let login = login
                .as_ref()
                .map(|(user, password)| format!("Basic {}", base64(format!("{user}:{}", password.0).as_bytes())));
            (format!("{base}/write?db={}{rp}&precision=ns", percent_encoded(db)), login)
        }
        InfluxApi::V2 { org, bucket, token } => {
            let org = org.as_ref().map_or(String::new(), |org| format!("org={}&", percent_encoded(org)));
            let token = token.as_ref().map(|token| format!("Token {}", token.0));
            (format!("{base}/api/v2/write?{org}bucket={}&precision=ns", percent_encoded(bucket)), token)
        }
        // Its precision is guessed where it is not said; an answer that waits for the log on disk is worth it.
        InfluxApi::V3 { db, token } => {
            let options = "precision=nanosecond&accept_partial=true&no_sync=false";
            let token = token.as_ref().map(|token| format!("Bearer {}", token.0));
            (format!("{base}/api/v3/write_lp?db={}&{options}", percent_encoded(db)), token)
        }
    };
    let about = [("content-type", "text/plain; charset=utf-8"), ("content-encoding", "gzip")];
    Request {
        url: Url(url),
        headers: headers(&about, authorization),
        body: gzip(body),
        hidden: None,
        ca: influx.ca.clone(),
    }
}

/// A POST of events, one JSON object a line.
pub fn events_request(events: &Events, body: &[u8]) -> Request {
    let token = events.token.as_ref().map(|token| format!("Bearer {}", token.0));
    Request {
        url: Url(format!("{}/events", events.url.0.trim_end_matches('/'))),
        headers: headers(&[("content-type", "application/json")], token),
        body: body.to_vec(),
        hidden: None,
        ca: events.ca.clone(),
    }
}

/// What an InfluxDB means.
pub fn answer(influx: &Influx, answer: &Answer) -> Verdict {
    let body = String::from_utf8_lossy(&answer.body);
    let said = said(answer.status, shown(&answer.body, &secrets(influx)));
    let said = match first_of_v3(&answer.body) {
        Some(first) => format!("{said}: {}", shown(first.as_bytes(), &secrets(influx))),
        None => said,
    };
    let is_partial = body.contains("partial write");
    match answer.status {
        200..=299 if body.trim().is_empty() => Verdict::Accepted,
        201 => partial(said, &answer.body),
        200..=299 => Verdict::Rejected { why: format!("{said}; InfluxDB says nothing there: is `:url` that of one?") },
        400 if is_partial || is_none_of_v1(influx, &answer.body) => partial(said, &answer.body),
        422 if is_partial || matches!(influx.api, InfluxApi::V2 { .. }) => partial(said, &answer.body),
        // A retention policy that is not there is a fault of the server for InfluxDB 1.
        500 if body.contains("retention policy not found") => {
            Verdict::Rejected { why: format!("{said}; create it, or name another with `:rp`") }
        }
        401 | 403 => Verdict::Rejected { why: format!("{said}; {}", login_remedy(influx)) },
        404 | 405 => Verdict::Rejected { why: format!("{said}; {}", place_remedy(influx, &body)) },
        status => elsewhere(status, said, answer),
    }
}

/// What a daemon means that was sent events. Those that it refuses are left out.
pub fn events_answer(events: &Events, answer: &Answer) -> Verdict {
    let mut secrets: Vec<String> = parts(&events.url).into_iter().map(str::to_string).collect();
    secrets.extend(events.token.iter().flat_map(|token| forms(&token.0)));
    if answer.status == 200 {
        let refused = |line: &&[u8]| !line.is_empty() && *line != b"{}";
        let mut refused = answer.body.split(|byte| *byte == b'\n').filter(refused);
        let Some(first) = refused.next() else { return Verdict::Accepted };
        // Of a long answer only the beginning is here.
        return Verdict::Partial { why: shown(first, &secrets), dropped: Some(1 + refused.count() as u64) };
    }
    let said = said(answer.status, shown(&answer.body, &secrets));
    let taken = answer.body.trim_ascii_end();
    match answer.status {
        // Sent again they would count twice.
        408 | 413 | 503 if taken.ends_with(b" lines were taken") && !taken.ends_with(b". 0 lines were taken") => {
            Verdict::Rejected { why: said }
        }
        401 | 403 => Verdict::Rejected { why: format!("{said}; is `:token` that of the daemon's `:server`?") },
        404 | 405 => Verdict::Rejected { why: format!("{said}; is `:url` that of a daemon, without a path?") },
        status => elsewhere(status, said, answer),
    }
}

/// What HTTP alone says.
fn elsewhere(status: u16, said: String, answer: &Answer) -> Verdict {
    match status {
        300..=399 => {
            let to = answer.redirects_to.as_ref().map_or(String::new(), |host| format!(" to {host}"));
            let why =
                format!("answered {status}, it redirects{to}, which is not followed; set `:url` to where it is now");
            Verdict::Rejected { why }
        }
        408 | 425 | 429 | 500..=599 => Verdict::Retry { why: said, after: answer.retry_after },
        413 => Verdict::TooLarge { why: said },
        400..=499 => Verdict::Rejected { why: said },
        _ => Verdict::Retry { why: said, after: answer.retry_after },
    }
}

fn said(status: u16, words: String) -> String {
    if words.is_empty() { format!("answered {status}") } else { format!("answered {status}: {words}") }
}

/// Whether InfluxDB 1 could read no line at all: then it says nothing of a part.
fn is_none_of_v1(influx: &Influx, body: &[u8]) -> bool {
    let InfluxApi::V1 { .. } = influx.api else { return false };
    let Ok(Json::Object(said)) = serde_json::from_slice(body) else { return false };
    // Version 2, which takes `/write` too, says a code, and has kept no line.
    let error = said.get("error").and_then(Json::as_str).unwrap_or_default();
    !said.contains_key("code") && error.starts_with("unable to parse")
}

/// What InfluxDB 3 has against the first line that it did not accept.
fn first_of_v3(body: &[u8]) -> Option<String> {
    let said: Json = serde_json::from_slice(body).ok()?;
    let first = said.get("data")?.get(0)?.get("error_message")?;
    first.as_str().map(str::to_string)
}

fn partial(said: String, body: &[u8]) -> Verdict {
    let why = match said.contains("field type conflict") {
        true => format!("{said}; another `:measurement` has fields of its own"),
        false => said,
    };
    Verdict::Partial { why, dropped: dropped(body) }
}

/// How many lines were not accepted.
fn dropped(body: &[u8]) -> Option<u64> {
    let Ok(Json::Object(said)) = serde_json::from_slice(body) else { return None };
    if let Some(lines) = said.get("data").and_then(Json::as_array) {
        return Some(lines.len() as u64);
    }
    let text = ["error", "message"].iter().find_map(|key| said.get(*key).and_then(Json::as_str))?;
    // What cannot be read is not among those that are counted.
    let unread = text.split('\n').filter(|line| line.contains("unable to parse")).count() as u64;
    let counted = text.rsplit_once("dropped=").and_then(|(_, digits)| digits.trim().parse::<u64>().ok());
    match (counted, unread) {
        (Some(counted), unread) => Some(counted.saturating_add(unread)),
        (None, 0) => None,
        (None, unread) => Some(unread),
    }
}

fn login_remedy(influx: &Influx) -> &'static str {
    match &influx.api {
        InfluxApi::V1 { login: None, .. } => "say who writes with `:user` and `:password`",
        InfluxApi::V1 { .. } => "are `:user` and `:password` right, and may they write to `:db`?",
        InfluxApi::V2 { token: None, .. } | InfluxApi::V3 { token: None, .. } => "say who writes with `:token`",
        InfluxApi::V2 { .. } => "is `:token` right, and may it write to `:bucket`?",
        InfluxApi::V3 { .. } => "is `:token` right, and may it write to `:db`?",
    }
}

fn place_remedy(influx: &Influx, body: &str) -> String {
    match &influx.api {
        InfluxApi::V1 { db, .. } if body.contains("database not found") => {
            format!("create it with `CREATE DATABASE {}`", quoted(db))
        }
        InfluxApi::V2 { bucket, .. } if body.contains("bucket") => {
            format!("create it with `influx bucket create --name {}`, or name another with `:bucket`", quoted(bucket))
        }
        InfluxApi::V2 { .. } if body.contains("organization") => "name another with `:org`".to_string(),
        InfluxApi::V1 { .. } => "is `:url` that of an InfluxDB, without a path?".to_string(),
        InfluxApi::V2 { .. } => {
            "is `:url` that of an InfluxDB 2, without a path? For version 1 write `:db` for `:bucket`".to_string()
        }
        InfluxApi::V3 { .. } => {
            "is `:url` that of an InfluxDB 3, without a path? For version 1 write `:version 1`".to_string()
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn secrets(influx: &Influx) -> Vec<String> {
    let mut all: Vec<String> = parts(&influx.url).into_iter().map(str::to_string).collect();
    match &influx.api {
        InfluxApi::V1 { login, .. } => {
            if let Some((user, password)) = login {
                all.extend(forms(&password.0));
                all.push(base64(format!("{user}:{}", password.0).as_bytes()));
            }
        }
        InfluxApi::V2 { token, .. } | InfluxApi::V3 { token, .. } => {
            all.extend(token.iter().flat_map(|token| forms(&token.0)));
        }
    }
    all
}

/// What a server says, without secrets.
fn shown(body: &[u8], secrets: &[String]) -> String {
    words(body, secrets.iter().map(String::as_str).collect())
}

/// A secret as servers and those between may show it.
fn forms(secret: &str) -> Vec<String> {
    let escaped = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_string(),
        percent_encoded(secret),
        base64(secret.as_bytes()),
        escaped.trim_matches('"').to_string(),
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ];
    forms.dedup();
    forms
}

fn headers(about: &[(&str, &str)], authorization: Option<String>) -> Vec<(String, Secret)> {
    let all = about.iter().copied().chain([("user-agent", USER_AGENT)]);
    let mut headers: Vec<_> = all.map(|(name, value)| (name.to_string(), Secret(value.to_string()))).collect();
    headers.extend(authorization.map(|value| ("authorization".to_string(), Secret(value))));
    headers
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("a vector takes all")
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn influx(api: InfluxApi) -> Influx {
        let url = Url("http://127.0.0.1:8086/proxied/".to_string());
        Influx { url, api, ca: None, timeout: 30_000_000, skip_refused: false }
    }

    fn v1() -> Influx {
        influx(InfluxApi::V1 { db: "logs".to_string(), rp: None, login: None })
    }

    fn v2() -> Influx {
        let token = Some(Secret("t0k3n/==".to_string()));
        influx(InfluxApi::V2 { org: Some("the shop".to_string()), bucket: "logs".to_string(), token })
    }

    fn v3() -> Influx {
        influx(InfluxApi::V3 { db: "logs".to_string(), token: Some(Secret("apiv3_x".to_string())) })
    }

    fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
        request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.0.as_str())
    }

    #[test]
    fn each_version_is_asked_in_its_way_and_always_in_nanoseconds() {
        let login = Some(("me".to_string(), Secret("pass".to_string())));
        let odd = influx(InfluxApi::V1 { db: "a&b=ä".to_string(), rp: Some("one week".to_string()), login });
        let anonymous = influx(InfluxApi::V2 { org: None, bucket: "a/b".to_string(), token: None });
        for (influx, path, authorization) in [
            (v1(), "write?db=logs&precision=ns", None),
            (odd, "write?db=a%26b%3D%C3%A4&rp=one%20week&precision=ns", Some("Basic bWU6cGFzcw==")),
            (v2(), "api/v2/write?org=the%20shop&bucket=logs&precision=ns", Some("Token t0k3n/==")),
            (anonymous, "api/v2/write?bucket=a%2Fb&precision=ns", None),
            (
                v3(),
                "api/v3/write_lp?db=logs&precision=nanosecond&accept_partial=true&no_sync=false",
                Some("Bearer apiv3_x"),
            ),
        ] {
            let lines = b"http,host=a count=1i 1700000000000000000\n".repeat(100);
            let request = request(&influx, &lines);
            assert_eq!(request.url.0, format!("http://127.0.0.1:8086/proxied/{path}"));
            assert_eq!(header(&request, "authorization"), authorization);
            assert_eq!(header(&request, "content-encoding"), Some("gzip"));
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut read).unwrap();
            assert!(read == lines && request.body.len() < lines.len() / 10);
        }
    }

    fn retry(why: &str) -> Verdict {
        Verdict::Retry { why: why.to_string(), after: None }
    }

    fn refused_in_part(why: &str, dropped: Option<u64>) -> Verdict {
        Verdict::Partial { why: why.to_string(), dropped }
    }

    fn rejected(why: &str) -> Verdict {
        Verdict::Rejected { why: why.to_string() }
    }

    #[test]
    fn answers_mean_what_the_servers_mean() {
        let conflict = "partial write: field type conflict: input field \\\"v\\\" on measurement \\\"m\\\" is type float, already exists as type integer dropped=2";
        let shown = conflict.replace('\\', "") + "; another `:measurement` has fields of its own";
        let of_v2 = format!("failure writing points to database: {conflict}");
        for (influx, status, body, expected) in [
            (v1(), 204, "".to_string(), Verdict::Accepted),
            (v1(), 400, format!(r#"{{"error":"{conflict}"}}"#), refused_in_part(&format!("answered 400: {shown}"), Some(2))),
            (
                v1(),
                400,
                r#"{"error":"partial write: unable to parse 'm v=abc 2': invalid boolean\nunable to parse 'm v=x 3': invalid boolean dropped=0"}"#.to_string(),
                refused_in_part("answered 400: partial write: unable to parse 'm v=abc 2': invalid boolean unable to parse 'm v=x 3': invalid boolean dropped=0", Some(2)),
            ),
            (
                v1(),
                400,
                r#"{"error":"unable to parse 'garbage': missing fields"}"#.to_string(),
                refused_in_part("answered 400: unable to parse 'garbage': missing fields", Some(1)),
            ),
            (
                v1(),
                400,
                r#"{"error":"partial write: points beyond retention policy dropped=1"}"#.to_string(),
                refused_in_part("answered 400: partial write: points beyond retention policy dropped=1", Some(1)),
            ),
            (
                v1(),
                404,
                r#"{"error":"database not found: \"logs\""}"#.to_string(),
                rejected("answered 404: database not found: \"logs\"; create it with `CREATE DATABASE \"logs\"`"),
            ),
            (v1(), 404, "404 page not found\n".to_string(), rejected("answered 404: 404 page not found; is `:url` that of an InfluxDB, without a path?")),
            (
                v1(),
                401,
                r#"{"error":"unable to parse authentication credentials"}"#.to_string(),
                rejected("answered 401: unable to parse authentication credentials; say who writes with `:user` and `:password`"),
            ),
            (v1(), 413, r#"{"error":"Request Entity Too Large"}"#.to_string(), Verdict::TooLarge { why: "answered 413: Request Entity Too Large".to_string() }),
            (v1(), 500, r#"{"error":"timeout"}"#.to_string(), retry("answered 500: timeout")),
            (v1(), 500, r#"{"error":"retention policy not found: week"}"#.to_string(), rejected("answered 500: retention policy not found: week; create it, or name another with `:rp`")),
            (v1(), 503, "".to_string(), retry("answered 503")),
            (v1(), 429, "".to_string(), retry("answered 429")),
            (v1(), 307, "".to_string(), rejected("answered 307, it redirects, which is not followed; set `:url` to where it is now")),
            (v1(), 200, "<html>".to_string(), rejected("answered 200: <html>; InfluxDB says nothing there: is `:url` that of one?")),
            // As `/write` of version 2 says it: nothing was kept.
            (
                v1(),
                400,
                r#"{"code":"invalid","message":"unable to parse 'garbage': missing fields"}"#.to_string(),
                rejected("answered 400: unable to parse 'garbage': missing fields"),
            ),
            (
                v2(),
                400,
                r#"{"code":"invalid","message":"unable to parse 'garbage': missing fields"}"#.to_string(),
                rejected("answered 400: unable to parse 'garbage': missing fields"),
            ),
            (
                v2(),
                422,
                format!(r#"{{"code":"unprocessable entity","message":"{of_v2}"}}"#),
                refused_in_part(&format!("answered 422: failure writing points to database: {shown}"), Some(2)),
            ),
            (
                v2(),
                401,
                r#"{"code":"unauthorized","message":"unauthorized access of t0k3n/=="}"#.to_string(),
                rejected("answered 401: unauthorized access of REDACTED; is `:token` right, and may it write to `:bucket`?"),
            ),
            (
                v2(),
                404,
                r#"{"code":"not found","message":"bucket \"logs\" not found"}"#.to_string(),
                rejected("answered 404: bucket \"logs\" not found; create it with `influx bucket create --name \"logs\"`, or name another with `:bucket`"),
            ),
            (
                v2(),
                404,
                "404 page not found".to_string(),
                rejected("answered 404: 404 page not found; is `:url` that of an InfluxDB 2, without a path? For version 1 write `:db` for `:bucket`"),
            ),
            (v2(), 413, "".to_string(), Verdict::TooLarge { why: "answered 413".to_string() }),
            (
                v3(),
                400,
                r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"m v=x 3","line_number":2,"error_message":"invalid"}]}"#.to_string(),
                refused_in_part("answered 400: partial write of line protocol occurred: invalid", Some(1)),
            ),
            (v3(), 400, r#"{"error":"invalid database name"}"#.to_string(), rejected("answered 400: invalid database name")),
        ] {
            let said = Answer { status, body: body.clone().into(), ..Answer::default() };
            assert_eq!(answer(&influx, &said), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_server_says_how_long_to_wait_and_where_it_went() {
        let busy = Answer { status: 429, retry_after: Some(7_000_000), ..Answer::default() };
        let expected = Verdict::Retry { why: "answered 429".to_string(), after: Some(7_000_000) };
        assert_eq!(answer(&v2(), &busy), expected);
        let redirects_to = Some("elsewhere.example.com".to_string());
        let moved = Answer { status: 301, redirects_to, ..Answer::default() };
        let Verdict::Rejected { why } = answer(&v1(), &moved) else { panic!("a redirect is followed") };
        assert!(why.contains("redirects to elsewhere.example.com"), "{why}");
    }

    #[test]
    fn a_daemon_answers_for_each_event() {
        let url = Url("http://127.0.0.1:5559/".to_string());
        let events = Events { url, token: Some(Secret("t0k3n".to_string())), ca: None };
        let request = events_request(&events, b"{}\n");
        assert_eq!((request.url.0.as_str(), request.body.as_slice()), ("http://127.0.0.1:5559/events", &b"{}\n"[..]));
        assert_eq!(header(&request, "authorization"), Some("Bearer t0k3n"));
        let refused = r#"{"error":"line 2: no service"}"#;
        let unread = "answers that were not read take 5 bytes; send the rest again";
        for (status, body, expected) in [
            (200, "{}\n{}\n".to_string(), Verdict::Accepted),
            (200, format!("{{}}\n{refused}\n{refused}\n"), refused_in_part("line 2: no service", Some(2))),
            (200, format!("{{}}\n{refused}\n{{\"er"), refused_in_part("line 2: no service", Some(2))),
            (
                503,
                format!("{unread}. 0 lines were taken\n"),
                retry(&format!("answered 503: {unread}. 0 lines were taken")),
            ),
            (
                503,
                format!("{unread}. 7 lines were taken\n"),
                rejected(&format!("answered 503: {unread}. 7 lines were taken")),
            ),
            (503, "busy\n".to_string(), retry("answered 503: busy")),
            (401, "".to_string(), rejected("answered 401; is `:token` that of the daemon's `:server`?")),
        ] {
            let said = Answer { status, body: body.clone().into(), ..Answer::default() };
            assert_eq!(events_answer(&events, &said), expected, "{status} {body}");
        }
    }
}
