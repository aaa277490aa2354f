use super::*;

#[test]
fn codes_follow_each_other_without_a_gap() {
    assert_eq!(ErrorCode::ALL.len(), ENTRIES.len());
    for (index, error) in ErrorCode::ALL.iter().enumerate() {
        assert_eq!(
            usize::try_from(error.code() - FIRST_CODE),
            Ok(index),
            "{error}"
        );
    }
}

#[test]
fn names_and_retriability_are_those_of_kafka() {
    let rows = [
        (-1, "UNKNOWN_SERVER_ERROR", false),
        (0, "NONE", false),
        (1, "OFFSET_OUT_OF_RANGE", false),
        (2, "CORRUPT_MESSAGE", true),
        (6, "NOT_LEADER_OR_FOLLOWER", true),
        (35, "UNSUPPORTED_VERSION", false),
        (41, "NOT_CONTROLLER", true),
        (56, "KAFKA_STORAGE_ERROR", true),
        (77, "STALE_BROKER_EPOCH", false),
        (100, "UNKNOWN_TOPIC_ID", true),
        (103, "INCONSISTENT_TOPIC_ID", true),
        (110, "FENCED_MEMBER_EPOCH", false),
        (129, "REBOOTSTRAP_REQUIRED", false),
        (133, "SHARE_SESSION_LIMIT_REACHED", true),
    ];
    for (code, name, retriable) in rows {
        let error = ErrorCode::from_code(code);
        assert_eq!((error.name(), error.is_retriable()), (name, retriable));
        assert_eq!(error.to_string(), name);
        assert!(!error.message().is_empty());
    }
}

#[test]
fn a_code_of_a_newer_broker_survives() {
    for code in [134, i16::MAX, -2, i16::MIN] {
        let error = ErrorCode::from_code(code);
        assert_eq!(error.code(), code);
        assert!(error.is_error());
        assert!(!error.is_retriable());
        assert_eq!(error.to_string(), format!("UNRECOGNIZED({code})"));
    }
}
