//! The value of a classic group's metadata, versions 0 to 4.

use bytes::Bytes;

use super::wire::{Lengths, Malformed, Reader, Writer};
use crate::ids::{InstanceId, MemberId};

/// The version that Kafka 4.3 writes: the last one that brokers before 3.5 can read.
const WRITTEN_VERSION: i16 = 3;

/// One generation of a group as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupMetadataValue {
    /// `None` for a group that never had members.
    pub(crate) protocol_type: Option<String>,
    pub(crate) generation: i32,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: Option<MemberId>,
    /// Since when the group has been in its state; not known of records before version 2.
    pub(crate) state_timestamp_ms: Option<i64>,
    pub(crate) members: Vec<MemberMetadata>,
}

/// One member of a generation as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberMetadata {
    pub(crate) member_id: MemberId,
    pub(crate) group_instance_id: Option<InstanceId>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

impl GroupMetadataValue {
    pub(crate) fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(value);
        let version = reader.i16("version")?;
        if !(0..=4).contains(&version) {
            return Err(Malformed::Version {
                record: "GroupMetadata",
                version,
            });
        }
        if version >= 4 {
            reader.set_lengths(Lengths::Compact);
        }
        let protocol_type = reader.string("protocol type")?;
        let generation = reader.i32("generation")?;
        let protocol = reader.nullable_string("protocol")?;
        let leader = reader.nullable_string("leader")?;
        let state_timestamp_ms = if version >= 2 {
            reader.i64("state timestamp")?
        } else {
            -1
        };
        let member_bytes_min = if version >= 4 { 13 } else { 18 };
        let count = reader.count("members", member_bytes_min)?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            members.push(MemberMetadata::decode(&mut reader, version)?);
        }
        reader.tagged_fields(|_, _| Ok(()))?;
        Ok(Self {
            protocol_type: (!protocol_type.is_empty()).then(|| protocol_type.to_owned()),
            generation,
            protocol: protocol.map(str::to_owned),
            leader: leader.map(MemberId::from),
            state_timestamp_ms: (state_timestamp_ms >= 0).then_some(state_timestamp_ms),
            members,
        })
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut writer = Writer::new(WRITTEN_VERSION, Lengths::Fixed);
        writer.string(self.protocol_type.as_deref().unwrap_or_default());
        writer.i32(self.generation);
        writer.nullable_string(self.protocol.as_deref());
        writer.nullable_string(self.leader.as_ref().map(MemberId::as_str));
        writer.i64(self.state_timestamp_ms.unwrap_or(-1));
        writer.count(self.members.len());
        for member in &self.members {
            member.encode(&mut writer);
        }
        writer.finish()
    }
}

impl MemberMetadata {
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, Malformed> {
        let member_id = MemberId::from(reader.string("member id")?);
        let group_instance_id = if version >= 3 {
            reader.nullable_string("group instance id")?
        } else {
            None
        };
        let client_id = reader.string("client id")?.to_owned();
        let client_host = reader.string("client host")?.to_owned();
        let rebalance_timeout_ms = if version >= 1 {
            reader.i32("rebalance timeout")?
        } else {
            -1
        };
        let session_timeout_ms = reader.i32("session timeout")?;
        let member = Self {
            member_id,
            group_instance_id: group_instance_id.map(InstanceId::from),
            client_id,
            client_host,
            // Version 0 knew of one timeout for both.
            rebalance_timeout_ms: match rebalance_timeout_ms {
                -1 => session_timeout_ms,
                known => known,
            },
            session_timeout_ms,
            subscription: reader.bytes("subscription")?,
            assignment: reader.bytes("assignment")?,
        };
        reader.tagged_fields(|_, _| Ok(()))?;
        Ok(member)
    }

    fn encode(&self, writer: &mut Writer) {
        writer.string(self.member_id.as_str());
        writer.nullable_string(self.group_instance_id.as_ref().map(InstanceId::as_str));
        writer.string(&self.client_id);
        writer.string(&self.client_host);
        writer.i32(self.rebalance_timeout_ms);
        writer.i32(self.session_timeout_ms);
        writer.blob(&self.subscription);
        writer.blob(&self.assignment);
    }
}
