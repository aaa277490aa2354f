//! `highwater txn …`.

mod abort;
mod describe;
mod list;

use clap::Subcommand;

use crate::connect::ConnectArgs;
use crate::error::CommandError;

/// What to do with transactions.
#[derive(Debug, Subcommand)]
pub(crate) enum TxnCommand {
    /// List transactional ids.
    List(list::ListArgs),
    /// Show the producer, the state and the partitions of transactional ids.
    Describe(describe::DescribeArgs),
    /// Abort a transaction that hangs: one that is open on a partition and that no coordinator
    /// is going to end.
    Abort(abort::AbortArgs),
}

pub(crate) async fn run(command: TxnCommand, connect: ConnectArgs) -> Result<(), CommandError> {
    match command {
        TxnCommand::List(args) => list::run(&args, &connect).await,
        TxnCommand::Describe(args) => describe::run(&args, &connect).await,
        TxnCommand::Abort(args) => abort::run(&args, &connect).await,
    }
}
