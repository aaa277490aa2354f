//! `highwater group reset`: sets committed offsets.

use std::collections::{BTreeMap, BTreeSet};

use highwater_client::{Admin, IsolationLevel, OffsetToCommit};
use highwater_types::{Offset, PartitionIndex, TopicName, TopicPartition};
use serde::Serialize;

use crate::commands::topic::partitions_of;
use crate::commands::{Confirmation, confirmed, settle};
use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Failure, Report, or_dash, print, table};
use crate::position::{Position, log_ends};

/// What to set.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["to", "by"]))]
pub(crate) struct ResetArgs {
    /// Id of the group.
    #[arg(value_name = "GROUP")]
    group: String,
    /// A topic, or partitions of it (`orders` or `orders:0,3`); may be repeated. Without it,
    /// every topic of which the group has offsets.
    #[arg(short, long = "topic", value_name = "TOPIC[:PARTITION,…]", value_parser = parse_scope)]
    topics: Vec<Scope>,
    /// Where to: start, end, an offset, -N (before the end), a time such as
    /// 2026-11-21T10:00:00Z or @MILLISECONDS, or an age such as 10m.
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    to: Option<Position>,
    /// How far from the offset that is committed, forth, or back with a minus.
    #[arg(long, value_name = "RECORDS", allow_hyphen_values = true)]
    by: Option<i64>,
    #[command(flatten)]
    confirmation: Confirmation,
}

/// A topic, or some partitions of it.
#[derive(Clone, Debug)]
struct Scope {
    topic: TopicName,
    partitions: Vec<i32>,
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    let (topic, partitions) = text.split_once(':').unwrap_or((text, ""));
    let topic = TopicName::new(topic).map_err(|e| e.to_string())?;
    let numbers = partitions.split(',').filter(|number| !number.is_empty());
    let numbers: Result<Vec<i32>, _> = numbers.map(str::parse).collect();
    let partitions = numbers.map_err(|_| format!("{text:?} is not TOPIC:PARTITION,…"))?;
    Ok(Scope { topic, partitions })
}

#[derive(Debug, Serialize)]
struct Reset {
    topic: String,
    partition: i32,
    offset_before: Option<i64>,
    offset_after: i64,
    reset: bool,
    error: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct ResetReport {
    group: String,
    offsets: Vec<Reset>,
}

impl Report for ResetReport {
    fn text(&self) -> String {
        let row = |p: &Reset| {
            vec![
                p.topic.clone(),
                p.partition.to_string(),
                or_dash(p.offset_before),
                p.offset_after.to_string(),
                if p.reset { "yes" } else { "no" }.to_owned(),
                or_dash(p.error.as_ref().map(Failure::text)),
            ]
        };
        let rows = self.offsets.iter().map(row).collect();
        let columns = ["topic", "partition", "before", "after", "reset", "error"];
        table(&columns, &columns[1..4], rows)
    }
}

async fn scope(
    admin: &Admin,
    topics: &[Scope],
    committed: &BTreeMap<TopicPartition, i64>,
) -> Result<Vec<TopicPartition>, CommandError> {
    if topics.is_empty() {
        return Ok(committed.keys().cloned().collect());
    }
    let mut partitions = BTreeSet::new();
    for scope in topics {
        partitions.extend(partitions_of(admin, &scope.topic, &scope.partitions).await?);
    }
    Ok(partitions.into_iter().collect())
}

async fn targets(
    admin: &Admin,
    args: &ResetArgs,
    partitions: &[TopicPartition],
    committed: &BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, i64>, CommandError> {
    let isolation = IsolationLevel::ReadUncommitted;
    if let Some(position) = args.to {
        return position.resolve(admin, partitions, isolation).await;
    }
    let by = args.by.unwrap_or_default();
    let ends = log_ends(admin, partitions, isolation).await?;
    let moved = ends.into_iter().filter_map(|(partition, ends)| {
        let from = *committed.get(&partition)?;
        Some((
            partition,
            from.saturating_add(by).clamp(ends.start, ends.end),
        ))
    });
    Ok(moved.collect())
}

pub(crate) async fn run(args: &ResetArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let committed = admin.group_offsets(&args.group).await?;
    let committed: BTreeMap<_, _> = committed
        .into_iter()
        .map(|(p, commit)| (p, commit.offset.get()))
        .collect();
    let partitions = scope(&admin, &args.topics, &committed).await?;
    if partitions.is_empty() {
        let group = &args.group;
        let what = format!("group {group} has no committed offsets; name topics with --topic");
        return Err(CommandError::Failed(what));
    }
    let targets = targets(&admin, args, &partitions, &committed).await?;
    let mut rows: Vec<_> = targets
        .iter()
        .map(|(partition, offset)| Reset {
            topic: partition.topic.to_string(),
            partition: partition.partition.get(),
            offset_before: committed.get(partition).copied(),
            offset_after: *offset,
            reset: false,
            error: None,
        })
        .collect();
    if args.confirmation.yes {
        let offsets = targets
            .into_iter()
            .map(|(p, o)| (p, OffsetToCommit::from(Offset(o))));
        let mut outcomes = admin
            .alter_group_offsets(&args.group, &offsets.collect())
            .await?;
        for row in &mut rows {
            let Ok(topic) = TopicName::new(&row.topic) else {
                continue;
            };
            match outcomes.remove(&TopicPartition::new(topic, PartitionIndex(row.partition))) {
                Some(Ok(())) => row.reset = true,
                Some(Err(e)) => row.error = Some(e.into()),
                None => {}
            }
        }
    }
    let failures = rows.iter().filter_map(|row| {
        let error = row.error.as_ref()?;
        Some(format!(
            "offset of {}-{}: {}",
            row.topic,
            row.partition,
            error.text()
        ))
    });
    let failures: Vec<_> = failures.collect();
    print(
        &ResetReport {
            group: args.group.clone(),
            offsets: rows,
        },
        connect.format,
    )?;
    settle(&failures)?;
    confirmed(&args.confirmation)
}
