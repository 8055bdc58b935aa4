//! The keys that somebody asks for, found fast.

use super::compile::{Content, Role};
use super::keys::{self, Dialect};
use super::nginx;
use super::scanned::{COMPUTED, RESERVED};
use crate::source::Wanted;
use crate::source::bytes::word;

/// What a key means, and which attributes hold its value as it is.
#[derive(Clone, Debug)]
pub struct Entry {
    key: Box<[u8]>,
    /// What the key is found by: most keys differ from it at once.
    word: u64,
    pub role: Role,
    pub rank: u8,
    pub names: Vec<Box<[u8]>>,
    /// Whether its value may be a list of several upstream servers' values.
    pub is_list: bool,
    /// Whether keys inside of it are asked for.
    pub inside: bool,
}

/// The entries of all keys that mean something or are wanted.
#[derive(Clone, Debug)]
pub struct Lexicon {
    /// By the length of the key.
    entries: [Vec<Entry>; LENGTHS],
    wanted: Wanted,
}

const LENGTHS: usize = 32;

impl Lexicon {
    pub fn new(dialect: Dialect, wanted: &Wanted) -> Lexicon {
        let mut lexicon = Lexicon { entries: [const { Vec::new() }; LENGTHS], wanted: wanted.clone() };
        for (key, role, rank) in keys::rows(dialect) {
            let entry = lexicon.place(key.as_bytes());
            (entry.role, entry.rank) = (role, rank);
        }
        for name in wanted.attribute_names() {
            // A key that has `_` where the name has `-` is meant too.
            let underlined: Vec<u8> = name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect();
            lexicon.place(name);
            lexicon.place(&underlined);
        }
        let keys: Vec<Box<[u8]>> = lexicon.entries.iter().flatten().map(|entry| entry.key.clone()).collect();
        for key in keys {
            for (at, _) in key.iter().enumerate().filter(|(at, byte)| **byte == b'.' && *at > 0) {
                lexicon.place(&key[..at]).inside = true;
            }
        }
        lexicon
    }

    /// The entry of a key, made if there is none.
    fn place(&mut self, key: &[u8]) -> &mut Entry {
        let new = self.unknown(key);
        let entries = &mut self.entries[key.len() % LENGTHS];
        let at = entries.iter().position(|entry| *entry.key == *key).unwrap_or_else(|| {
            entries.push(new);
            entries.len() - 1
        });
        &mut entries[at]
    }

    /// The entry that a key has which means nothing: its attributes, as far as they are wanted.
    pub fn unknown(&self, key: &[u8]) -> Entry {
        let name = String::from_utf8_lossy(key);
        let names = names(&name, &self.wanted);
        let is_list = matches!(&*name, "urt" | "uct" | "uht" | "us" | "apptime") || nginx_list(&name);
        Entry { key: key.into(), word: word(key), role: Role::Plain, rank: 0, names, is_list, inside: false }
    }

    /// The entries of keys that are known beforehand. An attribute is given once, to the first that claims its name.
    pub fn entries(&self, keys: &[&[u8]]) -> Vec<(Box<[u8]>, Entry)> {
        let mut taken: Vec<Box<[u8]>> = Vec::new();
        let mut entries = Vec::new();
        for key in keys {
            let mut entry = self.find(key).cloned().unwrap_or_else(|| self.unknown(key));
            entry.names.retain(|name| !taken.contains(name));
            taken.extend(entry.names.iter().cloned());
            entries.push(((*key).into(), entry));
        }
        entries
    }

    /// The entry of a key; None if nobody asks for it, or if all is wanted and it means nothing.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<&Entry> {
        let entries = &self.entries[key.len() % LENGTHS];
        let word = word(key);
        entries.iter().find(|entry| entry.word == word && *entry.key == *key)
    }

    /// Whether every key is an attribute.
    pub fn takes_all(&self) -> bool {
        self.wanted.takes_all()
    }
}

fn nginx_list(name: &str) -> bool {
    name.starts_with("upstream_") && nginx::content(name) == Content::List
}

/// Names for attributes that a key gives, those that are wanted: as it is, and with `-` for what keywords do not have.
fn names(key: &str, wanted: &Wanted) -> Vec<Box<[u8]>> {
    let mut dashed = key.replace('_', "-");
    if let Some(inner) = key.strip_suffix(')') {
        // `cs(User-Agent)` is no keyword.
        dashed = inner.replace('(', "-").to_ascii_lowercase();
    }
    let mut names: Vec<Box<[u8]>> = Vec::new();
    for name in [key, &dashed] {
        let is_own = RESERVED.contains(&name) || COMPUTED.contains(&name);
        if !is_own && wanted.attribute(name.as_bytes()) && names.iter().all(|known| **known != *name.as_bytes()) {
            names.push(name.as_bytes().into());
        }
    }
    names
}
