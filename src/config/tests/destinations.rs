//! `:to` of a pipeline.

use super::environment::Fixed;
use super::*;
use crate::config::context::Context;
use crate::config::destination;
use crate::edn::{self, Diagnostic};
use crate::plan::*;

/// What is read of a text, and what is said about it. Nothing that is a secret may be shown.
fn read(text: &str) -> (Option<Destination>, Vec<Diagnostic>) {
    let variables = [("TOKEN", "s3cret=="), ("WORD", "s3cret word"), ("URL", "http://127.0.0.1:8086"), ("NONE", "")];
    let mut sources = Sources::default();
    sources.add("thresholds.edn".to_string(), text.to_string());
    let mut found = Vec::new();
    let forms = edn::read(text, 0, &mut found);
    let environment = Fixed(variables.into_iter().collect());
    let mut context = Context::new(&sources, &environment, Unset::Warning, found);
    let destination = destination::read(&forms[0], &mut context);
    let hidden = std::mem::take(&mut context.hidden);
    let said = context.finish();
    hidden.into_iter().for_each(|span| sources.hide(span));
    let shown = format!("{destination:?}\n{said:?}\n{}", sources.files[0].text);
    assert!(!shown.contains("s3cret"), "{shown}");
    (destination, said)
}

fn influx(api: InfluxApi) -> Influx {
    let url = Url("http://127.0.0.1:8086".to_string());
    Influx { url, api, ca: None, timeout: 30_000_000, skip_refused: false }
}

fn v1(db: &str) -> InfluxApi {
    InfluxApi::V1 { db: db.to_string(), rp: None, login: None }
}

#[test]
fn a_destination_is_a_keyword_or_a_map() {
    let url = ":url \"http://127.0.0.1:8086/\"";
    let secret = |text: &str| Secret(text.to_string());
    let daemon = Events { url: Url("http://127.0.0.1:5559".to_string()), token: None, ca: None };
    let (rp, login) = (Some("week".to_string()), Some(("me".to_string(), secret("s3cret word"))));
    let of_v2 = InfluxApi::V2 { org: Some("shop".into()), bucket: "logs".into(), token: Some(secret("s3cret==")) };
    let whole = Influx { ca: Some("/etc/ca.pem".into()), timeout: 500_000, skip_refused: true, ..influx(v1("logs")) };
    for (text, expected) in [
        (":stdout".to_string(), Destination::Stdout),
        ("{:type :stdout}".to_string(), Destination::Stdout),
        ("{:type :file :path \"a/b.line\"}".to_string(), Destination::File("a/b.line".into())),
        (":events".to_string(), Destination::Events(None)),
        ("{:type :events}".to_string(), Destination::Events(None)),
        ("{:type :events :url \"http://127.0.0.1:5559\"}".to_string(), Destination::Events(Some(daemon.clone()))),
        (
            "{:type :events :url \"http://127.0.0.1:5559\" :token #env \"TOKEN\"}".to_string(),
            Destination::Events(Some(Events { token: Some(secret("s3cret==")), ..daemon })),
        ),
        (format!("{{:type :influxdb {url} :db \"logs\"}}"), Destination::Influx(influx(v1("logs")))),
        ("{:type :influxdb :url #env \"URL\" :db \"logs\"}".to_string(), Destination::Influx(influx(v1("logs")))),
        (
            format!("{{:type :influxdb {url} :db \"logs\" :rp \"week\" :user \"me\" :password #env \"WORD\"}}"),
            Destination::Influx(influx(InfluxApi::V1 { db: "logs".into(), rp, login })),
        ),
        (
            format!("{{:type :influxdb {url} :org \"shop\" :bucket \"logs\" :token #env \"TOKEN\"}}"),
            Destination::Influx(influx(of_v2)),
        ),
        (
            format!("{{:type :influxdb {url} :version 2 :bucket \"logs\"}}"),
            Destination::Influx(influx(InfluxApi::V2 { org: None, bucket: "logs".into(), token: None })),
        ),
        (
            format!("{{:type :influxdb {url} :db \"logs\" :token #env \"TOKEN\"}}"),
            Destination::Influx(influx(InfluxApi::V3 { db: "logs".into(), token: Some(secret("s3cret==")) })),
        ),
        (
            format!("{{:type :influxdb {url} :version 3 :db \"logs\"}}"),
            Destination::Influx(influx(InfluxApi::V3 { db: "logs".into(), token: None })),
        ),
        (
            format!("{{:type :influxdb {url} :db \"logs\" :ca \"/etc/ca.pem\" :timeout 0.5 :partial :skip}}"),
            Destination::Influx(whole),
        ),
    ] {
        assert_eq!(read(&text), (Some(expected), vec![]), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_destination_is_said() {
    let url = ":url \"http://127.0.0.1:8086\"";
    let influx = |entries: &str| format!("{{:type :influxdb {url} {entries}}}");
    let at = |url: &str| format!("{{:type :influxdb :url \"{url}\" :db \"logs\"}}");
    for (text, expected) in [
        ("5".to_string(), &[("T023", "`:to` is `:events`, `:file`, `:influxdb` or `:stdout`, not")][..]),
        ("\"-\"".to_string(), &[("T023", "write `:stdout`")]),
        (":influx".to_string(), &[("T023", "did you mean `:influxdb`?")]),
        (":influxdb".to_string(), &[("T100", "needs `:url`, `:db` [no `:url`, no `:db`] write `{:type :influxdb")]),
        (":file".to_string(), &[("T100", "needs `:path`")]),
        ("{}".to_string(), &[("T100", "a destination needs `:type`")]),
        ("{:url \"http://127.0.0.1\" :db \"x\"}".to_string(), &[("T100", "a destination needs `:type`")]),
        ("{:type :kafka}".to_string(), &[("T023", "`:type` is")]),
        ("{:type :stdout :path \"x\"}".to_string(), &[("T001", "has no `:path`")]),
        ("{:type :file :path \"/var/\"}".to_string(), &[("T123", "`:to :stdout`")]),
        ("{:type :file :path \"-\"}".to_string(), &[("T123", "standard output")]),
        ("{:type :file :path #file \"/x\"}".to_string(), &[("T123", "`#file`")]),
        ("{:type :file :filename \"x\"}".to_string(), &[("T001", "did you mean `:path`?")]),
        ("{:type :events :token #env \"TOKEN\"}".to_string(), &[("T100", "needs `:url`")]),
        ("{:type :events :url \"http://127.0.0.1:5559/events\"}".to_string(), &[("T185", "5559\"`")]),
        (influx(""), &[("T100", "needs `:db`")]),
        (influx(":version 2"), &[("T100", "needs `:bucket`")]),
        (influx(":database \"x\""), &[("T001", "did you mean `:db`?")]),
        (influx(":db 5"), &[("T021", "a string")]),
        (influx(":db \" \""), &[("T022", "`:db` is empty")]),
        (influx(":version 4 :bucket \"x\" :db \"x\""), &[("T025", "`:version` is a whole number from 1 to 3")]),
        (
            influx(":version 1 :db \"x\" :token #env \"TOKEN\""),
            &[("T186", "InfluxDB 1 has no `:token` [an option of version 2 or 3]")],
        ),
        (influx(":bucket \"x\" :rp \"y\""), &[("T186", "write `:version` to say which one it is")]),
        (influx(":db \"x\" :user \"y\""), &[("T117", "`:user` is said, and `:password` is not")]),
        (influx(":db \"x\" :user \"y\" :password #env \"NONE\""), &[("T022", "`:password` is empty")]),
        (influx(":db \"x\" :token \"s3cret\""), &[("W024", "write `:token #env \"INFLUX_TOKEN\"`")]),
        (influx(":db \"x\" :user \"y\" :password \"s3cret\""), &[("W024", "#env \"INFLUX_PASSWORD\"")]),
        (influx(":db \"x\" :token #env \"WORD\""), &[("T107", "the value of `:token` cannot be sent")]),
        (influx(":db \"x\" :token 5"), &[("T086", "`:token` takes a string")]),
        (influx(":db \"x\" :timeout 601"), &[("T102", "at most 10 min")]),
        (influx(":db \"x\" :timeout 30000"), &[("W005", "did you mean `30`?"), ("T102", "at most 10 min")]),
        (influx(":db \"x\" :partial :drop"), &[("T023", "did you mean `:skip`?")]),
        (at("127.0.0.1:8086"), &[("T109", "no scheme")]),
        (at("http://127.0.0.1:8086/write?db=logs"), &[("T185", "leave out the path")]),
        (at("http://127.0.0.1:8086/api/v2/write"), &[("T185", "leave out the path")]),
        (at("http://127.0.0.1:8086?u=s3cret"), &[("T185", "with a query")]),
        (
            "{:type :influxdb :url \"http://db.example.com:8086\" :db \"x\" :token #env \"TOKEN\"}".to_string(),
            &[("W035", "the token goes over the net in clear")],
        ),
        (influx(":db \"x\" :token #env \"UNSET\""), &[("W003", "this option is left out")]),
    ] {
        let (_, said) = read(&text);
        let shown: Vec<String> = said
            .iter()
            .map(|d| format!("{} [{}] {}", d.message, d.labels[0].text, d.help.as_deref().unwrap_or("None")))
            .collect();
        let codes: Vec<&str> = said.iter().map(|d| d.code).collect();
        assert_eq!(codes, expected.iter().map(|(code, _)| *code).collect::<Vec<_>>(), "{text}\n{shown:#?}");
        for (shown, (_, phrase)) in shown.iter().zip(expected) {
            assert!(shown.contains(phrase), "{text}\n{phrase}\nis not in\n{shown}");
        }
    }
}

#[test]
fn what_is_unset_has_a_placeholder_where_nothing_is_sent_yet() {
    let (destination, said) = read("{:type :influxdb :url #env \"UNSET\" :db #env \"UNSET\"}");
    let Some(Destination::Influx(influx)) = destination else { panic!("{said:?}") };
    assert_eq!((influx.url.0.as_str(), influx.api), ("http://unset.invalid", v1("unset")));
    assert!(said.iter().all(|one| one.code == "W003" && one.labels[0].text.ends_with("a placeholder stands for it")));
}
