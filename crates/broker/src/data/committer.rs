//! Committing small appends of many partitions at once, by way of the write-ahead log.
//!
//! Each directory has a thread for it while there is work. It takes all partitions that wait,
//! has the directory commit them with one flush, and hands those over to flushes of their own
//! that have grown too much for it. `group_commit.rs` decides when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use highwater_protocol::ErrorCode;
use highwater_storage::{Commit, LogDir};
use parking_lot::{Condvar, Mutex};

use crate::data::Partition;
use crate::data::flush_phase::Route;
use crate::data::flusher::Flusher;
use crate::data::group_commit::GroupCommit;

/// Partitions in one commit at most.
const PARTITIONS_MAX: usize = 256;
/// A thread that finds nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    waiting: Vec<Arc<Partition>>,
    group: GroupCommit,
    has_thread: bool,
    closed: bool,
}

/// Commits to the write-ahead log of one directory.
pub(super) struct Committer {
    dir: Arc<LogDir>,
    state: Mutex<State>,
    work: Condvar,
    ended: Condvar,
    /// Whether the upkeep of the write-ahead log is under way.
    is_kept_up: AtomicBool,
    upkeep: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    pub(super) fn new(dir: &Arc<LogDir>) -> Self {
        Self {
            dir: Arc::clone(dir),
            state: Mutex::default(),
            work: Condvar::new(),
            ended: Condvar::new(),
            is_kept_up: AtomicBool::new(false),
            upkeep: Mutex::new(None),
        }
    }

    pub(super) fn dir(&self) -> &Arc<LogDir> {
        &self.dir
    }

    /// Queues a partition.
    pub(super) fn add(self: &Arc<Self>, flusher: &Arc<Flusher>, partition: Arc<Partition>) {
        let mut state = self.state.lock();
        state.waiting.push(partition);
        if !state.group.request() {
            return;
        }
        if state.has_thread {
            self.work.notify_one();
            return;
        }
        let (committer, flusher) = (Arc::clone(self), Arc::clone(flusher));
        let thread = std::thread::Builder::new().name("commit".to_owned());
        match thread.spawn({
            let flusher = Arc::clone(&flusher);
            move || committer.run(&flusher)
        }) {
            Ok(_) => state.has_thread = true,
            Err(error) => {
                tracing::error!(%error, "cannot start a thread that commits");
                let waiting = std::mem::take(&mut state.waiting);
                state.group.rest();
                drop(state);
                for partition in waiting {
                    partition.flush_state().decline();
                    flusher.enqueue(partition);
                }
            }
        }
    }

    /// More was appended to a partition that is queued, or will be again.
    pub(super) fn join(&self) {
        if self.state.lock().group.request() {
            self.work.notify_one();
        }
    }

    fn run(self: &Arc<Self>, flusher: &Arc<Flusher>) {
        let mut took = None;
        while let Some(partitions) = self.next(took) {
            let started = Instant::now();
            self.commit(flusher, partitions);
            took = Some(started.elapsed());
            self.keep_up();
        }
    }

    /// Gathers, if that pays, and takes what waits; `None` ends the thread.
    fn next(&self, took: Option<Duration>) -> Option<Vec<Arc<Partition>>> {
        let mut state = self.state.lock();
        if let Some(time) = took.and_then(|took| state.group.finish(took)) {
            let until = Instant::now() + time;
            while !state.group.is_complete() {
                if self.work.wait_until(&mut state, until).timed_out() {
                    break;
                }
            }
        }
        loop {
            if !state.waiting.is_empty() {
                state.group.start();
                let left = state.waiting.len().saturating_sub(PARTITIONS_MAX);
                return Some(state.waiting.split_off(left));
            }
            state.group.rest();
            if state.closed || self.work.wait_for(&mut state, IDLE).timed_out() {
                if !state.waiting.is_empty() {
                    continue;
                }
                state.has_thread = false;
                self.ended.notify_all();
                return None;
            }
        }
    }

    fn commit(self: &Arc<Self>, flusher: &Arc<Flusher>, partitions: Vec<Arc<Partition>>) {
        for partition in &partitions {
            partition.flush_state().start(Route::Together);
        }
        let started = Instant::now();
        let logs: Vec<_> = partitions.iter().map(|partition| &partition.log).collect();
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.dir.commit(&logs)));
        flusher.observe(started.elapsed());
        let outcomes = outcomes.unwrap_or_else(|_| {
            // Whether anything is on disk is not known, so nothing there may count.
            self.dir.take_offline("a commit panicked");
            vec![Commit::Failed; partitions.len()]
        });
        for (partition, outcome) in partitions.into_iter().zip(outcomes) {
            match outcome {
                Commit::Done(end) => {
                    if let Some(offset) = partition.committed(end) {
                        flusher.announce_moved(&partition, offset);
                    }
                }
                Commit::Failed => partition.fail(ErrorCode::KAFKA_STORAGE_ERROR),
                Commit::Declined => {
                    partition.flush_state().decline();
                    flusher.enqueue(partition);
                    continue;
                }
            }
            match partition.flush_state().finish(&partition.log) {
                Some(Route::Together) => self.state.lock().waiting.push(partition),
                Some(Route::Alone) => flusher.enqueue(partition),
                None => {}
            }
        }
    }

    /// Starts the upkeep of the write-ahead log if that is due.
    pub(super) fn keep_up(self: &Arc<Self>) {
        if !self.begin_upkeep() {
            return;
        }
        let committer = Arc::clone(self);
        let thread = std::thread::Builder::new().name("wal-upkeep".to_owned());
        let spawned = thread.spawn(move || {
            loop {
                if let Err(error) = committer.dir.keep_up_wal() {
                    let dir = committer.dir.path().display();
                    tracing::warn!(%dir, %error, "the write-ahead log has to do without a file for now");
                }
                committer.is_kept_up.store(false, Ordering::Release);
                if !committer.begin_upkeep() {
                    break;
                }
            }
        });
        match spawned {
            Ok(thread) => *self.upkeep.lock() = Some(thread),
            Err(error) => {
                tracing::error!(%error, "cannot start a thread for the write-ahead log");
                self.is_kept_up.store(false, Ordering::Release);
            }
        }
    }

    fn begin_upkeep(&self) -> bool {
        if self.is_kept_up.swap(true, Ordering::AcqRel) {
            return false;
        }
        let is_due = self.dir.wants_wal_upkeep();
        self.is_kept_up.store(is_due, Ordering::Release);
        is_due
    }

    /// Commits what waits and ends the threads; blocks.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.work.notify_all();
        while state.has_thread {
            self.ended.wait(&mut state);
        }
        drop(state);
        if let Some(thread) = self.upkeep.lock().take() {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}
