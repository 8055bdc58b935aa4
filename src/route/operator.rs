//! Routes laid out flat: each operator has a number, by which its state is kept.

use crate::plan::{Expression, Field, Route};

/// All operators of a router, each before those behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub operators: Vec<Operator>,
    /// The first operator of each route.
    pub tops: Vec<u32>,
    names: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub kind: Kind,
    pub children: Vec<u32>,
    /// Whether it, or one behind it, remembers what it saw last.
    pub remembers: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Where {
        condition: Expression,
        otherwise: Vec<u32>,
    },
    By(Vec<Field>),
    Changed {
        of: Expression,
        init: Option<Expression>,
    },
    Throttle {
        most: u32,
        every: i64,
    },
    Rollup {
        most: u32,
        every: i64,
    },
    With(Vec<(Field, Expression)>),
    Sdo,
    /// The numbers of names.
    Notify(Vec<u32>),
}

impl Program {
    pub fn of(routes: &[Route]) -> Program {
        let mut program = Program::default();
        program.tops = routes.iter().map(|route| program.add(route)).collect();
        program
    }

    pub fn operator(&self, number: u32) -> &Operator {
        &self.operators[number as usize]
    }

    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    fn add(&mut self, route: &Route) -> u32 {
        let number = self.operators.len() as u32;
        self.operators.push(Operator { kind: Kind::Sdo, children: Vec::new(), remembers: false });
        let (kind, children) = match route {
            Route::Where { condition, then, otherwise } => {
                let children = self.add_all(then);
                (Kind::Where { condition: condition.clone(), otherwise: self.add_all(otherwise) }, children)
            }
            Route::By { fields, children } => (Kind::By(fields.clone()), self.add_all(children)),
            Route::Changed { of, init, children } => {
                (Kind::Changed { of: of.clone(), init: init.clone() }, self.add_all(children))
            }
            Route::Throttle { most, every, children } => {
                (Kind::Throttle { most: *most, every: *every }, self.add_all(children))
            }
            Route::Rollup { most, every, children } => {
                (Kind::Rollup { most: *most, every: *every }, self.add_all(children))
            }
            Route::With { fields, children } => (Kind::With(fields.clone()), self.add_all(children)),
            Route::Sdo(children) => (Kind::Sdo, self.add_all(children)),
            Route::Notify(names) => (Kind::Notify(names.iter().map(|name| self.number(name)).collect()), Vec::new()),
        };
        let behind = &self.operators[number as usize + 1..];
        let remembers = matches!(kind, Kind::Changed { .. }) || behind.iter().any(|one| one.remembers);
        self.operators[number as usize] = Operator { kind, children, remembers };
        number
    }

    fn add_all(&mut self, routes: &[Route]) -> Vec<u32> {
        routes.iter().map(|route| self.add(route)).collect()
    }

    fn number(&mut self, name: &str) -> u32 {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_string());
            self.names.len() - 1
        });
        at as u32
    }
}
