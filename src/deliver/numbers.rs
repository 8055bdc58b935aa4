//! What became of deliveries, for whoever asks: metrics, state, readiness.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value as Json, json};

use crate::plan::Timestamp;
use crate::server::lock;

/// Shared with those that show it.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<Numbers>);

/// Since the start of the process, where nothing else is said.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    pub notifiers: BTreeMap<Arc<str>, OfNotifier>,
    /// Notices that have given way to later ones of their key, ever.
    pub collapsed: u64,
    /// Notices that routes hold back now.
    pub pending: usize,
    /// Violations told and not over: one for each notifier.
    pub open: usize,
    /// Why what is to be told would not outlive the process.
    pub trouble: Option<String>,
    pub heartbeats: u64,
    /// Why the last heartbeat was not sent, or did not arrive.
    pub heart: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct OfNotifier {
    pub delivered: u64,
    pub failed: u64,
    pub dead: u64,
    /// Messages that wait now, and since when the oldest does.
    pub waiting: usize,
    pub since: Option<Timestamp>,
    /// Why the last attempt failed; None if it did not.
    pub trouble: Option<String>,
}

impl Numbers {
    /// By notifier: `{"delivered", "failed", "dead", "waiting", "since", "trouble"}`.
    pub fn to_json(&self) -> Json {
        let of = |(name, of): (&Arc<str>, &OfNotifier)| {
            let since = of.since.map(|since| since.to_string());
            let json = json!({
                "delivered": of.delivered, "failed": of.failed, "dead": of.dead,
                "waiting": of.waiting, "since": since, "trouble": of.trouble,
            });
            (name.to_string(), json)
        };
        Json::Object(self.notifiers.iter().map(of).collect())
    }
}

impl Deliveries {
    pub fn lock(&self) -> MutexGuard<'_, Numbers> {
        lock(&self.0)
    }

    pub fn of<T>(&self, notifier: &Arc<str>, change: impl FnOnce(&mut OfNotifier) -> T) -> T {
        change(self.lock().notifiers.entry(Arc::clone(notifier)).or_default())
    }
}
