//! How records go through operators.

use hashbrown::{HashMap, HashSet};

use super::key::key;
use super::operator::{Kind, Program};
use super::state::{Home, Item, ROOT, State};
use super::{Record, Sending};
use crate::plan::{Expression, Field, Timestamp};

/// How records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As the operators say.
    Usual,
    /// They have waited enough: `throttle` and `rollup` let them through, and do not count them.
    Urgent,
    /// The same, and nobody is told.
    Unseen,
}

/// What happens at once, at one time.
pub(super) struct Step<'s, R> {
    pub program: &'s Program,
    pub now: Timestamp,
    pub way: Way,
    pub out: &'s mut Vec<Sending<R>>,
    /// Who was told of which record: once is enough.
    told: HashSet<(u64, u32)>,
    /// Copies that were used after this are in use.
    began: u64,
}

impl<R: Record> State<R> {
    pub fn step<'s>(
        &mut self,
        program: &'s Program,
        now: Timestamp,
        way: Way,
        out: &'s mut Vec<Sending<R>>,
    ) -> Step<'s, R> {
        Step { program, now, way, out, told: HashSet::new(), began: self.number() }
    }

    /// A record enters all routes.
    pub fn enter(&mut self, record: R, step: &mut Step<'_, R>) {
        let item = Item { serial: self.number(), record };
        for top in &step.program.tops {
            self.flow(Home { copy: ROOT, operator: *top }, &[&item], step);
        }
        self.make_room(step);
    }

    /// A batch goes on behind an operator.
    pub fn leave(&mut self, home: Home, batch: &[Item<R>], step: &mut Step<'_, R>) {
        let batch: Vec<&Item<R>> = batch.iter().collect();
        self.go_on(home, &batch, step);
    }

    /// Ends a window that holds records back.
    pub fn end_window(&mut self, home: Home, end: Timestamp, step: &mut Step<'_, R>) {
        let batch = self.take(home);
        self.begin_after(home, end);
        self.leave(home, &batch, step);
    }

    /// Lets what has been held back longest leave early, while too much is. Then forgets copies, while there are too
    /// many: the one idle longest, of those in which nothing is pending. If there is none, some more leaves early.
    pub fn make_room(&mut self, step: &mut Step<'_, R>) {
        step.way = Way::Usual;
        while self.has_too_many_pending() {
            let Some(home) = self.oldest() else { break };
            self.leave_early(home, step);
        }
        while self.has_too_many_copies() {
            let idlest = self.idlest();
            match (idlest, self.oldest_in_copies()) {
                (Some((used, id)), _) if used < step.began => self.forget(id),
                (_, Some(home)) => self.leave_early(home, step),
                (Some((_, id)), None) => self.forget(id),
                // Never: a copy holds back, or one in it does, or one in it is idle.
                (None, None) => return,
            }
        }
    }

    fn leave_early(&mut self, home: Home, step: &mut Step<'_, R>) {
        let batch = self.take(home);
        self.leave(home, &batch, step);
    }

    /// A batch reaches an operator. It is never empty.
    fn flow(&mut self, home: Home, batch: &[&Item<R>], step: &mut Step<'_, R>) {
        let program = step.program;
        let operator = program.operator(home.operator);
        if step.way == Way::Unseen && !operator.remembers {
            return;
        }
        match &operator.kind {
            Kind::Where { condition, otherwise } => self.split(home, condition, otherwise, batch, step),
            Kind::By(fields) => self.group(home, fields, batch, step),
            Kind::Changed { of, init } => self.filter(home, of, init.as_ref(), batch, step),
            Kind::Throttle { .. } | Kind::Rollup { .. } if step.way != Way::Usual => self.go_on(home, batch, step),
            Kind::Throttle { most, every } => {
                let window = self.window(home, *every, step.now);
                if window.sent < *most {
                    window.sent += 1;
                    self.go_on(home, batch, step);
                }
            }
            Kind::Rollup { most, every } => self.roll_up(home, *most, *every, batch, step),
            Kind::With(fields) => {
                let changed: Vec<Item<R>> = batch.iter().map(|item| with(item, fields)).collect();
                self.leave(home, &changed, step);
            }
            Kind::Sdo => self.go_on(home, batch, step),
            Kind::Notify(names) => names.iter().for_each(|name| tell(*name, batch, step)),
        }
    }

    /// To each operator behind this one.
    fn go_on(&mut self, home: Home, batch: &[&Item<R>], step: &mut Step<'_, R>) {
        let program = step.program;
        self.flow_all(home.copy, &program.operator(home.operator).children, batch, step);
    }

    fn flow_all(&mut self, copy: u64, operators: &[u32], batch: &[&Item<R>], step: &mut Step<'_, R>) {
        if batch.is_empty() {
            return;
        }
        for operator in operators {
            self.flow(Home { copy, operator: *operator }, batch, step);
        }
    }

    fn split(
        &mut self,
        home: Home,
        condition: &Expression,
        otherwise: &[u32],
        batch: &[&Item<R>],
        step: &mut Step<'_, R>,
    ) {
        // What comes one by one, and that is nearly all, needs no list.
        if let [item] = batch {
            return match condition.accepts(&item.record) {
                true => self.go_on(home, batch, step),
                false => self.flow_all(home.copy, otherwise, batch, step),
            };
        }
        let (then, others): (Vec<&Item<R>>, Vec<&Item<R>>) =
            batch.iter().copied().partition(|item| condition.accepts(&item.record));
        self.flow_all(home.copy, &step.program.operator(home.operator).children, &then, step);
        self.flow_all(home.copy, otherwise, &others, step);
    }

    /// Parts in the order of the first of each.
    fn group(&mut self, home: Home, fields: &[Field], batch: &[&Item<R>], step: &mut Step<'_, R>) {
        let mut places = HashMap::new();
        let mut parts = Vec::new();
        for item in batch {
            let key = key(fields.iter().map(|field| item.record.field(field)));
            let at = *places.entry(key).or_insert_with_key(|key| {
                parts.push((key.clone(), Vec::new()));
                parts.len() - 1
            });
            parts[at].1.push(*item);
        }
        let program = step.program;
        for (key, part) in parts {
            let copy = self.copy_for(home, key);
            self.flow_all(copy, &program.operator(home.operator).children, &part, step);
        }
    }

    fn filter(
        &mut self,
        home: Home,
        of: &Expression,
        init: Option<&Expression>,
        batch: &[&Item<R>],
        step: &mut Step<'_, R>,
    ) {
        let mut passed = Vec::new();
        for item in batch {
            let value = key([of.evaluate(&item.record)].into_iter());
            let is_same = match (self.last(home), init) {
                (Some(last), _) => *last == value,
                (None, Some(init)) => key([init.evaluate(&item.record)].into_iter()) == value,
                (None, None) => false,
            };
            self.set_last(home, value);
            if !is_same {
                passed.push(*item);
            }
        }
        if !passed.is_empty() {
            self.go_on(home, &passed, step);
        }
    }

    fn roll_up(&mut self, home: Home, most: u32, every: i64, batch: &[&Item<R>], step: &mut Step<'_, R>) {
        let window = self.window(home, every, step.now);
        if window.sent < most {
            window.sent += 1;
            return self.go_on(home, batch, step);
        }
        let end = window.start.plus(every.max(1));
        self.hold(home, end, batch.iter().copied().cloned());
    }
}

fn with<R: Record>(item: &Item<R>, fields: &[(Field, Expression)]) -> Item<R> {
    let mut record = item.record.clone();
    // Of the record as it came: fields have no order.
    for (field, value) in fields {
        record.set(field, &value.evaluate(&item.record));
    }
    Item { serial: item.serial, record }
}

fn tell<R: Record>(name: u32, batch: &[&Item<R>], step: &mut Step<'_, R>) {
    let new = batch.iter().filter(|item| step.told.insert((item.serial, name)));
    let batch: Vec<R> = new.map(|item| item.record.clone()).collect();
    if !batch.is_empty() {
        step.out.push(Sending { notifier: step.program.name(name).to_string(), batch });
    }
}
