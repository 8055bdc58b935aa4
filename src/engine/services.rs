//! Which agenda a service has, found by its name for every event.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Services by name, each with the index of its agenda.
#[derive(Debug, Default)]
pub struct Services {
    known: Vec<(Box<[u8]>, usize)>,
    /// Indices into `known`.
    table: HashTable<usize>,
    hashing: DefaultHashBuilder,
    /// The service that was found last.
    last: usize,
}

impl Services {
    /// The agenda of the service of this name.
    #[inline]
    pub fn find(&mut self, name: &[u8]) -> Option<usize> {
        if let Some((known, agenda)) = self.known.get(self.last)
            && equal(known, name)
        {
            return Some(*agenda);
        }
        let hash = self.hashing.hash_one(name);
        self.last = *self.table.find(hash, |at| equal(&self.known[*at].0, name))?;
        Some(self.known[self.last].1)
    }

    /// Remembers a service that was not found.
    pub fn insert(&mut self, name: &[u8], agenda: usize) {
        self.last = self.known.len();
        self.known.push((name.into(), agenda));
        let (known, hashing) = (&self.known, &self.hashing);
        let hash = |at: &usize| hashing.hash_one(&*known[*at].0);
        self.table.insert_unique(hash(&self.last), self.last, hash);
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn clear(&mut self) {
        self.known.clear();
        self.table.clear();
    }
}

/// By words, the last first: names that differ mostly differ at the end.
#[inline]
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(x), Some(y)) => x == y && a.as_chunks::<8>().0.iter().eq(b.as_chunks::<8>().0),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_where_all_bytes_are() {
        for length in 0..40 {
            let name: Vec<u8> = (b'a'..).take(length).collect();
            assert!(equal(&name, &name.clone()));
            assert!(!equal(&name, &[&*name, b"x"].concat()));
            for at in 0..length {
                let mut other = name.clone();
                other[at] ^= 1;
                assert!(!equal(&name, &other), "byte {at} of {length}");
            }
        }
    }

    #[test]
    fn each_service_is_found_again() {
        let mut services = Services::default();
        let names: Vec<String> = (0..2000).map(|i| format!("query-service response {i}")).collect();
        for round in 0..2 {
            for (i, name) in names.iter().enumerate() {
                assert_eq!(services.find(name.as_bytes()), (round > 0).then_some(i));
                if round == 0 {
                    services.insert(name.as_bytes(), i);
                }
                assert_eq!(services.find(name.as_bytes()), Some(i));
            }
        }
        services.clear();
        assert_eq!((services.find(b"query-service response 7"), services.len()), (None, 0));
    }
}
