//! What of an event comes of each field of a line, for people.

use std::cmp::Reverse;

use super::compile::Role;
use super::keys::{self, Dialect};
use super::{LogFormat, Split, Syntax, pairs};

/// What a field of a line means.
struct Meaning {
    role: Role,
    /// Of several with one role the highest counts.
    rank: u8,
    /// Of the attribute.
    name: String,
}

/// The fields of an event that come of roles, and those that no attribute is called by.
const FIELDS: [&str; 13] = [
    "time",
    "host",
    "state",
    "description",
    "metric",
    "status-code",
    "method",
    "path",
    "query",
    "protocol",
    "service",
    "tags",
    "ttl",
];

impl LogFormat {
    /// The attributes that its lines can have, where the format says that: with `-`, as they are asked for.
    pub fn attributes(&self) -> Option<Vec<String>> {
        let Syntax::Scanned(compiled) = &self.syntax else { return None };
        let computed = ["status-code", "method", "path", "query", "protocol"].map(str::to_owned);
        let names = compiled.steps.iter().map(|step| step.variable.name.replace('_', "-"));
        Some(names.chain(computed).collect())
    }

    /// Of each field of a line, the names of the fields of an event that come of it, as far as the event has them.
    pub fn uses(&self, split: &Split) -> Vec<Vec<String>> {
        let meanings: Vec<Meaning> = split.iter().map(|(label, value)| self.meaning(label, value)).collect();
        let mut uses = vec![Vec::new(); meanings.len()];
        for field in FIELDS {
            let of = |at: &usize| (weight(field, meanings[*at].role), meanings[*at].rank, Reverse(*at));
            let best = (0..meanings.len()).max_by_key(of);
            let Some(best) = best.filter(|best| of(best).0 > 0) else { continue };
            // What several say together is of each.
            let role = meanings[best].role;
            let is_part = matches!(role, Role::DurationPart { .. } | Role::Date | Role::Clock);
            for (at, meaning) in meanings.iter().enumerate() {
                let also = is_part && weight(field, meaning.role) > 0;
                if at == best || also {
                    uses[at].push(field.to_owned());
                }
            }
        }
        for (at, Meaning { name, .. }) in meanings.iter().enumerate() {
            let is_first = meanings[..at].iter().all(|before| before.name != *name);
            if is_first && !FIELDS.contains(&name.as_str()) {
                uses[at].push(name.clone());
            }
        }
        uses
    }

    /// A field without a value says nothing, but is an attribute where that is 0.
    fn meaning(&self, label: &str, value: &[u8]) -> Meaning {
        let of_key = |dialect| keys::rows(dialect).filter(|(key, ..)| *key == label).last();
        let row = match &self.syntax {
            Syntax::Scanned(compiled) => {
                let variables = compiled.steps.iter().map(|step| &step.variable);
                let variable = variables.into_iter().find(|variable| variable.label == label);
                variable.map(|variable| (variable.name.as_str(), variable.role, 0))
            }
            Syntax::Columns(dialect) | Syntax::Objects { dialect, .. } => of_key(*dialect),
            Syntax::Pairs(pairs::Syntax::Ltsv) => of_key(Dialect::Ltsv),
            Syntax::Pairs(pairs::Syntax::Logfmt) | Syntax::Pattern(_) => of_key(Dialect::Plain),
        };
        let (name, role, rank) = row.unwrap_or((label, Role::Plain, 0));
        let role = if matches!(value, b"" | b"-") { Role::Plain } else { role };
        Meaning { role, rank, name: name.to_owned() }
    }
}

/// How well a role says a field: the highest counts, 0 does not.
fn weight(field: &str, role: Role) -> u8 {
    match (field, role) {
        ("time", Role::Time(_)) => 2,
        ("time", Role::StartTime(_) | Role::Date | Role::Clock) => 1,
        ("host", Role::UrlRequest) => 1,
        ("host", Role::Host { rank }) => 1 + rank,
        ("state", Role::State) => 1,
        ("description", Role::Description) => 1,
        ("metric", Role::Duration { .. } | Role::DurationPart { .. }) => 1,
        ("status-code", Role::Status) => 1,
        ("method", Role::Method) => 2,
        ("method", Role::Request | Role::UrlRequest) => 1,
        ("path", Role::Request | Role::UrlRequest) => 2,
        ("path", Role::Uri) => 1,
        ("query", Role::Args) => 3,
        ("query", Role::Request | Role::UrlRequest) => 2,
        ("query", Role::Uri) => 1,
        ("protocol", Role::Protocol) => 2,
        ("protocol", Role::Request | Role::UrlRequest) => 1,
        _ => 0,
    }
}
