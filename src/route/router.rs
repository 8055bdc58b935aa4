//! The operators with what they remember.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::flow::Way;
use super::operator::Program;
use super::state::{Most, State};
use super::{Record, Sending};
use crate::plan::{Route, Timestamp};

/// Routes, and what their operators remember. Time is an argument; nothing fails.
///
/// A window of `throttle` or `rollup` begins with the first record that reaches the operator; the next ones follow it
/// back to back. It ends exactly, whenever that is noticed: more calls of `advance` change nothing.
///
/// A record reaches each notifier once at most in one step (it passes, a time at which windows end, a release), however
/// many routes lead there: the first one counts.
///
/// Of the operators behind a `by` there is a copy for each value, [`Router::COPIES`] at a time: the one idle longest is
/// forgotten, of those that hold nothing back. If all do, what has been held back longest leaves early. It does so too
/// when more than [`Router::PENDING`] records are held back.
///
/// A time that is earlier than the latest is taken for the latest. But if it is earlier by more than [`Router::BACK`],
/// a clock was set back: what is pending leaves, and windows begin anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "R: Record", try_from = "Saved<R>")]
pub struct Router<R> {
    routes: Vec<Route>,
    state: State<R>,
    #[serde(skip)]
    program: Program,
}

/// What is written of a router.
#[derive(Deserialize)]
#[serde(bound = "R: Record")]
struct Saved<R> {
    routes: Vec<Route>,
    state: State<R>,
}

impl<R: Record> TryFrom<Saved<R>> for Router<R> {
    type Error = &'static str;

    fn try_from(Saved { routes, mut state }: Saved<R>) -> Result<Router<R>, &'static str> {
        let program = Program::of(&routes);
        if !state.is_of(&program) {
            return Err("the state of other routes");
        }
        state.index();
        Ok(Router { program, routes, state })
    }
}

impl<R: Record> Default for Router<R> {
    fn default() -> Router<R> {
        Router::new(Vec::new())
    }
}

impl<R: Record> Router<R> {
    /// Copies of operators behind a `by`, over all routes.
    pub const COPIES: usize = 10_000;
    /// Records held back, over all routes.
    pub const PENDING: usize = 50_000;
    /// Time that goes back by no more is time that stands still, in microseconds.
    pub const BACK: i64 = 60_000_000;

    pub fn new(routes: Vec<Route>) -> Router<R> {
        Router::bounded(routes, Router::<R>::COPIES, Router::<R>::PENDING)
    }

    /// With other limits than [`Router::COPIES`] and [`Router::PENDING`].
    pub fn bounded(routes: Vec<Route>, copies: usize, pending: usize) -> Router<R> {
        Router { program: Program::of(&routes), routes, state: State::new(Most { copies, pending }) }
    }

    /// Sends a record into each route.
    pub fn pass(&mut self, record: R, now: Timestamp, out: &mut Vec<Sending<R>>) {
        let now = self.settle(now, out);
        let mut step = self.state.step(&self.program, now, Way::Usual, out);
        self.state.enter(record, &mut step);
    }

    /// Lets each `changed` see a record that `pass` would have shown it, also where `throttle` or `rollup` would have
    /// kept it back. Nobody is told, nothing is counted.
    ///
    /// What windows that ended by now held back leaves with the next call; [`Router::next_deadline`] is now then.
    pub fn note(&mut self, record: &R, now: Timestamp) {
        let mut ended = std::mem::take(&mut self.state.ended);
        let now = self.settle(now, &mut ended);
        let mut step = self.state.step(&self.program, now, Way::Unseen, &mut ended);
        self.state.enter(record.clone(), &mut step);
        self.state.ended = ended;
    }

    /// Ends windows.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Sending<R>>) {
        self.settle(now, out);
    }

    /// When `advance` would send something next; None: nothing is pending.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let first = self.state.first_deadline().map(|(end, _)| end);
        if self.state.ended.is_empty() { first } else { self.state.latest }
    }

    /// Sends what is pending under an id, through the operators behind its `rollup`.
    ///
    /// Another `throttle` or `rollup` there lets it through, and does not count it.
    pub fn release(&mut self, id: &str, now: Timestamp, out: &mut Vec<Sending<R>>) {
        let now = self.settle(now, out);
        let mut step = self.state.step(&self.program, now, Way::Urgent, out);
        for (home, batch) in self.state.take_id(id) {
            self.state.leave(home, &batch, &mut step);
        }
        self.state.make_room(&mut step);
    }

    /// How many records are held back; one that waits in two places counts twice.
    pub fn pending(&self) -> usize {
        self.state.pending() + self.state.ended.iter().map(|sending| sending.batch.len()).sum::<usize>()
    }

    /// How many copies of operators behind a `by` there are.
    pub fn copies(&self) -> usize {
        self.state.copies()
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Goes on with other routes.
    ///
    /// One that is there already keeps its state. Of one that is there no more, what is pending is sent at once, to whom
    /// it would have been. Equal routes are matched in order.
    pub fn edited(mut self, routes: Vec<Route>, now: Timestamp, out: &mut Vec<Sending<R>>) -> Router<R> {
        let now = self.settle(now, out);
        let places = places(&self.routes, &routes);
        let program = Program::of(&routes);
        let old = &self.program;
        let number = |operator: u32| {
            let route = old.tops.partition_point(|top| *top <= operator) - 1;
            places[route].map(|place| operator - old.tops[route] + program.tops[place])
        };
        let mut step = self.state.step(old, now, Way::Urgent, out);
        for home in self.state.holding() {
            if number(home.operator).is_none() {
                let batch = self.state.take(home);
                self.state.leave(home, &batch, &mut step);
            }
        }
        self.state.renumber(&number);
        Router { routes, program, state: self.state }
    }

    /// Ends the windows that end by a time, in order, and says which time it is.
    fn settle(&mut self, now: Timestamp, out: &mut Vec<Sending<R>>) -> Timestamp {
        out.append(&mut self.state.ended);
        let latest = self.state.latest.unwrap_or(now);
        if now.plus(Router::<R>::BACK) < latest {
            self.begin_anew(now, out);
            self.state.latest = Some(now);
            return now;
        }
        let now = now.max(latest);
        self.state.latest = Some(now);
        while let Some((end, _)) = self.state.first_deadline().filter(|(end, _)| *end <= now) {
            let mut step = self.state.step(&self.program, end, Way::Usual, out);
            while let Some((_, home)) = self.state.first_deadline().filter(|(next, _)| *next == end) {
                self.state.end_window(home, end, &mut step);
            }
            self.state.make_room(&mut step);
        }
        now
    }

    /// Sends what is pending and forgets all windows.
    fn begin_anew(&mut self, now: Timestamp, out: &mut Vec<Sending<R>>) {
        self.state.forget_windows();
        let mut step = self.state.step(&self.program, now, Way::Urgent, out);
        for home in self.state.holding() {
            let batch = self.state.take(home);
            self.state.leave(home, &batch, &mut step);
        }
        self.state.make_room(&mut step);
    }
}

/// Where each old route is among the new ones.
fn places(old: &[Route], new: &[Route]) -> Vec<Option<usize>> {
    let bytes = |route: &Route| postcard::to_stdvec(route).expect("a route is plain values in memory");
    let mut free: HashMap<Vec<u8>, VecDeque<usize>> = HashMap::new();
    for (place, route) in new.iter().enumerate() {
        free.entry(bytes(route)).or_default().push_back(place);
    }
    old.iter().map(|route| free.get_mut(&bytes(route)).and_then(VecDeque::pop_front)).collect()
}
