//! One EDN map a line → event.

use std::borrow::Cow;

use super::json::{as_text, lossy, place_of, time_from_text};
use super::{Refused, Wanted, time};
use crate::edn::{Form, Kind, read_one, write};
use crate::engine::{Event, Value};
use crate::plan::{Number, Timestamp};

/// Reads one event. `most_attributes` is the limit of attributes, wanted or not.
///
/// Keys are keywords, or texts. `nil` is absent; a keyword is its text without the colon; lists, vectors and sets are
/// lists; a map inside is its EDN text; a number beyond doubles is its text; `#inst "…"` is a time.
///
/// # Errors
/// One for each cause in [`Refused`], but never [`Refused::TooLong`] nor [`Refused::TooDeep`].
pub fn decode<'a>(line: &'a [u8], wanted: &Wanted, most_attributes: usize) -> Result<Event<'a>, Refused> {
    let text = std::str::from_utf8(line).map_err(|error| Refused::expected("UTF-8", error.valid_up_to()))?;
    let form = read_one(text).map_err(|fault| Refused::Fault {
        message: fault.message.into(),
        at: fault.labels.first().map_or(0, |label| label.span.start as usize),
    })?;
    let at = form.span.start as usize;
    let Kind::Map(pairs) = form.kind else {
        return Err(Refused::expected("a map", at));
    };
    let mut event = Event::at(Timestamp::MIN);
    let mut time = Err(Refused::NoTime);
    let mut attributes = 0;
    for (key, form) in pairs {
        let at = key.span.start as usize;
        let (Kind::Keyword(key) | Kind::String(key)) = key.kind else {
            return Err(Refused::expected("a keyword as the key", at));
        };
        match key.as_ref() {
            "time" => time = read_time(form),
            "service" => event.service = as_text(value(form)),
            "metric" if wanted.metric => event.metric = value(form),
            "host" if wanted.host => event.host = as_text(value(form)),
            "state" if wanted.state => event.state = as_text(value(form)),
            "description" if wanted.description => event.description = as_text(value(form)),
            "tags" if wanted.tags => event.tags = value(form),
            "ttl" if wanted.ttl => event.ttl = value(form),
            "metric" | "host" | "state" | "description" | "tags" | "ttl" => {}
            _ => {
                attributes += 1;
                // At once: equal names are looked for among those before.
                if attributes > most_attributes {
                    return Err(Refused::TooManyAttributes { limit: most_attributes });
                }
                if wanted.attribute(key.as_bytes()) {
                    *place_of(Cow::Owned(key.into_string().into_bytes()), &mut event.attributes) = value(form);
                }
            }
        }
    }
    event.attributes.retain(|(_, value)| !value.is_nil());
    event.time = time?;
    Ok(event)
}

fn read_time(form: Form) -> Result<Timestamp, Refused> {
    match form.kind {
        Kind::Nil => Err(Refused::NoTime),
        Kind::Integer(text) | Kind::Decimal(text) => {
            time::seconds(text.as_bytes()).ok_or_else(|| Refused::TimeOutOfRange(lossy(text.as_bytes())))
        }
        Kind::String(text) => time_from_text(text.as_bytes()),
        Kind::Tagged(tag, inner) if tag.as_ref() == "inst" => read_time(*inner),
        _ => Err(Refused::TimeNotUnderstood(lossy(write(&form).as_bytes()))),
    }
}

/// Reading has bounded the nesting.
fn value<'a>(form: Form) -> Value<'a> {
    let text = |text: Box<str>| Value::Text(Cow::Owned(text.into_string().into_bytes()));
    match form.kind {
        Kind::Nil => Value::Nil,
        Kind::Bool(bool) => Value::Bool(bool),
        Kind::Integer(number) | Kind::Decimal(number) => match Number::parse_json(number.as_bytes()) {
            Some(exact) => Value::Number(exact),
            None => text(number),
        },
        Kind::String(string) | Kind::Keyword(string) | Kind::Symbol(string) => text(string),
        Kind::Char(char) => text(char.to_string().into()),
        Kind::List(items) | Kind::Vector(items) | Kind::Set(items) => {
            Value::List(items.into_iter().map(value).collect())
        }
        Kind::Map(_) | Kind::Tagged(..) | Kind::Broken => text(write(&form).into()),
    }
}
