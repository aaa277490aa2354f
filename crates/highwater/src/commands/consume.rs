//! `highwater consume`: records to standard output.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use highwater_client::{
    Admin, ConsumedRecord, Consumer, ConsumerOptions, GroupOptions, IsolationLevel, OffsetReset,
    OffsetToCommit,
};
use highwater_types::{Offset, TopicName, TopicPartition};
use serde::Serialize;

use crate::bytes_json::JsonBytes;
use crate::commands::topic::partitions_of;
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::format_string::FormatString;
use crate::output::Format;
use crate::position::Position;
use crate::progress::Progress;

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct ConsumeArgs {
    /// Name of the topic.
    #[arg(value_name = "TOPIC", value_parser = parse_topic)]
    topic: TopicName,
    /// Only this partition; may be repeated.
    #[arg(
        short,
        long = "partition",
        value_name = "PARTITION",
        conflicts_with = "group"
    )]
    partitions: Vec<i32>,
    /// Where to begin: start, end, an offset, -N (before the end), a time or an age. In a
    /// group only start or end, for partitions without a committed offset.
    #[arg(
        long,
        value_name = "POSITION",
        default_value = "start",
        allow_hyphen_values = true
    )]
    from: Position,
    /// Where to stop, like --from, looked up once at the beginning. Without it, and without
    /// --count, the command goes on until it is interrupted.
    #[arg(
        long,
        value_name = "POSITION",
        allow_hyphen_values = true,
        conflicts_with = "group"
    )]
    to: Option<Position>,
    /// Stop after so many records.
    #[arg(short = 'n', long, value_name = "RECORDS")]
    count: Option<u64>,
    /// Read as a member of this group, and commit what has been written out.
    #[arg(short, long, value_name = "GROUP")]
    group: Option<String>,
    /// See nothing of transactions that are open or were aborted.
    #[arg(long)]
    read_committed: bool,
    /// A template for each record: %t topic, %p partition, %o offset, %T timestamp in ms,
    /// %k key, %K its length, %s value, %S its length, %h headers, %% percent, \n, \t, \xHH.
    #[arg(short = 'f', long, value_name = "TEMPLATE")]
    template: Option<FormatString>,
}

/// How long one wait for records takes; only how soon an interrupt is noticed depends on it.
const POLL: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
struct JsonHeader {
    key: JsonBytes,
    value: Option<JsonBytes>,
}

/// One line of JSON output.
#[derive(Debug, Serialize)]
struct JsonRecord<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp_ms: i64,
    timestamp_type: &'static str,
    key: Option<JsonBytes>,
    value: Option<JsonBytes>,
    headers: Vec<JsonHeader>,
}

fn json_record(record: &ConsumedRecord) -> JsonRecord<'_> {
    let headers = record.headers.iter().map(|header| JsonHeader {
        key: JsonBytes::from(&*header.key),
        value: header.value.as_deref().map(JsonBytes::from),
    });
    JsonRecord {
        topic: record.partition.topic.as_str(),
        partition: record.partition.partition.get(),
        offset: record.offset.get(),
        timestamp_ms: record.timestamp_ms,
        timestamp_type: match record.timestamp_type {
            highwater_records::TimestampType::CreateTime => "create",
            highwater_records::TimestampType::LogAppendTime => "append",
        },
        key: record.key.as_deref().map(JsonBytes::from),
        value: record.value.as_deref().map(JsonBytes::from),
        headers: headers.collect(),
    }
}

/// How a record is written.
enum Style {
    Template(FormatString),
    Json,
}

impl Style {
    fn write(&self, out: &mut impl Write, record: &ConsumedRecord) -> io::Result<()> {
        match self {
            Self::Template(template) => template.write(out, record),
            Self::Json => {
                serde_json::to_writer(&mut *out, &json_record(record))?;
                out.write_all(b"\n")
            }
        }
    }
}

/// What is still to be read.
struct Remaining {
    records: u64,
    /// Where each partition ends; empty if there is no end.
    ends: BTreeMap<TopicPartition, Offset>,
    bounded: bool,
}

impl Remaining {
    fn is_nothing(&self) -> bool {
        self.records == 0 || (self.bounded && self.ends.is_empty())
    }

    fn wants(&self, record: &ConsumedRecord) -> bool {
        let before_end = |end: &Offset| record.offset < *end;
        self.records > 0
            && (!self.bounded || self.ends.get(&record.partition).is_some_and(before_end))
    }

    /// Lets go of the partitions that have been read to their end.
    fn finish(&mut self, consumer: &mut Consumer) {
        let positions = consumer.positions();
        self.ends.retain(|partition, end| {
            let done = positions.get(partition).is_none_or(|next| next >= end);
            if done {
                consumer.unassign(partition);
            }
            !done
        });
    }
}

fn options(args: &ConsumeArgs) -> ConsumerOptions {
    ConsumerOptions {
        isolation: isolation(args),
        offset_reset: match args.from {
            Position::End => OffsetReset::Latest,
            _ => OffsetReset::Earliest,
        },
        ..ConsumerOptions::default()
    }
}

fn isolation(args: &ConsumeArgs) -> IsolationLevel {
    if args.read_committed {
        IsolationLevel::ReadCommitted
    } else {
        IsolationLevel::ReadUncommitted
    }
}

async fn start(args: &ConsumeArgs, admin: &Admin) -> Result<(Consumer, Remaining), CommandError> {
    let client = admin.client().clone();
    let partitions = partitions_of(admin, &args.topic, &args.partitions).await?;
    let records = args.count.unwrap_or(u64::MAX);
    let mut remaining = Remaining {
        records,
        ends: BTreeMap::new(),
        bounded: false,
    };
    if let Some(group) = &args.group {
        if !matches!(args.from, Position::Start | Position::End) {
            let usage = "in a group --from can only be start or end; see `group reset`";
            return Err(CommandError::Usage(usage.to_owned()));
        }
        let group = GroupOptions::new(group, BTreeSet::from([args.topic.clone()]));
        return Ok((Consumer::in_group(client, options(args), group), remaining));
    }
    let isolation = isolation(args);
    let from = args.from.resolve(admin, &partitions, isolation).await?;
    let from: BTreeMap<_, _> = from
        .into_iter()
        .map(|(p, offset)| (p, Offset(offset)))
        .collect();
    if let Some(to) = args.to {
        let ends = to.resolve(admin, &partitions, isolation).await?;
        remaining.ends = ends
            .into_iter()
            .map(|(p, offset)| (p, Offset(offset)))
            .collect();
        remaining.bounded = true;
    }
    let mut consumer = Consumer::new(client, options(args));
    consumer.assign(from);
    remaining.finish(&mut consumer);
    Ok((consumer, remaining))
}

pub(crate) async fn run(args: ConsumeArgs, connect: ConnectArgs) -> Result<(), CommandError> {
    let style = match (&args.template, connect.format) {
        (Some(_), Format::Json) => {
            let usage = "--template and --format json contradict each other";
            return Err(CommandError::Usage(usage.to_owned()));
        }
        (Some(template), Format::Text) => Style::Template(template.clone()),
        (None, Format::Text) => Style::Template(FormatString::value_line()),
        (None, Format::Json) => Style::Json,
    };
    let admin = connect.admin().await?;
    let (mut consumer, mut remaining) = start(&args, &admin).await?;
    let progress = Progress::counting("records");
    let mut out = BufWriter::new(io::stdout());
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let outcome = loop {
        if remaining.is_nothing() {
            break Ok(());
        }
        let polled = tokio::select! {
            polled = consumer.poll(POLL) => polled,
            _ = &mut interrupt => break Ok(()),
        };
        let records = match polled {
            Ok(records) => records,
            Err(e) => break Err(e.into()),
        };
        let written = write_records(&style, &mut out, &records, &mut remaining, &progress);
        if let Err(e) = written {
            break Err(e.into());
        }
        remaining.finish(&mut consumer);
        if args.group.is_some() && !records.is_empty() {
            let offsets = written_offsets(&records, written.unwrap_or_default());
            if let Err(e) = consumer.commit_offsets(&offsets).await {
                // Another member has the partitions now, and will read these records again.
                crate::output::complain(format!("not committed: {e}"));
            }
        }
    };
    drop(progress);
    consumer.close().await?;
    outcome
}

/// Writes what is wanted of the records; gives how many of them were looked at.
fn write_records(
    style: &Style,
    out: &mut impl Write,
    records: &[ConsumedRecord],
    remaining: &mut Remaining,
    progress: &Progress,
) -> io::Result<usize> {
    let mut seen = 0;
    for record in records {
        if remaining.records == 0 {
            break;
        }
        seen += 1;
        if remaining.wants(record) {
            style.write(out, record)?;
            remaining.records -= 1;
            progress.add(1);
        }
    }
    out.flush()?;
    Ok(seen)
}

/// Behind the last record of each partition that was written out.
fn written_offsets(
    records: &[ConsumedRecord],
    seen: usize,
) -> BTreeMap<TopicPartition, OffsetToCommit> {
    let seen = records.iter().take(seen);
    seen.map(|record| {
        let commit = OffsetToCommit {
            leader_epoch: record.leader_epoch,
            ..OffsetToCommit::from(record.offset.next())
        };
        (record.partition.clone(), commit)
    })
    .collect()
}

#[cfg(test)]
pub(crate) fn sample_record() -> ConsumedRecord {
    use bytes::Bytes;
    use highwater_client::RecordHeader;
    let header = |key: &'static str, value: Option<&'static str>| RecordHeader {
        key: Bytes::from_static(key.as_bytes()),
        value: value.map(|value| Bytes::from_static(value.as_bytes())),
    };
    ConsumedRecord {
        partition: TopicPartition::from_dir_name("orders-3").unwrap(),
        offset: Offset(42),
        leader_epoch: highwater_types::LeaderEpoch(1),
        timestamp_ms: 1_700_000_000_000,
        timestamp_type: highwater_records::TimestampType::CreateTime,
        key: Some(Bytes::from_static(b"key")),
        value: Some(Bytes::from_static(b"value")),
        headers: vec![
            header("a", Some("1")),
            header("a", Some("2")),
            header("b", None),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_record_is_one_line_of_json() {
        let mut out = Vec::new();
        Style::Json.write(&mut out, &sample_record()).unwrap();
        expect![[r#"
            {"topic":"orders","partition":3,"offset":42,"timestamp_ms":1700000000000,"timestamp_type":"create","key":"key","value":"value","headers":[{"key":"a","value":"1"},{"key":"a","value":"2"},{"key":"b","value":null}]}
        "#]]
        .assert_eq(std::str::from_utf8(&out).unwrap());
    }
}
