//! The formats that have a name.

use super::compile::{self, Content, Piece, Role, TimeText, Variable};
use super::escape::Escape;
use super::keys::Dialect;
use super::pairs::Syntax as PairsSyntax;
use super::{Syntax, apache, haproxy, nginx};

/// The names of all known formats.
pub const NAMES: [&str; 19] = [
    "alb",
    "caddy",
    "cloudfront",
    "combined",
    "common",
    "envoy",
    "envoy_json",
    "haproxy",
    "iis",
    "json",
    "logfmt",
    "ltsv",
    "nginx",
    "nginx_json",
    "nginx_timed",
    "traefik",
    "traefik_json",
    "vhost_combined",
    "w3c",
];

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#;
const VHOST_COMBINED: &str = r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#;
const NGINX: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" "#,
    r#"$status $body_bytes_sent "$http_referer" "$http_user_agent""#
);
const NGINX_TIMED: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" "#,
    r#"$status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time $upstream_response_time"#
);
const TRAEFIK: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" "#,
    r#"$status $body_bytes_sent "$http_referer" "$http_user_agent" $request_count "$router" "$server_url" ${duration}ms"#
);
const ALB: &str = concat!(
    "$type $time $elb $client $target ",
    "$request_processing_time $target_processing_time $response_processing_time ",
    r#"$elb_status_code $target_status_code $received_bytes $sent_bytes "$request" "$user_agent" "#,
    r#"$ssl_cipher $ssl_protocol $target_group_arn "$trace_id""#
);
/// What later versions appended.
const ALB_TAIL: [&str; 12] = [
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
];
const ENVOY: &str = concat!(
    r#"[$start_time] "$request" $response_code $response_flags $bytes_received $bytes_sent $duration "#,
    r#"$upstream_service_time "$x_forwarded_for" "$user_agent" "$request_id" "$authority" "$upstream_host""#
);

/// How lines of a known format are read.
pub fn syntax(name: &str) -> Option<Syntax> {
    let objects = |dialect, only_requests| Syntax::Objects { dialect, only_requests };
    let ends = true;
    let (pieces, escape, goes_on) = match name {
        "caddy" => return Some(objects(Dialect::Caddy, true)),
        "envoy_json" => return Some(objects(Dialect::Envoy, true)),
        "json" => return Some(objects(Dialect::Plain, false)),
        "nginx_json" => return Some(objects(Dialect::Plain, true)),
        "traefik_json" => return Some(objects(Dialect::Traefik, true)),
        "cloudfront" => return Some(Syntax::Columns(Dialect::CloudFront)),
        "iis" => return Some(Syntax::Columns(Dialect::Iis)),
        "w3c" => return Some(Syntax::Columns(Dialect::W3c)),
        "logfmt" => return Some(Syntax::Pairs(PairsSyntax::Logfmt)),
        "ltsv" => return Some(Syntax::Pairs(PairsSyntax::Ltsv)),
        "common" => (apache::pieces(COMMON), Escape::Apache, true),
        "combined" => (apache::pieces(COMBINED), Escape::Apache, true),
        "vhost_combined" => (apache::pieces(VHOST_COMBINED), Escape::Apache, true),
        "nginx" => (nginx::pieces(NGINX), Escape::Default, true),
        "nginx_timed" => (nginx::pieces(NGINX_TIMED), Escape::Default, !ends),
        "haproxy" => (haproxy::pieces(haproxy::HTTPLOG), Escape::Encoded, true),
        "alb" => (with_roles(ALB, alb), Escape::Default, true),
        "envoy" => (with_roles(ENVOY, envoy), Escape::Encoded, true),
        "traefik" => (with_roles(TRAEFIK, traefik), Escape::Default, !ends),
        _ => return None,
    };
    let compiled = pieces.and_then(|pieces| compile::compile(pieces, escape, goes_on));
    let mut compiled = compiled.expect("the known formats are formats");
    if name == "alb" {
        compiled.tail = ALB_TAIL.map(str::to_owned).into();
    }
    Some(Syntax::Scanned(compiled))
}

/// A format that is written as nginx would, whose variables mean what `role` says; None leaves what nginx means.
fn with_roles(format: &str, role: fn(&str) -> Option<(Role, Content)>) -> Result<Vec<Piece>, String> {
    let given = |piece: Piece| match piece {
        Piece::Variable(variable) => match role(&variable.name) {
            Some((role, content)) => {
                Piece::Variable(Variable { label: variable.name.clone(), role, content, ..variable })
            }
            None => Piece::Variable(variable),
        },
        literal => literal,
    };
    Ok(nginx::pieces(format)?.into_iter().map(given).collect())
}

fn alb(name: &str) -> Option<(Role, Content)> {
    Some(match name {
        "time" => (Role::Time(TimeText::Iso8601), Content::Word),
        "request_processing_time" | "target_processing_time" | "response_processing_time" => {
            (Role::DurationPart { milliseconds: 3 }, Content::Number)
        }
        "elb_status_code" => (Role::Status, Content::Status),
        "received_bytes" | "sent_bytes" => (Role::Plain, Content::Number),
        "request" => (Role::UrlRequest, Content::Free),
        "user_agent" | "trace_id" => (Role::Plain, Content::Free),
        "client" => (Role::Client, Content::Word),
        _ => (Role::Plain, Content::Word),
    })
}

fn envoy(name: &str) -> Option<(Role, Content)> {
    Some(match name {
        "start_time" => (Role::StartTime(TimeText::Iso8601), Content::Word),
        "request" => (Role::UrlRequest, Content::Free),
        "response_code" => (Role::Status, Content::Status),
        "duration" => (Role::Duration { milliseconds: 0 }, Content::Number),
        "bytes_received" | "bytes_sent" | "upstream_service_time" => (Role::Plain, Content::Number),
        "authority" => (Role::Host { rank: 3 }, Content::Word),
        "response_flags" | "request_id" | "upstream_host" => (Role::Plain, Content::Word),
        _ => (Role::Plain, Content::Free),
    })
}

fn traefik(name: &str) -> Option<(Role, Content)> {
    match name {
        "time_local" => Some((Role::StartTime(TimeText::CommonLogFormat), Content::CommonLogFormat)),
        "duration" => Some((Role::Duration { milliseconds: 0 }, Content::Number)),
        "request_count" => Some((Role::Plain, Content::Number)),
        "router" | "server_url" => Some((Role::Plain, Content::Free)),
        _ => None,
    }
}
