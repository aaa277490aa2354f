//! Automation of the repository: `cargo xtask help`.

mod bench;
mod check;
mod docs;
mod layers;
mod repository;
mod rules;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "What one does in this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks formatting, lints, the rules of the house and the generated documents
    Check,
    /// Writes the generated documents again
    Docs,
    /// Measures the broker, beside Apache Kafka where it can be had
    Bench(bench::BenchArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check => check::run(),
        Command::Docs => docs::write(),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            repository::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
