//! How the reader's faults are shown.

use highwater::edn::{Diagnostic, Sources, github, human, json, read};

fn faults(text: &str) -> (Sources, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add("thresholds.edn".into(), text.into());
    let mut diagnostics = Vec::new();
    read(text, file, &mut diagnostics);
    (sources, diagnostics)
}

#[test]
fn show() {
    for text in [
        "{:percentiles {\"q\" {0.99 {:<= 100 :interval 600}}\n :histograms {\"q\" {:status-code {\".*\" {:> 0 :interval 300 :type :count}}}}}\n",
        "{:percentiles\n {\"q\"\n  {0.99 {:<= 100 :interval 600}\n   0.95 {:<= 50 :interval 600\n   0.9 {:<= 50 :interval 600}}}}\n",
        "{:percentiles {\"q {0.99 {:<= 100 :interval 600}}}\n :histograms {\"q\" {:status-code {\".*\" {:> 0 :interval 300 :type :count}}}}}\n",
        "{:a {\n  :b {\n    :c 1\n  :d {\n    :e 010\n  }\n }\n}\n",
        "{:a \"two\nlines\" :b 1\n",
    ] {
        let (sources, diagnostics) = faults(text);
        println!("{}", human(&sources, &diagnostics, false));
    }
}
