//! What it costs to keep state.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::load::{self, Answered, Connection, Frames};
use super::process::Daemon;
use super::{SEED, WARM_UP, codes, frames, hosts, is_chosen, millis, one_each, row, services};

/// Where state is kept, in the folder of the daemon.
const STATE: &str = "state";
const NANOS: &str = "ns an event";
/// How long a snapshot is written, once it was taken.
const WRITING: Duration = Duration::from_millis(500);

pub fn run() {
    // On the disk: the temporary folder may be memory.
    let folder = Folder::under(Path::new(env!("CARGO_TARGET_TMPDIR")));
    if is_chosen("kept") {
        kept(&folder);
    }
    if is_chosen("sync") {
        synced(&folder);
    }
    if is_chosen("snapshot") {
        snapshots(&folder);
    }
    if is_chosen("restart") {
        restart(&folder);
    }
}

fn begin_anew(folder: &Folder) {
    let _ = fs::remove_dir_all(folder.0.join(STATE));
}

/// What `:durability :os` adds to an event, by turns with `--no-state`.
fn kept(folder: &Folder) {
    const ROUNDS: usize = 5;
    let thresholds = one_each(&services(100), 600);
    for (name, events, waits, goal) in
        [("pipelined", 4_000_000, false, 40.0), ("one batch of 100 a write, and its ack", 1_000_000, true, 100.0)]
    {
        // The least of each: what else the machine does only adds.
        let (mut cpu, mut wall) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
        for _ in 0..ROUNDS {
            for (i, state) in [None, Some(STATE)].into_iter().enumerate() {
                begin_anew(folder);
                let daemon = Daemon::start_keeping(folder, &thresholds, state);
                let mut connection = Connection::open(daemon.tcp);
                let mut frames = frames();
                connection.send(&mut frames, WARM_UP, 100);
                let (before, start) = (daemon.cpu_seconds(), Instant::now());
                if waits {
                    for _ in 0..events / 100 {
                        connection.write(&mut frames, 100);
                        connection.settle();
                    }
                } else {
                    connection.send(&mut frames, events, 100);
                }
                let each = |seconds: f64| seconds / events as f64 * 1e9;
                wall[i] = wall[i].min(each(start.elapsed().as_secs_f64()));
                cpu[i] = cpu[i].min(each(daemon.cpu_seconds() - before));
            }
        }
        row(&format!("`:os` adds, {name}: CPU of the daemon"), NANOS, cpu[1] - cpu[0], Some(goal), None);
        row("    without state", NANOS, cpu[0], None, None);
        row("    time until answered, added", NANOS, wall[1] - wall[0], None, None);
        row("    without state", NANOS, wall[0], None, None);
    }
}

/// Acks a second that each wait for the disk, beside bare syncs of as much.
fn synced(folder: &Folder) {
    const DURING: Duration = Duration::from_secs(4);
    let thresholds = format!("{{:state {{:durability :sync}} {}", &one_each(&services(100), 600)[1..]);
    for connections in [1, 32] {
        begin_anew(folder);
        let daemon = Daemon::start_keeping(folder, &thresholds, Some(STATE));
        let address = daemon.tcp;
        let senders: Vec<_> = (0..connections)
            .map(|_| {
                thread::spawn(move || {
                    let (mut connection, mut frames, mut count) = (Connection::open(address), frames(), 0);
                    let end = Instant::now() + DURING;
                    while Instant::now() < end {
                        connection.write(&mut frames, 10);
                        connection.settle();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let acks: u32 = senders.into_iter().map(|sender| sender.join().expect("it is answered")).sum();
        let name = format!("`:sync` over {connections} connections");
        row(&name, "acks a second", f64::from(acks) / DURING.as_secs_f64(), None, None);
    }
    let path = folder.0.join("bare");
    let file = fs::File::create(&path).expect("room on the disk");
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < DURING {
        std::io::Write::write_all(&mut &file, &[7; 1000]).expect("room on the disk");
        file.sync_data().expect("the disk works");
        count += 1;
    }
    row("    write and fdatasync, bare", "a second", f64::from(count) / DURING.as_secs_f64(), None, None);
    let _ = fs::remove_file(path);
}

/// Acks while snapshots of 10,000 thresholds and 100,000 groups are taken.
fn snapshots(folder: &Folder) {
    const RATE: u32 = 50_000;
    const DURING: Duration = Duration::from_secs(40);
    let (thresholds, mut frames) = many();
    let thresholds = format!("{{:state {{:journal-bytes 1048576}} {}", &thresholds[1..]);
    println!("10,000 thresholds of 10 groups each, 50 K events/s in batches of 100");
    for (name, state) in [("--no-state", None), ("`:os`", Some(STATE))] {
        begin_anew(folder);
        let daemon = Daemon::start_keeping(folder, &thresholds, state);
        Connection::open(daemon.tcp).send(&mut frames, 2_000_000, 100);
        let answered = load::pace(daemon.tcp, frames.clone(), RATE, 100, DURING);
        row(&format!("    ack p99, {name}"), "ms", millis(&answered, 0.99), None, None);
        row("    p99.9", "ms", millis(&answered, 0.999), None, None);
        row("    the longest", "ms", millis(&answered, 1.0), None, None);
        let late: Vec<Answered> = answered.iter().map(|of| Answered { took: of.late, ..*of }).collect();
        row("    the load generator late, at most", "ms", millis(&late, 1.0), None, None);
        let answered: Vec<Answered> = answered.into_iter().map(Answered::since_sent).collect();
        row("    the longest since it was sent", "ms", millis(&answered, 1.0), None, None);
        let began = answered[0].due;
        let snapshots = daemon.snapshots.lock().expect("nobody panics with it").clone();
        let snapshots: Vec<_> = snapshots.into_iter().filter(|snapshot| snapshot.taken > began).collect();
        if snapshots.is_empty() {
            continue;
        }
        row("    snapshots meanwhile", "taken", snapshots.len() as f64, None, None);
        let locked = snapshots.iter().map(|snapshot| snapshot.locked).max().unwrap_or_default();
        row("    lanes locked for one, the longest", "ms", locked.as_secs_f64() * 1e3, Some(10.0), None);
        let is_near = |of: &&Answered| {
            snapshots.iter().any(|snapshot| {
                of.due + of.took + snapshot.took >= snapshot.taken && of.due <= snapshot.taken + WRITING
            })
        };
        let (near, far): (Vec<&Answered>, Vec<&Answered>) = answered.iter().partition(is_near);
        for (which, of) in [("near a snapshot", near), ("at other times", far)] {
            let of: Vec<Answered> = of.into_iter().copied().collect();
            if !of.is_empty() {
                row(&format!("    p99 {which}"), "ms", millis(&of, 0.99), None, None);
                row(&format!("    the longest {which}"), "ms", millis(&of, 1.0), Some(10.0), None);
            }
        }
    }
}

/// The start with the state of 10,000 thresholds and 100,000 groups, until it takes events.
fn restart(folder: &Folder) {
    let (thresholds, mut frames) = many();
    println!("start with 10,000 thresholds of 10 groups each, until it takes events");
    let start = |state: Option<&str>, name: &str| {
        let begin = Instant::now();
        let daemon = Daemon::start_keeping(folder, &thresholds, state);
        let took = begin.elapsed();
        row(&format!("    {name}"), "ms", took.as_secs_f64() * 1e3, Some(1000.0), None);
        daemon
    };
    begin_anew(folder);
    drop(start(None, "--no-state"));
    let daemon = start(Some(STATE), "an empty folder");
    let (address, is_over) = (daemon.tcp, Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&is_over);
    let sender = thread::spawn(move || {
        let (mut connection, begin, mut count) = (Connection::open(address), Instant::now(), 0);
        while !over.load(Relaxed) {
            connection.send(&mut frames, 10_000, 100);
            count += 10_000;
        }
        f64::from(count) / begin.elapsed().as_secs_f64()
    });
    // As fast as it takes them, until the journal is about as long as it was at its longest.
    let (begin, mut longest) = (Instant::now(), 0.0_f64);
    loop {
        let now = mib(folder, "journal");
        if begin.elapsed() > Duration::from_secs(10) && now > 0.9 * longest {
            break;
        }
        longest = longest.max(now);
        thread::sleep(Duration::from_millis(2));
    }
    is_over.store(true, Relaxed);
    let rate = sender.join().expect("it is answered");
    drop(daemon);
    row("    sent", "million events a second", rate / 1e6, None, None);
    row("    the journal", "MiB", mib(folder, "journal"), None, None);
    row("    the snapshot", "MiB", mib(folder, "snapshot"), None, None);
    start(Some(STATE), "after a kill").stop();
    row("    the journal", "MiB", mib(folder, "journal"), None, None);
    row("    the snapshot", "MiB", mib(folder, "snapshot"), None, None);
    drop(start(Some(STATE), "after an orderly end"));
}

/// Ten groups of each of 10,000 thresholds, whose windows do not close meanwhile; and what goes to them.
fn many() -> (String, Frames) {
    let services = services(10_000);
    let thresholds = one_each(&services, 86_400).replace(":interval", ":by [:host] :interval");
    (thresholds, Frames::new(SEED, &services, &hosts(10), &codes()[..1]))
}

fn mib(folder: &Folder, kind: &str) -> f64 {
    let files = fs::read_dir(folder.0.join(STATE)).expect("it is there").flatten();
    let files = files.filter(|file| file.file_name().to_string_lossy().starts_with(kind));
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>() as f64 / f64::from(1 << 20)
}
