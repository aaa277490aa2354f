//! A broker with its endpoint, in this process, on a directory of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use highwater_broker::{BrokerView, RunningBroker, StartError};
use highwater_client::{
    Admin, Client, ClientOptions, Consumer, ConsumerOptions, NewTopic, Producer, ProducerOptions,
    ProducerRecord,
};
use highwater_config::Layers;
use highwater_http::HttpEndpoint;
use highwater_types::{Offset, PartitionIndex, TopicName, TopicPartition};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::exposition::Exposition;

/// Nothing here takes as long as this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    dir: TempDir,
    log_dirs: usize,
    broker: RunningBroker,
    client: Client,
    http: std::net::SocketAddr,
    ready: watch::Sender<Option<BrokerView>>,
}

impl Node {
    /// A broker on an empty directory.
    pub(crate) async fn start() -> Self {
        let node = Self::start_unready().await;
        node.make_ready();
        node
    }

    /// The same, of which the endpoint has not been told yet.
    pub(crate) async fn start_unready() -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), 1)
            .await
            .unwrap()
    }

    /// A broker on several directories, named by number.
    pub(crate) async fn start_with(log_dirs: usize) -> Self {
        let node = Self::start_on(tempfile::tempdir().unwrap(), log_dirs)
            .await
            .unwrap();
        node.make_ready();
        node
    }

    async fn start_on(dir: TempDir, log_dirs: usize) -> Result<Self, StartError> {
        let paths: Vec<_> = (0..log_dirs)
            .map(|n| dir.path().join(n.to_string()).display().to_string())
            .collect();
        let config = Layers::new()
            .argument(&format!("log.dirs={}", paths.join(",")))
            .argument("listeners=PLAINTEXT://127.0.0.1:0")
            .argument("group.initial.rebalance.delay.ms=0")
            .argument(&format!("offsets.topic.num.partitions={}", crate::OFFSETS))
            .finish()
            .unwrap();
        let endpoint = HttpEndpoint::bind("127.0.0.1:0").await.unwrap();
        let http = endpoint.local_addr().unwrap();
        let (ready, view) = watch::channel(None);
        tokio::spawn(endpoint.serve(view));
        let (broker, report) = RunningBroker::start(config).await?;
        let (_, address) = report.listeners[0].split_once("://").unwrap();
        let client = Client::new(ClientOptions::new(address.parse().unwrap()));
        Ok(Self {
            dir,
            log_dirs,
            broker,
            client,
            http,
            ready,
        })
    }

    /// Tells the endpoint of the broker.
    pub(crate) fn make_ready(&self) {
        self.ready.send_replace(Some(self.broker.view()));
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.ready.send_replace(None);
        assert!(self.broker.shut_down(PATIENCE).await);
        self.dir
    }

    /// Stops, lets somebody at the files, and starts again.
    pub(crate) async fn restart_after(self, harm: impl FnOnce(&Path)) -> Result<Self, StartError> {
        let log_dirs = self.log_dirs;
        let dir = self.stop().await;
        harm(dir.path());
        let node = Self::start_on(dir, log_dirs).await?;
        node.make_ready();
        Ok(node)
    }

    /// Asks the endpoint; returns the status and the body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    pub(crate) async fn scrape(&self) -> Exposition {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        Exposition::parse(&text).unwrap()
    }

    fn admin(&self) -> Admin {
        Admin::new(self.client.clone())
    }

    pub(crate) async fn create(&self, topic: &str, partitions: i32) {
        let mut new = NewTopic::new(name(topic));
        new.partitions = Some(partitions);
        let created = self.admin().create_topics(&[new], false).await.unwrap();
        created[&name(topic)].as_ref().unwrap();
    }

    pub(crate) async fn delete(&self, topic: &str) {
        let deleted = self.admin().delete_topics(&[name(topic)]).await.unwrap();
        deleted[&name(topic)].as_ref().unwrap();
    }

    /// Makes a topic with one partition for each count, and writes as many records into it.
    pub(crate) async fn write(&self, topic: &str, counts: &[usize]) {
        self.create(topic, i32::try_from(counts.len()).unwrap())
            .await;
        let producer = Producer::start(self.client.clone(), ProducerOptions::default()).unwrap();
        for (partition, count) in (0..).zip(counts) {
            for _ in 0..*count {
                let mut record = ProducerRecord::new(name(topic), "a value");
                record.partition = Some(PartitionIndex(partition));
                producer.send(record).await.unwrap();
            }
        }
        producer.flush().await.unwrap();
    }

    /// A record larger than any topic takes.
    pub(crate) async fn refused_write(&self, topic: &str) {
        let options = ProducerOptions {
            batch_bytes_max: 3_000_000,
            request_bytes_max: 4_000_000,
            ..ProducerOptions::default()
        };
        let producer = Producer::start(self.client.clone(), options).unwrap();
        let record = ProducerRecord::new(name(topic), vec![7; 2_000_000]);
        let delivery = producer.send(record).await.unwrap();
        assert!(delivery.await.is_err());
    }

    /// Reads partition 0 to its end; returns the number of records.
    pub(crate) async fn read(&self, topic: &str) -> usize {
        let mut consumer = Consumer::new(self.client.clone(), ConsumerOptions::default());
        let partition = TopicPartition::new(name(topic), PartitionIndex(0));
        consumer.assign(BTreeMap::from([(partition.clone(), Offset::ZERO)]));
        let mut records = 0;
        while consumer.end_of(&partition) != consumer.positions().get(&partition).copied() {
            records += consumer.poll(PATIENCE).await.unwrap().len();
        }
        records
    }

    pub(crate) async fn commit(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) {
        let offsets = offsets.iter().map(|(partition, offset)| {
            let partition = TopicPartition::new(name(topic), PartitionIndex(*partition));
            (partition, Offset(*offset).into())
        });
        let committed = self
            .admin()
            .alter_group_offsets(group, &offsets.collect())
            .await;
        for outcome in committed.unwrap().into_values() {
            outcome.unwrap();
        }
    }
}

fn name(topic: &str) -> TopicName {
    TopicName::new(topic).unwrap()
}

/// Replaces a directory by a file, as an empty mount point might.
pub(crate) fn lose(log_dir: &Path) {
    std::fs::rename(log_dir, log_dir.with_extension("lost")).unwrap();
    std::fs::write(log_dir, "").unwrap();
}

/// Which of two log directories a partition lies in.
pub(crate) fn dir_of(dir: &Path, partition: &str) -> PathBuf {
    let holds = |log_dir: &PathBuf| log_dir.join(partition).exists();
    let found = [dir.join("0"), dir.join("1")].into_iter().find(holds);
    found.unwrap_or_else(|| panic!("{partition} is nowhere"))
}
