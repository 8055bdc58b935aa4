//! Reading the thresholds again while the daemon runs: checked first, and an error changes nothing at all.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};

use serde_json::{Value as Json, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::clock;
use super::{judge, lock};
use crate::engine::{Edit, Edits};
use crate::plan::Plan;

/// So many thresholds are named in the answer, for each thing that became of them.
const NAMED: usize = 20;

/// Reads and checks the configuration: the plan and what is to be said about it, or what is wrong.
pub type Load = dyn Fn() -> Result<(Plan, String), String> + Send + Sync;

/// Somebody asks for a reload.
pub struct Request {
    pub why: &'static str,
    /// What is said about it: applied, or refused; and the asker's place among those that wait.
    pub reply: Option<(oneshot::Sender<Result<String, String>>, OwnedSemaphorePermit)>,
}

/// What became of reloads so far.
#[derive(Debug, Default)]
pub struct Reloads {
    applied: AtomicU64,
    refused: AtomicU64,
    last: Mutex<Option<Last>>,
}

#[derive(Clone, Debug)]
struct Last {
    time: String,
    applied: bool,
    said: String,
}

impl Reloads {
    /// How many were applied, and how many refused.
    pub fn counts(&self) -> (u64, u64) {
        (self.applied.load(Relaxed), self.refused.load(Relaxed))
    }

    /// Whether the last one, if there was one, was applied.
    pub fn is_well(&self) -> bool {
        lock(&self.last).as_ref().is_none_or(|last| last.applied)
    }

    /// The last one: `time`, `applied`, `message`; null if there was none.
    pub fn last(&self) -> Json {
        let last = lock(&self.last).clone();
        last.map_or(Json::Null, |last| json!({"time": last.time, "applied": last.applied, "message": last.said}))
    }

    fn note(&self, result: &Result<String, String>) {
        let counter = if result.is_ok() { &self.applied } else { &self.refused };
        counter.fetch_add(1, Relaxed);
        let (Ok(said) | Err(said)) = result;
        let time = clock::wall().to_string();
        *lock(&self.last) = Some(Last { time, applied: result.is_ok(), said: said.clone() });
    }
}

/// Answers requests, one after the other, until nobody can ask any more.
pub async fn answer(
    mut requests: mpsc::UnboundedReceiver<Request>,
    load: Arc<Load>,
    started: Arc<Plan>,
    judge: std_mpsc::Sender<judge::Request>,
    reloads: Arc<Reloads>,
    is_watched: Arc<AtomicBool>,
) {
    while let Some(Request { why, reply }) = requests.recv().await {
        // Who asked has gone, and others may have asked as well.
        if reply.as_ref().is_some_and(|(reply, _)| reply.is_closed()) {
            continue;
        }
        let load = Arc::clone(&load);
        // Reading files takes its time; signals are heard meanwhile.
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let loaded = loaded.unwrap_or_else(|_| Err("reading the configuration failed\n".to_string()));
        let result = match loaded {
            Err(said) => Err(said),
            Ok((plan, warnings)) => {
                let watch = plan.watch;
                let applied = apply(plan, &warnings, &started, &judge).await;
                if applied.is_ok() {
                    is_watched.store(watch, Relaxed);
                }
                applied
            }
        };
        reloads.note(&result);
        match &result {
            Ok(said) => tracing::info!("{why}: {}", said.trim_end()),
            Err(said) => tracing::error!("{why}: refused, nothing was changed:\n{}", said.trim_end()),
        }
        if let Some((reply, _)) = reply {
            let _ = reply.send(result);
        }
    }
}

async fn apply(
    mut plan: Plan,
    warnings: &str,
    started: &Plan,
    judge: &std_mpsc::Sender<judge::Request>,
) -> Result<String, String> {
    if plan.thresholds.is_empty() && !started.thresholds.is_empty() {
        return Err(format!(
            "{warnings}there are no thresholds: a file that is just being written? restart to watch nothing\n"
        ));
    }
    let mut said = warnings.to_string();
    let messages = |plan: &Plan| (plan.limits.frame_bytes, plan.limits.receive_bytes);
    if messages(&plan) != messages(started) {
        said.push_str(
            "`:frame-bytes` or `:receive-bytes` has changed: they are read at the start only, restart for it\n",
        );
    }
    if plan.server != started.server {
        said.push_str("`:server` has changed: it is read at the start only, restart for it\n");
        plan.server = started.server.clone();
    }
    if plan.sources != started.sources {
        said.push_str("`:sources` have changed: they are read at the start only, restart for them: what is not taken yet is taken then\n");
        plan.sources.clone_from(&started.sources);
    }
    if plan.state != started.state {
        said.push_str("`:state` has changed: it is read at the start only, restart for it\n");
        plan.state = started.state.clone();
    }
    let (reply, edits) = oneshot::channel();
    if judge.send(judge::Request::Reload { plan: Arc::new(plan), reply }).is_err() {
        return Err("stopping\n".to_string());
    }
    let edits = edits.await.map_err(|_| "stopping\n".to_string())?;
    said.push_str(&describe(&edits.thresholds));
    if edits.routing {
        said.push_str("routes and notifiers are as they are written now\n");
    }
    Ok(said)
}

/// A line for each thing that became of thresholds.
fn describe(edits: &Edits) -> String {
    let kept = edits.count(Edit::Kept);
    let mut text = format!("reloaded: {kept} threshold{} kept\n", if kept == 1 { "" } else { "s" });
    for edit in [Edit::Bounds, Edit::Windows, Edit::New, Edit::Removed] {
        let ids: Vec<&str> = edits.0.iter().filter(|(_, of)| *of == edit).map(|(id, _)| id.as_str()).collect();
        if ids.is_empty() {
            continue;
        }
        let more = if ids.len() > NAMED { format!(" and {} more", ids.len() - NAMED) } else { String::new() };
        let _ = writeln!(text, "{}: {}{more}", edit.name(), ids[..ids.len().min(NAMED)].join(", "));
    }
    text
}
