//! Metrics in Prometheus' text format, under the names for which people have dashboards.

use std::fmt::Write as _;

use highwater_broker::BrokerView;

/// Everything at this moment.
pub(crate) async fn render(view: &BrokerView) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# TYPE kafka_brokers gauge\nkafka_brokers 1");
    for partition in view.partitions() {
        let _ = writeln!(
            out,
            "kafka_topic_partition_current_offset{{topic=\"{}\",partition=\"{}\"}} {}",
            partition.topic, partition.partition, partition.high_watermark
        );
    }
    out
}
