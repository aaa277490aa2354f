use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::expect;
use highwater_types::{BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId, TopicName};
use proptest::prelude::*;

use super::*;
use crate::*;

fn text() -> impl Strategy<Value = Arc<str>> {
    "[a-zäß.]{0,12}".prop_map(Arc::from)
}

fn brokers() -> impl Strategy<Value = BrokerList> {
    prop::collection::vec(-1..9_i32, 0..8).prop_map(|ids| ids.into_iter().map(BrokerId).collect())
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    any::<[u8; 16]>().prop_map(TopicId)
}

fn state() -> impl Strategy<Value = BrokerState> {
    prop::sample::select(vec![
        BrokerState::Fenced,
        BrokerState::Active,
        BrokerState::ShuttingDown,
    ])
}

fn registration() -> impl Strategy<Value = BrokerRegistration> {
    let listener = (text(), text(), any::<u16>(), any::<i16>()).prop_map(
        |(name, host, port, security_protocol)| Listener {
            name,
            host,
            port,
            security_protocol,
        },
    );
    let feature = (text(), any::<i16>(), any::<i16>()).prop_map(|(name, min, max)| FeatureRange {
        name,
        min,
        max,
    });
    (
        (
            any::<i32>(),
            any::<[u8; 16]>(),
            any::<i64>(),
            prop::option::of(text()),
            state(),
        ),
        prop::collection::vec(listener, 0..4),
        prop::collection::vec(feature, 0..4),
        prop::collection::vec(any::<[u8; 16]>(), 0..4),
    )
        .prop_map(
            |((id, incarnation, broker_epoch, rack, state), listeners, features, log_dirs)| {
                BrokerRegistration {
                    id: BrokerId(id),
                    incarnation,
                    broker_epoch,
                    rack,
                    state,
                    listeners,
                    features,
                    log_dirs,
                }
            },
        )
}

fn partition() -> impl Strategy<Value = MetadataRecord> {
    (
        (
            topic_id(),
            any::<i32>(),
            any::<i32>(),
            any::<i32>(),
            any::<i32>(),
        ),
        (brokers(), brokers(), brokers(), brokers()),
    )
        .prop_map(
            |(
                (topic, index, leader, leader_epoch, partition_epoch),
                (all, isr, adding, removing),
            )| {
                let mut image = PartitionImage::new(all, isr, BrokerId(leader));
                image.leader_epoch = LeaderEpoch(leader_epoch);
                image.partition_epoch = partition_epoch;
                image.set_reassignment(adding, removing);
                let partition = PartitionIndex(index);
                MetadataRecord::Partition(PartitionRecord {
                    topic,
                    partition,
                    image,
                })
            },
        )
}

fn change() -> impl Strategy<Value = MetadataRecord> {
    let list = || prop::option::of(brokers());
    (
        topic_id(),
        any::<i32>(),
        prop::option::of(any::<i32>()),
        list(),
        list(),
        list(),
        list(),
    )
        .prop_map(|(topic, index, leader, isr, replicas, adding, removing)| {
            MetadataRecord::PartitionChange(PartitionChange {
                topic,
                partition: PartitionIndex(index),
                leader: leader.map(BrokerId),
                isr,
                replicas,
                adding,
                removing,
            })
        })
}

fn config() -> impl Strategy<Value = MetadataRecord> {
    let kind = prop::sample::select(ConfigResourceType::EVERY.to_vec());
    (kind, text(), text(), prop::option::of(text())).prop_map(|(kind, name, key, value)| {
        MetadataRecord::Config(ConfigRecord {
            resource: ConfigResource { kind, name },
            key,
            value,
        })
    })
}

fn quota() -> impl Strategy<Value = MetadataRecord> {
    let kind = prop::sample::select(vec![
        QuotaEntityType::User,
        QuotaEntityType::ClientId,
        QuotaEntityType::Ip,
    ]);
    let entity = prop::collection::btree_map(kind, prop::option::of(text()), 0..4);
    let value = prop::option::of(-1e9..1e9_f64);
    (entity, text(), value).prop_map(|(entity, key, value)| {
        MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: QuotaEntity(entity),
            key,
            value,
        })
    })
}

fn record() -> impl Strategy<Value = MetadataRecord> {
    let topic = ("[a-zA-Z0-9_-]{1,20}", topic_id()).prop_map(|(name, id)| {
        MetadataRecord::Topic(TopicRecord {
            name: TopicName::new(&name).unwrap(),
            id,
        })
    });
    let cluster = (text(), any::<u16>()).prop_map(|(cluster_id, format_version)| {
        MetadataRecord::Cluster(ClusterRecord {
            cluster_id,
            format_version,
        })
    });
    let broker_change =
        (any::<i32>(), any::<i64>(), state()).prop_map(|(id, broker_epoch, state)| {
            MetadataRecord::BrokerChange(BrokerChange {
                id: BrokerId(id),
                broker_epoch,
                state,
            })
        });
    let feature = (text(), any::<i16>())
        .prop_map(|(name, level)| MetadataRecord::FeatureLevel(FeatureLevelRecord { name, level }));
    let ids =
        (any::<i32>(), any::<i64>(), any::<i64>()).prop_map(|(broker, broker_epoch, next)| {
            MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker: BrokerId(broker),
                broker_epoch,
                next: ProducerId(next),
            })
        });
    prop_oneof![
        cluster,
        registration().prop_map(MetadataRecord::RegisterBroker),
        broker_change,
        any::<i32>().prop_map(|id| MetadataRecord::UnregisterBroker(BrokerId(id))),
        topic,
        partition(),
        change(),
        topic_id().prop_map(MetadataRecord::RemoveTopic),
        config(),
        quota(),
        feature,
        ids,
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in record()) {
        prop_assert_eq!(MetadataRecord::decode(&record.to_bytes()), Ok(record));
    }

    #[test]
    fn a_record_that_is_cut_or_goes_on_is_refused(record in record(), extra: u8) {
        let mut bytes = record.to_bytes();
        for len in 0..bytes.len() {
            prop_assert!(MetadataRecord::decode(&bytes[..len]).is_err(), "cut to {}", len);
        }
        bytes.push(extra);
        prop_assert_eq!(MetadataRecord::decode(&bytes), Err(DecodeError::TrailingBytes(1)));
    }

    #[test]
    fn damage_is_an_error_or_another_record_but_never_a_panic(
        record in record(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = record.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = MetadataRecord::decode(&bytes) {
            let read_again = MetadataRecord::decode(&other.to_bytes());
            prop_assert_eq!(read_again, Ok(other));
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_a_record(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(record) = MetadataRecord::decode(&bytes) {
            prop_assert_eq!(MetadataRecord::decode(&record.to_bytes()), Ok(record));
        }
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let mut log = String::new();
    let table: [(&str, &[u8]); 13] = [
        ("nothing", &[]),
        ("no version", &[8]),
        ("unknown type", &[99, 0]),
        ("type 0", &[0, 0]),
        ("unknown version", &[8, 1]),
        ("a text of 4 GiB", &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        (
            "a length above 32 bits",
            &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ),
        (
            "a length of six bytes",
            &[1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
        ),
        ("a text longer than what remains", &[1, 0, 5, b'a']),
        ("not UTF-8", &[1, 0, 1, 0xff, 0, 0]),
        ("a name no topic can have", &[5, 0, 3, b'a', b'/', b'b']),
        (
            "no such state",
            &[3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9],
        ),
        ("neither there nor not", &[9, 0, 2, 1, b't', 1, b'k', 7]),
    ];
    for (what, bytes) in table {
        let error = MetadataRecord::decode(bytes).unwrap_err();
        log.push_str(&format!("{what}: {error}\n"));
    }
    let mut partition = vec![6, 0];
    partition.extend([0; 32]);
    partition.extend([0x90, 0x4e, 1]);
    let error = MetadataRecord::decode(&partition).unwrap_err();
    log.push_str(&format!("ten thousand replicas in one byte: {error}\n"));
    let not_a_number = ClientQuotaRecord {
        entity: QuotaEntity::default(),
        key: "k".into(),
        value: Some(f64::NAN),
    };
    let bytes = MetadataRecord::ClientQuota(not_a_number).to_bytes();
    let error = MetadataRecord::decode(&bytes).unwrap_err();
    log.push_str(&format!("a quota that is no number: {error}\n"));
    expect![[r#"
        nothing: the record ends within type
        no version: the record ends within version
        unknown type: metadata record type 99 is not known to this version
        type 0: metadata record type 0 is not known to this version
        unknown version: version 1 of metadata record RemoveTopic is not known to this version
        a text of 4 GiB: cluster id has a length of 4294967295, the most allowed is 4096
        a length above 32 bits: cluster id is invalid: its length overflows
        a length of six bytes: cluster id is invalid: its length has too many bytes
        a text longer than what remains: the record ends within cluster id
        not UTF-8: cluster id is invalid: invalid utf-8 sequence of 1 bytes from index 0
        a name no topic can have: topic name is invalid: the topic name "a/b" contains a character other than ASCII letters and digits, '.', '_' and '-'
        no such state: broker state is invalid: 9 is none
        neither there nor not: configuration value is invalid: presence byte 7
        ten thousand replicas in one byte: the record ends within replicas
        a quota that is no number: quota value is invalid: NaN is not a finite number
    "#]].assert_eq(&log);
}

/// One record of each type that concerns brokers and the cluster.
fn broker_samples() -> Vec<MetadataRecord> {
    vec![
        MetadataRecord::Cluster(ClusterRecord {
            cluster_id: "c1".into(),
            format_version: 1,
        }),
        MetadataRecord::RegisterBroker(BrokerRegistration {
            id: BrokerId(1),
            incarnation: [7; 16],
            broker_epoch: 5,
            rack: Some("r".into()),
            state: BrokerState::Active,
            listeners: vec![Listener {
                name: "P".into(),
                host: "h".into(),
                port: 9092,
                security_protocol: 0,
            }],
            features: vec![FeatureRange {
                name: "f".into(),
                min: 0,
                max: 1,
            }],
            log_dirs: vec![[9; 16]],
        }),
        MetadataRecord::BrokerChange(BrokerChange {
            id: BrokerId(1),
            broker_epoch: 5,
            state: BrokerState::Fenced,
        }),
        MetadataRecord::UnregisterBroker(BrokerId(1)),
    ]
}

/// One record of every other type.
fn topic_samples() -> Vec<MetadataRecord> {
    let id = TopicId([0xab; 16]);
    let mut image = PartitionImage::new(
        [1, 2].map(BrokerId).into(),
        [1].map(BrokerId).into(),
        BrokerId(1),
    );
    image.leader_epoch = LeaderEpoch(3);
    image.partition_epoch = 4;
    vec![
        MetadataRecord::Topic(TopicRecord {
            name: TopicName::new("t").unwrap(),
            id,
        }),
        MetadataRecord::Partition(PartitionRecord {
            topic: id,
            partition: PartitionIndex(0),
            image,
        }),
        MetadataRecord::PartitionChange(PartitionChange {
            leader: Some(BrokerId(2)),
            isr: Some([2].map(BrokerId).into()),
            ..PartitionChange::new(id, PartitionIndex(0))
        }),
        MetadataRecord::RemoveTopic(id),
        MetadataRecord::Config(ConfigRecord {
            resource: ConfigResource::topic("t"),
            key: "k".into(),
            value: Some("v".into()),
        }),
        MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: QuotaEntity(BTreeMap::from([(QuotaEntityType::User, None)])),
            key: "k".into(),
            value: Some(1.5),
        }),
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "f".into(),
            level: 1,
        }),
        MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker: BrokerId(1),
            broker_epoch: 5,
            next: ProducerId(1000),
        }),
    ]
}

#[test]
fn the_bytes_are_those_of_the_table() {
    let mut dump = String::new();
    for record in broker_samples().into_iter().chain(topic_samples()) {
        let hex: Vec<String> = record
            .to_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        dump.push_str(&hex.concat());
        dump.push('\n');
        assert_eq!(MetadataRecord::decode(&record.to_bytes()), Ok(record));
    }
    expect![[r#"
        01000263310001
        02000000000107070707070707070707070707070707000000000000000501017201010150016823840000010166000000010109090909090909090909090909090909
        030000000001000000000000000500
        040000000001
        05000174abababababababababababababababab
        0600abababababababababababababababab0000000000000001000000030000000402000000010000000201000000010000
        0700abababababababababababababababab000000000100000002010100000002000000
        0800abababababababababababababababab
        0900020174016b010176
        0a0001047573657200016b013ff8000000000000
        0b0001660001
        0c0000000001000000000000000500000000000003e8
    "#]].assert_eq(&dump);
}
