//! What a reload would do to each threshold.

use std::io::{self, Write};

use serde_json::json;

use super::past::Past;
use crate::command::{Format, number, terminal};
use crate::engine::{Edit, edits};
use crate::plan::{Plan, Threshold};

/// Says what becomes of each threshold: for people those that change, for machines all.
pub fn say(past: &Past, plan: &Plan, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let edits = edits(&past.thresholds, &plan.thresholds);
    let violated = |id: &str| past.violated.get(id).copied().unwrap_or(0);
    if format == Format::Json {
        for (id, edit) in &edits.0 {
            let line = json!({
                "against": past.name, "threshold": id, "edit": edit.slug(), "violated": violated(id),
                "renamed": renamed(past, plan, id, *edit),
            });
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    writeln!(
        out,
        "against {}: {} kept",
        terminal::printable(&past.name),
        number(edits.count(Edit::Kept), "threshold")
    )?;
    for edit in [Edit::Bounds, Edit::Windows, Edit::New, Edit::Removed] {
        for (id, _) in edits.0.iter().filter(|(_, of)| *of == edit) {
            let closed = match (edit, violated(id)) {
                (Edit::Removed, n) if n > 0 => format!("; {} in violation is told as ok", number(n, "group")),
                (_, n) if n > 0 => format!("; {} in violation stays so", number(n, "group")),
                _ => String::new(),
            };
            let hidden = match past.hidden.iter().any(|known| known == id) {
                true => " (its `:where` is not told, and may be the same)",
                false => "",
            };
            let renamed = match renamed(past, plan, id, edit) {
                Some(other) => format!("; it is now {other}, which begins anew"),
                None => String::new(),
            };
            let line = format!("  {}: {id}{hidden}{closed}{renamed}", name(edit));
            writeln!(out, "{}", terminal::printable(&line))?;
        }
    }
    if past.routing_differs == Some(true) {
        writeln!(out, "  routes or notifiers are others")?;
    }
    Ok(())
}

fn name(edit: Edit) -> &'static str {
    match edit {
        Edit::Removed => "closed as removed",
        other => other.name(),
    }
}

/// The new id of a threshold that is gone, if only its name is another.
fn renamed<'p>(past: &Past, plan: &'p Plan, id: &str, edit: Edit) -> Option<&'p str> {
    let old = past.thresholds.iter().find(|one| one.id == id).filter(|_| edit == Edit::Removed)?;
    let is_new = |one: &&Threshold| past.thresholds.binary_search_by(|known| known.id.cmp(&one.id)).is_err();
    let is_it = |one: &&Threshold| one.path == old.path && one.bounds == old.bounds && one.id != old.id;
    plan.thresholds.iter().filter(is_new).find(is_it).map(|one| one.id.as_str())
}
