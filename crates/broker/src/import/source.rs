//! What a Kafka broker has left: who it was, what its metadata say, which logs are there.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use highwater_disk::Disk;
use highwater_metadata::kafka::{KafkaImage, KafkaRecord};
use highwater_records::{BatchView, ControlType, Scratch, control_type};
use highwater_storage::dump::{Dump, Records, dump_file};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{Offset, TopicId, TopicPartition};

use super::ImportError;
use crate::batch_file::BatchFile;
use crate::metadata_store::METADATA_TOPIC;

/// Kafka's types of the control records at both ends of a snapshot.
const HEADER_TYPE: i16 = 3;
const FOOTER_TYPE: i16 = 4;

/// One or more directories of one Kafka broker.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) cluster_id: String,
    pub(super) node_id: i32,
    pub(super) image: KafkaImage,
    pub(super) logs: HashMap<TopicPartition, SourceLog>,
    /// Directories that are passed over, and why.
    pub(super) passed_over: Vec<(PathBuf, &'static str)>,
}

/// The log of one partition, not opened yet.
#[derive(Clone, Debug)]
pub(super) struct SourceLog {
    pub(super) dir: PathBuf,
    pub(super) topic_id: Option<TopicId>,
    /// Where the log starts, if within a segment.
    pub(super) log_start: Option<Offset>,
    /// Where the log ended when Kafka stopped, if it has said so.
    pub(super) log_end: Option<Offset>,
}

/// Reads everything but the records.
pub(super) fn read(disk: &dyn Disk, dirs: &[PathBuf]) -> Result<Source, ImportError> {
    let mut identity: Option<(String, i32)> = None;
    let mut metadata: Option<PathBuf> = None;
    let mut logs = HashMap::new();
    let mut passed_over = Vec::new();
    for dir in dirs {
        let found = read_identity(disk, dir)?;
        match &identity {
            None => identity = Some(found),
            Some(expected) => same_identity(dir, &found, expected)?,
        }
        let entries = disk.list(dir).map_err(ImportError::io(dir))?;
        let has_file = |name: &str| entries.iter().any(|entry| entry.name == name);
        if has_file("highwater-flushed-ends") {
            let why = "it is one of Highwater, whose directories can be used as they are".into();
            let path = dir.clone();
            return Err(ImportError::NotKafka { path, why });
        }
        let log_starts = read_offsets(disk, &dir.join("log-start-offset-checkpoint"))?;
        // At a clean stop everything is flushed, so that this is where logs end. It is outside
        // of every checksum which offset the last batch has, and whether one is missing.
        let log_ends = read_offsets(disk, &dir.join("recovery-point-offset-checkpoint"))?;
        let mut has_logs = false;
        for entry in entries.iter().filter(|entry| entry.is_dir) {
            let path = dir.join(&entry.name);
            let tp = TopicPartition::from_dir_name(&entry.name);
            // Leading zeros would make one partition of two directories.
            let Some(tp) = tp.filter(|tp| tp.to_string() == entry.name) else {
                passed_over.extend(why_not(&entry.name).map(|why| (path, why)));
                continue;
            };
            if tp.topic.as_str() == METADATA_TOPIC {
                metadata.get_or_insert(path);
                continue;
            }
            has_logs = true;
            let topic_id = read_topic_id(disk, &path)?;
            let log = SourceLog {
                dir: path,
                topic_id,
                log_start: log_starts.get(&entry.name).copied(),
                log_end: log_ends.get(&entry.name).copied(),
            };
            logs.insert(tp, log);
        }
        // Kafka marks the directories of logs only, not one of metadata alone.
        let is_of_metadata_alone =
            !has_logs && metadata.as_ref().is_some_and(|path| path.starts_with(dir));
        if !has_file(".kafka_cleanshutdown") && !is_of_metadata_alone {
            return Err(ImportError::NotClean(dir.clone()));
        }
    }
    let metadata = metadata.ok_or(ImportError::NoMetadata)?;
    let (cluster_id, node_id) = identity.ok_or(ImportError::NoMetadata)?;
    Ok(Source {
        cluster_id,
        node_id,
        image: read_metadata(disk, &metadata)?,
        logs,
        passed_over,
    })
}

fn why_not(name: &str) -> Option<&'static str> {
    if name.ends_with("-delete") {
        return None;
    }
    Some(if name.ends_with("-future") {
        "a move between directories that had not ended"
    } else if name.ends_with("-stray") {
        "it had been set aside by Kafka"
    } else {
        "it is not the directory of a partition"
    })
}

fn read_identity(disk: &dyn Disk, dir: &Path) -> Result<(String, i32), ImportError> {
    let path = dir.join("meta.properties");
    let not_kafka = |why: String| ImportError::NotKafka {
        path: dir.to_path_buf(),
        why,
    };
    let properties = match dump_file(disk, &path, Records::Omit) {
        Ok(Dump::Properties(properties)) => properties,
        Ok(_) => Vec::new(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(not_kafka("it has no meta.properties".into()));
        }
        Err(error) => return Err(ImportError::io(&path)(error)),
    };
    let value = |wanted: &str| {
        let found = properties.iter().find(|(key, _)| key == wanted);
        found.map(|(_, value)| value.as_str())
    };
    if value("version") != Some("1") {
        let found = value("version").unwrap_or("missing");
        let why = format!("the version of its meta.properties is {found}, not 1 as in KRaft mode");
        return Err(not_kafka(why));
    }
    let node_id = value("node.id").and_then(|id| id.parse().ok());
    match (value("cluster.id"), node_id) {
        (Some(cluster_id), Some(node_id)) => Ok((cluster_id.to_owned(), node_id)),
        _ => Err(not_kafka(
            "its meta.properties lacks cluster.id or node.id".into(),
        )),
    }
}

fn same_identity(
    dir: &Path,
    found: &(String, i32),
    expected: &(String, i32),
) -> Result<(), ImportError> {
    let foreign = |key, found: String, expected: String| {
        let path = dir.to_path_buf();
        Err(ImportError::Foreign {
            path,
            key,
            found,
            expected,
        })
    };
    if found.0 != expected.0 {
        return foreign("cluster.id", found.0.clone(), expected.0.clone());
    }
    if found.1 != expected.1 {
        return foreign("node.id", found.1.to_string(), expected.1.to_string());
    }
    Ok(())
}

fn read_offsets(disk: &dyn Disk, path: &Path) -> Result<HashMap<String, Offset>, ImportError> {
    match dump_file(disk, path, Records::Omit) {
        Ok(Dump::Offsets(starts)) => Ok(starts.into_iter().collect()),
        Ok(_) => Ok(HashMap::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashMap::new()),
        // Records that were deleted would come back, and records that are missing not be missed.
        Err(error) => Err(ImportError::io(path)(error)),
    }
}

fn read_topic_id(disk: &dyn Disk, dir: &Path) -> Result<Option<TopicId>, ImportError> {
    let path = dir.join("partition.metadata");
    match dump_file(disk, &path, Records::Omit) {
        Ok(Dump::PartitionMetadata(id)) => Ok(Some(id)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ImportError::io(&path)(error)),
    }
}

/// The base offsets of the segments in a directory, rising.
pub(super) fn segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<Offset>, ImportError> {
    let entries = disk.list(dir).map_err(ImportError::io(dir))?;
    let names = entries.iter().map(|entry| entry.name.as_str());
    let mut bases: Vec<Offset> = names
        .filter_map(|name| number(name.strip_suffix(".log")?, 20))
        .collect();
    bases.sort_unstable();
    Ok(bases)
}

fn number(digits: &str, len: usize) -> Option<Offset> {
    let is_number = digits.len() == len && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(Offset)).flatten()
}

/// Where the latest snapshot in a metadata directory ends, and its file.
fn latest_snapshot(disk: &dyn Disk, dir: &Path) -> Result<Option<(Offset, PathBuf)>, ImportError> {
    let entries = disk.list(dir).map_err(ImportError::io(dir))?;
    let snapshots = entries.iter().filter_map(|entry| {
        let (end, epoch) = entry.name.strip_suffix(".checkpoint")?.split_once('-')?;
        number(epoch, 10)?;
        Some((number(end, 20)?, dir.join(&entry.name)))
    });
    Ok(snapshots.max())
}

/// The image that the latest snapshot and the log behind it make.
fn read_metadata(disk: &dyn Disk, dir: &Path) -> Result<KafkaImage, ImportError> {
    let mut replay = Replay::default();
    let mut next = None;
    if let Some((end, path)) = latest_snapshot(disk, dir)? {
        replay.snapshot(disk, &path)?;
        next = Some(end);
    }
    let snapshot_end = next.unwrap_or(Offset::ZERO);
    for base in segments(disk, dir)? {
        let path = dir.join(format!("{:020}.log", base.get()));
        let mut file = BatchFile::open(disk, &path).map_err(ImportError::io(&path))?;
        while let Some((position, batch)) = file.next().map_err(ImportError::batches(&path))? {
            let begins = batch.header.base_offset;
            if begins > next.unwrap_or(Offset::ZERO) {
                let reason =
                    format!("at byte {position}: records before offset {begins} are missing");
                return Err(ImportError::Damaged { path, reason });
            }
            next = next.max(Some(batch.header.next_offset()));
            replay.batch(&path, &batch, snapshot_end)?;
        }
    }
    Ok(replay.image)
}

/// Kafka's metadata in the making.
#[derive(Default)]
struct Replay {
    image: KafkaImage,
    scratch: Scratch,
    /// The types of the control records that were seen.
    controls: Vec<i16>,
}

impl Replay {
    fn snapshot(&mut self, disk: &dyn Disk, path: &Path) -> Result<(), ImportError> {
        let mut file = BatchFile::open(disk, path).map_err(ImportError::io(path))?;
        while let Some((_, batch)) = file.next().map_err(ImportError::batches(path))? {
            self.batch(path, &batch, Offset::ZERO)?;
        }
        let ends = (self.controls.first(), self.controls.last());
        if ends != (Some(&HEADER_TYPE), Some(&FOOTER_TYPE)) {
            return Err(ImportError::Damaged {
                path: path.to_path_buf(),
                reason: "at its end: it is not whole".to_owned(),
            });
        }
        Ok(())
    }

    /// Carries out the records of a batch that are not in front of `from`.
    fn batch(
        &mut self,
        path: &Path,
        batch: &BatchView<'_>,
        from: Offset,
    ) -> Result<(), ImportError> {
        let damaged = |why: &str| ImportError::Damaged {
            path: path.to_path_buf(),
            reason: format!("in the batch at offset {}: {why}", batch.header.base_offset),
        };
        let records = batch
            .records(&mut self.scratch, DECOMPRESSED_BATCH_BYTES_MAX)
            .map_err(|error| damaged(&error.to_string()))?;
        for record in records {
            let record = record.map_err(|error| damaged(&error.to_string()))?;
            if batch.header.attributes.is_control() {
                if let Ok(ControlType::Other(kind)) = control_type(record.key) {
                    self.controls.push(kind);
                }
                continue;
            }
            let offset = record.offset(&batch.header);
            if offset < from {
                continue;
            }
            let decoded = KafkaRecord::decode(record.value.unwrap_or_default());
            let decoded = decoded.map_err(|reason| ImportError::Record {
                path: path.to_path_buf(),
                offset,
                reason,
            })?;
            self.image
                .apply(decoded)
                .map_err(|reason| ImportError::Apply {
                    path: path.to_path_buf(),
                    offset,
                    reason,
                })?;
        }
        Ok(())
    }
}
