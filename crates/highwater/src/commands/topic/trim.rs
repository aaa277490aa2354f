//! `highwater topic trim`: deletes the oldest records.

use highwater_client::IsolationLevel;
use highwater_types::{Offset, TopicName};
use serde::Serialize;

use super::partitions_of;
use crate::commands::{Confirmation, confirmed, settle};
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::output::{Failure, Report, or_dash, print, table};
use crate::position::{Position, log_ends};

/// What to trim.
#[derive(Debug, clap::Args)]
pub(crate) struct TrimArgs {
    /// Name of the topic.
    #[arg(value_name = "TOPIC", value_parser = parse_topic)]
    topic: TopicName,
    /// Only this partition; may be repeated.
    #[arg(short, long = "partition", value_name = "PARTITION")]
    partitions: Vec<i32>,
    /// Delete the records before this position: an offset, end, -N, a time or an age.
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    before: Position,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Debug, Serialize)]
struct Trimmed {
    partition: i32,
    start_offset_before: i64,
    start_offset_after: i64,
    trimmed: bool,
    error: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct TrimReport {
    topic: String,
    partitions: Vec<Trimmed>,
}

impl Report for TrimReport {
    fn text(&self) -> String {
        let row = |p: &Trimmed| {
            vec![
                p.partition.to_string(),
                p.start_offset_before.to_string(),
                p.start_offset_after.to_string(),
                if p.trimmed { "yes" } else { "no" }.to_owned(),
                or_dash(p.error.as_ref().map(Failure::text)),
            ]
        };
        let rows = self.partitions.iter().map(row).collect();
        let columns = [
            "partition",
            "start before",
            "start after",
            "trimmed",
            "error",
        ];
        table(&columns, &columns[..3], rows)
    }
}

pub(crate) async fn run(args: &TrimArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let partitions = partitions_of(&admin, &args.topic, &args.partitions).await?;
    let isolation = IsolationLevel::ReadUncommitted;
    let ends = log_ends(&admin, &partitions, isolation).await?;
    let targets = args.before.resolve(&admin, &partitions, isolation).await?;
    let mut rows = Vec::new();
    for (partition, target) in &targets {
        let start = ends.get(partition).map_or(0, |ends| ends.start);
        rows.push(Trimmed {
            partition: partition.partition.get(),
            start_offset_before: start,
            start_offset_after: *target,
            trimmed: false,
            error: None,
        });
    }
    if args.confirmation.yes {
        let wanted = targets
            .into_iter()
            .map(|(p, offset)| (p, Some(Offset(offset))))
            .collect();
        for (partition, outcome) in admin.delete_records(wanted).await? {
            let row = rows
                .iter_mut()
                .find(|row| row.partition == partition.partition.get());
            let Some(row) = row else { continue };
            match outcome {
                Ok(start) => {
                    row.start_offset_after = start.get();
                    row.trimmed = true;
                }
                Err(e) => row.error = Some(e.into()),
            }
        }
    }
    let failures = rows.iter().filter_map(|row| {
        let error = row.error.as_ref()?;
        Some(format!(
            "partition {}-{}: {}",
            args.topic,
            row.partition,
            error.text()
        ))
    });
    let failures: Vec<_> = failures.collect();
    let report = TrimReport {
        topic: args.topic.to_string(),
        partitions: rows,
    };
    print(&report, connect.format)?;
    settle(&failures)?;
    confirmed(&args.confirmation)
}
