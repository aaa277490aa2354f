//! Elections, in-sync sets and reassignments.

use expect_test::expect;
use highwater_types::LeaderEpoch;

use super::*;

fn elect(world: &mut World, election: Election, named: Option<&[(&str, i32)]>) {
    let named: Option<Vec<(String, PartitionIndex)>> = named.map(|named| {
        named
            .iter()
            .map(|(topic, index)| ((*topic).to_owned(), PartitionIndex(*index)))
            .collect()
    });
    let decision = world.decide(|c| c.elect_leaders(election, named.as_deref()));
    world.note(format!(
        "elect {election:?}: {} records",
        decision.records.len()
    ));
    for result in &decision.response {
        let answer = match &result.result {
            Ok(()) => "elected".to_owned(),
            Err(error) => format!("refused: {error}"),
        };
        world.note(format!(
            "    {}-{} {answer}",
            result.topic, result.partition
        ));
    }
    world.apply(&decision.records);
    world.show();
}

fn reassign(world: &mut World, topic: &str, index: i32, target: Option<&[i32]>) {
    let target = target.map(ids);
    let decision =
        world.decide(|c| c.reassign_partition(topic, PartitionIndex(index), target.as_deref()));
    world.take_one(&format!("reassign {topic}-{index} to {target:?}"), decision);
    world.show();
}

fn in_sync(world: &mut World, isr: &[i32]) {
    let topic = world.image.topic("t").unwrap().clone();
    let partition = topic.partition(PartitionIndex(0)).unwrap();
    let proposal = IsrChange {
        broker: partition.leader,
        broker_epoch: 1,
        topic: topic.id,
        partition: PartitionIndex(0),
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        isr: ids(isr),
    };
    let decision = world.decide(|c| c.alter_partition(&proposal));
    world.take_one(&format!("in sync are {isr:?}"), decision);
    world.show();
}

fn fence(world: &mut World, id: i32) {
    let fenced = BrokerChange {
        id: BrokerId(id),
        broker_epoch: 1,
        state: BrokerState::Fenced,
    };
    let decision = world.decide(|c| c.change_broker(fenced));
    world.take_one(&format!("fence {id}"), decision);
}

#[test]
fn one_node_needs_no_election() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 1, 1)], Mode::Apply);
    elect(
        &mut world,
        Election::Preferred,
        Some(&[("t", 0), ("t", 1), ("x", 0)]),
    );
    elect(&mut world, Election::Unclean, Some(&[("t", 0)]));
    elect(&mut world, Election::Preferred, None);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        elect Preferred: 0 records
            t-0 refused: Leader election not needed for topic partition.
            t-1 refused: No such partition as t-1
            x-0 refused: No such topic as x
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        elect Unclean: 0 records
            t-0 refused: Leader election not needed for topic partition.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        elect Preferred: 0 records
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
    "#]].assert_eq(&world.told());
}

#[test]
fn the_preferred_leader_is_elected_if_it_is_in_sync() {
    let mut world = World::with_brokers(&[1, 2]);
    world.create(&[assigned("t", &[(0, &[1, 2])])], Mode::Apply);
    fence(&mut world, 1);
    elect(&mut world, Election::Preferred, Some(&[("t", 0)]));
    let active = BrokerChange {
        id: BrokerId(1),
        broker_epoch: 1,
        state: BrokerState::Active,
    };
    let decision = world.decide(|c| c.change_broker(active));
    world.take_one("1 is back", decision);
    elect(&mut world, Election::Preferred, None);
    in_sync(&mut world, &[2, 1]);
    elect(&mut world, Election::Preferred, None);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 2, configs: {} }
        fence 1: 2 records
        elect Preferred: 0 records
            t-0 refused: The preferred leader was not available.
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        1 is back: 1 records
        elect Preferred: 0 records
            t-0 refused: The preferred leader was not available.
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        in sync are [2, 1]: 1 records
        t-0 leader 2 epoch 1/2 replicas 1,2 isr 2,1
        elect Preferred: 1 records
            t-0 elected
        t-0 leader 1 epoch 2/3 replicas 1,2 isr 2,1
    "#]].assert_eq(&world.told());
}

#[test]
fn an_unclean_election_takes_whoever_is_there() {
    let mut world = World::with_brokers(&[1, 2]);
    world.create(&[assigned("t", &[(0, &[1, 2])])], Mode::Apply);
    fence(&mut world, 2);
    fence(&mut world, 1);
    elect(&mut world, Election::Unclean, None);
    let active = BrokerChange {
        id: BrokerId(2),
        broker_epoch: 1,
        state: BrokerState::Active,
    };
    let decision = world.decide(|c| c.change_broker(active));
    world.take_one("2 is back", decision);
    elect(&mut world, Election::Unclean, None);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 2, configs: {} }
        fence 2: 2 records
        fence 1: 2 records
        elect Unclean: 0 records
            t-0 refused: Eligible topic partition leaders are not available.
        t-0 leader -1 epoch 1/2 replicas 1,2 isr 1
        2 is back: 1 records
        elect Unclean: 1 records
            t-0 elected
        t-0 leader 2 epoch 2/3 replicas 1,2 isr 2
    "#]].assert_eq(&world.told());
}

#[test]
fn one_node_reassigns_nothing() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 1, 1)], Mode::Apply);
    reassign(&mut world, "t", 0, Some(&[1]));
    reassign(&mut world, "t", 0, Some(&[2]));
    reassign(&mut world, "t", 0, Some(&[]));
    reassign(&mut world, "t", 0, Some(&[1, 1]));
    reassign(&mut world, "t", 0, None);
    reassign(&mut world, "t", 1, Some(&[1]));
    reassign(&mut world, "x", 0, None);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        reassign t-0 to Some([BrokerId(1)]): 0 records
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        reassign t-0 to Some([BrokerId(2)]): refused: The manual partition assignment includes broker 2, which is not registered.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        reassign t-0 to Some([]): refused: The manual partition assignment includes an empty replica list.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        reassign t-0 to Some([BrokerId(1), BrokerId(1)]): refused: The manual partition assignment includes broker 1 more than once.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        reassign t-0 to None: refused: No partition reassignment is in progress.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        reassign t-1 to Some([BrokerId(1)]): refused: Unable to find partition t-1.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        reassign x-0 to None: refused: Unable to find partition x-0.
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
    "#]].assert_eq(&world.told());
}

#[test]
fn replicas_move_once_the_new_ones_are_in_sync() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    world.create(&[assigned("t", &[(0, &[1, 2])])], Mode::Apply);
    reassign(&mut world, "t", 0, Some(&[2, 1]));
    reassign(&mut world, "t", 0, Some(&[3, 2]));
    let ongoing = world.decide(|c| c.ongoing_reassignments(None));
    assert_eq!(
        (ongoing.len(), ongoing[0].partition),
        (1, PartitionIndex(0))
    );
    in_sync(&mut world, &[1, 2]);
    in_sync(&mut world, &[1, 2, 3]);
    assert_eq!(world.decide(|c| c.ongoing_reassignments(None)), []);
    reassign(&mut world, "t", 0, Some(&[3]));
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 2, configs: {} }
        reassign t-0 to Some([BrokerId(2), BrokerId(1)]): 1 records
        t-0 leader 1 epoch 0/1 replicas 2,1 isr 1,2
        reassign t-0 to Some([BrokerId(3), BrokerId(2)]): 1 records
        t-0 leader 1 epoch 0/2 replicas 3,2,1 isr 1,2 adding [3] removing [1]
        in sync are [1, 2]: 0 records
        t-0 leader 1 epoch 0/2 replicas 3,2,1 isr 1,2 adding [3] removing [1]
        in sync are [1, 2, 3]: 1 records
        t-0 leader 3 epoch 1/3 replicas 3,2 isr 2,3
        reassign t-0 to Some([BrokerId(3)]): 1 records
        t-0 leader 3 epoch 1/4 replicas 3 isr 3
    "#]].assert_eq(&world.told());
}

#[test]
fn a_reassignment_is_cancelled_or_replaced() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    world.create(&[assigned("t", &[(0, &[1])])], Mode::Apply);
    reassign(&mut world, "t", 0, Some(&[2]));
    reassign(&mut world, "t", 0, None);
    reassign(&mut world, "t", 0, Some(&[2]));
    reassign(&mut world, "t", 0, Some(&[3]));
    reassign(&mut world, "t", 0, Some(&[1]));
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        reassign t-0 to Some([BrokerId(2)]): 1 records
        t-0 leader 1 epoch 0/1 replicas 2,1 isr 1 adding [2] removing [1]
        reassign t-0 to None: 1 records
        t-0 leader 1 epoch 0/2 replicas 1 isr 1
        reassign t-0 to Some([BrokerId(2)]): 1 records
        t-0 leader 1 epoch 0/3 replicas 2,1 isr 1 adding [2] removing [1]
        reassign t-0 to Some([BrokerId(3)]): 1 records
        t-0 leader 1 epoch 0/4 replicas 3,1 isr 1 adding [3] removing [1]
        reassign t-0 to Some([BrokerId(1)]): 1 records
        t-0 leader 1 epoch 0/5 replicas 1 isr 1
    "#]].assert_eq(&world.told());
}

#[test]
fn proposals_of_those_who_do_not_know_or_may_not_are_refused() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    world.create(&[assigned("t", &[(0, &[1, 2])])], Mode::Apply);
    in_sync(&mut world, &[1]);
    fence(&mut world, 2);
    let good = IsrChange {
        broker: BrokerId(1),
        broker_epoch: 1,
        topic: world.image.topic_id("t").unwrap(),
        partition: PartitionIndex(0),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: 1,
        isr: ids(&[1]),
    };
    type Edit = fn(&mut IsrChange);
    let table: [(&str, Edit); 13] = [
        ("no change", |_| ()),
        ("old registration", |p| p.broker_epoch = 0),
        ("no topic", |p| p.topic = TopicId([9; 16])),
        ("no partition", |p| p.partition = PartitionIndex(7)),
        ("old epoch", |p| p.leader_epoch = LeaderEpoch(-1)),
        ("new epoch", |p| p.leader_epoch = LeaderEpoch(1)),
        ("not the leader", |p| p.broker = BrokerId(3)),
        ("old state", |p| p.partition_epoch = 0),
        ("new state", |p| p.partition_epoch = 2),
        ("nobody", |p| p.isr = ids(&[])),
        ("twice", |p| p.isr = ids(&[1, 1])),
        ("no replica", |p| p.isr = ids(&[1, 3])),
        ("fenced", |p| p.isr = ids(&[1, 2])),
    ];
    for (what, edit) in table {
        let mut proposal = good.clone();
        edit(&mut proposal);
        let decision = world.decide(|c| c.alter_partition(&proposal));
        world.take_one(what, decision);
    }
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 2, configs: {} }
        in sync are [1]: 1 records
        t-0 leader 1 epoch 0/1 replicas 1,2 isr 1
        fence 2: 1 records
        no change: 0 records
        old registration: refused: broker 1 is not registered with this epoch
        no topic: refused: topic id CQkJCQkJCQkJCQkJCQkJCQ does not exist
        no partition: refused: partition 7 does not exist
        old epoch: refused: leader epoch -1 is older than the current 0
        new epoch: refused: the proposal is newer than what this controller knows
        not the leader: refused: only the leader may propose
        old state: refused: partition epoch 0 is older than the current 1
        new state: refused: the proposal is newer than what this controller knows
        nobody: refused: the leader must be in sync
        twice: refused: a replica is named twice
        no replica: refused: not a replica is in sync
        fenced: refused: broker 2 is fenced or shutting down
    "#]].assert_eq(&world.told());
}
