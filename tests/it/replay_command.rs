//! `highwater replay` as its users run it: arguments, files and pipes in; stdout, stderr and the exit code out.

mod edges;
mod inputs;
mod lateness;
mod output;
mod refusals;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{env, fs, thread};

/// 2023-11-14T22:10:00Z, an edge of windows of ten minutes.
const START: i64 = 1_699_999_800;

/// A folder with files that is there until it is dropped.
struct Folder(PathBuf);

/// What a process came to.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("replay-command-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).expect("the target folder takes folders");
        files.iter().for_each(|(name, bytes)| folder.put(name, bytes));
        folder
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).expect("the folder takes files");
    }

    /// Runs `highwater` in this folder; `arguments` are divided at blanks.
    fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &str, stdin: &[u8]) -> Ran {
        run(&mut highwater(&self.0, &arguments.split_whitespace().collect::<Vec<_>>()), stdin)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the target folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn highwater(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(arguments).current_dir(folder);
    command
}

fn run(command: &mut Command, stdin: &[u8]) -> Ran {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    let bytes = stdin.to_vec();
    // A program that needs no input closes the pipe: that is not a fault.
    let writer = thread::spawn(move || drop(pipe.write_all(&bytes)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer does not panic");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// One event of service `q`, `at` seconds after [`START`].
fn event(at: f64, fields: &str) -> String {
    let time = START as f64 + at;
    format!("{{\"service\":\"q\",\"time\":{time},{fields}}}\n")
}

/// `count` events of service `q`, one a second from `at` on.
fn events(at: i64, count: i64, fields: &str) -> String {
    (at..at + count).fold(String::new(), |mut text, second| {
        write!(text, "{}", event(second as f64, fields)).expect("a string takes all");
        text
    })
}

/// `END STATUS` of each transition on stdout of `--format human`: the time of day, and how it is then.
fn told(out: &str) -> Vec<String> {
    let transitions = out.lines().take_while(|line| !line.is_empty());
    let words = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    transitions.map(words).map(|words| format!("{} {}", &words[0][11..19], words[1])).collect()
}

/// p99 of q is at most 100 in ten minutes, and there is traffic in each of five.
const ARTICLE: &str = r#"
{:percentiles {"q" {0.99 {:<= 100 :interval 600}}}
 :histograms {"q" {:status-code {".*" {:> 0 :interval 300 :type :count}}}}}"#;

#[test]
fn the_sixty_second_command_finds_the_four_incidents() {
    const INCIDENTS: [(&str, i64); 4] = [
        ("slow search", 1_795_362_514),
        ("errors", 1_795_362_654),
        ("an upstream server is down", 1_795_362_774),
        ("everything is slow", 1_795_362_874),
    ];
    const LENGTH: i64 = 60;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let line = "replay -c thresholds --log-format @fixtures/nginx-incidents.conf fixtures/nginx-incidents.log.gz";
    let readme = fs::read_to_string(root.join("README.md")).expect("readable");
    assert!(readme.contains(&format!("cargo run --release -- {line}")), "the README shows another command");

    let ran = run(&mut highwater(root, &line.split(' ').collect::<Vec<_>>()), b"");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let golden = root.join("fixtures/replay/nginx-incidents.expected");
    if env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&golden, &ran.out).expect("writable");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(ran.out, expected, "UPDATE_EXPECTED=1 rewrites the golden file");

    let violations: Vec<i64> = ran
        .out
        .lines()
        .filter(|line| line.contains("  violation  "))
        .map(|line| highwater::plan::Timestamp::from_rfc3339(&line.as_bytes()[..20]).expect("a time").micros())
        .collect();
    for (what, start) in INCIDENTS {
        // Told at the end of a window of half a minute.
        let told = start * 1_000_000..=(start + LENGTH + 30) * 1_000_000;
        assert!(violations.iter().any(|time| told.contains(time)), "{what} was not found in {violations:?}");
    }
    assert!(violations.iter().all(|time| *time >= INCIDENTS[0].1 * 1_000_000), "a violation before the first incident");
}

#[test]
fn the_transitions_in_the_readme_are_those_of_the_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("readable").replace("\r\n", "\n");
    let (readme, golden) = (read("README.md"), read("fixtures/replay/nginx-incidents.expected"));
    let (_, shown) = readme.split_once("```text\n").expect("the README shows what the command says");
    let (shown, _) = shown.split_once("```").expect("the block ends");
    for line in shown.lines().filter(|line| *line != "…") {
        assert!(golden.lines().any(|told| told == line), "{line}");
    }
}

#[test]
fn the_example_configuration_is_without_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for format in ["human", "json"] {
        let ran = run(&mut highwater(root, &["check", "thresholds", "--deny", "warnings", "--format", format]), b"");
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    }
}

#[test]
fn a_command_of_later_versions_is_named_as_such() {
    let folder = Folder::with(&[]);
    for command in ["state", "suggest", "explain", "lsp"] {
        let ran = folder.run(command);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{command}");
        assert_eq!(ran.err, format!("highwater: `{command}` is not supported yet by this version\n"));
    }
}
