//! The batches of a segment file, one by one, so that a file of any size can be looked at.

use std::io;
use std::path::Path;
use std::sync::Arc;

use highwater_disk::{Disk, File, OpenMode};
use highwater_records::{BatchHeader, BatchView, HEADER_LEN, Scratch};
use highwater_types::Offset;
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;

use super::Records;

/// Bytes that are read at once while only headers are looked at.
const WINDOW_BYTES: usize = 64 << 10;

/// One batch of a segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedBatch {
    /// Where it starts.
    pub position: u64,
    /// Its header.
    pub header: BatchHeader,
    /// Whether the checksum is right.
    pub crc_is_valid: bool,
    /// Its records, if they were asked for and can be read.
    pub records: Vec<DumpedRecord>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order and with duplicates.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// A segment file, whose batches are read as this is iterated over; one is in memory at a time.
#[derive(Debug)]
pub struct DumpedSegment {
    file: Arc<dyn File>,
    position: u64,
    /// Where the last whole batch ends.
    end: u64,
    len: u64,
    records: Records,
    scratch: Scratch,
}

impl DumpedSegment {
    pub(super) fn open(disk: &dyn Disk, path: &Path, records: Records) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::Read)?;
        let len = file.len()?;
        let end = end_of_batches(&*file, len)?;
        Ok(Self {
            file,
            position: 0,
            end,
            len,
            records,
            scratch: Scratch::new(),
        })
    }

    /// Position of the first byte that is no whole batch.
    pub fn garbage_at(&self) -> Option<u64> {
        (self.end < self.len).then_some(self.end)
    }

    fn read(&mut self) -> io::Result<DumpedBatch> {
        let position = self.position;
        // Whatever happens, this is not tried again.
        self.position = self.end;
        let mut head = [0; HEADER_LEN];
        read_exact(&*self.file, &mut head, position)?;
        let header = BatchHeader::parse(&head).map_err(|_| changed())?;
        if header.total_len() as u64 > self.end - position {
            return Err(changed());
        }
        let mut bytes = vec![0; header.total_len()];
        read_exact(&*self.file, &mut bytes, position)?;
        self.position = position + bytes.len() as u64;
        let crc_is_valid = highwater_records::crc_of(&bytes) == header.crc;
        let records = match self.records {
            Records::Include if crc_is_valid => records_of(&bytes, &mut self.scratch),
            _ => Vec::new(),
        };
        Ok(DumpedBatch {
            position,
            header,
            crc_is_valid,
            records,
        })
    }
}

impl Iterator for DumpedSegment {
    type Item = io::Result<DumpedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.position < self.end).then(|| self.read())
    }
}

fn changed() -> io::Error {
    let why = "the file has changed while it was read";
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn read_exact(file: &dyn File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    if file.read_full_at(buffer, position)? < buffer.len() {
        return Err(changed());
    }
    Ok(())
}

fn end_of_batches(file: &dyn File, len: u64) -> io::Result<u64> {
    let (mut window, mut window_at) = (Vec::new(), 0);
    let mut position = 0;
    while position < len {
        if position + HEADER_LEN as u64 > window_at + window.len() as u64 {
            window.resize(WINDOW_BYTES, 0);
            window_at = position;
            let read = file.read_full_at(&mut window, position)?;
            window.truncate(read);
        }
        let from = (position - window_at) as usize;
        let Ok(header) = BatchHeader::parse(&window[from.min(window.len())..]) else {
            break;
        };
        if header.total_len() as u64 > len - position {
            break;
        }
        position += header.total_len() as u64;
    }
    Ok(position)
}

fn records_of(bytes: &[u8], scratch: &mut Scratch) -> Vec<DumpedRecord> {
    let Ok(view) = BatchView::first(bytes) else {
        return Vec::new();
    };
    let header = view.header;
    let Ok(found) = view.records(scratch, DECOMPRESSED_BATCH_BYTES_MAX) else {
        return Vec::new();
    };
    let dumped = found.flatten().map(|record| DumpedRecord {
        offset: record.offset(&header),
        timestamp_ms: record.timestamp_ms(&header),
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record
            .headers
            .iter()
            .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
            .collect(),
    });
    dumped.collect()
}
