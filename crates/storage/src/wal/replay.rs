//! Putting back into the segment files what a crash has kept from them.
//!
//! Every entry of the write-ahead log that is younger than the last statement of the journal
//! about its log is written into its segment file. When the segment files are on disk the journal
//! says so, and the files of the write-ahead log go. A crash within this changes nothing: it is
//! done again.
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
use crate::flush_journal::{self, FlushJournal, FlushedEnd};
use crate::log_dir::StartState;
use crate::paths;
use crate::recovery::{newest_snapshot, snapshots_in};

/// What has come of it.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The sequence of the next block.
    pub(crate) next_sequence: u64,
    /// Logs that could not be written to, and why. Their entries are still needed.
    pub(crate) refused: HashMap<TopicPartition, String>,
}

/// An entry of which only the place is kept.
#[derive(Debug)]
struct Found {
    file: Arc<dyn File>,
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
        // A journal that cannot be read would make entries count that it had made void.
        if let Some(error) = journal.unreadable.take() {
            let path = dir.join(flush_journal::FILE_NAME);
            return Err(StorageError::io(&path, error));
        }
        let work = Replay { disk, dir };
        let (found, last) = work.read(&paths)?;
        replayed.next_sequence = replayed.next_sequence.max(last + 1);
        let known = work.apply(found, journal, start, &mut replayed.refused);
        let statements: Vec<_> = known.iter().map(|(tp, known)| (tp, *known)).collect();
        match journal.record(&statements) {
            // What it would have said is found out again, and there will be more room in a moment.
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "the ends that were put back could not be written down");
            }
            recorded => recorded?,
        }
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
    fn read(&self, paths: &[PathBuf]) -> Result<(ByLog, u64), StorageError> {
        let (mut found, mut last): (ByLog, u64) = Default::default();
        for path in paths {
            let io = |source| StorageError::io(path, source);
            let file = self.disk.open(path, OpenMode::Read).map_err(io)?;
            let mut note = |sequence: u64, position: u64, entry: Entry<'_>| {
                let place = Found {
                    file: Arc::clone(&file),
                    at: position + entry.at as u64,
                    topic_id: entry.topic_id,
                    stretch: entry.stretch,
                    sequence,
                };
                let of_log: &mut BTreeMap<_, _> = found.entry(entry.tp).or_default();
                of_log.insert(sequence, place);
            };
            last = last.max(read_file(&*file, &mut note).map_err(io)?);
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
            let dir = self.dir.join(tp.to_string());
            // Nobody but the broker removes the directory of a log.
            if matches!(self.disk.exists(&dir), Ok(false)) {
                continue;
            }
            let stated = journal.get(&tp);
            let in_file = checkpoint::read_topic_id(self.disk, &dir);
            let youngest = entries.last_key_value().map(|(_, entry)| entry.topic_id);
            let Some(topic_id) = in_file.or(stated.map(|known| known.topic_id)).or(youngest) else {
                continue;
            };
            let known = stated.filter(|known| known.topic_id == topic_id);
            let after = known.map_or(0, |known| known.wal_sequence);
            let proven = self.proven_end(&dir);
            let live = entries.into_values().filter(|entry| {
                let is_void = entry.sequence <= after || entry.stretch.end <= proven;
                entry.topic_id == topic_id && !is_void
            });
            match self.apply_to(&tp, live) {
                Ok(None) => {}
                Ok(Some(applied)) => {
                    bytes += applied.bytes_written;
                    let known = known.unwrap_or(FlushedEnd {
                        topic_id,
                        flushed_end: start
                            .recovery_points
                            .get(&tp)
                            .copied()
                            .unwrap_or(Offset::ZERO),
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

    /// Up to where a snapshot proves the segment files to have been on disk; entries in front of
    /// it are void even if the journal has lost what it said of them.
    fn proven_end(&self, dir: &Path) -> Offset {
        let found = snapshots_in(self.disk, dir).unwrap_or_default().into_iter();
        newest_snapshot(self.disk, dir, found).map_or(Offset::ZERO, |(at, _)| at)
    }

    fn apply_to(
        &self,
        tp: &TopicPartition,
        entries: impl Iterator<Item = Found>,
    ) -> Result<Option<Applied>, StorageError> {
        let dir = self.dir.join(tp.to_string());
        let mut segments: BTreeMap<Offset, Option<Arc<dyn File>>> = BTreeMap::new();
        let mut applied: Option<Applied> = None;
        for entry in entries {
            let base = entry.stretch.base;
            let path = paths::segment_file(&dir, base, paths::LOG);
            let io = |source| StorageError::io(&path, source);
            if let std::collections::btree_map::Entry::Vacant(vacant) = segments.entry(base) {
                vacant.insert(match self.disk.open(&path, OpenMode::ReadWrite) {
                    Ok(file) => Some(file),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                    Err(source) => return Err(io(source)),
                });
            }
            let Some(Some(file)) = segments.get(&base) else {
                continue;
            };
            put_back(&entry, &**file).map_err(io)?;
            let before = applied.map_or(0, |applied| applied.bytes_written);
            applied = Some(Applied {
                end: entry.stretch.end,
                sequence: entry.sequence,
                bytes_written: before + entry.stretch.len as u64,
            });
        }
        // DURABILITY: the entries go only when what they say is on disk elsewhere.
        for (base, file) in &segments {
            let Some(file) = file else { continue };
            let path = paths::segment_file(&dir, *base, paths::LOG);
            file.sync_data()
                .map_err(|source| StorageError::io(&path, source))?;
        }
        Ok(applied)
    }
}

/// Writes the bytes of an entry into the segment file, even if they seem to be there: after
/// a sync that failed the page cache shows bytes that no disk has and no sync would write.
fn put_back(entry: &Found, segment: &dyn File) -> std::io::Result<()> {
    let mut bytes = vec![0; entry.stretch.len];
    if entry.file.read_full_at(&mut bytes, entry.at)? < bytes.len() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    segment.write_all_at(&bytes, entry.stretch.position)
}

/// What was done for one log.
#[derive(Clone, Copy)]
struct Applied {
    end: Offset,
    sequence: u64,
    bytes_written: u64,
}

/// The key of a file, from its first page or from the copy at its end. A file without was never
/// finished, or is rotten.
fn key_of(file: &dyn File, len: u64, page: &mut [u8]) -> std::io::Result<Option<block::Key>> {
    let (mut is_blank, mut unreadable) = (true, None);
    for position in [0, len.saturating_sub(ALIGN as u64)] {
        page.fill(0);
        match file.read_full_at(page, position) {
            Ok(read) => {
                if let Some(key) = block::key_of(&page[..read]) {
                    if position > 0 {
                        tracing::warn!("a file of the write-ahead log has lost its first page");
                    }
                    return Ok(Some(key));
                }
            }
            Err(error) => unreadable = Some(error),
        }
        is_blank &= page.iter().all(|byte| *byte == 0);
    }
    if let Some(error) = unreadable {
        return Err(error);
    }
    if !is_blank {
        tracing::error!("a file of the write-ahead log has lost its key, and all that is in it");
    }
    Ok(None)
}

/// Shows the entries of all whole blocks of a file, with the sequence and the position of their
/// block; returns the last sequence. What lies behind the last block is older: the file was used
/// before.
pub(crate) fn read_file(
    file: &dyn File,
    each: &mut dyn FnMut(u64, u64, Entry<'_>),
) -> std::io::Result<u64> {
    let len = file.len()?;
    let mut start = vec![0; ALIGN];
    let Some(key) = key_of(file, len, &mut start)? else {
        return Ok(0);
    };
    let (mut position, mut last, mut damaged) = (ALIGN as u64, 0, None);
    let mut block = Vec::new();
    while position < len {
        let mut step = ALIGN as u64;
        let read = file.read_full_at(&mut start[..block::HEAD_LEN], position)?;
        let head = block::head(&start[..read], &key);
        let head = head.filter(|head| head.sequence > last && head.len as u64 <= len - position);
        if let Some(head) = head {
            block.resize(head.len, 0);
            let read = file.read_full_at(&mut block, position)?;
            if let Some(entries) = block::parse(&block[..read], &key) {
                if let Some(sequence) = damaged.take().filter(|lost| *lost < head.sequence) {
                    tracing::error!(sequence, "a block of the write-ahead log is damaged");
                }
                for entry in entries {
                    each(head.sequence, position, entry);
                }
                last = head.sequence;
                step = head.len.next_multiple_of(ALIGN) as u64;
            } else {
                damaged = Some(head.sequence);
            }
        }
        position += step;
    }
    Ok(last)
}
