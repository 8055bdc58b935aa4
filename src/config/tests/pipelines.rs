//! `:pipelines`.

use super::environment::with;
use super::*;
use crate::edn;
use crate::plan::*;

const NEEDED: &str = ":files [\"a.log\"] :record {:path :path} :to :stdout";

/// A file with one pipeline.
fn one(entries: &str) -> String {
    format!("{{:pipelines {{:web {{{entries}}}}}}}")
}

/// A file with one pipeline that has what it needs, and this.
fn also(entries: &str) -> String {
    one(&format!("{NEEDED} {entries}"))
}

fn all(text: &str) -> Vec<Pipeline> {
    let loaded = from_text(text);
    assert_eq!(loaded.diagnostics, [], "{text}");
    loaded.plan.expect("no fault").pipelines
}

fn read(text: &str) -> Pipeline {
    let mut pipelines = all(text);
    assert_eq!(pipelines.len(), 1);
    pipelines.remove(0)
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).expect("a decimal")
}

fn written(text: &str) -> Option<Format> {
    Some(Format::Written(text.to_string()))
}

#[test]
fn what_is_not_said_of_a_pipeline_has_its_default() {
    let pipeline = read(&one(NEEDED));
    assert_eq!(pipeline.name, "web");
    assert_eq!(pipeline.logs, Logs { files: vec!["a.log".into()], format: None, zone: None });
    assert_eq!((pipeline.to, pipeline.max_rejects), (Destination::Stdout, decimal("0.05")));
    let Counting { record, interval, lateness, measurement, tags, stats } = pipeline.counting;
    let path = Expression::Field(Field::named("path"));
    assert_eq!(record, Expression::Map(vec![("path".into(), path)]));
    assert_eq!((interval.micros(), lateness), (60_000_000, 120_000_000));
    assert_eq!((measurement.as_str(), tags, stats), ("web", vec![], vec![]));
    let lateness = |entries: &str| read(&also(entries)).counting.lateness;
    assert_eq!(lateness(":interval 10"), 20_000_000, "it follows the interval");
    assert_eq!(lateness(":interval 10 :lateness 5"), 5_000_000);
    assert_eq!(lateness(":lateness 0"), 0);
}

#[test]
fn options_of_pipelines_are_read() {
    let files = |text: &str| read(&one(&format!(":files {text} :record {{}} :to :stdout"))).logs.files;
    assert_eq!(files("\"/var/log/a.log\""), ["/var/log/a.log"]);
    assert_eq!(files("[\"/var/log/*.log\" \"b/[a-c]?.log\" \"**/x\"]"), ["/var/log/*.log", "b/[a-c]?.log", "**/x"]);
    assert_eq!(files("[#env [\"UNSET\" \"c.log\"]]"), ["c.log"]);
    for (text, expected) in [
        (":auto", None),
        (":nginx", written("nginx")),
        (":combined", written("combined")),
        ("\"nginx\"", written("nginx")),
        (
            "\"$remote_addr [$time_local] \\\"$request\\\" $status\"",
            written("$remote_addr [$time_local] \"$request\" $status"),
        ),
        ("\"%h %l %u %t \\\"%r\\\" %>s %b\"", written("%h %l %u %t \"%r\" %>s %b")),
        (
            "#re \"^(?<time>[0-9]+) (?<status>[0-9]+)$\"",
            Some(Format::Regex("^(?<time>[0-9]+) (?<status>[0-9]+)$".into())),
        ),
    ] {
        assert_eq!(read(&also(&format!(":format {text}"))).logs.format, expected, "{text}");
    }
    for zone in ["UTC", "+02:00", "-0930", "CET-1CEST,M3.5.0,M10.5.0/3"] {
        assert_eq!(read(&also(&format!(":zone \"{zone}\""))).logs.zone.as_deref(), Some(zone));
    }
    for (text, micros) in [("300", 300_000_000), ("0.5", 500_000), ("#duration \"1h30m\"", 5_400_000_000)] {
        assert_eq!(read(&also(&format!(":interval {text}"))).counting.interval.micros(), micros);
        assert_eq!(read(&also(&format!(":lateness {text}"))).counting.lateness, micros);
    }
    for share in ["0", "0.05", "0.001", "1", "1.0"] {
        assert_eq!(read(&also(&format!(":max-rejects {share}"))).max_rejects, decimal(share));
    }
    assert_eq!(read(&also(":measurement \"http requests\"")).counting.measurement, "http requests");
    let tags = read(&also(":tags {:dc \"fra1\" :host \"web-1\" :a.b_c-d #env [\"UNSET\" \"x\"]}")).counting.tags;
    let expected = [("a.b_c-d", "x"), ("dc", "fra1"), ("host", "web-1")];
    assert_eq!(tags, expected.map(|(name, value)| (name.to_string(), value.to_string())), "in order of name");
    assert_eq!(read(&one(":files \"a\" :record nil :to :stdout")).counting.record, Expression::Nil);
    let file = read(&one(":files \"a\" :record {} :to {:type :file :path \"/var/lib/points\"}"));
    assert_eq!(file.to, Destination::File("/var/lib/points".into()));
    assert_eq!(read(&one(":files \"a\" :record {} :to :events")).to, Destination::Events(None));
}

#[test]
fn stats_are_read() {
    let stats = read(&also(
        ":stats {:time {:field :request-time :percentiles [0.99 0.5 0.99 1] :max true}
                 :bytes {:field :metric :sum true :min true :count true :percentiles []}}",
    ))
    .counting
    .stats;
    let quantile = |text: &str| Quantile::new(decimal(text)).expect("a quantile");
    let none = Stat {
        name: String::new(),
        field: Field::Metric,
        percentiles: vec![],
        sum: false,
        min: false,
        max: false,
        count: false,
    };
    let bytes = Stat { name: "bytes".into(), sum: true, min: true, count: true, ..none.clone() };
    let time = Stat {
        name: "time".into(),
        field: Field::named("request-time"),
        percentiles: ["0.5", "0.99", "1"].map(quantile).to_vec(),
        max: true,
        ..none
    };
    assert_eq!(stats, [bytes, time], "in order of name, each quantile once");
}

#[test]
fn what_is_wrong_with_a_pipeline_is_said() {
    for (entries, expected) in [
        (":interval 0", &[("T031", "`:interval` is a time above 0")][..]),
        (":interval \"60\"", &[("T021", "write `60`")]),
        (":interval -1", &[("T032", "below 0")]),
        (":interval 300000", &[("W005", "did you mean `300`?")]),
        (":lateness :long", &[("T021", "`:lateness`")]),
        (":lateness -5", &[("T032", "below 0")]),
        (":max-rejects 5", &[("T207", "cannot be `5` [expected 0 to 1] write 0.05")]),
        (":max-rejects 1.001", &[("T207", "cannot be `1.001`")]),
        (":max-rejects -0.1", &[("T207", "cannot be `-0.1`")]),
        (":max-rejects \"5%\"", &[("T021", "a share of the lines, such as 0.05")]),
        (":measurement \" \"", &[("T022", "`:measurement` is empty")]),
        (":measurement :http", &[("T021", "write `\"http\"`")]),
        (":zone \"Europe/Berlim\"", &[("T206", "expected a name or an offset")]),
        (":zone \"+25:00\"", &[("T206", "no time zone")]),
        (":zone \"/etc/passwd\"", &[("T206", "no time zone")]),
        (":zone \"../../etc/passwd\"", &[("T206", "no time zone")]),
        (":zone 2", &[("T021", "a string")]),
        (":format 5", &[("T021", "a string")]),
        (":format \"\"", &[("T022", "`:format` is empty")]),
        (":format :ngnix", &[("T203", "`highwater format FILE`")]),
        (":format \"$remote_addr $status\"", &[("W060", "it has no time")]),
        (":format #re \"(\"", &[("T203", "cannot be read")]),
        (":format #re \"^[0-9]+$\"", &[("T203", "cannot be read")]),
        (
            ":format \"$remote_addr [$time_local] $http_user_agent $status\"",
            &[("W060", "`highwater format FILE` shows")],
        ),
        (":tags [:a]", &[("T021", "a map of tags, such as `{:dc \"fra1\"}`")]),
        (":tags {\"dc\" \"fra1\"}", &[("T003", "write `:dc`")]),
        (":tags {:dc \"\"}", &[("T022", "`:dc` is empty")]),
        (":tags {:dc :fra1}", &[("T021", "write `\"fra1\"`")]),
        (":tags {:time \"x\"}", &[("T208", "`:time` cannot be a tag")]),
        (":tags {:a/b \"x\"}", &[("T200", "`:a/b` is no name for a tag")]),
        (":stats [:time]", &[("T021", "a map of names to fields")]),
        (":stats {:time :request-time}", &[("T021", "`{:field :request-time :percentiles")]),
        (":stats {:time {:field :request-time}}", &[("T209", "nothing is kept of the stat `:time`")]),
        (":stats {:time {:field :request-time :sum false}}", &[("T209", "nothing is kept")]),
        (":stats {:time {:field :request-time :percentiles []}}", &[("T209", "nothing is kept")]),
        (":stats {:time {:percentiles [0.5]}}", &[("T100", "the stat `:time` needs `:field`")]),
        (":stats {:time {:field :t :sum 1}}", &[("T021", "true or false")]),
        (":stats {:time {:field :t :quantiles [0.5]}}", &[("T001", "did you mean `:percentiles`?")]),
        (":stats {:time {:field :t :percentiles 0.5}}", &[("T021", "a vector, such as `[0.5 0.99]`")]),
        (":stats {:time {:field :t :percentiles [99]}}", &[("T041", "0.99")]),
        (":stats {:time {:field :t :percentiles [\"p99\"]}}", &[("T040", "0.99")]),
        (":stats {:a/b {:field :t :sum true}}", &[("T200", "`:a/b` is no name for a stat")]),
        (":filter 5", &[("T001", "the pipeline `:web` has no `:filter`")]),
        ("\"interval\" 60", &[("T003", "write `:interval`")]),
    ] {
        faults(&also(entries), expected);
    }
}

#[test]
fn words_of_other_systems_lead_to_the_options() {
    for (word, meant) in [
        ("inputs", "files"),
        ("path", "files"),
        ("log-format", "format"),
        ("parser", "format"),
        ("every", "interval"),
        ("window", "interval"),
        ("intervall", "interval"),
        ("grace", "lateness"),
        ("rejects", "max-rejects"),
        ("max_rejects", "max-rejects"),
        ("table", "measurement"),
        ("function", "record"),
        ("category", "record"),
        ("values", "stats"),
        ("labels", "tags"),
        ("output", "to"),
        ("timezone", "zone"),
    ] {
        faults(&also(&format!(":{word} 5")), &[("T001", &format!("did you mean `:{meant}`?"))]);
    }
    faults(&format!("{{:pipeline {{:web {{{NEEDED}}}}}}}"), &[("T001", "did you mean `:pipelines`?")]);
}

#[test]
fn what_a_pipeline_needs_is_named() {
    for (entries, needs) in [
        ("", "needs `:files`, `:record`, `:to`"),
        (":files [\"a\"]", "needs `:record`, `:to`"),
        (":files [\"a\"] :record {}", "needs `:to`"),
        (":record {} :to :stdout", "needs `:files`"),
    ] {
        faults(&one(entries), &[("T100", needs)]);
    }
    // What is there and wrong is not missing, too.
    faults(&one(":files [] :record {} :to :stdout"), &[("T204", "rotated and packed siblings")]);
    faults(&one(":files [\"a\" 5 \"\"] :record {} :to :stdout"), &[("T021", "a string"), ("T022", "is empty")]);
    faults(&one(":files [\"/var/log/***/a\" \"[a\"] :record {} :to :stdout"), &[("T205", ""), ("T205", "")]);
    faults(&one(":files {:a 1} :record {} :to :stdout"), &[("T021", "a path in `:files`")]);
    let files = format!("[{}]", "\"a\" ".repeat(101));
    let loaded = from_text(&one(&format!(":files {files} :record {{}} :to :stdout")));
    assert!(loaded.plan.is_none() && loaded.diagnostics.len() == 1, "{:?}", loaded.diagnostics);
}

#[test]
fn pipelines_have_names() {
    for (text, expected) in [
        ("{:pipelines []}", &[("T021", "a map of names to pipelines, such as `{:activity {:files")][..]),
        ("{:pipelines {:web 5}}", &[("T021", "`:web`")]),
        ("{:pipelines {\"web\" {}}}", &[("T003", "write `:web`")]),
        ("{:pipelines {:a/b {}}}", &[("T200", "`:a/b` is no name for a pipeline")]),
        ("{:pipelines {:größe {}}}", &[("T200", "letters, digits")]),
    ] {
        faults(text, expected);
    }
    let long = "x".repeat(65);
    faults(&format!("{{:pipelines {{:{long} {{{NEEDED}}}}}}}"), &[("T200", "at most 64 letters")]);
    assert_eq!(all("{:pipelines {}}"), []);
    let names: Vec<String> =
        all(&format!("{{:pipelines {{:web.2 {{{NEEDED}}} :_a-B {{{NEEDED}}} :web {{{NEEDED}}}}}}}"))
            .into_iter()
            .map(|pipeline| pipeline.name)
            .collect();
    assert_eq!(names, ["_a-B", "web", "web.2"], "in order of name");
    let mut sources = Sources::default();
    sources.add("a.edn".to_string(), one(NEEDED));
    sources.add("b.edn".to_string(), one(NEEDED));
    sources.add("c.edn".to_string(), format!("{{:pipelines {{:api {{{NEEDED}}}}}}}"));
    let loaded = check(sources, Vec::new(), &Nothing, Unset::Error);
    compare("two files", &loaded, &[("T201", "`:web` is defined twice")]);
}

#[test]
fn a_record_is_nil_or_a_map_or_a_choice_of_such() {
    let record = |text: &str| one(&format!(":files \"a\" :to :stdout :record {text}"));
    for text in [
        "nil",
        "{}",
        "{:class (str (subs :status-code 0 1) \"xx\")}",
        "(when (= :method \"GET\") {:path :path})",
        "(if (= :method \"GET\") {:path :path} {:path \"other\"})",
        "(cond (nil? :path) nil (starts-with? :path \"/api/\") {:area \"api\"} :else {:area \"site\"})",
        "(case :status-code (200 201) {:ok true} 500 nil {:ok false})",
    ] {
        read(&record(text));
    }
    for (text, expected) in [
        (":path", &[("T180", "is nil or a map")][..]),
        ("\"all\"", &[("T180", "is nil or a map")]),
        ("[:path]", &[("T180", "is nil or a map")]),
        ("(str :path)", &[("T180", "expected nil, a map, or `cond`")]),
        ("(when (= :method \"GET\") :path)", &[("T180", "is nil or a map")]),
        ("(cond (nil? :path) {} :else :path)", &[("T180", "is nil or a map")]),
        ("()", &[("T180", "not a list")]),
        ("{\"path\" :path}", &[("T181", "write `:path`")]),
        ("{:path (upper :path)}", &[("T077", "upper")]),
        ("{:time :path}", &[("T208", "`:time` cannot be a tag")]),
        ("(when (= :method \"GET\") {:time :path})", &[("T208", "`:time` cannot be a tag")]),
    ] {
        faults(&record(text), expected);
    }
    let key = "k".repeat(65);
    faults(&record(&format!("{{:{key} :path}}")), &[("T208", "at most 64 characters")]);
}

/// Whether two pipelines that differ as written are refused as writing one series.
fn are_one_series(a: &str, b: &str) -> bool {
    let part = |name: &str, entries: &str| {
        let default = |option: &str, text: &str| {
            if entries.contains(option) { String::new() } else { format!("{option} {text} ") }
        };
        let (record, to) = (default(":record", "{:path :path}"), default(":to ", ":stdout"));
        let measurement = default(":measurement", "\"m\"");
        format!(":{name} {{:files \"{name}.log\" {record}{to}{measurement}{entries}}}")
    };
    let text = format!("{{:pipelines {{{} {}}}}}", part("a", a), part("b", b));
    let loaded = from_text(&text);
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|one| one.code).collect();
    assert!(codes.is_empty() || codes == ["T202"], "{text}\n{:#?}", loaded.diagnostics);
    assert_eq!(loaded.plan.is_none(), !codes.is_empty());
    !codes.is_empty()
}

#[test]
fn pipelines_that_could_overwrite_points_of_each_other_are_refused() {
    let influx = |more: &str| format!(":to {{:type :influxdb :url \"http://127.0.0.1:8086\" {more}}}");
    for (a, b, expected, why) in [
        ("", "", true, "all is equal"),
        ("", ":measurement \"n\"", false, "another measurement"),
        ("", ":interval 300", true, "another interval does not tell points apart"),
        ("", ":stats {:t {:field :t :sum true}}", true, "nor do fields"),
        (":tags {:site \"a\"}", ":tags {:site \"b\"}", false, "constant tags that differ"),
        (":tags {:site \"a\"}", ":tags {:site \"a\"}", true, "constant tags that are equal"),
        (":tags {:site \"a\" :dc \"x\"}", ":tags {:site \"b\" :dc \"x\"}", false, "one of two differs"),
        (":tags {:site \"a\"}", "", false, "one always has the tag, the other never"),
        ("", ":tags {:site \"a\"}", false, "the other way round"),
        (":tags {:host \"a\"}", "", true, "each point has a `host`, and it may be this one"),
        (":tags {:host \"a\"}", ":tags {:host \"b\"}", false, "unless both say which"),
        (":record {:site \"a\"}", ":record {:site \"b\"}", false, "constants of records that differ"),
        (":record {:site \"a\"}", ":tags {:site \"b\"} :record {}", false, "a record and a tag"),
        (":record {:site \"a\"}", ":tags {:site \"a\"} :record {}", true, "a record and a tag that are equal"),
        (":record {:site :vhost}", ":record {:site \"b\"}", true, "a field may be anything"),
        (":record {:site :vhost}", ":record {}", true, "also nil"),
        (":record {:path :path :a \"1\"}", ":record {:path :path}", false, "a constant that the other never has"),
        (":record nil", "", false, "nothing is ever written"),
        (":record (when (= :m 1) {:site \"a\"})", ":record {:site \"b\"}", false, "nil is no point"),
        (":record (if (= :m 1) {:site \"a\"} {:site \"b\"})", ":record {:site \"b\"}", true, "one branch is equal"),
        (":record (case :m 1 {:site \"a\"} 2 {:site \"c\"})", ":record {:site \"b\"}", false, "no branch is"),
        (":record {:site \"b\"} :tags {:site \"a\"}", ":record {:site \"a\"}", false, "a record counts before tags"),
        (":record {:site \"b\"} :tags {:site \"a\"}", ":record {:site \"b\"}", true, "so these are equal"),
        (":record {:site nil} :tags {:site \"a\"}", ":record {} :tags {:site \"a\"}", true, "nil leaves the tag"),
        (":record {:site \"\"}", ":record {}", true, "an empty tag is none"),
        (":record {:site \"a \"}", ":record {:site \"a\"}", true, "as points have it, these are equal"),
        (":to :events", ":to :events", false, "events overwrite nothing"),
        ("", ":to :events", false, "another destination"),
        ("", ":to {:type :stdout}", true, "the same, written in another way"),
        (":to {:type :file :path \"a\"}", ":to {:type :file :path \"b\"}", false, "another file"),
        (":to {:type :file :path \"a\"}", ":to {:type :file :path \"a\"}", true, "one file"),
        (&influx(":db \"x\""), &influx(":db \"y\""), false, "another database"),
        (&influx(":db \"x\""), &influx(":db \"x\" :timeout 5 :partial :skip"), true, "how it is sent does not matter"),
        (&influx(":db \"x\""), &influx(":db \"x\" :rp \"week\""), false, "another retention policy"),
        (&influx(":db \"x\""), "", false, "another type"),
    ] {
        assert_eq!(are_one_series(a, b), expected, "{a} and {b}: {why}");
    }
}

#[test]
fn secrets_of_pipelines_are_never_shown() {
    let to = |entries: &str| {
        let influx = format!(":to {{:type :influxdb :url \"http://127.0.0.1:8086\" {entries}}}");
        one(&format!(":files \"a\" :record {{}} {influx}"))
    };
    for text in [
        to(":db \"x\" :token \"hunter2\""),
        to(":db \"x\" :token #env \"WORD\""),
        to(":db \"x\" :user \"u\" :password \"hunter2\""),
        to(":db \"x\" :user \"u\" :password #env \"WORD\" :token \"hunter2\""),
        to(":bucket \"x\" :pasword \"hunter2\""),
        to(":db \"x\" :token [\"hunter2\"]"),
        one(":files \"a\" :record {} :to {:type :influxdb :url \"http://u:hunter2@127.0.0.1\" :db \"x\"}"),
        one(":files \"a\" :record {} :to {:type :events :url \"http://example.com\" :token \"hunter2\"}"),
    ] {
        let loaded = with(&[("WORD", "hunter2")], &text, Unset::Error);
        let human = edn::human(&loaded.sources, &loaded.diagnostics, false);
        assert!(!human.contains("hunter2"), "{text}\n{human}");
        let pipelines = loaded.plan.map(|plan| plan.pipelines);
        assert!(!format!("{pipelines:?}").contains("hunter2"), "{pipelines:?}");
    }
}
