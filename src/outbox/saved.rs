//! A snapshot of the outbox. Lines and addresses are shared by many; each is written once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Told};
use super::queue::{Dispatch, Kept, Queue};
use super::{Dead, Directory, Outbox, Resolved};
use crate::order;
use crate::plan::{Address, Timestamp};
use crate::route::{Notice, Router};

/// The format of these bytes.
const VERSION: u16 = 2;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u16,
    directory: Directory,
    router: Router<Notice>,
    next: u64,
    next_dead: u64,
    taken: u64,
    collapsed: u64,
    lines: Vec<Arc<str>>,
    addresses: Vec<Arc<Address>>,
    queues: Vec<(Arc<str>, Vec<SavedDispatch>)>,
    open: Vec<SavedTold>,
    resolved: Vec<SavedResolved>,
    dead: Vec<SavedDead>,
}

#[derive(Serialize, Deserialize)]
struct SavedDispatch {
    number: u64,
    address: u32,
    made: Timestamp,
    notices: Vec<SavedKept>,
    in_doubt: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedKept {
    line: u32,
    dedup_key: Arc<str>,
    violation: Arc<str>,
    is_recovery: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedTold {
    notifier: Arc<str>,
    address: u32,
    notice: SavedKept,
    is_rejected: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedResolved {
    at: Timestamp,
    notifier: Arc<str>,
    address: u32,
    line: u32,
}

#[derive(Serialize, Deserialize)]
struct SavedDead {
    number: u64,
    notifier: Arc<str>,
    why: Arc<str>,
    at: Timestamp,
    lines: Vec<u32>,
}

/// Values, each once, by what they are.
struct Table<T: ?Sized> {
    places: HashMap<Arc<T>, u32>,
    items: Vec<Arc<T>>,
}

impl<T: ?Sized + Eq + Hash> Table<T> {
    fn place(&mut self, item: &Arc<T>) -> u32 {
        if let Some(place) = self.places.get(item) {
            return *place;
        }
        let place = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.items.push(Arc::clone(item));
        self.places.insert(Arc::clone(item), place);
        place
    }
}

struct Tables {
    lines: Table<str>,
    addresses: Table<Address>,
}

impl Tables {
    fn kept(&mut self, kept: &Kept) -> SavedKept {
        SavedKept {
            line: self.lines.place(&kept.line),
            dedup_key: Arc::clone(&kept.dedup_key),
            violation: Arc::clone(&kept.violation),
            is_recovery: kept.is_recovery,
        }
    }

    fn dispatch(&mut self, dispatch: &Dispatch, in_doubt: bool) -> SavedDispatch {
        SavedDispatch {
            number: dispatch.number,
            address: self.addresses.place(&dispatch.address),
            made: dispatch.made,
            notices: dispatch.notices.iter().map(|kept| self.kept(kept)).collect(),
            in_doubt,
        }
    }
}

impl Outbox {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut tables = Tables {
            lines: Table { places: HashMap::new(), items: Vec::new() },
            addresses: Table { places: HashMap::new(), items: Vec::new() },
        };
        let queues = self.queues.iter().filter(|(_, queue)| !queue.is_empty());
        let queues = queues.map(|(name, queue)| {
            let saved = queue.iter().map(|one| tables.dispatch(one, queue.is_in_doubt(one.number)));
            (Arc::clone(name), saved.collect())
        });
        let queues = queues.collect();
        let mut open: Vec<&Told> = self.ledger.iter().collect();
        order::by(&mut open, |a, b| (&a.notice.violation, &a.notifier).cmp(&(&b.notice.violation, &b.notifier)));
        let open = open.into_iter().map(|told| SavedTold {
            notifier: Arc::clone(&told.notifier),
            address: tables.addresses.place(&told.address),
            notice: tables.kept(&told.notice),
            is_rejected: told.is_rejected,
        });
        let open = open.collect();
        let resolved = self.resolved.iter().map(|one| {
            let (address, line) = (tables.addresses.place(&one.address), tables.lines.place(&one.line));
            SavedResolved { at: one.at, notifier: Arc::clone(&one.notifier), address, line }
        });
        let resolved = resolved.collect();
        let dead = self.dead.iter().map(|dead| {
            let lines = dead.lines.iter().map(|line| tables.lines.place(line)).collect();
            let (notifier, why) = (Arc::clone(&dead.notifier), Arc::clone(&dead.why));
            SavedDead { number: dead.number, notifier, why, at: dead.at, lines }
        });
        let dead = dead.collect();
        let saved = Saved {
            version: VERSION,
            directory: self.directory.clone(),
            router: self.router.clone(),
            next: self.next,
            next_dead: self.next_dead,
            taken: self.taken,
            collapsed: self.collapsed,
            queues,
            open,
            resolved,
            dead,
            lines: tables.lines.items,
            addresses: tables.addresses.items,
        };
        let lines: usize = saved.lines.iter().map(|line| line.len()).sum();
        // Growing would take twice as much memory for a while.
        let others = 200 * (saved.open.len() + saved.queues.iter().map(|(_, queue)| queue.len()).sum::<usize>());
        let bytes = Vec::with_capacity(lines + others + (64 << 10));
        postcard::to_extend(&saved, bytes).expect("plain values in memory")
    }

    /// None for the bytes of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Outbox> {
        let saved: Saved = postcard::from_bytes(bytes).ok()?;
        if saved.version != VERSION {
            return None;
        }
        let Saved { lines, addresses, .. } = saved;
        let line = |place: u32| lines.get(place as usize).cloned();
        let address = |place: u32| addresses.get(place as usize).cloned();
        let kept = |saved: SavedKept| {
            let SavedKept { line: place, dedup_key, violation, is_recovery } = saved;
            Some(Kept { line: line(place)?, dedup_key, violation, is_recovery })
        };
        let mut outbox = Outbox {
            directory: saved.directory,
            router: saved.router,
            ledger: Ledger::default(),
            next: saved.next,
            next_dead: saved.next_dead,
            taken: saved.taken,
            collapsed: saved.collapsed,
            ..Outbox::default()
        };
        for (name, dispatches) in saved.queues {
            let mut queue = Queue::default();
            for saved in dispatches {
                let notices = saved.notices.into_iter().map(kept).collect::<Option<_>>()?;
                let (number, address) = (saved.number, address(saved.address)?);
                // It fitted when it was written.
                queue.push(Dispatch { number, address, made: saved.made, notices }, usize::MAX);
                queue.doubt(number, saved.in_doubt);
            }
            outbox.queues.insert(name, queue);
        }
        for told in saved.open {
            let (address, notice) = (address(told.address)?, kept(told.notice)?);
            outbox.ledger.tell(Told { notifier: told.notifier, address, notice, is_rejected: told.is_rejected });
        }
        for SavedResolved { at, notifier, address: place, line: text } in saved.resolved {
            let (address, line) = (address(place)?, line(text)?);
            outbox.resolved.push_back(Resolved { at, notifier, address, line });
        }
        for SavedDead { number, notifier, why, at, lines: places } in saved.dead {
            let lines = places.into_iter().map(line).collect::<Option<_>>()?;
            outbox.dead.push_back(Dead { number, notifier, why, at, lines });
        }
        Some(outbox)
    }
}
