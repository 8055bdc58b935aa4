//! HTTP: events in; health, state and metrics out.

mod events;
mod guard;
mod held;
pub mod metrics;
mod patient;
mod state;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::desk::{Hearing, Local};
use super::judge;
use super::reload::{self, Reloads};
use crate::deliver::Deliveries;
use crate::plan::{EventTime, Server};
use held::{Held, HeldAs};
use metrics::Published;
use patient::Patient;

/// How long the head of a request may take to come; between requests too.
const HEAD: Duration = Duration::from_secs(60);
/// The longest head of a request, in bytes; and what is read of a body at a time.
const HEAD_BYTES: usize = 16 << 10;
/// How long a peer may leave its answers unread.
const UNREAD: Duration = Duration::from_secs(30);
/// How long a peer may take to read the last answer while it still sends.
const LINGER: Duration = Duration::from_secs(1);

/// What all requests are answered from.
#[derive(Clone)]
pub struct Page {
    /// As it was at the start: who may ask.
    pub server: Arc<Server>,
    pub judge: mpsc::Sender<judge::Request>,
    pub published: Arc<Mutex<Arc<Published>>>,
    pub stopping: Arc<std::sync::atomic::AtomicBool>,
    pub reloads: Arc<Reloads>,
    pub reloading: tokio::sync::mpsc::UnboundedSender<reload::Request>,
    pub deliveries: Arc<Deliveries>,
    pub places: Places,
}

/// How many may wait at a time. Whoever is above is told so at once; who stops the daemon needs no place.
#[derive(Clone)]
pub struct Places {
    /// For an answer of the judge.
    pub judge: Arc<Semaphore>,
    /// For a reload.
    pub reload: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Places {
        Places { judge: Arc::new(Semaphore::new(16)), reload: Arc::new(Semaphore::new(4)) }
    }
}

type Answer = Response<Full<Bytes>>;

/// Serves a connection until it ends.
pub async fn serve(local: &Local, stream: tokio::net::TcpStream, time: EventTime) {
    let hearing = std::cell::RefCell::new(Hearing::default());
    let served = service_fn(|request| async {
        let answer = answer(local, request, time, &hearing).await;
        Ok::<_, std::convert::Infallible>(answer)
    });
    let mut stream = Patient::new(stream, UNREAD);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(&mut stream), served);
    let ended = connection.await;
    if stream.gave_up {
        local.applying.counters.turn_away("answers not read");
    }
    match ended {
        Ok(()) => drop(timeout(LINGER, read_out(&mut stream)).await),
        Err(error) => tracing::debug!(%error, "an HTTP connection ended"),
    }
}

/// Reads and forgets what still comes: if it were left, the system would reset the connection, and the peer might lose
/// the answer.
async fn read_out(stream: &mut (impl AsyncRead + Unpin)) {
    let mut forgotten = vec![0; HEAD_BYTES];
    while stream.read(&mut forgotten).await.is_ok_and(|read| read > 0) {}
}

async fn answer(
    local: &Local,
    request: Request<Incoming>,
    time: EventTime,
    hearing: &std::cell::RefCell<Hearing>,
) -> Answer {
    if let Err(refused) = guard::check(&request, &local.page.server) {
        local.applying.counters.turn_away(refused.cause());
        return text(refused.status(), &format!("{refused}\n"));
    }
    let path = request.uri().path().to_string();
    match (request.method(), path.as_str()) {
        (&Method::PUT | &Method::POST, "/events") => events::take(local, request, time, hearing).await,
        (&Method::GET | &Method::HEAD, "/healthz") => health(local),
        (&Method::GET | &Method::HEAD, "/readyz") => readiness(local),
        (&Method::GET | &Method::HEAD, "/metrics") => metrics::page(local),
        (&Method::GET | &Method::HEAD, "/state") => state::page(local, request.uri().query().unwrap_or_default()).await,
        (&Method::GET | &Method::HEAD, "/thresholds") => state::thresholds(local).await,
        (&Method::GET | &Method::HEAD, "/") => text(StatusCode::OK, INDEX),
        (&Method::POST, "/reload") => reload(local).await,
        (_, "/events") => not_allowed("PUT, POST"),
        (_, "/reload") => not_allowed("POST"),
        (_, "/healthz" | "/readyz" | "/metrics" | "/state" | "/thresholds" | "/") => not_allowed("GET, HEAD"),
        (_, "/index") => text(StatusCode::NOT_IMPLEMENTED, "queries are not supported yet\n"),
        (_, topic) if topic.starts_with("/pubsub/") => {
            text(StatusCode::NOT_IMPLEMENTED, "queries are not supported yet\n")
        }
        _ => text(StatusCode::NOT_FOUND, &format!("there is no {path}; there are:\n{INDEX}")),
    }
}

const INDEX: &str = "PUT /events   events, one JSON object a line\n\
                     POST /reload  read the thresholds again\n\
                     GET /state    thresholds and groups: status, last verdict, open window\n\
                     GET /thresholds  what they say, for `highwater check --against`\n\
                     GET /metrics  for Prometheus\n\
                     GET /healthz  whether the process works\n\
                     GET /readyz   whether it takes events\n";

/// Reads the thresholds again, and says what became of them.
async fn reload(local: &Local) -> Answer {
    let Ok(place) = Arc::clone(&local.page.places.reload).try_acquire_owned() else {
        return busy(local);
    };
    let (reply, result) = tokio::sync::oneshot::channel();
    if local.page.reloading.send(reload::Request { why: "POST /reload", reply: Some((reply, place)) }).is_err() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match result.await {
        Ok(Ok(said)) => text(StatusCode::OK, &said),
        Ok(Err(said)) => text(StatusCode::UNPROCESSABLE_ENTITY, &said),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}

/// Whether windows are closed on time.
fn health(local: &Local) -> Answer {
    match metrics::late_judge(&local.applying.counters) {
        None => text(StatusCode::OK, "ok\n"),
        Some(seconds) => {
            text(StatusCode::SERVICE_UNAVAILABLE, &format!("no window could be closed for {seconds} seconds\n"))
        }
    }
}

fn readiness(local: &Local) -> Answer {
    if local.page.stopping.load(std::sync::atomic::Ordering::Relaxed) {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if let Some(trouble) = local.applying.keeper.as_ref().and_then(|keeper| keeper.trouble()) {
        let message =
            format!("state cannot be kept: {trouble}; events are counted on, and would be lost with the process\n");
        return text(StatusCode::SERVICE_UNAVAILABLE, &message);
    }
    if let Some(trouble) = &local.page.deliveries.lock().trouble {
        let message =
            format!("the outbox cannot be kept: {trouble}; what is to be told would be lost with the process\n");
        return text(StatusCode::SERVICE_UNAVAILABLE, &message);
    }
    health(local)
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, &format!("allowed here: {methods}\n"));
    answer.headers_mut().insert(hyper::header::ALLOW, HeaderValue::from_static(methods));
    answer
}

/// Too many wait already.
fn busy(local: &Local) -> Answer {
    local.applying.counters.turn_away("too many wait");
    text(StatusCode::SERVICE_UNAVAILABLE, "too many wait for the same; ask again\n")
}

fn text(status: StatusCode, body: &str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body.to_string())
}

/// An answer that may be long: there is a limit to what those take that have not been sent yet.
fn long(local: &Local, status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut held = Held::new(HeldAs::Answer, held::ALL, &local.applying.counters);
    if held.replace(body.into_bytes()) {
        return answer_bytes(status, kind, held);
    }
    local.applying.counters.turn_away(held::UNREAD);
    let message = format!("answers that were not read take {} bytes; ask again\n", held::ALL);
    text(StatusCode::SERVICE_UNAVAILABLE, &message)
}

/// An answer that is counted until it was sent.
fn answer_bytes(status: StatusCode, kind: &'static str, mut held: Held) -> Answer {
    held.shrink();
    with_type(status, kind, Bytes::from_owner(held))
}

fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
