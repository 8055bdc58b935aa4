//! A regular expression whose named groups are the fields of a line.

use std::borrow::Cow;
use std::cell::RefCell;

use regex_automata::dfa::onepass::{Cache, DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::compile::Role;
use super::escape::Escape;
use super::gather::{Computed, Gathered, Times, list};
use super::keys::Dialect;
use super::lexicon::{Entry, Lexicon};
use crate::engine::{Event, Value};
use crate::source::{Refused, Wanted};

/// A regular expression, compiled; it matches from the start of a line.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Its named groups in order; the slots of group `n` are `2n + 2` and `2n + 3`.
    groups: Vec<String>,
    automaton: Automaton,
    pub warnings: Vec<String>,
    pub has_time: bool,
    /// Whether the time is that of the start of the request.
    pub is_start: bool,
    /// Whether it is, and no duration leads to its end.
    pub starts_at_request: bool,
}

#[derive(Clone, Debug)]
enum Automaton {
    /// Groups are found in the one pass that a match takes.
    OnePass(Box<DFA>),
    Other(Box<meta::Regex>),
}

/// The most memory of a compiled expression, in bytes.
const MOST_BYTES: usize = 4 << 20;

impl Pattern {
    /// Reads a regular expression in the syntax of Rust's `regex` crate: `(?P<name>…)` or `(?<name>…)` are fields.
    ///
    /// # Errors
    /// What is wrong with it, or that no group has a name.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let fail = |error: &dyn std::fmt::Display| format!("the regular expression cannot be read: {error}");
        let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(text);
        let parsed = parsed.map_err(|error| fail(&error))?;
        let mut groups = Vec::new();
        let hir = only_named(&parsed, &mut groups);
        if groups.is_empty() {
            return Err("the regular expression has no named group: write fields as `(?P<status>\\d+)`".to_owned());
        }
        let mut warnings = Vec::new();
        let automaton = match one_pass(&hir) {
            Ok(dfa) => Automaton::OnePass(Box::new(dfa)),
            Err(why) => {
                warnings.push(hint(&hir, &groups).unwrap_or(format!("it is slow, as {why}")));
                let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(MOST_BYTES));
                let built = meta::Builder::new().configure(config).build_from_hir(&hir);
                Automaton::Other(Box::new(built.map_err(|error| fail(&error))?))
            }
        };
        let lexicon = Lexicon::new(Dialect::Plain, &Wanted::default());
        let role = |name: &String| lexicon.find(name.as_bytes()).map_or(Role::Plain, |entry| entry.role);
        let roles: Vec<Role> = groups.iter().map(role).collect();
        let has = |fits: fn(&Role) -> bool| roles.iter().any(fits);
        let has_end = has(|role| matches!(role, Role::Time(_)));
        let has_start = has(|role| matches!(role, Role::StartTime(_)));
        if !has_end && !has_start {
            warnings
                .push("it has no group `time`: only lines behind a prefix that has one (syslog, CRI) are read".into());
        }
        let is_start = has_start && !has_end;
        let starts_at_request = is_start && !has(|role| matches!(role, Role::Duration { .. }));
        Ok(Pattern { groups, automaton, warnings, has_time: has_end || has_start, is_start, starts_at_request })
    }
}

/// The expression, with only those groups that have a name.
fn only_named(hir: &Hir, groups: &mut Vec<String>) -> Hir {
    match hir.kind() {
        HirKind::Capture(capture) => match &capture.name {
            Some(name) => {
                groups.push(name.to_string());
                let mut capture = capture.clone();
                capture.index = u32::try_from(groups.len()).unwrap_or(u32::MAX);
                capture.sub = Box::new(only_named(&capture.sub, groups));
                Hir::capture(capture)
            }
            None => only_named(&capture.sub, groups),
        },
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(only_named(&repetition.sub, groups));
            Hir::repetition(repetition)
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| only_named(part, groups)).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(|part| only_named(part, groups)).collect()),
        _ => hir.clone(),
    }
}

fn one_pass(hir: &Hir) -> Result<DFA, String> {
    let config =
        thompson::Config::new().utf8(false).nfa_size_limit(Some(MOST_BYTES)).which_captures(WhichCaptures::All);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).map_err(|error| error.to_string())?;
    let config = DFA::config().match_kind(MatchKind::LeftmostFirst).size_limit(Some(MOST_BYTES));
    DFA::builder().configure(config).build_from_nfa(nfa).map_err(|error| error.to_string())
}

/// Which change makes an expression one that is matched in one pass.
fn hint(hir: &Hir, groups: &[String]) -> Option<String> {
    if groups.len() > 16 {
        return Some(format!("it is slow, as it has {} named groups: name at most 16", groups.len()));
    }
    let mut flat = Vec::new();
    flatten(hir, None, &mut flat);
    for (at, (part, group)) in flat.iter().enumerate() {
        let HirKind::Repetition(repetition) = part.kind() else { continue };
        let Some(next) = flat[at + 1..].iter().find_map(|(next, _)| first_byte(next)) else { continue };
        if repetition.max != repetition.min.into() && holds(&repetition.sub, next) {
            let place = group.map_or_else(|| format!("`{part}`"), |group| format!("the group `{group}`"));
            let next = char::from(next);
            let class = if matches!(next, ']' | '\\' | '^') { format!("\\{next}") } else { next.to_string() };
            return Some(format!(
                "it is slow, as {place} may go on over the `{next}` that ends it: write `[^{class}]*` there"
            ));
        }
    }
    None
}

/// The parts of an expression in order, with the named group that each is in.
fn flatten<'h>(hir: &'h Hir, group: Option<&'h str>, out: &mut Vec<(&'h Hir, Option<&'h str>)>) {
    match hir.kind() {
        HirKind::Capture(capture) => flatten(&capture.sub, capture.name.as_deref().or(group), out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| flatten(part, group, out)),
        _ => out.push((hir, group)),
    }
}

/// The byte that a part begins with, if that is one.
fn first_byte(hir: &Hir) -> Option<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.first().copied(),
        HirKind::Class(Class::Bytes(class)) => {
            class.literal().and_then(|literal| literal.first().copied()).or(Some(class.ranges().first()?.start()))
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => first_byte(&repetition.sub),
        _ => None,
    }
}

fn holds(hir: &Hir, byte: u8) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().any(|range| range.start() <= byte && byte <= range.end())
        }
        HirKind::Class(Class::Unicode(_)) => true,
        HirKind::Literal(literal) => literal.0.contains(&byte),
        HirKind::Capture(capture) => holds(&capture.sub, byte),
        HirKind::Repetition(repetition) => holds(&repetition.sub, byte),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(|part| holds(part, byte)),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

/// Reads lines by a regular expression.
#[derive(Debug)]
pub struct Matcher {
    pattern: Pattern,
    /// One for each group.
    entries: Vec<Entry>,
    computed: Computed,
    search: RefCell<Search>,
}

#[derive(Debug)]
struct Search {
    cache: Option<Cache>,
    slots: Vec<Option<NonMaxUsize>>,
}

impl Matcher {
    pub fn new(pattern: &Pattern, wanted: &Wanted) -> Matcher {
        let lexicon = Lexicon::new(Dialect::Plain, wanted);
        let keys: Vec<&[u8]> = pattern.groups.iter().map(String::as_bytes).collect();
        let entries = lexicon.entries(&keys).into_iter().map(|(_, entry)| entry).collect();
        let cache = match &pattern.automaton {
            Automaton::OnePass(dfa) => Some(dfa.create_cache()),
            Automaton::Other(_) => None,
        };
        let slots = vec![None; 2 * pattern.groups.len() + 2];
        let search = RefCell::new(Search { cache, slots });
        Matcher { pattern: pattern.clone(), entries, computed: Computed::new(wanted), search }
    }

    /// Reads one line into an event that carries nothing yet.
    ///
    /// # Errors
    /// That the expression does not match, and those of [`Gathered::finish`].
    pub fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>, times: &Times<'_>) -> Result<(), Refused> {
        let mut gathered = Gathered::default();
        self.each(line, &mut |at, value: &'a [u8]| {
            let entry = &self.entries[at];
            if !entry.names.is_empty() && !Escape::Default.is_absent(value) && !value.is_empty() {
                for name in &entry.names {
                    let value = Cow::Borrowed(value);
                    let value = if entry.is_list { list(value) } else { Value::Text(value) };
                    event.attributes.push((Cow::Borrowed(name), value));
                }
            }
            gathered.take(entry, Cow::Borrowed(value), times);
        })?;
        gathered.finish(&self.computed, times, event)
    }

    /// Calls `f` with the name of each group that took part, and its text.
    ///
    /// # Errors
    /// That the expression does not match.
    pub fn each_field(&self, line: &[u8], f: &mut dyn FnMut(&str, &[u8])) -> Result<(), Refused> {
        self.each(line, &mut |at, value| f(&self.pattern.groups[at], value))
    }

    fn each<'a>(&self, line: &'a [u8], f: &mut dyn FnMut(usize, &'a [u8])) -> Result<(), Refused> {
        let mut search = self.search.borrow_mut();
        let Search { cache, slots } = &mut *search;
        let input = Input::new(line).anchored(Anchored::Yes);
        let matched = match (&self.pattern.automaton, cache) {
            (Automaton::OnePass(dfa), Some(cache)) => dfa.try_search_slots(cache, &input, slots).ok().flatten(),
            (Automaton::Other(regex), _) => regex.search_slots(&input, slots),
            (Automaton::OnePass(_), None) => None,
        };
        matched.ok_or_else(|| Refused::expected("a line that the regular expression matches from its start", 0))?;
        for at in 0..self.pattern.groups.len() {
            if let (Some(start), Some(end)) = (slots[2 * at + 2], slots[2 * at + 3]) {
                f(at, &line[start.get()..end.get()]);
            }
        }
        Ok(())
    }
}
