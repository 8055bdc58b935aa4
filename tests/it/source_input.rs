//! Files and streams, alone and merged by time.

use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use highwater::plan::Limits;
use highwater::source::input::{Line, Lines, Sizes};
use highwater::source::{Inputs, LogFormat, Read, Settings, Wanted};
use proptest::prelude::*;

use crate::source::show;

const SIZES: Sizes = Sizes { line: 1 << 20, buffer: 1 << 12 };

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("highwater-source-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file in a temporary folder");
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn settings() -> Settings {
    Settings {
        service: "http".to_owned(),
        format: None,
        wanted: Wanted::all(),
        limits: Limits::default(),
        zone: highwater::source::Zone::utc(),
    }
}

/// What comes of reading inputs, with the folder taken out of each line.
fn read(folder: &Folder, paths: &[String], settings: Settings) -> Vec<String> {
    let prefix = format!("{}/", folder.0.display());
    let mut out = Vec::new();
    match Inputs::open(paths, settings) {
        Err(errors) => out.extend(errors.iter().map(ToString::to_string)),
        Ok(inputs) => {
            let end: ControlFlow<()> = inputs.each(&mut |read| {
                out.push(match read {
                    Read::Event(event, place, _) => format!("{place} {}", show(event)),
                    Read::Refused(refused, place, line) => {
                        format!("{place} {refused}: {} bytes", line.len())
                    }
                    Read::Failed(error) => format!("failed: {error}"),
                });
                ControlFlow::Continue(())
            });
            assert_eq!(end, ControlFlow::Continue(()));
        }
    }
    out.iter().map(|line| line.replace(&prefix, "")).collect()
}

fn events(times: &[u32]) -> Vec<u8> {
    times.iter().map(|time| format!("{{\"time\":{time}}}\n")).collect::<String>().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// All lines, with their numbers; a line that is too long ends with `…` and the length of what is kept.
fn lines(bytes: &[u8], sizes: Sizes) -> Vec<(u64, String)> {
    let mut lines = Lines::new(Cursor::new(bytes.to_vec()), sizes).expect("readable");
    let mut out = Vec::new();
    while lines.advance().expect("readable") {
        let text = match lines.current_line() {
            Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
            Line::TooLong(start) => format!("{}…{}", String::from_utf8_lossy(&start[..1]), start.len()),
        };
        out.push((lines.number(), text));
    }
    out
}

#[test]
fn lines_are_what_stands_between_newlines() {
    let long = "x".repeat(10_000);
    for (text, expected) in [
        ("", vec![]),
        ("\n\n", vec![]),
        ("a", vec![(1, "a")]),
        ("a\nb\n", vec![(1, "a"), (2, "b")]),
        ("a\r\n\r\nb\r", vec![(1, "a"), (3, "b")]),
        ("\u{feff}a\nb", vec![(1, "a"), (2, "b")]),
        ("\0\0a\n\0\n\0b", vec![(1, "a"), (3, "b")]),
        (&format!("{long}\nb"), vec![(1, long.as_str()), (2, "b")]),
    ] {
        let expected: Vec<(u64, String)> = expected.iter().map(|(n, line)| (*n, (*line).to_owned())).collect();
        assert_eq!(lines(text.as_bytes(), SIZES), expected, "{text:.20}");
        assert_eq!(lines(&gzip(text.as_bytes()), SIZES), expected, "gzip {text:.20}");
        assert_eq!(lines(&zstd(text.as_bytes()), SIZES), expected, "zstd {text:.20}");
    }
}

#[test]
fn a_line_over_the_limit_is_cut_and_reading_goes_on_behind_it() {
    let sizes = Sizes { line: 5000, buffer: 1 << 12 };
    for (length, expected) in [
        (5000, "x".repeat(5000)),
        (5001, "x…4096".to_owned()),
        (5002, "x…4096".to_owned()),
        (5_000_000, "x…4096".to_owned()),
    ] {
        for end in ["\n", "\r\n"] {
            let text = format!("a{end}{}{end}b{end}", "x".repeat(length));
            let read = lines(text.as_bytes(), sizes);
            let expected = [(1, "a".to_owned()), (2, expected.clone()), (3, "b".to_owned())];
            assert_eq!(read, expected, "{length}");
        }
        assert_eq!(lines("x".repeat(length).as_bytes(), sizes), [(1, expected)], "{length} at the end");
    }
    let nuls = [vec![0; 3_000_000], b"a\nb".to_vec()].concat();
    assert_eq!(lines(&nuls, sizes), [(1, "a".to_owned()), (2, "b".to_owned())]);
}

#[test]
fn packed_files_may_have_several_parts() {
    let folder = Folder::new();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for (name, bytes) in [
        ("a.gz", [gzip(&events(&[1])), gzip(&events(&[2, 3]))].concat()),
        ("a.zst", [zstd(&events(&[1])), skippable, zstd(&events(&[2])), zstd(&events(&[3]))].concat()),
        ("packed.log", gzip(&events(&[1, 2, 3]))),
    ] {
        let path = folder.file(name, &bytes);
        let expected = [1, 2, 3].map(|n| format!("{name}:{n} 1970-01-01T00:00:0{n}Z"));
        assert_eq!(read(&folder, &[path], settings()), expected);
    }
}

#[test]
fn what_was_read_of_a_file_that_is_cut_off_is_used() {
    let folder = Folder::new();
    let times: Vec<u32> = (0..200_000).collect();
    for (name, packed) in [("a.gz", gzip(&events(&times))), ("a.zst", zstd(&events(&times)))] {
        let path = folder.file(name, &packed[..packed.len() / 2]);
        let other = folder.file("other", &events(&[7]));
        for paths in [vec![path.clone()], vec![path, other]] {
            let read = read(&folder, &paths, settings());
            let count = read.iter().filter(|line| line.contains("Z")).count();
            assert!(count > 50_000, "{name}: {count}");
            let failed: Vec<_> = read.iter().filter(|line| line.starts_with("failed")).collect();
            let last = count - (paths.len() - 1);
            assert_eq!(failed, [&format!("failed: {name}: after line {last}: the compressed file is cut off here")]);
            assert!(!read.iter().any(|line| line.contains("bytes")), "no half line is read");
        }
    }
    let mut packed = zstd(&events(&times));
    let at = packed.len() / 2;
    packed[at] ^= 0xff;
    let path = folder.file("damaged.zst", &packed);
    let last = read(&folder, &[path], settings()).pop().expect("a line");
    assert!(last.starts_with("failed: damaged.zst: ") && last.contains("damaged: "), "{last}");
}

#[test]
fn what_cannot_be_read_is_named_with_its_cause() {
    let folder = Folder::new();
    let empty_folder = folder.path("folder");
    std::fs::create_dir(&empty_folder).expect("a folder");
    let utf16: Vec<u8> = "\u{feff}{\"time\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let paths = [
        folder.path("gone.log"),
        empty_folder,
        folder.file("utf16.log", &utf16),
        folder.file("utf16.log.gz", &gzip(&utf16)),
        folder.file("prose", b"Once upon a time\nthere was no log"),
        folder.file("pretty.json", b"{\n  \"time\": 1\n}\n"),
        folder.file("list.json", b"[{\"time\": 1},\n{\"time\":2}]\n"),
        "/dev/zero".to_owned(),
        "-".to_owned(),
        "-".to_owned(),
    ];
    let errors = match Inputs::open(&paths[..8], settings()) {
        Ok(_) => panic!("these cannot be read"),
        Err(errors) => errors,
    };
    let prefix = format!("{}/", folder.0.display());
    let texts: Vec<String> = errors.iter().map(|error| error.to_string().replace(&prefix, "")).collect();
    assert_eq!(
        texts,
        [
            "gone.log: there is no such file",
            "folder: is a folder: name the files in it",
            "utf16.log: is UTF-16: convert it to UTF-8 first, as with `iconv -f UTF-16 -t UTF-8`",
            "utf16.log.gz: is UTF-16: convert it to UTF-8 first, as with `iconv -f UTF-16 -t UTF-8`",
            "prose: neither events nor a log format that is known: its first line is `Once upon a time`; name its \
             format with --log-format, or paste the server's `log_format` or `LogFormat` there",
            "pretty.json: a `{` alone on the first line: events are one object a line, as `jq -c .` writes them",
            "list.json: a list of events: write one a line, as `jq -c '.[]'` does",
            "/dev/zero: is a device, not a file",
        ]
    );
}

#[test]
fn an_empty_file_gives_nothing() {
    let folder = Folder::new();
    for bytes in [&b""[..], b"\n\n", b"\xef\xbb\xbf", b"\r\n", &gzip(b""), &zstd(b"")] {
        let path = folder.file("empty", bytes);
        assert_eq!(read(&folder, std::slice::from_ref(&path), settings()), [""; 0]);
        assert_eq!(read(&folder, &[path.clone(), path], settings()), [""; 0]);
    }
    assert_eq!(read(&folder, &["/dev/null".to_owned()], settings()), [""; 0]);
}

#[test]
fn the_kind_of_a_file_shows_in_its_first_lines() {
    let folder = Folder::new();
    let fixture = |name: &str| format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    for (path, expected) in [
        (fixture("nginx-incidents.log.gz"), Some("combined")),
        (fixture("logs/apache-combined.log"), Some("combined")),
        (fixture("logs/lnav-shop.log"), Some("combined")),
        (fixture("logs/lnav-access-vhost.log"), Some("vhost_combined")),
        (fixture("logs/mtail-apache-common.log"), Some("common")),
        (fixture("logs/nginx-json.log"), Some("nginx_json")),
        (fixture("logs/alp-json.log"), Some("nginx_json")),
        (fixture("logs/nginx-ltsv.log"), Some("ltsv")),
        (folder.file("e", b"{\"service\":\"q\",\"time\":1,\"status\":200,\"uri\":\"/\"}"), Some("JSON events")),
        (folder.file("a", b"\n  {\"time\":1}"), Some("JSON events")),
        (folder.file("b", b"{ \"time\":1}"), Some("JSON events")),
        (folder.file("c", b"{:time 1}"), Some("EDN events")),
        (folder.file("d", b"\n"), None),
    ] {
        let inputs =
            Inputs::open(std::slice::from_ref(&path), settings()).unwrap_or_else(|errors| panic!("{errors:?}"));
        let kinds: Vec<_> = inputs.kinds().map(|(_, kind)| kind.map(|kind| kind.name())).collect();
        assert_eq!(kinds, [expected], "{path}");
    }
}

#[test]
fn a_format_that_is_named_is_not_guessed() {
    let folder = Folder::new();
    let path = folder.file("a", b"{\"at\":1700000000.250,\"s\":200}\n{\"time\":1}\n");
    let format = LogFormat::parse(r#"{"at":$msec,"s":$status}"#).expect("a format");
    assert_eq!(
        read(&folder, &[path], Settings { format: Some(format), ..settings() }),
        [
            "a:1 2023-11-14T22:13:20.25Z service=http msec=1700000000.250 status-code=200 status=200",
            "a:2 expected the text that the log format begins with at byte 0: 10 bytes",
        ]
    );
}

#[test]
fn several_inputs_are_merged_by_time() {
    let folder = Folder::new();
    let a = folder.file("a", &events(&[1, 4, 5, 9]));
    let b = folder.file("b", b"{\"time\":2}\nnot an event\n{\"time\":5}\n{\"time\":3}\n");
    let c = folder.file("c", &gzip(b"{:time 0}\n{:time 5}\n"));
    let times = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.replace(" 1970-01-01T00:00:0", "=").replace('Z', "")).collect()
    };
    let refused = "b:2 expected `{` of an object at byte 0: 12 bytes";
    assert_eq!(
        times(&read(&folder, &[a.clone(), b.clone(), c.clone()], settings())),
        ["c:1=0", "a:1=1", "b:1=2", refused, "a:2=4", "a:3=5", "b:3=5", "b:4=3", "c:2=5", "a:4=9"]
    );
    assert_eq!(
        times(&read(&folder, &[c, b, a], settings())),
        ["c:1=0", "a:1=1", "b:1=2", refused, "a:2=4", "c:2=5", "b:3=5", "b:4=3", "a:3=5", "a:4=9"]
    );
}

#[test]
fn many_inputs_are_open_only_in_their_turn() {
    let folder = Folder::new();
    let paths: Vec<String> = (0..3000u32).map(|n| folder.file(&format!("{n}"), &events(&[n * 2, n * 2 + 1]))).collect();
    let inputs = Inputs::open(&paths, settings()).unwrap_or_else(|errors| panic!("{:?}", errors[0]));
    let (size, counter) = (inputs.size().expect("files"), inputs.counter());
    let mut last = -1;
    let end: ControlFlow<String> = inputs.each(&mut |read| match read {
        Read::Event(event, ..) if event.time.micros() == last + 1 || last == -1 => {
            last = event.time.micros() + 999_999;
            ControlFlow::Continue(())
        }
        other => ControlFlow::Break(format!("{other:?}")),
    });
    assert_eq!(end, ControlFlow::Continue(()));
    assert_eq!(last, 5_999_999_999);
    assert_eq!(counter.load(Ordering::Relaxed), size);
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_how_they_are_read(
        parts in prop::collection::vec(prop_oneof!["[a-c]{0,9}", Just("\n".to_owned()), Just("\r\n".to_owned()), Just("\0".to_owned())], 0..60),
        limit in 1usize..20,
        piece in 1usize..9,
    ) {
        let text = parts.concat().into_bytes();
        let mut reading = Lines::new(Trickle(text.clone(), 0, piece), Sizes { line: limit, buffer: 0 }).expect("readable");
        let mut read = Vec::new();
        while reading.advance().expect("readable") {
            let line = reading.current_line();
            read.push((reading.number(), matches!(line, Line::TooLong(_)), match line { Line::Whole(line) | Line::TooLong(line) => line.to_vec() }));
        }
        let mut expected = Vec::new();
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
            let line = &line[start..];
            if !line.is_empty() {
                expected.push((at as u64 + 1, line.len() > limit, line.to_vec()));
            }
        }
        // Of a line that is too long as much is kept as was there.
        prop_assert_eq!(read.len(), expected.len());
        for ((number, too_long, line), expected) in read.into_iter().zip(expected) {
            prop_assert_eq!((number, too_long), (expected.0, expected.1));
            let kept = if too_long { line.len() > limit && expected.2.starts_with(&line) } else { line == expected.2 };
            prop_assert!(kept);
        }
    }

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0usize..4) {
        let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"][magic];
        bytes.splice(0..0, magic.iter().copied());
        if let Ok(mut lines) = Lines::new(Cursor::new(bytes.clone()), SIZES) {
            while let Ok(true) = lines.advance() {}
        }
        let _ = highwater::source::detect(&bytes, true);
    }
}

/// Gives few bytes at a time.
struct Trickle(Vec<u8>, usize, usize);

impl std::io::Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.2.min(into.len()).min(self.0.len() - self.1);
        into[..length].copy_from_slice(&self.0[self.1..self.1 + length]);
        self.1 += length;
        Ok(length)
    }
}
