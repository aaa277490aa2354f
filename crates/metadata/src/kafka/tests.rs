//! Frames as Apache Kafka 4.3 wrote them, and what they amount to.

use proptest::prelude::*;

use super::*;
use highwater_types::{BrokerId, TopicId};

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// In the order of a log; one topic with two partitions stays, one is deleted.
const LOG: &[&str] = &[
    "01170001001212426f6f747374726170207265636f726473",
    "010c00116d657461646174612e76657273696f6e001e00",
    "0104000401146d696e2e696e73796e632e7265706c69636173023100",
    "01180000",
    "01140000",
    "011b0000000001be8c57fc3b474b7a9e8de7c950c5196800020b434f4e54524f4c4c45520a3132372e302e302e315071000000080e67726f75702e76657273696f6e00000001000e6b726166742e76657273696f6e0000000100116d657461646174612e76657273696f6e0007001e000e73686172652e76657273696f6e00000001001073747265616d732e76657273696f6e0000000100147472616e73616374696f6e2e76657273696f6e000000020021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e000000010000",
    "0100040000000100e032a136df784bb3b1797604b6963019000000000000000d020a504c41494e544558540a3132372e302e302e315070000000081073747265616d732e76657273696f6e00000001000e67726f75702e76657273696f6e00000001000e6b726166742e76657273696f6e00000001000e73686172652e76657273696f6e0000000100116d657461646174612e76657273696f6e0007001e0021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e0000000100147472616e73616374696f6e2e76657273696f6e000000020000010001001102c302d283ae6fbe9d83532fd6ed26f605",
    "01110300000001000000000000000d01030101",
    "01020004612e626bc02dcd2fb14b12bce42ded29f94f5500",
    "010302000000006bc02dcd2fb14b12bce42ded29f94f5502000000010200000001010100000001000000000000000002c302d283ae6fbe9d83532fd6ed26f60500",
    "010302000000016bc02dcd2fb14b12bce42ded29f94f5502000000010200000001010100000001000000000000000002c302d283ae6fbe9d83532fd6ed26f60500",
    "01020005676f6e65c040082338ab4e1683c88de9a54dd4ae00",
    "01030200000000c040082338ab4e1683c88de9a54dd4ae02000000010200000001010100000001000000000000000002c302d283ae6fbe9d83532fd6ed26f60500",
    "010900c040082338ab4e1683c88de9a54dd4ae00",
    "010f0000000001000000000000000d00000000000003e800",
    "010502000000006bc02dcd2fb14b12bce42ded29f94f55040001010104ffffffff0605020000000107050200000001",
];

fn image_of(frames: &[&str]) -> KafkaImage {
    let mut image = KafkaImage::new();
    for frame in frames {
        let record = KafkaRecord::decode(&bytes(frame)).unwrap_or_else(|e| panic!("{frame}: {e}"));
        image.apply(record).unwrap();
    }
    image
}

#[test]
fn what_kafka_wrote_is_read() {
    let image = image_of(LOG);
    let topics: Vec<_> = image.topics().collect();
    let [topic] = &topics[..] else {
        panic!("{topics:?}");
    };
    assert_eq!(topic.name.as_str(), "a.b");
    assert_eq!(topic.id.to_string(), "a8AtzS-xSxK85C3tKflPVQ");
    assert!(topic.is_whole());
    let first = &topic.partitions[&0];
    assert_eq!(first.replicas, [BrokerId(1)]);
    assert_eq!(
        (first.leader, first.leader_epoch, first.partition_epoch),
        (BrokerId(-1), 1, 1)
    );
    let second = &topic.partitions[&1];
    assert_eq!((second.leader, second.leader_epoch), (BrokerId(1), 0));
    assert_eq!(image.next_producer_id(), 1000);
    assert_eq!(image.features()["metadata.version"], 30);
    let configs: Vec<_> = image.configs().collect();
    let [(4, "", keys)] = &configs[..] else {
        panic!("{configs:?}");
    };
    assert_eq!(keys["min.insync.replicas"], "1");
    assert!(image.brokers().contains(&BrokerId(1)));
    assert!(image.unsupported().is_empty());
}

#[test]
fn every_frame_that_is_cut_or_longer_is_refused_where_its_end_is_read() {
    for frame in LOG {
        let whole = bytes(frame);
        // Of these only the first field is of use, and what follows is not read.
        if [0, 17, 20, 27].contains(&whole[1]) {
            continue;
        }
        for len in 0..whole.len() {
            assert!(
                KafkaRecord::decode(&whole[..len]).is_err(),
                "{frame} cut to {len}"
            );
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(
            KafkaRecord::decode(&longer),
            Err(KafkaDecodeError::TrailingBytes(1))
        );
    }
}

#[test]
fn what_a_newer_kafka_writes_is_named_and_not_guessed() {
    let cases = [
        ("021400", KafkaDecodeError::FrameVersion(2)),
        ("016300", KafkaDecodeError::UnknownType(99)),
        (
            "010303",
            KafkaDecodeError::UnknownVersion {
                kind: 3,
                version: 3,
            },
        ),
        (
            "010201",
            KafkaDecodeError::UnknownVersion {
                kind: 2,
                version: 1,
            },
        ),
    ];
    for (frame, expected) in cases {
        assert_eq!(KafkaRecord::decode(&bytes(frame)), Err(expected), "{frame}");
    }
}

#[test]
fn a_transaction_counts_when_it_ends_and_not_when_it_is_aborted_or_left_open() {
    let topic = LOG[8];
    let (begin, end, abort) = ("01170000", "01180000", "01190000");
    assert_eq!(image_of(&[begin, topic, end]).topics().count(), 1);
    assert_eq!(image_of(&[begin, topic, abort]).topics().count(), 0);
    assert_eq!(image_of(&[begin, topic]).topics().count(), 0);
    for disorder in [&[end][..], &[abort], &[begin, begin]] {
        let mut image = KafkaImage::new();
        let mut records = disorder
            .iter()
            .map(|frame| KafkaRecord::decode(&bytes(frame)).unwrap());
        let outcome = records.try_for_each(|record| image.apply(record));
        assert_eq!(outcome, Err(KafkaApplyError::Transactions), "{disorder:?}");
    }
}

#[test]
fn configuration_and_quotas_are_set_and_taken_away() {
    // A quota of the default user, then its removal.
    let set = "010e0002057573657200000000";
    let quota = |removed: bool| {
        let mut frame = vec![1, 14, 0, 2, 5];
        frame.extend(b"user");
        frame.extend([0, 0, 4]);
        frame.extend(b"key");
        frame.extend(1.5_f64.to_be_bytes());
        frame.extend([u8::from(removed), 0]);
        KafkaRecord::decode(&frame).unwrap()
    };
    assert!(KafkaRecord::decode(&bytes(set)).is_err());
    let mut image = KafkaImage::new();
    image.apply(quota(false)).unwrap();
    let quotas: Vec<_> = image.quotas().collect();
    assert_eq!(quotas, [(&[("user".to_owned(), None)][..], "key", 1.5)]);
    image.apply(quota(true)).unwrap();
    assert_eq!(image.quotas().count(), 0);
    let config = |value: Option<&str>| KafkaRecord::Config {
        kind: 2,
        resource: "t".to_owned(),
        key: "k".to_owned(),
        value: value.map(str::to_owned),
    };
    image.apply(config(Some("v"))).unwrap();
    assert_eq!(image.topic_config("t").unwrap()["k"], "v");
    image.apply(config(None)).unwrap();
    assert_eq!(image.topic_config("t"), None);
}

#[test]
fn what_cannot_be_is_refused() {
    let topic = KafkaRecord::decode(&bytes(LOG[8])).unwrap();
    let mut image = KafkaImage::new();
    image.apply(topic.clone()).unwrap();
    assert!(matches!(
        image.apply(topic),
        Err(KafkaApplyError::DuplicateTopic { .. })
    ));
    let unknown = TopicId([9; 16]);
    assert_eq!(
        image.apply(KafkaRecord::RemoveTopic(unknown)),
        Err(KafkaApplyError::UnknownTopic(unknown))
    );
    let mut partition = match KafkaRecord::decode(&bytes(LOG[9])).unwrap() {
        KafkaRecord::Partition(partition) => partition,
        other => panic!("{other:?}"),
    };
    for index in [-1, highwater_types::limits::PARTITIONS_PER_TOPIC_MAX] {
        partition.partition = index;
        let refused = image.apply(KafkaRecord::Partition(partition.clone()));
        assert!(
            matches!(refused, Err(KafkaApplyError::InvalidPartition(..))),
            "{index}"
        );
    }
    partition.partition = 1;
    image.apply(KafkaRecord::Partition(partition)).unwrap();
    assert!(
        !image.topics().all(KafkaTopic::is_whole),
        "partition 0 is missing"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), kind in 0..30_u8) {
        let mut frame = vec![1, kind, 0];
        frame.extend(bytes);
        if let Ok(record) = KafkaRecord::decode(&frame) {
            let _ = KafkaImage::new().apply(record);
        }
    }
}
