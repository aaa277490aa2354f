//! One record, seen where it lies, and the walk over the records of a batch.
//!
//! | field | encoding |
//! |---|---|
//! | length of what follows | varint |
//! | attributes, unused | 1 byte |
//! | timestamp less the base timestamp | varint, 64 bits |
//! | offset less the base offset | varint |
//! | key length, −1 for none; key | varint, bytes |
//! | value length, −1 for none; value | varint, bytes |
//! | headers: count; then key length, key, value length (−1 for none), value | varints, bytes |

use highwater_types::Offset;

use crate::{BatchHeader, TimestampType, varint};

/// Fewest bytes that a record can have, its own length included.
pub const RECORD_LEN_MIN: usize = 7;

/// What is wrong with the bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// A varint is cut short or has more bits than its type.
    #[error("a varint is cut short or too large")]
    Varint,
    /// The length is negative or reaches past the batch.
    #[error("the record length {length} does not fit the batch")]
    Length {
        /// What the record says.
        length: i32,
    },
    /// The key reaches past the record.
    #[error("the key length {length} does not fit the record")]
    KeyLength {
        /// What the record says.
        length: i32,
    },
    /// The value reaches past the record.
    #[error("the value length {length} does not fit the record")]
    ValueLength {
        /// What the record says.
        length: i32,
    },
    /// More headers than there are bytes for them, or fewer than none.
    #[error("the header count {count} does not fit the record")]
    HeaderCount {
        /// What the record says.
        count: i32,
    },
    /// A header has no key, or its key reaches past the record.
    #[error("the header key length {length} does not fit the record")]
    HeaderKeyLength {
        /// What the record says.
        length: i32,
    },
    /// A header value reaches past the record.
    #[error("the header value length {length} does not fit the record")]
    HeaderValueLength {
        /// What the record says.
        length: i32,
    },
    /// The record is longer than its fields.
    #[error("{bytes} bytes of the record belong to no field")]
    Leftover {
        /// Bytes behind the last field.
        bytes: usize,
    },
    /// The records end before the count of the batch is reached.
    #[error("the batch ends before this record")]
    Missing,
    /// Bytes follow the last record.
    #[error("{bytes} bytes follow the last record")]
    Trailing {
        /// At least so many.
        bytes: usize,
    },
}

/// A record, borrowed from the decompressed bytes of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Unused by the format; kept as it came.
    pub attributes: u8,
    /// Timestamp less the base timestamp of the batch, in milliseconds.
    pub timestamp_delta: i64,
    /// Offset less the base offset of the batch.
    pub offset_delta: i32,
    /// The key, if there is one; an empty key is one.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order and with duplicates.
    pub headers: HeadersView<'a>,
}

#[inline(always)]
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

/// Takes bytes whose length −1 stands for none.
#[inline(always)]
fn take_nullable<'a>(
    bytes: &mut &'a [u8],
    fault: impl FnOnce(i32) -> RecordFault,
) -> Result<Option<&'a [u8]>, RecordFault> {
    let length = varint::take_i32(bytes)?;
    match usize::try_from(length) {
        Ok(len) => take(bytes, len).map(Some).ok_or_else(|| fault(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(fault(length)),
    }
}

impl<'a> RecordView<'a> {
    /// Takes one record off the front of `bytes`, every field of it checked.
    #[inline(always)]
    pub fn take(bytes: &mut &'a [u8]) -> Result<Self, RecordFault> {
        let length = varint::take_i32(bytes)?;
        let body = usize::try_from(length)
            .ok()
            .and_then(|len| take(bytes, len));
        Self::of_body(body.ok_or(RecordFault::Length { length })?)
    }

    #[inline(always)]
    fn of_body(mut body: &'a [u8]) -> Result<Self, RecordFault> {
        let Some((&attributes, rest)) = body.split_first() else {
            return Err(RecordFault::Length { length: 0 });
        };
        body = rest;
        let timestamp_delta = varint::take_i64(&mut body)?;
        let offset_delta = varint::take_i32(&mut body)?;
        let key = take_nullable(&mut body, |length| RecordFault::KeyLength { length })?;
        let value = take_nullable(&mut body, |length| RecordFault::ValueLength { length })?;
        let headers = HeadersView::take(&mut body)?;
        if !body.is_empty() {
            return Err(RecordFault::Leftover { bytes: body.len() });
        }
        Ok(Self {
            attributes,
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers,
        })
    }

    /// The offset of the record in its log.
    pub fn offset(&self, batch: &BatchHeader) -> Offset {
        Offset(
            batch
                .base_offset
                .0
                .wrapping_add(i64::from(self.offset_delta)),
        )
    }

    /// The timestamp that consumers see, in milliseconds since 1970-01-01 UTC.
    pub fn timestamp_ms(&self, batch: &BatchHeader) -> i64 {
        match batch.attributes.timestamp_type() {
            TimestampType::CreateTime => batch.base_timestamp_ms.wrapping_add(self.timestamp_delta),
            TimestampType::LogAppendTime => batch.max_timestamp_ms,
        }
    }
}

/// A header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// UTF-8 by contract, which nobody checks.
    pub key: &'a [u8],
    /// The value, if there is one.
    pub value: Option<&'a [u8]>,
}

impl<'a> HeaderView<'a> {
    #[inline]
    fn take(bytes: &mut &'a [u8]) -> Result<Self, RecordFault> {
        let length = varint::take_i32(bytes)?;
        let key = usize::try_from(length)
            .ok()
            .and_then(|len| take(bytes, len))
            .ok_or(RecordFault::HeaderKeyLength { length })?;
        let value = take_nullable(bytes, |length| RecordFault::HeaderValueLength { length })?;
        Ok(Self { key, value })
    }
}

/// The headers of a record, whose bytes have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HeadersView<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> HeadersView<'a> {
    #[inline(always)]
    fn take(bytes: &mut &'a [u8]) -> Result<Self, RecordFault> {
        if let [0, rest @ ..] = bytes {
            *bytes = rest;
            return Ok(Self::default());
        }
        Self::take_some(bytes)
    }

    fn take_some(bytes: &mut &'a [u8]) -> Result<Self, RecordFault> {
        let count = varint::take_i32(bytes)?;
        // A header has at least two bytes, so a count that lies is found before the loop.
        let fits = usize::try_from(count)
            .ok()
            .filter(|count| *count <= bytes.len() / 2);
        let headers = fits.ok_or(RecordFault::HeaderCount { count })?;
        let start = *bytes;
        for _ in 0..headers {
            HeaderView::take(bytes)?;
        }
        Ok(Self {
            count: headers,
            bytes: &start[..start.len() - bytes.len()],
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = HeaderView<'a>> + use<'a> {
        let mut bytes = self.bytes;
        (0..self.count).map_while(move |_| HeaderView::take(&mut bytes).ok())
    }

    /// The value of the last header of this key, which is the one that counts.
    pub fn last(&self, key: &[u8]) -> Option<HeaderView<'a>> {
        self.iter().filter(|header| header.key == key).last()
    }
}

/// The records of one batch. After an error the iteration is over.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    left: i32,
    done: bool,
}

impl<'a> Records<'a> {
    /// Walks over `payload`, the decompressed bytes behind the header of a batch.
    pub fn new(payload: &'a [u8], record_count: i32) -> Self {
        Self {
            bytes: payload,
            left: record_count,
            done: false,
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.left <= 0 {
            self.done = true;
            let bytes = self.bytes.len();
            return (bytes != 0).then_some(Err(RecordFault::Trailing { bytes }));
        }
        self.left -= 1;
        let record = if self.bytes.is_empty() {
            Err(RecordFault::Missing)
        } else {
            RecordView::take(&mut self.bytes)
        };
        self.done = record.is_err();
        Some(record)
    }
}

#[cfg(test)]
mod tests;
