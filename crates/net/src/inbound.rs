//! Bytes from the socket, cut into frames.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BufMut, BytesMut};
use tokio::net::TcpStream;

use crate::budget::Stage;
use crate::{Budget, Frame, Reservation};

const LENGTH_BYTES: usize = 4;
/// Smallest read: enough to take in a run of small requests at once.
const READ_BYTES_MIN: usize = 8 * 1024;
/// Largest first read of a frame; a larger frame grows as its bytes arrive.
const READ_BYTES_MAX: usize = 256 * 1024;

/// A frame whose sender has sent so much more of it is in time again, so that a large one may
/// come over a thin line.
const PROGRESS_BYTES: usize = 64 * 1024;

/// How far the frame has come that is being read.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: usize,
}

impl Progress {
    /// Whether enough has come since this was last so.
    pub(crate) fn has_moved(&mut self, begun_bytes: usize) -> bool {
        let steps = begun_bytes / PROGRESS_BYTES;
        let moved = steps > self.steps;
        self.steps = steps;
        moved
    }
}

/// What the reader found.
pub(crate) enum Inbound {
    /// A whole frame.
    Frame(Frame),
    /// The peer has closed its side.
    Closed,
}

/// Why a connection's input cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboundError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("a frame of {announced} bytes was announced, the limit is {limit}")]
    FrameLength { announced: i32, limit: usize },
}

/// The read half of a connection.
pub(crate) struct Reader {
    buffer: BytesMut,
    held: Reservation,
    limit: usize,
    /// The size of the last frame: the best guess for the next read.
    last_frame: usize,
    waits_for_memory: bool,
}

impl Reader {
    pub(crate) fn new(budget: Arc<Budget>, limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            held: Reservation::empty(budget),
            limit,
            last_frame: 0,
            waits_for_memory: false,
        }
    }

    /// Whether a frame has begun and is not whole.
    pub(crate) fn is_mid_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether it is the budget, and not the peer, that keeps the next bytes from coming.
    pub(crate) fn waits_for_memory(&self) -> bool {
        self.waits_for_memory
    }

    /// Bytes of a frame that is not whole yet.
    pub(crate) fn begun_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Length of the frame at the start of the buffer, once its four bytes are there.
    fn announced(&self) -> Result<Option<usize>, InboundError> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let announced = i32::from_be_bytes(*prefix);
        match usize::try_from(announced) {
            Ok(len) if len <= self.limit => Ok(Some(len)),
            _ => Err(InboundError::FrameLength {
                announced,
                limit: self.limit,
            }),
        }
    }

    /// A frame that is already whole in the buffer.
    fn cut(&mut self) -> Result<Option<Frame>, InboundError> {
        let Some(len) = self.announced()? else {
            return Ok(None);
        };
        if self.buffer.len() < LENGTH_BYTES + len {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        let bytes = self.buffer.split_to(len).freeze();
        self.last_frame = LENGTH_BYTES + len;
        self.held.end_overdraft();
        let reservation = self.held.split(LENGTH_BYTES + len);
        if self.buffer.is_empty() {
            self.held.shrink_to(0);
        }
        Ok(Some(Frame { bytes, reservation }))
    }

    /// Bytes to make room for before the next read.
    fn wanted(&self) -> Result<usize, InboundError> {
        let have = self.buffer.len();
        let Some(len) = self.announced()? else {
            return Ok(self.last_frame.clamp(READ_BYTES_MIN, READ_BYTES_MAX));
        };
        let missing = LENGTH_BYTES + len - have;
        // Memory follows what has arrived, not what was announced.
        Ok(missing.min(have.max(READ_BYTES_MAX)))
    }

    /// Takes from the budget what the next read may bring; `None` if it has to wait.
    fn hold(&mut self, waker: &Waker) -> Result<Option<usize>, InboundError> {
        let (have, wanted) = (self.buffer.len(), self.wanted()?);
        if self.is_mid_frame() {
            let held = self.held.grow_to(have + wanted, Stage::Begun, waker);
            return Ok(held.then_some(wanted));
        }
        // Where there is no room for another frame like the last, there may be for a small one.
        let held = [wanted, READ_BYTES_MIN]
            .into_iter()
            .find(|bytes| self.held.grow_to(*bytes, Stage::Waiting, waker));
        Ok(held)
    }

    /// The next frame, reading as much as it takes.
    pub(crate) fn poll_frame(
        &mut self,
        stream: &TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Inbound, InboundError>> {
        self.waits_for_memory = false;
        loop {
            if let Some(frame) = self.cut()? {
                return Poll::Ready(Ok(Inbound::Frame(frame)));
            }
            if self.buffer.is_empty() && self.buffer.capacity() < READ_BYTES_MIN {
                // Nothing is held while nothing comes: an idle connection costs no buffer.
                self.buffer = BytesMut::new();
            }
            match stream.poll_read_ready(cx) {
                Poll::Pending => return self.park(),
                Poll::Ready(ready) => ready?,
            }
            let Some(wanted) = self.hold(cx.waker())? else {
                self.waits_for_memory = true;
                return Poll::Pending;
            };
            self.buffer.reserve(wanted);
            match stream.try_read_buf(&mut (&mut self.buffer).limit(wanted)) {
                Ok(0) => return Poll::Ready(Ok(Inbound::Closed)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn park(&mut self) -> Poll<Result<Inbound, InboundError>> {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.held.shrink_to(0);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_in_time_as_long_as_it_grows_by_enough() {
        let mut progress = Progress::default();
        let came = [
            (1, false),
            (60_000, false),
            (70_000, true),
            (130_000, false),
            (200_000, true),
            // The next frame.
            (100, false),
            (70_000, true),
            (70_001, false),
        ];
        for (bytes, moved) in came {
            assert_eq!(progress.has_moved(bytes), moved, "{bytes}");
        }
    }
}
