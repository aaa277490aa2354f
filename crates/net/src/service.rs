//! What a connection asks of the broker, and what it gets back.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::Reservation;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Unique within the process.
    pub id: u64,
    /// The peer's address.
    pub peer: SocketAddr,
    /// The name of the listener that accepted it.
    pub listener: Arc<str>,
}

/// One request as it came, without its length, and the memory that it holds.
///
/// Whoever keeps slices of `bytes` past the call keeps the frame, so that the budget stays true.
#[derive(Debug)]
pub struct Frame {
    /// Header and body.
    pub bytes: Bytes,
    /// Given back to the budget when dropped.
    pub reservation: Reservation,
}

/// A file from which record bytes are sent.
pub trait FileSource: Send + Sync {
    /// The descriptor for `sendfile`, where there is one.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
    /// Reads at a position; 0 means the end.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
}

/// A part of a response.
pub enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of a file, which goes to the socket without passing through user memory.
    File {
        /// The file.
        source: Box<dyn FileSource>,
        /// Where the range starts.
        position: u64,
        /// Its length in bytes; the connection ends if the file turns out shorter.
        len: usize,
    },
}

impl Piece {
    /// Bytes that the piece puts on the wire.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File { len, .. } => *len,
        }
    }

    /// Whether the piece puts nothing on the wire.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A response with its length and header, ready for the wire.
#[derive(Default)]
pub struct Response {
    /// Its parts, in order.
    pub pieces: Vec<Piece>,
}

impl Response {
    /// A response that is all in memory.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self {
            pieces: vec![Piece::Bytes(bytes)],
        }
    }

    /// Bytes that the response puts on the wire.
    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(Piece::len).sum()
    }
}

/// An answer that comes later; `None` ends the connection.
pub type Answer = Pin<Box<dyn Future<Output = Option<Response>> + Send>>;

/// What the service makes of a frame.
pub enum Reply {
    /// The answer.
    Now(Response),
    /// What the request does is done, and the answer comes later; `None` ends the connection.
    Later(Answer),
    /// Both come later: what the request does is done when the answer is there, and no further
    /// request of the connection is begun before that.
    Aside(Answer),
    /// There is no answer (a produce with acks=0).
    Nothing,
    /// The connection must end; the service has logged why.
    Close,
}

/// The broker, as connections see it.
pub trait Service: Send + Sync + 'static {
    /// What the service remembers of a connection; dropped when it ends.
    type Connection: Send + Unpin + 'static;

    /// A peer has connected.
    fn connected(&self, info: ConnectionInfo) -> Self::Connection;

    /// A frame has come. Whatever must happen in the order of requests happens before this
    /// returns, or is replied as [`Reply::Aside`]; it must not block for longer than a write to
    /// the page cache.
    fn call(&self, connection: &mut Self::Connection, frame: Frame) -> Reply;
}
