//! `docs/codes.md` is true: every code that the sources have, its examples give what they promise.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use highwater::config::{self, Environment, Unset};
use highwater::edn;
use regex::Regex;

/// Codes without examples: what they are about does not fit into a page.
const WITHOUT_EXAMPLES: [(&str, &str); 15] = [
    ("F001", "is about a file that cannot be read"),
    ("E001", "takes a text of 16 MiB"),
    ("E002", "takes more than a hundred errors"),
    ("E004", "takes a million forms"),
    ("E018", "is said of lines of events only"),
    ("T010", "takes a thousand errors"),
    ("T065", "takes thousands of patterns"),
    ("T081", "takes hundreds of clauses"),
    ("T143", "takes dozens of operators in each other"),
    ("T144", "takes ten thousand operators"),
    ("T164", "takes thousands of values"),
    ("T180", "is said of records, which no file can have yet"),
    ("T181", "is said of records, which no file can have yet"),
    ("W017", "takes a thousand lints"),
    ("W047", "takes a history"),
];

/// What is set where the examples are checked.
struct Secrets;

impl Environment for Secrets {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let secret = match path.to_str() {
            Some("/run/secrets/token") => "0123456789abcdef0123456789abcdef",
            Some("/run/secrets/hook") => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            Some("/run/secrets/pagerduty") => "0123456789abcdefABCDEF0123456789",
            Some("/run/secrets/mail") => "correct horse",
            Some("/run/secrets/short") => "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(secret.to_string())
    }
}

/// What the page says of one code.
#[derive(Default)]
struct Entry {
    prose: String,
    wrong: Vec<Example>,
    right: Vec<Example>,
}

struct Example {
    /// What stands behind `edn wrong` and `edn right`.
    info: String,
    text: String,
}

/// The page by its codes. A code that stands there twice is a failure.
fn entries(page: &str) -> BTreeMap<String, Entry> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut code = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(next) = line.strip_prefix("### ") {
            code = next.to_string();
            let before = entries.insert(code.clone(), Entry::default());
            assert!(before.is_none(), "{code} stands in docs/codes.md twice");
        } else if line.starts_with("## ") {
            code.clear();
        } else if let Some(entry) = entries.get_mut(&code) {
            let Some(info) = line.strip_prefix("```") else {
                entry.prose.push_str(line);
                continue;
            };
            let text: String =
                lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            let (examples, info) = match (info.strip_prefix("edn wrong"), info.strip_prefix("edn right")) {
                (Some(info), _) => (&mut entry.wrong, info),
                (_, Some(info)) => (&mut entry.right, info),
                _ => panic!("{code}: a block is `edn wrong` or `edn right`, not `{info}`"),
            };
            examples.push(Example { info: info.trim().to_string(), text });
        }
    }
    entries
}

fn page() -> BTreeMap<String, Entry> {
    entries(&fs::read_to_string("docs/codes.md").expect("the package's folder is the current one"))
}

/// All codes that are written in the sources.
fn codes_of_sources(folder: &Path, code: &Regex, out: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the package's folder is the current one") {
        let path = entry.expect("readable").path();
        if path.is_dir() && !path.ends_with("tests") {
            codes_of_sources(&path, code, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            out.extend(code.captures_iter(&text).map(|found| found[1].to_string()));
        }
    }
}

#[test]
fn every_code_is_explained_and_no_other() {
    let mut codes = Vec::new();
    codes_of_sources(Path::new("src"), &Regex::new("\"([EFTW][0-9]{3})\"").expect("a pattern"), &mut codes);
    codes.sort();
    codes.dedup();
    assert!(codes.len() > 200, "{codes:?}");
    let page = page();
    let missing: Vec<_> = codes.iter().filter(|code| !page.contains_key(*code)).collect();
    assert!(missing.is_empty(), "add a section `### CODE` to docs/codes.md for {missing:?}");
    let gone: Vec<_> = page.keys().filter(|code| !codes.contains(code)).collect();
    assert!(gone.is_empty(), "no message has the codes {gone:?} of docs/codes.md");
    for (code, entry) in &page {
        assert!(entry.prose.starts_with("**") && entry.prose.contains(".** "), "{code}: a title and a sentence");
        let shown = !entry.wrong.is_empty() && !entry.right.is_empty();
        let is_listed = WITHOUT_EXAMPLES.iter().any(|(listed, _)| listed == code);
        assert!(shown != is_listed, "{code} has a wrong and a right example, or a reason why not in WITHOUT_EXAMPLES");
    }
}

/// The codes that checking the examples together gives.
fn check(code: &str, kind: &str, examples: &[Example]) -> Vec<&'static str> {
    let folder = std::env::temp_dir().join(format!("highwater-{}-codes-{code}-{kind}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut unset = Unset::Warning;
    for example in examples {
        let name = match example.info.as_str() {
            "" => "thresholds.edn",
            "run" => {
                unset = Unset::Error;
                "thresholds.edn"
            }
            name => name,
        };
        assert!(name.ends_with(".edn") && !name.contains('/'), "{code}: a block says `run`, a file, or nothing");
        paths.push(folder.join(name));
        fs::write(folder.join(name), &example.text).expect("writable");
    }
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with(".test.edn");
    let diagnostics = match paths.iter().find(|path| is_test(path)) {
        Some(path) => config::scenarios(path, None, &Secrets).diagnostics,
        None => {
            let mut loaded = config::load(&paths, &Secrets, unset);
            // Examples of other codes are as short as they can be.
            if ("W040"..="W099").contains(&code) {
                loaded.advise();
            }
            loaded.diagnostics
        }
    };
    fs::remove_dir_all(&folder).expect("just created");
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn wrong_examples_give_their_code_and_right_ones_give_none() {
    for (code, entry) in page() {
        if !entry.wrong.is_empty() {
            let mut found = check(&code, "wrong", &entry.wrong);
            found.dedup();
            assert_eq!(found, [code.as_str()], "the wrong example of {code}");
        }
        if !entry.right.is_empty() {
            assert_eq!(check(&code, "right", &entry.right), [""; 0], "the right example of {code}");
        }
        for example in &entry.right {
            assert_eq!(edn::format(&example.text).as_ref(), Ok(&example.text), "the right example of {code}");
        }
    }
}

#[test]
fn every_lint_can_be_allowed() {
    for code in page().keys().filter(|code| code.starts_with('W')) {
        let text = format!("{{:lint {{:allow [{code}]}} :percentiles {{\"q\" {{0.5 {{:<= 100 :interval 600}}}}}}}}");
        assert_eq!(config::from_text(&text).diagnostics, [], "{code}");
    }
}
