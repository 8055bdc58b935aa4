//! A folder of any bytes opens, and opens again with the same records: any files, and whole ones in which some are others.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use highwater::store::{Base, open_on};
use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/it/store/disk.rs"]
mod disk;
#[allow(dead_code)]
#[path = "../../tests/it/store/random.rs"]
mod random;

use disk::Simulated;

type Files = BTreeMap<String, Vec<u8>>;

static GOOD: LazyLock<Files> = LazyLock::new(|| {
    let disk = Simulated::new(1);
    let mut started = open_on(Arc::new(disk.clone())).expect("a new folder").records.finish();
    let first = started.journal.rotate().expect("no fault");
    started.store.write_snapshot(first, &[b"a state"]).expect("no fault");
    for segment in 0..3u8 {
        for record in 0..3u8 {
            started.journal.append(&[&[segment, record], b"a record"]).expect("no fault");
        }
        started.journal.rotate().expect("no fault");
    }
    disk.files()
});

fuzz_target!(|bytes: &[u8]| {
    let names = ["journal-0000000001", "snapshot-0000000002", "journal-0000000002", "journal-0000000003"];
    let cut = bytes.first().map_or(0, |first| usize::from(*first) % bytes.len());
    let parts = [&bytes[..cut], &bytes[cut..], bytes, &bytes[cut / 2..]];
    open_twice(&names.into_iter().zip(parts).map(|(name, part)| (name.to_owned(), part.to_vec())).collect());

    let mut damaged = GOOD.clone();
    for chunk in bytes.chunks_exact(4) {
        let count = damaged.len();
        let file = damaged.values_mut().nth(usize::from(chunk[0]) % count).expect("as many files");
        match (usize::from(u16::from_le_bytes([chunk[1], chunk[2]])), file.len()) {
            (_, 0) => file.push(chunk[3]),
            (at, length) if at > 60_000 => file.truncate(at % length),
            (at, length) => file[at % length] = chunk[3],
        }
    }
    open_twice(&damaged);
});

fn open_twice(files: &Files) {
    let disk = Simulated::with_files(1, files);
    let Some(first) = read(&disk) else { return };
    assert_eq!(Some(first), read(&disk));
}

/// Nothing if a file is of a newer version.
fn read(disk: &Simulated) -> Option<(Base, Vec<Vec<u8>>)> {
    let mut opened = open_on(Arc::new(disk.clone())).ok()?;
    let mut records = Vec::new();
    while let Some(record) = opened.records.next_record() {
        records.push(record.to_vec());
    }
    let started = opened.records.finish();
    assert_eq!(started.journal.given_up(), None);
    Some((opened.base, records))
}
