//! Walking the batches of a file from front to back, believing none before its checksum.
//!
//! For files that are read once and whole: snapshots of the metadata, and logs of a Kafka broker
//! that are imported. What a partition serves goes through its log instead.

use std::io;
use std::path::Path;
use std::sync::Arc;

use highwater_disk::{Disk, File, OpenMode};
use highwater_records::{BatchHeader, BatchView, HEADER_LEN};

/// Bytes read at a time, unless a batch is larger.
const WINDOW_BYTES: usize = 1024 * 1024;

/// Why a file does not go on with a whole batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchFileError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What is there is no batch, or not all of one.
    #[error("at byte {position}: {why}")]
    Damaged {
        /// Where the batch should begin.
        position: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A file of batches, and how far it has been read.
pub(crate) struct BatchFile {
    file: Arc<dyn File>,
    len: u64,
    /// Where the window begins in the file.
    window_start: u64,
    window: Vec<u8>,
    /// Where the next batch begins in the window.
    at: usize,
}

impl BatchFile {
    /// Opens a file for reading.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::Read)?;
        let len = file.len()?;
        Ok(Self {
            file,
            len,
            window_start: 0,
            window: Vec::new(),
            at: 0,
        })
    }

    /// Where the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.window_start + self.at as u64
    }

    /// The next batch, its checksum verified, and where it lies; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, BatchView<'_>)>, BatchFileError> {
        let position = self.position();
        let rest = self.len.saturating_sub(position);
        if rest == 0 {
            return Ok(None);
        }
        self.fill(HEADER_LEN)?;
        let header = BatchHeader::parse(&self.window[self.at..])
            .map_err(|error| damaged(position, error.to_string()))?;
        let len = header.total_len();
        if len as u64 > rest {
            let why = format!("a batch of {len} bytes is cut after {rest}");
            return Err(damaged(position, why));
        }
        self.fill(len)?;
        let bytes = self.window.get(self.at..self.at + len);
        let bytes = bytes.ok_or_else(|| damaged(position, "the file has become shorter".into()))?;
        let view = BatchView { header, bytes };
        if !view.crc_matches() {
            let why = format!(
                "the batch at offset {} fails its checksum",
                header.base_offset
            );
            return Err(damaged(position, why));
        }
        self.at += len;
        Ok(Some((position, view)))
    }

    /// Sees to it that so many bytes from the next batch on are in the window, if the file has
    /// them. No more is ever asked for than the file has.
    fn fill(&mut self, need: usize) -> io::Result<()> {
        let have = self.window.len() - self.at;
        if have >= need {
            return Ok(());
        }
        self.window.drain(..self.at);
        self.window_start += self.at as u64;
        self.at = 0;
        let unread = self.len.saturating_sub(self.window_start + have as u64);
        let more = (need - have).max(WINDOW_BYTES) as u64;
        let more = usize::try_from(more.min(unread)).unwrap_or(usize::MAX);
        self.window.resize(have + more, 0);
        let position = self.window_start + have as u64;
        let read = self.file.read_full_at(&mut self.window[have..], position)?;
        self.window.truncate(have + read);
        Ok(())
    }
}

fn damaged(position: u64, why: String) -> BatchFileError {
    BatchFileError::Damaged { position, why }
}

#[cfg(test)]
mod tests {
    use highwater_disk::FaultyDisk;
    use highwater_records::{BatchSpec, RecordBatchBuilder};
    use highwater_types::Offset;

    use super::*;

    fn batch(offset: i64, value_len: usize) -> Vec<u8> {
        let mut builder = RecordBatchBuilder::new(BatchSpec {
            base_offset: Offset(offset),
            ..BatchSpec::default()
        });
        builder
            .append(1, None, Some(&vec![7; value_len]), &[])
            .unwrap();
        builder.finish().unwrap()
    }

    fn disk_with(bytes: &[u8]) -> FaultyDisk {
        let disk = FaultyDisk::new();
        let file = disk.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        disk
    }

    fn walk(bytes: &[u8]) -> (Vec<(u64, i64)>, Option<BatchFileError>) {
        let disk = disk_with(bytes);
        let mut file = BatchFile::open(&disk, Path::new("/f")).unwrap();
        let mut found = Vec::new();
        loop {
            match file.next() {
                Ok(Some((position, view))) => found.push((position, view.header.base_offset.0)),
                Ok(None) => return (found, None),
                Err(error) => return (found, Some(error)),
            }
        }
    }

    #[test]
    fn batches_larger_than_the_window_and_across_its_edge_are_whole() {
        let sizes = [10, WINDOW_BYTES - 100, 3 * WINDOW_BYTES, 0, 500];
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (offset, len) in sizes.into_iter().enumerate() {
            expected.push((bytes.len() as u64, offset as i64));
            bytes.extend(batch(offset as i64, len));
        }
        let (found, error) = walk(&bytes);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found, expected);
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_found_or_changes_no_record() {
        let first = batch(0, 30);
        let whole = [first.clone(), batch(1, 40)].concat();
        for at in 0..whole.len() {
            let (found, error) = walk(&whole[..at]);
            let is_an_end = at == 0 || at == first.len();
            assert_eq!(error.is_none(), is_an_end, "cut at {at}");
            assert_eq!(found.len(), usize::from(at >= first.len()));
        }
        // Base offset and leader epoch are outside the checksum; their neighbours vouch for them.
        for at in (0..first.len()).filter(|at| !(0..8).contains(at) && !(12..16).contains(at)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            let (found, error) = walk(&bytes);
            assert!(error.is_some() && found.is_empty(), "byte {at}");
        }
    }
}
