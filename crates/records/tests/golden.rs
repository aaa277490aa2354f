//! Batches as real clients make them are accepted and read.
//!
//! The programs beside them made them, the same three records in every codec: kafka-python 3.0,
//! librdkafka 2.x, the Java client 4.3, sarama 1.61 and segmentio/kafka-go 0.4.

use std::path::Path;

use highwater_records::{
    AppendOrigin, ProduceRules, RecordView, Scratch, TimestampType, TopicCompression, Verdict,
    only_batch, validate_partition_data,
};

const CLIENTS: [&str; 5] = ["java", "kafka-python", "librdkafka", "sarama", "segmentio"];
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

fn rules(now_ms: i64) -> ProduceRules {
    ProduceRules {
        max_batch_bytes: 1 << 20,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        now_ms,
        compacted_topic: false,
        compression: TopicCompression::Producer,
        origin: AppendOrigin::Client,
        decompressed_bytes_max: 1 << 20,
    }
}

fn check(records: &[RecordView<'_>]) {
    let golden = b"golden ".repeat(2000);
    let expected = [
        (Some(&b"key"[..]), Some(&golden[..])),
        (Some(&b"tombstone"[..]), None),
        (None, Some(&b""[..])),
    ];
    let found: Vec<_> = records
        .iter()
        .map(|record| (record.key, record.value))
        .collect();
    assert_eq!(found, expected);
    let headers: Vec<_> = records[0]
        .headers
        .iter()
        .map(|h| (h.key, h.value))
        .collect();
    let value = |bytes| Some(bytes);
    assert_eq!(
        headers,
        [
            (&b"h"[..], value(&b"1"[..])),
            (b"h", value(b"2")),
            (b"empty", value(b""))
        ]
    );
}

#[test]
fn batches_of_real_clients_are_accepted_as_they_are_and_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for client in CLIENTS {
        for codec in CODECS {
            let name = format!("{client}-{codec}.batch");
            let bytes = std::fs::read(directory.join(&name)).expect(&name);
            let batch = only_batch(&bytes).expect(&name);
            let rules = rules(batch.header.base_timestamp_ms);
            let verdict = validate_partition_data(&bytes, &rules, &mut Scratch::new());
            assert_eq!(verdict, Ok(Verdict::AsIs(batch.header)), "{name}");
            let found = batch
                .header
                .attributes
                .compression()
                .map(|codec| codec.name());
            assert_eq!(found, Some(codec), "{name}");
            let mut scratch = Scratch::new();
            let records = batch.records(&mut scratch, 1 << 20).expect(&name);
            check(&records.collect::<Result<Vec<_>, _>>().expect(&name));
        }
    }
}
