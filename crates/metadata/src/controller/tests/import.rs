//! Topics that are taken over.

use highwater_types::{LeaderEpoch, ProducerId, TopicName};

use super::*;
use crate::{QuotaEntity, QuotaEntityType};

fn topic(name: &str, id: u8, partitions: usize) -> ImportedTopic {
    let partition = ImportedPartition {
        leader_epoch: LeaderEpoch(7),
        partition_epoch: 9,
    };
    ImportedTopic {
        name: TopicName::new(name).unwrap(),
        id: TopicId([id; 16]),
        partitions: vec![partition; partitions],
    }
}

fn import(topics: Vec<ImportedTopic>) -> Import {
    Import {
        node: Some(BrokerId(4)),
        topics,
        ..Import::default()
    }
}

fn carried_out(image: &MetadataImage, import: &Import) -> (MetadataImage, Vec<ConfigLeftOut>) {
    let settings = ControllerSettings::default();
    let decision = Controller::new(image, &settings, &TestRules)
        .import(import)
        .unwrap();
    (image.apply(&decision.records).unwrap().0, decision.response)
}

#[test]
fn topics_keep_ids_and_epochs_and_ids_of_producers_are_not_given_out_again() {
    let mut wanted = import(vec![topic("a", 1, 3), topic("b", 2, 1)]);
    wanted.next_producer_id = ProducerId(5000);
    wanted.cluster = Some(ClusterRecord {
        cluster_id: "c".into(),
        format_version: 1,
    });
    let user = QuotaEntity([(QuotaEntityType::User, None)].into());
    wanted.quotas = vec![(user.clone(), "request_percentage".to_owned(), 2.0)];
    let (image, _) = carried_out(&MetadataImage::new(), &wanted);
    assert_eq!(&*image.cluster().unwrap().cluster_id, "c");
    assert_eq!(image.topic_id("a"), Some(TopicId([1; 16])));
    assert_eq!(image.partition_count(), 4);
    let partition = image.partition("a", PartitionIndex(2)).unwrap();
    assert_eq!(partition.leader, BrokerId(4));
    assert_eq!(partition.leader_epoch, LeaderEpoch(7));
    assert_eq!(partition.partition_epoch, 9);
    assert_eq!(image.next_producer_id(), ProducerId(5000));
    assert_eq!(image.quotas(&user).unwrap().len(), 1);
    // Into a cluster that is further, and has a name.
    let mut later = import(vec![topic("c", 3, 1)]);
    later.next_producer_id = ProducerId(1000);
    later.cluster = Some(ClusterRecord {
        cluster_id: "other".into(),
        format_version: 1,
    });
    let (image, _) = carried_out(&image, &later);
    assert_eq!(image.next_producer_id(), ProducerId(5000));
    assert_eq!(&*image.cluster().unwrap().cluster_id, "c");
}

#[test]
fn what_is_there_already_refuses_everything() {
    let (image, _) = carried_out(&MetadataImage::new(), &import(vec![topic("a.b", 1, 3)]));
    let settings = ControllerSettings {
        partitions_total_max: 5,
        ..ControllerSettings::default()
    };
    for (refused, why) in [
        (topic("a.b", 2, 1), "topic a.b exists already"),
        (topic("x", 1, 1), "which a topic that exists has too"),
        (topic("a_b", 3, 1), "collides with the topic a.b"),
        (topic("x", 3, 3), "at most 5 partitions, and would have 7"),
    ] {
        let wanted = import(vec![topic("fine", 9, 1), refused]);
        let outcome = Controller::new(&image, &settings, &TestRules).import(&wanted);
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains(why), "{text}");
    }
    let both = import(vec![topic("x.y", 5, 1), topic("x_y", 6, 1)]);
    let outcome = Controller::new(&image, &ControllerSettings::default(), &TestRules).import(&both);
    assert!(matches!(outcome, Err(ImportError::Collides { .. })));
}

#[test]
fn configuration_that_is_not_valid_here_is_named_and_the_rest_is_taken() {
    let mut wanted = import(vec![topic("a", 1, 1)]);
    let keys = [
        ("retention.ms", "5"),
        ("nonsense", "1"),
        ("cleanup.policy", "compact"),
    ];
    let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let resource = ConfigResource::topic("a");
    wanted.configs = vec![(resource.clone(), keys.to_vec())];
    let (image, left_out) = carried_out(&MetadataImage::new(), &wanted);
    let taken: Vec<_> = image
        .configs(&resource)
        .unwrap()
        .keys()
        .map(|key| &**key)
        .collect();
    assert_eq!(taken, ["cleanup.policy", "retention.ms"]);
    let left_out: Vec<_> = left_out
        .iter()
        .map(|out| (&*out.key, &*out.reason))
        .collect();
    assert_eq!(left_out, [("nonsense", "Unknown configuration nonsense")]);
}
