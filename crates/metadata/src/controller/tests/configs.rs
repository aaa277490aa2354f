//! Configuration, features, quotas and producer ids.

use expect_test::expect;

use super::*;

fn keys<C: Clone>(resource: ConfigResource, keys: &[(&str, C)]) -> ResourceKeys<C> {
    let keys = keys
        .iter()
        .map(|(key, change)| ((*key).to_owned(), change.clone()))
        .collect();
    ResourceKeys { resource, keys }
}

fn set(value: &str) -> ConfigChange {
    ConfigChange::Set(Some(value.to_owned()))
}

fn named(kind: ConfigResourceType, name: &str) -> ConfigResource {
    ConfigResource {
        kind,
        name: name.into(),
    }
}

fn show_configs(world: &mut World) {
    let image = world.image.clone();
    for (resource, configs) in image.configured() {
        world.note(format!("{resource}: {configs:?}"));
    }
}

fn append(elements: &str) -> ConfigChange {
    ConfigChange::Append(Some(elements.to_owned()))
}

fn subtract(elements: &str) -> ConfigChange {
    ConfigChange::Subtract(Some(elements.to_owned()))
}

/// What becomes of a topic's configuration, change by change.
fn alter_topic(changes: &[(&str, &[(&str, ConfigChange)])]) -> String {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 1, 1)], Mode::Apply);
    for (what, changes) in changes {
        let request = [keys(ConfigResource::topic("t"), changes)];
        let decision = world.decide(|c| c.alter_configs(&request, Mode::Apply));
        world.take(what, &decision);
        show_configs(&mut world);
    }
    world.told()
}

#[test]
fn keys_are_set_deleted_appended_and_subtracted() {
    let told = alter_topic(&[
        ("set", &[("retention.ms", set("5"))]),
        ("the same again", &[("retention.ms", set("5"))]),
        (
            "append to the default",
            &[("cleanup.policy", append("compact,delete"))],
        ),
        ("subtract", &[("cleanup.policy", subtract("delete,other"))]),
        ("delete", &[("retention.ms", ConfigChange::Delete)]),
        (
            "delete what is not there",
            &[("retention.ms", ConfigChange::Delete)],
        ),
    ]);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        set: 1 records
            ()
        topic t: {"retention.ms": "5"}
        the same again: 0 records
            ()
        topic t: {"retention.ms": "5"}
        append to the default: 1 records
            ()
        topic t: {"cleanup.policy": "delete,compact", "retention.ms": "5"}
        subtract: 1 records
            ()
        topic t: {"cleanup.policy": "compact", "retention.ms": "5"}
        delete: 1 records
            ()
        topic t: {"cleanup.policy": "compact"}
        delete what is not there: 0 records
            ()
        topic t: {"cleanup.policy": "compact"}
    "#]].assert_eq(&told);
}

#[test]
fn changes_that_cannot_be_leave_a_resource_as_it_is() {
    let told = alter_topic(&[
        ("set", &[("retention.ms", set("5"))]),
        ("append to a number", &[("retention.ms", append("1"))]),
        (
            "set to nothing",
            &[("retention.ms", ConfigChange::Set(None))],
        ),
        (
            "append nothing",
            &[("cleanup.policy", ConfigChange::Append(None))],
        ),
        (
            "twice",
            &[("retention.ms", set("1")), ("retention.ms", set("2"))],
        ),
        (
            "wrong value",
            &[("cleanup.policy", set("x")), ("retention.ms", set("x"))],
        ),
        ("unknown key", &[("nonsense", set("1"))]),
    ]);
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        set: 1 records
            ()
        topic t: {"retention.ms": "5"}
        append to a number: 0 records
            refused: Key retention.ms cannot be appended to or subtracted from: its type is not a list.
        topic t: {"retention.ms": "5"}
        set to nothing: 0 records
            refused: Null value not supported for : retention.ms
        topic t: {"retention.ms": "5"}
        append nothing: 0 records
            refused: Null value not supported for : cleanup.policy
        topic t: {"retention.ms": "5"}
        twice: 0 records
            refused: Key retention.ms is in the request more than once.
        topic t: {"retention.ms": "5"}
        wrong value: 0 records
            refused: Invalid value x for configuration retention.ms
        topic t: {"retention.ms": "5"}
        unknown key: 0 records
            refused: Unknown configuration nonsense
        topic t: {"retention.ms": "5"}
    "#]].assert_eq(&told);
}

#[test]
fn a_way_that_is_too_far_is_refused() {
    let mut world = World::with_brokers(&[1]);
    let broker = || named(ConfigResourceType::Broker, "1");
    let request = [keys(broker(), &[("log.cleaner.threads", set("1000"))])];
    let decision = world.decide(|c| c.alter_configs(&request, Mode::Apply));
    world.take("alter", &decision);
    expect![[r#"
        alter: 0 records
            refused: too many threads at once
    "#]]
    .assert_eq(&world.told());
}

#[test]
fn resources_that_are_not_there_are_refused() {
    let mut world = World::with_brokers(&[1]);
    let request: Vec<_> = [
        ConfigResource::topic("missing"),
        ConfigResource::topic("a/b"),
        named(ConfigResourceType::Broker, "7"),
        named(ConfigResourceType::Broker, "one"),
        named(ConfigResourceType::Broker, "1"),
        ConfigResource::all_brokers(),
        named(ConfigResourceType::Group, ""),
        named(ConfigResourceType::ClientMetrics, ""),
        named(ConfigResourceType::Group, "g"),
        named(ConfigResourceType::Group, "g"),
    ]
    .into_iter()
    .map(|resource| keys(resource, &[("log.cleaner.threads", set("2"))]))
    .collect();
    let decision = world.decide(|c| c.alter_configs(&request, Mode::Apply));
    world.take("alter", &decision);
    show_configs(&mut world);
    expect![[r#"
        alter: 2 records
            refused: The topic 'missing' does not exist.
            refused: the topic name "a/b" contains a character other than ASCII letters and digits, '.', '_' and '-'.
            refused: Broker 7 is not registered.
            refused: Node id must be an integer, but it is: one
            ()
            ()
            refused: The name of a group must not be empty.
            refused: The name of a client-metrics must not be empty.
            refused: Each resource must appear at most once.
            refused: Each resource must appear at most once.
        all brokers: {"log.cleaner.threads": "2"}
        broker 1: {"log.cleaner.threads": "2"}
    "#]].assert_eq(&world.told());
}

#[test]
fn a_broker_is_told_again_what_it_has_already() {
    let mut world = World::with_brokers(&[1]);
    let request = [keys(
        named(ConfigResourceType::Broker, "1"),
        &[("retention.ms", set("2"))],
    )];
    for _ in 0..2 {
        let decision = world.decide(|c| c.alter_configs(&request, Mode::Apply));
        assert_eq!(decision.records.len(), 1);
        world.apply(&decision.records);
    }
}

#[test]
fn a_replacement_takes_away_what_it_does_not_name() {
    let mut world = World::with_brokers(&[1]);
    world.create(&[new_topic("t", 1, 1)], Mode::Apply);
    let topic = || ConfigResource::topic("t");
    let value = |text: &str| Some(text.to_owned());
    for (what, configs) in [
        (
            "both",
            vec![
                ("retention.ms", value("5")),
                ("cleanup.policy", value("compact")),
            ],
        ),
        ("one", vec![("retention.ms", value("6"))]),
        ("null", vec![("retention.ms", None)]),
        (
            "twice",
            vec![("retention.ms", value("1")), ("retention.ms", value("2"))],
        ),
        ("wrong", vec![("retention.ms", value("x"))]),
        ("none", vec![]),
    ] {
        let request = [keys(topic(), &configs)];
        let checked = world.decide(|c| c.replace_configs(&request, Mode::ValidateOnly));
        assert!(checked.records.is_empty());
        let decision = world.decide(|c| c.replace_configs(&request, Mode::Apply));
        world.take(what, &decision);
        show_configs(&mut world);
    }
    expect![[r#"
        create: 2 records
            CreatedTopic { id: AQEBAQEBAQEBAQEBAQEBAQ, partitions: 1, replication_factor: 1, configs: {} }
        both: 2 records
            ()
        topic t: {"cleanup.policy": "compact", "retention.ms": "5"}
        one: 2 records
            ()
        topic t: {"retention.ms": "6"}
        null: 0 records
            refused: Null value not supported for : retention.ms
        topic t: {"retention.ms": "6"}
        twice: 0 records
            refused: Key retention.ms is in the request more than once.
        topic t: {"retention.ms": "6"}
        wrong: 0 records
            refused: Invalid value x for configuration retention.ms
        topic t: {"retention.ms": "6"}
        none: 1 records
            ()
    "#]].assert_eq(&world.told());
}

type Updates<'a> = &'a [(&'a str, i16, UpdateDirection)];

/// What becomes of the features, request by request.
fn update_features(requests: &[(&str, Updates<'_>)]) -> String {
    let mut world = World::with_brokers(&[1]);
    world.settings.features = [("group.version", 2), ("share.version", 1)]
        .map(|(name, max)| FeatureRange {
            name: name.into(),
            min: 0,
            max,
        })
        .to_vec();
    let update = |(name, level, direction): &(&str, i16, UpdateDirection)| FeatureUpdate {
        name: (*name).to_owned(),
        level: *level,
        direction: *direction,
    };
    for (what, updates) in requests {
        let updates: Vec<FeatureUpdate> = updates.iter().map(update).collect();
        let decision = world.decide(|c| c.update_features(&updates, Mode::Apply));
        world.take(what, &decision);
        let features = format!("{:?}", world.image.features());
        world.note(features);
    }
    world.told()
}

#[test]
fn features_move_within_what_all_can_work_with() {
    use UpdateDirection::{SafeDowngrade, Upgrade};
    let told = update_features(&[
        ("up", &[("group.version", 1, Upgrade)]),
        ("the same", &[("group.version", 1, Upgrade)]),
        ("above the broker", &[("group.version", 2, Upgrade)]),
        ("above the controller", &[("group.version", 3, Upgrade)]),
        ("not of the broker", &[("share.version", 1, Upgrade)]),
        ("unknown", &[("nonsense", 1, Upgrade)]),
        ("down", &[("group.version", 0, SafeDowngrade)]),
    ]);
    expect![[r#"
        up: 1 records
            ()
        {"group.version": 1}
        the same: 0 records
            ()
        {"group.version": 1}
        above the broker: 0 records
            refused: Invalid update version 2 for feature group.version. Broker 1 only supports versions 0-1.
        {"group.version": 1}
        above the controller: 0 records
            refused: Invalid update version 3 for feature group.version. The controller only supports versions 0-2.
        {"group.version": 1}
        not of the broker: 0 records
            refused: Invalid update version 1 for feature share.version. Broker 1 does not support this feature.
        {"group.version": 1}
        unknown: 0 records
            refused: Invalid update version 1 for feature nonsense. The controller does not support this feature.
        {"group.version": 1}
        down: 1 records
            ()
        {}
    "#]].assert_eq(&told);
}

#[test]
fn features_move_only_in_the_direction_that_is_asked_for_and_together() {
    use UpdateDirection::{SafeDowngrade, UnsafeDowngrade, Upgrade};
    let told = update_features(&[
        ("up", &[("group.version", 1, Upgrade)]),
        ("negative", &[("group.version", -1, UnsafeDowngrade)]),
        ("down as an upgrade", &[("group.version", 0, Upgrade)]),
        (
            "twice",
            &[
                ("group.version", 0, SafeDowngrade),
                ("group.version", 0, SafeDowngrade),
            ],
        ),
        (
            "one is refused",
            &[
                ("group.version", 0, SafeDowngrade),
                ("nonsense", 1, Upgrade),
            ],
        ),
        ("up as a downgrade", &[("group.version", 2, SafeDowngrade)]),
    ]);
    expect![[r#"
        up: 1 records
            ()
        {"group.version": 1}
        negative: 0 records
            refused: Invalid update version -1 for feature group.version. A feature version cannot be less than 0.
        {"group.version": 1}
        down as an upgrade: 0 records
            refused: Invalid update version 0 for feature group.version. A lower version needs a safe or unsafe downgrade to be asked for.
        {"group.version": 1}
        twice: 0 records
            refused: The features of a request are updated together, and another one was refused.
            refused: Feature group.version is in the request more than once.
        {"group.version": 1}
        one is refused: 0 records
            refused: The features of a request are updated together, and another one was refused.
            refused: Invalid update version 1 for feature nonsense. The controller does not support this feature.
        {"group.version": 1}
        up as a downgrade: 0 records
            refused: Invalid update version 2 for feature group.version. Broker 1 only supports versions 0-1.
        {"group.version": 1}
    "#]].assert_eq(&told);
}

type Entity<'a> = &'a [(&'a str, Option<&'a str>)];
type Values<'a> = &'a [(&'a str, Option<f64>)];

const ALICE: (&str, Option<&str>) = ("user", Some("alice"));
const RATE: &str = "producer_byte_rate";

fn alteration(entity: Entity<'_>, values: Values<'_>) -> QuotaAlteration {
    let named = |(kind, name): &(&str, Option<&str>)| ((*kind).to_owned(), name.map(str::to_owned));
    QuotaAlteration {
        entity: entity.iter().map(named).collect(),
        values: values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value))
            .collect(),
    }
}

/// What becomes of the quotas, request by request.
fn alter_quotas(requests: &[(&str, Entity<'_>, Values<'_>)]) -> String {
    let mut world = World::with_brokers(&[1]);
    for (what, entity, values) in requests {
        let request = [alteration(entity, values)];
        let decision = world.decide(|c| c.alter_client_quotas(&request, Mode::Apply));
        world.take(what, &decision);
    }
    let quotas: Vec<String> = world
        .image
        .find_quotas(&crate::QuotaFilter::default())
        .map(|(entity, quotas)| format!("{entity}: {quotas:?}"))
        .collect();
    world.note(quotas.join("\n"));
    world.told()
}

#[test]
fn quotas_are_set_and_removed_for_entities_that_can_be() {
    let told = alter_quotas(&[
        ("set", &[ALICE], &[(RATE, Some(1e6))]),
        ("the same", &[ALICE], &[(RATE, Some(1e6))]),
        (
            "default",
            &[("client-id", None)],
            &[("request_percentage", Some(0.5))],
        ),
        (
            "address",
            &[("ip", Some("10.0.0.1"))],
            &[("connection_creation_rate", Some(9.0))],
        ),
        (
            "no address",
            &[("ip", Some("not an ip!"))],
            &[("connection_creation_rate", Some(9.0))],
        ),
        ("nobody", &[], &[(RATE, Some(1.0))]),
        ("unknown type", &[("team", None)], &[(RATE, Some(1.0))]),
        ("type twice", &[ALICE, ALICE], &[(RATE, Some(1.0))]),
        ("empty name", &[("user", Some(""))], &[(RATE, Some(1.0))]),
        ("combined", &[ALICE, ("ip", None)], &[(RATE, Some(1.0))]),
        ("remove", &[ALICE], &[(RATE, None)]),
        ("remove again", &[ALICE], &[(RATE, None)]),
    ]);
    expect![[r#"
        set: 1 records
            ()
        the same: 0 records
            ()
        default: 1 records
            ()
        address: 1 records
            ()
        no address: 0 records
            refused: The ip name of a client quota entity is empty, too long, or no address.
        nobody: 0 records
            refused: Invalid empty client quota entity.
        unknown type: 0 records
            refused: Unhandled client quota entity type: team
        type twice: 0 records
            refused: Invalid client quota entity, duplicate entity entry user.
        empty name: 0 records
            refused: The user name of a client quota entity is empty, too long, or no address.
        combined: 0 records
            refused: Invalid quota entity combination: an IP entity cannot be combined with others.
        remove: 1 records
            ()
        remove again: 0 records
            ()
        client-id=<default>: {"request_percentage": 0.5}
        ip=10.0.0.1: {"connection_creation_rate": 9.0}
    "#]]
    .assert_eq(&told);
}

#[test]
fn quotas_are_refused_for_keys_and_values_that_cannot_be() {
    let told = alter_quotas(&[
        (
            "key of others",
            &[ALICE],
            &[("connection_creation_rate", Some(1.0))],
        ),
        ("unknown key", &[ALICE], &[("speed", None)]),
        ("zero", &[ALICE], &[(RATE, Some(0.0))]),
        ("not a number", &[ALICE], &[(RATE, Some(f64::NAN))]),
        ("fraction", &[ALICE], &[(RATE, Some(1.5))]),
        ("too large", &[ALICE], &[(RATE, Some(1e30))]),
        (
            "key twice",
            &[ALICE],
            &[(RATE, Some(1.0)), (RATE, Some(2.0))],
        ),
    ]);
    expect![[r#"
        key of others: 0 records
            refused: Invalid configuration key connection_creation_rate.
        unknown key: 0 records
            refused: Invalid configuration key speed.
        zero: 0 records
            refused: Quota producer_byte_rate must be greater than 0.
        not a number: 0 records
            refused: Quota producer_byte_rate must be greater than 0.
        fraction: 0 records
            refused: producer_byte_rate cannot be a fractional value.
        too large: 0 records
            refused: Proposed value for producer_byte_rate is too large.
        key twice: 0 records
            refused: Duplicate quota key producer_byte_rate.

    "#]]
    .assert_eq(&told);
    let world = World::with_brokers(&[1]);
    let twice = [alteration(&[ALICE], &[]), alteration(&[ALICE], &[])];
    let decision = world.decide(|c| c.alter_client_quotas(&twice, Mode::Apply));
    assert!(matches!(
        decision.response[..],
        [Ok(()), Err(QuotaError::DuplicateEntity(_))]
    ));
}

#[test]
fn no_producer_id_is_given_out_twice() {
    let mut world = World::with_brokers(&[1, 2]);
    let mut next = 0;
    for broker in [1, 2, 1] {
        let decision = world
            .decide(|c| c.allocate_producer_ids(BrokerId(broker), 1))
            .unwrap();
        assert_eq!(
            (decision.response.first.get(), decision.response.len),
            (next, 1000)
        );
        next += 1000;
        world.apply(&decision.records);
    }
    for (broker, epoch) in [(1, 0), (1, 2), (3, 1)] {
        let refused = world.decide(|c| c.allocate_producer_ids(BrokerId(broker), epoch));
        assert_eq!(
            refused,
            Err(ProducerIdsError::StaleBrokerEpoch(BrokerId(broker)))
        );
    }
}
