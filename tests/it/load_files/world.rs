//! A folder with logs, a writer, and runs of the loader whose points overwrite each other as in a database.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use highwater::load::checkpoint::Checkpoint;
use highwater::load::run::{self, Surroundings};
use highwater::load::sink::Sink;
use highwater::plan::{Pipeline, Timestamp};

pub struct World {
    pub folder: PathBuf,
    pub files: Vec<String>,
    /// The next line to be written.
    pub next: u64,
    /// How many truncations were reported.
    pub replaced: usize,
    pub refused: u64,
    points: Database,
}

/// Series and time → count.
#[derive(Default)]
pub struct Database(pub HashMap<String, u64>);

impl Sink for Database {
    fn send(&mut self, lines: &[u8], _again: bool, _position: Option<u64>) -> Result<u64, String> {
        for line in std::str::from_utf8(lines).expect("points are UTF-8").lines() {
            let mut parts = line.rsplitn(2, ' ');
            let (time, rest) = (parts.next().expect("a time"), parts.next().expect("a series"));
            let (series, fields) = rest.rsplit_once(' ').expect("fields");
            let count = fields.strip_prefix("count=").and_then(|count| count.strip_suffix('i')).expect("a count");
            self.0.insert(format!("{series} {time}"), count.parse().expect("a number"));
        }
        Ok(0)
    }
}

/// Takes lines, and answers with an error.
struct Silent<'d>(&'d mut Database);

impl Sink for Silent<'_> {
    fn send(&mut self, lines: &[u8], again: bool, position: Option<u64>) -> Result<u64, String> {
        self.0.send(lines, again, position)?;
        Err("no answer".to_string())
    }
}

impl World {
    pub fn new(name: &str) -> World {
        let folder = std::env::temp_dir().join(format!("highwater-load-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the test");
        let files = vec!["access.log".to_string()];
        World { folder, files, next: 0, replaced: 0, refused: 0, points: Database::default() }
    }

    /// A line of its own, with its end.
    pub fn line(&self, number: u64) -> String {
        let (minute, second) = (number / 60 % 60, number % 60);
        let hour = number / 3600;
        format!("10.0.0.1 - - [22/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET /{number} HTTP/1.1\" 200 5\n")
    }

    pub fn write(&mut self, file: &str, lines: u64) {
        let text: String = (self.next..self.next + lines).map(|number| self.line(number)).collect();
        self.next += lines;
        self.text(file, &text);
    }

    pub fn text(&self, file: &str, text: &str) {
        self.bytes_behind(file, text.as_bytes());
    }

    pub fn bytes_behind(&self, file: &str, bytes: &[u8]) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a log that can be opened");
        file.write_all(bytes).expect("a log that can be written");
    }

    pub fn bytes(&self, file: &str, bytes: &[u8]) {
        fs::write(self.path(file), bytes).expect("a file that can be written");
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    pub fn exists(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    pub fn rename(&self, from: &str, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("folders can be made");
        // Without the file there is nothing to rename.
        let _ = fs::rename(self.path(from), to);
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).expect("a file that can be removed");
    }

    pub fn copy(&self, from: &str, to: &str) {
        self.copy_some(from, to, usize::MAX);
    }

    pub fn copy_some(&self, from: &str, to: &str, length: usize) {
        let bytes = fs::read(self.path(from)).expect("a file");
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("folders can be made");
        fs::write(to, &bytes[..length.min(bytes.len())]).expect("a copy");
    }

    pub fn link(&self, to: &str, name: &str) {
        let _ = fs::remove_file(self.path(name));
        std::os::unix::fs::symlink(self.path(to), self.path(name)).expect("a link");
    }

    pub fn truncate(&self, file: &str) {
        OpenOptions::new().write(true).truncate(true).open(self.path(file)).expect("a file");
    }

    /// Another content in the same inode.
    pub fn overwrite(&mut self, file: &str, lines: u64) {
        self.truncate(file);
        self.write(file, lines);
    }

    pub fn packed(&self, file: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&fs::read(self.path(file)).expect("a file")).expect("packing");
        encoder.finish().expect("packing")
    }

    pub fn gzip(&self, file: &str) {
        self.gzip_some(file, usize::MAX);
        self.remove(file);
    }

    /// As gzip while it is at work: the plain file is still there.
    pub fn gzip_some(&self, file: &str, length: usize) {
        let packed = self.packed(file);
        self.bytes(&format!("{file}.gz"), &packed[..length.min(packed.len())]);
    }

    /// One frame of raw blocks: there is nothing here that packs.
    pub fn zstd(&self, file: &str) {
        let text = fs::read(self.path(file)).expect("a file");
        let mut packed = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
        let mut blocks = text.chunks(1 << 16).peekable();
        while let Some(block) = blocks.next() {
            let header = u32::from(blocks.peek().is_none()) | (block.len() as u32) << 3;
            packed.extend_from_slice(&header.to_le_bytes()[..3]);
            packed.extend_from_slice(block);
        }
        self.bytes(&format!("{file}.zst"), &packed);
        self.remove(file);
    }

    pub fn pipeline(&self) -> Pipeline {
        let files: Vec<String> = self.files.iter().map(|file| format!("{:?}", self.path(file))).collect();
        let text = format!(
            "{{:pipelines {{:test {{:files [{}] :format :common :interval 60 :record {{:path :path}} :max-rejects 1 :to \
             :stdout}}}}}}",
            files.join(" ")
        );
        let loaded = highwater::config::from_text(&text);
        let mut plan = loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        plan.pipelines.remove(0)
    }

    /// A run as cron starts it.
    pub fn tick(&mut self) {
        let pipeline = self.pipeline();
        let checkpoint = Checkpoint::lock(&self.folder.join("checkpoints"), "test").expect("a lock");
        let now = || Timestamp::from_secs(1_800_000_000).expect("a time");
        let surroundings = Surroundings { limits: Default::default(), max_skew: 0, now: &now };
        let report = run::run(&pipeline, &surroundings, &checkpoint, &mut self.points);
        assert_eq!(report.failure, None);
        assert_eq!(report.said.faults, [""; 0]);
        self.replaced += report.said.replaced.len();
        self.refused +=
            report.refused.iter().filter(|(cause, _)| **cause == "too long").map(|(_, (n, _))| n).sum::<u64>();
    }

    /// The same, if there is a file at all.
    pub fn tick_if_any(&mut self) {
        let is_log = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("access.log");
        if fs::read_dir(&self.folder).expect("a folder").flatten().any(is_log) {
            self.tick();
        }
    }

    /// A run whose destination takes everything, and then does not say so.
    pub fn tick_that_fails(&mut self) {
        let pipeline = self.pipeline();
        let checkpoint = Checkpoint::lock(&self.folder.join("checkpoints"), "test").expect("a lock");
        let now = || Timestamp::from_secs(1_800_000_000).expect("a time");
        let surroundings = Surroundings { limits: Default::default(), max_skew: 0, now: &now };
        run::run(&pipeline, &surroundings, &checkpoint, &mut Silent(&mut self.points));
    }

    /// How often each line was counted.
    pub fn counts(&self) -> BTreeMap<u64, u64> {
        let mut counts = BTreeMap::new();
        for (point, count) in &self.points.0 {
            let path = point.split("path=/").nth(1).and_then(|path| path.split([',', ' ']).next()).expect("a path");
            *counts.entry(path.parse().expect("a whole line")).or_insert(0) += count;
        }
        counts
    }

    pub fn count(&self, line: u64) -> u64 {
        self.counts().get(&line).copied().unwrap_or(0)
    }

    pub fn total(&self) -> u64 {
        self.points.0.values().sum()
    }

    /// Each of so many lines was counted once, and nothing else.
    pub fn check(&self, lines: u64) {
        assert_eq!(self.next, lines, "what was written");
        let counts = self.counts();
        let lost: Vec<u64> = (0..lines).filter(|line| !counts.contains_key(line)).collect();
        let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(lost.is_empty(), "{} lost: {:?}…", lost.len(), &lost[..lost.len().min(5)]);
        assert!(doubled.is_empty(), "{} doubled: {:?}…", doubled.len(), &doubled[..doubled.len().min(5)]);
        assert_eq!(counts.len() as u64, lines, "none is garbled");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
