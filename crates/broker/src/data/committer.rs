//! Committing small appends of many partitions at once, by way of the write-ahead log.
//!
//! Each directory has a thread for it while there is work. It takes all partitions that wait,
//! has the directory commit them with one flush, and hands those over to flushes of their own
//! that have grown too much for it. `group_commit.rs` decides when.

use std::collections::VecDeque;
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
    waiting: VecDeque<Arc<Partition>>,
    group: GroupCommit,
    has_thread: bool,
    closed: bool,
}

/// Hands a partition over to a flush of its own.
fn decline(flusher: &Arc<Flusher>, partition: Arc<Partition>) {
    partition.flush_state().decline();
    flusher.enqueue(partition);
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
        if state.closed && !state.has_thread {
            drop(state);
            decline(flusher, partition);
            return;
        }
        state.waiting.push_back(partition);
        // Somebody may have joined before there was a thread to wake.
        let wakes = state.group.request();
        if state.has_thread {
            if wakes {
                self.work.notify_one();
            }
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
                    decline(&flusher, partition);
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
                let count = state.waiting.len().min(PARTITIONS_MAX);
                return Some(state.waiting.drain(..count).collect());
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
                    decline(flusher, partition);
                    continue;
                }
            }
            match partition.flush_state().finish(&partition.log) {
                Some(Route::Together) => self.state.lock().waiting.push_back(partition),
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
        // Whoever closes looks for a thread under this lock, once it is said that there is an end.
        let mut upkeep = self.upkeep.lock();
        if self.state.lock().closed {
            self.is_kept_up.store(false, Ordering::Release);
            return;
        }
        let committer = Arc::clone(self);
        let thread = std::thread::Builder::new().name("wal-upkeep".to_owned());
        let spawned = thread.spawn(move || {
            loop {
                committer.keep_up_once();
                committer.is_kept_up.store(false, Ordering::Release);
                if !committer.begin_upkeep() {
                    break;
                }
            }
        });
        match spawned {
            Ok(thread) => *upkeep = Some(thread),
            Err(error) => {
                tracing::error!(%error, "cannot start a thread for the write-ahead log");
                self.is_kept_up.store(false, Ordering::Release);
            }
        }
    }

    fn keep_up_once(&self) {
        let dir = self.dir.path().display();
        match catch_unwind(AssertUnwindSafe(|| self.dir.keep_up_wal())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%dir, %error, "the write-ahead log has to do without a file for now");
            }
            // A log may have been on its way to the disk.
            Err(_) => self
                .dir
                .take_offline("the upkeep of the write-ahead log panicked"),
        }
    }

    fn begin_upkeep(&self) -> bool {
        if self.is_kept_up.swap(true, Ordering::AcqRel) {
            return false;
        }
        let is_due = self.dir.wants_wal_upkeep() && !self.state.lock().closed;
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
        let upkeep = self.upkeep.lock().take();
        if let Some(thread) = upkeep {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use highwater_disk::FaultyDisk;
    use highwater_types::Offset;

    use super::*;
    use crate::data::partition::tests::{append, lead, open_dir};

    /// Partitions that may be committed together, each with a record that is on disk.
    fn partitions(dir: &Arc<LogDir>, count: usize) -> Vec<Arc<Partition>> {
        dir.keep_up_wal().unwrap();
        let partitions = (0..count).map(|at| lead(dir, &format!("t-{at}")));
        let partitions: Vec<_> = partitions.collect();
        for partition in &partitions {
            append(partition).unwrap();
            partition.announce(partition.flush());
        }
        partitions
    }

    fn wait_for(partition: &Partition, end: i64) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while partition.high_watermark() < Offset(end) {
            assert!(
                Instant::now() < deadline,
                "{} waits for ever",
                partition.name
            );
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_joins_before_there_is_a_thread_does_not_keep_it_from_starting() {
        let dir = open_dir(&FaultyDisk::new());
        let flusher = Flusher::new();
        let partition = partitions(&dir, 1).remove(0);
        let committer = Arc::new(Committer::new(&dir));
        append(&partition).unwrap();
        committer.join();
        committer.add(&flusher, Arc::clone(&partition));
        wait_for(&partition, 2);
        assert_eq!(dir.wal_counts().commits, 1);
        committer.close();
        flusher.close();
    }

    #[test]
    fn more_partitions_than_one_commit_takes_all_get_their_turn() {
        let dir = open_dir(&FaultyDisk::new());
        let flusher = Flusher::new();
        let partitions = partitions(&dir, PARTITIONS_MAX * 2 + 10);
        for _ in 0..3 {
            for partition in &partitions {
                append(partition).unwrap();
                flusher.request(partition);
            }
        }
        partitions
            .iter()
            .for_each(|partition| wait_for(partition, 4));
        // A few may have been flushed by themselves while another file was being made.
        assert!(dir.wal_counts().entries > PARTITIONS_MAX as u64);
        flusher.close();
    }

    #[test]
    fn a_panic_in_the_upkeep_of_the_write_ahead_log_takes_the_directory_offline() {
        let disk = FaultyDisk::new();
        let dir = open_dir(&disk);
        let flusher = Flusher::new();
        let partition = lead(&dir, "t-0");
        disk.before_opens_of("highwater-wal", || panic!("as a test wants it"));
        // Flushes that a write-ahead log would have spared make the upkeep due.
        let deadline = Instant::now() + Duration::from_secs(30);
        while append(&partition).is_ok() {
            assert!(Instant::now() < deadline, "nothing has panicked");
            flusher.request(&partition);
            std::thread::yield_now();
        }
        assert!(dir.is_offline());
        flusher.close();
    }

    #[test]
    fn what_comes_after_the_close_is_flushed_by_itself() {
        let dir = open_dir(&FaultyDisk::new());
        let flusher = Flusher::new();
        let partition = partitions(&dir, 1).remove(0);
        let committer = Arc::new(Committer::new(&dir));
        committer.close();
        append(&partition).unwrap();
        committer.add(&flusher, Arc::clone(&partition));
        wait_for(&partition, 2);
        assert_eq!(dir.wal_counts().commits, 0);
        flusher.close();
    }
}
