//! Group commit: many partitions flush at once, each at most once at a time.
//!
//! An fsync costs latency, not throughput, if many are in flight. A partition that has
//! something to flush is queued once; the thread that takes it flushes everything that was
//! appended until then, and stays with it as long as more comes (`group_commit.rs` decides),
//! unless other partitions wait. Nothing lingers when idle, and no lock is held during an fsync.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use highwater_protocol::ErrorCode;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::data::Partition;
use crate::data::announcer::Announcer;
use crate::data::group_commit::{Asked, GroupCommit, Next};
use crate::metrics::{Durations, DurationsSnapshot};

/// Flushes in flight at most, over all partitions.
const THREADS_MAX: usize = 64;
/// A thread that finds nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(5);

/// Where one partition stands with its flushes.
#[derive(Debug, Default)]
pub(crate) struct FlushState {
    commit: Mutex<GroupCommit>,
    gathered: Condvar,
}

impl FlushState {
    /// Asks for a flush; true if the caller must put the partition into the queue.
    fn request(&self) -> bool {
        let asked = self.commit.lock().request();
        if asked == Asked::Wake {
            self.gathered.notify_one();
        }
        asked == Asked::Enqueue
    }

    fn start(&self) {
        self.commit.lock().start();
    }

    /// Ends a flush, waits for company if that pays, and says how to go on.
    fn finish(&self, took: Duration, pressed: bool, is_small: bool) -> Next {
        let mut commit = self.commit.lock();
        let next = commit.finish(took, pressed, is_small);
        let Next::Gather(time) = next else {
            return next;
        };
        let until = Instant::now() + time;
        while !commit.is_complete() {
            if self.gathered.wait_until(&mut commit, until).timed_out() {
                break;
            }
        }
        commit.gathered()
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
    /// Length of the queue, for those who do not hold its lock.
    queued: AtomicUsize,
    durations: Durations,
    announcer: Arc<Announcer>,
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
        self.note_queued(&queue);
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
        // Nobody else would ever do it, nor what is queued again by doing it.
        while queue.threads == 0
            && let Some(partition) = queue.partitions.pop_front()
        {
            self.note_queued(queue);
            MutexGuard::unlocked(queue, || self.flush(partition));
        }
    }

    /// Tells those who wait, from within the runtime; without this task the flush threads do it.
    pub(crate) async fn announce(self: Arc<Self>) {
        Arc::clone(&self.announcer).run().await;
    }

    /// How long flushes have taken.
    pub(crate) fn durations(&self) -> DurationsSnapshot {
        self.durations.snapshot()
    }

    /// How many partitions wait for a thread.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    fn run(&self) {
        while let Some(partition) = self.next() {
            self.flush(partition);
        }
    }

    fn flush(&self, partition: Arc<Partition>) {
        loop {
            partition.flush_state().start();
            let started = Instant::now();
            let flushed = catch_unwind(AssertUnwindSafe(|| partition.flush()));
            let took = started.elapsed();
            self.durations.observe(took);
            match flushed {
                Ok(Some(offset)) => self.announcer.announce(&partition, offset),
                Ok(None) => {}
                Err(_) => {
                    // Whether anything is on disk is not known, so nothing there may count.
                    partition.log.log_dir().take_offline("a flush panicked");
                    partition.fail(ErrorCode::KAFKA_STORAGE_ERROR);
                }
            }
            let (state, is_small) = (partition.flush_state(), partition.log.flushes_are_small());
            match state.finish(took, self.queued() > 0, is_small) {
                Next::Flush | Next::Gather(_) => {}
                Next::Enqueue => {
                    let mut queue = self.queue.lock();
                    queue.partitions.push_back(partition);
                    self.note_queued(&queue);
                    return;
                }
                Next::Release => return,
            }
        }
    }

    fn note_queued(&self, queue: &Queue) {
        self.queued.store(queue.partitions.len(), Ordering::Relaxed);
    }

    fn next(&self) -> Option<Arc<Partition>> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(partition) = queue.partitions.pop_front() {
                self.note_queued(&queue);
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
