//! The body of every record, as the table of [`super`] lays it out.

use std::collections::BTreeMap;

use highwater_types::{LeaderEpoch, PartitionIndex, ProducerId, TopicName};

use super::DecodeError;
use super::reader::{Reader, Writer};
use crate::limits::{CONFIG_VALUE_LEN_MAX, PER_BROKER_MAX, QUOTA_ENTITY_PARTS_MAX};
use crate::record::{
    BrokerChange, BrokerRegistration, BrokerState, ClientQuotaRecord, ClusterRecord, ConfigRecord,
    FeatureLevelRecord, FeatureRange, Listener, MetadataRecord, PartitionChange, PartitionRecord,
    ProducerIdsRecord, TopicRecord,
};
use crate::{
    BrokerList, ConfigResource, ConfigResourceType, PartitionImage, QuotaEntity, QuotaEntityType,
};

/// The only version that any record has so far.
const VERSION: u8 = 0;

pub(super) fn encode(record: &MetadataRecord, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    let w = &mut writer;
    match record {
        MetadataRecord::Cluster(cluster) => {
            head(w, 1)
                .text(&cluster.cluster_id)
                .u16(cluster.format_version);
        }
        MetadataRecord::RegisterBroker(broker) => encode_broker(head(w, 2), broker),
        MetadataRecord::BrokerChange(change) => {
            head(w, 3)
                .i32(change.id.get())
                .i64(change.broker_epoch)
                .u8(state_code(change.state));
        }
        MetadataRecord::UnregisterBroker(broker) => {
            head(w, 4).i32(broker.get());
        }
        MetadataRecord::Topic(topic) => {
            head(w, 5).text(topic.name.as_str()).bytes(&topic.id.0);
        }
        MetadataRecord::Partition(partition) => encode_partition(head(w, 6), partition),
        MetadataRecord::PartitionChange(change) => encode_change(head(w, 7), change),
        MetadataRecord::RemoveTopic(topic) => {
            head(w, 8).bytes(&topic.0);
        }
        MetadataRecord::Config(config) => {
            head(w, 9)
                .bytes(&config.resource.kind.code().to_be_bytes())
                .text(&config.resource.name)
                .text(&config.key)
                .optional(config.value.as_deref(), Writer::text);
        }
        MetadataRecord::ClientQuota(quota) => {
            head(w, 10).count(quota.entity.0.len());
            for (kind, name) in &quota.entity.0 {
                w.text(kind.name()).optional(name.as_deref(), Writer::text);
            }
            w.text(&quota.key)
                .optional(quota.value, |w, value| w.bytes(&value.to_be_bytes()));
        }
        MetadataRecord::FeatureLevel(feature) => {
            head(w, 11).text(&feature.name).i16(feature.level);
        }
        MetadataRecord::ProducerIds(ids) => {
            head(w, 12)
                .i32(ids.broker.get())
                .i64(ids.broker_epoch)
                .i64(ids.next.get());
        }
    }
}

fn head<'w, 'a>(w: &'w mut Writer<'a>, code: u8) -> &'w mut Writer<'a> {
    w.u8(code).u8(VERSION)
}

fn encode_broker(w: &mut Writer<'_>, broker: &BrokerRegistration) {
    w.i32(broker.id.get())
        .bytes(&broker.incarnation)
        .i64(broker.broker_epoch)
        .optional(broker.rack.as_deref(), Writer::text)
        .u8(state_code(broker.state))
        .count(broker.listeners.len());
    for listener in &broker.listeners {
        w.text(&listener.name)
            .text(&listener.host)
            .u16(listener.port)
            .i16(listener.security_protocol);
    }
    w.count(broker.features.len());
    for feature in &broker.features {
        w.text(&feature.name).i16(feature.min).i16(feature.max);
    }
    w.count(broker.log_dirs.len());
    for log_dir in &broker.log_dirs {
        w.bytes(log_dir);
    }
}

fn encode_partition(w: &mut Writer<'_>, record: &PartitionRecord) {
    let image = &record.image;
    w.bytes(&record.topic.0)
        .i32(record.partition.get())
        .i32(image.leader.get())
        .i32(image.leader_epoch.get())
        .i32(image.partition_epoch)
        .brokers(&image.replicas)
        .brokers(&image.isr)
        .brokers(image.adding())
        .brokers(image.removing());
}

fn encode_change(w: &mut Writer<'_>, change: &PartitionChange) {
    w.bytes(&change.topic.0)
        .i32(change.partition.get())
        .optional(change.leader, |w, leader| w.i32(leader.get()));
    for list in [
        &change.isr,
        &change.replicas,
        &change.adding,
        &change.removing,
    ] {
        w.optional(list.as_deref(), Writer::brokers);
    }
}

const fn state_code(state: BrokerState) -> u8 {
    match state {
        BrokerState::Fenced => 0,
        BrokerState::Active => 1,
        BrokerState::ShuttingDown => 2,
    }
}

pub(super) fn decode(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    type Read = fn(&mut Reader<'_>) -> Result<MetadataRecord, DecodeError>;
    let code = r.u8("type")?;
    let (name, read): (&'static str, Read) = match code {
        1 => ("Cluster", decode_cluster),
        2 => ("RegisterBroker", decode_broker),
        3 => ("BrokerChange", decode_broker_change),
        4 => ("UnregisterBroker", |r| {
            r.broker().map(MetadataRecord::UnregisterBroker)
        }),
        5 => ("Topic", decode_topic),
        6 => ("Partition", decode_partition),
        7 => ("PartitionChange", decode_change),
        8 => ("RemoveTopic", |r| {
            r.topic_id().map(MetadataRecord::RemoveTopic)
        }),
        9 => ("Config", decode_config),
        10 => ("ClientQuota", decode_quota),
        11 => ("FeatureLevel", decode_feature),
        12 => ("ProducerIds", decode_producer_ids),
        unknown => return Err(DecodeError::UnknownType(unknown)),
    };
    match r.u8("version")? {
        VERSION => read(r),
        version => Err(DecodeError::UnknownVersion {
            record: name,
            version,
        }),
    }
}

fn decode_cluster(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    Ok(MetadataRecord::Cluster(ClusterRecord {
        cluster_id: r.name("cluster id")?,
        format_version: r.u16("format version")?,
    }))
}

fn decode_state(r: &mut Reader<'_>) -> Result<BrokerState, DecodeError> {
    match r.u8("broker state")? {
        0 => Ok(BrokerState::Fenced),
        1 => Ok(BrokerState::Active),
        2 => Ok(BrokerState::ShuttingDown),
        other => Err(DecodeError::Invalid {
            field: "broker state",
            reason: format!("{other} is none"),
        }),
    }
}

fn decode_broker(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    Ok(MetadataRecord::RegisterBroker(BrokerRegistration {
        id: r.broker()?,
        incarnation: r.id("incarnation")?,
        broker_epoch: r.i64("broker epoch")?,
        rack: r.optional("rack", |r| r.name("rack"))?,
        state: decode_state(r)?,
        listeners: r.list("listeners", PER_BROKER_MAX, 6, |r| {
            Ok(Listener {
                name: r.name("listener name")?,
                host: r.name("listener host")?,
                port: r.u16("listener port")?,
                security_protocol: r.i16("listener security protocol")?,
            })
        })?,
        features: r.list("features", PER_BROKER_MAX, 5, |r| {
            Ok(FeatureRange {
                name: r.name("feature name")?,
                min: r.i16("feature min")?,
                max: r.i16("feature max")?,
            })
        })?,
        log_dirs: r.list("log directories", PER_BROKER_MAX, 16, |r| {
            r.id("log directory")
        })?,
    }))
}

fn decode_broker_change(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    Ok(MetadataRecord::BrokerChange(BrokerChange {
        id: r.broker()?,
        broker_epoch: r.i64("broker epoch")?,
        state: decode_state(r)?,
    }))
}

fn decode_topic(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    let name = r.text("topic name", highwater_types::limits::TOPIC_NAME_LEN_MAX)?;
    let name = TopicName::new(name).map_err(|error| DecodeError::Invalid {
        field: "topic name",
        reason: error.to_string(),
    })?;
    Ok(MetadataRecord::Topic(TopicRecord {
        name,
        id: r.topic_id()?,
    }))
}

fn decode_partition(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    let topic = r.topic_id()?;
    let partition = PartitionIndex(r.i32("partition")?);
    let leader = r.broker()?;
    let leader_epoch = LeaderEpoch(r.i32("leader epoch")?);
    let partition_epoch = r.i32("partition epoch")?;
    let replicas = r.brokers("replicas")?;
    let isr = r.brokers("in-sync replicas")?;
    let adding = r.brokers("adding replicas")?;
    let removing = r.brokers("removing replicas")?;
    let mut image = PartitionImage::new(replicas, isr, leader);
    image.leader_epoch = leader_epoch;
    image.partition_epoch = partition_epoch;
    image.set_reassignment(adding, removing);
    Ok(MetadataRecord::Partition(PartitionRecord {
        topic,
        partition,
        image,
    }))
}

fn decode_change(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    fn brokers(r: &mut Reader<'_>, field: &'static str) -> Result<Option<BrokerList>, DecodeError> {
        r.optional(field, |r| r.brokers(field))
    }
    Ok(MetadataRecord::PartitionChange(PartitionChange {
        topic: r.topic_id()?,
        partition: PartitionIndex(r.i32("partition")?),
        leader: r.optional("leader", Reader::broker)?,
        isr: brokers(r, "in-sync replicas")?,
        replicas: brokers(r, "replicas")?,
        adding: brokers(r, "adding replicas")?,
        removing: brokers(r, "removing replicas")?,
    }))
}

fn decode_config(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    let code = r.i8("resource type")?;
    let kind = ConfigResourceType::from_code(code).ok_or_else(|| DecodeError::Invalid {
        field: "resource type",
        reason: format!("{code} is none"),
    })?;
    Ok(MetadataRecord::Config(ConfigRecord {
        resource: ConfigResource {
            kind,
            name: r.name("resource name")?,
        },
        key: r.name("configuration key")?,
        value: r.optional("configuration value", |r| {
            r.text("configuration value", CONFIG_VALUE_LEN_MAX)
                .map(Into::into)
        })?,
    }))
}

fn decode_quota(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    let mut entity = BTreeMap::new();
    for _ in 0..r.count("quota entity", QUOTA_ENTITY_PARTS_MAX, 2)? {
        let kind = r.name("quota entity type")?;
        let kind = QuotaEntityType::from_name(&kind).ok_or_else(|| DecodeError::Invalid {
            field: "quota entity type",
            reason: format!("{kind:?} is none"),
        })?;
        entity.insert(
            kind,
            r.optional("quota entity name", |r| r.name("quota entity name"))?,
        );
    }
    Ok(MetadataRecord::ClientQuota(ClientQuotaRecord {
        entity: QuotaEntity(entity),
        key: r.name("quota key")?,
        value: r.optional("quota value", |r| r.f64("quota value"))?,
    }))
}

fn decode_feature(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    Ok(MetadataRecord::FeatureLevel(FeatureLevelRecord {
        name: r.name("feature name")?,
        level: r.i16("feature level")?,
    }))
}

fn decode_producer_ids(r: &mut Reader<'_>) -> Result<MetadataRecord, DecodeError> {
    Ok(MetadataRecord::ProducerIds(ProducerIdsRecord {
        broker: r.broker()?,
        broker_epoch: r.i64("broker epoch")?,
        next: ProducerId(r.i64("next producer id")?),
    }))
}
