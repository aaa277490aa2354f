//! The indexes of the segment that is being written.
//!
//! Entries gather here and go to the files in pieces, so that an append touches one file only.
//! What is not written when the process ends is rebuilt from the segment.

use highwater_records::BatchHeader;
use highwater_types::Offset;

use crate::index_file::{OFFSET_ENTRY_LEN, OffsetEntry, TIME_ENTRY_LEN, TimeEntry};

/// Entries of either kind that may wait before they are written.
const WAITING_MAX: usize = 512;

/// The largest time of a segment and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    pub(crate) timestamp_ms: i64,
    /// Last offset of the first batch that has it.
    pub(crate) offset: Offset,
}

/// The end of both indexes.
#[derive(Clone, Debug)]
pub(crate) struct ActiveIndex {
    base: Offset,
    interval_bytes: u64,
    bytes_since_entry: u64,
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    last_time_ms: i64,
    pub(crate) max_timestamp: MaxTimestamp,
    /// Largest time of the first batch; rolling by time counts from it.
    pub(crate) first_timestamp_ms: Option<i64>,
    pub(crate) written_offset_bytes: u64,
    pub(crate) written_time_bytes: u64,
}

/// Where to look for an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// A batch that starts here ends with this offset; look from here on.
    At(OffsetEntry),
    /// In so many bytes of the index file.
    InFile(u64),
}

impl ActiveIndex {
    pub(crate) fn new(base: Offset, interval_bytes: u64) -> Self {
        Self {
            base,
            interval_bytes,
            bytes_since_entry: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            last_time_ms: -1,
            max_timestamp: MaxTimestamp {
                timestamp_ms: -1,
                offset: base,
            },
            first_timestamp_ms: None,
            written_offset_bytes: 0,
            written_time_bytes: 0,
        }
    }

    /// Continues indexes whose files hold entries already.
    pub(crate) fn continue_files(
        &mut self,
        offset_bytes: u64,
        times: Option<TimeEntry>,
        time_bytes: u64,
    ) {
        self.written_offset_bytes = offset_bytes;
        self.written_time_bytes = time_bytes;
        if let Some(last) = times {
            self.last_time_ms = last.timestamp_ms;
            let offset = self.base + i64::from(last.relative_offset);
            self.max_timestamp = MaxTimestamp {
                timestamp_ms: last.timestamp_ms,
                offset,
            };
        }
    }

    /// Takes note of a batch that was appended at a position.
    pub(crate) fn note(&mut self, header: &BatchHeader, position: u64) {
        let last_offset = header.last_offset();
        if self.first_timestamp_ms.is_none() {
            self.first_timestamp_ms = Some(header.max_timestamp_ms);
        }
        if header.max_timestamp_ms > self.max_timestamp.timestamp_ms {
            let timestamp_ms = header.max_timestamp_ms;
            self.max_timestamp = MaxTimestamp {
                timestamp_ms,
                offset: last_offset,
            };
        }
        if self.bytes_since_entry > self.interval_bytes {
            let relative_offset = (last_offset - self.base) as u32;
            self.offsets.push(OffsetEntry {
                relative_offset,
                position: position as u32,
            });
            self.note_time();
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += header.total_len() as u64;
    }

    /// Adds the largest time, unless it is in the index. Done with each offset entry and once
    /// more when the segment is closed, so that the last entry is the largest time of all.
    pub(crate) fn note_time(&mut self) {
        let MaxTimestamp {
            timestamp_ms,
            offset,
        } = self.max_timestamp;
        if timestamp_ms > self.last_time_ms {
            self.last_time_ms = timestamp_ms;
            self.times.push(TimeEntry {
                timestamp_ms,
                relative_offset: (offset - self.base) as u32,
            });
        }
    }

    /// Whether a further entry would make an index file larger than allowed.
    pub(crate) fn is_full(&self, bytes_max: u64) -> bool {
        let offset_bytes =
            self.written_offset_bytes + (self.offsets.len() * OFFSET_ENTRY_LEN) as u64;
        let time_bytes = self.written_time_bytes + (self.times.len() * TIME_ENTRY_LEN) as u64;
        offset_bytes + OFFSET_ENTRY_LEN as u64 > bytes_max
            || time_bytes + 2 * TIME_ENTRY_LEN as u64 > bytes_max
    }

    pub(crate) fn should_write(&self) -> bool {
        self.offsets.len() >= WAITING_MAX || self.times.len() >= WAITING_MAX
    }

    /// The waiting bytes of both files.
    pub(crate) fn waiting(&self) -> (Vec<u8>, Vec<u8>) {
        let offsets = self
            .offsets
            .iter()
            .flat_map(|entry| entry.to_bytes())
            .collect();
        (
            offsets,
            self.times
                .iter()
                .flat_map(|entry| entry.to_bytes())
                .collect(),
        )
    }

    /// What was waiting has been written.
    pub(crate) fn written(&mut self, offset_bytes: usize, time_bytes: usize) {
        self.offsets.drain(..offset_bytes / OFFSET_ENTRY_LEN);
        self.times.drain(..time_bytes / TIME_ENTRY_LEN);
        self.written_offset_bytes += offset_bytes as u64;
        self.written_time_bytes += time_bytes as u64;
    }

    /// Where to look for an offset.
    pub(crate) fn find_offset(&self, offset: Offset) -> Hint {
        let not_behind =
            |entry: &OffsetEntry| self.base + i64::from(entry.relative_offset) <= offset;
        match self.offsets.partition_point(not_behind).checked_sub(1) {
            Some(at) => Hint::At(self.offsets[at]),
            None => Hint::InFile(self.written_offset_bytes),
        }
    }

    /// The last waiting time entry that is earlier than the time.
    pub(crate) fn find_time_before(&self, timestamp_ms: i64) -> Option<TimeEntry> {
        let at = self
            .times
            .partition_point(|entry| entry.timestamp_ms < timestamp_ms);
        at.checked_sub(1).map(|at| self.times[at])
    }
}
