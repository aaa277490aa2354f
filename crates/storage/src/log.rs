//! The log of one partition, as the broker holds it.
//!
//! Two locks: `writer` serialises everything that changes the end of the log and is held
//! during a write; `view` is what readers need and is held for a few instructions only. Where
//! both are taken, `writer` comes first; `flushing` and then `committing` come before either. The ends of the log
//! are atomics, so that asking for them takes no lock.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use highwater_types::{LeaderEpoch, Now, Offset, TopicId, TopicPartition};
use parking_lot::Mutex;

use crate::active_index::ActiveIndex;
use crate::checkpoint::{self, Durable, replace_file};
use crate::config::LogConfig;
use crate::epochs::EpochLineage;
use crate::error::StorageError;
use crate::flush_journal::FlushedEnd;
use crate::log_dir::LogDir;
use crate::paths;
use crate::producer_state::{ProducerStateView, ProducerTable};
use crate::segment::{Place, Segment};
use crate::size_ahead::Ahead;
use crate::snapshot_file;

/// Below this size the active segment is replayed rather than a snapshot written at the stop.
pub(crate) const SNAPSHOT_FROM_BYTES: u64 = 64 << 10;

/// The ends of a log, shared with its directory.
#[derive(Debug)]
pub(crate) struct LogEnds {
    pub(crate) tp: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) log_start: AtomicI64,
    pub(crate) log_end: AtomicI64,
    /// Everything below is on disk in the segment files.
    pub(crate) flushed_end: AtomicI64,
    /// The last block of the write-ahead log with an entry of this log, 0 if there is none.
    pub(crate) wal_last: AtomicU64,
    /// Up to which block the entries of this log are on disk in the segment files.
    pub(crate) wal_flushed: AtomicU64,
    /// Base offset of the first segment.
    pub(crate) first_base: AtomicI64,
    /// Whether the journal is to be told of a new flushed end.
    pub(crate) queued: AtomicBool,
    /// First offset of the oldest undecided transaction, `i64::MAX` if there is none.
    pub(crate) first_unstable: AtomicI64,
    /// The marker that decides the next transaction once it is below the high watermark,
    /// `i64::MAX` if none waits for that.
    pub(crate) next_marker: AtomicI64,
    /// Whether any transaction may have been aborted.
    pub(crate) has_aborted: AtomicBool,
    pub(crate) is_closed: AtomicBool,
    /// Whether the log is to go, and nobody may use it any more.
    pub(crate) is_deleted: AtomicBool,
    /// Whether its directory has got another name.
    pub(crate) is_removed: AtomicBool,
}

impl LogEnds {
    pub(crate) fn new(tp: &TopicPartition, topic_id: TopicId, start: Offset, end: Offset) -> Self {
        Self {
            tp: tp.clone(),
            topic_id,
            log_start: AtomicI64::new(start.0),
            log_end: AtomicI64::new(end.0),
            flushed_end: AtomicI64::new(end.0),
            wal_last: AtomicU64::new(0),
            wal_flushed: AtomicU64::new(0),
            first_base: AtomicI64::new(start.0),
            queued: AtomicBool::new(false),
            first_unstable: AtomicI64::new(i64::MAX),
            next_marker: AtomicI64::new(i64::MAX),
            has_aborted: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            is_deleted: AtomicBool::new(false),
            is_removed: AtomicBool::new(false),
        }
    }

    pub(crate) fn log_start(&self) -> Offset {
        Offset(self.log_start.load(Ordering::Acquire))
    }

    pub(crate) fn log_end(&self) -> Offset {
        Offset(self.log_end.load(Ordering::Acquire))
    }

    pub(crate) fn flushed_end(&self) -> Offset {
        Offset(self.flushed_end.load(Ordering::Acquire))
    }

    /// Lets readers see what the producers have open and have ended. The writer lock is held.
    pub(crate) fn note_transactions(&self, producers: &ProducerTable) {
        let or_none = |offset: Option<Offset>| offset.map_or(i64::MAX, Offset::get);
        self.first_unstable.store(
            or_none(producers.first_unstable_offset()),
            Ordering::Release,
        );
        self.next_marker
            .store(or_none(producers.next_marker()), Ordering::Release);
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    pub(crate) fn starts_within_segment(&self) -> bool {
        self.log_start().0 > self.first_base.load(Ordering::Acquire)
    }

    pub(crate) fn known(&self) -> FlushedEnd {
        // In the opposite order to that in which a flush sets them.
        let wal_sequence = self.wal_flushed.load(Ordering::Acquire);
        let (flushed_end, log_start) = (self.flushed_end(), self.log_start());
        FlushedEnd {
            topic_id: self.topic_id,
            flushed_end,
            log_start,
            wal_sequence,
        }
    }
}

/// A segment that was closed but not flushed yet, and the producers at its end.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) segment: Arc<Segment>,
    pub(crate) snapshot: Vec<u8>,
    pub(crate) next_base: Offset,
    /// A snapshot within the segment, which that at its end makes superfluous.
    pub(crate) stale_snapshot: Option<Offset>,
}

/// Up to where the active segment is on disk, be it in the write-ahead log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committed {
    /// Base offset of the segment.
    pub(crate) base: Offset,
    pub(crate) position: u64,
    pub(crate) end: Offset,
}

/// A file that was renamed for deletion.
#[derive(Debug)]
pub(crate) struct DueFile {
    pub(crate) at_mono_ms: u64,
    pub(crate) path: PathBuf,
}

/// What readers need.
#[derive(Debug)]
pub(crate) struct View {
    /// By base offset. The last one is written to; there is none before the first append.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The last batches of the active segment: base offset and position.
    pub(crate) recent: VecDeque<(Offset, u32)>,
    pub(crate) index: Option<Box<ActiveIndex>>,
    pub(crate) closing: Vec<Closing>,
    pub(crate) committed: Option<Committed>,
    /// The snapshot within the active segment, and how far the segment reached then.
    pub(crate) snapshot: Option<Offset>,
    pub(crate) snapshot_bytes: u64,
    /// Whether a file was made or renamed since the directory was last synced.
    pub(crate) dir_is_dirty: bool,
    /// Whether a process that was killed may have left names that are not on disk; they are
    /// synced with the next flush that has anything to do.
    pub(crate) names_are_unsure: bool,
}

/// What only the writer needs.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) producers: ProducerTable,
    pub(crate) epochs: EpochLineage,
    pub(crate) ahead: Ahead,
    /// When the active segment was made, for rolling logs without timestamps.
    pub(crate) segment_made_ms: i64,
    /// Milliseconds taken off `segment_ms` for the active segment.
    pub(crate) jitter_ms: i64,
    pub(crate) due_files: Vec<DueFile>,
}

/// The log of one partition. All methods may be called from many threads.
#[derive(Debug)]
pub struct PartitionLog {
    pub(crate) dir: Arc<LogDir>,
    pub(crate) ends: Arc<LogEnds>,
    pub(crate) config: Mutex<Arc<LogConfig>>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) view: Mutex<View>,
    pub(crate) flushing: Mutex<()>,
    /// Held while a block of the write-ahead log with bytes of this log is under way.
    pub(crate) committing: Mutex<()>,
    /// When the log was last listed in a file of the write-ahead log.
    pub(crate) wal_turn: AtomicU64,
    pub(crate) cleaning: Mutex<()>,
    /// Held while the index files of a closed segment are replaced.
    pub(crate) indexing: Mutex<()>,
    pub(crate) size_bytes: AtomicU64,
}

impl PartitionLog {
    /// A log whose directory was just made.
    pub(crate) fn empty(
        dir: &Arc<LogDir>,
        tp: &TopicPartition,
        topic_id: TopicId,
        config: &Arc<LogConfig>,
    ) -> Self {
        let ends = LogEnds::new(tp, topic_id, Offset::ZERO, Offset::ZERO);
        let view = View {
            segments: Vec::new(),
            recent: VecDeque::new(),
            index: None,
            closing: Vec::new(),
            committed: None,
            snapshot: None,
            snapshot_bytes: 0,
            dir_is_dirty: false,
            names_are_unsure: false,
        };
        let writer = Writer {
            producers: ProducerTable::default(),
            epochs: EpochLineage::default(),
            ahead: Ahead::default(),
            segment_made_ms: 0,
            jitter_ms: 0,
            due_files: Vec::new(),
        };
        Self::assemble(dir, ends, Arc::clone(config), writer, view)
    }

    pub(crate) fn assemble(
        dir: &Arc<LogDir>,
        ends: LogEnds,
        config: Arc<LogConfig>,
        writer: Writer,
        view: View,
    ) -> Self {
        ends.note_transactions(&writer.producers);
        let has_aborted = view
            .segments
            .iter()
            .any(|segment| segment.may_have_aborted());
        ends.has_aborted.store(has_aborted, Ordering::Release);
        let ends = Arc::new(ends);
        dir.logs.lock().insert(ends.tp.clone(), Arc::clone(&ends));
        let size_bytes = view.segments.iter().map(|segment| segment.size()).sum();
        Self {
            dir: Arc::clone(dir),
            ends,
            config: Mutex::new(config),
            writer: Mutex::new(writer),
            view: Mutex::new(view),
            flushing: Mutex::new(()),
            committing: Mutex::new(()),
            wal_turn: AtomicU64::new(0),
            cleaning: Mutex::new(()),
            indexing: Mutex::new(()),
            size_bytes: AtomicU64::new(size_bytes),
        }
    }

    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.ends.tp
    }

    /// The incarnation of its topic.
    pub fn topic_id(&self) -> TopicId {
        self.ends.topic_id
    }

    /// The directory it is in.
    pub fn log_dir(&self) -> &Arc<LogDir> {
        &self.dir
    }

    /// First offset that can be read.
    pub fn log_start(&self) -> Offset {
        self.ends.log_start()
    }

    /// The offset behind the last record.
    pub fn log_end(&self) -> Offset {
        self.ends.log_end()
    }

    /// Everything below is on disk in the segment files.
    pub fn flushed_end(&self) -> Offset {
        self.ends.flushed_end()
    }

    /// Whether the write-ahead log holds what the segment files may not hold yet.
    pub(crate) fn is_ahead(&self) -> bool {
        let flushed = self.ends.wal_flushed.load(Ordering::Acquire);
        self.ends.wal_last.load(Ordering::Acquire) > flushed
    }

    /// Bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Acquire)
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.view.lock().segments.len()
    }

    /// How records are kept.
    pub fn config(&self) -> Arc<LogConfig> {
        Arc::clone(&self.config.lock())
    }

    /// Changes how records are kept, from the next operation on.
    pub fn set_config(&self, config: Arc<LogConfig>) {
        *self.config.lock() = config;
    }

    /// Leader epochs and the offsets at which they start, rising.
    pub fn epochs(&self) -> Vec<(LeaderEpoch, Offset)> {
        self.writer.lock().epochs.entries().to_vec()
    }

    /// Notes that a leader epoch writes from `start` on; an older or equal epoch is ignored.
    pub fn assign_epoch(&self, epoch: LeaderEpoch, start: Offset) {
        self.writer.lock().epochs.assign(epoch, start);
    }

    /// The producers that are known, by id.
    pub fn producers(&self) -> Vec<ProducerStateView> {
        self.writer.lock().producers.views()
    }

    /// Forgets producers that have been idle for longer (`producer.id.expiration.ms`).
    pub fn expire_producers(&self, now: Now, expiration_ms: i64) {
        let wall_ms = self.dir.clock.wall_ms(now);
        self.writer.lock().producers.expire(wall_ms, expiration_ms);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join(self.ends.tp.to_string())
    }

    pub(crate) fn place<'a>(&'a self, dir: &'a Path) -> Place<'a> {
        Place {
            disk: &*self.dir.disk,
            handles: &self.dir.handles,
            dir,
        }
    }

    /// Refuses work on a log that is deleted or whose directory is offline.
    pub(crate) fn check_usable(&self) -> Result<(), StorageError> {
        if self.ends.is_deleted.load(Ordering::Acquire) {
            return Err(StorageError::Deleted(self.ends.tp.clone()));
        }
        self.dir.check_online()
    }

    /// Tells what a failed operation means, taking the directory offline where it must.
    pub(crate) fn judge(&self, error: StorageError) -> StorageError {
        if self.ends.is_deleted.load(Ordering::Acquire) {
            return StorageError::Deleted(self.ends.tp.clone());
        }
        self.dir.judge(error)
    }

    /// Writes the leader epochs if the file does not say the same. Without waiting for the
    /// disk: recovery rebuilds what is missing.
    pub(crate) fn write_epochs(&self, writer: &mut Writer) -> Result<(), StorageError> {
        if !writer.epochs.is_dirty {
            return Ok(());
        }
        let text = checkpoint::format_leader_epochs(writer.epochs.entries());
        let path = self.path().join(checkpoint::LEADER_EPOCHS);
        replace_file(&*self.dir.disk, &path, text.as_bytes(), Durable::No)?;
        writer.epochs.is_dirty = false;
        Ok(())
    }

    /// Flushes what is not on disk and writes what makes the next start short. The log may not
    /// be appended to afterwards; [`LogDir::close_clean`] then makes the stop a clean one.
    pub fn close(&self) -> Result<(), StorageError> {
        // Refuse appends first, or one could slip in behind the flush.
        let writer = self.writer.lock();
        self.ends.is_closed.store(true, Ordering::Release);
        drop(writer);
        let closed = self.flush().and_then(|_| {
            let mut writer = self.writer.lock();
            self.check_usable()?;
            self.close_files(&mut writer)
                .map_err(|error| self.judge(error))
        });
        if closed.is_err() {
            self.ends.is_closed.store(false, Ordering::Release);
        }
        closed
    }

    fn close_files(&self, writer: &mut Writer) -> Result<(), StorageError> {
        self.write_epochs(writer)?;
        let Some(active) = self.view.lock().segments.last().cloned() else {
            return Ok(());
        };
        let dir = self.path();
        self.cut_ahead(writer, &active)?;
        if active.size() >= SNAPSHOT_FROM_BYTES {
            if let Some(index) = self.view.lock().index.as_mut() {
                index.note_time();
            }
            self.write_index(&active)?;
            let end = self.log_end();
            if end > active.base {
                let path = paths::segment_file(&dir, end, paths::SNAPSHOT);
                let bytes = snapshot_file::encode(&writer.producers.to_snapshot());
                replace_file(&*self.dir.disk, &path, &bytes, Durable::No)?;
            }
        }
        active.unpin();
        Ok(())
    }
}
