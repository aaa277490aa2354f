//! Walks over the batches of a segment file without trusting a byte of it.

use std::io;
use std::sync::Arc;

use highwater_disk::File;
use highwater_records::{BatchHeader, CRC_COVERED_FROM, HEADER_LEN};
use highwater_types::Offset;

/// Bytes that are read at once while only headers are looked at.
const HEADER_WINDOW_BYTES: usize = 4 << 10;
/// Bytes that are read at once while whole batches are checked.
const CHECK_WINDOW_BYTES: usize = 256 << 10;

/// What stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A batch that lies within the bounds; its checksum has not been looked at.
    Batch(BatchHeader),
    /// The end of the segment, exactly.
    End,
    /// Something else, and why.
    Bad(&'static str),
}

/// Reads a segment file up to a fixed end.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn File>,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
    offset_limit: Offset,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn File>, end: u64) -> Self {
        let offset_limit = Offset(i64::MAX);
        Self {
            file,
            end,
            window: Vec::new(),
            window_at: 0,
            offset_limit,
        }
    }

    /// Tells that no batch may reach to `limit` or beyond.
    pub(crate) fn below(mut self, limit: Offset) -> Self {
        self.offset_limit = limit;
        self
    }

    /// The bytes from `position` on, at least `len` unless the segment ends before.
    fn bytes(&mut self, position: u64, len: usize, read_ahead: usize) -> io::Result<&[u8]> {
        let wanted = (len as u64).min(self.end.saturating_sub(position)) as usize;
        let window_end = self.window_at + self.window.len() as u64;
        if position < self.window_at || position + wanted as u64 > window_end {
            let size = (wanted.max(read_ahead) as u64).min(self.end.saturating_sub(position));
            self.window.resize(size as usize, 0);
            self.window_at = position;
            let read = self.file.read_full_at(&mut self.window, position)?;
            self.window.truncate(read);
        }
        let from = ((position - self.window_at) as usize).min(self.window.len());
        Ok(&self.window[from..])
    }

    /// The batch at a position, whose offsets must not be below `offset_min`.
    ///
    /// Checksums cover neither base offset nor length, and none is verified here as long as
    /// the next batch stands where this one ends and continues its offsets. Where it does not,
    /// the checksum tells which of the two is damaged.
    pub(crate) fn header(&mut self, position: u64, offset_min: Offset) -> io::Result<Found> {
        let found = self.header_within(position, offset_min, HEADER_WINDOW_BYTES)?;
        let Found::Batch(header) = found else {
            return Ok(found);
        };
        let behind = position + header.total_len() as u64;
        match self.header_within(behind, header.next_offset(), HEADER_WINDOW_BYTES)? {
            Found::Batch(_) => return Ok(found),
            Found::End if header.base_offset == offset_min => return Ok(found),
            Found::End | Found::Bad(_) => {}
        }
        self.verified(position, offset_min)
    }

    fn header_within(
        &mut self,
        position: u64,
        offset_min: Offset,
        read_ahead: usize,
    ) -> io::Result<Found> {
        if position >= self.end {
            return Ok(Found::End);
        }
        let room = self.end - position;
        let bytes = self.bytes(position, HEADER_LEN, read_ahead)?;
        Ok(match BatchHeader::parse(bytes) {
            Err(_) => Found::Bad("no batch header"),
            Ok(header) => check_header(&header, room, offset_min),
        })
    }

    /// The batch at a position if it is whole and its checksum is right.
    pub(crate) fn verified(&mut self, position: u64, offset_min: Offset) -> io::Result<Found> {
        let found = self.header_within(position, offset_min, CHECK_WINDOW_BYTES)?;
        let Found::Batch(header) = found else {
            return Ok(found);
        };
        let end = position + header.total_len() as u64;
        let mut at = position + CRC_COVERED_FROM as u64;
        let mut crc = 0;
        while at < end {
            let want = ((end - at) as usize).min(CHECK_WINDOW_BYTES);
            let bytes = self.bytes(at, want, CHECK_WINDOW_BYTES)?;
            if bytes.is_empty() {
                return Ok(Found::Bad("the file ends within a batch"));
            }
            let part = &bytes[..want.min(bytes.len())];
            crc = crc32c::crc32c_append(crc, part);
            at += part.len() as u64;
        }
        if crc != header.crc {
            return Ok(Found::Bad("wrong checksum"));
        }
        // Where offsets are left out in front of a batch, as compaction does, they may instead
        // have been changed; then the next batch does not follow.
        let is_gap = header.base_offset > offset_min;
        if is_gap && self.overlaps_next(end, &header)? {
            return Ok(Found::Bad("an offset that the next batch contradicts"));
        }
        Ok(found)
    }

    fn overlaps_next(&mut self, end: u64, header: &BatchHeader) -> io::Result<bool> {
        let bytes = self.bytes(end, HEADER_LEN, HEADER_WINDOW_BYTES)?;
        let next = BatchHeader::parse(bytes).ok();
        Ok(
            next.is_some_and(|next| next.base_offset < header.next_offset())
                || header.next_offset() > self.offset_limit,
        )
    }

    /// All bytes of a batch that [`Scanner::header`] has found.
    pub(crate) fn batch_bytes(&self, position: u64, header: &BatchHeader) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; header.total_len()];
        let read = self.file.read_full_at(&mut bytes, position)?;
        if read < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }

    /// The first whole batch at or behind a position, whatever lies in between.
    pub(crate) fn resync(
        &mut self,
        mut position: u64,
        offset_min: Offset,
    ) -> io::Result<Option<(u64, BatchHeader)>> {
        while position < self.end {
            let room = self.end - position;
            let bytes = self.bytes(position, HEADER_LEN, CHECK_WINDOW_BYTES)?;
            if bytes.len() < HEADER_LEN {
                return Ok(None);
            }
            let candidate = bytes.windows(HEADER_LEN).enumerate().find(|(at, head)| {
                head[16] == 2
                    && BatchHeader::parse(head).is_ok_and(|header| {
                        let fits = check_header(&header, room - *at as u64, offset_min);
                        matches!(fits, Found::Batch(_))
                    })
            });
            let Some((skipped, _)) = candidate else {
                position += (bytes.len() - HEADER_LEN + 1) as u64;
                continue;
            };
            position += skipped as u64;
            if let Found::Batch(header) = self.verified(position, offset_min)? {
                return Ok(Some((position, header)));
            }
            position += 1;
        }
        Ok(None)
    }

    /// Whether only zeros follow, as space that was sized ahead leaves them.
    pub(crate) fn is_zero_from(&mut self, mut position: u64) -> io::Result<bool> {
        while position < self.end {
            let bytes = self.bytes(position, 1, CHECK_WINDOW_BYTES)?;
            if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
                return Ok(bytes.is_empty());
            }
            position += bytes.len() as u64;
        }
        Ok(true)
    }
}

fn check_header(header: &BatchHeader, room: u64, offset_min: Offset) -> Found {
    if header.total_len() as u64 > room {
        Found::Bad("a batch longer than the file")
    } else if header.last_offset_delta < 0 || header.record_count < 0 {
        Found::Bad("negative counts")
    } else if header.base_offset < offset_min
        || header
            .base_offset
            .0
            .checked_add(i64::from(header.last_offset_delta) + 1)
            .is_none()
    {
        Found::Bad("an offset out of order")
    } else {
        Found::Batch(*header)
    }
}
