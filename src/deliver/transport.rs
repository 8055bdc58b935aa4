//! stub
use crate::notify::{self, Answer, Batch, Effect, Outcome, Trouble};
use crate::plan::{Heartbeat, Notifier, Timestamp};
use crate::route::Notice;
#[derive(Default)]
pub struct Transports {}
impl Transports {
    pub async fn attempt(&self, notifier: &Notifier, batch: &Batch<'_>) -> Outcome {
        if let Effect::Line(line) = notify::render(notifier, batch) {
            let done = tokio::task::spawn_blocking(move || {
                use std::io::Write;
                let mut out = std::io::stdout().lock();
                out.write_all(&line.lines).and_then(|()| out.flush())
            })
            .await;
            return match done {
                Ok(Ok(())) => Outcome::Accepted,
                Ok(Err(error)) => Outcome::Retry { why: error.to_string(), after: None },
                Err(_) => Outcome::Accepted,
            };
        }
        Outcome::Accepted
    }
    pub async fn beat(&self, _h: &Heartbeat) -> Outcome {
        Outcome::Accepted
    }
    pub async fn resend(&self, _n: &Notifier, _o: &[Notice], _r: &[Notice], _now: Timestamp) {}
}
