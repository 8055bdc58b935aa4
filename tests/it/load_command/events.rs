//! `:to :events`: each record is an event, for those who judge.

use super::desk::{Desk, Numbers, Ran, line, lines};

const THRESHOLDS: &str = r#"
{:percentiles {"http" {0.99 {:<= 400 :interval 60} 0.5 {:<= 100 :interval 30 :by [:path]}}}
 :histograms {"http" {:status-code {"^5" {:<= 0.1 :interval 60 :type :percentage}}}}}"#;

#[test]
fn thresholds_say_of_the_events_what_they_say_of_the_log() {
    let desk = Desk::new("events");
    let format = "$remote_addr [$time_local] \\\"$request\\\" $status $request_time";
    desk.configure(&format!(
        ":format \"{format}\" :to :events :measurement \"http\"
         :record {{:metric :metric :status-code :status-code :path :path :host nil}}"
    ));
    desk.write("thresholds.edn", THRESHOLDS);
    let mut numbers = Numbers(11);
    let (mut all, mut events) = (String::new(), String::new());
    for run in 0..5 {
        let mut text = String::new();
        for second in run * 120..run * 120 + 120 {
            for _ in 0..3 {
                let is_bad = second / 60 % 3 == 1;
                let status = if is_bad && numbers.below(3) == 0 { 503 } else { 200 };
                let millis = numbers.below(if is_bad { 900 } else { 120 });
                let path = ["/a", "/b"][numbers.below(2) as usize];
                let line = line(second, path, status, 5).replace(" - - ", " ");
                text.push_str(&line.replace(" 5\n", &format!(" 0.{millis:03}\n")));
            }
        }
        desk.append("access.log", &text);
        all.push_str(&text);
        let Ran { code, out, err } = desk.load(&[]);
        assert_eq!((code, err.as_str(), out.lines().count()), (0, "", 360));
        events.push_str(&out);
    }
    assert_eq!(desk.load(&[]).out, "");
    desk.write("events.json", &events);
    let of_log = desk.run(&[
        "replay",
        "-c",
        "thresholds.edn",
        "--format",
        "json",
        "--log-format",
        &format.replace('\\', ""),
        "access.log",
    ]);
    let of_events = desk.run(&["replay", "-c", "thresholds.edn", "--format", "json", "events.json"]);
    assert!(of_log.out.lines().count() >= 8, "{}\n{}", of_log.out, of_log.err);
    assert_eq!(of_events.out, of_log.out);
}

#[test]
fn an_event_has_the_time_the_service_the_tags_and_the_stats() {
    let desk = Desk::new("event");
    desk.configure(
        ":to :events :tags {:host \"h\" :dc \"fra1\"} :stats {:bytes {:field :body-bytes-sent :sum true}}
         :record (when (not= :path \"/health\") {:state (if (= :status-code 200) \"ok\" \"bad\") :dc nil})",
    );
    desk.write("access.log", lines(0..1, "/a") + &line(61, "/health", 200, 1) + &line(62, "/b", 404, 7));
    let Ran { code, out, err } = desk.load(&[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let events: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let event = |time: i64, bytes: i64, state: &str| serde_json::json!({"time": time, "service": "web", "host": "h", "bytes": bytes, "state": state});
    assert_eq!(events, [event(1_732_233_600, 5, "ok"), event(1_732_233_662, 7, "bad")]);
}
