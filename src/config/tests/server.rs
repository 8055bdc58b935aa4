//! `:server`, and the grace of listeners and checks.

use super::environment::with;
use super::*;
use crate::plan::{EventTime, Plan, Secret};

/// A file with `:server`, and with a threshold that nothing is to be said about.
fn server(entries: &str) -> String {
    format!("{{:server {{{entries}}} :percentiles {{\"q\" {{0.5 {{:< 5 :interval 60}}}}}}}}")
}

fn plan(text: &str) -> Plan {
    let loaded = from_text(text);
    loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics))
}

/// The addresses of `:tcp`, `:udp`, `:http` and `:tls`.
fn addresses(text: &str) -> [String; 4] {
    let server = plan(text).server;
    let tls = server.tls.iter().map(|one| one.listener).collect();
    [server.tcp, server.udp, server.http, tls]
        .map(|all: Vec<_>| all.iter().map(|one| one.address.to_string()).collect::<Vec<_>>().join(" "))
}

const CERTIFICATES: &str = ":key \"k.pem\" :cert \"c.pem\" :ca-cert \"ca.pem\"";
const TOKEN: &str = "0123456789abcdef";

#[test]
fn what_is_not_said_of_the_server_is_on_loopback() {
    for (entries, expected) in [
        ("", ["127.0.0.1:5555", "127.0.0.1:5555", "127.0.0.1:5556", ""]),
        (":tcp \"127.0.0.1:0\"", ["127.0.0.1:0", "127.0.0.1:5555", "127.0.0.1:5556", ""]),
        (":tcp \"none\" :udp nil :http {:address \"none\"}", ["", "", "", ""]),
        (
            ":tcp [\"[::1]:1\" {:address \"localhost:2\"}]",
            ["[::1]:1 127.0.0.1:2", "127.0.0.1:5555", "127.0.0.1:5556", ""],
        ),
        (":udp {:time :arrival}", ["127.0.0.1:5555", "127.0.0.1:5555", "127.0.0.1:5556", ""]),
        (":http \"127.0.0.1:5557\"", ["127.0.0.1:5555", "127.0.0.1:5555", "127.0.0.1:5557", ""]),
        (":tls \"none\"", ["127.0.0.1:5555", "127.0.0.1:5555", "127.0.0.1:5556", ""]),
    ] {
        let text = server(entries);
        faults(&text, &[]);
        assert_eq!(addresses(&text), expected, "{text}");
    }
    let tls = server(&format!(":tls {{{CERTIFICATES}}}"));
    assert_eq!(addresses(&tls)[3], "127.0.0.1:5554");
    let tls =
        server(&format!(":tls [{{:address \"0.0.0.0:1\" {CERTIFICATES}}} {{:address \"[::]:2\" {CERTIFICATES}}}]"));
    assert_eq!(addresses(&tls)[3], "0.0.0.0:1 [::]:2");
}

#[test]
fn the_whole_of_a_server_is_read() {
    let text = server(&format!(
        ":tcp {{:address \"127.0.0.1:1\" :time :arrival :grace 30}} :udp {{:time :event :grace #duration \"2m\"}}
         :tls {{:grace 0 {CERTIFICATES}}} :token #env \"TOKEN\" :open true :hosts [\"hw.example.com\" \"hw\"]
         :idle #duration \"10m\" :connections 50"
    ));
    let loaded = with(&[("TOKEN", TOKEN)], &text, Unset::Error);
    compare(&text, &loaded, &[]);
    let server = loaded.plan.expect("no fault").server;
    assert_eq!((server.tcp[0].time, server.tcp[0].grace), (EventTime::Arrival, Some(30_000_000)));
    assert_eq!((server.udp[0].time, server.udp[0].grace), (EventTime::Event, Some(120_000_000)));
    assert_eq!((server.http[0].time, server.http[0].grace), (EventTime::Event, None));
    let tls = &server.tls[0];
    assert_eq!(tls.listener.grace, Some(0));
    assert_eq!(
        [&tls.key, &tls.cert, &tls.ca_cert].map(|path| path.to_str().expect("UTF-8")),
        ["k.pem", "c.pem", "ca.pem"]
    );
    assert_eq!((server.token, server.open), (Some(Secret(TOKEN.into())), true));
    assert_eq!((server.idle, server.connections), (600_000_000, 50));
    assert_eq!(server.hosts, ["hw.example.com", "hw"]);
}

#[test]
fn keys_of_the_server_are_answered_with_the_nearest() {
    for (key, meant) in [
        (":port", ":tcp"),
        (":listen", ":tcp"),
        (":address", ":tcp"),
        (":riemann", ":tcp"),
        (":ssl", ":tls"),
        (":upd", ":udp"),
        (":password", ":token"),
        (":timeout", ":idle"),
        (":max_connections", ":connections"),
    ] {
        faults(&server(&format!("{key} 5")), &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    for (key, phrase) in [
        (":colour", "None"),
        (":host", "write `:tcp \"127.0.0.1:5555\"`"),
        (":https", "behind a proxy"),
        (":cert", "write `:tls {"),
        (":grace", "write `:tcp {:grace 30}`"),
        (":time", "write `:tcp {:time :arrival}`"),
        (":frame-bytes", "write `:limits {:frame-bytes 16777216}`"),
    ] {
        faults(&server(&format!("{key} 5")), &[("T001", phrase)]);
    }
    for (key, meant) in [(":port", ":address"), (":lateness", ":grace"), (":clock", ":time"), (":tiem", ":time")] {
        faults(&server(&format!(":tcp {{{key} 5}}")), &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    faults(&server(":tcp {:key \"k.pem\"}"), &[("T099", "write `:tls {")]);
    faults(&server("\"tcp\" 5"), &[("T003", "write `:tcp`")]);
    for key in [":riemann", ":listen", ":tcp", ":servers"] {
        faults(&format!("{{{key} 5}}"), &[("T001", "did you mean `:server`?")]);
    }
    faults("{:server 5555}", &[("T021", "a map")]);
}

#[test]
fn a_listener_is_an_address_or_a_map_or_a_vector_of_these() {
    for (listener, code, phrase) in [
        ("5555", "T090", "write `\"127.0.0.1:5555\"`"),
        ("\":5555\"", "T090", "write `\"127.0.0.1:5555\"`"),
        ("\"*:5555\"", "T090", "write `\"0.0.0.0:5555\"`"),
        ("\"hw.example.com:5555\"", "T090", "names are not looked up"),
        ("{:address \"localhost\"}", "T090", "write `\"127.0.0.1:5555\"`"),
        ("70000", "T021", "an address such as"),
        ("false", "T021", "write `\"none\"`"),
        (":none", "T021", "write `\"none\"`"),
        ("localhost", "T021", "write `\"localhost\"`"),
        ("[]", "T098", "write `\"none\"`"),
        ("[[\"127.0.0.1:1\"]]", "T021", "a vector"),
        ("#file \"/run/address\"", "T030", "shown in output"),
        ("{:address true}", "T021", "an address"),
        ("{:time :received}", "T023", "did you mean `:arrival`?"),
        ("{:time \"arrival\"}", "T023", "write `:arrival`"),
        ("{:grace 30000}", "W005", "did you mean `30`?"),
        ("{:grace -1}", "T032", "below 0"),
        ("{:address \"127.0.0.1:1\" :address \"127.0.0.1:2\"}", "E014", "twice"),
    ] {
        faults(&server(&format!(":tcp {listener}")), &[(code, phrase)]);
    }
    let many = vec!["\"127.0.0.1:0\""; 65].join(" ");
    faults(&server(&format!(":tcp [{many}]")), &[("T098", "1 to 64")]);
}

#[test]
fn tls_needs_three_files() {
    for (tls, code, phrase) in [
        ("\"0.0.0.0:5554\"", "T091", "`:tls` has no `:key`, no `:cert`, no `:ca-cert`"),
        ("{:key \"k.pem\"}", "T091", "`:tls` has no `:cert`, no `:ca-cert`"),
        ("{:key \"k\" :certificate \"c\" :ca-cert \"ca\"}", "T001", "did you mean `:cert`?"),
        ("{:key #file \"/k\" :cert \"c\" :ca-cert \"ca\"}", "T094", "write `:key \"/etc/highwater/key.pem\"`"),
        ("{:key \"-----BEGIN\" :cert \"c\" :ca-cert \"ca\"}", "T094", "takes the path of a PEM file"),
        ("{:key \"k\" :cert \" \" :ca-cert \"ca\"}", "T022", "`:cert` is empty"),
        ("true", "T021", "a map with `:key`"),
    ] {
        faults(&server(&format!(":tls {tls}")), &[(code, phrase)]);
    }
    let text = server(":tls {:key #env \"KEY\" :cert \"c\" :ca-cert \"ca\"}");
    let loaded = with(&[], &text, Unset::Warning);
    compare(&text, &loaded, &[("W003", "this listener is left out")]);
    assert!(loaded.plan.expect("only a warning").server.tls.is_empty());
    compare(&text, &with(&[("KEY", "/k.pem")], &text, Unset::Error), &[]);
}

#[test]
fn a_token_can_be_sent_and_not_be_guessed() {
    let environment =
        [("SHORT", "hunter2"), ("BLANK", "hunter2 hunter2 hunter2"), ("/t", "0123456789abcdef\n"), ("LONG", TOKEN)];
    let long = "x".repeat(513);
    for (token, expected) in [
        ("#env \"LONG\"".to_string(), &[][..]),
        ("#file \"/t\"".to_string(), &[]),
        (format!("\"{TOKEN}\""), &[("W024", "#env \"HIGHWATER_TOKEN\"")]),
        (format!("#env [\"X\" \"{TOKEN}\"]"), &[("W024", "stands in this file")]),
        ("#env \"SHORT\"".to_string(), &[("T092", "shorter than 16 characters")]),
        ("\"\"".to_string(), &[("T092", "16 to 512 characters")]),
        (format!("\"{long}\""), &[("T092", "longer than 512 characters")]),
        ("#env \"BLANK\"".to_string(), &[("T093", "no blanks")]),
        ("5".to_string(), &[("T021", "a string")]),
        ("#env \"X\"".to_string(), &[("T027", "not set")]),
    ] {
        let text = server(&format!(":token {token}"));
        let loaded = with(&environment, &text, Unset::Error);
        compare(&text, &loaded, expected);
        assert!(!format!("{:?}", loaded.diagnostics).contains("hunter2"), "{text}");
        if let Some(plan) = &loaded.plan {
            assert_eq!(plan.server.token, Some(Secret(TOKEN.into())), "{text}");
            assert!(!format!("{plan:?}").contains(TOKEN), "{text}");
        }
    }
}

#[test]
fn numbers_and_names_of_the_server_are_checked() {
    for (entries, code, phrase) in [
        (":idle 0", "T031", "above 0"),
        (":idle 3600000", "W005", "did you mean `3600`?"),
        (":idle \"1h\"", "T021", "write `#duration \"1h\"`"),
        (":connections 0", "T025", "from 1 to 1000000"),
        (":connections 1000001", "T025", "from 1 to 1000000"),
        (":open :yes", "T021", "true or false"),
        (":hosts \"hw\"", "T021", "write `[\"hw\"]`"),
        (":hosts [hw]", "T021", "write `\"hw\"`"),
        (":hosts [\"https://hw.example.com:5556/state\"]", "T095", "write `\"hw.example.com\"`"),
        (":hosts [\"hw:5556\"]", "T095", "write `\"hw\"`"),
        (":hosts [\"*.example.com\"]", "T095", "letters, digits"),
        (":hosts [\"\"]", "T022", "empty"),
    ] {
        faults(&server(entries), &[(code, phrase)]);
    }
    let many = vec!["\"a\""; 65].join(" ");
    faults(&server(&format!(":hosts [{many}]")), &[("T057", "more than 64 names")]);
}

#[test]
fn beyond_loopback_a_listener_is_protected_or_said_to_be_open() {
    let token = format!(":token #env [\"X\" \"{TOKEN}\"]");
    for (entries, expected) in [
        (":tcp \"0.0.0.0:1\"".to_string(), &[("T096", "listen on 127.0.0.1:1, or let senders use `:tls`")][..]),
        (":udp {:address \"[::]:1\"}".to_string(), &[("T096", "listen on [::1]:1, or")]),
        (":http \"192.0.2.1:1\"".to_string(), &[("T096", "give it a `:token`")]),
        (":tcp [\"127.0.0.1:1\" \"0.0.0.0:2\"]".to_string(), &[("T096", "`:tcp` listens on 0.0.0.0:2")]),
        (":tcp \"0.0.0.0:1\" :open true".to_string(), &[]),
        (":tcp \"0.0.0.0:1\" :open false".to_string(), &[("T096", "`:server {:open true}`")]),
        (":tcp \"0.0.0.0:1\" :open 1".to_string(), &[("T021", "true or false")]),
        (format!(":http \"0.0.0.0:1\" {token}"), &[("W024", "")]),
        (format!(":tcp \"0.0.0.0:1\" {token}"), &[("T096", "`:tcp` listens"), ("W024", "")]),
        (":http \"0.0.0.0:1\" :token \"short\"".to_string(), &[("T092", "")]),
        (":http \"0.0.0.0:1\" :token #env \"X\"".to_string(), &[("W003", "this option is left out")]),
        (format!(":tls {{:address \"0.0.0.0:1\" {CERTIFICATES}}}"), &[]),
        (":tcp \"127.9.9.9:1\" :udp \"[::1]:1\"".to_string(), &[]),
    ] {
        faults(&server(&entries), expected);
    }
    // What protects may stand in another file.
    let loaded = files(&["{:server {:tcp \"0.0.0.0:1\"}}", &server(":open true")]);
    compare("two files", &loaded, &[]);
}

#[test]
fn one_address_is_listened_on_once() {
    for (entries, expected) in [
        (
            ":tcp \"127.0.0.1:1\" :http \"127.0.0.1:1\"",
            &[("T097", "`:tcp` and `:http` both listen on 127.0.0.1:1")][..],
        ),
        (":tcp [\"127.0.0.1:1\" \"127.0.0.1:1\"]", &[("T097", "`:tcp` listens on 127.0.0.1:1 twice")]),
        (":http \"127.0.0.1:5555\"", &[("T097", "that is where `:tcp` is by default")]),
        (":http \"127.0.0.1:5555\" :tcp nil", &[]),
        (":tcp \"127.0.0.1:1\" :udp \"127.0.0.1:1\"", &[]),
        (":tcp [\"127.0.0.1:0\" \"127.0.0.1:0\"]", &[]),
    ] {
        faults(&server(entries), expected);
    }
}

#[test]
fn the_server_of_several_files_is_one() {
    let a = "{:server {:tls {:address \"0.0.0.0:1\" :grace 30} :idle 60}}";
    let b = format!(
        "{{:server {{:tls {{{CERTIFICATES}}} :tcp nil}} :percentiles {{\"q\" {{0.5 {{:< 5 :interval 60}}}}}}}}"
    );
    let plan = files(&[a, &b]).plan.expect("nothing is said twice");
    let listener = plan.server.tls[0].listener;
    assert_eq!((listener.address.to_string().as_str(), listener.grace), ("0.0.0.0:1", Some(30_000_000)));
    assert_eq!((plan.server.idle, plan.server.tcp.len()), (60_000_000, 0));
    for (a, b) in [
        ("{:server {:idle 60}}", "{:server {:idle 60}}"),
        ("{:server {:tcp \"127.0.0.1:1\"}}", "{:server {:tcp \"127.0.0.1:2\"}}"),
        ("{:server {:tcp {:grace 1}}}", "{:server {:tcp nil}}"),
        ("{:server {:tcp {:grace 1}}}", "{:server {:tcp {:grace 2}}}"),
    ] {
        let loaded = files(&[a, b]);
        compare(a, &loaded, &[("T006", "set again here")]);
        let places: Vec<u32> = loaded.diagnostics[0].labels.iter().map(|label| label.span.file).collect();
        assert_eq!(places, [1, 0], "{a} {b}");
    }
    faults(&server(":idle 60 :idle 70"), &[("E014", "")]);
}

#[test]
fn a_check_has_its_own_grace_or_the_largest_of_a_listener() {
    let off = ":udp nil :http nil";
    for (grace, listeners, check, expected) in [
        ("", "", "", (5, false)),
        (":grace 10", "", "", (10, false)),
        ("", ":tcp {:grace 30}", "", (30, false)),
        (":grace 10", ":tcp {:grace 30}", "", (30, false)),
        (":grace 60", ":tcp {:grace 30}", "", (60, false)),
        (":grace 60", &format!(":tcp {{:grace 30}} {off}"), "", (30, false)),
        ("", &format!(":tcp {{:grace 1}} {off}"), "", (1, false)),
        ("", &format!(":tcp nil {off}"), "", (5, false)),
        ("", &format!(":tls {{:grace 90 {CERTIFICATES}}}"), "", (90, false)),
        (":grace 60", ":tcp {:grace 30}", ":grace 0", (0, true)),
        ("", "", ":grace #duration \"2m\"", (120, true)),
    ] {
        let check = format!("{{:< 5 :interval 600 {check}}}");
        let text = format!("{{:percentiles {{\"q\" {{0.5 {check}}}}} :server {{{listeners}}} {grace}}}");
        let threshold = plan(&text).thresholds.remove(0);
        assert_eq!((threshold.grace / 1_000_000, threshold.grace_is_own), expected, "{text}");
        assert_eq!(threshold.policy.max_gap, threshold.grace.max(30_000_000), "{text}");
        assert_eq!(threshold.id, "[:percentiles \"q\" 0.5 600]");
    }
    for (grace, code, phrase) in [
        ("5000", "W005", "did you mean `5`?"),
        ("-5", "T032", "below 0"),
        ("\"5s\"", "T021", "write `#duration \"5s\"`"),
        ("0.0000001", "T033", "microsecond"),
    ] {
        faults(&p99(&format!("{{:<= 100 :interval 600 :grace {grace}}}")), &[(code, phrase)]);
    }
    faults(&p99("{:<= 100 :interval 600 :lateness 5}"), &[("T001", "did you mean `:grace`?")]);
}

#[test]
fn every_limit_of_the_daemon_has_a_name() {
    let limits = plan("{:limits {:event-bytes 1000 :frame-bytes 2000 :receive-bytes 3000} :percentiles {}}").limits;
    assert_eq!((limits.event_bytes, limits.frame_bytes, limits.receive_bytes), (1000, 2000, 3000));
    faults("{:limits {:message-bytes 5}}", &[("T001", "unknown key")]);
    faults("{:limits {:frame-bytes 0}}", &[("T025", "from 1 to")]);
}
