//! The formatter: what it keeps for every text, and what its style is.

use std::fs;
use std::path::{Path, PathBuf};

use highwater::edn::{Form, MAX_DEPTH, format, read, write};
use proptest::prelude::*;

use crate::edn_forms::{broken_texts, forms};

/// The forms of a text, as canonical text.
fn meaning(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let forms: Vec<Form> = read(text, 0, &mut faults);
    assert_eq!(faults, [], "{text}");
    forms.iter().map(write).collect()
}

/// Puts `gaps` in the places where blanks may stand in a form's text.
fn spread(text: &str, gaps: &[String]) -> String {
    let mut gaps = gaps.iter().cycle();
    let mut spread = String::new();
    let mut chars = text.chars();
    let mut is_inside = false;
    while let Some(c) = chars.next() {
        let gap = if is_inside || !" )]}([{".contains(c) { "" } else { gaps.next().map_or("", String::as_str) };
        match c {
            ')' | ']' | '}' => spread.push_str(gap),
            ' ' if !is_inside && gap.is_empty() => spread.push(' '),
            ' ' if !is_inside => {
                spread.push_str(gap);
                continue;
            }
            _ => {}
        }
        if c != ' ' || is_inside {
            spread.push(c);
        }
        match c {
            '"' => is_inside = !is_inside,
            '\\' => spread.extend(chars.next()),
            '(' | '[' | '{' => spread.push_str(gap),
            _ => {}
        }
    }
    spread
}

/// What may stand between two forms.
fn gaps(with_comments: bool) -> impl Strategy<Value = Vec<String>> {
    let blank = prop_oneof![Just(" "), Just("\n"), Just(", "), Just("\t \r \n  ")].prop_map(str::to_string);
    let comment = prop_oneof![
        Just(" ;\n"),
        Just(" ; why (\n"),
        Just("\n ;; on its own \n"),
        Just("\n\n\n; after an empty line\n\n\n"),
        Just(" #_left "),
        Just("\n#_ #_ {:a 1}, [ #_2 ] "),
        Just(" #_ ; in between\n #re \"x\"\n"),
        Just("\n\n"),
    ];
    let weight = u32::from(with_comments);
    prop::collection::vec(prop_oneof![3 => blank, weight => comment.prop_map(str::to_string)], 1..20)
}

/// How often each comment of [`gaps`] and each `#_` is there.
fn comments(text: &str) -> Vec<usize> {
    let comments = [";why(", ";;onitsown", ";afteranemptyline", ";inbetween", "#_", "left", ";one", ";c"];
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != ',').collect();
    comments.iter().map(|comment| text.matches(comment).count()).collect()
}

fn check(text: &str) -> String {
    let formatted = format(text).expect("readable");
    assert_eq!(meaning(&formatted), meaning(text), "{formatted}");
    assert_eq!(format(&formatted).as_ref(), Ok(&formatted), "once more: {text}");
    assert_eq!(comments(&formatted), comments(text), "{text}\n{formatted}");
    formatted
}

proptest! {
    #[test]
    fn formatting_keeps_forms_and_comments_and_is_done_once((form, gaps) in (forms(), gaps(true))) {
        let formatted = check(&spread(&write(&form), &gaps));
        prop_assert!(formatted.lines().all(|line| line.contains('"') || line == line.trim_end()), "{}", formatted);
        prop_assert!(formatted.ends_with('\n') && !formatted.contains("\n\n\n"), "{}", formatted);
    }

    #[test]
    fn blanks_make_no_difference((form, gaps) in (forms(), gaps(false))) {
        let plain = write(&form);
        prop_assert_eq!(check(&spread(&plain, &gaps)), check(&plain));
    }

    #[test]
    fn any_text_is_formatted_or_refused(text in prop_oneof![broken_texts(), ".*"]) {
        match format(&text) {
            Ok(_) => drop(check(&text)),
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}

fn edn_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the package's folder is the current one") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            edn_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "edn") {
            out.push(path);
        }
    }
}

#[test]
fn every_file_here_keeps_its_meaning() {
    let mut paths = Vec::new();
    ["fixtures", "fuzz/seeds", "thresholds"].iter().for_each(|folder| edn_files(Path::new(folder), &mut paths));
    let mut formatted = 0;
    for path in paths {
        let text = fs::read_to_string(&path).expect("UTF-8");
        if format(&text).is_ok() {
            check(&text);
            formatted += 1;
        }
    }
    assert!(formatted >= 20, "{formatted}");
}

#[test]
fn examples_have_the_style_already() {
    let mut paths = vec![PathBuf::from("fixtures/check/article.edn")];
    edn_files(Path::new("thresholds"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("UTF-8");
        assert_eq!(format(&text).expect("readable"), text, "{}", path.display());
    }
    let readme = fs::read_to_string("README.md").expect("UTF-8");
    let blocks: Vec<&str> = readme.split("```edn\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 2);
    for block in blocks.into_iter().filter(|block| format(block).is_ok()) {
        assert_eq!(format(block).expect("readable"), block);
    }
}

#[test]
fn the_style() {
    for (text, expected) in [
        ("", ""),
        ("\n \n; only this  \n\n\n", "; only this\n"),
        ("\u{FEFF}{ }", "{}\n"),
        ("{:a 1,:b   [ 1,2 ],}", "{:a 1\n :b [1 2]}\n"),
        ("{:a {:b 1\n  :c 2}}", "{:a {:b 1 :c 2}}\n"),
        ("{:a +01e2}", "refused"),
        ("{:a 1.50M :long-key \"\\u00e9\\t\"}", "{:a        1.50M\n :long-key \"\\u00e9\\t\"}\n"),
        // Two maps never share a line.
        ("{:a [{:b 1} {:c 2}]}", "{:a [{:b 1}\n     {:c 2}]}\n"),
        // Those of several lines are a list below the entry of a file.
        (
            "{:a 1 :scenarios [{:name \"n\" :e [{:b 1} {:c 2}]}]}",
            "{:a         1\n :scenarios\n [{:name \"n\"\n   :e    [{:b 1}\n          {:c 2}]}]}\n",
        ),
        ("{:a {1 {:b 1} 10 {:c 2}}}", "{:a {1  {:b 1}\n     10 {:c 2}}}\n"),
        // One empty line stays.
        ("{:a 1\n\n\n :b 2\n\n}", "{:a 1\n\n :b 2}\n"),
        ("{:a 1} ; end\n\n\n\n; more", "{:a 1} ; end\n\n; more\n"),
        // Comments stay where they are.
        ("{:a 1 ; one\n :bc 23;two\n}", "{:a  1  ; one\n :bc 23 ;two\n }\n"),
        ("{\n  ; first\n :a ; the key\n 1}", "{; first\n :a ; the key\n 1}\n"),
        ("{:a 1\n  ; own\n  :b 2}", "{:a 1\n ; own\n :b 2}\n"),
        ("{:a 1\n  ;; last\n}", "{:a 1\n ;; last\n }\n"),
        ("[1 #re ; what\n \"x\"]", "[1\n #re ; what\n     \"x\"]\n"),
        // What is left out, too.
        ("{:a #_ 1 2 #_ #_ :b 3}", "{:a #_1 2 #_#_:b 3}\n"),
        ("{:a 1\n #_ :b #_ 2\n :c 3}", "{:a 1\n #_:b #_2\n :c 3}\n"),
        // Lists as in Clojure.
        ("(and (= a 1) ; one\n (= b 2))", "(and (= a 1) ; one\n     (= b 2))\n"),
        (
            "(where (= a 1) ; one\n (notify :b) (else (notify :c)))",
            "(where (= a 1) ; one\n  (notify :b)\n  (else (notify :c)))\n",
        ),
        ("(throttle 5 60 ; one\n (notify :b))", "(throttle 5 60 ; one\n  (notify :b))\n"),
        ("(cond ; one\n a 1 :else 2)", "(cond ; one\n  a     1\n  :else 2)\n"),
        ("(and\n #_a\n b ; c\n)", "(and\n  #_a\n  b ; c\n  )\n"),
        // A string may hold lines, and lines may end as on Windows.
        ("{:a \"one\n  two\" :b 1}", "{:a \"one\n  two\"\n :b 1}\n"),
        ("{:a 1 ; x\r\n :b 2}\r\n", "{:a 1 ; x\r\n :b 2}\r\n"),
        ("[\"one\ntwo\" \r\n]", "[\"one\ntwo\"]\r\n"),
    ] {
        match format(text) {
            Ok(_) => assert_eq!(check(text), expected),
            Err(_) => assert_eq!(expected, "refused", "{text}"),
        }
    }
}

#[test]
fn lines_have_a_hundred_columns_where_they_can() {
    let options: String = (0..12).map(|n| format!(":option-{n} {n} ")).collect();
    for depth in 0..5 {
        let text = "{\"a service of ours\" ".repeat(depth) + "{" + &options + "}" + &"}".repeat(depth);
        let formatted = check(&text);
        assert!(formatted.lines().all(|line| line.chars().count() <= 100), "{formatted}");
        assert!(formatted.lines().count() > 1);
    }
}

#[test]
fn deep_and_long_texts_end_soon() {
    let depth = MAX_DEPTH;
    for text in [
        "[".repeat(depth) + &"]".repeat(depth),
        "{:a ".repeat(depth) + "1" + &"}".repeat(depth),
        "{\"a longer key\" [".repeat(depth / 2) + &"]}".repeat(depth / 2),
        "#a ".repeat(depth) + "; why\n 1",
        "#_ ".repeat(50_000) + &"x ".repeat(50_000),
        "[".to_owned() + &"#_x ; y\n".repeat(50_000) + "]",
        "[".to_owned() + &("{:a {:b ".repeat(16) + "[1 2 3 4 5 6 7 8 9 10]" + &"}}".repeat(16)).repeat(300) + "]",
    ] {
        check(&text);
    }
}
