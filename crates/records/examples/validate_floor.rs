//! What validation costs beside the plain checksum, per gigabyte of records.
//!
//! `cargo run --release -p highwater-records --example validate_floor`
//!
//! The checksum has to be computed anyway, so it is the floor. Records are half text that
//! compresses and half noise that does not.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use highwater_records::{
    AppendOrigin, BatchSpec, BuildError, Compression, ProduceRules, RecordBatchBuilder, Scratch,
    TimestampType, TopicCompression, crc_of, validate_produce,
};

const TIME_PER_ROW: Duration = Duration::from_millis(400);
const BATCH_BYTES: usize = 64 * 1024;

fn noise(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 24) as u8
}

/// A batch of values of this size, and the bytes of its values.
fn batch(value_bytes: usize, compression: Compression) -> Result<(Vec<u8>, usize), BuildError> {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let spec = BatchSpec {
        compression,
        ..BatchSpec::default()
    };
    let mut builder = RecordBatchBuilder::new(spec);
    let mut bytes = 0;
    while builder.size_bytes() < BATCH_BYTES {
        let text = b"{\"user\":\"highwater\",\"action\":\"append\",\"ok\":true}";
        let value: Vec<u8> = (0..value_bytes)
            .map(|at| {
                if at < value_bytes / 2 {
                    text[at % text.len()]
                } else {
                    noise(&mut state)
                }
            })
            .collect();
        builder.append(
            1_000 + bytes as i64 / 1_000,
            Some(b"key-0000"),
            Some(&value),
            &[],
        )?;
        bytes += value_bytes;
    }
    Ok((builder.finish()?, bytes))
}

/// Fastest of many rounds, in nanoseconds: the machine is shared.
fn fastest(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = f64::MAX;
    while start.elapsed() < TIME_PER_ROW {
        let round = Instant::now();
        for _ in 0..20 {
            work();
        }
        best = best.min(round.elapsed().as_nanos() as f64 / 20.0);
    }
    best
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = ProduceRules {
        max_batch_bytes: 1 << 20,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        now_ms: 1_000,
        compacted_topic: false,
        compression: TopicCompression::Producer,
        origin: AppendOrigin::Client,
        decompressed_bytes_max: 256 << 20,
    };
    let mut scratch = Scratch::new();
    println!("codec   value  s/GB crc  s/GB validate  beyond the crc  ns/record beyond");
    for compression in [
        Compression::None,
        Compression::Lz4,
        Compression::Snappy,
        Compression::Zstd,
        Compression::Gzip,
    ] {
        for value_bytes in [1024, 100] {
            let (batch, bytes) = batch(value_bytes, compression)?;
            validate_produce(&batch, &rules, &mut scratch)?;
            let crc = fastest(|| {
                black_box(crc_of(black_box(&batch)));
            });
            let all = fastest(|| {
                let _ = black_box(validate_produce(black_box(&batch), &rules, &mut scratch));
            });
            // Nanoseconds per byte are seconds per gigabyte.
            let per_gb = |ns: f64| ns / bytes as f64;
            println!(
                "{:7} {value_bytes:5} {:9.3} {:14.3} {:15.3} {:17.1}",
                compression.name(),
                per_gb(crc),
                per_gb(all),
                per_gb(all - crc),
                (all - crc) * value_bytes as f64 / bytes as f64,
            );
        }
    }
    Ok(())
}
