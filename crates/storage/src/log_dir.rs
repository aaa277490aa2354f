//! One directory of `log.dirs`: who owns it, which logs are in it, how the last stop went.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use highwater_disk::{Disk, Lock, OpenMode};
use highwater_types::{Now, Offset, TopicId, TopicPartition};
use parking_lot::Mutex;

use crate::checkpoint::{self, Durable, read_or_warn, replace_file};
use crate::config::{LogConfig, NodeIdentity, StorageOptions};
use crate::error::StorageError;
use crate::flush_journal::{FlushJournal, FlushedEnd};
use crate::handles::HandleCache;
use crate::log::{LogEnds, PartitionLog};
use crate::paths;
use crate::recovery::RecoveryReport;
use crate::trusted_clock::TrustedClock;
use crate::wal::{self, Wal};

const META_PROPERTIES: &str = "meta.properties";
pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const LOCK: &str = ".lock";
/// From so many new partitions on, one sync of the file system is cheaper than theirs.
const SYNC_ALL_FROM: usize = 4;

/// A directory that was found to hold a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// The id in its `partition.metadata`; `None` if that is missing or damaged.
    pub topic_id: Option<TopicId>,
}

/// What the files of the directory said when it was opened.
#[derive(Debug, Default)]
pub(crate) struct StartState {
    pub(crate) was_clean: bool,
    pub(crate) recovery_points: HashMap<TopicPartition, Offset>,
    pub(crate) log_starts: HashMap<TopicPartition, Offset>,
    pub(crate) high_watermarks: HashMap<TopicPartition, Offset>,
}

/// Up to where each log is compacted.
#[derive(Debug, Default)]
pub(crate) struct CleanerOffsets {
    pub(crate) offsets: HashMap<TopicPartition, Offset>,
    /// Whether the checkpoint does not say the same yet.
    pub(crate) is_dirty: bool,
}

/// One of the directories in which a broker keeps its logs.
///
/// It is locked against other processes as long as this lives. A failed write or flush takes
/// it offline for good: all work on its logs is then refused.
#[derive(Debug)]
pub struct LogDir {
    pub(crate) disk: Arc<dyn Disk>,
    path: PathBuf,
    directory_id: TopicId,
    pub(crate) options: Arc<StorageOptions>,
    pub(crate) handles: HandleCache,
    pub(crate) clock: TrustedClock,
    pub(crate) start: StartState,
    pub(crate) offline: OnceLock<String>,
    pub(crate) journal: Mutex<FlushJournal>,
    pub(crate) wal: Wal,
    /// Logs for which the write-ahead log still holds what their segments lack.
    pub(crate) unreplayed: HashMap<TopicPartition, String>,
    pub(crate) changed: Mutex<Vec<Arc<LogEnds>>>,
    pub(crate) logs: Mutex<HashMap<TopicPartition, Arc<LogEnds>>>,
    pub(crate) cleaner_offsets: Mutex<CleanerOffsets>,
    pub(crate) due_dirs: Mutex<Vec<(u64, PathBuf)>>,
    /// Whether directories of deleted logs were renamed since this one was last synced.
    pub(crate) entries_are_dirty: AtomicBool,
    /// Whether a log of this directory could not be opened.
    pub(crate) has_unopened: AtomicBool,
    _lock: Box<dyn Lock>,
}

impl LogDir {
    /// Opens a directory, which is made if missing.
    ///
    /// Damaged checkpoints are reported and passed over. It is an error if another process
    /// holds the directory, or if it belongs to another node or cluster.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        identity: &NodeIdentity,
        options: Arc<StorageOptions>,
    ) -> Result<Arc<Self>, StorageError> {
        let io = |source| StorageError::io(path, source);
        if !disk.exists(path).map_err(io)? {
            disk.create_dir_all(path).map_err(io)?;
            if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
                disk.sync_dir(parent).map_err(io)?;
            }
        }
        let lock = disk
            .lock(&path.join(LOCK))
            .map_err(|source| match source.kind() {
                io::ErrorKind::WouldBlock => StorageError::Locked {
                    path: path.to_path_buf(),
                },
                _ => io(source),
            })?;
        let directory_id = claim(&*disk, path, identity)?;
        let start = read_start_state(&*disk, path)?;
        let cleaner_offsets = offsets(&*disk, path, checkpoint::CLEANER_OFFSETS);
        let mut journal =
            FlushJournal::open(Arc::clone(&disk), path, options.flush_journal_bytes_max);
        let replayed = wal::replay::replay(&*disk, path, &start, &mut journal)?;
        Ok(Arc::new(Self {
            wal: Wal::new(&disk, path, &options, replayed.next_sequence),
            unreplayed: replayed.refused,
            path: path.to_path_buf(),
            directory_id,
            handles: HandleCache::new(options.open_files_max),
            options,
            clock: TrustedClock::default(),
            start,
            offline: OnceLock::new(),
            journal: Mutex::new(journal),
            changed: Mutex::default(),
            logs: Mutex::default(),
            cleaner_offsets: Mutex::new(CleanerOffsets {
                offsets: cleaner_offsets,
                is_dirty: false,
            }),
            due_dirs: Mutex::default(),
            entries_are_dirty: AtomicBool::new(false),
            has_unopened: AtomicBool::new(false),
            disk,
            _lock: lock,
        }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk it is on, for whoever keeps files of its own beside the logs.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Its id (`directory.id` in `meta.properties`).
    pub fn directory_id(&self) -> TopicId {
        self.directory_id
    }

    /// Whether the process that used it last closed everything.
    pub fn was_clean(&self) -> bool {
        self.start.was_clean
    }

    /// Bytes that could still be written.
    pub fn free_bytes(&self) -> Result<u64, StorageError> {
        self.disk
            .free_bytes(&self.path)
            .map_err(|source| StorageError::io(&self.path, source))
    }

    /// Bytes of the file system it is on.
    pub fn total_bytes(&self) -> Result<u64, StorageError> {
        self.disk
            .total_bytes(&self.path)
            .map_err(|source| StorageError::io(&self.path, source))
    }

    /// The directories of partitions, sorted. Directories whose removal was under way are
    /// noted for [`LogDir::remove_due_dirs`]; others are left alone.
    pub fn partitions(&self) -> Result<Vec<FoundPartition>, StorageError> {
        let list = self.disk.list(&self.path);
        let mut found = Vec::new();
        for entry in list.map_err(|source| StorageError::io(&self.path, source))? {
            if !entry.is_dir {
                continue;
            }
            let tp = TopicPartition::from_dir_name(&entry.name);
            // Leading zeros would make one partition of two directories.
            let tp = tp.filter(|tp| tp.to_string() == entry.name);
            if paths::is_delete_dir(&entry.name) {
                self.due_dirs.lock().push((0, self.path.join(&entry.name)));
            } else if let Some(tp) = tp {
                let topic_id = self.read_topic_id(&tp);
                found.push(FoundPartition { tp, topic_id });
            } else if !entry.name.ends_with(paths::STRAY_DIR) {
                let (dir, name) = (self.path.display(), &entry.name);
                tracing::warn!(%dir, name, "this is no log, leaving it alone");
            }
        }
        Ok(found)
    }

    pub(crate) fn read_topic_id(&self, tp: &TopicPartition) -> Option<TopicId> {
        checkpoint::read_topic_id(&*self.disk, &self.path.join(tp.to_string()))
    }

    /// The topic id of a directory that was begun before. An empty file is no damage there: a
    /// full disk made it and took no more.
    pub(crate) fn written_topic_id(&self, tp: &TopicPartition) -> Option<TopicId> {
        let dir = self.path.join(tp.to_string());
        let found = self
            .disk
            .metadata(&dir.join(checkpoint::PARTITION_METADATA));
        found.ok().filter(|found| found.len > 0)?;
        self.read_topic_id(tp)
    }

    /// Makes the directory of a partition; durable when it returns.
    pub fn create_partition(
        self: &Arc<Self>,
        tp: &TopicPartition,
        topic_id: TopicId,
        config: Arc<LogConfig>,
    ) -> Result<PartitionLog, StorageError> {
        let mut logs = self.create_partitions(&[(tp.clone(), topic_id, config)])?;
        logs.pop().ok_or_else(|| StorageError::Missing(tp.clone()))
    }

    /// Makes the directories of many partitions with one wait for the disk; durable when it
    /// returns. A directory that exists is an error unless it is empty or of the same topic id
    /// and without a segment, as a crash within this call leaves it.
    pub fn create_partitions(
        self: &Arc<Self>,
        wanted: &[(TopicPartition, TopicId, Arc<LogConfig>)],
    ) -> Result<Vec<PartitionLog>, StorageError> {
        self.check_online()?;
        // DURABILITY: a name is free on disk before another log takes it, or a crash could leave
        // files of both under it.
        self.sync_deletions()?;
        for (tp, topic_id, _) in wanted {
            let made = self.make_partition_dir(tp, *topic_id);
            made.map_err(|error| self.judge(error))?;
        }
        self.sync_new_dirs(wanted)
            .map_err(|error| self.judge(error))?;
        // A checkpoint may still name a recovery point of another log of this name.
        let none = |id| FlushedEnd {
            topic_id: id,
            flushed_end: Offset::ZERO,
            log_start: Offset::ZERO,
            wal_sequence: 0,
        };
        let known: Vec<_> = wanted.iter().map(|(tp, id, _)| (tp, none(*id))).collect();
        let noted = self.journal.lock().record(&known);
        noted.map_err(|error| self.judge(error))?;
        let logs = wanted.iter();
        Ok(logs
            .map(|(tp, id, config)| PartitionLog::empty(self, tp, *id, config))
            .collect())
    }

    fn make_partition_dir(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
    ) -> Result<(), StorageError> {
        let dir = self.path.join(tp.to_string());
        match self.disk.create_dir(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let known = self.written_topic_id(tp);
                let list = self
                    .disk
                    .list(&dir)
                    .map_err(|source| StorageError::io(&dir, source))?;
                let has_segment = list
                    .iter()
                    .any(|e| paths::parse_segment_file(&e.name).is_some());
                if has_segment || known.is_some_and(|known| known != topic_id) {
                    return Err(StorageError::Exists(tp.clone()));
                }
            }
            Err(source) => return Err(StorageError::io(&dir, source)),
        }
        let path = dir.join(checkpoint::PARTITION_METADATA);
        let text = checkpoint::format_partition_metadata(topic_id);
        let file = self.disk.open(&path, OpenMode::Truncate);
        file.and_then(|file| file.write_all_at(text.as_bytes(), 0))
            .map_err(|source| StorageError::io(&path, source))
    }

    fn sync_new_dirs(
        &self,
        wanted: &[(TopicPartition, TopicId, Arc<LogConfig>)],
    ) -> Result<(), StorageError> {
        // DURABILITY: metadata file, partition directory and its entry must all be on disk
        // before anything in the partition may count as flushed.
        let io = |source| StorageError::io(&self.path, source);
        if wanted.len() >= SYNC_ALL_FROM {
            return self.disk.sync_file_system(&self.path).map_err(io);
        }
        for (tp, _, _) in wanted {
            let dir = self.path.join(tp.to_string());
            let path = dir.join(checkpoint::PARTITION_METADATA);
            let file = self.disk.open(&path, OpenMode::ReadWrite).map_err(io)?;
            file.sync_data().map_err(io)?;
            self.disk.sync_dir(&dir).map_err(io)?;
        }
        self.disk.sync_dir(&self.path).map_err(io)
    }

    /// Opens the log of a partition and recovers it if need be. The caller may open many at
    /// once from many threads.
    ///
    /// What keeps one log from being opened says nothing about the others: nothing of it was
    /// acknowledged by this process, and it is not served. Only a failed flush of what was
    /// recovered takes the directory offline.
    pub fn open_partition(
        self: &Arc<Self>,
        tp: &TopicPartition,
        config: Arc<LogConfig>,
        now: Now,
    ) -> Result<(PartitionLog, RecoveryReport), StorageError> {
        self.check_online()?;
        let opened = match self.unreplayed.get(tp) {
            None => crate::recovery::open(self, tp, config, now),
            Some(why) => Err(StorageError::Unreplayed {
                tp: tp.clone(),
                why: why.clone(),
            }),
        };
        if opened.is_err() {
            // Its end is as the last stop left it, which a clean stop of the others cannot mend.
            self.has_unopened.store(true, Ordering::Release);
        }
        opened
    }

    /// What is known durably of a log of this incarnation.
    pub(crate) fn known_end(&self, tp: &TopicPartition, topic_id: TopicId) -> Option<FlushedEnd> {
        self.journal
            .lock()
            .get(tp)
            .filter(|known| known.topic_id == topic_id)
    }
}

fn offsets(disk: &dyn Disk, dir: &Path, name: &str) -> HashMap<TopicPartition, Offset> {
    read_or_warn(disk, &dir.join(name), checkpoint::parse_offsets).unwrap_or_default()
}

fn read_start_state(disk: &dyn Disk, path: &Path) -> Result<StartState, StorageError> {
    let marker = path.join(CLEAN_SHUTDOWN);
    let was_clean = disk
        .exists(&marker)
        .map_err(|source| StorageError::io(&marker, source))?;
    if was_clean {
        // DURABILITY: the marker must be gone before the first write, or a crash would pass for
        // a clean stop.
        let removed = disk.remove(&marker).and_then(|()| disk.sync_dir(path));
        removed.map_err(|source| StorageError::io(&marker, source))?;
    }
    Ok(StartState {
        was_clean,
        recovery_points: offsets(disk, path, checkpoint::RECOVERY_POINTS),
        log_starts: offsets(disk, path, checkpoint::LOG_STARTS),
        high_watermarks: offsets(disk, path, checkpoint::HIGH_WATERMARKS),
    })
}

/// Makes sure that the directory belongs to this node, and writes so into a new one.
fn claim(disk: &dyn Disk, dir: &Path, identity: &NodeIdentity) -> Result<TopicId, StorageError> {
    let path = dir.join(META_PROPERTIES);
    let parse = |text: &str| Ok(checkpoint::parse_properties(text));
    let found = read_or_warn(disk, &path, parse).unwrap_or_default();
    let node_id = identity.node_id.to_string();
    for (key, own) in [("cluster.id", &identity.cluster_id), ("node.id", &node_id)] {
        if let Some(other) = found.get(key).filter(|other| *other != own) {
            let why = format!("the directory belongs to {key} = {other}, this is {key} = {own}");
            return Err(StorageError::Foreign { path, why });
        }
    }
    let known = found.get("directory.id").and_then(|id| id.parse().ok());
    if let Some(known) = known
        && ["cluster.id", "node.id", "version"]
            .iter()
            .all(|key| found.contains_key(*key))
    {
        return Ok(known);
    }
    let directory_id = known.unwrap_or(identity.directory_id);
    let mut text = String::from("#\n");
    for (key, value) in [
        ("cluster.id", identity.cluster_id.as_str()),
        ("directory.id", &directory_id.to_string()),
        ("node.id", &node_id),
        ("version", "1"),
    ] {
        let _ = writeln!(text, "{key}={value}");
    }
    replace_file(disk, &path, text.as_bytes(), Durable::Yes)?;
    Ok(directory_id)
}
