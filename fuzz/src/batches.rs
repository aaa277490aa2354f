//! Record batches, as producers send them and as a damaged disk gives them back.

use highwater_records::{
    AppendOrigin, BatchView, CRC_COVERED_FROM, Compression, HEADER_LEN, ProduceRules, RecordStream,
    Scanned, Scratch, TimestampType, TopicCompression, Verdict, batches, crc_of, scan,
    validate_partition_data,
};

/// Most bytes to which a batch may decompress here; less than the broker allows, so that many
/// inputs are tried in a second.
pub const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

/// The checksum stands right before what it covers.
const CRC_AT: usize = CRC_COVERED_FROM - 4;

/// Reads the batches as they are, and again with a true checksum, without which no damage
/// would ever get past the header.
pub fn run(data: &[u8]) {
    let mut scratch = Scratch::new();
    read(data, &mut scratch);
    if data.len() >= HEADER_LEN {
        let mut mended = data.to_vec();
        let crc = crc_of(&mended);
        mended[CRC_AT..CRC_COVERED_FROM].copy_from_slice(&crc.to_be_bytes());
        read(&mended, &mut scratch);
    }
}

fn read(data: &[u8], scratch: &mut Scratch) {
    validate(data, TopicCompression::Producer, scratch);
    let codec = TopicCompression::Codec {
        codec: Compression::Lz4,
        level: None,
    };
    validate(data, codec, scratch);
    if let Scanned::Valid(header) = scan(data) {
        assert!(header.total_len() <= data.len());
    }
    for batch in batches(data) {
        let Ok(batch) = batch else { return };
        let whole = batch
            .records(scratch, DECOMPRESSED_BYTES_MAX)
            .is_ok_and(|records| records.into_iter().all(|record| record.is_ok()));
        let streamed = stream(&batch, scratch);
        // Reading a batch at once is for batches that were validated, streaming is how they
        // are: what the stricter of the two accepts the other must read.
        assert!(whole || !streamed, "streamed but not readable as a whole");
    }
}

fn stream(batch: &BatchView<'_>, scratch: &mut Scratch) -> bool {
    let Ok(mut stream) = RecordStream::new(batch, scratch, DECOMPRESSED_BYTES_MAX) else {
        return false;
    };
    for _ in 0..batch.header.record_count {
        if stream.next_head().is_err() {
            return false;
        }
    }
    stream.finish().is_ok()
}

/// What the broker accepts from a producer is whole, true to its checksum, and readable.
fn validate(data: &[u8], compression: TopicCompression, scratch: &mut Scratch) {
    let rules = ProduceRules {
        max_batch_bytes: DECOMPRESSED_BYTES_MAX,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        now_ms: 0,
        compacted_topic: false,
        compression,
        origin: AppendOrigin::Client,
        decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
    };
    let Ok(verdict) = validate_partition_data(data, &rules, scratch) else {
        return;
    };
    let accepted = match verdict {
        Verdict::AsIs(header) => {
            let mut batch = header.to_bytes().to_vec();
            batch.extend_from_slice(&data[HEADER_LEN..]);
            batch
        }
        Verdict::Rewritten { batch, .. } => batch,
    };
    assert!(
        matches!(scan(&accepted), Scanned::Valid(_)),
        "accepted with a false checksum"
    );
    let batch = BatchView::first(&accepted).expect("what was accepted is a batch");
    assert!(stream(&batch, scratch), "accepted but not readable");
}
