//! The changing half of an import: copies, names, one decision.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::{Disk, OpenMode};
use highwater_metadata::{Decision, MetadataImage};
use highwater_storage::dump::{Dump, Records, dump_file};
use highwater_storage::{LogConfig, LogDir, NodeIdentity, PartitionLog, StorageOptions};
use highwater_types::{LeaderEpoch, Offset, TopicId, TopicPartition};

use super::copy::{Copied, copy_log};
use super::plan::{ImportPlan, decide};
use super::{ImportError, LeftOut};
use crate::broker::random_id;
use crate::clock::Clock;
use crate::coordinator::OFFSETS_TOPIC;
use crate::metadata_store::{METADATA_TOPIC, MetadataStore};
use crate::open_files;
use crate::startup::open_metadata;

/// Where copies are until they are whole. It is no name of a partition, so no start looks at it.
pub(super) const STAGING: &str = "highwater-import";
/// In it: which directories are about to get their names.
pub(super) const MANIFEST: &str = "manifest";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// Longest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// What an import has done.
#[derive(Debug)]
pub struct Imported {
    /// The logs, in the order of the plan.
    pub logs: Vec<ImportedLog>,
    /// Bytes that were verified and copied.
    pub bytes: u64,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What turned out not to be valid in the target; the plan names the rest.
    pub left_out: Vec<LeftOut>,
}

/// One log that was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedLog {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset that can be read.
    pub log_start: Offset,
    /// The offset behind the last record.
    pub log_end: Offset,
}

/// A copy that is whole.
struct Staged {
    tp: TopicPartition,
    topic_id: TopicId,
    log_start: Option<Offset>,
    copied: Copied,
}

/// Carries a plan out. `progress` is told of bytes as they are copied.
pub fn carry_out(
    disk: &Arc<dyn Disk>,
    mut plan: ImportPlan,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let to = plan.target.clone();
    disk.create_dir_all(&to).map_err(ImportError::io(&to))?;
    if let Some(parent) = to.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        disk.sync_dir(parent).map_err(ImportError::io(parent))?;
    }
    let lock = disk.lock(&to.join(".lock")).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            return ImportError::TargetInUse(to.clone());
        }
        ImportError::io(&to)(error)
    })?;
    remove_leftovers(disk, &to)?;
    let free = disk.free_bytes(&to).map_err(ImportError::io(&to))?;
    if free < plan.bytes {
        return Err(ImportError::NoRoom {
            path: to,
            needed: plan.bytes,
            free,
        });
    }
    let staging = to.join(STAGING);
    disk.create_dir(&staging)
        .map_err(ImportError::io(&staging))?;
    let staged = stage(disk, &plan, &staging, progress);
    let outcome = staged.and_then(|staged| {
        raise_epochs(&mut plan, &staged);
        // The directory takes the same lock, in its own name.
        drop(lock);
        commit(disk, &plan, &staged)
    });
    if outcome.is_err() {
        // An error is told anyway, and the next import removes what stays now.
        let _ = remove_leftovers(disk, &to);
    }
    outcome
}

fn stage(
    disk: &Arc<dyn Disk>,
    plan: &ImportPlan,
    staging: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Staged>, ImportError> {
    let mut staged = Vec::with_capacity(plan.logs.len());
    for (tp, topic_id, log) in &plan.logs {
        let copied = copy_log(&**disk, log, &staging.join(tp.to_string()), progress)?;
        check_positions(tp, &copied)?;
        staged.push(Staged {
            tp: tp.clone(),
            topic_id: *topic_id,
            log_start: log.log_start,
            copied,
        });
    }
    // DURABILITY: every copy is whole on disk, with its names, before one of them gets its place.
    disk.sync_file_system(staging)
        .map_err(ImportError::io(staging))?;
    Ok(staged)
}

/// A position of a transaction that has not ended would wait for an end that nobody writes.
fn check_positions(tp: &TopicPartition, copied: &Copied) -> Result<(), ImportError> {
    let open = copied.open.len();
    if tp.topic.as_str() != OFFSETS_TOPIC || open == 0 {
        return Ok(());
    }
    Err(ImportError::GroupTransactions {
        partition: tp.clone(),
        open,
    })
}

/// A leader epoch begins with the import, above all that are in the log.
fn raise_epochs(plan: &mut ImportPlan, staged: &[Staged]) {
    let topics = plan.import.topics.iter_mut();
    let partitions = topics.flat_map(|topic| &mut topic.partitions);
    for (partition, staged) in partitions.zip(staged) {
        let in_log = LeaderEpoch(staged.copied.leader_epoch.get().saturating_add(1));
        partition.leader_epoch = partition.leader_epoch.max(in_log);
    }
}

fn commit(
    disk: &Arc<dyn Disk>,
    plan: &ImportPlan,
    staged: &[Staged],
) -> Result<Imported, ImportError> {
    let to = &plan.target;
    if plan.target_is_new {
        // Nothing is in the directory that a recovery would have to look at.
        write_small(
            &**disk,
            &to.join(CLEAN_SHUTDOWN),
            b"{\"version\":0,\"brokerEpoch\":-1}",
        )?;
    }
    let identity = NodeIdentity {
        cluster_id: plan.target_cluster_id.clone(),
        node_id: plan.target_node_id,
        directory_id: random_id(),
    };
    open_files::raise_limit();
    let options = Arc::new(StorageOptions {
        open_files_max: open_files::share_of_logs(),
        ..StorageOptions::default()
    });
    let dir = LogDir::open(Arc::clone(disk), to, &identity, options)?;
    let clock = Clock::new();
    let metadata = open_metadata(&[Arc::clone(&dir)], 1, clock)?;
    // Somebody may have been faster since the plan was made.
    drop(decide(&metadata.image(), &plan.import)?);
    give_names(disk, to, staged)?;
    let mut logs = Vec::with_capacity(staged.len());
    for staged in staged {
        logs.push(open_and_compare(&dir, staged, clock)?);
    }
    // DURABILITY: from here on the topics exist.
    let left_out = metadata.submit(
        clock.now(),
        |image: &MetadataImage| Decision::or_refusal(decide(image, &plan.import)),
        |_, _| {},
    )??;
    let imported = logs.iter().zip(staged).map(|(log, staged)| ImportedLog {
        partition: staged.tp.clone(),
        log_start: log.log_start(),
        log_end: log.log_end(),
    });
    let done = Imported {
        logs: imported.collect(),
        bytes: staged.iter().map(|staged| staged.copied.bytes).sum(),
        warnings: warnings(staged),
        left_out: left_out
            .into_iter()
            .map(|out| LeftOut {
                what: format!("config of {}: {}={}", out.resource, out.key, out.value),
                why: out.reason,
            })
            .collect(),
    };
    close(&dir, &metadata, logs, clock)?;
    let staging = to.join(STAGING);
    disk.remove_dir_all(&staging)
        .and_then(|()| disk.sync_dir(to))
        .map_err(ImportError::io(&staging))?;
    Ok(done)
}

/// Renames the copies to their places.
fn give_names(disk: &Arc<dyn Disk>, to: &Path, staged: &[Staged]) -> Result<(), ImportError> {
    let staging = to.join(STAGING);
    let lines = staged
        .iter()
        .map(|staged| format!("{} {}\n", staged.tp, staged.topic_id));
    // DURABILITY: what gets a name is written down before, or an import that is interrupted now
    // would leave directories of which nobody knows where they came from.
    let manifest: String = lines.collect();
    write_small(&**disk, &staging.join(MANIFEST), manifest.as_bytes())?;
    for staged in staged {
        let name = staged.tp.to_string();
        let place = to.join(&name);
        let is_taken = disk.exists(&place).map_err(ImportError::io(&place))?;
        if is_taken {
            return Err(ImportError::Storage(
                highwater_storage::StorageError::Exists(staged.tp.clone()),
            ));
        }
        disk.rename(&staging.join(&name), &place)
            .map_err(ImportError::io(&place))?;
    }
    disk.sync_dir(to).map_err(ImportError::io(to))?;
    disk.sync_dir(&staging).map_err(ImportError::io(&staging))
}

/// Opens a copy as the broker will, and holds it against what was read from the source.
fn open_and_compare(
    dir: &Arc<LogDir>,
    staged: &Staged,
    clock: Clock,
) -> Result<PartitionLog, ImportError> {
    let (log, report) = dir.open_partition(&staged.tp, unchanging(), clock.now())?;
    let differs = |why: String| ImportError::Copy {
        partition: staged.tp.clone(),
        why,
    };
    let (expected, found) = (&staged.copied, &report);
    if log.log_end() != expected.log_end {
        let (found, expected) = (log.log_end(), expected.log_end);
        return Err(differs(format!("it ends at {found} instead of {expected}")));
    }
    if found.cut.is_some() || !found.damaged.is_empty() || found.topic_id != Some(staged.topic_id) {
        return Err(differs(format!("{found:?}")));
    }
    if let Some(start) = staged.log_start {
        log.advance_log_start(start)?;
    }
    Ok(log)
}

/// How logs are kept while they are only looked at: nothing is deleted.
fn unchanging() -> Arc<LogConfig> {
    Arc::new(LogConfig {
        delete: false,
        retention_ms: None,
        ..LogConfig::default()
    })
}

/// Closes everything. If the last stop of the target was in order, so is this one.
fn close(
    dir: &Arc<LogDir>,
    metadata: &MetadataStore,
    mut logs: Vec<PartitionLog>,
    clock: Clock,
) -> Result<(), ImportError> {
    metadata.close()?;
    if dir.was_clean() {
        // The marker vouches for every log, so every log has to be closed.
        for found in dir.partitions()? {
            let is_open = logs.iter().any(|log| *log.topic_partition() == found.tp);
            if !is_open && found.tp.topic.as_str() != METADATA_TOPIC {
                logs.push(dir.open_partition(&found.tp, unchanging(), clock.now())?.0);
            }
        }
    }
    let mut high_watermarks = Vec::with_capacity(logs.len());
    for log in &logs {
        log.close()?;
        let tp = log.topic_partition().clone();
        let known = dir.high_watermark_at_start(&tp);
        high_watermarks.push((tp, known.unwrap_or(log.log_end())));
    }
    if dir.was_clean() {
        dir.close_clean(&high_watermarks)?;
    } else {
        dir.persist_flushed_ends()?;
    }
    Ok(())
}

fn warnings(staged: &[Staged]) -> Vec<String> {
    let mut warnings = Vec::new();
    for Staged { tp, copied, .. } in staged {
        if let Some(first) = copied.open.values().min() {
            warnings.push(format!(
                "{tp}: a transaction that begins at offset {first} has not ended; readers of \
                 committed records (isolation.level=read_committed) get nothing from there on"
            ));
        }
    }
    warnings
}

fn write_small(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), ImportError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let write = || {
        let file = disk.open(&temporary, OpenMode::Truncate)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        disk.rename(&temporary, path)?;
        disk.sync_dir(path.parent().unwrap_or(path))
    };
    write().map_err(ImportError::io(path))
}

/// The directories that an import was about to name, with the ids of their topics.
pub(super) fn read_manifest(
    disk: &dyn Disk,
    path: &Path,
) -> Result<Vec<(TopicPartition, TopicId)>, ImportError> {
    let bytes = match disk.read_file(path, MANIFEST_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ImportError::io(path)(error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let entries = text.lines().filter_map(|line| {
        let (name, id) = line.split_once(' ')?;
        Some((TopicPartition::from_dir_name(name)?, id.parse().ok()?))
    });
    Ok(entries.collect())
}

/// Removes what an interrupted import has left: its copies, and of the directories that it has
/// named those that no topic claims and that are of the topic it meant.
fn remove_leftovers(disk: &Arc<dyn Disk>, to: &Path) -> Result<(), ImportError> {
    let staging = to.join(STAGING);
    if !disk.exists(&staging).map_err(ImportError::io(&staging))? {
        return Ok(());
    }
    let manifest = read_manifest(&**disk, &staging.join(MANIFEST))?;
    let metadata = to.join(format!("{METADATA_TOPIC}-0"));
    let is_there = disk.exists(&metadata).map_err(ImportError::io(&metadata))?;
    let image = if is_there {
        crate::metadata_store::read_image(disk, &metadata)?
    } else {
        MetadataImage::new()
    };
    for (tp, id) in manifest {
        let dir = to.join(tp.to_string());
        let path = dir.join("partition.metadata");
        let found = match dump_file(&**disk, &path, Records::Omit) {
            Ok(Dump::PartitionMetadata(found)) => Some(found),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(ImportError::io(&path)(error)),
        };
        if found == Some(id) && image.topic_by_id(id).is_none() {
            disk.remove_dir_all(&dir).map_err(ImportError::io(&dir))?;
        }
    }
    // DURABILITY: the manifest goes last, when there is nothing left that it names.
    disk.sync_dir(to).map_err(ImportError::io(to))?;
    disk.remove_dir_all(&staging)
        .and_then(|()| disk.sync_dir(to))
        .map_err(ImportError::io(&staging))
}
