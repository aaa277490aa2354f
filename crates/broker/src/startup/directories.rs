//! The log directories, the cluster that they belong to, and the metadata log in one of them.

use std::path::Path;
use std::sync::Arc;

use highwater_config::BrokerConfig;
use highwater_disk::RealDisk;
use highwater_metadata::MetadataImage;
use highwater_storage::{LogDir, NodeIdentity, StorageError, StorageOptions};
use highwater_types::{BrokerId, PartitionIndex, TopicId, TopicName, TopicPartition};

use super::StartError;
use super::recovery::mine;
use crate::broker::random_id;
use crate::clock::Clock;
use crate::metadata_store::{METADATA_TOPIC, MetadataStore};
use crate::open_files;

/// The id that Kafka, too, gives to the topic of the metadata log.
const METADATA_TOPIC_ID: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// The cluster that the directories belong to, or a new one.
pub(super) fn cluster_id(config: &BrokerConfig) -> Result<String, StartError> {
    let mut known: Option<String> = None;
    for dir in &config.log_dirs {
        let path = Path::new(dir).join("meta.properties");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let Some(found) = text
            .lines()
            .find_map(|line| line.strip_prefix("cluster.id="))
        else {
            continue;
        };
        let found = found.trim().to_owned();
        match &known {
            Some(expected) if *expected != found => {
                return Err(StartError::Clusters {
                    path,
                    found,
                    expected: expected.clone(),
                });
            }
            _ => known = Some(found),
        }
    }
    Ok(known.unwrap_or_else(|| random_id().to_string()))
}

pub(super) fn open_log_dirs(
    config: &BrokerConfig,
    cluster_id: &str,
) -> Result<Vec<Arc<LogDir>>, StartError> {
    let options = Arc::new(StorageOptions {
        open_files_max: open_files::share_of_logs() / config.log_dirs.len().max(1),
        ..StorageOptions::default()
    });
    let disk = Arc::new(RealDisk);
    let mut dirs = Vec::new();
    for path in &config.log_dirs {
        let identity = NodeIdentity {
            cluster_id: cluster_id.to_owned(),
            node_id: config.node_id().get(),
            directory_id: random_id(),
        };
        let path = Path::new(path);
        match LogDir::open(disk.clone(), path, &identity, Arc::clone(&options)) {
            Ok(dir) => dirs.push(dir),
            // One directory of several may be broken; one that somebody else uses is a mistake.
            Err(error @ (StorageError::Locked { .. } | StorageError::Foreign { .. })) => {
                return Err(error.into());
            }
            Err(error) if config.log_dirs.len() == 1 => return Err(error.into()),
            Err(error) => {
                tracing::error!(dir = %path.display(), %error, "a log directory is left out");
            }
        }
    }
    if dirs.is_empty() {
        let source = std::io::Error::other("every directory of log.dirs failed");
        return Err(StartError::Io {
            what: "opening the log directories",
            source,
        });
    }
    Ok(dirs)
}

/// The directories of the last run that are not here while partitions are missing, which then
/// are most likely on them: one that is not mounted looks like a new one. As long as that is
/// so they stay registered.
pub(super) fn lost_dirs(
    image: &MetadataImage,
    id: BrokerId,
    dirs: &[Arc<LogDir>],
) -> Result<Vec<[u8; 16]>, StartError> {
    let mut missing = mine(id, image);
    for dir in dirs {
        for found in dir.partitions()? {
            missing.remove(&found.tp);
        }
    }
    let Some(registered) = image.broker(id).filter(|_| !missing.is_empty()) else {
        return Ok(Vec::new());
    };
    let is_here = |id: &[u8; 16]| dirs.iter().any(|dir| dir.directory_id().0 == *id);
    let lost = registered.log_dirs.iter().filter(|id| !is_here(id));
    Ok(lost.copied().collect())
}

/// Opens the metadata log. A new one means a cluster without topics, so that every log that is
/// found would be set aside: it is made only where all directories are there and empty.
pub(crate) fn open_metadata(
    dirs: &[Arc<LogDir>],
    configured: usize,
    clock: Clock,
) -> Result<MetadataStore, StartError> {
    let Ok(topic) = TopicName::new(METADATA_TOPIC) else {
        let source = std::io::Error::other("the name of the metadata topic");
        return Err(StartError::Io {
            what: "opening the metadata log",
            source,
        });
    };
    let name = TopicPartition::new(topic, PartitionIndex(0));
    let config = Arc::new(highwater_storage::LogConfig {
        delete: false,
        retention_ms: None,
        ..highwater_storage::LogConfig::default()
    });
    let mut may_be_new = dirs.len() == configured;
    for dir in dirs {
        let partitions = dir.partitions()?;
        if partitions.iter().any(|found| found.tp == name) {
            let (log, _) = dir.open_partition(&name, config, clock.now())?;
            return Ok(MetadataStore::open(log)?);
        }
        may_be_new &= partitions.is_empty();
    }
    if !may_be_new {
        return Err(StartError::NoMetadata);
    }
    let Some(dir) = dirs.first() else {
        let source = std::io::Error::other("there is no log directory");
        return Err(StartError::Io {
            what: "opening the metadata log",
            source,
        });
    };
    Ok(MetadataStore::open(dir.create_partition(
        &name,
        METADATA_TOPIC_ID,
        config,
    )?)?)
}
