//! nginx: `$variables`.

use super::Piece;
use super::compile::{Content, Role, TimeText, Variable};

/// Splits a format into text and variables.
pub fn pieces(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(dollar) = rest.find('$') {
        pieces.push(Piece::Literal(rest.as_bytes()[..dollar].to_vec()));
        let after = &rest[dollar + 1..];
        let length = |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = match after.strip_prefix('{') {
            Some(inner) => {
                let name = &inner[..length(inner)];
                rest =
                    inner[name.len()..].strip_prefix('}').ok_or_else(|| format!("`${{{name}` has no closing brace"))?;
                name
            }
            None => {
                let name = &after[..length(after)];
                rest = &after[name.len()..];
                name
            }
        };
        if name.is_empty() {
            return Err("a `$` in the log format has no name behind it".to_owned());
        }
        pieces.push(Piece::Variable(variable(name)));
    }
    pieces.push(Piece::Literal(rest.as_bytes().to_vec()));
    Ok(pieces)
}

fn variable(name: &str) -> Variable {
    let (role, content) = match name {
        "msec" => (Role::Time(TimeText::Seconds), Content::Number),
        "time_iso8601" => (Role::Time(TimeText::Iso8601), Content::Word),
        "time_local" => (Role::Time(TimeText::CommonLogFormat), Content::CommonLogFormat),
        "status" => (Role::Status, Content::Status),
        "request" => (Role::Request, Content::Free),
        "request_method" => (Role::Method, Content::Word),
        "request_uri" => (Role::Uri, Content::Path),
        "uri" | "document_uri" => (Role::Uri, Content::FreePath),
        "args" | "query_string" => (Role::Args, Content::Word),
        "server_protocol" => (Role::Protocol, Content::Word),
        "request_time" => (Role::Duration { milliseconds: 3 }, Content::Number),
        "host" => (Role::Host { rank: 3 }, Content::Word),
        "http_host" => (Role::Host { rank: 2 }, Content::Word),
        "server_name" => (Role::Host { rank: 1 }, Content::Word),
        "remote_addr" => (Role::Host { rank: 0 }, Content::Word),
        "state" => (Role::State, Content::Free),
        "description" => (Role::Description, Content::Free),
        "remote_user" => (Role::Plain, Content::User),
        "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => (Role::Plain, Content::ForwardedFor),
        other => (Role::Plain, content(other)),
    };
    Variable { label: format!("${name}"), name: name.to_owned(), role, content }
}

/// What the value of a variable without a role may look like.
pub fn content(name: &str) -> Content {
    match name {
        "body_bytes_sent"
        | "bytes_sent"
        | "request_length"
        | "connection"
        | "connection_requests"
        | "remote_port"
        | "server_port"
        | "pid" => Content::Number,
        "upstream_addr"
        | "upstream_status"
        | "upstream_response_time"
        | "upstream_connect_time"
        | "upstream_header_time"
        | "upstream_queue_time"
        | "upstream_first_byte_time"
        | "upstream_session_time"
        | "upstream_response_length"
        | "upstream_bytes_received"
        | "upstream_bytes_sent" => Content::List,
        "binary_remote_addr" | "request_body" | "request_filename" | "realpath_root" | "document_root"
        | "date_local" | "date_gmt" | "http_user_agent" => Content::Free,
        "connection_time"
        | "content_length"
        | "gzip_ratio"
        | "hostname"
        | "https"
        | "http2"
        | "http3"
        | "is_args"
        | "nginx_version"
        | "pipe"
        | "proxy_protocol_addr"
        | "proxy_protocol_port"
        | "proxy_host"
        | "proxy_port"
        | "realip_remote_addr"
        | "realip_remote_port"
        | "request_completion"
        | "request_id"
        | "scheme"
        | "server_addr"
        | "tcpinfo_rtt"
        | "tcpinfo_rttvar"
        | "tcpinfo_snd_cwnd"
        | "tcpinfo_rcv_space"
        | "upstream_cache_status"
        | "upstream_name"
        | "proxy_upstream_name"
        | "req_id"
        | "geoip_country_code"
        | "geoip2_country_code"
        | "limit_rate"
        | "ssl_protocol"
        | "ssl_cipher"
        | "ssl_session_id"
        | "ssl_session_reused"
        | "ssl_server_name" => Content::Word,
        other if other.starts_with("arg_") || other.starts_with("cookie_") => Content::Word,
        _ => Content::Free,
    }
}
