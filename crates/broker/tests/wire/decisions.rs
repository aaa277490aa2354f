//! One request is one decision, and one sync of the metadata log, however many things it names.

use std::path::Path;

use highwater_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use highwater_protocol::messages::create_topics_request::CreatableTopic;
use highwater_protocol::messages::delete_topics_request::DeleteTopicState;
use highwater_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use highwater_protocol::messages::metadata_request::MetadataRequestTopic;
use highwater_protocol::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, IncrementalAlterConfigsRequest, MetadataRequest,
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
};
use highwater_protocol::{ErrorCode, StrBytes};
use highwater_records::batches;

use crate::raw::{Client, name, start};

const TOPICS: usize = 100;
/// Names that no topic may have, amid those that are fine.
const BAD: &str = "no topic";
const TOPIC: i8 = 2;

fn names() -> Vec<String> {
    let good = (0..TOPICS).map(|at| format!("t{at}"));
    good.chain([BAD.to_owned()]).collect()
}

/// The batches of the metadata log: each is a decision, flushed before it is seen.
fn decisions(dir: &Path) -> usize {
    let log = dir.join("__cluster_metadata-0/00000000000000000000.log");
    let bytes = std::fs::read(log).expect("the metadata log");
    batches(&bytes).take_while(Result::is_ok).count()
}

/// All good but the one that is bad, which has an error of its own.
fn assert_only_the_bad_fails(errors: &[i16], expected: ErrorCode) {
    let (bad, good) = errors.split_last().expect("an answer");
    assert_eq!(good, [0; TOPICS]);
    assert_eq!(ErrorCode::from_code(*bad), expected);
}

async fn create(client: &mut Client) -> Vec<i16> {
    let topics = names().into_iter().map(|topic| {
        CreatableTopic::default()
            .with_name(name(&topic))
            .with_num_partitions(1)
            .with_replication_factor(1)
    });
    let request = CreateTopicsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(10_000);
    let answer = client.call(7, &request).await;
    answer.topics.iter().map(|t| t.error_code).collect()
}

async fn enlarge(client: &mut Client) -> Vec<i16> {
    let topics = names().into_iter().map(|topic| {
        CreatePartitionsTopic::default()
            .with_name(name(&topic))
            .with_count(2)
            .with_assignments(None)
    });
    let request = CreatePartitionsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(10_000);
    let answer = client.call(3, &request).await;
    answer.results.iter().map(|t| t.error_code).collect()
}

async fn configure(client: &mut Client) -> Vec<i16> {
    let resources = names().into_iter().map(|topic| {
        let config = AlterableConfig::default()
            .with_name(StrBytes::from_static_str("retention.ms"))
            .with_config_operation(0)
            .with_value(Some(StrBytes::from_static_str("60000")));
        AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_string(topic))
            .with_configs(vec![config])
    });
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources.collect());
    let answer = client.call(1, &request).await;
    answer.responses.iter().map(|r| r.error_code).collect()
}

async fn reassign(client: &mut Client) -> Vec<i16> {
    let topics = names().into_iter().map(|topic| {
        let partition = ReassignablePartition::default()
            .with_partition_index(0)
            .with_replicas(Some(vec![1.into()]));
        ReassignableTopic::default()
            .with_name(name(&topic))
            .with_partitions(vec![partition])
    });
    let request = AlterPartitionReassignmentsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(10_000);
    let answer = client.call(0, &request).await;
    let topics = answer.responses.iter();
    topics.map(|t| t.partitions[0].error_code).collect()
}

async fn delete(client: &mut Client) -> Vec<i16> {
    let topics = names()
        .into_iter()
        .map(|topic| DeleteTopicState::default().with_name(Some(name(&topic))));
    let request = DeleteTopicsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(10_000);
    let answer = client.call(6, &request).await;
    answer.responses.iter().map(|t| t.error_code).collect()
}

async fn ask_for(client: &mut Client) -> Vec<i16> {
    let twice = names().into_iter().chain(["t0".to_owned()]);
    let topics = twice.map(|topic| MetadataRequestTopic::default().with_name(Some(name(&topic))));
    let request = MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(true);
    let answer = client.call(12, &request).await;
    let mut errors: Vec<_> = answer.topics.iter().map(|t| t.error_code).collect();
    // It was asked for before, and made then.
    assert_eq!(errors.pop(), Some(0));
    errors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_topics_cost_one_sync_of_the_metadata() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    let invalid = ErrorCode::INVALID_TOPIC_EXCEPTION;
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let mut expected = decisions(dir.path());
    assert_only_the_bad_fails(&create(&mut client).await, invalid);
    expected += 1;
    assert_eq!(decisions(dir.path()), expected, "CreateTopics");
    assert_only_the_bad_fails(&enlarge(&mut client).await, unknown);
    expected += 1;
    assert_eq!(decisions(dir.path()), expected, "CreatePartitions");
    assert_only_the_bad_fails(&configure(&mut client).await, invalid);
    expected += 1;
    assert_eq!(decisions(dir.path()), expected, "IncrementalAlterConfigs");
    assert_only_the_bad_fails(&reassign(&mut client).await, unknown);
    assert!(decisions(dir.path()) <= expected + 1, "reassignments");
    expected = decisions(dir.path());
    assert_only_the_bad_fails(&delete(&mut client).await, unknown);
    expected += 1;
    assert_eq!(decisions(dir.path()), expected, "DeleteTopics");
    assert_only_the_bad_fails(&ask_for(&mut client).await, invalid);
    expected += 1;
    assert_eq!(decisions(dir.path()), expected, "Metadata");
    assert!(broker.stop().await);
}
