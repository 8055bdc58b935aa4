//! Requests over HTTP/1.1. Redirects are answers; what is read has limits; connections are kept for a while.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connect::{Place, Stream, Trust};
use crate::notify::{Answer, Request, Trouble, base64};
use crate::server::lock;

/// What is read of an answer: its head and its body, in bytes. Of a longer body the beginning counts.
const HEAD: usize = 64 << 10;
const BODY: usize = 64 << 10;
/// Connections that are kept, in all, and for how long.
const KEPT: usize = 32;
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Connections that wait for the next request to the same place.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    origin: Origin,
    connection: Connection,
    since: Instant,
}

/// What a connection may be used again for.
#[derive(Clone, PartialEq)]
struct Origin {
    place: Place,
    is_tls: bool,
    ca: Option<PathBuf>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pool {
    /// Posts once; twice only if a connection that was kept turns out to be closed.
    ///
    /// # Errors
    /// The answer did not come whole.
    pub async fn post(&self, trust: &Trust, request: &Request, deadline: Instant) -> Result<Answer, Trouble> {
        let (origin, message) = read_request(request).map_err(Trouble::unsent)?;
        let mut is_doubtful = false;
        if let Some(mut kept) = self.take(&origin) {
            match exchange(&mut kept, message.clone()).await {
                Ok(response) => return self.answer(origin, kept, response).await,
                // The receiver knows the key, should the first one have arrived.
                Err(error) if error.is_parse() || error.is_user() => return Err(origin.place.trouble(&error)),
                Err(error) => is_doubtful = !error.is_canceled(),
            }
        }
        let opened = open(&origin, trust, deadline).await;
        let mut connection = opened.map_err(|trouble| if is_doubtful { trouble } else { trouble.unsent() })?;
        let response = exchange(&mut connection, message)
            .await
            .map_err(|error| Trouble { broke_off: broke_off(&error), ..origin.place.trouble(&error) })?;
        self.answer(origin, connection, response).await
    }

    /// Asks once, on a connection of its own; an answer with a body above `most` bytes is none.
    ///
    /// # Errors
    /// The answer did not come whole, or is longer.
    pub async fn get(trust: &Trust, request: &Request, most: usize, deadline: Instant) -> Result<Answer, Trouble> {
        let (origin, message) = read_request(request)?;
        let mut connection = open(&origin, trust, deadline).await?;
        let response = exchange(&mut connection, message).await.map_err(|error| origin.place.trouble(&error))?;
        let (head, mut body) = response.into_parts();
        let mut answer = Answer { status: head.status.as_u16(), ..Answer::default() };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| origin.place.trouble(&format!("the answer was cut off: {error}")))?;
            let Some(bytes) = frame.data_ref() else { continue };
            if answer.body.len() + bytes.len() > most {
                return Err(origin.place.trouble(&format!("the answer is longer than {most} bytes")));
            }
            answer.body.extend_from_slice(bytes);
        }
        Ok(answer)
    }

    async fn answer(
        &self,
        origin: Origin,
        connection: Connection,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Answer, Trouble> {
        let (head, mut body) = response.into_parts();
        let mut answer = Answer {
            status: head.status.as_u16(),
            retry_after: text(&head.headers, header::RETRY_AFTER).and_then(|text| retry_after(text, SystemTime::now())),
            redirects_to: text(&head.headers, header::LOCATION).map(|to| host_of(to, &origin.place.host)),
            ..Answer::default()
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| origin.place.trouble(&format!("the answer was cut off: {error}")))?;
            let Some(bytes) = frame.data_ref() else { continue };
            let room = BODY - answer.body.len();
            answer.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if bytes.len() > room {
                // The connection goes with what is left of it.
                return Ok(answer);
            }
        }
        self.keep(origin, connection);
        Ok(answer)
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        idle.retain(|kept| kept.since.elapsed() < KEPT_FOR && !kept.connection.sender.is_closed());
        let at = idle.iter().rposition(|kept| kept.origin == *origin)?;
        Some(idle.remove(at).connection)
    }

    fn keep(&self, origin: Origin, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = lock(&self.idle);
        if idle.len() == KEPT {
            idle.remove(0);
        }
        idle.push(Idle { origin, connection, since: Instant::now() });
    }
}

async fn open(origin: &Origin, trust: &Trust, deadline: Instant) -> Result<Connection, Trouble> {
    let stream = origin.place.connect(deadline).await?;
    let stream: Box<dyn Stream> = match origin.is_tls {
        true => origin.place.secure(stream, trust, origin.ca.as_deref()).await?,
        false => Box::new(stream),
    };
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let opened = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = opened.map_err(|error| origin.place.trouble(&error))?;
    // What goes wrong is said to whoever waits for the answer.
    let task = tokio::spawn(async { drop(connection.await) });
    Ok(Connection { sender, task })
}

async fn exchange(
    connection: &mut Connection,
    message: hyper::Request<Full<Bytes>>,
) -> hyper::Result<Response<hyper::body::Incoming>> {
    connection.sender.ready().await?;
    connection.sender.send_request(message).await
}

/// Whether the other side ended the connection before it said a word.
fn broke_off(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let ended = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
    error.is_incomplete_message() || cause.is_some_and(|cause| ended.contains(&cause.kind()))
}

/// Where a request goes, and its message.
fn read_request(request: &Request) -> Result<(Origin, hyper::Request<Full<Bytes>>), Trouble> {
    // What is wrong with it may show it, and it may be a secret.
    let uri: Uri = request.url.0.parse().map_err(|_| Trouble::new(format!("{}: no URL", request.url)))?;
    let is_tls = uri.scheme_str() == Some("https");
    let authority = uri.authority().ok_or_else(|| Trouble::new(format!("{}: a URL without a host", request.url)))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
    let place = Place { host, port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }) };
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_string();
    let mut headers = HeaderMap::new();
    let (user, shown) = match authority.as_str().rsplit_once('@') {
        Some((user, shown)) => (Some(user), shown),
        None => (None, authority.as_str()),
    };
    let fault = |name: &str| place.trouble(&format!("the header `{name}` cannot be sent as it is"));
    headers.insert(header::HOST, HeaderValue::from_str(shown).map_err(|_| fault("host"))?);
    for (name, value) in &request.headers {
        let written = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault(name))?;
        headers.append(written, HeaderValue::from_bytes(value.0.as_bytes()).map_err(|_| fault(name))?);
    }
    if let Some(user) = user.filter(|_| !headers.contains_key(header::AUTHORIZATION)) {
        let basic = format!("Basic {}", base64(&percent_decoded(user)));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&basic).map_err(|_| fault("authorization"))?);
    }
    let method = if request.body.is_empty() { Method::GET } else { Method::POST };
    let message = hyper::Request::builder().method(method).uri(path).body(Full::new(Bytes::from(request.body.clone())));
    let mut message = message.map_err(|error| place.trouble(&error))?;
    *message.headers_mut() = headers;
    Ok((Origin { place, is_tls, ca: request.ca.clone() }, message))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The host that a redirect leads to; nothing else of it is shown.
fn host_of(location: &str, here: &str) -> String {
    let uri = location.parse::<Uri>().ok();
    uri.and_then(|uri| uri.host().map(str::to_string)).unwrap_or_else(|| here.to_string())
}

/// Seconds, or a date of HTTP; in microseconds from now, never negative.
fn retry_after(text: &str, now: SystemTime) -> Option<i64> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(i64::from(seconds) * 1_000_000);
    }
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let left = date.duration_since(now).unwrap_or_default();
    i64::try_from(left.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Secret, Url};

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (text, micros) in [
            ("7", Some(7_000_000)),
            (" 0 ", Some(0)),
            ("Tue, 14 Nov 2023 22:13:30 GMT", Some(10_000_000)),
            ("Tuesday, 14-Nov-23 22:13:30 GMT", Some(10_000_000)),
            ("Tue, 14 Nov 2023 22:13:10 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(retry_after(text, now), micros, "{text}");
        }
    }

    fn request(url: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), Secret(value.to_string())));
        Request { url: Url(url.to_string()), headers: headers.collect(), body: vec![], hidden: None, ca: None }
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        for (url, place, host, path, login) in [
            ("http://127.0.0.1:9000/x?y=z", "127.0.0.1:9000", "127.0.0.1:9000", "/x?y=z", None),
            ("https://example.com", "example.com:443", "example.com", "/", None),
            ("http://[::1]:80/x", "[::1]:80", "[::1]:80", "/x", None),
            ("http://u:p%40ss@example.com/x", "example.com:80", "example.com", "/x", Some("Basic dTpwQHNz")),
        ] {
            let (origin, message) = read_request(&request(url, &[])).unwrap();
            assert_eq!(origin.place.to_string(), place);
            assert_eq!(message.headers()["host"], host);
            assert_eq!(message.uri(), path);
            assert_eq!(text(message.headers(), header::AUTHORIZATION), login);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named_without_secrets() {
        for (url, headers) in [
            ("http://example.com/s3cret", [("x-a", "s3cret\r\nx-b: c")]),
            ("http://exa mple.com/s3cret", [("x-a", "b")]),
            ("http://example.com/s3cret", [("x a", "s3cret")]),
        ] {
            let Err(Trouble { why, .. }) = read_request(&request(url, &headers)) else { panic!("{url} is sent") };
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
