//! `highwater log dump`: decodes files of a data directory, Kafka's or ours.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use highwater_disk::RealDisk;
use highwater_records::TimestampType;
use highwater_storage::AbortedTransaction;
use highwater_storage::dump::{
    Dump, DumpedBatch, DumpedRecord, DumpedSegment, Records, SnapshotEntry, WalEntry, dump_file,
    write_text,
};
use highwater_types::Offset;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::bytes_json::JsonBytes;
use crate::commands::settle;
use crate::error::CommandError;
use crate::output::Format;

/// Which files.
#[derive(Debug, clap::Args)]
pub(crate) struct LogDumpArgs {
    /// Segments (`.log`), indexes (`.index`, `.timeindex`), producer snapshots, checkpoints,
    /// `partition.metadata`, `meta.properties`.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Show the records of segments too, not only their batches.
    #[arg(short, long)]
    records: bool,
    /// Lines for people, or JSON for programs.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Header {
    key: JsonBytes,
    value: Option<JsonBytes>,
}

#[derive(Debug, Serialize)]
struct Record {
    offset: i64,
    timestamp_ms: i64,
    key: Option<JsonBytes>,
    value: Option<JsonBytes>,
    headers: Vec<Header>,
}

#[derive(Debug, Serialize)]
struct Batch {
    position: u64,
    size_bytes: usize,
    base_offset: i64,
    last_offset: i64,
    record_count: i32,
    leader_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    max_timestamp_ms: i64,
    timestamp_type: &'static str,
    compression: Option<&'static str>,
    transactional: bool,
    control: bool,
    crc: u32,
    crc_valid: bool,
    records: Vec<Record>,
}

#[derive(Debug, Serialize)]
struct Producer {
    producer_id: i64,
    producer_epoch: i16,
    last_sequence: i32,
    last_offset: i64,
    offset_delta: i32,
    timestamp_ms: i64,
    coordinator_epoch: i32,
    transaction_start: Option<i64>,
}

#[derive(Debug, Serialize)]
struct IndexEntry {
    offset: i64,
    position: u32,
}

#[derive(Debug, Serialize)]
struct TimeIndexEntry {
    timestamp_ms: i64,
    offset: i64,
}

#[derive(Debug, Serialize)]
struct Aborted {
    producer_id: i64,
    first_offset: i64,
    last_offset: i64,
    last_stable_offset: i64,
}

#[derive(Debug, Serialize)]
struct PartitionOffset {
    partition: String,
    offset: i64,
}

#[derive(Debug, Serialize)]
struct EpochStart {
    leader_epoch: i32,
    start_offset: i64,
}

#[derive(Debug, Serialize)]
struct Property {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Flushed {
    partition: String,
    topic_id: String,
    flushed_end: i64,
    log_start: i64,
    wal_sequence: u64,
}

#[derive(Debug, Serialize)]
struct Appended {
    sequence: u64,
    partition: String,
    topic_id: String,
    segment: i64,
    position: u64,
    size: usize,
    end_offset: i64,
}

impl From<&WalEntry> for Appended {
    fn from(entry: &WalEntry) -> Self {
        Self {
            sequence: entry.sequence,
            partition: entry.partition.clone(),
            topic_id: entry.topic_id.to_string(),
            segment: entry.segment_base.get(),
            position: entry.position,
            size: entry.len,
            end_offset: entry.end.get(),
        }
    }
}

/// What a file holds; `kind` says which of these it is.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Content<'a> {
    Segment {
        garbage_at: Option<u64>,
        batches: Batches<'a>,
    },
    OffsetIndex {
        entries: Vec<IndexEntry>,
    },
    TimeIndex {
        entries: Vec<TimeIndexEntry>,
    },
    AbortedTransactions {
        entries: Vec<Aborted>,
    },
    ProducerSnapshot {
        producers: Vec<Producer>,
    },
    OffsetCheckpoint {
        entries: Vec<PartitionOffset>,
    },
    LeaderEpochs {
        entries: Vec<EpochStart>,
    },
    PartitionMetadata {
        topic_id: String,
    },
    Properties {
        entries: Vec<Property>,
    },
    FlushedEnds {
        entries: Vec<Flushed>,
    },
    WriteAheadLog {
        entries: Vec<Appended>,
    },
}

/// The batches of a segment, read while they are written out.
#[derive(Debug)]
struct Batches<'a> {
    segment: RefCell<Option<Box<DumpedSegment>>>,
    path: &'a Path,
    damage: &'a Damage,
}

impl Serialize for Batches<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for found in self.segment.borrow_mut().take().into_iter().flatten() {
            let found = found
                .map_err(|error| S::Error::custom(format!("{}: {error}", self.path.display())))?;
            self.damage.look(self.path, &found);
            list.serialize_element(&batch(&found))?;
        }
        list.end()
    }
}

/// Batches with a wrong checksum, as complaints.
#[derive(Debug, Default)]
struct Damage(RefCell<Vec<String>>);

impl Damage {
    fn look(&self, path: &Path, batch: &DumpedBatch) {
        if !batch.crc_is_valid {
            let (offset, position) = (batch.header.base_offset, batch.position);
            let path = path.display();
            let complaint = format!("{path}: wrong CRC at offset {offset}, position {position}");
            self.0.borrow_mut().push(complaint);
        }
    }
}

#[derive(Debug, Serialize)]
struct FileDump<'a> {
    path: String,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Debug, Serialize)]
struct DumpReport<'a> {
    files: Vec<FileDump<'a>>,
}

fn bytes(bytes: &Option<Vec<u8>>) -> Option<JsonBytes> {
    bytes.as_deref().map(JsonBytes::from)
}

fn record(record: &DumpedRecord) -> Record {
    let headers = record.headers.iter().map(|(key, value)| Header {
        key: JsonBytes::from(key.as_slice()),
        value: bytes(value),
    });
    Record {
        offset: record.offset.get(),
        timestamp_ms: record.timestamp_ms,
        key: bytes(&record.key),
        value: bytes(&record.value),
        headers: headers.collect(),
    }
}

fn batch(batch: &DumpedBatch) -> Batch {
    let header = &batch.header;
    Batch {
        position: batch.position,
        size_bytes: header.total_len(),
        base_offset: header.base_offset.get(),
        last_offset: header.last_offset().get(),
        record_count: header.record_count,
        leader_epoch: header.partition_leader_epoch.get(),
        producer_id: header.producer_id.get(),
        producer_epoch: header.producer_epoch.get(),
        base_sequence: header.base_sequence,
        max_timestamp_ms: header.max_timestamp_ms,
        timestamp_type: match header.attributes.timestamp_type() {
            TimestampType::CreateTime => "create",
            TimestampType::LogAppendTime => "append",
        },
        compression: header.attributes.compression().map(|codec| codec.name()),
        transactional: header.attributes.is_transactional(),
        control: header.attributes.is_control(),
        crc: header.crc,
        crc_valid: batch.crc_is_valid,
        records: batch.records.iter().map(record).collect(),
    }
}

fn producer(entry: &SnapshotEntry) -> Producer {
    Producer {
        producer_id: entry.producer_id.get(),
        producer_epoch: entry.producer_epoch.get(),
        last_sequence: entry.last_sequence,
        last_offset: entry.last_offset.get(),
        offset_delta: entry.offset_delta,
        timestamp_ms: entry.timestamp_ms,
        coordinator_epoch: entry.coordinator_epoch,
        transaction_start: entry.transaction_start.map(Offset::get),
    }
}

fn index_entry((offset, position): &(Offset, u32)) -> IndexEntry {
    IndexEntry {
        offset: offset.get(),
        position: *position,
    }
}

fn time_index_entry((timestamp_ms, offset): &(i64, Offset)) -> TimeIndexEntry {
    TimeIndexEntry {
        timestamp_ms: *timestamp_ms,
        offset: offset.get(),
    }
}

fn aborted(entry: &AbortedTransaction) -> Aborted {
    Aborted {
        producer_id: entry.producer_id.get(),
        first_offset: entry.first_offset.get(),
        last_offset: entry.last_offset.get(),
        last_stable_offset: entry.last_stable_offset.get(),
    }
}

fn content<'a>(dump: Dump, path: &'a Path, damage: &'a Damage) -> Content<'a> {
    match dump {
        Dump::Segment(segment) => Content::Segment {
            garbage_at: segment.garbage_at(),
            batches: Batches {
                segment: RefCell::new(Some(segment)),
                path,
                damage,
            },
        },
        Dump::OffsetIndex(entries) => Content::OffsetIndex {
            entries: entries.iter().map(index_entry).collect(),
        },
        Dump::TimeIndex(entries) => Content::TimeIndex {
            entries: entries.iter().map(time_index_entry).collect(),
        },
        Dump::AbortedTransactions(entries) => Content::AbortedTransactions {
            entries: entries.iter().map(aborted).collect(),
        },
        Dump::Snapshot(entries) => Content::ProducerSnapshot {
            producers: entries.iter().map(producer).collect(),
        },
        Dump::Offsets(entries) => {
            let entry = |(partition, offset): &(String, Offset)| PartitionOffset {
                partition: partition.clone(),
                offset: offset.get(),
            };
            Content::OffsetCheckpoint {
                entries: entries.iter().map(entry).collect(),
            }
        }
        Dump::LeaderEpochs(entries) => {
            let entries = entries.iter().map(|(epoch, start)| EpochStart {
                leader_epoch: epoch.get(),
                start_offset: start.get(),
            });
            Content::LeaderEpochs {
                entries: entries.collect(),
            }
        }
        Dump::PartitionMetadata(id) => Content::PartitionMetadata {
            topic_id: id.to_string(),
        },
        Dump::Properties(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| Property { key, value });
            Content::Properties {
                entries: entries.collect(),
            }
        }
        Dump::FlushedEnds(entries) => {
            let entries = entries.iter().map(|(partition, end)| Flushed {
                partition: partition.clone(),
                topic_id: end.topic_id.to_string(),
                flushed_end: end.flushed_end.get(),
                log_start: end.log_start.get(),
                wal_sequence: end.wal_sequence,
            });
            Content::FlushedEnds {
                entries: entries.collect(),
            }
        }
        Dump::Wal(entries) => {
            let entries = entries.iter().map(Appended::from);
            Content::WriteAheadLog {
                entries: entries.collect(),
            }
        }
    }
}

/// Drops the room at the end of an index that is allocated and not used yet.
fn without_unused_room(mut dump: Dump) -> Dump {
    match &mut dump {
        Dump::OffsetIndex(entries) => {
            while entries.last().is_some_and(|(_, position)| *position == 0) {
                entries.pop();
            }
        }
        Dump::TimeIndex(entries) => {
            while entries
                .last()
                .is_some_and(|(timestamp_ms, _)| *timestamp_ms == 0)
            {
                entries.pop();
            }
        }
        _ => {}
    }
    dump
}

pub(crate) fn run(args: &LogDumpArgs) -> Result<(), CommandError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let failures = dump(args, &mut out)?;
    out.flush()?;
    settle(&failures)
}

/// Writes what the files hold, and returns what is wrong with them. A segment is never in
/// memory as a whole.
fn dump(args: &LogDumpArgs, out: &mut dyn Write) -> Result<Vec<String>, CommandError> {
    let records = if args.records {
        Records::Include
    } else {
        Records::Omit
    };
    let mut failures = Vec::new();
    let mut dumps = Vec::new();
    for path in &args.files {
        match dump_file(&RealDisk, path, records) {
            Ok(dump) => dumps.push((path.as_path(), without_unused_room(dump))),
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
    }
    let damage = Damage::default();
    match args.format {
        _ if dumps.is_empty() => {}
        Format::Json => write_json(dumps, &damage, out)?,
        Format::Text => write_lines(dumps, &damage, out)?,
    }
    failures.extend(damage.0.into_inner());
    Ok(failures)
}

fn write_json(dumps: Vec<(&Path, Dump)>, damage: &Damage, out: &mut dyn Write) -> io::Result<()> {
    let files = dumps.into_iter().map(|(path, dump)| FileDump {
        path: path.display().to_string(),
        content: content(dump, path, damage),
    });
    let report = DumpReport {
        files: files.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn write_lines(dumps: Vec<(&Path, Dump)>, damage: &Damage, out: &mut dyn Write) -> io::Result<()> {
    let are_many = dumps.len() > 1;
    for (nth, (path, dump)) in dumps.into_iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        if are_many {
            writeln!(out, "{}", path.display())?;
        }
        write_text(dump, out, &mut |batch| damage.look(path, batch))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use highwater_records::{BatchSpec, HeaderView, RecordBatchBuilder};

    #[test]
    fn a_segment_is_shown_with_its_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000000000000000000.log");
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        let header = |key, value| HeaderView { key, value };
        let headers = [header(&b"h"[..], Some(&b"v"[..])), header(b"\xff", None)];
        builder
            .append(5, Some(b"k"), Some(b"\xff"), &headers)
            .unwrap();
        let mut bytes = builder.finish().unwrap();
        bytes.extend([0; 10]);
        std::fs::write(&path, &bytes).unwrap();
        let (failures, text) = dumped(&[&path], Format::Json);
        assert!(failures.is_empty());
        let text = text.replace(path.to_str().unwrap(), "a.log");
        expect![[r#"
            {
              "files": [
                {
                  "path": "a.log",
                  "kind": "segment",
                  "garbage_at": 77,
                  "batches": [
                    {
                      "position": 0,
                      "size_bytes": 77,
                      "base_offset": 0,
                      "last_offset": 0,
                      "record_count": 1,
                      "leader_epoch": -1,
                      "producer_id": -1,
                      "producer_epoch": -1,
                      "base_sequence": -1,
                      "max_timestamp_ms": 5,
                      "timestamp_type": "create",
                      "compression": "none",
                      "transactional": false,
                      "control": false,
                      "crc": 661815769,
                      "crc_valid": true,
                      "records": [
                        {
                          "offset": 0,
                          "timestamp_ms": 5,
                          "key": "k",
                          "value": {
                            "base64": "/w=="
                          },
                          "headers": [
                            {
                              "key": "h",
                              "value": "v"
                            },
                            {
                              "key": {
                                "base64": "/w=="
                              },
                              "value": null
                            }
                          ]
                        }
                      ]
                    }
                  ]
                }
              ]
            }
        "#]]
        .assert_eq(&text);
    }

    fn dumped(files: &[&Path], format: Format) -> (Vec<String>, String) {
        let args = LogDumpArgs {
            files: files.iter().map(|path| path.to_path_buf()).collect(),
            records: true,
            format,
        };
        let mut out = Vec::new();
        let failures = dump(&args, &mut out).unwrap();
        (failures, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_wrong_checksum_is_shown_and_complained_about_in_either_format() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000000000000000000.log");
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        builder.append(5, Some(b"k"), None, &[]).unwrap();
        let mut bytes = builder.finish().unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let epochs = dir.path().join("leader-epoch-checkpoint");
        std::fs::write(&epochs, "0\n1\n3 7\n").unwrap();
        for format in [Format::Json, Format::Text] {
            let (failures, text) = dumped(&[&path, &epochs], format);
            let complaint = format!("{}: wrong CRC at offset 0, position 0", path.display());
            assert_eq!(failures, [complaint]);
            assert!(text.contains("crc_valid\": false") || text.contains("isvalid: false"));
        }
        let (_, text) = dumped(&[&path, &epochs], Format::Text);
        assert!(text.ends_with("leaderEpoch: 3 startOffset: 7\n"), "{text}");
        let blocks = [path.to_str().unwrap(), epochs.to_str().unwrap()];
        assert!(
            blocks
                .iter()
                .all(|name| text.contains(&format!("{name}\n")))
        );
    }

    #[test]
    fn the_unused_room_of_an_index_is_not_shown() {
        let offset = Offset;
        let index = Dump::OffsetIndex(vec![(offset(7), 42), (offset(0), 0), (offset(0), 0)]);
        let left = without_unused_room(index);
        assert!(matches!(left, Dump::OffsetIndex(left) if left == [(offset(7), 42)]));
        let index = Dump::TimeIndex(vec![(5, offset(7)), (0, offset(0))]);
        let left = without_unused_room(index);
        assert!(matches!(left, Dump::TimeIndex(left) if left == [(5, offset(7))]));
    }

    #[test]
    fn a_file_of_no_known_kind_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nonsense");
        std::fs::write(&path, b"nonsense").unwrap();
        let args = LogDumpArgs {
            files: vec![path],
            records: false,
            format: Format::Json,
        };
        assert!(run(&args).is_err());
    }
}
