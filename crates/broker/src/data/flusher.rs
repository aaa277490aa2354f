//! Flushing: many partitions at once, each at most once at a time.
//!
//! Small appends are committed together (`committer.rs`). A partition that has more to flush is
//! queued once here; the thread that takes it flushes everything that was appended until then.
//! An fsync costs latency, not throughput, if many are in flight. Nothing lingers when idle, and
//! no lock is held during an fsync that appends would wait for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use highwater_protocol::ErrorCode;
use highwater_storage::PartitionLog;
use highwater_types::Offset;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::data::Partition;
use crate::data::announcer::Announcer;
use crate::data::committer::Committer;
use crate::data::flush_phase::{Asked, FlushPhase, Route};
use crate::metrics::{Durations, DurationsSnapshot};

/// Flushes in flight at most, over all partitions.
const THREADS_MAX: usize = 64;
/// A thread that finds nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(5);

/// Where one partition stands with its flushes.
#[derive(Default)]
pub(crate) struct FlushState {
    phase: Mutex<FlushPhase>,
    /// That of its directory, once it was looked up.
    committer: OnceLock<Arc<Committer>>,
}

fn route(log: &PartitionLog) -> Route {
    if log.is_for_commit() {
        Route::Together
    } else {
        Route::Alone
    }
}

impl FlushState {
    pub(super) fn start(&self, route: Route) {
        self.phase.lock().start(route);
    }

    /// Ends a flush; says where the partition has to be queued again, if it has.
    pub(super) fn finish(&self, log: &PartitionLog) -> Option<Route> {
        self.phase.lock().finish(|| route(log))
    }

    pub(super) fn decline(&self) {
        self.phase.lock().decline();
    }
}

#[derive(Default)]
struct Queue {
    partitions: VecDeque<Arc<Partition>>,
    threads: usize,
    idle_threads: usize,
    closed: bool,
}

/// Those who commit for the directories that were written to.
#[derive(Default)]
struct Committers {
    known: Vec<Arc<Committer>>,
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
    committers: Mutex<Committers>,
}

impl Flusher {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Sees to it that what has been appended to the partition until now is flushed soon.
    pub(crate) fn request(self: &Arc<Self>, partition: &Arc<Partition>) {
        let state = partition.flush_state();
        let asked = state.phase.lock().request(|| route(&partition.log));
        match asked {
            Asked::Enqueue(route) => self.enqueue_by(route, Arc::clone(partition)),
            Asked::Covered(Route::Together) => self.committer_of(partition).join(),
            Asked::Covered(Route::Alone) => {}
        }
    }

    fn enqueue_by(self: &Arc<Self>, route: Route, partition: Arc<Partition>) {
        match route {
            Route::Together => {
                let committer = Arc::clone(self.committer_of(&partition));
                committer.add(self, partition);
            }
            Route::Alone => self.enqueue(partition),
        }
    }

    /// The committer of the directory that the partition is in.
    fn committer_of<'a>(&self, partition: &'a Partition) -> &'a Arc<Committer> {
        partition.flush_state().committer.get_or_init(|| {
            let dir = partition.log.log_dir();
            let mut committers = self.committers.lock();
            let mut known = committers.known.iter();
            if let Some(known) = known.find(|known| Arc::ptr_eq(known.dir(), dir)) {
                return Arc::clone(known);
            }
            let made = Arc::new(Committer::new(dir));
            if committers.closed {
                made.close();
            }
            committers.known.push(Arc::clone(&made));
            made
        })
    }

    /// Queues a partition for a flush of its own.
    pub(super) fn enqueue(self: &Arc<Self>, partition: Arc<Partition>) {
        let mut queue = self.queue.lock();
        queue.partitions.push_back(partition);
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

    /// The high watermark of a partition has moved.
    pub(super) fn announce_moved(&self, partition: &Arc<Partition>, offset: Offset) {
        self.announcer.announce(partition, offset);
    }

    /// A flush has taken this long.
    pub(super) fn observe(&self, took: Duration) {
        self.durations.observe(took);
    }

    /// How long flushes have taken.
    pub(crate) fn durations(&self) -> DurationsSnapshot {
        self.durations.snapshot()
    }

    /// How many partitions wait for a thread.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    fn run(self: &Arc<Self>) {
        while let Some(partition) = self.next() {
            self.flush(partition);
        }
    }

    fn flush(self: &Arc<Self>, partition: Arc<Partition>) {
        loop {
            partition.flush_state().start(Route::Alone);
            let started = Instant::now();
            let flushed = catch_unwind(AssertUnwindSafe(|| partition.flush()));
            self.observe(started.elapsed());
            match flushed {
                Ok(Some(offset)) => self.announce_moved(&partition, offset),
                Ok(None) => {}
                Err(_) => {
                    // Whether anything is on disk is not known, so nothing there may count.
                    partition.log.log_dir().take_offline("a flush panicked");
                    partition.fail(ErrorCode::KAFKA_STORAGE_ERROR);
                }
            }
            self.committer_of(&partition).keep_up();
            match partition.flush_state().finish(&partition.log) {
                Some(Route::Alone) if self.queued() == 0 => {}
                // Others come first; then this partition again.
                Some(route) => return self.enqueue_by(route, partition),
                None => return,
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
        // They may still hand partitions over.
        let committers = {
            let mut committers = self.committers.lock();
            committers.closed = true;
            committers.known.clone()
        };
        for committer in committers {
            committer.close();
        }
        let mut queue = self.queue.lock();
        queue.closed = true;
        self.work.notify_all();
        while queue.threads > 0 {
            self.ended.wait(&mut queue);
        }
    }
}
