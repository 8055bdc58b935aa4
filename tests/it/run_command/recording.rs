//! Live = replay of its recording.

use std::process::Command;

use super::*;

#[test]
fn a_recording_gives_the_transitions_of_the_run_again() {
    let thresholds = r#"{:grace 0.3
        :percentiles {"q" {0.5 {:<= 100 :interval 1 :by [:host]} 0.99 {:<= 120 :interval 2 :every 1}}}
        :histograms {"q" {:status-code {"^2" {:>= 0.6 :interval 1 :type :percentage :by [:host]}
                                        ".*" {:> 0 :interval 1 :type :count :grace 0}}}}}"#;
    let mut daemon = Daemon::start(thresholds, &["--record", "run.jsonl", "--lanes", "3"]);
    let mut connections: Vec<Connection> = (0..5).map(|_| Connection::to(daemon.tcp.unwrap())).collect();
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(4200) {
        for connection in &mut connections {
            let events = (0..next(40)).map(|_| {
                let micros = i64::try_from(next(900_000)).unwrap();
                let host: &[u8] = [b"a".as_slice(), b"b \"\\\n", b"\xff"][usize::try_from(next(3)).unwrap()];
                // Every other second is a bad one.
                let bad = now_micros() / 1_000_000 % 2 == 0;
                let mut event = event_at(0, i64::try_from(next(if bad { 300 } else { 90 })).unwrap());
                // Some late, some ahead of the clock.
                event.time_micros = event.time_micros.map(|time| match next(50) {
                    0 => time - 3_000_000,
                    1 => time + 120_000_000,
                    _ => time - micros,
                });
                event.host = Some(host.to_vec());
                event.metric_d = (next(4) == 0).then_some(0.1 + micros as f64);
                event.attributes[0].value = match next(if bad { 3 } else { 9 }) {
                    0 => None,
                    1 => Some(b"500".to_vec()),
                    _ => Some(b"200".to_vec()),
                };
                event
            });
            let events = events.collect();
            connection.send(events);
        }
    }
    let (code, live) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(live.len() > 5, "something happened: {live:#?}");
    assert!(live.iter().any(|transition| transition["late"] != 0));
    let replayed = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(["replay", "-c", "thresholds.edn", "--as-live", "run.jsonl", "--format", "json"])
        .current_dir(&daemon.folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&replayed.stderr);
    assert_eq!(replayed.status.code(), Some(0), "{said}");
    let lines = String::from_utf8(replayed.stdout).unwrap();
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, live);
    assert!(said.contains("run.jsonl: read as recording"), "{said}");
    assert!(said.contains("ahead of the clock"), "{said}");
}

#[test]
fn what_is_no_recording_or_broken_off_is_said() {
    let mut daemon = Daemon::start(LONG, &["--record", "run.jsonl"]);
    Connection::to(daemon.tcp.unwrap()).send(vec![event(143)]);
    daemon.stop();
    let replay = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .args(["replay", "-c", "thresholds.edn"])
            .args(args)
            .current_dir(&daemon.folder)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let whole = std::fs::read_to_string(daemon.folder.join("run.jsonl")).unwrap();
    assert_eq!(whole.lines().count(), 4, "begin, event, clock at the end, end: {whole}");
    std::fs::write(daemon.folder.join("cut.jsonl"), &whole[..whole.len() - 40]).unwrap();
    let (code, said) = replay(&["--as-live", "cut.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("breaks off"), "{said}");
    std::fs::write(daemon.folder.join("e.json"), "{\"service\":\"q\",\"time\":1700000000}\n").unwrap();
    let (code, said) = replay(&["--as-live", "e.json"]);
    assert!(code == Some(2) && said.contains("is no recording"), "{code:?} {said}");
    let (code, said) = replay(&["run.jsonl"]);
    assert!(code == Some(2) && said.contains("--as-live"), "{code:?} {said}");
}
