//! `GET /state[?threshold=ID][&groups=N]`: where every threshold stands; `GET /thresholds`: what they say.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Answer, busy, long, text};
use crate::server::desk::Local;
use crate::server::judge::Request;

/// So many groups of a threshold are shown unless it is said otherwise: those in violation first.
const GROUPS: usize = 100;
/// And so many at most, over all thresholds.
const MOST: usize = 10_000;
/// The longest id of a threshold that is looked for, in bytes.
const ID: usize = 4 << 10;
/// How long the judge may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn page(local: &Local, query: &str) -> Answer {
    let (threshold, groups) = match read(query) {
        Ok(read) => read,
        Err(message) => return text(StatusCode::BAD_REQUEST, &format!("{message}\n")),
    };
    let Ok(place) = Arc::clone(&local.page.places.judge).try_acquire_owned() else {
        return busy(local);
    };
    let missing = format!("there is no threshold {}\n", threshold.as_deref().unwrap_or_default());
    let (reply, state) = oneshot::channel();
    let request = Request::State { threshold, groups, most: MOST, reply, place };
    if local.page.judge.send(request).is_err() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match of_judge(state).await {
        Ok(Some(state)) => long(local, StatusCode::OK, "application/json", state),
        Ok(None) => text(StatusCode::NOT_FOUND, &missing),
        Err(refused) => refused,
    }
}

/// `GET /thresholds`: what every threshold says.
pub async fn thresholds(local: &Local) -> Answer {
    let Ok(place) = Arc::clone(&local.page.places.judge).try_acquire_owned() else {
        return busy(local);
    };
    let (reply, written) = oneshot::channel();
    if local.page.judge.send(Request::Thresholds { reply, place }).is_err() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match of_judge(written).await {
        Ok(written) => long(local, StatusCode::OK, "application/json", written),
        Err(refused) => refused,
    }
}

/// Waits for what the judge says, or says why not.
async fn of_judge<T>(reply: oneshot::Receiver<T>) -> Result<T, Answer> {
    match timeout(PATIENCE, reply).await {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(_)) => Err(text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")),
        Err(_) => Err(text(StatusCode::SERVICE_UNAVAILABLE, "windows are being closed; ask again\n")),
    }
}

/// The threshold's id, if one is asked for, and how many groups.
fn read(query: &str) -> Result<(Option<String>, usize), String> {
    let mut threshold = None;
    let mut groups = GROUPS;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "threshold" => {
                let id = decoded(value).ok_or("`threshold` is not percent-encoded UTF-8")?;
                if id.len() > ID {
                    return Err(format!("`threshold` is longer than {ID} bytes"));
                }
                threshold = Some(id);
            }
            "groups" => {
                let n: usize = value.parse().map_err(|_| format!("`groups` is a number of 0 to {MOST}"))?;
                groups = n.min(MOST);
            }
            other if other.len() > ID => return Err("there are `threshold` and `groups` here".to_string()),
            other => return Err(format!("there is no `{other}` here; there are `threshold` and `groups`")),
        }
    }
    Ok((threshold, groups))
}

/// Percent-encoding undone, `+` is a blank.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match first {
            b'%' => {
                let digits = std::str::from_utf8(after.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &after[2..];
                continue;
            }
            b'+' => bytes.push(b' '),
            plain => bytes.push(plain),
        }
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_threshold_and_how_many_groups() {
        assert_eq!(read(""), Ok((None, GROUPS)));
        assert_eq!(read("threshold=a%20b+c&groups=7"), Ok((Some("a b c".to_string()), 7)));
        assert_eq!(read("groups=999999999"), Ok((None, MOST)));
        for wrong in ["group=1", "groups=x", "threshold=%f", "threshold=%ff"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
