use std::collections::BTreeSet;
use std::sync::Arc;

use highwater_types::{BrokerId, PartitionIndex, ProducerId, TopicId, TopicName};
use proptest::prelude::*;

use super::*;
use crate::record::{
    BrokerChange, BrokerRegistration, ClientQuotaRecord, ClusterRecord, ConfigRecord,
    FeatureLevelRecord, Listener, MetadataRecord, PartitionChange, PartitionRecord,
    ProducerIdsRecord, TopicRecord,
};
use crate::{BrokerList, QuotaEntityType, QuotaMatch};

fn id(number: u8) -> TopicId {
    TopicId([number; 16])
}

fn topic(name: &str, number: u8) -> MetadataRecord {
    MetadataRecord::Topic(TopicRecord {
        name: TopicName::new(name).unwrap(),
        id: id(number),
    })
}

fn partition(number: u8, index: i32) -> MetadataRecord {
    let replicas = BrokerList::from([BrokerId(1), BrokerId(2)]);
    let image = PartitionImage::new(replicas.clone(), replicas, BrokerId(1));
    let partition = PartitionIndex(index);
    MetadataRecord::Partition(PartitionRecord {
        topic: id(number),
        partition,
        image,
    })
}

fn config(resource: ConfigResource, key: &str, value: Option<&str>) -> MetadataRecord {
    let value = value.map(Arc::from);
    MetadataRecord::Config(ConfigRecord {
        resource,
        key: key.into(),
        value,
    })
}

const NAMES: [&str; 6] = ["a", "a.b", "a_b", "c", "d-e", "F"];

fn number() -> impl Strategy<Value = u8> {
    0..6_u8
}

/// Records about topics, over few names, so that they often concern one another.
fn topic_record() -> impl Strategy<Value = MetadataRecord> {
    let created =
        (number(), number()).prop_map(|(name, number)| topic(NAMES[usize::from(name)], number));
    let changed = (
        number(),
        0..4_i32,
        prop::option::of(-1..3_i32),
        any::<bool>(),
    )
        .prop_map(|(number, index, leader, shrinks)| {
            let mut change = PartitionChange::new(id(number), PartitionIndex(index));
            change.leader = leader.map(BrokerId);
            change.isr = shrinks.then(|| BrokerList::from([BrokerId(1)]));
            change.adding = shrinks.then(|| BrokerList::from([BrokerId(5)]));
            MetadataRecord::PartitionChange(change)
        });
    let configured =
        (number(), 0..3_u8, prop::option::of(0..3_u8)).prop_map(move |(name, key, value)| {
            let resource = ConfigResource::topic(NAMES[usize::from(name)]);
            let value = value.map(|value| value.to_string());
            config(resource, &format!("key{key}"), value.as_deref())
        });
    prop_oneof![
        4 => created,
        6 => (number(), 0..4_i32).prop_map(|(number, index)| partition(number, index)),
        4 => changed,
        2 => number().prop_map(|number| MetadataRecord::RemoveTopic(id(number))),
        3 => configured,
    ]
}

/// Records about anything.
fn any_record() -> impl Strategy<Value = MetadataRecord> {
    let broker = (0..3_i32, 0..6_i64).prop_map(|(id, broker_epoch)| {
        MetadataRecord::RegisterBroker(BrokerRegistration {
            id: BrokerId(id),
            incarnation: [broker_epoch as u8; 16],
            broker_epoch,
            rack: None,
            state: BrokerState::Active,
            listeners: vec![Listener {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                port: 9092,
                security_protocol: 0,
            }],
            features: Vec::new(),
            log_dirs: Vec::new(),
        })
    });
    let fenced = (0..3_i32, 0..6_i64).prop_map(|(id, broker_epoch)| {
        let state = BrokerState::Fenced;
        MetadataRecord::BrokerChange(BrokerChange {
            id: BrokerId(id),
            broker_epoch,
            state,
        })
    });
    let quota = (0..2_u8, prop::option::of(1..4_u8)).prop_map(|(user, value)| {
        let name = Some(Arc::from(user.to_string()));
        MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: QuotaEntity([(QuotaEntityType::User, name)].into()),
            key: "producer_byte_rate".into(),
            value: value.map(f64::from),
        })
    });
    prop_oneof![
        19 => topic_record(),
        1 => broker,
        1 => fenced,
        1 => (0..3_i32).prop_map(|id| MetadataRecord::UnregisterBroker(BrokerId(id))),
        1 => quota,
        1 => (0..3_i16).prop_map(|level| MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "group.version".into(),
            level,
        })),
        1 => (1..9_i64).prop_map(|next| MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker: BrokerId(1),
            broker_epoch: 1,
            next: ProducerId(next * 1000),
        })),
    ]
}

/// The image after those of the records that apply, one by one, and those records.
fn one_by_one(records: &[MetadataRecord]) -> (MetadataImage, Vec<MetadataRecord>) {
    let mut image = MetadataImage::new();
    let mut applied = Vec::new();
    for record in records {
        if let Ok((next, _)) = image.apply(std::slice::from_ref(record)) {
            image = next;
            applied.push(record.clone());
        }
    }
    (image, applied)
}

/// What a delta must mention at least, found by comparing all there is.
fn differences(old: &MetadataImage, new: &MetadataImage, delta: &MetadataDelta) {
    let deleted: BTreeSet<TopicId> = delta.deleted_topics.iter().map(|topic| topic.id).collect();
    let gone: BTreeSet<TopicId> = old
        .topics()
        .map(|topic| topic.id)
        .filter(|id| new.topic_by_id(*id).is_none())
        .collect();
    assert!(
        deleted.is_superset(&gone),
        "deleted {deleted:?}, gone {gone:?}"
    );
    for topic in new.topics() {
        let before = old
            .topic_by_id(topic.id)
            .filter(|before| before.name == topic.name);
        let said = delta.topics.get(&topic.id);
        if before.is_none() {
            assert!(
                said.is_some_and(|said| said.is_new),
                "{} is new",
                topic.name
            );
        }
        for (index, partition) in topic.partitions() {
            if before.and_then(|before| before.partition(index)) != Some(partition) {
                assert!(said.is_some_and(|said| said.partitions.contains(&index)));
            }
        }
    }
    for (resource, keys) in new.configured() {
        if old.configs(resource) != Some(keys) {
            assert!(delta.configs.contains(resource), "{resource} has changed");
        }
    }
    for broker in new.brokers() {
        if old.broker(broker.id) != Some(broker) {
            assert!(delta.brokers.contains(&broker.id));
        }
    }
    assert!(old.features() == new.features() || delta.features_changed);
    for id in delta.topics.keys() {
        assert!(
            new.topic_by_id(*id).is_some(),
            "a topic that is gone is mentioned as changed"
        );
    }
}

proptest! {
    #[test]
    fn one_by_one_and_all_at_once_lead_to_the_same_image(
        records in prop::collection::vec(any_record(), 0..120),
    ) {
        let (image, applied) = one_by_one(&records);
        let (at_once, delta) = MetadataImage::new().apply(&applied).unwrap();
        prop_assert_eq!(&at_once, &image);
        differences(&MetadataImage::new(), &at_once, &delta);
    }

    #[test]
    fn a_snapshot_leads_to_an_equal_image(
        records in prop::collection::vec(any_record(), 0..120),
    ) {
        let (image, _) = one_by_one(&records);
        let snapshot = image.to_records();
        let (replayed, _) = MetadataImage::new().apply(&snapshot).unwrap();
        prop_assert_eq!(&replayed, &image);
        prop_assert_eq!(replayed.to_records(), snapshot);
    }

    #[test]
    fn a_delta_mentions_everything_that_differs(
        before in prop::collection::vec(any_record(), 0..60),
        after in prop::collection::vec(any_record(), 0..60),
    ) {
        let (base, applied_before) = one_by_one(&before);
        let kept = base.to_records();
        let all: Vec<MetadataRecord> = before.into_iter().chain(after).collect();
        let (_, applied) = one_by_one(&all);
        let (new, delta) = base.apply(&applied[applied_before.len()..]).unwrap();
        differences(&base, &new, &delta);
        prop_assert_eq!(base.to_records(), kept, "an image has changed");
    }

    #[test]
    fn topics_are_listed_by_name_and_counted(
        records in prop::collection::vec(any_record(), 0..120),
    ) {
        let (image, _) = one_by_one(&records);
        let names: Vec<&str> = image.topics().map(|topic| topic.name.as_str()).collect();
        prop_assert!(names.is_sorted());
        prop_assert_eq!(names.len(), image.topic_count());
        let partitions: usize = image.topics().map(|topic| topic.partition_count()).sum();
        prop_assert_eq!(partitions, image.partition_count());
        let from: Vec<&str> = image.topics_from("a_b").map(|topic| topic.name.as_str()).collect();
        let expected: Vec<&str> = names.into_iter().filter(|name| *name >= "a_b").collect();
        prop_assert_eq!(from, expected);
    }
}

#[test]
fn records_that_contradict_the_image_are_refused_and_leave_it_alone() {
    let (image, _) = MetadataImage::new()
        .apply(&[topic("t", 1), partition(1, 0), topic("u", 2)])
        .unwrap();
    let change = PartitionChange::new(id(2), PartitionIndex(0));
    let table = [
        (topic("t", 3), "topic t exists already"),
        (
            topic("v", 1),
            "topic id AQEBAQEBAQEBAQEBAQEBAQ exists already",
        ),
        (
            partition(1, 0),
            "partition 0 of topic id AQEBAQEBAQEBAQEBAQEBAQ cannot follow 1 partitions",
        ),
        (
            partition(1, 2),
            "partition 2 of topic id AQEBAQEBAQEBAQEBAQEBAQ cannot follow 1 partitions",
        ),
        (
            partition(9, 0),
            "topic id CQkJCQkJCQkJCQkJCQkJCQ does not exist",
        ),
        (
            MetadataRecord::PartitionChange(change),
            "partition 0 of topic id AgICAgICAgICAgICAgICAg does not exist",
        ),
        (
            MetadataRecord::RemoveTopic(id(9)),
            "topic id CQkJCQkJCQkJCQkJCQkJCQ does not exist",
        ),
        (
            MetadataRecord::UnregisterBroker(BrokerId(4)),
            "broker 4 is not registered",
        ),
    ];
    let before = image.to_records();
    for (record, expected) in table {
        let error = image.apply(&[topic("new", 8), record]).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(image.to_records(), before);
    }
}

#[test]
fn a_topic_goes_with_its_configuration_and_does_not_leave_it_to_its_successor() {
    let resource = ConfigResource::topic("t");
    let (image, _) = MetadataImage::new()
        .apply(&[
            topic("t", 1),
            partition(1, 0),
            config(resource.clone(), "k", Some("v")),
        ])
        .unwrap();
    let (image, delta) = image
        .apply(&[
            config(resource.clone(), "k", Some("w")),
            MetadataRecord::RemoveTopic(id(1)),
            config(resource.clone(), "k", Some("late")),
            topic("t", 2),
        ])
        .unwrap();
    assert_eq!(image.configs(&resource), None);
    assert_eq!(image.topic_id("t"), Some(id(2)));
    let deleted: Vec<TopicId> = delta.deleted_topics.iter().map(|topic| topic.id).collect();
    assert_eq!(deleted, [id(1)]);
    assert_eq!(delta.created_topics().collect::<Vec<_>>(), [id(2)]);
    assert!(delta.configs.is_empty());
}

#[test]
fn what_came_and_went_in_between_is_not_mentioned() {
    let (image, delta) = MetadataImage::new()
        .apply(&[
            topic("t", 1),
            partition(1, 0),
            MetadataRecord::RemoveTopic(id(1)),
        ])
        .unwrap();
    assert!(delta.is_empty());
    assert_eq!(image, MetadataImage::new());
}

#[test]
fn names_that_metrics_cannot_tell_apart_are_found_even_if_several_exist() {
    let (image, _) = MetadataImage::new()
        .apply(&[topic("a.b", 1), topic("a_b", 2), topic("ab", 3)])
        .unwrap();
    let colliding = |image: &MetadataImage, name: &str| {
        let name = TopicName::new(name).unwrap();
        image
            .colliding_topic(&name)
            .map(|topic| topic.name.to_string())
    };
    assert_eq!(colliding(&image, "a_b").as_deref(), Some("a.b"));
    assert_eq!(colliding(&image, "a.b").as_deref(), Some("a_b"));
    assert_eq!(colliding(&image, "ab"), None);
    let (image, _) = image.apply(&[MetadataRecord::RemoveTopic(id(2))]).unwrap();
    assert_eq!(colliding(&image, "a_b").as_deref(), Some("a.b"));
    assert_eq!(colliding(&image, "a.b"), None);
}

#[test]
fn a_change_of_leader_begins_epochs() {
    let mut change = PartitionChange::new(id(1), PartitionIndex(0));
    let (image, _) = MetadataImage::new()
        .apply(&[topic("t", 1), partition(1, 0)])
        .unwrap();
    change.isr = Some(BrokerList::from([BrokerId(1)]));
    let (image, _) = image
        .apply(&[MetadataRecord::PartitionChange(change.clone())])
        .unwrap();
    let now = image.partition("t", PartitionIndex(0)).unwrap();
    assert_eq!((now.leader_epoch.get(), now.partition_epoch), (0, 1));
    change.leader = Some(BrokerId(1));
    let (image, _) = image
        .apply(&[MetadataRecord::PartitionChange(change)])
        .unwrap();
    let now = image.partition("t", PartitionIndex(0)).unwrap();
    assert_eq!((now.leader_epoch.get(), now.partition_epoch), (1, 2));
}

#[test]
fn quotas_are_found_by_their_parts() {
    let quota = |parts: &[(QuotaEntityType, Option<&str>)]| {
        let parts = parts
            .iter()
            .map(|(kind, name)| (*kind, name.map(Arc::from)));
        MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: QuotaEntity(parts.collect()),
            key: "producer_byte_rate".into(),
            value: Some(1.0),
        })
    };
    let (user, client) = (QuotaEntityType::User, QuotaEntityType::ClientId);
    let (image, _) = MetadataImage::new()
        .apply(&[
            quota(&[(user, Some("alice"))]),
            quota(&[(user, None)]),
            quota(&[(user, Some("alice")), (client, Some("app"))]),
            quota(&[(client, None)]),
        ])
        .unwrap();
    let find = |parts: &[(QuotaEntityType, QuotaMatch)], strict| {
        let filter = QuotaFilter {
            parts: parts.iter().cloned().collect(),
            strict,
        };
        let found: Vec<String> = image
            .find_quotas(&filter)
            .map(|(entity, _)| entity.to_string())
            .collect();
        found.join("; ")
    };
    let table = [
        (
            find(&[], false),
            "user=<default>; user=alice; user=alice, client-id=app; client-id=<default>",
        ),
        (find(&[], true), ""),
        (
            find(&[(user, QuotaMatch::Exactly("alice".into()))], false),
            "user=alice; user=alice, client-id=app",
        ),
        (
            find(&[(user, QuotaMatch::Exactly("alice".into()))], true),
            "user=alice",
        ),
        (
            find(&[(user, QuotaMatch::Default)], false),
            "user=<default>",
        ),
        (
            find(&[(user, QuotaMatch::Any)], true),
            "user=<default>; user=alice",
        ),
        (
            find(&[(user, QuotaMatch::Any), (client, QuotaMatch::Any)], true),
            "user=alice, client-id=app",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_cluster_is_named_once_and_seen() {
    let record = ClusterRecord {
        cluster_id: "c".into(),
        format_version: 1,
    };
    let (image, delta) = MetadataImage::new()
        .apply(&[MetadataRecord::Cluster(record.clone())])
        .unwrap();
    assert_eq!(image.cluster(), Some(&record));
    assert!(delta.cluster_changed);
}

#[test]
fn a_partition_takes_no_more_room_than_promised() {
    assert_eq!(size_of::<PartitionImage>(), 72);
}
