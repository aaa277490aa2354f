//! Measures storage alone, without a broker, on a real disk.
//!
//! `cargo run --release -p highwater-storage --example measure -- DIR [append|many|open|fetch|kafka]`
//!
//! - `append`: CPU and time per GB of appends by batch size, with and without a flush after
//!   each MiB, beside the floor: the same bytes written and synced by hand.
//! - `many`: makes 1,000 and 10,000 partitions, appends one record to each, flushes, restarts, deletes.
//! - `open`: starts on a directory that was left without a clean stop.
//! - `fetch`: CPU of finding random offsets, in closed segments and in the one that is written.
//! - `kafka`: writes a small log of many kinds of batches for Kafka's own tools to read.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program to be run by hand"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use highwater_disk::{Disk, OpenMode, RealDisk};
use highwater_records::{BatchHeader, BatchProducer, BatchSpec, RecordBatchBuilder};
use highwater_storage::{
    AppendBatch, AppendOrigin, LogConfig, LogDir, NodeIdentity, PartitionLog, StorageOptions,
};
use highwater_types::{
    LeaderEpoch, Now, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId, TopicName,
    TopicPartition,
};

const NOW: Now = Now::at(0, 1_700_000_000_000);

fn open_dir(path: &Path) -> Arc<LogDir> {
    let identity = NodeIdentity {
        cluster_id: "measure".into(),
        node_id: 1,
        directory_id: TopicId([1; 16]),
    };
    let options = Arc::new(StorageOptions::default());
    LogDir::open(Arc::new(RealDisk), path, &identity, options).unwrap()
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new(
        TopicName::new("measure").unwrap(),
        PartitionIndex(partition),
    )
}

fn batch(records: usize, value_bytes: usize, producer: BatchProducer) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer,
        ..BatchSpec::default()
    });
    let value = vec![b'v'; value_bytes];
    for _ in 0..records {
        builder
            .append(NOW.wall_ms, Some(b"key"), Some(&value), &[])
            .unwrap();
    }
    builder.finish().unwrap()
}

fn append(log: &PartitionLog, bytes: &[u8]) -> Offset {
    let header = BatchHeader::parse(bytes).unwrap();
    let batch = AppendBatch { header, bytes };
    log.append_leader(&[batch], LeaderEpoch(0), NOW, AppendOrigin::Client)
        .unwrap()
        .base_offset
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn report(what: &str, bytes: u64, start: Instant, cpu: f64) {
    let (seconds, gb) = (start.elapsed().as_secs_f64(), bytes as f64 / 1e9);
    let cpu = cpu_seconds() - cpu;
    println!(
        "{what:<44} {:>7.0} MB/s {:>6.2} CPU s/GB",
        gb * 1e3 / seconds,
        cpu / gb
    );
}

fn measure_append(dir: &Path) {
    let total: u64 = 1 << 30;
    for (records, value_bytes) in [(1, 1024), (15, 1024), (63, 1024)] {
        for flush_every in [0_u64, 1 << 20] {
            let bytes = batch(records, value_bytes, BatchProducer::NONE);
            let path = dir.join("floor");
            let file = RealDisk.open(&path, OpenMode::Truncate).unwrap();
            let (start, cpu, mut at, mut due) = (Instant::now(), cpu_seconds(), 0, flush_every);
            while at < total {
                file.write_all_at(&bytes, at).unwrap();
                at += bytes.len() as u64;
                if flush_every > 0 && at >= due {
                    file.sync_data().unwrap();
                    due = at + flush_every;
                }
            }
            let flushed = if flush_every > 0 {
                "flush per MiB"
            } else {
                "no flush"
            };
            report(
                &format!("floor {} byte batches, {flushed}", bytes.len()),
                at,
                start,
                cpu,
            );
            drop(file);
            RealDisk.remove(&path).unwrap();
            let data = dir.join("append");
            let logs = open_dir(&data);
            let log = logs
                .create_partition(&tp(0), TopicId([3; 16]), Arc::default())
                .unwrap();
            let (start, cpu, mut at, mut due) = (Instant::now(), cpu_seconds(), 0, flush_every);
            while at < total {
                append(&log, &bytes);
                at += bytes.len() as u64;
                if flush_every > 0 && at >= due {
                    log.flush().unwrap();
                    due = at + flush_every;
                }
            }
            report(
                &format!("log   {} byte batches, {flushed}", bytes.len()),
                at,
                start,
                cpu,
            );
            drop((log, logs));
            std::fs::remove_dir_all(&data).unwrap();
        }
    }
}

fn flush_all(logs: &[PartitionLog], threads: usize) {
    std::thread::scope(|scope| {
        for part in logs.chunks(logs.len().div_ceil(threads)) {
            scope.spawn(move || {
                for log in part {
                    log.flush().unwrap();
                }
            });
        }
    });
}

fn open_all(dir: &Arc<LogDir>, threads: usize) -> Vec<PartitionLog> {
    let found = dir.partitions().unwrap();
    let config: Arc<LogConfig> = Arc::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = found
            .chunks(found.len().div_ceil(threads))
            .map(|part| {
                let config = &config;
                scope.spawn(move || {
                    let open = |found: &highwater_storage::FoundPartition| {
                        dir.open_partition(&found.tp, Arc::clone(config), NOW)
                            .unwrap()
                            .0
                    };
                    part.iter().map(open).collect::<Vec<_>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect()
    })
}

fn measure_many(dir: &Path) {
    for count in [1000, 10_000] {
        let data = dir.join("many");
        let logs_dir = open_dir(&data);
        let before = resident_kib();
        let config: Arc<LogConfig> = Arc::default();
        let wanted: Vec<_> = (0..count)
            .map(|nth| (tp(nth), TopicId([3; 16]), Arc::clone(&config)))
            .collect();
        let start = Instant::now();
        let logs = logs_dir.create_partitions(&wanted).unwrap();
        drop(wanted);
        println!("{count} partitions: created in {:?}", start.elapsed());
        println!(
            "  {} KiB each, empty",
            (resident_kib() - before) as f64 / f64::from(count)
        );
        let bytes = batch(1, 100, BatchProducer::NONE);
        let start = Instant::now();
        logs.iter().for_each(|log| {
            append(log, &bytes);
        });
        println!("  one record to each in {:?}", start.elapsed());
        let start = Instant::now();
        flush_all(&logs, 64);
        println!("  flushed by 64 threads in {:?}", start.elapsed());
        let start = Instant::now();
        println!(
            "  {} flushed ends noted in {:?}",
            logs_dir.persist_flushed_ends().unwrap(),
            start.elapsed()
        );
        println!(
            "  {} KiB each",
            (resident_kib() - before) as f64 / f64::from(count)
        );
        drop((logs, logs_dir));
        let start = Instant::now();
        let logs_dir = open_dir(&data);
        let logs = open_all(&logs_dir, 2);
        println!("  opened after a kill in {:?}", start.elapsed());
        let start = Instant::now();
        logs.iter().for_each(|log| log.close().unwrap());
        logs_dir.close_clean(&[]).unwrap();
        println!("  closed in {:?}", start.elapsed());
        drop((logs, logs_dir));
        let start = Instant::now();
        let logs_dir = open_dir(&data);
        let logs = open_all(&logs_dir, 2);
        println!("  opened after a clean stop in {:?}", start.elapsed());
        let start = Instant::now();
        logs.iter().for_each(|log| log.delete(NOW).unwrap());
        logs_dir.persist_flushed_ends().unwrap();
        println!("  deleted in {:?}", start.elapsed());
        drop((logs, logs_dir));
        std::fs::remove_dir_all(&data).unwrap();
    }
}

fn measure_open(dir: &Path) {
    for value_bytes in [4000, 64_000] {
        let data = dir.join("open");
        let logs_dir = open_dir(&data);
        let bytes = batch(1, value_bytes, BatchProducer::NONE);
        let config = Arc::<LogConfig>::default();
        let wanted: Vec<_> = (0..12)
            .map(|nth| (tp(nth), TopicId([3; 16]), Arc::clone(&config)))
            .collect();
        let logs = logs_dir.create_partitions(&wanted).unwrap();
        for log in &logs {
            while log.size_bytes() < 10_000_000_000 / 12 {
                append(log, &bytes);
                if log.size_bytes() % (64 << 20) < bytes.len() as u64 {
                    log.flush().unwrap();
                }
            }
            log.flush().unwrap();
        }
        logs_dir.persist_flushed_ends().unwrap();
        for log in &logs {
            (0..1000).for_each(|_| {
                append(log, &bytes);
            });
        }
        drop((logs, logs_dir));
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let logs_dir = open_dir(&data);
        let logs = open_all(&logs_dir, 2);
        println!(
            "10 GB in 12 logs of {value_bytes} byte batches: opened in {:?}, {:.2} CPU s",
            start.elapsed(),
            cpu_seconds() - cpu
        );
        let start = Instant::now();
        for log in &logs {
            append(log, &bytes);
            log.flush().unwrap();
            log.read(Offset(0), log.log_end(), 1 << 20, true)
                .unwrap()
                .unwrap();
        }
        println!(
            "  a record to each and a first read in {:?}",
            start.elapsed()
        );
        drop((logs, logs_dir));
        std::fs::remove_dir_all(&data).unwrap();
    }
}

fn measure_fetch(dir: &Path) {
    const READS: u64 = 200_000;
    let data = dir.join("fetch");
    let logs_dir = open_dir(&data);
    let config = LogConfig {
        segment_bytes: 512 << 20,
        ..LogConfig::default()
    };
    let log = logs_dir
        .create_partition(&tp(0), TopicId([3; 16]), config.into())
        .unwrap();
    let bytes = batch(1, 4000, BatchProducer::NONE);
    while log.size_bytes() < 2_500_000_000 {
        append(&log, &bytes);
    }
    log.flush().unwrap();
    let closed_end = (log.segment_count() as i64 - 1) * ((512 << 20) / bytes.len() as i64);
    for (what, from, until) in [
        ("closed", 0, closed_end),
        ("written", closed_end, log.log_end().0 - 300),
    ] {
        let (start, cpu, mut random) = (Instant::now(), cpu_seconds(), 1_u64);
        for _ in 0..READS {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let offset = from + ((random >> 33) as i64) % (until - from);
            let found = log.read(Offset(offset), log.log_end(), 4096, true);
            assert_eq!(found.unwrap().unwrap().first_batch_offset, Offset(offset));
        }
        println!(
            "{READS} random reads of the {what} part: {:.2} CPU µs each, {:.2} µs each",
            (cpu_seconds() - cpu) * 1e6 / READS as f64,
            start.elapsed().as_secs_f64() * 1e6 / READS as f64
        );
    }
    drop((log, logs_dir));
    std::fs::remove_dir_all(&data).unwrap();
}

fn write_for_kafka(dir: &Path) {
    let config = LogConfig {
        segment_bytes: 200_000,
        ..LogConfig::default()
    };
    let logs_dir = open_dir(dir);
    let log = logs_dir
        .create_partition(&tp(0), TopicId([3; 16]), config.into())
        .unwrap();
    for nth in 0..300 {
        let id = ProducerId(1000 + i64::from(nth % 3));
        let base_sequence = nth / 3 * 5;
        let producer = BatchProducer {
            id,
            epoch: ProducerEpoch(0),
            base_sequence,
        };
        append(&log, &batch(5, 300, producer));
        append(&log, &batch(1, 10, BatchProducer::NONE));
    }
    log.flush().unwrap();
    log.close().unwrap();
    logs_dir.close_clean(&[(tp(0), log.log_end())]).unwrap();
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(
        arguments
            .next()
            .unwrap_or_else(|| "measure-data".to_owned()),
    );
    std::fs::create_dir_all(&dir).unwrap();
    match arguments.next().as_deref() {
        Some("append") => measure_append(&dir),
        Some("many") => measure_many(&dir),
        Some("open") => measure_open(&dir),
        Some("fetch") => measure_fetch(&dir),
        Some("kafka") => write_for_kafka(&dir),
        _ => println!("DIR and one of append, many, open, kafka"),
    }
}
