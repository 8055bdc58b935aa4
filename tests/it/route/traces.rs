//! Where one record would go, and why; and routes as text.

use highwater::config::from_text;
use highwater::route::trace;

use super::{fact, routes};

#[test]
fn a_trace_says_what_each_operator_does_with_a_record() {
    let route = r#"
        (where (= :sev "page")
          (by [:q :r] (rollup 1 60 (notify :hook :mail)))
          (else (notify :log)))
        (where (= :sev "warn") (notify :log))
        (changed :s {:init "ok"} (notify :never))
        (changed :s (throttle 5 3600 (with {:sev "info"} (sdo (where (= :sev "info") (notify :mail :log))))))
        (rollup 0 60 (notify :log))
        (throttle 0 60 (notify :log))"#;
    let trace = trace(&routes(route), &fact("a sev=page q=in\"box s=ok"));
    let expected = r#"(where (= :sev "page"))  yes: :sev is "page"
  (by [:q :r])  group ["in\"box" nil]
    (rollup 1 60)  1 of 1 in this window: passes at once
      (notify :hook :mail)  tells :hook, :mail
(where (= :sev "warn"))  no: :sev is "page"
(changed :s {:init "ok"})  stops here: "ok" is what `:init` says
(changed :s)  passes: "ok" is the first
  (throttle 5 3600)  1 of 5 in this window: passes
    (with {:sev "info"})  :sev is "info", was "page"
      (sdo)
        (where (= :sev "info"))  yes: :sev is "info"
          (notify :mail :log)  tells :log; told already: :mail
(rollup 0 60)  waits for the end of this window
  (notify :log)  told already: :log
(throttle 0 60)  stops here: none passes
"#;
    assert_eq!(trace.to_string(), expected);
    assert_eq!(trace.notifiers, ["hook", "mail", "log"]);
}

#[test]
fn routes_are_written_so_that_they_read_the_same() {
    let text = r#"(where (= :a "x\n\"") (notify :a) (else (by [:a :b] (sdo (notify :b :c)))))
        (changed :s {:init nil} (throttle 1 0.25 (rollup 2 90 (with {:a (str :b "c") :b nil} (notify :a)))))
        (changed (= :a :b) (notify :a))"#;
    for route in routes(text) {
        assert_eq!(routes(&route.to_string())[0], route);
    }
}

#[test]
fn expressions_are_written_so_that_they_read_the_same() {
    let cases = [
        r#"(= state "ok" :x)"#,
        r#"(not= :a 1)"#,
        "(< 1 :a 9.5 1e300)",
        "(and :a (or :b (not :c)))",
        r#"(if :a (nil? :b) (some? :c))"#,
        r#"(if :a :b)"#,
        r#"(cond :a true :b nil :else (= :c false))"#,
        r#"(re-find "^a\\d\"" :b)"#,
        r#"(tagged "x y")"#,
        "(= 1 (+ :a (- :b) (* 2 :c) (/ :d 3)))",
        r#"(= "ab" (str :a "b" -1))"#,
    ];
    let read = |condition: &str| {
        let text = format!(r#"{{:percentiles {{"s" {{0.99 {{:<= 1 :interval 60 :where {condition}}}}}}}}}"#);
        let loaded = from_text(&text);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics));
        plan.thresholds[0].filter.clone().unwrap()
    };
    for case in cases {
        let once = read(case);
        assert_eq!(read(&once.to_string()), once, "{once}");
    }
}
