//! Which file goes on which generation. Contents decide; device, inode and name choose between equals.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::find::{Found, Stamp};
use super::generation::{Generation, HEAD, Print};
use super::lines::Beginning;
use crate::source::input::cause;

/// What is to be done with a file.
#[derive(Debug)]
pub enum Turn {
    /// It is as it was when nothing was left to take of this generation.
    Settled(usize),
    /// It goes on this generation. Of a packed file only the beginning was compared.
    GoesOn(usize, Beginning),
    /// Nothing of it was taken yet. `replaced`: another content was in this very file before.
    New { beginning: Beginning, replaced: bool },
    /// What it holds is read, or was, from another file.
    Copy,
    /// It is empty.
    Empty,
    /// It could not be looked into: one line.
    Fault(String),
}

/// Below this, what two logs begin with may be alike by chance.
const TELLING: usize = 256;

/// Says for each file what is to be done with it. No generation is given to two files.
pub fn match_files(found: &[Found], generations: &[Generation], families: &[PathBuf]) -> Vec<Turn> {
    let mut claimed = vec![false; generations.len()];
    let mut settled: HashMap<Stamp, Vec<usize>> = HashMap::new();
    for (at, generation) in generations.iter().enumerate().filter(|(_, generation)| generation.settled) {
        settled.entry(generation.stamp).or_default().push(at);
    }
    let mut turns: Vec<Turn> = found.iter().map(|found| look(found, &settled, &mut claimed)).collect();
    for (file, generation) in pairs(found, &turns, generations, families, &claimed) {
        let is_free = matches!(turns[file], Turn::New { .. }) && !claimed[generation];
        if is_free && let Turn::New { beginning, .. } = std::mem::replace(&mut turns[file], Turn::Copy) {
            claimed[generation] = true;
            turns[file] = Turn::GoesOn(generation, beginning);
        }
    }
    let known = Known::of(generations, families);
    // Files of one log stand together.
    let mut from = 0;
    while from < found.len() {
        let others = found[from..].iter().take_while(|other| other.family == found[from].family).count();
        for file in from..from + others {
            if matches!(turns[file], Turn::New { .. }) {
                settle_new(file, from..from + others, found, &mut turns, &known, &claimed);
            }
        }
        from += others;
    }
    turns
}

/// What can be said of a file alone.
fn look(found: &Found, settled: &HashMap<Stamp, Vec<usize>>, claimed: &mut [bool]) -> Turn {
    let same = settled.get(&found.stamp).and_then(|all| all.iter().copied().find(|at| !claimed[*at]));
    if let Some(at) = same {
        claimed[at] = true;
        return Turn::Settled(at);
    }
    match Beginning::of(&found.path) {
        Ok(beginning) if beginning.start.is_empty() => Turn::Empty,
        Ok(beginning) => Turn::New { beginning, replaced: false },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Turn::Empty,
        Err(error) => Turn::Fault(format!("{}: {}", found.path.display(), cause(&error))),
    }
}

/// Files and generations that fit, the best first.
fn pairs(
    found: &[Found],
    turns: &[Turn],
    generations: &[Generation],
    families: &[PathBuf],
    claimed: &[bool],
) -> Vec<(usize, usize)> {
    let mut by_head: HashMap<Print, Vec<usize>> = HashMap::new();
    for (at, generation) in generations.iter().enumerate() {
        if !claimed[at] && !generation.head.is_empty() {
            by_head.entry(generation.head).or_default().push(at);
        }
    }
    let mut lengths: Vec<usize> = by_head.keys().map(|head| head.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut pairs = Vec::new();
    for (file, (found, turn)) in found.iter().zip(turns).enumerate() {
        let Turn::New { beginning, .. } = turn else { continue };
        for length in lengths.iter().take_while(|length| **length <= beginning.start.len()) {
            let Some(fitting) = by_head.get(&Print::of(&beginning.start[..*length])) else { continue };
            for &at in fitting {
                let generation = &generations[at];
                let is_same_file = generation.stamp.is_same_file(&found.stamp);
                let is_related = is_same_file || families[at] == found.family || *length >= TELLING;
                if is_related && (beginning.is_packed() || goes_on(beginning, generation)) {
                    let is_same_log = families[at] == found.family;
                    let key = (!is_same_file, !is_same_log, beginning.is_packed(), Reverse(generation.offset));
                    pairs.push((key, Reverse(found.stamp.size), file, at));
                }
            }
        }
    }
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, _, file, at)| (file, at)).collect()
}

/// Whether what stands before the offset of a generation stands in a plain file.
fn goes_on(beginning: &Beginning, generation: &Generation) -> bool {
    let before = beginning.before(generation.offset, generation.tail.len());
    before.is_some_and(|before| Print::of(&before) == generation.tail)
}

/// Generations by log, and by file.
struct Known<'g> {
    generations: &'g [Generation],
    of_log: HashMap<&'g Path, Vec<usize>>,
    of_file: HashMap<(u64, u64), Vec<usize>>,
}

impl<'g> Known<'g> {
    fn of(generations: &'g [Generation], families: &'g [PathBuf]) -> Known<'g> {
        let mut known = Known { generations, of_log: HashMap::new(), of_file: HashMap::new() };
        for (at, (generation, family)) in generations.iter().zip(families).enumerate() {
            known.of_log.entry(family).or_default().push(at);
            known.of_file.entry((generation.stamp.device, generation.stamp.inode)).or_default().push(at);
        }
        known
    }
}

/// Decides between a new content, and a copy of one that is read elsewhere.
fn settle_new(
    file: usize,
    log: Range<usize>,
    found: &[Found],
    turns: &mut [Turn],
    known: &Known<'_>,
    claimed: &[bool],
) {
    let Turn::New { beginning, .. } = &turns[file] else { return };
    let this = &found[file];
    let of_log = known.of_log.get(this.family.as_path()).map_or(&[][..], Vec::as_slice);
    let begun = || {
        let related = of_log.iter().map(|at| (*at, &known.generations[*at]));
        related.filter(|(_, generation)| !generation.head.is_empty() && generation.begins(&beginning.start))
    };
    let here = known.of_file.get(&(this.stamp.device, this.stamp.inode)).map_or(&[][..], Vec::as_slice);
    let was_here = here.iter().any(|at| known.generations[*at].offset > 0);
    // Packing makes a new file beside the old one, which goes away when all of it was packed.
    let is_beside = beginning.is_packed() && begun().any(|(at, _)| claimed[at]);
    let is_shorter =
        |one: &Generation| one.head.len() == HEAD && !beginning.is_packed() && one.offset > this.stamp.size;
    // Where the other file is there, it can be compared.
    let is_shorter_copy = !was_here && begun().any(|(at, one)| !claimed[at] && is_shorter(one));
    if is_beside || is_shorter_copy || is_prefix_of_another(file, log, found, turns) {
        turns[file] = Turn::Copy;
    } else if let Turn::New { replaced, .. } = &mut turns[file] {
        *replaced = was_here && here.iter().any(|at| known.generations[*at].path == this.path);
    }
}

/// Whether another file of the log begins with all that this one holds.
fn is_prefix_of_another(file: usize, mut log: Range<usize>, found: &[Found], turns: &[Turn]) -> bool {
    let Turn::New { beginning: this, .. } = &turns[file] else { return false };
    let size = found[file].stamp.size;
    log.any(|other| {
        if other == file {
            return false;
        }
        if this.is_packed() {
            // While a file is packed it is still there.
            let beginning = beginning_of(&turns[other], &found[other]);
            return beginning.is_some_and(|other| !other.is_packed() && other.start.starts_with(&this.start));
        }
        let is_larger = found[other].stamp.size > size;
        let is_known = matches!(turns[other], Turn::GoesOn(..) | Turn::Settled(_));
        let is_first = found[other].stamp.size == size && (is_known || other > file);
        if !(is_larger || is_first) {
            return false;
        }
        let Some(beginning) = beginning_of(&turns[other], &found[other]) else { return false };
        if beginning.is_packed() || !beginning.start.starts_with(&this.start) {
            return false;
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(HEAD);
        match (this.before(size, length), beginning.before(size, length)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        }
    })
}

/// What a file begins with that is read, or was.
fn beginning_of(turn: &Turn, found: &Found) -> Option<Beginning> {
    match turn {
        Turn::GoesOn(_, beginning) | Turn::New { beginning, .. } => Some(beginning.clone()),
        Turn::Settled(_) => Beginning::of(&found.path).ok(),
        Turn::Copy | Turn::Empty | Turn::Fault(_) => None,
    }
}
