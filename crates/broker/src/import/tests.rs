//! Imports on a disk whose faults the test orders, from a directory as Kafka leaves it.

mod kafka;

use std::path::Path;
use std::sync::Arc;

use highwater_disk::{CrashImage, Disk, FaultyDisk, OpenMode};
use highwater_records::{ControlType, EndTxnMarker, RecordBatchBuilder};
use highwater_storage::{LogDir, NodeIdentity, StorageOptions};
use highwater_types::{LeaderEpoch, Now, Offset, PartitionIndex, TopicId, TopicPartition};

use super::*;
use crate::metadata_store::MetadataStore;
use kafka::*;

fn request(to: &str) -> ImportRequest {
    ImportRequest {
        from: vec![KAFKA.into()],
        to: to.into(),
        without_group_positions: false,
    }
}

fn arc(disk: &FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn import(disk: &FaultyDisk) -> Result<Imported, ImportError> {
    let plan = plan(&arc(disk), &request("/new/data"))?;
    carry_out(&arc(disk), plan, &mut |_| {})
}

/// The records of every log of the target, if the target has the topics; checked to be whole.
fn whole(disk: &FaultyDisk, to: &str) -> bool {
    let identity = NodeIdentity {
        cluster_id: CLUSTER.to_owned(),
        node_id: NODE,
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let dir = LogDir::open(arc(disk), Path::new(to), &identity, options).unwrap();
    let now = Now::at(1, 1);
    let name = TopicPartition::from_dir_name("__cluster_metadata-0").unwrap();
    let found = dir.partitions().unwrap();
    if !found.iter().any(|found| found.tp == name) {
        return false;
    }
    let log = dir.open_partition(&name, Arc::default(), now).unwrap().0;
    let image = MetadataStore::open(log).unwrap().image();
    let Some(topic) = image.topic("a.b") else {
        assert_eq!(image.topic_count(), 0, "half of an import");
        return false;
    };
    assert_eq!((topic.id, topic.partition_count()), (TOPIC_ID, 2));
    let offsets = image.topic("__consumer_offsets").unwrap();
    assert_eq!((offsets.id, offsets.partition_count()), (OFFSETS_ID, 1));
    for (name, expected) in segments_of_kafka() {
        let tp = TopicPartition::from_dir_name(name).unwrap();
        let (log, report) = dir.open_partition(&tp, Arc::default(), now).unwrap();
        assert!(
            report.damaged.is_empty() && report.cut.is_none(),
            "{report:?}"
        );
        let copied: Vec<u8> = expected
            .iter()
            .flat_map(|(file, _)| disk.bytes(&Path::new(to).join(name).join(file)).unwrap())
            .collect();
        let original: Vec<u8> = expected.into_iter().flat_map(|(_, bytes)| bytes).collect();
        // Recovery may have started a segment, nothing else.
        assert!(copied == original, "{name}");
        let start = if name == "a.b-0" { 1 } else { 0 };
        assert_eq!(log.log_start(), Offset(start), "{name}");
    }
    true
}

#[test]
fn everything_is_taken_over_as_it_was() {
    let disk = FaultyDisk::new();
    lay_out(&disk);
    let before: Vec<_> = disk.files();
    let imported = import(&disk).unwrap();
    let marker = Path::new("/new/data/.kafka_cleanshutdown");
    assert!(
        disk.bytes(marker).is_some(),
        "the first start need not recover"
    );
    assert!(whole(&disk, "/new/data"));
    let ends: Vec<_> = imported
        .logs
        .iter()
        .map(|log| (log.partition.to_string(), log.log_start.0, log.log_end.0))
        .collect();
    let expected = [
        ("__consumer_offsets-0", 0, 1),
        ("a.b-0", 1, 5),
        ("a.b-1", 0, 2),
    ];
    let expected = expected.map(|(name, start, end)| (name.to_owned(), start, end));
    assert_eq!(ends, expected);
    let kept: Vec<_> = disk.files();
    assert!(
        before.iter().all(|path| kept.contains(path)),
        "the source is as it was"
    );
}

#[test]
fn epochs_go_on_and_configuration_and_producer_ids_are_kept() {
    let disk = FaultyDisk::new();
    lay_out(&disk);
    import(&disk).unwrap();
    let metadata = Path::new("/new/data/__cluster_metadata-0");
    let image = crate::metadata_store::read_image(&arc(&disk), metadata).unwrap();
    let partition = image.partition("a.b", PartitionIndex(0)).unwrap();
    assert_eq!(
        partition.leader_epoch,
        LeaderEpoch(6),
        "above the 5 in its log"
    );
    let other = image.partition("a.b", PartitionIndex(1)).unwrap();
    assert_eq!(
        other.leader_epoch,
        LeaderEpoch(3),
        "above the 2 of its record"
    );
    assert_eq!(other.leader.get(), NODE);
    assert_eq!(image.next_producer_id().get(), 3000);
    let resource = highwater_metadata::ConfigResource::topic("a.b");
    let keys: Vec<_> = image
        .configs(&resource)
        .unwrap()
        .keys()
        .map(|key| &**key)
        .collect();
    assert_eq!(keys, ["retention.ms"]);
}

#[test]
fn a_plan_changes_nothing_and_names_what_stays_behind() {
    let disk = FaultyDisk::new();
    lay_out(&disk);
    disk.create_dir(Path::new("/kafka/a.b-01")).unwrap();
    let before = disk.operations();
    let planned = plan(&arc(&disk), &request("/new/data")).unwrap();
    assert_eq!(disk.operations(), before);
    let names: Vec<_> = planned
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .collect();
    assert_eq!(names, ["__consumer_offsets", "a.b"]);
    assert_eq!(
        planned.topics[1].configs,
        [("retention.ms".to_owned(), "-1".to_owned())]
    );
    let left_out: Vec<_> = planned
        .left_out
        .iter()
        .map(|out| out.what.as_str())
        .collect();
    assert_eq!(
        left_out,
        [
            "topic __transaction_state",
            "/kafka/a.b-01",
            "/kafka/gone-0",
            "config of topic a.b: nonsense.key=1",
        ]
    );
    assert!(planned.target_is_new && planned.bytes > 0);
}

#[test]
fn a_crash_at_any_operation_leaves_all_or_nothing_and_the_next_try_succeeds() {
    let whole_run = FaultyDisk::new();
    lay_out(&whole_run);
    let from = whole_run.operations();
    import(&whole_run).unwrap();
    let (mut none, mut all) = (0, 0);
    for stop in from..=whole_run.operations() {
        let disk = FaultyDisk::new();
        lay_out(&disk);
        disk.crash_after(stop);
        let done = import(&disk).is_ok();
        let torn = (0..3).map(CrashImage::Torn);
        for image in [CrashImage::Synced, CrashImage::All]
            .into_iter()
            .chain(torn)
        {
            let after = disk.crash(image);
            let again = after.crash(CrashImage::All);
            match whole(&after, "/new/data") {
                true => all += 1,
                false => {
                    none += 1;
                    assert!(!done, "{image:?} after {stop}");
                    import(&again).unwrap_or_else(|e| panic!("{image:?} after {stop}: {e}"));
                    assert!(whole(&again, "/new/data"), "{image:?} after {stop}");
                }
            }
        }
    }
    assert!(none > 0 && all > 0, "{none} {all}");
}

#[test]
fn damage_anywhere_in_a_segment_refuses_the_import_and_names_the_place() {
    let original = FaultyDisk::new();
    lay_out(&original);
    let path = Path::new(KAFKA).join("a.b-0/00000000000000000003.log");
    let len = original.bytes(&path).unwrap().len();
    for at in (0..len).step_by(5).filter(|at| !(12..16).contains(at)) {
        let disk = original.crash(CrashImage::All);
        disk.damage(&path, |bytes| bytes[at] ^= 0x21);
        let text = import(&disk).unwrap_err().to_string();
        let named = "/kafka/a.b-0/00000000000000000003.log is damaged at ";
        assert!(text.starts_with(named), "{at}: {text}");
        let left = disk.files();
        assert!(
            !left
                .iter()
                .any(|path| path.starts_with("/new/data/highwater-import"))
        );
        assert!(!whole(&disk, "/new/data"));
        let cut = original.crash(CrashImage::All);
        cut.damage(&path, |bytes| bytes.truncate(at));
        let text = import(&cut).unwrap_err().to_string();
        assert!(text.starts_with(named), "cut at {at}: {text}");
    }
}

#[test]
fn what_cannot_be_imported_is_refused_with_the_reason() {
    type Change = fn(&FaultyDisk);
    let cases: [(&str, Change); 9] = [
        ("was not left in order", |disk| {
            remove(disk, "/kafka/.kafka_cleanshutdown");
        }),
        ("has no meta.properties", |disk| {
            remove(disk, "/kafka/meta.properties");
        }),
        ("it is one of Highwater", |disk| {
            put(disk, "/kafka/highwater-flushed-ends", b"");
        }),
        ("is not whole", |disk| {
            let path = snapshot_path();
            disk.damage(&path, |bytes| bytes.truncate(bytes.len() - 75));
        }),
        ("has its replicas on brokers [1, 2]", |disk| {
            append_metadata(
                disk,
                &[topic("far", [8; 16]), partition([8; 16], 0, &[1, 2], 0)],
            );
        }),
        ("the log of lost-0 is in none", |disk| {
            append_metadata(
                disk,
                &[topic("lost", [8; 16]), partition([8; 16], 0, &[1], 0)],
            );
        }),
        ("topic a.b uses tiered storage", |disk| {
            append_metadata(disk, &[config(2, "a.b", "remote.storage.enable", "true")]);
        }),
        ("a compaction was interrupted", |disk| {
            put(disk, "/kafka/a.b-0/00000000000000000000.log.swap", b"");
        }),
        ("records of type 99 are not known", |disk| {
            append_metadata(disk, &[vec![1, 99, 0]]);
        }),
    ];
    for (expected, change) in cases {
        let disk = FaultyDisk::new();
        lay_out(&disk);
        change(&disk);
        let before = disk.operations();
        let refused = plan(&arc(&disk), &request("/new/data"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert_eq!(disk.operations(), before, "{expected}");
    }
}

#[test]
fn a_second_import_is_refused_and_positions_of_groups_are_not_mixed() {
    let disk = FaultyDisk::new();
    lay_out(&disk);
    import(&disk).unwrap();
    let again = import(&disk).unwrap_err();
    assert!(matches!(again, ImportError::GroupPositions), "{again}");
    let mut wanted = request("/new/data");
    wanted.without_group_positions = true;
    let again = plan(&arc(&disk), &wanted).unwrap_err().to_string();
    assert_eq!(
        again,
        "the target cannot take the topics: topic a.b exists already"
    );
    for overlapping in ["/kafka", "/kafka/highwater", "/"] {
        wanted.to = overlapping.into();
        let refused = plan(&arc(&disk), &wanted).unwrap_err().to_string();
        assert!(
            refused.contains("one of the directories of Kafka"),
            "{refused}"
        );
    }
}

#[test]
fn a_target_that_was_killed_keeps_what_it_has_and_recovers_at_its_next_start() {
    let disk = FaultyDisk::new();
    disk.create_dir(Path::new("/new")).unwrap();
    lay_out(&disk);
    let identity = NodeIdentity {
        cluster_id: "another-cluster".to_owned(),
        node_id: 4,
        directory_id: TopicId([9; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    let dir = LogDir::open(arc(&disk), Path::new("/new/data"), &identity, options).unwrap();
    let name = TopicPartition::from_dir_name("__cluster_metadata-0").unwrap();
    let log = dir.create_partition(&name, TopicId([7; 16]), Arc::default());
    let store = MetadataStore::open(log.unwrap()).unwrap();
    let own = highwater_metadata::ImportedTopic {
        name: highwater_types::TopicName::new("own").unwrap(),
        id: TopicId([6; 16]),
        partitions: Vec::new(),
    };
    let wanted = highwater_metadata::Import {
        topics: vec![own],
        ..highwater_metadata::Import::default()
    };
    let decided = store.submit(
        Now::at(1, 1),
        |image| super::plan::decide(image, &wanted).unwrap(),
        |_, _| {},
    );
    decided.unwrap();
    drop((store, dir));
    let after = disk.crash(CrashImage::Synced);
    let planned = plan(&arc(&after), &request("/new/data")).unwrap();
    assert!(!planned.target_is_new);
    assert_eq!(
        (planned.target_cluster_id.as_str(), planned.target_node_id),
        ("another-cluster", 4)
    );
    carry_out(&arc(&after), planned, &mut |_| {}).unwrap();
    assert!(
        after
            .bytes(Path::new("/new/data/.kafka_cleanshutdown"))
            .is_none()
    );
    let metadata = Path::new("/new/data/__cluster_metadata-0");
    let image = crate::metadata_store::read_image(&arc(&after), metadata).unwrap();
    let names: Vec<_> = image.topics().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names, ["__consumer_offsets", "a.b", "own"]);
    assert_eq!(
        image
            .partition("a.b", PartitionIndex(0))
            .unwrap()
            .leader
            .get(),
        4
    );
}

#[test]
fn a_disk_without_room_is_refused_before_anything_is_copied() {
    let disk = FaultyDisk::new();
    lay_out(&disk);
    let planned = plan(&arc(&disk), &request("/new/data")).unwrap();
    disk.set_capacity_bytes(Some(10));
    let refused = carry_out(&arc(&disk), planned, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, ImportError::NoRoom { .. }), "{refused}");
}

#[test]
fn transactions_that_readers_will_notice_are_warned_of() {
    let disk = FaultyDisk::new();
    lay_out(&disk);
    let marker = EndTxnMarker {
        outcome: ControlType::Abort,
        coordinator_epoch: 0,
    };
    let (aborted, open) = (producer(7), producer(8));
    let mut bytes = disk
        .bytes(Path::new("/kafka/a.b-1/00000000000000000000.log"))
        .unwrap();
    bytes.extend(batch_by(2, 2, &["x"], aborted, true));
    let mut end = RecordBatchBuilder::end_txn_marker(&marker, 1, aborted).unwrap();
    end[..8].copy_from_slice(&3_i64.to_be_bytes());
    bytes.extend(end);
    bytes.extend(batch_by(4, 2, &["y"], open, true));
    put(&disk, "/kafka/a.b-1/00000000000000000000.log", &bytes);
    let imported = import(&disk).unwrap();
    let warnings = imported.warnings.join("\n");
    assert!(
        warnings.contains("a.b-1: a transaction that begins at offset 4"),
        "{warnings}"
    );
    assert!(!warnings.contains("aborted"), "{warnings}");
}

#[test]
fn positions_of_transactions_that_nobody_can_end_are_refused_or_left_behind() {
    let cases = [
        (Some(ControlType::Abort), None),
        (None, Some("have not ended (1)")),
        (Some(ControlType::Commit), None),
    ];
    for (outcome, refusal) in cases {
        let disk = FaultyDisk::new();
        lay_out(&disk);
        let path = "/kafka/__consumer_offsets-0/00000000000000000000.log";
        let mut bytes = disk.bytes(Path::new(path)).unwrap();
        bytes.extend(batch_by(1, 0, &["position"], producer(7), true));
        let mut end = 2;
        if let Some(outcome) = outcome {
            let marker = EndTxnMarker {
                outcome,
                coordinator_epoch: 0,
            };
            let mut marker = RecordBatchBuilder::end_txn_marker(&marker, 1, producer(7)).unwrap();
            marker[..8].copy_from_slice(&2_i64.to_be_bytes());
            bytes.extend(marker);
            end = 3;
        }
        put(&disk, path, &bytes);
        let ends = format!("0\n2\n__consumer_offsets 0 {end}\na.b 0 5\n");
        let checkpoint = "/kafka/recovery-point-offset-checkpoint";
        put(&disk, checkpoint, ends.as_bytes());
        match (import(&disk), refusal) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                let text = error.to_string();
                assert!(text.starts_with("__consumer_offsets-0 holds"), "{text}");
                assert!(text.contains(expected), "{text}");
                assert!(text.contains("--without-group-positions"), "{text}");
                let mut wanted = request("/new/data");
                wanted.without_group_positions = true;
                let without = plan(&arc(&disk), &wanted).unwrap();
                carry_out(&arc(&disk), without, &mut |_| {}).unwrap();
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
}

fn remove(disk: &FaultyDisk, path: &str) {
    disk.remove(Path::new(path)).unwrap();
}

fn put(disk: &FaultyDisk, path: &str, bytes: &[u8]) {
    let file = disk.open(Path::new(path), OpenMode::Truncate).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new(path).parent().unwrap()).unwrap();
}
