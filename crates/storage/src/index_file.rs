//! `.index` and `.timeindex`: sparse ways into a segment.
//!
//! An entry of the offset index is the last offset of a batch less the base offset of the
//! segment (4 bytes) and the position of that batch (4). An entry of the time index is the
//! largest time up to some batch (8) and the offset of the batch that has it, relative too (4).
//! Both kinds rise strictly. An index is only ever a hint: what it points to is checked against
//! the segment, and an index that lies is rebuilt.

use std::io;
use std::sync::Arc;

use highwater_disk::{File, Mapping};
use highwater_types::Offset;

use crate::handles::Cached;

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
    let (entries, rest) = bytes.as_chunks::<OFFSET_ENTRY_LEN>();
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| OffsetEntry::from_bytes(*entry))
        .collect();
    offsets_rise(&entries, segment_bytes)
        .then_some(entries)
        .filter(|_| rest.is_empty())
}

fn offsets_rise(entries: &[OffsetEntry], segment_bytes: u64) -> bool {
    let rises = |pair: &[OffsetEntry]| {
        pair[0].relative_offset < pair[1].relative_offset && pair[0].position < pair[1].position
    };
    entries.windows(2).all(rises)
        && entries
            .last()
            .is_none_or(|last| u64::from(last.position) < segment_bytes)
}

/// The entries of a whole time index, or `None` if they do not rise.
pub(crate) fn parse_time_index(bytes: &[u8]) -> Option<Vec<TimeEntry>> {
    let (entries, rest) = bytes.as_chunks::<TIME_ENTRY_LEN>();
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| TimeEntry::from_bytes(*entry))
        .collect();
    let rises = |pair: &[TimeEntry]| {
        pair[0].timestamp_ms < pair[1].timestamp_ms
            && pair[0].relative_offset < pair[1].relative_offset
    };
    entries
        .windows(2)
        .all(rises)
        .then_some(entries)
        .filter(|_| rest.is_empty())
}

/// Where the entries of an index are read from.
#[derive(Clone, Debug)]
pub(crate) enum IndexEntries {
    /// A closed segment's, mapped.
    Mapped(Arc<Cached<Box<dyn Mapping>>>),
    /// The written part of an active segment's: so many bytes of the file.
    File(Arc<dyn File>, u64),
}

impl IndexEntries {
    fn len(&self, entry_len: usize) -> usize {
        match self {
            Self::Mapped(map) => map.value.len() / entry_len,
            Self::File(_, bytes) => *bytes as usize / entry_len,
        }
    }

    fn entry<const N: usize>(&self, at: usize) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        match self {
            Self::Mapped(map) => out.copy_from_slice(&map.value[at * N..(at + 1) * N]),
            Self::File(file, _) => {
                if file.read_full_at(&mut out, (at * N) as u64)? < N {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Ok(out)
    }

    fn last_where<const N: usize>(
        &self,
        holds: impl Fn([u8; N]) -> bool,
    ) -> io::Result<Option<[u8; N]>> {
        let (mut low, mut high) = (0, self.len(N));
        while low < high {
            let middle = low.midpoint(high);
            if holds(self.entry(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1).map(|at| self.entry(at)).transpose()
    }

    /// The last entry of an offset index that is not behind the offset.
    pub(crate) fn find_offset(
        &self,
        base: Offset,
        offset: Offset,
    ) -> io::Result<Option<OffsetEntry>> {
        let not_behind = |entry| {
            let entry = OffsetEntry::from_bytes(entry);
            base + i64::from(entry.relative_offset) <= offset
        };
        Ok(self.last_where(not_behind)?.map(OffsetEntry::from_bytes))
    }
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
