//! What is read: files packed and plain, pipes, several at once, and what cannot be read.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("memory takes all");
    packed.finish().expect("memory takes all")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Slow in the second ten minutes.
fn history() -> String {
    events(0, 600, r#""metric":85,"status-code":"200""#)
        + &events(600, 600, r#""metric":143,"status-code":"200""#)
        + &events(1200, 605, r#""metric":85,"status-code":"200""#)
}

#[test]
fn however_the_events_come_they_say_the_same() {
    let all = history();
    let line_ends = all.replace('\n', "\r\n");
    let marked = format!("\u{feff}{all}");
    let unended = all.trim_end();
    let edn = all.replace("\"service\":", ":service ").replace("\"time\":", ":time ");
    let edn = edn.replace("\"metric\":", ":metric ").replace("\"status-code\":", ":status-code ");
    let split = |from: usize| all.lines().skip(from).step_by(2).flat_map(|line| [line, "\n"]).collect::<String>();
    let lines: Vec<&str> = all.lines().collect();
    let (first, second) = lines.split_at(1000);
    let (packed, squeezed) = (gzip(all.as_bytes()), zstd(all.as_bytes()));
    let two_members = [gzip(first.join("\n").as_bytes()), gzip(b"\n"), gzip(second.join("\n").as_bytes())].concat();
    let folder = Folder::with(&[
        ("t.edn", ARTICLE.as_bytes()),
        ("sorted.json", all.as_bytes()),
        ("crlf.json", line_ends.as_bytes()),
        ("marked.json", marked.as_bytes()),
        ("unended.json", unended.as_bytes()),
        ("events.edn", edn.as_bytes()),
        ("packed.json.gz", &packed),
        ("members.gz", &two_members),
        ("squeezed.json.zst", &squeezed),
        ("even.json", split(0).as_bytes()),
        ("odd.json.gz", &gzip(split(1).as_bytes())),
        ("later.json", second.join("\n").as_bytes()),
        ("earlier.json", first.join("\n").as_bytes()),
    ]);
    // What the inputs were read as is said too, and differs.
    let said = |out: &str| -> String {
        out.lines().filter(|line| !line.contains(": read as ")).flat_map(|line| [line, "\n"]).collect()
    };
    let expected = folder.run("replay -c t.edn sorted.json");
    assert_eq!(told(&expected.out), ["22:30:00 violation", "22:40:00 ok"]);
    for arguments in [
        "crlf.json",
        "marked.json",
        "unended.json",
        "events.edn",
        "packed.json.gz",
        "members.gz",
        "squeezed.json.zst",
        "even.json odd.json.gz",
        "odd.json.gz even.json",
        "later.json earlier.json",
    ] {
        let ran = folder.run(&format!("replay -c t.edn {arguments}"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments}");
        assert_eq!(said(&ran.out), said(&expected.out), "{arguments}");
    }
    for stdin in [all.as_bytes(), line_ends.as_bytes(), &packed, &squeezed] {
        let ran = folder.run_with("replay -c t.edn -", stdin);
        assert_eq!((ran.code, said(&ran.out)), (Some(0), said(&expected.out)));
    }
    let ran = folder.run_with("replay -c t.edn - odd.json.gz", split(0).as_bytes());
    assert_eq!((ran.code, said(&ran.out)), (Some(0), said(&expected.out)));
}

#[test]
fn a_packed_file_that_breaks_off_is_said_and_what_was_read_is_used() {
    // Several blocks of zstd, which gives the text block by block.
    let all = history() + &events(1805, 5000, r#""metric":85,"status-code":"200""#);
    let (mut packed, mut squeezed) = (gzip(all.as_bytes()), zstd(all.as_bytes()));
    packed.truncate(packed.len() - 20);
    squeezed.truncate(squeezed.len() - 20);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("e.gz", &packed), ("e.zst", &squeezed)]);
    for name in ["e.gz", "e.zst"] {
        let ran = folder.run(&format!("replay -c t.edn {name}"));
        assert_eq!(ran.code, Some(2), "{name}");
        assert!(ran.err.starts_with(&format!("highwater: {name}: after line ")), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(ran.out.contains(" events, 2023-11-14T22:10:00Z to "), "{name}: {}", ran.out);
        assert_eq!(told(&ran.out), ["22:30:00 violation", "22:40:00 ok"], "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_named_before_anything_is_done() {
    let folder = Folder::with(&[
        ("t.edn", ARTICLE.as_bytes()),
        ("refused.edn", b"{:percentiles {\"q\" {99 {:<= 100 :interval 600}}}}"),
        ("unbalanced.edn", b"{:percentiles {"),
        ("e.json", history().as_bytes()),
        ("words", b"the quick brown fox\njumps\n"),
    ]);
    fs::create_dir(folder.0.join("folder")).expect("the folder takes folders");
    for (arguments, parts) in [
        ("-c t.edn", &["Usage: highwater replay"][..]),
        ("-c t.edn --format yaml e.json", &["yaml", "human, json"][..]),
        ("-c t.edn --max-rejects many e.json", &["many"][..]),
        ("-c t.edn missing.json e.json gone.json", &["highwater: missing.json: ", "highwater: gone.json: "][..]),
        ("-c t.edn folder", &["highwater: folder: is a folder: name the files in it"][..]),
        ("-c missing.edn e.json", &["missing.edn", "no such file"][..]),
        ("-c refused.edn e.json", &["refused.edn:1:21", "0.99"][..]),
        ("-c unbalanced.edn e.json", &["unbalanced.edn:1:16"][..]),
        ("e.json", &["thresholds"][..]),
        ("-c t.edn - -", &["standard input is named twice"][..]),
        ("-c t.edn words", &["highwater: words: "][..]),
        ("-c t.edn --log-format @missing.conf e.json", &["--log-format: missing.conf: "][..]),
        ("-c t.edn --log-format $nothing_at_all e.json", &["--log-format: "][..]),
        ("-c t.edn --rejects no/such/folder e.json", &["no/such/folder"][..]),
    ] {
        let ran = folder.run(&format!("replay {arguments}"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments}\n{}", ran.err);
        for part in parts {
            assert!(ran.err.contains(part), "{arguments}: no {part:?} in\n{}", ran.err);
        }
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
}

#[test]
fn a_violation_is_an_exit_code_only_if_asked_for() {
    let slow = events(0, 1205, r#""metric":143,"status-code":200"#);
    let fast = events(0, 1205, r#""metric":85,"status-code":200"#);
    let folder = Folder::with(&[("t.edn", ARTICLE.as_bytes()), ("slow", slow.as_bytes()), ("fast", fast.as_bytes())]);
    for (arguments, code) in
        [("slow", 0), ("slow --fail-on-violation", 1), ("fast", 0), ("fast --fail-on-violation", 0)]
    {
        assert_eq!(folder.run(&format!("replay -c t.edn {arguments}")).code, Some(code), "{arguments}");
    }
}

#[test]
fn secrets_are_in_no_output() {
    let thresholds = r#"
        {:percentiles {"q" {0.99 [{:<= 100 :interval 600 :where (not= :token #env "TOKEN")}
                                  {:<= 100 :interval 60 :where (not= :token #file "token") :by [:host]}
                                  {:<= #env "TOKEN" :interval 20} {:<= 100 :interval #file "token"}]}}}"#;
    let good: String = thresholds.lines().filter(|line| !line.contains("{:<= #env")).collect::<String>() + "]}}}";
    let all = events(0, 700, r#""metric":143,"token":"other""#) + "not an event\n";
    let folder = Folder::with(&[
        ("faulty.edn", thresholds.as_bytes()),
        ("t.edn", good.as_bytes()),
        ("token", b"hunter2\n"),
        ("e.json", all.as_bytes()),
    ]);
    for (arguments, code) in [
        ("replay -c t.edn e.json", 0),
        ("replay -c t.edn --format json e.json", 0),
        ("replay -c faulty.edn e.json", 2),
        ("check t.edn", 0),
        ("check faulty.edn", 1),
        ("check --format json faulty.edn", 1),
        ("check --format github faulty.edn", 1),
    ] {
        let mut command = highwater(&folder.0, &arguments.split(' ').collect::<Vec<_>>());
        let ran = run(command.env("TOKEN", "hunter2"), b"");
        assert_eq!(ran.code, Some(code), "{arguments}: {}{}", ran.out, ran.err);
        if arguments == "replay -c t.edn e.json" {
            assert_eq!(told(&ran.out), ["22:11:00 violation", "22:20:00 violation"], "the secrets are compared with");
        }
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{arguments}: {}{}", ran.out, ran.err);
    }
}
