//! A whole data directory in any state, as a start finds it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::{CrashImage, Disk, FaultyDisk, OpenMode};
use highwater_records::{BatchHeader, BatchProducer, BatchSpec, BatchView, RecordBatchBuilder};
use highwater_storage::{
    AppendBatch, AppendOrigin, Commit, LogConfig, LogDir, NodeIdentity, PartitionLog, ReadError,
    StorageError, StorageOptions,
};
use highwater_types::{
    LeaderEpoch, Now, Offset, ProducerEpoch, ProducerId, TopicId, TopicPartition,
};

use crate::{piece, put_piece};

const DIR: &str = "/data";
const TOPIC_ID: TopicId = TopicId([7; 16]);

/// The files that an input may hold, by the number in front of each.
const NAMES: [&str; 18] = [
    "t-0/00000000000000000000.log",
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000009.log",
    "t-0/00000000000000000009.index",
    "t-0/00000000000000000009.timeindex",
    "t-0/00000000000000000009.snapshot",
    "t-0/00000000000000000014.snapshot",
    "t-0/leader-epoch-checkpoint",
    "t-0/partition.metadata",
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
    "log-start-offset-checkpoint",
    "cleaner-offset-checkpoint",
    "meta.properties",
    "highwater-flushed-ends",
    ".kafka_cleanshutdown",
    "highwater-wal-0",
];

/// Reads rows of a number, which names a file, and a piece, which is its content.
pub fn run(mut data: &[u8]) {
    let disk = FaultyDisk::new();
    disk.create_dir_all(&Path::new(DIR).join("t-0"))
        .expect("a disk in memory makes a directory");
    while let Some((number, rest)) = data.split_first() {
        data = rest;
        let name = NAMES[usize::from(*number) % NAMES.len()];
        let content = piece(&mut data).unwrap_or_default();
        write(&disk, name, content);
    }
    // What is on the medium before the start.
    let disk = disk.crash(CrashImage::All);
    let Some((dir, log)) = start(&disk) else {
        return;
    };
    let readable = read_all(&log);
    let _ = log.find_by_timestamp(1, log.log_end());
    let _ = log.max_timestamp(log.log_end());
    let batch = batch(20, BatchProducer::NONE);
    let Some(base) = append(&log, &batch) else {
        return;
    };
    assert!(base >= log.log_start(), "an offset in front of the start");
    log.flush().expect("a disk without faults flushes");
    log.close().expect("a disk without faults closes");
    dir.close_clean(&[]).expect("a disk without faults stops");
    let end = log.log_end();
    drop((dir, log));
    let (_, log) = start(&disk.crash(CrashImage::Synced)).expect("what was in order opens again");
    assert_eq!(log.log_end(), end);
    let again = read_all(&log);
    assert!(
        readable.iter().all(|offset| again.contains(offset)) && again.contains(&base),
        "{readable:?} could be read, then {again:?}"
    );
}

fn write(disk: &FaultyDisk, name: &str, content: &[u8]) {
    let file = disk
        .open(&Path::new(DIR).join(name), OpenMode::Truncate)
        .expect("a disk in memory opens a file");
    file.write_all_at(content, 0)
        .expect("a disk in memory takes a file");
}

fn name() -> TopicPartition {
    TopicPartition::from_dir_name("t-0").expect("a valid name")
}

fn config() -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes: 1500,
        index_interval_bytes: 100,
        ..LogConfig::default()
    })
}

fn start(disk: &FaultyDisk) -> Option<(Arc<LogDir>, PartitionLog)> {
    let identity = NodeIdentity {
        cluster_id: "c".to_owned(),
        node_id: 1,
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let dir = match LogDir::open(disk, Path::new(DIR), &identity, options) {
        Ok(dir) => dir,
        Err(StorageError::Foreign { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    dir.partitions().expect("a disk without faults lists");
    let opened = dir.open_partition(&name(), config(), Now::at(0, 0));
    let (log, _) = opened.expect("damage never keeps a log from being opened");
    Some((dir, log))
}

fn append(log: &PartitionLog, bytes: &[u8]) -> Option<Offset> {
    let header = BatchHeader::parse(bytes).expect("a batch of our own");
    let batch = AppendBatch { header, bytes };
    let appended = log.append_leader(
        &[batch],
        LeaderEpoch(i32::MAX),
        Now::at(1, 1),
        AppendOrigin::Client,
    );
    // Offsets may have been used up.
    appended.ok().map(|appended| appended.base_offset)
}

/// Base offsets of all batches that can be read; damage is stepped over.
fn read_all(log: &PartitionLog) -> Vec<Offset> {
    let (mut from, end) = (log.log_start(), log.log_end());
    let mut found = Vec::new();
    while from < end {
        match log.read(from, end, 4096, true) {
            Ok(Some(range)) => {
                let mut bytes = vec![0; range.len];
                let read = range.file.read_full_at(&mut bytes, range.position);
                assert_eq!(read.expect("a disk without faults reads"), range.len);
                let mut rest = &bytes[..];
                let before = from;
                while let Ok(batch) = BatchView::first(rest) {
                    assert!(batch.crc_matches(), "a damaged batch is served at {from}");
                    found.push(batch.header.base_offset);
                    from = batch.header.next_offset();
                    rest = &rest[batch.bytes.len()..];
                }
                assert!(from > before, "a reader does not get on from {before}");
            }
            Err(ReadError::Corrupt { until, .. }) => {
                assert!(until > from, "damage at {from} has no end");
                from = until;
            }
            // The end that was flushed is missing; it will be stepped over once there is more.
            Ok(None) => {
                for later in (from.get() + 1..end.get()).take(20) {
                    let found = log.read(Offset(later), end, 4096, true);
                    assert!(
                        !matches!(found, Ok(Some(_))),
                        "{from} is passed over for {later}"
                    );
                }
                return found;
            }
            Err(error) => panic!("{error}"),
        }
    }
    found
}

fn batch(value: u8, producer: BatchProducer) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer,
        ..BatchSpec::default()
    });
    builder
        .append(i64::from(value), Some(b"key"), Some(&[value; 100]), &[])
        .expect("a record fits");
    builder.finish().expect("a batch has a record")
}

/// The files of a small log of two segments, after a kill and after a clean stop.
pub(crate) fn made() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = left(true);
    // A clean stop leaves no write-ahead log.
    files.extend(
        left(false)
            .into_iter()
            .filter(|(path, _)| path.ends_with("highwater-wal-0")),
    );
    files
}

fn left(is_clean: bool) -> Vec<(PathBuf, Vec<u8>)> {
    let disk = FaultyDisk::new();
    disk.create_dir_all(Path::new(DIR)).expect("a directory");
    let identity = NodeIdentity {
        cluster_id: "c".to_owned(),
        node_id: 1,
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions {
        wal_file_bytes: 12 << 10,
        ..StorageOptions::default()
    });
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let dir = LogDir::open(shared, Path::new(DIR), &identity, options).expect("a new directory");
    let log = dir
        .create_partition(&name(), TOPIC_ID, config())
        .expect("a new log");
    let log = Arc::new(log);
    for nth in 0..14 {
        let producer = BatchProducer {
            id: ProducerId(4),
            epoch: ProducerEpoch(0),
            base_sequence: nth,
        };
        let bytes = batch(nth as u8, producer);
        let header = BatchHeader::parse(&bytes).expect("a batch");
        let batch = AppendBatch {
            header,
            bytes: &bytes,
        };
        let epoch = LeaderEpoch(nth / 5);
        log.append_leader(&[batch], epoch, Now::at(1, 1), AppendOrigin::Client)
            .expect("an append");
        if nth == 8 {
            log.roll(Now::at(1, 1)).expect("a roll");
        }
        if nth == 11 {
            log.flush().expect("a flush");
            dir.keep_up_wal().expect("a write-ahead log");
        }
    }
    assert_eq!(dir.commit(&[&log]), [Commit::Done(Offset(14))]);
    if is_clean {
        log.flush().expect("a flush");
    }
    dir.persist_flushed_ends().expect("a journal");
    dir.write_checkpoints(&[(name(), Offset(14))])
        .expect("checkpoints");
    if is_clean {
        log.close().expect("a close");
        dir.close_clean(&[(name(), Offset(14))]).expect("a stop");
    }
    let disk = disk.crash(CrashImage::All);
    let paths = disk.files().into_iter();
    paths
        .filter_map(|path| {
            let bytes = disk.bytes(&path)?;
            Some((path, bytes))
        })
        .collect()
}

/// The directory after a kill and after a clean stop, each whole and without what can be
/// rebuilt.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for is_clean in [true, false] {
        let files = left(is_clean);
        for only in [NAMES.len(), 4] {
            let mut seed = Vec::new();
            for (number, name) in NAMES.iter().enumerate().take(only) {
                if let Some((_, bytes)) = files.iter().find(|(path, _)| path.ends_with(name)) {
                    seed.push(number as u8);
                    put_piece(&mut seed, bytes);
                }
            }
            seeds.push(seed);
        }
    }
    seeds
}
