use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsPartition;
use kafka_protocol::protocol::StrBytes;

use super::*;

fn response() -> DescribeLogDirsResponse {
    let partition = DescribeLogDirsPartition::default()
        .with_partition_index(3)
        .with_partition_size(1 << 40)
        .with_offset_lag(7)
        .with_is_future_key(true);
    let topic = DescribeLogDirsTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("a-topic")))
        .with_partitions(vec![partition]);
    let dir = |path: &'static str| {
        DescribeLogDirsResult::default()
            .with_log_dir(StrBytes::from_static_str(path))
            .with_total_bytes(99)
            .with_usable_bytes(55)
    };
    DescribeLogDirsResponse::default()
        .with_throttle_time_ms(4)
        .with_results(vec![
            dir("/data").with_topics(vec![topic]),
            dir("/lost").with_error_code(56),
        ])
}

fn frame(api_version: i16) -> Vec<u8> {
    let mut out = BytesMut::from(&b"before"[..]);
    encode(api_version, 12, &response(), &mut out).unwrap();
    assert_eq!(&out[..6], b"before");
    out[6..].to_vec()
}

#[test]
fn version_5_is_version_4_and_a_byte_for_each_directory() {
    let (old, new) = (frame(4), frame(5));
    assert_eq!(new.len(), old.len() + 2);
    // Behind the room of each directory, in front of its tagged fields.
    let usable = 55_i64.to_be_bytes();
    let mut expected = Vec::new();
    let mut rest = &old[4..];
    while let Some(at) = rest.windows(8).position(|window| window == usable) {
        expected.extend_from_slice(&rest[..at + 8]);
        expected.push(0);
        rest = &rest[at + 8..];
    }
    expected.extend_from_slice(rest);
    assert_eq!(new[4..], expected);
    assert_eq!(new[..4], (expected.len() as i32).to_be_bytes());
}

#[test]
fn a_version_that_is_not_served_leaves_nothing() {
    let mut out = BytesMut::from(&b"before"[..]);
    assert!(encode(6, 12, &response(), &mut out).is_err());
    assert_eq!(&out[..], b"before");
}
