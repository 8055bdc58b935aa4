//! A stream whose writes fail when the peer takes nothing for too long: an answer that nobody reads is not kept.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Who takes less than this within the patience, in bytes, takes nothing.
const SOME: usize = 64 << 10;

/// A stream with a limit to how long a peer may leave its answers unread.
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Since when bytes wait, and how many were taken meanwhile.
    waiting: Option<(Pin<Box<Sleep>>, usize)>,
    /// Whether it was waited in vain.
    pub gave_up: bool,
}

impl<S> Patient<S> {
    pub fn new(stream: S, patience: Duration) -> Patient<S> {
        Patient { stream, patience, waiting: None, gave_up: false }
    }

    /// What a write of so many bytes came to.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(result) = written else {
            let patience = self.patience;
            let (sleep, _) = self.waiting.get_or_insert_with(|| (Box::pin(tokio::time::sleep(patience)), 0));
            ready!(sleep.as_mut().poll(cx));
            self.gave_up = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        if let (Ok(n), Some((_, taken))) = (&result, &mut self.waiting) {
            *taken += n;
            if *n == wanted || *taken >= SOME {
                self.waiting = None;
            }
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, space)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(cx, slices.iter().map(|slice| slice.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn writes_to_a_peer_that_reads_go_on_and_to_one_that_does_not_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(1000);
            let mut patient = Patient::new(ours, Duration::from_millis(50));
            let reading = async {
                let mut read = vec![0; 5000];
                theirs.read_exact(&mut read).await.map(|_| ())
            };
            let (written, read) = tokio::join!(patient.write_all(&[1; 5000]), reading);
            assert!(written.is_ok() && read.is_ok());
            let error = patient.write_all(&[1; 5000]).await.unwrap_err();
            assert_eq!((error.kind(), patient.gave_up), (io::ErrorKind::TimedOut, true));
            // A byte now and then is nothing.
            let (ours, mut theirs) = tokio::io::duplex(1000);
            let mut patient = Patient::new(ours, Duration::from_millis(50));
            let trickle = async {
                while theirs.read_u8().await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let error = tokio::select! {
                written = patient.write_all(&[1; 1 << 20]) => written.unwrap_err(),
                () = trickle => unreachable!("the writer is there"),
            };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
