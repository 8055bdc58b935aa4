//! What a journal costs an event, beside a bare write of the same bytes: `cargo bench --bench store`.
//!
//! Batches as they arrive, 64 KiB of 650 events and 10 KB of 100, each appended as one record of two parts, never synced
//! by the bench. On the disk of the target folder and in memory (/dev/shm). Figures beside goals, never pass or fail.

#[path = "folder.rs"]
mod folder;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use folder::Folder;
use highwater::store;

const ROUNDS: usize = 9;
/// So many bytes are written a round, then a new folder is begun.
const BYTES: usize = 128 << 20;

fn main() {
    println!("{:<40} {:>8} {:>8} {:>8}", "ns an event", "append", "write", "goal");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (place, folder) in [("disk", target.as_path()), ("/dev/shm", Path::new("/dev/shm"))] {
        for (name, bytes, events, goal) in
            [("64 KiB, 650 events", 64 << 10, 650, 40), ("10 KB, 100 events", 10_000, 100, 100)]
        {
            measure(&format!("{name}, {place}"), folder, bytes, events, goal);
        }
    }
    recovery(&target);
}

fn measure(name: &str, folder: &Path, bytes: usize, events: usize, goal: u32) {
    let folder = Folder::under(folder);
    let batch: Vec<u8> = (0..bytes).map(|at| (at * 7 % 251) as u8).collect();
    let count = BYTES / bytes;
    let (mut append, mut write) = (f64::INFINITY, f64::INFINITY);
    for round in 0..ROUNDS {
        let path = folder.0.join(format!("store-{round}"));
        let mut started = store::open(&path).expect("a new folder").records.finish();
        append = append.min(time(count * events, || {
            for _ in 0..count {
                started.journal.append(&[&batch[..24], &batch[24..]]).expect("room on the disk");
            }
        }));
        drop(started);
        fs::remove_dir_all(&path).expect("it is there");
        let path = folder.0.join("bare");
        let mut file = File::options().append(true).create_new(true).open(&path).expect("a new file");
        write = write.min(time(count * events, || {
            for _ in 0..count {
                file.write_all(&batch).expect("room on the disk");
            }
        }));
        fs::remove_file(&path).expect("it is there");
    }
    println!("{name:<40} {append:>8.1} {write:>8.1} {goal:>8}");
}

/// Reading it all again, from the page cache.
fn recovery(folder: &Path) {
    let folder = Folder::under(folder);
    let batch = vec![7; 10_000];
    let mut started = store::open(&folder.0).expect("a new folder").records.finish();
    for _ in 0..BYTES / batch.len() {
        started.journal.append(&[&batch]).expect("room on the disk");
    }
    drop(started);
    let start = Instant::now();
    let mut opened = store::open(&folder.0).expect("it is free");
    let mut records = 0;
    while opened.records.next_record().is_some() {
        records += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(records, BYTES / batch.len());
    println!("{:<40} {:>8.0}", "read again at a start, MB a second", BYTES as f64 / 1e6 / seconds);
}

/// Nanoseconds an event.
fn time(events: usize, run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e9 / events as f64
}
