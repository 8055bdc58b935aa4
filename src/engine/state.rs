//! The state of an evaluator, apart from its plan: what a snapshot holds, and what goes over an edit.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::compiled::{Compiled, Former};
use super::evaluator::{Evaluator, Position, Watching};
use super::group::Group;
use super::intake::Intake;
use super::shape::Shape;
use super::verdict::Verdict;
use super::watch::Watch;
use crate::order;
use crate::plan::{Keeping, Limits, Plan, Routing, Server, Threshold};

/// Everything, with the thresholds that it belongs to.
#[derive(Serialize, Deserialize)]
pub struct State<'a> {
    pub settings: Settings<'a>,
    pub watching: Watching,
    pub watch: Cow<'a, Watch>,
    pub positions: Vec<(Shape, Cow<'a, Position>)>,
    pub thresholds: Vec<Saved<'a>>,
}

/// What of a plan counts besides its thresholds.
#[derive(Clone, Serialize, Deserialize)]
pub struct Settings<'a> {
    pub instance: Cow<'a, str>,
    pub max_skew: i64,
    pub grace: i64,
    pub limits: Limits,
}

/// One threshold and its groups.
#[derive(Serialize, Deserialize)]
pub struct Saved<'a> {
    pub threshold: Cow<'a, Threshold>,
    pub formers: Cow<'a, [Former]>,
    /// Windows that start before are not judged, in microseconds.
    pub begins: i64,
    pub intake: Intake,
    /// In order of key.
    pub groups: Vec<(Cow<'a, [u8]>, Cow<'a, Group>)>,
}

impl Evaluator {
    /// The state, borrowed. What lanes hold is not in it.
    pub(super) fn state(&self) -> State<'_> {
        let plan = &self.compiled.plan;
        let saved = |at: usize| {
            let subjects = &self.subjects[at];
            let mut groups: Vec<_> =
                subjects.groups.iter().map(|(key, group)| (Cow::Borrowed(&**key), Cow::Borrowed(group))).collect();
            groups.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Saved {
                threshold: Cow::Borrowed(&plan.thresholds[at]),
                formers: Cow::Borrowed(self.compiled.formers[at].as_slice()),
                begins: subjects.begins,
                intake: subjects.intake,
                groups,
            }
        };
        let shapes = self.compiled.shapes.iter().copied();
        State {
            settings: Settings::of(plan),
            watching: self.watching,
            watch: Cow::Borrowed(&self.watch),
            positions: shapes.zip(self.positions.iter().map(Cow::Borrowed)).collect(),
            thresholds: (0..plan.thresholds.len()).map(saved).collect(),
        }
    }

    /// An evaluator of nothing, to stand where another one was.
    pub fn nothing() -> Evaluator {
        let settings = Settings { instance: Cow::Borrowed(""), max_skew: 0, grace: 0, limits: Limits::default() };
        Evaluator::new(&Compiled::new(Arc::new(settings.plan(Vec::new()))), Watching::Whole)
    }

    /// The evaluator that a state was taken of, under the plan that it was taken under.
    pub(super) fn of_state(state: State<'_>) -> Evaluator {
        let State { settings, watching, watch, positions, mut thresholds } = state;
        // Thresholds are in order of id; whoever wrote the bytes may not have known.
        order::by(&mut thresholds, |a, b| a.threshold.id.cmp(&b.threshold.id));
        thresholds.dedup_by(|a, b| a.threshold.id == b.threshold.id);
        let plan = settings.plan(thresholds.iter().map(|saved| saved.threshold.clone().into_owned()).collect());
        let formers = thresholds.iter_mut().map(|saved| std::mem::take(saved.formers.to_mut())).collect();
        let compiled = Compiled::edited(Arc::new(plan), formers);
        let mut evaluator = Evaluator::new(&compiled, watching);
        evaluator.watch = watch.into_owned();
        for (shape, position) in positions {
            if let Some(at) = compiled.shapes.iter().position(|own| *own == shape) {
                evaluator.positions[at] = position.into_owned();
            }
        }
        for (at, saved) in thresholds.into_iter().enumerate() {
            let limits = compiled.limits[at].len();
            evaluator.subjects[at].begins = saved.begins;
            evaluator.subjects[at].intake = saved.intake;
            for (key, group) in saved.groups {
                let mut group = group.into_owned();
                group.edit(0, limits);
                evaluator.put(at, key.into_owned().into(), group);
            }
        }
        evaluator
    }

    /// Puts a group in its place, and counts what it takes.
    pub(super) fn put(&mut self, threshold: usize, key: Arc<[u8]>, mut group: Group) {
        for pane in group.panes_mut() {
            pane.sketch.take_budget(&mut self.budget);
            self.panes += 1;
        }
        group.restore(&mut self.budget);
        let subjects = &mut self.subjects[threshold];
        subjects.violated += usize::from(group.standing.status == Verdict::Violation);
        subjects.groups.insert(key, group);
    }
}

/// A plan without its states: settings and thresholds. `:server` is not in it.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    settings: Settings<'a>,
    thresholds: Cow<'a, [Threshold]>,
}

/// What of a plan decides what is counted and told, as bytes.
pub fn plan_to_bytes(plan: &Plan) -> Vec<u8> {
    let written = Written { settings: Settings::of(plan), thresholds: Cow::Borrowed(&plan.thresholds) };
    postcard::to_stdvec(&written).expect("plain values in memory")
}

/// None for other bytes.
pub fn plan_from_bytes(bytes: &[u8]) -> Option<Plan> {
    let written: Written = postcard::from_bytes(bytes).ok()?;
    Some(written.settings.plan(written.thresholds.into_owned()))
}

impl<'a> Settings<'a> {
    fn of(plan: &'a Plan) -> Settings<'a> {
        Settings {
            instance: Cow::Borrowed(&plan.instance),
            max_skew: plan.max_skew,
            grace: plan.grace,
            limits: plan.limits,
        }
    }

    fn plan(self, thresholds: Vec<Threshold>) -> Plan {
        Plan {
            thresholds,
            grace: self.grace,
            grace_is_set: true,
            max_skew: self.max_skew,
            watch: false,
            instance: self.instance.into_owned(),
            limits: self.limits,
            server: Server::default(),
            state: Keeping::default(),
            routing: Routing::default(),
            pipelines: Vec::new(),
            sources: Vec::new(),
        }
    }
}
