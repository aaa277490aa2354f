//! The value of a transactional id, versions 0 and 1.

use bytes::Bytes;
use highwater_types::{PartitionIndex, ProducerEpoch, ProducerId, TopicName};

use super::state::TransactionState;
use super::wire::{Lengths, Malformed, Reader, Writer};
use crate::ids::{Producer, TransactionVersion};
use crate::partition_set::PartitionSet;

const PREVIOUS_PRODUCER_ID_TAG: u32 = 0;
const NEXT_PRODUCER_ID_TAG: u32 = 1;
const CLIENT_TRANSACTION_VERSION_TAG: u32 = 2;

/// What stands for no moment.
pub(crate) const NO_TIMESTAMP_MS: i64 = -1;

/// All that the log says of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransactionValue {
    pub(crate) producer: Producer,
    /// The producer id before the last change of any kind; mostly the same.
    pub(crate) previous_producer_id: ProducerId,
    /// The producer id that the end of the transaction switches to, if epochs have run out.
    pub(crate) next_producer_id: ProducerId,
    pub(crate) timeout_ms: i32,
    pub(crate) state: TransactionState,
    pub(crate) partitions: PartitionSet,
    pub(crate) last_update_ms: i64,
    /// When the transaction began; kept while none follows it.
    pub(crate) start_ms: i64,
    /// What the client spoke that last began or ended a transaction.
    pub(crate) client_version: TransactionVersion,
}

impl TransactionValue {
    pub(crate) fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(value);
        let version = reader.i16("version")?;
        match version {
            0 => {}
            1 => reader.set_lengths(Lengths::Compact),
            version => return Err(Malformed::Version { version }),
        }
        let producer = Producer {
            id: ProducerId(reader.i64("producer id")?),
            epoch: ProducerEpoch(reader.i16("producer epoch")?),
        };
        let timeout_ms = reader.i32("timeout")?;
        let state = TransactionState::from_code(reader.i8("state")?)?;
        let mut partitions = decode_partitions(&mut reader)?;
        if state == TransactionState::Empty {
            partitions = PartitionSet::default();
        }
        let last_update_ms = reader.i64("last update timestamp")?;
        let start_ms = reader.i64("start timestamp")?;
        let mut value = Self {
            producer,
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            timeout_ms,
            state,
            partitions,
            last_update_ms,
            start_ms,
            client_version: TransactionVersion::TV_0,
        };
        reader.tagged_fields(|tag, field| {
            let mut field = Reader::new(field);
            match tag {
                PREVIOUS_PRODUCER_ID_TAG => {
                    value.previous_producer_id = ProducerId(field.i64("previous producer id")?);
                }
                NEXT_PRODUCER_ID_TAG => {
                    value.next_producer_id = ProducerId(field.i64("next producer id")?);
                }
                CLIENT_TRANSACTION_VERSION_TAG => {
                    value.client_version =
                        TransactionVersion(field.i16("client transaction version")?);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(value)
    }

    /// As Kafka writes it in a cluster of this version. Version 0 leaves out the previous producer
    /// id.
    pub(crate) fn encode(&self, cluster: TransactionVersion) -> Bytes {
        let needs_tags = self.client_version != TransactionVersion::TV_0
            || self.next_producer_id != ProducerId::NONE;
        let mut writer = if cluster >= TransactionVersion::TV_1 || needs_tags {
            Writer::new(1, Lengths::Compact)
        } else {
            Writer::new(0, Lengths::Fixed)
        };
        writer.i64(self.producer.id.get());
        writer.i16(self.producer.epoch.get());
        writer.i32(self.timeout_ms);
        writer.i8(self.state.code());
        self.encode_partitions(&mut writer);
        writer.i64(self.last_update_ms);
        writer.i64(self.start_ms);
        let previous = self.previous_producer_id.get().to_be_bytes();
        let next = self.next_producer_id.get().to_be_bytes();
        let client_version = self.client_version.0.to_be_bytes();
        let mut fields: Vec<(u32, &[u8])> = Vec::with_capacity(3);
        if self.previous_producer_id != ProducerId::NONE {
            fields.push((PREVIOUS_PRODUCER_ID_TAG, &previous));
        }
        if self.next_producer_id != ProducerId::NONE {
            fields.push((NEXT_PRODUCER_ID_TAG, &next));
        }
        if self.client_version != TransactionVersion::TV_0 {
            fields.push((CLIENT_TRANSACTION_VERSION_TAG, &client_version));
        }
        writer.tagged_fields(&fields);
        writer.finish()
    }

    /// Without a transaction there is no list; after one there is an empty list.
    fn encode_partitions(&self, writer: &mut Writer) {
        if self.state == TransactionState::Empty {
            return writer.no_array();
        }
        writer.count(self.partitions.topics().len());
        for (topic, partitions) in self.partitions.topics() {
            writer.string(topic.as_str());
            writer.count(partitions.len());
            for partition in partitions {
                writer.i32(partition.get());
            }
            writer.tagged_fields(&[]);
        }
    }
}

fn decode_partitions(reader: &mut Reader<'_>) -> Result<PartitionSet, Malformed> {
    let mut set = PartitionSet::default();
    for _ in 0..reader.nullable_count("partitions", 3)?.unwrap_or(0) {
        let topic = TopicName::new(reader.string("topic")?)?;
        for _ in 0..reader.nullable_count("partition ids", 4)?.unwrap_or(0) {
            set.insert(topic.clone(), PartitionIndex(reader.i32("partition id")?));
        }
        reader.tagged_fields(|_, _| Ok(()))?;
    }
    Ok(set)
}
