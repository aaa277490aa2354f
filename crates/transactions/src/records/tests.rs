//! Records against bytes that follow from Kafka's schema by hand, and against themselves.

use highwater_types::{PartitionIndex, ProducerEpoch, ProducerId, TopicName, TopicPartition};
use proptest::prelude::*;

use super::*;
use crate::ids::{Producer, TransactionVersion, TransactionalId};
use crate::partition_set::PartitionSet;

const TV_0: TransactionVersion = TransactionVersion::TV_0;
const TV_1: TransactionVersion = TransactionVersion::TV_1;
const TV_2: TransactionVersion = TransactionVersion::TV_2;

/// Digits of bytes; blanks are for the eye.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn partitions(names: &[&str]) -> PartitionSet {
    let parse = |name: &&str| TopicPartition::from_dir_name(name).unwrap();
    names.iter().map(parse).collect()
}

fn ongoing() -> TransactionValue {
    TransactionValue {
        producer: Producer {
            id: ProducerId(1_000),
            epoch: ProducerEpoch(5),
        },
        previous_producer_id: ProducerId::NONE,
        next_producer_id: ProducerId::NONE,
        timeout_ms: 60_000,
        state: TransactionState::Ongoing,
        partitions: partitions(&["a-0", "a-2", "bc-7"]),
        last_update_ms: 1_700_000_000_123,
        start_ms: 1_700_000_000_000,
        client_version: TV_0,
    }
}

fn empty() -> TransactionValue {
    TransactionValue {
        state: TransactionState::Empty,
        partitions: PartitionSet::default(),
        start_ms: -1,
        ..ongoing()
    }
}

/// At the end of a producer id: everything is there.
fn exhausted() -> TransactionValue {
    TransactionValue {
        producer: Producer {
            id: ProducerId(1_000),
            epoch: ProducerEpoch(i16::MAX),
        },
        previous_producer_id: ProducerId(1_000),
        next_producer_id: ProducerId(2_000),
        state: TransactionState::PrepareCommit,
        client_version: TV_2,
        ..ongoing()
    }
}

const ONGOING_V0: &str = "0000 00000000000003e8 0005 0000ea60 01 \
    00000002 0001 61 00000002 00000000 00000002 0002 6263 00000001 00000007 \
    0000018bcfe5687b 0000018bcfe56800";
const EMPTY_V0: &str = "0000 00000000000003e8 0005 0000ea60 00 ffffffff \
    0000018bcfe5687b ffffffffffffffff";
const ONGOING_V1: &str = "0001 00000000000003e8 0005 0000ea60 01 \
    03 02 61 03 00000000 00000002 00 03 6263 02 00000007 00 \
    0000018bcfe5687b 0000018bcfe56800 00";
const EMPTY_V1: &str = "0001 00000000000003e8 0005 0000ea60 00 00 \
    0000018bcfe5687b ffffffffffffffff 00";
const EXHAUSTED_V1: &str = "0001 00000000000003e8 7fff 0000ea60 02 \
    03 02 61 03 00000000 00000002 00 03 6263 02 00000007 00 \
    0000018bcfe5687b 0000018bcfe56800 \
    03 00 08 00000000000003e8 01 08 00000000000007d0 02 02 0002";

#[test]
fn values_are_read_and_written_as_kafka_writes_them() {
    let table = [
        (ONGOING_V0, TV_0, ongoing()),
        (EMPTY_V0, TV_0, empty()),
        (ONGOING_V1, TV_1, ongoing()),
        (EMPTY_V1, TV_2, empty()),
        (EXHAUSTED_V1, TV_2, exhausted()),
    ];
    for (bytes, cluster, value) in table {
        assert_eq!(value.encode(cluster), hex(bytes), "{bytes}");
        assert_eq!(TransactionValue::decode(&hex(bytes)), Ok(value), "{bytes}");
    }
}

#[test]
fn a_completed_transaction_has_an_empty_list_and_not_none() {
    let value = TransactionValue {
        state: TransactionState::CompleteAbort,
        partitions: PartitionSet::default(),
        ..ongoing()
    };
    let v0 = "0000 00000000000003e8 0005 0000ea60 05 00000000 0000018bcfe5687b 0000018bcfe56800";
    let v1 = "0001 00000000000003e8 0005 0000ea60 05 01 0000018bcfe5687b 0000018bcfe56800 00";
    assert_eq!(value.encode(TV_0), hex(v0));
    assert_eq!(value.encode(TV_1), hex(v1));
}

#[test]
fn version_0_leaves_out_the_previous_producer_id_and_nothing_else() {
    let value = TransactionValue {
        previous_producer_id: ProducerId(999),
        ..ongoing()
    };
    assert_eq!(value.encode(TV_0), hex(ONGOING_V0));
    assert_eq!(exhausted().encode(TV_0), hex(EXHAUSTED_V1));
}

#[test]
fn fields_of_later_versions_of_kafka_are_passed_over() {
    let later = format!("{} 01 03 02 0007", ONGOING_V1.strip_suffix(" 00").unwrap());
    assert_eq!(TransactionValue::decode(&hex(&later)), Ok(ongoing()));
    let null_list = EMPTY_V1.replace("0000ea60 00 00", "0000ea60 04 00");
    let read = TransactionValue::decode(&hex(&null_list)).unwrap();
    assert_eq!(
        (read.state, read.partitions.len()),
        (TransactionState::CompleteCommit, 0)
    );
}

#[test]
fn keys_are_read_and_written_as_kafka_writes_them() {
    let id = TransactionalId::from("tx-1");
    let bytes = hex("0000 0004 74782d31");
    assert_eq!(RecordKey::encode(&id), bytes);
    assert_eq!(RecordKey::decode(&bytes), Ok(RecordKey::Transaction(id)));
    let other = RecordKey::Other { record_type: 3 };
    assert_eq!(RecordKey::decode(&hex("0003 ff")), Ok(other));
}

#[test]
fn states_have_the_codes_and_names_of_kafka() {
    let names = [
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
        "PrepareEpochFence",
    ];
    for (code, name) in names.into_iter().enumerate() {
        let state = TransactionState::from_code(code as i8).unwrap();
        assert_eq!((state.code() as usize, state.name()), (code, name));
        assert_eq!(TransactionState::from_name(name), Some(state));
    }
    assert_eq!(TransactionState::from_name("ongoing"), None);
    for code in [-1, 8, i8::MAX] {
        let expected = Err(Malformed::State { code });
        assert_eq!(TransactionState::from_code(code), expected);
    }
}

#[test]
fn what_cannot_be_a_record_is_an_error_that_says_why() {
    let cut = |text: &str, from: &str, to: &str| {
        TransactionValue::decode(&hex(&text.replacen(from, to, 1)))
            .map_err(|error| error.to_string())
    };
    let table = [
        (
            cut(ONGOING_V0, "0000 ", "0002 "),
            "the value has the unknown version 2",
        ),
        (
            cut(ONGOING_V0, " 01 ", " 09 "),
            "there is no state with the code 9",
        ),
        (
            cut(ONGOING_V0, "00000002 0001", "7fffffff 0001"),
            "partitions ends after 43 of 6442450941 bytes",
        ),
        (
            cut(ONGOING_V0, "61 00000002", "61 40000000"),
            "partition ids ends after 36 of 4294967296 bytes",
        ),
        (
            cut(ONGOING_V0, "00000002 0001", "fffffffe 0001"),
            "partitions has the length -2",
        ),
        (
            cut(ONGOING_V0, "0001 61", "ffff 61"),
            "topic has the length -1",
        ),
        (cut(ONGOING_V0, "0001 61", "0001 ff"), "topic is not UTF-8"),
        (
            cut(ONGOING_V1, "01 03", "01 ffffffffff"),
            "the length of partitions has more than five bytes",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, Err(expected.to_owned()));
    }
    let slash = TransactionValue::decode(&hex(&ONGOING_V0.replacen("61", "2f", 1)));
    assert!(matches!(slash, Err(Malformed::Topic(_))), "{slash:?}");
}

#[test]
fn a_record_reads_as_one_line() {
    let key = RecordKey::encode(&"tx".into());
    let table = [
        (
            Some(exhausted().encode(TV_2)),
            "Transaction id=tx PrepareCommit producer=1000/32767 previous=1000 next=2000 \
             timeout_ms=60000 last_update_ms=1700000000123 start_ms=1700000000000 \
             client_version=2 partitions=[a-0,a-2,bc-7]",
        ),
        (
            Some(empty().encode(TV_0)),
            "Transaction id=tx Empty producer=1000/5 timeout_ms=60000 \
             last_update_ms=1700000000123",
        ),
        (None, "Transaction id=tx deleted"),
        (
            Some(bytes::Bytes::from_static(&[0])),
            "Transaction id=tx damaged: version ends after 1 of 2 bytes",
        ),
    ];
    for (value, expected) in table {
        let line = describe_record(&key, value.as_deref());
        assert_eq!(line.as_deref(), Some(expected));
    }
    assert_eq!(describe_record(&hex("0003"), None), None);
    let damaged = describe_record(&hex("0000 0004 74"), None);
    let expected = "damaged: transactional id ends after 1 of 4 bytes";
    assert_eq!(damaged.as_deref(), Some(expected));
}

prop_compose! {
    pub(crate) fn any_value()(
        (id, epoch) in (any::<i64>(), any::<i16>()),
        (previous, next) in (-1..i64::MAX, -1..i64::MAX),
        timeout_ms: i32,
        code in 0..8_i8,
        listed in proptest::collection::vec(("[a-z._-]{1,9}x", any::<i32>()), 0..8),
        (last_update_ms, start_ms) in (any::<i64>(), any::<i64>()),
        client_version: i16,
    ) -> TransactionValue {
        let state = TransactionState::from_code(code).unwrap();
        let mut partitions = PartitionSet::default();
        if state != TransactionState::Empty {
            for (topic, partition) in listed {
                partitions.insert(TopicName::new(&topic).unwrap(), PartitionIndex(partition));
            }
        }
        TransactionValue {
            producer: Producer { id: ProducerId(id), epoch: ProducerEpoch(epoch) },
            previous_producer_id: ProducerId(previous),
            next_producer_id: ProducerId(next),
            timeout_ms,
            state,
            partitions,
            last_update_ms,
            start_ms,
            client_version: TransactionVersion(client_version),
        }
    }
}

proptest! {
    #[test]
    fn a_value_survives_its_bytes(value in any_value()) {
        prop_assert_eq!(TransactionValue::decode(&value.encode(TV_1)), Ok(value.clone()));
        let old = TransactionValue {
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            client_version: TV_0,
            ..value
        };
        prop_assert_eq!(TransactionValue::decode(&old.encode(TV_0)), Ok(old));
    }

    #[test]
    fn a_cut_value_is_an_error(value in any_value(), cluster in 0..2_i16, at: prop::sample::Index) {
        let bytes = value.encode(TransactionVersion(cluster));
        prop_assert!(TransactionValue::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn damaged_values_never_panic(
        value in any_value(),
        cluster in 0..2_i16,
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = value.encode(TransactionVersion(cluster)).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = TransactionValue::decode(&bytes);
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(key: Vec<u8>, value: Vec<u8>) {
        let _ = RecordKey::decode(&key);
        let _ = TransactionValue::decode(&value);
        let _ = describe_record(&key, Some(&value));
    }
}
