//! A broker in this process on a directory that goes away, and a client that sends exactly
//! what a test says.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use highwater_broker::{RunningBroker, StartError, StartReport};
use highwater_config::Layers;
use highwater_protocol::messages::create_topics_request::CreatableTopic;
use highwater_protocol::messages::delete_topics_request::DeleteTopicState;
use highwater_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use highwater_protocol::messages::fetch_response::PartitionData;
use highwater_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use highwater_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, FetchRequest, FetchResponse, ProduceRequest,
    TopicName,
};
use highwater_protocol::{
    Decodable, Encodable, Request, StrBytes, decode_response, encode_request, parse_response_header,
};
use highwater_records::{BatchSpec, RecordBatchBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The version of Produce and Fetch that tests speak: the last ones that name topics.
pub(crate) const BY_NAME: i16 = 12;

pub(crate) struct TestBroker {
    running: RunningBroker,
    pub(crate) report: StartReport,
    pub(crate) address: SocketAddr,
}

pub(crate) async fn try_start(dirs: &[&Path], settings: &[&str]) -> Result<TestBroker, StartError> {
    let dirs: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    let mut layers = Layers::new()
        .argument("listeners=PLAINTEXT://127.0.0.1:0")
        .argument("group.initial.rebalance.delay.ms=0")
        .argument("offsets.topic.num.partitions=2")
        .argument(&format!("log.dirs={}", dirs.join(",")));
    for setting in settings {
        layers = layers.argument(setting);
    }
    let node = layers.finish().expect("a configuration");
    let (running, report) = RunningBroker::start(node).await?;
    let address = report.listeners[0]
        .split("//")
        .nth(1)
        .and_then(|address| address.parse().ok())
        .expect("an address");
    Ok(TestBroker {
        running,
        report,
        address,
    })
}

pub(crate) async fn start(dir: &Path, settings: &[&str]) -> TestBroker {
    try_start(&[dir], settings).await.expect("a broker")
}

impl TestBroker {
    pub(crate) async fn connect(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.expect("connected"),
            next: 0,
        }
    }

    pub(crate) async fn stop(self) -> bool {
        self.running.shut_down(PATIENCE).await
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    next: i32,
}

impl Client {
    /// Sends a request and leaves its answer for later.
    pub(crate) async fn send<R: Request + Encodable>(&mut self, version: i16, request: &R) -> i32 {
        self.next += 1;
        let mut out = BytesMut::new();
        encode_request(R::KEY, version, self.next, Some("raw"), request, &mut out)
            .expect("a request");
        self.stream.write_all(&out).await.expect("sent");
        self.next
    }

    /// The next answer, which must be that to the request of this id.
    pub(crate) async fn receive<R: Request>(&mut self, version: i16, id: i32) -> R::Response
    where
        R::Response: Decodable,
    {
        let frame = self.frame().await.expect("an answer");
        let mut frame = Bytes::from(frame);
        let answered = parse_response_header(R::KEY, version, &mut frame).expect("a header");
        assert_eq!(answered, id, "answers come in order");
        decode_response(R::KEY, version, &mut frame).expect("a response")
    }

    pub(crate) async fn call<R: Request + Encodable>(
        &mut self,
        version: i16,
        request: &R,
    ) -> R::Response
    where
        R::Response: Decodable,
    {
        let id = self.send(version, request).await;
        self.receive::<R>(version, id).await
    }

    async fn frame(&mut self) -> std::io::Result<Vec<u8>> {
        let read = async {
            let len = self.stream.read_u32().await?;
            let mut frame = vec![0; len as usize];
            self.stream.read_exact(&mut frame).await?;
            Ok(frame)
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("an answer in time")
    }

    /// Sends a frame as it is, length included.
    pub(crate) async fn send_frame(&mut self, frame: &[u8]) {
        self.stream.write_all(frame).await.expect("sent");
    }

    /// The next answer without its length; `None` if the broker ended the connection.
    pub(crate) async fn receive_frame(&mut self) -> Option<Vec<u8>> {
        self.frame().await.ok()
    }

    /// Whether the broker ends the connection before it sends anything more.
    pub(crate) async fn is_ended(&mut self) -> bool {
        self.frame().await.is_err()
    }

    pub(crate) async fn create(&mut self, topic: &str, partitions: i32) {
        let wanted = CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(10_000);
        let response = self.call(7, &request).await;
        assert_eq!(response.topics[0].error_code, 0, "{topic}");
    }

    pub(crate) async fn delete(&mut self, topic: &str) {
        let wanted = DeleteTopicState::default().with_name(Some(name(topic)));
        let request = DeleteTopicsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(10_000);
        let response = self.call(6, &request).await;
        assert_eq!(response.responses[0].error_code, 0, "{topic}");
    }

    /// Appends with acks=all; returns the error and the base offset.
    pub(crate) async fn produce(&mut self, topic: &str, partition: i32, text: &str) -> (i16, i64) {
        let request = produce_request(-1, 30_000, topic, &[(partition, text)]);
        let response = self.call(BY_NAME.min(9), &request).await;
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    pub(crate) async fn fetch(&mut self, request: &FetchRequest) -> FetchResponse {
        self.call(BY_NAME, request).await
    }

    /// What a fetch of one partition without waiting says.
    pub(crate) async fn peek(&mut self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        let request = fetch_request(0, 0, topic, &[(partition, offset)]);
        let response = self.fetch(&request).await;
        response.responses[0].partitions[0].clone()
    }
}

pub(crate) fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

fn batch(text: &str) -> Bytes {
    batch_of(BatchSpec::default(), text)
}

pub(crate) fn batch_of(spec: BatchSpec, text: &str) -> Bytes {
    let mut builder = RecordBatchBuilder::new(spec);
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    builder
        .append(now_ms, None, Some(text.as_bytes()), &[])
        .expect("a record");
    Bytes::from(builder.finish().expect("a batch"))
}

pub(crate) fn produce_request(
    acks: i16,
    timeout_ms: i32,
    topic: &str,
    partitions: &[(i32, &str)],
) -> ProduceRequest {
    let data = partitions.iter().map(|(index, text)| {
        PartitionProduceData::default()
            .with_index(*index)
            .with_records(Some(batch(text)))
    });
    let topic = TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(data.collect());
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(timeout_ms)
        .with_topic_data(vec![topic])
}

/// A fetch without a session.
pub(crate) fn fetch_request(
    min_bytes: i32,
    max_wait_ms: i32,
    topic: &str,
    partitions: &[(i32, i64)],
) -> FetchRequest {
    let asked = partitions.iter().map(|(index, offset)| {
        FetchPartition::default()
            .with_partition(*index)
            .with_fetch_offset(*offset)
            .with_current_leader_epoch(-1)
            .with_last_fetched_epoch(-1)
            .with_partition_max_bytes(1 << 20)
    });
    let topic = FetchTopic::default()
        .with_topic(name(topic))
        .with_partitions(asked.collect());
    FetchRequest::default()
        .with_session_epoch(-1)
        .with_min_bytes(min_bytes)
        .with_max_wait_ms(max_wait_ms)
        .with_max_bytes(50 << 20)
        .with_topics(vec![topic])
}
