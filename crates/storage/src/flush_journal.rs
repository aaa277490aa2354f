//! `highwater-flushed-ends`: up to which offset each log of a directory is known to be on disk.
//!
//! Kafka's recovery-point checkpoint is rewritten whole and therefore rarely. This file is
//! appended to several times a second, so that after a crash little has to be scanned, and so
//! that rot in front of the flushed end is told from a torn tail behind it.
//!
//! It starts with the eight bytes `HWFLUSH1`. Frames follow: length of the payload (4 bytes,
//! big endian, as all integers), CRC-32C of the payload (4), payload. A payload is a row of
//! items: `1`, id (4), topic id (16), partition (4), length of the name (2), topic name gives
//! a number to a log; `2`, id (4), flushed end (8), log start (8) states both; `3`, id (4)
//! forgets a log; `4`, id (4), sequence (8) makes void what blocks of the write-ahead log up to
//! that one say of it. A later statement replaces an earlier one. Reading stops at the first frame
//! that is not whole.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::{Disk, File, OpenMode};
use highwater_types::{Offset, TopicId, TopicName, TopicPartition};

use crate::checkpoint::{Durable, FILE_BYTES_MAX, replace_file};
use crate::error::StorageError;
use crate::take::{number, take};

pub(crate) const FILE_NAME: &str = "highwater-flushed-ends";
const MAGIC: &[u8; 8] = b"HWFLUSH1";
const FRAME_HEAD_LEN: usize = 8;

/// What is known durably of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushedEnd {
    /// The incarnation of the topic.
    pub topic_id: TopicId,
    /// Everything below was on disk.
    pub flushed_end: Offset,
    /// Everything below may be deleted.
    pub log_start: Offset,
    /// Blocks of the write-ahead log up to this one say nothing of the log any more.
    pub wal_sequence: u64,
}

#[derive(Debug)]
struct Entry {
    id: u32,
    known: FlushedEnd,
}

/// The open journal of a directory.
#[derive(Debug)]
pub(crate) struct FlushJournal {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    len: u64,
    next_id: u32,
    entries: HashMap<TopicPartition, Entry>,
    bytes_max: u64,
    /// Why the journal of the last run could not be read.
    pub(crate) unreadable: Option<io::Error>,
}

/// Reads the statements of a journal; also how many bytes of it are whole.
pub fn parse(bytes: &[u8]) -> (HashMap<TopicPartition, FlushedEnd>, u64) {
    let (entries, valid, _) = replay(bytes);
    (
        entries
            .into_iter()
            .map(|(tp, entry)| (tp, entry.known))
            .collect(),
        valid,
    )
}

fn replay(bytes: &[u8]) -> (HashMap<TopicPartition, Entry>, u64, u32) {
    let mut names: HashMap<u32, TopicPartition> = HashMap::new();
    let mut entries = HashMap::new();
    let mut rest = bytes;
    if take(&mut rest, MAGIC.len()) != Some(MAGIC) {
        return (entries, 0, 0);
    }
    let mut valid = MAGIC.len();
    while let Some(payload) = whole_frame(rest) {
        if apply(payload, &mut names, &mut entries).is_none() {
            break;
        }
        valid += FRAME_HEAD_LEN + payload.len();
        rest = &bytes[valid..];
    }
    let next_id = names.keys().max().map_or(0, |id| id.saturating_add(1));
    (entries, valid as u64, next_id)
}

fn whole_frame(mut rest: &[u8]) -> Option<&[u8]> {
    let len = u32::from_be_bytes(number(&mut rest)?) as usize;
    let crc = u32::from_be_bytes(number(&mut rest)?);
    let payload = take(&mut rest, len)?;
    (len > 0 && crc32c::crc32c(payload) == crc).then_some(payload)
}

fn apply(
    mut items: &[u8],
    names: &mut HashMap<u32, TopicPartition>,
    entries: &mut HashMap<TopicPartition, Entry>,
) -> Option<()> {
    while let Some([kind]) = number(&mut items) {
        let id = u32::from_be_bytes(number(&mut items)?);
        match kind {
            1 => {
                let topic_id = TopicId(number(&mut items)?);
                let partition = i32::from_be_bytes(number(&mut items)?);
                let len = u16::from_be_bytes(number(&mut items)?);
                let name = std::str::from_utf8(take(&mut items, usize::from(len))?).ok()?;
                let tp = TopicPartition::new(TopicName::new(name).ok()?, partition.into());
                let known = FlushedEnd {
                    topic_id,
                    flushed_end: Offset::ZERO,
                    log_start: Offset::ZERO,
                    wal_sequence: 0,
                };
                names.insert(id, tp.clone());
                entries.insert(tp, Entry { id, known });
            }
            2 => {
                let flushed_end = Offset(i64::from_be_bytes(number(&mut items)?));
                let log_start = Offset(i64::from_be_bytes(number(&mut items)?));
                if let Some(entry) = names.get(&id).and_then(|tp| entries.get_mut(tp))
                    && entry.id == id
                {
                    entry.known.flushed_end = flushed_end;
                    entry.known.log_start = log_start;
                }
            }
            3 => {
                if let Some(tp) = names.remove(&id)
                    && entries.get(&tp).is_some_and(|entry| entry.id == id)
                {
                    entries.remove(&tp);
                }
            }
            4 => {
                let sequence = u64::from_be_bytes(number(&mut items)?);
                if let Some(entry) = names.get(&id).and_then(|tp| entries.get_mut(tp))
                    && entry.id == id
                {
                    entry.known.wal_sequence = sequence;
                }
            }
            _ => return None,
        }
    }
    Some(())
}

fn put_name(out: &mut Vec<u8>, id: u32, tp: &TopicPartition, topic_id: TopicId) {
    out.push(1);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&topic_id.0);
    out.extend_from_slice(&tp.partition.0.to_be_bytes());
    out.extend_from_slice(&(tp.topic.as_str().len() as u16).to_be_bytes());
    out.extend_from_slice(tp.topic.as_str().as_bytes());
}

fn put_ends(out: &mut Vec<u8>, id: u32, known: FlushedEnd) {
    out.push(2);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&known.flushed_end.0.to_be_bytes());
    out.extend_from_slice(&known.log_start.0.to_be_bytes());
}

fn put_wal_sequence(out: &mut Vec<u8>, id: u32, known: FlushedEnd) {
    out.push(4);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&known.wal_sequence.to_be_bytes());
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_HEAD_LEN + payload.len());
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_be_bytes());
    out.extend_from_slice(payload);
    out
}

impl FlushJournal {
    /// Reads what is there. A journal that cannot be read counts as empty, with a warning.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path, bytes_max: u64) -> Self {
        let path = dir.join(FILE_NAME);
        let (bytes, unreadable) = match disk.read_file(&path, FILE_BYTES_MAX) {
            Ok(bytes) => (bytes, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read the journal of flushed ends");
                (Vec::new(), Some(error))
            }
        };
        let (entries, valid, next_id) = replay(&bytes);
        if valid < bytes.len() as u64 {
            // The last frame may have been under way when the process ended.
            tracing::info!(path = %path.display(), valid, "the journal of flushed ends has a torn end");
        }
        Self {
            disk,
            path,
            file: None,
            len: 0,
            next_id,
            entries,
            bytes_max,
            unreadable,
        }
    }

    pub(crate) fn get(&self, tp: &TopicPartition) -> Option<FlushedEnd> {
        self.entries.get(tp).map(|entry| entry.known)
    }

    /// The last block of the write-ahead log of which any statement knows.
    pub(crate) fn wal_sequence_max(&self) -> u64 {
        let known = self.entries.values().map(|entry| entry.known.wal_sequence);
        known.max().unwrap_or(0)
    }

    /// States ends durably. What was said of the write-ahead log is never taken back.
    pub(crate) fn record(
        &mut self,
        statements: &[(&TopicPartition, FlushedEnd)],
    ) -> Result<(), StorageError> {
        let mut payload = Vec::with_capacity(statements.len() * 21);
        for (tp, known) in statements {
            let same = self
                .entries
                .get(*tp)
                .filter(|e| e.known.topic_id == known.topic_id);
            let (id, sequence) = match same {
                Some(entry) => (entry.id, entry.known.wal_sequence),
                None => {
                    let id = self.next_id;
                    self.next_id += 1;
                    put_name(&mut payload, id, tp, known.topic_id);
                    (id, 0)
                }
            };
            let mut known = *known;
            put_ends(&mut payload, id, known);
            if known.wal_sequence > sequence {
                put_wal_sequence(&mut payload, id, known);
            }
            known.wal_sequence = known.wal_sequence.max(sequence);
            self.entries.insert((*tp).clone(), Entry { id, known });
        }
        self.append(&payload)
    }

    /// Forgets logs; not durable by itself, because an entry of a log that is gone does no harm.
    pub(crate) fn forget(&mut self, tp: &TopicPartition) -> Result<(), StorageError> {
        let Some(entry) = self.entries.remove(tp) else {
            return Ok(());
        };
        let mut payload = vec![3];
        payload.extend_from_slice(&entry.id.to_be_bytes());
        let bytes = frame(&payload);
        if let Some(file) = &self.file {
            let write = file.write_all_at(&bytes, self.len);
            write.map_err(|source| StorageError::io(&self.path, source))?;
            self.len += bytes.len() as u64;
        }
        Ok(())
    }

    fn append(&mut self, payload: &[u8]) -> Result<(), StorageError> {
        if payload.is_empty() {
            return Ok(());
        }
        let Some(file) = self.file.as_ref().filter(|_| self.len < self.bytes_max) else {
            return self.rewrite();
        };
        let bytes = frame(payload);
        let result = file
            .write_all_at(&bytes, self.len)
            .and_then(|()| file.sync_data());
        if let Err(source) = result {
            // What of it is on disk is not known, and names may be missing that later
            // statements rely on: the next one begins a new journal.
            self.file = None;
            return Err(StorageError::io(&self.path, source));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Writes a new journal of what is known now, in the place of the old one.
    pub(crate) fn rewrite(&mut self) -> Result<(), StorageError> {
        let mut bytes = MAGIC.to_vec();
        let mut payload = Vec::new();
        for (tp, entry) in &self.entries {
            put_name(&mut payload, entry.id, tp, entry.known.topic_id);
            put_ends(&mut payload, entry.id, entry.known);
            if entry.known.wal_sequence > 0 {
                put_wal_sequence(&mut payload, entry.id, entry.known);
            }
        }
        if !payload.is_empty() {
            bytes.extend_from_slice(&frame(&payload));
        }
        replace_file(&*self.disk, &self.path, &bytes, Durable::Yes)?;
        let open = self.disk.open(&self.path, OpenMode::ReadWrite);
        self.file = Some(open.map_err(|source| StorageError::io(&self.path, source))?);
        self.len = bytes.len() as u64;
        self.bytes_max = self.bytes_max.max(self.len.saturating_mul(4));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_disk::{CrashImage, FaultyDisk};

    fn tp(text: &str) -> TopicPartition {
        TopicPartition::from_dir_name(text).unwrap()
    }

    fn end(id: u8, end: i64) -> FlushedEnd {
        FlushedEnd {
            topic_id: TopicId([id; 16]),
            flushed_end: Offset(end),
            log_start: Offset(0),
            wal_sequence: 0,
        }
    }

    fn open(disk: &FaultyDisk) -> FlushJournal {
        FlushJournal::open(Arc::new(disk.clone()), Path::new("/"), 300)
    }

    #[test]
    fn what_was_recorded_is_known_after_a_power_cut_and_after_rewrites() {
        let disk = FaultyDisk::new();
        let mut journal = open(&disk);
        for at in 0..100 {
            journal
                .record(&[(&tp("a-0"), end(1, at)), (&tp("b-1"), end(2, at * 2))])
                .unwrap();
            let after = open(&disk.crash(CrashImage::Synced));
            assert_eq!(after.get(&tp("a-0")), Some(end(1, at)));
            assert_eq!(after.get(&tp("b-1")), Some(end(2, at * 2)));
        }
    }

    #[test]
    fn a_new_incarnation_replaces_the_old_one() {
        let disk = FaultyDisk::new();
        let mut journal = open(&disk);
        journal.record(&[(&tp("a-0"), end(1, 50))]).unwrap();
        journal.record(&[(&tp("a-0"), end(2, 3))]).unwrap();
        assert_eq!(open(&disk).get(&tp("a-0")), Some(end(2, 3)));
        journal.forget(&tp("a-0")).unwrap();
        assert_eq!(open(&disk).get(&tp("a-0")), None);
    }

    #[test]
    fn damage_anywhere_leaves_a_prefix_of_the_truth() {
        let disk = FaultyDisk::new();
        let mut journal = open(&disk);
        for at in 1..=5 {
            journal.record(&[(&tp("a-0"), end(1, at))]).unwrap();
        }
        let bytes = disk.bytes(&Path::new("/").join(FILE_NAME)).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            let (known, valid) = parse(&damaged);
            assert!(valid <= at as u64);
            assert!(
                known
                    .values()
                    .all(|end| (1..=5).contains(&end.flushed_end.0))
            );
            let (_, valid) = parse(&bytes[..at]);
            assert!(valid <= at as u64);
        }
    }
}
