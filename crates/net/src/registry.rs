//! Who is connected: counts for the limits, and a handle by which the sweeper reaches each.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::NetConfig;

/// What another task may ask of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Carry on.
    Serve = 0,
    /// Read no more, answer what is in flight, then end.
    Drain = 1,
    /// End now.
    Abort = 2,
}

/// The part of a connection that others see.
#[derive(Debug)]
pub(crate) struct Shared {
    order: AtomicU8,
    waker: AtomicWaker,
    /// When bytes last moved in either direction.
    active_ms: AtomicU64,
    /// When the frame that is being read began, or 0.
    frame_since_ms: AtomicU64,
    /// When the peer stopped taking bytes that are due, or 0.
    stalled_since_ms: AtomicU64,
    /// Whether requests wait for their answers: a long poll is not idleness.
    busy: AtomicU8,
}

/// How much a peer took of what was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Everything.
    All,
    /// Something, and more is due.
    Some,
    /// Nothing of what is due.
    Nothing,
}

impl Shared {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            order: AtomicU8::new(Order::Serve as u8),
            waker: AtomicWaker::new(),
            active_ms: AtomicU64::new(now_ms),
            frame_since_ms: AtomicU64::new(0),
            stalled_since_ms: AtomicU64::new(0),
            busy: AtomicU8::new(0),
        }
    }

    pub(crate) fn listen(&self, waker: &std::task::Waker) -> Order {
        self.waker.register(waker);
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Abort,
        }
    }

    pub(crate) fn give_order(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    pub(crate) fn touch(&self, now_ms: u64) {
        self.active_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The frame that is being read began now, or earlier if that is known already.
    pub(crate) fn frame_is_open(&self, now_ms: u64) {
        if self.frame_since_ms.load(Ordering::Relaxed) == 0 {
            self.frame_since_ms.store(now_ms.max(1), Ordering::Relaxed);
        }
    }

    /// No frame is due from the peer.
    pub(crate) fn no_frame_is_open(&self) {
        if self.frame_since_ms.load(Ordering::Relaxed) != 0 {
            self.frame_since_ms.store(0, Ordering::Relaxed);
        }
    }

    /// Notes how much the peer took of the output that is due; any progress starts the count anew.
    pub(crate) fn note_write(&self, now_ms: u64, taken: Taken) {
        let since = self.stalled_since_ms.load(Ordering::Relaxed);
        let value = match taken {
            Taken::All => 0,
            Taken::Nothing if since != 0 => since,
            Taken::Some | Taken::Nothing => now_ms.max(1),
        };
        if value != since {
            self.stalled_since_ms.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_busy(&self, yes: bool) {
        self.busy.store(u8::from(yes), Ordering::Relaxed);
    }

    /// Why this connection should be ended now, if it should.
    fn overdue(&self, now_ms: u64, config: &NetConfig) -> Option<&'static str> {
        let past = |since: u64, limit: u64| since != 0 && now_ms.saturating_sub(since) > limit;
        if past(
            self.frame_since_ms.load(Ordering::Relaxed),
            config.frame_ms_max,
        ) {
            return Some("a frame was not sent whole in time");
        }
        if past(
            self.stalled_since_ms.load(Ordering::Relaxed),
            config.stalled_write_ms_max,
        ) {
            return Some("the peer does not take its responses");
        }
        let idle = now_ms.saturating_sub(self.active_ms.load(Ordering::Relaxed));
        let busy = self.busy.load(Ordering::Relaxed) != 0;
        (idle > config.idle_ms_max && !busy).then_some("idle")
    }
}

#[derive(Default)]
struct Connections {
    by_id: HashMap<u64, (IpAddr, Arc<Shared>)>,
    per_ip: HashMap<IpAddr, usize>,
    next_id: u64,
}

/// How many connections there are, and were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Open now.
    pub open: usize,
    /// Accepted since the start.
    pub accepted: u64,
    /// Turned away by a limit since the start.
    pub refused: u64,
}

/// All connections of the process.
pub(crate) struct Registry {
    connections: Mutex<Connections>,
    accepted: AtomicU64,
    refused: AtomicU64,
    started: Instant,
    /// Told whenever a connection ends, for an acceptor that waits for room.
    pub(crate) ended: tokio::sync::Notify,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            connections: Mutex::new(Connections::default()),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            started: Instant::now(),
            ended: tokio::sync::Notify::new(),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    pub(crate) fn counts(&self) -> ConnectionCounts {
        ConnectionCounts {
            open: self.connections.lock().by_id.len(),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.connections.lock().by_id.len()
    }

    /// Enters a connection; `None` if its address has too many already.
    pub(crate) fn enter(&self, ip: IpAddr, config: &NetConfig) -> Option<(u64, Arc<Shared>)> {
        let limit = config
            .connections_per_ip_overrides
            .get(&ip)
            .copied()
            .unwrap_or(config.connections_per_ip_max);
        let mut connections = self.connections.lock();
        let count = connections.per_ip.entry(ip).or_insert(0);
        if *count >= limit {
            if *count == 0 {
                connections.per_ip.remove(&ip);
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        connections.next_id += 1;
        let id = connections.next_id;
        let shared = Arc::new(Shared::new(self.now_ms()));
        connections.by_id.insert(id, (ip, Arc::clone(&shared)));
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Some((id, shared))
    }

    pub(crate) fn leave(&self, id: u64) {
        let mut connections = self.connections.lock();
        if let Some((ip, _)) = connections.by_id.remove(&id)
            && let Some(count) = connections.per_ip.get_mut(&ip)
        {
            *count -= 1;
            if *count == 0 {
                connections.per_ip.remove(&ip);
            }
        }
        drop(connections);
        self.ended.notify_waiters();
    }

    pub(crate) fn order_all(&self, order: Order) {
        for (_, shared) in self.connections.lock().by_id.values() {
            shared.give_order(order);
        }
    }

    /// Ends what is overdue.
    pub(crate) fn sweep(&self, config: &NetConfig) {
        let now_ms = self.now_ms();
        for (id, (ip, shared)) in &self.connections.lock().by_id {
            if let Some(reason) = shared.overdue(now_ms, config) {
                tracing::debug!(connection = id, client = %ip, reason, "closing a connection");
                shared.give_order(Order::Abort);
            }
        }
    }
}
