//! Group commit: many partitions flush at once, each at most once at a time.
//!
//! An fsync costs latency, not throughput, if many are in flight. A partition that has
//! something to flush is queued once; the thread that takes it flushes everything that was
//! appended until then, and queues it again if more has come meanwhile. Nothing lingers when
//! idle, and no lock is held during an fsync.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use highwater_protocol::ErrorCode;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::data::Partition;
use crate::metrics::{Durations, DurationsSnapshot};

/// Flushes in flight at most, over all partitions.
const THREADS_MAX: usize = 64;
/// A thread that finds nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(5);

const IDLE_STATE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
const RUNNING_AGAIN: u8 = 3;

/// Where one partition stands with its flushes.
#[derive(Debug, Default)]
pub(crate) struct FlushState(AtomicU8);

impl FlushState {
    /// Asks for a flush; true if the caller must put the partition into the queue.
    fn request(&self) -> bool {
        let step = |state| match state {
            IDLE_STATE => Some(QUEUED),
            RUNNING => Some(RUNNING_AGAIN),
            _ => None,
        };
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
            == Ok(IDLE_STATE)
    }

    fn start(&self) {
        self.0.store(RUNNING, Ordering::Release);
    }

    /// Ends a flush; true if another was asked for meanwhile, which is then queued.
    fn finish(&self) -> bool {
        let step = |state| {
            Some(if state == RUNNING_AGAIN {
                QUEUED
            } else {
                IDLE_STATE
            })
        };
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
            == Ok(RUNNING_AGAIN)
    }
}

#[derive(Default)]
struct Queue {
    partitions: VecDeque<Arc<Partition>>,
    threads: usize,
    idle_threads: usize,
    closed: bool,
}

/// The threads that flush.
#[derive(Default)]
pub(crate) struct Flusher {
    queue: Mutex<Queue>,
    work: Condvar,
    ended: Condvar,
    durations: Durations,
}

impl Flusher {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Sees to it that what has been appended to the partition until now is flushed soon.
    pub(crate) fn request(self: &Arc<Self>, partition: &Arc<Partition>) {
        if !partition.flush_state().request() {
            return;
        }
        let mut queue = self.queue.lock();
        queue.partitions.push_back(Arc::clone(partition));
        if queue.idle_threads > 0 {
            self.work.notify_one();
        }
        // A thread that was woken counts as idle until it has the lock, and so does what it was
        // woken for as queued: without comparing them one thread would be woken for many.
        if queue.partitions.len() > queue.idle_threads
            && queue.threads < THREADS_MAX
            && !queue.closed
        {
            self.start_thread(&mut queue);
        }
    }

    fn start_thread(self: &Arc<Self>, queue: &mut MutexGuard<'_, Queue>) {
        queue.threads += 1;
        let flusher = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("flush".to_owned())
            .spawn(move || flusher.run());
        let Err(error) = spawned else { return };
        queue.threads -= 1;
        tracing::error!(%error, threads = queue.threads, "cannot start a flush thread");
        if queue.threads == 0
            && let Some(partition) = queue.partitions.pop_front()
        {
            // Nobody else would ever do it.
            MutexGuard::unlocked(queue, || self.flush(partition));
        }
    }

    /// How long flushes have taken.
    pub(crate) fn durations(&self) -> DurationsSnapshot {
        self.durations.snapshot()
    }

    /// How many partitions wait for a thread.
    pub(crate) fn queued(&self) -> usize {
        self.queue.lock().partitions.len()
    }

    fn run(&self) {
        while let Some(partition) = self.next() {
            self.flush(partition);
        }
    }

    fn flush(&self, partition: Arc<Partition>) {
        partition.flush_state().start();
        let started = Instant::now();
        let flushed = catch_unwind(AssertUnwindSafe(|| {
            partition.flush(|| self.durations.observe(started.elapsed()));
        }));
        if flushed.is_err() {
            // Whether anything is on disk is not known, so nothing there may count any more.
            partition.log.log_dir().take_offline("a flush panicked");
            partition.fail(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        if partition.flush_state().finish() {
            self.queue.lock().partitions.push_back(partition);
        }
    }

    fn next(&self) -> Option<Arc<Partition>> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(partition) = queue.partitions.pop_front() {
                return Some(partition);
            }
            if queue.closed {
                break;
            }
            queue.idle_threads += 1;
            let waited = self.work.wait_for(&mut queue, IDLE);
            queue.idle_threads -= 1;
            if waited.timed_out() && queue.partitions.is_empty() {
                break;
            }
        }
        queue.threads -= 1;
        if queue.threads == 0 {
            self.ended.notify_all();
        }
        None
    }

    /// Finishes what is queued and ends the threads; blocks.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        self.work.notify_all();
        while queue.threads > 0 {
            self.ended.wait(&mut queue);
        }
    }
}
