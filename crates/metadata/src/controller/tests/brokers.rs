//! Brokers that start, stop and go.

use expect_test::expect;

use super::*;

fn change(world: &mut World, id: i32, state: BrokerState) {
    let known = world.image.broker(BrokerId(id)).unwrap().broker_epoch;
    let change = BrokerChange {
        id: BrokerId(id),
        broker_epoch: known,
        state,
    };
    let decision = world.decide(|c| c.change_broker(change));
    world.take_one(&format!("{id} is {state:?}"), decision);
    world.show();
}

fn restart(world: &mut World, id: i32, incarnation: u8, previous: PreviousStop) {
    let registration = registration(id, incarnation);
    let decision = world.decide(|c| c.register_broker("c", &registration, previous));
    world.take_one(
        &format!("{id} starts after a stop that was {previous:?}"),
        decision,
    );
    world.show();
}

#[test]
fn a_single_broker_takes_over_from_itself_at_once() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 1, 1)], Mode::Apply);
    restart(&mut world, 1, 2, PreviousStop::Clean);
    restart(&mut world, 1, 3, PreviousStop::Unclean);
    restart(&mut world, 1, 3, PreviousStop::Unclean);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        1 starts after a stop that was Clean: 1 records
        t-0 leader 1 epoch 0/0 replicas 1 isr 1
        1 starts after a stop that was Unclean: 2 records
        t-0 leader 1 epoch 1/1 replicas 1 isr 1
        1 starts after a stop that was Unclean: 0 records
        t-0 leader 1 epoch 1/1 replicas 1 isr 1
    "#]].assert_eq(&world.told());
}

#[test]
fn a_broker_that_stopped_uncleanly_leads_nothing_that_others_can_lead() {
    let mut world = World::with_brokers(&[1, 2]);
    world.create(&[assigned("t", &[(0, &[1, 2]), (1, &[2, 1])])], Mode::Apply);
    restart(&mut world, 1, 2, PreviousStop::Unclean);
    restart(&mut world, 2, 2, PreviousStop::Unclean);
    expect![[r#"
        create: 3 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 2, replication_factor: 2, configs: {} }
        1 starts after a stop that was Unclean: 3 records
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        t-1 leader 2 epoch 0/1 replicas 2,1 isr 2
        2 starts after a stop that was Unclean: 3 records
        t-0 leader 2 epoch 2/2 replicas 1,2 isr 2
        t-1 leader 2 epoch 1/2 replicas 2,1 isr 2
    "#]].assert_eq(&world.told());
}

#[test]
fn leaders_move_away_from_a_fenced_broker_and_the_last_one_in_sync_is_waited_for() {
    let mut world = World::with_brokers(&[1, 2]);
    world.create(&[assigned("t", &[(0, &[1, 2]), (1, &[2, 1])])], Mode::Apply);
    change(&mut world, 1, BrokerState::Fenced);
    change(&mut world, 1, BrokerState::Fenced);
    change(&mut world, 2, BrokerState::Fenced);
    change(&mut world, 1, BrokerState::Active);
    change(&mut world, 2, BrokerState::Active);
    expect![[r#"
        create: 3 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 2, replication_factor: 2, configs: {} }
        1 is Fenced: 3 records
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        t-1 leader 2 epoch 0/1 replicas 2,1 isr 2
        1 is Fenced: 0 records
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        t-1 leader 2 epoch 0/1 replicas 2,1 isr 2
        2 is Fenced: 3 records
        t-0 leader -1 epoch 2/2 replicas 1,2 isr 2
        t-1 leader -1 epoch 1/2 replicas 2,1 isr 2
        1 is Active: 1 records
        t-0 leader -1 epoch 2/2 replicas 1,2 isr 2
        t-1 leader -1 epoch 1/2 replicas 2,1 isr 2
        2 is Active: 3 records
        t-0 leader 2 epoch 3/3 replicas 1,2 isr 2
        t-1 leader 2 epoch 2/3 replicas 2,1 isr 2
    "#]].assert_eq(&world.told());
}

#[test]
fn a_broker_that_shuts_down_leads_until_somebody_else_can() {
    let mut world = World::with_brokers(&[1, 2]);
    world.create(&[assigned("t", &[(0, &[1, 2]), (1, &[1, 2])])], Mode::Apply);
    change(&mut world, 1, BrokerState::ShuttingDown);
    change(&mut world, 2, BrokerState::ShuttingDown);
    expect![[r#"
        create: 3 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 2, replication_factor: 2, configs: {} }
        1 is ShuttingDown: 3 records
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        t-1 leader 2 epoch 1/1 replicas 1,2 isr 2
        2 is ShuttingDown: 1 records
        t-0 leader 2 epoch 1/1 replicas 1,2 isr 2
        t-1 leader 2 epoch 1/1 replicas 1,2 isr 2
    "#]].assert_eq(&world.told());
}

#[test]
fn registrations_that_cannot_be_are_refused() {
    let mut world = World::with_brokers(&[1]);
    let cluster = ClusterRecord {
        cluster_id: "c".into(),
        format_version: 1,
    };
    world.apply(&[MetadataRecord::Cluster(cluster)]);
    let level = FeatureLevelRecord {
        name: "group.version".into(),
        level: 1,
    };
    world.apply(&[MetadataRecord::FeatureLevel(level)]);
    type Edit = fn(&mut BrokerRegistration);
    let table: [(&str, &str, Edit); 6] = [
        ("other cluster", "d", |_| ()),
        ("negative", "c", |r| r.id = BrokerId(-1)),
        ("no listener", "c", |r| r.listeners.clear()),
        ("old software", "c", |r| r.features.clear()),
        ("old epoch", "c", |r| r.broker_epoch = 1),
        ("good", "c", |_| ()),
    ];
    for (what, cluster, edit) in table {
        let mut registration = registration(1, 9);
        edit(&mut registration);
        let stop = PreviousStop::Unclean;
        let decision = world.decide(|c| c.register_broker(cluster, &registration, stop));
        world.take_one(what, decision);
    }
    let stale = BrokerChange {
        id: BrokerId(1),
        broker_epoch: 1,
        state: BrokerState::Fenced,
    };
    let decision = world.decide(|c| c.change_broker(stale));
    world.take_one("change of an old registration", decision);
    for id in [7, 1] {
        let decision = world.decide(|c| c.unregister_broker(BrokerId(id)));
        world.take_one("unregister", decision);
    }
    expect![[r#"
        other cluster: refused: cluster id d is not that of this cluster, c
        negative: refused: the broker id is negative
        no listener: refused: the broker has no listener
        old software: refused: the broker does not support level 1 of feature group.version
        old epoch: refused: broker epoch 1 is not above the current 1
        good: 1 records
        change of an old registration: refused: broker epoch 1 is not the current 9
        unregister: refused: broker 7 is not registered
        unregister: 1 records
    "#]]
    .assert_eq(&world.told());
}
