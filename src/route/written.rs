//! Routes as EDN, so that reading the text gives them again.

use std::fmt;

use crate::edn::{self, Form, Kind};
use crate::plan::Route;
use crate::plan::written::{expression, form, integer, keyword, list, symbol};

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&edn::write(&route(self)))
    }
}

/// An operator without those behind it: `(rollup 1 60)`.
pub(super) fn head(route: &Route) -> String {
    edn::write(&form(Kind::List(head_items(route))))
}

fn route(route: &Route) -> Form {
    let mut items = head_items(route);
    match route {
        Route::Where { then, otherwise, .. } => {
            items.extend(then.iter().map(self::route));
            if !otherwise.is_empty() {
                items.push(list("else", otherwise.iter().map(self::route)));
            }
        }
        Route::By { children, .. }
        | Route::Changed { children, .. }
        | Route::Throttle { children, .. }
        | Route::Rollup { children, .. }
        | Route::With { children, .. }
        | Route::Sdo(children) => items.extend(children.iter().map(self::route)),
        Route::Notify(_) => {}
    }
    form(Kind::List(items))
}

fn head_items(route: &Route) -> Vec<Form> {
    let limit = |name: &str, most: u32, every: i64| vec![symbol(name), integer(i64::from(most)), seconds(every)];
    match route {
        Route::Where { condition, .. } => vec![symbol("where"), expression(condition)],
        Route::By { fields, .. } => {
            vec![symbol("by"), form(Kind::Vector(fields.iter().map(|field| keyword(field.name())).collect()))]
        }
        Route::Changed { of, init, .. } => {
            let mut items = vec![symbol("changed"), expression(of)];
            items.extend(init.as_ref().map(|init| form(Kind::Map(vec![(keyword("init"), expression(init))]))));
            items
        }
        Route::Throttle { most, every, .. } => limit("throttle", *most, *every),
        Route::Rollup { most, every, .. } => limit("rollup", *most, *every),
        Route::With { fields, .. } => {
            let pairs = fields.iter().map(|(field, value)| (keyword(field.name()), expression(value)));
            vec![symbol("with"), form(Kind::Map(pairs.collect()))]
        }
        Route::Sdo(_) => vec![symbol("sdo")],
        Route::Notify(names) => {
            let mut items = vec![symbol("notify")];
            items.extend(names.iter().map(|name| keyword(name)));
            items
        }
    }
}

/// Microseconds as seconds.
fn seconds(micros: i64) -> Form {
    match micros % 1_000_000 {
        0 => integer(micros / 1_000_000),
        rest => {
            let text = format!("{}.{rest:06}", micros / 1_000_000);
            form(Kind::Decimal(text.trim_end_matches('0').into()))
        }
    }
}
