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
        "{:percentiles {“query-service response” {0.99 {:<= 100 :interval 600}}}\n :histograms {“query-service response” {:status-code {“^2[0–9]{2}$” {:>= 0.95 :interval 600 :type :percentage}}}}}\n",
        "{:a [1 2}\n",
        "{:a {:b 1}\n\n\n",
        "{0.99 1\n 0.95 3\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n 0.990 2}",
        "{:a \"^\\d{3}\\.\\d\"\t:b \u{1b}[31m\u{9b}a\r}",
        "{:größe “a”  99/100 \"key\": 1 :x}",
    ] {
        let (sources, diagnostics) = faults(text);
        println!("{}", human(&sources, &diagnostics, false));
        println!("{}", json(&sources, &diagnostics));
        println!("{}", github(&sources, &diagnostics));
    }
    let (sources, diagnostics) = faults(&format!("{{{} 010 {}", ":ä 1 ".repeat(1000), "x ".repeat(1000)));
    println!("{}", human(&sources, &diagnostics, false));
}
