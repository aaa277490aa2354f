//! A partition on a disk whose faults the test orders.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_config::{Layers, Overrides, TopicConfig};
use highwater_disk::{Disk, FaultyDisk};
use highwater_records::{BatchHeader, BatchSpec, RecordBatchBuilder};
use highwater_replication::Acks;
use highwater_storage::{LogDir, NodeIdentity, StorageOptions};
use highwater_types::{BrokerId, TopicId};

use super::*;
use crate::data::Flusher;
use crate::handlers::errors::error_code;

const LOCAL: BrokerId = BrokerId(1);

pub(crate) fn now() -> Now {
    Now::at(1, 1)
}

pub(crate) fn open_dir(disk: &FaultyDisk) -> Arc<LogDir> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let identity = NodeIdentity {
        cluster_id: "c".to_owned(),
        node_id: LOCAL.get(),
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    LogDir::open(disk, Path::new("/data"), &identity, options).unwrap()
}

fn topic_config() -> Arc<TopicConfig> {
    let node = Layers::new().finish().unwrap();
    Arc::new(node.topic(&Overrides::default()).unwrap())
}

pub(crate) fn lead(dir: &Arc<LogDir>, name: &str) -> Arc<Partition> {
    let config = topic_config();
    let name = TopicPartition::from_dir_name(name).unwrap();
    let log_config = Arc::new(crate::log_config::log_config(&config));
    let id = TopicId([7; 16]);
    let log = dir.create_partition(&name, id, log_config).unwrap();
    let partition = Partition::new(LOCAL, name, id, log, config, Offset::ZERO);
    let state = PartitionState {
        leader: LOCAL,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: 0,
        replicas: vec![LOCAL],
        isr: vec![LOCAL],
    };
    partition.set_state(now(), state);
    Arc::new(partition)
}

pub(crate) fn append(partition: &Partition) -> Result<Offset, PartitionError> {
    let leader_epoch = partition.check_produce(Acks::All)?;
    let mut builder = RecordBatchBuilder::new(BatchSpec::default());
    builder.append(1, None, Some(&[7; 100]), &[]).unwrap();
    let bytes = builder.finish().unwrap();
    let header = BatchHeader::parse(&bytes).unwrap();
    let bytes = &bytes;
    let batch = [AppendBatch { header, bytes }];
    let appended = partition.append(&batch, leader_epoch, now(), AppendOrigin::Client)?;
    Ok(appended.log_end)
}

fn wait(partition: &Partition, needed: Offset) -> Arc<AckWait> {
    let wait = AckWait::new();
    partition.wait_for_ack(needed, 0, &wait);
    wait.done();
    wait
}

fn read(partition: &Partition, offset: i64) -> Result<usize, ErrorCode> {
    let found = partition.read(Offset(offset), 1 << 20, true, Reader::Consumer);
    let found = found.map_err(|error| error_code(&error))?;
    Ok(found.range.map_or(0, |range| range.len))
}

#[test]
fn a_consumer_before_the_flush_finds_nothing_and_keeps_its_place() {
    let dir = open_dir(&FaultyDisk::new());
    let partition = lead(&dir, "t-0");
    for _ in 0..3 {
        append(&partition).unwrap();
    }
    for offset in 0..=3 {
        assert_eq!(read(&partition, offset), Ok(0), "offset {offset}");
    }
    assert_eq!(read(&partition, 4), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    partition.announce(partition.flush());
    assert!(read(&partition, 2).unwrap() > 0);
    assert_eq!(read(&partition, 3), Ok(0));
    assert_eq!(read(&partition, 4), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
}

#[test]
fn an_acknowledgement_comes_with_the_flush_whatever_comes_first() {
    let dir = open_dir(&FaultyDisk::new());
    let partition = lead(&dir, "t-0");
    let first = wait(&partition, append(&partition).unwrap());
    assert!(!first.is_done());
    let end = append(&partition).unwrap();
    partition.announce(partition.flush());
    assert!(first.is_done() && first.failures().is_empty());
    let late = wait(&partition, end);
    assert!(late.is_done() && late.failures().is_empty());
}

#[test]
fn who_waits_for_a_deleted_partition_is_told_even_when_late() {
    let dir = open_dir(&FaultyDisk::new());
    let partition = lead(&dir, "t-0");
    let end = append(&partition).unwrap();
    let early = wait(&partition, end);
    partition.retire();
    let late = wait(&partition, end);
    for wait in [early, late] {
        assert!(wait.is_done());
        assert_eq!(wait.failures(), [(0, ErrorCode::NOT_LEADER_OR_FOLLOWER)]);
    }
    partition.log.delete(now()).unwrap();
    partition.announce(partition.flush());
    assert!(!dir.is_offline(), "a flush of what is deleted is no fault");
}

#[test]
fn a_failed_sync_ends_all_that_waits_on_its_directory() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let (partition, other) = (lead(&dir, "t-0"), lead(&dir, "t-1"));
    let end = append(&partition).unwrap();
    let early = wait(&partition, end);
    let other_end = append(&other).unwrap();
    disk.fail_syncs_of(Some("t-0"));
    partition.announce(partition.flush());
    disk.fail_syncs_of(None);
    assert!(dir.is_offline());
    for wait in [early, wait(&partition, end), wait(&other, other_end)] {
        assert!(wait.is_done());
        assert_eq!(wait.failures(), [(0, ErrorCode::KAFKA_STORAGE_ERROR)]);
    }
    let refused = append(&partition).map_err(|error| error_code(&error));
    assert_eq!(refused, Err(ErrorCode::KAFKA_STORAGE_ERROR));
    assert_eq!(partition.high_watermark(), Offset::ZERO);
}

#[test]
fn a_full_disk_refuses_records_serves_reads_and_takes_records_again() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let partition = lead(&dir, "t-0");
    append(&partition).unwrap();
    partition.announce(partition.flush());
    disk.set_capacity_bytes(Some(0));
    let refused = append(&partition).map_err(|error| error_code(&error));
    assert_eq!(refused, Err(ErrorCode::KAFKA_STORAGE_ERROR));
    assert!(read(&partition, 0).unwrap() > 0);
    disk.set_capacity_bytes(None);
    let end = append(&partition).unwrap();
    assert_eq!(end, Offset(2));
    partition.announce(partition.flush());
    assert_eq!(partition.high_watermark(), end);
}

#[test]
fn what_the_log_has_flushed_for_itself_is_acknowledged_too() {
    let dir = open_dir(&FaultyDisk::new());
    let partition = lead(&dir, "t-0");
    let end = append(&partition).unwrap();
    partition.log.flush().unwrap();
    assert!(partition.wants_flush(), "the machine has not heard of it");
    let flusher = Flusher::new();
    flusher.request(&partition);
    let wait = wait(&partition, end);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !wait.is_done() {
        assert!(Instant::now() < deadline, "never acknowledged");
        std::thread::yield_now();
    }
    assert!(!partition.wants_flush());
    flusher.close();
}

#[test]
fn every_append_of_many_threads_is_acknowledged() {
    append_from_many_threads(&Flusher::new());
}

#[test]
fn it_is_so_too_when_a_task_tells_those_who_wait_and_when_that_task_ends() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let flusher = Flusher::new();
    let task = runtime.spawn(Arc::clone(&flusher).announce());
    append_from_many_threads(&flusher);
    let flusher = Flusher::new();
    let again = runtime.spawn(Arc::clone(&flusher).announce());
    std::thread::scope(|scope| {
        scope.spawn(|| append_from_many_threads(&flusher));
        scope.spawn(|| {
            while flusher.durations().classes.iter().sum::<u64>() < 100 {
                std::thread::yield_now();
            }
            again.abort();
        });
    });
    task.abort();
}

fn append_from_many_threads(flusher: &Arc<Flusher>) {
    let dir = open_dir(&FaultyDisk::new());
    let partitions: Vec<_> = (0..100).map(|at| lead(&dir, &format!("t-{at}"))).collect();
    let partitions = &partitions;
    let waits: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut waits = Vec::new();
                    for round in 0..20 {
                        for partition in partitions {
                            let end = append(partition).unwrap();
                            if partition.wants_flush() {
                                flusher.request(partition);
                            }
                            waits.push((round, wait(partition, end)));
                        }
                    }
                    waits
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap());
        joined.flatten().collect()
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    for (round, wait) in &waits {
        while !wait.is_done() {
            assert!(
                Instant::now() < deadline,
                "round {round} is never acknowledged"
            );
            std::thread::yield_now();
        }
        assert!(wait.failures().is_empty());
    }
    flusher.close();
    for partition in partitions {
        assert_eq!(partition.high_watermark(), Offset(80));
    }
}
