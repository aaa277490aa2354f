//! One connection as one future: read, call, await, write, in the order of requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::net::TcpStream;

use crate::inbound::{Inbound, InboundError, Progress, Reader};
use crate::outbound::Writer;
use crate::registry::{Order, Registry, Shared, Taken};
use crate::{Answer, NetConfig, Reply, Response, Service};

/// Frames handled before the thread is offered to other connections.
const FRAMES_PER_TURN: usize = 32;
/// Output that may wait in memory before no further request is read.
const QUEUED_OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Output at which writing starts although more requests are at hand.
const EAGER_WRITE_BYTES: usize = 64 * 1024;

/// Whether the connection goes on.
enum Turn {
    Wait,
    Again,
    End,
}

/// How far the answers were looked at.
enum Collected {
    /// Those that are not ready will wake the connection.
    All,
    /// There is no room for more; the rest was not asked, and wakes nobody.
    OutputFull,
    /// One of them ends the connection.
    End,
}

/// An answer, or when there will be one.
enum Due {
    Ready(Option<Response>),
    Later(Answer),
    /// The flag says that what was begun aside is done.
    Aside(Answer, Arc<AtomicBool>),
}

/// One answer in its place behind others.
struct InPlace {
    due: Due,
    /// Bytes of all answers of the connection that are ready and stand behind one that is not.
    ready_bytes: Arc<AtomicUsize>,
}

impl Future for InPlace {
    type Output = Option<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Response>> {
        let this = self.get_mut();
        let (answer, done) = match &mut this.due {
            Due::Ready(response) => return Poll::Ready(response.take()),
            Due::Later(answer) => (answer, None),
            Due::Aside(answer, done) => (answer, Some(done)),
        };
        let response = ready!(answer.as_mut().poll(cx));
        let bytes = response.as_ref().map_or(0, Response::len);
        this.ready_bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(done) = done {
            done.store(true, Ordering::Relaxed);
        }
        Poll::Ready(response)
    }
}

/// A connection and all that it has in flight.
pub(crate) struct Connection<S: Service> {
    pub(crate) stream: TcpStream,
    pub(crate) id: u64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) service: Arc<S>,
    state: S::Connection,
    reader: Reader,
    progress: Progress,
    writer: Writer,
    /// Polled by this task alone, so what its futures share with it needs no order in memory.
    pending: FuturesOrdered<InPlace>,
    ready_bytes: Arc<AtomicUsize>,
    /// Whether what was begun aside is done; its answer may still stand behind others.
    aside_done: Option<Arc<AtomicBool>>,
    in_flight_max: usize,
    reading: bool,
}

impl<S: Service> Connection<S> {
    pub(crate) fn new(
        stream: TcpStream,
        (id, shared): (u64, Arc<Shared>),
        registry: Arc<Registry>,
        service: Arc<S>,
        state: S::Connection,
        (config, budget): (&NetConfig, Arc<crate::Budget>),
    ) -> Self {
        Self {
            stream,
            id,
            shared,
            registry,
            service,
            state,
            reader: Reader::new(budget, config.request_bytes_max),
            progress: Progress::default(),
            writer: Writer::default(),
            pending: FuturesOrdered::new(),
            ready_bytes: Arc::default(),
            aside_done: None,
            in_flight_max: config.in_flight_max,
            reading: true,
        }
    }

    /// Answers in order: what is ready joins the queue behind what is not.
    fn take(&mut self, reply: Reply) -> bool {
        match reply {
            Reply::Nothing => {}
            Reply::Close => return false,
            Reply::Now(response) if self.pending.is_empty() => self.writer.push(response),
            Reply::Now(response) => {
                self.ready_bytes
                    .fetch_add(response.len(), Ordering::Relaxed);
                self.put_in_place(Due::Ready(Some(response)));
            }
            Reply::Later(answer) => self.put_in_place(Due::Later(answer)),
            Reply::Aside(answer) => {
                let done = Arc::new(AtomicBool::new(false));
                self.aside_done = Some(Arc::clone(&done));
                self.put_in_place(Due::Aside(answer, done));
            }
        }
        true
    }

    fn put_in_place(&mut self, due: Due) {
        self.pending.push_back(InPlace {
            due,
            ready_bytes: Arc::clone(&self.ready_bytes),
        });
    }

    fn collect_answers(&mut self, cx: &mut Context<'_>) -> Collected {
        while self.writer.queued_bytes() < QUEUED_OUTPUT_BYTES_MAX {
            match self.pending.poll_next_unpin(cx) {
                Poll::Ready(Some(Some(response))) => {
                    self.ready_bytes
                        .fetch_sub(response.len(), Ordering::Relaxed);
                    self.writer.push(response);
                }
                Poll::Ready(Some(None)) => return Collected::End,
                Poll::Ready(None) | Poll::Pending => return Collected::All,
            }
        }
        Collected::OutputFull
    }

    /// Whether something is being done aside that later requests must find done.
    fn is_held_up(&self) -> bool {
        let done = self.aside_done.as_ref();
        done.is_some_and(|done| !done.load(Ordering::Relaxed))
    }

    fn may_read(&self) -> bool {
        self.reading
            && !self.is_held_up()
            && self.pending.len() < self.in_flight_max
            && self.writer.queued_bytes() + self.ready_bytes.load(Ordering::Relaxed)
                < QUEUED_OUTPUT_BYTES_MAX
    }

    fn read_requests(&mut self, cx: &mut Context<'_>, now_ms: u64) -> Turn {
        for _ in 0..FRAMES_PER_TURN {
            if !self.may_read() {
                return Turn::Wait;
            }
            match self.reader.poll_frame(&self.stream, cx) {
                Poll::Pending => return Turn::Wait,
                Poll::Ready(Ok(Inbound::Frame(frame))) => {
                    self.shared.touch(now_ms);
                    self.shared.no_frame_is_open();
                    let reply = self.service.call(&mut self.state, frame);
                    if !self.take(reply) {
                        return Turn::End;
                    }
                    if self.writer.queued_bytes() > EAGER_WRITE_BYTES {
                        return Turn::Again;
                    }
                }
                Poll::Ready(Ok(Inbound::Closed)) => {
                    // What was asked before the peer closed its side is still done, but an
                    // answer to nobody is not awaited.
                    return Turn::End;
                }
                Poll::Ready(Err(error)) => {
                    self.report(&error);
                    return Turn::End;
                }
            }
        }
        Turn::Again
    }

    fn report(&self, error: &InboundError) {
        match error {
            InboundError::FrameLength { .. } => {
                let peer = self.stream.peer_addr().ok();
                tracing::info!(connection = self.id, ?peer, %error, "closing a connection");
            }
            InboundError::Io(_) => {
                tracing::debug!(connection = self.id, %error, "a connection broke");
            }
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        match self.shared.listen(cx.waker()) {
            Order::Serve => {}
            Order::Drain => self.reading = false,
            Order::Abort => return Turn::End,
        }
        let now_ms = self.registry.now_ms();
        let read = self.read_requests(cx, now_ms);
        let mut held_back = !self.may_read();
        let collected = if matches!(read, Turn::End) {
            Collected::End
        } else {
            self.collect_answers(cx)
        };
        if matches!(collected, Collected::End) {
            // What is already answered is worth one try; nobody waits for the rest.
            let _ = self.flush(cx, now_ms);
            return Turn::End;
        }
        held_back |= !self.may_read();
        if self.progress.has_moved(self.reader.begun_bytes()) {
            self.shared.no_frame_is_open();
        }
        // A peer is late only with what it is asked for.
        let is_due = self.may_read() && !self.reader.waits_for_memory();
        if self.reader.is_mid_frame() && is_due {
            self.shared.frame_is_open(now_ms);
        } else {
            self.shared.no_frame_is_open();
        }
        self.shared.set_busy(!self.pending.is_empty());
        match self.flush(cx, now_ms) {
            Poll::Ready(Err(error)) => {
                tracing::debug!(connection = self.id, %error, "a response could not be sent");
                Turn::End
            }
            // Nobody but the socket wakes it once reading has stopped, so it must not stop early.
            Poll::Pending if self.may_read() && !held_back => read,
            Poll::Pending if self.may_read() => Turn::Again,
            Poll::Pending => Turn::Wait,
            // What was not asked for lack of room would never wake it.
            Poll::Ready(Ok(())) if matches!(collected, Collected::OutputFull) => Turn::Again,
            Poll::Ready(Ok(())) if !self.reading && self.pending.is_empty() => Turn::End,
            Poll::Ready(Ok(())) if held_back && self.may_read() => Turn::Again,
            Poll::Ready(Ok(())) => read,
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>, now_ms: u64) -> Poll<std::io::Result<()>> {
        if self.writer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut written = 0;
        let outcome = self.writer.poll_flush(&self.stream, cx, &mut written);
        if written > 0 {
            self.shared.touch(now_ms);
        }
        let taken = match (&outcome, written) {
            (Poll::Ready(_), _) => Taken::All,
            (Poll::Pending, 0) => Taken::Nothing,
            (Poll::Pending, _) => Taken::Some,
        };
        self.shared.note_write(now_ms, taken);
        outcome
    }
}

impl<S: Service> Future for Connection<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        match this.turn(cx) {
            Turn::End => Poll::Ready(()),
            Turn::Wait => Poll::Pending,
            Turn::Again => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl<S: Service> Drop for Connection<S> {
    fn drop(&mut self) {
        self.registry.leave(self.id);
    }
}
