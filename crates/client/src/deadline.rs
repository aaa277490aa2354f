//! One end for a whole operation, however many attempts it takes.

use std::time::Duration;

use tokio::time::Instant;

use crate::ClientError;

/// The moment at which an operation gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    end: Instant,
}

impl Deadline {
    /// An operation that starts now and may take `limit`.
    pub fn after(limit: Duration) -> Self {
        let started = Instant::now();
        Self {
            started,
            end: started + limit,
        }
    }

    /// What is left; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    pub fn has_passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// A shorter limit within this one.
    pub(crate) fn at_most(&self, limit: Duration) -> Duration {
        self.remaining().min(limit)
    }

    pub(crate) fn error(&self, what: &str, cause: Option<&ClientError>) -> ClientError {
        ClientError::TimedOut {
            what: what.to_owned(),
            after: self.end - self.started,
            cause: cause.map(ToString::to_string),
        }
    }
}
