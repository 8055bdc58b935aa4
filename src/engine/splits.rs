//! The splits of a tally, in place while they are few.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tally::Split;

/// As many as most thresholds have limits.
const IN_PLACE: usize = 2;

/// One split for each limit.
// A piece of memory of its own would be one of the smallest there are. Lanes make them by the hundred thousand and the
// evaluator gives them back at once: glibc then joins them all in one go, while the lane waits for its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits(Held);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    /// The first so many; the others are zero.
    InPlace(usize, [Split; IN_PLACE]),
    Apart(Box<[Split]>),
}

impl Splits {
    /// Nothing counted yet, against so many limits.
    pub fn new(limits: usize) -> Splits {
        if limits <= IN_PLACE {
            return Splits(Held::InPlace(limits, Default::default()));
        }
        Splits(Held::Apart(vec![Split::default(); limits].into()))
    }
}

impl Default for Splits {
    fn default() -> Splits {
        Splits::new(0)
    }
}

impl From<&[Split]> for Splits {
    fn from(given: &[Split]) -> Splits {
        let mut splits = Splits::new(given.len());
        splits.copy_from_slice(given);
        splits
    }
}

impl Deref for Splits {
    type Target = [Split];

    #[inline]
    fn deref(&self) -> &[Split] {
        match &self.0 {
            Held::InPlace(count, splits) => &splits[..*count],
            Held::Apart(splits) => splits,
        }
    }
}

impl DerefMut for Splits {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Split] {
        match &mut self.0 {
            Held::InPlace(count, splits) => &mut splits[..*count],
            Held::Apart(splits) => splits,
        }
    }
}

impl Serialize for Splits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Splits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Splits, D::Error> {
        Ok(Vec::deserialize(deserializer)?.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_splits_are_written_and_read_alike() {
        for count in 0..6 {
            let given: Vec<Split> = (0..count).map(|i| Split { below: i, equal: 85 }).collect();
            let splits = Splits::from(given.as_slice());
            assert_eq!((&*splits, Splits::new(given.len()).len()), (given.as_slice(), given.len()));
            let written = postcard::to_stdvec(&splits).unwrap();
            assert_eq!(written, postcard::to_stdvec(&given).unwrap());
            assert_eq!(postcard::from_bytes::<Splits>(&written).unwrap(), splits);
        }
    }
}
