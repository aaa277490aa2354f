//! A small broker's worth of set-up: a disk in memory, one directory, batches that say in
//! their records which they are.

use std::path::PathBuf;
use std::sync::Arc;

use highwater_disk::{Disk, FaultyDisk};
use highwater_records::{
    BatchHeader, BatchProducer, BatchSpec, BatchView, RecordBatchBuilder, Scratch,
};
use highwater_types::{
    LeaderEpoch, Now, Offset, ProducerEpoch, ProducerId, TopicId, TopicPartition,
};

use crate::{
    AppendBatch, AppendError, AppendOrigin, Appended, LogConfig, LogDir, NodeIdentity,
    PartitionLog, ReadError, RecoveryReport, StorageOptions,
};

pub(crate) const TOPIC_ID: TopicId = TopicId([7; 16]);
pub(crate) const EPOCH: LeaderEpoch = LeaderEpoch(0);

pub(crate) fn tp(text: &str) -> TopicPartition {
    TopicPartition::from_dir_name(text).unwrap()
}

pub(crate) fn at(ms: i64) -> Now {
    Now::at(ms as u64, ms)
}

pub(crate) fn identity() -> NodeIdentity {
    NodeIdentity {
        cluster_id: "c".into(),
        node_id: 1,
        directory_id: TopicId([9; 16]),
    }
}

pub(crate) fn dir_path() -> PathBuf {
    PathBuf::from("/data")
}

pub(crate) fn log_path() -> PathBuf {
    dir_path().join("t-0")
}

pub(crate) fn open_dir(disk: &FaultyDisk) -> Arc<LogDir> {
    try_open_dir(disk).unwrap()
}

pub(crate) fn try_open_dir(disk: &FaultyDisk) -> Result<Arc<LogDir>, crate::StorageError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = StorageOptions {
        snapshot_every_bytes: 250,
        preallocate_from_bytes: 200,
        // Three small blocks.
        wal_file_bytes: 20 << 10,
        wal_after_flushes: 1,
        ..StorageOptions::default()
    };
    LogDir::open(disk, &dir_path(), &identity(), Arc::new(options))
}

pub(crate) fn small_segments() -> LogConfig {
    LogConfig {
        segment_bytes: 1500,
        index_interval_bytes: 200,
        ..LogConfig::default()
    }
}

pub(crate) fn create(dir: &Arc<LogDir>, config: LogConfig) -> PartitionLog {
    dir.create_partition(&tp("t-0"), TOPIC_ID, Arc::new(config))
        .unwrap()
}

pub(crate) fn reopen(disk: &FaultyDisk, config: LogConfig) -> (PartitionLog, RecoveryReport) {
    let dir = open_dir(disk);
    dir.open_partition(&tp("t-0"), Arc::new(config), at(0))
        .unwrap()
}

pub(crate) fn batch_of(values: &[&str], time_ms: i64, producer: BatchProducer) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer,
        ..BatchSpec::default()
    });
    for (nth, value) in values.iter().enumerate() {
        builder
            .append(time_ms + nth as i64, None, Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.finish().unwrap()
}

pub(crate) fn plain(values: &[&str], time_ms: i64) -> Vec<u8> {
    batch_of(values, time_ms, BatchProducer::NONE)
}

pub(crate) fn producer(id: i64, epoch: i16, base_sequence: i32) -> BatchProducer {
    BatchProducer {
        id: ProducerId(id),
        epoch: ProducerEpoch(epoch),
        base_sequence,
    }
}

pub(crate) fn append_bytes(log: &PartitionLog, bytes: &[u8]) -> Result<Appended, AppendError> {
    let header = BatchHeader::parse(bytes).unwrap();
    let batch = AppendBatch { header, bytes };
    log.append_leader(
        &[batch],
        EPOCH,
        at(header.max_timestamp_ms),
        AppendOrigin::Client,
    )
}

pub(crate) fn append(log: &PartitionLog, values: &[&str], time_ms: i64) -> Offset {
    append_bytes(log, &plain(values, time_ms))
        .unwrap()
        .base_offset
}

/// Reads everything from an offset on as (offset, value), stepping as a consumer does.
pub(crate) fn read_all(log: &PartitionLog, from: Offset) -> Result<Vec<(i64, String)>, ReadError> {
    read_with(log, from, 400)
}

pub(crate) fn read_with(
    log: &PartitionLog,
    mut from: Offset,
    max_bytes: usize,
) -> Result<Vec<(i64, String)>, ReadError> {
    let mut out = Vec::new();
    let mut scratch = Scratch::new();
    while let Some(range) = log.read(from, log.log_end(), max_bytes, true)? {
        let mut bytes = vec![0; range.len];
        assert_eq!(
            range.file.read_full_at(&mut bytes, range.position).unwrap(),
            range.len
        );
        let mut rest = &bytes[..];
        let before = from;
        while let Ok(view) = BatchView::first(rest) {
            assert!(view.crc_matches(), "a damaged batch was served at {from}");
            for record in view.records(&mut scratch, 1 << 20).unwrap() {
                let record = record.unwrap();
                let offset = record.offset(&view.header);
                if offset >= from {
                    let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                    out.push((offset.0, value));
                }
            }
            from = view.header.next_offset();
            rest = &rest[view.bytes.len()..];
        }
        assert!(from > before, "a read must bring at least one whole batch");
    }
    Ok(out)
}

pub(crate) fn segment_file(base: i64) -> PathBuf {
    crate::paths::segment_file(&log_path(), Offset(base), "log")
}
