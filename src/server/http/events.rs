//! `PUT /events`: one JSON object a line in, one line back for each: `{}`, or `{"error":…}`.

use std::cell::RefCell;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;
use hyper::{Request, StatusCode};
use tokio::time::timeout;

use super::{Answer, text, with_type};
use crate::plan::EventTime;
use crate::server::apply::Kept;
use crate::server::counters::Source;
use crate::server::desk::{Hearing, Local};
use crate::store::Position;

/// How long the next piece of a body may take to come.
const PIECE: Duration = Duration::from_secs(30);

/// Lines that have come in part, and what was answered.
#[derive(Default)]
struct Lines {
    part: Vec<u8>,
    number: usize,
    answers: Vec<u8>,
    /// The answers wait until the journal is on the disk up to there.
    unsynced: Option<Position>,
}

/// Takes the events of a body as they come: those before a failure are counted.
pub async fn take(local: &Local, request: Request<Incoming>, time: EventTime, hearing: &RefCell<Hearing>) -> Answer {
    if let Some(encoding) = request.headers().get(CONTENT_ENCODING)
        && encoding != "identity"
    {
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a compressed body is not supported; send it plain\n");
    }
    let limit = local.applying.limits.frame_bytes;
    let mut body = request.into_body();
    let mut lines = Lines::default();
    let mut length = 0;
    loop {
        let frame = match timeout(PIECE, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                local.applying.counters.turn_away("body broke off");
                return text(StatusCode::BAD_REQUEST, &format!("the body broke off: {error}\n"));
            }
            Err(_) => {
                local.applying.counters.turn_away("body never completed");
                return text(StatusCode::REQUEST_TIMEOUT, "the rest of the body did not come\n");
            }
        };
        let Some(piece) = frame.data_ref() else { continue };
        local.hear(piece.len(), &mut hearing.borrow_mut());
        length += piece.len();
        if length > limit {
            local.applying.counters.turn_away("body too long");
            let message = format!(
                "a body of more than {limit} bytes; send less at a time, or allow more with `:limits {{:frame-bytes …}}`. \
                 {} lines were taken\n",
                lines.number
            );
            return text(StatusCode::PAYLOAD_TOO_LARGE, &message);
        }
        lines.take(piece, local, time);
    }
    lines.end(local, time);
    if let Some((keeper, position)) = local.applying.keeper.as_ref().zip(lines.unsynced) {
        keeper.synced(position).await;
    }
    with_type(StatusCode::OK, "application/json", lines.answers)
}

impl Lines {
    fn take(&mut self, piece: &[u8], local: &Local, time: EventTime) {
        let bytes = &local.applying.counters.of(Source::Http).bytes;
        bytes.fetch_add(piece.len() as u64, std::sync::atomic::Ordering::Relaxed);
        let mut session = local.applying.session(Source::Http, time);
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.part.is_empty() {
                self.line(line, &mut session);
            } else {
                let mut whole = std::mem::take(&mut self.part);
                whole.extend_from_slice(line);
                self.line(&whole, &mut session);
            }
        }
        self.unsynced = session.finish(&Kept::Lines).or(self.unsynced);
        // What is too long anyway is not kept: a body is limited, and the line will be refused.
        self.part.extend_from_slice(rest);
    }

    fn end(&mut self, local: &Local, time: EventTime) {
        if !self.part.is_empty() {
            let whole = std::mem::take(&mut self.part);
            let mut session = local.applying.session(Source::Http, time);
            self.line(&whole, &mut session);
            self.unsynced = session.finish(&Kept::Lines).or(self.unsynced);
        }
    }

    fn line(&mut self, line: &[u8], session: &mut crate::server::apply::Session<'_>) {
        self.number += 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match session.line(line) {
            Ok(()) => self.answers.extend_from_slice(b"{}\n"),
            Err(refused) => {
                let error = serde_json::json!({"error": format!("line {}: {refused}", self.number)});
                self.answers.extend_from_slice(format!("{error}\n").as_bytes());
            }
        }
    }
}
