//! The value of a committed offset, versions 0 to 4.

use bytes::Bytes;
use highwater_types::{LeaderEpoch, Offset, TopicId};

use super::wire::{Lengths, Malformed, Reader, Writer};

/// The tagged field of version 4 that holds the topic's id.
const TOPIC_ID_TAG: u32 = 0;

/// A committed offset as the log and the memory hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OffsetCommitValue {
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) metadata: Box<str>,
    pub(crate) commit_timestamp_ms: i64,
    /// Only old clients ask for an expiry of their own.
    pub(crate) expire_timestamp_ms: Option<i64>,
    pub(crate) topic_id: Option<TopicId>,
}

impl OffsetCommitValue {
    pub(crate) fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(value);
        let version = reader.i16("version")?;
        if !(0..=4).contains(&version) {
            return Err(Malformed::Version {
                record: "OffsetCommit",
                version,
            });
        }
        if version >= 4 {
            reader.set_lengths(Lengths::Compact);
        }
        let offset = Offset(reader.i64("offset")?);
        let leader_epoch = if version >= 3 {
            reader.i32("leader epoch")?
        } else {
            -1
        };
        let metadata = reader.string("metadata")?.into();
        let commit_timestamp_ms = reader.i64("commit timestamp")?;
        let expire = if version == 1 {
            reader.i64("expire timestamp")?
        } else {
            -1
        };
        let mut topic_id = None;
        reader.tagged_fields(|tag, field| {
            if tag == TOPIC_ID_TAG {
                let id = TopicId(Reader::new(field).uuid("topic id")?);
                topic_id = (!id.is_zero()).then_some(id);
            }
            Ok(())
        })?;
        Ok(Self {
            offset,
            leader_epoch: (leader_epoch >= 0).then_some(LeaderEpoch(leader_epoch)),
            metadata,
            commit_timestamp_ms,
            expire_timestamp_ms: (expire >= 0).then_some(expire),
            topic_id,
        })
    }

    /// As Kafka 4.3 writes it: version 4, or version 1 for an expiry of its own, which then drops
    /// what version 1 has no room for.
    pub(crate) fn encode(&self) -> Bytes {
        match self.expire_timestamp_ms {
            Some(expire_timestamp_ms) => {
                let mut writer = Writer::new(1, Lengths::Fixed);
                writer.i64(self.offset.get());
                writer.string(&self.metadata);
                writer.i64(self.commit_timestamp_ms);
                writer.i64(expire_timestamp_ms);
                writer.finish()
            }
            None => {
                let mut writer = Writer::new(4, Lengths::Compact);
                writer.i64(self.offset.get());
                writer.i32(self.leader_epoch.unwrap_or(LeaderEpoch::UNKNOWN).get());
                writer.string(&self.metadata);
                writer.i64(self.commit_timestamp_ms);
                match self.topic_id.filter(|id| !id.is_zero()) {
                    Some(id) => writer.tagged_fields(&[(TOPIC_ID_TAG, &id.0)]),
                    None => writer.tagged_fields(&[]),
                }
                writer.finish()
            }
        }
    }
}
