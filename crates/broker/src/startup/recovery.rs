//! The logs of this broker's partitions are opened, by as many threads as are allowed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater_metadata::{MetadataImage, PreviousStop};
use highwater_storage::LogDir;
use highwater_types::{BrokerId, Offset, TopicId, TopicPartition};
use parking_lot::Mutex;

use super::{StartError, StartReport};
use crate::broker::{Broker, random_id};
use crate::log_config::log_config;
use crate::metadata_store::METADATA_TOPIC;

/// What recovery found, over all logs.
#[derive(Default)]
pub(super) struct Recovery {
    partitions: AtomicUsize,
    failed: AtomicUsize,
    scanned: AtomicUsize,
    cut: AtomicUsize,
    damaged: AtomicUsize,
    was_clean: bool,
}

impl Recovery {
    /// Nothing yet.
    pub(super) fn after(previous: PreviousStop) -> Self {
        Self {
            was_clean: previous == PreviousStop::Clean,
            ..Self::default()
        }
    }

    pub(super) fn put_into(&self, report: &mut StartReport) {
        report.partitions = self.partitions.load(Ordering::Relaxed);
        report.partitions_failed = self.failed.load(Ordering::Relaxed);
        report.bytes_scanned = self.scanned.load(Ordering::Relaxed) as u64;
        report.bytes_cut = self.cut.load(Ordering::Relaxed) as u64;
        report.ranges_damaged = self.damaged.load(Ordering::Relaxed);
        report.was_clean = self.was_clean;
    }
}

struct Job {
    dir: Arc<LogDir>,
    name: TopicPartition,
    topic_id: TopicId,
}

pub(super) fn open_partitions(
    broker: &Arc<Broker>,
    image: &Arc<MetadataImage>,
    recovery: &Recovery,
    is_incomplete: bool,
) -> Result<(), StartError> {
    let mut missing = mine(broker.id, image);
    let mut jobs = Vec::new();
    for dir in &broker.log_dirs {
        for found in dir.partitions()? {
            if found.tp.topic.as_str() == METADATA_TOPIC {
                continue;
            }
            let expected = missing.get(&found.tp).copied();
            if expected.is_some() && (found.topic_id == expected || found.topic_id.is_none()) {
                let topic_id = missing.remove(&found.tp).unwrap_or_default();
                jobs.push(Job {
                    dir: Arc::clone(dir),
                    name: found.tp,
                    topic_id,
                });
            } else {
                set_aside(dir, &found.tp);
            }
        }
    }
    let threads = broker.config().log.num_recovery_threads_per_data_dir * broker.log_dirs.len();
    let queue = Mutex::new(jobs);
    // What a coordinator finds to be done in its log goes on there.
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(2) {
            scope.spawn(|| {
                let _entered = runtime.enter();
                loop {
                    let Some(job) = queue.lock().pop() else {
                        return;
                    };
                    open_one(broker, image, job, recovery);
                }
            });
        }
    });
    let mut missing: Vec<_> = missing.into_iter().collect();
    missing.sort();
    let is_incomplete = is_incomplete || broker.log_dirs.len() < broker.config().log_dirs.len();
    if !missing.is_empty() && is_incomplete {
        // They may lie in a directory that is out of reach. Made anew they would be empty, and
        // take offsets that belong to other records.
        recovery.failed.fetch_add(missing.len(), Ordering::Relaxed);
        for (name, topic_id) in &missing {
            broker.unserved.add(*topic_id, name.partition);
        }
        tracing::error!(
            partitions = missing.len(),
            "not served, because a log directory is not there; bring it back, or delete the \
             topics if it is lost"
        );
        return Ok(());
    }
    // What a crash prevented from being made.
    recovery
        .partitions
        .fetch_add(missing.len(), Ordering::Relaxed);
    broker.create_partitions(image, &missing);
    Ok(())
}

pub(super) fn mine(id: BrokerId, image: &MetadataImage) -> HashMap<TopicPartition, TopicId> {
    let mut wanted = HashMap::new();
    for topic in image.topics() {
        for (index, partition) in topic.partitions() {
            if partition.replicas.contains(&id) {
                wanted.insert(TopicPartition::new(topic.name.clone(), index), topic.id);
            }
        }
    }
    wanted
}

/// A directory that no topic claims is kept under another name, never deleted: the metadata
/// might be what is wrong.
fn set_aside(dir: &LogDir, name: &TopicPartition) {
    let from = dir.path().join(name.to_string());
    let to = dir.path().join(format!("{name}.{}-stray", random_id()));
    match std::fs::rename(&from, &to) {
        Ok(()) => tracing::warn!(
            from = %from.display(), to = %to.display(),
            "a log belongs to no topic that exists and is set aside"
        ),
        Err(error) => {
            tracing::error!(dir = %from.display(), %error, "cannot set a stray log aside");
        }
    }
}

fn open_one(broker: &Arc<Broker>, image: &Arc<MetadataImage>, job: Job, recovery: &Recovery) {
    let config = broker.topic_config(image, &job.name.topic);
    let log_config = Arc::new(log_config(&config));
    match job
        .dir
        .open_partition(&job.name, log_config, broker.clock.now())
    {
        Ok((log, report)) => {
            recovery.partitions.fetch_add(1, Ordering::Relaxed);
            recovery
                .scanned
                .fetch_add(report.bytes_checked as usize, Ordering::Relaxed);
            let cut = report.cut.as_ref().map_or(0, |cut| cut.bytes);
            recovery.cut.fetch_add(cut as usize, Ordering::Relaxed);
            recovery
                .damaged
                .fetch_add(report.damaged.len(), Ordering::Relaxed);
            let high_watermark = job
                .dir
                .high_watermark_at_start(&job.name)
                .unwrap_or(Offset::ZERO);
            broker.serve_partition(image, job.name, job.topic_id, log, config, high_watermark);
        }
        Err(error) => {
            recovery.failed.fetch_add(1, Ordering::Relaxed);
            broker.unserved.add(job.topic_id, job.name.partition);
            tracing::error!(partition = %job.name, %error, "a log cannot be opened");
        }
    }
}
