//! Where transitions go.

use super::notifiers::one_and;
use super::{code, error, kind, lint};
use crate::edn::{Diagnostic, Form, Kind, Span};

const OPERATORS: &str = "the operators are `where by changed throttle rollup with sdo notify`";

/// How many names a message lists.
const LISTED: usize = 5;

pub fn routes_is_no_vector(form: &Form) -> Diagnostic {
    let expected = "a vector of operators, such as `[(notify :hook)]`";
    let draft = super::wrong_kind(form, "`:routes`", expected);
    match &form.kind {
        Kind::List(_) => draft.help("put it into brackets: `:routes [(…)]`"),
        _ => draft.help("write `:routes [(where (= :severity \"page\") (notify :hook) (else (notify :log)))]`"),
    }
}

/// `known`: it is the name of a notifier.
pub fn no_operator(form: &Form, known: Option<&str>) -> Diagnostic {
    let help = match (&form.kind, known) {
        (_, Some(name)) => format!("write `(notify :{name})`"),
        (Kind::Keyword(name), None) if name.len() <= 40 => format!("to tell a notifier write `(notify :{name})`"),
        (Kind::Vector(_), None) => {
            "write each operator as a list in round brackets; `(sdo CHILD…)` holds several".to_string()
        }
        _ => OPERATORS.to_string(),
    };
    let found = match &form.kind {
        Kind::List(_) => "an empty list".to_string(),
        _ => kind(form),
    };
    error("T130", form.span, format!("an operator is a list such as `(notify :hook)`, not {found}"))
        .here("expected an operator")
        .help(help)
}

pub fn operator_is_no_symbol(head: &Form) -> Diagnostic {
    let help = match &head.kind {
        Kind::Keyword(name) | Kind::String(name) if name.len() <= 40 => match name.as_ref() {
            "where" | "by" | "changed" | "throttle" | "rollup" | "with" | "sdo" | "notify" => {
                format!("write `({name} …)`, without a colon and without quotes")
            }
            _ => format!("to tell a notifier write `(notify :{name})`"),
        },
        _ => OPERATORS.to_string(),
    };
    error("T146", head.span, format!("a list starts with an operator here, not with {}", kind(head)))
        .here("expected an operator")
        .help(help)
}

pub fn unknown_operator(span: Span, name: &str, meant: Option<&str>, instead: Option<&str>) -> Diagnostic {
    error("T131", span, format!("there is no operator {}", code(name))).here("unknown operator").help(
        match (meant, instead) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, Some(instead)) => instead.to_string(),
            (None, None) => OPERATORS.to_string(),
        },
    )
}

pub fn arguments_left_out(span: Span, name: &str, usage: &str) -> Diagnostic {
    let what = match name {
        "throttle" | "rollup" => "N, a time in seconds, and then its children",
        "by" => "a vector of fields, and then its children",
        "changed" => "an expression, and then its children",
        "with" => "a map of keys and values, and then its children",
        _ => "a condition, and then its children",
    };
    error("T132", span, format!("`{name}` takes {what}"))
        .here("something is missing in front of its children")
        .help(format!("write `{usage}`"))
}

pub fn no_child(span: Span, name: &str, usage: &str) -> Diagnostic {
    error("T133", span, format!("nothing stands behind `{name}`, so nobody would be told"))
        .here("expected a child")
        .help(format!("write `{usage}`, where a child is an operator such as `(notify :hook)`"))
}

pub fn else_elsewhere(span: Span) -> Diagnostic {
    error("T134", span, "`else` stands in a `where`, as its last part")
        .here("belongs to no `where`")
        .help("write `(where CONDITION CHILD… (else CHILD…))`; look for a bracket that closes too early")
}

/// What stands behind the `else` of a `where`.
pub fn behind_else(span: Span, is_else: bool, first: Option<Span>) -> Diagnostic {
    let (message, help) = match is_else {
        true => ("a `where` has one `else`", "merge the two, or write another `where` in the first"),
        false => ("`else` stands last in a `where`", "move this in front of the `else`, or into it"),
    };
    let draft = error("T135", span, message).here("behind the `else`").help(help);
    match first {
        Some(first) => draft.also(first, "the `else`"),
        None => draft,
    }
}

pub fn unknown_notifier(span: Span, name: &str, known: &[&str], meant: Option<&str>) -> Diagnostic {
    let shown: Vec<String> = known.iter().take(LISTED).map(|name| format!("`:{name}`")).collect();
    let more = known.len().saturating_sub(shown.len());
    let list = if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { one_and(&shown) };
    let there_is = if known.len() == 1 { "there is" } else { "there are" };
    error("T136", span, format!("there is no notifier {}", code(&format!(":{name}")))).here("not in `:notifiers`").help(
        match meant {
            Some(meant) => format!("did you mean `:{meant}`? {there_is} {list}"),
            None => format!("{there_is} {list}; define it: {}", code(&format!(":notifiers {{:{name} {{…}}}}"))),
        },
    )
}

pub fn nobody_to_notify(span: Span, known: &[&str], most: usize) -> Diagnostic {
    let example = known.iter().find(|name| **name != "log").unwrap_or(&"log");
    error("T137", span, format!("`notify` names 1 to {most} notifiers"))
        .here("expected names of notifiers")
        .help(format!("write `(notify :{example})`"))
}

pub fn notify_takes_names(form: &Form) -> Diagnostic {
    let help = match &form.kind {
        Kind::String(name) | Kind::Symbol(name) if name.len() <= 40 && !name.contains(char::is_whitespace) => {
            format!("write `(notify :{name})`")
        }
        Kind::Vector(_) | Kind::Set(_) => "write the names one after the other: `(notify :a :b)`".to_string(),
        Kind::List(_) => "nothing stands behind `notify`; `(sdo CHILD…)` does several things".to_string(),
        _ => "write `(notify :hook)`".to_string(),
    };
    error("T138", form.span, format!("`notify` takes names of notifiers, not {}", kind(form)))
        .here("expected a keyword")
        .help(help)
}

pub fn by_of_nothing(span: Span) -> Diagnostic {
    error("T139", span, "`by` names no field")
        .here("expected at least one field")
        .help("write `(by [:service] CHILD…)`")
}

pub fn with_of_nothing(span: Span) -> Diagnostic {
    error("T140", span, "`with` changes nothing")
        .here("expected at least one key")
        .help("write `(with {:severity \"ticket\"} CHILD…)`")
}

pub fn key_of_what_happened(span: Span, name: &str) -> Diagnostic {
    let help = match name {
        "labels" => "name the label itself: `(with {:team \"search\"} CHILD…)`",
        _ => "`with` changes `:severity`, `:description`, `:runbook`, `:summary` and labels",
    };
    error("T141", span, format!("{} says what happened, and cannot be told otherwise", code(&format!(":{name}"))))
        .here("a transition's own key")
        .help(help)
}

pub fn init_reads_a_field(span: Span, name: &str) -> Diagnostic {
    let shown = code(&format!("\"{name}\""));
    error("T142", span, format!("{} is a field here, and `:init` is a value", code(&format!(":{name}"))))
        .here("expected a text, a number, true, false or nil")
        .help(format!("write {shown} for the text"))
}

pub fn routes_too_deep(span: Span, most: usize) -> Diagnostic {
    error("T143", span, "operators are nested too deep")
        .here(format!("more than {most} levels"))
        .help("write it flatter: `and` takes any number of conditions, and `sdo` any number of children")
}

pub fn too_many_operators(span: Span, most: usize) -> Diagnostic {
    error("T144", span, format!("`:routes` has more than {most} operators")).here("too many").help(
        "labels say who is responsible without one `where` for each: `(by [:team] …)`, or a receiver that routes by label",
    )
}

pub fn routes_empty(span: Span) -> Diagnostic {
    lint("W026", span, "nobody is ever told: `:routes` is empty")
        .here("no route")
        .help("write `[(notify :log)]`; or leave `:routes` out, and each transition goes to standard output")
}

pub fn unused_notifier(span: Span, name: &str) -> Diagnostic {
    lint("W027", span, format!("no route names {}: it is never told anything", code(&format!(":{name}"))))
        .here("never told")
        .help(format!("write `(notify :{name})` in `:routes`, or leave it out"))
}

pub fn notifiers_without_routes(span: Span) -> Diagnostic {
    lint("W028", span, "there are no `:routes`, so each transition goes to standard output, and to nobody else")
        .here("never told")
        .help("write `:routes [(notify :NAME)]`")
}

pub fn never_hears_recoveries(span: Span) -> Diagnostic {
    lint("W029", span, "a recovery asks no route: it follows its violation to all who were told")
        .here("never true")
        .help("leave it out: routes choose who hears of violations, and the same people hear of their end")
}

/// What can be said of a condition that is never true.
pub enum Why {
    /// No transition that comes here has the field.
    NoField(String),
    /// The values of the field that come here.
    Values { field: String, wanted: Option<String>, meant: Option<String>, there: Vec<String>, is_narrowed: bool },
    /// Its parts are true of different thresholds.
    Parts,
    /// Nothing more.
    Unknown,
}

pub fn condition_never_true(span: Span, why: Why) -> Diagnostic {
    let (message, here, help) = match why {
        Why::NoField(field) => return field_of_no_transition(span, &field, None, false),
        Why::Values { field, wanted, meant, there, is_narrowed } => {
            let shown: Vec<String> =
                there.iter().take(LISTED).map(|text| format!("`\"{}\"`", text.escape_default())).collect();
            let more = there.len().saturating_sub(shown.len());
            let list = if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { one_and(&shown) };
            let whose = if is_narrowed { "no threshold that comes here has" } else { "no threshold has" };
            let subject = match &wanted {
                Some(wanted) => code(&format!(":{field} \"{wanted}\"")),
                None => format!("such a {}", code(&format!(":{field}"))),
            };
            let there_is = if there.len() == 1 { "there is" } else { "there are" };
            let help = match meant {
                Some(meant) => format!("did you mean `\"{}\"`?", meant.escape_default()),
                None => "correct the condition, or leave it out with its children".to_string(),
            };
            (format!("{whose} {subject}; {there_is} {list}"), "never true", help)
        }
        Why::Parts => (
            "no threshold that comes here has all of this".to_string(),
            "each part is true of another one",
            "write `or` for `and`, or a `where` for each".to_string(),
        ),
        Why::Unknown => (
            "this condition is true of no threshold that comes here".to_string(),
            "never true",
            "correct it, or leave it out with its children; a condition around it may exclude it".to_string(),
        ),
    };
    lint("W030", span, message).here(here).help(help)
}

pub fn else_never_reached(span: Span, condition: Span) -> Diagnostic {
    lint("W031", span, "this `else` is never reached")
        .here("nothing comes here")
        .also(condition, "true of every threshold that comes here")
        .help("leave the `else` out, or correct the condition")
}

/// `is_value`: a text was probably meant.
pub fn field_of_no_transition(span: Span, field: &str, meant: Option<&str>, is_value: bool) -> Diagnostic {
    let shown = code(&format!(":{field}"));
    let help = match (meant, is_value) {
        (_, true) => format!("write {} for the text", code(&format!("\"{field}\""))),
        (Some(meant), _) => format!("did you mean `:{meant}`?"),
        (None, _) if field == "tags" => {
            "thresholds have `:labels`; ask for one by its name: `(= :team \"search\")`".to_string()
        }
        (None, _) => {
            "a transition has its own keys, the `:labels` of its threshold, and what the threshold groups `:by`"
                .to_string()
        }
    };
    lint("W032", span, format!("no transition has {shown}")).here("always nil").help(help)
}

pub fn untold(span: Span, ids: &[&str], count: usize) -> Diagnostic {
    let shown: Vec<String> = ids.iter().map(|id| code(id)).collect();
    let more = count.saturating_sub(shown.len());
    let list = if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { one_and(&shown) };
    let subject = if count == 1 { "1 threshold".to_string() } else { format!("{count} thresholds") };
    lint("W033", span, format!("the violations of {subject} reach no notifier: {list}"))
        .here("no route is theirs")
        .help("add a route for them, such as `(else (notify :log))`; or say `:shadow true` in those that nobody is to hear of")
}

pub fn one_label_twice(span: Span, notifier: &str, one: &str, other: &str) -> Diagnostic {
    let (one, other) = (code(one), code(other));
    error("T147", span, format!("{one} and {other} would be one label at the Alertmanager of `:{notifier}`"))
        .here("two names for one label")
        .help(format!("give {other} another name: labels have letters, digits and `_` only, and `alertname`, `instance`, `service` and `severity` are taken"))
}

pub fn label_like_a_key(span: Span, name: &str, meant: &str) -> Diagnostic {
    lint("W036", span, format!("this sets a label {}", code(name)))
        .here("a label, as any other name")
        .help(format!("did you mean `:{meant}`?"))
}
