//! Request lines, and the paths and queries in them.

use memchr::memrchr;

use crate::source::bytes::find;

/// A request line.
pub struct Request<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub protocol: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// None for what is no request: bytes of TLS on a plain port, nothing, `-`.
    #[inline]
    pub fn split(text: &'a [u8]) -> Option<Request<'a>> {
        let blank = find(b' ', text)?;
        let (method, rest) = (&text[..blank], &text[blank + 1..]);
        let is_method = blank > 0
            && blank <= 32
            && method.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_method {
            return None;
        }
        // Nearly all end with ` HTTP/1.1` or the like.
        let blank = match rest.len().checked_sub(9) {
            Some(at) if rest[at..].starts_with(b" HTTP/") => Some(at),
            _ => memrchr(b' ', rest),
        };
        let (target, protocol) = match blank {
            Some(at) if rest[at + 1..].starts_with(b"HTTP/") => (&rest[..at], Some(&rest[at + 1..])),
            _ => (rest, None),
        };
        (!target.is_empty()).then_some(Request { method, target, protocol })
    }
}

/// A target without its query, and the query behind `?` unless it is empty.
#[inline]
pub fn path_and_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match find(b'?', target) {
        Some(at) => (&target[..at], Some(&target[at + 1..]).filter(|query| !query.is_empty())),
        None => (target, None),
    }
}

/// The host of a URL, without its port, and the path behind it; a target that is only a path has none.
pub fn host_and_target(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(at) = memchr::memmem::find(&target[..target.len().min(10)], b"://") else { return (None, target) };
    let rest = &target[at + 3..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    (Some(without_port(host)).filter(|host| !host.is_empty()), target)
}

/// `a.org` of `a.org:80`.
pub fn without_port(host: &[u8]) -> &[u8] {
    let port = memrchr(b':', host).filter(|at| host[at + 1..].iter().all(u8::is_ascii_digit));
    port.map_or(host, |at| &host[..at])
}
