//! Who may ask: Host and Origin against pages in a browser, the token for what changes state.

use std::fmt;
use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use hyper::{Method, Request, StatusCode};

use crate::plan::Server;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    NoHost,
    /// A name that this installation does not know as its own.
    Host(String),
    /// From a page of another place.
    Origin(String),
    NoToken,
    WrongToken,
}

impl Refused {
    pub fn status(&self) -> StatusCode {
        match self {
            Refused::NoHost => StatusCode::BAD_REQUEST,
            Refused::Host(_) | Refused::Origin(_) => StatusCode::FORBIDDEN,
            Refused::NoToken | Refused::WrongToken => StatusCode::UNAUTHORIZED,
        }
    }

    pub fn cause(&self) -> &'static str {
        match self {
            Refused::NoHost | Refused::Host(_) => "host not known",
            Refused::Origin(_) => "from a page of another place",
            Refused::NoToken | Refused::WrongToken => "no token",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NoHost => write!(f, "the request has no `Host`"),
            Refused::Host(host) => {
                write!(f, "`{host}` is no name of this server; `:server {{:hosts [\"{host}\"]}}` makes it one")
            }
            Refused::Origin(origin) => write!(f, "a page of {origin} may not ask here"),
            Refused::NoToken => write!(f, "this needs `Authorization: Bearer TOKEN`, with the `:token` of `:server`"),
            Refused::WrongToken => write!(f, "the token is not that of `:server {{:token …}}`"),
        }
    }
}

/// Checks a request before anything is done.
pub fn check<B>(request: &Request<B>, server: &Server) -> Result<(), Refused> {
    let host = host_of(request).ok_or(Refused::NoHost)?;
    let name = name_of(&host);
    if !is_own(name, server) {
        return Err(Refused::Host(short(name)));
    }
    if let Some(origin) = request.headers().get(ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
        let place = origin.split_once("://").map(|(_, place)| place);
        if place != Some(host.as_str()) {
            return Err(Refused::Origin(short(&origin)));
        }
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match &server.token {
        Some(token) if !reads => check_token(request.headers(), &token.0),
        _ => Ok(()),
    }
}

fn host_of<B>(request: &Request<B>) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_string());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.to_string();
    // Two are a trick.
    hosts.next().is_none().then_some(host)
}

/// Without the port.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(host, |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// An address cannot be made to mean another server by whoever owns a name.
fn is_own(name: &str, server: &Server) -> bool {
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || server.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn check_token(headers: &HeaderMap, token: &str) -> Result<(), Refused> {
    let given = headers.get(AUTHORIZATION).ok_or(Refused::NoToken)?;
    let given = given.as_bytes();
    let given = match given.split_at_checked(7) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"bearer ") => given.trim_ascii(),
        _ => return Err(Refused::NoToken),
    };
    // Every byte is compared, that the time taken says nothing of where they differ.
    let differs = given.len() != token.len()
        || given.iter().zip(token.as_bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) != 0;
    if differs { Err(Refused::WrongToken) } else { Ok(()) }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Secret;

    #[test]
    fn a_page_of_another_place_and_a_caller_without_the_token_are_refused() {
        let token = "0123456789abcdef";
        let locked = Server {
            token: Some(Secret(token.to_string())),
            hosts: vec!["hw.example.com".to_string()],
            ..Server::default()
        };
        let open = Server::default();
        let bearer = format!("Bearer {token}");
        let ok = None;
        for (method, headers, server, expected) in [
            ("GET", vec![("host", "127.0.0.1:5556")], &open, ok),
            ("GET", vec![("host", "[::1]:5556")], &open, ok),
            ("GET", vec![("host", "localhost:5556")], &open, ok),
            ("GET", vec![], &open, Some(400)),
            ("GET", vec![("host", "evil.example.com")], &open, Some(403)),
            ("GET", vec![("host", "HW.example.com:80")], &locked, ok),
            ("GET", vec![("host", "hw.example.com"), ("host", "evil.example.com")], &locked, Some(400)),
            ("PUT", vec![("host", "localhost:5556"), ("origin", "http://localhost:5556")], &open, ok),
            ("PUT", vec![("host", "localhost:5556"), ("origin", "http://localhost:1")], &open, Some(403)),
            ("PUT", vec![("host", "localhost:5556"), ("origin", "null")], &open, Some(403)),
            ("PUT", vec![("host", "localhost")], &open, ok),
            ("PUT", vec![("host", "localhost")], &locked, Some(401)),
            ("PUT", vec![("host", "localhost"), ("authorization", "Bearer 0123456789abcdeg")], &locked, Some(401)),
            ("PUT", vec![("host", "localhost"), ("authorization", token)], &locked, Some(401)),
            ("PUT", vec![("host", "localhost"), ("authorization", &bearer)], &locked, ok),
            ("GET", vec![("host", "localhost")], &locked, ok),
        ] {
            let mut request = Request::builder().method(method).uri("/events");
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let found = check(&request.body(()).unwrap(), server).err().map(|refused| refused.status().as_u16());
            assert_eq!(found, expected, "{method} {headers:?}");
        }
    }
}
