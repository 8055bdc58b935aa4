//! Access logs.

use std::io::Read as _;

use highwater::source::{LogFormat, Wanted};

use crate::source::{fixture, show_result, wanted};

const TIMED: &str = include_str!("../../fixtures/nginx-incidents.conf");
const JSON: &str = r#"log_format js escape=json '{"time":"$time_iso8601","msec":$msec,"remote_addr":"$remote_addr","method":"$request_method","uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,"request_time":$request_time,"urt":"$upstream_response_time","ua":"$http_user_agent","ref":"$http_referer"}';"#;
const LTSV: &str = r#"log_format ltsv "time:$time_local\thost:$remote_addr\treq:$request\tstatus:$status\tsize:$body_bytes_sent\treqtime:$request_time\tapptime:$upstream_response_time\tua:$http_user_agent";"#;

/// Every line of a fixture in one format, as far as `fields` tell of it.
fn read(format: &str, text: &[u8], fields: &Wanted) -> Vec<String> {
    let format = LogFormat::parse(format).unwrap_or_else(|error| panic!("{error}"));
    let decoder = format.decoder("http", fields);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| show_result(decoder.decode(line))).collect()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut text).expect("a whole fixture");
    text
}

#[test]
fn one_request_in_each_format_of_nginx() {
    let fields = wanted(&["host", "metric", "status-code", "method", "path", "query", "protocol", "upstream-status"]);
    let expected = |time: &str| {
        format!(
            "{time} service=http host=127.0.0.1 metric=62 method=GET path=/api/search query=q=a protocol=HTTP/1.1 status-code=200"
        )
    };
    let whole = expected("2026-11-22T15:46:35Z");
    assert_eq!(read(TIMED, &fixture("logs/nginx-timed.log"), &fields)[3], format!("{whole} upstream-status=200"));
    assert_eq!(read(LTSV, &fixture("logs/nginx-ltsv.log"), &fields)[3], whole);
    let without_protocol = expected("2026-11-22T15:46:35.275Z").replace(" protocol=HTTP/1.1", "");
    assert_eq!(read(JSON, &fixture("logs/nginx-json.log"), &fields)[3], without_protocol);
    let combined = whole.replace(" metric=62", "");
    assert_eq!(read("nginx", &fixture("logs/nginx-combined.log"), &fields)[3], combined);
}

#[test]
fn real_files_are_understood_whole() {
    let combined = "combined";
    for (format, name, refused) in [
        (TIMED, "logs/nginx-timed.log", 0),
        (LTSV, "logs/nginx-ltsv.log", 0),
        (JSON, "logs/nginx-json.log", 0),
        ("nginx", "logs/nginx-combined.log", 0),
        (combined, "logs/nginx-combined.log", 0),
        (combined, "logs/apache-combined.log", 0),
        (combined, "logs/lnav-shop.log", 0),
        (combined, "logs/lnav-access.log", 0),
        (combined, "logs/lnav-access-dash.log", 0),
        (combined, "logs/lnav-access-bad.log", 1),
        ("vhost_combined", "logs/lnav-access-vhost.log", 0),
        (combined, "logs/mtail-apache-combined.log", 0),
        ("common", "logs/mtail-apache-common.log", 0),
        (
            r#"LogFormat "%h %l %u %t \"%r\" %>s %b %D \"%{Referer}i\" \"%{User-Agent}i\"" mtail"#,
            "logs/mtail-apache-common.log",
            0,
        ),
        ("common", "logs/mtail-lighttpd.log", 0),
        (combined, "logs/alp-combined.log", 0),
        (
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time"#,
            "logs/alp-combined.log",
            0,
        ),
    ] {
        let read = read(format, &fixture(name), &Wanted::all());
        let not_understood: Vec<_> = read.iter().filter(|line| line.starts_with("not understood")).collect();
        assert_eq!(not_understood.len(), refused, "{name}: {not_understood:#?}");
    }
}

#[test]
fn the_incidents_are_read_as_nginx_wrote_them() {
    let read = read(TIMED, &unpack(&fixture("nginx-incidents.log.gz")), &wanted(&["metric", "status-code"]));
    assert_eq!(read.len(), 27_915);
    assert!(read.iter().all(|line| line.contains(" metric=")), "every request has its time");
    let with = |status: &str| read.iter().filter(|line| line.ends_with(&format!("status-code={status}"))).count();
    assert_eq!((with("503"), with("502"), with("499")), (199, 54, 0));
}

#[test]
fn what_clients_write_stays_theirs() {
    let fields =
        wanted(&["remote_user", "request", "method", "path", "http_user_agent", "upstream_addr", "upstream_status"]);
    let read = read(TIMED, &fixture("logs/nginx-timed.log"), &fields);
    let of = |part: &str| {
        let line = read.iter().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {read:#?}"));
        line.split_once("service=http ").expect("a service").1.to_owned()
    };
    assert_eq!(
        of("bob"),
        "remote_user=bob [01/Jan/2000 method=GET path=/static/x request=GET /static/x HTTP/1.1 http_user_agent=curl/7.88.1"
    );
    assert_eq!(of("\u{16}"), "request=\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fffd}\u{3}\u{3}");
    assert_eq!(of("/bad"), "method=GET path=/bad\u{fffd}\u{fffd}%zz request=GET /bad\u{fffd}\u{fffd}%zz HTTP/1.1");
    assert!(of("we").ends_with(r#"http_user_agent=we"ird \ agent upstream_addr=127.0.0.1:18083 upstream_status=200"#));
    assert!(of("502,200").ends_with("upstream_addr=[127.0.0.1:18083,127.0.0.1:18082] upstream_status=[502,200]"));
}
