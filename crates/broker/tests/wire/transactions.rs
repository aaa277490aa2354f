//! Transactions over the wire: what real clients do only when something has gone wrong.

use std::path::Path;
use std::sync::Arc;

use highwater_disk::RealDisk;
use highwater_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use highwater_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use highwater_protocol::messages::{
    AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest, InitProducerIdRequest,
    ListOffsetsRequest, ProducerId as WireProducer, TransactionalId as WireId,
};
use highwater_protocol::{ErrorCode, StrBytes};
use highwater_records::{
    BatchHeader, BatchProducer, BatchSpec, RecordBatchBuilder, Scratch, batches,
};
use highwater_storage::{
    AppendBatch, AppendOrigin, LogConfig, LogDir, NodeIdentity, PartitionLog, StorageOptions,
};
use highwater_transactions::{
    Context, EndRequest, Producer, Request, TransactionConfig, TransactionResult, TransactionShard,
    TransactionVersion, TransactionalId, Waiter,
};
use highwater_types::{
    LeaderEpoch, Now, Offset, ProducerEpoch, ProducerId, TopicId, TopicPartition,
};

use crate::raw::{Client, PATIENCE, batch_of, name, produce_request, start};

const ONE_PARTITION: &[&str] = &["transaction.state.log.num.partitions=1"];
/// The versions of a client that adds its partitions itself.
const PRODUCE: i16 = 9;

fn id(text: &str) -> WireId {
    WireId(StrBytes::from_string(text.to_owned()))
}

/// Asks until no other operation on the transaction is under way.
async fn init(client: &mut Client, text: &str) -> Producer {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id(text)))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(WireProducer(-1))
        .with_producer_epoch(-1);
    loop {
        let response = client.call(4, &request).await;
        let code = ErrorCode::from_code(response.error_code);
        if code != ErrorCode::CONCURRENT_TRANSACTIONS {
            assert_eq!(code, ErrorCode::NONE);
            return Producer {
                id: ProducerId(response.producer_id.0),
                epoch: ProducerEpoch(response.producer_epoch),
            };
        }
        tokio::task::yield_now().await;
    }
}

async fn add_partition(client: &mut Client, text: &str, producer: Producer) -> ErrorCode {
    let topic = AddPartitionsToTxnTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![0]);
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id(text))
        .with_v3_and_below_producer_id(WireProducer(producer.id.get()))
        .with_v3_and_below_producer_epoch(producer.epoch.get())
        .with_v3_and_below_topics(vec![topic]);
    let response = client.call(3, &request).await;
    let code =
        response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
    ErrorCode::from_code(code)
}

async fn write(client: &mut Client, text: &str, producer: Producer, sequence: i32) -> ErrorCode {
    let spec = BatchSpec {
        transactional: true,
        producer: BatchProducer {
            id: producer.id,
            epoch: producer.epoch,
            base_sequence: sequence,
        },
        ..BatchSpec::default()
    };
    let mut request = produce_request(-1, 30_000, "t", &[(0, "")]);
    request.transactional_id = Some(id(text));
    request.topic_data[0].partition_data[0].records = Some(batch_of(spec, "a"));
    let response = client.call(PRODUCE, &request).await;
    ErrorCode::from_code(response.responses[0].partition_responses[0].error_code)
}

async fn end(
    client: &mut Client,
    text: &str,
    producer: Producer,
    commits: TransactionResult,
) -> ErrorCode {
    let request = EndTxnRequest::default()
        .with_transactional_id(id(text))
        .with_producer_id(WireProducer(producer.id.get()))
        .with_producer_epoch(producer.epoch.get())
        .with_committed(commits == TransactionResult::Commit);
    ErrorCode::from_code(client.call(3, &request).await.error_code)
}

/// The ends for those who read everything and for those who read what was committed.
async fn ends(client: &mut Client) -> (i64, i64) {
    let mut found = [0; 2];
    for (isolation_level, found) in [0, 1].into_iter().zip(&mut found) {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_timestamp(-1);
        let topic = ListOffsetsTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_isolation_level(isolation_level)
            .with_topics(vec![topic]);
        let response = client.call(7, &request).await;
        *found = response.topics[0].partitions[0].offset;
    }
    (found[0], found[1])
}

async fn wait_for_ends(client: &mut Client, expected: (i64, i64)) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let found = ends(client).await;
        if found == expected {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{found:?}, expected {expected:?}"
        );
        tokio::task::yield_now().await;
    }
}

async fn state_of(client: &mut Client, text: &str) -> String {
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![id(text)]);
    let response = client.call(0, &request).await;
    response.transaction_states[0].transaction_state.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_taken_only_while_its_transaction_has_the_partition() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), ONE_PARTITION).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    let producer = init(&mut client, "x").await;
    assert_eq!(
        write(&mut client, "x", producer, 0).await,
        ErrorCode::INVALID_TXN_STATE
    );
    assert_eq!(
        add_partition(&mut client, "x", producer).await,
        ErrorCode::NONE
    );
    assert_eq!(write(&mut client, "x", producer, 0).await, ErrorCode::NONE);
    assert_eq!(write(&mut client, "x", producer, 1).await, ErrorCode::NONE);
    assert_eq!(ends(&mut client).await, (2, 0));
    let ended = end(&mut client, "x", producer, TransactionResult::Commit).await;
    assert_eq!(ended, ErrorCode::NONE);
    wait_for_ends(&mut client, (3, 3)).await;
    // The next transaction has to begin anew.
    assert_eq!(
        write(&mut client, "x", producer, 2).await,
        ErrorCode::INVALID_TXN_STATE
    );
    let fenced = init(&mut client, "x").await;
    assert!(fenced.epoch > producer.epoch);
    let late = add_partition(&mut client, "x", producer).await;
    assert_eq!(late, ErrorCode::PRODUCER_FENCED);
    assert!(broker.stop().await);
}

/// Everything that is in a log, put to a machine.
fn replay(log: &PartitionLog, machine: &mut TransactionShard) {
    let mut scratch = Scratch::new();
    let mut from = log.log_start();
    while let Some(range) = log.read(from, log.log_end(), 1 << 20, true).expect("read") {
        let mut bytes = vec![0; range.len];
        range
            .file
            .read_full_at(&mut bytes, range.position)
            .expect("read");
        for batch in batches(&bytes).flatten() {
            for record in batch.records(&mut scratch, 1 << 20).expect("records") {
                let record = record.expect("a record");
                machine
                    .replay(record.key.expect("a key"), record.value)
                    .expect("replayed");
            }
            from = batch.header.next_offset();
        }
    }
}

/// Writes the decision to commit into the log of transactions, as a broker that died right behind
/// it has left it.
fn decide(dir: &Path, text: &str, producer: Producer) {
    let properties = std::fs::read_to_string(dir.join("meta.properties")).expect("properties");
    let property = |key: &str| {
        let line = properties.lines().find_map(|line| line.strip_prefix(key));
        line.expect("the property")
            .trim_start_matches('=')
            .to_owned()
    };
    let identity = NodeIdentity {
        cluster_id: property("cluster.id"),
        node_id: property("node.id").parse().expect("a number"),
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let dir = LogDir::open(Arc::new(RealDisk), dir, &identity, options).expect("the directory");
    let tp = TopicPartition::from_dir_name("__transaction_state-0").expect("a name");
    let now = Now::at(0, 1_000_000);
    let opened = dir.open_partition(&tp, Arc::new(LogConfig::default()), now);
    let (log, _) = opened.expect("the log");
    let mut machine = TransactionShard::new(TransactionConfig::default(), LeaderEpoch(0));
    replay(&log, &mut machine);
    let request = Request::End(EndRequest {
        transactional_id: TransactionalId::from(text),
        producer,
        result: TransactionResult::Commit,
        client_version: TransactionVersion::TV_0,
    });
    let output = machine.handle(Context { now, spare: None }, Waiter(1), request);
    let mut builder = RecordBatchBuilder::new(BatchSpec::default());
    for record in &output.records {
        let value = record.value.as_deref();
        builder
            .append(now.wall_ms, Some(&record.key), value, &[])
            .expect("appended");
    }
    let bytes = builder.finish().expect("a batch");
    let header = BatchHeader::parse(&bytes).expect("a header");
    let batch = AppendBatch {
        header,
        bytes: &bytes,
    };
    let epoch = log
        .epochs()
        .last()
        .map_or(LeaderEpoch(0), |(epoch, _)| *epoch);
    log.append_leader(&[batch], epoch, now, AppendOrigin::Coordinator)
        .expect("appended");
    assert!(log.flush().expect("flushed") > Offset(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_outlives_its_broker_is_carried_out_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), ONE_PARTITION).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    let producer = init(&mut client, "x").await;
    assert_eq!(
        add_partition(&mut client, "x", producer).await,
        ErrorCode::NONE
    );
    assert_eq!(write(&mut client, "x", producer, 0).await, ErrorCode::NONE);
    assert!(broker.stop().await);
    decide(dir.path(), "x", producer);
    let broker = start(dir.path(), ONE_PARTITION).await;
    let mut client = broker.connect().await;
    wait_for_ends(&mut client, (2, 2)).await;
    let next = init(&mut client, "x").await;
    assert_eq!(next.id, producer.id);
    assert_eq!(state_of(&mut client, "x").await, "Empty");
    assert!(broker.stop().await);
}
