//! The files of the state: crashes, faults and damage, on a simulated disk and on a real one.

mod disk;
mod random;
mod simulation;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use highwater::store::{self, Base, StoreError, open_on};

use disk::Simulated;
use simulation::{open, payload};

#[test]
fn nothing_is_lost_over_crashes_and_faults_from_any_seed() {
    let seeds = std::env::var("HIGHWATER_SEEDS").map_or(5000, |seeds| seeds.parse().expect("a number"));
    let returned: usize = (0..seeds).map(simulation::run).sum();
    assert!(returned as u64 > 10 * seeds, "{returned} records came back: the simulation does too little");
}

/// A snapshot of 1 to 3, then three segments with 4 to 12, and none of it damaged.
fn folder() -> BTreeMap<String, Vec<u8>> {
    let disk = Simulated::new(1);
    let (_, _, mut journal, store, _) = open(&disk);
    let append = |journal: &mut store::Journal, numbers: std::ops::Range<u64>| {
        for number in numbers {
            journal.append(&[&payload(number)]).expect("no fault");
        }
    };
    append(&mut journal, 1..4);
    let first = journal.rotate().expect("no fault");
    append(&mut journal, 4..7);
    let numbers: Vec<u8> = (1..4u64).flat_map(u64::to_le_bytes).collect();
    store.write_snapshot(first, &[&numbers]).expect("no fault");
    for numbers in [7..10, 10..13] {
        journal.rotate().expect("no fault");
        append(&mut journal, numbers);
    }
    disk.files()
}

/// Opens it twice, and appends in between: what comes back is a beginning of what was there, and stays.
fn check_damaged(files: &BTreeMap<String, Vec<u8>>, what: &str) -> (usize, Vec<String>, BTreeMap<String, Vec<u8>>) {
    let whole: Vec<u64> = (1..13).collect();
    let disk = Simulated::with_files(2, files);
    let (base, records, mut journal, _, notes) = open(&disk);
    let expected = if base == Base::Lost { &whole[3..] } else { &whole };
    assert!(expected.starts_with(&records), "{what}: {records:?}");
    let found = records.len();
    journal.append(&[&payload(100)]).expect("no fault");
    let after = disk.files();
    let (base_again, again, _, _, notes_again) = open(&disk);
    assert_eq!((base_again, again), (base, [records, vec![100]].concat()), "{what}");
    assert_eq!(notes_again, [""; 0], "{what}: the second time");
    (found, notes, after)
}

#[test]
fn a_flipped_bit_anywhere_is_noted_and_set_aside_and_gives_no_wrong_record() {
    let whole = folder();
    assert_eq!(check_damaged(&whole, "whole").0, 12);
    for (name, bytes) in &whole {
        for at in 0..bytes.len() {
            let mut files = whole.clone();
            files.get_mut(name).expect("it is there")[at] ^= 1 << (at % 8);
            let what = format!("{name} at {at}");
            let (found, notes, after) = check_damaged(&files, &what);
            assert!(found < 12 && !notes.is_empty(), "{what}: {found} {notes:?}");
            assert!(after.keys().any(|name| name.contains(".damaged-1")), "{what}: {notes:?}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_a_beginning_of_the_records() {
    let whole = folder();
    for (name, bytes) in &whole {
        for length in 0..bytes.len() {
            let mut files = whole.clone();
            files.get_mut(name).expect("it is there").truncate(length);
            check_damaged(&files, &format!("{name} cut to {length}"));
        }
        let mut files = whole.clone();
        files.remove(name);
        check_damaged(&files, &format!("{name} removed"));
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_nothing_is_touched() {
    for name in ["journal-0000000002", "snapshot-0000000002"] {
        let mut files = folder();
        let bytes = files.get_mut(name).expect("it is there");
        bytes[8] = 2;
        let sum = crc32fast::hash(&bytes[..12]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        files.insert("snapshot-0000000001.new".to_owned(), vec![1]);
        let disk = Simulated::with_files(1, &files);
        let error = open_on(Arc::new(disk.clone())).err().expect("another version");
        assert!(matches!(error, StoreError::Version { found: 2, .. }), "{error}");
        assert!(error.to_string().contains(&format!("/state/{name}: written by a newer version (format 2")), "{error}");
        assert_eq!(disk.files(), files);
    }
}

#[test]
fn the_bytes_are_those_of_the_description() {
    let files = folder();
    let segment = &files["journal-0000000002"];
    let seed = crc32fast::hash(&segment[..40]);
    assert_eq!(segment[..8], *b"hwjournl");
    assert_eq!(segment[16..24], 2u64.to_le_bytes());
    assert_eq!(segment[24..32], 1u64.to_le_bytes());
    assert_eq!(segment[40..44], seed.to_le_bytes());
    let record = payload(4);
    assert_eq!(segment[44..48], (record.len() as u32).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(&segment[44..48]);
    assert_eq!(segment[48..52], hasher.clone().finalize().to_le_bytes());
    hasher.update(&record);
    assert_eq!(segment[52..56], hasher.finalize().to_le_bytes());
    assert_eq!(segment[56..56 + record.len()], record);
    let snapshot = &files["snapshot-0000000002"];
    assert_eq!(snapshot[..8], *b"hwsnapsh");
    assert_eq!(snapshot[24..32], 24u64.to_le_bytes());
    let sum = crc32fast::hash(&[&snapshot[..32], &snapshot[36..]].concat());
    assert_eq!(snapshot[32..36], sum.to_le_bytes());
}

#[test]
fn restarts_without_a_record_leave_no_files_behind() {
    let disk = Simulated::with_files(1, &folder());
    let mut counts = (0..20).map(|_| (drop(open(&disk)), disk.files().len()).1);
    let first = counts.next();
    assert!(counts.all(|count| Some(count) == first));
}

#[test]
fn a_disk_that_refuses_again_and_again_is_durable_again_when_it_takes() {
    let disk = Simulated::new(7);
    let (_, _, mut journal, store, _) = open(&disk);
    journal.append(&[&payload(1)]).expect("no fault");
    disk.trouble(1000, None);
    for _ in 0..50 {
        journal.append(&[&payload(2)]).expect_err("a full disk");
        journal.rotate().expect_err("a full disk");
        store.sync().expect_err("a full disk");
    }
    disk.trouble(0, None);
    store.sync().expect_err("what failed once is not trusted");
    let first = journal.rotate().expect("it takes again");
    journal.append(&[&payload(3)]).expect("it takes again");
    let numbers: Vec<u8> = (1..3u64).flat_map(u64::to_le_bytes).collect();
    store.write_snapshot(first, &[&numbers]).expect("it takes again");
    store.sync().expect("all that counts is new");
    disk.crash(disk::Crash::PowerLoss);
    assert_eq!(open(&disk).1, [1, 2, 3]);
}

#[test]
fn a_failed_sync_is_made_good_by_one_snapshot_in_a_segment_begun_after_it() {
    let disk = Simulated::new(7);
    let (_, _, mut journal, store, _) = open(&disk);
    journal.append(&[&payload(1)]).expect("no fault");
    disk.trouble(1000, None);
    store.sync().expect_err("a failing disk");
    disk.trouble(0, None);
    store.sync().expect_err("what failed once is not trusted");
    let first = journal.rotate().expect("it works again");
    store.write_snapshot(first, &[&1u64.to_le_bytes()]).expect("it works again");
    let end = journal.append(&[&payload(2)]).expect("it works again");
    assert_eq!(store.sync().expect("all that counts is new"), end);
    disk.crash(disk::Crash::PowerLoss);
    assert_eq!(open(&disk).1, [1, 2]);
}

/// A folder of the machine, removed in the end.
struct Real(PathBuf);

impl Real {
    fn new(name: &str) -> Real {
        let path = std::env::temp_dir().join(format!("highwater-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Real(path)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_real_folder_is_made_for_its_owner_and_locked_for_one_process() {
    let folder = Real::new("lock");
    let path = folder.0.join("state");
    let opened = store::open(&path).expect("a new folder");
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o700);
    let error = store::open(&path).err().expect("it is locked");
    let pid = std::process::id();
    assert!(matches!(error, StoreError::Locked { pid: Some(found), .. } if found == pid), "{error}");
    assert!(
        error
            .to_string()
            .ends_with(&format!("state: process {pid} uses this state folder; each process needs its own"))
    );
    drop(opened);
    store::open(&path).expect("it is free again");
    fs::write(folder.0.join("file"), "").expect("the folder is there");
    let error = store::open(&folder.0.join("file")).err().expect("it is no folder");
    assert!(error.to_string().contains("file: cannot make the folder: "), "{error}");
}

#[test]
fn a_real_folder_gives_back_what_was_appended_synced_and_snapshotted() {
    let folder = Real::new("whole");
    for life in 0..3u64 {
        let mut opened = store::open(&folder.0).expect("it is free");
        let mut found = match &opened.base {
            Base::Snapshot(bytes) => bytes.len() as u64,
            _ => 0,
        };
        while let Some(record) = opened.records.next_record() {
            assert_eq!(record, payload(found));
            found += 1;
        }
        assert_eq!(found, 200 * life);
        let mut started = opened.records.finish();
        assert_eq!(started.notes, [""; 0]);
        for number in found..found + 100 {
            let whole = payload(number);
            let (left, right) = whole.split_at(4);
            started.journal.append(&[left, right]).expect("room on the disk");
        }
        let first = started.journal.rotate().expect("room on the disk");
        let state = vec![0; found as usize + 100];
        let bytes = started.journal.bytes();
        let store = started.store.clone();
        let snapshot = std::thread::spawn(move || store.write_snapshot(first, &[&state]));
        let mut end = store::Position::default();
        for number in found + 100..found + 200 {
            end = started.journal.append(&[&payload(number)]).expect("room on the disk");
        }
        assert_eq!(started.store.sync().expect("a disk that works"), end);
        snapshot.join().expect("it does not panic").expect("room on the disk");
        assert!(started.journal.bytes() < bytes + 100 * 200);
    }
}
