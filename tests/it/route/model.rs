//! The operators said again, naively: every look is over everything, no copy is ever forgotten.

use highwater::plan::{Expression, Field, Route};

use super::Fact;

/// Who is told of which records.
pub type Told = (String, Vec<Fact>);

const BACK: i64 = 60;

pub struct Model {
    nodes: Vec<Node>,
    latest: Option<i64>,
    count: u64,
    /// What leaves with the next call.
    later: Vec<Told>,
}

struct Waiting {
    place: u64,
    serial: u64,
    fact: Fact,
}

enum Node {
    Where(Expression, Vec<Node>, Vec<Node>),
    By(Vec<Field>, Vec<Route>, Vec<(Vec<Option<String>>, Vec<Node>)>),
    Changed(Expression, Option<Expression>, Option<Option<String>>, Vec<Node>),
    Throttle(Windows, Vec<Node>),
    /// With since when something waits, and until when.
    Rollup(Windows, Vec<Waiting>, (u64, i64), Vec<Node>),
    With(Vec<(Field, Expression)>, Vec<Node>),
    Sdo(Vec<Node>),
    Notify(Vec<String>),
}

/// All that was ever sent, by time.
struct Windows {
    most: usize,
    every: i64,
    anchor: Option<i64>,
    sent: Vec<i64>,
}

impl Windows {
    fn new(most: u32, every: i64) -> Windows {
        Windows { most: most as usize, every: every / 1_000_000, anchor: None, sent: Vec::new() }
    }

    fn index(&self, time: i64) -> i64 {
        (time - self.anchor.unwrap()) / self.every
    }

    fn has_room(&mut self, now: i64) -> bool {
        self.anchor.get_or_insert(now);
        let is_now = |time: &&i64| self.index(**time) == self.index(now);
        self.sent.iter().filter(is_now).count() < self.most
    }

    fn end(&self, now: i64) -> i64 {
        self.anchor.unwrap() + (self.index(now) + 1) * self.every
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Usual,
    Urgent,
    Unseen,
}

struct Walk<'w> {
    now: i64,
    way: Way,
    count: &'w mut u64,
    told: Vec<(u64, String)>,
    out: &'w mut Vec<Told>,
}

type Batch = Vec<(u64, Fact)>;

impl Model {
    pub fn new(routes: &[Route]) -> Model {
        Model { nodes: routes.iter().map(node).collect(), latest: None, count: 0, later: Vec::new() }
    }

    pub fn pass(&mut self, fact: &Fact, now: i64, out: &mut Vec<Told>) {
        let now = self.advance(now, out);
        self.enter(fact, now, Way::Usual, out);
    }

    pub fn note(&mut self, fact: &Fact, now: i64) {
        let mut out = Vec::new();
        let now = self.advance(now, &mut out);
        self.enter(fact, now, Way::Unseen, &mut out);
        self.later = out;
    }

    pub fn release(&mut self, id: &str, now: i64, out: &mut Vec<Told>) {
        let now = self.advance(now, out);
        self.all_leave(Some(id), now, out);
    }

    pub fn advance(&mut self, now: i64, out: &mut Vec<Told>) -> i64 {
        out.append(&mut self.later);
        let latest = self.latest.unwrap_or(now);
        if now < latest - BACK {
            self.latest = Some(now);
            self.nodes.iter_mut().for_each(forget_windows);
            self.all_leave(None, now, out);
            return now;
        }
        let now = now.max(latest);
        self.latest = Some(now);
        while let Some((end, _)) = self.first_end().filter(|(end, _)| *end <= now) {
            let mut walk = Walk { now: end, way: Way::Usual, count: &mut self.count, told: Vec::new(), out };
            loop {
                let first = self.nodes.iter().filter_map(first_end).min();
                let Some((_, since)) = first.filter(|(next, _)| *next == end) else { break };
                self.nodes.iter_mut().for_each(|node| end_window(node, since, &mut walk));
            }
        }
        now
    }

    pub fn pending(&self) -> usize {
        let mut all = Vec::new();
        self.nodes.iter().for_each(|node| waiting(node, None, &mut all));
        all.len() + self.later.iter().map(|(_, batch)| batch.len()).sum::<usize>()
    }

    pub fn first_end(&self) -> Option<(i64, u64)> {
        self.nodes.iter().filter_map(first_end).min()
    }

    fn enter(&mut self, fact: &Fact, now: i64, way: Way, out: &mut Vec<Told>) {
        self.count += 1;
        let batch = vec![(self.count, fact.clone())];
        let mut walk = Walk { now, way, count: &mut self.count, told: Vec::new(), out };
        flow_all(&mut self.nodes, &batch, &mut walk);
    }

    /// What waits under an id, or anything, leaves from each place at once, the place where one waits longest first.
    fn all_leave(&mut self, id: Option<&str>, now: i64, out: &mut Vec<Told>) {
        let mut walk = Walk { now, way: Way::Urgent, count: &mut self.count, told: Vec::new(), out };
        loop {
            let mut all = Vec::new();
            self.nodes.iter().for_each(|node| waiting(node, id, &mut all));
            // By the first that waits under the id; or else by the first that waited there at all.
            let first = all.iter().map(|(since, place)| if id.is_some() { *place } else { *since }).min();
            let Some(first) = first else { return };
            self.nodes.iter_mut().for_each(|node| leave(node, id, first, &mut walk));
        }
    }
}

fn node(route: &Route) -> Node {
    let all = |routes: &[Route]| routes.iter().map(node).collect::<Vec<_>>();
    match route {
        Route::Where { condition, then, otherwise } => Node::Where(condition.clone(), all(then), all(otherwise)),
        Route::By { fields, children } => Node::By(fields.clone(), children.clone(), Vec::new()),
        Route::Changed { of, init, children } => Node::Changed(of.clone(), init.clone(), None, all(children)),
        Route::Throttle { most, every, children } => Node::Throttle(Windows::new(*most, *every), all(children)),
        Route::Rollup { most, every, children } => {
            Node::Rollup(Windows::new(*most, *every), Vec::new(), (0, 0), all(children))
        }
        Route::With { fields, children } => Node::With(fields.clone(), all(children)),
        Route::Sdo(children) => Node::Sdo(all(children)),
        Route::Notify(names) => Node::Notify(names.clone()),
    }
}

fn below(node: &Node) -> Vec<&Node> {
    match node {
        Node::Where(_, then, otherwise) => then.iter().chain(otherwise).collect(),
        Node::By(_, _, copies) => copies.iter().flat_map(|(_, nodes)| nodes).collect(),
        Node::Changed(_, _, _, nodes)
        | Node::Throttle(_, nodes)
        | Node::Rollup(_, _, _, nodes)
        | Node::With(_, nodes)
        | Node::Sdo(nodes) => nodes.iter().collect(),
        Node::Notify(_) => Vec::new(),
    }
}

fn below_mut(node: &mut Node) -> Vec<&mut Node> {
    match node {
        Node::Where(_, then, otherwise) => then.iter_mut().chain(otherwise).collect(),
        Node::By(_, _, copies) => copies.iter_mut().flat_map(|(_, nodes)| nodes).collect(),
        Node::Changed(_, _, _, nodes)
        | Node::Throttle(_, nodes)
        | Node::Rollup(_, _, _, nodes)
        | Node::With(_, nodes)
        | Node::Sdo(nodes) => nodes.iter_mut().collect(),
        Node::Notify(_) => Vec::new(),
    }
}

fn flow_all(nodes: &mut [Node], batch: &Batch, walk: &mut Walk<'_>) {
    if !batch.is_empty() {
        nodes.iter_mut().for_each(|node| flow(node, batch, walk));
    }
}

fn flow(node: &mut Node, batch: &Batch, walk: &mut Walk<'_>) {
    match node {
        Node::Where(condition, then, otherwise) => {
            let (yes, no): (Batch, Batch) = batch.iter().cloned().partition(|(_, fact)| holds(condition, fact));
            flow_all(then, &yes, walk);
            flow_all(otherwise, &no, walk);
        }
        Node::By(fields, template, copies) => {
            let values = |fact: &Fact| fields.iter().map(|f| fact.words.get(f.name()).cloned()).collect::<Vec<_>>();
            let mut seen = Vec::new();
            for (_, fact) in batch {
                let key = values(fact);
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key.clone());
                if !copies.iter().any(|(known, _)| *known == key) {
                    copies.push((key.clone(), template.iter().map(self::node).collect()));
                }
                let part: Batch = batch.iter().filter(|(_, fact)| values(fact) == key).cloned().collect();
                let copy = copies.iter_mut().find(|(known, _)| *known == key).unwrap();
                flow_all(&mut copy.1, &part, walk);
            }
        }
        Node::Changed(of, init, last, nodes) => {
            let mut passed = Vec::new();
            for item in batch {
                let value = value(of, &item.1);
                let before = last.clone().or_else(|| init.as_ref().map(|init| self::value(init, &item.1)));
                *last = Some(value.clone());
                if before != Some(value) {
                    passed.push(item.clone());
                }
            }
            flow_all(nodes, &passed, walk);
        }
        Node::Throttle(_, nodes) if walk.way != Way::Usual => flow_all(nodes, batch, walk),
        Node::Rollup(_, _, _, nodes) if walk.way != Way::Usual => flow_all(nodes, batch, walk),
        Node::Throttle(windows, nodes) => {
            if windows.has_room(walk.now) {
                windows.sent.push(walk.now);
                flow_all(nodes, batch, walk);
            }
        }
        Node::Rollup(windows, held, since, nodes) => {
            if windows.has_room(walk.now) {
                windows.sent.push(walk.now);
                return flow_all(nodes, batch, walk);
            }
            for (serial, fact) in batch {
                *walk.count += 1;
                if held.is_empty() {
                    *since = (*walk.count, windows.end(walk.now));
                }
                held.push(Waiting { place: *walk.count, serial: *serial, fact: fact.clone() });
            }
        }
        Node::With(fields, nodes) => {
            let mut changed = batch.clone();
            for (at, (_, fact)) in changed.iter_mut().enumerate() {
                for (field, to) in fields.iter() {
                    match value(to, &batch[at].1) {
                        Some(word) => fact.words.insert(field.name().to_string(), word),
                        None => fact.words.remove(field.name()),
                    };
                }
            }
            flow_all(nodes, &changed, walk);
        }
        Node::Sdo(nodes) => flow_all(nodes, batch, walk),
        Node::Notify(names) => {
            for name in names.iter().filter(|_| walk.way != Way::Unseen) {
                let mut told = Vec::new();
                for (serial, fact) in batch {
                    if !walk.told.contains(&(*serial, name.clone())) {
                        walk.told.push((*serial, name.clone()));
                        told.push(fact.clone());
                    }
                }
                if !told.is_empty() {
                    walk.out.push((name.clone(), told));
                }
            }
        }
    }
}

/// The first end of a window in which something waits, and since when that does.
fn first_end(node: &Node) -> Option<(i64, u64)> {
    let mut ends: Vec<(i64, u64)> = below(node).into_iter().filter_map(first_end).collect();
    if let Node::Rollup(_, held, since, _) = node
        && !held.is_empty()
    {
        ends.push((since.1, since.0));
    }
    ends.into_iter().min()
}

fn end_window(node: &mut Node, which: u64, walk: &mut Walk<'_>) {
    if let Node::Rollup(windows, held, since, nodes) = node
        && !held.is_empty()
        && since.0 == which
    {
        windows.sent.push(walk.now);
        let batch = held.drain(..).map(|waiting| (waiting.serial, waiting.fact)).collect();
        return flow_all(nodes, &batch, walk);
    }
    below_mut(node).into_iter().for_each(|node| end_window(node, which, walk));
}

/// Since when something waits where this waits, and its own place.
fn waiting(node: &Node, id: Option<&str>, out: &mut Vec<(u64, u64)>) {
    if let Node::Rollup(_, held, since, _) = node {
        let under = held.iter().filter(|waiting| id.is_none_or(|id| waiting.fact.id == id));
        out.extend(under.map(|waiting| (since.0, waiting.place)));
    }
    below(node).into_iter().for_each(|node| waiting(node, id, out));
}

fn leave(node: &mut Node, id: Option<&str>, first: u64, walk: &mut Walk<'_>) {
    if let Node::Rollup(_, held, since, nodes) = node
        && !held.is_empty()
        && if id.is_some() { held.iter().any(|waiting| waiting.place == first) } else { since.0 == first }
    {
        let (leaving, rest): (Vec<_>, Vec<_>) =
            held.drain(..).partition(|waiting| id.is_none_or(|id| waiting.fact.id == id));
        *held = rest;
        let batch = leaving.into_iter().map(|waiting| (waiting.serial, waiting.fact)).collect();
        return flow_all(nodes, &batch, walk);
    }
    below_mut(node).into_iter().for_each(|node| leave(node, id, first, walk));
}

fn forget_windows(node: &mut Node) {
    if let Node::Throttle(windows, _) | Node::Rollup(windows, ..) = node {
        windows.anchor = None;
        windows.sent.clear();
    }
    below_mut(node).into_iter().for_each(forget_windows);
}

fn value(of: &Expression, fact: &Fact) -> Option<String> {
    match of {
        Expression::Nil => None,
        Expression::Text(text) => Some(text.to_string()),
        Expression::Field(field) => fact.words.get(field.name()).cloned(),
        other => panic!("not in these tests: {other:?}"),
    }
}

fn holds(condition: &Expression, fact: &Fact) -> bool {
    match condition {
        Expression::Compare(_, items) => value(&items[0], fact) == value(&items[1], fact),
        other => value(other, fact).is_some(),
    }
}
