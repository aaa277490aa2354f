//! The Fetch response, written by hand so that records need not pass through memory.
//!
//! The codec would have every record byte in one buffer. Here the response becomes a list of
//! pieces: everything small is written into one buffer that the pieces share, and between its
//! parts stand the caller's file ranges, to be sent by `sendfile`. The bytes on the wire are
//! those that the codec would write.

use bytes::{BufMut, Bytes, BytesMut};
use highwater_types::{BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerId, TopicId};
use kafka_protocol::protocol::StrBytes;

use crate::ErrorCode;
use crate::frame::{EncodeError, FRAME_LEN_BYTES};

const API_KEY: i16 = 1;
const FLEXIBLE_MIN: i16 = 12;
const VERSIONS: std::ops::RangeInclusive<i16> = 4..=18;

/// Records up to this size are copied into the shared buffer: a piece of their own would cost
/// more than the copy.
const COPIED_BYTES_MAX: usize = 1024;

/// A part of a file that holds records, of which only the length matters here.
pub trait FileRange {
    /// How many bytes the range will put on the wire, no more and no fewer.
    fn len(&self) -> usize;

    /// Whether the range is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What goes to the socket, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<F> {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes in a file.
    File(F),
}

impl<F: FileRange> Piece<F> {
    /// How many bytes the piece puts on the wire.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len(),
        }
    }

    /// Whether the piece puts nothing on the wire.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A whole response. Fields that a version does not have are left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse<F> {
    /// How long the client is held back for its quota.
    pub throttle_time_ms: i32,
    /// What is wrong with the request as a whole (from version 7).
    pub error_code: ErrorCode,
    /// The fetch session, or 0 if there is none (from version 7).
    pub session_id: i32,
    /// The topics that the request asks for, or that have changed since the last one.
    pub topics: Vec<FetchTopic<F>>,
    /// Where the leaders named in `current_leader` are found (from version 16).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic<F> {
    /// The name, as the request wrote it (to version 12).
    pub name: StrBytes,
    /// The id (from version 13).
    pub topic_id: TopicId,
    /// The partitions.
    pub partitions: Vec<FetchPartition<F>>,
}

/// One partition of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartition<F> {
    /// Which partition.
    pub partition_index: PartitionIndex,
    /// What is wrong with the partition.
    pub error_code: ErrorCode,
    /// The offset behind the last replicated record; −1 if unknown.
    pub high_watermark: Offset,
    /// The offset before which every transaction is decided; −1 if unknown.
    pub last_stable_offset: Offset,
    /// The first offset of the log; −1 if unknown (from version 5).
    pub log_start_offset: Offset,
    /// Transactions whose records a reader of committed data must skip; none if it reads all.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The replica that the client should fetch from; −1 for this one (from version 11).
    pub preferred_read_replica: BrokerId,
    /// Where the fetcher's log has left the leader's (from version 12).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// Who leads instead (from version 12).
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// The snapshot to be fetched instead (from version 12).
    pub snapshot_id: Option<SnapshotId>,
    /// Record batches, in order; empty if there are none.
    pub records: Vec<Piece<F>>,
}

impl<F> FetchPartition<F> {
    /// A partition without records, whose offsets are unknown: what an error is answered with.
    pub fn error(partition_index: PartitionIndex, error_code: ErrorCode) -> Self {
        Self {
            partition_index,
            error_code,
            high_watermark: Offset::UNKNOWN,
            last_stable_offset: Offset::UNKNOWN,
            log_start_offset: Offset::UNKNOWN,
            aborted_transactions: None,
            preferred_read_replica: BrokerId::NONE,
            diverging_epoch: None,
            current_leader: None,
            snapshot_id: None,
            records: Vec::new(),
        }
    }
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose transaction.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
}

/// The largest epoch that fetcher and leader share, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// The offset behind its last record.
    pub end_offset: Offset,
}

/// A leader and the epoch it leads in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// The broker.
    pub leader_id: BrokerId,
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
}

/// A snapshot of the metadata log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotId {
    /// The offset behind the last record that the snapshot covers.
    pub end_offset: Offset,
    /// The epoch of that record.
    pub leader_epoch: LeaderEpoch,
}

/// Where a broker is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: BrokerId,
    /// Its host.
    pub host: StrBytes,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<StrBytes>,
}

/// Writes the response as pieces, of which the first starts with the length of the frame and
/// the response header.
pub fn encode<F: FileRange>(
    api_version: i16,
    correlation_id: i32,
    response: FetchResponse<F>,
) -> Result<Vec<Piece<F>>, EncodeError> {
    if !VERSIONS.contains(&api_version) {
        return Err(failure(api_version, "the version is not served"));
    }
    let flexible = api_version >= FLEXIBLE_MIN;
    let mut writer = Writer {
        small: BytesMut::with_capacity(small_bytes_estimate(&response)),
        large: Vec::new(),
        large_bytes: 0,
        api_version,
        flexible,
    };
    writer.small.put_i32(0);
    writer.small.put_i32(correlation_id);
    if flexible {
        writer.small.put_u8(0);
    }
    writer.response(response)?;
    writer.finish()
}

/// What the small parts are likely to take, so that the buffer is allocated once.
fn small_bytes_estimate<F: FileRange>(response: &FetchResponse<F>) -> usize {
    let topic = |topic: &FetchTopic<F>| {
        let copied = |partition: &FetchPartition<F>| -> usize {
            let sizes = partition.records.iter().map(|piece| match piece {
                Piece::Bytes(bytes) if bytes.len() <= COPIED_BYTES_MAX => bytes.len(),
                _ => 0,
            });
            let aborted = partition.aborted_transactions.as_ref().map_or(0, Vec::len);
            sizes.sum::<usize>() + 17 * aborted + 112
        };
        topic.name.len() + 32 + topic.partitions.iter().map(copied).sum::<usize>()
    };
    64 + 512 * response.node_endpoints.len() + response.topics.iter().map(topic).sum::<usize>()
}

struct Writer<F> {
    small: BytesMut,
    /// Pieces that are not copied, each with the length of `small` at which it stands.
    large: Vec<(usize, Piece<F>)>,
    large_bytes: usize,
    api_version: i16,
    flexible: bool,
}

impl<F: FileRange> Writer<F> {
    fn response(&mut self, response: FetchResponse<F>) -> Result<(), EncodeError> {
        self.small.put_i32(response.throttle_time_ms);
        if self.api_version >= 7 {
            self.small.put_i16(response.error_code.code());
            self.small.put_i32(response.session_id);
        }
        self.count(response.topics.len())?;
        for topic in response.topics {
            if self.api_version >= 13 {
                self.small.put_slice(&topic.topic_id.0);
            } else {
                self.text(&topic.name)?;
            }
            self.count(topic.partitions.len())?;
            for partition in topic.partitions {
                self.partition(partition)?;
            }
            self.no_tags();
        }
        if self.api_version >= 16 && !response.node_endpoints.is_empty() {
            return self.node_endpoints(&response.node_endpoints);
        }
        self.no_tags();
        Ok(())
    }

    fn partition(&mut self, partition: FetchPartition<F>) -> Result<(), EncodeError> {
        self.small.put_i32(partition.partition_index.get());
        self.small.put_i16(partition.error_code.code());
        self.small.put_i64(partition.high_watermark.get());
        self.small.put_i64(partition.last_stable_offset.get());
        if self.api_version >= 5 {
            self.small.put_i64(partition.log_start_offset.get());
        }
        match &partition.aborted_transactions {
            None if self.flexible => self.small.put_u8(0),
            None => self.small.put_i32(-1),
            Some(aborted) => {
                self.count(aborted.len())?;
                for transaction in aborted {
                    self.small.put_i64(transaction.producer_id.get());
                    self.small.put_i64(transaction.first_offset.get());
                    self.no_tags();
                }
            }
        }
        if self.api_version >= 11 {
            self.small.put_i32(partition.preferred_read_replica.get());
        }
        let tags = PartitionTags {
            diverging_epoch: partition.diverging_epoch,
            current_leader: partition.current_leader,
            snapshot_id: partition.snapshot_id,
        };
        self.records(partition.records)?;
        if self.flexible {
            tags.put(&mut self.small);
        }
        Ok(())
    }

    fn records(&mut self, pieces: Vec<Piece<F>>) -> Result<(), EncodeError> {
        self.count(pieces.iter().map(Piece::len).sum())?;
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
                    self.small.put_slice(&bytes);
                }
                piece if piece.is_empty() => {}
                piece => {
                    self.large_bytes += piece.len();
                    self.large.push((self.small.len(), piece));
                }
            }
        }
        Ok(())
    }

    fn node_endpoints(&mut self, endpoints: &[NodeEndpoint]) -> Result<(), EncodeError> {
        let fields_start = self.small.len();
        self.count(endpoints.len())?;
        for endpoint in endpoints {
            self.small.put_i32(endpoint.node_id.get());
            self.text(&endpoint.host)?;
            self.small.put_i32(endpoint.port);
            match &endpoint.rack {
                Some(rack) => self.text(rack)?,
                None => self.small.put_u8(0),
            }
            self.no_tags();
        }
        // The size goes before the content and is itself of variable length.
        let content = self.small.split_off(fields_start);
        put_unsigned_varint(&mut self.small, 1);
        put_unsigned_varint(&mut self.small, 0);
        put_unsigned_varint(&mut self.small, content.len() as u32);
        self.small.put_slice(&content);
        Ok(())
    }

    /// A count of elements or of bytes.
    fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        let Ok(declared) = i32::try_from(count) else {
            return Err(self.too_long(count));
        };
        if self.flexible {
            put_unsigned_varint(&mut self.small, declared.unsigned_abs() + 1);
        } else {
            self.small.put_i32(declared);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        let Ok(len) = i16::try_from(text.len()) else {
            return Err(failure(
                self.api_version,
                "a string is longer than 32767 bytes",
            ));
        };
        if self.flexible {
            put_unsigned_varint(&mut self.small, u32::from(len.unsigned_abs()) + 1);
        } else {
            self.small.put_i16(len);
        }
        self.small.put_slice(text.as_bytes());
        Ok(())
    }

    fn no_tags(&mut self) {
        if self.flexible {
            self.small.put_u8(0);
        }
    }

    /// Writes the length of the frame and puts the parts of `small` between the large pieces.
    fn finish(mut self) -> Result<Vec<Piece<F>>, EncodeError> {
        let len = self.small.len() - FRAME_LEN_BYTES + self.large_bytes;
        let Ok(declared) = i32::try_from(len) else {
            return Err(self.too_long(len));
        };
        self.small[..FRAME_LEN_BYTES].copy_from_slice(&declared.to_be_bytes());
        let small = self.small.freeze();
        let mut pieces = Vec::with_capacity(2 * self.large.len() + 1);
        let mut start = 0;
        for (end, piece) in self.large {
            if start < end {
                pieces.push(Piece::Bytes(small.slice(start..end)));
            }
            pieces.push(piece);
            start = end;
        }
        if start < small.len() {
            pieces.push(Piece::Bytes(small.slice(start..)));
        }
        Ok(pieces)
    }

    fn too_long(&self, len: usize) -> EncodeError {
        EncodeError::TooLong {
            api_key: API_KEY,
            api_version: self.api_version,
            len,
        }
    }
}

struct PartitionTags {
    diverging_epoch: Option<EpochEndOffset>,
    current_leader: Option<LeaderIdAndEpoch>,
    snapshot_id: Option<SnapshotId>,
}

impl PartitionTags {
    /// Each value is a structure without tagged fields of its own, of known size.
    fn put(&self, out: &mut BytesMut) {
        let present = [
            self.diverging_epoch.is_some(),
            self.current_leader.is_some(),
            self.snapshot_id.is_some(),
        ];
        out.put_u8(present.iter().map(|is_there| u8::from(*is_there)).sum());
        if let Some(diverging) = self.diverging_epoch {
            out.put_slice(&[0, 13]);
            out.put_i32(diverging.leader_epoch.get());
            out.put_i64(diverging.end_offset.get());
            out.put_u8(0);
        }
        if let Some(leader) = self.current_leader {
            out.put_slice(&[1, 9]);
            out.put_i32(leader.leader_id.get());
            out.put_i32(leader.leader_epoch.get());
            out.put_u8(0);
        }
        if let Some(snapshot) = self.snapshot_id {
            out.put_slice(&[2, 13]);
            out.put_i64(snapshot.end_offset.get());
            out.put_i32(snapshot.leader_epoch.get());
            out.put_u8(0);
        }
    }
}

fn put_unsigned_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn failure(api_version: i16, reason: &'static str) -> EncodeError {
    EncodeError::Message {
        api_key: API_KEY,
        api_version,
        source: reason.into(),
    }
}

#[cfg(test)]
mod tests;
