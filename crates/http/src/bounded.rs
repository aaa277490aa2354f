//! A listener whose connections are few, and none of which may stay silent for long.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at once; others wait in the kernel.
const CONNECTIONS_MAX: usize = 64;
/// A peer that sends nothing, and takes nothing, for this long is cut off.
const SILENCE_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Bounded {
    inner: TcpListener,
    seats: Arc<Semaphore>,
    silence_max: Duration,
}

impl Bounded {
    pub(crate) fn new(inner: TcpListener) -> Self {
        Self {
            inner,
            seats: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            silence_max: SILENCE_MAX,
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // It is never closed, so there is always a seat in the end.
            let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await else {
                continue;
            };
            let (stream, peer) = Listener::accept(&mut self.inner).await;
            let connection = Connection {
                stream,
                silence_max: self.silence_max,
                deadline: Box::pin(sleep(self.silence_max)),
                _seat: seat,
            };
            return (connection, peer);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A connection that ends if nothing moves on it.
pub(crate) struct Connection {
    stream: TcpStream,
    silence_max: Duration,
    deadline: Pin<Box<Sleep>>,
    _seat: OwnedSemaphorePermit,
}

impl Connection {
    /// Puts the deadline off if something has moved, and looks at it if not.
    fn judge<T>(
        &mut self,
        moved: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            let deadline = Instant::now() + self.silence_max;
            self.deadline.as_mut().reset(deadline);
            return moved;
        }
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let moved = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.judge(moved, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let moved = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.judge(moved, cx)
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn listener() -> (Bounded, SocketAddr) {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = inner.local_addr().unwrap();
        (Bounded::new(inner), address)
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_cut_off() {
        let (mut bounded, address) = listener().await;
        bounded.silence_max = Duration::from_millis(50);
        let mut peer = TcpStream::connect(address).await.unwrap();
        let (mut served, _) = bounded.accept().await;
        peer.write_all(b"half a requ").await.unwrap();
        let mut got = vec![0; 11];
        served.read_exact(&mut got).await.unwrap();
        let error = served.read_exact(&mut got).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_too_many_waits_until_another_has_gone() {
        let (mut bounded, address) = listener().await;
        let mut peers = Vec::new();
        let mut served = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            peers.push(TcpStream::connect(address).await.unwrap());
            served.push(bounded.accept().await);
        }
        peers.push(TcpStream::connect(address).await.unwrap());
        let waiting = tokio::time::timeout(Duration::from_millis(50), bounded.accept());
        assert!(waiting.await.is_err());
        served.pop();
        bounded.accept().await;
    }
}
