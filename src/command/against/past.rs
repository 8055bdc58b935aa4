//! The thresholds as they were: at a daemon, in a state folder, in files.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{Failure, terminal};
use crate::config::{self, Process, Unset};
use crate::deliver::Transports;
use crate::edn;
use crate::notify::{Request, USER_AGENT};
use crate::order;
use crate::plan::{Plan, Routing, Secret, Threshold, Url};
use crate::server::look::look;
use crate::server::written::{self, Written};

/// A daemon answers within so long, and at most so many bytes.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: usize = 256 << 20;

/// Thresholds as they were, in order of id.
pub struct Past {
    /// For people.
    pub name: String,
    pub thresholds: Vec<Threshold>,
    /// Ids of those whose `:where` is not known: it stands as another one than now.
    pub hidden: Vec<String>,
    /// How many groups are in violation, by id, where there is one.
    pub violated: BTreeMap<String, usize>,
    /// Whether routes or notifiers are others now, if that is known.
    pub routing_differs: Option<bool>,
    routing: Option<Routing>,
}

impl Past {
    /// The plan as it was: what is not known of it is as it is now.
    pub fn over(&self, now: &Plan) -> Plan {
        let routing = self.routing.clone().unwrap_or_else(|| now.routing.clone());
        Plan { thresholds: self.thresholds.clone(), routing, ..now.clone() }
    }
}

pub fn is_url(what: &str) -> bool {
    what.starts_with("http://") || what.starts_with("https://")
}

/// Asks a running daemon.
///
/// # Errors
/// One line: it does not answer, or what answers is no daemon of a fitting version.
pub fn of_daemon(url: &str, ca: Option<PathBuf>, now: &Plan) -> Result<Past, String> {
    let url = format!("{}/thresholds", url.trim_end_matches('/').trim_end_matches("/thresholds"));
    let fail = |what: &str| format!("--against {}: {what}", Url(url.clone()));
    let headers = vec![("user-agent".to_string(), Secret(USER_AGENT.to_string()))];
    let request = Request { url: Url(url.clone()), headers, body: Vec::new(), hidden: None, ca };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| fail(&error.to_string()))?;
    let answer = runtime.block_on(Transports::default().fetch(&request, LONGEST, PATIENCE));
    let answer = answer.map_err(|trouble| fail(&trouble.why))?;
    if answer.status != 200 {
        let status = answer.status;
        return Err(fail(&format!(
            "answered {status}: is it the `:http` address of a daemon of at least this version?"
        )));
    }
    let written = Written::read(&answer.body).map_err(|what| fail(&format!("answered {what}")))?;
    let bad = written.thresholds.iter().find_map(|of| written::bad_pattern(&of.threshold));
    if let Some(pattern) = bad {
        return Err(fail(&format!("answered a pattern that is none, {pattern}")));
    }
    let (thresholds, hidden) = written.thresholds(now);
    let violated = written.thresholds.iter().filter(|of| of.violated > 0);
    Ok(Past {
        name: format!("the daemon at {}", Url(url.clone())),
        thresholds,
        hidden,
        violated: order::map(violated.map(|of| (of.threshold.id.clone(), of.violated))),
        routing_differs: written.routing_differs(now),
        routing: None,
    })
}

/// Looks into a state folder, and changes nothing in it.
///
/// # Errors
/// One line: it is none, or it is damaged.
pub fn of_folder(folder: &Path) -> Result<Past, String> {
    let evaluator = look(folder).map_err(|what| format!("--against {what}"))?;
    let thresholds = evaluator.plan().thresholds.clone();
    let violated = thresholds.iter().enumerate().map(|(at, one)| (one.id.clone(), evaluator.groups(at).1));
    let violated = violated.filter(|(_, violated)| *violated > 0).collect();
    let name = format!("the state in {}", folder.display());
    Ok(Past { name, thresholds, hidden: Vec::new(), violated, routing_differs: None, routing: None })
}

/// Reads a configuration as it was. Of its lints nothing is said.
///
/// # Errors
/// It has an error, which has been said.
pub fn of_files(paths: &[PathBuf], err: &mut dyn Write) -> Result<Past, Failure> {
    let loaded = config::load(paths, &Process, Unset::Warning);
    let Some(plan) = loaded.plan else {
        let _ = err.write_all(edn::human(&loaded.sources, &loaded.diagnostics, terminal::colour_stderr()).as_bytes());
        return Err(Failure::Message("--before: the configuration as it was has errors".to_string()));
    };
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Ok(Past {
        name: names.join(", "),
        thresholds: plan.thresholds,
        hidden: Vec::new(),
        violated: BTreeMap::new(),
        routing_differs: None,
        routing: Some(plan.routing),
    })
}
