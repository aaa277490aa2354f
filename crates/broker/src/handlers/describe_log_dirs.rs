//! DescribeLogDirs: where partitions lie and how large they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use highwater_net::Reply;
use highwater_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use highwater_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes, describe_log_dirs_response};
use highwater_storage::{LogDir, StorageError};
use highwater_types::TopicName;

use crate::broker::Broker;
use crate::data::Partition;
use crate::handlers::wire::wire_topic;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeLogDirsRequest = call.decode()?;
    Ok(
        call.blocking_with(describe_log_dirs_response::encode, move |broker, _| {
            let results = broker
                .log_dirs
                .iter()
                .map(|dir| describe(broker, dir, &request));
            let results = results.chain(unopened(broker));
            DescribeLogDirsResponse::default().with_results(results.collect())
        }),
    )
}

fn wanted(request: &DescribeLogDirsRequest, partition: &Partition) -> bool {
    let Some(topics) = &request.topics else {
        return true;
    };
    let index = partition.name.partition.get();
    topics.iter().any(|topic| {
        topic.topic.as_str() == partition.name.topic.as_str() && topic.partitions.contains(&index)
    })
}

/// The directories that could not be opened at the start.
fn unopened(broker: &Broker) -> Vec<DescribeLogDirsResult> {
    let config = broker.config();
    let is_open = |path: &Path| broker.log_dirs.iter().any(|dir| dir.path() == path);
    let missing = config
        .log_dirs
        .iter()
        .filter(|dir| !is_open(Path::new(dir)));
    missing.map(|dir| failed(dir.clone())).collect()
}

fn failed(path: String) -> DescribeLogDirsResult {
    DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(path))
        .with_error_code(ErrorCode::KAFKA_STORAGE_ERROR.code())
        .with_total_bytes(-1)
        .with_usable_bytes(-1)
}

fn describe(
    broker: &Broker,
    dir: &Arc<LogDir>,
    request: &DescribeLogDirsRequest,
) -> DescribeLogDirsResult {
    let path = dir.path().to_string_lossy().into_owned();
    if dir.is_offline() {
        return failed(path);
    }
    let result = DescribeLogDirsResult::default().with_log_dir(StrBytes::from_string(path));
    let mut topics: BTreeMap<TopicName, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for partition in broker.partitions.all() {
        if !Arc::ptr_eq(partition.log.log_dir(), dir) || !wanted(request, &partition) {
            continue;
        }
        let size = i64::try_from(partition.log.size_bytes()).unwrap_or(i64::MAX);
        let lag = partition.log.log_end() - partition.high_watermark();
        topics
            .entry(partition.name.topic.clone())
            .or_default()
            .push(
                DescribeLogDirsPartition::default()
                    .with_partition_index(partition.name.partition.get())
                    .with_partition_size(size)
                    .with_offset_lag(lag.max(0)),
            );
    }
    let topics = topics.into_iter().map(|(name, mut partitions)| {
        partitions.sort_by_key(|partition| partition.partition_index);
        DescribeLogDirsTopic::default()
            .with_name(wire_topic(name.as_str()))
            .with_partitions(partitions)
    });
    let bytes = |found: Result<u64, StorageError>| {
        found
            .ok()
            .and_then(|bytes| i64::try_from(bytes).ok())
            .unwrap_or(-1)
    };
    result
        .with_topics(topics.collect())
        .with_total_bytes(bytes(dir.total_bytes()))
        .with_usable_bytes(bytes(dir.free_bytes()))
}
