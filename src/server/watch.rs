//! `:watch`: files that change are read again by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::sleep;

use super::reload::Request;

/// Files are looked at so often. What has changed is read when it has not changed between two looks: an editor or a
/// copy may still be writing.
const LOOK: Duration = Duration::from_secs(1);

/// None: the files are those that were read last. Else what they are like now, as a number.
pub type Changed = dyn Fn() -> Option<u64> + Send + Sync;

/// Looks at files and asks for a reload when they have changed and rest, until nobody answers any more.
///
/// Links and renamed files need no care: what is looked at is what reading would find.
pub async fn watch(changed: Arc<Changed>, is_on: Arc<AtomicBool>, reloading: mpsc::UnboundedSender<Request>) {
    let place = Arc::new(Semaphore::new(1));
    let mut seen = None;
    loop {
        sleep(LOOK).await;
        if !is_on.load(Relaxed) {
            seen = None;
            continue;
        }
        let look = Arc::clone(&changed);
        let Ok(now) = tokio::task::spawn_blocking(move || look()).await else { return };
        if now.is_none() || seen != now {
            seen = now;
            continue;
        }
        seen = None;
        let Ok(place) = Arc::clone(&place).acquire_owned().await else { return };
        let (reply, replied) = oneshot::channel();
        let asked = reloading.send(Request { why: "files have changed", reply: Some((reply, place)) });
        // What became of it is in the log.
        if asked.is_err() || replied.await.is_err() {
            return;
        }
    }
}
