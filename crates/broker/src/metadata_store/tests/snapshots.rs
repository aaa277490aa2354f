//! Snapshots: what they save, and that no crash and no damage of one costs metadata.

use proptest::prelude::*;

use super::*;

const DIR: &str = "/data/__cluster_metadata-0";

fn snapshot_files(disk: &FaultyDisk) -> Vec<PathBuf> {
    let is_snapshot = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "checkpoint");
    let mut files: Vec<_> = disk.files().into_iter().filter(is_snapshot).collect();
    files.sort();
    files.retain(|path| path.starts_with(DIR));
    files
}

/// What is decided and when a snapshot is asked for.
#[derive(Clone, Debug)]
enum Step {
    Decide(Vec<MetadataRecord>),
    Snapshot,
}

fn remove_topic(number: u16) -> MetadataRecord {
    match new_topic(number, 0).swap_remove(0) {
        MetadataRecord::Topic(topic) => MetadataRecord::RemoveTopic(topic.id),
        other => other,
    }
}

/// How far a run of steps got.
struct Run {
    /// The image after each decision that was tried, the empty one first.
    images: Vec<MetadataImage>,
    /// How many of them were carried out.
    acknowledged: usize,
}

fn run(disk: &FaultyDisk, steps: &[Step]) -> Run {
    let mut run = Run {
        images: vec![MetadataImage::new()],
        acknowledged: 0,
    };
    let Ok(store) = try_open(disk) else {
        return run;
    };
    let mut mono_ms = 1;
    for step in steps {
        mono_ms += SNAPSHOT_REST_MS;
        match step {
            Step::Decide(records) => {
                let last = run.images.last().cloned().unwrap_or_default();
                let Ok((next, _)) = last.apply(records) else {
                    continue;
                };
                run.images.push(next);
                if decide(&store, records.clone()).is_err() {
                    return run;
                }
                run.acknowledged += 1;
            }
            Step::Snapshot => {
                if store.snapshot_if_due(Now::at(mono_ms, 1), 1).is_err() {
                    return run;
                }
            }
        }
    }
    run
}

fn script() -> Vec<Step> {
    let mut steps = Vec::new();
    for number in 0..9 {
        steps.push(Step::Decide(new_topic(number, 3)));
        if number % 2 == 1 {
            steps.push(Step::Decide(vec![remove_topic(number - 1)]));
        }
        if number % 3 != 0 {
            steps.push(Step::Snapshot);
        }
    }
    steps
}

#[test]
fn after_a_crash_at_any_operation_every_decision_is_there() {
    let whole = FaultyDisk::new();
    run(&whole, &script());
    assert_eq!(snapshot_files(&whole).len(), 2, "{:?}", whole.files());
    for stop in 0..=whole.operations() {
        let disk = FaultyDisk::new();
        disk.crash_after(stop);
        let ran = run(&disk, &script());
        let torn = (0..4).map(CrashImage::Torn);
        for image in [CrashImage::Synced, CrashImage::All]
            .into_iter()
            .chain(torn)
        {
            let after = disk.crash(image);
            let store = open(&after);
            let found = store.image();
            let at = ran.images.iter().rposition(|image| *image == *found);
            assert!(
                at.is_some_and(|at| at >= ran.acknowledged),
                "{at:?} of {} after {stop} operations, {image:?}",
                ran.acknowledged
            );
            // And it goes on from there.
            decide(&store, new_topic(100, 1)).unwrap();
            store.snapshot_if_due(Now::at(1, 1), 1).unwrap();
            drop(store);
            let again = open(&after.crash(CrashImage::Synced)).image();
            assert!(again.topic("topic-100").is_some());
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u16, 0..4_i32).prop_map(|(number, partitions)| Step::Decide(new_topic(number, partitions))),
        2 => (0..6_u16).prop_map(|number| Step::Decide(vec![remove_topic(number)])),
        2 => Just(Step::Snapshot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_snapshot_and_the_log_behind_it_make_the_image_of_the_whole_log(
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let disk = FaultyDisk::new();
        let ran = run(&disk, &steps);
        prop_assert_eq!(ran.acknowledged + 1, ran.images.len());
        let store = open(&disk.crash(CrashImage::All));
        prop_assert_eq!(Some(&*store.image()), ran.images.last());
    }
}

#[test]
fn a_start_reads_the_snapshot_and_what_follows_it_only() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    for number in 0..50 {
        decide(&store, new_topic(number, 1)).unwrap();
        decide(&store, vec![remove_topic(number)]).unwrap();
    }
    assert!(store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
    decide(&store, new_topic(50, 20)).unwrap();
    assert!(store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
    decide(&store, new_topic(51, 1)).unwrap();
    let (end, image) = (store.offset(), store.image());
    drop(store);
    let store = open(&disk.crash(CrashImage::Synced));
    assert_eq!((store.offset(), store.image()), (end, image));
    assert_eq!(
        store.log.log_start(),
        Offset(150),
        "the first snapshot's end"
    );
    assert!(store.changing.lock().tail_bytes < 300);
}

#[test]
fn nothing_is_written_until_the_log_has_grown_enough() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    decide(&store, new_topic(1, 1)).unwrap();
    assert!(!store.snapshot_if_due(Now::at(1, 1), 1 << 20).unwrap());
    assert!(store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
    // Not again before as much has come as the snapshot has.
    assert!(!store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
    decide(&store, vec![remove_topic(1)]).unwrap();
    assert!(!store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
    assert_eq!(snapshot_files(&disk).len(), 1);
}

/// A log of two snapshots, and the image at its end.
fn twice_written() -> (FaultyDisk, Arc<MetadataImage>) {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    for number in 0..20 {
        decide(&store, new_topic(number, 3)).unwrap();
        if number == 5 || number == 15 {
            assert!(store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
        }
    }
    store.log.log_dir().persist_flushed_ends().unwrap();
    let image = store.image();
    (disk, image)
}

#[test]
fn a_damaged_snapshot_costs_a_longer_start_and_two_refuse_it() {
    let (disk, image) = twice_written();
    let files = snapshot_files(&disk);
    let [older, newer] = &files[..] else {
        panic!("{files:?}");
    };
    let len = disk.bytes(newer).unwrap().len();
    for at in (0..len).step_by(37) {
        let damaged = disk.crash(CrashImage::All);
        damaged.damage(newer, |bytes| bytes[at] ^= 0x40);
        assert_eq!(open(&damaged).image(), image, "byte {at}");
        damaged.damage(newer, |bytes| bytes.truncate(at));
        let store = open(&damaged);
        assert_eq!(store.image(), image, "cut at {at}");
        // The next one puts things right.
        decide(&store, new_topic(100, 200)).unwrap();
        assert!(store.snapshot_if_due(Now::at(1, 1), 1).unwrap());
        let left = snapshot_files(&damaged);
        assert!(left.contains(older) && !left.contains(newer), "{left:?}");
    }
    disk.damage(newer, |bytes| bytes.truncate(100));
    disk.damage(older, |bytes| bytes[200] ^= 1);
    let refused = try_open(&disk.crash(CrashImage::All)).err().unwrap();
    let text = refused.to_string();
    assert!(
        text.contains("no snapshot in /data/__cluster_metadata-0"),
        "{text}"
    );
}

#[test]
fn a_log_that_lost_what_its_snapshot_has_is_refused() {
    let (disk, _) = twice_written();
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "log");
    let mut segments: Vec<_> = disk.files().into_iter().filter(is_segment).collect();
    segments.sort();
    let (Some(last), Some(previous)) = (segments.pop(), segments.pop()) else {
        panic!("{:?}", disk.files());
    };
    disk.remove(&last).unwrap();
    disk.damage(&previous, Vec::clear);
    // Whatever said where the log ended is gone as well.
    for path in disk.files() {
        if path.extension().is_some_and(|ext| ext == "snapshot")
            || path.ends_with("highwater-flushed-ends")
        {
            disk.remove(&path).unwrap();
        }
    }
    let crashed = disk.crash(CrashImage::All);
    let refused = try_open(&crashed).err().unwrap().to_string();
    assert!(
        refused.contains("before the end of its snapshot"),
        "{refused}"
    );
}

#[test]
fn a_full_disk_keeps_a_snapshot_from_being_written_and_nothing_else() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    decide(&store, new_topic(1, 1)).unwrap();
    disk.set_capacity_bytes(Some(0));
    assert!(store.snapshot_if_due(Now::at(1, 1), 1).is_err());
    assert!(
        !store.snapshot_if_due(Now::at(2, 1), 1).unwrap(),
        "not at once again"
    );
    disk.set_capacity_bytes(None);
    decide(&store, new_topic(2, 1)).unwrap();
    assert!(
        store
            .snapshot_if_due(Now::at(1 + SNAPSHOT_REST_MS, 1), 1)
            .unwrap()
    );
    assert_eq!(snapshot_files(&disk).len(), 1, "{:?}", disk.files());
}

#[test]
fn a_gap_in_the_log_is_an_error() {
    let (disk, _) = twice_written();
    let mut segments = disk.files();
    segments.retain(|path| path.extension().is_some_and(|ext| ext == "log"));
    segments.sort();
    // The journal still knows how far the log went.
    disk.damage(segments.last().unwrap(), Vec::clear);
    let refused = try_open(&disk.crash(CrashImage::All)).err().unwrap();
    let text = refused.to_string();
    assert!(text.contains("damaged"), "{text}");
}
