//! `highwater config set`.

use highwater_client::{ConfigChange, ConfigOperation};

use super::{ResourceArgs, change};
use crate::connect::{ConnectArgs, parse_pair};
use crate::error::CommandError;

/// What to set.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    resource: ResourceArgs,
    /// Keys with their new values.
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pairs: Vec<(String, String)>,
    /// Let the broker check the changes and make none.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &SetArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let changes: Vec<_> = args
        .pairs
        .iter()
        .cloned()
        .map(|(name, value)| ConfigChange {
            name,
            operation: ConfigOperation::Set(value),
        })
        .collect();
    change(&args.resource.resource()?, &changes, args.dry_run, connect).await
}
