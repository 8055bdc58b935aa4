//! One attempt to tell somebody: render, perform, and what the answer means.

use std::time::Duration;

use super::transports::Transports;
use crate::notify::{self, Batch, Effect, Outcome, Request, USER_AGENT};
use crate::plan::{Heartbeat, Notifier, Secret, Timestamp};
use crate::route::Notice;

/// How long a heartbeat may take.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Standard output takes as long as whoever reads it; so long is for ever.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);

impl Transports {
    /// Tells a batch once.
    pub async fn attempt(&self, notifier: &Notifier, batch: &Batch<'_>) -> Outcome {
        self.perform_for(notifier, &notify::render(notifier, batch)).await
    }

    async fn perform_for(&self, notifier: &Notifier, effect: &Effect) -> Outcome {
        let is_output = matches!(effect, Effect::Line(line) if line.path.is_none());
        let timeout = if is_output { FOR_EVER } else { micros(notifier.timeout) };
        match self.perform(effect, timeout).await {
            Ok(answer) => {
                if let Some(warning) = &answer.warning {
                    tracing::warn!("`:{}`: {warning}", notifier.name);
                }
                notify::answer(&notifier.via, &answer)
            }
            Err(trouble) => trouble.into(),
        }
    }

    /// Tells an Alertmanager again what fires and what has ended. What fails is told the next time.
    pub async fn resend(&self, notifier: &Notifier, firing: &[Notice], resolved: &[Notice], now: Timestamp) {
        for effect in notify::resend(notifier, firing, resolved, now) {
            match self.perform_for(notifier, &effect).await {
                Outcome::Accepted => {}
                Outcome::Retry { why, .. } | Outcome::Rejected { why } => {
                    return tracing::debug!("`:{}` was not told again: {why}", notifier.name);
                }
            }
        }
    }

    /// Sends a heartbeat.
    pub async fn beat(&self, heartbeat: &Heartbeat) -> Outcome {
        let headers = vec![("user-agent".to_string(), Secret(USER_AGENT.to_string()))];
        let (url, ca) = (heartbeat.url.clone(), heartbeat.ca.clone());
        let request = Request { url, headers, body: Vec::new(), hidden: None, ca };
        match self.perform(&Effect::Request(request), HEARTBEAT).await {
            Ok(answer) if (200..300).contains(&answer.status) => Outcome::Accepted,
            Ok(answer) => Outcome::Retry {
                why: format!("{} answered {}", heartbeat.url, answer.status),
                after: None,
                in_doubt: false,
            },
            Err(trouble) => trouble.into(),
        }
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
