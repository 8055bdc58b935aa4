//! What of an event is read once for all thresholds: for whom it is, and what it says.

use std::sync::Arc;

use hashbrown::HashMap;

use super::budget::Budget;
use super::classifier::Classifier;
use super::compiled::{Agenda, Compiled};
use super::event::{Event, Fields, Value};
use super::gate::{Gate, Span};
use super::lane::Counts;
use crate::plan::Number;

/// So many services beside those that the plan names are remembered.
const SERVICES: usize = 65_536;
/// A service with a longer name is not remembered, unless the plan names it.
const SERVICE_TEXT: usize = 256;
/// What all gates of a lane may remember, in bytes.
const GATES: usize = 8 << 20;

/// What of an event is read once for all thresholds.
#[derive(Debug)]
pub struct Reading {
    pub classifiers: Vec<Classifier>,
    pub agendas: Vec<Agenda>,
    /// By the thresholds that read it, in order.
    by_thresholds: HashMap<Vec<usize>, usize>,
    by_service: HashMap<Box<[u8]>, usize>,
    last_service: Vec<u8>,
    last_agenda: Option<usize>,
    /// The agendas whose gates were offered events that are not settled.
    unsettled: Vec<usize>,
    /// What the gates remember.
    gates: Budget,
    pub unread: Unread,
    /// For each class of the agenda the bits of the patterns that match, if the field is there.
    pub classes: Vec<Option<u64>>,
    /// For each number of the agenda but the first.
    pub numbers: Vec<Metric>,
}

/// Events that no threshold reads.
#[derive(Clone, Debug, Default)]
pub struct Unread {
    pub without_service: u64,
    /// Some of their services, in order of appearance.
    pub services: Vec<Box<[u8]>>,
}

impl Unread {
    /// So many services are remembered.
    const SERVICES: usize = 8;

    fn note(&mut self, service: &[u8]) {
        let service = &service[..service.len().min(SERVICE_TEXT)];
        if self.services.len() < Unread::SERVICES && !self.services.iter().any(|known| **known == *service) {
            self.services.push(service.into());
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Metric {
    Absent,
    NoNumber,
    Number(Number),
}

impl Reading {
    pub fn new(compiled: &Compiled) -> Reading {
        Reading {
            classifiers: compiled.patterns.iter().map(|patterns| Classifier::new(Arc::clone(patterns))).collect(),
            agendas: Vec::new(),
            by_thresholds: HashMap::new(),
            by_service: HashMap::new(),
            last_service: Vec::new(),
            last_agenda: None,
            unsettled: Vec::new(),
            gates: Budget { limit: GATES, used: 0 },
            unread: Unread::default(),
            classes: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// The agenda of the service; none if no threshold reads it.
    pub fn turn_to(&mut self, compiled: &Compiled, counts: &mut [Counts], service: &Value<'_>) -> Option<usize> {
        let written: Vec<u8>;
        let name: &[u8] = match service {
            Value::Nil => {
                self.last_agenda = None;
                self.unread.without_service += 1;
                return None;
            }
            Value::Text(text) => text,
            other => {
                let mut text = Vec::new();
                other.write_text(&mut text);
                written = text;
                &written
            }
        };
        // Names that differ mostly differ at the end.
        let is_last = name.last_chunk::<8>() == self.last_service.last_chunk() && name == self.last_service;
        if is_last && self.last_agenda.is_some() {
            return self.last_agenda;
        }
        self.last_agenda = match self.by_service.get(name) {
            Some(at) => Some(*at),
            None => self.meet(compiled, counts, name),
        };
        self.last_service.clear();
        self.last_service.extend_from_slice(name);
        self.last_agenda
    }

    /// Makes the agenda of a service that is not known.
    #[cold]
    fn meet(&mut self, compiled: &Compiled, counts: &mut [Counts], name: &[u8]) -> Option<usize> {
        let thresholds = compiled.thresholds_of(name);
        if thresholds.is_empty() {
            self.unread.note(name);
            if compiled.reads_named_only() {
                return None;
            }
        }
        let most = SERVICES + compiled.named_services();
        if self.by_service.len() >= most || self.agendas.len() >= most {
            self.settle(counts);
            self.forget_services();
        }
        let Reading { agendas, by_thresholds, by_service, .. } = self;
        let at = *by_thresholds.entry_ref(thresholds.as_slice()).or_insert_with(|| {
            agendas.push(compiled.agenda(&thresholds));
            agendas.len() - 1
        });
        if name.len() <= SERVICE_TEXT || compiled.names(name) {
            by_service.insert(name.into(), at);
        }
        Some(at)
    }

    /// Tells each threshold how many events came to the gates before it.
    pub fn settle(&mut self, counts: &mut [Counts]) {
        for at in self.unsettled.drain(..) {
            let Agenda { gate: Some(gate), jobs, .. } = &mut self.agendas[at] else { continue };
            let offered = std::mem::take(&mut gate.offered);
            for job in jobs.iter().filter(|job| job.gated) {
                counts[job.threshold].offered += offered;
            }
        }
    }

    /// The jobs that an event passes to, if the agenda has a gate.
    #[inline]
    pub fn pass_gate(&mut self, compiled: &Compiled, at: usize, event: &Event<'_>) -> Option<Span> {
        let gate = self.agendas[at].gate.as_mut()?;
        if gate.offered == 0 {
            self.unsettled.push(at);
        }
        gate.offered += 1;
        let known = gate.known(&event.field(&gate.field));
        Some(known.unwrap_or_else(|| self.ask_gate(compiled, at, event)))
    }

    #[inline(never)]
    fn ask_gate(&mut self, compiled: &Compiled, at: usize, event: &Event<'_>) -> Span {
        let Agenda { gate: Some(gate), jobs, .. } = &mut self.agendas[at] else { return Span::default() };
        gate.ask(compiled, jobs, event);
        let value = event.field(&gate.field);
        if gate.remember(&value, &mut self.gates) {
            return gate.last();
        }
        let all = self.agendas.iter_mut().filter_map(|agenda| agenda.gate.as_deref_mut());
        all.for_each(|gate: &mut Gate| gate.forget(&mut self.gates));
        let Some(gate) = &mut self.agendas[at].gate else { return Span::default() };
        gate.remember(&value, &mut self.gates);
        gate.last()
    }

    fn forget_services(&mut self) {
        self.by_service.clear();
        self.by_thresholds.clear();
        self.agendas.clear();
        self.last_agenda = None;
        self.gates.used = 0;
    }
}

pub fn read_number(value: &Value<'_>) -> Metric {
    if value.is_nil() {
        return Metric::Absent;
    }
    value.number().map_or(Metric::NoNumber, Metric::Number)
}
