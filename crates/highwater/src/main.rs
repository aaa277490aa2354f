//! The `highwater` binary: the broker, and the commands that administer any Kafka cluster.

mod broker_command;
mod bytes_json;
mod commands;
mod config_command;
mod connect;
mod error;
mod format_string;
mod log_filter;
mod output;
mod position;
mod progress;
mod time_text;

use std::process::ExitCode;

use clap::Parser;

use commands::{Command, run};

/// Requests are freed on other threads than they were allocated on, which glibc's allocator is
/// slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A broker that speaks the Kafka protocol, and commands for any cluster that does.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // Clap itself exits with 2 on wrong usage and with 0 after help.
    run(Cli::parse().command)
}
