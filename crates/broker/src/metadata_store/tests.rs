//! Decisions on a disk whose faults the test orders.

mod snapshots;

use std::path::Path;

use highwater_disk::{CrashImage, Disk, FaultyDisk};
use highwater_metadata::{BrokerList, ClusterRecord, PartitionImage, PartitionRecord, TopicRecord};
use highwater_storage::{LogConfig, LogDir, NodeIdentity, StorageOptions};
use highwater_types::{BrokerId, PartitionIndex, TopicId, TopicName, TopicPartition};

use super::*;

fn open(disk: &FaultyDisk) -> MetadataStore {
    try_open(disk).unwrap()
}

fn try_open(disk: &FaultyDisk) -> Result<MetadataStore, Box<dyn std::error::Error>> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let identity = NodeIdentity {
        cluster_id: "c".to_owned(),
        node_id: 1,
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let dir = LogDir::open(disk, Path::new("/data"), &identity, options)?;
    let name = TopicPartition::from_dir_name("__cluster_metadata-0").ok_or("name")?;
    let config = Arc::new(LogConfig {
        delete: false,
        retention_ms: None,
        file_delete_delay_ms: 10,
        ..LogConfig::default()
    });
    let now = Now::at(1, 1);
    let is_there = dir.partitions()?.iter().any(|found| found.tp == name);
    let log = if is_there {
        dir.open_partition(&name, config, now)?.0
    } else {
        dir.create_partition(&name, TopicId([1; 16]), config)?
    };
    Ok(MetadataStore::open(log)?)
}

/// A topic and its partitions, as one decision.
fn new_topic(number: u16, partitions: i32) -> Vec<MetadataRecord> {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let id = TopicId(id);
    let name = TopicName::new(&format!("topic-{number}")).unwrap();
    let replicas = BrokerList::from([BrokerId(1)]);
    let image = PartitionImage::new(replicas.clone(), replicas, BrokerId(1));
    let partitions = (0..partitions).map(|index| {
        MetadataRecord::Partition(PartitionRecord {
            topic: id,
            partition: PartitionIndex(index),
            image: image.clone(),
        })
    });
    let topic = MetadataRecord::Topic(TopicRecord { name, id });
    std::iter::once(topic).chain(partitions).collect()
}

fn decide(store: &MetadataStore, records: Vec<MetadataRecord>) -> Result<(), MetadataError> {
    let decision = |_: &MetadataImage| Decision {
        records,
        response: (),
    };
    store.submit(Now::at(1, 1), decision, |_, _| {})
}

fn name_cluster(store: &MetadataStore, id: &str) -> Result<usize, MetadataError> {
    let mut acted = 0;
    let decide = |_: &MetadataImage| Decision {
        records: vec![MetadataRecord::Cluster(ClusterRecord {
            cluster_id: id.into(),
            format_version: 1,
        })],
        response: (),
    };
    store.submit(Now::at(1, 1), decide, |_, _| acted += 1)?;
    Ok(acted)
}

fn cluster(store: &MetadataStore) -> Option<String> {
    let image = store.image();
    image
        .cluster()
        .map(|cluster| cluster.cluster_id.to_string())
}

#[test]
fn a_decision_is_seen_after_a_crash_once_it_was_carried_out() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    assert_eq!(name_cluster(&store, "a").unwrap(), 1);
    assert_eq!(store.offset(), Offset(1));
    let after = open(&disk.crash(CrashImage::Synced));
    assert_eq!(cluster(&after).as_deref(), Some("a"));
}

#[test]
fn what_cannot_be_read_is_not_taken_for_the_end_of_the_log() {
    let disk = FaultyDisk::new();
    assert_eq!(name_cluster(&open(&disk), "a").unwrap(), 1);
    let read = || {
        read_image(
            &(Arc::new(disk.clone()) as _),
            Path::new("/data/__cluster_metadata-0"),
        )
    };
    assert!(read().unwrap().cluster().is_some());
    disk.fail_reads_of(Some(".log"));
    assert!(read().is_err());
}

#[test]
fn a_full_disk_refuses_a_decision_and_takes_the_next() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    disk.set_capacity_bytes(Some(0));
    assert!(name_cluster(&store, "a").is_err());
    assert_eq!((cluster(&store), store.offset()), (None, Offset(0)));
    disk.set_capacity_bytes(None);
    assert_eq!(name_cluster(&store, "b").unwrap(), 1);
    let after = open(&disk.crash(CrashImage::Synced));
    assert_eq!(cluster(&after).as_deref(), Some("b"));
}

#[test]
fn a_decision_that_could_not_be_flushed_is_neither_seen_nor_followed() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    name_cluster(&store, "a").unwrap();
    disk.fail_syncs_of(Some("__cluster_metadata"));
    assert!(name_cluster(&store, "b").is_err());
    disk.fail_syncs_of(None);
    assert_eq!(cluster(&store).as_deref(), Some("a"));
    // A decision made now would not know of the one that may be on disk.
    assert!(name_cluster(&store, "c").is_err());
    let after = cluster(&open(&disk.crash(CrashImage::Synced)));
    assert!(matches!(after.as_deref(), Some("a" | "b")), "{after:?}");
}

#[test]
fn nothing_is_decided_once_the_log_is_closed() {
    let store = open(&FaultyDisk::new());
    name_cluster(&store, "a").unwrap();
    store.close().unwrap();
    let refused = name_cluster(&store, "b");
    assert!(matches!(refused, Err(MetadataError::Closed)));
    assert_eq!(store.offset(), Offset(1));
}

#[test]
fn a_decision_of_many_records_is_on_disk_whole_or_not_at_all() {
    const PARTITIONS: i32 = 12_000;
    let run = |stop_after: u64| {
        let disk = FaultyDisk::new();
        let store = open(&disk);
        name_cluster(&store, "a").unwrap();
        let before = disk.operations();
        disk.crash_after(before + stop_after);
        let done = decide(&store, new_topic(1, PARTITIONS));
        (disk.operations() - before, done.is_ok(), disk)
    };
    let (operations, done, _) = run(1000);
    assert!(done && operations >= 2, "a write and a sync at least");
    let mut seen = std::collections::BTreeSet::new();
    for stop_after in 0..=operations {
        let (_, done, disk) = run(stop_after);
        let torn = (0..6).map(CrashImage::Torn);
        for image in [CrashImage::Synced, CrashImage::All]
            .into_iter()
            .chain(torn)
        {
            let found = open(&disk.crash(image)).image().partition_count();
            assert!(
                found == 0 || found == PARTITIONS as usize,
                "{found} partitions after {stop_after} operations, {image:?}"
            );
            assert!(!done || found > 0, "lost after {stop_after}, {image:?}");
            seen.insert(found);
        }
    }
    assert_eq!(seen.len(), 2, "the crash was before and after the decision");
}

#[test]
fn a_decision_that_is_too_large_is_refused_before_anything_is_written() {
    let store = open(&FaultyDisk::new());
    let value: Arc<str> = "v".repeat(30 * 1024).into();
    let records = (0..9_000).map(|number| {
        MetadataRecord::Config(highwater_metadata::ConfigRecord {
            resource: highwater_metadata::ConfigResource::all_brokers(),
            key: number.to_string().into(),
            value: Some(Arc::clone(&value)),
        })
    });
    let refused = decide(&store, records.collect());
    assert!(matches!(
        refused,
        Err(MetadataError::TooLarge { records: 9_000 })
    ));
    assert_eq!(store.offset(), Offset(0));
    assert_eq!(name_cluster(&store, "a").unwrap(), 1);
}
