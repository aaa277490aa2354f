//! A small data directory as Kafka leaves it: a snapshot of the metadata and records behind it,
//! a topic of two partitions, one of them in two segments, and what is to be passed over.

use std::path::PathBuf;

use highwater_records::{BatchProducer, BatchSpec};
use highwater_types::{ProducerEpoch, ProducerId};

use super::*;

pub(super) const KAFKA: &str = "/kafka";
pub(super) const CLUSTER: &str = "excanVSoREio7yq_nZcvsg";
pub(super) const NODE: i32 = 1;
pub(super) const TOPIC_ID: TopicId = TopicId([1; 16]);
pub(super) const OFFSETS_ID: TopicId = TopicId([2; 16]);
/// Where the snapshot of the metadata ends.
const SNAPSHOT_END: i64 = 3;

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8 + 1);
    out.extend(text.as_bytes());
}

fn brokers(out: &mut Vec<u8>, ids: &[i32]) {
    out.push(ids.len() as u8 + 1);
    out.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
}

pub(super) fn topic(name: &str, id: [u8; 16]) -> Vec<u8> {
    let mut out = vec![1, 2, 0];
    text(&mut out, name);
    out.extend(id);
    out.push(0);
    out
}

pub(super) fn partition(id: [u8; 16], index: i32, replicas: &[i32], epoch: i32) -> Vec<u8> {
    let mut out = vec![1, 3, 2];
    out.extend(index.to_be_bytes());
    out.extend(id);
    brokers(&mut out, replicas);
    brokers(&mut out, replicas);
    brokers(&mut out, &[]);
    brokers(&mut out, &[]);
    out.extend(1_i32.to_be_bytes());
    out.extend(epoch.to_be_bytes());
    out.extend(4_i32.to_be_bytes());
    out.extend([1, 0]);
    out
}

pub(super) fn config(kind: u8, name: &str, key: &str, value: &str) -> Vec<u8> {
    let mut out = vec![1, 4, 0, kind];
    for part in [name, key, value] {
        text(&mut out, part);
    }
    out.push(0);
    out
}

fn producer_ids(next: i64) -> Vec<u8> {
    let mut out = vec![1, 15, 0];
    out.extend(1_i32.to_be_bytes());
    out.extend(5_i64.to_be_bytes());
    out.extend(next.to_be_bytes());
    out.push(0);
    out
}

fn remove_topic(id: [u8; 16]) -> Vec<u8> {
    [&[1, 9, 0][..], &id, &[0]].concat()
}

fn frames(base_offset: i64, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        base_offset: Offset(base_offset),
        leader_epoch: LeaderEpoch(1),
        ..BatchSpec::default()
    });
    for frame in frames {
        builder.append(1, None, Some(frame), &[]).unwrap();
    }
    builder.finish().unwrap()
}

fn control(base_offset: i64, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        base_offset: Offset(base_offset),
        leader_epoch: LeaderEpoch(1),
        control: true,
        ..BatchSpec::default()
    });
    let key = [0, 0, 0, kind];
    builder.append(1, Some(&key), Some(value), &[]).unwrap();
    builder.finish().unwrap()
}

pub(super) fn snapshot_path() -> PathBuf {
    let name = format!("{SNAPSHOT_END:020}-{:010}.checkpoint", 1);
    Path::new(KAFKA).join("__cluster_metadata-0").join(name)
}

pub(super) fn producer(id: i64) -> BatchProducer {
    BatchProducer {
        id: ProducerId(id),
        epoch: ProducerEpoch(0),
        base_sequence: 0,
    }
}

pub(super) fn batch_by(
    base_offset: i64,
    epoch: i32,
    values: &[&str],
    producer: BatchProducer,
    transactional: bool,
) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        base_offset: Offset(base_offset),
        leader_epoch: LeaderEpoch(epoch),
        producer,
        transactional,
        ..BatchSpec::default()
    });
    for value in values {
        builder
            .append(1000, Some(b"k"), Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.finish().unwrap()
}

fn batch(base_offset: i64, epoch: i32, values: &[&str]) -> Vec<u8> {
    batch_by(base_offset, epoch, values, BatchProducer::NONE, false)
}

type Segments = Vec<(&'static str, Vec<u8>)>;

/// The segments of what is to be imported: directory, then file and content.
pub(super) fn segments_of_kafka() -> Vec<(&'static str, Segments)> {
    let first = "00000000000000000000.log";
    let second = "00000000000000000003.log";
    vec![
        (
            "__consumer_offsets-0",
            vec![(first, batch(0, 0, &["position"]))],
        ),
        (
            "a.b-0",
            vec![
                (first, batch(0, 0, &["one", "two", "three"])),
                (second, batch(3, 5, &["four", "five"])),
            ],
        ),
        ("a.b-1", vec![(first, batch(0, 2, &["1", "2"]))]),
    ]
}

/// Appends records to the metadata log.
pub(super) fn append_metadata(disk: &FaultyDisk, records: &[Vec<u8>]) {
    let path = Path::new(KAFKA).join("__cluster_metadata-0/00000000000000000000.log");
    let mut bytes = disk.bytes(&path).unwrap();
    let mut end = 0;
    for batch in highwater_records::batches(&bytes) {
        end = batch.unwrap().header.next_offset().0;
    }
    bytes.extend(frames(end, records));
    put(disk, path.to_str().unwrap(), &bytes);
}

fn lay_out_log(disk: &FaultyDisk, name: &str, id: TopicId) {
    let dir = format!("{KAFKA}/{name}");
    disk.create_dir_all(Path::new(&dir)).unwrap();
    let text = format!("version: 0\ntopic_id: {id}");
    put(disk, &format!("{dir}/partition.metadata"), text.as_bytes());
    put(
        disk,
        &format!("{dir}/leader-epoch-checkpoint"),
        b"0\n1\n0 0\n",
    );
}

/// The whole directory, durable.
pub(super) fn lay_out(disk: &FaultyDisk) {
    let metadata = format!("{KAFKA}/__cluster_metadata-0");
    disk.create_dir_all(Path::new(&metadata)).unwrap();
    let properties = format!("#\nversion=1\ncluster.id={CLUSTER}\nnode.id={NODE}\n");
    put(disk, "/kafka/meta.properties", properties.as_bytes());
    put(disk, "/kafka/.kafka_cleanshutdown", b"");
    put(
        disk,
        "/kafka/log-start-offset-checkpoint",
        b"0\n1\na.b 0 1\n",
    );
    // Kafka notes the ends at a clean stop.
    let ends = b"0\n2\n__consumer_offsets 0 1\na.b 0 5\n";
    put(disk, "/kafka/recovery-point-offset-checkpoint", ends);
    put(disk, &format!("{metadata}/quorum-state"), b"{}");
    let offsets = OFFSETS_ID.0;
    let (kept, gone, transactions) = (TOPIC_ID.0, [3; 16], [4; 16]);
    // What is in front of the end of the snapshot is in it, and must not count twice.
    let log = [
        control(0, 2, &[0; 6]),
        frames(1, &[topic("a.b", kept), partition(kept, 0, &[1], 2)]),
        frames(
            3,
            &[
                partition(kept, 1, &[1], 2),
                topic("gone", gone),
                partition(gone, 0, &[1], 0),
                config(2, "a.b", "retention.ms", "-1"),
                config(2, "a.b", "nonsense.key", "1"),
                topic("__consumer_offsets", offsets),
                partition(offsets, 0, &[1], 0),
                topic("__transaction_state", transactions),
                partition(transactions, 0, &[1], 0),
            ],
        ),
        frames(12, &[remove_topic(gone), producer_ids(3000)]),
    ];
    put(
        disk,
        &format!("{metadata}/00000000000000000000.log"),
        &log.concat(),
    );
    let snapshot = [
        control(0, 3, &[0; 11]),
        frames(1, &[topic("a.b", kept), partition(kept, 0, &[1], 2)]),
        control(3, 4, &[0; 3]),
    ];
    put(disk, snapshot_path().to_str().unwrap(), &snapshot.concat());
    for (name, files) in segments_of_kafka() {
        let id = if name.starts_with("a.b") {
            TOPIC_ID
        } else {
            OFFSETS_ID
        };
        lay_out_log(disk, name, id);
        for (file, bytes) in files {
            put(disk, &format!("{KAFKA}/{name}/{file}"), &bytes);
        }
    }
    lay_out_log(disk, "gone-0", TopicId(gone));
    lay_out_log(disk, "__transaction_state-0", TopicId(transactions));
    disk.sync_dir(Path::new(KAFKA)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
}
