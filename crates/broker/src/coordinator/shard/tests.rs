//! Groups on a disk whose faults the test orders.

use std::path::Path;
use std::time::{Duration, Instant};

use highwater_config::Layers;
use highwater_disk::{Disk, FaultyDisk};
use highwater_groups::{
    CommitOffsetsRequest, CommitPartition, CommitTopic, FetchOffsetsRequest, GroupConfig, GroupId,
    GroupShard, MemberId, Reply, Request,
};
use highwater_metadata::{
    BrokerRegistration, BrokerState, ClusterRecord, Decision, MetadataImage, MetadataRecord,
};
use highwater_records::{
    BatchHeader, BatchProducer, BatchSpec, ControlType, EndTxnMarker, RecordBatchBuilder,
};
use highwater_security::AllowAll;
use highwater_storage::{
    AppendBatch, AppendOrigin, LogConfig, LogDir, NodeIdentity, StorageOptions,
};
use highwater_types::{
    BrokerId, LeaderEpoch, Now, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId,
    TopicName, TopicPartition,
};

use super::*;
use crate::broker::Parts;
use crate::clock::Clock;
use crate::metadata_store::MetadataStore;

const PATIENCE: Duration = Duration::from_secs(30);

fn broker_on(disk: &FaultyDisk) -> Arc<Broker> {
    broker_with(disk, "offsets.topic.segment.bytes=104857600")
}

fn broker_with(disk: &FaultyDisk, setting: &str) -> Arc<Broker> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let clock = Clock::new();
    let settings = Layers::new()
        .argument("offsets.topic.num.partitions=1")
        .argument(setting);
    let node = settings.finish().unwrap();
    let typed = node.broker().unwrap();
    let id = typed.node_id();
    let identity = NodeIdentity {
        cluster_id: "c".to_owned(),
        node_id: id.get(),
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let dir = LogDir::open(disk, Path::new("/data"), &identity, options).unwrap();
    let name = TopicPartition::from_dir_name("__cluster_metadata-0").unwrap();
    let log = dir.create_partition(&name, TopicId([1; 16]), Arc::new(LogConfig::default()));
    let metadata = MetadataStore::open(log.unwrap()).unwrap();
    let decide = |_: &MetadataImage| Decision {
        records: vec![cluster(), registration(id)],
        response: (),
    };
    metadata.submit(clock.now(), decide, |_, _| {}).unwrap();
    Broker::new(Parts {
        id,
        cluster_id: "c".to_owned(),
        clock,
        node,
        typed,
        log_dirs: vec![dir],
        metadata,
        authorizer: Box::new(AllowAll),
    })
}

fn cluster() -> MetadataRecord {
    MetadataRecord::Cluster(ClusterRecord {
        cluster_id: "c".into(),
        format_version: 1,
    })
}

fn registration(id: BrokerId) -> MetadataRecord {
    MetadataRecord::RegisterBroker(BrokerRegistration {
        id,
        incarnation: [5; 16],
        broker_epoch: 1,
        rack: None,
        state: BrokerState::Active,
        listeners: Vec::new(),
        features: Vec::new(),
        log_dirs: Vec::new(),
    })
}

async fn commit(broker: &Arc<Broker>, offset: i64) -> Result<Reply, ErrorCode> {
    commit_all(broker, offset, 1).await
}

/// Commits the same offset, with a long word, for so many partitions.
async fn commit_all(
    broker: &Arc<Broker>,
    offset: i64,
    partitions: i32,
) -> Result<Reply, ErrorCode> {
    let partitions = (0..partitions).map(|index| CommitPartition {
        partition: PartitionIndex(index),
        offset: Offset(offset),
        leader_epoch: None,
        metadata: Some("-".repeat(1000)),
    });
    let topic = CommitTopic {
        topic: TopicName::new("t").unwrap(),
        topic_id: None,
        partitions: partitions.collect(),
    };
    let request = Request::CommitOffsets(CommitOffsetsRequest {
        transaction: None,
        group_id: GroupId::from("g"),
        member_id: MemberId::from(""),
        group_instance_id: None,
        generation: -1,
        retention_ms: None,
        topics: vec![topic],
    });
    broker.groups.call(broker, "g", request).await
}

async fn committed(broker: &Arc<Broker>) -> Option<i64> {
    let request = Request::FetchOffsets(FetchOffsetsRequest {
        group_id: GroupId::from("g"),
        topics: None,
        require_stable: false,
    });
    match broker.groups.call(broker, "g", request).await {
        Ok(Reply::FetchOffsets(topics)) => {
            let found = topics
                .first()?
                .partitions
                .first()?
                .1
                .as_ref()
                .ok()?
                .as_ref()?;
            Some(found.offset.get())
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_turns_commits_away_and_forgets_none() {
    let disk = FaultyDisk::new();
    let broker = broker_on(&disk);
    let timers = {
        let broker = Arc::clone(&broker);
        tokio::spawn(async move { broker.groups.run_timers(&broker).await })
    };
    assert!(commit(&broker, 1).await.is_ok());
    disk.set_capacity_bytes(Some(0));
    let refused = commit(&broker, 2).await.err();
    assert_eq!(refused, Some(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    disk.set_capacity_bytes(None);
    let deadline = Instant::now() + PATIENCE;
    while broker
        .groups
        .shards()
        .iter()
        .any(|shard| shard.obstacle().is_some())
    {
        assert!(Instant::now() < deadline, "the shard is not loaded again");
        tokio::task::yield_now().await;
    }
    assert_eq!(committed(&broker).await, Some(1));
    assert!(commit(&broker, 3).await.is_ok());
    assert_eq!(committed(&broker).await, Some(3));
    timers.abort();
    broker.flusher.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stays_full_is_not_read_for_every_commit() {
    let disk = FaultyDisk::new();
    let broker = broker_on(&disk);
    assert!(commit(&broker, 1).await.is_ok());
    disk.set_capacity_bytes(Some(0));
    let started = Instant::now();
    while commit(&broker, 2).await != Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) {
        assert!(started.elapsed() < PATIENCE);
    }
    let shards = broker.groups.shards();
    let shard = shards.first().unwrap();
    // Nobody rings the timers here, so a shard that waits for its time stays as it is.
    let is_waiting = matches!(shard.state.lock().phase, Phase::Failed { .. });
    let is_late = started.elapsed() >= Duration::from_millis(RELOAD_MS_MIN / 2);
    assert!(is_waiting || is_late, "it was loaded again at once");
    broker.flusher.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_flush_takes_back_the_answer_and_keeps_the_timers_quiet() {
    let disk = FaultyDisk::new();
    let broker = broker_on(&disk);
    assert!(commit(&broker, 1).await.is_ok());
    disk.fail_syncs_of(Some("__consumer_offsets"));
    let refused = commit(&broker, 2).await.err();
    assert_eq!(refused, Some(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    assert!(broker.log_dirs[0].is_offline());
    assert!(commit(&broker, 3).await.is_err());
    for shard in broker.groups.shards() {
        let now_ms = broker.clock.now().mono_ms;
        let phase_is_ready = matches!(shard.state.lock().phase, Phase::Ready);
        assert!(phase_is_ready || shard.arm().is_none_or(|due| due > now_ms));
        shard.retire();
        assert_eq!(shard.arm(), None);
        assert_eq!(
            commit(&broker, 4).await.err(),
            Some(ErrorCode::NOT_COORDINATOR)
        );
    }
    broker.flusher.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_larger_than_a_segment_is_taken_in_parts() {
    let disk = FaultyDisk::new();
    let broker = broker_with(&disk, "offsets.topic.segment.bytes=1048576");
    assert!(commit_all(&broker, 7, 5_000).await.is_ok());
    assert_eq!(committed(&broker).await, Some(7));
    let shard = broker.groups.shards().pop().unwrap();
    let mut machine = GroupShard::new(GroupConfig::default());
    let records = super::super::load::replay_log(&shard.partition, &mut machine);
    assert_eq!(records.unwrap(), 5_000);
    assert_eq!(machine.stats().offsets, 5_000);
    broker.flusher.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_does_not_come_is_not_waited_for_longer_than_configured() {
    let disk = FaultyDisk::new();
    let broker = broker_with(&disk, "offsets.commit.timeout.ms=50");
    assert!(commit(&broker, 1).await.is_ok());
    // Nobody flushes any more, as on a disk that hangs.
    broker.flusher.close();
    let late = commit(&broker, 2).await.err();
    assert_eq!(late, Some(ErrorCode::COORDINATOR_NOT_AVAILABLE));
}

/// A position of group `g` as Kafka writes it.
fn position(partition: i32, offset: i64) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![0, 1, 0, 1, b'g', 0, 1, b't'];
    key.extend(partition.to_be_bytes());
    let mut value = vec![0, 3];
    value.extend(offset.to_be_bytes());
    value.extend((-1_i32).to_be_bytes());
    value.extend([0, 0]);
    value.extend(1_i64.to_be_bytes());
    (key, value)
}

/// Appends the positions in a batch of a transaction, or of none.
fn append_positions(shard: &Shard<GroupShard>, transaction: Option<i64>, positions: &[(i32, i64)]) {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer: transaction.map_or(BatchProducer::NONE, transactional),
        transactional: transaction.is_some(),
        ..BatchSpec::default()
    });
    for (partition, offset) in positions {
        let (key, value) = position(*partition, *offset);
        builder.append(1, Some(&key), Some(&value), &[]).unwrap();
    }
    append_bytes(shard, &builder.finish().unwrap());
}

fn append_marker(shard: &Shard<GroupShard>, producer: i64, outcome: ControlType) {
    let marker = EndTxnMarker {
        outcome,
        coordinator_epoch: 0,
    };
    let producer = transactional(producer);
    append_bytes(
        shard,
        &RecordBatchBuilder::end_txn_marker(&marker, 1, producer).unwrap(),
    );
}

fn transactional(id: i64) -> BatchProducer {
    BatchProducer {
        id: ProducerId(id),
        epoch: ProducerEpoch(0),
        base_sequence: 0,
    }
}

fn append_bytes(shard: &Shard<GroupShard>, bytes: &[u8]) {
    let batch = AppendBatch {
        header: BatchHeader::parse(bytes).unwrap(),
        bytes,
    };
    let (epoch, now) = (LeaderEpoch(0), Now::at(1, 1));
    let appended = shard
        .partition
        .append(&[batch], epoch, now, AppendOrigin::Leader);
    appended.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_of_transactions_count_if_they_were_committed() {
    let disk = FaultyDisk::new();
    let broker = broker_on(&disk);
    assert!(commit(&broker, 1).await.is_ok());
    let shard = broker.groups.shards().pop().unwrap();
    append_positions(&shard, None, &[(1, 10), (2, 20), (3, 30), (4, 40)]);
    append_positions(&shard, Some(7), &[(1, 11), (4, 44)]);
    append_positions(&shard, Some(8), &[(2, 22)]);
    // Behind the transaction's, so it wins over it.
    append_positions(&shard, None, &[(4, 41)]);
    append_marker(&shard, 8, ControlType::Abort);
    append_marker(&shard, 7, ControlType::Commit);
    // The same producers again: one commits now, one never ends.
    append_positions(&shard, Some(8), &[(5, 55)]);
    append_positions(&shard, Some(7), &[(3, 33)]);
    append_marker(&shard, 8, ControlType::Commit);
    shard.partition.announce(shard.partition.flush());
    shard.load(&broker);
    let request = Request::FetchOffsets(FetchOffsetsRequest {
        group_id: GroupId::from("g"),
        topics: None,
        require_stable: false,
    });
    let Ok(Reply::FetchOffsets(topics)) = broker.groups.call(&broker, "g", request).await else {
        panic!("no positions");
    };
    let mut found: Vec<_> = topics[0]
        .partitions
        .iter()
        .filter_map(|(index, found)| {
            Some((index.get(), found.as_ref().ok()?.as_ref()?.offset.get()))
        })
        .collect();
    found.sort_unstable();
    let expected = [(0, 1), (1, 11), (2, 20), (3, 30), (4, 41), (5, 55)];
    assert_eq!(found, expected);
    broker.flusher.close();
}
