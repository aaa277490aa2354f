//! The heads of the records of a compressed batch, read window by window.
//!
//! What a leader must know of a record fits in a few bytes; keys, values and headers are
//! skipped. So a batch is checked with one window of memory whatever it decompresses to.
//! The stream is for appending: it refuses LZ4 frames that some consumers cannot read.

use crate::decompress::{Decoder, DecompressError, codec_of};
use crate::lz4::Lz4Blocks;
use crate::varint::{self, Assembler};
use crate::{BatchView, RecordFault, RecordView, Scratch};

/// Of one record, what the checks of a leader look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Timestamp less the base timestamp of the batch, in milliseconds.
    pub timestamp_delta: i64,
    /// Offset less the base offset of the batch.
    pub offset_delta: i32,
    /// Whether there is a key.
    pub has_key: bool,
}

impl From<&RecordView<'_>> for RecordHead {
    #[inline(always)]
    fn from(record: &RecordView<'_>) -> Self {
        Self {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            has_key: record.key.is_some(),
        }
    }
}

/// Why a stream gives no next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The compressed bytes cannot be used.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// The decompressed bytes are no records.
    #[error(transparent)]
    Record(#[from] RecordFault),
}

/// Decompresses a batch and gives the heads of its records.
pub struct RecordStream<'a, 's> {
    decoder: Decoder<'a>,
    scratch: &'s mut Scratch,
    window: Vec<u8>,
    at: usize,
    end: usize,
    produced: usize,
    limit_bytes: usize,
}

/// Bytes of a record that are still to come; reading past them is a fault of the record.
struct Body {
    left: usize,
    /// What it means when the stream ends before the record does.
    cut: RecordFault,
}

impl<'a, 's> RecordStream<'a, 's> {
    /// Starts on the records of `batch`, which may decompress to `limit_bytes`.
    pub fn new(
        batch: &BatchView<'a>,
        scratch: &'s mut Scratch,
        limit_bytes: usize,
    ) -> Result<Self, DecompressError> {
        let decoder = Decoder::new(codec_of(batch)?, batch.payload(), Lz4Blocks::Independent);
        let window = scratch.take_window();
        Ok(Self {
            decoder,
            scratch,
            window,
            at: 0,
            end: 0,
            produced: 0,
            limit_bytes,
        })
    }

    /// The next record, all of whose lengths have been checked.
    #[inline]
    pub fn next_head(&mut self) -> Result<RecordHead, StreamError> {
        if self.at == self.end && !self.refill()? {
            return Err(RecordFault::Missing.into());
        }
        let ready = self.window.get(self.at..self.end).unwrap_or_default();
        let mut rest = ready;
        if let Ok(length) = varint::take_i32(&mut rest)
            && usize::try_from(length).is_ok_and(|length| length <= rest.len())
        {
            let mut rest = ready;
            let record = RecordView::take(&mut rest)?;
            self.at = self.end - rest.len();
            return Ok(RecordHead::from(&record));
        }
        self.next_across_windows()
    }

    /// Makes sure that nothing follows the last record and that the compressed data ends as
    /// its format wants.
    pub fn finish(mut self) -> Result<(), StreamError> {
        if self.at < self.end || self.refill()? {
            return Err(RecordFault::Trailing {
                bytes: self.end - self.at,
            }
            .into());
        }
        Ok(())
    }

    /// Bytes that have come out so far.
    pub fn decompressed_bytes(&self) -> usize {
        self.produced
    }

    /// Replaces the window, of which everything has been read, by the next; false at the end.
    fn refill(&mut self) -> Result<bool, DecompressError> {
        let limit_bytes = self.limit_bytes;
        let room = limit_bytes - self.produced;
        self.at = 0;
        self.end = 0;
        let end = self
            .decoder
            .step(self.scratch, &mut self.window, 0, room)?
            .ok_or(DecompressError::TooLarge { limit_bytes })?;
        self.end = end;
        self.produced += end;
        Ok(end != 0)
    }

    #[cold]
    fn next_across_windows(&mut self) -> Result<RecordHead, StreamError> {
        let mut start = Body {
            left: varint::LEN_MAX,
            cut: RecordFault::Varint,
        };
        let length = varint::narrow(self.number(&mut start)?)?;
        let cut = RecordFault::Length { length };
        let mut body = Body {
            left: usize::try_from(length).map_err(|_| cut)?,
            cut,
        };
        self.byte(&mut body)?.ok_or(cut)?;
        let timestamp_delta = self.number(&mut body)?;
        let offset_delta = varint::narrow(self.number(&mut body)?)?;
        let has_key = self.skip_bytes(&mut body, |length| RecordFault::KeyLength { length })?;
        self.skip_bytes(&mut body, |length| RecordFault::ValueLength { length })?;
        let count = varint::narrow(self.number(&mut body)?)?;
        if !usize::try_from(count).is_ok_and(|count| count <= body.left / 2) {
            return Err(RecordFault::HeaderCount { count }.into());
        }
        for _ in 0..count {
            let fault = |length| RecordFault::HeaderKeyLength { length };
            if !self.skip_bytes(&mut body, fault)? {
                return Err(fault(-1).into());
            }
            self.skip_bytes(&mut body, |length| RecordFault::HeaderValueLength {
                length,
            })?;
        }
        if body.left != 0 {
            return Err(RecordFault::Leftover { bytes: body.left }.into());
        }
        Ok(RecordHead {
            timestamp_delta,
            offset_delta,
            has_key,
        })
    }

    /// The next byte of a record, `None` behind its end.
    fn byte(&mut self, body: &mut Body) -> Result<Option<u8>, StreamError> {
        if body.left == 0 {
            return Ok(None);
        }
        if self.at == self.end && !self.refill()? {
            return Err(body.cut.into());
        }
        let byte = self.window.get(self.at).copied();
        self.at += 1;
        body.left -= 1;
        Ok(byte)
    }

    fn number(&mut self, body: &mut Body) -> Result<i64, StreamError> {
        let mut number = Assembler::default();
        loop {
            let byte = self.byte(body)?.ok_or(RecordFault::Varint)?;
            if let Some(value) = number.push(byte)? {
                return Ok(value);
            }
        }
    }

    /// Skips a length and as many bytes; false if the length says that there are none.
    fn skip_bytes(
        &mut self,
        body: &mut Body,
        fault: impl Fn(i32) -> RecordFault,
    ) -> Result<bool, StreamError> {
        let length = varint::narrow(self.number(body)?)?;
        if length == -1 {
            return Ok(false);
        }
        let fits = usize::try_from(length).ok().filter(|len| *len <= body.left);
        let mut skip = fits.ok_or_else(|| fault(length))?;
        body.left -= skip;
        loop {
            let here = skip.min(self.end - self.at);
            self.at += here;
            skip -= here;
            if skip == 0 {
                return Ok(true);
            }
            if !self.refill()? {
                return Err(body.cut.into());
            }
        }
    }
}

impl Drop for RecordStream<'_, '_> {
    fn drop(&mut self) {
        self.scratch.put_window(std::mem::take(&mut self.window));
    }
}

#[cfg(test)]
mod tests;
