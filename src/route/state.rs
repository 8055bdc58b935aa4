//! What operators remember, and the order in which it is due or forgotten.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::operator::Program;
use super::{Record, Sending};
use crate::plan::Timestamp;

/// The copy that stands for no `by` at all.
pub(super) const ROOT: u64 = 0;

/// An operator in one copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Home {
    pub copy: u64,
    pub operator: u32,
}

/// A record that was passed, under its number: one record that comes by two ways is known by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Item<R> {
    pub serial: u64,
    pub record: R,
}

/// The window that an operator is in: from its start, so many have passed at once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Window {
    pub start: Timestamp,
    pub sent: u32,
}

/// What one rollup holds back.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held<R> {
    /// The place of the first, also when that has been released since.
    since: u64,
    end: Timestamp,
    /// By place; never empty.
    items: BTreeMap<u64, Item<R>>,
}

/// The state of the operators behind a `by`, for one value.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Copied<R> {
    /// The `by`, in the copy that it stands in itself.
    of: Home,
    key: Key,
    used: u64,
    /// How many copies stand in this one.
    #[serde(skip)]
    below: usize,
    /// What `changed` saw last.
    last: BTreeMap<u32, Key>,
    windows: BTreeMap<u32, Window>,
    held: BTreeMap<u32, Held<R>>,
}

/// What there may be at a time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Most {
    /// Without the root.
    pub copies: usize,
    pub pending: usize,
}

/// All of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State<R> {
    most: Most,
    pub latest: Option<Timestamp>,
    /// What ended while a record was noted: it leaves with the next call.
    pub ended: Vec<Sending<R>>,
    /// The next number of a record, a place, a use or a copy.
    next: u64,
    copies: BTreeMap<u64, Copied<R>>,
    #[serde(skip)]
    index: Index,
}

/// Made of the copies alone.
#[derive(Clone, Debug, Default)]
struct Index {
    copies: HashMap<(Home, Key), u64>,
    /// By last use: copies in which nothing is pending and no copy stands.
    idle: BTreeMap<u64, u64>,
    /// By end, then by place of the first.
    deadlines: BTreeMap<(Timestamp, u64), Home>,
    /// By place of the first: what copies hold back, and what the root does.
    in_copies: BTreeMap<u64, Home>,
    in_root: BTreeMap<u64, Home>,
    /// By hash of the id, then by place.
    ids: BTreeMap<(u64, u64), Home>,
}

impl<R: Record> State<R> {
    pub fn new(most: Most) -> State<R> {
        let mut state = State {
            most,
            latest: None,
            ended: Vec::new(),
            next: ROOT + 1,
            copies: BTreeMap::new(),
            index: Index::default(),
        };
        let nowhere = Home { copy: ROOT, operator: 0 };
        state.copies.insert(ROOT, Copied::new(nowhere, Key::default(), 0));
        state
    }

    /// A number that none had before.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// How many records are held back.
    pub fn pending(&self) -> usize {
        self.index.ids.len()
    }

    pub fn has_too_many_pending(&self) -> bool {
        self.pending() > self.most.pending
    }

    pub fn has_too_many_copies(&self) -> bool {
        self.copies() > self.most.copies
    }

    /// How many copies there are.
    pub fn copies(&self) -> usize {
        self.copies.len() - 1
    }

    pub fn last(&self, home: Home) -> Option<&Key> {
        self.copies[&home.copy].last.get(&home.operator)
    }

    pub fn set_last(&mut self, home: Home, key: Key) {
        self.copy(home.copy).last.insert(home.operator, key);
    }

    /// The window of an operator at a time: one that has ended is replaced by a new one in which nothing was sent.
    pub fn window(&mut self, home: Home, every: i64, now: Timestamp) -> &mut Window {
        let windows = &mut self.copy(home.copy).windows;
        let window = windows.entry(home.operator).or_insert(Window { start: now, sent: 0 });
        let passed = (now.micros() - window.start.micros()) / every.max(1);
        if passed > 0 {
            *window = Window { start: window.start.plus(passed * every.max(1)), sent: 0 };
        }
        window
    }

    /// Begins the window after one that held records back: their batch is the first that it sends.
    pub fn begin_after(&mut self, home: Home, end: Timestamp) {
        self.copy(home.copy).windows.insert(home.operator, Window { start: end, sent: 1 });
    }

    /// The copy of a `by` for a value, made if there is none; it is the one used last now.
    pub fn copy_for(&mut self, of: Home, key: Key) -> u64 {
        let used = self.number();
        if let Some(id) = self.index.copies.get(&(of, key.clone())).copied() {
            let copy = self.copy(id);
            let before = std::mem::replace(&mut copy.used, used);
            if self.index.idle.remove(&before).is_some() {
                self.index.idle.insert(used, id);
            }
            return id;
        }
        let id = used;
        self.copies.insert(id, Copied::new(of, key.clone(), used));
        self.index.copies.insert((of, key), id);
        self.index.idle.insert(used, id);
        let parent = self.copy(of.copy);
        parent.below += 1;
        let used = parent.used;
        self.index.idle.remove(&used);
        id
    }

    /// The copy that was used longest ago, if nothing is pending in it: its last use and its number.
    pub fn idlest(&self) -> Option<(u64, u64)> {
        self.index.idle.first_key_value().map(|(used, id)| (*used, *id))
    }

    /// Forgets a copy in which nothing is pending and no copy stands.
    pub fn forget(&mut self, id: u64) {
        let Some(copy) = self.copies.remove(&id) else { return };
        self.index.idle.remove(&copy.used);
        self.index.copies.remove(&(copy.of, copy.key));
        self.copy(copy.of.copy).below -= 1;
        self.index_idle(copy.of.copy);
    }

    /// Holds records back until the end of a window, behind those that are held back there.
    pub fn hold(&mut self, home: Home, end: Timestamp, records: impl Iterator<Item = Item<R>>) {
        let copy = self.copies.get_mut(&home.copy).expect("copies are forgotten between steps only");
        let mut next = self.next;
        let held = copy.held.entry(home.operator).or_insert(Held { since: next, end, items: BTreeMap::new() });
        for mut item in records {
            item.record.rest();
            self.index.ids.insert((hash(item.record.id()), next), home);
            held.items.insert(next, item);
            next += 1;
        }
        self.index.deadlines.insert((held.end, held.since), home);
        self.index.of_place(home).insert(held.since, home);
        self.index.idle.remove(&copy.used);
        self.next = next;
    }

    /// Takes all that is held back at one place.
    pub fn take(&mut self, home: Home) -> Vec<Item<R>> {
        let Some(held) = self.copy(home.copy).held.remove(&home.operator) else { return Vec::new() };
        self.index.forget(home, &held);
        for (place, item) in &held.items {
            self.index.ids.remove(&(hash(item.record.id()), *place));
        }
        self.index_idle(home.copy);
        held.items.into_values().collect()
    }

    /// Takes what is held back under an id, by place.
    pub fn take_id(&mut self, id: &str) -> Vec<(Home, Vec<Item<R>>)> {
        let hash = hash(id);
        let under: Vec<(u64, Home)> =
            self.index.ids.range((hash, 0)..=(hash, u64::MAX)).map(|((_, place), home)| (*place, *home)).collect();
        let mut taken: Vec<(Home, Vec<Item<R>>)> = Vec::new();
        let mut places: HashMap<Home, usize> = HashMap::new();
        for (place, home) in under {
            let Some(held) = self.copy(home.copy).held.get_mut(&home.operator) else { continue };
            let Some(item) = held.items.remove(&place) else { continue };
            if item.record.id() != id {
                held.items.insert(place, item);
                continue;
            }
            let is_empty = held.items.is_empty();
            self.index.ids.remove(&(hash, place));
            let at = *places.entry(home).or_insert_with(|| {
                taken.push((home, Vec::new()));
                taken.len() - 1
            });
            taken[at].1.push(item);
            if is_empty {
                self.take(home);
            }
        }
        taken
    }

    /// The first end of a window that holds records back, and where.
    pub fn first_deadline(&self) -> Option<(Timestamp, Home)> {
        self.index.deadlines.first_key_value().map(|((end, _), home)| (*end, *home))
    }

    /// Where records have been held back longest, among copies.
    pub fn oldest_in_copies(&self) -> Option<Home> {
        self.index.in_copies.first_key_value().map(|(_, home)| *home)
    }

    /// Where records have been held back longest.
    pub fn oldest(&self) -> Option<Home> {
        let first = [self.index.in_root.first_key_value(), self.index.in_copies.first_key_value()];
        first.into_iter().flatten().min_by_key(|(since, _)| **since).map(|(_, home)| *home)
    }

    /// Everywhere where records are held back, the oldest first.
    pub fn holding(&self) -> Vec<Home> {
        let mut all: Vec<(u64, Home)> =
            self.index.in_copies.iter().chain(&self.index.in_root).map(|(since, home)| (*since, *home)).collect();
        all.sort_unstable_by_key(|(since, _)| *since);
        all.into_iter().map(|(_, home)| home).collect()
    }

    /// Lets every window begin with the next record. Nothing is held back.
    pub fn forget_windows(&mut self) {
        self.copies.values_mut().for_each(|copy| copy.windows.clear());
    }

    /// Gives operators other numbers; what belongs to one without a number is forgotten. Nothing is held back there.
    pub fn renumber(&mut self, number: &dyn Fn(u32) -> Option<u32>) {
        for (id, mut copy) in std::mem::take(&mut self.copies) {
            if id != ROOT {
                let Some(operator) = number(copy.of.operator) else { continue };
                copy.of.operator = operator;
            }
            copy.last = renumbered(copy.last, number);
            copy.windows = renumbered(copy.windows, number);
            copy.held = renumbered(copy.held, number);
            self.copies.insert(id, copy);
        }
        self.index();
    }

    /// Whether it is one that operators of this program can have.
    pub fn is_of(&self, program: &Program) -> bool {
        let is_one = |operator: &u32| (*operator as usize) < program.operators.len();
        let numbers = self.copies.iter().flat_map(|(id, copy)| {
            let held = copy.held.values().flat_map(|held| [held.since].into_iter().chain(held.items.keys().copied()));
            [*id, copy.used].into_iter().chain(held)
        });
        // Counted from nothing, the next number never comes near to the end.
        numbers.max().is_some_and(|last| last < self.next && self.next < u64::MAX / 2)
            && self.copies.contains_key(&ROOT)
            && self.copies.iter().all(|(id, copy)| {
                let mut operators = copy.last.keys().chain(copy.windows.keys()).chain(copy.held.keys());
                let is_root = *id == ROOT;
                operators.all(is_one)
                    && (is_root || is_one(&copy.of.operator))
                    && (is_root || (copy.of.copy < *id && self.copies.contains_key(&copy.of.copy)))
            })
    }

    /// Makes anew what follows from the rest.
    pub fn index(&mut self) {
        self.index = Index::default();
        let mut below = HashMap::new();
        for (_, copy) in self.copies.iter().filter(|(id, _)| **id != ROOT) {
            *below.entry(copy.of.copy).or_insert(0) += 1;
        }
        for (id, copy) in &mut self.copies {
            copy.below = below.get(id).copied().unwrap_or(0);
        }
        for (id, copy) in &self.copies {
            if *id != ROOT {
                self.index.copies.insert((copy.of, copy.key.clone()), *id);
            }
            for (operator, held) in &copy.held {
                let home = Home { copy: *id, operator: *operator };
                self.index.deadlines.insert((held.end, held.since), home);
                self.index.of_place(home).insert(held.since, home);
                let ids = held.items.iter().map(|(place, item)| ((hash(item.record.id()), *place), home));
                self.index.ids.extend(ids);
            }
        }
        let ids: Vec<u64> = self.copies.keys().copied().collect();
        ids.into_iter().for_each(|id| self.index_idle(id));
    }

    fn copy(&mut self, id: u64) -> &mut Copied<R> {
        self.copies.get_mut(&id).expect("copies are forgotten between steps only")
    }

    fn index_idle(&mut self, id: u64) {
        let copy = &self.copies[&id];
        if id != ROOT && copy.below == 0 && copy.held.is_empty() {
            self.index.idle.insert(copy.used, id);
        }
    }
}

impl<R> Copied<R> {
    fn new(of: Home, key: Key, used: u64) -> Copied<R> {
        Copied { of, key, used, below: 0, last: BTreeMap::new(), windows: BTreeMap::new(), held: BTreeMap::new() }
    }
}

impl Index {
    fn of_place(&mut self, home: Home) -> &mut BTreeMap<u64, Home> {
        if home.copy == ROOT { &mut self.in_root } else { &mut self.in_copies }
    }

    fn forget<R>(&mut self, home: Home, held: &Held<R>) {
        self.deadlines.remove(&(held.end, held.since));
        self.of_place(home).remove(&held.since);
    }
}

fn renumbered<T>(table: BTreeMap<u32, T>, number: &dyn Fn(u32) -> Option<u32>) -> BTreeMap<u32, T> {
    table.into_iter().filter_map(|(operator, it)| number(operator).map(|operator| (operator, it))).collect()
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
