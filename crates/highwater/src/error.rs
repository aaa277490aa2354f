//! How a command fails, and with which exit code.

use std::io;
use std::process::ExitCode;

use highwater_client::ClientError;

/// Exit code of wrong usage, as clap uses it too.
const USAGE: u8 = 2;

/// Why a command did not do all that it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The arguments contradict each other or the cluster.
    #[error("{0}")]
    Usage(String),
    /// Something was asked for and did not happen.
    #[error("{0}")]
    Failed(String),
    /// Single entries failed, and each has been complained about.
    #[error("some entries failed")]
    Partly,
    /// A destructive command has shown what it would do.
    #[error("nothing was changed; add --yes to do it")]
    NotConfirmed,
    /// Whoever read the output has gone; that is no failure.
    #[error("the output was closed")]
    OutputClosed,
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Usage(_) | Self::NotConfirmed => ExitCode::from(USAGE),
            Self::Failed(_) | Self::Partly => ExitCode::FAILURE,
        }
    }

    /// A failure with what was attempted in front.
    pub(crate) fn failed(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {why}"))
    }
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(error.to_string()),
        }
    }
}
