//! Records of Kafka's metadata log, as Apache Kafka 4.3 writes them.

use highwater_types::{BrokerId, TopicId};

use super::reader::Reader;

/// The only version of the frame.
const FRAME_VERSION: u32 = 1;
/// In a change of a partition: the leader stays.
const SAME_LEADER: i32 = -2;

/// One record, without what an import has no use for.
#[derive(Clone, Debug, PartialEq)]
pub enum KafkaRecord {
    /// A broker has registered.
    RegisterBroker(BrokerId),
    /// A broker has been taken off the cluster.
    UnregisterBroker(BrokerId),
    /// A topic exists from now on.
    Topic {
        /// Its name, not yet checked.
        name: String,
        /// Its id.
        id: TopicId,
    },
    /// A partition exists from now on.
    Partition(KafkaPartitionRecord),
    /// Something about a partition has changed; what is `None` stays.
    PartitionChange {
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: i32,
        /// The leader of a new leader epoch; −1 for none.
        leader: Option<BrokerId>,
        /// All replicas.
        replicas: Option<Vec<BrokerId>>,
        /// Replicas that a reassignment adds.
        adding: Option<Vec<BrokerId>>,
        /// Replicas that a reassignment takes away.
        removing: Option<Vec<BrokerId>>,
    },
    /// A topic is no more.
    RemoveTopic(TopicId),
    /// A configuration has been set, or removed if there is no value.
    Config {
        /// Kafka's code of the type of the resource.
        kind: i8,
        /// The resource; empty for all brokers.
        resource: String,
        /// The key.
        key: String,
        /// The value.
        value: Option<String>,
    },
    /// A feature has been set to a level.
    FeatureLevel {
        /// The feature.
        name: String,
        /// Its level; 0 takes it away.
        level: i16,
    },
    /// A client quota has been set, or removed if there is no value.
    ClientQuota {
        /// Type and name of each part of the entity; no name is the default.
        entity: Vec<(String, Option<String>)>,
        /// The key.
        key: String,
        /// The value.
        value: Option<f64>,
    },
    /// Producer ids below this one have been given out.
    ProducerIds(i64),
    /// What follows counts only once [`KafkaRecord::EndTransaction`] has come (KIP-868).
    BeginTransaction,
    /// What has come since the begin counts.
    EndTransaction,
    /// What has come since the begin never counts.
    AbortTransaction,
    /// Something of worth that cannot be taken over; the name says what, in the plural.
    Unsupported(&'static str),
    /// Nothing that concerns an import.
    Irrelevant,
}

/// See [`KafkaRecord::Partition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaPartitionRecord {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: i32,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Replicas that a reassignment adds.
    pub adding: Vec<BrokerId>,
    /// Replicas that a reassignment takes away.
    pub removing: Vec<BrokerId>,
    /// The leader; −1 for none.
    pub leader: BrokerId,
    /// How often a leader has been named.
    pub leader_epoch: i32,
    /// How often anything has changed.
    pub partition_epoch: i32,
}

/// Why bytes are not a record of Kafka's metadata log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaDecodeError {
    /// Not a frame of the version that is known.
    #[error("frame version {0} is not known")]
    FrameVersion(u32),
    /// A type that Kafka 4.3 does not have.
    #[error("metadata records of type {0} are not known; was this written by a newer Kafka?")]
    UnknownType(u32),
    /// A version that Kafka 4.3 does not write.
    #[error(
        "version {version} of metadata records of type {kind} is not known; was this written by \
         a newer Kafka?"
    )]
    UnknownVersion {
        /// The type.
        kind: u32,
        /// Its version.
        version: u32,
    },
    /// The bytes end within a field.
    #[error("the record ends within {0}")]
    Short(&'static str),
    /// A field has a value that it cannot have.
    #[error("the {0} of the record is invalid")]
    Invalid(&'static str),
    /// The record goes on after its last field.
    #[error("{0} bytes follow the last field")]
    TrailingBytes(usize),
}

impl KafkaRecord {
    /// Reads the one frame that `bytes` are.
    pub fn decode(bytes: &[u8]) -> Result<Self, KafkaDecodeError> {
        let r = &mut Reader::new(bytes);
        match r.varint("frame version")? {
            FRAME_VERSION => {}
            other => return Err(KafkaDecodeError::FrameVersion(other)),
        }
        let kind = r.varint("type")?;
        let version = r.varint("version")?;
        let known_version = match kind {
            2 | 4 | 9 | 12 | 14 | 15 | 23..=25 => 0,
            3 | 5 => 2,
            // Of these nothing, or the first field only, is read.
            _ => u32::MAX,
        };
        if version > known_version {
            return Err(KafkaDecodeError::UnknownVersion { kind, version });
        }
        let record = match kind {
            0 => return r.i32("broker").map(BrokerId).map(Self::RegisterBroker),
            1 => return r.i32("broker").map(BrokerId).map(Self::UnregisterBroker),
            2 => Self::Topic {
                name: r.text("topic name")?.to_owned(),
                id: r.topic_id()?,
            },
            3 => return partition(r, version),
            4 => Self::Config {
                kind: r.i8("resource type")?,
                resource: r.text("resource name")?.to_owned(),
                key: r.text("configuration key")?.to_owned(),
                value: r.nullable_text("configuration value")?.map(str::to_owned),
            },
            5 => return partition_change(r),
            9 => Self::RemoveTopic(r.topic_id()?),
            12 => Self::FeatureLevel {
                name: r.text("feature name")?.to_owned(),
                level: r.i16("feature level")?,
            },
            14 => client_quota(r)?,
            15 => {
                r.i32("broker")?;
                r.i64("broker epoch")?;
                Self::ProducerIds(r.i64("next producer id")?)
            }
            23 => Self::BeginTransaction,
            24 => Self::EndTransaction,
            25 => Self::AbortTransaction,
            10 => return Ok(Self::Unsupported("delegation tokens")),
            11 => return Ok(Self::Unsupported("SCRAM credentials")),
            18 => return Ok(Self::Unsupported("access control entries")),
            // State of brokers and controllers, and the removal of what is not taken over.
            7 | 8 | 17 | 19..=22 | 26..=28 => return Ok(Self::Irrelevant),
            unknown => return Err(KafkaDecodeError::UnknownType(unknown)),
        };
        r.end()?;
        Ok(record)
    }
}

fn partition(r: &mut Reader<'_>, version: u32) -> Result<KafkaRecord, KafkaDecodeError> {
    let partition = r.i32("partition")?;
    let topic = r.topic_id()?;
    let replicas = r.brokers("replicas")?;
    r.brokers("in-sync replicas")?;
    let record = KafkaPartitionRecord {
        topic,
        partition,
        replicas,
        removing: r.brokers("removing replicas")?,
        adding: r.brokers("adding replicas")?,
        leader: r.i32("leader").map(BrokerId)?,
        leader_epoch: r.i32("leader epoch")?,
        partition_epoch: r.i32("partition epoch")?,
    };
    if version >= 1 {
        for _ in 0..r.count("directories", 16)? {
            r.take(16, "directories")?;
        }
    }
    r.end()?;
    Ok(KafkaRecord::Partition(record))
}

fn partition_change(r: &mut Reader<'_>) -> Result<KafkaRecord, KafkaDecodeError> {
    let partition = r.i32("partition")?;
    let topic = r.topic_id()?;
    let (mut leader, mut replicas, mut adding, mut removing) = (None, None, None, None);
    r.tagged(|tag, field| {
        match tag {
            1 => leader = Some(field.i32("leader")?),
            2 => replicas = field.nullable_brokers("replicas")?,
            3 => removing = field.nullable_brokers("removing replicas")?,
            4 => adding = field.nullable_brokers("adding replicas")?,
            _ => {}
        }
        Ok(())
    })?;
    r.nothing_left()?;
    Ok(KafkaRecord::PartitionChange {
        topic,
        partition,
        leader: leader.filter(|leader| *leader != SAME_LEADER).map(BrokerId),
        replicas,
        adding,
        removing,
    })
}

fn client_quota(r: &mut Reader<'_>) -> Result<KafkaRecord, KafkaDecodeError> {
    let mut entity = Vec::new();
    for _ in 0..r.count("quota entity", 3)? {
        let kind = r.text("quota entity type")?.to_owned();
        let name = r.nullable_text("quota entity name")?.map(str::to_owned);
        r.tagged(|_, _| Ok(()))?;
        entity.push((kind, name));
    }
    let key = r.text("quota key")?.to_owned();
    let value = r.f64("quota value")?;
    let is_removed = r.bool("quota removal")?;
    Ok(KafkaRecord::ClientQuota {
        entity,
        key,
        value: (!is_removed).then_some(value),
    })
}
