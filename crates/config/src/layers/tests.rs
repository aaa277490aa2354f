//! Layers, sources and errors.

use super::*;

#[test]
fn nothing_but_defaults_is_a_complete_node() {
    let broker = Layers::new().finish().unwrap().broker().unwrap();
    assert_eq!(
        broker.listeners[0].to_string(),
        "PLAINTEXT://127.0.0.1:9092"
    );
    assert_eq!(broker.advertised_listeners, broker.listeners);
    assert_eq!(broker.log_dirs, ["./highwater-data"]);
    assert_eq!(broker.node_id().get(), 1);
    assert_eq!(broker.groups.offsets_topic_replication_factor, 1);
}

#[test]
fn the_later_layer_wins_and_each_value_knows_where_it_came_from() {
    let config = Layers::new()
        .file(
            "a.properties",
            "num.partitions=2\nlog.dirs=/a\nnode.id=7\n",
            FileFormat::Properties,
        )
        .environment([
            ("KAFKA_NUM_PARTITIONS".to_owned(), "3".to_owned()),
            ("KAFKA_LOG_DIRS".to_owned(), "/b".to_owned()),
            ("KAFKA_HEAP_OPTS".to_owned(), "-Xmx1g".to_owned()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ])
        .argument("num.partitions=4")
        .finish()
        .unwrap();
    assert_eq!(config.get("num.partitions"), Some("4"));
    let origins = [
        ("num.partitions", "command line"),
        ("log.dirs", "environment KAFKA_LOG_DIRS"),
        ("node.id", "a.properties:3"),
        ("listeners", "default"),
    ];
    for (key, origin) in origins {
        assert_eq!(config.origin(key).to_string(), origin, "{key}");
    }
}

#[test]
fn every_error_is_shown_at_once_with_its_place() {
    let errors = Layers::new()
        .file(
            "h.toml",
            "[log]\ndris = \"/x\"\nsegment.bytes = 5\n",
            FileFormat::Toml,
        )
        .environment([("KAFKA_NUM_PARTITIONS".to_owned(), "many".to_owned())])
        .argument("zookeeper.connect=localhost:2181")
        .argument("nonsense")
        .argument("leader.replication.throttled.rate=5")
        .finish()
        .unwrap_err()
        .to_string();
    let expected = "\
h.toml:2: Unknown broker config name: log.dris; did you mean log.dirs?
h.toml:3: Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576
environment KAFKA_NUM_PARTITIONS: Invalid value many for configuration num.partitions: Not a number of type INT; allowed: 1 to 2147483647
command line: Configuration zookeeper.connect no longer exists: remove it, there is no ZooKeeper
command line: \"nonsense\" must have the form key=value
command line: Configuration leader.replication.throttled.rate can only be set dynamically, through the admin API";
    assert_eq!(errors, expected);
}

#[test]
fn the_format_is_told_by_extension_or_text() {
    let rows = [
        ("a.toml", "", FileFormat::Toml),
        ("a.properties", "a = 1", FileFormat::Properties),
        ("conf", "log.dirs=/x", FileFormat::Properties),
        ("conf", "log.dirs = \"/x\"", FileFormat::Toml),
        ("dir.toml/conf", "node.id=1", FileFormat::Toml),
    ];
    for (path, text, format) in rows {
        assert_eq!(FileFormat::detect(path, text), format, "{path} {text}");
    }
}

#[test]
fn an_empty_value_of_a_key_without_default_means_that_it_is_not_set() {
    let config = Layers::new()
        .file(
            "a.properties",
            "broker.rack=r1\nadvertised.listeners=\n",
            FileFormat::Properties,
        )
        .argument("broker.rack=")
        .finish()
        .unwrap();
    assert_eq!(config.get("broker.rack"), None);
    assert!(!config.is_set("advertised.listeners"));
}

#[test]
fn keys_of_listeners_and_plug_ins_are_understood() {
    let config = Layers::new()
        .argument("listener.name.external.ssl.keystore.location=/k")
        .argument("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=secret stuff")
        .argument("rsm.config.bucket=b")
        .argument("kafka.metrics.foo=x")
        .finish()
        .unwrap();
    let rows = config.rows(true);
    let shown: Vec<_> = rows
        .iter()
        .map(|r| (r.name.as_str(), r.value.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("kafka.metrics.foo", Some("[hidden]")),
            ("listener.name.external.ssl.keystore.location", Some("/k")),
            (
                "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config",
                Some("[hidden]")
            ),
            ("rsm.config.bucket", Some("[hidden]")),
        ]
    );
    assert!(
        Layers::new()
            .argument("listener.name.x.nonsense.key=1")
            .finish()
            .is_err()
    );
    assert!(
        Layers::new()
            .argument("listener.name.x.max.connections=-1")
            .finish()
            .is_err()
    );
}
