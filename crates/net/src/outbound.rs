//! Responses to the socket: memory by vectored writes, file ranges by `sendfile`.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::{FileSource, Piece, Response};

/// Most pieces that go into one vectored write.
const SLICES_MAX: usize = 32;
/// Most bytes that one `sendfile` moves, so that one large fetch does not own its thread.
const SENDFILE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes copied at a time from a source without a descriptor.
const COPY_BYTES: usize = 64 * 1024;

/// The write half of a connection.
#[derive(Default)]
pub(crate) struct Writer {
    queue: VecDeque<Piece>,
    queued_bytes: usize,
}

impl Writer {
    pub(crate) fn push(&mut self, response: Response) {
        for piece in response.pieces {
            if !piece.is_empty() {
                self.queued_bytes += piece.len();
                self.queue.push_back(piece);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Writes until everything is out or the socket is full. `Ready(n)` has written all, `n`
    /// bytes of it now.
    pub(crate) fn poll_flush(
        &mut self,
        stream: &TcpStream,
        cx: &mut Context<'_>,
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            match self.write_some(stream) {
                Ok(bytes) => *written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match stream.poll_write_ready(cx) {
                        Poll::Ready(ready) => ready?,
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn write_some(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let sent = match self.queue.front_mut() {
            None => return Ok(0),
            Some(Piece::File {
                source,
                position,
                len,
            }) => {
                let sent = send_file(stream, source.as_ref(), *position, *len)?;
                *position += sent as u64;
                *len -= sent;
                if *len == 0 {
                    self.queue.pop_front();
                }
                sent
            }
            Some(Piece::Bytes(_)) => self.write_memory(stream)?,
        };
        self.queued_bytes -= sent;
        Ok(sent)
    }

    fn write_memory(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for piece in self.queue.iter().take(SLICES_MAX) {
            let Piece::Bytes(bytes) = piece else { break };
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        // A response whose records follow by sendfile should share its packet with them.
        let sent = stream.try_write_vectored(&slices[..count])?;
        let mut left = sent;
        while left > 0 {
            let Some(Piece::Bytes(bytes)) = self.queue.front_mut() else {
                break;
            };
            if bytes.len() > left {
                bytes.advance(left);
                break;
            }
            left -= bytes.len();
            self.queue.pop_front();
        }
        Ok(sent)
    }
}

fn send_file(
    stream: &TcpStream,
    source: &dyn FileSource,
    position: u64,
    len: usize,
) -> io::Result<usize> {
    let sent = match source.fd() {
        Some(fd) => stream.try_io(Interest::WRITABLE, || {
            let mut at = position;
            let count = len.min(SENDFILE_BYTES_MAX);
            Ok(rustix::fs::sendfile(stream, fd, Some(&mut at), count)?)
        })?,
        None => {
            let mut buffer = vec![0; len.min(COPY_BYTES)];
            let read = source.read_at(&mut buffer, position)?;
            if read == 0 {
                return Err(short_file());
            }
            let mut bytes = Bytes::from(buffer);
            bytes.truncate(read);
            stream.try_write(&bytes)?
        }
    };
    if sent == 0 {
        Err(short_file())
    } else {
        Ok(sent)
    }
}

fn short_file() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "a file ended within the range that was promised",
    )
}
