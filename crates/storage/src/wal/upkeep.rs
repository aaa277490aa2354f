//! Seeing to it that the write-ahead log has a file to go on with.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use highwater_disk::{File, OpenMode};

use super::ring::Job;
use super::{Wal, block};
use crate::error::StorageError;
use crate::log::PartitionLog;
use crate::log_dir::LogDir;

/// A file takes at most this share of a file system...
const SHARE_OF_DISK: u64 = 64;
/// ...and is not made at all where it would have to be smaller than this.
const FILE_BYTES_MIN: u64 = 256 << 10;
/// It is not made either where there is not this many times the room for it.
const ROOM_FACTOR: u64 = 8;
const FILE_NAME: &str = "highwater-wal-";

/// Zeros are put on disk in pieces of this size, since commits wait behind them.
const PIECE_BYTES: u64 = 256 << 10;

/// Zeros that may be written around the page cache.
#[repr(align(4096))]
struct Zeros([u8; PIECE_BYTES as usize]);

static ZEROS: Zeros = Zeros([0; PIECE_BYTES as usize]);

/// Whether a file of this name is one of a write-ahead log.
pub(crate) fn is_file_name(name: &str) -> bool {
    name.strip_prefix(FILE_NAME).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

impl LogDir {
    /// Whether [`LogDir::keep_up_wal`] has something to do. Says so once.
    pub fn wants_wal_upkeep(&self) -> bool {
        let wants = &self.wal.wants_upkeep;
        wants.load(Ordering::Relaxed) && wants.swap(false, Ordering::AcqRel)
    }

    /// Makes files for the write-ahead log and flushes the logs that keep a full one from being
    /// used again, until there is one to go on with. Blocks for long; one call at a time.
    pub fn keep_up_wal(&self) -> Result<(), StorageError> {
        if !self.unreplayed.is_empty() {
            // The files of the last run are still needed.
            return Ok(());
        }
        let mut has_room = true;
        loop {
            self.check_online()?;
            let job = {
                let mut ring = self.wal.ring.lock();
                self.wal.note_ready(&ring);
                ring.next_job(self.options.wal_files_max, has_room)
            };
            match job {
                None => return Ok(()),
                Some(Job::Make(nth)) => {
                    let made = self.wal.make_file(nth);
                    has_room = made.map_err(|error| self.judge(error))?;
                }
                Some(Job::Drain(at, logs)) => {
                    let drained = flush_all(&logs);
                    let left = if drained.is_ok() { Vec::new() } else { logs };
                    self.wal.ring.lock().drained(at, left);
                    drained?;
                }
            }
        }
    }
}

/// Flushes all logs for which the write-ahead log is still needed.
fn flush_all(logs: &[Weak<PartitionLog>]) -> Result<(), StorageError> {
    for log in logs.iter().filter_map(Weak::upgrade) {
        if !log.is_ahead() {
            continue;
        }
        match log.flush_gently() {
            // It may be deleted meanwhile.
            Err(error) if !log.ends.is_deleted() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a file system says that it cannot write around the page cache.
fn refuses_direct(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

impl Wal {
    /// Makes a file, written with zeros and on disk; `false` if the disk is too small or too
    /// full for it.
    fn make_file(&self, nth: usize) -> Result<bool, StorageError> {
        let path = self.dir.join(format!("{FILE_NAME}{nth}"));
        match self.write_file(&path) {
            Ok(made) => Ok(made),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "no room for a write-ahead log; small appends cost a flush each");
                match self.disk.remove(&path) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        Err(StorageError::io(&path, source))
                    }
                    _ => Ok(false),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn write_file(&self, path: &Path) -> Result<bool, StorageError> {
        let io = |source| StorageError::io(path, source);
        let share = self.disk.total_bytes(&self.dir).map_err(io)? / SHARE_OF_DISK;
        let len = self.options.wal_file_bytes.min(share);
        let len = len - len % block::ALIGN as u64;
        let free = self.disk.free_bytes(&self.dir).map_err(io)?;
        let len_min = FILE_BYTES_MIN.min(self.options.wal_file_bytes);
        if len < len_min.max(3 * block::ALIGN as u64) || free / ROOM_FACTOR < len {
            return Ok(false);
        }
        // DURABILITY: what is committed to the file must be found after a crash.
        let key = *uuid::Uuid::new_v4().as_bytes();
        drop(self.disk.open(path, OpenMode::Truncate).map_err(io)?);
        // What is written here is read after a crash at most, and a flush costs less where it
        // need not look for dirty pages first.
        let file = match self.fill(path, OpenMode::Direct, &key, len) {
            Err(error) if refuses_direct(&error) => self.fill(path, OpenMode::ReadWrite, &key, len),
            filled => filled,
        };
        let file = file.map_err(io)?;
        self.disk.sync_dir(&self.dir).map_err(io)?;
        let mut ring = self.ring.lock();
        ring.made(file, path.to_path_buf(), key, len - block::ALIGN as u64);
        Ok(true)
    }

    /// Writes zeros between two pages that say whose file it is, and puts them on disk.
    fn fill(
        &self,
        path: &Path,
        mode: OpenMode,
        key: &block::Key,
        len: u64,
    ) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, mode)?;
        let page = block::key_page(key);
        file.write_all_at(&page, 0)?;
        let blocks_end = len - block::ALIGN as u64;
        let mut position = block::ALIGN as u64;
        while position < blocks_end {
            let part = (blocks_end - position).min(PIECE_BYTES);
            file.write_all_at(&ZEROS.0[..part as usize], position)?;
            position += part;
            file.sync_data()?;
        }
        file.write_all_at(&page, blocks_end)?;
        file.sync_data()?;
        Ok(file)
    }

    /// Removes the files, once every log is flushed and closed.
    pub(crate) fn remove(&self) -> Result<(), StorageError> {
        let _no_commit = self.builder.lock();
        self.is_ready.store(false, Ordering::Release);
        for path in self.ring.lock().clear() {
            let removed = self.disk.remove(&path);
            removed.map_err(|source| StorageError::io(&path, source))?;
        }
        Ok(())
    }
}
