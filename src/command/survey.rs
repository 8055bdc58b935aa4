//! What a history contains that no threshold watches: bounded, whatever is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::ops::ControlFlow;

use super::history::{self, Listener, Reading};
use super::terminal::printable;
use super::{FINE, Failure, number, say};
use crate::engine::{Event, Transition};
use crate::plan::{Plan, Threshold};
use crate::source::Wanted;

/// Of so many services, and of so many fields of each, something is remembered.
const SERVICES: usize = 1_000;
const FIELDS: usize = 200;

/// The services and fields of a history.
pub struct Survey<'p> {
    plan: &'p Plan,
    services: BTreeMap<Box<str>, OfService>,
}

#[derive(Default)]
struct OfService {
    events: u64,
    fields: BTreeSet<Box<str>>,
}

/// Reads a history for what is in it, and judges nothing.
///
/// # Errors
/// It cannot be read, or nothing of it was understood.
pub fn of_history<'p>(
    inputs: &[String],
    reading: &Reading,
    plan: &'p Plan,
    err: &mut dyn Write,
) -> Result<Survey<'p>, Failure> {
    let mut plans = [plan.clone()];
    let opened = history::open(inputs, reading, &mut plans, Wanted::all(), err)?;
    let mut eyes = Eyes { survey: Survey::new(plan), err };
    let history = history::replay(opened, reading, Vec::new(), &mut eyes)?;
    if history.code() != FINE {
        return Err(Failure::Message(format!("nothing could be read of {}", inputs.join(", "))));
    }
    Ok(eyes.survey)
}

/// Only looks.
struct Eyes<'a, 'p> {
    survey: Survey<'p>,
    err: &'a mut dyn Write,
}

impl Listener for Eyes<'_, '_> {
    fn hear(&mut self, _plan: usize, _transitions: Vec<Transition>) -> ControlFlow<Failure> {
        ControlFlow::Continue(())
    }

    fn see(&mut self, event: &Event<'_>) {
        self.survey.see(event);
    }

    fn say(&mut self, line: &str) {
        say(self.err, line);
    }
}

impl<'p> Survey<'p> {
    pub fn new(plan: &'p Plan) -> Survey<'p> {
        Survey { plan, services: BTreeMap::new() }
    }

    pub fn see(&mut self, event: &Event<'_>) {
        let mut service = Vec::new();
        event.service.write_text(&mut service);
        self.note(&String::from_utf8_lossy(&service), event);
    }

    fn note(&mut self, service: &str, event: &Event<'_>) {
        if !self.services.contains_key(service) && self.services.len() >= SERVICES {
            return;
        }
        let of = self.services.entry(service.into()).or_default();
        of.events += 1;
        let named = [("host", &event.host), ("state", &event.state), ("description", &event.description)];
        let named = named.into_iter().chain([("metric", &event.metric)]).filter(|(_, value)| !value.is_nil());
        let named = named.map(|(name, _)| name.into());
        let attributes = event.attributes.iter().map(|(name, _)| String::from_utf8_lossy(name));
        for name in named.chain(attributes) {
            if of.fields.len() < FIELDS && !of.fields.contains(name.as_ref()) {
                of.fields.insert(name.as_ref().into());
            }
        }
    }

    /// What no threshold watches, for people; empty if there is nothing.
    pub fn unwatched(&self) -> String {
        let mut text = String::new();
        for (service, of) in &self.services {
            let shown = printable(service);
            let events = number(usize::try_from(of.events).unwrap_or(usize::MAX), "event");
            let is_its = |threshold: &&Threshold| threshold.service.matches(service.as_bytes());
            let watching: Vec<&Threshold> = self.plan.thresholds.iter().filter(is_its).collect();
            if watching.is_empty() {
                let _ = writeln!(text, "  no threshold watches the service {shown} ({events})");
                continue;
            }
            let mut read = Vec::new();
            for threshold in watching {
                read.push(threshold.measure.field());
                read.extend(&threshold.group_by);
                threshold.filter.iter().for_each(|filter| filter.fields(&mut read));
            }
            let is_read = |name: &str| read.iter().any(|field| field.name() == name);
            let unread: Vec<String> =
                of.fields.iter().filter(|name| !is_read(name)).map(|name| format!(":{}", printable(name))).collect();
            if !unread.is_empty() {
                let _ = writeln!(text, "  of the service {shown} no threshold reads {}", unread.join(" "));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::config::from_text;
    use crate::engine::Value;
    use crate::plan::{Number, Timestamp};

    fn event<'a>(second: i64, metric: i64, code: &'a str) -> Event<'a> {
        Event {
            service: Value::text("q"),
            metric: Value::Number(Number::Int(metric)),
            attributes: vec![(Cow::Borrowed(b"code"), Value::text(code)), (Cow::Borrowed(b"path"), Value::text("/"))],
            ..Event::at(Timestamp::clamped(second * 1_000_000))
        }
    }

    #[test]
    fn services_and_fields_that_no_threshold_reads_are_named() {
        let text = r#"{:percentiles {"q" {0.9 {:<= 100 :interval 60}}}
                       :histograms {"q" {:code {"^2" {:>= 0.9 :interval 60 :type :percentage}}}}}"#;
        let plan = from_text(text).plan.expect("valid");
        let mut survey = Survey::new(&plan);
        survey.see(&event(0, 50, "200"));
        assert_eq!(survey.unwatched(), "  of the service q no threshold reads :path\n");
        survey.see(&Event { service: Value::text("r"), ..event(1, 1, "200") });
        assert!(survey.unwatched().contains("no threshold watches the service r (1 event)\n"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let plan = from_text(r#"{:percentiles {"q" {0.9 {:<= 100 :interval 60}}}}"#).plan.expect("valid");
        let mut survey = Survey::new(&plan);
        (0..3_000).for_each(|n| survey.see(&Event { service: Value::text(&n.to_string()), ..event(n, 1, "1") }));
        assert!(survey.services.len() <= SERVICES);
    }
}
