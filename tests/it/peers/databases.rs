//! What takes line protocol: InfluxDB 1.6 and VictoriaMetrics.

use std::collections::BTreeSet;

use highwater::load::point::{FieldValue, Point, tag_value, write};
use highwater::load::push::{Fault, Pusher, Sent};
use highwater::plan::{Influx, InfluxApi};
use serde_json::{Value as Json, json};

use super::*;
use crate::daemon::Home;
use crate::influx::{influx, lines, random_lines, v1};

/// A database that is stopped when dropped.
struct Database {
    address: SocketAddr,
    _process: Running,
    _home: std::sync::Arc<Home>,
}

impl Database {
    /// InfluxDB with a database `logs`.
    fn influxd(program: &Path, most: usize) -> Database {
        let home = Home::new("{}");
        let address = free();
        let folder = |name: &str| home.0.join(name).display().to_string();
        let config = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n[meta]\ndir = {:?}\n[data]\ndir = {:?}\n\
             wal-dir = {:?}\n[monitor]\nstore-enabled = false\n[logging]\nlevel = \"error\"\n[http]\n\
             bind-address = \"{address}\"\nlog-enabled = false\nmax-body-size = {most}\n",
            folder("meta"),
            folder("data"),
            folder("wal")
        );
        fs::write(home.0.join("influxd.conf"), config).expect("the folder takes files");
        let mut command = Command::new(program);
        command.arg("-config").arg(home.0.join("influxd.conf"));
        let database = Database::start(&mut command, address, home);
        database.query("CREATE DATABASE logs");
        database
    }

    fn victoria_metrics(program: &Path) -> Database {
        let home = Home::new("{}");
        let address = free();
        let mut command = Command::new(program);
        command.arg(format!("-storageDataPath={}", home.0.join("data").display()));
        command.arg(format!("-httpListenAddr={address}"));
        command.args(["-retentionPeriod=100y", "-loggerLevel=ERROR", "-memory.allowedBytes=64MB"]);
        Database::start(&mut command, address, home)
    }

    fn start(command: &mut Command, address: SocketAddr, home: std::sync::Arc<Home>) -> Database {
        let mut process = Running::start(command);
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline && process.0.try_wait().expect("ours").is_none(), "{}", process.said());
            thread::sleep(Duration::from_millis(20));
        }
        Database { address, _process: process, _home: home }
    }

    fn to(&self, api: InfluxApi) -> Influx {
        influx(format!("http://{}", self.address), api)
    }

    /// The body of an answer of 200.
    fn get(&self, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        // Of HTTP/1.0, that the answer comes in one piece.
        write!(stream, "POST {path} HTTP/1.0\r\nhost: x\r\ncontent-length: 0\r\n\r\n").expect("it reads");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("UTF-8");
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said}"));
        assert!(head.contains(" 200 ") || head.contains(" 204 "), "{path}: {said}");
        body.to_string()
    }

    /// The series of an answer to InfluxQL.
    fn query(&self, query: &str) -> Vec<Json> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let said: Json = serde_json::from_str(&self.get(&format!("/query?db=logs&epoch=ns&q={query}"))).expect("JSON");
        assert!(said["results"][0]["error"].is_null(), "{said}");
        said["results"][0]["series"].as_array().cloned().unwrap_or_default()
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("loopback")
}

fn influxd(most: usize) -> Option<Database> {
    let found = program("influxd");
    is_there("influxd", found.as_ref()).then(|| Database::influxd(&found.expect("it is there"), most))
}

#[test]
fn influxdb_gives_back_the_names_tags_and_numbers_that_were_sent() {
    let Some(database) = influxd(0) else { return };
    let long = "ä,".repeat(6_000);
    let odd: [&[u8]; 22] = [
        b"plain",
        b"a b",
        b" a ",
        b"a,b=c",
        b"a\\b",
        b"a\\",
        b"\\",
        b"a\\,b",
        b"a\\ b",
        b"a\\\\=b",
        b"\"",
        b"'",
        b"#",
        b"a\nb",
        b"a\r\n",
        b"a\0b",
        b"\x01\x7f",
        b"\xff\xfe",
        "日本 ä=ö".as_bytes(),
        "👩‍🚀".as_bytes(),
        b"${jndi:ldap://x}",
        long.as_bytes(),
    ];
    let mut body = Vec::new();
    let mut expected = BTreeSet::new();
    for (at, value) in odd.iter().enumerate() {
        // Each as a value, the short ones as names of a tag, a measurement and a field, too.
        let name = if value.len() < 100 { *value } else { b"long" };
        let measurement = String::from_utf8_lossy(name).into_owned();
        let field = format!("f{}", tag_value(name).expect("not empty").replace('\\', "/"));
        let fields =
            [(field.as_str(), FieldValue::Integer(i64::MAX - at as i64)), ("float", FieldValue::Float(1.5e300))];
        let tags: [(&[u8], &[u8]); 3] = [(name, value), (b"~z", value), (b"empty", b"")];
        let nanos = 1_700_000_000_000_000_000 + at as i64;
        assert!(write(&Point { measurement: &measurement, tags: &tags, fields: &fields, nanos }, &mut body));
        let shown = |value: &[u8]| tag_value(value).expect("not empty").into_owned();
        let named = shown(measurement.as_bytes()).replace('\\', "/");
        let named = named.strip_prefix('#').map_or(named.clone(), |rest| format!("_{rest}"));
        let tag = (shown(name), shown(value));
        expected.insert((named, tag, shown(value), field, i64::MAX - at as i64, nanos));
    }
    let sent = Pusher::default().send(&database.to(v1("logs")), &body);
    assert_eq!(sent, Ok(Sent { lines: odd.len() as u64, refused: 0, why: None, attempts: 1 }));

    let mut found = BTreeSet::new();
    for series in database.query("SELECT * FROM /.*/ GROUP BY *") {
        let tags = series["tags"].as_object().expect("an object");
        let text = |json: &Json| json.as_str().expect("a text").to_string();
        let of_any = tags.iter().filter(|(name, value)| *name != "~z" && *value != "");
        let (name, value) = of_any.map(|(name, value)| (name.clone(), text(value))).next().expect("a tag");
        let columns: Vec<_> = series["columns"].as_array().expect("columns").iter().map(text).collect();
        for row in series["values"].as_array().expect("rows") {
            let of = |column: &str| &row[columns.iter().position(|known| known == column).expect("there")];
            assert_eq!(of("float").as_f64(), Some(1.5e300));
            let field = columns.iter().zip(row.as_array().expect("a row"));
            let field = field.filter(|(column, value)| *column != "time" && *column != "float" && !value.is_null());
            let (field, number) = field
                .map(|(column, value)| (column.clone(), value))
                .next()
                .unwrap_or_else(|| panic!("no field: {series}"));
            let number = number.as_i64().expect("whole");
            let nanos = of("time").as_i64().expect("whole");
            found.insert((
                text(&series["name"]),
                (name.clone(), value.clone()),
                text(&tags["~z"]),
                field,
                number,
                nanos,
            ));
        }
    }
    assert_eq!(found, expected);

    // What is longer than it takes was cut.
    let (long, mut body) = ("ä,".repeat(60_000), Vec::new());
    let tags: [(&[u8], &[u8]); 2] = [(b"a", long.as_bytes()), (long.as_bytes(), long.as_bytes())];
    let fields = [(long.as_str(), FieldValue::Integer(1))];
    assert!(write(&Point { measurement: &long, tags: &tags, fields: &fields, nanos: 1 }, &mut body));
    assert_eq!(Pusher::default().send(&database.to(v1("logs")), &body).map(|sent| sent.refused), Ok(0));
}

#[test]
fn influxdb_has_one_point_however_often_it_is_sent() {
    let Some(database) = influxd(0) else { return };
    let influx = database.to(v1("logs"));
    let mut pusher = Pusher::default();
    for count in [10, 10, 25] {
        assert_eq!(pusher.send(&influx, &lines(500, count)).map(|sent| sent.lines), Ok(500));
    }
    let series = database.query("SELECT count(\"count\"), sum(\"count\"), max(time_p99) FROM http");
    assert_eq!(series[0]["values"][0].as_array().expect("a row")[1..], [json!(500), json!(12_500), json!(0.25)]);
}

#[test]
fn influxdb_keeps_the_rest_of_what_it_refuses() {
    let Some(database) = influxd(0) else { return };
    let influx = database.to(v1("logs"));
    let mut pusher = Pusher::default();
    pusher.send(&influx, &lines(1, 1)).expect("it is content");
    let conflict = String::from_utf8(lines(3, 2)).expect("UTF-8").replacen("count=2i", "count=2", 1);
    let broken = [conflict.as_bytes(), b"garbage\nhttp,host=x count=y 1\n"].concat();
    let Err(Fault { why }) = pusher.send(&influx, conflict.as_bytes()) else { panic!("a conflict is none") };
    assert!(why.starts_with(&format!("http://{}: answered 400: partial write: field type conflict", database.address)));
    assert!(why.ends_with("; `:partial :skip` goes on without what is refused"), "{why}");
    let skipping = Influx { skip_refused: true, ..influx.clone() };
    // A conflict hides what cannot be read.
    for (body, lines, refused) in
        [(conflict.as_bytes(), 3, 1), (&broken, 5, 1), (b"garbage\n", 1, 1), (b"garbage\nmore\n", 2, 2)]
    {
        let sent = pusher.send(&skipping, body).expect("it goes on");
        assert_eq!((sent.lines, sent.refused), (lines, refused), "{sent:?}");
    }
    let series = database.query("SELECT count(\"count\"), sum(\"count\") FROM http");
    // Of the first the value before stays.
    assert_eq!(series[0]["values"][0].as_array().expect("a row")[1..], [json!(3), json!(5)]);

    let beyond = "CREATE RETENTION POLICY day ON logs DURATION 1d REPLICATION 1";
    database.query(beyond);
    let day = InfluxApi::V1 { db: "logs".to_string(), rp: Some("day".to_string()), login: None };
    let sent = pusher.send(&Influx { api: day, ..skipping }, &lines(3, 1)).expect("it goes on");
    assert_eq!((sent.lines, sent.refused), (3, 3), "{sent:?}");
}

#[test]
fn influxdb_says_what_is_not_there() {
    let Some(database) = influxd(0) else { return };
    let no_policy = InfluxApi::V1 { db: "logs".to_string(), rp: Some("nope".to_string()), login: None };
    let bucket = InfluxApi::V2 { org: None, bucket: "logs".to_string(), token: None };
    for (api, expected) in [
        (v1("a \"b\""), r#"answered 404: database not found: "a \"b\""; create it with `CREATE DATABASE "a \"b\""`"#),
        (no_policy, "retention policy not found: nope; create it, or name another with `:rp`"),
        (bucket, "answered 404: 404 page not found; is `:url` that of an InfluxDB 2, without a path?"),
    ] {
        let Err(Fault { why }) = Pusher::default().send(&database.to(api), &lines(1, 1)) else {
            panic!("{expected}: it is there")
        };
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn influxdb_with_a_small_limit_gets_less_at_a_time() {
    let Some(database) = influxd(3_000) else { return };
    let influx = database.to(v1("logs"));
    let mut pusher = Pusher::default();
    let sent = pusher.send(&influx, &lines(5_000, 3)).expect("pieces fit");
    assert_eq!((sent.lines, sent.refused), (5_000, 0));
    assert!(sent.attempts > 3, "{sent:?}");
    // What cannot be packed: it answers, or cuts the connection, while most is still on its way.
    let sent = Pusher::default().send(&influx, &random_lines(20_000)).expect("pieces fit");
    assert_eq!((sent.lines, sent.refused), (20_000, 0));
    let series = database.query("SELECT count(\"count\"), sum(\"count\") FROM http");
    assert_eq!(series[0]["values"][0].as_array().expect("a row")[1..], [json!(5_000), json!(15_000)]);
}

#[test]
fn victoria_metrics_takes_points_as_of_both_versions() {
    let found = program("victoria-metrics");
    if !is_there("victoria-metrics", found.as_ref()) {
        return;
    }
    let database = Database::victoria_metrics(&found.expect("it is there"));
    let bucket = InfluxApi::V2 { org: Some("shop".to_string()), bucket: "logs".to_string(), token: None };
    let mut pusher = Pusher::default();
    for (api, hosts) in [(v1("logs"), 20), (bucket, 30)] {
        assert_eq!(pusher.send(&database.to(api), &lines(hosts, 7)).map(|sent| sent.lines), Ok(hosts as u64));
    }
    database.get("/internal/force_flush");
    let page = database.get("/api/v1/export?match[]={__name__=%22http_count%22}");
    let series: Vec<Json> = page.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let hosts: BTreeSet<_> = series.iter().map(|series| series["metric"]["host"].to_string()).collect();
    assert_eq!(hosts.len(), 30, "{page}");
    for series in &series {
        assert_eq!(
            (&series["metric"]["path"], &series["timestamps"][0]),
            (&json!("/a b"), &json!(1_700_000_000_000i64))
        );
        assert!(series["values"].as_array().expect("values").iter().all(|value| *value == 7), "{series}");
    }
}

impl Database {
    /// The end of the process, however it was, and a new one over the same files.
    fn crash(&mut self, program: &Path) {
        let _ = self._process.0.kill();
        let _ = self._process.0.wait();
        let mut command = Command::new(program);
        command.arg("-config").arg(self._home.0.join("influxd.conf"));
        let again = Database::start(&mut command, self.address, self._home.clone());
        self._process = again._process;
    }
}

/// Runs of the loader over a log that grows and rotates: some are killed, some find no database, which is killed, too.
#[test]
fn killed_runs_and_a_killed_influxdb_come_to_each_line_once() {
    let Some(mut database) = influxd(0) else { return };
    let influxd = program("influxd").expect("it is there");
    let home = Home::new("{}");
    let at = home.0.display();
    let address = database.address;
    let pipelines = format!(
        "{{:pipelines {{:http {{:files [\"{at}/access.log\"] :format :nginx_timed :interval 10 :tags {{:host \"web-1\"}}\n\
         :record (when (not (starts-with? :path \"/static\")) {{:class (str (subs :status-code 0 1) \"xx\") :path :path}})\n\
         :stats {{:time {{:field :request-time :sum true :count true}}}}\n\
         :to {{:type :influxdb :url \"http://{address}\" :db \"logs\" :timeout 1}}}}}}}}"
    );
    fs::write(home.0.join("pipelines.edn"), pipelines).expect("the folder takes files");
    let load = || {
        let mut command = Command::new(crate::daemon::binary());
        command.arg("load").arg(home.0.join("pipelines.edn")).arg("--checkpoint").arg(home.0.join("checkpoints"));
        command
    };
    let log = |path: &str| home.0.join(path);
    // SplitMix64.
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 29)) % below
    };
    let (mut expected, mut second) = (std::collections::BTreeMap::<(String, u64), u64>::new(), 0u64);
    for round in 0..40 {
        let mut text = String::new();
        for _ in 0..random(120) {
            second += random(3);
            let (status, path) = ([200, 200, 301, 404, 503][random(5) as usize], random(4));
            let prefix = ["/static", "/a", "/b", "/c"][path as usize];
            let (hour, minute) = (second / 3600, second / 60 % 60);
            text += &format!(
                "10.0.0.1 - - [22/Nov/2023:{hour:02}:{minute:02}:{:02} +0000] \"GET {prefix} HTTP/1.1\" {status} 5 \"-\" \
                 \"-\" 0.250 0.250\n",
                second % 60
            );
            if path > 0 {
                let series = format!("{}xx {prefix}", status / 100);
                *expected.entry((series, second / 10)).or_insert(0) += 1;
            }
        }
        let mut file = fs::OpenOptions::new().append(true).create(true).open(log("access.log")).expect("a log");
        file.write_all(text.as_bytes()).expect("a log that grows");
        if round % 7 == 3 {
            // None is deleted: whether a run has come to its end since, nobody knows.
            for n in (1..9).rev() {
                let _ = fs::rename(log(&format!("access.log.{n}")), log(&format!("access.log.{}", n + 1)));
            }
            fs::rename(log("access.log"), log("access.log.1")).expect("it was written");
        }
        if round % 13 == 12 {
            database.crash(&influxd);
        }
        let run = Running::start(&mut load());
        thread::sleep(Duration::from_micros(random(25_000)));
        drop(run);
    }
    let (success, said) = ran(&mut load(), b"");
    assert!(success, "{said}");
    let mut found = std::collections::BTreeMap::new();
    for series in database.query("SELECT \"count\", time_sum, time_count FROM http GROUP BY class, path") {
        let name =
            format!("{} {}", series["tags"]["class"].as_str().unwrap(), series["tags"]["path"].as_str().unwrap());
        for row in series["values"].as_array().expect("points") {
            let (nanos, count) = (row[0].as_u64().expect("a time"), row[1].as_u64().expect("a count"));
            assert_eq!(row[2], count as f64 / 4.0, "{row}");
            assert_eq!(row[3], count, "{row}");
            let start = 1_700_611_200;
            *found.entry((name.clone(), (nanos / 1_000_000_000 - start) / 10)).or_insert(0) += count;
        }
    }
    assert_eq!(found, expected);
}
