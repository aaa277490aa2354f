//! The commands, one file each, and how they are named.

mod cluster_info;
mod completions;
mod config;
pub(crate) mod consume;
mod group;
mod log_dump;
mod log_import;
mod produce;
mod topic;
mod txn;

use std::future::Future;
use std::process::ExitCode;

use clap::Subcommand;

use crate::broker_command::{self, BrokerArgs};
use crate::config_command;
use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::complain;

/// Everything that the binary does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a broker.
    Broker(BrokerArgs),
    /// Show the configuration a broker would run with, or read and change configs of a cluster.
    Config(config::ConfigArgs),
    /// Create, list, describe, alter, delete and trim topics.
    #[command(arg_required_else_help = true)]
    Topic {
        #[command(subcommand)]
        command: topic::TopicCommand,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// List, describe, reset and delete groups.
    #[command(arg_required_else_help = true)]
    Group {
        #[command(subcommand)]
        command: group::GroupCommand,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// List and describe transactions, and abort one that hangs.
    #[command(arg_required_else_help = true)]
    Txn {
        #[command(subcommand)]
        command: txn::TxnCommand,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Write records from standard input.
    Produce {
        #[command(flatten)]
        args: produce::ProduceArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Read records to standard output.
    Consume {
        #[command(flatten)]
        args: consume::ConsumeArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show the cluster.
    #[command(arg_required_else_help = true)]
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Look into files of a data directory, or take over those of Kafka.
    #[command(subcommand, arg_required_else_help = true)]
    Log(LogCommand),
    /// Print completions for a shell.
    Completions(completions::CompletionsArgs),
}

/// Commands about the cluster as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Brokers, controller, quorum, disks, and whether all partitions are well.
    Info,
}

/// Commands about files.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Decode a segment, index, snapshot or checkpoint file.
    Dump(log_dump::LogDumpArgs),
    /// Take over the topics of a data directory that Kafka has left.
    Import(log_import::LogImportArgs),
}

/// Runs a command and gives its exit code.
pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Broker(args) => broker_command::run(&args),
        Command::Config(args) => match args.command {
            None => config_command::run(&args.broker, args.connect.format),
            Some(command) => finish(config::run(command, args.connect)),
        },
        Command::Topic { command, connect } => finish(topic::run(command, connect)),
        Command::Group { command, connect } => finish(group::run(command, connect)),
        Command::Txn { command, connect } => finish(txn::run(command, connect)),
        Command::Produce { args, connect } => finish(produce::run(args, connect)),
        Command::Consume { args, connect } => finish(consume::run(args, connect)),
        Command::Cluster {
            command: ClusterCommand::Info,
            connect,
        } => finish(cluster_info::run(connect)),
        Command::Log(LogCommand::Dump(args)) => settled(&log_dump::run(&args)),
        Command::Log(LogCommand::Import(args)) => settled(&log_import::run(&args)),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Drives one command to its end. A single thread is enough for a client.
fn finish(command: impl Future<Output = Result<(), CommandError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(command);
            // A read of standard input may still hang in a thread of its own.
            runtime.shutdown_background();
            outcome
        }
        Err(e) => Err(e.into()),
    };
    settled(&outcome)
}

/// Says why a command failed, unless that has been said, and gives its exit code.
fn settled(outcome: &Result<(), CommandError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            if !matches!(e, CommandError::OutputClosed | CommandError::Partly) {
                complain(e);
            }
            e.exit_code()
        }
    }
}

/// The flag of commands that cannot be undone.
#[derive(Debug, clap::Args)]
pub(crate) struct Confirmation {
    /// Do it; without this flag the command only shows what it would do, and exits with 2.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Complains about each entry that failed; the command fails if any did.
pub(crate) fn settle(failures: &[String]) -> Result<(), CommandError> {
    for failure in failures {
        complain(failure);
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Partly)
    }
}

/// What a destructive command ends with: without `--yes` it has done nothing.
pub(crate) fn confirmed(confirmation: &Confirmation) -> Result<(), CommandError> {
    if confirmation.yes {
        Ok(())
    } else {
        Err(CommandError::NotConfirmed)
    }
}
