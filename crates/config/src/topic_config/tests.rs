//! Topic values: defaults, fallbacks, overrides.

use super::*;
use crate::definition::Effect;
use crate::layers::Layers;

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn node(arguments: &[&str]) -> NodeConfig {
    arguments
        .iter()
        .fold(Layers::new(), |layers, argument| layers.argument(argument))
        .finish()
        .unwrap()
}

fn topic(pairs: &[(&str, &str)]) -> Result<TopicConfig, ConfigError> {
    node(&[]).topic(&overrides(pairs))
}

#[test]
fn the_defaults_are_those_of_kafka_but_for_durability() {
    let config = topic(&[]).unwrap();
    assert_eq!(
        config,
        TopicConfig {
            cleanup_policy: CleanupPolicy {
                delete: true,
                compact: false
            },
            compression_type: CompressionType::Producer,
            compression_gzip_level: -1,
            compression_lz4_level: 9,
            compression_zstd_level: 3,
            delete_retention_ms: 86_400_000,
            durability: Durability::Fsync,
            file_delete_delay_ms: 60_000,
            flush_messages: None,
            flush_ms: None,
            index_interval_bytes: 4096,
            max_compaction_lag_ms: None,
            max_message_bytes: 1_048_588,
            message_timestamp_after_max_ms: Some(3_600_000),
            message_timestamp_before_max_ms: None,
            message_timestamp_type: TimestampType::CreateTime,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 1,
            retention_bytes: None,
            retention_ms: Some(604_800_000),
            segment_bytes: 1 << 30,
            segment_index_bytes: 10 << 20,
            segment_jitter_ms: 0,
            segment_ms: 604_800_000,
            unclean_leader_election_enable: false,
        }
    );
}

/// A value that is not the default of its key.
fn other_value(name: &str) -> &'static str {
    match name {
        "cleanup.policy" => "compact",
        "compression.type" => "zstd",
        "durability" => "replicated",
        "message.timestamp.type" => "LogAppendTime",
        "min.cleanable.dirty.ratio" => "0.25",
        "preallocate" | "unclean.leader.election.enable" => "true",
        "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => "2",
        "remote.log.copy.disable" | "remote.log.delete.on.disable" => "true",
        "follower.replication.throttled.replicas" | "leader.replication.throttled.replicas" => "*",
        _ => "7654321",
    }
}

#[test]
fn a_key_is_effective_exactly_if_it_changes_a_field() {
    // Typed ahead of its use: one node has nobody else to elect.
    const AHEAD: &str = "unclean.leader.election.enable";
    // There is nothing that it could be set to.
    const FIXED: &str = "remote.storage.enable";
    let defaults = topic(&[]).unwrap();
    for def in keys::of_kind(KeyKind::Topic).filter(|def| ![AHEAD, FIXED].contains(&def.name)) {
        let mut set = vec![(def.name, other_value(def.name))];
        if def.name == "min.compaction.lag.ms" {
            set.push(("max.compaction.lag.ms", "9223372036854775807"));
        }
        let changed = topic(&set).unwrap_or_else(|error| panic!("{}: {error}", def.name));
        assert_eq!(
            changed != defaults,
            def.effect == Effect::Effective,
            "{}",
            def.name
        );
    }
}

#[test]
fn a_topic_falls_back_on_the_first_broker_key_that_is_set() {
    let rows: &[(&[&str], Option<u64>)] = &[
        (&["log.retention.hours=2"], Some(7_200_000)),
        (
            &["log.retention.hours=2", "log.retention.minutes=3"],
            Some(180_000),
        ),
        (
            &[
                "log.retention.hours=2",
                "log.retention.minutes=3",
                "log.retention.ms=4",
            ],
            Some(4),
        ),
        (&["log.retention.hours=-1"], None),
        (&["log.retention.ms=-1"], None),
    ];
    for (arguments, retention_ms) in rows {
        let config = node(arguments).topic(&Overrides::new()).unwrap();
        assert_eq!(config.retention_ms, *retention_ms, "{arguments:?}");
    }
    let flush = node(&["log.flush.scheduler.interval.ms=50"])
        .topic(&Overrides::new())
        .unwrap();
    assert_eq!(flush.flush_ms, Some(50));
    let durability = node(&["log.durability=replicated"]);
    assert_eq!(
        durability.topic(&Overrides::new()).unwrap().durability,
        Durability::Replicated
    );
    let own = durability
        .topic(&overrides(&[("durability", "fsync")]))
        .unwrap();
    assert_eq!(own.durability, Durability::Fsync);
}

#[test]
fn dynamic_broker_values_reach_topics_that_do_not_override_them() {
    let node = node(&["message.max.bytes=100"]);
    let changed = node.with_overrides(overrides(&[("message.max.bytes", "200")]), Overrides::new());
    assert_eq!(
        changed.topic(&Overrides::new()).unwrap().max_message_bytes,
        200
    );
    let own = changed
        .topic(&overrides(&[("max.message.bytes", "300")]))
        .unwrap();
    assert_eq!(own.max_message_bytes, 300);
    let narrower = node.with_overrides(
        overrides(&[("message.max.bytes", "200")]),
        overrides(&[("message.max.bytes", "250")]),
    );
    assert_eq!(
        narrower.topic(&Overrides::new()).unwrap().max_message_bytes,
        250
    );
}

#[test]
fn an_empty_cleanup_policy_keeps_everything() {
    let config = topic(&[("cleanup.policy", "")]).unwrap();
    assert_eq!(
        config.cleanup_policy,
        CleanupPolicy {
            delete: false,
            compact: false
        }
    );
    let both = topic(&[("cleanup.policy", "compact, delete")]).unwrap();
    assert_eq!(
        both.cleanup_policy,
        CleanupPolicy {
            delete: true,
            compact: true
        }
    );
}

#[test]
fn a_test_may_use_smaller_segments_than_the_public_key_allows() {
    assert!(topic(&[("segment.bytes", "1000")]).is_err());
    assert_eq!(
        topic(&[("internal.segment.bytes", "1000")])
            .unwrap()
            .segment_bytes,
        1000
    );
}

#[test]
fn lags_of_compaction_must_fit_together() {
    let error = topic(&[
        ("min.compaction.lag.ms", "10"),
        ("max.compaction.lag.ms", "5"),
    ]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
    );
}

#[test]
fn what_is_stored_counts_although_it_no_longer_goes_with_the_values_of_the_broker() {
    let stored = overrides(&[
        ("cleanup.policy", "compact"),
        ("min.compaction.lag.ms", "86400000"),
        ("retention.ms", "-1"),
        ("segment.bytes", "no number"),
    ]);
    let cluster = overrides(&[("log.cleaner.max.compaction.lag.ms", "3600000")]);
    let node = Layers::new().finish().unwrap();
    let node = node.with_overrides(cluster, Overrides::new());
    assert!(node.topic(&stored).is_err());
    let (config, errors) = node.stored_topic(&stored).unwrap();
    assert!(config.cleanup_policy.compact && !config.cleanup_policy.delete);
    assert_eq!((config.retention_ms, config.segment_bytes), (None, 1 << 30));
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn nobody_may_believe_that_records_go_to_tiered_storage() {
    assert!(topic(&[("remote.storage.enable", "false")]).is_ok());
    let refused = topic(&[("remote.storage.enable", "true")]).unwrap_err();
    assert!(refused.to_string().contains("tiered"), "{refused}");
}
