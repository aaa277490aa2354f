//! `highwater topic add-partitions`.

use highwater_types::TopicName;
use serde::Serialize;

use super::partitions_of;
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::output::{Report, print};

/// How many partitions the topic is to have.
#[derive(Debug, clap::Args)]
pub(crate) struct AddPartitionsArgs {
    /// Name of the topic.
    #[arg(value_name = "TOPIC", value_parser = parse_topic)]
    topic: TopicName,
    /// How many there shall be afterwards. There is no way back, and keys that are placed by
    /// hash go to other partitions from then on.
    #[arg(short, long, value_name = "TOTAL", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Let the broker check it and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct AddReport {
    topic: String,
    partitions_before: usize,
    partitions_after: i32,
    dry_run: bool,
}

impl Report for AddReport {
    fn text(&self) -> String {
        let verb = if self.dry_run { "would go" } else { "went" };
        let (before, after) = (self.partitions_before, self.partitions_after);
        format!("{}: {verb} from {before} to {after} partitions", self.topic)
    }
}

pub(crate) async fn run(
    args: &AddPartitionsArgs,
    connect: &ConnectArgs,
) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let before = partitions_of(&admin, &args.topic, &[]).await?.len();
    let outcome = admin
        .add_partitions(&args.topic, args.partitions, &[], args.dry_run)
        .await?;
    outcome.map_err(|e| CommandError::failed(format!("topic {}", args.topic), e))?;
    let report = AddReport {
        topic: args.topic.to_string(),
        partitions_before: before,
        partitions_after: args.partitions,
        dry_run: args.dry_run,
    };
    print(&report, connect.format)
}
