use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::consumer_protocol_assignment as assignment;
use kafka_protocol::messages::consumer_protocol_subscription as subscription;
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::*;

fn topic() -> TopicName {
    TopicName(StrBytes::from_static_str("topic"))
}

fn subscription(version: i16) -> ConsumerProtocolSubscription {
    let mut message = ConsumerProtocolSubscription::default()
        .with_topics(vec![topic().0, StrBytes::from_static_str("other")])
        .with_user_data(Some(Bytes::from_static(b"user")));
    if version >= 1 {
        let owned = subscription::TopicPartition::default()
            .with_topic(topic())
            .with_partitions(vec![1, 2, 3]);
        message.owned_partitions = vec![owned];
    }
    if version >= 2 {
        message.generation_id = 9;
    }
    if version >= 3 {
        message.rack_id = Some(StrBytes::from_static_str("rack"));
    }
    message
}

fn assignment() -> ConsumerProtocolAssignment {
    let assigned = assignment::TopicPartition::default()
        .with_topic(topic())
        .with_partitions(vec![4, 5]);
    ConsumerProtocolAssignment::default()
        .with_assigned_partitions(vec![assigned])
        .with_user_data(None)
}

/// What a client would send: the version, then the message as of a version that is known.
fn versioned<M: Encodable>(named: i16, version: i16, message: &M) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(named);
    message.encode(&mut out, version).unwrap();
    out.freeze()
}

#[test]
fn every_version_is_read() {
    for version in 0..=VERSION_MAX {
        let message = subscription(version);
        let bytes = versioned(version, version, &message);
        assert_eq!(decode_subscription(&bytes).unwrap(), message, "v{version}");
        let bytes = versioned(version, version, &assignment());
        assert_eq!(
            decode_assignment(&bytes).unwrap(),
            assignment(),
            "v{version}"
        );
    }
}

#[test]
fn a_later_version_is_read_as_the_latest_known() {
    let mut bytes = versioned(40, VERSION_MAX, &subscription(VERSION_MAX)).to_vec();
    bytes.extend(b"fields of the future");
    let read = decode_subscription(&bytes.into()).unwrap();
    assert_eq!(read, subscription(VERSION_MAX));
}

#[test]
fn without_a_version_nothing_is_read() {
    for bytes in [&b""[..], b"\0", b"\xff\xff\0\0\0\0", b"\x80\0"] {
        let refused = decode_assignment(&Bytes::from_static(bytes));
        assert!(matches!(refused, Err(ConsumerProtocolError::NoVersion)));
    }
}

#[test]
fn every_truncation_and_every_inflated_count_is_refused() {
    let whole = versioned(3, 3, &subscription(3));
    for len in 0..whole.len() {
        assert!(
            decode_subscription(&whole.slice(..len)).is_err(),
            "cut to {len}"
        );
    }
    let whole = versioned(1, 1, &assignment());
    for len in 0..whole.len() {
        assert!(
            decode_assignment(&whole.slice(..len)).is_err(),
            "cut to {len}"
        );
    }
    // The count of topics, and the count of partitions of the one topic.
    for at in [2, 13] {
        let mut inflated = whole.to_vec();
        inflated[at..at + 4].copy_from_slice(&i32::MAX.to_be_bytes());
        let refused = decode_assignment(&inflated.into());
        let too_long = matches!(
            refused,
            Err(ConsumerProtocolError::Shape(
                ShapeError::ArrayTooLong { .. }
            ))
        );
        assert!(too_long, "{refused:?}");
    }
}
