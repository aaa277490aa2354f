//! One connection to one broker.
//!
//! A single task owns the socket. Requests are written in the order in which they are handed
//! over, any number may be in flight, and the broker answers in the same order, so the task
//! keeps a queue of who waits. Whatever goes wrong (a wrong correlation id, a frame over the
//! limit, an answer that does not come in time) ends the connection and fails all who wait:
//! behind a lost answer no later one can be trusted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::api::ServedVersions;
use crate::frame::{self, correlation_id};
use crate::negotiate;
use crate::{Api, ClientError};

/// Requests that wait for the socket; a caller waits for room beyond that.
const QUEUED_REQUESTS_MAX: usize = 64;
/// How much of the read buffer is allocated before bytes have arrived.
const READ_CHUNK_BYTES: usize = 64 * 1024;

/// How to open a connection.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// The name that the broker logs and counts quotas by.
    pub client_id: String,
    /// Limit of resolving, connecting and negotiating together.
    pub connect_timeout: Duration,
    /// A response frame above this length ends the connection.
    pub response_bytes_max: u32,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            client_id: "highwater".to_owned(),
            connect_timeout: Duration::from_secs(10),
            response_bytes_max: 256 * 1024 * 1024,
        }
    }
}

/// Where an answer, or the end of the connection, is reported.
type Reply = oneshot::Sender<Result<Bytes, ClientError>>;

/// A request on its way to the socket.
struct Outgoing {
    frame: Bytes,
    /// Absent for a request that the broker does not answer (Produce with acks 0).
    answer: Option<(i32, Reply)>,
}

/// A handle to a connection; clones share it. The socket closes with the last handle.
#[derive(Clone, Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: String,
    client_id: String,
    served: ServedVersions,
    outgoing: mpsc::Sender<Outgoing>,
    next_correlation_id: AtomicI32,
    /// Why the connection ended; set before anyone who waits is told.
    ended: Arc<Mutex<Option<ClientError>>>,
    task: tokio::task::AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Connects to `host:port` and learns which versions the broker serves.
    pub async fn connect(address: &str, options: &ConnectionOptions) -> Result<Self, ClientError> {
        let limit = options.connect_timeout;
        match timeout(limit, Self::connect_unbounded(address, options)).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Connect {
                address: address.to_owned(),
                reason: format!("no answer within {} ms", limit.as_millis()),
            }),
        }
    }

    async fn connect_unbounded(
        address: &str,
        options: &ConnectionOptions,
    ) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|e| ClientError::Connect {
                address: address.to_owned(),
                reason: e.to_string(),
            })?;
        // Requests are written whole; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let mut connection = Self::start(stream, address, options);
        let served = negotiate::served_versions(&connection, options.connect_timeout).await?;
        match Arc::get_mut(&mut connection.shared) {
            Some(shared) => shared.served = served,
            None => return Err(connection.lost("closed during negotiation")),
        }
        Ok(connection)
    }

    /// Runs the protocol over any stream.
    pub(crate) fn start<S>(stream: S, address: &str, options: &ConnectionOptions) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (outgoing, queue) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let ended = Arc::new(Mutex::new(None));
        let owner = Owner {
            waiting: Mutex::default(),
            ended: Arc::clone(&ended),
            address: address.to_owned(),
            response_bytes_max: options.response_bytes_max,
        };
        let task = tokio::spawn(owner.run(stream, queue)).abort_handle();
        Self {
            shared: Arc::new(Shared {
                address: address.to_owned(),
                client_id: options.client_id.clone(),
                served: ServedVersions::default(),
                outgoing,
                next_correlation_id: AtomicI32::new(1),
                ended,
                task,
            }),
        }
    }

    /// `host:port` of the broker.
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// The versions that the broker serves.
    pub fn served(&self) -> &ServedVersions {
        &self.shared.served
    }

    /// Whether the connection has ended; a call would fail.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.lock().is_some()
    }

    /// The highest version of an API that both sides speak.
    pub fn version<R: Api>(&self) -> Result<i16, ClientError> {
        self.served()
            .pick::<R>()
            .ok_or_else(|| ClientError::Unsupported {
                address: self.address().to_owned(),
                api: R::NAME,
            })
    }

    /// Sends a request in the given version and waits for its answer at most `limit`.
    ///
    /// An answer that is late ends the connection. Dropping the future does not: the answer is
    /// then read and thrown away.
    pub async fn call<R: Api>(
        &self,
        version: i16,
        request: &R,
        limit: Duration,
    ) -> Result<R::Response, ClientError> {
        let id = self
            .shared
            .next_correlation_id
            .fetch_add(1, Ordering::Relaxed)
            & i32::MAX;
        let frame = frame::encode_request(request, version, id, &self.shared.client_id)?;
        let answered = async {
            let (sender, receiver) = oneshot::channel();
            self.send(Outgoing {
                frame,
                answer: Some((id, sender)),
            })
            .await?;
            receiver.await.unwrap_or_else(|_| Err(self.lost("closed")))
        };
        match timeout(limit, answered).await {
            Ok(frame) => self.decoded::<R>(frame?, version),
            Err(_) => {
                let what = format!("{} at {}", R::NAME, self.address());
                let late = ClientError::TimedOut {
                    what,
                    after: limit,
                    cause: None,
                };
                self.end(ClientError::ConnectionLost {
                    address: self.address().to_owned(),
                    reason: late.to_string(),
                });
                Err(late)
            }
        }
    }

    /// Sends a request to which the broker gives no answer (Produce with acks 0).
    pub async fn send_unanswered<R: Api>(
        &self,
        version: i16,
        request: &R,
    ) -> Result<(), ClientError> {
        let id = self
            .shared
            .next_correlation_id
            .fetch_add(1, Ordering::Relaxed)
            & i32::MAX;
        let frame = frame::encode_request(request, version, id, &self.shared.client_id)?;
        self.send(Outgoing {
            frame,
            answer: None,
        })
        .await
    }

    /// Sends a request whose answer may be in another version than asked for: only
    /// ApiVersions knows that (error 35 comes in version 0).
    pub(crate) async fn call_raw<R: Api>(
        &self,
        version: i16,
        request: &R,
        limit: Duration,
    ) -> Result<Bytes, ClientError> {
        let id = self
            .shared
            .next_correlation_id
            .fetch_add(1, Ordering::Relaxed)
            & i32::MAX;
        let frame = frame::encode_request(request, version, id, &self.shared.client_id)?;
        let (sender, receiver) = oneshot::channel();
        self.send(Outgoing {
            frame,
            answer: Some((id, sender)),
        })
        .await?;
        match timeout(limit, receiver).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(self.lost("closed"))),
            Err(_) => Err(ClientError::TimedOut {
                what: R::NAME.to_owned(),
                after: limit,
                cause: None,
            }),
        }
    }

    fn decoded<R: Api>(&self, frame: Bytes, version: i16) -> Result<R::Response, ClientError> {
        let response = frame::decode_response::<R>(frame, version);
        if let Err(malformed) = &response {
            self.end(malformed.clone());
        }
        response
    }

    async fn send(&self, outgoing: Outgoing) -> Result<(), ClientError> {
        if let Some(ended) = self.shared.ended.lock().clone() {
            return Err(ended);
        }
        self.shared
            .outgoing
            .send(outgoing)
            .await
            .map_err(|_| self.lost("closed"))
    }

    /// Ends the connection: those who wait learn `why`.
    fn end(&self, why: ClientError) {
        self.shared.ended.lock().get_or_insert(why);
        self.shared.task.abort();
    }

    fn lost(&self, reason: &str) -> ClientError {
        self.shared
            .ended
            .lock()
            .clone()
            .unwrap_or_else(|| ClientError::ConnectionLost {
                address: self.shared.address.clone(),
                reason: reason.to_owned(),
            })
    }
}

/// What the task of a connection owns.
struct Owner {
    waiting: Mutex<VecDeque<(i32, Reply)>>,
    ended: Arc<Mutex<Option<ClientError>>>,
    address: String,
    response_bytes_max: u32,
}

impl Owner {
    async fn run<S>(self, stream: S, mut queue: mpsc::Receiver<Outgoing>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let why = tokio::select! {
            why = self.read_all(reader) => why,
            why = self.write_all(writer, &mut queue) => why,
        };
        tracing::debug!(address = %self.address, reason = %why, "connection ended");
        let why = self.ended.lock().get_or_insert(why).clone();
        for (_, sender) in self.waiting.lock().drain(..) {
            let _ = sender.send(Err(why.clone()));
        }
        queue.close();
        while let Ok(outgoing) = queue.try_recv() {
            if let Some((_, sender)) = outgoing.answer {
                let _ = sender.send(Err(why.clone()));
            }
        }
    }

    async fn write_all<W: AsyncWrite + Unpin>(
        &self,
        mut writer: W,
        queue: &mut mpsc::Receiver<Outgoing>,
    ) -> ClientError {
        while let Some(outgoing) = queue.recv().await {
            // Registered first: the answer may arrive before the write returns.
            if let Some(answer) = outgoing.answer {
                self.waiting.lock().push_back(answer);
            }
            if let Err(e) = writer.write_all(&outgoing.frame).await {
                return self.lost(e.to_string());
            }
        }
        self.lost("closed by this side".to_owned())
    }

    async fn read_all<R: AsyncRead + Unpin>(&self, mut reader: R) -> ClientError {
        loop {
            let frame = match self.read_frame(&mut reader).await {
                Ok(frame) => frame,
                Err(why) => return why,
            };
            let expected = self.waiting.lock().pop_front();
            let answered = correlation_id(&frame);
            match expected {
                Some((id, sender)) if Some(id) == answered => {
                    // Whoever asked may have gone; the answer is then of no use.
                    let _ = sender.send(Ok(frame));
                }
                expected => {
                    let asked = expected.map(|(id, sender)| {
                        self.waiting.lock().push_front((id, sender));
                        id
                    });
                    return ClientError::Malformed {
                        what: "response",
                        reason: format!("correlation id {answered:?}, expected {asked:?}"),
                    };
                }
            }
        }
    }

    async fn read_frame<R: AsyncRead + Unpin>(&self, reader: &mut R) -> Result<Bytes, ClientError> {
        let declared = reader.read_i32().await.map_err(|e| self.read_failed(&e))?;
        let limit_bytes = self.response_bytes_max;
        let length = match u32::try_from(declared) {
            Ok(length) if length <= limit_bytes => length as usize,
            _ => {
                let bytes = u64::from(declared as u32);
                return Err(ClientError::ResponseTooLarge { bytes, limit_bytes });
            }
        };
        // The buffer grows with what arrives, so that a declared length alone costs nothing.
        let mut frame = BytesMut::with_capacity(length.min(READ_CHUNK_BYTES));
        let mut body = reader.take(length as u64);
        while frame.len() < length {
            frame.reserve((length - frame.len()).min(frame.len().max(READ_CHUNK_BYTES)));
            if body
                .read_buf(&mut frame)
                .await
                .map_err(|e| self.read_failed(&e))?
                == 0
            {
                return Err(self.lost("closed in the middle of a response".to_owned()));
            }
        }
        Ok(frame.freeze())
    }

    fn read_failed(&self, error: &std::io::Error) -> ClientError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.lost("closed by the broker".to_owned()),
            _ => self.lost(error.to_string()),
        }
    }

    fn lost(&self, reason: String) -> ClientError {
        ClientError::ConnectionLost {
            address: self.address.clone(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
