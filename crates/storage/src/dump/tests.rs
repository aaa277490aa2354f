//! Segments are shown batch by batch, with everything that is in their records.

use highwater_disk::{FaultyDisk, OpenMode};
use highwater_records::{BatchSpec, HeaderView, RecordBatchBuilder};

use super::*;

fn batch(records: u8) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec::default());
    for nth in 0..records {
        let value = [nth];
        let header = |key, value| HeaderView { key, value };
        let headers = [
            header(b"h", Some(&value)),
            header(b"h", None),
            header(b"\xff", Some(b"v")),
        ];
        builder.append(5, Some(b"k"), None, &headers).unwrap();
    }
    builder.finish().unwrap()
}

fn segment(bytes: &[u8]) -> FaultyDisk {
    let disk = FaultyDisk::new();
    let file = disk.open(path(), OpenMode::Create).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk
}

fn path() -> &'static Path {
    Path::new("/00000000000000000000.log")
}

fn open(disk: &FaultyDisk) -> Box<DumpedSegment> {
    match dump_file(disk, path(), Records::Include).unwrap() {
        Dump::Segment(segment) => segment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn aborted_transactions_are_shown_as_kafka_shows_them() {
    let path = Path::new("/00000000000000000000.txnindex");
    let disk = FaultyDisk::new();
    let file = disk.open(path, OpenMode::Create).unwrap();
    let entry = AbortedTransaction {
        producer_id: highwater_types::ProducerId(7),
        first_offset: Offset(1),
        last_offset: Offset(2),
        last_stable_offset: Offset(3),
    };
    file.write_all_at(&crate::aborted::to_bytes(&[entry]), 0)
        .unwrap();
    let mut text = Vec::new();
    let dump = dump_file(&disk, path, Records::Omit).unwrap();
    write_text(dump, &mut text, &mut |_| {}).unwrap();
    let line = "version: 0 producerId: 7 firstOffset: 1 lastOffset: 2 lastStableOffset: 3\n";
    assert_eq!(String::from_utf8(text).unwrap(), line);
    file.set_len(33).unwrap();
    assert!(dump_file(&disk, path, Records::Omit).is_err());
}

#[test]
fn headers_of_records_are_shown_in_order_and_with_duplicates() {
    let disk = segment(&batch(1));
    let found: Vec<_> = open(&disk).map(Result::unwrap).collect();
    let headers = &found[0].records[0].headers;
    let expected = [
        (b"h".to_vec(), Some(vec![0])),
        (b"h".to_vec(), None),
        (b"\xff".to_vec(), Some(b"v".to_vec())),
    ];
    assert_eq!(headers[..], expected);
    let mut text = Vec::new();
    let mut batches = 0;
    let dump = dump_file(&disk, path(), Records::Include).unwrap();
    write_text(dump, &mut text, &mut |_| batches += 1).unwrap();
    let text = String::from_utf8(text).unwrap();
    let line =
        "| offset: 0 timestamp: 5 key: k value: null headers: [h: \\x00, h: null, \\xff: v]\n";
    assert!(text.ends_with(line) && batches == 1, "{text}");
}

#[test]
fn a_segment_is_read_as_it_is_asked_for() {
    let bytes: Vec<u8> = (0..200).flat_map(|nth| batch(1 + nth % 9)).collect();
    let disk = segment(&bytes);
    let mut segment = open(&disk);
    assert_eq!(segment.garbage_at(), None);
    let before = disk.reads();
    assert_eq!(segment.next().unwrap().unwrap().position, 0);
    assert_eq!(disk.reads() - before, 2);
    assert_eq!(segment.map(Result::unwrap).count(), 199);
}

#[test]
fn what_is_no_batch_is_named_by_its_position() {
    let mut bytes = batch(3);
    let end = bytes.len() as u64;
    bytes.extend_from_slice(&batch(3)[..40]);
    let disk = segment(&bytes);
    let mut segment = open(&disk);
    assert_eq!(segment.garbage_at(), Some(end));
    assert!(segment.next().is_some() && segment.next().is_none());
    disk.damage(path(), |bytes| bytes[70] ^= 1);
    let damaged = open(&disk).next().unwrap().unwrap();
    assert!(!damaged.crc_is_valid && damaged.records.is_empty());
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error_and_the_end() {
    let disk = segment(&[batch(1), batch(1)].concat());
    let mut segment = open(&disk);
    assert!(segment.next().unwrap().is_ok());
    let file = disk.open(path(), OpenMode::ReadWrite).unwrap();
    file.set_len(100).unwrap();
    assert!(segment.next().unwrap().is_err());
    assert!(segment.next().is_none());
}
