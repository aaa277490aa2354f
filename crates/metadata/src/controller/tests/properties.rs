//! What holds of the image whatever is decided in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Request {
    Create(u8, i32, i16),
    Delete(u8),
    Enlarge(u8, i32),
    Broker(i32, u8),
    Restart(i32, bool),
    Elect(bool),
    Reassign(u8, i32, Option<Vec<i32>>),
    InSync(u8, i32, u8),
}

fn request() -> impl Strategy<Value = Request> {
    let name = || 0..3_u8;
    let target = prop::option::of(prop::collection::vec(1..5_i32, 1..4));
    prop_oneof![
        3 => (name(), 1..4_i32, 1..4_i16).prop_map(|(name, partitions, replicas)| {
            Request::Create(name, partitions, replicas)
        }),
        1 => name().prop_map(Request::Delete),
        1 => (name(), 1..5_i32).prop_map(|(name, count)| Request::Enlarge(name, count)),
        4 => (1..5_i32, 0..3_u8).prop_map(|(id, state)| Request::Broker(id, state)),
        3 => (1..5_i32, any::<bool>()).prop_map(|(id, clean)| Request::Restart(id, clean)),
        1 => any::<bool>().prop_map(Request::Elect),
        4 => (name(), 0..3_i32, target).prop_map(|(name, index, to)| {
            Request::Reassign(name, index, to)
        }),
        5 => (name(), 0..3_i32, any::<u8>()).prop_map(|(name, index, mask)| {
            Request::InSync(name, index, mask)
        }),
    ]
}

fn name(number: u8) -> String {
    format!("topic-{number}")
}

fn records(world: &World, request: &Request, turn: u8) -> Vec<MetadataRecord> {
    let incarnation = |id: &i32| {
        world
            .image
            .broker(BrokerId(*id))
            .map_or(0, |known| known.broker_epoch)
    };
    world.decide(|c| match request {
        Request::Create(number, partitions, replicas) => {
            let topic = new_topic(&name(*number), *partitions, *replicas);
            let mut ids = std::iter::once(TopicId([turn + 1; 16]));
            c.create_topics(&[topic], &mut ids, usize::from(turn), Mode::Apply)
                .records
        }
        Request::Delete(number) => c.delete_topics(&[TopicRef::Name(name(*number))]).records,
        Request::Enlarge(number, count) => {
            let topic = name(*number);
            let increase = PartitionIncrease {
                topic,
                count: *count,
                assignments: None,
            };
            c.create_partitions(&[increase], usize::from(turn), Mode::Apply)
                .records
        }
        Request::Broker(id, state) => {
            let state = [
                BrokerState::Fenced,
                BrokerState::Active,
                BrokerState::ShuttingDown,
            ][usize::from(*state)];
            let change = BrokerChange {
                id: BrokerId(*id),
                broker_epoch: incarnation(id),
                state,
            };
            c.change_broker(change)
                .map(|decision| decision.records)
                .unwrap_or_default()
        }
        Request::Restart(id, is_clean) => {
            let previous = if *is_clean {
                PreviousStop::Clean
            } else {
                PreviousStop::Unclean
            };
            let registration = registration(*id, incarnation(id) as u8 + 1);
            c.register_broker("c", &registration, previous)
                .unwrap()
                .records
        }
        Request::Elect(is_preferred) => {
            let election = if *is_preferred {
                Election::Preferred
            } else {
                Election::Unclean
            };
            c.elect_leaders(election, None).records
        }
        Request::Reassign(number, index, target) => {
            let target = target.as_deref().map(ids);
            c.reassign_partition(&name(*number), PartitionIndex(*index), target.as_deref())
                .map(|decision| decision.records)
                .unwrap_or_default()
        }
        Request::InSync(number, index, mask) => in_sync(world, c, *number, *index, *mask),
    })
}

/// What a leader's proposal leads to that names the replicas of a mask, and the leader.
fn in_sync(
    world: &World,
    controller: Controller<'_>,
    number: u8,
    index: i32,
    mask: u8,
) -> Vec<MetadataRecord> {
    let Some(topic) = world.image.topic(&name(number)) else {
        return Vec::new();
    };
    let Some(partition) = topic.partition(PartitionIndex(index)) else {
        return Vec::new();
    };
    let is_named = |id: &BrokerId| *id == partition.leader || mask & (1 << id.get()) != 0;
    let proposal = IsrChange {
        broker: partition.leader,
        broker_epoch: world
            .image
            .broker(partition.leader)
            .map_or(-1, |known| known.broker_epoch),
        topic: topic.id,
        partition: PartitionIndex(index),
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        isr: partition
            .replicas
            .iter()
            .copied()
            .filter(is_named)
            .collect(),
    };
    controller
        .alter_partition(&proposal)
        .map(|decision| decision.records)
        .unwrap_or_default()
}

fn check(world: &World) {
    for topic in world.image.topics() {
        for (index, partition) in topic.partitions() {
            let what = format!("{}-{index} {}", topic.name, describe(partition));
            let replicas: BTreeSet<_> = partition.replicas.iter().collect();
            let isr: BTreeSet<_> = partition.isr.iter().collect();
            assert_eq!(
                replicas.len(),
                partition.replicas.len(),
                "{what}: a replica twice"
            );
            assert_eq!(isr.len(), partition.isr.len(), "{what}: in sync twice");
            assert!(!isr.is_empty(), "{what}: nobody is in sync");
            assert!(isr.is_subset(&replicas), "{what}: somebody else is in sync");
            let leader = partition.leader;
            assert!(
                leader == BrokerId::NONE || isr.contains(&leader),
                "{what}: leader"
            );
            if leader != BrokerId::NONE {
                let state = world.image.broker(leader).map(|broker| broker.state);
                assert_ne!(state, Some(BrokerState::Fenced), "{what}: a fenced leader");
            }
            let is_led = leader != BrokerId::NONE;
            let may_be_led = isr.iter().any(|id| world.image.is_active(**id));
            assert!(is_led || !may_be_led, "{what}: could have a leader");
            for broker in partition.adding().iter().chain(partition.removing()) {
                assert!(
                    replicas.contains(broker),
                    "{what}: moves what is no replica"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn every_partition_has_a_leader_in_sync_if_it_can(
        requests in prop::collection::vec(request(), 0..60),
    ) {
        let mut world = World::with_brokers(&[1, 2, 3, 4]);
        for (turn, request) in requests.iter().enumerate() {
            let before = world.image.clone();
            let decided = records(&world, request, turn as u8);
            world.apply(&decided);
            check(&world);
            for topic in before.topics() {
                let Some(after) = world.image.topic_by_id(topic.id) else { continue };
                for (index, partition) in topic.partitions() {
                    let later = after.partition(index).unwrap();
                    prop_assert!(later.leader_epoch >= partition.leader_epoch);
                    prop_assert!(later.partition_epoch >= partition.partition_epoch);
                    // A change of hands without a new epoch could not be fenced.
                    prop_assert!(
                        later.leader == partition.leader
                            || later.leader_epoch > partition.leader_epoch
                    );
                }
            }
        }
    }
}
