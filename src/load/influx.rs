//! InfluxDB's endpoints: the request for a batch of lines, and what an answer means. Versions 1, 2 and 3.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::notify::{Answer, Request, USER_AGENT, base64};
use crate::plan::{Events, Influx, InfluxApi, Secret, Url};

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// It may go well later: why, and how many microseconds the server wants to be left alone.
    Retry {
        why: String,
        after: Option<i64>,
    },
    /// The batch is too large for the server.
    TooLarge {
        why: String,
    },
    /// Some points were refused, all others are stored: how many, as far as the server says.
    Partial {
        why: String,
        dropped: Option<u64>,
    },
    /// Nothing is stored, and never will be: why, and what to do.
    Rejected {
        why: String,
    },
}

/// How much of what a server says is shown, in characters.
const SHOWN: usize = 300;

/// The request that writes lines.
pub fn request(influx: &Influx, lines: &[u8]) -> Request {
    let mut headers = vec![
        ("user-agent".to_string(), Secret(USER_AGENT.to_string())),
        ("content-type".to_string(), Secret("text/plain; charset=utf-8".to_string())),
        ("content-encoding".to_string(), Secret("gzip".to_string())),
    ];
    let base = influx.url.0.trim_end_matches('/');
    let mut authorise = |scheme: &str, text: &str| {
        headers.push(("authorization".to_string(), Secret(format!("{scheme} {text}"))));
    };
    // The precision is always said: without it version 3 guesses, and version 1 takes a misspelt one for nanoseconds.
    let url = match &influx.api {
        InfluxApi::V1 { db, rp, login } => {
            if let Some((user, password)) = login {
                authorise("Basic", &base64(format!("{user}:{}", password.0).as_bytes()));
            }
            let rp = rp.as_ref().map_or(String::new(), |rp| format!("&rp={}", encoded(rp)));
            format!("{base}/write?db={}{rp}&precision=ns", encoded(db))
        }
        InfluxApi::V2 { org, bucket, token } => {
            if let Some(token) = token {
                authorise("Token", &token.0);
            }
            let org = org.as_ref().map_or(String::new(), |org| format!("org={}&", encoded(org)));
            format!("{base}/api/v2/write?{org}bucket={}&precision=ns", encoded(bucket))
        }
        InfluxApi::V3 { db, token } => {
            if let Some(token) = token {
                authorise("Bearer", &token.0);
            }
            format!("{base}/api/v3/write_lp?db={}&precision=nanosecond&accept_partial=true", encoded(db))
        }
    };
    Request { url: Url(url), headers, body: gzip(lines), hidden: None, ca: influx.ca.clone() }
}

/// The request that posts events, one JSON object a line.
pub fn events_request(events: &Events, lines: &[u8]) -> Request {
    let mut headers = vec![
        ("user-agent".to_string(), Secret(USER_AGENT.to_string())),
        ("content-type".to_string(), Secret("application/x-ndjson".to_string())),
    ];
    if let Some(token) = &events.token {
        headers.push(("authorization".to_string(), Secret(format!("Bearer {}", token.0))));
    }
    let url = format!("{}/events", events.url.0.trim_end_matches('/'));
    Request { url: Url(url), headers, body: lines.to_vec(), hidden: None, ca: events.ca.clone() }
}

/// What a server's answer means. `api` is what was asked.
pub fn answer(api: &InfluxApi, answer: &Answer) -> Verdict {
    let said = said(&answer.body);
    let why =
        format!("answered {}{}", answer.status, if said.is_empty() { String::new() } else { format!(": {said}") });
    let lower = said.to_lowercase();
    match answer.status {
        200..=299 => Verdict::Accepted,
        300..=399 => {
            let to = answer.redirects_to.as_ref().map_or(String::new(), |to| format!(" to {to}"));
            Verdict::Rejected { why: format!("redirects{to}: write the URL that it leads to") }
        }
        400 | 422 if lower.contains("partial write") => Verdict::Partial { dropped: dropped(&lower), why },
        401 | 403 => {
            let remedy = match api {
                InfluxApi::V1 { .. } => "check `:user` and `:password`, and that the user may write to `:db`",
                InfluxApi::V2 { .. } | InfluxApi::V3 { .. } => "check `:token`, and that it may write there",
            };
            Verdict::Rejected { why: format!("{why}; {remedy}") }
        }
        404 => {
            let remedy = match api {
                InfluxApi::V1 { db, .. } if lower.contains("database") => {
                    format!("make it with `CREATE DATABASE \"{db}\"`")
                }
                InfluxApi::V1 { .. } => "check `:url`, and that `:version` 1 is meant".to_string(),
                InfluxApi::V2 { .. } => "check `:bucket`, `:org`, and that `:version` 2 is meant".to_string(),
                InfluxApi::V3 { .. } => "check `:db`, and that `:version` 3 is meant".to_string(),
            };
            Verdict::Rejected { why: format!("{why}; {remedy}") }
        }
        413 => Verdict::TooLarge { why },
        408 | 425 | 429 | 500..=599 => Verdict::Retry { why, after: answer.retry_after },
        _ => Verdict::Rejected { why },
    }
}

/// What a daemon's answer to events means.
pub fn events_answer(answer: &Answer) -> Verdict {
    match self::answer(&InfluxApi::V3 { db: String::new(), token: None }, answer) {
        // It names those that it does not understand, and has taken the others.
        Verdict::Rejected { why } if answer.status == 400 => Verdict::Partial { why, dropped: None },
        Verdict::Rejected { .. } if answer.status == 404 => {
            Verdict::Rejected { why: "answered 404: the URL is that of a highwater daemon's `:http`".to_string() }
        }
        verdict => verdict,
    }
}

/// What a server says: its JSON `error` or `message`, else the beginning of the text, on one line.
fn said(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let field = |name: &str| json.as_ref().and_then(|json| json[name].as_str()).map(str::to_string);
    let text =
        field("error").or_else(|| field("message")).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let mut shown: String = text.trim().chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim().chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// `dropped=3` at the end of what a server says.
fn dropped(said: &str) -> Option<u64> {
    let digits = said.rsplit_once("dropped=")?.1;
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    // Version 1 says 0 of lines that it could not read.
    digits[..length].parse().ok().filter(|dropped| *dropped > 0)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 6 + 64), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("a Vec takes all")
}

/// A text as the value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1() -> InfluxApi {
        InfluxApi::V1 { db: "logs".to_string(), rp: None, login: None }
    }

    fn influx(api: InfluxApi) -> Influx {
        let url = Url("http://127.0.0.1:8086/".to_string());
        Influx { url, api, ca: None, timeout: 1_000_000, skip_refused: false }
    }

    #[test]
    fn each_version_has_its_endpoint_and_says_the_precision() {
        let token = Some(Secret("t".to_string()));
        let login = Some(("u".to_string(), Secret("p".to_string())));
        for (api, url, authorization) in [
            (v1(), "/write?db=logs&precision=ns", None),
            (
                InfluxApi::V1 { db: "a b&c".to_string(), rp: Some("1d".to_string()), login },
                "/write?db=a%20b%26c&rp=1d&precision=ns",
                Some("Basic dTpw"),
            ),
            (
                InfluxApi::V2 { org: Some("o".to_string()), bucket: "b/é".to_string(), token: token.clone() },
                "/api/v2/write?org=o&bucket=b%2F%C3%A9&precision=ns",
                Some("Token t"),
            ),
            (
                InfluxApi::V3 { db: "d".to_string(), token },
                "/api/v3/write_lp?db=d&precision=nanosecond&accept_partial=true",
                Some("Bearer t"),
            ),
        ] {
            let request = request(&influx(api), b"m count=1i 1\n");
            assert_eq!(request.url.0, format!("http://127.0.0.1:8086{url}"));
            let found = request.headers.iter().find(|(name, _)| name == "authorization");
            assert_eq!(found.map(|(_, value)| value.0.as_str()), authorization);
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&request.body[..]), &mut text).unwrap();
            assert_eq!(text, b"m count=1i 1\n");
        }
    }

    #[test]
    fn an_answer_says_whether_to_try_again() {
        let v2 = || InfluxApi::V2 { org: None, bucket: "b".to_string(), token: None };
        let partial = |why: &str, dropped| Verdict::Partial { why: why.to_string(), dropped };
        let rejected = |why: &str| Verdict::Rejected { why: why.to_string() };
        for (api, status, body, expected) in [
            (v1(), 204, "", Verdict::Accepted),
            (v1(), 200, "", Verdict::Accepted),
            (
                v1(),
                400,
                r#"{"error":"partial write: field type conflict: input field \"count\" dropped=1"}"#,
                partial("answered 400: partial write: field type conflict: input field \"count\" dropped=1", Some(1)),
            ),
            (
                v1(),
                400,
                r#"{"error":"partial write: unable to parse 'm,t=a v=abc': invalid boolean dropped=0"}"#,
                partial("answered 400: partial write: unable to parse 'm,t=a v=abc': invalid boolean dropped=0", None),
            ),
            (
                v1(),
                400,
                r#"{"error":"unable to parse 'x': missing fields"}"#,
                rejected("answered 400: unable to parse 'x': missing fields"),
            ),
            (
                v1(),
                404,
                r#"{"error":"database not found: \"logs\""}"#,
                rejected("answered 404: database not found: \"logs\"; make it with `CREATE DATABASE \"logs\"`"),
            ),
            (
                v1(),
                404,
                "404 page not found\n",
                rejected("answered 404: 404 page not found; check `:url`, and that `:version` 1 is meant"),
            ),
            (
                v1(),
                401,
                r#"{"error":"authorization failed"}"#,
                rejected(
                    "answered 401: authorization failed; check `:user` and `:password`, and that the user may write to `:db`",
                ),
            ),
            (
                v2(),
                422,
                r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=2"}"#,
                partial(
                    "answered 422: failure writing points to database: partial write: points beyond retention policy dropped=2",
                    Some(2),
                ),
            ),
            (v2(), 400, r#"{"code":"invalid","message":"unable to parse"}"#, rejected("answered 400: unable to parse")),
            (v2(), 413, "", Verdict::TooLarge { why: "answered 413".to_string() }),
            (v2(), 429, "", Verdict::Retry { why: "answered 429".to_string(), after: Some(7_000_000) }),
            (v2(), 503, "busy", Verdict::Retry { why: "answered 503: busy".to_string(), after: Some(7_000_000) }),
            (v2(), 307, "", rejected("redirects to example.com: write the URL that it leads to")),
        ] {
            let answered = Answer {
                status,
                retry_after: Some(7_000_000),
                redirects_to: Some("example.com".to_string()),
                body: body.as_bytes().to_vec(),
                warning: None,
            };
            assert_eq!(answer(&api, &answered), expected, "{status} {body}");
        }
    }
}
