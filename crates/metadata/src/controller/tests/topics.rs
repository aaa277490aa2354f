//! Creating, deleting and enlarging topics.

use expect_test::expect;

use super::*;

fn configured(name: &str, configs: &[(&str, Option<&str>)]) -> NewTopic {
    NewTopic {
        configs: configs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)))
            .collect(),
        ..new_topic(name, 1, 1)
    }
}

#[test]
fn topics_are_created_with_defaults_or_as_asked() {
    let mut world = World::with_brokers(&[1]);
    world.settings.default_partitions = 3;
    world.create(
        &[
            new_topic("default", -1, -1),
            new_topic("two", 2, 1),
            assigned("manual", &[(1, &[1]), (0, &[1])]),
            configured(
                "set",
                &[
                    ("retention.ms", Some("5")),
                    ("cleanup.policy", Some("compact")),
                ],
            ),
        ],
        Mode::Apply,
    );
    world.show();
    expect![[r#"
        create: 14 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 3, replication_factor: 1, configs: {} }
            CreatedTopic { id: AgICAgICAgICAgICAgICAg, partitions: 2, replication_factor: 1, configs: {} }
            CreatedTopic { id: AwMDAwMDAwMDAwMDAwMDAw, partitions: 2, replication_factor: 1, configs: {} }
            CreatedTopic { id: BAQEBAQEBAQEBAQEBAQEBA, partitions: 1, replication_factor: 1, configs: {"cleanup.policy": "compact", "retention.ms": "5"} }
        default-0 leader 1 epoch 0/0 replicas 1 isr 1
        default-1 leader 1 epoch 0/0 replicas 1 isr 1
        default-2 leader 1 epoch 0/0 replicas 1 isr 1
        manual-0 leader 1 epoch 0/0 replicas 1 isr 1
        manual-1 leader 1 epoch 0/0 replicas 1 isr 1
        set-0 leader 1 epoch 0/0 replicas 1 isr 1
        two-0 leader 1 epoch 0/0 replicas 1 isr 1
        two-1 leader 1 epoch 0/0 replicas 1 isr 1
    "#]].assert_eq(&world.told());
}

#[test]
fn topics_that_cannot_be_are_refused_with_the_reason() {
    let mut world = World::with_brokers(&[1]);
    world.settings.partitions_total_max = 60_000;
    world.create(&[new_topic("there.is", 1, 1)], Mode::Apply);
    world.create(
        &[
            new_topic("", 1, 1),
            new_topic("a/b", 1, 1),
            new_topic("__cluster_metadata", 1, 1),
            new_topic("there.is", 1, 1),
            new_topic("there_is", 1, 1),
            new_topic("twice", 1, 1),
            new_topic("twice", 2, 1),
            new_topic("x.y", 1, 1),
            new_topic("x_y", 1, 1),
            new_topic("none", 0, 1),
            new_topic("negative", -2, 1),
            new_topic("no-replicas", 1, 0),
            new_topic("negative-replicas", 1, -2),
            new_topic("three-replicas", 1, 3),
            new_topic("too-many", 100_001, 1),
            new_topic("many", 50_000, 1),
            new_topic("too-many-in-all", 20_000, 1),
            new_topic("too-many-in-the-request", 60_000, 1),
        ],
        Mode::ValidateOnly,
    );
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        create: 0 records
            refused: the topic name is empty.
            refused: the topic name "a/b" contains a character other than ASCII letters and digits, '.', '_' and '-'.
            refused: Creation of the internal topic __cluster_metadata is prohibited.
            refused: Topic 'there.is' already exists.
            refused: Topic 'there_is' collides with existing topic: there.is
            refused: Topic "twice" is in the request more than once.
            refused: Topic "twice" is in the request more than once.
            CreatedTopic { id: AgICAgICAgICAgICAgICAg, partitions: 1, replication_factor: 1, configs: {} }
            refused: Topic 'x_y' collides with existing topic: x.y
            refused: Number of partitions was set to an invalid non-positive value.
            refused: Number of partitions was set to an invalid non-positive value.
            refused: Replication factor must be larger than 0, or -1 to use the default value.
            refused: Replication factor must be larger than 0, or -1 to use the default value.
            refused: Unable to replicate the partition 3 time(s): only 1 broker(s) are active.
            refused: One request can create at most 100000 partitions, not 100002.
            CreatedTopic { id: AwMDAwMDAwMDAwMDAwMDAw, partitions: 50000, replication_factor: 1, configs: {} }
            refused: The cluster may have at most 60000 partitions, and has 50002 already.
            refused: One request can create at most 100000 partitions, not 110001.
    "#]].assert_eq(&world.told());
}

#[test]
fn assignments_that_cannot_be_are_refused_with_the_reason() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    let fenced = BrokerChange {
        id: BrokerId(3),
        broker_epoch: 1,
        state: BrokerState::Fenced,
    };
    let decision = world.decide(|c| c.change_broker(fenced));
    world.take_one("fence 3", decision);
    world.create(
        &[
            NewTopic {
                partitions: 1,
                ..assigned("counted", &[(0, &[1])])
            },
            NewTopic {
                replication_factor: 1,
                ..assigned("replicated", &[(0, &[1])])
            },
            assigned("gap", &[(0, &[1]), (2, &[1])]),
            assigned("twice", &[(0, &[1]), (0, &[2])]),
            assigned("empty", &[(0, &[])]),
            assigned("unknown", &[(0, &[1, 9])]),
            assigned("same", &[(0, &[1, 1])]),
            assigned("unequal", &[(0, &[1, 2]), (1, &[1])]),
            assigned("nobody", &[(0, &[3])]),
            assigned("one-fenced", &[(0, &[3, 2])]),
        ],
        Mode::Apply,
    );
    world.show();
    expect![[r#"
        fence 3: 1 records
        create: 2 records
            refused: A manual partition assignment was specified, but numPartitions was not set to -1.
            refused: A manual partition assignment was specified, but replication factor was not set to -1.
            refused: Manually assigned partitions must be numbered from 0 without gap or repetition.
            refused: Manually assigned partitions must be numbered from 0 without gap or repetition.
            refused: The manual partition assignment includes an empty replica list.
            refused: The manual partition assignment includes broker 9, which is not registered.
            refused: The manual partition assignment includes broker 1 more than once.
            refused: The manual partition assignment includes a partition with 1 replica(s), but others of the topic have 2.
            refused: All brokers in the manual assignment of partition 0 are fenced or shutting down.
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 2, configs: {} }
        one-fenced-0 leader 2 epoch 0/0 replicas 3,2 isr 2
    "#]].assert_eq(&world.told());
}

#[test]
fn configuration_is_checked_when_a_topic_is_created() {
    let mut world = World::with_brokers(&[1]);
    let long = "x".repeat(40_000);
    world.create(
        &[
            configured("null", &[("retention.ms", None), ("cleanup.policy", None)]),
            configured("unknown", &[("retention", Some("1"))]),
            configured("invalid", &[("retention.ms", Some("soon"))]),
            configured("long", &[("cleanup.policy", Some(&long))]),
            configured("empty", &[("", Some("1"))]),
        ],
        Mode::Apply,
    );
    expect![[r#"
        create: 0 records
            refused: Null value not supported for topic configs: retention.ms,cleanup.policy
            refused: Unknown configuration retention
            refused: Invalid value soon for configuration retention.ms
            refused: The value of cleanup.policy has 40000 bytes, the most allowed is 32768.
            refused: A configuration key is empty.
    "#]]
    .assert_eq(&world.told());
}

#[test]
fn checking_alone_creates_nothing() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 3, 1)], Mode::ValidateOnly);
    assert_eq!(world.image.topic_count(), 0);
}

#[test]
fn an_id_is_never_used_twice() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 1, 1)], Mode::Apply);
    let used = world.image.topic_id("t").unwrap();
    let fresh = TopicId([9; 16]);
    let mut ids = [TopicId::ZERO, used, fresh, fresh].into_iter();
    let topics = [new_topic("u", 1, 1), new_topic("v", 1, 1)];
    let decision = world.decide(|c| c.create_topics(&topics, &mut ids, 0, Mode::Apply));
    assert_eq!(decision.response[0].as_ref().unwrap().id, fresh);
    assert_eq!(decision.response[1], Err(CreateTopicError::NoTopicId));
    world.apply(&decision.records);
}

#[test]
fn topics_are_deleted_by_name_or_id_once() {
    let mut world = World::with_brokers(&[1]);
    let made = [
        new_topic("a", 1, 1),
        new_topic("b", 2, 1),
        new_topic("d", 1, 1),
    ];
    world.create(&made, Mode::Apply);
    let b = world.image.topic_id("b").unwrap();
    let topics = [
        TopicRef::Name("a".to_owned()),
        TopicRef::Id(b),
        TopicRef::Name("b".to_owned()),
        TopicRef::Name("c".to_owned()),
        TopicRef::Id(world.image.topic_id("d").unwrap()),
        TopicRef::Id(TopicId([0xee; 16])),
    ];
    let decision = world.decide(|c| c.delete_topics(&topics));
    world.take("delete", &decision);
    assert_eq!(
        (world.image.topic_count(), world.image.partition_count()),
        (1, 2)
    );
    expect![[r#"
        create: 7 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
            CreatedTopic { id: AgICAgICAgICAgICAgICAg, partitions: 2, replication_factor: 1, configs: {} }
            CreatedTopic { id: AwMDAwMDAwMDAwMDAwMDAw, partitions: 1, replication_factor: 1, configs: {} }
        delete: 2 records
            DeletedTopic { name: "a", id: AQEBAQEBAQEBAQEBAQEBAQ }
            refused: The topic is in the request more than once.
            refused: The topic is in the request more than once.
            refused: This server does not host topic "c".
            DeletedTopic { name: "d", id: AwMDAwMDAwMDAwMDAwMDAw }
            refused: This server does not host topic ID 7u7u7u7u7u7u7u7u7u7u7g.
    "#]].assert_eq(&world.told());
}

#[test]
fn partitions_are_added_and_never_taken_away() {
    let mut world = World::with_brokers(&[1, 2]);
    world.settings.partitions_total_max = 100;
    world.create(&[new_topic("t", 3, 2), new_topic("u", 1, 1)], Mode::Apply);
    let increase = |topic: &str, count, assignments: Option<&[&[i32]]>| PartitionIncrease {
        topic: topic.to_owned(),
        count,
        assignments: assignments.map(|lists| lists.iter().map(|list| super::ids(list)).collect()),
    };
    for (what, request) in [
        ("four", increase("t", 4, None)),
        ("the same", increase("t", 4, None)),
        ("fewer", increase("t", 2, None)),
        ("negative", increase("t", -1, None)),
        ("unknown", increase("x", 2, None)),
        ("too many", increase("t", 100_001, None)),
        ("too many in all", increase("t", 100, None)),
        ("two by hand", increase("t", 6, Some(&[&[2, 1], &[1, 2]]))),
        ("one too few", increase("t", 8, Some(&[&[2, 1]]))),
        ("unequal", increase("t", 7, Some(&[&[2]]))),
    ] {
        let decision = world.decide(|c| c.create_partitions(&[request], 0, Mode::Apply));
        world.take(what, &decision);
    }
    let twice = [
        increase("u", 2, None),
        increase("u", 3, None),
        increase("t", 7, None),
    ];
    let decision = world.decide(|c| c.create_partitions(&twice, 0, Mode::ValidateOnly));
    world.take("twice", &decision);
    world.show();
    expect![[r#"
        create: 6 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 3, replication_factor: 2, configs: {} }
            CreatedTopic { id: AgICAgICAgICAgICAgICAg, partitions: 1, replication_factor: 1, configs: {} }
        four: 1 records
            ()
        the same: 0 records
            refused: Topic already has 4 partition(s).
        fewer: 0 records
            refused: The topic t currently has 4 partition(s); 2 would not be an increase.
        negative: 0 records
            refused: The topic t currently has 4 partition(s); -1 would not be an increase.
        unknown: 0 records
            refused: This server does not host topic "x".
        too many: 0 records
            refused: A topic may have, and a request add, at most 100000 partitions, not 100001.
        too many in all: 0 records
            refused: The cluster may have at most 100 partitions, and has 5 already.
        two by hand: 2 records
            ()
        one too few: 0 records
            refused: 2 partition(s) are to be added, but 1 assignment(s) are given.
        unequal: 0 records
            refused: The manual partition assignment includes a partition with 1 replica(s), but others of the topic have 2.
        twice: 0 records
            refused: Topic "u" is in the request more than once.
            refused: Topic "u" is in the request more than once.
            ()
        t-0 leader 1 epoch 0/0 replicas 1,2 isr 1,2
        t-1 leader 2 epoch 0/0 replicas 2,1 isr 2,1
        t-2 leader 1 epoch 0/0 replicas 1,2 isr 1,2
        t-3 leader 2 epoch 0/0 replicas 2,1 isr 2,1
        t-4 leader 2 epoch 0/0 replicas 2,1 isr 2,1
        t-5 leader 1 epoch 0/0 replicas 1,2 isr 1,2
        u-0 leader 2 epoch 0/0 replicas 2 isr 2
    "#]].assert_eq(&world.told());
}

#[test]
fn replicas_are_dealt_out_in_turn() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    world.create(&[new_topic("t", 6, 2)], Mode::Apply);
    world.show();
    expect![[r#"
        create: 7 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 6, replication_factor: 2, configs: {} }
        t-0 leader 1 epoch 0/0 replicas 1,2 isr 1,2
        t-1 leader 2 epoch 0/0 replicas 2,3 isr 2,3
        t-2 leader 3 epoch 0/0 replicas 3,1 isr 3,1
        t-3 leader 1 epoch 0/0 replicas 1,3 isr 1,3
        t-4 leader 2 epoch 0/0 replicas 2,1 isr 2,1
        t-5 leader 3 epoch 0/0 replicas 3,2 isr 3,2
    "#]].assert_eq(&world.told());
}

#[test]
fn internal_topics_keep_their_number_of_partitions() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("__consumer_offsets", 3, 1)], Mode::Apply);
    let more = PartitionIncrease {
        topic: "__consumer_offsets".to_owned(),
        count: 4,
        assignments: None,
    };
    let decision = world.decide(|c| c.create_partitions(&[more], 0, Mode::Apply));
    let refused = CreatePartitionsError::Internal("__consumer_offsets".to_owned());
    assert_eq!(
        (decision.response, decision.records.len()),
        (vec![Err(refused)], 0)
    );
}
