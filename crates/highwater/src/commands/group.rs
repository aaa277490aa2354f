//! `highwater group …`.

mod delete;
mod describe;
mod list;
mod reset;

use clap::Subcommand;

use crate::connect::ConnectArgs;
use crate::error::CommandError;

/// What to do with groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List groups.
    List(list::ListArgs),
    /// Show members, assignments, committed offsets and lag.
    Describe(describe::DescribeArgs),
    /// Set the committed offsets of a group that has no members.
    Reset(reset::ResetArgs),
    /// Delete groups that have no members, or only their offsets of some topics.
    Delete(delete::DeleteArgs),
}

pub(crate) async fn run(command: GroupCommand, connect: ConnectArgs) -> Result<(), CommandError> {
    match command {
        GroupCommand::List(args) => list::run(&args, &connect).await,
        GroupCommand::Describe(args) => describe::run(&args, &connect).await,
        GroupCommand::Reset(args) => reset::run(&args, &connect).await,
        GroupCommand::Delete(args) => delete::run(&args, &connect).await,
    }
}
