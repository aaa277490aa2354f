//! The endpoint in front of a broker that runs: what a scraper and a supervisor see.

#[cfg(test)]
mod exposition;
#[cfg(test)]
mod node;

use std::collections::BTreeMap;

use exposition::Exposition;
use highwater_broker::StartError;
use node::{Node, dir_of, lose};

const OFFSETS: i32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_family_has_a_type_and_no_series_is_there_twice() {
    let node = Node::start().await;
    node.write("orders", &[3, 1]).await;
    node.commit("billing", "orders", &[(0, 2), (1, 0)]).await;
    let metrics = node.scrape().await;
    assert!(metrics.families() > 60, "{}", metrics.families());
    metrics.get(
        "kafka_topic_partition_leader",
        &[("topic", "orders"), ("partition", "1")],
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_and_lag_are_those_of_the_partitions() {
    let node = Node::start().await;
    node.write("orders", &[7, 2]).await;
    node.commit("billing", "orders", &[(0, 5), (1, 2)]).await;
    let metrics = node.scrape().await;
    let at =
        |name: &str, partition| metrics.get(name, &[("topic", "orders"), ("partition", partition)]);
    assert_eq!(at("kafka_topic_partition_current_offset", "0"), 7.0);
    assert_eq!(at("kafka_topic_partition_current_offset", "1"), 2.0);
    assert_eq!(at("kafka_topic_partition_oldest_offset", "0"), 0.0);
    assert_eq!(at("kafka_log_log_logendoffset", "0"), 7.0);
    assert_eq!(at("kafka_topic_partition_leader", "0"), 1.0);
    assert_eq!(at("kafka_topic_partition_leader_is_preferred", "0"), 1.0);
    assert_eq!(
        at("kafka_topic_partition_under_replicated_partition", "0"),
        0.0
    );
    assert!(at("kafka_log_log_size", "0") > 61.0);
    let lag = |partition| {
        let labels = [
            ("consumergroup", "billing"),
            ("topic", "orders"),
            ("partition", partition),
        ];
        metrics.get("kafka_consumergroup_lag", &labels)
    };
    assert_eq!((lag("0"), lag("1")), (2.0, 0.0));
    let sum = [("consumergroup", "billing"), ("topic", "orders")];
    assert_eq!(metrics.get("kafka_consumergroup_lag_sum", &sum), 2.0);
    assert_eq!(
        metrics.get("kafka_consumergroup_current_offset_sum", &sum),
        7.0
    );
    let group = [("consumergroup", "billing")];
    assert_eq!(metrics.get("kafka_consumergroup_members", &group), 0.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_beyond_the_end_has_no_lag_and_one_of_a_deleted_topic_none_at_all() {
    let node = Node::start().await;
    node.write("orders", &[1]).await;
    node.write("gone", &[4]).await;
    node.commit("ahead", "orders", &[(0, 9)]).await;
    node.commit("orphan", "gone", &[(0, 1)]).await;
    node.delete("gone").await;
    let metrics = node.scrape().await;
    let labels = [
        ("consumergroup", "ahead"),
        ("topic", "orders"),
        ("partition", "0"),
    ];
    assert_eq!(metrics.get("kafka_consumergroup_lag", &labels), 0.0);
    let orphans = metrics.with("kafka_consumergroup_lag", ("consumergroup", "orphan"));
    assert!(orphans.is_empty(), "{orphans:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_name_is_hostile_stays_within_its_label() {
    let node = Node::start().await;
    let name = "a\"} 1\nkafka_brokers 77\\";
    node.write("orders", &[1]).await;
    node.commit(name, "orders", &[(0, 0)]).await;
    let metrics = node.scrape().await;
    let labels = [
        ("consumergroup", name),
        ("topic", "orders"),
        ("partition", "0"),
    ];
    assert_eq!(metrics.get("kafka_consumergroup_lag", &labels), 1.0);
    assert_eq!(metrics.get("kafka_brokers", &[]), 1.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_counted_by_topic_and_over_all() {
    let node = Node::start().await;
    node.write("orders", &[3]).await;
    node.write("clicks", &[4]).await;
    node.refused_write("orders").await;
    assert_eq!(node.read("orders").await, 3);
    let metrics = node.scrape().await;
    let count = |what: &str, labels: &[(&str, &str)]| {
        metrics.get(
            &format!("kafka_server_brokertopicmetrics_{what}_total"),
            labels,
        )
    };
    let orders = [("topic", "orders")];
    assert_eq!(count("messagesin", &orders), 3.0);
    assert_eq!(count("messagesin", &[("topic", "clicks")]), 4.0);
    assert_eq!(count("messagesin", &[]), 7.0);
    assert_eq!(count("failedproducerequests", &orders), 1.0);
    assert_eq!(count("failedproducerequests", &[]), 1.0);
    assert!(count("totalproducerequests", &orders) >= 2.0);
    // Records are sent as they were written.
    assert_eq!(count("bytesout", &orders), count("bytesin", &orders));
    assert_eq!(count("bytesout", &[("topic", "clicks")]), 0.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_request_is_in_one_class_of_the_histogram() {
    let node = Node::start().await;
    node.write("orders", &[3]).await;
    let metrics = node.scrape().await;
    let produce = [("request", "Produce")];
    let requests = metrics.get("kafka_network_requestmetrics_requests_total", &produce);
    let answered = metrics.get("highwater_request_duration_seconds_count", &produce);
    assert!(
        answered >= 1.0 && answered <= requests,
        "{answered} of {requests}"
    );
    let labels = [("request", "Produce"), ("le", "+Inf")];
    assert_eq!(
        metrics.get("highwater_request_duration_seconds_bucket", &labels),
        answered
    );
    // The answer waited for the disk.
    assert!(metrics.get("highwater_flush_duration_seconds_count", &[]) >= 1.0);
    let sum = metrics.get("highwater_request_duration_seconds_sum", &produce);
    let handlers = metrics.get("highwater_request_handler_seconds_total", &produce);
    assert!(sum >= handlers && handlers > 0.0, "{sum} {handlers}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_partitions_arrives_whole() {
    let node = Node::start().await;
    node.create("many", 700).await;
    let metrics = node.scrape().await;
    let seen = metrics.with("kafka_log_log_numlogsegments", ("topic", "many"));
    let partitions: BTreeMap<&str, f64> = seen
        .iter()
        .map(|(labels, value)| (labels["partition"].as_str(), *value))
        .collect();
    assert_eq!(partitions.len(), 700);
    assert_eq!(
        metrics.get("kafka_topic_partitions", &[("topic", "many")]),
        700.0
    );
    let here = metrics.get("kafka_server_replicamanager_partitioncount", &[]);
    assert_eq!(here, 700.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_ready_from_the_start_to_the_stop_and_alive_all_along() {
    let node = Node::start_unready().await;
    assert_eq!(node.get("/health/live").await.0, 200);
    let (status, reason) = node.get("/health/ready").await;
    assert_eq!((status, reason.as_str()), (503, "starting or stopping\n"));
    assert_eq!(node.get("/metrics").await.0, 503);
    node.make_ready();
    assert_eq!(node.get("/health/ready").await, (200, "ready\n".to_owned()));
    assert_eq!(node.get("/elsewhere").await.0, 404);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_a_directory_that_is_gone_are_not_ready_and_not_made_anew() {
    let node = Node::start_with(2).await;
    node.write("first", &[1]).await;
    node.write("second", &[2]).await;
    let node = node.restart_after(|dir| {
        assert!(dir_of(dir, "first-0") != dir_of(dir, "second-0"));
        lose(&dir.join("1"));
    });
    let node = node.await.unwrap();
    let (status, reason) = node.get("/health/ready").await;
    assert_eq!(status, 503, "{reason}");
    assert!(reason.contains("1 of 2"), "{reason}");
    let metrics = node.scrape().await;
    assert_eq!(metrics.get("highwater_ready", &[]), 0.0);
    assert_eq!(metrics.get("highwater_partitions_unserved", &[]), 1.0);
    let offline = "kafka_controller_kafkacontroller_offlinepartitionscount";
    assert_eq!(metrics.get(offline, &[]), 1.0);
    // The directory comes back, and with it every record.
    let node = node.restart_after(|dir| {
        std::fs::remove_file(dir.join("1")).unwrap();
        std::fs::rename(dir.join("1.lost"), dir.join("1")).unwrap();
    });
    let node = node.await.unwrap();
    assert_eq!(node.get("/health/ready").await.0, 200);
    assert_eq!(
        (node.read("first").await, node.read("second").await),
        (1, 2)
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_metadata_log_is_gone_does_not_start_with_another() {
    let node = Node::start_with(2).await;
    node.write("first", &[1]).await;
    node.write("second", &[2]).await;
    let node = node
        .restart_after(|dir| lose(&dir_of(dir, "__cluster_metadata-0")))
        .await;
    assert!(matches!(node, Err(StartError::NoMetadata)));
}

#[test]
fn the_parser_of_these_tests_finds_what_it_looks_for() {
    for (text, why) in [
        ("a 1\n", "without a type"),
        ("# TYPE a gauge\na 1\na 2\n", "twice"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "typed twice"),
        ("# TYPE a gauge\na{b=\"c} 1\n", "an open label"),
        ("# TYPE a gauge\na x\n", "no number"),
        (
            "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{c=\"d\"} 1\n",
            "scattered",
        ),
        ("# TYPE a gauge\na 1", "a line without an end"),
    ] {
        assert!(Exposition::parse(text).is_err(), "{why}");
    }
    let text = "# HELP a A.\n# TYPE a gauge\na{b=\"\\\"\\n\\\\\"} 2.5\na 1\n";
    let parsed = Exposition::parse(text).unwrap();
    assert_eq!(parsed.get("a", &[("b", "\"\n\\")]), 2.5);
}
