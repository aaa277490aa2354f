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
use crate::frame::EncodeError;
use crate::wire::{ResponseWriter, put_current_leader};

pub use crate::wire::{LeaderIdAndEpoch, NodeEndpoint};

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

/// A snapshot of the metadata log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotId {
    /// The offset behind the last record that the snapshot covers.
    pub end_offset: Offset,
    /// The epoch of that record.
    pub leader_epoch: LeaderEpoch,
}

/// Writes the response as pieces, of which the first starts with the length of the frame and
/// the response header.
pub fn encode<F: FileRange>(
    api_version: i16,
    correlation_id: i32,
    response: FetchResponse<F>,
) -> Result<Vec<Piece<F>>, EncodeError> {
    let mut out = BytesMut::with_capacity(small_bytes_estimate(&response));
    let small = ResponseWriter::new(
        &mut out,
        (API_KEY, api_version),
        FLEXIBLE_MIN,
        correlation_id,
    );
    if !VERSIONS.contains(&api_version) {
        return Err(small.failure("the version is not served"));
    }
    let mut writer = Writer {
        small,
        large: Vec::new(),
        large_bytes: 0,
    };
    writer.response(response)?;
    let Writer {
        small,
        large,
        large_bytes,
    } = writer;
    small.finish(large_bytes)?;
    Ok(interleave(&out.freeze(), large))
}

/// Puts the parts of `small` between the large pieces.
fn interleave<F>(small: &Bytes, large: Vec<(usize, Piece<F>)>) -> Vec<Piece<F>> {
    let mut pieces = Vec::with_capacity(2 * large.len() + 1);
    let mut start = 0;
    for (end, piece) in large {
        if start < end {
            pieces.push(Piece::Bytes(small.slice(start..end)));
        }
        pieces.push(piece);
        start = end;
    }
    if start < small.len() {
        pieces.push(Piece::Bytes(small.slice(start..)));
    }
    pieces
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

struct Writer<'a, F> {
    small: ResponseWriter<'a>,
    /// Pieces that are not copied, each with the length of `small` at which it stands.
    large: Vec<(usize, Piece<F>)>,
    large_bytes: usize,
}

impl<F: FileRange> Writer<'_, F> {
    fn response(&mut self, response: FetchResponse<F>) -> Result<(), EncodeError> {
        let api_version = self.small.api_version;
        self.small.out.put_i32(response.throttle_time_ms);
        if api_version >= 7 {
            self.small.out.put_i16(response.error_code.code());
            self.small.out.put_i32(response.session_id);
        }
        self.small.count(response.topics.len())?;
        for topic in response.topics {
            if api_version >= 13 {
                self.small.out.put_slice(&topic.topic_id.0);
            } else {
                self.small.text(&topic.name)?;
            }
            self.small.count(topic.partitions.len())?;
            for partition in topic.partitions {
                self.partition(partition)?;
            }
            self.small.no_tags();
        }
        let said = if api_version >= 16 {
            response.node_endpoints.as_slice()
        } else {
            &[]
        };
        self.small.node_endpoints(said)
    }

    fn partition(&mut self, partition: FetchPartition<F>) -> Result<(), EncodeError> {
        let small = &mut self.small;
        small.out.put_i32(partition.partition_index.get());
        small.out.put_i16(partition.error_code.code());
        small.out.put_i64(partition.high_watermark.get());
        small.out.put_i64(partition.last_stable_offset.get());
        if small.api_version >= 5 {
            small.out.put_i64(partition.log_start_offset.get());
        }
        match &partition.aborted_transactions {
            None if small.flexible => small.out.put_u8(0),
            None => small.out.put_i32(-1),
            Some(aborted) => {
                small.count(aborted.len())?;
                for transaction in aborted {
                    small.out.put_i64(transaction.producer_id.get());
                    small.out.put_i64(transaction.first_offset.get());
                    small.no_tags();
                }
            }
        }
        if small.api_version >= 11 {
            small.out.put_i32(partition.preferred_read_replica.get());
        }
        let tags = PartitionTags {
            diverging_epoch: partition.diverging_epoch,
            current_leader: partition.current_leader,
            snapshot_id: partition.snapshot_id,
        };
        self.records(partition.records)?;
        if self.small.flexible {
            tags.put(self.small.out);
        }
        Ok(())
    }

    fn records(&mut self, pieces: Vec<Piece<F>>) -> Result<(), EncodeError> {
        self.small.count(pieces.iter().map(Piece::len).sum())?;
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
                    self.small.out.put_slice(&bytes);
                }
                piece if piece.is_empty() => {}
                piece => {
                    self.large_bytes += piece.len();
                    self.large.push((self.small.out.len(), piece));
                }
            }
        }
        Ok(())
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
            put_current_leader(out, 1, leader);
        }
        if let Some(snapshot) = self.snapshot_id {
            out.put_slice(&[2, 13]);
            out.put_i64(snapshot.end_offset.get());
            out.put_i32(snapshot.leader_epoch.get());
            out.put_u8(0);
        }
    }
}

#[cfg(test)]
mod tests;
