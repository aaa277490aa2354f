//! Putting back into the segment files what a crash has kept from them.
//!
//! Every entry of the write-ahead log that is younger than the last statement of the journal
//! about its log is compared with the segment file, and written into it where they differ. One
//! sync of the file system then makes all of it durable, the journal says so, and the files of
//! the write-ahead log go. A crash within this changes nothing: it is done again.
//!
//! An entry whose segment is gone is passed over: a name is durable before an entry counts on
//! it, so it was removed on purpose. What rewrites history (compaction, truncation) has a
//! statement in the journal first, which makes all older entries of the log void.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::{Disk, File, OpenMode};
use highwater_types::{Offset, TopicId, TopicPartition};

use super::block::{self, ALIGN, Entry, Stretch};
use super::is_file_name;
use crate::checkpoint;
use crate::error::StorageError;
use crate::flush_journal::{FlushJournal, FlushedEnd};
use crate::log_dir::StartState;
use crate::paths;

/// What has come of it.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The sequence of the next block.
    pub(crate) next_sequence: u64,
    /// Logs that could not be written to, and why. Their entries are still needed.
    pub(crate) refused: HashMap<TopicPartition, String>,
}

/// An entry of which only the place is kept.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Number of the file among those that were read.
    file: usize,
    /// Where its bytes are in that file.
    at: u64,
    topic_id: TopicId,
    stretch: Stretch,
    sequence: u64,
}

/// Entries of each log by sequence.
type ByLog = HashMap<TopicPartition, BTreeMap<u64, Found>>;

/// Where the replay works.
struct Replay<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    files: Vec<(PathBuf, Arc<dyn File>)>,
}

/// Carries out the write-ahead log of a directory, if there is one.
pub(crate) fn replay(
    disk: &dyn Disk,
    dir: &Path,
    start: &StartState,
    journal: &mut FlushJournal,
) -> Result<Replayed, StorageError> {
    let io = |source| StorageError::io(dir, source);
    let mut replayed = Replayed {
        next_sequence: journal.wal_sequence_max() + 1,
        ..Replayed::default()
    };
    let list = disk.list(dir).map_err(io)?;
    let names = list
        .iter()
        .filter(|entry| !entry.is_dir && is_file_name(&entry.name));
    let paths: Vec<PathBuf> = names.map(|entry| dir.join(&entry.name)).collect();
    if paths.is_empty() {
        return Ok(replayed);
    }
    // After a clean stop everything is where it belongs, whatever is left of such files.
    if !start.was_clean {
        let mut work = Replay {
            disk,
            dir,
            files: Vec::new(),
        };
        let (found, last) = work.read(&paths)?;
        replayed.next_sequence = replayed.next_sequence.max(last + 1);
        let known = work.apply(found, journal, start, &mut replayed.refused);
        // DURABILITY: the entries go only when what they say is on disk elsewhere.
        disk.sync_file_system(dir).map_err(io)?;
        let statements: Vec<_> = known.iter().map(|(tp, known)| (tp, *known)).collect();
        journal.record(&statements)?;
    }
    if replayed.refused.is_empty() {
        for path in &paths {
            disk.remove(path).map_err(io)?;
        }
        disk.sync_dir(dir).map_err(io)?;
    }
    Ok(replayed)
}

impl Replay<'_> {
    /// Finds all entries, and the last sequence.
    fn read(&mut self, paths: &[PathBuf]) -> Result<(ByLog, u64), StorageError> {
        let (mut found, mut last): (ByLog, u64) = Default::default();
        for path in paths {
            let io = |source| StorageError::io(path, source);
            let file = self.disk.open(path, OpenMode::Read).map_err(io)?;
            let number = self.files.len();
            let mut note = |sequence: u64, position: u64, entry: Entry<'_>| {
                let place = Found {
                    file: number,
                    at: position + entry.at as u64,
                    topic_id: entry.topic_id,
                    stretch: entry.stretch,
                    sequence,
                };
                let of_log: &mut BTreeMap<_, _> = found.entry(entry.tp).or_default();
                of_log.insert(sequence, place);
            };
            last = last.max(read_file(&*file, &mut note).map_err(io)?);
            self.files.push((path.clone(), file));
        }
        Ok((found, last))
    }

    /// Writes what is missing; returns what can now be said of the logs.
    fn apply(
        &self,
        found: ByLog,
        journal: &FlushJournal,
        start: &StartState,
        refused: &mut HashMap<TopicPartition, String>,
    ) -> Vec<(TopicPartition, FlushedEnd)> {
        let (mut statements, mut bytes) = (Vec::new(), 0);
        for (tp, entries) in found {
            let Some(topic_id) = self.topic_id(&tp) else {
                continue;
            };
            let known = journal.get(&tp).filter(|known| known.topic_id == topic_id);
            let after = known.map_or(0, |known| known.wal_sequence);
            let live = entries
                .into_values()
                .filter(|entry| entry.topic_id == topic_id && entry.sequence > after);
            match self.apply_to(&tp, live) {
                Ok(None) => {}
                Ok(Some(applied)) => {
                    bytes += applied.bytes_written;
                    let known = known.unwrap_or(FlushedEnd {
                        topic_id,
                        flushed_end: Offset::ZERO,
                        log_start: start.log_starts.get(&tp).copied().unwrap_or(Offset::ZERO),
                        wal_sequence: 0,
                    });
                    let statement = FlushedEnd {
                        flushed_end: known.flushed_end.max(applied.end),
                        wal_sequence: applied.sequence,
                        ..known
                    };
                    statements.push((tp, statement));
                }
                Err(error) => {
                    tracing::error!(%tp, %error, "cannot put back what the write-ahead log holds");
                    refused.insert(tp, error.to_string());
                }
            }
        }
        let (dir, logs) = (self.dir.display(), statements.len());
        tracing::info!(%dir, logs, bytes, "the write-ahead log has been carried out");
        statements
    }

    fn topic_id(&self, tp: &TopicPartition) -> Option<TopicId> {
        let path = self.dir.join(tp.to_string());
        let path = path.join(checkpoint::PARTITION_METADATA);
        if !self.disk.exists(&path).unwrap_or(true) {
            return None;
        }
        checkpoint::read_or_warn(self.disk, &path, checkpoint::parse_partition_metadata)
    }

    fn apply_to(
        &self,
        tp: &TopicPartition,
        entries: impl Iterator<Item = Found>,
    ) -> Result<Option<Applied>, StorageError> {
        let dir = self.dir.join(tp.to_string());
        let mut open: Option<(Offset, Option<Arc<dyn File>>)> = None;
        let mut applied: Option<Applied> = None;
        for entry in entries {
            let base = entry.stretch.base;
            let path = paths::segment_file(&dir, base, paths::LOG);
            if open.as_ref().is_none_or(|(at, _)| *at != base) {
                let file = match self.disk.open(&path, OpenMode::ReadWrite) {
                    Ok(file) => Some(file),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                    Err(source) => return Err(StorageError::io(&path, source)),
                };
                open = Some((base, file));
            }
            let Some((_, Some(file))) = &open else {
                continue;
            };
            let written = self.put_back(&entry, &**file);
            let written = written.map_err(|source| StorageError::io(&path, source))?;
            let before = applied.map_or(0, |applied| applied.bytes_written);
            applied = Some(Applied {
                end: entry.stretch.end,
                sequence: entry.sequence,
                bytes_written: before + written,
            });
        }
        Ok(applied)
    }

    /// Writes the bytes of an entry into the segment file unless they are there; returns how
    /// many were written.
    fn put_back(&self, entry: &Found, segment: &dyn File) -> std::io::Result<u64> {
        let Some((_, file)) = self.files.get(entry.file) else {
            return Ok(0);
        };
        let mut bytes = vec![0; entry.stretch.len];
        if file.read_full_at(&mut bytes, entry.at)? < bytes.len() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut there = vec![0; bytes.len()];
        let read = segment.read_full_at(&mut there, entry.stretch.position)?;
        if read == bytes.len() && there == bytes {
            return Ok(0);
        }
        segment.write_all_at(&bytes, entry.stretch.position)?;
        Ok(bytes.len() as u64)
    }
}

/// What was done for one log.
#[derive(Clone, Copy)]
struct Applied {
    end: Offset,
    sequence: u64,
    bytes_written: u64,
}

/// Shows the entries of all whole blocks of a file, with the sequence and the position of their
/// block; returns the last sequence. What lies behind the last block is older: the file was used
/// before.
pub(crate) fn read_file(
    file: &dyn File,
    each: &mut dyn FnMut(u64, u64, Entry<'_>),
) -> std::io::Result<u64> {
    let len = file.len()?;
    let (mut position, mut last) = (0, 0);
    let mut block = vec![0; ALIGN];
    while position < len {
        let mut step = ALIGN as u64;
        let start = &mut [0; block::HEAD_LEN];
        let read = file.read_full_at(start, position)?;
        let head = block::head(&start[..read]);
        let head = head.filter(|head| head.sequence > last && head.len as u64 <= len - position);
        if let Some(head) = head {
            block.resize(head.len, 0);
            let read = file.read_full_at(&mut block, position)?;
            if let Some(entries) = block::parse(&block[..read]) {
                for entry in entries {
                    each(head.sequence, position, entry);
                }
                last = head.sequence;
                step = head.len.next_multiple_of(ALIGN) as u64;
            }
        }
        position += step;
    }
    Ok(last)
}
