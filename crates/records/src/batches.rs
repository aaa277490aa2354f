//! Batches one behind the other, as files and fetch responses hold them.

use crate::decompress::{DecompressError, decompress_into};
use crate::{
    BatchHeader, ControlType, HEADER_LEN, HeaderError, Records, Scratch, control_type, crc_of,
};

/// Why the next bytes are not a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchesError {
    /// The batch goes on behind the bytes at hand. A fetch response may end so, and so does
    /// a segment whose last write was torn.
    #[error("a batch of {need} bytes is cut after {have}")]
    Truncated {
        /// Bytes of it that are there.
        have: usize,
        /// Bytes that it has, or that its header has if that is cut too.
        need: usize,
    },
    /// The bytes are no batch.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// A whole batch where it lies: decoded header and all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    /// The header.
    pub header: BatchHeader,
    /// The batch from its base offset to its end.
    pub bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the start of `bytes`. Its CRC is not checked.
    pub fn first(bytes: &'a [u8]) -> Result<Self, BatchesError> {
        let have = bytes.len();
        let header = match BatchHeader::parse(bytes) {
            Ok(header) => header,
            Err(HeaderError::Short { .. }) => {
                return Err(BatchesError::Truncated {
                    have,
                    need: HEADER_LEN,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let need = header.total_len();
        match bytes.get(..need) {
            Some(bytes) => Ok(Self { header, bytes }),
            None => Err(BatchesError::Truncated { have, need }),
        }
    }

    /// The bytes behind the header, compressed as the header says.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Whether the CRC of the header is that of the bytes.
    pub fn crc_matches(&self) -> bool {
        crc_of(self.bytes) == self.header.crc
    }

    /// The records, decompressed into `scratch` if they are compressed, to at most
    /// `limit_bytes`. The CRC is not checked.
    pub fn records<'s>(
        &self,
        scratch: &'s mut Scratch,
        limit_bytes: usize,
    ) -> Result<Records<'s>, DecompressError>
    where
        'a: 's,
    {
        // What compaction leaves of a batch for its producer alone has no compressed data.
        if self.payload().is_empty() && self.header.record_count == 0 {
            return Ok(Records::new(&[], 0));
        }
        let payload = decompress_into(self, scratch, limit_bytes)?;
        Ok(Records::new(payload, self.header.record_count))
    }

    /// What a control batch says, by its first record; `None` for a batch of data, and for one
    /// that cannot be read.
    pub fn control_type(&self, scratch: &mut Scratch, limit_bytes: usize) -> Option<ControlType> {
        if !self.header.attributes.is_control() {
            return None;
        }
        let first = self.records(scratch, limit_bytes).ok()?.next()?.ok()?;
        control_type(first.key).ok()
    }
}

/// Iterates over the batches of `bytes`; after an error the iteration is over.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches {
        bytes,
        position: 0,
        done: false,
    }
}

/// The batches of a byte slice.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    done: bool,
}

impl Batches<'_> {
    /// Where the next batch starts: behind the last whole one.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.position..)?;
        if self.done || rest.is_empty() {
            return None;
        }
        let batch = BatchView::first(rest);
        match &batch {
            Ok(view) => self.position += view.bytes.len(),
            Err(_) => self.done = true,
        }
        Some(batch)
    }
}

/// What stands at the start of some bytes of a log, as recovery wants to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// A whole batch with a true CRC.
    Valid(BatchHeader),
    /// A whole batch whose CRC is wrong.
    CrcMismatch {
        /// The header, of which nothing can be trusted but that it was parsed.
        header: BatchHeader,
        /// The CRC of the bytes.
        computed: u32,
    },
    /// No whole batch.
    Broken(BatchesError),
}

/// Looks at the batch at the start of `bytes` and verifies its CRC.
pub fn scan(bytes: &[u8]) -> Scanned {
    match BatchView::first(bytes) {
        Err(error) => Scanned::Broken(error),
        Ok(batch) => {
            let computed = crc_of(batch.bytes);
            if computed == batch.header.crc {
                Scanned::Valid(batch.header)
            } else {
                Scanned::CrcMismatch {
                    header: batch.header,
                    computed,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
