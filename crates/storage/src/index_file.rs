//! `.index` and `.timeindex`: sparse ways into a segment.
//!
//! An entry of the offset index is the last offset of a batch less the base offset of the
//! segment (4 bytes) and the position of that batch (4). An entry of the time index is the
//! largest time up to some batch (8) and the offset of the batch that has it, relative too (4).
//! Both kinds rise strictly. An index is only ever a hint: what it points to is checked against
//! the segment, and an index that lies is rebuilt.

use std::io;
use std::path::Path;

use highwater_disk::{Disk, Mapping, OpenMode};
use highwater_types::Offset;

pub(crate) const OFFSET_ENTRY_LEN: usize = 8;
pub(crate) const TIME_ENTRY_LEN: usize = 12;

/// An entry of the offset index, relative to the base offset of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Last offset of the batch, less the base offset of the segment.
    pub relative_offset: u32,
    /// Where the batch starts.
    pub position: u32,
}

/// An entry of the time index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// Largest time so far.
    pub timestamp_ms: i64,
    /// Last offset of the batch that has it, less the base offset of the segment.
    pub relative_offset: u32,
}

impl OffsetEntry {
    pub(crate) fn to_bytes(self) -> [u8; OFFSET_ENTRY_LEN] {
        let mut out = [0; OFFSET_ENTRY_LEN];
        out[..4].copy_from_slice(&self.relative_offset.to_be_bytes());
        out[4..].copy_from_slice(&self.position.to_be_bytes());
        out
    }

    pub(crate) fn from_bytes(bytes: [u8; OFFSET_ENTRY_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            relative_offset: u32::from_be_bytes([a, b, c, d]),
            position: u32::from_be_bytes([e, f, g, h]),
        }
    }
}

impl TimeEntry {
    pub(crate) fn to_bytes(self) -> [u8; TIME_ENTRY_LEN] {
        let mut out = [0; TIME_ENTRY_LEN];
        out[..8].copy_from_slice(&self.timestamp_ms.to_be_bytes());
        out[8..].copy_from_slice(&self.relative_offset.to_be_bytes());
        out
    }

    pub(crate) fn from_bytes(bytes: [u8; TIME_ENTRY_LEN]) -> Self {
        let mut time = [0; 8];
        time.copy_from_slice(&bytes[..8]);
        let mut offset = [0; 4];
        offset.copy_from_slice(&bytes[8..]);
        Self {
            timestamp_ms: i64::from_be_bytes(time),
            relative_offset: u32::from_be_bytes(offset),
        }
    }
}

/// The entries of a whole offset index, or `None` if they do not rise within the segment.
pub(crate) fn parse_offset_index(bytes: &[u8], segment_bytes: u64) -> Option<Vec<OffsetEntry>> {
    let (entries, _) = bytes.as_chunks();
    is_offset_index(bytes, segment_bytes).then(|| {
        let entries = entries.iter();
        entries
            .map(|entry| OffsetEntry::from_bytes(*entry))
            .collect()
    })
}

/// Whether entries rise within the segment, and nothing is left over.
pub(crate) fn is_offset_index(bytes: &[u8], segment_bytes: u64) -> bool {
    let (entries, rest) = bytes.as_chunks();
    let rises = |pair: &[[u8; OFFSET_ENTRY_LEN]]| {
        let (one, next) = (
            OffsetEntry::from_bytes(pair[0]),
            OffsetEntry::from_bytes(pair[1]),
        );
        one.relative_offset < next.relative_offset && one.position < next.position
    };
    let lies_within = |last: &[u8; OFFSET_ENTRY_LEN]| {
        u64::from(OffsetEntry::from_bytes(*last).position) < segment_bytes
    };
    rest.is_empty() && entries.windows(2).all(rises) && entries.last().is_none_or(lies_within)
}

/// The entries of a whole time index, or `None` if they do not rise.
pub(crate) fn parse_time_index(bytes: &[u8]) -> Option<Vec<TimeEntry>> {
    let (entries, _) = bytes.as_chunks();
    is_time_index(bytes).then(|| {
        let entries = entries.iter();
        entries.map(|entry| TimeEntry::from_bytes(*entry)).collect()
    })
}

/// Whether entries rise, and nothing is left over.
pub(crate) fn is_time_index(bytes: &[u8]) -> bool {
    let (entries, rest) = bytes.as_chunks();
    let rises = |pair: &[[u8; TIME_ENTRY_LEN]]| {
        let (one, next) = (
            TimeEntry::from_bytes(pair[0]),
            TimeEntry::from_bytes(pair[1]),
        );
        one.timestamp_ms < next.timestamp_ms && one.relative_offset < next.relative_offset
    };
    rest.is_empty() && entries.windows(2).all(rises)
}

/// How much of an index file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it: the segment is closed, and the file does not change any more.
    Whole,
    /// So many bytes: the segment is written to, and the file grows behind them.
    First(u64),
}

/// An index file as memory, or the front of one.
///
/// The memory stays good as long as the file does not become shorter under it. None does: an
/// index that is made anew gets a new file under the old name, and only a start cuts one in
/// place, before anything is mapped. A file that is removed keeps its bytes while it is mapped.
#[derive(Debug)]
pub(crate) struct MappedIndex {
    map: Box<dyn Mapping>,
    is_whole: bool,
}

impl MappedIndex {
    /// Maps as much of a file as is wanted; an error if the file is shorter.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, extent: Extent) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::Read)?;
        let len = match extent {
            Extent::Whole => file.len()?,
            Extent::First(bytes) => bytes,
        };
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Self {
            map: file.map(len)?,
            is_whole: extent == Extent::Whole,
        })
    }

    /// Reads the file, which must be done once before anything in it is looked at: a bad sector
    /// is then an index that has to be made anew.
    pub(crate) fn read_in(&self) -> io::Result<()> {
        self.map.read_in()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether all that is wanted is mapped.
    pub(crate) fn serves(&self, extent: Extent) -> bool {
        match extent {
            Extent::Whole => self.is_whole,
            Extent::First(bytes) => self.map.len() as u64 >= bytes,
        }
    }
}

/// The last entry that holds, of entries of which the first ones do.
fn last_where<const N: usize>(bytes: &[u8], holds: impl Fn(&[u8; N]) -> bool) -> Option<[u8; N]> {
    let (entries, _) = bytes.as_chunks::<N>();
    let at = entries.partition_point(holds).checked_sub(1)?;
    entries.get(at).copied()
}

/// The last entry of an offset index that is not behind the offset.
pub(crate) fn find_offset(bytes: &[u8], base: Offset, offset: Offset) -> Option<OffsetEntry> {
    let not_behind = |entry: &[u8; OFFSET_ENTRY_LEN]| {
        base + i64::from(OffsetEntry::from_bytes(*entry).relative_offset) <= offset
    };
    last_where(bytes, not_behind).map(OffsetEntry::from_bytes)
}

/// The last entry of a time index that is earlier than the time.
pub(crate) fn find_time_before(bytes: &[u8], timestamp_ms: i64) -> Option<TimeEntry> {
    let is_earlier =
        |entry: &[u8; TIME_ENTRY_LEN]| TimeEntry::from_bytes(*entry).timestamp_ms < timestamp_ms;
    last_where(bytes, is_earlier).map(TimeEntry::from_bytes)
}

/// The last entry of a time index.
pub(crate) fn last_time(bytes: &[u8]) -> Option<TimeEntry> {
    last_where(bytes, |_| true).map(TimeEntry::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_laid_out_as_kafka_does() {
        let offset = OffsetEntry {
            relative_offset: 0x0102,
            position: 0x0304,
        };
        assert_eq!(offset.to_bytes(), [0, 0, 1, 2, 0, 0, 3, 4]);
        assert_eq!(OffsetEntry::from_bytes(offset.to_bytes()), offset);
        let time = TimeEntry {
            timestamp_ms: 0x0506,
            relative_offset: 7,
        };
        assert_eq!(time.to_bytes(), [0, 0, 0, 0, 0, 0, 5, 6, 0, 0, 0, 7]);
        assert_eq!(TimeEntry::from_bytes(time.to_bytes()), time);
    }

    #[test]
    fn rubbish_is_no_index() {
        assert!(parse_offset_index(&[0; 16], 100).is_none());
        assert!(parse_offset_index(&[1; 7], 100).is_none());
        assert!(parse_offset_index(&[0xff; 8], 100).is_none());
        assert_eq!(parse_offset_index(&[], 0), Some(Vec::new()));
        assert!(parse_time_index(&[0; 24]).is_none());
        assert!(parse_time_index(&[0; 13]).is_none());
    }
}
