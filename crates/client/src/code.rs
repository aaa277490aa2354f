//! What a client makes of an error code, beside whether to try again.

use highwater_protocol::ErrorCode;

/// What an error code says about what a client believes.
pub(crate) trait Verdict: Copy {
    /// Success as `Ok`, every other code as the error.
    fn check(self) -> Result<(), Self>;

    /// Whether the cached metadata led the request to the wrong place.
    fn is_stale_metadata(self) -> bool;

    /// Whether the coordinator has moved or is not ready.
    fn is_stale_coordinator(self) -> bool;
}

impl Verdict for ErrorCode {
    fn check(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }

    fn is_stale_metadata(self) -> bool {
        matches!(
            self,
            Self::UNKNOWN_TOPIC_OR_PARTITION
                | Self::LEADER_NOT_AVAILABLE
                | Self::NOT_LEADER_OR_FOLLOWER
                | Self::REPLICA_NOT_AVAILABLE
                | Self::NOT_CONTROLLER
                | Self::KAFKA_STORAGE_ERROR
                | Self::LISTENER_NOT_FOUND
                | Self::FENCED_LEADER_EPOCH
                | Self::UNKNOWN_LEADER_EPOCH
                | Self::UNKNOWN_TOPIC_ID
                | Self::INCONSISTENT_TOPIC_ID
        )
    }

    fn is_stale_coordinator(self) -> bool {
        matches!(
            self,
            Self::COORDINATOR_LOAD_IN_PROGRESS
                | Self::COORDINATOR_NOT_AVAILABLE
                | Self::NOT_COORDINATOR
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_that_something_has_moved_is_worth_another_try() {
        for code in ErrorCode::ALL {
            let moved = code.is_stale_metadata() || code.is_stale_coordinator();
            assert!(!moved || code.is_retriable(), "{code}");
        }
        assert_eq!(ErrorCode::NONE.check(), Ok(()));
        assert_eq!(
            ErrorCode::from_code(9999).check(),
            Err(ErrorCode::from_code(9999))
        );
    }
}
