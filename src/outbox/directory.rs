//! What the outbox knows of notifiers and routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::order;
use crate::plan::{Address, Notifier, Route, Routing};

/// Of a routing, what decides which dispatches there are. It is in the journal and in snapshots; of secrets it holds
/// addresses only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// None: every transition goes to standard output.
    pub routes: Option<Vec<Route>>,
    /// By name.
    pub notifiers: BTreeMap<Arc<str>, Entry>,
    /// So many notices may wait for one notifier.
    pub queue: usize,
}

/// What is known of one notifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub address: Arc<Address>,
    /// Whether it takes a batch as one message.
    pub takes_batches: bool,
}

impl Directory {
    pub fn of(routing: &Routing, queue: usize) -> Directory {
        let entry = |notifier: &Notifier| {
            let entry =
                Entry { address: Arc::new(notifier.via.address()), takes_batches: notifier.via.takes_batches() };
            (Arc::from(notifier.name.as_str()), entry)
        };
        let mut notifiers = order::map(routing.notifiers.iter().map(entry));
        if routing.routes.is_none() {
            let (name, log) = entry(&Notifier::standard_output());
            notifiers.insert(name, log);
        }
        Directory { routes: routing.routes.clone(), notifiers, queue }
    }
}
