//! `highwater topic delete`.

use highwater_client::{Admin, IsolationLevel};
use highwater_types::{TopicName, TopicPartition};
use serde::Serialize;

use crate::commands::{Confirmation, confirmed, settle};
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::output::{Failure, Report, print};
use crate::position::log_ends;

/// What to delete.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Names of the topics.
    #[arg(required = true, value_name = "TOPIC", value_parser = parse_topic)]
    topics: Vec<TopicName>,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Debug, Serialize)]
struct Deleted {
    name: String,
    partitions: usize,
    /// Offsets between start and end, which compaction and transactions make an upper bound.
    records_at_most: i64,
    deleted: bool,
    error: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct DeleteReport {
    topics: Vec<Deleted>,
}

impl Report for DeleteReport {
    fn text(&self) -> String {
        let line = |topic: &Deleted| {
            let loss = format!(
                "{} partitions with at most {} records",
                topic.partitions, topic.records_at_most
            );
            match (&topic.error, topic.deleted) {
                (Some(_), _) => String::new(),
                (None, true) => format!("{}: deleted, {loss}\n", topic.name),
                (None, false) => format!("{}: would be deleted, {loss}\n", topic.name),
            }
        };
        self.topics.iter().map(line).collect()
    }
}

async fn preview(admin: &Admin, names: &[TopicName]) -> Result<Vec<Deleted>, CommandError> {
    let mut rows = Vec::new();
    for (name, outcome) in admin.describe_topics(names).await? {
        let mut row = Deleted {
            name: name.to_string(),
            partitions: 0,
            records_at_most: 0,
            deleted: false,
            error: None,
        };
        match outcome {
            Ok(topic) => {
                row.partitions = topic.partitions.len();
                let led = topic.partitions.iter().filter(|p| p.leader.is_some());
                let led: Vec<_> = led
                    .map(|p| TopicPartition::new(name.clone(), p.index))
                    .collect();
                let ends = log_ends(admin, &led, IsolationLevel::ReadUncommitted).await?;
                row.records_at_most = ends.values().map(|ends| ends.end - ends.start).sum();
            }
            Err(e) => row.error = Some(e.into()),
        }
        rows.push(row);
    }
    Ok(rows)
}

pub(crate) async fn run(args: &DeleteArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let mut rows = preview(&admin, &args.topics).await?;
    if args.confirmation.yes {
        let found = rows.iter().filter(|row| row.error.is_none());
        let found: Vec<_> = found
            .filter_map(|row| TopicName::new(&row.name).ok())
            .collect();
        let mut outcomes = admin.delete_topics(&found).await?;
        for row in &mut rows {
            match outcomes.remove(row.name.as_str()) {
                Some(Ok(())) => row.deleted = true,
                Some(Err(e)) => row.error = Some(e.into()),
                None => {}
            }
        }
    }
    let failures = rows.iter().filter_map(|row| {
        let error = row.error.as_ref()?;
        Some(format!("topic {}: {}", row.name, error.text()))
    });
    let failures: Vec<_> = failures.collect();
    print(&DeleteReport { topics: rows }, connect.format)?;
    settle(&failures)?;
    confirmed(&args.confirmation)
}
