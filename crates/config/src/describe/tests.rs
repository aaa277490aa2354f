//! What DescribeConfigs shows, against what a Kafka 4.3 broker with the same configuration shows.
//!
//! `kafka_4_3.txt` is the output of `kafka-configs.sh --describe` for each kind of resource.

use super::*;
use crate::layers::{FileFormat, Layers};

const KAFKA: &str = include_str!("kafka_4_3.txt");

/// Keys whose default is not Kafka's, or that Kafka does not have.
const DIFFERENT: &[&str] = &[
    "admin.listener",
    "allow.insecure.listeners",
    "broker.id",
    "controller.listener.names",
    "durability",
    "listeners",
    "log.dirs",
    "log.durability",
    "node.id",
    "offsets.topic.replication.factor",
    "process.roles",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
];

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The node whose description was recorded.
fn node() -> NodeConfig {
    let text = "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:19093
listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093
advertised.listeners=PLAINTEXT://127.0.0.1:19092
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
default.replication.factor=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
log.retention.hours=100
log.segment.bytes=2097152
";
    Layers::new()
        .file("server.properties", text, FileFormat::Properties)
        .finish()
        .unwrap()
}

fn node_with_overrides() -> NodeConfig {
    node().with_overrides(
        overrides(&[
            ("log.cleaner.threads", "2"),
            ("message.max.bytes", "2000000"),
            ("min.insync.replicas", "1"),
        ]),
        overrides(&[("message.max.bytes", "3000000"), ("max.connections", "77")]),
    )
}

fn line(config: &DescribedConfig) -> String {
    let source = |source| match source {
        ConfigSource::DynamicTopic => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::StaticBroker => "STATIC_BROKER_CONFIG",
        ConfigSource::Default => "DEFAULT_CONFIG",
        ConfigSource::DynamicClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
        ConfigSource::DynamicGroup => "DYNAMIC_GROUP_CONFIG",
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".into());
    let synonyms: Vec<_> = config
        .synonyms
        .iter()
        .map(|s| format!("{}:{}={}", source(s.source), s.name, text(&s.value)))
        .collect();
    format!(
        "{}={} sensitive={} synonyms={{{}}}",
        config.name,
        text(&config.value),
        config.sensitive,
        synonyms.join(", ")
    )
}

/// The recorded lines of one command, without the keys that differ.
fn recorded(command: &str) -> Vec<String> {
    let start = format!("== {command}");
    let lines = KAFKA.lines().skip_while(|line| *line != start).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("=="));
    lines
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|l| is_alike(l))
        .map(str::to_owned)
        .collect()
}

fn is_alike(line: &str) -> bool {
    !DIFFERENT
        .iter()
        .any(|name| line.split('=').next() == Some(name))
}

fn check(command: &str, described: &[DescribedConfig]) {
    let mut ours: Vec<_> = described
        .iter()
        .map(line)
        .filter(|line| is_alike(line))
        .collect();
    let mut theirs = recorded(command);
    assert!(!theirs.is_empty(), "nothing is recorded for {command}");
    ours.sort();
    theirs.sort();
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(our, their, "{command}");
    }
    assert_eq!(ours.len(), theirs.len(), "{command}");
}

#[test]
fn a_topic_is_described_as_kafka_does() {
    let topic = overrides(&[
        ("retention.ms", "1234567"),
        ("cleanup.policy", "compact,delete"),
    ]);
    check(
        "topics --entity-name t --all",
        &node_with_overrides().describe_topic(&topic),
    );
}

#[test]
fn a_broker_is_described_as_kafka_does() {
    check(
        "brokers --entity-name 1 --all",
        &node_with_overrides().describe_broker(),
    );
}

#[test]
fn the_values_for_all_brokers_are_described_as_kafka_does() {
    check(
        "brokers --entity-default",
        &node_with_overrides().describe_cluster_defaults(),
    );
}

#[test]
fn a_group_is_described_as_kafka_does() {
    let group = overrides(&[("consumer.session.timeout.ms", "50000")]);
    check(
        "groups --entity-name g --all",
        &node_with_overrides().describe_group(&group),
    );
}

#[test]
fn sources_follow_the_first_synonym() {
    let node = node_with_overrides();
    let topic = overrides(&[("retention.ms", "5")]);
    let described = node.describe_topic(&topic);
    let find = |name: &str| described.iter().find(|c| c.name == name).unwrap();
    let rows = [
        ("retention.ms", "5", ConfigSource::DynamicTopic),
        ("max.message.bytes", "3000000", ConfigSource::DynamicBroker),
        ("segment.bytes", "2097152", ConfigSource::StaticBroker),
        ("index.interval.bytes", "4096", ConfigSource::Default),
        ("durability", "fsync", ConfigSource::Default),
    ];
    for (name, value, source) in rows {
        let config = find(name);
        assert_eq!(
            (config.value.as_deref(), config.source),
            (Some(value), source),
            "{name}"
        );
        assert!(
            !config.read_only && !config.documentation.is_empty(),
            "{name}"
        );
    }
    // The hours are converted although their synonym is not shown.
    let plain = node.describe_topic(&Overrides::new());
    let retention = plain.iter().find(|c| c.name == "retention.ms").unwrap();
    assert_eq!(retention.value.as_deref(), Some("360000000"));
}

#[test]
fn secrets_are_nowhere_to_be_seen() {
    let node = Layers::new()
        .argument("ssl.keystore.password=hunter2")
        .argument("listener.name.x.plain.sasl.jaas.config=hunter2")
        .argument("rsm.config.key=hunter2")
        .finish()
        .unwrap();
    let text = format!("{:?}{:?}", node.describe_broker(), node.rows(true));
    assert!(!text.contains("hunter2"));
    let described = node.describe_broker();
    let password = described
        .iter()
        .find(|c| c.name == "ssl.keystore.password")
        .unwrap();
    assert!(password.sensitive);
    assert_eq!(password.value, None);
    assert_eq!(password.source, ConfigSource::StaticBroker);
}

#[test]
fn a_key_of_a_listener_falls_back_on_the_general_one() {
    let node = Layers::new()
        .argument("max.connections=9")
        .argument("listener.name.x.max.connections=5")
        .finish()
        .unwrap();
    let described = node.describe_broker();
    let own = described
        .iter()
        .find(|c| c.name == "listener.name.x.max.connections")
        .unwrap();
    assert_eq!(
        line(own),
        "listener.name.x.max.connections=5 sensitive=false synonyms={\
         STATIC_BROKER_CONFIG:listener.name.x.max.connections=5, \
         STATIC_BROKER_CONFIG:max.connections=9, DEFAULT_CONFIG:max.connections=2147483647}"
    );
}
