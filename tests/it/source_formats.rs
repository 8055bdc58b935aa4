//! Access logs of many servers, by the name of their format; regular expressions; prefixes.

use highwater::engine::{Event, Fields, Value};
use highwater::plan::{Field, Number};
use highwater::source::log::{LogDecoder, NAMES, TimeIs};
use highwater::source::{LogFormat, Wanted, candidates, detect};
use proptest::prelude::*;

use crate::source::{fixture, show, show_result, wanted};

/// What each line of a text gives, as far as `fields` tell of it; nothing for a header.
fn read(format: &str, text: &str, fields: &[&str]) -> Vec<String> {
    let format = LogFormat::parse(format).unwrap_or_else(|error| panic!("{format}: {error}"));
    let decoder = format.decoder("http", &wanted(fields));
    read_by(&decoder, text)
}

fn read_by(decoder: &LogDecoder, text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| decoder.decode(line.as_bytes()).transpose());
    lines.map(|read| show_result(read).replace(" service=http", "")).collect()
}

#[test]
fn a_line_of_each_format_says_what_its_fields_mean() {
    let fields = &["host", "metric", "status-code", "method", "path", "query", "protocol"];
    for (format, line, expected) in [
        (
            "nginx_timed",
            r#"::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a?b HTTP/1.1" 200 5 "-" "curl" 0.015 0.003, 0.012"#,
            "2026-11-22T15:46:35Z host=::1 metric=15 method=GET path=/a query=b protocol=HTTP/1.1 status-code=200",
        ),
        (
            "nginx_json",
            r#"{"time":"2026-11-22T15:46:35+00:00","msec":1795362395.191,"remote_addr":"::1","method":"GET","uri":"/a?b","status":200,"request_time":0.015,"urt":""}"#,
            "2026-11-22T15:46:35.191Z host=::1 metric=15 status-code=200 method=GET path=/a query=b",
        ),
        // A request that was none: nothing is said of it but its status.
        (
            "nginx_json",
            r#"{"time":"2026-11-22T15:46:35+00:00","remote_addr":"::1","method":"","uri":"","status":400,"request_time":0.000}"#,
            "2026-11-22T15:46:35Z host=::1 metric=0 status-code=400",
        ),
        (
            "caddy",
            r#"{"level":"info","ts":1716723772.6014807,"msg":"handled request","request":{"remote_ip":"10.5.1.1","proto":"HTTP/2.0","method":"GET","host":"a.org","uri":"/b?c=d","headers":{"User-Agent":["x"]}},"duration":0.017557019,"size":3768,"status":200}"#,
            "2024-05-26T11:42:52.60148Z host=a.org metric=17.557019 status-code=200 method=GET path=/b query=c=d protocol=HTTP/2.0",
        ),
        // The start, and the duration in nanoseconds.
        (
            "traefik_json",
            r#"{"ClientHost":"10.0.0.1","DownstreamStatus":502,"Duration":1500000000,"RequestHost":"a.org","RequestMethod":"GET","RequestPath":"/b?c","RequestProtocol":"HTTP/1.1","StartUTC":"2026-11-22T15:46:35.5Z","time":"2026-11-22T15:46:37Z","request_User-Agent":"x"}"#,
            "2026-11-22T15:46:37Z host=a.org metric=1500 status-code=502 method=GET path=/b query=c protocol=HTTP/1.1",
        ),
        (
            "traefik",
            r#"10.0.0.1 - - [22/Nov/2026:15:46:35 +0000] "GET /b HTTP/1.1" 200 5 "-" "curl" 17 "web@docker" "http://10.0.0.2:80" 1500ms"#,
            "2026-11-22T15:46:36.5Z host=10.0.0.1 metric=1500 method=GET path=/b protocol=HTTP/1.1 status-code=200",
        ),
        (
            "ltsv",
            "time:22/Nov/2026:15:46:35 +0000\thost:::1\treq:GET /a?b HTTP/1.1\tstatus:200\treqtime:0.042\tapptime:0.041\tvhost:a.org",
            "2026-11-22T15:46:35Z host=a.org metric=42 status-code=200 method=GET path=/a query=b protocol=HTTP/1.1",
        ),
        (
            "ltsv",
            "time:[22/Nov/2026:15:46:35 +0000]\thost:::1\tmethod:GET\turi:/a?b\tstatus:-\treqtime:-\tapptime:0.041",
            "2026-11-22T15:46:35Z host=::1 metric=41 method=GET path=/a query=b",
        ),
        (
            "logfmt",
            r#"time=2026-11-22T15:46:35Z level=info msg="a \"b\" c=d" method=GET path=/a?b status=200 duration=1.5ms remote_addr=::1"#,
            "2026-11-22T15:46:35Z host=::1 metric=1.5 status-code=200 method=GET path=/a query=b",
        ),
        (
            "haproxy",
            r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#,
            "2009-02-06T12:14:14.764Z host=10.0.1.2 metric=109 status-code=200 method=GET path=/index.html protocol=HTTP/1.1",
        ),
        // No captured headers; logged before the end.
        (
            "haproxy",
            r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/+109 200 +2750 - - ---- 1/1/1/1/0 0/0 "GET /index.html HTTP/1.1""#,
            "2009-02-06T12:14:14.764Z host=10.0.1.2 metric=109 status-code=200 method=GET path=/index.html protocol=HTTP/1.1",
        ),
        // Aborted before there was a response.
        (
            "haproxy",
            r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in http-in/<NOSRV> -1/-1/-1/-1/8490 -1 0 - - CR-- 2/2/2/0/0 0/0 "<BADREQ>""#,
            "2009-02-06T12:14:23.145Z host=10.0.1.2 metric=8490",
        ),
        (
            "alb",
            r#"https 2016-08-10T23:39:43.065466Z app/my/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x "Root=1-58337281" www.example.com arn:aws:acm 0 2016-08-10T23:39:42Z "forward" "-" "-" "10.0.0.1:80" "200""#,
            "2016-08-10T23:39:43.065466Z host=www.example.com metric=171 status-code=200 method=GET path=/a query=b protocol=HTTP/1.1",
        ),
        // No target answered.
        (
            "alb",
            r#"http 2016-08-10T23:39:43.065466Z app/my/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 503 - 0 57 "- http://a.org:80- -" "-" - - - "-""#,
            "2016-08-10T23:39:43.065466Z host=192.168.131.39 status-code=503",
        ),
        (
            "envoy",
            r#"[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#,
            "2016-04-15T20:17:00.536Z host=locations metric=226 method=POST path=/api/v1/locations protocol=HTTP/2 status-code=204",
        ),
        (
            "envoy",
            r#"[2016-04-15T20:17:00.310Z] "- - HTTP/1.1" 0 DC 0 0 5 - "-" "-" "-" "-" "-""#,
            "2016-04-15T20:17:00.315Z metric=5",
        ),
        (
            "envoy_json",
            r#"{"start_time":"2020-11-25T21:26:18.409Z","method":"GET","path":"/status/418","protocol":"HTTP/1.1","response_code":418,"duration":4,"authority":"httpbin:8000"}"#,
            "2020-11-25T21:26:18.413Z host=httpbin:8000 metric=4 status-code=418 method=GET path=/status/418 protocol=HTTP/1.1",
        ),
        ("json", r#"{"@timestamp":"2026-11-22 15:46:35.5","latency_ms":85}"#, "2026-11-22T15:46:35.5Z metric=85"),
    ] {
        assert_eq!(read(format, line, fields), [expected], "{format}: {line}");
    }
}

#[test]
fn attributes_have_the_names_of_the_format() {
    let alb = r#"h2 2016-08-10T00:10:33.145057Z app/a 10.0.1.252:48160 10.0.0.66:9000 0.000 0.002 0.000 200 201 5 257 "GET https://10.0.2.105:773/ HTTP/2.0" "curl \"x\"" a TLSv1.2 arn "Root=1" "a.org" - 1 2016-08-10T00:10:33.1Z "waf,forward" "-""#;
    let haproxy = r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] in~ be/s1 10/0/30/69/109 200 +2750 - - ---- 1/1/1/1/0 3/0 {Mozilla/5.0 (X11)|a.org} {} "GET / HTTP/1.1""#;
    for (format, line, fields, expected) in [
        (
            "alb",
            alb,
            &["target-status-code", "user_agent", "domain_name", "actions-executed", "redirect_url"][..],
            "target-status-code=201 user_agent=curl \"x\" domain_name=a.org actions-executed=waf,forward",
        ),
        (
            "haproxy",
            haproxy,
            &[
                "backend_name",
                "server-name",
                "Tw",
                "Tr",
                "termination_state",
                "captured_request_headers",
                "srv-queue",
                "bytes-read",
            ],
            "backend_name=be server-name=s1 Tw=0 Tr=69 bytes-read=2750 termination_state=---- srv-queue=3 captured_request_headers=Mozilla/5.0 (X11)|a.org",
        ),
        (
            "caddy",
            r#"{"ts":1,"request":{"remote_ip":"::1","headers":{"User-Agent":["x","y"],"Sec_A":"b"}},"status":200,"resp_headers":{"Server":["c"]},"size":3}"#,
            &[
                "request.remote-ip",
                "request.headers.User-Agent",
                "request.headers.Sec-A",
                "size",
                "resp_headers",
                "status",
            ],
            "request.remote-ip=::1 request.headers.User-Agent=[x,y] request.headers.Sec-A=b status=200 resp_headers={\"Server\":[\"c\"]} size=3",
        ),
        (
            "nginx_json",
            r#"{"time":1700000000,"status":"200","upstream_response_time":"0.003, 0.012 : -","http_user_agent":"a\"\u00e9","up":true}"#,
            &["upstream-response-time", "http_user_agent", "up", "status"],
            "status=200 upstream-response-time=[0.003,0.012] http_user_agent=a\"é up=true",
        ),
        (
            "ltsv",
            "time:1700000000\tstatus:200\tua:a\\x22b\tforwardedfor:-\tx_y:a:b",
            &["ua", "forwardedfor", "x-y", "size"],
            "ua=a\"b x-y=a:b",
        ),
        ("logfmt", "ts=1700000000.5 a_b=\"c d\" e= f g=h", &["a-b", "e", "f", "g"], "a-b=c d g=h"),
    ] {
        let read = read(format, line, fields);
        assert_eq!(read[0].split_once("Z ").map(|(_, fields)| fields), Some(expected), "{format}: {line}");
    }
}

#[test]
fn header_lines_name_the_columns_of_lines_behind_them() {
    let fields = &["host", "metric", "status-code", "method", "path", "query", "cs-user-agent"];
    let iis = "#Software: Microsoft Internet Information Services 8.5\n#Version: 1.0\n#Date: 2015-01-13 00:32:17\n\
               #Fields: date time cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) sc-status time-taken\n\
               2015-01-13 00:32:17 GET /a+b - ::1 Mozilla/5.0+(compatible) 404 242\n\
               #Fields: time sc-status cs-uri-stem\n\
               00:32:18 200 /c\n\
               00:32:18 200\n\
               00:32:18 200 /c d\n";
    let expected = [
        "2015-01-13T00:32:17Z host=::1 metric=242 cs-user-agent=Mozilla/5.0 (compatible) status-code=404 method=GET path=/a+b",
        "2015-01-13T00:32:18Z status-code=200 path=/c",
        "not understood: expected the 3 columns that `#Fields:` names at byte 12",
        "not understood: expected the 3 columns that `#Fields:` names at byte 17",
    ];
    assert_eq!(read("iis", iis, fields), expected);
    assert_eq!(read("w3c", iis, fields), expected, "the software says so");
    let cloudfront = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status \
                      cs(User-Agent) cs-uri-query x-host-header time-taken cs-protocol-version\n\
                      2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td1.cloudfront.net\t/index%20a.html\t200\t\
                      Mozilla/5.0%20(Windows%2520NT)\t-\twww.a.org\t0.062\tHTTP/2.0\n";
    let expected = "2019-12-04T21:02:31Z host=www.a.org metric=62 cs-user-agent=Mozilla/5.0 (Windows%20NT) status-code=200 method=GET path=/index%20a.html";
    assert_eq!(read("cloudfront", cloudfront, fields), [expected]);
    assert_eq!(read("w3c", cloudfront, fields), [expected]);
    let seconds = "#GMT-Offset: -0800\n#Fields: date time sc-status time-taken\n2001-10-31 16:00:18 200 1.5\n";
    assert_eq!(read("w3c", seconds, fields), ["2001-11-01T00:00:18Z metric=1500 status-code=200"]);
    assert_eq!(
        read("w3c", "2001-10-31 16:00:18 200 1.5", fields),
        [
            "not understood: expected a line that begins with `#Fields:`, which names the columns, before this one at byte 0"
        ]
    );
}

#[test]
fn a_decoder_goes_on_in_the_middle_of_a_file_by_the_header_of_another() {
    let format = LogFormat::parse("w3c").expect("a format");
    assert!(format.has_header());
    let fields = wanted(&["metric", "status-code"]);
    let (first, second) = (format.decoder("http", &fields), format.decoder("http", &fields));
    let header = "#Software: Microsoft IIS\n#Date: 2015-01-13 00:32:17\n#GMT-Offset: +0100\n#Fields: time sc-status time-taken\n";
    assert_eq!(read_by(&first, header), [""; 0]);
    for line in first.header() {
        assert_eq!(second.decode(&line), Ok(None));
    }
    let line = "01:32:17 200 15";
    assert_eq!(read_by(&second, line), ["2015-01-13T00:32:17Z metric=15 status-code=200"]);
    assert_eq!(read_by(&second, line), read_by(&first, line));
    second.start();
    assert!(read_by(&second, line)[0].starts_with("not understood: expected a line that begins with `#Fields:`"));
}

#[test]
fn layouts_that_change_all_the_time_are_bounded() {
    let decoder = LogFormat::parse("w3c").expect("a format").decoder("http", &wanted(&["status-code"]));
    let mut refused = 0;
    for at in 0..1000 {
        let header = format!("#Fields: time date sc-status x{at}");
        refused += usize::from(decoder.decode(header.as_bytes()).is_err());
    }
    assert_eq!(refused, 1000 - 64);
    let again = read_by(&decoder, "#Fields: time date sc-status x7\n00:00:00 2020-01-01 200 -");
    assert_eq!(again, ["2020-01-01T00:00:00Z status-code=200"]);
}

#[test]
fn a_pasted_format_of_haproxy_is_read() {
    let fields = &["host", "metric", "status-code", "method", "path", "query", "capture_req_hdr_0", "frontend-name"];
    let expected = "2009-02-06T12:14:14.764Z host=10.0.1.2 metric=109 frontend-name=in";
    let rest = " method=GET path=/a query=b status-code=200";
    for (format, line) in [
        (
            r#"log-format "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r""#,
            r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] in b/s 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET /a?b HTTP/1.1""#,
        ),
        (
            r"    log-format %ci:%cp\ [%tr]\ %f\ %Ta\ %ST\ %{+Q}r  # with a blank",
            r#"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] in 109 200 "GET /a?b HTTP/1.1""#,
        ),
        ("%ci [%tr] %f %Ta %ST %HM %HU", "10.0.1.2 [06/Feb/2009:12:14:14.655] in 109 200 GET /a?b"),
        (
            "%{+Q}o %ci [%tr] %f %Ta %ST %{-Q}HM %HP %HQ",
            r#" "10.0.1.2" [06/Feb/2009:12:14:14.655] "in" 109 200 GET "/a" "?b""#,
        ),
        (
            r#"log-format '{"client":"%ci","at":"%trg","f":"%f","took":%Ta,"status":%ST,"m":"%HM","u":"%HU"}'"#,
            r#"{"client":"10.0.1.2","at":"06/Feb/2009:12:14:14 +0000","f":"in","took":109,"status":200,"m":"GET","u":"/a?b"}"#,
        ),
    ] {
        let read = read(format, line, fields).remove(0).replace("14.109Z", "14.764Z");
        assert!(read.starts_with(expected), "{format}: {read}");
        assert!(rest.split(' ').all(|field| read.contains(field)), "{format}: {read}");
    }
    assert_eq!(
        read("%ci %[date(0,ms)] %ST %{+Q}[capture.req.hdr(0)]", r#"::1 1700000000250 200 "a b""#, fields),
        ["2023-11-14T22:13:20.25Z host=::1 status-code=200 capture_req_hdr_0=a b"]
    );
    for (format, expected) in [
        ("log-format %ci\\ %zz", "`%zz` is not a variable of HAProxy's log formats that is known here"),
        ("%ci %[date(0,ms) %ST", "`%[date(0,ms) %ST` has no closing bracket"),
        ("log-format \"%ci", "`log-format` has no closing \""),
        ("log-format \n", "there is no log format `log-format`"),
    ] {
        match LogFormat::parse(format) {
            Ok(format) => panic!("{format:?}"),
            Err(error) => assert!(error.starts_with(expected), "{format}: {error}"),
        }
    }
}

#[test]
fn groups_of_a_regular_expression_are_fields() {
    let clf = r#"regex:^(?P<remote_addr>\S+) \S+ (\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<size>\d+|-)"#;
    let line = r#"::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a?b HTTP/1.1" 200 5 and more"#;
    let fields = &["host", "metric", "status-code", "method", "path", "size", "app-id"];
    assert_eq!(read(clf, line, fields), ["2026-11-22T15:46:35Z host=::1 size=5 status-code=200 method=GET path=/a"]);
    for (regex, line, expected) in [
        (r"(?<time>\S+ \S+) (?<request_time_ms>\d+)", "2026-11-22 15:46:35.5 85", "2026-11-22T15:46:35.5Z metric=85"),
        (r"(?<time>\d+) (?<request_time>[\d.]+)", "1700000000250 0.085", "2023-11-14T22:13:20.25Z metric=85"),
        (r"(?<time>\d+) (?<app_id>\w+)?", "1700000000 ", "2023-11-14T22:13:20Z"),
        (r"(?<time>\d+)(?: (?<app_id>\w+))?", "1700000000 \u{e9}", "2023-11-14T22:13:20Z"),
        (r"(?<time>\d+) (?<app_id>.*)", "1700000000 \u{e9} ", "2023-11-14T22:13:20Z app-id=\u{e9} "),
        // More than one pass.
        (r"(?<time>\d+) .* (?<status>\d+) .*", "1700000000 a b 404 c", "2023-11-14T22:13:20Z status-code=404"),
        (r"(?<time>\w+)", "now", "time not understood: the time `now` is neither"),
        (r"x(?<time>\d+)", "1700000000", "not understood: expected a line that the regular expression matches"),
    ] {
        let read = read(&format!("regex:{regex}"), line, fields).remove(0);
        assert!(read.starts_with(expected), "{regex}: {read}");
    }
}

#[test]
fn a_regular_expression_says_what_is_slow_or_wrong() {
    for (regex, expected) in [
        (r#"(?<time>\d+) "(?<request>[^"]*)" (?<status>\d+)"#, None),
        (
            r#"(?<time>\d+) "(?<request>.*)" (?<status>\d+)"#,
            Some("it is slow, as the group `request` may go on over the `\"` that ends it: write `[^\"]*` there"),
        ),
        (r"(?<time>\d+) .*? (?<status>\d+)", Some("it is slow, as ")),
        (r"(?<status>\d+)", Some("it has no group `time`")),
    ] {
        let format = LogFormat::regex(regex).unwrap_or_else(|error| panic!("{regex}: {error}"));
        let warning = format.warnings().first();
        match expected {
            Some(expected) => {
                assert!(warning.is_some_and(|warning| warning.starts_with(expected)), "{regex}: {warning:?}")
            }
            None => assert_eq!(warning, None, "{regex}"),
        }
    }
    for (regex, expected) in [
        ("(?<time>", "the regular expression cannot be read: "),
        (r"(\d+)", "the regular expression has no named group: write fields as"),
        (r"(?<time>(\w{1000}){1000})", "the regular expression cannot be read: "),
    ] {
        match LogFormat::regex(regex) {
            Ok(_) => panic!("{regex}"),
            Err(error) => assert!(error.starts_with(expected), "{regex}: {error}"),
        }
    }
}

#[test]
fn what_carriers_write_in_front_of_a_line_is_taken_off() {
    let fields = &["host", "status-code", "path"];
    let combined = r#"::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl""#;
    let json = r#"{"ts":1795362395,"request":{"method":"GET","uri":"/a","host":"::1"},"status":200}"#;
    for prefix in [
        "",
        "Nov 22 15:47:00 web-1 nginx: ",
        "<190>Nov  2 15:47:00 web-1 nginx[17]: ",
        "Nov 22 15:47:00 nginx: ",
        "2026-11-22T15:47:00.123456+01:00 web-1 nginx: ",
        "<165>1 2026-11-22T15:47:00Z web-1 nginx 17 ID47 [a@1 b=\"c]\\\"\"][d@1 e=\"f\"] \u{feff}",
        "<165>1 - - nginx - - - ",
        "2026-11-22T15:47:00.123456789Z stdout F ",
        "2026-11-22T15:47:00.123456789+01:00 stderr F ",
        "web-1  | ",
        "web-1  | Nov 22 15:47:00 web-1 nginx: ",
    ] {
        let expected = "2026-11-22T15:46:35Z host=::1 status-code=200 path=/a";
        let read_twice = |format: &str, line: &str| {
            let line = format!("{prefix}{line}");
            read(format, &format!("{line}\n{line}"), fields)
        };
        let swapped = "2026-11-22T15:46:35Z host=::1 path=/a status-code=200";
        assert_eq!(read_twice("combined", combined), [swapped; 2], "{prefix}");
        assert_eq!(read_twice("caddy", json), [expected; 2], "{prefix}");
        assert_eq!(read_twice("ltsv", "time:1795362395\thost:::1\tstatus:200\turi:/a"), [expected; 2], "{prefix}");
        assert_eq!(read_twice("logfmt", "time=1795362395 host=::1 status=200 uri=/a"), [expected; 2], "{prefix}");
    }
}

#[test]
fn the_time_of_the_prefix_stands_in() {
    let format = r#"$remote_addr - - "$request" $status $body_bytes_sent $request_time"#;
    let warned = LogFormat::parse(format).expect("a format");
    assert!(warned.warnings()[0].starts_with("it has no time: only lines behind a prefix"), "{:?}", warned.warnings());
    assert!(!warned.has_zone());
    let line = r#"127.0.0.1 - - "GET /a HTTP/1.1" 200 65508 4.386"#;
    let fields = &["metric", "status-code"];
    let text = format!("2026-11-22T15:47:00Z stdout F {line}\n{line}\n<1>1 2026-11-22T15:48:00Z h a - - - {line}");
    let read = read(format, &text, fields);
    assert_eq!(read[0], "2026-11-22T15:47:00Z metric=4386 status-code=200");
    assert!(read[1].starts_with("no time: "), "{}", read[1]);
    assert_eq!(read[2], "2026-11-22T15:48:00Z metric=4386 status-code=200");
    // A year is guessed from the line before.
    let text = format!("<1>1 2025-12-31T23:59:59Z h a - - - {line}\nJan  1 00:00:00 h a: {line}\n");
    assert_eq!(
        crate::source_formats::read(format, &text, fields)[1],
        "2026-01-01T00:00:00Z metric=4386 status-code=200"
    );
}

#[test]
fn parts_of_a_line_are_joined_within_the_limit() {
    let time = "2026-11-22T15:47:00.1Z";
    let decoder =
        LogFormat::parse("ltsv").expect("a format").decoder("http", &wanted(&["status-code", "ua"])).limited(60);
    let text = format!(
        "{time} stdout P time:1795362395\tsta\n{time} stderr P x:\n{time} stdout P tus:200\t\n{time} stdout F ua:x\n\
         {time} stderr F y\ttime:1\n{time} stdout F status:201\n{time} stdout P {long}\n{time} stdout P {long}\n{time} stdout F {long}\n\
         {time} stdout F status:202\n",
        long = "a:bcdefghi".repeat(4)
    );
    let expected = [
        "2026-11-22T15:46:35Z ua=x status-code=200",
        "1970-01-01T00:00:01Z",
        "2026-11-22T15:47:00.1Z status-code=201",
        "too long: longer than 60 bytes; `:limits {:line-bytes …}` allows more",
        "2026-11-22T15:47:00.1Z status-code=202",
    ];
    assert_eq!(read_by(&decoder, &text), expected);
    assert!(!decoder.is_amid());
    assert_eq!(read_by(&decoder, &format!("{time} stdout P status:203")), [""; 0]);
    assert!(decoder.is_amid());
    // A line may be read once more, as where it waits for its turn.
    let last = format!("{time} stdout F \tua:y");
    assert_eq!(read_by(&decoder, &last), ["2026-11-22T15:47:00.1Z ua=y status-code=203"]);
    decoder.again();
    assert_eq!(read_by(&decoder, &last), ["2026-11-22T15:47:00.1Z ua=y status-code=203"]);
    assert!(read_by(&decoder, &last)[0].starts_with("not understood: "));
}

#[test]
fn formats_say_what_their_time_is() {
    for name in NAMES {
        let format = LogFormat::named(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(format.warnings(), [""; 0], "{name}");
        let expected = match name {
            "combined" | "common" | "vhost_combined" => TimeIs::Start,
            "envoy" | "envoy_json" | "haproxy" | "traefik" | "traefik_json" => TimeIs::StartAndDuration,
            _ => TimeIs::Completion,
        };
        assert_eq!(format.time_is(), expected, "{name}");
        assert_eq!(format.has_zone(), name != "haproxy", "{name}");
    }
}

#[test]
fn the_kind_of_a_log_is_found() {
    for (text, expected) in [
        (r#"{"ts":1716723772.6,"request":{"method":"GET","uri":"/"},"status":200,"duration":0.1}"#, "caddy"),
        (
            "c | {\"level\":\"info\",\"ts\":1,\"msg\":\"x\"}\nc | {\"ts\":1,\"request\":{\"method\":\"GET\",\"uri\":\"/\"},\"status\":200}",
            "caddy",
        ),
        (r#"{"DownstreamStatus":200,"Duration":15,"StartUTC":"2026-11-22T15:46:35Z"}"#, "traefik_json"),
        (r#"{"start_time":"2020-11-25T21:26:18.409Z","response_code":418,"duration":4}"#, "envoy_json"),
        (r#"{"time":1700000000,"status":200,"uri":"/a"}"#, "nginx_json"),
        (r#"{"service":"q","time":1700000000,"status":200,"uri":"/a"}"#, "JSON events"),
        (r#"{"time":1700000000,"metric":5,"status":200}"#, "JSON events"),
        (r#"{"time":1700000000,"state":"ok"}"#, "JSON events"),
        ("time:1700000000\tstatus:200", "ltsv"),
        ("time=1700000000 status=200", "logfmt"),
        (
            "#Software: Microsoft Internet Information Services 8.5\n#Fields: date time sc-status\n2015-01-13 00:32:17 200",
            "iis",
        ),
        ("#Version: 1.0\n#Fields: date time x-edge-location\n", "cloudfront"),
        ("#Version: 1.0\n#Fields: date time sc-status\n2015-01-13 00:32:17 200", "w3c"),
        (
            r#"::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl" 0.015 0.003, 0.012"#,
            "nginx_timed",
        ),
        (r#"::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl" "-" 0.012"#, "combined"),
        (
            r#"Nov 22 15:46:35 h nginx: ::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl""#,
            "combined",
        ),
        (r#"Feb  6 12:14:14 h haproxy[1]: Proxy started."#, ""),
        (
            r#"10.0.0.1 - - [22/Nov/2026:15:46:35 +0000] "GET /b HTTP/1.1" 200 5 "-" "curl" 17 "w" "http://a:80" 1ms"#,
            "traefik",
        ),
        ("once upon a time", ""),
    ] {
        let kind = detect(text.as_bytes(), true).ok().flatten();
        assert_eq!(kind.as_ref().map_or("", |kind| kind.name()), expected, "{text}");
    }
    let text = "time:1700000000\tstatus:200\nx\n";
    assert_eq!(candidates(text.as_bytes(), true), [("ltsv", 1, 2)]);
}

#[test]
fn a_line_is_shown_in_its_fields() {
    for (format, text, expected) in [
        (
            "common",
            r#"::1 - - [22/Nov/2026:15:46:35 +0000] "GET /a HTTP/1.1" 200 5"#,
            "%h=::1 %l=- %u=- %t=22/Nov/2026:15:46:35 +0000 %r=GET /a HTTP/1.1 %>s=200 %b=5",
        ),
        ("caddy", r#"c  | {"ts":1.50,"request":{"method":"GET"}}"#, "ts=1.50 request.method=GET"),
        ("ltsv", "time:1\ta:b", "time=1 a=b"),
        ("w3c", "#Fields: date time\n2015-01-13 00:32:17", "date=2015-01-13 time=00:32:17"),
        (r"regex:(?<time>\d+) (?<a>\w)?", "17 ", "time=17"),
    ] {
        let decoder = LogFormat::parse(format).expect("a format").decoder("http", &Wanted::all());
        let last = text.lines().map(|line| decoder.split(line.as_bytes()).expect("a line")).last().flatten();
        let fields: Vec<String> = last
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value)))
            .collect();
        assert_eq!(fields.join(" "), expected, "{format}");
    }
}

/// The event of a fixture's lines, those that are refused counted.
fn count(format: &str, text: &[u8], each: &mut dyn FnMut(&Event<'_>)) -> (usize, usize) {
    let decoder =
        LogFormat::parse(format).expect("a format").decoder("http", &wanted(&["status-code", "path", "metric"]));
    let (mut events, mut refused) = (0, 0);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match decoder.decode(line.strip_suffix(b"\r").unwrap_or(line)) {
            Ok(Some(event)) => {
                events += 1;
                each(&event);
            }
            Ok(None) => {}
            Err(_) => refused += 1,
        }
    }
    (events, refused)
}

#[test]
fn one_traffic_gives_the_same_in_four_encodings() {
    let timed = include_str!("../../fixtures/nginx-incidents.conf");
    let shown = |format: &str, name: &str| {
        let mut shown = Vec::new();
        let counts = count(format, &fixture(name), &mut |event| {
            let field = |name: &str| event.field(&Field::named(name)).into_owned();
            let status = field("status-code").number();
            // What is no request has no path for nginx, whatever stands in its line.
            let path = if status == Some(Number::Int(400)) { Value::Nil } else { field("path") };
            shown.push(format!("{status:?} {path:?}"));
        });
        assert_eq!(counts, (34, 0), "{name}");
        shown
    };
    let expected = shown("combined", "logs/nginx-combined.log");
    assert_eq!(shown(timed, "logs/nginx-timed.log"), expected);
    assert_eq!(shown("ltsv", "logs/nginx-ltsv.log"), expected);
    assert_eq!(shown("nginx_json", "logs/nginx-json.log"), expected);
}

proptest! {
    #[test]
    fn no_line_of_a_known_format_panics(
        line in "([ -~\t\u{e9}]|time:1\t|\\{\"|\":|\"ts\":1|, |\\[06/Feb/2009:12:14:14\\.6|Nov 22 15:46:35 |stdout [PF] |#Fields: |<1>1 |  \\| ){0,20}",
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        for name in NAMES {
            let decoder = LogFormat::named(name).expect("a format").decoder("http", &Wanted::all());
            for line in [line.as_bytes(), &bytes] {
                if let Ok(Some(event)) = decoder.decode(line) {
                    let _ = show(&event);
                    let mut names: Vec<_> = event.attributes.iter().map(|(name, _)| name.clone()).collect();
                    names.sort();
                    names.dedup();
                    prop_assert_eq!(names.len(), event.attributes.len(), "{}", name);
                }
                let _ = decoder.split(line);
            }
        }
        let _ = candidates(line.as_bytes(), true);
    }
}

#[test]
fn real_files_are_understood_as_far_as_they_speak_of_requests() {
    for (name, format, events, refused) in [
        ("logs/lnav-alb.log", "alb", 5, 0),
        ("logs/lnav-caddy.log", "caddy", 4, 0),
        // The others are what Caddy says of itself.
        ("logs/lnav-caddy-compose.log", "caddy", 4, 0),
        ("logs/lnav-cloudflare.log", "nginx_json", 15, 0),
        // Four lines tell of HAProxy itself, or of a connection without a request.
        ("logs/lnav-haproxy.log", "haproxy", 13, 4),
        ("logs/lnav-w3c-0.log", "w3c", 1, 0),
        ("logs/lnav-w3c-1.log", "w3c", 1, 0),
        ("logs/lnav-w3c-2.log", "iis", 14, 0),
        ("logs/lnav-w3c-3.log", "w3c", 3, 0),
        // Its columns are not those that it names.
        ("logs/lnav-w3c-5.log", "w3c", 0, 1),
        ("logs/lnav-w3c-6.log", "iis", 1, 0),
        ("logs/nginx-json.log", "nginx_json", 34, 0),
        ("logs/nginx-ltsv.log", "ltsv", 34, 0),
        ("logs/alp-json.log", "nginx_json", 14, 0),
        ("logs/alp-ltsv.log", "ltsv", 14, 0),
    ] {
        let text = fixture(name);
        let counts = count(format, &text, &mut |_| {});
        assert_eq!(counts, (events, refused), "{name}");
        let found = candidates(&text, true);
        if events > 0 {
            assert_eq!(found.first().map(|(name, ..)| *name), Some(format), "{name}: {found:?}");
        }
    }
}
