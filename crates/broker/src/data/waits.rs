//! Requests that wait for a partition to get somewhere: produce requests for acknowledgement,
//! fetches for records.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use highwater_protocol::ErrorCode;
use highwater_types::Offset;
use parking_lot::Mutex;

/// One produce request that waits for its partitions.
#[derive(Debug)]
pub(crate) struct AckWait {
    left: AtomicUsize,
    waker: AtomicWaker,
    failed: Mutex<Vec<(usize, ErrorCode)>>,
}

impl AckWait {
    /// A wait that needs one call of [`AckWait::done`] per registered slot, and one by the
    /// owner when all slots are registered.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(1),
            waker: AtomicWaker::new(),
            failed: Mutex::new(Vec::new()),
        })
    }

    /// One more partition is waited for.
    pub(crate) fn add(&self) {
        self.left.fetch_add(1, Ordering::AcqRel);
    }

    /// One partition less is waited for.
    pub(crate) fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake();
        }
    }

    fn fail(&self, slot: usize, error: ErrorCode) {
        self.failed.lock().push((slot, error));
        self.done();
    }

    /// Whether nothing is waited for any more.
    pub(crate) fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// The slots that ended with an error.
    pub(crate) fn failures(&self) -> Vec<(usize, ErrorCode)> {
        std::mem::take(&mut *self.failed.lock())
    }
}

/// Completes when every slot of the wait is done.
pub(crate) struct AllAcked<'a>(pub(crate) &'a AckWait);

impl Future for AllAcked<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_done() {
            return Poll::Ready(());
        }
        self.0.waker.register(cx.waker());
        if self.0.is_done() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

struct Ack {
    needed: Offset,
    slot: usize,
    wait: Arc<AckWait>,
}

/// The produce requests that wait for the high watermark of one partition, by offset.
#[derive(Default)]
pub(crate) struct AckQueue(Mutex<VecDeque<Ack>>);

impl AckQueue {
    /// Waits until the high watermark is `needed` or beyond. The caller looks at the high
    /// watermark again afterwards, since it may have moved before this.
    pub(crate) fn push(&self, needed: Offset, slot: usize, wait: &Arc<AckWait>) {
        wait.add();
        let mut queue = self.0.lock();
        // Appends come in order, their registrations almost.
        let behind = queue
            .iter()
            .rev()
            .take_while(|ack| ack.needed > needed)
            .count();
        let at = queue.len() - behind;
        queue.insert(
            at,
            Ack {
                needed,
                slot,
                wait: Arc::clone(wait),
            },
        );
    }

    /// The high watermark has come to `offset`.
    pub(crate) fn reached(&self, offset: Offset) {
        let mut queue = self.0.lock();
        let reached = queue.iter().take_while(|ack| ack.needed <= offset).count();
        if reached == 0 {
            return;
        }
        // Waking may take long, and those who come next shall not wait for it.
        let behind = queue.split_off(reached);
        let reached = std::mem::replace(&mut *queue, behind);
        drop(queue);
        for ack in reached {
            ack.wait.done();
        }
    }

    /// Nothing that waits here will come.
    pub(crate) fn fail_all(&self, error: ErrorCode) {
        let all = std::mem::take(&mut *self.0.lock());
        for ack in all {
            ack.wait.fail(ack.slot, error);
        }
    }
}

/// One fetch that waits for records in any of its partitions.
#[derive(Debug, Default)]
pub(crate) struct FetchWait {
    woken: AtomicBool,
    over: AtomicBool,
    waker: AtomicWaker,
}

impl FetchWait {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// The fetch is answered or given up: partitions may forget it.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) || self.woken.load(Ordering::Acquire)
    }
}

/// Completes when a partition has moved.
pub(crate) struct Woken<'a>(pub(crate) &'a FetchWait);

impl Future for Woken<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let woken = || self.0.woken.load(Ordering::Acquire);
        if woken() {
            return Poll::Ready(());
        }
        self.0.waker.register(cx.waker());
        if woken() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Woken<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[derive(Default)]
struct Watchers {
    waits: Vec<Arc<FetchWait>>,
    /// Length at which those that are over are cleared out: doubles with what stays, so that
    /// clearing costs a constant per registration.
    clear_at: usize,
}

/// The fetches that wait for one partition.
#[derive(Default)]
pub(crate) struct FetchWatchers(Mutex<Watchers>);

impl FetchWatchers {
    /// Wakes the wait at the next movement.
    pub(crate) fn push(&self, wait: &Arc<FetchWait>) {
        let mut watchers = self.0.lock();
        if watchers.waits.len() >= watchers.clear_at.max(4) {
            watchers.waits.retain(|wait| !wait.is_over());
            watchers.clear_at = watchers.waits.len() * 2;
        }
        watchers.waits.push(Arc::clone(wait));
    }

    /// The partition has moved.
    pub(crate) fn wake_all(&self) {
        let waits = std::mem::take(&mut self.0.lock().waits);
        for wait in waits {
            wait.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_come_in_the_order_of_offsets() {
        let queue = AckQueue::default();
        let (first, second) = (AckWait::new(), AckWait::new());
        queue.push(Offset(20), 0, &second);
        queue.push(Offset(10), 0, &first);
        first.done();
        second.done();
        queue.reached(Offset(10));
        assert!(first.is_done() && !second.is_done());
        queue.fail_all(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(second.failures(), [(0, ErrorCode::NOT_LEADER_OR_FOLLOWER)]);
        assert!(second.is_done());
    }

    #[test]
    fn fetches_that_are_over_do_not_pile_up() {
        let watchers = FetchWatchers::default();
        let stays = FetchWait::new();
        watchers.push(&stays);
        for _ in 0..1000 {
            let wait = FetchWait::new();
            watchers.push(&wait);
            wait.end();
        }
        assert!(watchers.0.lock().waits.len() < 10);
        watchers.wake_all();
        assert!(stays.woken.load(Ordering::Acquire));
    }
}
