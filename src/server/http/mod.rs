//! HTTP: events in; health, state and metrics out.

mod events;
mod guard;
pub mod metrics;
mod state;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::desk::{Hearing, Local};
use super::judge;
use super::reload::{self, Reloads};
use crate::plan::{EventTime, Server};
use metrics::Published;

/// How long the head of a request may take to come; between requests too.
const HEAD: Duration = Duration::from_secs(60);
/// The longest head of a request, in bytes.
const HEAD_BYTES: usize = 64 << 10;

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
}

type Answer = Response<Full<Bytes>>;

/// Serves a connection until it ends.
pub async fn serve(local: &Local, stream: tokio::net::TcpStream, time: EventTime) {
    let hearing = std::cell::RefCell::new(Hearing::default());
    let served = service_fn(|request| async {
        let answer = answer(local, request, time, &hearing).await;
        Ok::<_, std::convert::Infallible>(answer)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), served);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection ended");
    }
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
        (&Method::GET | &Method::HEAD, "/") => text(StatusCode::OK, INDEX),
        (&Method::POST, "/reload") => reload(local).await,
        (_, "/events") => not_allowed("PUT, POST"),
        (_, "/reload") => not_allowed("POST"),
        (_, "/healthz" | "/readyz" | "/metrics" | "/state" | "/") => not_allowed("GET, HEAD"),
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
                     GET /metrics  for Prometheus\n\
                     GET /healthz  whether the process works\n\
                     GET /readyz   whether it takes events\n";

/// Reads the thresholds again, and says what became of them.
async fn reload(local: &Local) -> Answer {
    let (reply, result) = tokio::sync::oneshot::channel();
    if local.page.reloading.send(reload::Request { why: "POST /reload", reply: Some(reply) }).is_err() {
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
    health(local)
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, &format!("allowed here: {methods}\n"));
    answer.headers_mut().insert(hyper::header::ALLOW, HeaderValue::from_static(methods));
    answer
}

fn text(status: StatusCode, body: &str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body.to_string())
}

fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
