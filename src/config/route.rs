//! `:routes`: a closed set of operators, each checked when it is read.

mod words;

use super::context::Context;
use super::values;
use super::{catalogue, expression, suggest, time};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Expression, Field, Route};
use crate::route::CHANGEABLE;
use words::{INSTEAD, OTHER_WORDS, OWN};

/// What was read of `:routes`, over all files.
#[derive(Default)]
pub(super) struct Routes<'f> {
    pub routes: Vec<Route>,
    /// The form of each operator, parents first, in the order of [`crate::route::reach`].
    pub places: Vec<&'f Form>,
    /// Each name that stands in a `notify`.
    pub named: Vec<(&'f str, Span)>,
    /// Places of the vectors, and how many forms stand in them.
    pub vectors: Vec<Span>,
    pub forms: usize,
}

/// An operator: its name, how its arguments look, and how it is read.
struct Operator {
    name: &'static str,
    usage: &'static str,
    read: for<'f> fn(&Call<'f>, &mut Reading<'f, '_>, &mut Context) -> Option<Route>,
}

/// A list that names an operator, without its head.
struct Call<'f> {
    operator: &'static Operator,
    arguments: &'f [Form],
    span: Span,
    /// How deep it stands in `:routes`.
    depth: usize,
}

/// What reading keeps.
struct Reading<'f, 'n> {
    routes: Routes<'f>,
    /// The notifiers that there are.
    known: &'n [&'n str],
    /// How many operators were met.
    count: usize,
}

/// Alphabetical.
static OPERATORS: [Operator; 8] = [
    Operator { name: "by", usage: "(by [:service] CHILD…)", read: by },
    Operator { name: "changed", usage: "(changed :severity CHILD…)", read: changed },
    Operator { name: "notify", usage: "(notify :hook)", read: notify },
    Operator { name: "rollup", usage: "(rollup 5 3600 CHILD…)", read: rollup },
    Operator { name: "sdo", usage: "(sdo CHILD…)", read: sdo },
    Operator { name: "throttle", usage: "(throttle 5 3600 CHILD…)", read: throttle },
    Operator { name: "where", usage: "(where (= :severity \"page\") CHILD… (else CHILD…))", read: choose },
    Operator { name: "with", usage: "(with {:severity \"page\"} CHILD…)", read: with },
];

/// How deep operators may stand in one another, and how many there may be.
const MAX_DEPTH: usize = 60;
const MAX_OPERATORS: usize = 10_000;

/// How many fields and names one operator may have.
const MAX_NAMES: usize = 64;

/// The largest N of `throttle` and `rollup`.
const MAX_COUNT: u64 = 1_000_000;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 172_800;

/// Reads what stands under `:routes` in all files, in their order.
pub(super) fn read<'f>(forms: &[(Span, &'f Form)], known: &[&str], context: &mut Context) -> Routes<'f> {
    let mut reading = Reading { routes: Routes::default(), known, count: 0 };
    for (_, form) in forms {
        let items = match &form.kind {
            Kind::Vector(items) => items,
            Kind::Broken => continue,
            _ => {
                context.report(catalogue::routes_is_no_vector(form));
                continue;
            }
        };
        reading.routes.vectors.push(form.span);
        reading.routes.forms += items.len();
        for item in items {
            let route = operator(item, 0, &mut reading, context);
            reading.routes.routes.extend(route);
        }
    }
    if reading.count > MAX_OPERATORS {
        let place = reading.routes.vectors.first().copied().unwrap_or_default();
        context.report(catalogue::too_many_operators(place, MAX_OPERATORS));
    }
    reading.routes
}

/// One operator; None if it could not be read, which was reported, or lacks a variable that is not set.
fn operator<'f>(form: &'f Form, depth: usize, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let items = match &form.kind {
        Kind::List(items) => items,
        Kind::Broken => return None,
        Kind::Keyword(name) | Kind::Symbol(name) | Kind::String(name) => {
            let is_known = reading.known.contains(&name.as_ref());
            if is_known {
                reading.routes.named.push((name, form.span));
            }
            return context.refuse(catalogue::no_operator(form, is_known.then_some(name)));
        }
        _ => return context.refuse(catalogue::no_operator(form, None)),
    };
    let Some((head, arguments)) = items.split_first() else {
        return context.refuse(catalogue::no_operator(form, None));
    };
    let name = match &head.kind {
        Kind::Symbol(name) => name.as_ref(),
        Kind::Broken => return None,
        _ => return context.refuse(catalogue::operator_is_no_symbol(head)),
    };
    reading.count += 1;
    if reading.count > MAX_OPERATORS {
        return None;
    }
    if depth >= MAX_DEPTH {
        return context.refuse(catalogue::routes_too_deep(form.span, MAX_DEPTH));
    }
    let Some(operator) = OPERATORS.iter().find(|operator| operator.name == name) else {
        if name == "else" {
            return context.refuse(catalogue::else_elsewhere(form.span));
        }
        let instead = INSTEAD.iter().find(|(words, _)| words.contains(&name)).map(|(_, instead)| *instead);
        let names = OPERATORS.iter().map(|operator| operator.name);
        let meant = if instead.is_some() { None } else { context.nearest(name, names, &OTHER_WORDS) };
        return context.refuse(catalogue::unknown_operator(head.span, name, meant, instead));
    };
    reading.routes.places.push(form);
    let mark = context.mark();
    let call = Call { operator, arguments, span: form.span, depth };
    let route = (operator.read)(&call, reading, context);
    if route.is_none() {
        context.say_of_unset(mark, "; this route is left out");
    }
    route
}

/// All children, so that each error is found; None if none is left, or one had an error.
fn children<'f>(
    call: &Call<'f>,
    forms: &'f [Form],
    reading: &mut Reading<'f, '_>,
    context: &mut Context,
) -> Option<Vec<Route>> {
    if forms.is_empty() {
        return context.refuse(catalogue::no_child(call.span, call.operator.name, call.operator.usage));
    }
    let read: Vec<_> = forms.iter().map(|form| operator(form, call.depth + 1, reading, context)).collect();
    let children: Vec<Route> = read.into_iter().flatten().collect();
    (!children.is_empty()).then_some(children)
}

/// The arguments in front of the children; None, and reported, if there are not so many.
fn split<'f>(call: &Call<'f>, count: usize, context: &mut Context) -> Option<(&'f [Form], &'f [Form])> {
    match call.arguments.split_at_checked(count) {
        Some(parts) => Some(parts),
        None => context.refuse(catalogue::arguments_left_out(call.span, call.operator.name, call.operator.usage)),
    }
}

/// `(where CONDITION CHILD… (else CHILD…))` passes a record on to the first children if the condition is true of it,
/// else to those of `else`.
///
/// ```text
/// (where (= :severity "page") A (else B))
/// severity   page  ticket  page  none
/// A          page          page
/// B                ticket        none
/// ```
fn choose<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let (condition, rest) = split(call, 1, context)?;
    let condition = expression::read(&condition[0], context);
    if let Some(condition) = &condition
        && hears_recoveries(condition)
    {
        context.report(catalogue::never_hears_recoveries(call.arguments[0].span));
    }
    let is_else = |form: &Form| matches!(&form.kind, Kind::List(items) if matches!(items.first(), Some(Form { kind: Kind::Symbol(name), .. }) if name.as_ref() == "else"));
    let at = rest.iter().position(is_else).unwrap_or(rest.len());
    let (then, behind) = rest.split_at(at);
    let (otherwise, late) = match behind.split_first() {
        Some((Form { kind: Kind::List(items), span }, late)) => (Some((&items[1..], *span)), late),
        _ => (None, behind),
    };
    for form in late {
        context.report(catalogue::behind_else(form.span, is_else(form), otherwise.map(|(_, span)| span)));
        // Its own faults are told, too.
        if !is_else(form) {
            operator(form, call.depth + 1, reading, context);
        }
    }
    let then = match (then, &otherwise) {
        ([], Some(_)) => Some(Vec::new()),
        _ => children(call, then, reading, context),
    };
    let otherwise = match otherwise {
        Some(([], span)) => context.refuse(catalogue::no_child(span, "else", "(else CHILD…)")),
        Some((forms, _)) => children(call, forms, reading, context),
        None => Some(Vec::new()),
    };
    let (then, otherwise) = (then.unwrap_or_default(), otherwise.unwrap_or_default());
    let is_whole = !then.is_empty() || !otherwise.is_empty();
    condition.filter(|_| is_whole).map(|condition| Route::Where { condition, then, otherwise })
}

/// Whether a condition asks for the end of a violation.
fn hears_recoveries(condition: &Expression) -> bool {
    match condition {
        Expression::Compare(crate::plan::Comparator::Equal, items) => {
            let is_status = |item: &Expression| matches!(item, Expression::Field(field) if *field == Field::State || field.name() == "status");
            let is_ok = |item: &Expression| matches!(item, Expression::Text(text) if text.as_ref() == "ok");
            items.iter().any(is_status) && items.iter().any(is_ok)
        }
        Expression::And(items) | Expression::Or(items) => items.iter().any(hears_recoveries),
        _ => false,
    }
}

/// `(by [FIELD …] CHILD…)` gives each distinct value of the fields children of its own.
///
/// ```text
/// (by [:service] (throttle 1 60 A))
/// at        0    10   20   30
/// service   web  api  web  db
/// A         web  api       db
/// ```
fn by<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let (fields, rest) = split(call, 1, context)?;
    let form = &fields[0];
    let items = match &form.kind {
        Kind::Vector(items) if items.len() > MAX_NAMES => {
            context.report(catalogue::too_many_names(form.span, "`by`", MAX_NAMES));
            &[]
        }
        Kind::Vector(items) if items.is_empty() => {
            context.report(catalogue::by_of_nothing(form.span));
            &[]
        }
        Kind::Vector(items) => items.as_slice(),
        Kind::List(_) => {
            context.report(catalogue::arguments_left_out(call.span, call.operator.name, call.operator.usage));
            children(call, call.arguments, reading, context);
            return None;
        }
        _ => std::slice::from_ref(form),
    };
    let mut found: Vec<(Field, Span)> = Vec::new();
    for item in items {
        let Some(field) = values::field(item, "`by`", context) else { continue };
        match found.iter().find(|(known, _)| *known == field) {
            Some((_, first)) => {
                context.report(catalogue::named_twice(item.span, *first, "`by`", &format!(":{}", field.name())))
            }
            None => found.push((field, item.span)),
        }
    }
    let children = children(call, rest, reading, context)?;
    let fields: Vec<Field> = found.into_iter().map(|(field, _)| field).collect();
    (!fields.is_empty()).then_some(Route::By { fields, children })
}

/// `(changed EXPR CHILD…)` passes a record whose value of EXPR differs from that of the one before; the first passes,
/// unless `{:init VALUE}` says what was before.
///
/// ```text
/// (changed :severity A)                        (changed :severity {:init "ticket"} A)
/// severity   page  page  ticket  page          ticket  page  page
/// A          page        ticket  page                  page
/// ```
fn changed<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let (of, mut rest) = split(call, 1, context)?;
    let of = expression::value(&of[0], context);
    let mut init = None;
    if let Some((Form { kind: Kind::Map(entries), .. }, behind)) = rest.split_first() {
        rest = behind;
        for (key, value) in entries {
            match &key.kind {
                Kind::Keyword(name) if name.as_ref() == "init" => init = initial(value, context),
                Kind::Keyword(name) => {
                    let meant = context.nearest(name, ["init"], &[("initial", "init"), ("start", "init")]);
                    context.report(catalogue::unknown_key(key, "`changed`", meant));
                }
                Kind::Broken => {}
                _ => context.report(catalogue::key_is_no_keyword(key, "`changed`")),
            }
        }
    }
    let children = children(call, rest, reading, context);
    Some(Route::Changed { of: of?, init, children: children? })
}

/// What was before the first record: it can read no field.
fn initial(form: &Form, context: &mut Context) -> Option<Expression> {
    let value = expression::value(form, context)?;
    let mut fields = Vec::new();
    value.fields(&mut fields);
    match fields.first() {
        None => Some(value),
        Some(field) => context.refuse(catalogue::init_reads_a_field(form.span, field.name())),
    }
}

/// `(throttle N SECONDS CHILD…)` passes the first N records of each window of so many seconds, and drops the others.
/// Windows begin with the first record.
///
/// ```text
/// (throttle 2 60 A)
/// at   0  10  20  30  70
/// A    0  10          70
/// ```
fn throttle<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let (most, every, children) = limited(call, reading, context)?;
    Some(Route::Throttle { most, every, children })
}

/// `(rollup N SECONDS CHILD…)` passes the first N records of each window of so many seconds at once, and the others as
/// one batch at its end; with an N of 0, all of them. Windows begin with the first record; after a batch the next window
/// has passed one already.
///
/// ```text
/// (rollup 2 60 A)
/// at   0  10  20  30                70  80
/// A    0  10          at 60 [20 30] 70      at 120 [80]
/// ```
fn rollup<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let (most, every, children) = limited(call, reading, context)?;
    Some(Route::Rollup { most, every, children })
}

/// N, microseconds and the children.
fn limited<'f>(
    call: &Call<'f>,
    reading: &mut Reading<'f, '_>,
    context: &mut Context,
) -> Option<(u32, i64, Vec<Route>)> {
    let name = call.operator.name;
    let is_child = |form: &&Form| matches!(form.kind, Kind::List(_));
    if let Some(at) = call.arguments.iter().take(2).position(|form| is_child(&form)) {
        context.report(catalogue::arguments_left_out(call.span, name, call.operator.usage));
        children(call, &call.arguments[at..], reading, context);
        return None;
    }
    let (numbers, rest) = split(call, 2, context)?;
    let most = match &numbers[0].kind {
        Kind::Tagged(tag, _) if tag.as_ref() == "duration" => {
            let subject = format!("N of `{name}`");
            context.refuse(catalogue::count_is_a_time(
                &numbers[0],
                &subject,
                "records",
                &format!("`{}`", call.operator.usage),
            ))
        }
        // A rollup of none holds everything back.
        _ => {
            let least = u64::from(name != "rollup");
            values::whole(&numbers[0], &format!("N of `{name}`"), least, MAX_COUNT, context)
        }
    };
    let every = time::positive(&numbers[1], &format!("the window of `{name}`"), SUSPICIOUS_SECONDS, context);
    let children = children(call, rest, reading, context);
    Some((u32::try_from(most?).ok()?, every?.0.micros(), children?))
}

/// `(with {KEY EXPR …} CHILD…)` and `(with KEY EXPR CHILD…)` pass a copy with other texts or labels on. Every EXPR sees
/// the record as it came.
///
/// ```text
/// (with {:severity "ticket" :team "search"} A)
/// severity   page            none
/// A          ticket, search  ticket, search
/// ```
fn with<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    let Some(first) = call.arguments.first() else {
        return context.refuse(catalogue::arguments_left_out(call.span, call.operator.name, call.operator.usage));
    };
    let (pairs, rest): (Vec<(&Form, &Form)>, &[Form]) = match &first.kind {
        Kind::Map(entries) => (entries.iter().map(|(key, value)| (key, value)).collect(), &call.arguments[1..]),
        Kind::List(_) => {
            context.report(catalogue::arguments_left_out(call.span, call.operator.name, call.operator.usage));
            children(call, call.arguments, reading, context);
            return None;
        }
        _ => {
            let (pair, rest) = split(call, 2, context)?;
            (vec![(&pair[0], &pair[1])], rest)
        }
    };
    if pairs.is_empty() && first.kind == Kind::Map(Vec::new()) {
        context.report(catalogue::with_of_nothing(first.span));
    }
    if pairs.len() > MAX_NAMES {
        context.report(catalogue::too_many_names(first.span, "`with`", MAX_NAMES));
        return None;
    }
    let fields: Vec<_> = pairs.iter().map(|(key, value)| (changeable(key, context), of_with(value, context))).collect();
    let children = children(call, rest, reading, context)?;
    let fields: Option<Vec<_>> = fields.into_iter().map(|(field, value)| field.zip(value)).collect();
    fields.filter(|fields| !fields.is_empty()).map(|fields| Route::With { fields, children })
}

/// A key that can be changed: what people read, and labels.
fn changeable(key: &Form, context: &mut Context) -> Option<Field> {
    let name = match &key.kind {
        Kind::Broken => return None,
        Kind::Keyword(name) => name.as_ref(),
        _ => return context.refuse(catalogue::key_is_no_keyword(key, "`with`")),
    };
    let plain = name.replace('_', "-");
    if OWN.contains(&plain.as_str()) {
        return context.refuse(catalogue::key_of_what_happened(key.span, name));
    }
    // A slip of these four would be a label that nobody looks for.
    let is_slip = !CHANGEABLE.contains(&name) && suggest::nearest(name, CHANGEABLE, &[]).is_some();
    if is_slip && let Some(meant) = context.nearest(name, CHANGEABLE, &[]) {
        context.report(catalogue::label_like_a_key(key.span, name, meant));
    }
    Some(Field::named(name))
}

fn of_with(form: &Form, context: &mut Context) -> Option<Expression> {
    if let Some(secret) = expression::of_a_file(form, 0) {
        return context.refuse(catalogue::secret_in_output(secret, "what `with` sets"));
    }
    expression::value(form, context)
}

/// `(sdo CHILD…)` passes each record to each of the children.
///
/// ```text
/// (sdo A B)
/// at   0  10
/// A    0  10
/// B    0  10
/// ```
fn sdo<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    children(call, call.arguments, reading, context).map(Route::Sdo)
}

/// `(notify :NAME …)` tells notifiers; nothing stands behind it. A batch is one message where the notifier takes one.
///
/// ```text
/// (notify :hook :log)
/// at     0  10
/// hook   0  10
/// log    0  10
/// ```
fn notify<'f>(call: &Call<'f>, reading: &mut Reading<'f, '_>, context: &mut Context) -> Option<Route> {
    if call.arguments.is_empty() || call.arguments.len() > MAX_NAMES {
        return context.refuse(catalogue::nobody_to_notify(call.span, reading.known, MAX_NAMES));
    }
    let mut found: Vec<(&str, Span)> = Vec::new();
    let mut fine = true;
    for form in call.arguments {
        let name = match &form.kind {
            Kind::Keyword(name) => name.as_ref(),
            Kind::Broken => "",
            _ => {
                context.report(catalogue::notify_takes_names(form));
                ""
            }
        };
        if name.is_empty() {
            fine = false;
        } else if !reading.known.contains(&name) {
            fine = false;
            let meant = context.nearest_given(name, reading.known.iter().copied());
            context.report(catalogue::unknown_notifier(form.span, name, reading.known, meant));
        } else if let Some((_, first)) = found.iter().find(|(known, _)| *known == name) {
            context.report(catalogue::named_twice(form.span, *first, "`notify`", &format!(":{name}")));
        } else {
            found.push((name, form.span));
        }
    }
    let names = found.iter().map(|(name, _)| name.to_string()).collect();
    reading.routes.named.extend(found);
    fine.then_some(Route::Notify(names))
}
