//! Decisions on a disk whose faults the test orders.

use std::path::Path;

use highwater_disk::{CrashImage, Disk, FaultyDisk};
use highwater_metadata::ClusterRecord;
use highwater_storage::{LogConfig, LogDir, NodeIdentity, StorageOptions};
use highwater_types::{TopicId, TopicPartition};

use super::*;

fn open(disk: &FaultyDisk) -> MetadataStore {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let identity = NodeIdentity {
        cluster_id: "c".to_owned(),
        node_id: 1,
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let dir = LogDir::open(disk, Path::new("/data"), &identity, options).unwrap();
    let name = TopicPartition::from_dir_name("__cluster_metadata-0").unwrap();
    let config = Arc::new(LogConfig::default());
    let now = Now::at(1, 1);
    let is_there = dir
        .partitions()
        .unwrap()
        .iter()
        .any(|found| found.tp == name);
    let log = if is_there {
        dir.open_partition(&name, config, now).unwrap().0
    } else {
        dir.create_partition(&name, TopicId([1; 16]), config)
            .unwrap()
    };
    MetadataStore::open(log).unwrap()
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
