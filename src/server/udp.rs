//! Riemann's protocol over UDP: one message a datagram, no answer.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::UdpSocket;

use super::apply::Kept;
use super::counters::Source;
use super::desk::{Hearing, Local};
use crate::plan::EventTime;

/// The longest datagram, in bytes, as Riemann's.
pub const DATAGRAM: usize = 16_384;
/// After so many datagrams the other connections have their turn.
const TURN: usize = 1024;

/// Listens until the process stops.
pub async fn listen(local: Rc<Local>, socket: std::net::UdpSocket, time: EventTime) {
    let socket = match UdpSocket::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "cannot listen on UDP"),
    };
    let mut hearing = Hearing::default();
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        let bytes = receive(&local, &socket, time);
        if bytes > 0 {
            local.hear(bytes, &mut hearing);
            tokio::task::yield_now().await;
        }
    }
}

/// Applies the datagrams that are there, up to a turn; returns how many bytes they were.
fn receive(local: &Local, socket: &UdpSocket, time: EventTime) -> usize {
    let applying = &local.applying;
    let mut buffer = local.buffer.borrow_mut();
    let mut session = None;
    let mut answer = Vec::new();
    let mut bytes = 0;
    for _ in 0..TURN {
        let length = match socket.try_recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            // An answer of the network to something sent from this port: not about what is received.
            Err(_) => continue,
        };
        bytes += length.max(1);
        if length > DATAGRAM {
            applying.counters.turn_away("datagram too long");
            continue;
        }
        let session = session.get_or_insert_with(|| applying.session(Source::Udp, time));
        answer.clear();
        if session.datagram(&buffer[..length], &mut answer).is_err() {
            applying.counters.turn_away("malformed datagram");
        }
    }
    if let Some(session) = session {
        session.finish(&Kept::Datagrams);
    }
    applying.counters.of(Source::Udp).bytes.fetch_add(bytes as u64, Relaxed);
    bytes
}
