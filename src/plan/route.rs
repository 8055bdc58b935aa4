//! Where records go: a tree of operators, checked. Its meaning is in `route`.

use serde::{Deserialize, Serialize};

use super::{Expression, Field};

/// An operator and those behind it. A record may reach several of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Route {
    /// `(where EXPR CHILD… (else CHILD…))`
    Where { condition: Expression, then: Vec<Route>, otherwise: Vec<Route> },
    /// `(by [FIELD …] CHILD…)`: the children anew for each distinct value.
    By { fields: Vec<Field>, children: Vec<Route> },
    /// `(changed EXPR {:init VALUE} CHILD…)`: passes when the value differs from the last.
    Changed { of: Expression, init: Option<Expression>, children: Vec<Route> },
    /// `(throttle N SECONDS CHILD…)`: the first N of each window of so long; the rest is dropped.
    Throttle { most: u32, every: i64, children: Vec<Route> },
    /// `(rollup N SECONDS CHILD…)`: the first N of each window at once, the rest as one batch at its end.
    Rollup { most: u32, every: i64, children: Vec<Route> },
    /// `(with {FIELD EXPR …} CHILD…)`: passes a copy in which these fields are others.
    With { fields: Vec<(Field, Expression)>, children: Vec<Route> },
    /// `(sdo CHILD…)`: each of them.
    Sdo(Vec<Route>),
    /// `(notify :NAME …)`
    Notify(Vec<String>),
}

/// What becomes of transitions: everything that the outbox needs to know of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    /// `:routes`; None: there are none, and every transition goes to standard output.
    pub routes: Option<Vec<Route>>,
    /// In order of name; names are unique. With `:log` to standard output, unless one is called so.
    pub notifiers: Vec<super::Notifier>,
    pub heartbeat: Option<super::Heartbeat>,
}
