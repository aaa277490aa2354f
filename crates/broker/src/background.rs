//! Work that no client waits for: checkpoints, retention, compaction, expiry.
//!
//! One thread for what is short and has to come in time, such as noting what is flushed, and
//! one for what may take minutes, such as compaction. Each job has its own interval and looks
//! at all partitions in turn.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater_storage::{CompactionLimits, StorageError};
use highwater_types::{Offset, TopicPartition};
use parking_lot::{Condvar, Mutex};

use crate::broker::Broker;
use crate::data::Partition;

/// How often it is written down what is flushed: what a crash may cost of the certainty which
/// damage is rot and which a torn tail.
const NOTE_EVERY: Duration = Duration::from_millis(200);
/// How often it is looked whether a longer job is due.
const CLEAN_EVERY: Duration = Duration::from_secs(1);
/// How often files and directories are removed whose delay is over.
const REMOVE_EVERY_MS: u64 = 5000;
/// Shortest and longest wait that keeps the rate of a compaction, in seconds.
const WAIT_S_MIN: f64 = 0.01;
const WAIT_S_MAX: f64 = 10.0;
/// Shortest interval of a job.
const INTERVAL_MS_MIN: u64 = 200;

/// The threads, and how to end them.
pub(crate) struct Background {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    bell: Condvar,
    now: AtomicBool,
}

impl Stop {
    fn ask(&self) {
        self.now.store(true, Ordering::Release);
        *self.asked.lock() = true;
        self.bell.notify_all();
    }
}

/// When each job is due.
struct Due {
    checkpoints_ms: u64,
    retention_ms: u64,
    removal_ms: u64,
    compaction_ms: u64,
    expiry_ms: u64,
    flush_ms: u64,
    /// Whether noting what is flushed failed the last time.
    is_noting_broken: bool,
    /// Whether writing checkpoints failed the last time.
    are_checkpoints_broken: bool,
}

impl Background {
    /// Starts the threads.
    pub(crate) fn start(broker: &Arc<Broker>) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let steps: [(&str, Duration, Step); 2] = [
            ("journal", NOTE_EVERY, note_step),
            ("cleaner", CLEAN_EVERY, clean_step),
        ];
        let threads = steps.map(|(name, every, step)| {
            let (broker, stop) = (Arc::clone(broker), Arc::clone(&stop));
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || run(&broker, &stop, every, step))
        });
        let threads = threads.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { stop, threads })
    }

    /// Ends the threads after what they are at with one partition; a compaction is broken off,
    /// to be taken up after the next start. Blocks.
    pub(crate) fn stop(self) {
        self.stop.ask();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a background thread panicked");
            }
        }
    }
}

type Step = fn(&Arc<Broker>, &mut Due, &Stop);

fn run(broker: &Arc<Broker>, stop: &Stop, every: Duration, step: Step) {
    let start_ms = broker.clock.now().mono_ms;
    let config = broker.config();
    let mut due = Due {
        checkpoints_ms: start_ms + config.replication.high_watermark_checkpoint_interval_ms,
        removal_ms: start_ms,
        retention_ms: start_ms + config.log.initial_task_delay_ms,
        compaction_ms: start_ms + config.cleaner.backoff_ms,
        expiry_ms: start_ms + config.producer_state.expiration_check_interval_ms,
        flush_ms: start_ms + 1000,
        is_noting_broken: false,
        are_checkpoints_broken: false,
    };
    drop(config);
    loop {
        let mut asked = stop.asked.lock();
        if !*asked {
            stop.bell.wait_for(&mut asked, every);
        }
        if *asked {
            return;
        }
        drop(asked);
        step(broker, &mut due, stop);
    }
}

fn is_due(at_ms: &mut u64, now_ms: u64, every_ms: u64) -> bool {
    if now_ms < *at_ms {
        return false;
    }
    *at_ms = now_ms + every_ms.max(INTERVAL_MS_MIN);
    true
}

fn note_step(broker: &Arc<Broker>, due: &mut Due, _: &Stop) {
    persist_flushed_ends(broker, due);
    let config = broker.config();
    let now_ms = broker.clock.now().mono_ms;
    let checkpoints_every = config.replication.high_watermark_checkpoint_interval_ms;
    if is_due(&mut due.checkpoints_ms, now_ms, checkpoints_every) {
        write_checkpoints(broker, due);
    }
    if is_due(&mut due.flush_ms, now_ms, 1000) {
        flush_what_waits(broker);
        broker.partitions.delete_doomed(broker.clock.now());
        broker.make_what_is_missing();
    }
}

fn clean_step(broker: &Arc<Broker>, due: &mut Due, stop: &Stop) {
    let config = broker.config();
    let now_ms = broker.clock.now().mono_ms;
    if is_due(
        &mut due.retention_ms,
        now_ms,
        config.log.retention_check_interval_ms,
    ) {
        each(broker, stop, |partition| retain(broker, partition));
        // What has no delay goes at once.
        due.removal_ms = now_ms;
    }
    if is_due(&mut due.removal_ms, now_ms, REMOVE_EVERY_MS) {
        each(broker, stop, |partition| {
            remove_due_files(broker, partition);
        });
        remove_due_dirs(broker);
    }
    snapshot_metadata(broker);
    if config.cleaner.enable && is_due(&mut due.compaction_ms, now_ms, config.cleaner.backoff_ms) {
        let limits = CompactionLimits {
            map_bytes_max: config.cleaner.dedupe_buffer_bytes,
        };
        each(broker, stop, |partition| {
            compact(broker, partition, limits, stop);
        });
    }
    let expiry_every = config.producer_state.expiration_check_interval_ms;
    if is_due(&mut due.expiry_ms, now_ms, expiry_every) {
        let expiration_ms = config.producer_state.expiration_ms;
        let expiration_ms = i64::try_from(expiration_ms).unwrap_or(i64::MAX);
        each(broker, stop, |partition| {
            let now = broker.clock.now();
            partition.log.expire_producers(now, expiration_ms);
        });
    }
}

fn snapshot_metadata(broker: &Broker) {
    let tail_bytes_max = broker.config().node.metadata_snapshot_bytes_max;
    let done = broker
        .metadata
        .snapshot_if_due(broker.clock.now(), tail_bytes_max);
    if let Err(error) = done {
        tracing::error!(%error, "the metadata log grows without a snapshot");
    }
}

fn each(broker: &Broker, stop: &Stop, mut job: impl FnMut(&Arc<Partition>)) {
    for partition in broker.partitions.all() {
        if stop.now.load(Ordering::Acquire) {
            return;
        }
        if !partition.log.log_dir().is_offline() {
            job(&partition);
        }
    }
}

fn persist_flushed_ends(broker: &Broker, due: &mut Due) {
    let mut failed = false;
    for dir in broker.log_dirs.iter().filter(|dir| !dir.is_offline()) {
        if let Err(error) = dir.persist_flushed_ends() {
            failed = true;
            // It is tried again several times a second; saying so once is enough.
            if !due.is_noting_broken {
                tracing::error!(dir = %dir.path().display(), %error, "cannot note what is flushed");
            }
        }
    }
    due.is_noting_broken = failed;
}

/// High watermarks by directory, as the checkpoint wants them.
pub(crate) fn high_watermarks(
    broker: &Broker,
    dir: &Arc<highwater_storage::LogDir>,
) -> Vec<(TopicPartition, Offset)> {
    let here = broker.partitions.all().into_iter();
    here.filter(|partition| Arc::ptr_eq(partition.log.log_dir(), dir))
        .map(|partition| (partition.name.clone(), partition.high_watermark()))
        .collect()
}

fn write_checkpoints(broker: &Broker, due: &mut Due) {
    let mut failed = false;
    for dir in broker.log_dirs.iter().filter(|dir| !dir.is_offline()) {
        if let Err(error) = dir.write_checkpoints(&high_watermarks(broker, dir)) {
            failed = true;
            // A full disk may stay so for hours, and it is tried again every few seconds.
            if !due.are_checkpoints_broken {
                tracing::error!(dir = %dir.path().display(), %error, "cannot write checkpoints");
            }
        }
    }
    due.are_checkpoints_broken = failed;
}

/// Topics that are not flushed before they are acknowledged are flushed by age (`flush.ms`).
/// Of the others something waits only if a flush failed for a reason that passes.
fn flush_what_waits(broker: &Broker) {
    for partition in broker.partitions.all() {
        let is_lagging = partition.is_behind() && !partition.log.log_dir().is_offline();
        if is_lagging && (partition.wants_flush() || partition.config().flush_ms.is_some()) {
            broker.flusher.request(&partition);
        }
    }
}

fn retain(broker: &Arc<Broker>, partition: &Arc<Partition>) {
    let now = broker.clock.now();
    match partition.log.retain(now, partition.high_watermark()) {
        Ok(done) if done.segments_deleted > 0 => {
            partition.log_start_moved();
            tracing::info!(
                partition = %partition.name, segments = done.segments_deleted, bytes = done.bytes_deleted,
                log_start = %done.log_start, "retention deleted segments"
            );
        }
        Ok(_) => {}
        Err(StorageError::Deleted(_)) => {}
        Err(error) => tracing::error!(partition = %partition.name, %error, "retention failed"),
    }
}

fn remove_due_files(broker: &Broker, partition: &Partition) {
    match partition.log.remove_due_files(broker.clock.now()) {
        Ok(_) | Err(StorageError::Deleted(_)) => {}
        Err(error) => {
            tracing::error!(partition = %partition.name, %error, "cannot remove deleted files, trying again");
        }
    }
}

fn remove_due_dirs(broker: &Broker) {
    for dir in broker.log_dirs.iter().filter(|dir| !dir.is_offline()) {
        if let Err(error) = dir.remove_due_dirs(broker.clock.now()) {
            tracing::error!(dir = %dir.path().display(), %error, "cannot remove deleted logs, trying again");
        }
    }
}

fn compact(
    broker: &Arc<Broker>,
    partition: &Arc<Partition>,
    limits: CompactionLimits,
    stop: &Stop,
) {
    if !partition.config().cleanup_policy.compact {
        return;
    }
    let rate = broker.config().cleaner.io_bytes_per_second_max;
    let mut throttle = keep_rate(rate, stop);
    let now = broker.clock.now();
    match partition
        .log
        .compact(now, partition.high_watermark(), limits, &mut throttle)
    {
        Ok(Some(done)) => tracing::info!(
            partition = %partition.name, before = done.bytes_before, after = done.bytes_after,
            clean_until = %done.clean_until, "compacted"
        ),
        Ok(None) | Err(StorageError::Deleted(_)) => {}
        Err(error) => tracing::error!(partition = %partition.name, %error, "compaction failed"),
    }
}

/// Keeps a rate by waiting as long as the bytes should have taken, and ends at the stop.
fn keep_rate(bytes_per_second: f64, stop: &Stop) -> impl FnMut(u64) -> ControlFlow<()> {
    let mut owed_s = 0.0;
    move |bytes| {
        owed_s += bytes as f64 / bytes_per_second;
        if owed_s.is_finite() && owed_s >= WAIT_S_MIN {
            let mut asked = stop.asked.lock();
            if !*asked {
                let wait = Duration::from_secs_f64(owed_s.min(WAIT_S_MAX));
                stop.bell.wait_for(&mut asked, wait);
            }
            owed_s = 0.0;
        }
        match stop.now.load(Ordering::Acquire) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_stop_is_heard_in_the_middle_of_a_wait() {
        let stop = Stop::default();
        assert!(keep_rate(f64::INFINITY, &stop)(1 << 30).is_continue());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                // Would wait for as long as is ever waited.
                let started = Instant::now();
                let mut throttle = keep_rate(1.0, &stop);
                while throttle(1 << 30).is_continue() {}
                started.elapsed()
            });
            stop.ask();
            let waited = waiter.join().unwrap();
            assert!(waited < Duration::from_secs_f64(WAIT_S_MAX), "{waited:?}");
        });
        assert!(keep_rate(f64::INFINITY, &stop)(1).is_break());
    }
}
