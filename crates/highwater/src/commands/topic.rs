//! `highwater topic …`.

mod add_partitions;
mod alter;
mod create;
mod delete;
mod describe;
mod list;
mod trim;

use clap::Subcommand;
use highwater_types::{PartitionIndex, TopicName, TopicPartition};

use crate::connect::ConnectArgs;
use crate::error::CommandError;

/// What to do with topics.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Create topics.
    Create(create::CreateArgs),
    /// List topics.
    List(list::ListArgs),
    /// Show partitions, leaders, replicas, offsets and configs of topics.
    Describe(describe::DescribeArgs),
    /// Change configs of a topic.
    Alter(alter::AlterArgs),
    /// Delete topics with all their records.
    Delete(delete::DeleteArgs),
    /// Give a topic more partitions.
    AddPartitions(add_partitions::AddPartitionsArgs),
    /// Delete the oldest records of a topic.
    Trim(trim::TrimArgs),
}

pub(crate) async fn run(command: TopicCommand, connect: ConnectArgs) -> Result<(), CommandError> {
    match command {
        TopicCommand::Create(args) => create::run(&args, &connect).await,
        TopicCommand::List(args) => list::run(&args, &connect).await,
        TopicCommand::Describe(args) => describe::run(&args, &connect).await,
        TopicCommand::Alter(args) => alter::run(&args, &connect).await,
        TopicCommand::Delete(args) => delete::run(&args, &connect).await,
        TopicCommand::AddPartitions(args) => add_partitions::run(&args, &connect).await,
        TopicCommand::Trim(args) => trim::run(&args, &connect).await,
    }
}

/// The partitions of a topic: those named, or all. A partition that does not exist is an error.
pub(crate) async fn partitions_of(
    admin: &highwater_client::Admin,
    topic: &TopicName,
    named: &[i32],
) -> Result<Vec<TopicPartition>, CommandError> {
    let mut described = admin.describe_topics(std::slice::from_ref(topic)).await?;
    let refused = |e| CommandError::failed(format!("topic {topic}"), e);
    let metadata = described
        .remove(topic)
        .ok_or_else(|| CommandError::Failed(format!("topic {topic}: no answer")))?
        .map_err(refused)?;
    if let Some(missing) = named
        .iter()
        .find(|p| metadata.partition(PartitionIndex(**p)).is_none())
    {
        return Err(CommandError::Failed(format!(
            "topic {topic} has no partition {missing}"
        )));
    }
    let all = metadata.partitions.iter().map(|p| p.index);
    let chosen = all.filter(|p| named.is_empty() || named.contains(&p.get()));
    Ok(chosen
        .map(|p| TopicPartition::new(topic.clone(), p))
        .collect())
}
