//! All ways in one place, with what they keep between attempts.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::connect::Trust;
use super::{http, line, program, smtp};
use crate::notify::{Answer, Effect, Request, Trouble};

/// Connections that are kept, certificates that are trusted, and what is under way to a file or standard output.
///
/// It is made and used on one runtime; what of it still runs when that ends is given up with
/// [`shutdown_background`](tokio::runtime::Runtime::shutdown_background): a write to standard output may be blocked for ever.
#[derive(Default)]
pub struct Transports {
    trust: Trust,
    pool: http::Pool,
    progress: smtp::Progress,
    places: line::Places,
}

impl Transports {
    /// Performs an effect once. Dropping the future ends the attempt, and a program with its children.
    ///
    /// # Errors
    /// There was no answer, or not all of it, within the time. It may have been received nevertheless.
    pub async fn perform(&self, effect: &Effect, timeout: Duration) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + timeout;
        let attempt = async {
            match effect {
                Effect::Request(request) => self.pool.post(&self.trust, request, deadline).await,
                Effect::Mail(mail) => smtp::send(&self.trust, &self.progress, mail, deadline).await,
                Effect::Line(line) => self.places.append(line).await,
                Effect::Program(program) => program::run(program).await,
            }
        };
        match timeout_at(deadline, attempt).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::new(format!("{}: not done within {} s", whom(effect), timeout.as_secs_f64()))),
        }
    }

    /// Asks for what is at a URL: a request without a body.
    ///
    /// # Errors
    /// There was no answer, not all of it within the time, or one with a body above `most` bytes.
    pub async fn fetch(&self, request: &Request, most: usize, timeout: Duration) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + timeout;
        match timeout_at(deadline, http::Pool::get(&self.trust, request, most, deadline)).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::new(format!("{}: no answer within {} s", request.url, timeout.as_secs_f64()))),
        }
    }
}

/// Who is told, for people, without secrets.
fn whom(effect: &Effect) -> String {
    match effect {
        Effect::Request(request) => request.url.to_string(),
        Effect::Mail(mail) => format!("{}:{}", mail.host, mail.port),
        Effect::Line(line) => line::shown(line.path.as_deref()),
        Effect::Program(program) => program.command.first().cloned().unwrap_or_default(),
    }
}
