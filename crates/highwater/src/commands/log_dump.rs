//! `highwater log dump`: decodes files of a data directory, Kafka's or ours.

use std::path::PathBuf;

use highwater_disk::RealDisk;
use highwater_records::TimestampType;
use highwater_storage::dump::{
    Dump, DumpedBatch, DumpedRecord, Records, SnapshotEntry, dump_file, to_text,
};
use highwater_types::Offset;
use serde::Serialize;

use crate::bytes_json::JsonBytes;
use crate::commands::settle;
use crate::error::CommandError;
use crate::output::{Format, Report, print};

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
}

/// What a file holds; `kind` says which of these it is.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Content {
    Segment {
        garbage_at: Option<u64>,
        batches: Vec<Batch>,
    },
    OffsetIndex {
        entries: Vec<IndexEntry>,
    },
    TimeIndex {
        entries: Vec<TimeIndexEntry>,
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
}

#[derive(Debug, Serialize)]
struct FileDump {
    path: String,
    #[serde(flatten)]
    content: Content,
    #[serde(skip)]
    text: String,
}

#[derive(Debug, Serialize)]
struct DumpReport {
    files: Vec<FileDump>,
}

impl Report for DumpReport {
    fn text(&self) -> String {
        match &*self.files {
            [file] => file.text.clone(),
            files => {
                let blocks = files
                    .iter()
                    .map(|file| format!("{}\n{}", file.path, file.text));
                blocks.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

fn bytes(bytes: &Option<Vec<u8>>) -> Option<JsonBytes> {
    bytes.as_deref().map(JsonBytes::from)
}

fn record(record: &DumpedRecord) -> Record {
    let headers = record.headers.iter().map(|(key, value)| Header {
        key: JsonBytes::Text(key.clone()),
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

fn content(dump: &Dump) -> Content {
    match dump {
        Dump::Segment {
            batches,
            garbage_at,
        } => Content::Segment {
            garbage_at: *garbage_at,
            batches: batches.iter().map(batch).collect(),
        },
        Dump::OffsetIndex(entries) => Content::OffsetIndex {
            entries: entries.iter().map(index_entry).collect(),
        },
        Dump::TimeIndex(entries) => Content::TimeIndex {
            entries: entries.iter().map(time_index_entry).collect(),
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
                .iter()
                .cloned()
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
            });
            Content::FlushedEnds {
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
    let records = if args.records {
        Records::Include
    } else {
        Records::Omit
    };
    let disk = RealDisk;
    let mut failures = Vec::new();
    let mut files = Vec::new();
    for path in &args.files {
        let dump = match dump_file(&disk, path, records) {
            Ok(dump) => without_unused_room(dump),
            Err(e) => {
                failures.push(format!("{}: {e}", path.display()));
                continue;
            }
        };
        if let Dump::Segment { batches, .. } = &dump {
            let damaged = batches.iter().filter(|batch| !batch.crc_is_valid);
            failures.extend(damaged.map(|batch| {
                let (offset, position) = (batch.header.base_offset, batch.position);
                format!(
                    "{}: wrong CRC at offset {offset}, position {position}",
                    path.display()
                )
            }));
        }
        let text = to_text(&dump);
        files.push(FileDump {
            path: path.display().to_string(),
            content: content(&dump),
            text,
        });
    }
    if !files.is_empty() {
        print(&DumpReport { files }, args.format)?;
    }
    settle(&failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use highwater_records::{BatchSpec, RecordBatchBuilder};

    #[test]
    fn a_segment_is_shown_with_its_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000000000000000000.log");
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        builder.append(5, Some(b"k"), Some(b"\xff"), &[]).unwrap();
        let mut bytes = builder.finish().unwrap();
        bytes.extend([0; 10]);
        std::fs::write(&path, &bytes).unwrap();
        let dump = dump_file(&RealDisk, &path, Records::Include).unwrap();
        let file = FileDump {
            path: "a.log".to_owned(),
            content: content(&dump),
            text: to_text(&dump),
        };
        expect![[r#"
            {
              "files": [
                {
                  "path": "a.log",
                  "kind": "segment",
                  "garbage_at": 70,
                  "batches": [
                    {
                      "position": 0,
                      "size_bytes": 70,
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
                      "crc": 1451344599,
                      "crc_valid": true,
                      "records": [
                        {
                          "offset": 0,
                          "timestamp_ms": 5,
                          "key": "k",
                          "value": {
                            "base64": "/w=="
                          },
                          "headers": []
                        }
                      ]
                    }
                  ]
                }
              ]
            }"#]]
        .assert_eq(&crate::output::json(&DumpReport { files: vec![file] }));
    }

    #[test]
    fn the_unused_room_of_an_index_is_not_shown() {
        let offset = Offset;
        let index = Dump::OffsetIndex(vec![(offset(7), 42), (offset(0), 0), (offset(0), 0)]);
        assert_eq!(
            without_unused_room(index),
            Dump::OffsetIndex(vec![(offset(7), 42)])
        );
        let index = Dump::TimeIndex(vec![(5, offset(7)), (0, offset(0))]);
        assert_eq!(
            without_unused_room(index),
            Dump::TimeIndex(vec![(5, offset(7))])
        );
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
