//! Producing and fetching over the wire: what is parked, what fails in part, what is deleted
//! meanwhile.

use highwater_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use highwater_protocol::messages::fetch_request::ForgottenTopic;
use highwater_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use highwater_protocol::messages::metadata_request::MetadataRequestTopic;
use highwater_protocol::messages::{
    ApiVersionsRequest, DeleteRecordsRequest, FetchRequest, ListOffsetsRequest, MetadataRequest,
    ProduceRequest, TransactionalId,
};
use highwater_protocol::{ErrorCode, StrBytes};
use highwater_records::{BatchProducer, BatchSpec};
use highwater_types::{ProducerEpoch, ProducerId};

use crate::raw::{BY_NAME, Client, batch_of, fetch_request, name, produce_request, start};

const PRODUCE: i16 = 9;

fn records_of(response: &highwater_protocol::messages::FetchResponse) -> usize {
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| partition.records.as_ref().map_or(0, bytes::Bytes::len))
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_produced_is_fetched_and_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    for offset in 0..20 {
        assert_eq!(client.produce("t", 0, "record").await, (0, offset));
    }
    assert!(broker.stop().await, "a clean stop");
    let broker = start(dir.path(), &[]).await;
    assert!(broker.report.was_clean);
    let mut client = broker.connect().await;
    // Found on disk, so verified first.
    let found = client.peek("t", 0, 3).await;
    assert_eq!((found.error_code, found.high_watermark), (0, 20));
    assert!(found.records.is_some_and(|records| records.len() > 100));
    assert_eq!(client.produce("t", 0, "record").await, (0, 20));
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_may_wait_for_ever_is_woken_by_a_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let (mut reader, mut writer) = (broker.connect().await, broker.connect().await);
    writer.create("t", 2).await;
    let parked = fetch_request(1, i32::MAX, "t", &[(0, 0), (1, 0)]);
    let id = reader.send(BY_NAME, &parked).await;
    // Requests behind a parked one are carried out, and answered behind it.
    let behind = produce_request(-1, 30_000, "t", &[(1, "from the reader")]);
    let behind = reader.send(PRODUCE, &behind).await;
    let response = reader.receive::<FetchRequest>(BY_NAME, id).await;
    assert!(records_of(&response) > 0);
    let response = reader.receive::<ProduceRequest>(PRODUCE, behind).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_may_be_sent_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    assert_eq!(client.produce("t", 0, "a").await, (0, 0));
    let request = fetch_request(1 << 20, i32::MAX, "t", &[(0, 0)]).with_max_bytes(10);
    assert!(records_of(&client.fetch(&request).await) > 10);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_topic_ends_what_waits_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let (mut reader, mut admin) = (broker.connect().await, broker.connect().await);
    admin.create("t", 1).await;
    let parked = fetch_request(1, i32::MAX, "t", &[(0, 0)]);
    let id = reader.send(BY_NAME, &parked).await;
    admin.delete("t").await;
    let response = reader.receive::<FetchRequest>(BY_NAME, id).await;
    let error = ErrorCode::from_code(response.responses[0].partitions[0].error_code);
    assert!(error.is_error() && error.is_retriable(), "{error:?}");
    // A topic of the same name is another one.
    admin.create("t", 1).await;
    assert_eq!(admin.produce("t", 0, "anew").await, (0, 0));
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producing_while_topics_come_and_go_always_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &["auto.create.topics.enable=false"]).await;
    let mut admin = broker.connect().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut writers = Vec::new();
    for _ in 0..4 {
        let (mut client, stopped) = (broker.connect().await, stopped.clone());
        writers.push(tokio::spawn(async move {
            let (mut good, mut bad) = (0, 0);
            while !*stopped.borrow() || good == 0 {
                let (error, _) = client.produce("t", 0, "record").await;
                let error = ErrorCode::from_code(error);
                assert!(!error.is_error() || error.is_retriable(), "{error:?}");
                assert_ne!(error, ErrorCode::REQUEST_TIMED_OUT);
                if error.is_error() {
                    bad += 1;
                } else {
                    good += 1;
                }
            }
            (good, bad)
        }));
    }
    for _ in 0..15 {
        admin.create("t", 1).await;
        admin.produce("t", 0, "mine").await;
        admin.delete("t").await;
    }
    admin.create("t", 1).await;
    stop.send_replace(true);
    for writer in writers {
        let waited = tokio::time::timeout(crate::raw::PATIENCE, writer).await;
        let (good, _) = waited.expect("every request ends").expect("no panic");
        assert!(good > 0);
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_may_fail_for_some_partitions_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 2).await;
    let request = produce_request(-1, 30_000, "t", &[(0, "a"), (9, "b"), (1, "c")]);
    let response = client.call(PRODUCE, &request).await;
    let partitions = &response.responses[0].partition_responses;
    let outcome: Vec<_> = partitions
        .iter()
        .map(|partition| (partition.index, partition.error_code, partition.base_offset))
        .collect();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code();
    assert_eq!(outcome, [(0, 0, 0), (9, unknown, -1), (1, 0, 0)]);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_sent_to_who_wants_none_and_an_error_ends_the_connection() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    let request = produce_request(0, 0, "t", &[(0, "a")]);
    client.send(PRODUCE, &request).await;
    assert_eq!(client.produce("t", 0, "b").await, (0, 1));
    let request = produce_request(0, 0, "t", &[(7, "a")]);
    client.send(PRODUCE, &request).await;
    assert!(client.is_ended().await);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_timeout_does_not_count_against_the_disk_of_the_leader() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    for timeout_ms in [0, -5, i32::MIN] {
        let request = produce_request(-1, timeout_ms, "t", &[(0, "a")]);
        let response = client.call(PRODUCE, &request).await;
        let error = response.responses[0].partition_responses[0].error_code;
        // Who is told of a timeout writes the same again.
        assert_eq!(ErrorCode::from_code(error), ErrorCode::NONE, "{timeout_ms}");
    }
    assert_eq!(client.produce("t", 0, "b").await, (0, 3));
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_offset_is_behind_what_was_just_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    for nth in 0..50 {
        // Acknowledged before it is on disk.
        let request = produce_request(1, 30_000, "t", &[(0, "a")]);
        let response = client.call(PRODUCE, &request).await;
        assert_eq!(
            response.responses[0].partition_responses[0].base_offset,
            nth
        );
        let partition = ListOffsetsPartition::default().with_timestamp(-1);
        let topic = ListOffsetsTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_topics(vec![topic]);
        let latest = client.call(7, &request).await;
        assert_eq!(latest.topics[0].partitions[0].offset, nth + 1);
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_emptied_is_read_from_its_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    for _ in 0..5 {
        client.produce("t", 0, "a").await;
    }
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(0)
        .with_offset(-1);
    let topic = DeleteRecordsTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
    let response = client.call(2, &request).await;
    assert_eq!(response.topics[0].partitions[0].low_watermark, 5);
    let at_end = client.peek("t", 0, 5).await;
    assert_eq!((at_end.error_code, at_end.log_start_offset), (0, 5));
    for offset in [0, 4, 6] {
        let found = client.peek("t", 0, offset).await;
        assert_eq!(found.error_code, ErrorCode::OFFSET_OUT_OF_RANGE.code());
    }
    assert_eq!(client.produce("t", 0, "b").await, (0, 5));
    assert!(client.peek("t", 0, 5).await.records.is_some());
    assert!(broker.stop().await);
}

fn in_session(request: FetchRequest, session_id: i32, epoch: i32) -> FetchRequest {
    request
        .with_session_id(session_id)
        .with_session_epoch(epoch)
}

fn nothing_new(session_id: i32, epoch: i32) -> FetchRequest {
    let request = fetch_request(0, 0, "t", &[]).with_topics(Vec::new());
    in_session(request, session_id, epoch)
}

async fn told(client: &mut Client, request: &FetchRequest) -> Vec<(i32, i16, bool)> {
    let response = client.fetch(request).await;
    assert_eq!(response.error_code, 0);
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    let mut told: Vec<_> = partitions
        .map(|partition| {
            let records = partition.records.as_ref().is_some_and(|r| !r.is_empty());
            (partition.partition_index, partition.error_code, records)
        })
        .collect();
    told.sort_unstable();
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_tells_what_is_new_and_follows_a_topic_made_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let (mut reader, mut admin) = (broker.connect().await, broker.connect().await);
    admin.create("t", 3).await;
    let first = in_session(fetch_request(0, 0, "t", &[(0, 0), (1, 0), (2, 0)]), 0, 0);
    let response = reader.fetch(&first).await;
    let id = response.session_id;
    assert_ne!(id, 0);
    assert_eq!(response.responses[0].partitions.len(), 3);
    assert_eq!(told(&mut reader, &nothing_new(id, 1)).await, []);
    admin.produce("t", 1, "a").await;
    let news = told(&mut reader, &nothing_new(id, 2)).await;
    assert_eq!(news, [(1, 0, true)]);
    let forget = ForgottenTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![1]);
    let forget = nothing_new(id, 3).with_forgotten_topics_data(vec![forget]);
    assert_eq!(told(&mut reader, &forget).await, []);
    admin.delete("t").await;
    let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code();
    for epoch in [4, 5] {
        let news = told(&mut reader, &nothing_new(id, epoch)).await;
        assert_eq!(news, [(0, gone, false), (2, gone, false)]);
    }
    admin.create("t", 3).await;
    admin.produce("t", 2, "a").await;
    let news = told(&mut reader, &nothing_new(id, 6)).await;
    assert!(news.contains(&(2, 0, true)), "{news:?}");
    for (epoch, expected) in [
        (3, ErrorCode::INVALID_FETCH_SESSION_EPOCH),
        (8, ErrorCode::INVALID_FETCH_SESSION_EPOCH),
    ] {
        let response = reader.fetch(&nothing_new(id, epoch)).await;
        assert_eq!(ErrorCode::from_code(response.error_code), expected);
    }
    // A session that has been emptied is over, and gives its place back.
    let forget = ForgottenTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![0, 1, 2]);
    let emptied = nothing_new(id, 7).with_forgotten_topics_data(vec![forget]);
    assert_eq!(reader.fetch(&emptied).await.session_id, 0);
    let response = reader.fetch(&nothing_new(id, 8)).await;
    let error = ErrorCode::from_code(response.error_code);
    assert_eq!(error, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_for_a_topic_make_it_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let topic = MetadataRequestTopic::default().with_name(Some(name("made")));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(true);
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = broker.connect().await;
        let id = client.send(12, &request).await;
        clients.push((client, id));
    }
    let mut ids = std::collections::HashSet::new();
    for (client, id) in &mut clients {
        let response = client.receive::<MetadataRequest>(12, *id).await;
        assert_eq!(response.topics[0].error_code, 0);
        ids.insert(response.topics[0].topic_id);
    }
    assert_eq!(ids.len(), 1);
    let versions = ApiVersionsRequest::default();
    assert_eq!(clients[0].0.call(2, &versions).await.error_code, 0);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_of_many_partitions_gets_all_in_a_few_answers() {
    const PARTITIONS: i32 = 300;
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", PARTITIONS).await;
    let large = "-".repeat(20_000);
    let texts: Vec<_> = (0..PARTITIONS)
        .map(|index| (index, if index % 10 == 0 { "small" } else { &large }))
        .collect();
    let request = produce_request(-1, 30_000, "t", &texts);
    let response = client.call(PRODUCE, &request).await;
    let mut appended = response.responses[0].partition_responses.iter();
    assert!(appended.all(|partition| partition.error_code == 0));
    let mut left: Vec<_> = (0..PARTITIONS).map(|index| (index, 0)).collect();
    // One answer has no room for all, so more than it holds is not waited for.
    let all = fetch_request(i32::MAX, i32::MAX, "t", &left);
    assert!(records_of(&client.fetch(&all).await) > 0);
    for _ in 0..3 {
        let response = client.fetch(&fetch_request(1, 0, "t", &left)).await;
        for partition in response
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
        {
            assert_eq!(partition.error_code, 0);
            assert_eq!(partition.high_watermark, 1);
            let len = partition.records.as_ref().map_or(0, bytes::Bytes::len);
            if len > 0 {
                let is_small = partition.partition_index % 10 == 0;
                assert_eq!(is_small, len < 1000);
                left.retain(|(index, _)| *index != partition.partition_index);
            }
        }
    }
    assert_eq!(left, []);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_nobody_could_end_is_not_begun() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    let spec = BatchSpec {
        transactional: true,
        producer: BatchProducer {
            id: ProducerId(7),
            epoch: ProducerEpoch(0),
            base_sequence: 0,
        },
        ..BatchSpec::default()
    };
    for (id, expected) in [
        (Some("tx"), ErrorCode::INVALID_PRODUCER_ID_MAPPING),
        (None, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    ] {
        let mut request = produce_request(-1, 30_000, "t", &[(0, "")]);
        request.transactional_id =
            id.map(|id| TransactionalId(StrBytes::from_string(id.to_owned())));
        let records = Some(batch_of(spec.clone(), "a"));
        request.topic_data[0].partition_data[0].records = records;
        let response = client.call(PRODUCE, &request).await;
        let error = response.responses[0].partition_responses[0].error_code;
        assert_eq!(ErrorCode::from_code(error), expected);
    }
    assert_eq!(client.produce("t", 0, "b").await, (0, 0));
    assert!(broker.stop().await);
}
