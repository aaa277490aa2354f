//! Log directories that are not there at a start.

use std::path::Path;

use highwater_broker::StartError;
use highwater_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use highwater_protocol::messages::metadata_request::MetadataRequestTopic;
use highwater_protocol::messages::{
    DescribeLogDirsRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest,
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
};
use highwater_protocol::{ErrorCode, StrBytes};

use crate::raw::{Client, TestBroker, name, try_start};

async fn on(dirs: &[&Path]) -> TestBroker {
    try_start(dirs, &["auto.create.topics.enable=false"])
        .await
        .expect("a broker")
}

/// Whether every request that needs the log is told that its disk has failed, and Metadata
/// that nobody leads it, as Kafka does where a replica's directory is offline.
async fn assert_disk_failed(client: &mut Client, topic: &str) {
    let failed = ErrorCode::KAFKA_STORAGE_ERROR;
    let (error, _) = client.produce(topic, 0, "lost").await;
    assert_eq!(ErrorCode::from_code(error), failed, "{topic}");
    let fetched = client.peek(topic, 0, 0).await;
    assert_eq!(ErrorCode::from_code(fetched.error_code), failed, "{topic}");
    for timestamp in [-1, -2, 0] {
        let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
        let asked = ListOffsetsTopic::default()
            .with_name(name(topic))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_topics(vec![asked]);
        let answer = client.call(5, &request).await;
        let error = answer.topics[0].partitions[0].error_code;
        assert_eq!(ErrorCode::from_code(error), failed, "{topic} {timestamp}");
    }
    let asked = OffsetForLeaderTopic::default()
        .with_topic(name(topic))
        .with_partitions(vec![OffsetForLeaderPartition::default()]);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![asked]);
    let answer = client.call(4, &request).await;
    let error = answer.topics[0].partitions[0].error_code;
    assert_eq!(ErrorCode::from_code(error), failed, "{topic}");
    let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
    let request = MetadataRequest::default().with_topics(Some(vec![asked]));
    let answer = client.call(12, &request).await;
    assert_eq!(answer.topics[0].error_code, 0, "{topic}");
    let partition = &answer.topics[0].partitions[0];
    let error = ErrorCode::from_code(partition.error_code);
    assert_eq!(error, ErrorCode::LEADER_NOT_AVAILABLE, "{topic}");
    assert_eq!(partition.leader_id.0, -1, "{topic}");
    let offline: Vec<_> = partition.offline_replicas.iter().map(|id| id.0).collect();
    assert_eq!(offline, [1], "{topic}");
}

/// Makes ten topics with a record each over two directories; returns those of the second.
async fn fill(first: &Path, second: &Path) -> Vec<String> {
    let broker = on(&[first, second]).await;
    let mut client = broker.connect().await;
    for topic in 0..10 {
        let topic = format!("t{topic}");
        client.create(&topic, 1).await;
        assert_eq!(client.produce(&topic, 0, "a").await, (0, 0));
    }
    assert!(broker.stop().await);
    let there = |topic: &String| second.join(format!("{topic}-0")).exists();
    (0..10).map(|at| format!("t{at}")).filter(there).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_on_a_directory_that_is_away_are_not_made_anew() {
    let home = tempfile::tempdir().expect("a directory");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let moved = fill(&first, &second).await;
    assert!((1..10).contains(&moved.len()), "{moved:?}");
    let away = home.path().join("away");
    std::fs::rename(&second, &away).expect("moved");
    // Twice, since the first start is what the second one knows of.
    for _ in 0..2 {
        let broker = on(&[&first, &second]).await;
        assert_eq!(broker.report.partitions_failed, moved.len());
        let mut client = broker.connect().await;
        for topic in &moved {
            assert_disk_failed(&mut client, topic).await;
        }
        client.create("new", 1).await;
        assert_eq!(client.produce("new", 0, "a").await, (0, 0));
        client.delete("new").await;
        assert!(broker.stop().await);
    }
    std::fs::remove_dir_all(&second).expect("removed");
    std::fs::rename(&away, &second).expect("moved back");
    let broker = on(&[&first, &second]).await;
    assert_eq!(broker.report.partitions_failed, 0);
    let mut client = broker.connect().await;
    for topic in &moved {
        assert_eq!(client.produce(topic, 0, "b").await, (0, 1), "{topic}");
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_opened_is_a_failed_disk_and_no_unknown_topic() {
    let home = tempfile::tempdir().expect("a directory");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let there = fill(&first, &second).await;
    let log = second.join(format!("{}-0", there[0]));
    let segment = log.join("00000000000000000000.log");
    std::fs::rename(&segment, log.join("aside")).expect("moved");
    // No system opens what leads to itself.
    std::os::unix::fs::symlink(&segment, &segment).expect("made");
    let broker = on(&[&first, &second]).await;
    assert!(broker.report.partitions_failed > 0);
    let mut client = broker.connect().await;
    assert_disk_failed(&mut client, &there[0]).await;
    client.create("whole", 1).await;
    assert_eq!(client.produce("whole", 0, "a").await, (0, 0));
    // Deleted and made anew it is another one.
    client.delete(&there[0]).await;
    client.create(&there[0], 1).await;
    assert_eq!(client.produce(&there[0], 0, "a").await, (0, 0));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_could_not_be_opened_is_described_as_failed() {
    let home = tempfile::tempdir().expect("a directory");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let moved = fill(&first, &second).await;
    std::fs::rename(&second, home.path().join("away")).expect("moved");
    std::fs::write(&second, "not a directory").expect("written");
    let broker = on(&[&first, &second]).await;
    assert_eq!(broker.report.partitions_failed, moved.len());
    let mut client = broker.connect().await;
    let answer = client.call(4, &DescribeLogDirsRequest::default()).await;
    let described: Vec<_> = answer
        .results
        .iter()
        .map(|dir| (dir.log_dir.clone(), ErrorCode::from_code(dir.error_code)))
        .collect();
    let path = |dir: &Path| StrBytes::from_string(dir.display().to_string());
    let expected = [
        (path(&first), ErrorCode::NONE),
        (path(&second), ErrorCode::KAFKA_STORAGE_ERROR),
    ];
    assert_eq!(described, expected);
    for topic in &moved {
        assert_disk_failed(&mut client, topic).await;
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cluster_is_started_anew_beside_logs_of_another() {
    let home = tempfile::tempdir().expect("a directory");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let moved = fill(&first, &second).await;
    let away = home.path().join("away");
    std::fs::rename(&first, &away).expect("moved");
    let refused = try_start(&[&first, &second], &[]).await.err();
    assert!(
        matches!(refused, Some(StartError::NoMetadata)),
        "{refused:?}"
    );
    for topic in &moved {
        assert!(second.join(format!("{topic}-0")).exists(), "{topic}");
    }
    std::fs::remove_dir_all(&first).expect("removed");
    std::fs::rename(&away, &first).expect("moved back");
    let broker = on(&[&first, &second]).await;
    assert_eq!(broker.report.partitions_failed, 0);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_taken_keeps_only_its_own_partition_waiting() {
    let home = tempfile::tempdir().expect("a directory");
    let broker = on(&[home.path()]).await;
    let mut client = broker.connect().await;
    for topic in ["taken", "freed"] {
        let place = home.path().join(format!("{topic}-0"));
        std::fs::create_dir(&place).expect("made");
        let segment = place.join("00000000000000000000.log");
        std::fs::write(segment, b"of somebody else").expect("written");
        client.create(topic, 1).await;
        assert_disk_failed(&mut client, topic).await;
    }
    std::fs::remove_dir_all(home.path().join("freed-0")).expect("removed");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while client.produce("freed", 0, "a").await != (0, 0) {
        assert!(std::time::Instant::now() < deadline, "it is never made");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_disk_failed(&mut client, "taken").await;
    assert!(broker.stop().await);
}
