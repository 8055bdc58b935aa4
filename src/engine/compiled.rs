//! The plan laid out for counting: for each service, what is to be looked at and what is counted.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::classifier::Patterns;
use super::event::Event;
use super::gate::{Conjunct, Gate};
use super::shape::Shape;
use crate::plan::{Field, Measure, Pattern, Plan, Service, Threshold};

/// A plan, ready to run. Shared by lanes and evaluator.
#[derive(Debug)]
pub struct Compiled {
    pub(super) plan: Arc<Plan>,
    /// Each distinct shape of window.
    pub(super) shapes: Vec<Shape>,
    /// For each shape, its thresholds in order.
    pub(super) members: Vec<Vec<usize>>,
    /// For each threshold, its shape.
    pub(super) shape_of: Vec<usize>,
    /// For each threshold, what it was before its bounds were edited, while windows of that time are open.
    pub(super) formers: Vec<Vec<Former>>,
    /// For each threshold, the limits of its bounds as doubles, those of its formers first; empty if it is no percentile.
    pub(super) limits: Vec<Box<[f64]>>,
    pub(super) patterns: Vec<Arc<Patterns>>,
    /// For each threshold, what its `:where` consists of.
    pub(super) filters: Vec<Box<[Conjunct]>>,
    /// For each service that the plan names, the thresholds that read it.
    exact: HashMap<Box<[u8]>, Vec<usize>>,
    /// Thresholds over services that match a pattern.
    matching: Vec<(Pattern, usize)>,
    classes: HashMap<(usize, Field), (usize, u64)>,
}

/// What the events of services are counted for that are read by the same thresholds.
#[derive(Debug, Default)]
pub struct Agenda {
    /// What stops events before most jobs.
    pub gate: Option<Box<Gate>>,
    /// Classified once for each event: the field and the index of its patterns.
    pub classes: Vec<(Field, usize)>,
    /// Read as a number once for each event.
    pub numbers: Vec<Field>,
    pub jobs: Vec<Job>,
}

/// One threshold that reads a service.
#[derive(Debug)]
pub struct Job {
    pub threshold: usize,
    pub shape: usize,
    pub read: Read,
    /// Whether there is but one group.
    pub single: bool,
    /// Whether the service is a part of the group.
    pub service_in_group: bool,
    /// Whether the gate stops some events.
    pub gated: bool,
    /// Whether the threshold has a `:where` that the gate does not answer alone.
    pub filtered: bool,
    /// The limits that values are counted against.
    pub limits: Box<[f64]>,
}

/// What a job takes from an event.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// Index into [`Agenda::numbers`].
    Number(usize),
    /// Index into [`Agenda::classes`], and the bit of the pattern.
    Class(usize, u64),
}

/// A threshold before its bounds were edited.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Former {
    pub threshold: Arc<Threshold>,
    /// Windows that begin before are judged by it, in microseconds.
    pub until: i64,
}

impl Compiled {
    pub fn new(plan: Arc<Plan>) -> Arc<Compiled> {
        let formers = vec![Vec::new(); plan.thresholds.len()];
        Compiled::edited(plan, formers)
    }

    /// A plan that follows another: for each threshold its formers, the oldest first.
    pub(super) fn edited(plan: Arc<Plan>, formers: Vec<Vec<Former>>) -> Arc<Compiled> {
        let limits = |(threshold, formers): (&Threshold, &Vec<Former>)| {
            let all = formers.iter().map(|former| &*former.threshold).chain([threshold]);
            all.flat_map(limits_of).collect()
        };
        let mut compiled = Compiled {
            shapes: Vec::new(),
            members: Vec::new(),
            shape_of: Vec::new(),
            limits: plan.thresholds.iter().zip(&formers).map(limits).collect(),
            formers,
            patterns: Vec::new(),
            filters: plan.thresholds.iter().map(filters_of).collect(),
            exact: HashMap::new(),
            matching: Vec::new(),
            classes: HashMap::new(),
            plan: Arc::clone(&plan),
        };
        let mut shapes = HashMap::new();
        let mut exact: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, threshold) in plan.thresholds.iter().enumerate() {
            let shape = Shape::of(threshold);
            let at = *shapes.entry(shape).or_insert_with(|| {
                compiled.shapes.push(shape);
                compiled.members.push(Vec::new());
                compiled.shapes.len() - 1
            });
            compiled.members[at].push(i);
            compiled.shape_of.push(at);
            match &threshold.service {
                Service::Exactly(name) => exact.entry(name).or_default().push(i),
                Service::Matching(pattern) => compiled.matching.push((pattern.clone(), i)),
            }
        }
        compiled.number_patterns();
        for (name, mut thresholds) in exact {
            thresholds.extend(compiled.matching_thresholds(name.as_bytes()));
            thresholds.sort_unstable();
            compiled.exact.insert(name.as_bytes().into(), thresholds);
        }
        Arc::new(compiled)
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether the plan names the service.
    pub(super) fn names(&self, service: &[u8]) -> bool {
        self.exact.contains_key(service)
    }

    /// How many services the plan names.
    pub(super) fn named_services(&self) -> usize {
        self.exact.len()
    }

    /// Whether only services that the plan names are read.
    pub(super) fn reads_named_only(&self) -> bool {
        self.matching.is_empty()
    }

    /// The thresholds that read a service, in order.
    pub(super) fn thresholds_of(&self, service: &[u8]) -> Vec<usize> {
        match self.exact.get(service) {
            Some(thresholds) => thresholds.clone(),
            None => self.matching_thresholds(service),
        }
    }

    /// Whether the parts of the filter that the gate does not ask for are true of the event.
    pub(super) fn accepts(&self, threshold: usize, gate: Option<&Gate>, event: &Event<'_>) -> bool {
        let asked = |part: &Conjunct| part.field.is_some() && part.field.as_ref() == gate.map(|gate| &gate.field);
        self.filters[threshold].iter().all(|part| asked(part) || part.expression.accepts(event))
    }

    /// Gives each distinct pattern over a field one bit. Services that ask the same share one set of patterns.
    fn number_patterns(&mut self) {
        let mut asked: HashMap<(&Service, &Field), Vec<(usize, &Pattern)>> = HashMap::new();
        let mut order = Vec::new();
        for (i, threshold) in self.plan.thresholds.iter().enumerate() {
            if let Some(pattern) = threshold.measure.pattern() {
                let key = (&threshold.service, threshold.measure.field());
                let entry = asked.entry(key).or_default();
                if entry.is_empty() {
                    order.push(key);
                }
                entry.push((i, pattern));
            }
        }
        let mut sets: HashMap<Vec<&str>, usize> = HashMap::new();
        for key in order {
            let mut distinct: Vec<&Pattern> = asked[&key].iter().map(|(_, pattern)| *pattern).collect();
            distinct.sort_unstable_by_key(|pattern| pattern.as_str());
            distinct.dedup();
            for chunk in distinct.chunks(Patterns::MOST) {
                let texts: Vec<&str> = chunk.iter().map(|pattern| pattern.as_str()).collect();
                let set = *sets.entry(texts.clone()).or_insert_with(|| {
                    self.patterns.push(Arc::new(Patterns::new(chunk.iter().map(|p| (*p).clone()).collect())));
                    self.patterns.len() - 1
                });
                for (i, pattern) in &asked[&key] {
                    if let Ok(bit) = texts.binary_search(&pattern.as_str()) {
                        self.classes.insert((*i, key.1.clone()), (set, 1 << bit));
                    }
                }
            }
        }
    }

    fn matching_thresholds(&self, service: &[u8]) -> Vec<usize> {
        let matching = self.matching.iter().filter(|(pattern, _)| pattern.matches(service));
        matching.map(|(_, threshold)| *threshold).collect()
    }

    /// What these thresholds, in order, need of an event.
    pub(super) fn agenda(&self, thresholds: &[usize]) -> Agenda {
        let field = Conjunct::common_field(thresholds.iter().map(|i| &*self.filters[*i]));
        let mut agenda = Agenda { gate: field.clone().map(|field| Box::new(Gate::new(field))), ..Agenda::default() };
        for &i in thresholds {
            let threshold = &self.plan.thresholds[i];
            let read = threshold.measure.field();
            let read = match self.classes.get(&(i, read.clone())) {
                Some((set, bit)) => Read::Class(position_or_push(&mut agenda.classes, (read.clone(), *set)), *bit),
                None => Read::Number(position_or_push(&mut agenda.numbers, read.clone())),
            };
            let gated = |part: &&Conjunct| part.field.is_some() && part.field == field;
            let gated = self.filters[i].iter().filter(gated).count();
            let service_in_group = matches!(threshold.service, Service::Matching(_));
            agenda.jobs.push(Job {
                threshold: i,
                shape: self.shape_of[i],
                read,
                single: threshold.has_one_group(),
                service_in_group,
                gated: gated > 0,
                filtered: gated < self.filters[i].len(),
                limits: self.limits[i].clone(),
            });
        }
        agenda
    }
}

/// The limits that values are counted against: those of a percentile.
pub(super) fn limits_of(threshold: &Threshold) -> impl Iterator<Item = f64> {
    let bounds = match threshold.measure {
        Measure::Percentile { .. } => threshold.bounds.as_slice(),
        Measure::Percentage { .. } | Measure::Count { .. } => &[],
    };
    bounds.iter().map(|bound| bound.limit.to_f64())
}

fn filters_of(threshold: &Threshold) -> Box<[Conjunct]> {
    let mut parts = Vec::new();
    if let Some(filter) = &threshold.filter {
        Conjunct::split(filter, &mut parts);
    }
    parts.into()
}

fn position_or_push<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|other| *other == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}
