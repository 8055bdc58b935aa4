//! Access logs.

use std::io::Read as _;

use highwater::engine::{Fields, Value};
use highwater::plan::{Field, Number};
use highwater::source::{LogFormat, Wanted};
use proptest::prelude::*;

use crate::source::{fixture, show_result, wanted};

const TIMED: &str = include_str!("../../fixtures/nginx-incidents.conf");
const JSON: &str = r#"log_format js escape=json '{"time":"$time_iso8601","msec":$msec,"remote_addr":"$remote_addr","method":"$request_method","uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,"request_time":$request_time,"urt":"$upstream_response_time","ua":"$http_user_agent","ref":"$http_referer"}';"#;
const LTSV: &str = r#"log_format ltsv "time:$time_local\thost:$remote_addr\treq:$request\tstatus:$status\tsize:$body_bytes_sent\treqtime:$request_time\tapptime:$upstream_response_time\tua:$http_user_agent";"#;

/// Every line of a fixture in one format, as far as `fields` tell of it.
fn read(format: &str, text: &[u8], fields: &Wanted) -> Vec<String> {
    let format = LogFormat::parse(format).unwrap_or_else(|error| panic!("{error}"));
    let decoder = format.decoder("http", fields);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| decoder.decode(line).transpose()).map(show_result).collect()
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

/// One line in a pasted format, as far as `fields` tell of it.
fn read_one(format: &str, line: &str, fields: &[&str]) -> String {
    let read = read(format, line.as_bytes(), &wanted(fields));
    read.into_iter().next().unwrap_or_default().replace(" service=http", "")
}

#[test]
fn a_format_is_read_as_it_was_pasted() {
    let line = "1.2.3.4\t[22/Nov/2026:15:46:35 +0330] \"GET / HTTP/2.0\" 200";
    let expected = "2026-11-22T12:16:35Z host=1.2.3.4 status-code=200";
    for format in [
        r#"log_format main '$remote_addr\t[$time_local] "$request" $status';"#,
        "log_format main '$remote_addr\\t[$time_local] '\n                '\"$request\" $status';",
        "  log_format  main  escape=default\n  # the client\n  '$remote_addr\\t[$time_local] ' # and\n  \"\\\"$request\\\" $status\" ;\n access_log /var/log/nginx/access.log main;",
        r#"http { log_format main '$remote_addr\t[$time_local] "$request" $status'; }"#,
        r#"main '$remote_addr\t[${time_local}] "$request" ''$status';"#,
        r#"escape=none '$remote_addr\t[$time_local] "$request" $status'"#,
        r#"'$remote_addr\t[$time_local] "$request" $status'"#,
        r#""$remote_addr\t[$time_local] \"$request\" $status""#,
        r#"$remote_addr\t[$time_local] \"$request\" $status"#,
        r#"$remote_addr\t[$time_local] "$request" $status"#,
        r#"LogFormat "%h\t%t \"%r\" %>s" main"#,
        "LogFormat '%a\\t%t \"%r\" \\\n%s' main",
        r#"%h\t%t \"%r\" %>s"#,
        "%{c}a\t%t \"%r\" %!200,304>s",
    ] {
        let expected = expected.replace(" host=1.2.3.4", if format.contains("{c}") { "" } else { " host=1.2.3.4" });
        assert_eq!(read_one(format, line, &["host", "status-code"]), expected, "{format}");
    }
}

#[test]
fn a_format_that_cannot_be_read_says_what_to_write() {
    for (format, expected) in [
        ("", "the log format is empty: write one of `alb`, `caddy`, `cloudfront`, `combined`, `common`, "),
        ("combind", "there is no log format `combind`: is it `combined`?"),
        ("squid", "there is no log format `squid`: write one of"),
        ("just words here", "the log format `just words here` has no variables: write one of"),
        (
            "$remote_addr $server_port",
            "the log format has no time: `$msec`, `$time_iso8601`, `$time_local` or `%t` is needed",
        ),
        ("$msec $status$request", "`$status` and `$request` touch: nothing tells where one ends"),
        ("%t %h%u", "`%h` and `%u` touch: nothing tells where one ends"),
        (
            "$msec $upstream_addr, $upstream_status",
            "`$upstream_addr` is a list whose items are separated as it is from what follows",
        ),
        ("$msec ${status", "`${status` has no closing brace"),
        ("$msec $ $status", "a `$` in the log format has no name behind it"),
        ("log_format main", "`log_format main` has no format: paste it whole, to the `;`"),
        ("log_format main '$msec", "the log format has no closing ' for `$msec`"),
        ("log_format a escape=xml '$msec'", "`escape=xml` is not known: nginx has default, json and none"),
        (
            "log_format a '$msec';\nlog_format b '$msec';",
            "there are 2 formats here (a, b): paste the one that the log is written with",
        ),
        ("LogFormat main", "`LogFormat` has no format in quotes"),
        ("LogFormat \"%t", "`LogFormat` has no closing \""),
        ("%t %Z", "`%Z` is not a directive of Apache's log formats that is known here"),
        ("%t %{x}T", "`%{x}T`: the units of %T are s, ms and us"),
        ("%{%d/%b/%Y}t %h", "`%{%d/%b/%Y}t` is not read: log the time as %t"),
        ("%t %{Referer", "`%{Referer` has no closing brace"),
        ("%t %i", "`%i` has no name: write %{NAME}i"),
    ] {
        match LogFormat::parse(format) {
            Ok(format) => panic!("{format:?}"),
            Err(error) => assert!(error.starts_with(expected), "{format}: {error}"),
        }
    }
}

#[test]
fn what_is_ambiguous_is_named() {
    for (format, expected) in [
        (TIMED, &[][..]),
        (JSON, &[]),
        (LTSV, &[]),
        ("combined", &[]),
        ("$remote_addr - $remote_user [$time_local] $status", &[]),
        ("$scheme://$host$request_uri [$time_local] $status", &[]),
        ("$msec $uri$is_args$args\t$status", &[]),
        ("$msec $remote_user $status", &["$remote_user"]),
        ("$msec $http_x_forwarded_for $status", &["$http_x_forwarded_for"]),
        ("$msec $request $status", &["$request"]),
        ("%t %r %>s %{Cookie}i %b", &["%r", "%{Cookie}i"]),
        ("log_format a escape=none '$msec \"$http_user_agent\" $status'", &["$http_user_agent"]),
    ] {
        let format_read = LogFormat::parse(format).unwrap_or_else(|error| panic!("{format}: {error}"));
        let warnings = format_read.warnings();
        assert_eq!(warnings.len(), expected.len(), "{format}: {warnings:?}");
        for (warning, variable) in warnings.iter().zip(expected) {
            assert!(warning.starts_with(&format!("where `{variable}` ends and ")), "{warning}");
        }
    }
}

#[test]
fn a_line_says_what_its_variables_mean() {
    let time = "[22/Nov/2026:15:46:35 +0000]";
    let at = "2026-11-22T15:46:35Z";
    for (format, line, fields, expected) in [
        // Durations in milliseconds; what is stamped at the start is moved to the end.
        ("[$time_local] $request_time", format!("{time} 0.015"), &["metric"][..], format!("{at} metric=15")),
        ("[$time_local] $request_time", format!("{time} 61.0005"), &["metric"], format!("{at} metric=61000.5")),
        ("[$time_local] $request_time", format!("{time} -"), &["metric"], at.to_owned()),
        ("[$time_local] $request_time", format!("{time} slow"), &["metric"], format!("{at} metric=slow")),
        ("%t %D", format!("{time} 1500250"), &["metric"], "2026-11-22T15:46:36.50025Z metric=1500.25".to_owned()),
        ("%t %T", format!("{time} 2"), &["metric"], "2026-11-22T15:46:37Z metric=2000".to_owned()),
        ("%t %T %D", format!("{time} 1 1500000"), &["metric"], "2026-11-22T15:46:36.5Z metric=1500".to_owned()),
        ("%t %{ms}T", format!("{time} 85"), &["metric"], "2026-11-22T15:46:35.085Z metric=85".to_owned()),
        (
            "%{end:usec}t %D",
            "1700000000250000 85000".to_owned(),
            &["metric"],
            "2023-11-14T22:13:20.25Z metric=85".to_owned(),
        ),
        ("%{msec}t %h", "1700000000250 ::1".to_owned(), &["host"], "2023-11-14T22:13:20.25Z host=::1".to_owned()),
        // The best of several times.
        ("[$time_local] $msec", format!("{time} 1795362395.191"), &[], "2026-11-22T15:46:35.191Z".to_owned()),
        ("$time_iso8601 [$time_local]", format!("2026-11-22T16:46:35+01:00 {time}"), &[], at.to_owned()),
        // The best of several hosts.
        (
            "$msec $remote_addr $server_name $host",
            "1 ::1 _ example.org".to_owned(),
            &["host"],
            "1970-01-01T00:00:01Z host=example.org".to_owned(),
        ),
        (
            "%v:%p %h %t",
            format!("example.org:443 ::1 {time}"),
            &["host", "server_port", "remote-addr"],
            format!("{at} host=example.org server_port=443 remote-addr=::1"),
        ),
        (
            "%t %h %a",
            format!("{time} web ::1"),
            &["host", "remote_addr", "remote_host"],
            format!("{at} host=web remote_host=web remote_addr=::1"),
        ),
        // Requests, whole and in parts.
        (
            "%t \"%r\"",
            format!(r#"{time} "GET /a b?c=\"d\"&e HTTP/1.1""#),
            &["path", "query"],
            format!("{at} path=/a b query=c=\"d\"&e"),
        ),
        ("%t \"%r\"", format!(r#"{time} "GET /""#), &["method", "path", "protocol"], format!("{at} method=GET path=/")),
        ("%t \"%r\"", format!(r#"{time} "-""#), &["method", "path", "request"], at.to_owned()),
        ("%t \"%r\"", format!(r#"{time} """#), &["method", "path"], at.to_owned()),
        (
            "%t %m %U%q %H",
            format!("{time} GET /a?b=c HTTP/1.1"),
            &["method", "path", "query", "protocol"],
            format!("{at} method=GET path=/a query=b=c protocol=HTTP/1.1"),
        ),
        (
            "$msec $request_method $scheme://$host$request_uri $status",
            "1 GET https://a.org/b?c 200".to_owned(),
            &["host", "path", "query", "scheme"],
            "1970-01-01T00:00:01Z host=a.org scheme=https path=/b query=c".to_owned(),
        ),
        (
            "$msec $request $status",
            "1 GET /a 200 b HTTP/1.1 404".to_owned(),
            &["path", "status-code"],
            "1970-01-01T00:00:01Z path=/a 200 b status-code=404".to_owned(),
        ),
        // Lists of upstream servers without quotes.
        (
            "$msec $upstream_addr $upstream_response_time $status",
            "1 a:1, b:2 : c:3 0.1, - : 0.3 200".to_owned(),
            &["upstream_addr", "upstream-response-time"],
            "1970-01-01T00:00:01Z upstream_addr=[a:1,b:2,c:3] upstream-response-time=[0.1,0.3]".to_owned(),
        ),
        (
            "$msec $upstream_status $status",
            "1 - 200".to_owned(),
            &["upstream_status", "status"],
            "1970-01-01T00:00:01Z status=200".to_owned(),
        ),
        // Escapes.
        (
            "%t \"%{User-Agent}i\"",
            format!(r#"{time} "a\"b\\c\td\x7f\q\u0041""#),
            &["http_user_agent"],
            format!("{at} http_user_agent=a\"b\\c\td\u{7f}\\qA"),
        ),
        (
            "%t \"%{X-Foo}i\" \"%{Set-Cookie}o\" %{UNIQUE_ID}e",
            format!(r#"{time} "-" "a" id"#),
            &["http-x-foo", "sent_http_set_cookie", "unique_id"],
            format!("{at} sent_http_set_cookie=a unique_id=id"),
        ),
        ("%t %b %B", format!("{time} - 0"), &["body_bytes_sent"], format!("{at} body_bytes_sent=0")),
        (
            r#"{"t":$msec,"u":"$http_user_agent","r":"$http_referer"}"#,
            r#"{"t":1,"u":"a\"b\\","r":""}"#.to_owned(),
            &["http_user_agent", "http_referer"],
            "1970-01-01T00:00:01Z http_user_agent=a\"b\\".to_owned(),
        ),
        (
            "log_format a escape=none '$msec\t$http_user_agent\t$status'",
            "1\ta\\x22\t200".to_owned(),
            &["http_user_agent"],
            "1970-01-01T00:00:01Z http_user_agent=a\\x22".to_owned(),
        ),
        // Names that are an event's own are no attributes.
        (
            "$msec $state $service $tags",
            "1 ok x y".to_owned(),
            &["state", "service", "tags"],
            "1970-01-01T00:00:01Z state=ok".to_owned(),
        ),
    ] {
        assert_eq!(read_one(format, &line, fields), expected, "{format}: {line}");
    }
}

#[test]
fn a_line_that_does_not_fit_is_refused_with_the_place() {
    for (format, line, expected) in [
        ("common", "", ""),
        ("common", "x", "not understood: expected a value for `%h` that ends at ` ` at byte 0"),
        (
            "common",
            "::1 - - [22/Nov/2026:15:46:35 +0000] \"GET / HTTP/1.1\" 2000 5",
            "not understood: expected a status of three digits at byte 54",
        ),
        (
            "common",
            "::1 - - [42/Nov/2026:15:46:35 +0000] \"GET / HTTP/1.1\" 200 5",
            "not understood: expected a time as in 22/Nov/2026:15:46:35 +0000 at byte 9",
        ),
        (
            "common",
            "::1 - - [22/Nov/2026:15:46:35] \"GET / HTTP/1.1\" 200 5",
            "not understood: expected a time as in 22/Nov/2026:15:46:35 +0000 and `] \"` for `%t` at byte 9",
        ),
        ("$msec $status", "1 200 more", "not understood: expected a status of three digits at byte 2"),
        (
            "$msec \"$http_referer\"",
            "1 \"a\" b",
            "not understood: expected a value for `$http_referer` that ends at `\"` at byte 3",
        ),
        (
            "$msec \"$http_referer\"",
            "1 \"a",
            "not understood: expected a value for `$http_referer` that ends at `\"` at byte 3",
        ),
        ("$msec $status", "1700000000000 200", "time out of range: 1700000000000 looks like milliseconds"),
        ("$time_iso8601 $status", "now 200", "not understood: expected a time at byte 0"),
    ] {
        let read = read_one(format, line, &[]);
        assert!(read.starts_with(expected), "{format}: {line}: {read}");
    }
}

#[test]
fn formats_that_are_stamped_at_the_start_say_so() {
    for (format, expected) in [
        ("combined", true),
        ("common", true),
        ("vhost_combined", true),
        ("nginx", false),
        ("%t %D", false),
        ("%{end:sec}t %h", false),
        ("%{usec}t %h", true),
        ("[$time_local] $status", false),
    ] {
        assert_eq!(LogFormat::parse(format).expect(format).starts_at_request(), expected, "{format}");
    }
}

/// nginx's escaping, or Apache's.
fn escape(text: &str, apache: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' if apache => out.extend(['\\', char::from(byte)]),
            b'"' | b'\\' | 0..0x20 | 0x7f.. => out.push_str(&format!("\\x{byte:02X}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

proptest! {
    #[test]
    fn what_clients_sent_is_read_back(
        user in "[^:\0]{1,20}", path in "/[!-~]{0,20}", query in "[!-~&&[^#]]{1,9}", agent in any::<String>(), referer in ".{0,20}",
        millis in 0u32..10_000_000, status in 100u16..600, apache in any::<bool>(),
    ) {
        prop_assume!(user != "-" && agent != "-" && referer != "-" && !path.contains('?'));
        let [user_text, agent_text, referer_text] = [&user, &agent, &referer].map(|text| escape(text, apache));
        let request = escape(&format!("GET {path}?{query} HTTP/1.1"), apache);
        let line = format!(
            "::1 - {user_text} [22/Nov/2026:15:46:35 +0000] \"{request}\" {status} 5 \"{referer_text}\" \"{agent_text}\" {}.{:03}",
            millis / 1000, millis % 1000,
        );
        let format = if apache {
            LogFormat::parse(r#"%h - %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{took}n"#)
        } else {
            LogFormat::parse(r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time"#)
        }.expect("a format");
        let decoder = format.decoder("http", &Wanted::all());
        let event = decoder.decode(line.as_bytes()).expect("a line").expect("an event");
        let field = |name: &str| event.field(&Field::named(name)).into_owned();
        prop_assert_eq!(field("remote-user"), Value::text(&user));
        prop_assert_eq!(field("http_user_agent"), Value::text(&agent));
        prop_assert_eq!(field("http_referer"), Value::text(&referer));
        prop_assert_eq!(field("path"), Value::text(&path));
        prop_assert_eq!(field("query"), Value::text(&query));
        prop_assert_eq!(field("status-code").number(), Some(Number::Int(status.into())));
        if !apache {
            prop_assert_eq!(field("metric"), Value::Number(Number::Int(millis.into())));
        }
    }

    #[test]
    fn no_format_and_no_line_panics(
        format in "([$%\"'{}; \\\\a-z\\[\\]]|\\$msec|\\$uri|\\$upstream_addr|%t|%U%q|log_format |LogFormat ){0,20}",
        line in prop::collection::vec(prop_oneof![Just(b' '), Just(b'"'), Just(b'\\'), Just(b','), any::<u8>()], 0..100),
    ) {
        for format in [format.as_str(), "combined", "vhost_combined", TIMED, LTSV, JSON, "$msec $upstream_addr $uri$is_args$args", "$scheme://$host$request_uri $msec"] {
            if let Ok(format) = LogFormat::parse(format) {
                let _ = format.decoder("http", &Wanted::all()).decode(&line);
            }
        }
    }
}

#[test]
fn lines_that_go_on_behind_a_known_format_are_noticed() {
    let combined = r#"10.0.0.1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 316 "-" "curl \"8\"""#;
    let common = r#"10.0.0.1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 316"#;
    for (line, name, goes_on) in [
        (combined.to_string(), "combined", false),
        (format!("{combined} rt=0.015"), "combined", true),
        (format!("{combined} \"-\""), "combined", true),
        (common.to_string(), "common", false),
        (format!("{common} 0.015"), "common", true),
    ] {
        let kind = highwater::source::detect(line.as_bytes(), true).unwrap().unwrap();
        assert_eq!((kind.name(), kind.goes_on()), (name, goes_on), "{line}");
    }
}
