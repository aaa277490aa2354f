//! The write-ahead log of a directory: one flush for the small appends of many logs.
//!
//! A flush of a segment file costs about the same however little it covers, and it covers one
//! log only. With small requests to many partitions that is most of what a broker does. So what
//! was appended to several logs is copied from their segment files into one block here, and one
//! flush of this file makes all of it durable. The segment files are flushed much later, when
//! the file of the write-ahead log is full and is to be used again, or when a log has to be
//! flushed for another reason (it rolls, it has grown by much at once, it is closed).
//!
//! The file is a few files in turn, written ahead with zeros when they are made, so that no
//! flush has to commit length or blocks of a file. After a crash `wal/replay.rs` puts back into
//! the segment files what they have lost. Nothing here is needed to read a log, and there is
//! no such file after a clean stop.

pub(crate) mod block;
pub(crate) mod replay;
mod ring;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use highwater_disk::Disk;
use highwater_types::Offset;
use parking_lot::{Mutex, MutexGuard};

use crate::config::StorageOptions;
use crate::error::StorageError;
use crate::log::{Committed, PartitionLog};
use crate::log_dir::LogDir;
use block::{BlockBuilder, Stretch};
use ring::Ring;
pub(crate) use upkeep::is_file_name;

/// What became of one log in [`LogDir::commit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Everything below is on disk, here or in the segment files.
    Done(Offset),
    /// It has to be flushed by itself ([`PartitionLog::flush`]).
    Declined,
    /// The write has failed, and the directory is offline.
    Failed,
}

/// What a write-ahead log has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalCounts {
    /// Blocks, each with a flush.
    pub commits: u64,
    /// Entries in them: a log each, that would have been flushed by itself.
    pub entries: u64,
    /// Bytes written, padding included.
    pub bytes: u64,
}

/// The write-ahead log of one directory.
#[derive(Debug)]
pub(crate) struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: Arc<StorageOptions>,
    /// Held during a commit, so that there is one at a time.
    builder: Mutex<BlockBuilder>,
    ring: Mutex<Ring>,
    /// Whether a block could be written now.
    is_ready: AtomicBool,
    wants_upkeep: AtomicBool,
    /// Flushes that would have been spared by a write-ahead log, since there was none.
    missed: AtomicU32,
    counts: Mutex<WalCounts>,
}

/// What of a log goes into a block.
enum Stage {
    /// All of it is on disk already, up to here.
    Nothing(Offset),
    Staged(Stretch),
    Declined,
}

impl Wal {
    pub(crate) fn new(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        options: &Arc<StorageOptions>,
        next_sequence: u64,
    ) -> Self {
        Self {
            disk: Arc::clone(disk),
            dir: dir.to_path_buf(),
            options: Arc::clone(options),
            builder: Mutex::new(BlockBuilder::new(options.wal_block_bytes_max)),
            ring: Mutex::new(Ring::new(
                next_sequence,
                // Each keeps its segment file open until it is flushed.
                (options.open_files_max / (2 * options.wal_files_max.max(1))).max(1),
            )),
            is_ready: AtomicBool::new(false),
            wants_upkeep: AtomicBool::new(false),
            missed: AtomicU32::new(0),
            counts: Mutex::default(),
        }
    }

    /// To be called under the lock of the ring, whenever that has changed.
    fn note_ready(&self, ring: &Ring) {
        self.is_ready.store(ring.is_ready(), Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// A log was flushed by itself that could have been covered by a commit.
    fn note_missed(&self) {
        let missed = self.missed.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if missed.is_multiple_of(self.options.wal_after_flushes) {
            self.wants_upkeep.store(true, Ordering::Release);
        }
    }

    /// Finds room for the block, and writes it.
    fn write(&self, builder: &mut BlockBuilder, logs: &[&Arc<PartitionLog>]) -> Write {
        let len = builder.len().next_multiple_of(block::ALIGN) as u64;
        let reserved = {
            let mut ring = self.ring.lock();
            let reserved = ring.reserve(len, logs);
            self.note_ready(&ring);
            reserved
        };
        if reserved.switched {
            self.wants_upkeep.store(true, Ordering::Release);
        }
        let Some(room) = reserved.room else {
            return Write::NoRoom;
        };
        let bytes = builder.finish(room.sequence, &room.key);
        if let Err(source) = room.file.write_all_at(bytes, room.position) {
            // It may be there all the same, so a later statement must make it void.
            for log in logs {
                log.ends.wal_last.store(room.sequence, Ordering::Release);
            }
            return Write::Failed(StorageError::io(&room.path, source));
        }
        // DURABILITY: what is told to have been committed is on disk from here on.
        match room.file.sync_data() {
            Ok(()) => {
                let mut counts = self.counts.lock();
                counts.commits += 1;
                counts.entries += logs.len() as u64;
                counts.bytes += len;
                Write::Done(room.sequence)
            }
            Err(source) => Write::SyncFailed(StorageError::io(&room.path, source)),
        }
    }
}

enum Write {
    Done(u64),
    NoRoom,
    Failed(StorageError),
    SyncFailed(StorageError),
}

impl LogDir {
    /// Makes durable what was appended to these logs before the call, with one write and one
    /// flush for all of them. Blocks. What has grown too much, or needs more than its bytes to
    /// be on disk, is declined. No log may be named twice.
    pub fn commit(&self, logs: &[&Arc<PartitionLog>]) -> Vec<Commit> {
        let mut builder = self.wal.builder.lock();
        builder.clear();
        let mut guards: Vec<MutexGuard<'_, ()>> = Vec::with_capacity(logs.len());
        let mut stages = Vec::with_capacity(logs.len());
        let mut staged_logs = Vec::with_capacity(logs.len());
        for log in logs {
            let guard = log.committing.lock();
            let stage = log.stage(&mut builder);
            if matches!(stage, Stage::Staged(_)) {
                guards.push(guard);
                staged_logs.push(*log);
            }
            stages.push(stage);
        }
        let written = if builder.is_empty() {
            Write::NoRoom
        } else {
            self.wal.write(&mut builder, &staged_logs)
        };
        let failed = matches!(written, Write::Failed(_) | Write::SyncFailed(_));
        let sequence = self.judge_write(written);
        let outcome = |(log, stage): (&&Arc<PartitionLog>, Stage)| match (stage, sequence) {
            (Stage::Nothing(end), _) => Commit::Done(end),
            (Stage::Staged(stretch), Some(sequence)) => {
                log.settle_commit(&stretch, sequence);
                Commit::Done(stretch.end)
            }
            (Stage::Staged(_), None) if failed && self.is_offline() => Commit::Failed,
            _ => Commit::Declined,
        };
        logs.iter().zip(stages).map(outcome).collect()
    }

    /// What the write-ahead log has done since the start.
    pub fn wal_counts(&self) -> WalCounts {
        *self.wal.counts.lock()
    }

    fn judge_write(&self, written: Write) -> Option<u64> {
        match written {
            Write::Done(sequence) => return Some(sequence),
            Write::NoRoom => {}
            Write::Failed(error) => {
                self.judge(error);
            }
            Write::SyncFailed(error) => self.take_offline(&format!("a flush failed: {error}")),
        }
        None
    }
}

impl PartitionLog {
    /// Whether what is to be flushed now is little enough to be committed together with other
    /// logs ([`LogDir::commit`]).
    pub fn is_for_commit(&self) -> bool {
        let is_little = {
            let view = self.view.lock();
            match (&view.committed, view.segments.last()) {
                (Some(committed), Some(active)) if committed.base == active.base => {
                    let pending = active.size().saturating_sub(committed.position);
                    pending <= self.dir.options.wal_entry_bytes_max
                }
                _ => false,
            }
        };
        if is_little && !self.dir.wal.is_ready() {
            self.dir.wal.note_missed();
            return false;
        }
        is_little
    }

    fn stage(&self, builder: &mut BlockBuilder) -> Stage {
        if self.check_usable().is_err() || !self.dir.wal.is_ready() {
            return Stage::Declined;
        }
        let (active, committed, end, size) = {
            let view = self.view.lock();
            let (Some(active), Some(committed)) = (view.segments.last(), view.committed) else {
                return Stage::Declined;
            };
            // A block can bring back bytes of a file, but no name and no end of a file.
            let is_named = !view.dir_is_dirty && !view.names_are_unsure;
            if !view.closing.is_empty() || !is_named || committed.base != active.base {
                return Stage::Declined;
            }
            let (end, size) = (self.log_end(), active.size());
            (Arc::clone(active), committed, end, size)
        };
        if end <= committed.end {
            return Stage::Nothing(end);
        }
        let options = &self.dir.options;
        let len = size.saturating_sub(committed.position);
        let after = builder.len() as u64 + len;
        if len > 2 * options.wal_entry_bytes_max || after > options.wal_block_bytes_max {
            return Stage::Declined;
        }
        let stretch = Stretch {
            base: active.base,
            position: committed.position,
            len: len as usize,
            end,
        };
        let Ok(file) = active.file(self.place(&self.path())) else {
            return Stage::Declined;
        };
        let added = builder.add(&self.ends, &stretch, |bytes| {
            match file.read_full_at(bytes, stretch.position)? {
                read if read == bytes.len() => Ok(()),
                _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
        });
        match added {
            Ok(()) => Stage::Staged(stretch),
            Err(_) => Stage::Declined,
        }
    }

    fn settle_commit(&self, stretch: &Stretch, sequence: u64) {
        self.ends.wal_last.store(sequence, Ordering::Release);
        self.view.lock().committed = Some(Committed {
            base: stretch.base,
            position: stretch.position + stretch.len as u64,
            end: stretch.end,
        });
    }
}
