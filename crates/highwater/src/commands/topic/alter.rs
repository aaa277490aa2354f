//! `highwater topic alter`: configs of one topic.

use highwater_client::{ConfigChange, ConfigOperation, ConfigResource, ResourceKind};
use highwater_types::TopicName;

use crate::commands::config::change;
use crate::connect::{ConnectArgs, parse_pair, parse_topic};
use crate::error::CommandError;

/// What to change.
#[derive(Debug, clap::Args)]
pub(crate) struct AlterArgs {
    /// Name of the topic.
    #[arg(value_name = "TOPIC", value_parser = parse_topic)]
    topic: TopicName,
    /// Give a key a value; may be repeated.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    set: Vec<(String, String)>,
    /// Take a key back to its default; may be repeated.
    #[arg(short, long, value_name = "KEY")]
    unset: Vec<String>,
    /// Add an item to a key that is a list; may be repeated.
    #[arg(long, value_name = "KEY=ITEM", value_parser = parse_pair)]
    append: Vec<(String, String)>,
    /// Take an item from a key that is a list; may be repeated.
    #[arg(long, value_name = "KEY=ITEM", value_parser = parse_pair)]
    subtract: Vec<(String, String)>,
    /// Let the broker check the changes and make none.
    #[arg(long)]
    dry_run: bool,
}

fn with(
    pairs: &[(String, String)],
    operation: fn(String) -> ConfigOperation,
) -> impl Iterator<Item = ConfigChange> {
    pairs
        .iter()
        .cloned()
        .map(move |(name, value)| ConfigChange {
            name,
            operation: operation(value),
        })
}

pub(crate) async fn run(args: &AlterArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let unset = args.unset.iter().cloned();
    let unset = unset.map(|name| ConfigChange {
        name,
        operation: ConfigOperation::Unset,
    });
    let changes: Vec<_> = with(&args.set, ConfigOperation::Set)
        .chain(unset)
        .chain(with(&args.append, ConfigOperation::Append))
        .chain(with(&args.subtract, ConfigOperation::Subtract))
        .collect();
    if changes.is_empty() {
        let usage = "nothing to change: give --set, --unset, --append or --subtract";
        return Err(CommandError::Usage(usage.to_owned()));
    }
    let resource = ConfigResource {
        kind: ResourceKind::Topic,
        name: args.topic.to_string(),
    };
    change(&resource, &changes, args.dry_run, connect).await
}
