//! Addresses to listen on: `127.0.0.1:5555`, `[::1]:5555`, `localhost:5555`, or `none`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::catalogue;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `5555`, `:5555`
    PortAlone(u16),
    /// `127.0.0.1`, `::1`, `localhost`
    NoPort(IpAddr),
    /// `*:5555`
    Everywhere(u16),
    /// `tcp://…`
    Scheme,
    /// What stands where the port is expected is none.
    NoSuchPort,
    /// `hw.example.com:5555`
    Name(u16),
    Other,
}

/// Reads an address to listen on; None for `none`, which turns a listener off. Names are not looked up.
///
/// # Errors
/// It is none: in one line, why and what to write.
pub fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    read(text).map_err(|fault| {
        let (why, instead) = catalogue::why_no_address(text, &fault, "");
        format!("{why}; {instead}")
    })
}

pub(super) fn read(text: &str) -> Result<Option<SocketAddr>, Fault> {
    if text == "none" {
        return Ok(None);
    }
    if let Ok(address) = text.parse() {
        return Ok(Some(address));
    }
    if text.contains("://") {
        return Err(Fault::Scheme);
    }
    if let Some(port) = port(text.strip_prefix(':').unwrap_or(text)) {
        return Err(Fault::PortAlone(port));
    }
    let is_here = |host: &str| host.eq_ignore_ascii_case("localhost");
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare.parse() {
        Ok(ip) => return Err(Fault::NoPort(ip)),
        Err(_) if is_here(text) => return Err(Fault::NoPort(Ipv4Addr::LOCALHOST.into())),
        Err(_) => {}
    }
    let (host, digits) = text.rsplit_once(':').ok_or(Fault::Other)?;
    let port = port(digits).ok_or(Fault::NoSuchPort)?;
    match host {
        _ if is_here(host) => Ok(Some((Ipv4Addr::LOCALHOST, port).into())),
        "*" => Err(Fault::Everywhere(port)),
        _ if is_name(host) => Err(Fault::Name(port)),
        _ => Err(Fault::Other),
    }
}

fn port(digits: &str) -> Option<u16> {
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| digits.parse().ok()).flatten()
}

/// Whether a host may be called so: not `256.0.0.1`, which was meant to be an address.
fn is_name(host: &str) -> bool {
    host.contains(|c: char| c.is_alphabetic()) && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{Fault, address, read};

    #[test]
    fn an_address_is_numbers_and_a_port() {
        for (text, expected) in [
            ("127.0.0.1:5555", "127.0.0.1:5555"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:5555", "[::1]:5555"),
            ("[::]:65535", "[::]:65535"),
            ("[fe80::1%2]:5555", "[fe80::1%2]:5555"),
            ("localhost:5555", "127.0.0.1:5555"),
            ("LocalHost:1", "127.0.0.1:1"),
        ] {
            let read = read(text).expect(text).expect(text);
            assert_eq!(read.to_string(), expected, "{text}");
        }
        assert_eq!(address("none"), Ok(None));
    }

    #[test]
    fn what_is_no_address_leads_to_one() {
        let here = || "127.0.0.1".parse().expect("an address");
        for (text, fault, instead) in [
            ("5555", Fault::PortAlone(5555), "write `127.0.0.1:5555`"),
            (":5555", Fault::PortAlone(5555), "write `127.0.0.1:5555`"),
            ("127.0.0.1", Fault::NoPort(here()), "write `127.0.0.1:5555`"),
            ("localhost", Fault::NoPort(here()), "write `127.0.0.1:5555`"),
            ("::1", Fault::NoPort("::1".parse().expect("an address")), "write `[::1]:5555`"),
            ("[::1]", Fault::NoPort("::1".parse().expect("an address")), "write `[::1]:5555`"),
            ("*:5555", Fault::Everywhere(5555), "write `0.0.0.0:5555`"),
            ("tcp://127.0.0.1:5555", Fault::Scheme, "127.0.0.1:5555"),
            ("127.0.0.1:", Fault::NoSuchPort, "from 0 to 65535"),
            ("127.0.0.1:65536", Fault::NoSuchPort, "from 0 to 65535"),
            ("127.0.0.1:+1", Fault::NoSuchPort, "from 0 to 65535"),
            ("localhost:http", Fault::NoSuchPort, "from 0 to 65535"),
            ("hw.example.com:5554", Fault::Name(5554), "`0.0.0.0:5554`"),
            ("256.0.0.1:5555", Fault::Other, "127.0.0.1:5555"),
            ("[::g]:5555", Fault::Other, "127.0.0.1:5555"),
            (" 127.0.0.1:5555", Fault::Other, "127.0.0.1:5555"),
            ("off", Fault::Other, "`none`"),
            ("99999", Fault::Other, "127.0.0.1:5555"),
            ("", Fault::Other, "127.0.0.1:5555"),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
            let told = address(text).expect_err("none");
            assert!(told.contains(instead), "{text}: {told}");
        }
    }
}
