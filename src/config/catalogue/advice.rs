//! Lints of thresholds that are right, and what is said of `:lint`.

use super::notifiers::one_and;
use super::{SHOWN, code, error, lint};
use crate::edn::{Diagnostic, Span};
use crate::plan::{Decimal, Threshold};

/// The codes of all lints, in order.
pub const LINTS: [&str; 53] = [
    "W001", "W002", "W003", "W004", "W005", "W006", "W007", "W008", "W009", "W010", "W011", "W012", "W013", "W014",
    "W015", "W016", "W017", "W018", "W019", "W020", "W021", "W022", "W023", "W024", "W025", "W026", "W027", "W028",
    "W029", "W030", "W031", "W032", "W033", "W034", "W035", "W036", "W037", "W040", "W041", "W042", "W043", "W044",
    "W045", "W046", "W047", "W048", "W049", "W050", "W051", "W052", "W053", "W060", "W061",
];

/// Where a check begins.
fn at(span: Span) -> Span {
    Span { end: span.start + 1, ..span }
}

/// What to type so that one value does not decide; it is in so many windows.
fn not_by_one(needed: u64, hops: i64) -> String {
    match hops {
        hops if hops < 20 => {
            format!("add `:for {}`; or `:min-count {needed}`, which says nothing of windows with fewer", hops + 1)
        }
        _ => format!("add `:min-count {needed}`, which says nothing of windows with fewer; or a longer `:every`"),
    }
}

pub fn one_value_decides(span: Span, quantile: Decimal, (needed, hops): (u64, i64), others: usize) -> Diagnostic {
    let percent = Decimal::parse(&format!("{quantile}e2")).unwrap_or(quantile);
    let here = match others {
        0 => "judged with fewer, too".to_string(),
        n => format!("judged with fewer, too, as {n} more of this service"),
    };
    lint("W040", at(span), format!("below {needed} values in a window one slow request violates p{percent}"))
        .here(here)
        .help(format!(
            "{}; or allow this if there are always more: `:lint {{:allow [W040]}}`",
            not_by_one(needed, hops)
        ))
}

pub fn one_value_decided(
    threshold: &Threshold,
    (needed, hops): (u64, i64),
    (few, windows): (usize, usize),
    a_day: f64,
) -> Diagnostic {
    let often = match a_day {
        rare if rare < 0.005 => "less than once in half a year".to_string(),
        a_day => format!("about {a_day:.2} times a day"),
    };
    let message =
        format!("in {few} of {windows} windows of the history one slow request decided: violated by chance {often}");
    lint("W040", at(threshold.span), message)
        .here(format!("fewer than {needed} values"))
        .help(format!("{}; or a longer `:interval`", not_by_one(needed, hops)))
}

pub fn uncovered(threshold: &Threshold, values: &[String], count: usize, share: f64) -> Diagnostic {
    let shown: Vec<String> = values.iter().map(|value| code(value)).collect();
    let more = count.saturating_sub(shown.len());
    let list = if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { one_and(&shown) };
    let verb = if count == 1 { "is" } else { "are" };
    let field = code(&format!(":{}", threshold.measure.field().name()));
    let percent = 100.0 * share;
    lint(
        "W047",
        at(threshold.span),
        format!("{list} of {field} {verb} matched by no pattern: {percent:.1} % of the values"),
    )
    .here("of the patterns of this field")
    .help("add a pattern for them; or allow this if they are meant to count as neither: `:lint {:allow [W047]}`")
}

pub fn silence_unnoticed(span: Span, service: &str) -> Diagnostic {
    let shown: String = service.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    lint("W041", at(span), format!("nothing notices when {} falls silent", code(&format!("{service:?}"))))
        .here("needs events to be judged")
        .help(format!(
            "add `:no-data :violation` here; or a check of its own: `:histograms {{{shown:?} {{:metric {{\".*\" {{:type \
             :count :> 0 :interval 300}}}}}}}}`"
        ))
}

pub fn silence_waits_for_events(span: Span) -> Diagnostic {
    lint("W041", at(span), "`:min-count` keeps this count from noticing silence")
        .here("with fewer events it is not judged")
        .help("leave `:min-count` out, or add `:no-data :violation`")
}

pub fn service_like_a_pattern(span: Span, name: &str) -> Diagnostic {
    let core = name.trim().trim_start_matches('^').trim_end_matches(['$', '*', '.']);
    lint("W050", at(span), format!("the service {} is a name, not a pattern", code(&format!("{name:?}"))))
        .here("only events of a service that is called exactly so")
        .help(format!("write {} for all that begin so", code(&format!("#re \"^{core}\""))))
}

pub fn silence_is_well(span: Span) -> Diagnostic {
    lint("W042", at(span), "`:no-data :ok` ends the violation of a service that has died")
        .here("a window without events is ok")
        .help("leave it out: the status stays; or write `:no-data :violation`")
}

pub fn matches_no_code(span: Span, pattern: &str) -> Diagnostic {
    lint("W043", at(span), format!("the pattern {} matches no status code from 100 to 599", code(pattern)))
        .here("counts nothing")
        .help("write `^5` for all that begin with 5, `^50[0-9]$` for 500 to 509")
}

pub fn same_codes(span: Span, pattern: &str, first: Span, other: &str) -> Diagnostic {
    lint("W044", at(span), format!("{} matches the same status codes as {}", code(pattern), code(other)))
        .here("the same in other words")
        .also(at(first), "first here")
        .help("put both checks in one vector under one of the patterns, or mend the one that is wrong")
}

pub fn days_are_utc(span: Span, others: usize) -> Diagnostic {
    lint("W045", at(span), "windows of a day begin at midnight UTC")
        .here(match others {
            0 => "judged once a day".to_string(),
            n => format!("judged once a day, as {n} more"),
        })
        .help("add `:every 3600` for the last day at each hour; or allow this if midnight UTC is meant: `:lint {:allow [W045]}`")
}

pub fn ids_change(span: Span, others: usize, notifier: &str) -> Diagnostic {
    let subject = match others {
        0 => "this threshold has no `:name`".to_string(),
        n => format!("this threshold and {n} more have no `:name`"),
    };
    let message = format!("{subject}: another interval or pattern makes it another threshold");
    lint("W046", at(span), message).here("its id is its path and its interval").help(format!(
        "add a `:name`, so that an edit goes on with what is open at `:{notifier}` instead of closing it and opening it \
         anew"
    ))
}

pub fn no_such_lint(span: Span, name: &str, meant: Option<&str>) -> Diagnostic {
    let draft = error("T167", span, format!("there is no lint {}", code(name))).here("expected a code, such as `W012`");
    match meant {
        Some(meant) => draft.help(format!("did you mean `{meant}`?")),
        None => draft.help("docs/codes.md lists them; each is said with its code"),
    }
}

pub fn error_is_not_allowed(span: Span, name: &str) -> Diagnostic {
    error("T168", span, format!("{} is an error, and only lints can be allowed", code(name)))
        .here("expected the code of a lint, `W…`")
        .help("mend what it says")
}
