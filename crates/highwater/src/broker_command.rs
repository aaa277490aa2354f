//! `highwater broker`: runs a broker in the foreground.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::output::complain;

/// Where the configuration of a broker comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct BrokerArgs {
    /// A configuration file, TOML or a Kafka `server.properties`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One key, over whatever the file says; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

pub(crate) fn run(args: &BrokerArgs) -> ExitCode {
    let _ = (&args.config, &args.set);
    complain("not built yet");
    ExitCode::FAILURE
}
