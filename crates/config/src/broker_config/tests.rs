//! Broker values: endpoints, directories, and values that do not fit together.

use super::*;
use crate::layers::Layers;

fn read(arguments: &[&str]) -> Result<BrokerConfig, String> {
    let layers = arguments
        .iter()
        .fold(Layers::new(), |layers, argument| layers.argument(argument));
    let node = layers.finish().map_err(|errors| errors.to_string())?;
    node.broker().map_err(|errors| errors.to_string())
}

#[test]
fn listeners_are_parsed_with_their_protocols() {
    let config = read(&[
        "listeners=INTERNAL://[::1]:9093,external://0.0.0.0:9092,PLAINTEXT://:0",
        "advertised.listeners=INTERNAL://b1:9093,EXTERNAL://example.org:443",
        "listener.security.protocol.map=internal:PLAINTEXT, EXTERNAL:SASL_SSL,PLAINTEXT:PLAINTEXT",
    ])
    .unwrap();
    let shown: Vec<_> = config
        .listeners
        .iter()
        .map(|l| format!("{l} {}", l.protocol.name()))
        .collect();
    assert_eq!(
        shown,
        [
            "INTERNAL://[::1]:9093 PLAINTEXT",
            "EXTERNAL://0.0.0.0:9092 SASL_SSL",
            "PLAINTEXT://:0 PLAINTEXT",
        ]
    );
    let hints: Vec<_> = config
        .listeners
        .iter()
        .map(|l| (l.is_loopback(), l.is_wildcard()))
        .collect();
    assert_eq!(hints, [(true, false), (false, true), (false, true)]);
    assert_eq!(config.advertised("EXTERNAL").map(|l| l.port), Some(443));
}

#[test]
fn a_combined_node_of_kafka_is_understood() {
    let config = read(&[
        "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
        "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        "controller.listener.names=CONTROLLER",
        "controller.quorum.voters=1@localhost:9093",
    ])
    .unwrap();
    let names = |listeners: &[Listener]| -> Vec<String> {
        listeners.iter().map(|l| l.name.clone()).collect()
    };
    assert_eq!(names(&config.listeners), ["PLAINTEXT", "CONTROLLER"]);
    assert_eq!(names(&config.advertised_listeners), ["PLAINTEXT"]);
    assert_eq!(config.client_listeners().count(), 1);
}

/// Arguments and the reason for which they are refused.
const REFUSED: &[(&[&str], &str)] = &[
    (&["listeners=x"], "must be NAME://host:port"),
    (
        &["listeners=PLAINTEXT://h:99999"],
        "must be NAME://host:port",
    ),
    (
        &["listeners=PLAINTEXT://::1:9092"],
        "must be NAME://host:port",
    ),
    (
        &["listeners=PLAINTEXT://[zz]:9092"],
        "must be NAME://host:port",
    ),
    (&["listeners="], "at least one listener"),
    (
        &["listeners=FOO://h:1"],
        "No security protocol defined for listener FOO",
    ),
    (
        &["listeners=PLAINTEXT://a:1,PLAINTEXT://a:2"],
        "must have a different name",
    ),
    (
        &["listeners=PLAINTEXT://a:1,SSL://a:1"],
        "must have a different port",
    ),
    (
        &["listener.security.protocol.map=A:HTTP"],
        "A:HTTP must be NAME:PROTOCOL",
    ),
    (
        &["listener.security.protocol.map=A:SSL,a:SSL"],
        "mapped twice",
    ),
    (
        &[
            "listeners=PLAINTEXT://0.0.0.0:1",
            "advertised.listeners=PLAINTEXT://0.0.0.0:1",
        ],
        "cannot use the nonroutable meta-address PLAINTEXT://0.0.0.0:1",
    ),
    (
        &["advertised.listeners=SSL://h:1"],
        "SSL, which is not in listeners (PLAINTEXT)",
    ),
    (
        &["inter.broker.listener.name=X"],
        "must be a listener name defined in advertised.listeners",
    ),
    (
        &[
            "inter.broker.listener.name=PLAINTEXT",
            "security.inter.broker.protocol=PLAINTEXT",
        ],
        "Only one of",
    ),
    (&["node.id=1", "broker.id=2"], "must be the same"),
    (&["node.id=-1"], "Value must be at least 0"),
    (&["log.dirs=/a,,/b"], "none empty"),
    (&["log.dirs=/a,/a"], "there twice"),
    (&["process.roles="], "broker, controller or both"),
    (
        &["process.roles=server"],
        "String must be one of: broker, controller",
    ),
    (&["admin.listener=9644"], "must be host:port"),
    (
        &["queued.max.request.bytes=1000"],
        "larger or equal to socket.request.max.bytes",
    ),
    (&["socket.send.buffer.bytes=0"], "at least 1, or -1"),
    (
        &["log.cleaner.threads=200"],
        "at least 1MB per cleaner thread",
    ),
    (
        &["log.cleaner.io.buffer.load.factor=1.5"],
        "above 0 and at most 1",
    ),
    (
        &[
            "group.min.session.timeout.ms=10",
            "group.max.session.timeout.ms=5",
        ],
        "greater than or equal",
    ),
    (
        &["group.consumer.session.timeout.ms=1000"],
        "group.consumer.min.session.timeout.ms",
    ),
    (
        &["max.connections.per.ip.overrides=foo"],
        "must be a list of host:count",
    ),
    (
        &["log.retention.check.interval.ms=-1"],
        "Value must be at least 1",
    ),
    (
        &["offset.metadata.max.bytes=-1"],
        "Value must be at least 0",
    ),
    (
        &["broker.session.timeout.ms=1000"],
        "must be less than broker.session.timeout.ms",
    ),
    (
        &[
            "log.cleaner.min.compaction.lag.ms=9",
            "log.cleaner.max.compaction.lag.ms=5",
        ],
        "conflict",
    ),
];

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    for (arguments, reason) in REFUSED {
        match read(arguments) {
            Ok(_) => panic!("{arguments:?} was taken"),
            Err(text) => assert!(text.contains(reason), "{arguments:?}: {text}"),
        }
    }
}

#[test]
fn older_names_count_where_only_they_are_set() {
    assert_eq!(read(&["broker.id=5"]).unwrap().node_id().get(), 5);
    assert_eq!(read(&["log.dir=/a,/b"]).unwrap().log_dirs, ["/a", "/b"]);
    assert_eq!(
        read(&["log.dir=/a", "log.dirs=/c"]).unwrap().log_dirs,
        ["/c"]
    );
}

#[test]
fn the_budget_for_requests_has_a_bound_even_if_none_is_set() {
    const MIB: usize = 1024 * 1024;
    let rows: &[(&[&str], usize)] = &[
        (&[], 128 * MIB),
        (&["queued.max.request.bytes=0"], 128 * MIB),
        (&["socket.request.max.bytes=268435456"], 256 * MIB),
        (&["queued.max.request.bytes=209715200"], 200 * MIB),
    ];
    for (arguments, bytes) in rows {
        assert_eq!(
            read(arguments).unwrap().request_budget_bytes(),
            *bytes,
            "{arguments:?}"
        );
    }
}

#[test]
fn limits_of_single_addresses_are_read() {
    let config =
        read(&["max.connections.per.ip.overrides=localhost:3, [::1]:4,10.0.0.1:5"]).unwrap();
    let pairs = config.network.max_connections_per_ip_overrides.0;
    assert_eq!(
        pairs,
        [
            ("localhost".to_owned(), 3),
            ("::1".to_owned(), 4),
            ("10.0.0.1".to_owned(), 5)
        ]
    );
}

#[test]
fn brokers_talk_over_the_listener_that_is_named_or_the_first() {
    let two = "listeners=A://127.0.0.1:1,B://127.0.0.1:2";
    let map = "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT";
    let rows: &[(&[&str], &str)] = &[
        (&[], "PLAINTEXT"),
        (&[two, map], "A"),
        (&[two, map, "inter.broker.listener.name=b"], "B"),
    ];
    for (arguments, name) in rows {
        assert_eq!(
            read(arguments).unwrap().inter_broker_listener,
            *name,
            "{arguments:?}"
        );
    }
}
