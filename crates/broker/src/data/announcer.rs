//! Telling those who wait of what is on disk, on the threads of the runtime.
//!
//! A flush often ends the wait of many requests at once. Waking each of their tasks from a
//! thread outside the runtime goes through a shared queue, and often through the kernel; from a
//! task it is a push to a local queue. So the flush threads hand over which partition has moved,
//! wake one task, and that wakes the others.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use highwater_types::Offset;
use parking_lot::Mutex;

use crate::data::Partition;

type Moved = (Arc<Partition>, Offset);

/// Partitions that have moved, on their way to the runtime.
#[derive(Default)]
pub(crate) struct Announcer {
    moved: Mutex<Vec<Moved>>,
    waker: AtomicWaker,
    /// Whether a task takes what has moved; without one it is announced at once.
    is_running: AtomicBool,
}

impl Announcer {
    /// The high watermark of the partition has moved to `offset`.
    pub(crate) fn announce(&self, partition: &Arc<Partition>, offset: Offset) {
        if !self.is_running.load(Ordering::Acquire) {
            partition.announce(Some(offset));
            return;
        }
        let mut moved = self.moved.lock();
        moved.push((Arc::clone(partition), offset));
        let is_first = moved.len() == 1;
        drop(moved);
        if is_first {
            self.waker.wake();
        }
        // The task may have ended in between, and would never look again.
        if !self.is_running.load(Ordering::Acquire) {
            self.tell(self.take());
        }
    }

    /// Announces what has moved until the task is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let _running = Running::new(&self);
        loop {
            let moved = poll_fn(|context| {
                self.waker.register(context.waker());
                let moved = self.take();
                if moved.is_empty() {
                    Poll::Pending
                } else {
                    Poll::Ready(moved)
                }
            })
            .await;
            self.tell(moved);
            // One partition after the other may move for ever; others want to run as well.
            tokio::task::yield_now().await;
        }
    }

    fn take(&self) -> Vec<Moved> {
        std::mem::take(&mut *self.moved.lock())
    }

    fn tell(&self, moved: Vec<Moved>) {
        for (partition, offset) in moved {
            partition.announce(Some(offset));
        }
    }
}

/// Whoever comes when the task has ended announces on his own.
struct Running<'a>(&'a Announcer);

impl<'a> Running<'a> {
    fn new(announcer: &'a Announcer) -> Self {
        announcer.is_running.store(true, Ordering::Release);
        Self(announcer)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.is_running.store(false, Ordering::Release);
        self.0.tell(self.0.take());
    }
}
