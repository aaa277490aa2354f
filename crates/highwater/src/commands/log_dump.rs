//! `highwater log dump`: decodes a file of a data directory.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::output::complain;

/// Which file.
#[derive(Debug, clap::Args)]
pub(crate) struct LogDumpArgs {
    /// A segment, index, snapshot or checkpoint file.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &LogDumpArgs) -> ExitCode {
    let _ = &args.files;
    complain("not built yet");
    ExitCode::FAILURE
}
