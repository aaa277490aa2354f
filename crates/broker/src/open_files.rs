//! How many files the process may have open, and how many of them are for logs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is assumed where there is no limit, and the most that is asked for.
const OPEN_FILES_MAX: u64 = 1 << 20;

/// Raises the limit as far as this process may: what shells and service managers give by
/// default is too little for a thousand connections.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(OPEN_FILES_MAX).min(OPEN_FILES_MAX);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, wanted, "the limit of open files stays as it is");
    }
}

/// Half of the files that the process may open; the rest is for connections.
pub(crate) fn share_of_logs() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = usize::try_from(limit.unwrap_or(OPEN_FILES_MAX)).unwrap_or(usize::MAX);
    limit.clamp(128, 1 << 15) / 2
}
