//! The names of kafka_exporter, which most people read offsets and lag from.

use std::collections::BTreeMap;

use highwater_broker::GroupView;

use super::{Family, Source, gauge};
use crate::scrape::{Scrape, Series};

pub(super) const FAMILIES: &[Family] = &[
    gauge(
        "kafka_brokers",
        "Brokers that take part in the cluster.",
        Source::Node(|scrape, out| out.put(&[], scrape.cluster.brokers.len())),
    ),
    gauge(
        "kafka_broker_info",
        "1 for each broker that takes part, with its id and the address of its first listener.",
        Source::Node(|scrape, out| {
            for (id, address) in &scrape.cluster.brokers {
                out.put(&[("id", &id.get()), ("address", address)], 1);
            }
        }),
    ),
    gauge(
        "kafka_topic_partitions",
        "Partitions of the topic.",
        Source::Topic(|topic| topic.partitions as u64),
    ),
    gauge(
        "kafka_topic_partition_current_offset",
        "Offset behind the last record that consumers may read (the high watermark).",
        Source::Partition(|partition| partition.high_watermark.get()),
    ),
    gauge(
        "kafka_topic_partition_oldest_offset",
        "Offset of the oldest record.",
        Source::Partition(|partition| partition.log_start.get()),
    ),
    gauge(
        "kafka_topic_partition_leader",
        "Id of the broker that leads the partition, or -1.",
        Source::Partition(|partition| i64::from(partition.leader.get())),
    ),
    gauge(
        "kafka_topic_partition_leader_is_preferred",
        "1 if the partition is led by its preferred broker.",
        Source::Partition(|partition| i64::from(partition.leader == partition.preferred_leader)),
    ),
    gauge(
        "kafka_topic_partition_replicas",
        "Replicas of the partition.",
        Source::Partition(|partition| partition.replicas as i64),
    ),
    gauge(
        "kafka_topic_partition_in_sync_replica",
        "Replicas of the partition that are in sync.",
        Source::Partition(|partition| partition.in_sync as i64),
    ),
    gauge(
        "kafka_topic_partition_under_replicated_partition",
        "1 if not all replicas of the partition are in sync.",
        Source::Partition(|partition| i64::from(partition.in_sync < partition.replicas)),
    ),
    gauge(
        "kafka_consumergroup_members",
        "Members of the group.",
        Source::Group(|_, group, out| out.put(&[("consumergroup", &group.group)], group.members)),
    ),
    gauge(
        "kafka_consumergroup_current_offset",
        "Offset that the group has committed.",
        Source::Group(|_, group, out| {
            for (topic, partition, offset) in &group.offsets {
                out.put(
                    &[
                        ("consumergroup", &group.group),
                        ("topic", topic),
                        ("partition", &partition.get()),
                    ],
                    offset.get(),
                );
            }
        }),
    ),
    gauge(
        "kafka_consumergroup_current_offset_sum",
        "Sum of the offsets that the group has committed in the topic.",
        Source::Group(|_, group, out| {
            let all = group.offsets.iter();
            put_sums(group, all.map(|(topic, _, at)| (topic, at.get())), out);
        }),
    ),
    gauge(
        "kafka_consumergroup_lag",
        "Records between what the group has committed and what it may read.",
        Source::Group(|scrape, group, out| {
            for (topic, partition, lag) in lags(scrape, group) {
                out.put(
                    &[
                        ("consumergroup", &group.group),
                        ("topic", topic),
                        ("partition", &partition),
                    ],
                    lag,
                );
            }
        }),
    ),
    gauge(
        "kafka_consumergroup_lag_sum",
        "Sum of the lag of the group over the partitions of the topic.",
        Source::Group(|scrape, group, out| {
            let lags = lags(scrape, group).map(|(topic, _, lag)| (topic, lag));
            put_sums(group, lags, out);
        }),
    ),
];

type Topic = highwater_types::TopicName;

/// How far the group is behind, in each partition that it has committed an offset of and that
/// still exists.
fn lags<'a>(
    scrape: &'a Scrape,
    group: &'a GroupView,
) -> impl Iterator<Item = (&'a Topic, i32, i64)> {
    group
        .offsets
        .iter()
        .filter_map(|(topic, partition, committed)| {
            let end = scrape.partition(topic, *partition)?.high_watermark;
            // A client may commit any offset, one beyond the end too.
            let lag = end.get().saturating_sub(committed.get()).max(0);
            Some((topic, partition.get(), lag))
        })
}

fn put_sums<'a>(
    group: &GroupView,
    values: impl Iterator<Item = (&'a Topic, i64)>,
    out: &mut Series<'_>,
) {
    let mut sums: BTreeMap<&Topic, i64> = BTreeMap::new();
    for (topic, value) in values {
        let sum = sums.entry(topic).or_default();
        *sum = sum.saturating_add(value);
    }
    for (topic, sum) in sums {
        out.put(&[("consumergroup", &group.group), ("topic", topic)], sum);
    }
}
