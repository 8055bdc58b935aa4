//! The main thread: accepts connections and hands them to the lane threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::counters::{Counters, Source};
use super::desk::{self, Accepted, Place, Speaks};
use crate::plan::EventTime;
use crate::source::riemann;

/// Connections that wait to be accepted.
pub const BACKLOG: i32 = 1024;
/// How long nothing is accepted after the system had no room.
const NO_ROOM: Duration = Duration::from_millis(100);

/// What the acceptor is asked to do.
pub enum Request {
    /// Accept what waits.
    Drain(std::sync::mpsc::Sender<()>),
}

/// One listener, and what is spoken there.
pub struct Door {
    pub listener: TcpListener,
    pub source: Source,
    pub time: EventTime,
    pub tls: Option<TlsAcceptor>,
}

/// Where connections go.
pub struct Reception {
    pub desks: Vec<mpsc::UnboundedSender<desk::Request>>,
    pub counters: Arc<Counters>,
    /// Connections at a time.
    pub most: usize,
    pub next: std::cell::Cell<usize>,
}

/// Accepts at one door until the task is dropped.
pub async fn accept(door: std::rc::Rc<Door>, reception: std::rc::Rc<Reception>) {
    loop {
        match door.listener.accept().await {
            Ok((stream, _)) => reception.receive(stream, &door),
            Err(error) => {
                // A connection that broke off while it waited is nothing; no room for another one is.
                if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                    reception.counters.turn_away("not accepted by the system");
                    tracing::debug!(%error, "cannot accept");
                    tokio::time::sleep(NO_ROOM).await;
                }
            }
        }
    }
}

/// Lets what waits be accepted, whenever it is asked.
pub async fn answer(mut requests: mpsc::UnboundedReceiver<Request>, reception: std::rc::Rc<Reception>) {
    while let Some(Request::Drain(reply)) = requests.recv().await {
        // More than the backlog did not wait when it was asked.
        let first = reception.accepted();
        loop {
            let accepted = reception.accepted();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            if reception.accepted() == accepted || accepted - first > BACKLOG as u64 {
                break;
            }
        }
        let _ = reply.send(());
    }
}

impl Reception {
    fn accepted(&self) -> u64 {
        Source::ALL.iter().map(|source| self.counters.of(*source).accepted.load(Relaxed)).sum()
    }

    fn receive(&self, stream: tokio::net::TcpStream, door: &Door) {
        let of = self.counters.of(door.source);
        of.accepted.fetch_add(1, Relaxed);
        // Whoever asks how it goes is not kept out by those who send.
        let open = match door.source {
            Source::Http => self.counters.of(Source::Http).connections.load(Relaxed),
            _ => self.counters.senders(),
        };
        if open >= self.most as u64 {
            self.counters.turn_away("too many connections");
            return refuse(&stream, door.source, self.most);
        }
        of.connections.fetch_add(1, Relaxed);
        let place = Place { counters: Arc::clone(&self.counters), source: door.source };
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        let Ok(stream) = stream.into_std() else { return };
        let speaks = match (&door.tls, door.source) {
            (Some(acceptor), _) => Speaks::RiemannOverTls(acceptor.clone()),
            (None, Source::Http) => Speaks::Http,
            (None, _) => Speaks::Riemann,
        };
        let desk = self.next.get();
        self.next.set((desk + 1) % self.desks.len());
        let _ = self.desks[desk].send(desk::Request::Serve(Accepted { stream, speaks, time: door.time, place }));
    }
}

/// Says why the connection ends, if the peer can read it at once.
fn refuse(stream: &tokio::net::TcpStream, source: Source, most: usize) {
    let text = format!("there are {most} connections already; `:server {{:connections …}}` allows more");
    let mut answer = Vec::new();
    match source {
        Source::Tcp => riemann::error_reply(&text, &mut answer),
        Source::Http => answer.extend_from_slice(
            format!(
                "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{text}\n",
                text.len() + 1
            )
            .as_bytes(),
        ),
        Source::Logs | Source::Tls | Source::Udp => return,
    }
    let _ = stream.try_write(&answer);
}
