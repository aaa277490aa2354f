//! One connection that never blocks: frames go out as the socket takes them, responses are
//! counted and only their heads are kept.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// Enough of a response to know what it says; the rest of it is records.
const HEAD_BYTES_MAX: usize = 512;

/// A connection of the driver.
pub(crate) struct Socket {
    stream: TcpStream,
    outgoing: VecDeque<Arc<[u8]>>,
    /// Bytes of the first outgoing frame that are sent.
    sent: usize,
    incoming: Incoming,
}

impl Socket {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            outgoing: VecDeque::new(),
            sent: 0,
            incoming: Incoming::default(),
        })
    }

    /// Whether something waits for room in the socket.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Sends a frame behind those that wait.
    pub(crate) fn send(&mut self, frame: Arc<[u8]>) -> Result<()> {
        let idle = self.outgoing.is_empty();
        self.outgoing.push_back(frame);
        if idle { self.flush() } else { Ok(()) }
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while let Some(frame) = self.outgoing.front() {
            match self.stream.write(&frame[self.sent..]) {
                Ok(0) => bail!("the broker takes no more"),
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot send to the broker"),
            }
            if self.sent == frame.len() {
                self.outgoing.pop_front();
                self.sent = 0;
            }
        }
        Ok(())
    }

    /// Reads what has come, and hands over the head of each response that is whole.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        mut on_response: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => bail!("the broker closed the connection"),
                Ok(len) => {
                    self.incoming.feed(&scratch[..len], &mut on_response)?;
                    if len < scratch.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot read from the broker"),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Cuts the stream into responses.
#[derive(Default)]
struct Incoming {
    /// The length field and the head of the response that is being read.
    head: Vec<u8>,
    /// Bytes of that response behind its head.
    skip: usize,
}

impl Incoming {
    fn feed(
        &mut self,
        mut bytes: &[u8],
        on_response: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                if self.skip == 0 {
                    self.hand_over(on_response)?;
                }
                continue;
            }
            let wanted = match self.response_bytes() {
                None => 4,
                Some(len) => 4 + len.min(HEAD_BYTES_MAX),
            };
            let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.head.len()));
            self.head.extend_from_slice(taken);
            bytes = rest;
            if let Some(len) = self.response_bytes()
                && self.head.len() == 4 + len.min(HEAD_BYTES_MAX)
            {
                self.skip = len.saturating_sub(HEAD_BYTES_MAX);
                if self.skip == 0 {
                    self.hand_over(on_response)?;
                }
            }
        }
        Ok(())
    }

    fn response_bytes(&self) -> Option<usize> {
        let field = self.head.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*field) as usize)
    }

    fn hand_over(&mut self, on_response: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let outcome = on_response(&self.head[4..]);
        self.head.clear();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads_of(stream: &[u8], piece_bytes: usize) -> Vec<Vec<u8>> {
        let mut incoming = Incoming::default();
        let mut heads = Vec::new();
        for piece in stream.chunks(piece_bytes) {
            incoming
                .feed(piece, &mut |head| {
                    heads.push(head.to_vec());
                    Ok(())
                })
                .unwrap();
        }
        heads
    }

    #[test]
    fn responses_are_cut_wherever_the_stream_is() {
        let lens = [5, HEAD_BYTES_MAX, HEAD_BYTES_MAX + 1, 4_000, 4];
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (index, len) in lens.into_iter().enumerate() {
            stream.extend(u32::try_from(len).unwrap().to_be_bytes());
            let body = vec![u8::try_from(index).unwrap(); len];
            expected.push(body[..len.min(HEAD_BYTES_MAX)].to_vec());
            stream.extend(body);
        }
        for piece_bytes in [1, 2, 3, 7, 100, 513, stream.len()] {
            assert_eq!(
                heads_of(&stream, piece_bytes),
                expected,
                "in pieces of {piece_bytes}"
            );
        }
    }
}
