//! `highwater config unset`.

use highwater_client::{ConfigChange, ConfigOperation};

use super::{ResourceArgs, change};
use crate::connect::ConnectArgs;
use crate::error::CommandError;

/// What to unset.
#[derive(Debug, clap::Args)]
pub(crate) struct UnsetArgs {
    #[command(flatten)]
    resource: ResourceArgs,
    /// The keys.
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// Let the broker check the changes and make none.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &UnsetArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let changes: Vec<_> = args
        .keys
        .iter()
        .cloned()
        .map(|name| ConfigChange {
            name,
            operation: ConfigOperation::Unset,
        })
        .collect();
    change(&args.resource.resource()?, &changes, args.dry_run, connect).await
}
