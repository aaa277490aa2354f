//! `highwater produce`: records from standard input.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use highwater_client::{
    Acks, ClientError, Delivered, Delivery, Producer, ProducerOptions, ProducerRecord, RecordHeader,
};
use highwater_records::Compression;
use highwater_types::{PartitionIndex, TopicName};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::bytes_json::JsonBytes;
use crate::commands::settle;
use crate::connect::{ConnectArgs, parse_pair, parse_topic};
use crate::error::CommandError;
use crate::output::{Report, or_dash, print, table};
use crate::progress::Progress;

/// What to write, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ProduceArgs {
    /// Name of the topic.
    #[arg(value_name = "TOPIC", value_parser = parse_topic)]
    topic: TopicName,
    /// What a line of input is.
    #[arg(short, long, value_enum, default_value = "lines")]
    input: Input,
    /// What separates key and value in a line; without it a line is a value.
    #[arg(short = 'K', long, value_name = "TEXT", conflicts_with = "key")]
    key_delimiter: Option<String>,
    /// The key of every record.
    #[arg(short, long, value_name = "TEXT")]
    key: Option<String>,
    /// A header of every record; may be repeated, with the same key too.
    #[arg(short = 'H', long = "header", value_name = "KEY=VALUE", value_parser = parse_pair)]
    headers: Vec<(String, String)>,
    /// The partition of every record; without it keys are hashed as Java clients do.
    #[arg(short, long, value_name = "PARTITION")]
    partition: Option<i32>,
    /// Write a tombstone where the value is empty.
    #[arg(short = 'Z', long)]
    empty_as_null: bool,
    /// The codec of batches.
    #[arg(short = 'z', long, value_enum, default_value = "none")]
    compression: Codec,
    /// When a record counts as written.
    #[arg(long, value_enum, default_value = "all")]
    acks: AcksArg,
    /// Send without a producer id, so that a record may be there twice after a retry.
    #[arg(long)]
    no_idempotence: bool,
    /// Say nothing about what was written.
    #[arg(short, long)]
    quiet: bool,
}

/// What a line of input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Input {
    /// A value, or a key and a value.
    Lines,
    /// An object as `consume --format json` writes it; only `value` has to be there.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AcksArg {
    /// Nobody is asked.
    #[value(name = "0")]
    None,
    /// The leader has it.
    #[value(name = "1")]
    Leader,
    /// All replicas in sync have it.
    All,
}

#[derive(Debug, Deserialize)]
struct JsonHeader {
    key: JsonBytes,
    value: Option<JsonBytes>,
}

/// One line of JSON input.
#[derive(Debug, Deserialize)]
struct JsonRecord {
    key: Option<JsonBytes>,
    /// Null is a tombstone, which nobody shall write by leaving the field out.
    #[serde(deserialize_with = "Option::deserialize")]
    value: Option<JsonBytes>,
    #[serde(default)]
    headers: Vec<JsonHeader>,
    partition: Option<i32>,
    timestamp_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Written {
    partition: i32,
    records: u64,
    /// Absent without acknowledgement.
    first_offset: Option<i64>,
    last_offset: Option<i64>,
}

#[derive(Debug, Serialize)]
struct ProduceReport {
    topic: String,
    records: u64,
    failed: u64,
    partitions: Vec<Written>,
}

impl Report for ProduceReport {
    fn text(&self) -> String {
        let row = |p: &Written| {
            let offsets = [or_dash(p.first_offset), or_dash(p.last_offset)];
            let mut row = vec![p.partition.to_string(), p.records.to_string()];
            row.extend(offsets);
            row
        };
        let rows = self.partitions.iter().map(row).collect();
        let columns = ["partition", "records", "first offset", "last offset"];
        format!("{} records to {}\n", self.records, self.topic) + &table(&columns, &columns, rows)
    }
}

impl ProduceArgs {
    fn options(&self) -> ProducerOptions {
        ProducerOptions {
            acks: match self.acks {
                AcksArg::None => Acks::None,
                AcksArg::Leader => Acks::Leader,
                AcksArg::All => Acks::All,
            },
            idempotent: self.acks == AcksArg::All && !self.no_idempotence,
            compression: match self.compression {
                Codec::None => Compression::None,
                Codec::Gzip => Compression::Gzip,
                Codec::Snappy => Compression::Snappy,
                Codec::Lz4 => Compression::Lz4,
                Codec::Zstd => Compression::Zstd,
            },
            ..ProducerOptions::default()
        }
    }

    /// The record that a line stands for; else what is wrong with it.
    fn record(&self, line: Vec<u8>) -> Result<ProducerRecord, String> {
        let fixed = self.headers.iter().map(|(key, value)| RecordHeader {
            key: Bytes::from(key.clone()),
            value: Some(Bytes::from(value.clone())),
        });
        let mut record = ProducerRecord {
            topic: self.topic.clone(),
            partition: self.partition.map(PartitionIndex),
            key: self.key.clone().map(Bytes::from),
            value: None,
            headers: fixed.collect(),
            timestamp_ms: None,
        };
        match self.input {
            Input::Lines => self.fill_from_line(&mut record, line),
            Input::Json => fill_from_json(&mut record, &line)?,
        }
        if self.empty_as_null && record.value.as_ref().is_some_and(Bytes::is_empty) {
            record.value = None;
        }
        Ok(record)
    }

    fn fill_from_line(&self, record: &mut ProducerRecord, line: Vec<u8>) {
        let line = Bytes::from(line);
        let delimiter = self.key_delimiter.as_deref().unwrap_or("").as_bytes();
        let at = match delimiter.is_empty() {
            true => None,
            false => line
                .windows(delimiter.len())
                .position(|window| window == delimiter),
        };
        match at {
            Some(at) => {
                record.key = Some(line.slice(..at));
                record.value = Some(line.slice(at + delimiter.len()..));
            }
            None => record.value = Some(line),
        }
    }
}

fn fill_from_json(record: &mut ProducerRecord, line: &[u8]) -> Result<(), String> {
    let json: JsonRecord = serde_json::from_slice(line).map_err(|e| json_fault(&e))?;
    let bytes = |what: &str, json: JsonBytes| {
        let bytes = json.into_bytes().map(Bytes::from);
        bytes.ok_or_else(|| format!("{what} is no base64"))
    };
    if let Some(key) = json.key {
        record.key = Some(bytes("the key", key)?);
    }
    let value = json.value.map(|value| bytes("the value", value));
    record.value = value.transpose()?;
    for header in json.headers {
        let value = header.value.map(|value| bytes("a header", value));
        record.headers.push(RecordHeader {
            key: bytes("the key of a header", header.key)?,
            value: value.transpose()?,
        });
    }
    record.partition = record.partition.or(json.partition.map(PartitionIndex));
    record.timestamp_ms = json.timestamp_ms;
    Ok(())
}

/// What the parser says, without its own count of lines: it sees one at a time.
fn json_fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", error.column()),
        None => text,
    }
}

/// The longest line; no broker takes a larger record without being told to.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads lines in a thread of its own, because standard input cannot be waited for.
fn lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(256);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input
                .by_ref()
                .take(LINE_BYTES_MAX + 1)
                .read_until(b'\n', &mut line);
            let outcome = match read {
                Ok(0) => return,
                Ok(bytes) if bytes as u64 > LINE_BYTES_MAX => {
                    Err(io::Error::other("a line is longer than 64 MiB"))
                }
                Ok(_) => {
                    if line.last() == Some(&b'\n') {
                        line.pop();
                    }
                    Ok(line)
                }
                Err(e) => Err(e),
            };
            let failed = outcome.is_err();
            if sender.blocking_send(outcome).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// How many bad lines are complained about one by one.
const BAD_LINES_SHOWN: u64 = 20;

/// What has become of the records so far.
#[derive(Default)]
struct Tally {
    partitions: BTreeMap<i32, Written>,
    /// Each reason once, with how many records it hit.
    failures: BTreeMap<String, u64>,
    /// Complaints about the first of the lines that were no records.
    bad_lines: Vec<String>,
    bad_line_count: u64,
}

impl Tally {
    fn add(&mut self, outcome: Result<Delivered, ClientError>) {
        match outcome {
            Ok(delivered) => {
                let partition = delivered.partition.get();
                let offset = delivered.offset.map(highwater_types::Offset::get);
                let written = self.partitions.entry(partition).or_insert(Written {
                    partition,
                    records: 0,
                    first_offset: offset,
                    last_offset: offset,
                });
                written.records += 1;
                written.first_offset = written.first_offset.min(offset).or(offset);
                written.last_offset = written.last_offset.max(offset);
            }
            Err(e) => self.fail(e.to_string()),
        }
    }

    fn fail(&mut self, reason: String) {
        *self.failures.entry(reason).or_default() += 1;
    }

    fn fail_line(&mut self, number: u64, reason: &str) {
        self.bad_line_count += 1;
        if self.bad_line_count <= BAD_LINES_SHOWN {
            self.bad_lines.push(format!("line {number}: {reason}"));
        }
    }

    fn failed(&self) -> u64 {
        self.failures.values().sum::<u64>() + self.bad_line_count
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = self.bad_lines.clone();
        if let more @ 1.. = self.bad_line_count.saturating_sub(BAD_LINES_SHOWN) {
            complaints.push(format!("{more} more lines are no records either"));
        }
        let reasons = self.failures.iter();
        complaints.extend(reasons.map(|(reason, records)| format!("{records} records: {reason}")));
        complaints
    }
}

/// Sends lines until there are no more; gives what became of them.
async fn send_all(args: &ProduceArgs, producer: &Producer) -> Tally {
    let mut tally = Tally::default();
    let mut input = lines();
    let mut under_way: FuturesUnordered<Delivery> = FuturesUnordered::new();
    let progress = Progress::counting("records");
    let mut line_number = 0_u64;
    loop {
        let line = tokio::select! {
            Some(outcome) = under_way.next() => {
                progress.add(1);
                tally.add(outcome);
                continue;
            }
            line = input.recv() => line,
        };
        line_number += 1;
        let record = match line {
            Some(Ok(line)) => args.record(line),
            Some(Err(e)) => Err(e.to_string()),
            None => break,
        };
        match record {
            Ok(record) => match producer.send(record).await {
                Ok(delivery) => under_way.push(delivery),
                Err(e) => tally.fail(e.to_string()),
            },
            Err(reason) => tally.fail_line(line_number, &reason),
        }
    }
    while let Some(outcome) = under_way.next().await {
        progress.add(1);
        tally.add(outcome);
    }
    tally
}

pub(crate) async fn run(args: ProduceArgs, connect: ConnectArgs) -> Result<(), CommandError> {
    let client = connect.client().await?;
    let options = ProducerOptions {
        delivery_timeout: connect.timeout,
        ..args.options()
    };
    let producer = Producer::start(client, options)?;
    let tally = send_all(&args, &producer).await;
    let complaints = tally.complaints();
    let report = ProduceReport {
        topic: args.topic.to_string(),
        records: tally.partitions.values().map(|p| p.records).sum(),
        failed: tally.failed(),
        partitions: tally.partitions.into_values().collect(),
    };
    if !args.quiet {
        print(&report, connect.format)?;
    }
    settle(&complaints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    fn args(input: Input, key_delimiter: Option<&str>) -> ProduceArgs {
        ProduceArgs {
            topic: TopicName::new("t").unwrap(),
            input,
            key_delimiter: key_delimiter.map(str::to_owned),
            key: None,
            headers: vec![("h".to_owned(), "1".to_owned())],
            partition: None,
            empty_as_null: true,
            compression: Codec::None,
            acks: AcksArg::All,
            no_idempotence: false,
            quiet: false,
        }
    }

    fn text(args: &ProduceArgs, line: &str) -> String {
        let record = args.record(line.as_bytes().to_vec()).unwrap();
        format!(
            "{:?} {:?} {}",
            record.key,
            record.value,
            record.headers.len()
        )
    }

    #[test]
    fn a_line_is_split_at_the_first_delimiter() {
        let args = args(Input::Lines, Some("::"));
        assert_eq!(text(&args, "k::v::w"), r#"Some(b"k") Some(b"v::w") 1"#);
        assert_eq!(text(&args, "v"), r#"None Some(b"v") 1"#);
        assert_eq!(text(&args, "k::"), r#"Some(b"k") None 1"#);
    }

    #[test]
    fn json_is_read_as_consume_writes_it() {
        let args = args(Input::Json, None);
        let line = r#"{"topic":"x","offset":3,"key":{"base64":"/w=="},"value":"v","headers":[{"key":"a","value":null}],"partition":2,"timestamp_ms":5}"#;
        let record = args.record(line.as_bytes().to_vec()).unwrap();
        assert_eq!(record.key.as_deref(), Some(&b"\xff"[..]));
        assert_eq!(record.partition, Some(PartitionIndex(2)));
        assert_eq!((record.timestamp_ms, record.headers.len()), (Some(5), 2));
    }

    #[test]
    fn what_is_wrong_with_a_line_of_json_is_said() {
        let args = args(Input::Json, None);
        for (line, expected) in [
            ("nonsense", "expected ident at column 2"),
            (r#"{"key":"k"}"#, "missing field `value` at column 11"),
            (
                r#"{"value":5}"#,
                r#"expected text, or {"base64": …} for what is none at column 11"#,
            ),
            (r#"{"value":{"base64":"!"}}"#, "the value is no base64"),
            (
                r#"{"value":"v","partition":"x"}"#,
                r#"invalid type: string "x", expected i32 at column 28"#,
            ),
        ] {
            let refused = args.record(line.as_bytes().to_vec()).unwrap_err();
            assert_eq!(refused, expected, "{line}");
        }
    }

    #[test]
    fn of_many_bad_lines_the_first_are_named_and_the_others_counted() {
        let mut tally = Tally::default();
        for number in 1..=BAD_LINES_SHOWN + 3 {
            tally.fail_line(number, "bad");
        }
        tally.fail("refused".to_owned());
        let complaints = tally.complaints();
        assert_eq!(complaints[0], "line 1: bad");
        assert_eq!(
            complaints[BAD_LINES_SHOWN as usize..],
            ["3 more lines are no records either", "1 records: refused"]
        );
        assert_eq!(tally.failed(), BAD_LINES_SHOWN + 4);
    }

    #[test]
    fn the_report_counts_by_partition() {
        let mut tally = Tally::default();
        for offset in [7, 5, 6] {
            let offset = Some(highwater_types::Offset(offset));
            tally.add(Ok(Delivered {
                partition: PartitionIndex(1),
                offset,
            }));
        }
        let report = ProduceReport {
            topic: "orders".to_owned(),
            records: 3,
            failed: 0,
            partitions: tally.partitions.into_values().collect(),
        };
        check(
            &report,
            &expect![[r#"
                3 records to orders
                PARTITION  RECORDS  FIRST OFFSET  LAST OFFSET
                        1        3             5            7
            "#]],
            &expect![[r#"
                {
                  "topic": "orders",
                  "records": 3,
                  "failed": 0,
                  "partitions": [
                    {
                      "partition": 1,
                      "records": 3,
                      "first_offset": 5,
                      "last_offset": 7
                    }
                  ]
                }"#]],
        );
    }
}
