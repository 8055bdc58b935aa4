//! Where points go. What may be a secret is part of no message.

use super::{error, one_of};
use crate::edn::{Diagnostic, Span};

/// `names_one`: it names an endpoint; else it has a query.
pub fn url_of_an_endpoint(span: Span, server: &str, names_one: bool, example: &str) -> Diagnostic {
    let (here, why) = match names_one {
        true => ("with the path of an endpoint", "leave out the path"),
        false => ("with a query", "leave out `?` and what stands behind it"),
    };
    error("T185", span, format!("`:url` of {server} is that of the server"))
        .here(here)
        .help(format!("{why}: what is needed is added; write `\"{example}\"`"))
}

/// `said` is where the version stands; without it, it was deduced.
pub fn option_of_other_version(
    span: Span,
    name: &str,
    version: u64,
    versions: &[u64],
    said: Option<Span>,
) -> Diagnostic {
    let versions: Vec<String> = versions.iter().map(u64::to_string).collect();
    let draft = error("T186", span, format!("InfluxDB {version} has no `:{name}`"))
        .here(format!("an option of version {}", one_of(&versions)));
    let remedy = match version {
        1 => "version 1 is written to with `:db`, `:rp`, `:user` and `:password`",
        2 => "version 2 is written to with `:org`, `:bucket` and `:token`",
        _ => "version 3 is written to with `:db` and `:token`",
    };
    match said {
        Some(place) => draft.also(place, "the version").help(remedy),
        None => draft.help(format!("{remedy}; write `:version` to say which one it is")),
    }
}
