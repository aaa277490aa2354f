//! The 61 bytes in front of every record batch of format 2 (KIP-98, "magic 2").
//!
//! A broker works on these bytes alone: offsets are assigned by rewriting the first 17, which
//! the checksum does not cover, and everything behind them goes to disk as it came.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | base offset |
//! | 8 | 4 | batch length: bytes that follow this field |
//! | 12 | 4 | partition leader epoch |
//! | 16 | 1 | magic, always 2 |
//! | 17 | 4 | CRC-32C of everything from the attributes on |
//! | 21 | 2 | attributes |
//! | 23 | 4 | last offset delta |
//! | 27 | 8 | base timestamp |
//! | 35 | 8 | max timestamp |
//! | 43 | 8 | producer id |
//! | 51 | 2 | producer epoch |
//! | 53 | 4 | base sequence |
//! | 57 | 4 | record count |

use highwater_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::Compression;

/// Bytes of a batch header.
pub const HEADER_LEN: usize = 61;
/// Bytes in front of the part that the batch length counts: base offset and the length itself.
pub const LENGTH_PREFIX_LEN: usize = 12;
/// Where the checksummed part of a batch starts.
pub const CRC_COVERED_FROM: usize = 21;
/// The one message format that is served.
pub const MAGIC: i8 = 2;

/// Whose clock the timestamps of a batch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's at the moment of the append.
    LogAppendTime,
}

/// The flag field of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION_MASK: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The codec of the records; `None` for the three ids that nobody has assigned.
    pub fn compression(self) -> Option<Compression> {
        Compression::from_id((self.0 & Self::COMPRESSION_MASK) as u8)
    }

    /// Whose clock the timestamps come from.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch is a marker that only brokers write.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the moment after which compaction drops tombstones (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same flags with this codec.
    pub fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !Self::COMPRESSION_MASK | i16::from(compression.id()))
    }

    /// The same flags with this timestamp type.
    pub fn with_timestamp_type(self, kind: TimestampType) -> Self {
        match kind {
            TimestampType::CreateTime => Self(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | Self::LOG_APPEND_TIME),
        }
    }

    /// The same flags, transactional or not.
    pub fn with_transactional(self, yes: bool) -> Self {
        Self(if yes {
            self.0 | Self::TRANSACTIONAL
        } else {
            self.0 & !Self::TRANSACTIONAL
        })
    }

    /// The same flags, control or not.
    pub fn with_control(self, yes: bool) -> Self {
        Self(if yes {
            self.0 | Self::CONTROL
        } else {
            self.0 & !Self::CONTROL
        })
    }

    /// The same flags, with the base timestamp read as a delete horizon or not.
    pub fn with_delete_horizon(self, yes: bool) -> Self {
        Self(if yes {
            self.0 | Self::DELETE_HORIZON
        } else {
            self.0 & !Self::DELETE_HORIZON
        })
    }
}

/// A batch header, decoded. Times are milliseconds since 1970-01-01 UTC, −1 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record, or where it stood before compaction removed it.
    pub base_offset: Offset,
    /// Bytes behind the length field.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: LeaderEpoch,
    /// Message format.
    pub magic: i8,
    /// CRC-32C of the bytes from [`CRC_COVERED_FROM`] on.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Offset of the last record less the base offset; compaction keeps it.
    pub last_offset_delta: i32,
    /// Time of the first record, or the delete horizon.
    pub base_timestamp_ms: i64,
    /// Largest time in the batch.
    pub max_timestamp_ms: i64,
    /// The idempotent producer, or none.
    pub producer_id: ProducerId,
    /// Its incarnation.
    pub producer_epoch: ProducerEpoch,
    /// Sequence number of the first record, −1 without a producer id.
    pub base_sequence: i32,
    /// Records in the batch.
    pub record_count: i32,
}

/// Why bytes are not the start of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("{have} bytes are too few for a batch header of {HEADER_LEN}")]
    Short {
        /// Bytes at hand.
        have: usize,
    },
    /// The length field cannot be true.
    #[error("batch length {length} is smaller than the header it must contain")]
    Length {
        /// What the field says.
        length: i32,
    },
    /// A message format that is not served.
    #[error("message format {magic} is not supported, only {MAGIC} is")]
    Magic {
        /// What the field says.
        magic: i8,
    },
}

fn array<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl BatchHeader {
    /// Decodes the header at the start of `bytes`, checking magic and length but not the CRC.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(head) = bytes.first_chunk::<HEADER_LEN>() else {
            // The magic byte stands at the same place in every format, so that an old
            // message set, which is shorter than a header, is still told from rubbish.
            return match bytes.get(16) {
                Some(&magic) if magic as i8 != MAGIC => {
                    Err(HeaderError::Magic { magic: magic as i8 })
                }
                _ => Err(HeaderError::Short { have: bytes.len() }),
            };
        };
        let header = Self {
            base_offset: Offset(i64::from_be_bytes(array(head, 0))),
            batch_length: i32::from_be_bytes(array(head, 8)),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(array(head, 12))),
            magic: head[16] as i8,
            crc: u32::from_be_bytes(array(head, 17)),
            attributes: Attributes(i16::from_be_bytes(array(head, 21))),
            last_offset_delta: i32::from_be_bytes(array(head, 23)),
            base_timestamp_ms: i64::from_be_bytes(array(head, 27)),
            max_timestamp_ms: i64::from_be_bytes(array(head, 35)),
            producer_id: ProducerId(i64::from_be_bytes(array(head, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(array(head, 51))),
            base_sequence: i32::from_be_bytes(array(head, 53)),
            record_count: i32::from_be_bytes(array(head, 57)),
        };
        if header.magic != MAGIC {
            return Err(HeaderError::Magic {
                magic: header.magic,
            });
        }
        if header.batch_length < (HEADER_LEN - LENGTH_PREFIX_LEN) as i32 {
            return Err(HeaderError::Length {
                length: header.batch_length,
            });
        }
        Ok(header)
    }

    /// Encodes the header.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[0..8].copy_from_slice(&self.base_offset.0.to_be_bytes());
        out[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        out[12..16].copy_from_slice(&self.partition_leader_epoch.0.to_be_bytes());
        out[16] = self.magic as u8;
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp_ms.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp_ms.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.0.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.0.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        out
    }

    /// Bytes of the whole batch, header included. [`BatchHeader::parse`] has made sure that
    /// it is at least [`HEADER_LEN`].
    pub fn total_len(&self) -> usize {
        LENGTH_PREFIX_LEN + self.batch_length as usize
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> Offset {
        Offset(
            self.base_offset
                .0
                .wrapping_add(i64::from(self.last_offset_delta)),
        )
    }

    /// The offset behind the batch.
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.wrapping_add(1))
    }

    /// Sequence number of the last record; sequence numbers wrap from `i32::MAX` to 0.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        let sum = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (sum & i64::from(i32::MAX)) as i32
    }

    /// The whole batch of this header and `payload`, with its CRC set. The length must be
    /// right already.
    pub(crate) fn seal(&self, payload: &[u8]) -> Vec<u8> {
        let mut batch = Vec::with_capacity(HEADER_LEN + payload.len());
        batch.extend_from_slice(&self.to_bytes());
        batch.extend_from_slice(payload);
        let crc = crc_of(&batch);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        batch
    }

    /// Whether the batch comes from an idempotent producer.
    pub fn has_producer(&self) -> bool {
        self.producer_id.0 >= 0
    }
}

/// The CRC-32C that the header of this whole batch should carry.
///
/// `batch` is the batch from its base offset to its end and no shorter than a header.
pub fn crc_of(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(CRC_COVERED_FROM..).unwrap_or_default())
}

/// The CRC of a batch whose header changes from `before` to `after` while the bytes behind it
/// stay. A CRC is linear, so the difference of the two headers, carried over the length of
/// what follows, is the difference of the checksums, and the records are not read again.
pub(crate) fn restamped_crc(before: &BatchHeader, after: &BatchHeader) -> u32 {
    let head = |header: &BatchHeader| crc32c::crc32c(&header.to_bytes()[CRC_COVERED_FROM..]);
    let behind = before.total_len().saturating_sub(HEADER_LEN);
    before.crc ^ crc32c::crc32c_combine(head(before) ^ head(after), 0, behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BatchHeader {
        BatchHeader {
            base_offset: Offset(7),
            batch_length: 100,
            partition_leader_epoch: LeaderEpoch(3),
            magic: MAGIC,
            crc: 0xdead_beef,
            attributes: Attributes(0).with_compression(Compression::Zstd),
            last_offset_delta: 4,
            base_timestamp_ms: 1,
            max_timestamp_ms: 2,
            producer_id: ProducerId(9),
            producer_epoch: ProducerEpoch(1),
            base_sequence: i32::MAX - 1,
            record_count: 5,
        }
    }

    #[test]
    fn a_header_survives_its_bytes() {
        assert_eq!(BatchHeader::parse(&header().to_bytes()), Ok(header()));
    }

    #[test]
    fn what_is_no_batch_is_told_apart() {
        let mut bytes = header().to_bytes();
        assert_eq!(
            BatchHeader::parse(&bytes[..60]),
            Err(HeaderError::Short { have: 60 })
        );
        bytes[16] = 1;
        assert_eq!(
            BatchHeader::parse(&bytes),
            Err(HeaderError::Magic { magic: 1 })
        );
        assert_eq!(
            BatchHeader::parse(&bytes[..30]),
            Err(HeaderError::Magic { magic: 1 })
        );
        let short = BatchHeader {
            batch_length: 48,
            ..header()
        };
        assert_eq!(
            BatchHeader::parse(&short.to_bytes()),
            Err(HeaderError::Length { length: 48 })
        );
    }

    #[test]
    fn sequence_numbers_wrap_to_zero() {
        assert_eq!(header().last_sequence(), 2);
    }
}
