//! stub
use crate::notify::{Batch, Outcome};
use crate::plan::{Notifier, Timestamp};
use crate::route::Notice;
#[derive(Default)]
pub struct Transports {}
impl Transports {
    pub async fn attempt(&self, _n: &Notifier, _b: &Batch<'_>) -> Outcome {
        Outcome::Accepted
    }
    pub async fn beat(&self, _h: &crate::plan::Heartbeat) -> Outcome {
        Outcome::Accepted
    }
    pub async fn resend(&self, _n: &Notifier, _o: &[Notice], _r: &[Notice], _now: Timestamp) {}
}
