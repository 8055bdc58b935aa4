//! What is routed, and what leaves the routes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::{Fields, Value};
use crate::plan::Field;

/// What is routed: anything with fields and an identity.
pub trait Record: Fields + Clone + Serialize + DeserializeOwned {
    /// What a pending record can be released by; records may share it.
    fn id(&self) -> &str;

    /// Sets what `(with …)` says; `value` nil takes it away.
    fn set(&mut self, field: &Field, value: &Value<'_>);

    /// Gives back the memory of what can be made again: it may wait for long now.
    fn rest(&mut self) {}
}

/// One message that leaves the routes: who is told what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sending<R> {
    pub notifier: String,
    /// At least one, in the order in which they came.
    pub batch: Vec<R>,
}
