//! `#env` and `#file`.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::*;
use crate::config::Environment;

/// Variables and files by name.
pub(super) struct Fixed(pub HashMap<&'static str, &'static str>);

impl Environment for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|text| text.to_string())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        path.to_str().and_then(|path| self.variable(path)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

pub(super) fn with(environment: &[(&'static str, &'static str)], text: &str, unset: Unset) -> Loaded {
    let mut sources = Sources::default();
    sources.add("thresholds.edn".to_string(), text.to_string());
    check(sources, Vec::new(), &Fixed(environment.iter().copied().collect()), unset)
}

#[test]
fn variables_and_files_stand_for_texts_and_numbers() {
    let environment = [("LIMIT", "250"), ("SERVICE", "web"), ("/run/limit", "99.5\n"), ("PATTERN", "^5")];
    for (text, id, limit) in [
        (p99("{:<= #env \"LIMIT\" :interval 600}"), r#"[:percentiles "query-service response" 0.99 600]"#, "250"),
        (p99("{:<= #env [\"X\" \"100\"] :interval 600 :name \"a\"}"), "a", "100"),
        (p99("{:<= #env [\"LIMIT\" \"100\"] :interval 600 :name \"a\"}"), "a", "250"),
        (p99("{:<= #file \"/run/limit\" :interval 600 :name \"a\"}"), "a", "99.5"),
        ("{:percentiles {#env \"SERVICE\" {0.5 {:< 1 :interval 60}}}}".into(), r#"[:percentiles "web" 0.5 60]"#, "1"),
        (pattern("#re #env \"PATTERN\""), r#"[:histograms "http" :path #re "^5" :count 60]"#, "0"),
        (condition("(= host #env \"SERVICE\")"), r#"[:percentiles "query-service response" 0.99 600]"#, "100"),
    ] {
        let loaded = with(&environment, &text, Unset::Error);
        compare(&text, &loaded, &[]);
        let threshold = &loaded.plan.expect("no fault").thresholds[0];
        assert_eq!((threshold.id.as_str(), threshold.bounds[0].limit.to_string().as_str()), (id, limit), "{text}");
    }
}

#[test]
fn what_is_not_set_is_a_warning_for_check_and_an_error_for_run() {
    for (text, warning, error, thresholds) in [
        (p99("{:<= #env \"LIMIT\" :interval 600}"), "W003", "T027", 0),
        (p99("{:<= 100 :interval 600 :every #env \"E\"}"), "W003", "T027", 1),
        (p99("{:<= 5 :> #env \"LIMIT\" :interval 600}"), "W003", "T027", 0),
        (p99("{:<= #file \"/run/limit\" :interval 600}"), "W004", "T028", 0),
        (p99("{:<= 100 :interval 600 :description #env \"D\"}"), "W003", "T027", 1),
        (p99("{:<= 100 :interval #env \"I\"}"), "W003", "T027", 0),
        (condition("(= host #env \"HOST\")"), "W003", "T027", 0),
        ("{:percentiles {#env \"S\" {0.5 {:< 1 :interval 60}}}}".into(), "W003", "T027", 0),
    ] {
        let loaded = with(&[], &text, Unset::Warning);
        let comes_of_it = if thresholds == 0 { "threshold" } else { "this option is left out" };
        compare(&text, &loaded, &[(warning, comes_of_it)]);
        assert_eq!(loaded.plan.expect("only a warning").thresholds.len(), thresholds, "{text}");
        compare(&text, &with(&[], &text, Unset::Error), &[(error, "")]);
    }
}

#[test]
fn a_secret_is_in_no_message() {
    let secret = "hunter2–9";
    let number = "31337";
    let environment = [("S", secret), ("N", number), ("/s", secret), ("R", "h[unter2"), ("J", "(?=hunter2)")];
    for (text, codes) in [
        (p99("{:<= #env \"S\" :interval 600}"), vec!["T029"]),
        (p99("{:<= 5 :interval #file \"/s\"}"), vec!["T029"]),
        (p99("{:<= 5 :> #env \"N\" :interval 600}"), vec!["T049"]),
        (p99("{:<= 5 :< #env \"N\" :interval 600}"), vec!["W009"]),
        (ok("{:>= #env \"N\" :interval 600 :type :percentage}"), vec!["T047"]),
        (ok("{:<= #env \"N\" :interval 600 :type :percentage}"), vec!["T048"]),
        (p99("{:<= 5 :interval 600 :every #env \"N\"}"), vec!["T050"]),
        (p99("{:<= 5 :interval #env \"N\" :every 7}"), vec!["T050"]),
        (p99("{:<= 5 :interval #env \"N\" :forget 7}"), vec!["T052"]),
        (p99("{:<= 5 :interval 600 :for #env [\"X\" \"31337313373\"]}"), vec!["T025"]),
        (p99("{:<= 5 :interval #duration #env \"S\"}"), vec!["T036"]),
        (p99("{:<= 5 :interval #env [\"X\" \"31337000\"]}"), vec!["W005"]),
        (p99("{:<= 5 :interval 600 :where (< metric #env \"S\")}"), vec!["T079"]),
        (p99("[{:<= 5 :interval 600 :name #env \"S\"} {:<= 5 :interval 60 :name #env \"S\"}]"), vec!["T007"]),
        ("{:percentiles {\"q\" {#env \"N\" {:<= 5 :interval 600}}}}".to_string(), vec!["T041"]),
        (pattern("#env \"R\""), vec!["T060"]),
        (pattern("#re #env \"J\""), vec!["T061"]),
    ] {
        let loaded = with(&environment, &text, Unset::Error);
        let found: Vec<&str> = loaded.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(found, codes, "{text}\n{:#?}", loaded.diagnostics);
        for part in ["hunter2", number] {
            // The sources are the user's own text, which has only names and defaults.
            let said = format!("{:?}", loaded.diagnostics);
            assert!(!said.contains(part), "{text}\n{said}");
        }
    }
    for option in [":name", ":description", ":severity", ":runbook"] {
        let text = p99(&format!("{{:<= 5 :interval 600 {option} #file \"/s\"}}"));
        compare(&text, &with(&environment, &text, Unset::Error), &[("T030", "shown in output")]);
    }
    compare("", &with(&environment, "{:instance #file \"/s\"}", Unset::Error), &[("T030", "shown in output")]);
    compare("", &with(&environment, &pattern("#re #file \"/s\""), Unset::Error), &[("T030", "shown in output")]);
}

#[test]
fn tags_have_their_own_form() {
    for (value, phrase) in [("#env 5", "#env \"NAME\""), ("#env []", "default"), ("#file [\"a\"]", "/run/secrets")] {
        faults(&p99(&format!("{{:<= {value} :interval 600}}")), &[("T026", phrase)]);
    }
}
