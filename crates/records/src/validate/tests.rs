use super::*;
use crate::samples::{
    CODECS, NOW_MS, OwnedRecord, build, codec, header, raw, records, rules, three, with_header,
};
use crate::{BatchSpec, ErrorFamily, RecordBatchBuilder, decompress};
use proptest::prelude::*;

mod damaged;

fn validate(batch: &[u8], rules: &ProduceRules) -> Result<Verdict, BatchError> {
    validate_partition_data(batch, rules, &mut Scratch::new())
}

fn record(timestamp_ms: i64, key: Option<&str>) -> OwnedRecord {
    let key = key.map(|key| key.as_bytes().to_vec());
    OwnedRecord {
        timestamp_ms,
        key,
        value: Some(b"v".to_vec()),
        headers: Vec::new(),
    }
}

/// The batch that goes to the log, as the caller puts it together.
fn appended(batch: &[u8], verdict: &Verdict) -> Vec<u8> {
    match verdict {
        Verdict::AsIs(header) => [&header.to_bytes(), &batch[HEADER_LEN..]].concat(),
        Verdict::Rewritten { header, batch } => {
            assert_eq!(BatchHeader::parse(batch).as_ref(), Ok(header));
            batch.clone()
        }
    }
}

#[test]
fn a_sound_batch_passes_as_it_is_in_every_codec() {
    for codec in CODECS {
        let batch = raw(&three(), 3, codec);
        let header = BatchHeader::parse(&batch).unwrap();
        assert_eq!(
            validate(&batch, &rules()),
            Ok(Verdict::AsIs(header)),
            "{codec:?}"
        );
    }
}

#[test]
fn a_maximum_timestamp_that_is_not_true_is_corrected() {
    for codec in CODECS {
        let batch = with_header(&raw(&three(), 3, codec), |h| h.max_timestamp_ms += 500);
        let verdict = validate(&batch, &rules()).unwrap();
        assert_eq!(verdict.header().max_timestamp_ms, NOW_MS);
        assert_eq!(appended(&batch, &verdict), raw(&three(), 3, codec));
    }
}

#[test]
fn log_append_time_changes_the_header_alone() {
    let rules = ProduceRules {
        timestamp_type: TimestampType::LogAppendTime,
        ..rules()
    };
    // Times that create time would refuse.
    let records = [record(NOW_MS + (1 << 40), None), record(-1, None)];
    let batch = build(&records, BatchSpec::default());
    let verdict = validate(&batch, &rules).unwrap();
    let after = appended(&batch, &verdict);
    let view = BatchView::first(&after).unwrap();
    assert!(view.crc_matches());
    assert_eq!(view.header.max_timestamp_ms, NOW_MS);
    assert_eq!(view.header.base_timestamp_ms, NOW_MS + (1 << 40));
    assert_eq!(
        view.header.attributes.timestamp_type(),
        TimestampType::LogAppendTime
    );
}

#[test]
fn timestamps_out_of_bounds_are_refused_record_by_record() {
    let rules = ProduceRules {
        before_max_ms: 100,
        after_max_ms: 50,
        ..rules()
    };
    let times = [-100, -101, 50, 51, 0].map(|delta| record(NOW_MS + delta, None));
    for codec in CODECS {
        let batch = build(
            &times,
            BatchSpec {
                compression: codec,
                ..BatchSpec::default()
            },
        );
        let error = validate(&batch, &rules).unwrap_err();
        let refused: Vec<_> = error
            .record_issues()
            .iter()
            .map(|i| i.batch_index)
            .collect();
        assert_eq!(
            (error.family(), refused),
            (ErrorFamily::InvalidTimestamp, vec![1, 3])
        );
    }
    let none = build(&[record(-1, None)], BatchSpec::default());
    assert!(
        validate(&none, &rules).is_ok(),
        "−1 stands for no timestamp"
    );
}

#[test]
fn records_without_key_are_refused_on_a_compacted_topic() {
    let rules = ProduceRules {
        compacted_topic: true,
        ..rules()
    };
    let some = [
        record(NOW_MS, Some("k")),
        record(NOW_MS, None),
        record(NOW_MS, Some("")),
    ];
    for codec in CODECS {
        let batch = build(
            &some,
            BatchSpec {
                compression: codec,
                ..BatchSpec::default()
            },
        );
        let error = validate(&batch, &rules).unwrap_err();
        let issue = RecordIssue {
            batch_index: 1,
            reason: RecordIssueReason::NoKey,
        };
        assert_eq!(
            (error.family(), error.record_issues()),
            (ErrorFamily::InvalidRecord, &[issue][..])
        );
    }
    let both = [record(NOW_MS, None), record(NOW_MS + (1 << 40), Some("k"))];
    let error = validate(&build(&both, BatchSpec::default()), &rules).unwrap_err();
    assert_eq!(
        error.family(),
        ErrorFamily::InvalidTimestamp,
        "which goes before the missing key"
    );
}

#[test]
fn record_errors_are_bounded() {
    let rules = ProduceRules {
        compacted_topic: true,
        ..rules()
    };
    let batch = build(&vec![record(NOW_MS, None); 5_000], BatchSpec::default());
    let Err(BatchError::Rejected(issues)) = validate(&batch, &rules) else {
        panic!("every record is refused");
    };
    assert_eq!(
        (issues.total, issues.issues.len()),
        (5_000, crate::RECORD_ISSUES_MAX)
    );
}

#[test]
fn another_codec_of_the_topic_rewrites_the_batch_with_the_same_records() {
    for from in CODECS {
        for to in CODECS {
            let compression = TopicCompression::Codec {
                codec: to,
                level: None,
            };
            let rules = ProduceRules {
                compression,
                ..rules()
            };
            let batch = raw(&three(), 3, from);
            let verdict = validate(&batch, &rules).unwrap();
            assert_eq!(matches!(verdict, Verdict::AsIs(_)), from == to);
            let after = appended(&batch, &verdict);
            let view = BatchView::first(&after).unwrap();
            assert!(view.crc_matches() && view.bytes.len() == after.len());
            assert_eq!(view.header.attributes.compression(), Some(to));
            assert_eq!(decompress(to, view.payload(), 1000), Ok(three()));
        }
    }
}

#[test]
fn linked_lz4_blocks_which_java_does_not_read_pass_only_into_another_codec() {
    use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
    let frame = FrameInfo::new().block_mode(BlockMode::Linked);
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    std::io::Write::write_all(&mut encoder, &three()).unwrap();
    let payload = encoder.finish().unwrap();
    let batch = header(&payload, 3, Compression::Lz4).seal(&payload);
    let refused = validate(&batch, &rules()).unwrap_err();
    assert_eq!(refused.family(), ErrorFamily::InvalidRecord, "{refused}");
    let compression = TopicCompression::Codec {
        codec: Compression::Zstd,
        level: None,
    };
    assert!(
        validate(
            &batch,
            &ProduceRules {
                compression,
                ..rules()
            }
        )
        .is_ok()
    );
}

#[test]
fn a_batch_that_grows_beyond_the_limit_when_rewritten_is_too_large() {
    let compression = TopicCompression::Codec {
        codec: Compression::None,
        level: None,
    };
    let rules = ProduceRules {
        compression,
        max_batch_bytes: 5_000,
        ..rules()
    };
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        compression: Compression::Lz4,
        ..BatchSpec::default()
    });
    builder
        .append(NOW_MS, None, Some(&[7; 10_000]), &[])
        .unwrap();
    let error = validate(&builder.finish().unwrap(), &rules).unwrap_err();
    assert!(
        matches!(
            error,
            BatchError::TooLarge {
                max_bytes: 5_000,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn coordinators_may_write_markers_which_are_never_compressed() {
    let marker = crate::EndTxnMarker {
        outcome: crate::ControlType::Abort,
        coordinator_epoch: 1,
    };
    let producer = crate::BatchProducer {
        id: highwater_types::ProducerId(5),
        epoch: highwater_types::ProducerEpoch(0),
        base_sequence: -1,
    };
    let batch = RecordBatchBuilder::end_txn_marker(&marker, NOW_MS, producer).unwrap();
    let rules = ProduceRules {
        origin: AppendOrigin::Coordinator,
        compression: TopicCompression::Codec {
            codec: Compression::Zstd,
            level: None,
        },
        compacted_topic: true,
        ..rules()
    };
    assert!(matches!(validate(&batch, &rules), Ok(Verdict::AsIs(_))));
    let client = ProduceRules {
        origin: AppendOrigin::Client,
        ..rules
    };
    assert_eq!(validate(&batch, &client), Err(BatchError::ControlBatch));
}

#[test]
fn what_other_clients_leave_in_unused_fields_is_accepted() {
    let plain = raw(&three(), 3, Compression::None);
    let sound = [
        with_header(&plain, |h| h.attributes.0 |= 0x7f80_u16 as i16),
        with_header(&plain, |h| (h.producer_epoch.0, h.base_sequence) = (0, 0)),
        with_header(&plain, |h| h.partition_leader_epoch.0 = 77),
        with_header(&plain, |h| h.max_timestamp_ms = 0),
    ];
    for (index, batch) in sound.iter().enumerate() {
        assert!(validate(batch, &rules()).is_ok(), "{index}");
    }
}

#[test]
fn assigning_an_offset_leaves_the_checksum_true() {
    let batch = raw(&three(), 3, Compression::Lz4);
    let mut header = *validate(&batch, &rules()).unwrap().header();
    assign(&mut header, Offset(1 << 40), LeaderEpoch(6));
    let after = appended(&batch, &Verdict::AsIs(header));
    let view = BatchView::first(&after).unwrap();
    assert!(view.crc_matches());
    assert_eq!(view.header.last_offset(), Offset((1 << 40) + 2));
    assert_eq!(view.header.partition_leader_epoch, LeaderEpoch(6));
}

#[test]
fn a_bomb_is_refused_as_too_large_within_one_window() {
    // One record whose value is 64 MiB of zeroes.
    let value_len = 64 << 20;
    let mut body = vec![0, 0, 0, 1];
    crate::varint::put(&mut body, value_len);
    body.resize(body.len() + value_len as usize, 0);
    body.push(0);
    let records = crate::samples::framed(&body);
    for codec in &CODECS[1..] {
        let batch = raw(&records, 1, *codec);
        let mut scratch = Scratch::new();
        let rules = ProduceRules {
            max_batch_bytes: usize::MAX,
            ..rules()
        };
        let error = validate_produce(&batch, &rules, &mut scratch).unwrap_err();
        // The record says its length, which is more than may come out.
        assert_eq!(
            error.family(),
            ErrorFamily::MessageTooLarge,
            "{codec:?}: {error}"
        );
        assert!(
            scratch.buffer_bytes() <= 256 * 1024,
            "{codec:?} {}",
            scratch.buffer_bytes()
        );
        let roomy = ProduceRules {
            decompressed_bytes_max: 128 << 20,
            ..rules
        };
        assert!(
            validate_produce(&batch, &roomy, &mut scratch).is_ok(),
            "{codec:?}"
        );
        assert!(
            scratch.buffer_bytes() <= 256 * 1024,
            "{codec:?} {}",
            scratch.buffer_bytes()
        );
    }
}

proptest! {
    #[test]
    fn what_the_builder_makes_passes(records in records(), codec in codec(), to in codec()) {
        let batch = build(&records, BatchSpec { compression: codec, ..BatchSpec::default() });
        let found = validate(&batch, &rules()).unwrap();
        prop_assert_eq!(found, Verdict::AsIs(BatchHeader::parse(&batch).unwrap()));
        let compression = TopicCompression::Codec { codec: to, level: None };
        let rewritten = validate(&batch, &ProduceRules { compression, ..rules() }).unwrap();
        let after = appended(&batch, &rewritten);
        prop_assert!(BatchView::first(&after).unwrap().crc_matches());
        prop_assert_eq!(rewritten.header().record_count as usize, records.len());
    }

    #[test]
    fn arbitrary_records_under_a_true_checksum_never_pass_unread(
        bytes in proptest::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..80),
        count in 1..4,
        codec in codec(),
    ) {
        let sound = crate::Records::new(&bytes, count)
            .enumerate()
            .all(|(index, record)| record.is_ok_and(|r| {
                let late = r.timestamp_delta > 3_600_000 && NOW_MS + r.timestamp_delta != -1;
                r.offset_delta as usize == index && !late
            }));
        let verdict = validate(&raw(&bytes, count, codec), &rules());
        prop_assert_eq!(verdict.is_ok(), sound, "{:?}", verdict);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, payload: Vec<u8>, codec in codec()) {
        prop_assert!(validate(&bytes, &rules()).is_err());
        let compressed = header(&payload, 2, codec).seal(&payload);
        let _ = validate(&compressed, &rules());
    }

    #[test]
    fn a_restamped_checksum_is_that_of_the_bytes(payload: Vec<u8>, max: i64, attributes: i16) {
        let before = header(&payload, 1, Compression::None);
        let batch = before.seal(&payload);
        let before = BatchHeader::parse(&batch).unwrap();
        let after = BatchHeader {
            max_timestamp_ms: max,
            attributes: crate::Attributes(attributes),
            ..before
        };
        let whole = [&after.to_bytes(), &payload[..]].concat();
        prop_assert_eq!(restamped_crc(&before, &after), crc_of(&whole));
    }
}
