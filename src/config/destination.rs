//! stub
use super::{context::Context, values, catalogue};
use crate::edn::{Form, Kind};
use crate::plan::Destination;
pub(super) fn read(form: &Form, context: &mut Context) -> Option<Destination> {
    match &form.kind {
        Kind::Keyword(name) if name.as_ref() == "stdout" => Some(Destination::Stdout),
        Kind::Map(entries) => entries.iter().find_map(|(_, v)| match &v.kind { Kind::String(p) => Some(Destination::File(p.to_string().into())), _ => None }),
        Kind::String(path) => Some(Destination::File(path.to_string().into())),
        _ => context.refuse(catalogue::wrong_kind(form, "`:to`", "stub")),
    }
}
