//! A lane thread: one single-threaded runtime with its share of the connections.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{LocalSet, yield_now};
use tokio_rustls::TlsAcceptor;

use super::apply::Applying;
use super::counters::Source;
use super::http::Page;
use super::{clock, connection, http, udp};
use crate::plan::EventTime;

/// What a connection reads at a time, in bytes.
const BUFFER: usize = 256 << 10;
/// What one socket may give during a drain, in bytes: more than a socket's buffer holds.
const SHARE: u64 = 8 << 20;
/// When a drain brought so much, senders may have been waiting for room: they are given a moment.
const SURGE: u64 = 64 << 10;
const MOMENT: Duration = Duration::from_millis(1);

/// What a lane thread is asked to do.
pub enum Request {
    Serve(Accepted),
    Listen(std::net::UdpSocket, EventTime),
    /// Read what the sockets hold, for at most so long; the reply says whether time was up before they were empty.
    Drain(Duration, std::sync::mpsc::Sender<bool>),
}

/// A connection that was accepted.
pub struct Accepted {
    pub stream: std::net::TcpStream,
    pub speaks: Speaks,
    pub time: EventTime,
    pub place: Place,
}

/// What a connection speaks.
pub enum Speaks {
    Riemann,
    RiemannOverTls(TlsAcceptor),
    Http,
}

/// Its place among the connections that are allowed: given back when it is dropped.
pub struct Place {
    pub counters: Arc<super::counters::Counters>,
    pub source: Source,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.of(self.source).connections.fetch_sub(1, Relaxed);
    }
}

/// A handle to a lane thread.
pub struct Desk {
    pub requests: mpsc::UnboundedSender<Request>,
    pub thread: JoinHandle<()>,
}

/// What the tasks of a lane thread share.
pub struct Local {
    pub applying: Applying,
    pub buffer: RefCell<Box<[u8]>>,
    pub page: Page,
    /// How long a connection may say nothing.
    pub idle: Duration,
    /// Bytes that were read, within the share of each socket during a drain.
    heard: Cell<u64>,
    drains: Cell<u64>,
}

/// What one socket gave during the present drain.
#[derive(Default)]
pub struct Hearing {
    drain: u64,
    bytes: u64,
}

impl Local {
    /// Notes that a socket gave something.
    pub fn hear(&self, bytes: usize, hearing: &mut Hearing) {
        self.applying.counters.heard.fetch_max(clock::boot(), Relaxed);
        if hearing.drain != self.drains.get() {
            *hearing = Hearing { drain: self.drains.get(), bytes: 0 };
        }
        hearing.bytes += bytes as u64;
        if hearing.bytes <= SHARE {
            self.heard.set(self.heard.get() + bytes as u64);
        }
    }

    /// Waits until every socket is empty or has given its share; true if time was up before.
    async fn drain(&self, patience: Duration) -> bool {
        let began = Instant::now();
        let before = self.heard.get();
        self.drains.set(self.drains.get() + 1);
        let mut waited = false;
        loop {
            let last = self.heard.get();
            // After each yield all that is readable has been read once; the first may come before the sockets were asked.
            for _ in 0..3 {
                yield_now().await;
            }
            // What little comes now was not there when the drain began: a socket that held much gives much again.
            if self.heard.get() - last >= SURGE {
                waited = false;
            } else if self.heard.get() - before >= SURGE && !waited {
                waited = true;
                tokio::time::sleep(MOMENT).await;
            } else {
                return false;
            }
            if began.elapsed() > patience {
                return true;
            }
        }
    }
}

/// Starts a lane thread.
///
/// # Errors
/// The system gives no thread or no runtime.
pub fn start(name: String, applying: Applying, page: Page, idle: Duration) -> std::io::Result<Desk> {
    let (requests, inbox) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let local = Rc::new(Local {
            applying,
            buffer: RefCell::new(vec![0; BUFFER].into()),
            page,
            idle,
            heard: Cell::new(0),
            drains: Cell::new(0),
        });
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, work(local, inbox));
    })?;
    Ok(Desk { requests, thread })
}

/// Does what is asked until nobody asks any more; then every connection ends.
async fn work(local: Rc<Local>, mut inbox: mpsc::UnboundedReceiver<Request>) {
    while let Some(request) = inbox.recv().await {
        match request {
            Request::Serve(accepted) => drop(tokio::task::spawn_local(serve(Rc::clone(&local), accepted))),
            Request::Listen(socket, time) => {
                drop(tokio::task::spawn_local(udp::listen(Rc::clone(&local), socket, time)))
            }
            Request::Drain(patience, reply) => {
                let local = Rc::clone(&local);
                drop(tokio::task::spawn_local(async move {
                    let cut = local.drain(patience).await;
                    let _ = reply.send(cut);
                }));
            }
        }
    }
}

async fn serve(local: Rc<Local>, accepted: Accepted) {
    let Accepted { stream, speaks, time, place } = accepted;
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
        return local.applying.counters.turn_away("not registered");
    };
    match speaks {
        Speaks::Riemann => connection::serve(&local, stream, Source::Tcp, time).await,
        Speaks::RiemannOverTls(acceptor) => {
            match tokio::time::timeout(connection::HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connection::serve(&local, stream, Source::Tls, time).await,
                Ok(Err(error)) => {
                    local.applying.counters.turn_away("tls handshake");
                    local.applying.counters.note_handshake(&error);
                    tracing::debug!(%error, "TLS handshake failed");
                }
                Err(_) => local.applying.counters.turn_away("tls handshake timed out"),
            }
        }
        Speaks::Http => http::serve(&local, stream, time).await,
    }
    drop(place);
}
