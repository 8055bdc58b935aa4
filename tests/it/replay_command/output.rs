//! The shape of what is written, for people and for machines.

use std::process::Stdio;

use serde_json::Value as Json;

use super::*;

#[test]
fn a_transition_has_the_keys_of_the_contract_in_their_order() {
    let thresholds = r#"
        {:percentiles {"q" {0.99 {:<= 100 :interval 600 :severity "page" :labels {:team "search"} :description "fast"
                                  :runbook "https://runbooks.example/q" :shadow true}}}
         :histograms {"q" {:status-code {"^5" {:<= 0.01 :interval 600 :type :percentage :by [:host]}}
                           :path {"^/api" {:> 5 :interval 600 :type :count}}}}}"#;
    let all = events(0, 590, r#""metric":143,"status-code":503,"host":"web-1""#) + &event(1250.0, r#""metric":1"#);
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn --format json e.json");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let transitions: Vec<Json> = ran.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let kinds: Vec<&str> = transitions.iter().filter_map(|transition| transition["kind"].as_str()).collect();
    assert_eq!(kinds, ["count", "percentage", "percentile"]);
    for (transition, line) in transitions.iter().zip(ran.out.lines()) {
        let keys: Vec<&str> = transition.as_object().expect("an object").keys().map(String::as_str).collect();
        let expected = "v status previous reason threshold path service group kind quantile field pattern value count \
            matched bounds interval watched late window time since instance severity labels description runbook shadow \
            summary dedup_key violation_id";
        assert_eq!(keys.join(" "), expected);
        let parts: Vec<&String> = transition["window"].as_object().expect("an object").keys().collect();
        assert_eq!(parts, ["start", "end"]);
        // As written, because its numbers and the order of its keys count.
        assert!(line.starts_with(r#"{"v":1,"status":"violation","previous":"ok","reason":"judged","threshold":""#));
    }
    for part in [
        r#""threshold":"[:percentiles \"q\" 0.99 600]","path":["percentiles","q",0.99,600],"service":"q","group":{}"#,
        r#""kind":"percentile","quantile":0.99,"field":"metric","pattern":null,"value":14"#,
        r#","count":590,"matched":0,"bounds":[{"comparator":"<=","limit":100}],"interval":600,"watched":1.0,"late":0,"window":{"start":"2023-11-14T22:10:00Z","end":"2023-11-14T22:20:00Z"},"time":"2023-11-14T22:20:00Z","since":"2023-11-14T22:20:00Z","instance":"default""#,
        r#""severity":"page","labels":{"team":"search"},"description":"fast","runbook":"https://runbooks.example/q","shadow":true"#,
        r#", over 100 (10 min, 590 of 590 events above)","dedup_key":""#,
        r#""group":{"host":"web-1"},"kind":"percentage","quantile":null,"field":"status-code","pattern":"^5","value":1.0,"count":590,"matched":590"#,
        r#""kind":"count","quantile":null,"field":"path","pattern":"^/api","value":0.0,"count":0,"matched":0"#,
        r#""severity":null,"labels":{},"description":null,"runbook":null,"shadow":false"#,
    ] {
        assert!(ran.out.contains(part), "no {part} in\n{}", ran.out);
    }
}

#[test]
fn a_recovery_carries_the_ids_of_its_violation() {
    let all = events(0, 600, r#""metric":143"#) + &events(600, 600, r#""metric":85"#) + &event(1300.0, r#""metric":1"#);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn --format json e.json");
    let percentile: Vec<Json> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .filter(|transition: &Json| transition["kind"] == "percentile")
        .collect();
    let [violation, recovery] = &percentile[..] else { panic!("{percentile:#?}") };
    for key in ["dedup_key", "violation_id", "since", "threshold"] {
        assert_eq!(violation[key], recovery[key], "{key}");
    }
    assert_eq!((&recovery["status"], &recovery["previous"]), (&"ok".into(), &"violation".into()));
    assert_eq!(recovery["time"], "2023-11-14T22:30:00Z");
}

#[test]
fn json_is_only_transitions_on_stdout_and_the_summary_on_stderr() {
    let all = events(0, 900, r#""metric":85,"status-code":200"#);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.json", all.as_bytes())]);
    let json = folder.run("replay -c t.edn --format json e.json");
    assert_eq!((json.code, json.out.as_str()), (Some(0), ""));
    let human = folder.run("replay -c t.edn e.json");
    assert_eq!((human.code, human.err.as_str()), (Some(0), ""));
    assert_eq!(human.out, format!("\n{}", json.err), "the same summary");
    assert!(json.err.ends_with("900 events, 2023-11-14T22:10:00Z to 2023-11-14T22:24:59Z\n"), "{}", json.err);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let by_host: String = (0..4000).map(|host| event(5.0, &format!(r#""metric":143,"host":"web-{host}""#))).collect();
    let thresholds = r#"{:percentiles {"q" {0.99 {:<= 100 :interval 10 :by [:host]}}}}"#;
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", by_host.as_bytes())]);
    for (arguments, code) in [
        (&["replay", "-c", "t.edn", "--whole", "e.json"][..], 0),
        (&["replay", "-c", "t.edn", "--help"][..], 0),
        (&["check", "t.edn"][..], 0),
        // What was found stays found.
        (&["check", "--format", "json", "e.json"][..], 1),
    ] {
        let mut command = highwater(&folder.0, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty() || said == "checked 1 file, 1 threshold: no errors\n", "{arguments:?}: {said}");
    }
}

#[test]
fn controls_of_a_log_reach_no_terminal() {
    let thresholds = r#"{:percentiles {"q" {0.99 {:<= 100 :interval 10 :by [:host]}}}}"#;
    let all = event(5.0, r#""metric":143,"host":"web\u001b[2J\u0007""#);
    let folder = Folder::with(&[("t.edn", thresholds.as_bytes()), ("e.json", all.as_bytes())]);
    let ran = folder.run("replay -c t.edn --whole e.json");
    assert_eq!(told(&ran.out), ["22:10:10 violation"]);
    assert!(!ran.out.contains(|c: char| c.is_control() && c != '\n'), "{:?}", ran.out);
}
